//! The `[artifact]` section: which artifacts there may be, whoever signed them.

use super::Wanted;
use super::rule::Rule;
use super::verdict::{Finding, Outcome};
use crate::artifact::{Artifact, Digest};

/// The `[artifact]` section.
#[derive(Clone, Debug, Default)]
pub(super) struct ArtifactRules {
    pub(super) allow: Option<Wanted<Vec<Digest>>>,
    pub(super) deny: Option<Wanted<Vec<Digest>>>,
    /// In bytes.
    pub(super) max_size: Option<Wanted<u64>>,
}

impl ArtifactRules {
    /// A finding for each rule that is asked for.
    pub(super) fn judge(&self, artifact: &Artifact) -> Vec<Finding> {
        let seen: Vec<String> = artifact.digests().map(ToString::to_string).collect();
        let seen = seen.join(", ");
        let is_in = |digests: &[Digest]| artifact.digests().any(|digest| digests.contains(digest));
        let allowed = self.allow.as_ref().map(|wanted| {
            let fix = "add the digest to `allow-digests` once you know what it is";
            let outcome = Outcome::of(is_in(&wanted.value));
            let finding = Finding::new(Rule::AllowDigests, outcome, &seen, list(&wanted.value));
            finding.at(wanted.line).fix(fix)
        });
        let denied = self.deny.as_ref().map(|wanted| {
            // A digest that is not known could be one of those that are refused.
            let known = |digest: &Digest| {
                let mut digests = artifact.digests();
                digests.any(|known| known.algorithm() == digest.algorithm())
            };
            let unknown = wanted.value.iter().find(|digest| !known(digest));
            let outcome = Outcome::of(!is_in(&wanted.value) && unknown.is_none());
            let why = unknown.map(|digest| {
                let algorithm = digest.algorithm().name();
                format!("the artifact's {algorithm} digest is not known")
            });
            let not = format!("none of {}", list(&wanted.value));
            Finding::new(Rule::DenyDigests, outcome, &seen, not)
                .because(why)
                .at(wanted.line)
                .fix("don't use this artifact")
        });
        let size = self.max_size.as_ref().map(|wanted| {
            let size = (!artifact.is_elsewhere()).then(|| artifact.size());
            let seen = size.map_or_else(|| "unknown".to_owned(), |size| format!("{size} bytes"));
            let outcome = Outcome::of(size.is_some_and(|size| size <= wanted.value));
            let most = format!("at most {} bytes", wanted.value);
            Finding::new(Rule::MaxSize, outcome, seen, most)
                .at(wanted.line)
                .fix("look why the artifact grew, then raise `max-size`")
        });
        allowed.into_iter().chain(denied).chain(size).collect()
    }

    /// True when judging can end in a failure of this rule.
    pub(super) fn asks(&self, rule: &Rule) -> bool {
        match rule {
            Rule::AllowDigests => self.allow.is_some(),
            Rule::DenyDigests => self.deny.is_some(),
            Rule::MaxSize => self.max_size.is_some(),
            _ => false,
        }
    }
}

fn list(digests: &[Digest]) -> String {
    let digests: Vec<String> = digests.iter().map(ToString::to_string).collect();
    digests.join(", ")
}
