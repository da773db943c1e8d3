//! Sigstore bundles and the DSSE envelopes inside them: parsing only.
//!
//! Follows the Sigstore bundle format (protobuf-specs, `sigstore_bundle.proto`)
//! v0.1 to v0.3 and DSSE v1.0. Nothing in a parsed bundle is believed: key hints,
//! log ids and payloads are claims until `verify` has looked at them.

use std::sync::OnceLock;

use sigstore_types::HashAlgorithm;
use sigstore_types::bundle::{SignatureContent, VerificationMaterialContent};

use crate::artifact::{Algorithm, Digest};
use crate::json::{self, JsonError};
use crate::statement::{Head, PAYLOAD_TYPE, Statement, StatementError};

mod document;
mod outline;

/// The largest bundle that is read, in bytes: a statement of
/// [`MAX_STATEMENT`](crate::statement::MAX_STATEMENT) bytes in base64, and its proofs.
pub const MAX_BUNDLE: usize = 24 << 20;
/// The most log entries and the most timestamps of one bundle. Each costs a
/// signature check, so an endless list is an attack (GHSA-cq38-jh5f-37mq).
pub const MAX_PROOFS: usize = 16;
/// The most certificates in a bundle's chain.
pub const MAX_CHAIN: usize = 10;
/// The most values in a bundle's JSON; those of the statement are in its payload.
const MAX_VALUES: usize = 20_000;
/// The most bytes of a bundle without its payload.
const MAX_REST: usize = 8 << 20;
/// The most bundles in one file.
pub const MAX_BUNDLES: usize = 64;
/// The most bytes of bundles that are read about one artifact, from a file or a registry:
/// one of the largest, and others beside it.
pub const MAX_FILE: usize = 32 << 20;

/// A Sigstore bundle, parsed and not believed.
#[derive(Clone, Debug)]
pub struct Bundle {
    inner: sigstore_types::Bundle,
    digest: Digest,
    /// The head of its statement, once somebody asked.
    head: OnceLock<Head>,
}

/// What kind of signer a bundle claims to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Material {
    /// A key that the verifier must already have.
    PublicKey,
    /// A certificate, which a trusted root must vouch for.
    Certificate,
}

/// What a bundle's signature is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A DSSE envelope, in which a statement speaks of artifacts.
    Envelope,
    /// The artifact's bytes themselves, of which nothing is stated.
    Message,
}

impl Bundle {
    /// Reads one bundle.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        // Read twice on purpose: the first pass refuses what two readers could
        // read differently, the second is the Sigstore client's own.
        json::check(bytes, MAX_BUNDLE, MAX_VALUES)?;
        let text = std::str::from_utf8(bytes).map_err(|error| {
            BundleError::Shape(format!("no UTF-8 after byte {}", error.valid_up_to()))
        })?;
        let inner = outline::parts(text)?.read()?;
        let material = &inner.verification_material;
        let limits = [
            (material.tlog_entries.len(), MAX_PROOFS, "log entries"),
            (
                material
                    .timestamp_verification_data
                    .rfc3161_timestamps
                    .len(),
                MAX_PROOFS,
                "timestamps",
            ),
            (chain_length(&material.content), MAX_CHAIN, "certificates"),
        ];
        for (count, limit, what) in limits {
            if count > limit {
                return Err(BundleError::TooMany { what, count, limit });
            }
        }
        Ok(Self {
            inner,
            digest: Digest::sha256(bytes),
            head: OnceLock::new(),
        })
    }

    /// The SHA-256 digest of the bytes that it was read from: the bundle's own, or
    /// those of the document that it was handed out in.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The media type, such as `application/vnd.dev.sigstore.bundle.v0.3+json`.
    pub fn media_type(&self) -> &'static str {
        self.inner.media_type().as_str()
    }

    /// The kind of signer that it claims.
    pub fn material(&self) -> Material {
        match self.inner.verification_material.content {
            VerificationMaterialContent::PublicKey(_) => Material::PublicKey,
            _ => Material::Certificate,
        }
    }

    /// What its signature is over.
    pub fn content(&self) -> Content {
        match self.inner.content {
            SignatureContent::MessageSignature(_) => Content::Message,
            _ => Content::Envelope,
        }
    }

    /// True when it has no log entry.
    pub fn is_unlogged(&self) -> bool {
        self.inner.verification_material.tlog_entries.is_empty()
    }

    /// True when it has neither a log entry nor a timestamp.
    pub fn is_bare(&self) -> bool {
        let material = &self.inner.verification_material;
        self.is_unlogged()
            && material
                .timestamp_verification_data
                .rfc3161_timestamps
                .is_empty()
    }

    /// The head of the statement in its envelope, which nothing vouches for yet. It takes
    /// little memory whatever the statement is, and is read once.
    pub fn unverified_head(&self) -> Result<&Head, BundleError> {
        match self.head.get() {
            Some(head) => Ok(head),
            None => {
                let head = Head::parse(self.payload()?)?;
                Ok(self.head.get_or_init(|| head))
            }
        }
    }

    /// The whole statement, which nothing vouches for yet. It may take a hundred times
    /// the memory that its bytes do; [`Head::weight`] tells beforehand.
    pub fn unverified_statement(&self) -> Result<Statement, BundleError> {
        let head = self.unverified_head()?;
        Ok(Statement::under(head, self.payload()?)?)
    }

    fn payload(&self) -> Result<&[u8], BundleError> {
        let SignatureContent::DsseEnvelope(envelope) = &self.inner.content else {
            return Err(BundleError::NotAStatement);
        };
        if envelope.payload_type != PAYLOAD_TYPE {
            let seen = json::excerpt(&envelope.payload_type);
            return Err(BundleError::PayloadType(seen));
        }
        Ok(envelope.payload.as_bytes())
    }

    /// The digest that a message signature claims to be over, which nothing vouches
    /// for: its algorithm, `None` for one that prov does not compute, and its bytes.
    pub(crate) fn unverified_message_digest(&self) -> Option<(Option<Algorithm>, &[u8])> {
        let SignatureContent::MessageSignature(message) = &self.inner.content else {
            return None;
        };
        let claimed = message.message_digest.as_ref()?;
        let algorithm = match claimed.algorithm {
            HashAlgorithm::Sha2256 => Some(Algorithm::Sha256),
            HashAlgorithm::Sha2512 => Some(Algorithm::Sha512),
            _ => None,
        };
        Some((algorithm, claimed.digest.as_bytes()))
    }

    /// True when the artifact's SHA-512 digest is needed to verify it.
    pub fn wants_sha512(&self) -> bool {
        match self.content() {
            Content::Message => self
                .unverified_message_digest()
                .is_some_and(|(algorithm, _)| algorithm == Some(Algorithm::Sha512)),
            Content::Envelope => self.unverified_head().is_ok_and(Head::wants_sha512),
        }
    }

    pub(crate) fn inner(&self) -> &sigstore_types::Bundle {
        &self.inner
    }
}

fn chain_length(content: &VerificationMaterialContent) -> usize {
    match content {
        VerificationMaterialContent::X509CertificateChain { certificates } => certificates.len(),
        VerificationMaterialContent::Certificate(_) => 1,
        _ => 0,
    }
}

/// A bundle and where it was found. Found is not believed.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// A file name or a referrer's digest, for messages.
    pub origin: String,
    /// The bundle.
    pub bundle: Bundle,
}

/// Why bytes are no bundle that prov reads.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Not acceptable JSON.
    #[error("the bundle is no acceptable JSON: {0}")]
    Json(#[from] JsonError),
    /// JSON of another shape.
    #[error("the bundle is malformed: {0}")]
    Shape(String),
    /// A list that is too long.
    #[error("the bundle has {count} {what}, at most {limit} are read")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many it has.
        count: usize,
        /// How many are read.
        limit: usize,
    },
    /// It signs bytes and states nothing about them.
    #[error("the bundle signs bytes and holds no statement")]
    NotAStatement,
    /// It signs a statement, not the artifact's bytes.
    #[error("the bundle signs a statement, not the artifact's bytes")]
    NotASignature,
    /// A DSSE payload of another type.
    #[error("the envelope holds `{0}`, wanted `{PAYLOAD_TYPE}`")]
    PayloadType(String),
    /// The payload is no statement.
    #[error(transparent)]
    Statement(#[from] StatementError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn bundle() -> Value {
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": "x"}},
            "dsseEnvelope": {
                "payloadType": PAYLOAD_TYPE,
                "payload": "e30=",
                "signatures": [{"sig": "AA=="}],
            },
        })
    }

    fn parse(value: &Value) -> Result<Bundle, BundleError> {
        Bundle::parse(value.to_string().as_bytes())
    }

    #[test]
    fn reads_the_kind_and_believes_nothing() {
        let bundle = parse(&bundle()).unwrap();
        assert_eq!(bundle.material(), Material::PublicKey);
        assert!(bundle.is_bare());
        assert!(matches!(
            bundle.unverified_statement(),
            Err(BundleError::Statement(_))
        ));
    }

    #[test]
    fn one_signature_and_no_more() {
        let mut value = bundle();
        value["dsseEnvelope"]["signatures"] = json!([{"sig": "AA=="}, {"sig": "AA=="}]);
        assert!(parse(&value).is_err());
        value["dsseEnvelope"]["signatures"] = json!([]);
        assert!(parse(&value).is_err());
    }

    #[test]
    fn lists_are_limited() {
        let mut value = bundle();
        let stamp = json!({"signedTimestamp": "AA=="});
        value["verificationMaterial"]["timestampVerificationData"] =
            json!({"rfc3161Timestamps": vec![stamp; MAX_PROOFS + 1]});
        assert!(matches!(
            parse(&value),
            Err(BundleError::TooMany {
                what: "timestamps",
                ..
            })
        ));
    }

    #[test]
    fn lines_are_bundles() {
        let line = bundle().to_string();
        let two = format!("{line}\n\n{line}\n");
        assert_eq!(Bundle::parse_all(two.as_bytes()).unwrap().len(), 2);
        let pretty = serde_json::to_vec_pretty(&bundle()).unwrap();
        assert_eq!(Bundle::parse_all(&pretty).unwrap().len(), 1);
        assert!(Bundle::parse_all(format!("{line}\nnot json").as_bytes()).is_err());
        assert!(Bundle::parse_all(b"").is_err());
        assert!(Bundle::parse_all(format!("{line}\n").repeat(65).as_bytes()).is_err());
    }
}
