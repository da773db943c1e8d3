//! Vulnerabilities of one package, each once.

use std::collections::HashMap;

use super::advisory::{Advisory, Level};
use super::package::Package;
use super::range::{Doubt, Standing};
use crate::version::precedence;

/// A vulnerability that a package has, or of which nobody can say whether it has.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Every id of it: that of the ecosystem's own database first, CVEs last.
    pub ids: Vec<String>,
    /// One line.
    pub summary: String,
    /// How bad, by the worst of its advisories.
    pub level: Level,
    /// The first version without it, where one is known.
    pub fixed: Option<String>,
    /// Why nobody can say; `None` when the version is affected.
    pub doubt: Option<Doubt>,
}

/// What advisories say of a package's version: those that are the same vulnerability
/// by their aliases once, what is certain and bad first.
pub(super) fn findings<'a>(
    advisories: impl IntoIterator<Item = &'a Advisory>,
    package: &Package,
    version: &str,
) -> Vec<Finding> {
    let mut groups = Groups::default();
    for advisory in advisories.into_iter().filter(|one| !one.withdrawn) {
        for affected in &advisory.affected {
            if affected.package != *package {
                continue;
            }
            let standing = affected.versions.standing(package.ecosystem, version);
            let (fixed, doubt) = match standing {
                Standing::Unaffected => continue,
                Standing::Affected { fixed } => (fixed, None),
                Standing::Unclear(doubt) => (None, Some(doubt)),
            };
            groups.add(Finding {
                ids: std::iter::once(&advisory.id)
                    .chain(&advisory.aliases)
                    .cloned()
                    .collect(),
                summary: advisory.summary.clone(),
                level: advisory.level(affected),
                fixed,
                doubt,
            });
        }
    }
    let mut findings = groups.merged(package.ecosystem.kind());
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| {
            let score = finding.level.score.unwrap_or(-1.0);
            (finding.doubt.is_none(), finding.level.rating, score)
        };
        let worse = key(b).partial_cmp(&key(a));
        worse
            .unwrap_or(std::cmp::Ordering::Equal)
            .then_with(|| a.ids.cmp(&b.ids))
    });
    findings
}

/// Findings that share an id, directly or through others, are one.
#[derive(Default)]
struct Groups {
    findings: Vec<Finding>,
    /// The finding that each belongs to; itself, for one of a group.
    parents: Vec<usize>,
    by_id: HashMap<String, usize>,
}

impl Groups {
    fn add(&mut self, finding: Finding) {
        let new = self.findings.len();
        self.parents.push(new);
        for id in &finding.ids {
            match self.by_id.get(id).copied() {
                None => {
                    self.by_id.insert(id.clone(), new);
                }
                Some(other) => {
                    let (a, b) = (self.root(other), self.root(new));
                    if let Some(parent) = self.parents.get_mut(a.max(b)) {
                        *parent = a.min(b);
                    }
                }
            }
        }
        self.findings.push(finding);
    }

    fn root(&mut self, mut at: usize) -> usize {
        while let Some(&parent) = self.parents.get(at)
            && parent != at
        {
            // Halve the way for the next one.
            let grand = self.parents.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.parents.get_mut(at) {
                *slot = grand;
            }
            at = grand;
        }
        at
    }

    fn merged(mut self, kind: &str) -> Vec<Finding> {
        let mut groups: HashMap<usize, Vec<Finding>> = HashMap::new();
        for (at, finding) in std::mem::take(&mut self.findings).into_iter().enumerate() {
            groups.entry(self.root(at)).or_default().push(finding);
        }
        let one = |group: Vec<Finding>| merge(group, kind);
        groups.into_values().filter_map(one).collect()
    }
}

fn merge(mut group: Vec<Finding>, kind: &str) -> Option<Finding> {
    group.sort_by_key(|finding| finding.ids.first().map(|id| (rank(id), id.clone())));
    let mut group = group.into_iter();
    let mut merged = group.next()?;
    for other in group {
        merged.ids.extend(other.ids);
        if merged.summary.is_empty() {
            merged.summary = other.summary;
        }
        let score = merged.level.score.into_iter().chain(other.level.score);
        merged.level = Level {
            score: score.reduce(f32::max),
            rating: merged.level.rating.max(other.level.rating),
        };
        // A fix is one only when no advisory of the group knows better.
        merged.fixed = match (merged.fixed, other.fixed) {
            (Some(a), Some(b)) if precedence(kind, &a, &b).is_some_and(|order| order.is_lt()) => {
                Some(b)
            }
            (a, b) => a.or(b),
        };
        merged.doubt = merged.doubt.and(other.doubt);
    }
    merged.ids.sort_by_key(|id| (rank(id), id.clone()));
    merged.ids.dedup();
    Some(merged)
}

/// The databases that know an ecosystem best come first.
fn rank(id: &str) -> u8 {
    match id.split('-').next() {
        Some("RUSTSEC" | "GO" | "PYSEC" | "MAL") => 0,
        Some("GHSA") => 1,
        Some("CVE") => 3,
        _ => 2,
    }
}
