use proptest::prelude::*;

use super::super::component::{Hash, Pedigree, ReferenceKind};
use super::super::evidence::{Occurrence, Technique};
use super::super::judge;
use super::super::license::LicenseChoice;
use super::*;
use crate::artifact::Digest;

fn package(name: &str) -> Component {
    Component::package(name, Purl::cargo(name, "1.0.0").unwrap())
        .seen(Occurrence::at("Cargo.lock"), Technique::ManifestAnalysis)
}

fn settings() -> Settings {
    Settings {
        root: None,
        name: "whole".into(),
        version: Some("2.0.0".into()),
        timestamp: Some(1_700_000_000),
        phase: Some(Phase::PreBuild),
        authors: vec![Contact::parse("Ada <ada@example.org>")],
        manufacturer: Some(Organization {
            name: Some("Example".into()),
            url: vec!["https://example.org".into()],
            contact: Vec::new(),
        }),
        supplier: None,
        conclude_licenses: false,
        properties: Vec::new(),
    }
}

/// An inventory of one product and the packages `a`, `b`, … with these relations.
fn inventory(edges: &[(&str, Relation, &str)]) -> Inventory {
    let mut inventory = Inventory::default();
    let product = inventory.add(package("product")).unwrap();
    inventory.product(&product);
    for (from, relation, to) in edges {
        let from = inventory.add(package(from)).unwrap();
        let to = inventory.add(package(to)).unwrap();
        inventory.relate(&from, *relation, &to).unwrap();
    }
    inventory
}

fn scope(bom: &Bom, name: &str) -> Option<Scope> {
    bom.components
        .iter()
        .find(|component| component.name == name)
        .unwrap()
        .scope
}

#[test]
fn a_component_is_worth_its_best_path() {
    use Relation::*;
    let bom = document(
        inventory(&[
            ("product", Normal, "a"),
            ("product", Dev, "b"),
            ("b", Normal, "c"),
            ("b", Normal, "a"),
            ("a", Optional, "d"),
            ("d", Normal, "e"),
            ("b", Normal, "e"),
            ("a", Build, "f"),
        ]),
        &settings(),
    )
    .unwrap()
    .bom;
    let wanted = [
        ("a", Scope::Required),
        ("b", Scope::Excluded),
        ("c", Scope::Excluded),
        ("d", Scope::Optional),
        ("e", Scope::Optional),
        ("f", Scope::Excluded),
    ];
    for (name, wanted) in wanted {
        assert_eq!(scope(&bom, name), Some(wanted), "{name}");
    }
    assert_eq!(bom.metadata.component.unwrap().scope, None);
}

#[test]
fn orphans_and_rings_are_adopted_and_told() {
    use Relation::Normal;
    let sbom = document(
        inventory(&[("x", Normal, "y"), ("r", Normal, "s"), ("s", Normal, "r")]),
        &settings(),
    )
    .unwrap();
    let root = &sbom
        .bom
        .dependencies
        .iter()
        .find(|each| each.reference.as_str().contains("product"));
    let adopted: Vec<&str> = root.unwrap().depends_on.iter().map(Ref::as_str).collect();
    assert_eq!(adopted, ["pkg:cargo/r@1.0.0", "pkg:cargo/x@1.0.0"]);
    assert_eq!(sbom.notes.len(), 2);
    assert_eq!(scope(&sbom.bom, "y"), Some(Scope::Optional));
}

#[test]
fn several_products_get_a_root_that_stands_for_them() {
    let mut inventory = inventory(&[]);
    let second = inventory.add(package("second")).unwrap();
    inventory.product(&second);
    let bom = document(inventory, &settings()).unwrap().bom;
    let root = bom.metadata.component.unwrap();
    assert_eq!(root.purl.unwrap().to_string(), "pkg:generic/whole@2.0.0");
    assert_eq!(bom.components.len(), 2);
    assert_eq!(scope_of(&bom.components), [Some(Scope::Required); 2]);
}

fn scope_of(components: &[Component]) -> Vec<Option<Scope>> {
    components.iter().map(|component| component.scope).collect()
}

#[test]
fn nothing_found_is_still_a_document() {
    let bom = document(Inventory::default(), &settings()).unwrap().bom;
    assert_eq!(judge::faults(&bom), Vec::<String>::new());
}

#[test]
fn parts_are_nested_in_their_only_container() {
    use Relation::*;
    let bom = document(
        inventory(&[
            ("product", Contains, "wasm"),
            ("wasm", Contains, "one"),
            ("wasm", Contains, "two"),
            ("other", Contains, "two"),
            ("one", Contains, "inner"),
            ("ring", Contains, "gnir"),
            ("gnir", Contains, "ring"),
        ]),
        &settings(),
    )
    .unwrap()
    .bom;
    let names = |components: &[Component]| -> Vec<String> {
        components
            .iter()
            .map(|component| component.name.clone())
            .collect()
    };
    assert_eq!(
        names(&bom.components),
        ["gnir", "other", "ring", "two", "wasm"]
    );
    let wasm = &bom.components[4];
    assert_eq!(names(&wasm.components), ["one"]);
    assert_eq!(names(&wasm.components[0].components), ["inner"]);
}

#[test]
fn a_root_that_the_caller_knows_is_made_of_the_products() {
    let mut inventory = inventory(&[("product", Relation::Normal, "a")]);
    let artifact = inventory
        .add(Component::file("app", &Digest::sha256(b"app")))
        .unwrap();
    let settings = Settings {
        root: Some(artifact.clone()),
        ..settings()
    };
    let bom = document(inventory.clone(), &settings).unwrap().bom;
    let root = bom.metadata.component.unwrap();
    assert_eq!(root.bom_ref, Some(artifact.clone()));
    let names: Vec<_> = bom
        .components
        .iter()
        .map(|each| each.name.as_str())
        .collect();
    assert_eq!(names, ["a", "product"]);
    let edge = bom
        .dependencies
        .iter()
        .find(|each| each.reference == artifact);
    let product = inventory.products().next().unwrap();
    assert_eq!(edge.unwrap().depends_on, std::slice::from_ref(product));
    let stranger = Settings {
        root: Some(Ref::artifact(&Digest::sha256(b"other"))),
        ..settings
    };
    assert!(matches!(
        document(inventory, &stranger),
        Err(SbomError::Dangling(_))
    ));
}

#[test]
fn the_content_alone_makes_the_serial_number() {
    let text = |timestamp| {
        let settings = Settings {
            timestamp,
            ..settings()
        };
        let inventory = inventory(&[("product", Relation::Normal, "a")]);
        document(inventory, &settings)
            .unwrap()
            .bom
            .to_json()
            .unwrap()
    };
    assert_eq!(text(Some(0)), text(Some(0)));
    assert_ne!(text(Some(0)), text(Some(1)));
    assert!(matches!(
        document(
            Inventory::default(),
            &Settings {
                timestamp: Some(i64::MAX),
                ..settings()
            }
        ),
        Err(SbomError::Time(_))
    ));
}

/// A document that uses every field prov writes.
#[test]
fn the_official_schema_takes_all_that_is_written() {
    let mut inventory = inventory(&[("product", Relation::Dev, "a")]);
    let wasm = Digest::sha256(b"wasm");
    let mut module = Component::file("nats.wasm", &wasm).seen(
        Occurrence {
            offset: Some(22_669_632),
            symbol: Some("data".into()),
            ..Occurrence::at("bin/wash")
        },
        Technique::BinaryAnalysis,
    );
    module.mime_type = Some("application/wasm".into());
    module.pedigree = Some(Pedigree {
        ancestors: vec![Component::package(
            "up",
            Purl::golang("example.org/up", "v1.0.0").unwrap(),
        )],
        notes: Some("patched".into()),
        ..Pedigree::default()
    });
    module.property("prov:example", "odd \u{0} \u{202e} \u{1f980} \"'<&");
    let module = inventory.add(module).unwrap();
    inventory.know_parts(&module, Aggregate::Complete);
    let mut go = Component::package(
        "Example.org/X",
        Purl::golang("Example.org/X", "v0.1.0+incompatible").unwrap(),
    );
    go.licenses = [
        LicenseChoice::declared("MIT/Apache-2.0"),
        LicenseChoice::declared("My terms"),
    ]
    .into_iter()
    .flatten()
    .collect();
    go.hashes = vec![Hash::from(&wasm)];
    go.supplier = Some(Organization {
        name: Some("S".into()),
        ..Organization::default()
    });
    go.authors = vec![Contact::parse("Grace")];
    go.description = Some("about".into());
    go.group = Some("g".into());
    go.reference(ReferenceKind::Vcs, "https://example.org/x");
    go.external_references[0].hashes = vec![Hash::from(&wasm)];
    let go = inventory.add(go).unwrap();
    inventory.relate(&module, Relation::Contains, &go).unwrap();
    inventory.know_dependencies(&go, Aggregate::Incomplete);
    let bom = document(inventory, &settings()).unwrap().bom;
    assert_eq!(judge::faults(&bom), Vec::<String>::new());
}

proptest! {
    /// Whatever the graph: valid references, all reachable, each name once.
    #[test]
    fn every_graph_becomes_a_sound_document(
        edges in prop::collection::vec((0..8usize, 0..5usize, 0..8usize), 0..30),
        products in prop::collection::vec(0..8usize, 0..3),
    ) {
        use Relation::*;
        let mut found = Inventory::default();
        let ids: Vec<Ref> = (0..8).map(|n| found.add(package(&format!("p{n}"))).unwrap()).collect();
        for (from, relation, to) in edges {
            let relation = [Normal, Contains, Optional, Build, Dev][relation];
            found.relate(&ids[from], relation, &ids[to]).unwrap();
        }
        products.iter().for_each(|n| found.product(&ids[*n]));
        let bom = document(found, &settings()).unwrap().bom;
        prop_assert_eq!(judge::unsound(&bom), Vec::<String>::new());
    }
}
