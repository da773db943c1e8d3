//! What a policy concluded, and the one way from there to running something.

use crate::artifact::{Artifact, Digest};

/// What one rule saw and wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's name, such as `build.min-level`.
    pub rule: String,
    /// Whether the rule is content.
    pub outcome: Outcome,
    /// What was found, and what vouches for it.
    pub seen: String,
    /// What the policy asks for.
    pub wanted: String,
    /// The line of the policy that asks for it, counted from 1.
    pub line: Option<usize>,
    /// What to do about a failure.
    pub fix: Option<String>,
}

/// How a rule ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Content.
    Passed,
    /// Not content.
    Failed,
    /// Not content, but an exception in force says that this is accepted.
    Waived {
        /// Why, as the exception's owner gave it.
        reason: String,
    },
}

/// A policy's answer about one artifact: a finding for every rule.
///
/// Only [`Policy::judge`](super::Policy::judge) makes one.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub(super) subject: Digest,
    pub(super) level: u8,
    pub(super) findings: Vec<Finding>,
}

impl Verdict {
    /// True when there are findings and none of them failed. No rule looked at
    /// means nothing was shown, which is a no.
    pub fn passed(&self) -> bool {
        !self.findings.is_empty()
            && self
                .findings
                .iter()
                .all(|finding| finding.outcome != Outcome::Failed)
    }

    /// The digest of the artifact that was judged.
    pub fn subject(&self) -> &Digest {
        &self.subject
    }

    /// The SLSA Build level (v1.2) that the evidence shows, 0 to 3.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// One finding per rule, in the order of SLSA's verification procedure.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The gate: makes the artifact that was judged runnable, if the policy
    /// said yes to exactly that one and its bytes are held.
    pub fn admit(&self, artifact: Artifact) -> Result<Attested, Refusal> {
        if artifact.sha256() != &self.subject {
            return Err(Refusal::OtherArtifact {
                judged: self.subject.clone(),
                given: artifact.sha256().clone(),
            });
        }
        if artifact.is_streamed() {
            return Err(Refusal::NotHeld);
        }
        if !self.passed() {
            return Err(Refusal::Refused);
        }
        Ok(Attested { artifact })
    }
}

/// An artifact that a policy admitted: the only thing that can be launched.
///
/// There is no other way to one than [`Verdict::admit`]:
///
/// ```compile_fail
/// use prov::{artifact::Artifact, policy::Attested};
/// let forged = Attested { artifact: Artifact::from_bytes("evil", vec![]) };
/// ```
#[derive(Debug)]
pub struct Attested {
    artifact: Artifact,
}

impl Attested {
    /// The artifact's digest.
    pub fn digest(&self) -> &Digest {
        self.artifact.sha256()
    }

    /// The artifact's name for people.
    pub fn name(&self) -> &str {
        self.artifact.name()
    }

    /// The artifact, whose bytes are the judged ones.
    pub fn into_artifact(self) -> Artifact {
        self.artifact
    }
}

/// Why an artifact may not be run.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The policy said no.
    #[error("the policy refused the artifact")]
    Refused,
    /// The verdict is about something else.
    #[error("the verdict is about {judged}, not about {given}")]
    OtherArtifact {
        /// What was judged.
        judged: Digest,
        /// What should run.
        given: Digest,
    },
    /// The bytes were only streamed.
    #[error("the artifact's bytes are not held, so they can't be run")]
    NotHeld,
}
