//! One advisory (OSV schema 1.7).

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::package::{Ecosystem, Package};
use super::range::Versions;
use super::severity::{Rating, Severity};
use crate::json::{self, JsonError};

/// The largest advisory, in bytes.
pub const MAX_ADVISORY: usize = 16 << 20;
/// The most packages of one advisory.
pub const MAX_AFFECTED: usize = 50_000;
/// The most events of all ranges of one advisory, and the most versions.
pub const MAX_EVENTS: usize = 200_000;
/// The most other names of one advisory.
pub const MAX_ALIASES: usize = 1_000;
/// The longest id, in bytes.
pub const MAX_ID: usize = 256;
/// The longest summary that is kept, in characters.
const MAX_SUMMARY: usize = 300;

/// One advisory: what it is about, for the packages that can be looked up.
#[derive(Clone, Debug)]
pub struct Advisory {
    /// Its id, such as `RUSTSEC-2026-0001`.
    pub id: String,
    /// Other ids of the same vulnerability.
    pub aliases: Vec<String>,
    /// One line.
    pub summary: String,
    /// When it was last changed.
    pub modified: Timestamp,
    /// Taken back: it is about nothing any more.
    pub withdrawn: bool,
    /// The packages and their versions.
    pub affected: Vec<Affected>,
    severity: Level,
}

/// A package that an advisory is about.
#[derive(Clone, Debug)]
pub struct Affected {
    /// The package.
    pub package: Package,
    /// Which versions of it.
    pub versions: Versions,
    severity: Level,
}

/// How bad, as far as it is told.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Level {
    /// The CVSS score, 0 to 10.
    pub score: Option<f32>,
    /// The word for it; the database's own where there is no score.
    pub rating: Option<Rating>,
}

impl Advisory {
    /// Reads an advisory.
    pub fn parse(bytes: &[u8]) -> Result<Self, AdvisoryError> {
        let document: Document = serde_json::from_value(json::parse(bytes, MAX_ADVISORY)?)
            .map_err(AdvisoryError::Shape)?;
        if let Some(version) = document.schema_version
            && !version.starts_with("1.")
        {
            return Err(AdvisoryError::Schema(version));
        }
        let affected = document.affected.unwrap_or_default();
        let aliases = document.aliases.unwrap_or_default();
        let of_versions = |one: &RawAffected| one.versions.as_ref().map_or(0, Vec::len);
        let of_ranges = |one: &RawAffected| {
            let ranges = one.ranges.iter().flatten();
            ranges.map(|range| range.events.len() + 1).sum::<usize>()
        };
        for (what, count, limit) in [
            ("packages", affected.len(), MAX_AFFECTED),
            (
                "versions",
                affected.iter().map(of_versions).sum(),
                MAX_EVENTS,
            ),
            (
                "ranges and events",
                affected.iter().map(of_ranges).sum(),
                MAX_EVENTS,
            ),
            ("aliases", aliases.len(), MAX_ALIASES),
        ] {
            if count > limit {
                return Err(AdvisoryError::TooMany { what, count, limit });
            }
        }
        for id in std::iter::once(&document.id).chain(&aliases) {
            if id.is_empty() || id.len() > MAX_ID || !id.bytes().all(|byte| byte.is_ascii_graphic())
            {
                return Err(AdvisoryError::Id);
            }
        }
        let time = |name: &'static str, text: &str| {
            text.parse()
                .map_err(|_| AdvisoryError::Time(name, text.to_owned()))
        };
        if let Some(text) = &document.withdrawn {
            let _: Timestamp = time("withdrawn", text)?;
        }
        Ok(Self {
            id: document.id,
            aliases,
            summary: line(document.summary.or(document.details)),
            modified: time("modified", &document.modified)?,
            withdrawn: document.withdrawn.is_some(),
            affected: affected.into_iter().filter_map(Affected::read).collect(),
            severity: level(document.severity, document.database_specific.as_ref()),
        })
    }

    /// How bad it is for one of its packages; the package's own severity comes first.
    pub fn level(&self, affected: &Affected) -> Level {
        match affected.severity {
            Level {
                score: None,
                rating: None,
            } => self.severity,
            level => level,
        }
    }
}

impl Affected {
    fn read(raw: RawAffected) -> Option<Self> {
        let package = raw.package?;
        let specific = raw
            .database_specific
            .as_ref()
            .or(raw.ecosystem_specific.as_ref());
        Some(Self {
            package: Package::named(Ecosystem::named(&package.ecosystem)?, &package.name),
            severity: level(raw.severity, specific),
            versions: Versions {
                ranges: raw.ranges.unwrap_or_default(),
                versions: raw.versions.unwrap_or_default(),
            },
        })
    }
}

/// The worst score, else the database's word.
fn level(severity: Option<Vec<Severity>>, specific: Option<&Value>) -> Level {
    let scores = severity.iter().flatten().filter_map(Severity::score);
    let score = scores.reduce(f32::max);
    let word = || {
        let word = specific.and_then(|value| value.get("severity")?.as_str());
        word.and_then(Rating::named)
    };
    Level {
        score,
        rating: score.map(Rating::of).or_else(word),
    }
}

/// The first line that says something, without what a terminal would obey.
fn line(text: Option<String>) -> String {
    let text = text.unwrap_or_default();
    let first = text.lines().map(str::trim).find(|line| !line.is_empty());
    let kept = first.unwrap_or_default().chars();
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    kept.take(MAX_SUMMARY).map(printable).collect()
}

/// The document as it stands.
#[derive(Deserialize)]
struct Document {
    schema_version: Option<String>,
    id: String,
    modified: String,
    withdrawn: Option<String>,
    aliases: Option<Vec<String>>,
    summary: Option<String>,
    details: Option<String>,
    severity: Option<Vec<Severity>>,
    affected: Option<Vec<RawAffected>>,
    database_specific: Option<Value>,
}

#[derive(Deserialize)]
struct RawAffected {
    package: Option<RawPackage>,
    severity: Option<Vec<Severity>>,
    ranges: Option<Vec<super::range::Range>>,
    versions: Option<Vec<String>>,
    database_specific: Option<Value>,
    ecosystem_specific: Option<Value>,
}

#[derive(Deserialize)]
struct RawPackage {
    ecosystem: String,
    name: String,
}

/// Why something is no advisory that is read.
#[derive(Debug, thiserror::Error)]
pub enum AdvisoryError {
    /// Too large, too deep, no JSON, or a key stands twice.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// JSON, but no advisory.
    #[error("{0}")]
    Shape(serde_json::Error),
    /// Of a schema that is not known.
    #[error("version `{0}` of the schema, and only 1.x is known")]
    Schema(String),
    /// An id that is empty, longer than [`MAX_ID`] or has characters of no id.
    #[error("an id that is empty, too long or has characters of no id")]
    Id,
    /// A time that is none.
    #[error("`{0}` is no time: `{1}`")]
    Time(&'static str, String),
    /// More of something than one advisory may have.
    #[error("{count} {what}, more than the {limit} that are read")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// As many as there are.
        count: usize,
        /// As many as are read.
        limit: usize,
    },
}
