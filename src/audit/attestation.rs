//! What is attached, and what is not.

use std::time::SystemTime;

use super::Rejected;
use crate::verify::{Signer, Verified};

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
}

/// Something that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// A name for programs, such as `no-provenance`.
    pub id: &'static str,
    /// What, such as `SLSA provenance`.
    pub what: String,
    /// What can't be known without it.
    pub why: String,
}

impl Attestation {
    /// Evidence that is genuine.
    pub(super) fn genuine<T>(
        evidence: &Verified<T>,
        predicate_type: Option<&str>,
        trusted: Option<bool>,
    ) -> Self {
        Self {
            predicate_type: predicate_type.map(str::to_owned),
            signer: Some(describe(evidence.signer())),
            trusted,
            rejected: None,
            logged: evidence.logged(),
            time: evidence.times().iter().min().copied(),
            origin: evidence.origin().to_owned(),
        }
    }

    /// Evidence that proves nothing.
    pub(super) fn rejected(rejected: &Rejected) -> Self {
        Self {
            predicate_type: rejected.predicate_type.clone(),
            signer: None,
            trusted: None,
            rejected: Some(rejected.why.clone()),
            logged: false,
            time: None,
            origin: rejected.origin.clone(),
        }
    }
}

impl Missing {
    pub(super) fn new(id: &'static str, what: impl Into<String>, why: &str) -> Self {
        Self {
            id,
            what: what.into(),
            why: why.to_owned(),
        }
    }
}

fn describe(signer: &Signer) -> String {
    match signer {
        Signer::Key(key) => format!("key {}", key.id()),
        Signer::Certificate(certificate) => certificate.identity.clone(),
    }
}
