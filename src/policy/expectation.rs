//! What is expected of a provenance (SLSA v1.2, "Verifying artifacts", step 2).
//!
//! Every rule answers for "no provenance" too, and then it fails.

use serde::Deserialize as _;

use super::consistency;
use super::level::{self, Level};
use super::rule::Rule;
use super::source::{Source, Sourced};
use super::trust::{Entry, describe};
use super::verdict::{Backing, Finding, Outcome};
use super::{Policy, Wanted};
use crate::statement::Statement;
use crate::statement::slsa::Provenance;
use crate::verify::{Signer, Verified};

const NO_PROVENANCE: &str = "no provenance by a trusted signer";

/// A provenance by a trusted signer, and what follows from it.
pub(super) struct Case<'a> {
    /// Its place in the evidence.
    pub(super) index: usize,
    pub(super) evidence: &'a Verified<Statement>,
    pub(super) level: Level,
    pub(super) source: Sourced,
    pub(super) findings: Vec<Finding>,
}

impl Case<'_> {
    /// How many findings are failures.
    pub(super) fn failures(&self) -> usize {
        self.failed_rules().count()
    }

    /// How many of them no exception can waive.
    pub(super) fn hard_failures(&self) -> usize {
        self.failed_rules().filter(|rule| !rule.waivable()).count()
    }

    /// True when this rule failed.
    pub(super) fn failed(&self, rule: Rule) -> bool {
        self.failed_rules().any(|failed| *failed == rule)
    }

    /// False for a provenance from a repository that the policy does not expect, or
    /// that can't be believed.
    pub(super) fn is_witness(&self) -> bool {
        !self.failed(Rule::Repository) && !self.failed(Rule::Consistent)
    }

    fn failed_rules(&self) -> impl Iterator<Item = &Rule> {
        let failed = |finding: &&Finding| finding.outcome == Outcome::Failed;
        self.findings
            .iter()
            .filter(failed)
            .map(|finding| &finding.rule)
    }
}

impl Policy {
    /// Looks at one provenance by a signer whom `entry` trusts.
    pub(super) fn case<'a>(
        &self,
        index: usize,
        evidence: &'a Verified<Statement>,
        entry: &Entry<'_>,
    ) -> Case<'a> {
        let mut findings = vec![signer(evidence.signer(), entry)];
        let provenance = match read(evidence.value()) {
            Ok(provenance) => provenance,
            Err(why) => {
                let wanted = "a SLSA provenance v1";
                findings.push(
                    Finding::new(Rule::Consistent, Outcome::Failed, why, wanted)
                        .fix("make the provenance again with `prov attest`"),
                );
                Provenance::default()
            }
        };
        findings.extend(consistent(&provenance, entry));
        findings.extend(builder(&provenance, entry));
        let contradicts = findings
            .iter()
            .any(|finding| finding.outcome == Outcome::Failed);
        let level = if contradicts {
            Level {
                value: 0,
                why_not_next: Some("the provenance can't be believed, see above".into()),
            }
        } else {
            level::of(entry, &provenance.run_details.builder.id)
        };
        let source = match entry {
            Entry::Builder(_, certificate) => Sourced {
                source: Source::certified(certificate),
                backing: Backing::Certificate,
            },
            Entry::Key(_) => Sourced {
                source: Source::stated(&provenance),
                backing: Backing::Stated,
            },
        };
        findings.push(self.min_level(Some((&level, backing_of(evidence.signer())))));
        findings.extend(self.source(Some(&source)));
        findings.extend(self.build(Some(&provenance)));
        Case {
            index,
            evidence,
            level,
            source,
            findings,
        }
    }

    /// The same rules when there is no provenance.
    pub(super) fn no_case(&self) -> Vec<Finding> {
        let mut findings = vec![self.min_level(None)];
        findings.extend(self.source(None));
        findings.extend(self.build(None));
        findings
    }

    /// True when something can only be shown by a provenance.
    pub(super) fn needs_provenance(&self) -> bool {
        self.min_level.value > 0
            || self.repository.is_some()
            || self.refs.is_some()
            || self.build_types.is_some()
            || self.external_parameters.is_some()
    }

    fn min_level(&self, seen: Option<(&Level, Backing)>) -> Finding {
        let (value, why) = seen.map_or((0, None), |(level, _)| {
            (level.value, level.why_not_next.clone())
        });
        self.level_finding(value, seen.map(|(_, backing)| backing), why)
    }

    /// `[build] min-level`, and why the level is not the next one.
    pub(super) fn level_finding(
        &self,
        value: u8,
        backing: Option<Backing>,
        why: Option<String>,
    ) -> Finding {
        let wanted = self.min_level.value;
        Finding::new(
            Rule::MinLevel,
            Outcome::of(value >= wanted),
            format!("SLSA Build L{value}"),
            format!("SLSA Build L{wanted} or higher"),
        )
        .backed(backing)
        .because(why.or_else(|| (value == 0).then(|| NO_PROVENANCE.to_owned())))
        .at(self.min_level.line)
        .fix(match wanted {
            0 | 1 => "attach SLSA provenance by a trusted signer: `prov attest`",
            2 => "sign in the workflow of a hosted build platform",
            _ => "build and sign with a reusable workflow that the policy trusts at level 3",
        })
    }

    /// `[source]`, on what vouches best for it.
    pub(super) fn source(&self, seen: Option<&Sourced>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let backing = seen.map(|seen| seen.backing);
        let missing = || seen.map_or(NO_PROVENANCE, |_| "unknown").to_owned();
        if let Some(wanted) = &self.repository {
            let seen = seen.and_then(|seen| seen.source.repository.as_deref());
            let content = seen.is_some_and(|seen| wanted.value.matches(seen));
            let text = seen.map_or_else(missing, str::to_owned);
            findings.push(
                Finding::new(
                    Rule::Repository,
                    Outcome::of(content),
                    text,
                    wanted.value.to_string(),
                )
                .backed(backing)
                .at(wanted.line)
                .fix("take the artifact from a build of that repository"),
            );
        }
        if let Some(wanted) = &self.refs {
            let seen = seen.and_then(|seen| seen.source.reference.as_deref());
            let content = seen.is_some_and(|seen| wanted.value.iter().any(|it| it.matches(seen)));
            let patterns: Vec<_> = wanted.value.iter().map(ToString::to_string).collect();
            let text = seen.map_or_else(missing, str::to_owned);
            findings.push(
                Finding::new(Rule::Ref, Outcome::of(content), text, patterns.join(" or "))
                    .backed(backing)
                    .at(wanted.line)
                    .fix("take the artifact from a build of such a branch or tag"),
            );
        }
        findings
    }

    /// `[build]` without the level. SLSA: external parameters that are not
    /// expected SHOULD be refused.
    pub(super) fn build(&self, provenance: Option<&Provenance>) -> Vec<Finding> {
        let definition = provenance.map(|provenance| &provenance.build_definition);
        let backing = definition.map(|_| Backing::Stated);
        let build_type = self.build_types.as_ref().map(|Wanted { value, line }| {
            let seen = definition.map(|definition| definition.build_type.as_str());
            let content = seen.is_some_and(|seen| value.iter().any(|wanted| wanted == seen));
            Finding::new(
                Rule::BuildType,
                Outcome::of(content),
                seen.unwrap_or(NO_PROVENANCE),
                value.join(" or "),
            )
            .backed(backing)
            .at(*line)
            .fix("add the build type to `build-type` if it is one that you expect")
        });
        let parameters = self
            .external_parameters
            .as_ref()
            .map(|Wanted { value, line }| {
                let surplus: Option<Vec<&str>> = definition.map(|definition| {
                    let keys = definition.external_parameters.iter();
                    keys.filter(|(key, parameter)| !value.contains(key) && !is_unset(parameter))
                        .map(|(key, _)| key.as_str())
                        .collect()
                });
                let seen = match &surplus {
                    None => NO_PROVENANCE.to_owned(),
                    Some(surplus) if surplus.is_empty() => "no other parameter".to_owned(),
                    Some(surplus) => format!("also {}", surplus.join(", ")),
                };
                Finding::new(
                    Rule::ExternalParameters,
                    Outcome::of(surplus.is_some_and(|surplus| surplus.is_empty())),
                    seen,
                    format!("only {}", value.join(", ")),
                )
                .backed(backing)
                .at(*line)
                .fix("look at what the parameter changes, then add it to `external-parameters`")
            });
        build_type.into_iter().chain(parameters).collect()
    }
}

/// The signer's own signature vouches for it.
pub(super) fn backing_of(signer: &Signer) -> Backing {
    match signer {
        Signer::Key(_) => Backing::Key,
        Signer::Certificate(_) => Backing::Certificate,
    }
}

/// A signer whom the policy trusts.
pub(super) fn signer(signer: &Signer, entry: &Entry<'_>) -> Finding {
    let wanted = match entry {
        Entry::Builder(builder, _) => format!("{} (up to level {})", builder.signer, builder.level),
        Entry::Key(key) => key.name.clone(),
    };
    Finding::new(Rule::Signer, Outcome::Passed, describe(signer), wanted)
        .backed(backing_of(signer))
        .at(entry.line())
}

/// Reads the predicate, with the fields that SLSA requires.
fn read(statement: &Statement) -> Result<Provenance, String> {
    let provenance = Provenance::deserialize(&statement.predicate)
        .map_err(|error| format!("a predicate that can't be read: {error}"))?;
    let required = [
        ("buildType", &provenance.build_definition.build_type),
        ("builder.id", &provenance.run_details.builder.id),
    ];
    match required.iter().find(|(_, value)| value.is_empty()) {
        Some((field, _)) => Err(format!("a provenance without `{field}`")),
        None => Ok(provenance),
    }
}

fn consistent(provenance: &Provenance, entry: &Entry<'_>) -> Vec<Finding> {
    let Entry::Builder(_, certificate) = entry else {
        return Vec::new();
    };
    let (compared, contradictions) = consistency::compare(provenance, certificate);
    if contradictions.is_empty() {
        let seen = format!("{compared} fields say what the certificate says");
        let wanted = "no field that says something else";
        let finding = Finding::new(Rule::Consistent, Outcome::Passed, seen, wanted);
        return vec![finding.backed(Backing::Certificate)];
    }
    let fail = |each: consistency::Contradiction| {
        Finding::new(
            Rule::Consistent,
            Outcome::Failed,
            format!("{} states `{}`", each.field, each.stated),
            format!("`{}`, as the certificate says", each.certified),
        )
        .backed(Backing::Certificate)
        .fix("don't use the artifact before it is clear who wrote this provenance")
    };
    contradictions.into_iter().map(fail).collect()
}

/// SLSA's map names signer *and* builder: a key may sign for one builder only.
fn builder(provenance: &Provenance, entry: &Entry<'_>) -> Option<Finding> {
    let Entry::Key(key) = entry else {
        return None;
    };
    let wanted = key.builder.as_ref()?;
    let seen = &provenance.run_details.builder.id;
    let finding = Finding::new(Rule::Builder, Outcome::of(seen == wanted), seen, wanted)
        .backed(Backing::Stated)
        .at(key.line)
        .fix("this key may not sign for that builder");
    Some(finding)
}

/// Unset, null and empty are the same (SLSA v1.2, provenance, "Parsing rules").
fn is_unset(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => true,
        serde_json::Value::String(text) => text.is_empty(),
        serde_json::Value::Array(items) => items.is_empty(),
        serde_json::Value::Object(map) => map.is_empty(),
        _ => false,
    }
}
