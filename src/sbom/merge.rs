//! From an inventory to one CycloneDX document.
//!
//! Pure and deterministic: the same inventory and settings give the same
//! bytes. In the document every reference resolves and everything is reachable
//! from the root.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde::Serialize;
use sha1::{Digest as _, Sha1};

use super::SbomError;
use super::component::{Component, Contact, Kind, Organization, Property, Scope};
use super::inventory::{Edge, Inventory, Relation};
use super::minimum;
use super::model::{Aggregate, Bom, Composition, Dependency, Metadata, Phase, SPEC_VERSION, Tools};
use super::note::{Note, Reason};
use super::reference::Ref;
use super::settle;
use crate::purl::Purl;

/// How deep parts are nested in each other; deeper ones stand at the top.
const MAX_NESTING: usize = 16;

/// What the caller knows and no collector can.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What the document is about, when the caller knows it: a component of the
    /// inventory. The products are what it was made of.
    pub root: Option<Ref>,
    /// The name of the whole, used when there is not exactly one product.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Seconds since the epoch: `SOURCE_DATE_EPOCH` or the commit's time.
    pub timestamp: Option<i64>,
    /// A phase of the product's life that the facts were taken in, besides
    /// those that the components themselves show.
    pub phase: Option<Phase>,
    /// Who makes the document, as people.
    pub authors: Vec<Contact>,
    /// Who makes the document, as an organisation.
    pub manufacturer: Option<Organization>,
    /// Who supplies the product; without it, the product's own producer.
    pub supplier: Option<Organization>,
    /// Whoever makes the document concludes that the licences that are declared
    /// are those that hold.
    pub conclude_licenses: bool,
    /// Properties of the document.
    pub properties: Vec<Property>,
}

/// A document, and what its reader should know.
#[derive(Clone, Debug)]
pub struct Sbom {
    /// The document.
    pub bom: Bom,
    /// What was skipped or is doubtful, sorted.
    pub notes: Vec<Note>,
}

/// Makes the document of everything in `inventory`.
pub fn document(mut inventory: Inventory, settings: &Settings) -> Result<Sbom, SbomError> {
    settle::go_versions(&mut inventory)?;
    let lifecycles = minimum::lifecycles(inventory.components.values(), settings.phase);
    let root = root(&mut inventory, settings)?;
    adopt_orphans(&mut inventory, &root)?;
    let scopes = scopes(&inventory, &root);
    let own = minimum::own(&inventory, &root);
    let supplier = minimum::complete(&mut inventory.components, &own, settings);
    for (id, component) in &mut inventory.components {
        component.sort();
        component.bom_ref = Some(id.clone());
        component.scope = scopes.get(id).copied().filter(|_| *id != root);
    }
    let dependencies = dependencies(&inventory);
    let compositions = compositions(&inventory);
    let parents = containers(&inventory.edges, &root);
    let (component, components) = nest(inventory.components, &parents, &root);
    let mut metadata = Metadata {
        timestamp: settings.timestamp.map(rfc3339).transpose()?,
        lifecycles,
        tools: Tools {
            components: vec![prov()?],
        },
        manufacturer: settings.manufacturer.clone(),
        authors: settings.authors.clone(),
        component,
        supplier,
        properties: settings.properties.clone(),
    };
    minimum::name_document_gaps(&mut metadata);
    let mut bom = Bom {
        schema: format!("http://cyclonedx.org/schema/bom-{SPEC_VERSION}.schema.json"),
        bom_format: "CycloneDX".to_owned(),
        spec_version: SPEC_VERSION.to_owned(),
        serial_number: None,
        version: 1,
        metadata,
        components,
        dependencies,
        compositions,
    };
    bom.serial_number = Some(serial_number(&bom)?);
    Ok(Sbom {
        bom,
        notes: inventory.notes.into_iter().collect(),
    })
}

impl Bom {
    /// The document as indented JSON with a newline at its end.
    pub fn to_json(&self) -> Result<Vec<u8>, SbomError> {
        let mut json =
            serde_json::to_vec_pretty(self).map_err(|error| SbomError::Write(error.into()))?;
        json.push(b'\n');
        Ok(json)
    }
}

/// What the caller says, the one product, or a component that stands for all of them.
fn root(inventory: &mut Inventory, settings: &Settings) -> Result<Ref, SbomError> {
    let products = heads(inventory);
    if let Some(root) = &settings.root {
        for product in &products {
            inventory.relate(root, Relation::Normal, product)?;
        }
        return Ok(root.clone());
    }
    match products.as_slice() {
        [only] => Ok(only.clone()),
        _ => {
            let version = settings.version.as_deref().unwrap_or_default();
            let purl = Purl::generic(&settings.name, version).map_err(SbomError::purl("--name"))?;
            let whole = Component::package(&settings.name, purl).of_kind(Kind::Application);
            let root = inventory.add(whole)?;
            for product in &products {
                inventory.relate(&root, Relation::Normal, product)?;
            }
            inventory.know_dependencies(&root, Aggregate::Complete);
            Ok(root)
        }
    }
}

/// The products that no other product carries inside of it.
fn heads(inventory: &Inventory) -> Vec<Ref> {
    let parts = neighbours(&inventory.edges, |relation| relation == Relation::Contains);
    let mut carried = BTreeSet::new();
    for product in &inventory.products {
        // In a ring the first one carries the others.
        if !carried.contains(product) {
            let mut inside = BTreeSet::new();
            reach(&parts, [product.clone()], &mut inside);
            inside.remove(product);
            carried.extend(inside);
        }
    }
    inventory.products.difference(&carried).cloned().collect()
}

/// Makes the root depend on whatever nothing leads to. Where no product is
/// known, that is simply the list of what was found.
fn adopt_orphans(inventory: &mut Inventory, root: &Ref) -> Result<(), SbomError> {
    let no_product = inventory.products.is_empty();
    let neighbours = neighbours(&inventory.edges, |_| true);
    let mut reached = BTreeSet::new();
    reach(&neighbours, [root.clone()], &mut reached);
    let needed: BTreeSet<&Ref> = inventory
        .edges
        .iter()
        .filter(|edge| !reached.contains(&edge.from))
        .map(|edge| &edge.to)
        .collect();
    // Heads first; what is left after them are rings, entered at their first name.
    let (rings, heads): (Vec<&Ref>, Vec<&Ref>) = inventory
        .components
        .keys()
        .filter(|id| !reached.contains(*id))
        .partition(|id| needed.contains(id));
    let mut orphans = Vec::new();
    for id in heads.into_iter().chain(rings) {
        if !reached.contains(id) {
            reach(&neighbours, [id.clone()], &mut reached);
            orphans.push(id.clone());
        }
    }
    for orphan in orphans {
        let relation = match no_product {
            true => Relation::Normal,
            false => {
                inventory.note(Note::new(orphan.as_str(), Reason::Orphan));
                Relation::Optional
            }
        };
        inventory.relate(root, relation, &orphan)?;
    }
    Ok(())
}

type Neighbours<'a> = BTreeMap<&'a Ref, Vec<&'a Ref>>;

fn neighbours(edges: &BTreeSet<Edge>, wanted: impl Fn(Relation) -> bool) -> Neighbours<'_> {
    let mut neighbours = Neighbours::new();
    for edge in edges.iter().filter(|edge| wanted(edge.relation)) {
        neighbours.entry(&edge.from).or_default().push(&edge.to);
    }
    neighbours
}

/// Adds to `reached` all that `from` leads to.
fn reach(
    neighbours: &Neighbours<'_>,
    from: impl IntoIterator<Item = Ref>,
    reached: &mut BTreeSet<Ref>,
) {
    let mut todo: Vec<Ref> = from.into_iter().collect();
    reached.extend(todo.iter().cloned());
    while let Some(id) = todo.pop() {
        for next in neighbours.get(&id).into_iter().flatten() {
            if reached.insert((*next).clone()) {
                todo.push((*next).clone());
            }
        }
    }
}

/// A path is worth its worst relation, a component its best path.
fn scopes(inventory: &Inventory, root: &Ref) -> BTreeMap<Ref, Scope> {
    let mut scopes = BTreeMap::new();
    let mut reached = BTreeSet::from([root.clone()]);
    for scope in [Scope::Required, Scope::Optional, Scope::Excluded] {
        let neighbours = neighbours(&inventory.edges, |relation| relation.scope() <= scope);
        reach(&neighbours, reached.clone(), &mut reached);
        for id in &reached {
            scopes.entry(id.clone()).or_insert(scope);
        }
    }
    scopes
}

/// The graph. A component without an entry has unknown dependencies, an empty
/// entry has none (CycloneDX 1.7, `dependencies`).
fn dependencies(inventory: &Inventory) -> Vec<Dependency> {
    let all = neighbours(&inventory.edges, |_| true);
    inventory
        .components
        .keys()
        .filter(|id| {
            all.contains_key(id) || inventory.dependencies.get(id) == Some(&Aggregate::Complete)
        })
        .map(|id| {
            let mut depends_on: Vec<Ref> = all
                .get(id)
                .into_iter()
                .flatten()
                .map(|to| (*to).clone())
                .collect();
            depends_on.dedup();
            Dependency {
                reference: id.clone(),
                depends_on,
            }
        })
        .collect()
}

fn compositions(inventory: &Inventory) -> Vec<Composition> {
    let mut by_aggregate: BTreeMap<Aggregate, (Vec<Ref>, Vec<Ref>)> = BTreeMap::new();
    for (id, aggregate) in &inventory.parts {
        by_aggregate
            .entry(*aggregate)
            .or_default()
            .0
            .push(id.clone());
    }
    for id in inventory.components.keys() {
        let aggregate = inventory
            .dependencies
            .get(id)
            .copied()
            .unwrap_or(Aggregate::Unknown);
        by_aggregate
            .entry(aggregate)
            .or_default()
            .1
            .push(id.clone());
    }
    by_aggregate
        .into_iter()
        .map(|(aggregate, (assemblies, dependencies))| Composition {
            aggregate,
            assemblies,
            dependencies,
        })
        .collect()
}

/// In which component each part is nested: in its only container. What lies in
/// two, in the root or in a ring of containers stands at the top.
fn containers(edges: &BTreeSet<Edge>, root: &Ref) -> BTreeMap<Ref, Ref> {
    let mut containers: BTreeMap<&Ref, Vec<&Ref>> = BTreeMap::new();
    for edge in edges
        .iter()
        .filter(|edge| edge.relation == Relation::Contains)
    {
        containers.entry(&edge.to).or_default().push(&edge.from);
    }
    let only = |id: &Ref| match containers.get(id).map(Vec::as_slice) {
        Some([one]) if *one != root && id != root => Some(*one),
        _ => None,
    };
    containers
        .keys()
        .filter_map(|id| {
            let parent = only(id)?;
            let steps = std::iter::successors(Some(parent), |id| only(id));
            (steps.take(MAX_NESTING).count() < MAX_NESTING).then(|| ((*id).clone(), parent.clone()))
        })
        .collect()
}

/// Takes the root out and puts parts into their containers. The root itself
/// holds none: some readers lose what is nested in `metadata.component`.
fn nest(
    mut components: BTreeMap<Ref, Component>,
    parents: &BTreeMap<Ref, Ref>,
    root: &Ref,
) -> (Option<Component>, Vec<Component>) {
    let depth = |id: &Ref| std::iter::successors(parents.get(id), |id| parents.get(*id)).count();
    let mut parts: Vec<(usize, &Ref)> = parents.keys().map(|id| (depth(id), id)).collect();
    // The deepest first: a part is whole before it moves into its container.
    parts.sort_unstable_by_key(|(depth, id)| (Reverse(*depth), *id));
    for (_, id) in parts {
        if let Some(part) = components.remove(id)
            && let Some(parent) = parents.get(id).and_then(|id| components.get_mut(id))
        {
            parent.components.push(part);
        }
    }
    let root = components.remove(root);
    (root, components.into_values().collect())
}

fn prov() -> Result<Component, SbomError> {
    let version = env!("CARGO_PKG_VERSION");
    let purl = Purl::cargo("prov", version).map_err(SbomError::purl("prov"))?;
    let mut prov = Component::package("prov", purl);
    minimum::describe_prov(&mut prov);
    Ok(prov)
}

fn rfc3339(seconds: i64) -> Result<String, SbomError> {
    jiff::Timestamp::from_second(seconds)
        .map(|time| time.to_string())
        .map_err(|_| SbomError::Time(seconds))
}

/// RFC 9562 §6.6: the namespace of names that are URLs.
const NAMESPACE_URL: [u8; 16] = [
    0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8,
];

/// A UUIDv5 (RFC 9562 §5.5) of the document: another content, another number.
/// SHA-1 only makes a name here; nothing is believed because of it.
pub(super) fn serial_number(bom: &impl Serialize) -> Result<String, SbomError> {
    let mut sink = Hasher(Sha1::new());
    sink.0.update(NAMESPACE_URL);
    sink.0.update(b"https://cyclonedx.org/bom#");
    serde_json::to_writer(&mut sink, bom).map_err(|error| SbomError::Write(error.into()))?;
    let digest = sink.0.finalize();
    let mut hex = String::new();
    for (index, byte) in digest.iter().take(16).enumerate() {
        let byte = match index {
            6 => byte & 0x0f | 0x50,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        if matches!(index, 4 | 6 | 8 | 10) {
            hex.push('-');
        }
        hex.push_str(&format!("{byte:02x}"));
    }
    Ok(format!("urn:uuid:{hex}"))
}

struct Hasher(Sha1);

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
