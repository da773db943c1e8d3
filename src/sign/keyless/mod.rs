//! Signing without a key of one's own: an identity buys a certificate for a key
//! that lives for this run.
//!
//! The steps are those of the Sigstore client specification, "Signing": an identity
//! token, a key, a certificate; then for each statement a signature that logs and
//! timestamp authorities witness. What comes back is verified against the instance's
//! trusted root before anybody gets it.

use futures_util::future::{try_join, try_join_all};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Map, Value};
use sigstore_bundle::BundleV03;
use sigstore_crypto::CertificateInfo;
use sigstore_types::DerCertificate;

use super::envelope::Unsigned;
use super::{Identity, KeyKind, PrivateKey, Record, SignError, Signatures, Signed, Signer};
use crate::statement::Statement;

mod certificate;
mod check;
mod error;
mod log;
mod login;
mod network;
mod services;
mod timestamp;
mod token;

use check::Check;
pub use error::KeylessError;
pub use login::Prompt;
pub use network::Network;
pub use services::{Instance, MAX_CONFIG, Services};
pub use token::{MAX_TOKEN, Token};

/// How many statements are on their way at a time: a log answers after a second,
/// and is not to be flooded.
const AT_ONCE: usize = 4;

/// Signs as whoever the identity token names.
pub struct Keyless {
    network: Network,
    services: Services,
    check: Check,
    token: Token,
}

impl Keyless {
    /// A signer at `instance`, which is asked once there is something to sign.
    pub fn new(network: Network, instance: &Instance, token: Token) -> Result<Self, KeylessError> {
        Ok(Self {
            network,
            services: instance.services.clone(),
            check: Check::new(instance)?,
            token,
        })
    }

    async fn sign(&self, statements: &[Statement]) -> Result<Signatures, KeylessError> {
        let key = PrivateKey::generate(KeyKind::EcdsaP256)?;
        let authority = &self.services.authority;
        let (certificate, info) =
            certificate::issue(&self.network, authority, &self.token, &key).await?;
        let signing = statements
            .iter()
            .map(|statement| self.sign_one(statement, &key, &certificate));
        Ok(Signatures {
            identity: identity(&info)?,
            signed: stream::iter(signing)
                .buffered(AT_ONCE)
                .try_collect()
                .await?,
        })
    }

    async fn sign_one(
        &self,
        statement: &Statement,
        key: &PrivateKey,
        certificate: &DerCertificate,
    ) -> Result<Signed, KeylessError> {
        let network = &self.network;
        let unsigned = Unsigned::new(statement)?;
        let signature = key.sign_bytes(&unsigned.message())?;
        let envelope = unsigned.signed(signature);
        let logs = self.services.logs.iter();
        let authorities = self.services.timestamps.iter();
        let (entries, stamps) = try_join(
            try_join_all(logs.map(|log| log.record(network, &envelope, certificate))),
            try_join_all(
                authorities.map(|url| timestamp::stamp(network, url, &envelope.signature.sig)),
            ),
        )
        .await?;

        let mut records = Vec::new();
        for (log, entry) in self.services.logs.iter().zip(&entries) {
            records.push(Record::Log {
                url: log.url.clone(),
                index: entry.log_index.get(),
            });
        }
        for url in &self.services.timestamps {
            records.push(Record::Timestamp { url: url.clone() });
        }
        let mut bundle = BundleV03::with_certificate_and_dsse(certificate.clone(), envelope);
        for entry in entries {
            bundle = bundle.with_tlog_entry(entry);
        }
        for stamp in stamps {
            bundle = bundle.with_rfc3161_timestamp(stamp);
        }
        let bundle = bundle.into_bundle();
        self.check.bundle(statement, &bundle)?;
        let bundle = bundle.to_json();
        Ok(Signed {
            bundle: bundle.map_err(|error| SignError::Bundle(error.to_string()))?,
            records,
        })
    }
}

impl Signer for Keyless {
    fn sign_all(&self, statements: &[Statement]) -> Result<Signatures, SignError> {
        self.network
            .block_on(self.sign(statements))
            .map_err(|error| SignError::Keyless(Box::new(error)))
    }

    fn claims(&self) -> Option<&Map<String, Value>> {
        Some(self.token.claims())
    }
}

fn identity(certificate: &CertificateInfo) -> Result<Identity, KeylessError> {
    let subject = certificate.identity.as_ref().map(|name| name.as_str());
    match (subject, &certificate.issuer) {
        (Some(subject), Some(issuer)) => Ok(Identity::Certificate {
            subject: subject.to_owned(),
            issuer: issuer.clone(),
        }),
        _ => Err(KeylessError::Answer {
            service: "the certificate authority",
            reason: "the certificate names nobody".to_owned(),
        }),
    }
}
