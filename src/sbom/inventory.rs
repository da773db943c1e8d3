//! What the collectors found: components, relations, and how complete they are.
//!
//! Pure: nothing here reads a file, a clock or the environment. The same
//! package seen by two sources is one component that carries both occurrences;
//! two that contradict each other stay two, and a note says so.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::SbomError;
use super::component::{Component, Scope};
use super::minimum;
use super::model::Aggregate;
use super::note::{Note, Reason};
use super::reference::Ref;
use crate::artifact::{Algorithm, Digest};

/// The most components of one inventory.
pub const MAX_COMPONENTS: usize = 200_000;
/// The most relations of one inventory.
pub const MAX_EDGES: usize = 2_000_000;

/// The longest name or version (CycloneDX 1.7, `version`: `maxLength`).
pub const MAX_NAME: usize = 1024;

/// Components and their relations, as collectors add them.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    pub(super) components: BTreeMap<Ref, Component>,
    pub(super) edges: BTreeSet<Edge>,
    pub(super) products: BTreeSet<Ref>,
    pub(super) dependencies: BTreeMap<Ref, Aggregate>,
    pub(super) parts: BTreeMap<Ref, Aggregate>,
    pub(super) notes: BTreeSet<Note>,
}

/// One relation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Who needs or contains.
    pub from: Ref,
    /// What is needed or contained.
    pub to: Ref,
    /// How.
    pub relation: Relation,
}

/// How one component needs another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// Needs it to run.
    Normal,
    /// Holds it: a binary its modules, an archive its files.
    Contains,
    /// Needs it only with a feature, an extra or on some platform.
    Optional,
    /// Needs it to be built.
    Build,
    /// Needs it to be developed or tested.
    Dev,
}

impl Relation {
    /// The best scope that a component gets through this relation
    /// (CycloneDX 1.7, `component.scope`: what is not there at run time is excluded).
    pub fn scope(self) -> Scope {
        match self {
            Relation::Normal | Relation::Contains => Scope::Required,
            Relation::Optional => Scope::Optional,
            Relation::Build | Relation::Dev => Scope::Excluded,
        }
    }
}

impl Inventory {
    /// Adds a component, or adds what it says to the one that is already there.
    /// Its identity is its package URL, else its SHA-256, else the name that it
    /// has already ([`Ref::element`]). The name that comes back is the one to
    /// draw relations with.
    pub fn add(&mut self, mut component: Component) -> Result<Ref, SbomError> {
        minimum::forget_gaps(&mut component);
        let plain = identity(&component)?;
        let id = match self.components.get(&plain) {
            Some(known) if !known.agrees_with(&component) => {
                let id = identity_by_hash(&component).unwrap_or_else(|| plain.clone());
                self.note(Note::new(plain.as_str(), Reason::Conflict));
                id
            }
            _ => plain,
        };
        let full = self.components.len() >= MAX_COMPONENTS;
        match self.components.entry(id.clone()) {
            Entry::Occupied(mut known) => known.get_mut().absorb(component),
            Entry::Vacant(_) if full => {
                return Err(SbomError::TooMany {
                    what: "components",
                    limit: MAX_COMPONENTS,
                });
            }
            Entry::Vacant(place) => {
                place.insert(component);
            }
        }
        Ok(id)
    }

    /// Says that this component is the product, or one of its programs.
    pub fn product(&mut self, id: &Ref) {
        self.products.insert(id.clone());
    }

    /// Draws a relation between two components that were added.
    pub fn relate(&mut self, from: &Ref, relation: Relation, to: &Ref) -> Result<(), SbomError> {
        for end in [from, to] {
            if !self.components.contains_key(end) {
                return Err(SbomError::Dangling(end.clone()));
            }
        }
        if self.edges.len() >= MAX_EDGES {
            return Err(SbomError::TooMany {
                what: "relations",
                limit: MAX_EDGES,
            });
        }
        if from != to {
            self.edges.insert(Edge {
                from: from.clone(),
                to: to.clone(),
                relation,
            });
        }
        Ok(())
    }

    /// Says how complete the direct dependencies of a component are; until
    /// somebody does, they are unknown. Of two sources the better one counts.
    pub fn know_dependencies(&mut self, id: &Ref, aggregate: Aggregate) {
        let known = self.dependencies.entry(id.clone()).or_insert(aggregate);
        *known = aggregate.min(*known);
    }

    /// Says how complete the parts of a component are.
    pub fn know_parts(&mut self, id: &Ref, aggregate: Aggregate) {
        let known = self.parts.entry(id.clone()).or_insert(aggregate);
        *known = aggregate.min(*known);
    }

    /// Tells what was skipped or is doubtful.
    pub fn note(&mut self, note: Note) {
        self.notes.insert(note);
    }

    /// A component by its name.
    pub fn get(&self, id: &Ref) -> Option<&Component> {
        self.components.get(id)
    }

    /// All components, sorted.
    pub fn components(&self) -> impl Iterator<Item = (&Ref, &Component)> {
        self.components.iter()
    }

    /// All relations, sorted.
    pub fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.edges.iter()
    }

    /// The product, or its programs.
    pub fn products(&self) -> impl Iterator<Item = &Ref> {
        self.products.iter()
    }

    /// What was skipped or is doubtful, sorted.
    pub fn notes(&self) -> impl Iterator<Item = &Note> {
        self.notes.iter()
    }
}

fn identity(component: &Component) -> Result<Ref, SbomError> {
    if component.name.is_empty() {
        return Err(SbomError::NoName);
    }
    let version = component.version.as_ref().map_or(0, String::len);
    let size = component.name.len().max(version);
    if size > MAX_NAME {
        return Err(SbomError::LongName { size });
    }
    match &component.purl {
        Some(purl) => Ok(Ref::package(purl)),
        None => component
            .hashes
            .iter()
            .filter(|hash| hash.alg == "SHA-256")
            .find_map(|hash| Digest::from_hex(Algorithm::Sha256, &hash.content).ok())
            .map(|digest| Ref::artifact(&digest))
            .or_else(|| component.bom_ref.clone())
            .ok_or_else(|| SbomError::NoIdentity(component.name.clone())),
    }
}

/// Tells two apart that claim one package URL, by purl's own `checksum`.
fn identity_by_hash(component: &Component) -> Option<Ref> {
    let purl = component.purl.clone()?;
    let hash = component.hashes.iter().min()?;
    let alg = hash.alg.to_ascii_lowercase().replace("sha-", "sha");
    let checksum = format!("{alg}:{}", hash.content);
    Some(Ref::package(&purl.with("checksum", &checksum)))
}

#[cfg(test)]
mod tests {
    use super::super::component::Hash;
    use super::super::evidence::{Occurrence, Technique};
    use super::*;
    use crate::purl::Purl;

    fn a(hash: Option<&[u8]>, location: &str) -> Component {
        let mut component = Component::package("a", Purl::cargo("a", "1.0.0").unwrap())
            .seen(Occurrence::at(location), Technique::ManifestAnalysis);
        component.hashes = hash
            .map(|bytes| Hash::from(&Digest::sha256(bytes)))
            .into_iter()
            .collect();
        component
    }

    #[test]
    fn two_sources_make_one_component_with_both_occurrences() {
        let mut inventory = Inventory::default();
        let first = inventory.add(a(None, "x/Cargo.lock")).unwrap();
        let second = inventory.add(a(Some(b"1"), "y/Cargo.lock")).unwrap();
        assert_eq!(first, second);
        let component = inventory.get(&first).unwrap();
        assert_eq!(component.hashes.len(), 1);
        let evidence = component.evidence.as_ref().unwrap();
        assert_eq!(evidence.occurrences.len(), 2);
        assert_eq!(evidence.identity.len(), 1);
        assert_eq!(inventory.notes().count(), 0);
    }

    #[test]
    fn one_name_with_two_digests_stays_two_components() {
        let mut inventory = Inventory::default();
        let first = inventory.add(a(Some(b"1"), "x")).unwrap();
        let second = inventory.add(a(Some(b"2"), "y")).unwrap();
        assert_ne!(first, second);
        assert!(
            second
                .as_str()
                .starts_with("pkg:cargo/a@1.0.0?checksum=sha256:")
        );
        assert_eq!(inventory.add(a(Some(b"2"), "z")).unwrap(), second);
        assert_eq!(inventory.add(a(None, "z")).unwrap(), first);
        let note = inventory.notes().next().unwrap();
        assert_eq!(note.reason, Reason::Conflict);
    }

    #[test]
    fn refuses_what_cannot_be_named_or_found() {
        let mut inventory = Inventory::default();
        let nameless = Component::default();
        assert!(matches!(inventory.add(nameless), Err(SbomError::NoName)));
        let unidentified = Component {
            name: "x".into(),
            ..Component::default()
        };
        assert!(matches!(
            inventory.add(unidentified),
            Err(SbomError::NoIdentity(_))
        ));
        let endless = Component::package("x", Purl::cargo("x", &"1".repeat(1025)).unwrap());
        assert!(matches!(
            inventory.add(endless),
            Err(SbomError::LongName { size: 1025 })
        ));
        let here = inventory.add(a(None, "x")).unwrap();
        let gone = Ref::artifact(&Digest::sha256(b"gone"));
        assert!(matches!(
            inventory.relate(&here, Relation::Normal, &gone),
            Err(SbomError::Dangling(_))
        ));
    }

    #[test]
    fn the_better_knowledge_counts() {
        let mut inventory = Inventory::default();
        let id = inventory.add(a(None, "x")).unwrap();
        inventory.know_dependencies(&id, Aggregate::Unknown);
        inventory.know_dependencies(&id, Aggregate::Complete);
        inventory.know_dependencies(&id, Aggregate::Incomplete);
        assert_eq!(inventory.dependencies[&id], Aggregate::Complete);
    }
}
