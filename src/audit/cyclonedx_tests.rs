use super::*;
use serde_json::json;

fn contents(document: &Value) -> Contents {
    let mut reader = Reader::default();
    reader.add(document, &artifact()).unwrap();
    reader.finish()
}

fn artifact() -> Artifact {
    Artifact::from_bytes("wash", b"abc".to_vec())
}

fn document() -> Value {
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6",
        "metadata": {"component": {
            "type": "application", "name": "wash", "bom-ref": "root",
            "hashes": [{"alg": "SHA-256", "content": Digest::sha256(b"abc").hex()}],
        }},
        "components": [
            {"type": "library", "name": "b", "version": "2.0.0", "bom-ref": "b2",
             "purl": "pkg:cargo/b@2.0.0", "licenses": [{"license": {"id": "MIT"}}]},
            {"type": "library", "name": "b", "version": "10.0.0", "bom-ref": "b10",
             "purl": "pkg:cargo/b@10.0.0", "licenses": [{"license": {"id": "MIT"}}]},
            {"type": "file", "name": "nats.wasm", "bom-ref": "wasm",
             "hashes": [{"alg": "SHA-256", "content": "AB".repeat(32)}],
             "components": [
                {"type": "library", "name": "x", "bom-ref": "x",
                 "version": "v0.0.0-20240131120000-abcdef012345",
                 "purl": "pkg:golang/x@v0.0.0-20240131120000-abcdef012345"}]},
        ],
        "dependencies": [
            {"ref": "root", "dependsOn": ["b2", "wasm", "nobody"]},
            {"ref": "b2", "dependsOn": ["b10"]},
        ],
    })
}

#[test]
fn what_is_inside_and_who_needs_whom() {
    let contents = contents(&document());
    let names: Vec<_> = contents
        .packages
        .iter()
        .map(|each| each.name.as_str())
        .collect();
    assert_eq!(names, ["b", "b", "x", "nats.wasm"]);
    assert_eq!(contents.about_artifact, Some(true));
    assert_eq!(contents.direct, [1, 3]);
    let edges: Vec<_> = contents
        .edges
        .iter()
        .map(|edge| (edge.from, edge.to))
        .collect();
    assert_eq!(edges, [(1, 0), (3, 2)]);
    assert_eq!(contents.nested[0].packages, 1);
    assert_eq!(contents.nested[0].sha256, "ab".repeat(32));
    assert_eq!(contents.twins[0].package, "pkg:cargo/b");
    assert_eq!(contents.twins[0].versions, ["2.0.0", "10.0.0"]);
    assert_eq!(contents.licences[0].licence, None);
    assert_eq!(contents.licences[0].packages, [2, 3]);
    assert_eq!((contents.oldest, contents.newest), (Some(2), Some(2)));
    assert_eq!(
        (
            contents.with_purl,
            contents.with_hash,
            contents.with_licence
        ),
        (3, 1, 2)
    );
}

#[test]
fn two_documents_are_one_list() {
    let mut reader = Reader::default();
    reader.add(&document(), &artifact()).unwrap();
    let other = json!({
        "bomFormat": "CycloneDX",
        "metadata": {"component": {"name": "other", "hashes": [{"alg": "SHA-256", "content": "00".repeat(32)}]}},
        "components": [{"name": "b", "version": "2.0.0", "purl": "pkg:cargo/b@2.0.0",
                        "licenses": [{"expression": "Apache-2.0"}]}],
    });
    reader.add(&other, &artifact()).unwrap();
    let contents = reader.finish();
    assert_eq!(contents.packages.len(), 4);
    assert_eq!(contents.packages[1].licences, ["MIT", "Apache-2.0"]);
    assert_eq!(
        contents.about_artifact,
        Some(false),
        "one is about something else"
    );
}

#[test]
fn spdx_is_read_too() {
    let document = json!({
        "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "d",
        "dataLicense": "CC0-1.0", "documentNamespace": "https://example.com/d",
        "creationInfo": {"created": "2026-01-01T00:00:00Z", "creators": ["Tool: t"]},
        "packages": [
            {"SPDXID": "SPDXRef-a", "name": "a", "downloadLocation": "NOASSERTION"},
            {"SPDXID": "SPDXRef-b", "name": "b", "versionInfo": "1.0.0", "downloadLocation": "NOASSERTION",
             "licenseConcluded": "MIT",
             "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                               "referenceLocator": "pkg:cargo/b@1.0.0"}]}],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-a"},
            {"spdxElementId": "SPDXRef-a", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "SPDXRef-b"}],
    });
    let mut reader = Reader::default();
    reader.add_spdx(&document, &artifact()).unwrap();
    let contents = reader.finish();
    assert_eq!(contents.packages[0].name, "b");
    assert_eq!(contents.direct, [0]);
}

#[test]
fn what_is_no_document_is_refused() {
    let refused = |document: Value| Reader::default().add(&document, &artifact()).is_err();
    assert!(refused(json!({})));
    assert!(refused(json!({"bomFormat": "CycloneDX", "components": {}})));
    assert!(refused(
        json!({"bomFormat": "CycloneDX", "components": [{"version": "1"}]})
    ));
    assert!(!refused(json!({"bomFormat": "CycloneDX"})));
}

#[test]
fn the_time_in_a_pseudo_version() {
    for version in [
        "v0.0.0-20240131120000-abcdef012345",
        "v1.2.4-0.20240131120000-abcdef012345",
        "v1.2.3-pre.0.20240131120000-abcdef012345+incompatible",
    ] {
        let time = pseudo_version(version).unwrap();
        assert_eq!(time.to_string(), "2024-01-31T12:00:00Z", "{version}");
    }
    for version in [
        "v1.2.3",
        "v0.0.0-20241331120000-abcdef012345",
        "0.0.0-20240131120000-abcdef012345",
    ] {
        assert_eq!(pseudo_version(version), None, "{version}");
    }
}
