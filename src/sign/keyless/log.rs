//! Entries in transparency logs: Rekor's API, versions 1 and 2.

use std::collections::HashMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sigstore_rekor::{DsseEntry, HashedRekordV2, LogEntry, RekorV2KeyDetails};
use sigstore_types::{DerCertificate, DsseEnvelope, KindVersion, TransparencyLogEntry};

use super::network::Question;
use super::{KeylessError, Network};

const SERVICE: &str = "the transparency log";

/// A log and the version of its API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Log {
    pub(super) url: String,
    pub(super) version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

impl Log {
    /// Has the signature of `envelope` recorded, and gives the proof of it.
    pub(super) async fn record(
        &self,
        network: &Network,
        envelope: &DsseEnvelope,
        certificate: &DerCertificate,
    ) -> Result<TransparencyLogEntry, KeylessError> {
        let url = self.url.trim_end_matches('/');
        match self.version {
            Version::V1 => {
                let entry = DsseEntry::new(envelope, certificate)
                    .map_err(|error| unusable(error.to_string()))?;
                let url = format!("{url}/api/v1/log/entries");
                let entries: HashMap<String, LogEntry> = post(network, &url, &entry).await?;
                let entry = entries.into_values().next();
                entry
                    .ok_or_else(|| unusable("no entry".to_owned()))?
                    .to_bundle_entry(KindVersion::DsseV001)
                    .map_err(|error| unusable(error.to_string()))
            }
            // Version 2 has one kind of entry: for an envelope, the digest is that
            // of what was signed.
            Version::V2 => {
                let entry = HashedRekordV2::new_with_certificate(
                    &sigstore_crypto::sha256(&envelope.pae()),
                    &envelope.signature.sig,
                    certificate,
                    RekorV2KeyDetails::PkixEcdsaP256Sha256,
                );
                post(network, &format!("{url}/api/v2/log/entries"), &entry).await
            }
        }
    }
}

async fn post<T: DeserializeOwned>(
    network: &Network,
    url: &str,
    entry: &impl Serialize,
) -> Result<T, KeylessError> {
    let body = serde_json::to_vec(entry).map_err(|error| unusable(error.to_string()))?;
    let answer = network
        .ask(&Question {
            service: SERVICE,
            url,
            body: Some(("application/json", body.into())),
            bearer: None,
            secret: None,
        })
        .await?;
    serde_json::from_slice(&answer).map_err(|error| unusable(error.to_string()))
}

fn unusable(reason: String) -> KeylessError {
    KeylessError::Answer {
        service: SERVICE,
        reason,
    }
}
