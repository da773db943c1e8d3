//! What a document of any format says, before it is in the inventory.

use std::collections::{BTreeMap, BTreeSet};

use super::super::SbomError;
use super::super::component::{Component, ExternalReference, Hash, ReferenceKind};
use super::super::evidence::{Occurrence, Technique};
use super::super::inventory::{Inventory, Relation};
use super::super::model::Aggregate;
use super::super::note::{Note, Reason};
use super::super::reference::Ref;
use crate::artifact::Digest;

/// A document, its components under the names that it gives them.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// How others point to it: a BOM-Link (CycloneDX) or a namespace (SPDX).
    pub link: Option<String>,
    /// Every component, each name once.
    pub elements: Vec<Element>,
    /// What it describes.
    pub roots: Vec<String>,
    /// Who needs or contains whom.
    pub relations: Vec<(String, Relation, String)>,
    /// How complete direct dependencies are.
    pub dependencies: Vec<(String, Aggregate)>,
    /// How complete parts are.
    pub parts: Vec<(String, Aggregate)>,
    /// Names of things that are no components, such as services.
    pub others: BTreeSet<String>,
    /// What the inventory has no place for, with how often it stands there.
    pub left_out: BTreeMap<String, usize>,
    /// What might be a part of the product and is not understood.
    pub not_understood: Vec<String>,
}

/// A component of a document.
#[derive(Clone, Debug)]
pub struct Element {
    /// Its name in the document.
    pub name: String,
    /// What is said of it.
    pub component: Component,
}

impl Document {
    /// Adds everything to an inventory; what it describes comes back. `place` is
    /// where the document lies, `digest` that of its bytes. With an `owner`, the
    /// document is its author's word about what is inside of it: the root is the
    /// owner, everything else its part.
    pub fn add_to(
        self,
        place: &str,
        digest: &Digest,
        owner: Option<&Ref>,
        inventory: &mut Inventory,
    ) -> Result<Vec<Ref>, SbomError> {
        let roots: BTreeSet<&str> = self.roots.iter().map(String::as_str).collect();
        let mut known: BTreeMap<&str, Ref> = BTreeMap::new();
        for Element { name, component } in &self.elements {
            let is_root = roots.contains(name.as_str());
            let id = match owner {
                Some(owner) if is_root => owner.clone(),
                _ => {
                    let mut component = seen(component.clone(), place);
                    component.bom_ref = Some(Ref::element(digest, name));
                    if is_root {
                        component.external_references.extend(self.reference(digest));
                    }
                    inventory.add(component)?
                }
            };
            known.insert(name, id);
        }
        let mut edges = BTreeSet::new();
        let mut dangling = 0;
        for (from, relation, to) in &self.relations {
            match (known.get(&**from), known.get(&**to)) {
                (Some(from), Some(to)) => {
                    edges.insert((from.clone(), *relation, to.clone()));
                }
                _ if self.others.contains(from) || self.others.contains(to) => {}
                _ => dangling += 1,
            }
        }
        if dangling > 0 {
            inventory.note(Note::new(place, Reason::Dangling { count: dangling }));
        }
        let roots: Vec<Ref> = self
            .roots
            .iter()
            .filter_map(|root| known.get(&**root).cloned())
            .collect();
        match owner {
            Some(owner) => own(owner, known.values(), &mut edges),
            None => self.tie(&roots, &known, &mut edges, place, inventory),
        }
        for (from, relation, to) in &edges {
            inventory.relate(from, *relation, to)?;
        }
        for (name, aggregate) in &self.dependencies {
            if let Some(id) = known.get(&**name).filter(|id| Some(*id) != owner) {
                inventory.know_dependencies(id, *aggregate);
            }
        }
        for (name, aggregate) in &self.parts {
            if let Some(id) = known.get(&**name).filter(|id| Some(*id) != owner) {
                inventory.know_parts(id, *aggregate);
            }
        }
        for (what, count) in &self.left_out {
            let what = format!("{what} ({count})");
            inventory.note(Note::new(place, Reason::LeftOut { what }));
        }
        for what in self.not_understood {
            inventory.note(Note::new(place, Reason::NotUnderstood { what }));
        }
        Ok(roots)
    }

    /// Where the document itself is to be found, for its root.
    fn reference(&self, digest: &Digest) -> Option<ExternalReference> {
        Some(ExternalReference {
            kind: ReferenceKind::Bom,
            url: self.link.clone()?,
            comment: None,
            hashes: vec![Hash::from(digest)],
        })
    }

    /// Ties to the root what it does not lead to: many tools list components
    /// and draw no edge from what they describe.
    fn tie(
        &self,
        roots: &[Ref],
        known: &BTreeMap<&str, Ref>,
        edges: &mut BTreeSet<(Ref, Relation, Ref)>,
        place: &str,
        inventory: &mut Inventory,
    ) {
        let [root] = roots else { return };
        let heads = unreached(root, known.values(), edges);
        if heads.is_empty() {
            return;
        }
        let scopes: BTreeMap<&Ref, Relation> = self
            .elements
            .iter()
            .filter_map(|element| {
                let relation = Relation::to(element.component.scope);
                Some((known.get(&*element.name)?, relation))
            })
            .collect();
        let count = heads.len();
        inventory.note(Note::new(place, Reason::Unrelated { count }));
        for head in heads {
            let relation = scopes.get(&head).copied().unwrap_or(Relation::Normal);
            edges.insert((root.clone(), relation, head));
        }
    }
}

impl Relation {
    /// The relation that gives a component the scope that a document states; an
    /// absent one means required (CycloneDX 1.7, `component.scope`).
    pub(super) fn to(scope: Option<super::super::component::Scope>) -> Self {
        use super::super::component::Scope;
        match scope {
            None | Some(Scope::Required) => Relation::Normal,
            Some(Scope::Optional) => Relation::Optional,
            Some(Scope::Excluded) => Relation::Build,
        }
    }
}

/// The document is where it was seen; how it was recognised, its author may
/// have said already.
fn seen(mut component: Component, place: &str) -> Component {
    let occurrence = Occurrence::at(place);
    match &mut component.evidence {
        Some(evidence) if !evidence.identity.is_empty() => {
            evidence.occurrences.push(occurrence);
            component
        }
        _ => component.seen(occurrence, Technique::ManifestAnalysis),
    }
}

/// Makes everything a part of the owner that is not a part of another part.
fn own<'a>(
    owner: &Ref,
    known: impl Iterator<Item = &'a Ref>,
    edges: &mut BTreeSet<(Ref, Relation, Ref)>,
) {
    edges.retain(|(from, _, to)| from != owner && to != owner);
    let nested: BTreeSet<Ref> = edges
        .iter()
        .filter(|(_, relation, _)| *relation == Relation::Contains)
        .map(|(_, _, to)| to.clone())
        .collect();
    for id in known.filter(|id| *id != owner && !nested.contains(*id)) {
        edges.insert((owner.clone(), Relation::Contains, id.clone()));
    }
}

/// The fewest components that lead to all which `root` does not lead to.
fn unreached<'a>(
    root: &Ref,
    known: impl Iterator<Item = &'a Ref>,
    edges: &BTreeSet<(Ref, Relation, Ref)>,
) -> Vec<Ref> {
    let mut next: BTreeMap<&Ref, Vec<&Ref>> = BTreeMap::new();
    let mut needed: BTreeSet<&Ref> = BTreeSet::new();
    for (from, _, to) in edges.iter().filter(|(from, _, to)| from != to) {
        next.entry(from).or_default().push(to);
        needed.insert(to);
    }
    let mut reached: BTreeSet<&Ref> = BTreeSet::new();
    let mut reach = |from| {
        let mut todo = vec![from];
        let mut new = false;
        while let Some(id) = todo.pop() {
            if reached.insert(id) {
                new = true;
                todo.extend(next.get(id).into_iter().flatten().copied());
            }
        }
        new
    };
    reach(root);
    // Heads first; what is left after them are rings, entered at their first name.
    let all: BTreeSet<&Ref> = known.collect();
    let (rings, heads): (Vec<&Ref>, Vec<&Ref>) =
        all.into_iter().partition(|id| needed.contains(id));
    let in_order = heads.into_iter().chain(rings);
    in_order.filter(|id| reach(id)).cloned().collect()
}
