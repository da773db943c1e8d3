//! Verification summaries in place of provenance (SLSA v1.2, VSA, "How to verify").
//!
//! A summary says that somebody verified the artifact by a policy of theirs. Of a
//! verifier whom this policy trusts it stands for what provenance would show: the
//! level, and where the entry names the verifier's policy, the rules on source and
//! build. It never stands for what is inside the artifact.

use std::time::{Duration, SystemTime};

use super::expectation::backing_of;
use super::judge::not_counted;
use super::pattern::Pattern;
use super::rule::Rule;
use super::trust::{Entry, TrustedBuilder, TrustedSigner, Untrusted, describe};
use super::verdict::{Backing, Finding, Outcome};
use super::{Policy, Wanted};
use crate::artifact::Digest;
use crate::statement::Statement;
use crate::statement::predicate::SLSA_VSA_V1;
use crate::statement::vsa::{VerificationResult, VerificationSummary};
use crate::verify::{Signer, Verified};

/// How far a verifier's clock may be ahead.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// A `[[trust.verifier]]`: whose verification summaries count.
#[derive(Clone, Debug)]
pub(super) struct TrustedVerifier {
    /// The `verifier.id`, exactly.
    pub(super) id: String,
    pub(super) identity: VerifierIdentity,
    /// The `resourceUri`s that count.
    pub(super) resources: Vec<Pattern>,
    /// The policies of the verifier that count; none named, any of them.
    pub(super) policies: Option<Wanted<Vec<Digest>>>,
    /// The highest level that it may say.
    pub(super) level: u8,
    /// How many days a summary holds.
    pub(super) max_age: Option<Wanted<u8>>,
    pub(super) line: Option<usize>,
}

/// Who signs for a verifier.
#[derive(Clone, Debug)]
pub(super) enum VerifierIdentity {
    Key(TrustedSigner),
    Builder(Box<TrustedBuilder>),
}

impl TrustedVerifier {
    /// The key that signs for it, if one does.
    pub(super) fn key(&self) -> Option<&TrustedSigner> {
        match &self.identity {
            VerifierIdentity::Key(key) => Some(key),
            VerifierIdentity::Builder(_) => None,
        }
    }

    /// The workflow that signs for it, if one does.
    pub(super) fn builder(&self) -> Option<&TrustedBuilder> {
        match &self.identity {
            VerifierIdentity::Key(_) => None,
            VerifierIdentity::Builder(builder) => Some(builder),
        }
    }

    /// The entry that evidence counts by, or why it does not.
    fn entry<'a>(&'a self, evidence: &'a Verified<Statement>) -> Result<Entry<'a>, Untrusted> {
        let stranger = || Untrusted {
            why: "the policy trusts no such verifier".to_owned(),
            line: None,
        };
        match (&self.identity, evidence.signer()) {
            (VerifierIdentity::Key(trusted), Signer::Key(key)) => trusted
                .admits(key, evidence.logged())
                .map(|()| Entry::Key(trusted)),
            (VerifierIdentity::Builder(builder), Signer::Certificate(certificate)) => {
                match builder.refuses(certificate, evidence.logged()) {
                    None => Ok(Entry::Builder(builder, certificate)),
                    Some((why, near)) => Err(Untrusted {
                        why,
                        line: self.line.filter(|_| near),
                    }),
                }
            }
            _ => Err(stranger()),
        }
    }
}

/// A summary that was taken, and what it shows.
pub(super) struct Summarised<'a> {
    pub(super) index: usize,
    pub(super) evidence: &'a Verified<Statement>,
    pub(super) entry: Entry<'a>,
    pub(super) level: u8,
    verifier: &'a TrustedVerifier,
    findings: Vec<Finding>,
    why_not_next: Option<String>,
}

/// What became of all summaries.
#[derive(Default)]
pub(super) struct Summaries<'a> {
    /// Those that say yes and count, in the order of the evidence.
    pub(super) taken: Vec<Summarised<'a>>,
    /// What is said of the others: notes, and the noes of trusted verifiers.
    pub(super) findings: Vec<Finding>,
}

/// Where one summary stops on its way.
enum Stop {
    /// It counts for nothing.
    Note(Box<Finding>),
    /// A trusted verifier says no.
    No(Box<Finding>),
}

impl Policy {
    /// Looks at every summary among `evidence`, which is about the artifact.
    pub(super) fn summaries<'a>(
        &'a self,
        evidence: impl Iterator<Item = (usize, &'a Verified<Statement>)>,
        now: SystemTime,
    ) -> Summaries<'a> {
        let mut summaries = Summaries::default();
        for (index, each) in evidence {
            if self.verifiers.is_empty() || each.value().predicate_type != SLSA_VSA_V1 {
                continue;
            }
            match self.summary(index, each, now) {
                Ok(taken) => summaries.taken.push(taken),
                Err(Stop::Note(finding) | Stop::No(finding)) => summaries.findings.push(*finding),
            }
        }
        summaries
    }

    /// The checks in SLSA's order. Signature, subject and predicate type were seen
    /// before.
    fn summary<'a>(
        &'a self,
        index: usize,
        evidence: &'a Verified<Statement>,
        now: SystemTime,
    ) -> Result<Summarised<'a>, Stop> {
        let note = |rule, why: String, wanted: String, line| {
            let seen = format!(
                "{}, a verification summary by {}, counts for nothing",
                evidence.origin(),
                describe(evidence.signer()),
            );
            Stop::Note(not_counted(
                evidence.signer(),
                rule,
                seen,
                &why,
                &wanted,
                line,
            ))
        };
        let wanted = "a verifier that the policy trusts";
        let mut near: Option<Untrusted> = None;
        let mut candidates = Vec::new();
        for verifier in &self.verifiers {
            match verifier.entry(evidence) {
                Ok(entry) => candidates.push((verifier, entry)),
                Err(untrusted) if near.as_ref().is_none_or(|near| near.line.is_none()) => {
                    near = Some(untrusted);
                }
                Err(_) => {}
            }
        }
        if candidates.is_empty() {
            let why = near.map_or_else(Default::default, |near| (near.why, near.line));
            return Err(note(Rule::Verifier, why.0, wanted.to_owned(), why.1));
        }
        let summary = VerificationSummary::read(&evidence.value().predicate)
            .map_err(|error| note(Rule::Verifier, error.to_string(), wanted.to_owned(), None))?;
        // The verifier and whoever signs for it belong together; several entries may
        // name the same verifier for other resources.
        let id = &summary.verifier.id;
        let ids: Vec<&str> = candidates.iter().map(|(it, _)| it.id.as_str()).collect();
        let why = format!("its signer does not sign for the verifier `{id}`");
        let (wanted, line) = (ids.join(" or "), candidates[0].0.line);
        candidates.retain(|(verifier, _)| verifier.id == *id);
        let Some(first) = candidates.first() else {
            return Err(note(Rule::Verifier, why, wanted, line));
        };
        let uri = &summary.resource_uri;
        let resources = candidates.iter().flat_map(|(it, _)| &it.resources);
        let wanted: Vec<String> = resources.map(ToString::to_string).collect();
        let line = first.0.line;
        candidates.retain(|(it, _)| it.resources.iter().any(|each| each.matches(uri)));
        let Some((verifier, entry)) = candidates.into_iter().next() else {
            let why = format!("it is about the resource `{uri}`");
            return Err(note(Rule::Resource, why, wanted.join(" or "), line));
        };
        let passed = |rule, seen: &str, wanted: &str, line: Option<usize>| {
            Finding::new(rule, Outcome::Passed, seen, wanted)
                .backed(Backing::Stated)
                .at(line)
        };
        let mut findings = vec![
            passed(Rule::Verifier, id, &verifier.id, verifier.line)
                .backed(backing_of(evidence.signer())),
            passed(Rule::Resource, uri, &wanted.join(" or "), verifier.line),
        ];
        if let Some(policies) = &verifier.policies {
            let seen = summary.policy.digest.get("sha256").map(String::as_str);
            let list: Vec<String> = policies.value.iter().map(ToString::to_string).collect();
            let fits = |seen: &str| policies.value.iter().any(|each| each.hex() == seen);
            if !seen.is_some_and(fits) {
                let why = format!("its policy has the digest {}", seen.unwrap_or("unknown"));
                return Err(note(
                    Rule::SummaryPolicy,
                    why,
                    list.join(" or "),
                    policies.line,
                ));
            }
            let seen = format!("sha256:{}", seen.unwrap_or_default());
            findings.push(passed(
                Rule::SummaryPolicy,
                &seen,
                &list.join(" or "),
                policies.line,
            ));
        }
        // A no is a no, however old.
        if summary.verification_result == VerificationResult::Failed {
            let seen = format!("{id} says FAILED ({})", evidence.origin());
            let finding = Finding::new(Rule::Result, Outcome::Failed, seen, "PASSED")
                .backed(Backing::Stated)
                .at(verifier.line)
                .fix("ask the verifier why, and don't use the artifact before that is clear");
            return Err(Stop::No(Box::new(finding)));
        }
        findings.push(passed(Rule::Result, "PASSED", "PASSED", verifier.line));
        if let Some(days) = &verifier.max_age {
            let wanted = format!("at most {} days old", days.value);
            let time = summary.time_verified.as_deref().unwrap_or("unknown");
            let seen = format!("verified at {time}");
            if !is_fresh(time, days.value, now) {
                let why = format!("it was {seen}");
                return Err(note(Rule::MaxAge, why, wanted, days.line));
            }
            findings.push(passed(Rule::MaxAge, &seen, &wanted, days.line));
        }
        if let Some(wrong) = self.window.refuses(evidence.times(), now) {
            return Err(note(Rule::SignedWhen, wrong.seen, wrong.wanted, wrong.line));
        }
        let said = summary.build_level();
        let why_not_next = match said > verifier.level {
            true => format!(
                "the verifier says L{said}, and the policy trusts it up to level {} only",
                verifier.level
            ),
            false => "the verification summary says so, and nothing else was seen".to_owned(),
        };
        Ok(Summarised {
            index,
            evidence,
            entry,
            level: said.min(verifier.level),
            verifier,
            findings,
            why_not_next: Some(why_not_next).filter(|_| said.min(verifier.level) < 3),
        })
    }

    /// The rules that a provenance would answer, answered by a summary.
    pub(super) fn by_summary(&self, summary: &Summarised<'_>) -> Vec<Finding> {
        let verifier = summary.verifier;
        let wanted = format!("{} (up to level {})", verifier.id, verifier.level);
        let seen = format!(
            "{}, a verification summary by {}",
            summary.evidence.origin(),
            describe(summary.evidence.signer())
        );
        let mut findings = vec![
            Finding::new(Rule::Signer, Outcome::Passed, seen, wanted)
                .backed(backing_of(summary.evidence.signer()))
                .at(verifier.line),
        ];
        findings.extend(summary.findings.iter().cloned());
        findings.push(self.level_finding(
            summary.level,
            Some(Backing::Stated),
            summary.why_not_next.clone(),
        ));
        // What else provenance would have to show. Only the verifier's own policy
        // can tell that it was asked.
        let asked = self.source(None).into_iter().chain(self.build(None));
        findings.extend(asked.map(|finding| {
            let finding = finding.backed(verifier.policies.as_ref().map(|_| Backing::Stated));
            match &verifier.policies {
                Some(_) => Finding {
                    outcome: Outcome::Passed,
                    seen: "asked by the verifier's policy, which this policy names".to_owned(),
                    fix: None,
                    ..finding
                },
                None => Finding {
                    seen: "only a verification summary, which does not say it".to_owned(),
                    fix: Some(
                        "name the verifier's policy with `policy-digest`, or attach provenance"
                            .to_owned(),
                    ),
                    ..finding
                },
            }
        }));
        findings
    }
}

/// A summary that was not needed.
pub(super) fn not_needed(summary: &Summarised<'_>) -> Finding {
    let seen = format!(
        "{} by {} says PASSED, L{}",
        summary.evidence.origin(),
        summary.verifier.id,
        summary.level
    );
    Finding::new(
        Rule::Result,
        Outcome::Noted,
        seen,
        "nothing, provenance is there and decides",
    )
    .backed(Backing::Stated)
}

/// A time that can't be read is not fresh, and neither is one that is to come.
fn is_fresh(time: &str, days: u8, now: SystemTime) -> bool {
    let Ok(time) = time.parse::<jiff::Timestamp>() else {
        return false;
    };
    match now.duration_since(SystemTime::from(time)) {
        Ok(age) => age <= Duration::from_secs(u64::from(days) * 24 * 60 * 60),
        Err(ahead) => ahead.duration() <= SKEW,
    }
}
