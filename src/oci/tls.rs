//! TLS with registries: the system's authorities, and those that docker and podman
//! are told of for one host.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::OciError;

/// The largest certificate or key file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// How TLS is spoken with one host.
pub(super) struct Tls {
    pub(super) config: ClientConfig,
    /// The certificate that is shown when the host asks for one.
    pub(super) shown: Option<PathBuf>,
}

/// For connections without TLS: none can be made with it.
pub(super) fn trusting_nobody() -> Result<Tls, OciError> {
    config(RootCertStore::empty(), None)
}

/// The system's authorities (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others), and
/// what lies in `certs.d/HOST` for docker and podman: `*.crt` are authorities,
/// `*.cert` and `*.key` are this client's own, which `with_client` shows to the registry:
/// a place that it points to never sees them. Of several, the last one counts.
pub(super) fn trusting_the_system(host: &str, with_client: bool) -> Result<Tls, OciError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let client = add_files(&files_for(host), &mut roots)?;
    config(roots, client.filter(|_| with_client))
}

/// The client's own certificate and key.
struct Client {
    path: PathBuf,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Adds authorities to `roots`; gives the client's own certificate if there is one. Half
/// of one is an error, for a registry would be told nothing.
fn add_files(files: &[PathBuf], roots: &mut RootCertStore) -> Result<Option<Client>, OciError> {
    let mut client = None;
    for path in files {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("crt") => {
                for certificate in certificates(path)? {
                    roots.add(certificate).map_err(|error| wrong(path, error))?;
                }
            }
            Some("cert") => {
                let key = path.with_extension("key");
                if !files.contains(&key) {
                    return Err(wrong(path, format!("no `{}` beside it", key.display())));
                }
                let found = PrivateKeyDer::from_pem_slice(&read(&key)?);
                client = Some(Client {
                    path: path.clone(),
                    chain: certificates(path)?,
                    key: found.map_err(|_| {
                        wrong(&key, "no private key in PEM, or one with a password")
                    })?,
                });
            }
            Some("key") if !files.contains(&path.with_extension("cert")) => {
                let certificate = path.with_extension("cert");
                return Err(wrong(
                    path,
                    format!("no `{}` beside it", certificate.display()),
                ));
            }
            _ => {}
        }
    }
    Ok(client)
}

fn config(roots: RootCertStore, client: Option<Client>) -> Result<Tls, OciError> {
    let failed = |error: rustls::Error| OciError::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_root_certificates(roots);
    Ok(match client {
        Some(Client { path, chain, key }) => Tls {
            config: builder.with_client_auth_cert(chain, key).map_err(|error| {
                wrong(
                    &path,
                    match error {
                        rustls::Error::InconsistentKeys(_) => {
                            "the key beside it is that of another certificate".to_owned()
                        }
                        other => other.to_string(),
                    },
                )
            })?,
            shown: Some(path),
        },
        None => Tls {
            config: builder.with_no_client_auth(),
            shown: None,
        },
    })
}

/// Why a handshake failed, when it was about a certificate.
pub(super) fn refusal(
    error: &(dyn std::error::Error + 'static),
    host: &str,
    registry: &str,
    shown: Option<&Path>,
) -> Option<OciError> {
    use rustls::AlertDescription as Alert;
    let mut cause = Some(error);
    let found = loop {
        let error = cause?;
        cause = match error.downcast_ref::<std::io::Error>() {
            // What it holds is no source of it.
            Some(error) => error.get_ref().map(|held| held as _),
            None => error.source(),
        };
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            break found;
        }
    };
    match found {
        rustls::Error::InvalidCertificate(_) => Some(OciError::ServerCertificate {
            host: host.to_owned(),
            registry: registry.to_owned(),
            why: found.to_string(),
        }),
        rustls::Error::AlertReceived(
            Alert::NoCertificate
            | Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied,
        ) => Some(OciError::ClientCertificate {
            host: host.to_owned(),
            shown: shown.map(Path::to_owned),
            why: found.to_string(),
        }),
        _ => None,
    }
}

fn files_for(host: &str) -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let config = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(home.as_ref()?.join(".config")));
    let folders = [
        Some(PathBuf::from("/etc/docker")),
        Some(PathBuf::from("/etc/containers")),
        home.map(|home| home.join(".docker")),
        config.map(|config| config.join("containers")),
    ];
    folders
        .into_iter()
        .flatten()
        .flat_map(|folder| {
            let entries = fs::read_dir(folder.join("certs.d").join(host));
            let mut files: Vec<_> = entries
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path())
                .collect();
            files.sort();
            files
        })
        .collect()
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, OciError> {
    let found = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(path, error))?;
    match found.is_empty() {
        true => Err(wrong(path, "no certificate in PEM")),
        false => Ok(found),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, OciError> {
    super::layout::read(path, MAX_FILE)?.ok_or_else(|| wrong(path, "it is not there"))
}

fn wrong(path: &Path, why: impl std::fmt::Display) -> OciError {
    OciError::Tls(format!("`{}`: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_can_be_made() {
        assert!(trusting_nobody().is_ok());
        assert!(trusting_the_system("registry.example", true).is_ok());
    }
}
