//! Two small documents for each kind of difference.

use serde_json::{Value, json};

use super::super::import;
use super::super::{Inventory, Settings, document};
use super::*;
use crate::artifact::Digest;

const WHOLE: &str = "whole";

fn bom(components: Value) -> Bom {
    bom_with(components, json!([]))
}

fn bom_with(components: Value, dependencies: Value) -> Bom {
    let text = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6",
        "components": components, "dependencies": dependencies,
    })
    .to_string();
    let mut inventory = Inventory::default();
    let digest = Digest::sha256(text.as_bytes());
    let read = import::read(text.as_bytes()).unwrap();
    read.add_to("x.json", &digest, None, &mut inventory)
        .unwrap();
    let settings = Settings {
        name: WHOLE.to_owned(),
        ..Settings::default()
    };
    document(inventory, &settings).unwrap().bom
}

fn package(kind: &str, name: &str, version: &str) -> Value {
    json!({
        "type": "library", "name": name, "version": version, "bom-ref": format!("{name}@{version}"),
        "purl": format!("pkg:{kind}/{name}@{version}"),
    })
}

fn with(mut component: Value, fields: Value) -> Value {
    let own = component.as_object_mut().unwrap();
    own.extend(fields.as_object().unwrap().clone());
    component
}

fn diff(from: Value, to: Value) -> Diff {
    Diff::between(&bom(from), &bom(to), WHOLE)
}

/// Changes as lines.
fn lines(diff: &Diff) -> Vec<String> {
    let text = |version: &Option<String>| version.clone().unwrap_or_default();
    let label = |sign: &str, each: &Package| format!("{sign}{} {}", each.name, text(&each.version));
    let mut lines: Vec<String> = diff.added.iter().map(|each| label("+", each)).collect();
    lines.extend(diff.removed.iter().map(|each| label("-", each)));
    lines.extend(diff.changed.iter().map(|each| {
        let (from, to) = (text(&each.from.version), text(&each.to.version));
        format!("{:?} {} {from} {to}", each.direction, each.from.name)
    }));
    lines
}

#[test]
fn the_same_is_no_difference_whatever_its_order() {
    let (a, b) = (
        package("cargo", "a", "1.0.0"),
        package("cargo", "b", "1.0.0"),
    );
    let same = diff(json!([a, b]), json!([b, a]));
    assert!(same.is_empty(), "{same:?}");
}

#[test]
fn versions_move_by_the_order_of_their_ecosystem() {
    let versions = |list: &[(&str, &str, &str)]| -> Value {
        let packages = list
            .iter()
            .map(|(kind, name, version)| package(kind, name, version));
        packages.collect()
    };
    let found = diff(
        versions(&[
            ("cargo", "up", "0.9.0"),
            ("pypi", "down", "1.0"),
            ("golang", "x.org/same", "v1.0.0"),
            ("cargo", "gone", "1.0.0"),
            ("pypi", "equal", "1.0"),
        ]),
        versions(&[
            ("cargo", "up", "0.10.0"),
            ("pypi", "down", "1.0rc1"),
            ("golang", "x.org/same", "v1.0.0"),
            ("cargo", "new", "1.0.0"),
            ("pypi", "equal", "1.0.0"),
        ]),
    );
    assert_eq!(
        lines(&found),
        [
            "+new 1.0.0",
            "-gone 1.0.0",
            "Upgraded up 0.9.0 0.10.0",
            "Downgraded down 1.0 1.0rc1",
            "Moved equal 1.0 1.0.0",
        ]
    );
}

#[test]
fn several_versions_are_matched_by_their_lines() {
    let versions = |list: &[&str]| -> Value {
        list.iter()
            .map(|version| package("cargo", "a", version))
            .collect()
    };
    let found = diff(
        versions(&["1.0.0", "2.0.0"]),
        versions(&["1.0.1", "2.1.0", "3.0.0"]),
    );
    assert_eq!(
        lines(&found),
        [
            "+a 3.0.0",
            "Upgraded a 1.0.0 1.0.1",
            "Upgraded a 2.0.0 2.1.0"
        ]
    );
    let found = diff(versions(&["1.0.0", "2.0.0"]), versions(&["2.0.0"]));
    assert_eq!(lines(&found), ["-a 1.0.0"]);
    let found = diff(versions(&["1.0.0"]), versions(&["1.0.0", "2.0.0"]));
    assert_eq!(lines(&found), ["+a 2.0.0"]);
    let found = diff(versions(&["1.0.0"]), versions(&["2.0.0"]));
    assert_eq!(lines(&found), ["Upgraded a 1.0.0 2.0.0"]);
}

#[test]
fn another_digest_at_the_same_version_is_seen() {
    let sha = |byte: &str| json!({ "alg": "SHA-256", "content": byte.repeat(32) });
    let a = package("cargo", "a", "1.0.0");
    let hashed = |byte: &str| json!([with(a.clone(), json!({ "hashes": [sha(byte)] }))]);
    let found = diff(hashed("00"), hashed("11"));
    let change = &found.changed[0];
    assert_eq!(
        (change.direction, change.digests.len()),
        (Direction::Same, 1)
    );
    assert_eq!(change.digests[0].of, "SHA-256");
    assert_eq!(change.digests[0].to, "11".repeat(32));
    // None is no other one, and neither is one of another algorithm.
    assert!(diff(hashed("00"), json!([a])).is_empty());
    let other = json!([{ "alg": "SHA-1", "content": "22".repeat(20) }]);
    let other = json!([with(a.clone(), json!({ "hashes": other }))]);
    assert!(diff(hashed("00"), other).is_empty());
    // Of the files of a package those of one place are compared.
    let file = |url: &str, byte: &str| {
        let reference = json!({ "type": "distribution", "url": url, "hashes": [sha(byte)] });
        json!([with(
            a.clone(),
            json!({ "externalReferences": [reference] })
        )])
    };
    assert_eq!(diff(file("u", "00"), file("u", "11")).changed.len(), 1);
    assert!(diff(file("u", "00"), file("v", "11")).is_empty());
    let both = |url: &str, byte: &str| {
        let mut list = file(url, byte);
        list[0]["hashes"] = json!([sha(byte)]);
        list
    };
    assert_eq!(diff(both("u", "00"), both("u", "11")).changed.len(), 1);
    assert!(diff(both("u", "00"), both("v", "11")).is_empty());
    // Another version has another digest, of course.
    let next = package("cargo", "a", "1.0.1");
    let next = json!([with(next, json!({ "hashes": [sha("11")] }))]);
    assert_eq!(diff(hashed("00"), next).changed[0].digests, []);
    let sum = |value: &str| {
        let property = json!({ "name": GO_SUM, "value": value });
        json!([with(
            package("golang", "x.org/a", "v1.0.0"),
            json!({ "properties": [property] })
        )])
    };
    assert_eq!(
        diff(sum("h1:a"), sum("h1:b")).changed[0].digests[0].of,
        "h1"
    );
}

#[test]
fn licence_scope_and_origin() {
    let a = package("cargo", "a", "1.0.0");
    let licensed = |id: &str| {
        json!([with(
            a.clone(),
            json!({ "licenses": [{ "license": { "id": id } }] })
        )])
    };
    let found = diff(licensed("MIT"), licensed("ISC"));
    let change = &found.changed[0];
    assert!(change.licenses && !change.scope && !change.origin && change.digests.is_empty());
    assert_eq!(
        (&*change.from.licenses[0], &*change.to.licenses[0]),
        ("MIT", "ISC")
    );

    let fork = with(
        a.clone(),
        json!({ "purl": "pkg:cargo/a@1.0.0?vcs_url=git%2Bhttps://x.org/a" }),
    );
    let found = diff(json!([a]), json!([fork]));
    assert!(found.changed[0].origin);
    assert_eq!(found.changed[0].direction, Direction::Same);

    let root =
        json!({ "type": "application", "name": "r", "bom-ref": "r", "purl": "pkg:cargo/r@1.0.0" });
    let scoped = |scope: &str| {
        let part = with(a.clone(), json!({ "scope": scope }));
        bom_with(
            json!([root, part]),
            json!([{ "ref": "r", "dependsOn": ["a@1.0.0"] }]),
        )
    };
    let found = Diff::between(&scoped("required"), &scoped("optional"), WHOLE);
    assert!(found.changed[0].scope);
    assert_eq!(found.changed.len(), 1);
}

#[test]
fn relations_are_counted_between_packages_not_versions() {
    let parts = |version: &str| {
        json!([
            package("cargo", "a", "1.0.0"),
            package("cargo", "b", version),
            package("cargo", "c", "1.0.0")
        ])
    };
    let edge = |from: &str, to: &str| json!({ "ref": from, "dependsOn": [to] });
    let from = bom_with(parts("1.0.0"), json!([edge("a@1.0.0", "b@1.0.0")]));
    let to = bom_with(
        parts("1.0.1"),
        json!([edge("a@1.0.0", "b@1.0.1"), edge("b@1.0.1", "c@1.0.0")]),
    );
    let found = Diff::between(&from, &to, WHOLE);
    assert_eq!((found.relations_added, found.relations_removed), (1, 0));
    let back = Diff::between(&to, &from, WHOLE);
    assert_eq!((back.relations_added, back.relations_removed), (0, 1));
}

#[test]
fn what_has_no_package_url_is_known_by_its_name() {
    let thing = |version: &str| json!([{ "type": "firmware", "group": "g", "name": "n", "version": version }]);
    assert!(diff(thing("1"), thing("1")).is_empty());
    let found = diff(thing("1"), thing("2"));
    assert_eq!(lines(&found), ["Upgraded g/n 1 2"]);
    assert_eq!(found.changed[0].from.ecosystem, "firmware");
}
