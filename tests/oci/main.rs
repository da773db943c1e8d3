//! Registries, honest and hostile: both are in this folder, in memory, on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use std::time::Duration;

use bytes::Bytes;
use prov::oci::{self, Descriptor, Manifest, Name, OciError, Patience, Progress, Reference, Store};
use serde_json::{Value, json};

mod bombs;
mod command;
mod conformance;
mod credentials;
mod frugal;
mod honest;
mod hostile;
mod mirrors;
mod proxies;
mod pulled;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod transfers;
mod uploads;

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Little of it, so that a test that has to wait does not wait long.
fn patience() -> Patience {
    Patience {
        connect: Duration::from_secs(5),
        idle: Duration::from_secs(2),
        document: Duration::from_secs(4),
        bytes_per_second: 1 << 20,
        retries: 2,
        longest_wait: Duration::from_secs(1),
    }
}

fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

fn store(text: &str) -> Box<dyn Store> {
    reference(text)
        .store(patience(), &Progress::default())
        .unwrap()
}

fn run<T>(work: impl Future<Output = Result<T, OciError>>) -> Result<T, OciError> {
    oci::wait(work).unwrap()
}

/// A bundle whose statement is about `number`.
fn bundle(number: usize) -> Bytes {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": "00".repeat(32)}}],
        "predicateType": "https://example.com/predicate",
        "predicate": {"number": number},
    });
    let bundle = json!({
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": "x"}},
        "dsseEnvelope": {
            "payloadType": "application/vnd.in-toto+json",
            "payload": honest::base64(statement.to_string().as_bytes()),
            "signatures": [{"sig": "AA=="}],
        },
    });
    bundle.to_string().into()
}

/// A manifest with one layer, and its content in `registry`.
fn artifact(registry: &honest::Honest, content: &[u8], tag: &str) -> (String, Value) {
    let config = registry.put_blob(b"{}");
    let layer = registry.put_blob(content);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "artifactType": "application/vnd.example",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2},
        "layers": [{"mediaType": "text/plain", "digest": layer, "size": content.len(),
            "annotations": {"org.opencontainers.image.title": "content.txt"}}],
    });
    (registry.put_manifest(&manifest, Some(tag)), manifest)
}

/// The manifest of a bundle that refers to `subject`, and its content in `registry`.
fn referrer(registry: &honest::Honest, subject: &str, bundle: &[u8]) -> Value {
    let config = registry.put_blob(b"{}");
    let layer = registry.put_blob(bundle);
    json!({
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "artifactType": BUNDLE,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2},
        "layers": [{"mediaType": BUNDLE, "digest": layer, "size": bundle.len()}],
        "subject": {"mediaType": IMAGE, "digest": subject, "size": 1},
    })
}

fn find(store: &dyn Store, tag: &str) -> Result<Manifest, OciError> {
    run(store.manifest(&Name::Tag(tag.to_owned())))
}

/// How many bundles are attached to what `tag` means, and how many do not count.
fn count(store: &dyn Store, tag: &str) -> Result<(usize, usize), OciError> {
    let subject = find(store, tag)?;
    let found = run(async {
        let referrers = oci::referrers(store, subject.digest()).await?;
        oci::bundles(store, referrers, |attached| attached.bundle).await
    })?;
    Ok((found.kept.len(), found.unread.len()))
}

fn attach(store: &dyn Store, tag: &str, numbers: std::ops::Range<usize>) -> Result<(), OciError> {
    let subject: Descriptor = find(store, tag)?.descriptor();
    let bundles: Vec<_> = numbers.map(bundle).collect();
    run(oci::attach(store, &subject, &bundles)).map(drop)
}
