//! What is inside, as the SBOM states it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::cyclonedx::{ContentsError, Reader};
use crate::artifact::Artifact;
use crate::purl::Purl;
use crate::statement::Statement;
use crate::statement::predicate::{is_cyclonedx, is_spdx};
use crate::version;

/// What the SBOMs by genuine signers list, taken together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Whether the SBOM is about these very bytes: the digest of its root component is
    /// the artifact's. `None` when its root has no digest.
    pub about_artifact: Option<bool>,
    /// The package URL that the artifact itself has, where it has one.
    pub artifact: Option<Purl>,
    /// The packages, sorted by package URL and name. The artifact itself is none.
    pub packages: Vec<Package>,
    /// What depends on what, as places in `packages`.
    pub edges: Vec<Edge>,
    /// The packages that the artifact itself depends on, as places in `packages`.
    pub direct: Vec<usize>,
    /// How many packages of which kind, the most first.
    pub ecosystems: Vec<Ecosystem>,
    /// Licences, unknown ones first, then the most frequent.
    pub licences: Vec<LicenceGroup>,
    /// Packages that are there in several versions.
    pub twins: Vec<Twin>,
    /// Modules and archives inside of the artifact that have a digest of their own.
    pub nested: Vec<Nested>,
    /// Places in `packages` with the earliest and the latest known time of release.
    /// Only few ecosystems state one in an SBOM.
    pub oldest: Option<usize>,
    /// See `oldest`.
    pub newest: Option<usize>,
    /// How many packages have a package URL.
    pub with_purl: usize,
    /// How many have a hash.
    pub with_hash: usize,
    /// How many have a licence.
    pub with_licence: usize,
    /// How many have a supplier.
    pub with_supplier: usize,
}

impl Contents {
    /// What CycloneDX and SPDX documents that are attached to `artifact` list.
    pub(super) fn of<'a>(
        sboms: impl IntoIterator<Item = &'a Statement>,
        artifact: &Artifact,
    ) -> Result<Self, ContentsError> {
        let mut reader = Reader::default();
        for sbom in sboms {
            match is_spdx(&sbom.predicate_type) {
                true => reader.add_spdx(&sbom.predicate, artifact)?,
                false => reader.add(&sbom.predicate, artifact)?,
            }
        }
        Ok(reader.finish())
    }

    /// What a CycloneDX document lists that is attached to nothing: no statement says
    /// what it is about.
    pub fn of_document(document: &Value) -> Result<Self, ContentsError> {
        let mut reader = Reader::default();
        let nothing = Artifact::from_bytes("", Vec::new());
        reader.add(document, &nothing)?;
        let mut contents = reader.finish();
        contents.about_artifact = None;
        Ok(contents)
    }

    /// Counts and groups the packages.
    pub(super) fn summarize(&mut self) {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        let mut licences: BTreeMap<Option<String>, Vec<usize>> = BTreeMap::new();
        let mut versions: BTreeMap<String, (&str, BTreeSet<&str>)> = BTreeMap::new();
        let mut dated: Vec<(jiff::Timestamp, usize)> = Vec::new();
        for (index, package) in self.packages.iter().enumerate() {
            let purl = package.purl.as_ref();
            *kinds.entry(purl.map_or("other", Purl::kind)).or_default() += 1;
            licences.entry(package.licence()).or_default().push(index);
            dated.extend(package.released.map(|time| (time, index)));
            if let Some((purl, version)) = purl.and_then(|purl| Some((purl, purl.version()?))) {
                let entry = versions.entry(unversioned(purl));
                let (_, seen) = entry.or_insert_with(|| (purl.kind(), BTreeSet::new()));
                seen.insert(version);
            }
        }
        self.oldest = dated.iter().min().map(|(_, index)| *index);
        self.newest = dated.iter().max().map(|(_, index)| *index);
        let kinds = kinds.into_iter().map(|(kind, packages)| Ecosystem {
            kind: kind.to_owned(),
            packages,
        });
        self.ecosystems = kinds.collect();
        self.ecosystems.sort_by_key(|each| Reverse(each.packages));
        let twins = versions.into_iter().filter(|(_, (_, seen))| seen.len() > 1);
        let twins = twins.map(|(package, (kind, seen))| {
            let mut versions: Vec<String> = seen.into_iter().map(str::to_owned).collect();
            versions.sort_by(|a, b| version::compare(kind, a, b));
            Twin { package, versions }
        });
        self.twins = twins.collect();
        let groups = licences.into_iter();
        let groups = groups.map(|(licence, packages)| LicenceGroup { licence, packages });
        self.licences = groups.collect();
        self.licences
            .sort_by_key(|group| (group.licence.is_some(), Reverse(group.packages.len())));
    }

    /// How many packages have no licence.
    pub fn without_licence(&self) -> usize {
        self.packages.len() - self.with_licence
    }
}

/// True for a statement that holds an SBOM of a kind that is read.
pub(super) fn is_sbom(statement: &Statement) -> bool {
    is_cyclonedx(&statement.predicate_type) || is_spdx(&statement.predicate_type)
}

/// The package URL up to its version.
fn unversioned(purl: &Purl) -> String {
    let path = purl.namespace().into_iter().chain([purl.name()]);
    format!("pkg:{}/{}", purl.kind(), path.collect::<Vec<_>>().join("/"))
}

impl Package {
    /// Its licences as one expression, all of which apply; `None` when unknown. A plain
    /// choice is written in one order, for `MIT OR Apache-2.0` is the other one's twin.
    pub fn licence(&self) -> Option<String> {
        let ordered =
            |licence: &String| match licence.contains(['(', ')']) || licence.contains(" AND ") {
                false => {
                    let mut choices: Vec<&str> = licence.split(" OR ").collect();
                    choices.sort_unstable();
                    choices.join(" OR ")
                }
                true => licence.clone(),
            };
        let part = |licence: &String| match licence.contains(" OR ") {
            true => format!("({licence})"),
            false => licence.clone(),
        };
        match self.licences.as_slice() {
            [] => None,
            [one] => Some(ordered(one)),
            several => Some(several.iter().map(part).collect::<Vec<_>>().join(" AND ")),
        }
    }

    /// Its package URL, or its name and version.
    pub fn label(&self) -> String {
        match (&self.purl, &self.version) {
            (Some(purl), _) => purl.to_string(),
            (None, Some(version)) => format!("{}@{version}", self.name),
            (None, None) => self.name.clone(),
        }
    }
}

/// A component of the SBOM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its package URL, where it has one that can be read.
    pub purl: Option<Purl>,
    /// Its name, with its group or namespace.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its licences as SPDX expressions or as they are written; empty when unknown.
    pub licences: Vec<String>,
    /// `required`, `optional` or `excluded` (CycloneDX `scope`).
    pub scope: Option<String>,
    /// When it was released, if the SBOM or the version itself says so.
    pub released: Option<jiff::Timestamp>,
}

/// `from` depends on `to`, both places in [`Contents::packages`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// What needs something.
    pub from: usize,
    /// What it needs.
    pub to: usize,
}

/// The packages of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ecosystem {
    /// The package URL's type, such as `cargo`; `other` for packages without one.
    pub kind: String,
    /// How many.
    pub packages: usize,
}

/// The packages of one licence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenceGroup {
    /// The expression; `None` for packages whose licence is not known.
    pub licence: Option<String>,
    /// Places in [`Contents::packages`].
    pub packages: Vec<usize>,
}

/// One package in several versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twin {
    /// The package URL without its version.
    pub package: String,
    /// The versions, the earliest first.
    pub versions: Vec<String>,
}

/// Something inside of the artifact with a digest of its own, such as a WebAssembly
/// module in a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nested {
    /// Its name.
    pub name: String,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// How many packages lie below it.
    pub packages: usize,
}
