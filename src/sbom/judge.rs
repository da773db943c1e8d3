//! Judges of documents, for tests: the official CycloneDX schema, and what no
//! schema can say.
//!
//! The schemas are read from `$CYCLONEDX_SUITE`, else from a folder beside the
//! checkout; where they are missing the tests say so and go on.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Bom, Component, Inventory, Ref, Sbom, Settings, Tree, collect, document};

/// The document of a fixture under `testdata/sbom`.
pub(crate) fn document_of(fixture: &str) -> Sbom {
    document_of_trees(&[Tree::walk(&path_of(fixture)).unwrap()])
}

/// Where a fixture lies.
pub(crate) fn path_of(fixture: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/sbom")
        .join(fixture)
}

/// The document of several sources.
pub(crate) fn document_of_trees(trees: &[Tree]) -> Sbom {
    let mut inventory = Inventory::default();
    for tree in trees {
        collect(tree, &mut inventory).unwrap();
    }
    let settings = Settings {
        name: "fixture".into(),
        ..Settings::default()
    };
    let sbom = document(inventory, &settings).unwrap();
    assert_eq!(faults(&sbom.bom), Vec::<String>::new());
    sbom
}

/// A component by its package URL or reference, wherever it is nested.
pub(crate) fn component<'a>(bom: &'a Bom, id: &str) -> &'a Component {
    fn find<'a>(component: &'a Component, id: &str) -> Option<&'a Component> {
        if component.bom_ref.as_ref()?.as_str() == id {
            return Some(component);
        }
        component.components.iter().find_map(|part| find(part, id))
    }
    let mut all = bom.metadata.component.iter().chain(&bom.components);
    all.find_map(|each| find(each, id))
        .unwrap_or_else(|| panic!("{id} is not in the document"))
}

/// What a component depends on.
pub(crate) fn depends_on<'a>(bom: &'a Bom, id: &str) -> Vec<&'a str> {
    bom.dependencies
        .iter()
        .filter(|each| each.reference.as_str() == id)
        .flat_map(|each| each.depends_on.iter().map(Ref::as_str))
        .collect()
}

/// Everything that is wrong with a document.
pub(crate) fn faults(bom: &Bom) -> Vec<String> {
    let mut faults = unsound(bom);
    let document = serde_json::from_slice(&bom.to_json().unwrap()).unwrap();
    if let Some(validator) = validator("1.7") {
        faults.extend(
            validator
                .iter_errors(&document)
                .map(|error| format!("{}: {error}", error.instance_path())),
        );
    }
    faults
}

/// Elements that a component must have, and what it says of those that it has
/// not: no gap that is not named, and none named that is not there.
fn gaps(component: &Component, faults: &mut Vec<String>) {
    let unknown = |field: &Option<String>| field.as_deref() == Some("unknown");
    let maker = component.manufacturer.as_ref();
    let mut references = component.external_references.iter();
    let missing = [
        ("Component Version", unknown(&component.version)),
        (
            "Component Producer",
            unknown(&maker.and_then(|maker| maker.name.clone())),
        ),
        ("Component Identifiers", component.purl.is_none()),
        ("Component License", component.licenses.is_empty()),
        (
            "Component Hash Value",
            component.hashes.is_empty() && references.all(|each| each.hashes.is_empty()),
        ),
    ];
    if component.version.is_none() || maker.is_none_or(|maker| maker.name.is_none()) {
        faults.push(format!("{} has no version or no producer", component.name));
    }
    for (field, is_missing) in missing {
        let mut properties = component.properties.iter();
        let is_named = properties
            .any(|each| each.name == "cdx:cisa:unknown-information" && each.value == field);
        if is_named != is_missing {
            faults.push(format!("{}: {field} missing or not", component.name));
        }
    }
}

/// Names that stand twice, references that lead nowhere, and components that
/// the root does not lead to.
pub(crate) fn unsound(bom: &Bom) -> Vec<String> {
    fn walk(component: &Component, names: &mut BTreeSet<Ref>, faults: &mut Vec<String>) {
        match &component.bom_ref {
            Some(id) if names.insert(id.clone()) => {}
            id => faults.push(format!("{id:?} twice or missing")),
        }
        gaps(component, faults);
        for part in &component.components {
            walk(part, names, faults);
        }
    }
    let (mut names, mut faults) = (BTreeSet::new(), Vec::new());
    for component in bom.metadata.component.iter().chain(&bom.components) {
        walk(component, &mut names, &mut faults);
    }
    let named = bom
        .dependencies
        .iter()
        .flat_map(|each| each.depends_on.iter().chain([&each.reference]));
    let composed = bom
        .compositions
        .iter()
        .flat_map(|each| each.assemblies.iter().chain(&each.dependencies));
    for id in named.chain(composed).filter(|id| !names.contains(*id)) {
        faults.push(format!("{id} leads nowhere"));
    }
    let mut todo: Vec<Ref> = bom
        .metadata
        .component
        .iter()
        .filter_map(|root| root.bom_ref.clone())
        .collect();
    let mut reached: BTreeSet<Ref> = todo.iter().cloned().collect();
    while let Some(id) = todo.pop() {
        for next in bom
            .dependencies
            .iter()
            .filter(|each| each.reference == id)
            .flat_map(|each| &each.depends_on)
        {
            if reached.insert(next.clone()) {
                todo.push(next.clone());
            }
        }
    }
    faults.extend(
        names
            .difference(&reached)
            .map(|id| format!("{id} is not reached")),
    );
    faults
}

pub(crate) fn suite() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/cyclonedx-suite");
    let folder = std::env::var_os("CYCLONEDX_SUITE").map_or_else(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    // Written past the test harness, which hides what a passing test prints.
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED: no CycloneDX schemas in {}; set CYCLONEDX_SUITE",
        folder.display()
    );
    None
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The official schema of a version, with the schemas that it refers to.
pub(crate) fn validator(version: &str) -> Option<jsonschema::Validator> {
    let folder = suite()?;
    let mut registry = jsonschema::Registry::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".json") && !name.starts_with("bom-") {
            let url = format!("http://cyclonedx.org/schema/{name}");
            let schema = jsonschema::Resource::from_contents(read(&folder.join(name)));
            registry = registry.add(url, schema).unwrap();
        }
    }
    let registry = registry.prepare().unwrap();
    let schema = read(&folder.join(format!("bom-{version}.schema.json")));
    Some(
        jsonschema::options()
            .with_registry(&registry)
            .build(&schema)
            .unwrap(),
    )
}

#[test]
fn the_judge_agrees_with_the_official_suite() {
    for version in ["1.5", "1.6", "1.7"] {
        let (Some(folder), Some(validator)) = (suite(), validator(version)) else {
            return;
        };
        let mut seen = [0, 0];
        for entry in fs::read_dir(folder.join(version)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let valid = name.starts_with("valid-");
            assert_eq!(validator.is_valid(&read(&path)), valid, "{version}/{name}");
            seen[usize::from(valid)] += 1;
        }
        assert!(seen[0] > 20 && seen[1] > 30, "{version} has {seen:?} files");
    }
}
