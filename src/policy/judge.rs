//! The order of judgement: SLSA v1.2, "Verifying artifacts".

use std::cell::LazyCell;
use std::cmp::Reverse;
use std::time::SystemTime;

use super::component::is_cyclonedx;
use super::embedded::embedded;
use super::exception;
use super::expectation::{Case, backing_of, signer};
use super::expression::Facts;
use super::facts::Found;
use super::rule::Rule;
use super::sbom;
use super::signature::Signed;
use super::source::{Source, Sourced};
use super::summary::not_needed;
use super::trust::{Entry, describe};
use super::verdict::{Backing, Finding, Outcome, Verdict};
use super::{Policy, Wanted};
use crate::artifact::Artifact;
use crate::statement::predicate::SLSA_VSA_V1;
use crate::statement::{CYCLONEDX_BOM, SLSA_PROVENANCE_V1, Statement};
use crate::verify::{Signature, Signer, Verified};

/// Evidence that counts, and the entry because of which it does.
pub(super) struct Counted<'a> {
    index: usize,
    pub(super) evidence: &'a Verified<Statement>,
    entry: Entry<'a>,
}

impl Policy {
    /// Judges `artifact` by statements that were verified against it, see
    /// [`judge_all`](Self::judge_all).
    pub fn judge(
        &self,
        artifact: &Artifact,
        evidence: &[Verified<Statement>],
        now: SystemTime,
    ) -> Verdict {
        self.judge_all(artifact, evidence, &[], now)
    }

    /// Judges `artifact` by statements and signatures that were verified against
    /// it, or against a file that is inside of it by its SBOM ([`embedded`](super::embedded)).
    /// `now` only decides which exceptions are in force.
    ///
    /// Evidence by others than the policy trusts counts for nothing and is noted:
    /// anybody can attach a statement to somebody else's artifact. A signature
    /// states nothing, so it can never stand for a statement.
    pub fn judge_all(
        &self,
        artifact: &Artifact,
        evidence: &[Verified<Statement>],
        signatures: &[Verified<Signature>],
        now: SystemTime,
    ) -> Verdict {
        let mut findings = Vec::new();
        let mut counted = Vec::new();
        let all = evidence;
        let inside = LazyCell::new(|| -> Vec<Artifact> {
            all.iter().flat_map(|each| embedded(each.value())).collect()
        });
        for (index, evidence) in evidence.iter().enumerate() {
            // Only a verifier's word is worth anything here, and it is looked at below.
            if !self.verifiers.is_empty()
                && evidence.value().predicate_type == SLSA_VSA_V1
                && evidence.value().speaks_of(artifact)
            {
                continue;
            }
            // It is told beside, with the file.
            let statement = evidence.value();
            if !statement.speaks_of(artifact) && inside.iter().any(|file| statement.speaks_of(file))
            {
                continue;
            }
            match self.count(artifact, evidence, now) {
                Ok(entry) => counted.push(Counted {
                    index,
                    evidence,
                    entry,
                }),
                Err(note) => findings.push(*note),
            }
        }
        let (signed, notes) = self.signatures(artifact, signatures, now);
        findings.extend(notes);
        let about = |(_, each): &(usize, &Verified<Statement>)| each.value().speaks_of(artifact);
        let summaries = self.summaries(evidence.iter().enumerate().filter(about), now);
        findings.extend(summaries.findings);
        findings.extend(self.artifact.judge(artifact));
        findings.extend(
            self.window
                .judge(counted.len() + signed.len() + summaries.taken.len()),
        );
        let cases: Vec<Case<'_>> = counted
            .iter()
            .filter(|each| each.evidence.value().predicate_type == SLSA_PROVENANCE_V1)
            .map(|each| self.case(each.index, each.evidence, &each.entry))
            .collect();
        // One provenance must pass everything; the best one speaks for all. What
        // can't be waived weighs most, or a stranger's provenance could push
        // aside one that an exception covers.
        let chosen = cases.iter().min_by_key(|case| {
            (
                case.hard_failures(),
                case.failures(),
                Reverse(case.level.value),
            )
        });
        // What a provenance shows of itself weighs more than what somebody says of
        // it, unless it is a stranger's or contradicts its certificate.
        let summary = summaries.taken.iter().max_by_key(|each| each.level);
        let stands_in = summary.filter(|_| !cases.iter().any(Case::is_witness));
        let unneeded = summaries.taken.iter().filter(|_| stands_in.is_none());
        findings.extend(unneeded.map(not_needed));
        counted.extend(summaries.taken.iter().map(|each| Counted {
            index: each.index,
            evidence: each.evidence,
            entry: each.entry,
        }));
        if let Some(summary) = stands_in {
            findings.extend(self.by_summary(summary));
            findings.extend(cases.iter().map(beside));
        }
        let chosen = chosen.filter(|_| stands_in.is_none());
        let summarised = stands_in.map_or(0, |summary| summary.level);
        let level = chosen.map_or(summarised, |case| case.level.value);
        match chosen {
            _ if stands_in.is_some() => {}
            Some(case) => {
                findings.extend(case.findings.iter().cloned());
                findings.extend(others(case, &cases));
            }
            None => {
                let entries = counted
                    .iter()
                    .map(|each| (each.evidence.signer(), &each.entry));
                let first = entries.chain(signed.iter().map(Signed::signer)).next();
                findings.push(self.no_provenance(evidence.len(), signatures.len(), first));
                findings.extend(self.no_case());
            }
        }
        findings.extend(self.required(&counted, stands_in.is_some()));
        findings.extend(self.signed(&signed));
        let sboms: Vec<_> = counted
            .iter()
            .map(|each| each.evidence.value())
            .filter(|statement| is_cyclonedx(&statement.predicate_type))
            .map(|statement| &statement.predicate)
            .collect();
        if let Some(rules) = &self.sbom {
            findings.extend(rules.judge(&sboms));
        }
        let subject = |each: &Counted<'_>| sbom::subject(artifact, each.evidence.value());
        findings.extend(counted.iter().filter_map(subject));
        findings.extend(self.embedded(&counted, all));
        if !self.custom.is_empty() {
            let found = Found {
                artifact,
                level,
                provenance: chosen.map(|case| case.evidence),
                statements: counted.iter().map(|each| each.evidence).collect(),
                signatures: signed
                    .iter()
                    .map(|each: &Signed<'_>| each.evidence())
                    .collect(),
                sboms: &sboms,
                now,
            };
            let facts = Facts::new(found.variables()).map_err(|error| error.to_string());
            findings.extend(self.custom.iter().map(|rule| rule.judge(&facts)));
        }
        exception::apply(&self.exceptions, &mut findings, now);
        findings.sort_by(|a, b| a.rule.cmp(&b.rule));
        Verdict {
            subject: artifact.digest().clone(),
            level,
            provenance: chosen.map(|case| case.index),
            counted: counted.iter().map(|each| each.index).collect(),
            counted_signatures: signed.iter().map(|each| each.index).collect(),
            findings,
        }
    }

    /// The entry because of which `evidence` counts, or a note why it does not.
    fn count<'a>(
        &'a self,
        artifact: &Artifact,
        evidence: &'a Verified<Statement>,
        now: SystemTime,
    ) -> Result<Entry<'a>, Box<Finding>> {
        let statement = evidence.value();
        let note = |rule, why: &str, wanted: &str, line| {
            let seen = format!(
                "{} of {} by {} counts for nothing",
                evidence.origin(),
                statement.predicate_type,
                describe(evidence.signer()),
            );
            not_counted(evidence.signer(), rule, seen, why, wanted, line)
        };
        // `verify` saw the subject too, but maybe against another artifact.
        if !statement.speaks_of(artifact) {
            let wanted = artifact.digest().to_string();
            return Err(note(
                Rule::Subject,
                "it is about another artifact",
                &wanted,
                None,
            ));
        }
        let entry = self.entry(evidence).map_err(|untrusted| {
            let wanted = "a signer that the policy trusts";
            note(Rule::Signer, &untrusted.why, wanted, untrusted.line)
        })?;
        if let Some(wrong) = self.window.refuses(evidence.times(), now) {
            let (why, wanted) = (wrong.seen, wrong.wanted);
            return Err(note(Rule::SignedWhen, &why, &wanted, wrong.line));
        }
        // Anybody can call a reusable workflow and have it sign an SBOM for any
        // digest, so the caller's repository is part of who signed. A provenance
        // is judged by the rules themselves, which explain more.
        if statement.predicate_type != SLSA_PROVENANCE_V1
            && let Some(wrong) = self.elsewhere(&entry)
        {
            let why = format!("it comes from {}", wrong.seen);
            return Err(note(wrong.rule, &why, &wrong.wanted, wrong.line));
        }
        Ok(entry)
    }

    /// The rule on the source that a builder's certificate does not keep.
    pub(super) fn elsewhere(&self, entry: &Entry<'_>) -> Option<Finding> {
        let Entry::Builder(_, certificate) = entry else {
            return None;
        };
        let sourced = Sourced {
            source: Source::certified(certificate),
            backing: Backing::Certificate,
        };
        self.source(Some(&sourced))
            .into_iter()
            .find(|finding| finding.outcome == Outcome::Failed)
    }

    /// What is said of the signer when no provenance counts.
    fn no_provenance(
        &self,
        found: usize,
        signatures: usize,
        counted: Option<(&Signer, &Entry<'_>)>,
    ) -> Finding {
        let demanded = |each: &Wanted<String>| each.value == SLSA_PROVENANCE_V1;
        let needed = self.needs_provenance() || self.require.iter().any(demanded);
        match counted {
            Some((by, entry)) if !needed => signer(by, entry),
            _ => {
                let seen = match found {
                    0 if signatures > 0 => {
                        "a signature that states nothing, and no provenance".to_owned()
                    }
                    0 => "no genuine evidence".to_owned(),
                    1 => "one statement, and no provenance by a trusted signer".to_owned(),
                    many => format!("{many} statements, and no provenance by a trusted signer"),
                };
                let wanted = if needed {
                    "SLSA provenance by a signer that the policy trusts"
                } else {
                    "evidence by a signer that the policy trusts"
                };
                Finding::new(Rule::Signer, Outcome::Failed, seen, wanted).fix(
                    "attest the artifact with `prov attest`, or add its signer to `[[trust.…]]`",
                )
            }
        }
    }

    /// `[attestations] require`, one finding each.
    /// Nobody wrote the provenance that a policy demands by default: a summary will do.
    fn required(&self, counted: &[Counted<'_>], summarised: bool) -> Vec<Finding> {
        let unwritten = |wanted: &&Wanted<String>| !summarised || wanted.line.is_some();
        let look = |wanted: &Wanted<String>| {
            let found = counted.iter().find(|each| {
                let seen = &each.evidence.value().predicate_type;
                *seen == wanted.value || (wanted.value == CYCLONEDX_BOM && is_cyclonedx(seen))
            });
            let seen = found.map_or_else(
                || "missing".to_owned(),
                |each| {
                    let signer = describe(each.evidence.signer());
                    format!("{} by {signer}", each.evidence.origin())
                },
            );
            Finding::new(
                Rule::Require,
                Outcome::of(found.is_some()),
                seen,
                wanted.value.clone(),
            )
            .backed(found.map(|each| backing_of(each.evidence.signer())))
            .at(wanted.line)
            .fix("attach it with `prov attest`, signed by a signer that the policy trusts")
        };
        self.require.iter().filter(unwritten).map(look).collect()
    }
}

/// Evidence that is genuine and counts for nothing, and why.
pub(super) fn not_counted(
    signer: &Signer,
    rule: Rule,
    seen: String,
    why: &str,
    wanted: &str,
    line: Option<usize>,
) -> Box<Finding> {
    let finding = Finding::new(rule, Outcome::Noted, seen, wanted)
        .backed(backing_of(signer))
        .because(why.to_owned())
        .at(line);
    Box::new(finding)
}

/// A provenance that did not decide.
fn beside(case: &Case<'_>) -> Finding {
    let by = describe(case.evidence.signer());
    let seen = format!(
        "another provenance {} by {by} shows L{} and fails {} rules",
        case.evidence.origin(),
        case.level.value,
        case.failures()
    );
    let wanted = "nothing, one provenance is enough";
    Finding::new(Rule::Agree, Outcome::Noted, seen, wanted).backed(case.source.backing)
}

/// The provenances that did not decide. Two that are trusted and name another
/// source can't both be true, and it is not for prov to guess which one is.
fn others(chosen: &Case<'_>, cases: &[Case<'_>]) -> Vec<Finding> {
    let rest = cases.iter().filter(|case| case.index != chosen.index);
    let say = |case: &Case<'_>| {
        let by = describe(case.evidence.signer());
        let origin = case.evidence.origin();
        let (a, b) = (&chosen.source.source, &case.source.source);
        match a.contradicts(b).filter(|_| case.is_witness()) {
            Some(what) => Finding::new(
                Rule::Agree,
                Outcome::Failed,
                format!("the provenance {origin} by {by} names another {what}"),
                "provenances that agree on the source",
            )
            .fix("find out which one is wrong and remove it"),
            None => beside(case),
        }
        .backed(case.source.backing)
    };
    rest.map(say).collect()
}
