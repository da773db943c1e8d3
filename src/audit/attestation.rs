//! What is attached, and what is not.

use std::time::SystemTime;

use crate::artifact::Digest;

/// A piece of evidence about the artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// Its predicate type; `None` for a signature over the artifact's own bytes. Of
    /// evidence that is not genuine it is only a claim.
    pub predicate_type: Option<String>,
    /// Who signed; `None` when that is not proved.
    pub signer: Option<String>,
    /// Whether the policy counts it; `None` when there was no policy.
    pub trusted: Option<bool>,
    /// Why it proves nothing; `None` when it is genuine.
    pub rejected: Option<String>,
    /// Whether a transparency log vouches for it.
    pub logged: bool,
    /// When it is known to have existed; the earliest.
    pub time: Option<SystemTime>,
    /// Where it was found: a file's name or a referrer's digest.
    pub origin: String,
    /// The digest of the signed payload.
    pub payload: Option<Digest>,
}

/// Something that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What, such as `SLSA provenance`.
    pub what: String,
    /// What can't be known without it.
    pub why: String,
}
