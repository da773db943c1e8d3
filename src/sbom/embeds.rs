//! What a crate carries that was built of another language, as it declares it
//! itself:
//!
//! ```toml
//! [package.metadata.prov]
//! embeds = [{ source = "guest", artifact = "guest.wasm", target = "wasm32-wasip1" }]
//! ```
//!
//! `source` is the folder of the other language's manifest, relative to this
//! one; `target` is what it is built for, where one build is resolved exactly.
//! With a `digest` (`sha256:…`) the crate contains that file and the file its source's
//! product; without one it contains the product itself, and a built file of
//! that name which is linked of that product ([`tie`]).

use std::collections::BTreeMap;

use super::SbomError;
use super::cargo::is_path_crate;
use super::cargo_manifest::{Embed, Manifest};
use super::component::Component;
use super::evidence::{Occurrence, Technique};
use super::inventory::{Inventory, Relation};
use super::note::{Note, Reason};
use super::reference::Ref;
use super::tree::{Tree, file_name, in_fixture, parent};
use crate::artifact::Digest;

/// Names the built file on a crate whose declaration has no digest.
const PROPERTY: &str = "prov:embeds";

/// For which target each embedded source is built, by its folder; nothing where
/// no build is resolved, since only then does it matter.
pub(super) fn targets(tree: &Tree) -> Result<BTreeMap<String, String>, SbomError> {
    let mut targets = BTreeMap::new();
    if tree.build().is_none() {
        return Ok(targets);
    }
    let manifests = tree.files().filter(|path| file_name(path) == "Cargo.toml");
    for place in manifests.filter(|path| !in_fixture(path)) {
        let manifest: Manifest = tree.toml(place)?;
        for embed in manifest.embeds() {
            if let Some(target) = &embed.target {
                let folder = tree.resolve(place, &embed.source)?;
                targets.insert(folder, target.clone());
            }
        }
    }
    Ok(targets)
}

/// Ties every declaring crate of a tree to what the other collectors found.
pub fn collect(tree: &Tree, inventory: &mut Inventory) -> Result<(), SbomError> {
    let crates: Vec<(Ref, String)> = inventory
        .components()
        .filter(|(_, component)| component.purl.as_ref().is_some_and(is_path_crate))
        .flat_map(|(id, component)| places(component).map(|place| (id.clone(), place.to_owned())))
        .filter(|(_, place)| file_name(place) == "Cargo.toml" && tree.contains(place))
        .collect();
    for (id, place) in crates {
        let manifest: Manifest = tree.toml(&place)?;
        for embed in manifest.embeds() {
            add(tree, &id, &place, embed, inventory)?;
        }
    }
    Ok(())
}

fn add(
    tree: &Tree,
    carrier: &Ref,
    place: &str,
    embed: &Embed,
    inventory: &mut Inventory,
) -> Result<(), SbomError> {
    let folder = tree.resolve(place, &embed.source)?;
    let inside = |place: &str| parent(place) == folder;
    let products: Vec<Ref> = inventory
        .products()
        .filter(|id| *id != carrier)
        .filter(|id| {
            inventory
                .get(id)
                .is_some_and(|each| places(each).any(inside))
        })
        .cloned()
        .collect();
    if products.is_empty() {
        let name = embed.source.clone();
        inventory.note(Note::new(place, Reason::Unresolved { name }));
    }
    let mut carrier = carrier.clone();
    if let Some(digest) = &embed.digest {
        let digest: Digest = digest
            .parse()
            .map_err(|error| SbomError::syntax(place, error))?;
        let name = embed.artifact.as_deref().unwrap_or(file_name(&folder));
        let mut file =
            Component::file(name, &digest).seen(Occurrence::at(place), Technique::ManifestAnalysis);
        file.mime_type = name
            .ends_with(".wasm")
            .then(|| "application/wasm".to_owned());
        let file = inventory.add(file)?;
        inventory.relate(&carrier, Relation::Contains, &file)?;
        carrier = file;
    } else if let Some(artifact) = &embed.artifact
        && let Some(mut known) = inventory.get(&carrier).cloned()
    {
        known.property(PROPERTY, artifact);
        inventory.add(known)?;
    }
    products
        .iter()
        .try_for_each(|product| inventory.relate(&carrier, Relation::Contains, product))
}

fn places(component: &Component) -> impl Iterator<Item = &str> {
    let evidence = component.evidence.iter();
    evidence.flat_map(|each| each.occurrences.iter().map(|seen| &seen.location[..]))
}

/// Puts a built file into the crate that declares one of this name and of this
/// product: both must agree.
pub(super) fn tie(
    inventory: &mut Inventory,
    file: &Ref,
    name: &str,
    product: &Ref,
) -> Result<(), SbomError> {
    tie_where(inventory, file, name, |id, _| id == product)
}

/// The same, when the product is only known by the folder of its manifest.
pub(super) fn tie_source(
    inventory: &mut Inventory,
    file: &Ref,
    name: &str,
    folder: &str,
) -> Result<(), SbomError> {
    tie_where(inventory, file, name, |_, product| {
        places(product).any(|place| parent(place) == folder)
    })
}

fn tie_where(
    inventory: &mut Inventory,
    file: &Ref,
    name: &str,
    is_product: impl Fn(&Ref, &Component) -> bool,
) -> Result<(), SbomError> {
    let declares = |component: &Component| {
        let mut properties = component.properties.iter();
        properties.any(|each| each.name == PROPERTY && each.value == name)
    };
    let pairs: Vec<(Ref, Ref)> = inventory
        .edges()
        .filter(|edge| edge.relation == Relation::Contains)
        .filter(|edge| inventory.get(&edge.from).is_some_and(declares))
        .filter(|edge| {
            let product = inventory.get(&edge.to);
            product.is_some_and(|product| is_product(&edge.to, product))
        })
        .map(|edge| (edge.from.clone(), edge.to.clone()))
        .collect();
    for (carrier, product) in &pairs {
        inventory.relate(carrier, Relation::Contains, file)?;
        inventory.relate(file, Relation::Contains, product)?;
    }
    Ok(())
}
