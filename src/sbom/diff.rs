//! What is different between two documents, package by package.
//!
//! Pure. A package is its package URL without the version, and without the
//! qualifiers that say where it comes from: so another version, another digest
//! and another origin are changes of one package, not two packages.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::component::{Component, Scope};
use super::model::Bom;
use super::reference::Ref;
use crate::version;

/// The property that holds a Go module's hash, which is a digest of no file.
pub const GO_SUM: &str = "prov:go:h1";

/// All differences, sorted by package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Only in the second document.
    pub added: Vec<Package>,
    /// Only in the first.
    pub removed: Vec<Package>,
    /// In both, and not the same.
    pub changed: Vec<Change>,
    /// Who needs or contains whom, only in the second.
    pub relations_added: usize,
    /// Only in the first.
    pub relations_removed: usize,
}

/// A package of one document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Its purl type, or what kind of thing it is.
    pub ecosystem: String,
    /// Its name, with namespace or group.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its package URL.
    pub purl: Option<String>,
    /// Whether the product needs it.
    pub scope: Option<Scope>,
    /// Its licences, sorted.
    pub licenses: Vec<String>,
}

/// A package that is in both documents and not the same; of its facts only
/// those that differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Before.
    pub from: Package,
    /// After.
    pub to: Package,
    /// How the version moved.
    pub direction: Direction,
    /// Digests that contradict each other at one version.
    pub digests: Vec<DigestChange>,
    /// The licences are others.
    pub licenses: bool,
    /// The scope is another.
    pub scope: bool,
    /// The origin is another, at one version.
    pub origin: bool,
}

/// How a version moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// To a later one.
    Upgraded,
    /// To an earlier one.
    Downgraded,
    /// To one that is neither.
    Moved,
    /// Not at all.
    Same,
}

/// Two digests of what should be the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DigestChange {
    /// Of what: the place, or the algorithm.
    pub of: String,
    /// Before.
    pub from: String,
    /// After.
    pub to: String,
}

impl Diff {
    /// True when nothing is different.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Compares two documents. `whole` names the component that stands for
    /// several products: it is nothing of its own.
    pub fn between(from: &Bom, to: &Bom, whole: &str) -> Self {
        let (from, to) = (Side::of(from, whole), Side::of(to, whole));
        let mut diff = Self::default();
        let keys: BTreeSet<&Key> = from.packages.keys().chain(to.packages.keys()).collect();
        for key in keys {
            diff.packages(key, from.versions(key), to.versions(key));
        }
        diff.relations_added = to.relations.difference(&from.relations).count();
        diff.relations_removed = from.relations.difference(&to.relations).count();
        diff.added.sort_unstable();
        diff.removed.sort_unstable();
        diff.changed
            .sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
        diff
    }

    /// Compares all versions of one package: first those that are in both, then
    /// those of one compatible line, then the rest in order.
    fn packages<'a>(
        &mut self,
        key: &Key,
        mut from: Vec<&'a Component>,
        mut to: Vec<&'a Component>,
    ) {
        let order = |a: &&Component, b: &&Component| {
            version::compare(&key.ecosystem, version_of(a), version_of(b))
                .then_with(|| a.bom_ref.cmp(&b.bom_ref))
        };
        from.sort_by(order);
        to.sort_by(order);
        let mut pairs = take_pairs(&mut from, &mut to, |a| a.bom_ref.clone());
        pairs.extend(take_pairs(&mut from, &mut to, |a| version_of(a).to_owned()));
        pairs.extend(take_pairs(&mut from, &mut to, |a| {
            version::line(version_of(a))
        }));
        pairs.extend(take_pairs(&mut from, &mut to, |_| ()));
        let changes = pairs.into_iter().map(|(a, b)| Change::between(key, a, b));
        self.changed.extend(changes.flatten());
        self.removed
            .extend(from.into_iter().map(|each| key.package(each)));
        self.added
            .extend(to.into_iter().map(|each| key.package(each)));
    }
}

impl Change {
    /// None when nothing is different.
    fn between(key: &Key, a: &Component, b: &Component) -> Option<Self> {
        let (from, to) = (key.package(a), key.package(b));
        let direction = match (&from.version, &to.version) {
            (old, new) if old == new => Direction::Same,
            (Some(old), Some(new)) => match version::compare(&key.ecosystem, old, new) {
                Ordering::Less => Direction::Upgraded,
                Ordering::Greater => Direction::Downgraded,
                Ordering::Equal => Direction::Moved,
            },
            _ => Direction::Moved,
        };
        let same = direction == Direction::Same;
        let change = Self {
            digests: match same {
                true => digest_changes(a, b),
                false => Vec::new(),
            },
            licenses: from.licenses != to.licenses,
            scope: from.scope != to.scope,
            origin: same && origin(a) != origin(b),
            direction,
            from,
            to,
        };
        let differs =
            !same || !change.digests.is_empty() || change.licenses || change.scope || change.origin;
        differs.then_some(change)
    }
}

/// What a package is, whatever its version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    ecosystem: String,
    name: String,
    subpath: Option<String>,
}

impl Key {
    fn of(component: &Component) -> Self {
        match &component.purl {
            Some(purl) => Self {
                ecosystem: purl.kind().to_owned(),
                name: match purl.namespace() {
                    Some(namespace) => format!("{namespace}/{}", purl.name()),
                    None => purl.name().to_owned(),
                },
                subpath: purl.subpath().map(str::to_owned),
            },
            None => Self {
                ecosystem: serde_json::to_value(component.kind)
                    .ok()
                    .and_then(|kind| kind.as_str().map(str::to_owned))
                    .unwrap_or_default(),
                name: match &component.group {
                    Some(group) => format!("{group}/{}", component.name),
                    None => component.name.clone(),
                },
                subpath: None,
            },
        }
    }

    fn package(&self, component: &Component) -> Package {
        let licenses: BTreeSet<String> =
            component.licenses.iter().map(ToString::to_string).collect();
        Package {
            ecosystem: self.ecosystem.clone(),
            name: match &self.subpath {
                Some(subpath) => format!("{}#{subpath}", self.name),
                None => self.name.clone(),
            },
            version: component.version.clone(),
            purl: component.purl.as_ref().map(ToString::to_string),
            scope: component.scope,
            licenses: licenses.into_iter().collect(),
        }
    }
}

/// One document: its packages, and who needs whom.
#[derive(Default)]
struct Side<'a> {
    packages: BTreeMap<Key, Vec<&'a Component>>,
    relations: BTreeSet<(Key, Key)>,
}

impl<'a> Side<'a> {
    fn of(bom: &'a Bom, whole: &str) -> Self {
        let mut side = Self::default();
        let mut keys: BTreeMap<&Ref, Key> = BTreeMap::new();
        let mut todo: Vec<&Component> = bom.metadata.component.iter().collect();
        todo.retain(|root| !is_whole(root, whole));
        todo.extend(&bom.components);
        while let Some(component) = todo.pop() {
            todo.extend(&component.components);
            let key = Key::of(component);
            keys.extend(component.bom_ref.as_ref().map(|id| (id, key.clone())));
            side.packages.entry(key).or_default().push(component);
        }
        for each in &bom.dependencies {
            let Some(from) = keys.get(&each.reference) else {
                continue;
            };
            let needs = each.depends_on.iter().filter_map(|to| keys.get(to));
            let relations = needs.map(|to| (from.clone(), to.clone()));
            side.relations.extend(relations);
        }
        side
    }
}

impl<'a> Side<'a> {
    fn versions(&self, key: &Key) -> Vec<&'a Component> {
        self.packages.get(key).cloned().unwrap_or_default()
    }
}

fn is_whole(root: &Component, whole: &str) -> bool {
    let purl = root.purl.as_ref();
    purl.is_some_and(|purl| purl.kind() == "generic" && purl.name() == whole)
}

fn version_of(component: &Component) -> &str {
    component.version.as_deref().unwrap_or_default()
}

/// Takes out of both lists, in their order, the pairs that have the same mark.
fn take_pairs<'a, M: Ord>(
    from: &mut Vec<&'a Component>,
    to: &mut Vec<&'a Component>,
    mark: impl Fn(&Component) -> M,
) -> Vec<(&'a Component, &'a Component)> {
    let mut waiting: BTreeMap<M, Vec<usize>> = BTreeMap::new();
    for (index, each) in to.iter().enumerate().rev() {
        waiting.entry(mark(each)).or_default().push(index);
    }
    let mut pairs = Vec::new();
    let mut taken = BTreeSet::new();
    from.retain(|each| {
        let index = waiting.get_mut(&mark(each)).and_then(Vec::pop);
        let other = index.and_then(|index| to.get(index));
        pairs.extend(other.map(|other| (*each, *other)));
        taken.extend(index);
        other.is_none()
    });
    let mut index = 0..;
    to.retain(|_| index.next().is_none_or(|index| !taken.contains(&index)));
    pairs
}

/// Digests of the same thing by the same algorithm that are not the same.
fn digest_changes(a: &Component, b: &Component) -> Vec<DigestChange> {
    let (a, b) = (digests(a), digests(b));
    a.into_iter()
        .filter_map(|(of, from)| {
            let to = b.get(&of)?;
            // Of two sources that gave two digests, one may have been right.
            from.is_disjoint(to).then(|| DigestChange {
                of,
                from: from.into_iter().collect::<Vec<_>>().join(", "),
                to: to.iter().cloned().collect::<Vec<_>>().join(", "),
            })
        })
        .collect()
}

fn digests(component: &Component) -> BTreeMap<String, BTreeSet<String>> {
    let mut digests: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |of: String, content: &str| {
        digests.entry(of).or_default().insert(content.to_owned());
    };
    // One that a file of the package has too is that file's.
    let references = &component.external_references;
    let of_a_file = |hash| references.iter().any(|each| each.hashes.contains(hash));
    for hash in component.hashes.iter().filter(|hash| !of_a_file(*hash)) {
        add(hash.alg.clone(), &hash.content);
    }
    for reference in &component.external_references {
        // Another document about it may change as it likes.
        if reference.kind != super::component::ReferenceKind::Bom {
            for hash in &reference.hashes {
                add(format!("{} of {}", hash.alg, reference.url), &hash.content);
            }
        }
    }
    for property in component
        .properties
        .iter()
        .filter(|each| each.name == GO_SUM)
    {
        add("h1".to_owned(), &property.value);
    }
    digests
}

/// Where it comes from, by the qualifiers of its package URL.
fn origin(component: &Component) -> Vec<Option<&str>> {
    let purl = component.purl.as_ref();
    let keys = ["repository_url", "vcs_url", "download_url"];
    keys.into_iter()
        .map(|key| purl.and_then(|purl| purl.qualifier(key)))
        .collect()
}

#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
