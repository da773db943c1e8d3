//! From evidence to facts: is the statement genuine, and about this artifact?
//!
//! The steps stand in the order of SLSA v1.2, "Verifying artifacts", step 1:
//! the envelope's signature first, then the subject. Who may sign what is not
//! decided here; that is the policy's part. Pure: no network, no clock, no files.

use std::time::SystemTime;

use sigstore_types::bundle::SignatureContent;
use sigstore_types::{ArtifactDigest, Bundle as SigstoreBundle, HashAlgorithm};
use sigstore_verify::{PublicKeyVerificationPolicy, VerificationPolicy, Verifier};

use crate::artifact::{Algorithm, Artifact, Digest};
use crate::bundle::{Bundle, BundleError, Evidence, Material};
use crate::key::PublicKey;
use crate::statement::{PAYLOAD_TYPE, Statement, StatementError};

mod certificate;
mod trust;

pub use certificate::Certificate;
pub use trust::{MAX_ROOT, Transparency, Trust, TrustError, TrustedKey};

/// Something that is genuine: `verify` saw the signature and the subject.
///
/// Only [`statement`] makes one.
///
/// ```compile_fail
/// use prov::verify::Verified;
/// let forged: Verified<u8> = Verified { value: 1 };
/// ```
#[derive(Clone, Debug)]
pub struct Verified<T> {
    value: T,
    signer: Signer,
    logged: bool,
    times: Vec<SystemTime>,
    origin: String,
}

/// Who signed, as the signature itself proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The holder of a trusted key.
    Key(PublicKey),
    /// The holder of a certificate that the trusted root vouches for.
    Certificate(Box<Certificate>),
}

impl<T> Verified<T> {
    /// What was verified.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Who signed it.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// True when a trusted transparency log vouches for the signature.
    pub fn logged(&self) -> bool {
        self.logged
    }

    /// Times at which the signature is known to have existed, from trusted
    /// logs and timestamp authorities. Empty for a bare key signature.
    pub fn times(&self) -> &[SystemTime] {
        &self.times
    }

    /// Where the evidence was found, for messages.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What would have been verified, for tests of the floors above.
    #[cfg(test)]
    pub(crate) fn for_test(value: T, signer: Signer) -> Self {
        Self {
            value,
            signer,
            logged: true,
            times: Vec::new(),
            origin: "test.json".to_owned(),
        }
    }
}

/// Verifies that `evidence` holds a statement about `artifact` that is signed
/// by somebody whom `trust` can vouch for.
pub fn statement(
    artifact: &Artifact,
    evidence: &Evidence,
    trust: &Trust,
) -> Result<Verified<Statement>, VerifyError> {
    let bundle = &evidence.bundle;
    let statement = bundle.unverified_statement()?;
    let digest = digest_to_check(artifact, &statement)?;
    let genuine = match bundle.material() {
        Material::PublicKey => by_key(&digest, bundle, &statement, trust),
        Material::Certificate => by_certificate(&digest, bundle, &statement, trust),
    }?;
    // The crate compared the digest with the subject; prov's own comparison
    // also sees that no other digest of that subject contradicts it.
    if !statement.speaks_of(artifact) {
        return Err(other_artifact(artifact.sha256(), &statement));
    }
    Ok(Verified {
        value: statement,
        signer: genuine.signer,
        logged: genuine.logged,
        times: genuine.times,
        origin: evidence.origin.clone(),
    })
}

struct Genuine {
    signer: Signer,
    logged: bool,
    times: Vec<SystemTime>,
}

/// The digest by which the Sigstore client compares: SHA-256, unless only a
/// SHA-512 can fit.
fn digest_to_check(artifact: &Artifact, statement: &Statement) -> Result<Digest, VerifyError> {
    let sha256 = artifact.sha256();
    let named = statement.subject_digests().contains(sha256);
    if named || !statement.wants_sha512() {
        return Ok(sha256.clone());
    }
    artifact.sha512().cloned().ok_or(VerifyError::NeedsSha512)
}

fn by_key(
    digest: &Digest,
    bundle: &Bundle,
    statement: &Statement,
    trust: &Trust,
) -> Result<Genuine, VerifyError> {
    // The bundle's key hint is not authenticated, so every trusted key is tried.
    let signed_by = trust
        .keys
        .iter()
        .find(|trusted| signed_with(&trusted.key, bundle.inner()));
    let Some(trusted) = signed_by else {
        return Err(if trust.keys.is_empty() {
            VerifyError::NoKeyTrusted
        } else {
            VerifyError::OtherKey {
                tried: trust.keys.iter().map(|each| each.key.id()).collect(),
            }
        });
    };
    let signer = Signer::Key(trusted.key.clone());
    if bundle.is_bare()
        || (trust.root.is_none() && trusted.transparency == Transparency::NotRequired)
    {
        if trusted.transparency == Transparency::Required {
            return Err(VerifyError::NotLogged);
        }
        return Ok(Genuine {
            signer,
            logged: false,
            times: Vec::new(),
        });
    }
    let verifier = trust.root.as_ref().ok_or(VerifyError::NoRootTrusted)?;
    let mut rules = PublicKeyVerificationPolicy::new(trusted.key.spki().clone());
    if trusted.transparency == Transparency::NotRequired
        && bundle.inner().verification_material.tlog_entries.is_empty()
    {
        rules = rules.skip_tlog_unsafe();
    }
    let result = check(verifier, digest, bundle.inner(), &rules, statement)?;
    Ok(Genuine {
        signer,
        logged: result.tlog_verified(),
        times: result
            .verified_timestamps()
            .iter()
            .map(|&time| time.into())
            .collect(),
    })
}

fn by_certificate(
    digest: &Digest,
    bundle: &Bundle,
    statement: &Statement,
    trust: &Trust,
) -> Result<Genuine, VerifyError> {
    let verifier = trust.root.as_ref().ok_or(VerifyError::NoRootTrusted)?;
    // Any identity: it becomes a fact here, and the policy judges it.
    let rules = VerificationPolicy::any_identity();
    let result = check(verifier, digest, bundle.inner(), &rules, statement)?;
    let certificate = result
        .certificate()
        .filter(|_| result.certificate_verified())
        .and_then(Certificate::from_verified)
        .ok_or(VerifyError::NoIdentity)?;
    Ok(Genuine {
        signer: Signer::Certificate(Box::new(certificate)),
        logged: result.tlog_verified(),
        times: result
            .verified_timestamps()
            .iter()
            .map(|&time| time.into())
            .collect(),
    })
}

/// Runs the Sigstore client's verification procedure.
fn check(
    verifier: &Verifier,
    digest: &Digest,
    bundle: &SigstoreBundle,
    rules: &impl sigstore_verify::Policy,
    statement: &Statement,
) -> Result<sigstore_verify::VerificationResult, VerifyError> {
    let algorithm = match digest.algorithm() {
        Algorithm::Sha256 => HashAlgorithm::Sha2256,
        Algorithm::Sha512 => HashAlgorithm::Sha2512,
    };
    let wanted = ArtifactDigest::new(algorithm, digest.as_bytes().to_vec())
        .map_err(|error| VerifyError::Refused(error.to_string()))?;
    verifier
        .verify(sigstore_types::Artifact::Digest(wanted), bundle, rules)
        .map_err(|error| match error {
            sigstore_verify::Error::ArtifactMismatch(_) => other_artifact(digest, statement),
            sigstore_verify::Error::SignatureInvalid(_) => VerifyError::BadSignature,
            sigstore_verify::Error::Certificate(error) => {
                VerifyError::Certificate(error.to_string())
            }
            sigstore_verify::Error::TransparencyLog(error) => VerifyError::Log(error.to_string()),
            sigstore_verify::Error::Timestamp(error) => VerifyError::Timestamp(error.to_string()),
            other => VerifyError::Refused(other.to_string()),
        })
}

/// True when the envelope's one signature is `key`'s (DSSE v1.0, protocol.md:
/// the signature is over the pre-authentication encoding).
fn signed_with(key: &PublicKey, bundle: &SigstoreBundle) -> bool {
    match &bundle.content {
        SignatureContent::DsseEnvelope(envelope) if envelope.payload_type == PAYLOAD_TYPE => {
            key.verifies(&envelope.pae(), &envelope.signature.sig)
        }
        _ => false,
    }
}

fn other_artifact(wanted: &Digest, statement: &Statement) -> VerifyError {
    VerifyError::OtherArtifact {
        wanted: wanted.clone(),
        seen: statement.subject_digests(),
    }
}

/// Why evidence proves nothing about an artifact.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The bundle holds no statement that can be read.
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
    /// The subjects have SHA-512 digests, which were not computed.
    #[error("the statement names its subject by SHA-512, which was not computed")]
    NeedsSha512,
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
    /// A key signature without a log entry or timestamp.
    #[error("the signature stands in no transparency log")]
    NotLogged,
    /// The signature is not the certificate's over this statement.
    #[error("the signature does not fit the statement")]
    BadSignature,
    /// The certificate is not vouched for.
    #[error("{0}")]
    Certificate(String),
    /// The certificate names nobody.
    #[error("the certificate names no identity or no issuer")]
    NoIdentity,
    /// The log entry proves nothing.
    #[error("{0}")]
    Log(String),
    /// The timestamp proves nothing.
    #[error("{0}")]
    Timestamp(String),
    /// Any other reason.
    #[error("{0}")]
    Refused(String),
}

impl From<StatementError> for VerifyError {
    fn from(error: StatementError) -> Self {
        BundleError::from(error).into()
    }
}
