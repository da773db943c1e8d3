//! Every version and form that is written, judged by the official schemas.

use std::fs;
use std::io::Write as _;
use std::process::Command;

use serde_json::{Value, json};

use super::super::import;
use super::super::judge::{self, document_of};
use super::super::{Inventory, Sbom, Settings, document};
use super::*;
use crate::artifact::Digest;

const VERSIONS: [SpecVersion; 3] = [SpecVersion::V1_5, SpecVersion::V1_6, SpecVersion::V1_7];

/// A document with everything that prov can say.
fn full() -> Sbom {
    let text = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.7",
        "metadata": { "component": { "type": "application", "name": "app", "bom-ref": "app" } },
        "components": [{
            "type": "cryptographic-asset", "mime-type": "text/plain", "bom-ref": "x", "group": "o", "name": "x <&>\"'",
            "version": "1", "description": "d\u{0}\u{1f980}", "publisher": "p", "copyright": "© x",
            "authors": [{ "name": "A", "email": "a@x.org", "phone": "1" }, { "name": "B" }],
            "supplier": { "name": "s", "url": ["https://s.org", "https://t.org"], "contact": [{ "name": "c" }] },
            "manufacturer": { "name": "m" },
            "cpe": "cpe:2.3:a:o:x:1:*:*:*:*:*:*:*", "purl": "pkg:npm/o/x@1",
            "hashes": [
                { "alg": "SHA-1", "content": "e6b1000b94e835ffd37f4c6dcbdad43f4b48a02a" },
                { "alg": "Streebog-256", "content": "00".repeat(32) },
            ],
            "licenses": [
                { "expression": "MIT OR LicenseRef-a", "acknowledgement": "declared",
                  "expressionDetails": [{ "licenseIdentifier": "LicenseRef-a", "text": { "content": " a\n b " } }] },
                { "license": { "id": "ISC", "acknowledgement": "declared", "text": { "content": "aQ==", "encoding": "base64", "contentType": "text/plain" } } },
                { "license": { "name": "Own", "acknowledgement": "concluded", "url": "https://x.org/own" } },
            ],
            "externalReferences": [
                { "type": "rfc-9116", "url": "https://x.org/s", "comment": "c",
                  "hashes": [{ "alg": "Streebog-512", "content": "00".repeat(64) }] },
                { "type": "patent", "url": "https://x.org/p" },
            ],
            "pedigree": {
                "ancestors": [{ "type": "library", "name": "up", "authors": [{ "email": "u@x.org" }] }],
                "descendants": [{ "type": "library", "name": "down" }],
                "variants": [{ "type": "library", "name": "side" }],
                "commits": [{ "uid": "1", "url": "https://x.org/1", "message": "m" }],
                "patches": [{ "type": "backport", "diff": { "url": "https://x.org/d", "text": { "content": "+a\n" } } }],
                "notes": "n",
            },
            "evidence": {
                "identity": [
                    { "field": "purl", "confidence": 0.5, "methods": [{ "technique": "filename", "confidence": 0.5 }] },
                    { "field": "swhid" },
                ],
                "occurrences": [
                    { "location": "a", "line": 1, "offset": 2, "symbol": "s" }, { "location": "a", "line": 3 },
                ],
                "licenses": [{ "license": { "name": "y" } }, { "expression": "MIT" }],
                "copyright": [{ "text": "© y" }],
            },
            "properties": [{ "name": "n\n", "value": " v\r\n" }, { "name": "e", "value": "" }],
            "components": [{ "type": "file", "name": "inner", "bom-ref": "inner" }],
        }],
        "dependencies": [{ "ref": "app", "dependsOn": ["x"] }],
        "compositions": [{ "aggregate": "complete", "assemblies": ["x"], "dependencies": ["app"] }],
    })
    .to_string();
    let read = import::read(text.as_bytes()).unwrap();
    let mut inventory = Inventory::default();
    let digest = Digest::sha256(text.as_bytes());
    let roots = read
        .add_to("full.json", &digest, None, &mut inventory)
        .unwrap();
    roots.iter().for_each(|root| inventory.product(root));
    let settings = Settings {
        name: "full".to_owned(),
        timestamp: Some(1_700_000_000),
        manufacturer: Some(serde_json::from_value(json!({ "name": "maker" })).unwrap()),
        authors: vec![serde_json::from_value(json!({ "name": "writer" })).unwrap()],
        supplier: Some(serde_json::from_value(json!({ "name": "seller" })).unwrap()),
        ..Settings::default()
    };
    document(inventory, &settings).unwrap()
}

fn documents() -> Vec<(&'static str, Sbom)> {
    let fixtures = [
        "cargo/workspace",
        "go/workspace",
        "python/uv-workspace",
        "python/wheel",
    ];
    let mut all: Vec<_> = fixtures.map(|name| (name, document_of(name))).into();
    all.push(("full", full()));
    all
}

#[test]
fn every_version_is_valid() {
    for (name, sbom) in documents() {
        for version in VERSIONS {
            let Some(validator) = judge::validator(version.as_str()) else {
                return;
            };
            let written = write(&sbom.bom, version, Encoding::Json).unwrap();
            let value: Value = serde_json::from_str(&written.text).unwrap();
            let faults: Vec<String> = validator
                .iter_errors(&value)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert_eq!(faults, Vec::<String>::new(), "{name} as {version:?}");
            assert_eq!(value["specVersion"], version.as_str());
            assert_eq!(written, write(&sbom.bom, version, Encoding::Json).unwrap());
        }
    }
}

#[test]
fn what_an_older_version_lacks_is_told() {
    let sbom = full();
    let lost = |version| write(&sbom.bom, version, Encoding::Json).unwrap().lost;
    let told = |version| -> Vec<String> { lost(version).into_keys().collect() };
    assert_eq!(told(SpecVersion::V1_7), Vec::<String>::new());
    let newest = [
        "externalReferences.type patent",
        "hashes Streebog",
        "licenses that are not declared",
        "licenses.expressionDetails",
        "licenses.license.text",
    ];
    assert_eq!(told(SpecVersion::V1_6), newest);
    assert_eq!(lost(SpecVersion::V1_6)["hashes Streebog"], 2);
    let mut older: Vec<&str> = newest.to_vec();
    older.extend([
        "evidence.identity",
        "evidence.occurrences.line",
        "evidence.occurrences.offset",
        "evidence.occurrences.symbol",
        "externalReferences.type rfc-9116",
        "licenses.acknowledgement",
        "manufacturer",
        "metadata.manufacturer",
        "type cryptographic-asset",
    ]);
    older.sort_unstable();
    assert_eq!(told(SpecVersion::V1_5), older);
    let written = write(&sbom.bom, SpecVersion::V1_5, Encoding::Json).unwrap();
    let value: Value = serde_json::from_str(&written.text).unwrap();
    let x = &value["components"][0];
    assert_eq!(x["author"], "A <a@x.org>, B");
    assert_eq!(
        x["licenses"],
        json!([{ "expression": "(MIT OR LicenseRef-a) AND ISC" }])
    );
    assert_eq!(
        x["evidence"]["licenses"],
        json!([{ "license": { "name": "MIT" } }, { "license": { "name": "y" } }])
    );
    assert_ne!(
        value["serialNumber"],
        serde_json::to_value(&sbom.bom).unwrap()["serialNumber"]
    );
}

#[test]
fn xml_says_what_json_says() {
    for (name, sbom) in documents() {
        for version in VERSIONS {
            let json = write(&sbom.bom, version, Encoding::Json).unwrap();
            let xml = write(&sbom.bom, version, Encoding::Xml).unwrap();
            // Characters that XML can't hold are gone before the two are compared.
            let json = json.text.replace("\\u0000", "\u{fffd}");
            let json = import::read(json.as_bytes()).unwrap();
            let xml = import::read(xml.text.as_bytes()).unwrap();
            assert_eq!(json.link, xml.link, "{name}");
            assert_eq!(json.relations, xml.relations, "{name}");
            assert_eq!(json.dependencies, xml.dependencies, "{name}");
            assert_eq!(json.parts, xml.parts, "{name}");
            assert_eq!(json.left_out, xml.left_out, "{name}");
            assert_eq!(json.elements.len(), xml.elements.len(), "{name}");
            for (json, xml) in json.elements.iter().zip(&xml.elements) {
                assert_eq!(json.component, xml.component, "{name} as {version:?}");
                assert_eq!(json.name, xml.name, "{name} as {version:?}");
            }
        }
    }
}

/// The official XML schemas, by xmllint.
#[test]
fn xml_is_valid() {
    let Some(suite) = judge::suite() else { return };
    let skip = |why: &str| {
        let _ = writeln!(std::io::stderr(), "SKIPPED: XML is not judged, {why}");
    };
    if Command::new("xmllint").arg("--version").output().is_err() {
        return skip("for there is no xmllint");
    }
    let folder = tempfile::tempdir().unwrap();
    for version in VERSIONS {
        let schema = suite.join(format!("bom-{}.xsd", version.as_str()));
        if !schema.is_file() {
            return skip(&format!("for there is no {}", schema.display()));
        }
        let path = folder.path().join("bom.xml");
        let judged = |text: &str| {
            fs::write(&path, text).unwrap();
            Command::new("xmllint")
                .args(["--nonet", "--noout", "--schema"])
                .args([&schema, &path])
                .output()
                .unwrap()
        };
        for (name, sbom) in documents() {
            let text = write(&sbom.bom, version, Encoding::Xml).unwrap().text;
            let said = judged(&text);
            let why = String::from_utf8_lossy(&said.stderr).into_owned();
            assert!(said.status.success(), "{name} as {version:?}: {why}");
            let wrong = text.replace("</metadata>", "<odd/></metadata>");
            assert!(!judged(&wrong).status.success(), "the judge takes all");
        }
    }
}
