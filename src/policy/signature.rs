//! Signatures over the artifact's own bytes: `[attestations] signature`.
//!
//! Such a signature says who had the bytes and signed them, and nothing about
//! them. It meets the one rule that asks for it and no other.

use std::time::SystemTime;

use super::Policy;
use super::expectation::backing_of;
use super::judge::not_counted;
use super::rule::Rule;
use super::trust::{Entry, describe};
use super::verdict::{Finding, Outcome};
use crate::artifact::Artifact;
use crate::verify::{Signature, Signer, Verified};

/// A signature that counts, and the entry because of which it does.
pub(super) struct Signed<'a> {
    /// Its place among the signatures.
    pub(super) index: usize,
    evidence: &'a Verified<Signature>,
    entry: Entry<'a>,
}

impl Signed<'_> {
    pub(super) fn signer(&self) -> (&Signer, &Entry<'_>) {
        (self.evidence.signer(), &self.entry)
    }

    pub(super) fn evidence(&self) -> &Verified<Signature> {
        self.evidence
    }

    fn describe(&self) -> String {
        let signer = describe(self.evidence.signer());
        format!("{} by {signer}", self.evidence.origin())
    }
}

impl Policy {
    /// The signatures that count, and a note for each that does not.
    pub(super) fn signatures<'a>(
        &'a self,
        artifact: &Artifact,
        found: &'a [Verified<Signature>],
        now: SystemTime,
    ) -> (Vec<Signed<'a>>, Vec<Finding>) {
        let (mut counted, mut notes) = (Vec::new(), Vec::new());
        for (index, evidence) in found.iter().enumerate() {
            match self.count_signature(artifact, evidence, now) {
                Ok(entry) => counted.push(Signed {
                    index,
                    evidence,
                    entry,
                }),
                Err(note) => notes.push(*note),
            }
        }
        (counted, notes)
    }

    fn count_signature<'a>(
        &'a self,
        artifact: &Artifact,
        evidence: &'a Verified<Signature>,
        now: SystemTime,
    ) -> Result<Entry<'a>, Box<Finding>> {
        let note = |rule, why: &str, wanted: &str, line| {
            let seen = format!(
                "{}, a signature by {}, counts for nothing",
                evidence.origin(),
                describe(evidence.signer()),
            );
            not_counted(evidence.signer(), rule, seen, why, wanted, line)
        };
        // `verify` saw the bytes too, but maybe those of another artifact.
        if !artifact
            .digests()
            .any(|digest| digest == evidence.value().digest())
        {
            let wanted = artifact.digest().to_string();
            return Err(note(Rule::Subject, "it is over other bytes", &wanted, None));
        }
        let entry = self.entry(evidence).map_err(|untrusted| {
            let wanted = "a signer that the policy trusts";
            note(Rule::Signer, &untrusted.why, wanted, untrusted.line)
        })?;
        if let Some(wrong) = self.window.refuses(evidence.times(), now) {
            let (why, wanted) = (wrong.seen, wrong.wanted);
            return Err(note(Rule::SignedWhen, &why, &wanted, wrong.line));
        }
        match self.elsewhere(&entry) {
            Some(wrong) => {
                let why = format!("it comes from {}", wrong.seen);
                Err(note(wrong.rule, &why, &wrong.wanted, wrong.line))
            }
            None => Ok(entry),
        }
    }

    /// `[attestations] signature`; a signature that nothing asks for is told.
    pub(super) fn signed(&self, counted: &[Signed<'_>]) -> Vec<Finding> {
        let wanted = "a signature over the artifact's bytes by a signer that the policy trusts";
        let backing = |each: &Signed<'_>| backing_of(each.evidence.signer());
        if let Some(demand) = &self.signature {
            let first = counted.first();
            let finding = Finding::new(
                Rule::Signature,
                Outcome::of(first.is_some()),
                first.map_or_else(|| "missing".to_owned(), Signed::describe),
                wanted,
            )
            .backed(first.map(backing))
            .at(demand.line)
            .fix("sign the artifact's bytes, such as with `cosign sign-blob --bundle`");
            return vec![finding];
        }
        let note = |each: &Signed<'_>| {
            let why = "it signs the bytes and states nothing about them";
            Finding::new(Rule::Signature, Outcome::Noted, each.describe(), "nothing")
                .backed(backing(each))
                .because(why.to_owned())
        };
        counted.iter().map(note).collect()
    }
}
