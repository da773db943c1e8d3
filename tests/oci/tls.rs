//! TLS with registries: whom prov trusts, and to whom it shows its own certificate.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::command::{expect, folder, with_trust};
use super::*;
use crate::honest::Honest;
use crate::server::{Reply, Server};
use crate::support::certificate;

/// What a server wants to see of its clients.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Wants {
    Nothing,
    /// The certificate `client.crt`, and it may be left out.
    Asks,
    Demands,
}

/// A server whose certificate is `server.crt`.
pub(crate) fn config(folder: &Path, wants: Wants) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let read = |name: &str| CertificateDer::from_pem_file(folder.join(name)).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match wants {
        Wants::Nothing => builder.with_no_client_auth(),
        _ => {
            let mut roots = RootCertStore::empty();
            roots.add(read("client.crt")).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = match wants {
                Wants::Asks => verifier.allow_unauthenticated(),
                _ => verifier,
            };
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    builder
        .with_single_cert(vec![read("server.crt")], key)
        .unwrap()
}

/// Where docker and podman look for what is trusted for `host`.
pub(crate) fn certs(folder: &Path, host: &str) -> std::path::PathBuf {
    let place = folder.join(".config/containers/certs.d").join(host);
    fs::create_dir_all(&place).unwrap();
    place
}

/// A folder with the certificates of a server, a client and somebody else.
pub(crate) fn with_certificates() -> Option<tempfile::TempDir> {
    let folder = folder();
    for name in ["server", "client", "other"] {
        certificate(folder.path(), name)?;
    }
    Some(folder)
}

/// The whole road, and each way in which it is barred.
#[test]
fn a_registry_that_wants_a_certificate() {
    let Some(folder) = with_certificates() else {
        return;
    };
    let path = folder.path();
    let registry = Honest::new(true);
    let honest = registry.clone();
    let server = Server::tls(config(path, Wants::Demands), move |it| honest.handle(it));
    let place = format!("https://{}/a:v1", server.host());
    let push = ["push", "hello.wasm", &place];

    let said = expect(path, 2, &push);
    assert!(
        said.contains("is not trusted") && said.contains("ca.crt"),
        "{said}"
    );
    let certs = certs(path, &server.host());
    fs::copy(path.join("server.crt"), certs.join("ca.crt")).unwrap();

    let give = |certificate: &str, key: &str| {
        fs::copy(path.join(certificate), certs.join("client.cert")).unwrap();
        fs::copy(path.join(key), certs.join("client.key")).unwrap();
    };
    // None, half of one, no certificate and no key, the key of another, another's.
    let said = expect(path, 2, &push);
    assert!(
        said.contains("wants to see a certificate of this client"),
        "{said}"
    );
    let hint = format!("certs.d/{}` are shown", server.host());
    assert!(
        said.contains("`client.cert` and `client.key`") && said.contains(&hint),
        "{said}"
    );
    fs::copy(path.join("client.crt"), certs.join("client.cert")).unwrap();
    let said = expect(path, 2, &push);
    assert!(said.contains("client.key` beside it"), "{said}");
    fs::rename(certs.join("client.cert"), certs.join("client.key")).unwrap();
    let said = expect(path, 2, &push);
    assert!(said.contains("client.cert` beside it"), "{said}");
    give("client.crt", "client.crt");
    let said = expect(path, 2, &push);
    assert!(said.contains("client.key`: no private key"), "{said}");
    give("client.key", "client.key");
    let said = expect(path, 2, &push);
    assert!(said.contains("client.cert`: no certificate"), "{said}");
    give("client.crt", "other.key");
    let said = expect(path, 2, &push);
    assert!(
        said.contains("key beside it is that of another certificate"),
        "{said}"
    );
    give("other.crt", "other.key");
    let said = expect(path, 2, &push);
    assert!(said.contains("refuses this client's certificate"), "{said}");
    assert!(
        said.contains("client.cert\n") && said.contains("hint: `openssl"),
        "{said}"
    );
    assert!(server.asked().is_empty(), "nobody got in");

    give("client.crt", "client.key");
    expect(path, 0, &push);
    expect(path, 0, &["attach", &place, "hello.wasm.sigstore.jsonl"]);
    expect(path, 0, &["discover", &place]);
    expect(path, 0, &with_trust(&["verify", &place]));
    expect(path, 0, &["pull", &place, "--output", "pulled"]);
    let mine = CertificateDer::from_pem_file(path.join("client.crt")).unwrap();
    for request in server.asked() {
        assert_eq!(request.certificate.as_deref(), Some(&*mine));
    }
}

/// The registry sees the certificate, and a place that it points to does not.
#[test]
fn the_certificate_is_for_one_host() {
    let Some(folder) = with_certificates() else {
        return;
    };
    let path = folder.path();
    let registry = Honest::new(true);
    artifact(&registry, b"content", "v1");
    let honest = registry.clone();
    let elsewhere = Server::tls(config(path, Wants::Asks), move |it| honest.handle(it));
    let (honest, target) = (registry.clone(), elsewhere.host());
    let server = Server::tls(config(path, Wants::Demands), move |request| {
        match request.path.contains("/blobs/") {
            true => {
                Reply::status(307).with("location", format!("https://{target}{}", request.path))
            }
            false => honest.handle(request),
        }
    });
    let certs = certs(path, &server.host());
    fs::copy(path.join("server.crt"), certs.join("ca.crt")).unwrap();
    fs::copy(path.join("client.crt"), certs.join("client.cert")).unwrap();
    fs::copy(path.join("client.key"), certs.join("client.key")).unwrap();
    let place = format!("https://{}/a:v1", server.host());
    expect(path, 0, &["pull", &place, "--output", "pulled"]);
    assert!(server.asked().iter().all(|it| it.certificate.is_some()));
    assert!(!elsewhere.asked().is_empty());
    assert!(elsewhere.asked().iter().all(|it| it.certificate.is_none()));
    // One that demands it does not get it either, and the error is about that host.
    let honest = registry.clone();
    let greedy = Server::tls(config(path, Wants::Demands), move |it| honest.handle(it));
    let (honest, target) = (registry.clone(), greedy.host());
    let server = Server::tls(config(path, Wants::Nothing), move |request| {
        match request.path.contains("/blobs/") {
            true => {
                Reply::status(307).with("location", format!("https://{target}{}", request.path))
            }
            false => honest.handle(request),
        }
    });
    let certs = self::certs(path, &server.host());
    for (from, to) in [
        ("server.crt", "ca.crt"),
        ("client.crt", "client.cert"),
        ("client.key", "client.key"),
    ] {
        fs::copy(path.join(from), certs.join(to)).unwrap();
    }
    let place = format!("https://{}/a:v1", server.host());
    let said = expect(path, 2, &["pull", &place, "--output", "again"]);
    let wanted = format!("{} wants to see a certificate", greedy.host());
    assert!(said.contains(&wanted), "{said}");
    assert!(greedy.asked().is_empty());
    // And one registry's certificate is not another's.
    let honest = registry.clone();
    let other = Server::tls(config(path, Wants::Asks), move |it| honest.handle(it));
    let trusted = self::certs(path, &other.host());
    fs::copy(path.join("server.crt"), trusted.join("ca.crt")).unwrap();
    let place = format!("https://{}/a:v1", other.host());
    expect(path, 0, &["pull", &place, "--output", "other"]);
    assert!(other.asked().iter().all(|it| it.certificate.is_none()));
}
