//! From evidence to facts: is the signature genuine, and about this artifact?
//!
//! The steps stand in the order of SLSA v1.2, "Verifying artifacts", step 1:
//! the envelope's signature first, then the subject, and only then what is stated. Who may sign what is not
//! decided here; that is the policy's part. Pure: no network, no clock, no files.

use std::time::SystemTime;

use crate::artifact::{Algorithm, Artifact, Digest};
use crate::bundle::{Bundle, BundleError, Content, Evidence};
use crate::key::PublicKey;
use crate::statement::{Head, Statement};

mod certificate;
mod error;
mod signer;
mod trust;

pub use certificate::Certificate;
pub use error::VerifyError;
pub use trust::{
    Allowance, MAX_ROOT, MAX_ROOTS, MAX_STRANGE, Transparency, Trust, TrustError, TrustedKey,
};

/// Something that is genuine: `verify` saw the signature and the subject.
///
/// Only [`statement`], [`statement_within`] and [`signature`] make one.
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

/// A signature over an artifact's own bytes (Sigstore bundle, `MessageSignature`).
///
/// It proves that the signer signed exactly these bytes, and nothing of where they
/// come from or what is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    digest: Digest,
}

impl Signature {
    /// The digest of the bytes that are signed.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
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

    /// True when a trusted transparency log vouches for the signature, and another
    /// one for its certificate, if it has one.
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

    /// The same, with times that logs and authorities prove.
    #[cfg(test)]
    pub(crate) fn at_times(mut self, times: &[SystemTime]) -> Self {
        self.times = times.to_vec();
        self
    }

    /// The same, standing in no log.
    #[cfg(test)]
    pub(crate) fn unlogged(mut self) -> Self {
        self.logged = false;
        self
    }
}

#[cfg(test)]
impl Signature {
    /// What would have been signed, for tests of the floors above.
    pub(crate) fn for_test(digest: Digest) -> Self {
        Self { digest }
    }
}

/// Verifies that `evidence` holds a statement about `artifact` that is signed
/// by somebody whom `trust` can vouch for.
pub fn statement(
    artifact: &Artifact,
    evidence: &Evidence,
    trust: &Trust,
) -> Result<Verified<Statement>, VerifyError> {
    statement_within(artifact, evidence, trust, &mut Allowance::default())
}

/// The same for one of several statements, which share an allowance. What a statement
/// says is read only when its signature is genuine; before, its head is enough.
pub fn statement_within(
    artifact: &Artifact,
    evidence: &Evidence,
    trust: &Trust,
    allowance: &mut Allowance,
) -> Result<Verified<Statement>, VerifyError> {
    let bundle = &evidence.bundle;
    let head = bundle.unverified_head()?;
    let digest = comparable(artifact, head)?;
    let other_artifact = || VerifyError::OtherArtifact {
        wanted: digest.clone(),
        seen: head.subject_digests().cloned().collect(),
    };
    let too_heavy = VerifyError::TooHeavy {
        needed: head.weight(),
        left: allowance.0,
    };
    let heavy = (head.weight() > allowance.0).then_some(too_heavy);
    let genuine =
        signer::verify(artifact, digest, bundle, trust, heavy).map_err(|error| match error {
            VerifyError::OtherArtifact { .. } => other_artifact(),
            error => error,
        })?;
    // The crate compared the digest with the subject; prov's own comparison
    // also sees that no other digest of that subject contradicts it.
    if !head.speaks_of(artifact) {
        return Err(other_artifact());
    }
    if genuine.is_strange(trust) {
        allowance.0 = allowance.0.saturating_sub(head.weight());
    }
    Ok(genuine.of(bundle.unverified_statement()?, evidence))
}

/// Verifies that `evidence` holds a signature over the very bytes of `artifact`, by
/// somebody whom `trust` can vouch for.
pub fn signature(
    artifact: &Artifact,
    evidence: &Evidence,
    trust: &Trust,
) -> Result<Verified<Signature>, VerifyError> {
    let bundle = &evidence.bundle;
    if bundle.content() != Content::Message {
        return Err(BundleError::NotASignature.into());
    }
    let digest = signed_digest(artifact, bundle)?;
    let genuine =
        signer::verify(artifact, digest, bundle, trust, None).map_err(|error| match error {
            VerifyError::BadSignature => VerifyError::OtherBytes {
                wanted: digest.clone(),
                seen: None,
            },
            // The bundle's own digest was compared above, so it is the log's that differs.
            VerifyError::OtherArtifact { .. } => VerifyError::Log(
                "log entry does not match the bundle: it is over other bytes".into(),
            ),
            error => error,
        })?;
    let signature = Signature {
        digest: digest.clone(),
    };
    Ok(genuine.of(signature, evidence))
}

/// The digest by which the Sigstore client compares: SHA-256, unless only a
/// SHA-512 can fit.
fn comparable<'a>(artifact: &'a Artifact, head: &Head) -> Result<&'a Digest, VerifyError> {
    let named = |digest: &&Digest| head.subject_digests().any(|each| each == *digest);
    if let Some(digest) = artifact.digests().find(named) {
        return Ok(digest);
    }
    if head.subject_digests().next().is_none() {
        return Ok(artifact.digest());
    }
    // It is about another artifact, if the two can be compared at all.
    let same = |digest: &&Digest| {
        let algorithm = digest.algorithm();
        head.subject_digests()
            .any(|each| each.algorithm() == algorithm)
    };
    if head.wants_sha512() && artifact.sha512().is_none() {
        return Err(VerifyError::NeedsSha512);
    }
    let comparable = artifact.digests().find(same);
    comparable.ok_or(VerifyError::NeedsSha256)
}

/// The digest that a message signature is over. The bundle's own digest is a
/// claim, by which a wrong artifact can be told before the signature fails.
fn signed_digest<'a>(artifact: &'a Artifact, bundle: &Bundle) -> Result<&'a Digest, VerifyError> {
    let Some((algorithm, claimed)) = bundle.unverified_message_digest() else {
        return artifact.sha256().ok_or(VerifyError::NeedsSha256);
    };
    let digest = match algorithm {
        Some(Algorithm::Sha256) => artifact.sha256().ok_or(VerifyError::NeedsSha256),
        Some(Algorithm::Sha512) => artifact.sha512().ok_or(VerifyError::NeedsSha512),
        None => Err(VerifyError::OtherAlgorithm),
    }?;
    if digest.as_bytes() == claimed {
        return Ok(digest);
    }
    let hex: String = claimed.iter().map(|byte| format!("{byte:02x}")).collect();
    Err(VerifyError::OtherBytes {
        wanted: digest.clone(),
        seen: Digest::from_hex(digest.algorithm(), &hex).ok(),
    })
}
