//! Whether a version is affected (OSV schema 1.7, "Evaluation").

use std::cmp::Ordering;

use serde::Deserialize;

use super::package::Ecosystem;
use crate::version::precedence;

/// What is known of one version of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not affected.
    Unaffected,
    /// Affected, up to the version `fixed` where one is known.
    Affected {
        /// The first version without it.
        fixed: Option<String>,
    },
    /// Nobody can say.
    Unclear(Doubt),
}

/// Why nobody can say whether a version is affected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// The advisory or the package has something that is no version.
    #[error("`{0}` is no version that can be compared")]
    Version(String),
    /// The advisory gives no versions, at most commits.
    #[error("the advisory gives no versions")]
    NoVersions,
    /// A kind of range that the schema does not have.
    #[error("the advisory has a range of the unknown type `{0}`")]
    RangeType(String),
}

/// Which versions of a package an advisory is about: `affected[]`.
#[derive(Clone, Debug, Default)]
pub struct Versions {
    /// Ranges; one is enough.
    pub ranges: Vec<Range>,
    /// Versions one by one.
    pub versions: Vec<String>,
}

/// `affected[].ranges[]`.
#[derive(Clone, Debug, Deserialize)]
pub struct Range {
    /// `SEMVER`, `ECOSYSTEM` or `GIT`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened, in any order.
    #[serde(default)]
    pub events: Vec<Event>,
}

/// `affected[].ranges[].events[]`: each has one of these.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The first version that has it; `0` is before every version.
    Introduced(String),
    /// The first version that has it no more.
    Fixed(String),
    /// The last version that has it.
    LastAffected(String),
    /// Nothing is said of this version and what comes later; `*` is none.
    Limit(String),
}

impl Versions {
    /// What is known of `version`. What can't be compared is never taken for unaffected.
    pub fn standing(&self, ecosystem: Ecosystem, version: &str) -> Standing {
        let kind = ecosystem.kind();
        let same = |listed: &String| {
            listed == version || precedence(kind, listed, version) == Some(Ordering::Equal)
        };
        let mut affected = self.versions.iter().any(same);
        let mut doubt = None;
        let mut fixed: Option<String> = None;
        let mut ranges = 0;
        for range in &self.ranges {
            match range.kind.as_str() {
                "SEMVER" | "ECOSYSTEM" => {}
                "GIT" => continue,
                other => {
                    doubt.get_or_insert(Doubt::RangeType(other.to_owned()));
                    continue;
                }
            }
            ranges += 1;
            match range.standing(kind, version) {
                Standing::Unaffected => {}
                Standing::Unclear(reason) => {
                    doubt.get_or_insert(reason);
                }
                Standing::Affected { fixed: here } => {
                    affected = true;
                    // Only the last of several fixes is without it.
                    fixed = match (fixed, here) {
                        (Some(a), Some(b)) if precedence(kind, &a, &b) == Some(Ordering::Less) => {
                            Some(b)
                        }
                        (a, b) => a.or(b),
                    };
                }
            }
        }
        if ranges == 0 && self.versions.is_empty() {
            doubt.get_or_insert(Doubt::NoVersions);
        }
        match (affected, doubt) {
            (true, _) => Standing::Affected { fixed },
            (false, Some(doubt)) => Standing::Unclear(doubt),
            (false, None) => Standing::Unaffected,
        }
    }
}

impl Range {
    fn standing(&self, kind: &str, version: &str) -> Standing {
        let mut events = Vec::new();
        for event in &self.events {
            // A key, so that each version is compared with ours once.
            let text = event.version();
            let order = match (event, text) {
                (Event::Limit(_), "*") => continue,
                (Event::Introduced(_), "0") => Ordering::Less,
                _ => match precedence(kind, text, version) {
                    Some(order) => order,
                    None => {
                        let bad = match precedence(kind, version, version) {
                            Some(_) => text,
                            None => version,
                        };
                        return Standing::Unclear(Doubt::Version(bad.to_owned()));
                    }
                },
            };
            events.push((event, order));
        }
        // Before one limit is enough ("BeforeLimits").
        let mut limits = events
            .iter()
            .filter(|(event, _)| matches!(event, Event::Limit(_)))
            .peekable();
        let unlimited = self
            .events
            .iter()
            .any(|event| matches!(event, Event::Limit(limit) if limit == "*"));
        if !unlimited
            && limits.peek().is_some()
            && !limits.any(|(_, order)| *order == Ordering::Greater)
        {
            return Standing::Unaffected;
        }
        events.sort_by(|(a, _), (b, _)| a.order(b, kind).then_with(|| a.rank().cmp(&b.rank())));
        let mut affected = false;
        let mut fixed = None;
        for (event, order) in events {
            match (event, order) {
                (Event::Introduced(_), Ordering::Less | Ordering::Equal) => affected = true,
                (Event::Fixed(_), Ordering::Less | Ordering::Equal)
                | (Event::LastAffected(_), Ordering::Less) => affected = false,
                (Event::Fixed(text), Ordering::Greater) if affected => {
                    fixed = Some(text.clone());
                    break;
                }
                _ => {}
            }
        }
        match affected {
            true => Standing::Affected { fixed },
            false => Standing::Unaffected,
        }
    }
}

impl Event {
    fn version(&self) -> &str {
        match self {
            Self::Introduced(text)
            | Self::Fixed(text)
            | Self::LastAffected(text)
            | Self::Limit(text) => text,
        }
    }

    fn order(&self, other: &Self, kind: &str) -> Ordering {
        let zero = |event: &Self| matches!(event, Self::Introduced(text) if text == "0");
        match (zero(self), zero(other)) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => {
                precedence(kind, self.version(), other.version()).unwrap_or(Ordering::Equal)
            }
        }
    }

    /// The order of events of one version: what is fixed and introduced in one is affected, and
    /// so is one that is introduced and the last.
    fn rank(&self) -> u8 {
        match self {
            Self::Fixed(_) => 0,
            Self::Introduced(_) => 1,
            Self::LastAffected(_) => 2,
            Self::Limit(_) => 3,
        }
    }
}
