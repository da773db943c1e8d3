//! Documents of real tools, and small ones with one oddity each.

use serde_json::{Value, json};

use super::super::component::Kind;
use super::super::judge::{component, depends_on, faults, path_of};
use super::super::{Component, Sbom, Settings, document};
use super::*;
use crate::purl::Purl;

/// What is written of some documents, each with its place.
fn merged(documents: &[(&str, &[u8])]) -> Sbom {
    let mut inventory = Inventory::default();
    for (place, bytes) in documents {
        let read = read(bytes).unwrap_or_else(|error| panic!("{place}: {error}"));
        let digest = Digest::sha256(bytes);
        let roots = read.add_to(place, &digest, None, &mut inventory).unwrap();
        roots.iter().for_each(|root| inventory.product(root));
    }
    let settings = Settings {
        name: "whole".to_owned(),
        ..Settings::default()
    };
    let sbom = document(inventory, &settings).unwrap();
    assert_eq!(faults(&sbom.bom), Vec::<String>::new());
    sbom
}

fn imported(value: &Value) -> Sbom {
    merged(&[("x.json", value.to_string().as_bytes())])
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(path_of("import").join(name)).unwrap()
}

fn notes(sbom: &Sbom) -> Vec<String> {
    let notes = sbom.notes.iter();
    notes.map(|note| note.reason.to_string()).collect()
}

fn names(sbom: &Sbom) -> Vec<&str> {
    let components = sbom.bom.components.iter();
    components.map(|each| each.name.as_str()).collect()
}

fn cyclonedx(fields: Value) -> Value {
    let mut document = json!({ "bomFormat": "CycloneDX", "specVersion": "1.6" });
    let all = document.as_object_mut().unwrap();
    all.extend(fields.as_object().unwrap().clone());
    document
}

fn spdx(fields: Value) -> Value {
    let mut document = json!({
        "spdxVersion": "SPDX-2.3",
        "SPDXID": "SPDXRef-DOCUMENT",
        "documentNamespace": "https://example.org/a",
    });
    let all = document.as_object_mut().unwrap();
    all.extend(fields.as_object().unwrap().clone());
    document
}

fn component_named<'a>(sbom: &'a Sbom, name: &str) -> &'a Component {
    let mut all = sbom
        .bom
        .components
        .iter()
        .chain(&sbom.bom.metadata.component);
    all.find(|each| each.name == name).unwrap()
}

#[test]
fn syft_draws_no_edges_and_its_root_has_no_identity() {
    let json = merged(&[("web.cdx.json", &fixture("syft/web.cdx.json"))]);
    let xml = merged(&[("web.cdx.xml", &fixture("syft/web.cdx.xml"))]);
    for sbom in [&json, &xml] {
        let root = sbom.bom.metadata.component.as_ref().unwrap();
        assert_eq!((root.name.as_str(), root.kind), ("web", Kind::File));
        let id = root.bom_ref.as_ref().unwrap().as_str();
        assert!(id.starts_with("urn:prov:element:sha256:"), "{id}");
        assert_eq!(depends_on(&sbom.bom, id).len(), 4);
        let click = component(&sbom.bom, "pkg:pypi/click@8.1.7");
        assert!(click.cpe.as_ref().unwrap().starts_with("cpe:2.3:a:"));
        let own = click.properties.iter();
        assert_eq!(
            own.filter(|each| each.name.starts_with("syft:")).count(),
            16
        );
        assert_eq!(
            notes(sbom),
            ["its root leads to none of 4 components; it was made to"]
        );
    }
    // The two were written in two runs; but for what names the documents, they
    // say the same.
    let plain = |sbom: &Sbom| {
        let mut components = sbom.bom.components.clone();
        components.iter_mut().for_each(|each| each.evidence = None);
        components
    };
    assert_eq!(plain(&json), plain(&xml));
}

#[test]
fn syft_as_spdx_has_what_it_has_as_cyclonedx() {
    let cyclonedx = merged(&[("web.cdx.json", &fixture("syft/web.cdx.json"))]);
    let spdx = merged(&[("web.spdx.json", &fixture("syft/web.spdx.json"))]);
    let purls = |sbom: &Sbom| -> Vec<Purl> {
        let components = sbom.bom.components.iter();
        components.filter_map(|each| each.purl.clone()).collect()
    };
    assert_eq!(purls(&cyclonedx), purls(&spdx));
    assert_eq!(spdx.bom.metadata.component.as_ref().unwrap().name, "web");
    let file = component_named(&spdx, "go.mod");
    assert_eq!(file.kind, Kind::File);
    let both = merged(&[
        ("web.cdx.json", &fixture("syft/web.cdx.json")),
        ("web.spdx.json", &fixture("syft/web.spdx.json")),
    ]);
    let click = component(&both.bom, "pkg:pypi/click@8.1.7");
    let seen = &click.evidence.as_ref().unwrap().occurrences;
    let seen: Vec<&str> = seen.iter().map(|each| each.location.as_str()).collect();
    assert_eq!(seen, ["web.cdx.json", "web.spdx.json"]);
}

#[test]
fn documents_of_cyclonedx_py() {
    let environment = fixture("cyclonedx-py/environment.cdx.json");
    let requirements = fixture("cyclonedx-py/requirements.cdx.xml");
    let sbom = merged(&[("e.json", &environment), ("r.xml", &requirements)]);
    let click = component(&sbom.bom, "pkg:pypi/click@8.1.7");
    assert!(!click.licenses.is_empty());
    assert!(!click.external_references.is_empty());
    assert_eq!(click.evidence.as_ref().unwrap().occurrences.len(), 2);
}

#[test]
fn two_documents_become_one_and_names_do_not_collide() {
    let one = |root: &str, part: &str| {
        cyclonedx(json!({
            "metadata": { "component": { "type": "application", "name": root, "bom-ref": "1" } },
            "components": [{ "type": "library", "name": part, "bom-ref": "2" }],
            "dependencies": [{ "ref": "1", "dependsOn": ["2"] }],
        }))
        .to_string()
    };
    let (a, b) = (one("a", "x"), one("b", "x"));
    let sbom = merged(&[("a.json", a.as_bytes()), ("b.json", b.as_bytes())]);
    let root = sbom.bom.metadata.component.as_ref().unwrap();
    assert_eq!(root.name, "whole");
    let mut found = names(&sbom);
    found.sort_unstable();
    // Nothing says that the two `x` are the same.
    assert_eq!(found, ["a", "b", "x", "x"]);
    let a = component_named(&sbom, "a").bom_ref.as_ref().unwrap();
    assert_eq!(depends_on(&sbom.bom, a.as_str()).len(), 1);
    assert_eq!(notes(&sbom), Vec::<String>::new());
    // The same document twice is one.
    let again = merged(&[
        ("a.json", one("a", "x").as_bytes()),
        ("c.json", one("a", "x").as_bytes()),
    ]);
    assert_eq!(again.bom.metadata.component.as_ref().unwrap().name, "a");
}

#[test]
fn parts_scopes_and_completeness_are_kept() {
    let sbom = imported(&cyclonedx(json!({
        "metadata": { "component": { "type": "application", "name": "app", "bom-ref": "app" } },
        "components": [
            {
                "type": "container", "name": "image", "bom-ref": "image",
                "components": [{ "type": "library", "name": "inner", "bom-ref": "inner" }],
            },
            { "type": "library", "name": "extra", "bom-ref": "extra", "scope": "optional" },
            { "type": "library", "name": "tool", "bom-ref": "tool", "scope": "excluded" },
        ],
        "dependencies": [
            { "ref": "app", "dependsOn": ["image", "extra", "tool"] },
            { "ref": "inner" },
        ],
        "compositions": [
            { "aggregate": "incomplete_third_party_only", "assemblies": ["image"] },
            { "aggregate": "complete", "dependencies": ["app"] },
        ],
    })));
    let image = component_named(&sbom, "image");
    assert_eq!(image.components[0].name, "inner");
    let scope = |name: &str| serde_json::to_value(component_named(&sbom, name).scope).unwrap();
    assert_eq!(scope("image"), "required");
    assert_eq!(scope("extra"), "optional");
    assert_eq!(scope("tool"), "excluded");
    let said = serde_json::to_value(&sbom.bom.compositions).unwrap();
    assert_eq!(said[0]["aggregate"], "complete");
    assert_eq!(said[0]["dependencies"].as_array().unwrap().len(), 2);
    assert_eq!(said[1]["aggregate"], "incomplete_third_party_only");
    assert_eq!(said[1]["assemblies"].as_array().unwrap().len(), 1);
    assert_eq!(notes(&sbom), Vec::<String>::new());
}

#[test]
fn what_is_left_out_is_told() {
    let sbom = imported(&cyclonedx(json!({
        "components": [{
            "type": "library", "name": "x", "bom-ref": "x", "purl": "pkg:",
            "supplier": { "name": "s", "address": { "country": "NL" } },
            "licenses": [{ "license": { "id": "No-Such-Licence", "licensing": { "purchaseOrder": "1" } } }],
            "cryptoProperties": { "assetType": "algorithm" },
        }],
        "services": [{ "name": "api", "bom-ref": "api" }],
        "vulnerabilities": [{ "id": "CVE-1" }, { "id": "CVE-2" }],
        "dependencies": [{ "ref": "x", "dependsOn": ["api", "gone"], "provides": ["y"] }],
    })));
    assert_eq!(
        notes(&sbom),
        [
            "not understood: 1 services",
            "not understood: `No-Such-Licence` is no licence identifier of SPDX",
            "not understood: `pkg:` is no package URL",
            "left out: cryptoProperties (1)",
            "left out: dependencies.provides (1)",
            "left out: licenses.license.licensing (1)",
            "left out: supplier.address (1)",
            "left out: vulnerabilities (2)",
            "1 relations lead to what it does not list",
        ]
    );
    let x = component_named(&sbom, "x");
    let mut properties = x.properties.iter();
    assert!(properties.any(|each| each.name == "prov:import:purl" && each.value == "pkg:"));
    assert_eq!(x.licenses[0].to_string(), "No-Such-Licence");
}

#[test]
fn fields_of_a_component_are_kept() {
    let given = json!({
        "type": "framework", "mime-type": "text/plain", "bom-ref": "x", "group": "org", "name": "x",
        "version": "1", "description": "d", "author": "A. Author", "publisher": "p",
        "copyright": "©", "cpe": "cpe:2.3:a:o:x:1:*:*:*:*:*:*:*", "purl": "pkg:maven/org/x@1",
        "manufacturer": { "name": "m", "url": ["https://m.org"] },
        "hashes": [{ "alg": "SHA-1", "content": "E6B1000B94E835FFD37F4C6DCBDAD43F4B48A02A" }],
        "licenses": [{ "license": { "id": "MIT", "text": { "content": "text" } } }],
        "externalReferences": [{ "type": "rfc-9116", "url": "https://x.org/a b", "comment": "c" }],
        "pedigree": {
            "ancestors": [{ "type": "library", "name": "up" }],
            "commits": [{ "uid": "1" }],
            "patches": [{ "type": "backport", "diff": { "url": "https://x.org/p" } }],
        },
        "evidence": {
            "identity": { "field": "cpe", "confidence": 0.3 },
            "copyright": [{ "text": "© x" }],
        },
    });
    let sbom = imported(&cyclonedx(json!({ "components": [given] })));
    assert_eq!(notes(&sbom), Vec::<String>::new());
    let kept = serde_json::to_value(component(&sbom.bom, "pkg:maven/org/x@1")).unwrap();
    assert_eq!(kept["authors"], json!([{ "name": "A. Author" }]));
    assert_eq!(
        kept["hashes"][0]["content"],
        "e6b1000b94e835ffd37f4c6dcbdad43f4b48a02a"
    );
    assert_eq!(kept["externalReferences"][0]["url"], "https://x.org/a%20b");
    assert_eq!(
        kept["evidence"]["identity"],
        json!([{ "field": "cpe", "confidence": 0.3 }])
    );
    for same in [
        "pedigree",
        "licenses",
        "manufacturer",
        "copyright",
        "cpe",
        "group",
        "mime-type",
    ] {
        assert_eq!(kept[same], given[same], "{same}");
    }
}

#[test]
fn a_package_url_without_version_does_not_unite_two_versions() {
    let part = |version: &str| json!({ "type": "library", "name": "x", "version": version, "purl": "pkg:npm/x" });
    let sbom = imported(&cyclonedx(json!({ "components": [part("1"), part("2")] })));
    assert_eq!(names(&sbom), ["x", "x"]);
    component(&sbom.bom, "pkg:npm/x@2");
}

#[test]
fn relationships_of_spdx() {
    let package = |name: &str| json!({ "SPDXID": format!("SPDXRef-{name}"), "name": name, "downloadLocation": "NONE" });
    let relation = |from: &str, kind: &str, to: &str| {
        let id = |name: &str| match name {
            "NONE" | "NOASSERTION" => name.to_owned(),
            name => format!("SPDXRef-{name}"),
        };
        json!({ "spdxElementId": id(from), "relationshipType": kind, "relatedSpdxElement": id(to) })
    };
    let packages = [
        "app", "run", "build", "test", "maybe", "inside", "linked", "source",
    ];
    let packages = packages.map(package);
    let sbom = imported(&spdx(json!({
        "packages": packages,
        "files": [{
            "SPDXID": "SPDXRef-file", "fileName": "./bin/app",
            "checksums": [{ "algorithm": "SHA1", "checksumValue": "e6b1000b94e835ffd37f4c6dcbdad43f4b48a02a" }],
        }],
        "relationships": [
            relation("DOCUMENT", "DESCRIBES", "app"),
            relation("app", "DEPENDS_ON", "run"),
            relation("build", "BUILD_DEPENDENCY_OF", "app"),
            relation("test", "TEST_DEPENDENCY_OF", "app"),
            relation("maybe", "OPTIONAL_DEPENDENCY_OF", "app"),
            relation("inside", "PACKAGE_OF", "run"),
            relation("file", "CONTAINED_BY", "run"),
            relation("app", "STATIC_LINK", "linked"),
            relation("run", "GENERATED_FROM", "source"),
            relation("linked", "DEPENDS_ON", "NONE"),
            relation("linked", "DEPENDS_ON", "NOASSERTION"),
            relation("run", "AMENDS", "linked"),
            relation("run", "DEPENDS_ON", "gone"),
        ],
    })));
    let scope = |name: &str| {
        let run = component_named(&sbom, "run");
        let all = sbom.bom.components.iter().chain(&run.components);
        let scope = all.clone().find(|each| each.name == name).unwrap().scope;
        serde_json::to_value(scope).unwrap()
    };
    for (name, wanted) in [
        ("run", "required"),
        ("linked", "required"),
        ("bin/app", "required"),
        ("inside", "required"),
        ("maybe", "optional"),
        ("build", "excluded"),
        ("test", "excluded"),
        ("source", "excluded"),
    ] {
        assert_eq!(scope(name), wanted, "{name}");
    }
    assert_eq!(component_named(&sbom, "run").components.len(), 2);
    let linked = component_named(&sbom, "linked").bom_ref.as_ref().unwrap();
    let complete = &sbom.bom.compositions[0];
    assert_eq!(complete.dependencies, std::slice::from_ref(linked));
    assert_eq!(
        notes(&sbom),
        [
            "left out: relationships AMENDS (1)",
            "1 relations lead to what it does not list",
        ]
    );
}

#[test]
fn licences_and_people_of_spdx() {
    let sbom = imported(&spdx(json!({
        "packages": [{
            "SPDXID": "SPDXRef-x", "name": "x", "versionInfo": "1", "downloadLocation": "git+https://x.org/x@1",
            "supplier": "Organization: X (x@x.org)", "originator": "Person: A (a@x.org)",
            "licenseDeclared": "MIT OR LicenseRef-own", "licenseConcluded": "LicenseRef-own",
            "copyrightText": "NOASSERTION", "primaryPackagePurpose": "FRAMEWORK",
            "externalRefs": [
                { "referenceCategory": "PACKAGE_MANAGER", "referenceType": "purl", "referenceLocator": "pkg:npm/x" },
                { "referenceCategory": "OTHER", "referenceType": "odd", "referenceLocator": "1" },
            ],
        }],
        "documentDescribes": ["SPDXRef-x"],
        "hasExtractedLicensingInfos": [
            { "licenseId": "LicenseRef-own", "name": "Own", "extractedText": "do as you like" },
        ],
    })));
    let root = sbom.bom.metadata.component.as_ref().unwrap();
    assert_eq!(root.bom_ref.as_ref().unwrap().as_str(), "pkg:npm/x@1");
    let root = serde_json::to_value(root).unwrap();
    assert_eq!(root["type"], "framework");
    assert_eq!(
        root["supplier"],
        json!({ "name": "X", "contact": [{ "email": "x@x.org" }] })
    );
    assert_eq!(
        root["authors"],
        json!([{ "name": "A", "email": "a@x.org" }])
    );
    assert_eq!(
        root["licenses"],
        json!([
            {
                "expression": "MIT OR LicenseRef-own",
                "acknowledgement": "declared",
                "expressionDetails": [
                    { "licenseIdentifier": "LicenseRef-own", "text": { "content": "do as you like" } },
                ],
            },
            {
                "license": {
                    "name": "Own", "acknowledgement": "concluded",
                    "text": { "content": "do as you like" },
                },
            },
        ])
    );
    assert_eq!(root["externalReferences"][0]["url"], "https://x.org/x@1");
    assert_eq!(root["externalReferences"][1]["type"], "bom");
    assert_eq!(notes(&sbom), ["left out: externalRefs odd (1)"]);
}

#[test]
fn refuses_what_is_no_document_or_not_a_sound_one() {
    let part = |fields: Value| {
        let mut part = json!({ "type": "library", "name": "x", "bom-ref": "x" });
        let all = part.as_object_mut().unwrap();
        all.extend(fields.as_object().unwrap().clone());
        part
    };
    let parts = |list: Vec<Value>| cyclonedx(json!({ "components": list }));
    for (bad, wanted) in [
        (json!({}), "neither CycloneDX nor SPDX"),
        (json!([]), "neither"),
        (
            json!({ "bomFormat": "CycloneDX", "specVersion": "2.0" }),
            "CycloneDX 2.0 is not read",
        ),
        (json!({ "spdxVersion": "SPDX-3.0" }), "SPDX 3.0 is not read"),
        (parts(vec![part(json!({ "name": "" }))]), "has no `name`"),
        (
            parts(vec![part(json!({ "type": "odd" }))]),
            "/components/0 is malformed",
        ),
        (
            parts(vec![part(
                json!({ "hashes": [{ "alg": "SHA-256", "content": "00" }] }),
            )]),
            "no SHA-256",
        ),
        (
            parts(vec![part(json!({})), part(json!({ "version": "2" }))]),
            "stands for two",
        ),
        (
            parts(vec![part(json!({ "licenses": [{}] }))]),
            "either `license`",
        ),
        (cyclonedx(json!({ "components": {} })), "no list"),
        (cyclonedx(json!({ "dependencies": [{}] })), "has no `ref`"),
        (
            spdx(json!({ "packages": [{ "name": "x" }] })),
            "has no `SPDXID`",
        ),
        (
            spdx(json!({ "relationships": [{}] })),
            "has no `spdxElementId`",
        ),
    ] {
        let error = read(bad.to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{bad} gave {error}");
    }
    let twice = r#"{"bomFormat":"CycloneDX","bomFormat":"x"}"#;
    assert!(matches!(read(twice.as_bytes()), Err(ImportError::Json(_))));
}

#[test]
fn xml_expands_nothing_and_has_limits() {
    let bom = |inner: &str| {
        format!(r#"<bom xmlns="http://cyclonedx.org/schema/bom/1.6" version="1">{inner}</bom>"#)
    };
    let deep = "<components><component type=\"file\"><name>x</name>".repeat(80);
    for (bad, wanted) in [
        (
            "<!DOCTYPE a [<!ENTITY b \"c\">]><bom/>".to_owned(),
            "document type",
        ),
        (bom("<components>&lol;</components>"), "an entity"),
        (bom(&deep), "deep"),
        (bom("<components>"), "at byte"),
        (bom("") + "<bom/>", "second root"),
        ("<bom/>".to_owned(), "neither"),
        (
            "<?xml version=\"1.0\" encoding=\"UTF-16\"?><bom/>".to_owned(),
            "not UTF-8",
        ),
        (
            bom(
                "<components><component type=\"file\"><name>x</name><name>y</name></component></components>",
            ),
            "stands twice",
        ),
        (
            bom("<components><odd/></components>"),
            "`odd` where `component`",
        ),
        (
            bom("<components><component type=\"file\"><name><b/></name></component></components>"),
            "elements where text",
        ),
    ] {
        let error = read(bad.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{bad} gave {error}");
    }
    let escaped = bom(
        "<components><component type=\"file\"><name>a&amp;&#x62;<![CDATA[<c>]]></name>\
         <x:odd xmlns:x=\"urn:x\"><x:y/></x:odd></component></components>\
         <vulnerabilities><vulnerability/><vulnerability/></vulnerabilities>",
    );
    let sbom = merged(&[("x.xml", escaped.as_bytes())]);
    assert_eq!(names(&sbom), ["a&b<c>"]);
    assert_eq!(
        notes(&sbom),
        [
            "left out: elements of other namespaces (2)",
            "left out: vulnerabilities (2)",
        ]
    );
}

#[test]
fn a_document_in_a_folder_is_told_and_imported_when_asked_for() {
    use super::super::{Selection, Tree, collect};
    let folder = tempfile::tempdir().unwrap();
    let text = cyclonedx(
        json!({ "components": [{ "type": "library", "name": "x", "purl": "pkg:npm/x@1" }] }),
    );
    std::fs::write(folder.path().join("vendor.cdx.json"), text.to_string()).unwrap();
    std::fs::write(folder.path().join("other.json"), "{}").unwrap();
    let found = |include: &[&str]| {
        let selection = Selection {
            include: include.iter().map(|glob| (*glob).to_owned()).collect(),
            ..Selection::default()
        };
        let tree = Tree::walk_selected(folder.path(), &selection).unwrap();
        let mut inventory = Inventory::default();
        collect(&tree, &mut inventory).unwrap();
        let notes: Vec<Note> = inventory.notes().cloned().collect();
        (inventory.components().count(), notes)
    };
    let (count, notes) = found(&[]);
    assert_eq!((count, notes.len()), (0, 1));
    assert_eq!(notes[0].reason, Reason::Document);
    assert_eq!(found(&["*.json"]), (1, Vec::new()));
    let tree = Tree::file(&folder.path().join("vendor.cdx.json")).unwrap();
    let mut inventory = Inventory::default();
    collect(&tree, &mut inventory).unwrap();
    assert_eq!(inventory.components().count(), 1);
}

proptest::proptest! {
    #[test]
    fn nothing_panics(text in "(<bom xmlns=\"http://cyclonedx.org/schema/bom/1.[3-7]\">)?[<>&;!\\[\\]/a-z \"=]{0,80}(</bom>)?") {
        let _ = read(text.as_bytes());
    }
}
