//! Why evidence proves nothing about an artifact.

use crate::artifact::Digest;
use crate::bundle::BundleError;
use crate::statement::StatementError;

/// Why evidence proves nothing about an artifact.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The bundle holds nothing that can be read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The statement is about something else.
    #[error("the statement is about another artifact")]
    OtherArtifact {
        /// The artifact's digest.
        wanted: Digest,
        /// The digests that the statement names.
        seen: Vec<Digest>,
    },
    /// The signature is over other bytes than the artifact's.
    #[error("the signature does not fit the artifact's bytes")]
    OtherBytes {
        /// The artifact's digest.
        wanted: Digest,
        /// The digest that the bundle names, if it is one.
        seen: Option<Digest>,
    },
    /// The subjects have SHA-512 digests, which were not computed.
    #[error("the statement names its subject by SHA-512, which was not computed")]
    NeedsSha512,
    /// The evidence names SHA-256 digests, and only the SHA-512 one is known.
    #[error("the evidence names a SHA-256 digest, and that of the artifact is not known")]
    NeedsSha256,
    /// The signature is over a digest that prov does not compute.
    #[error("the signature is over a digest that is neither SHA-256 nor SHA-512")]
    OtherAlgorithm,
    /// The signature is over the bytes, and only their digest is known.
    #[error("a key of this kind signs the bytes themselves, and only their digest is known")]
    NeedsBytes,
    /// Signed with a key, and no key is trusted.
    #[error("signed with a key, and no key is trusted")]
    NoKeyTrusted,
    /// Signed with a key that is not trusted, or the signature is damaged.
    #[error("the signature is not by a trusted key")]
    OtherKey {
        /// The keys that were tried.
        tried: Vec<Digest>,
    },
    /// A certificate or log entry, and no trusted root to check it with.
    #[error("signed with a certificate or logged, and no root is trusted to check that")]
    NoRootTrusted,
    /// A signature without a log entry.
    #[error("the signature stands in no transparency log")]
    NotLogged,
    /// The signature is not the certificate's over this statement.
    #[error("the signature does not fit the statement")]
    BadSignature,
    /// The certificate is not vouched for.
    #[error("{0}")]
    Certificate(String),
    /// The certificate names nobody.
    #[error("the certificate names no identity")]
    NoIdentity,
    /// The log entry proves nothing.
    #[error("{0}")]
    Log(String),
    /// The timestamp proves nothing.
    #[error("{0}")]
    Timestamp(String),
    /// A timestamp is later than the verifier's clock.
    #[error("the signature's time lies in the future: its authority's clock or yours is wrong")]
    FromTheFuture,
    /// A stranger's statement that takes more memory than strangers get.
    #[error(
        "the statement takes {} MiB of memory, more than the {} MiB that are left for signers whom no policy trusts",
        needed.div_ceil(1 << 20),
        left >> 20
    )]
    TooHeavy {
        /// Bytes that it takes.
        needed: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// Any other reason.
    #[error("{0}")]
    Refused(String),
}

impl VerifyError {
    /// In our words where the Sigstore client says a thing that we know.
    pub(super) fn from_client(error: sigstore_verify::Error, digest: &Digest) -> Self {
        use sigstore_verify::Error;
        match error {
            Error::ArtifactMismatch(_) => Self::OtherArtifact {
                wanted: digest.clone(),
                seen: Vec::new(),
            },
            Error::SignatureInvalid(_) => Self::BadSignature,
            Error::Certificate(error) => Self::Certificate(outdated(error.to_string())),
            Error::TransparencyLog(error) => Self::Log(error.to_string()),
            Error::Timestamp(error) => Self::Timestamp(error.to_string()),
            Error::Bundle(error) => Self::Refused(error.to_string()),
            other => Self::Refused(other.to_string()),
        }
    }
}

/// The client says of a chain that was not valid at the time of signing only what its
/// validator printed, and that is no sentence.
fn outdated(reason: String) -> String {
    if reason.contains("CertExpired") {
        "the certificate had expired when it signed".to_owned()
    } else if reason.contains("CertNotValidYet") {
        "the certificate was not valid yet when it signed".to_owned()
    } else {
        reason
    }
}

impl From<StatementError> for VerifyError {
    fn from(error: StatementError) -> Self {
        BundleError::from(error).into()
    }
}
