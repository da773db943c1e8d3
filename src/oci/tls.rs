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

/// For connections without TLS: none can be made with it.
pub(super) fn trusting_nobody() -> Result<ClientConfig, OciError> {
    config(RootCertStore::empty(), None)
}

/// The system's authorities (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others), and
/// what lies in `certs.d/HOST` for docker and podman: `*.crt` are authorities,
/// `*.cert` and `*.key` are this client's own, which `with_client` shows to the registry:
/// a place that it points to never sees them.
pub(super) fn trusting_the_system(host: &str, with_client: bool) -> Result<ClientConfig, OciError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let mut client = None;
    for path in files_for(host) {
        let with = |ending: &str| path.extension().is_some_and(|found| found == ending);
        if with("crt") {
            for certificate in certificates(&path)? {
                roots
                    .add(certificate)
                    .map_err(|error| wrong(&path, error))?;
            }
        } else if with("cert") && with_client {
            let key = path.with_extension("key");
            let key =
                PrivateKeyDer::from_pem_slice(&read(&key)?).map_err(|error| wrong(&key, error))?;
            client = Some((certificates(&path)?, key));
        }
    }
    config(roots, client)
}

type ClientAuth = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn config(roots: RootCertStore, client: Option<ClientAuth>) -> Result<ClientConfig, OciError> {
    let failed = |error: rustls::Error| OciError::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_root_certificates(roots);
    match client {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(failed),
        None => Ok(builder.with_no_client_auth()),
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
    let mut files: Vec<_> = folders
        .into_iter()
        .flatten()
        .filter_map(|folder| fs::read_dir(folder.join("certs.d").join(host)).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .collect();
    files.sort();
    files
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, OciError> {
    CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(path, error))
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
