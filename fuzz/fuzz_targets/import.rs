//! A document of others, JSON or XML, becomes a sound one or is refused: every
//! name stands once, every reference leads somewhere, and what is written of it,
//! in any version and form, is read back.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use prov::artifact::Digest;
use prov::sbom::output::{self, Encoding};
use prov::sbom::{Component, Diff, Inventory, Settings, SpecVersion, document, import};

fuzz_target!(|bytes: &[u8]| {
    let Ok(read) = import::read(bytes) else {
        return;
    };
    let mut inventory = Inventory::default();
    let digest = Digest::sha256(bytes);
    let Ok(roots) = read.add_to("fuzz", &digest, None, &mut inventory) else {
        return;
    };
    roots.iter().for_each(|root| inventory.product(root));
    let settings = Settings {
        name: "fuzz".to_owned(),
        ..Settings::default()
    };
    let Ok(sbom) = document(inventory, &settings) else {
        return;
    };
    let mut names = BTreeSet::new();
    let mut todo: Vec<&Component> = sbom.bom.metadata.component.iter().collect();
    todo.extend(&sbom.bom.components);
    while let Some(component) = todo.pop() {
        assert!(names.insert(component.bom_ref.clone().unwrap()));
        todo.extend(&component.components);
    }
    for each in &sbom.bom.dependencies {
        assert!(names.contains(&each.reference));
        assert!(each.depends_on.iter().all(|to| names.contains(to)));
    }
    assert!(Diff::between(&sbom.bom, &sbom.bom, "fuzz").is_empty());
    for version in [SpecVersion::V1_5, SpecVersion::V1_6, SpecVersion::V1_7] {
        for encoding in [Encoding::Json, Encoding::Xml] {
            let written = output::write(&sbom.bom, version, encoding).unwrap();
            import::read(written.text.as_bytes()).unwrap();
        }
    }
});
