//! SBOMs that a package carries in `*.dist-info/sboms/` (PEP 770).
//!
//! They are their authors' word about what lies inside the package: its parts.
//! Of a foreign document only what identifies and licenses a component is
//! taken over.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::component::{Component, Hash};
use super::super::evidence::{Occurrence, Technique};
use super::super::inventory::{Inventory, Relation};
use super::super::license::LicenseChoice;
use super::super::note::{Note, Reason};
use super::super::purl::Purl;
use super::super::{Ref, SbomError};
use super::source::hash;

/// The largest SBOM inside a package, in bytes.
pub const MAX_SBOM: u64 = 16 << 20;
/// The most SBOMs inside one package.
pub const MAX_SBOMS: usize = 64;

/// Adds what a document lists as parts of `owner`. `place` is where it lies.
pub fn add(
    document: &Value,
    place: &str,
    owner: &Ref,
    inventory: &mut Inventory,
) -> Result<(), SbomError> {
    if document["bomFormat"] != "CycloneDX" {
        let what = "an SBOM that is not CycloneDX JSON".to_owned();
        inventory.note(Note::new(place, Reason::NotUnderstood { what }));
        return Ok(());
    }
    let mut known: BTreeMap<&str, Ref> = BTreeMap::new();
    let root = &document["metadata"]["component"];
    if let Some(id) = root["bom-ref"].as_str() {
        known.insert(id, owner.clone());
    }
    let mut todo = vec![&document["components"], &root["components"]];
    let mut unidentified = 0;
    while let Some(list) = todo.pop() {
        for each in list.as_array().into_iter().flatten() {
            todo.push(&each["components"]);
            let Some(component) = component(each) else {
                unidentified += 1;
                continue;
            };
            let seen = component.seen(Occurrence::at(place), Technique::ManifestAnalysis);
            let id = inventory.add(seen)?;
            if id != *owner {
                inventory.relate(owner, Relation::Contains, &id)?;
            }
            known.extend(each["bom-ref"].as_str().map(|name| (name, id)));
        }
    }
    for each in document["dependencies"].as_array().into_iter().flatten() {
        let Some(from) = each["ref"].as_str().and_then(|id| known.get(id)) else {
            continue;
        };
        let needs = each["dependsOn"].as_array().into_iter().flatten();
        for to in needs.filter_map(|to| known.get(to.as_str()?)) {
            if from != owner && to != owner {
                inventory.relate(from, Relation::Normal, to)?;
            }
        }
    }
    if unidentified > 0 {
        let what = format!("{unidentified} components without package URL and digest");
        inventory.note(Note::new(place, Reason::NotUnderstood { what }));
    }
    Ok(())
}

/// A component that can be told from others, with what is known to be valid.
fn component(value: &Value) -> Option<Component> {
    let text = |key: &str| value[key].as_str().filter(|text| !text.is_empty());
    let purl = text("purl").and_then(|purl| purl.parse::<Purl>().ok());
    let hashes = value["hashes"].as_array().into_iter().flatten();
    let hashes: Vec<Hash> = hashes
        .filter_map(|each| {
            let name = each["alg"]
                .as_str()?
                .replacen("SHA-", "sha", 1)
                .replace('-', "_");
            hash(&format!("{name}:{}", each["content"].as_str()?))
        })
        .collect();
    if purl.is_none() && !hashes.iter().any(|hash| hash.alg == "SHA-256") {
        return None;
    }
    let licenses = value["licenses"].as_array().into_iter().flatten();
    Some(Component {
        kind: serde_json::from_value(value["type"].clone()).unwrap_or_default(),
        name: text("name")?.to_owned(),
        version: text("version").map(str::to_owned),
        description: text("description").map(str::to_owned),
        purl,
        hashes,
        licenses: licenses
            .filter_map(|each| {
                let license = &each["license"];
                let texts = [&each["expression"], &license["id"], &license["name"]];
                texts.into_iter().find_map(Value::as_str)
            })
            .filter_map(LicenseChoice::declared)
            .collect(),
        ..Component::default()
    })
}
