//! CycloneDX documents (1.3 to 1.7, JSON), as far as [`Contents`] needs them.
//!
//! Several documents are taken together: a package that two of them list is one.
//! SPDX documents are turned into CycloneDX first.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::contents::{Contents, Edge, Nested, Package};
use crate::artifact::{Artifact, Digest};
use crate::purl::Purl;
use crate::sbom::diff::GO_SUM;
use crate::sbom::{self, Inventory, Settings, import};

/// The most components that are looked at, in all documents together.
pub const MAX_COMPONENTS: usize = 200_000;

/// Why a document can't be taken into account.
#[derive(Debug, thiserror::Error)]
pub enum ContentsError {
    /// It is no CycloneDX document.
    #[error("it is no CycloneDX document")]
    Format,
    /// A field has another shape.
    #[error("{0}")]
    Shape(String),
    /// More components than are looked at.
    #[error("more than {MAX_COMPONENTS} components")]
    TooMany,
    /// An SPDX document that can't be read.
    #[error("the SPDX document can't be read: {0}")]
    Spdx(Box<dyn std::error::Error + Send + Sync>),
}

/// Takes documents together.
#[derive(Default)]
pub(super) struct Reader {
    items: Vec<Item>,
    by_key: HashMap<String, usize>,
    edges: BTreeSet<Edge>,
    direct: BTreeSet<usize>,
    about_artifact: Option<bool>,
    artifact: Option<Purl>,
}

/// A package, and what is only counted of it.
struct Item {
    key: String,
    package: Package,
    /// Of what is a file by itself.
    sha256: Option<String>,
    hashed: bool,
    supplied: bool,
}

/// A place in a document's graph.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    Root,
    Item(usize),
}

impl Reader {
    /// Adds a CycloneDX document that is attached to `artifact`.
    pub(super) fn add(
        &mut self,
        document: &Value,
        artifact: &Artifact,
    ) -> Result<(), ContentsError> {
        if document.get("bomFormat").and_then(Value::as_str) != Some("CycloneDX") {
            return Err(ContentsError::Format);
        }
        let mut names: HashMap<&str, Node> = HashMap::new();
        // What stands at the top lies in nothing: the graph says who needs it.
        let mut open: Vec<(Option<Node>, &Value)> = Vec::new();
        open.extend(
            list(document, "components")?
                .iter()
                .map(|each| (None, each)),
        );
        if let Some(root) = document
            .pointer("/metadata/component")
            .filter(|it| !it.is_null())
        {
            self.look_at_root(root, artifact);
            let purl = text(root, "purl")?.and_then(|purl| purl.parse().ok());
            self.artifact = self.artifact.take().or(purl);
            names.extend(text(root, "bom-ref")?.map(|name| (name, Node::Root)));
            let parts = list(root, "components")?.iter();
            open.extend(parts.map(|part| (Some(Node::Root), part)));
        }
        while let Some((parent, value)) = open.pop() {
            let node = Node::Item(self.item(value)?);
            names.extend(text(value, "bom-ref")?.map(|name| (name, node)));
            if let Some(parent) = parent {
                self.relate(parent, node);
            }
            let parts = list(value, "components")?.iter();
            open.extend(parts.map(|part| (Some(node), part)));
        }
        for entry in list(document, "dependencies")? {
            let Some(from) = text(entry, "ref")?.and_then(|name| names.get(name)) else {
                continue;
            };
            for to in list(entry, "dependsOn")? {
                if let Some(to) = to.as_str().and_then(|name| names.get(name)) {
                    self.relate(*from, *to);
                }
            }
        }
        Ok(())
    }

    /// The same of an SPDX document.
    pub(super) fn add_spdx(
        &mut self,
        document: &Value,
        artifact: &Artifact,
    ) -> Result<(), ContentsError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| ContentsError::Spdx(error);
        let read = import::spdx::read(document).map_err(|error| failed(error.into()))?;
        let mut inventory = Inventory::default();
        let digest = Digest::sha256(document.to_string().as_bytes());
        let roots = read
            .add_to("spdx", &digest, None, &mut inventory)
            .map_err(|error| failed(error.into()))?;
        roots.iter().for_each(|root| inventory.product(root));
        let settings = Settings {
            name: artifact.name().to_owned(),
            ..Settings::default()
        };
        let made = sbom::document(inventory, &settings).map_err(|error| failed(error.into()))?;
        let value = serde_json::to_value(&made.bom).map_err(|error| failed(error.into()))?;
        self.add(&value, artifact)
    }

    /// All of them together.
    pub(super) fn finish(mut self) -> Contents {
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        order.sort_by(|a, b| self.items[*a].key.cmp(&self.items[*b].key));
        let mut place = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            place[*old] = new;
        }
        self.items.sort_by(|a, b| a.key.cmp(&b.key));
        let mut edges: Vec<Edge> = self
            .edges
            .into_iter()
            .map(|edge| Edge {
                from: place[edge.from],
                to: place[edge.to],
            })
            .collect();
        edges.sort_unstable();
        let mut direct: Vec<usize> = self.direct.into_iter().map(|old| place[old]).collect();
        direct.sort_unstable();
        let count =
            |wanted: fn(&Item) -> bool| self.items.iter().filter(|item| wanted(item)).count();
        let mut contents = Contents {
            about_artifact: self.about_artifact,
            artifact: self.artifact,
            with_purl: count(|item| item.package.purl.is_some()),
            with_hash: count(|item| item.hashed),
            with_licence: count(|item| !item.package.licences.is_empty()),
            with_supplier: count(|item| item.supplied),
            nested: nested(&self.items, &edges),
            edges,
            direct,
            packages: self.items.into_iter().map(|item| item.package).collect(),
            ..Contents::default()
        };
        contents.summarize();
        contents
    }

    fn look_at_root(&mut self, root: &Value, artifact: &Artifact) {
        let hashes = root.get("hashes").and_then(Value::as_array);
        let named = |algorithm: &str| {
            let content = hashes?.iter().find(|hash| hash["alg"] == algorithm)?;
            content["content"].as_str()
        };
        let same = artifact.digests().find_map(|digest| {
            let algorithm = match digest.algorithm().name() {
                "sha512" => "SHA-512",
                _ => "SHA-256",
            };
            named(algorithm).map(|hex| hex.eq_ignore_ascii_case(&digest.hex()))
        });
        // One document that is about something else is enough to doubt all.
        self.about_artifact = match (self.about_artifact, same) {
            (Some(before), Some(now)) => Some(before && now),
            (before, now) => before.or(now),
        };
    }

    fn item(&mut self, value: &Value) -> Result<usize, ContentsError> {
        let item = item(value)?;
        if let Some(&index) = self.by_key.get(&item.key) {
            self.items[index].merge(item);
            return Ok(index);
        }
        if self.items.len() >= MAX_COMPONENTS {
            return Err(ContentsError::TooMany);
        }
        let index = self.items.len();
        self.by_key.insert(item.key.clone(), index);
        self.items.push(item);
        Ok(index)
    }

    fn relate(&mut self, from: Node, to: Node) {
        match (from, to) {
            (Node::Root, Node::Item(to)) => {
                self.direct.insert(to);
            }
            (Node::Item(from), Node::Item(to)) if from != to => {
                self.edges.insert(Edge { from, to });
            }
            _ => {}
        }
    }
}

impl Item {
    /// The same package in another document: what this one does not know.
    fn merge(&mut self, other: Self) {
        let (mine, theirs) = (&mut self.package, other.package);
        for licence in theirs.licences {
            if !mine.licences.contains(&licence) {
                mine.licences.push(licence);
            }
        }
        mine.version = mine.version.take().or(theirs.version);
        mine.scope = mine.scope.take().or(theirs.scope);
        mine.released = mine.released.or(theirs.released);
        self.sha256 = self.sha256.take().or(other.sha256);
        self.hashed |= other.hashed;
        self.supplied |= other.supplied;
    }
}

fn item(value: &Value) -> Result<Item, ContentsError> {
    let name = text(value, "name")?.ok_or_else(|| shape("a component has no name"))?;
    let name = match text(value, "group")? {
        Some(group) => format!("{group}/{name}"),
        None => name.to_owned(),
    };
    let version = text(value, "version")?.map(str::to_owned);
    let purl = text(value, "purl")?.and_then(|purl| purl.parse::<Purl>().ok());
    let sha256 = sha256(value)?;
    let key = match (&purl, &sha256) {
        (Some(purl), _) => purl.to_string(),
        // After every package URL, for `pkg:` sorts before a tilde.
        (None, Some(sha256)) => format!(
            "~{name} {} {sha256}",
            version.as_deref().unwrap_or_default()
        ),
        (None, None) => format!("~{name} {}", version.as_deref().unwrap_or_default()),
    };
    let is_file = matches!(
        value.get("type").and_then(Value::as_str),
        Some("file" | "application" | "container" | "firmware" | "platform" | "operating-system")
    );
    let external = list(value, "externalReferences")?;
    let hashed = !list(value, "hashes")?.is_empty()
        || external.iter().any(|each| each.get("hashes").is_some())
        || list(value, "properties")?
            .iter()
            .any(|each| each["name"] == GO_SUM);
    let supplied = ["supplier", "manufacturer", "publisher", "author", "authors"]
        .iter()
        .any(|key| value.get(key).is_some_and(|it| !it.is_null()));
    let released = value
        .pointer("/releaseNotes/timestamp")
        .and_then(Value::as_str)
        .and_then(|time| time.parse().ok())
        .or_else(|| version.as_deref().and_then(pseudo_version));
    Ok(Item {
        key,
        sha256: sha256.filter(|_| is_file),
        hashed,
        supplied,
        package: Package {
            licences: licences(value)?,
            scope: text(value, "scope")?.map(str::to_owned),
            purl,
            name,
            version,
            released,
        },
    })
}

fn sha256(value: &Value) -> Result<Option<String>, ContentsError> {
    let hashes = list(value, "hashes")?;
    let found = hashes.iter().find(|hash| hash["alg"] == "SHA-256");
    let content = found.and_then(|hash| hash["content"].as_str());
    let is_one = |hex: &&str| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(content.filter(is_one).map(str::to_ascii_lowercase))
}

/// What was declared, and what was found in the files: both apply. That nobody knows
/// is no licence.
fn licences(value: &Value) -> Result<Vec<String>, ContentsError> {
    let mut licences = Vec::new();
    let evidence = value.get("evidence").unwrap_or(&Value::Null);
    for choice in list(value, "licenses")?
        .iter()
        .chain(list(evidence, "licenses")?)
    {
        let licence = ["/expression", "/license/id", "/license/name"]
            .iter()
            .find_map(|pointer| choice.pointer(pointer)?.as_str());
        if let Some(licence) = licence
            && !["", "NOASSERTION", "NONE", "UNKNOWN"].contains(&licence)
            && !licences.iter().any(|each| each == licence)
        {
            licences.push(licence.to_owned());
        }
    }
    Ok(licences)
}

/// The time in a Go pseudo-version, such as `v0.0.0-20240131120000-abcdef012345`
/// (Go modules reference, "Pseudo-versions").
fn pseudo_version(version: &str) -> Option<jiff::Timestamp> {
    let version = version.split('+').next()?;
    let (rest, revision) = version.rsplit_once('-')?;
    let time = rest.rsplit(['-', '.']).next()?;
    let digits =
        |text: &str, length| text.len() == length && text.bytes().all(|it| it.is_ascii_digit());
    let is_revision = revision.len() == 12 && revision.bytes().all(|it| it.is_ascii_hexdigit());
    if !version.starts_with('v') || !is_revision || !digits(time, 14) {
        return None;
    }
    let (date, clock) = time.split_at(8);
    format!(
        "{}-{}-{}T{}:{}:{}Z",
        &date[..4],
        &date[4..6],
        &date[6..],
        &clock[..2],
        &clock[2..4],
        &clock[4..]
    )
    .parse()
    .ok()
}

/// What is a file of its own inside of the artifact, and how much lies below it.
fn nested(items: &[Item], edges: &[Edge]) -> Vec<Nested> {
    let mut below: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for edge in edges {
        below.entry(edge.from).or_default().push(edge.to);
    }
    let files = items.iter().enumerate().filter_map(|(index, item)| {
        let sha256 = item.sha256.clone()?;
        let mut reached = BTreeSet::from([index]);
        let mut todo = vec![index];
        while let Some(from) = todo.pop() {
            for to in below.get(&from).into_iter().flatten() {
                if reached.insert(*to) {
                    todo.push(*to);
                }
            }
        }
        Some(Nested {
            name: item.package.name.clone(),
            sha256,
            packages: reached.len() - 1,
        })
    });
    // The walk is as long as the graph, so only so many are taken.
    files.take(MAX_NESTED).collect()
}

/// The most nested files that are told.
const MAX_NESTED: usize = 100;

fn shape(why: impl Into<String>) -> ContentsError {
    ContentsError::Shape(why.into())
}

fn text<'a>(value: &'a Value, key: &str) -> Result<Option<&'a str>, ContentsError> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(shape(format!("a `{key}` is no string"))),
    }
}

fn list<'a>(parent: &'a Value, key: &str) -> Result<&'a [Value], ContentsError> {
    match parent.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(shape(format!("a `{key}` is no list"))),
    }
}

#[cfg(test)]
#[path = "cyclonedx_tests.rs"]
mod tests;
