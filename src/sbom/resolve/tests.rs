//! One small tree of Rust and Go, asked with the real tools. Its configuration
//! names programs that must not run.

use std::collections::BTreeMap;
use std::io::Write as _;

use super::super::component::{Component, Scope};
use super::super::judge::{document_of_trees, path_of};
use super::super::note::Reason;
use super::super::{Sbom, SbomError, Tree, collect};
use super::*;

const LINUX: &str = "x86_64-unknown-linux-gnu";

fn build(target: &str) -> Build {
    Build {
        target: Some(target.to_owned()),
        ..Build::default()
    }
}

fn document(build: Build) -> Sbom {
    let tree = Tree::walk(&path_of("resolve")).unwrap();
    document_of_trees(&[tree.resolving(build)])
}

/// Every component by its name, with its scope and what is on of it.
fn listed(sbom: &Sbom, kind: &str) -> BTreeMap<String, String> {
    fn add(component: &Component, kind: &str, list: &mut BTreeMap<String, String>) {
        if component
            .purl
            .as_ref()
            .is_some_and(|purl| purl.kind() == kind)
        {
            let scope = match component.scope {
                Some(Scope::Required) => "required",
                Some(Scope::Optional) => "optional",
                Some(Scope::Excluded) => "excluded",
                None => "root",
            };
            let features = property(component, "prov:cargo:features").unwrap_or_default();
            let text = format!("{scope} {features}").trim().to_owned();
            list.insert(component.name.clone(), text);
        }
        let parts = component.components.iter();
        parts.for_each(|part| add(part, kind, list));
    }
    let mut list = BTreeMap::new();
    let all = sbom
        .bom
        .metadata
        .component
        .iter()
        .chain(&sbom.bom.components);
    all.for_each(|component| add(component, kind, &mut list));
    list
}

fn property<'a>(component: &'a Component, name: &str) -> Option<&'a str> {
    let mut properties = component.properties.iter();
    Some(&properties.find(|each| each.name == name)?.value)
}

fn expect(sbom: &Sbom, kind: &str, wanted: &[(&str, &str)]) {
    let wanted = wanted
        .iter()
        .map(|(name, how)| ((*name).to_owned(), (*how).to_owned()));
    assert_eq!(listed(sbom, kind), wanted.collect());
}

/// Past the test harness, which hides what a passing test prints.
fn has(program: &str) -> bool {
    let found = std::process::Command::new(program).arg("version").output();
    if found.is_err() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: no `{program}`");
    }
    found.is_ok()
}

#[test]
fn one_build_of_rust() {
    expect(
        &document(build(LINUX)),
        "cargo",
        &[
            ("app", "root default"),
            // Macros use it with a feature that the product does not have.
            ("both", "required"),
            ("builder", "excluded"),
            ("extra", "excluded"),
            ("linked", "required"),
            ("macros", "excluded"),
        ],
    );
    let mut more = build("x86_64-pc-windows-gnu");
    more.features = vec!["more".to_owned()];
    let more = document(more);
    let list = listed(&more, "cargo");
    assert_eq!(list["app"], "root default,more");
    assert_eq!(list["extra"], "required");
    assert_eq!(list["windows"], "required");
    let app = more.bom.metadata.component.as_ref().unwrap();
    assert_eq!(property(app, "prov:resolution"), Some("exact"));
    assert_eq!(
        property(app, "prov:resolution:target"),
        Some("x86_64-pc-windows-gnu")
    );
    assert_eq!(
        property(app, "prov:resolution:features"),
        Some("default,more")
    );
}

#[test]
fn every_target_at_once() {
    if !has("go") {
        return;
    }
    let sbom = document(build(ALL_TARGETS));
    let list = listed(&sbom, "cargo");
    assert_eq!(list["windows"], "required");
    assert!(!list.contains_key("tester"));
    // The guest has a target of its own, so Go has no trouble with that.
    let mut notes = sbom.notes.iter();
    assert!(!notes.any(|note| matches!(note.reason, Reason::NotExact { .. })));
}

#[test]
fn an_embedded_program_has_its_own_target() {
    if !has("go") {
        return;
    }
    let sbom = document(build("x86_64-pc-windows-gnu"));
    expect(
        &sbom,
        "golang",
        &[
            ("cmd", "excluded"),
            ("example.org/guest", "required"),
            ("example.org/lib", "required"),
            ("std", "required"),
        ],
    );
    let guest = sbom.bom.components.iter();
    let guest = guest
        .clone()
        .find(|each| each.name == "example.org/guest")
        .unwrap();
    assert_eq!(property(guest, "prov:resolution"), Some("exact"));
    assert_eq!(
        property(guest, "prov:resolution:target"),
        Some("wasip1/wasm")
    );
    assert_eq!(property(guest, PROGRAM), Some("example.org/guest"));
}

#[test]
fn a_package_is_chosen_by_its_name() {
    let tree = || Tree::walk(&path_of("resolve")).unwrap();
    let named = |name: &str| {
        let mut build = build(LINUX);
        build.packages = vec![name.to_owned()];
        let mut inventory = Inventory::default();
        collect(&tree().resolving(build), &mut inventory).map(|()| inventory)
    };
    let inventory = named("unused").unwrap();
    let crates = inventory.components().map(|(_, each)| &each.name[..]);
    let crates: Vec<&str> = crates.filter(|name| !name.contains('.')).collect();
    assert!(
        crates.contains(&"unused") && !crates.contains(&"app"),
        "{crates:?}"
    );
    assert!(matches!(named("nothing"), Err(SbomError::NoPackage(name)) if name == "nothing"));
    // In the lock file, but nothing that is built by itself.
    assert!(named("linked").is_ok());
}

#[test]
fn what_the_user_named_must_be_there_and_all_else_is_noted() {
    let tree = |file: &str, text: &str| {
        let copy = tempfile::tempdir().unwrap();
        let from = path_of("resolve");
        for entry in ["app/Cargo.toml", "app/src/main.rs", "app/build.rs"] {
            let to = copy.path().join(entry);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(from.join(entry), to).unwrap();
        }
        std::fs::copy(from.join("Cargo.lock"), copy.path().join("Cargo.lock")).unwrap();
        std::fs::write(copy.path().join(file), text).unwrap();
        copy
    };
    let alone = "[workspace]\nmembers = [\"app\"]\n";
    // Its path crates are gone.
    let copy = tree("Cargo.toml", alone);
    let inventory = |build: Build| {
        let mut inventory = Inventory::default();
        let tree = Tree::walk(copy.path()).unwrap().resolving(build);
        collect(&tree, &mut inventory).map(|()| inventory)
    };
    let plain = inventory(build(LINUX)).unwrap();
    assert!(plain.notes().any(|note| matches!(&note.reason,
            Reason::NotExact { why } if why.starts_with("`cargo` said: ") && note.is_gap())));
    let product = plain
        .products()
        .next()
        .and_then(|id| plain.get(id))
        .unwrap();
    assert_eq!(property(product, "prov:resolution"), Some("lock"));
    let mut wrong = build(LINUX);
    wrong.features = vec!["nothing".to_owned()];
    assert!(matches!(inventory(wrong), Err(SbomError::Tool { path, .. }) if path == "Cargo.toml"));
}
