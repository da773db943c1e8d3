//! What a policy concluded, and the one way from there to running something.

use std::fmt;

use super::rule::Rule;
use crate::artifact::{Artifact, Digest};

/// What one rule saw and wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// Whether the rule is content.
    pub outcome: Outcome,
    /// What was found.
    pub seen: String,
    /// What vouches for what was found; `None` when there was nothing.
    pub backing: Option<Backing>,
    /// What the policy asks for.
    pub wanted: String,
    /// Why it is so; for a level, why it is not the next one.
    pub why: Option<String>,
    /// The component that it is about, as a purl or a name.
    pub component: Option<String>,
    /// The line of the policy that asks for it, counted from 1.
    pub line: Option<usize>,
    /// What to do about a failure.
    pub fix: Option<String>,
}

impl Finding {
    pub(super) fn new(
        rule: Rule,
        outcome: Outcome,
        seen: impl Into<String>,
        wanted: impl Into<String>,
    ) -> Self {
        Self {
            rule,
            outcome,
            seen: printable(&seen.into()),
            backing: None,
            wanted: printable(&wanted.into()),
            why: None,
            component: None,
            line: None,
            fix: None,
        }
    }

    pub(super) fn backed(mut self, backing: impl Into<Option<Backing>>) -> Self {
        self.backing = backing.into();
        self
    }

    pub(super) fn because(mut self, why: impl Into<Option<String>>) -> Self {
        self.why = why.into().as_deref().map(printable);
        self
    }

    pub(super) fn at(mut self, line: Option<usize>) -> Self {
        self.line = line;
        self
    }

    /// What to do about it, said only where it failed.
    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = (self.outcome == Outcome::Failed).then(|| fix.into());
        self
    }
}

/// Without characters that would steer a terminal or reorder what is read:
/// findings quote documents that anybody may have written.
pub(super) fn printable(text: &str) -> String {
    let steers =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.replace(steers, "\u{fffd}")
}

/// What vouches for a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// A certificate that the trusted root vouches for: the signer could not
    /// choose it.
    Certificate,
    /// The signature of a trusted key.
    Key,
    /// Only the signed document: it is as true as its signer is honest.
    Stated,
}

impl fmt::Display for Backing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Backing::Certificate => "certificate-backed",
            Backing::Key => "key-backed",
            Backing::Stated => "only stated",
        })
    }
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
        /// Who answers for it.
        owner: String,
        /// The last day (UTC) of the exception, such as `2027-01-31`.
        until: String,
    },
    /// Said so that nothing is hidden; counts neither for nor against.
    Noted,
}

impl Outcome {
    pub(super) fn of(content: bool) -> Self {
        if content {
            Outcome::Passed
        } else {
            Outcome::Failed
        }
    }
}

/// A policy's answer about one artifact: a finding for every rule that it asks for.
///
/// Only [`Policy::judge`](super::Policy::judge) makes one.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub(super) subject: Digest,
    pub(super) level: u8,
    pub(super) provenance: Option<usize>,
    pub(super) counted: Vec<usize>,
    pub(super) counted_signatures: Vec<usize>,
    pub(super) findings: Vec<Finding>,
}

impl Verdict {
    /// True when something passed and nothing failed. Nothing passed means
    /// that nothing was shown, which is a no.
    pub fn passed(&self) -> bool {
        let outcomes = || self.findings.iter().map(|finding| &finding.outcome);
        outcomes().any(|outcome| *outcome == Outcome::Passed)
            && outcomes().all(|outcome| *outcome != Outcome::Failed)
    }

    /// The digest of the artifact that was judged.
    pub fn subject(&self) -> &Digest {
        &self.subject
    }

    /// The SLSA Build level (v1.2) that the evidence shows, 0 to 3.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Which piece of the evidence is the provenance that decided, counted from
    /// 0 in the order in which the evidence was given.
    pub fn provenance(&self) -> Option<usize> {
        self.provenance
    }

    /// Which statements count because the policy trusts their signers, in the order in
    /// which they were given.
    pub fn counted(&self) -> &[usize] {
        &self.counted
    }

    /// The same of the signatures over the artifact's own bytes.
    pub fn counted_signatures(&self) -> &[usize] {
        &self.counted_signatures
    }

    /// At least one finding per rule, in the order of SLSA's verification procedure.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The gate: makes the artifact that was judged runnable, if the policy
    /// said yes to exactly that one and its bytes are held.
    pub fn admit(&self, artifact: Artifact) -> Result<Attested, Refusal> {
        if artifact.digest() != &self.subject {
            return Err(Refusal::OtherArtifact {
                judged: self.subject.clone(),
                given: artifact.digest().clone(),
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
    /// Stands for a verdict in tests of what comes after one.
    #[cfg(test)]
    pub(crate) fn for_test(artifact: Artifact) -> Self {
        Self { artifact }
    }

    /// The artifact's digest.
    pub fn digest(&self) -> &Digest {
        self.artifact.digest()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(artifact: &Artifact, outcomes: &[Outcome]) -> Verdict {
        let finding = |outcome: &Outcome| Finding::new(Rule::Signer, outcome.clone(), "", "");
        Verdict {
            subject: artifact.digest().clone(),
            level: 1,
            provenance: None,
            counted: Vec::new(),
            counted_signatures: Vec::new(),
            findings: outcomes.iter().map(finding).collect(),
        }
    }

    fn waived() -> Outcome {
        Outcome::Waived {
            reason: "r".into(),
            owner: "o".into(),
            until: "2027-01-31".into(),
        }
    }

    #[test]
    fn a_yes_needs_something_that_passed() {
        let artifact = Artifact::from_bytes("a", b"abc".to_vec());
        for (outcomes, wanted) in [
            (vec![], false),
            (vec![Outcome::Noted], false),
            (vec![waived()], false),
            (vec![Outcome::Failed], false),
            (vec![Outcome::Passed, Outcome::Failed], false),
            (vec![Outcome::Passed], true),
            (vec![Outcome::Passed, waived(), Outcome::Noted], true),
        ] {
            let verdict = verdict(&artifact, &outcomes);
            assert_eq!(verdict.passed(), wanted, "{outcomes:?}");
            assert_eq!(verdict.admit(artifact.clone()).is_ok(), wanted);
        }
    }

    #[test]
    fn only_the_judged_bytes_are_admitted() {
        let artifact = Artifact::from_bytes("a", b"abc".to_vec());
        let yes = verdict(&artifact, &[Outcome::Passed]);
        let other = Artifact::from_bytes("a", b"abd".to_vec());
        assert!(matches!(
            yes.admit(other),
            Err(Refusal::OtherArtifact { .. })
        ));
        let streamed = Artifact::from_reader("a", &b"abc"[..], false).unwrap();
        assert!(matches!(yes.admit(streamed), Err(Refusal::NotHeld)));
        assert_eq!(yes.admit(artifact).unwrap().name(), "a");
    }
}
