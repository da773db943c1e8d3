//! What is different between two releases, besides their packages.

use std::collections::BTreeSet;

use super::{Audit, Fact, Origin};
use crate::artifact::Digest;
use crate::policy::Backing;

/// What is different between two artifacts, as far as evidence says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseDiff {
    /// The digests, when they differ.
    pub digest: Option<(Digest, Digest)>,
    /// The sizes in bytes, when both are known and differ.
    pub size: Option<(u64, u64)>,
    /// The SLSA Build levels, when both were judged and they differ.
    pub level: Option<(u8, u8)>,
    /// Whether the policy admits them, when it says so of one and not of the other.
    pub passed: Option<(bool, bool)>,
    /// Facts about the origin that differ.
    pub facts: Vec<FactChange>,
    /// The commits, when both are known, differ and are of one repository.
    pub source: Option<SourceRange>,
    /// Predicate types of genuine statements that count, only of the second.
    pub gained: Vec<String>,
    /// Only of the first.
    pub lost: Vec<String>,
    /// Vulnerabilities of the second only; `None` unless both were looked up.
    pub new_vulnerabilities: Option<Vec<Known>>,
    /// Of the first only.
    pub gone_vulnerabilities: Option<Vec<Known>>,
}

/// A fact that is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactChange {
    /// Which, such as `builder`.
    pub name: &'static str,
    /// Before.
    pub from: Option<Fact>,
    /// After.
    pub to: Option<Fact>,
    /// True when less vouches for it than before, or the runner is no longer hosted by
    /// its platform.
    pub worse: bool,
}

/// What was committed between two builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRange {
    /// The repository.
    pub repository: String,
    /// The commit of the first.
    pub from: String,
    /// The commit of the second.
    pub to: String,
}

/// A vulnerability of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Known {
    /// The vulnerability's id.
    pub id: String,
    /// The package.
    pub package: String,
}

impl ReleaseDiff {
    /// Compares two artifacts.
    pub fn between(from: &Audit, to: &Audit) -> Self {
        let differ = |a: Option<u64>, b: Option<u64>| a.zip(b).filter(|(a, b)| a != b);
        let judged = from.judgement.as_ref().zip(to.judgement.as_ref());
        let none = Origin::default();
        let old = from.origin.as_ref().unwrap_or(&none);
        let new = to.origin.as_ref().unwrap_or(&none);
        let (before, after) = (predicates(from), predicates(to));
        let known = vulnerabilities(from).zip(vulnerabilities(to));
        let only = |a: &BTreeSet<Known>, b: &BTreeSet<Known>| a.difference(b).cloned().collect();
        let (new_vulnerabilities, gone_vulnerabilities) =
            known.map(|(a, b)| (only(&b, &a), only(&a, &b))).unzip();
        Self {
            digest: (from.subject.digest != to.subject.digest)
                .then(|| (from.subject.digest.clone(), to.subject.digest.clone())),
            size: differ(from.subject.size, to.subject.size),
            level: judged
                .map(|(a, b)| (a.level, b.level))
                .filter(|(a, b)| a != b),
            passed: judged
                .map(|(a, b)| (a.passed, b.passed))
                .filter(|(a, b)| a != b),
            facts: facts(old, new),
            source: SourceRange::between(old, new),
            gained: after.difference(&before).cloned().collect(),
            lost: before.difference(&after).cloned().collect(),
            new_vulnerabilities,
            gone_vulnerabilities,
        }
    }

    /// True when nothing is different.
    pub fn is_empty(&self) -> bool {
        let none = |list: &Option<Vec<Known>>| list.as_ref().is_none_or(Vec::is_empty);
        self.digest.is_none()
            && self.size.is_none()
            && self.level.is_none()
            && self.passed.is_none()
            && self.facts.is_empty()
            && self.gained.is_empty()
            && self.lost.is_empty()
            && none(&self.new_vulnerabilities)
            && none(&self.gone_vulnerabilities)
    }
}

impl SourceRange {
    fn between(from: &Origin, to: &Origin) -> Option<Self> {
        let value = |fact: &Option<Fact>| Some(fact.as_ref()?.value.clone());
        let repository = value(&from.repository)?;
        let (old, new) = (value(&from.commit)?, value(&to.commit)?);
        let same = value(&to.repository)? == repository;
        (same && old != new).then_some(Self {
            repository,
            from: old,
            to: new,
        })
    }

    /// The page that shows the commits, at hosts that are known to have one.
    pub fn page(&self) -> Option<String> {
        let repository = self
            .repository
            .strip_prefix("git+")
            .unwrap_or(&self.repository);
        let repository = repository.strip_suffix(".git").unwrap_or(repository);
        let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex(&self.from) || !is_hex(&self.to) {
            return None;
        }
        let compare = match repository {
            _ if repository.starts_with("https://github.com/") => "compare",
            _ if repository.starts_with("https://gitlab.com/") => "-/compare",
            _ => return None,
        };
        Some(format!(
            "{repository}/{compare}/{}...{}",
            self.from, self.to
        ))
    }
}

/// The facts that differ, but for times and the page of the run: those always do.
fn facts(from: &Origin, to: &Origin) -> Vec<FactChange> {
    let pairs = [
        ("signer", &from.signer, &to.signer),
        ("issuer", &from.issuer, &to.issuer),
        ("builder", &from.builder, &to.builder),
        ("build type", &from.build_type, &to.build_type),
        ("repository", &from.repository, &to.repository),
        ("commit", &from.commit, &to.commit),
        ("ref", &from.reference, &to.reference),
        ("workflow", &from.workflow, &to.workflow),
        ("trigger", &from.trigger, &to.trigger),
        ("runner", &from.runner, &to.runner),
    ];
    let differing = pairs.into_iter().filter(|(_, from, to)| from != to);
    let changes = differing.map(|(name, from, to)| {
        let hosted = |fact: &Option<Fact>| {
            let value = fact.as_ref().map(|fact| fact.value.as_str());
            matches!(value, Some("github-hosted" | "gitlab-hosted"))
        };
        FactChange {
            name,
            from: from.clone(),
            to: to.clone(),
            worse: backing(to) < backing(from) || name == "runner" && hosted(from) && !hosted(to),
        }
    });
    changes.collect()
}

/// How much vouches for a fact.
fn backing(fact: &Option<Fact>) -> u8 {
    match fact.as_ref().map(|fact| fact.backing) {
        None => 0,
        Some(Backing::Stated) => 1,
        Some(Backing::Key) => 2,
        Some(Backing::Certificate) => 3,
    }
}

fn predicates(audit: &Audit) -> BTreeSet<String> {
    let attestations = audit.attestations.iter();
    let counted =
        attestations.filter(|each| each.rejected.is_none() && each.trusted != Some(false));
    counted
        .filter_map(|each| each.predicate_type.clone())
        .collect()
}

/// Those that nothing waives; `None` when nobody looked.
fn vulnerabilities(audit: &Audit) -> Option<BTreeSet<Known>> {
    audit.is_vulnerable()?;
    let package = |index: usize| {
        let contents = audit.contents.as_ref()?;
        Some(contents.packages.get(index)?.label())
    };
    let open = audit.exposure.open().map(|each| Known {
        id: each.id.clone(),
        package: package(each.package).unwrap_or_default(),
    });
    Some(open.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Exposure, Subject};

    fn audit(origin: Origin) -> Audit {
        Audit {
            subject: Subject {
                name: "a".into(),
                digest: Digest::sha256(b"abc"),
                size: Some(3),
                media_type: None,
                platform: None,
            },
            judgement: None,
            origin: Some(origin),
            attestations: Vec::new(),
            missing: Vec::new(),
            contents: None,
            exposure: Exposure::NotChecked,
        }
    }

    fn fact(value: &str, backing: Backing) -> Option<Fact> {
        Some(Fact {
            value: value.to_owned(),
            backing,
        })
    }

    fn origin(commit: &str, runner: &str, backing: Backing) -> Origin {
        Origin {
            repository: fact("https://github.com/o/r", backing),
            commit: fact(commit, backing),
            runner: fact(runner, backing),
            ..Origin::default()
        }
    }

    #[test]
    fn the_same_is_no_difference() {
        let one = audit(origin("aa", "github-hosted", Backing::Certificate));
        let diff = ReleaseDiff::between(&one, &one.clone());
        assert!(diff.is_empty(), "{diff:?}");
        assert!(diff.new_vulnerabilities.is_none(), "nobody looked");
    }

    #[test]
    fn another_commit_is_a_range_and_a_worse_runner_stands_out() {
        let from = audit(origin("aa", "github-hosted", Backing::Certificate));
        let to = audit(origin("bb", "self-hosted", Backing::Certificate));
        let diff = ReleaseDiff::between(&from, &to);
        let page = diff.source.as_ref().unwrap().page().unwrap();
        assert_eq!(page, "https://github.com/o/r/compare/aa...bb");
        let worse: Vec<_> = diff.facts.iter().filter(|each| each.worse).collect();
        assert_eq!(worse.len(), 1);
        assert_eq!(worse[0].name, "runner");
        let back = ReleaseDiff::between(&to, &from);
        assert!(back.facts.iter().all(|each| !each.worse));
    }

    #[test]
    fn what_is_only_stated_now_is_worse() {
        let from = audit(origin("aa", "github-hosted", Backing::Certificate));
        let to = audit(origin("aa", "github-hosted", Backing::Stated));
        let diff = ReleaseDiff::between(&from, &to);
        assert!(diff.facts.iter().all(|each| each.worse));
        assert_eq!(diff.facts.len(), 3);
        assert!(diff.source.is_none());
    }

    #[test]
    fn a_page_is_only_made_of_what_is_a_commit() {
        let range = |repository: &str, from: &str| SourceRange {
            repository: repository.into(),
            from: from.into(),
            to: "bb".into(),
        };
        assert!(
            range("git+https://github.com/o/r.git", "aa")
                .page()
                .is_some()
        );
        assert!(range("https://github.com/o/r", "../x").page().is_none());
        assert!(range("https://example.com/o/r", "aa").page().is_none());
    }
}
