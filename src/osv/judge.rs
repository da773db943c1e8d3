//! osv-scanner as judge: the same dump, the same packages, the same findings.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::Database;
use super::tests::packed;
use crate::purl::Purl;

const INSTALL: &str = "go install github.com/google/osv-scanner/v2/cmd/osv-scanner@v2.3.8";

const PACKAGES: &[&str] = &[
    "pkg:cargo/two-lines@1.0.0",
    "pkg:cargo/two-lines@1.2.4",
    "pkg:cargo/two-lines@1.2.5",
    "pkg:cargo/two-lines@1.2.6",
    "pkg:cargo/two-lines@2.0.0-rc.1",
    "pkg:cargo/two-lines@2.0.9%2Blocal",
    "pkg:cargo/two-lines@2.1.0",
    "pkg:cargo/shuffled@0.4.0",
    "pkg:cargo/shuffled@0.5.0",
    "pkg:cargo/shuffled@1.5.0",
    "pkg:cargo/shuffled@2.0.0",
    "pkg:cargo/never-fixed@0.9.9",
    "pkg:cargo/never-fixed@1.4.0",
    "pkg:cargo/never-fixed@1.4.1",
    "pkg:golang/example.org/limited@v1.4.9",
    "pkg:golang/example.org/old@v1.9.0",
    "pkg:golang/example.org/old@v2.2.0%2Bincompatible",
    "pkg:golang/example.org/both@v1.0.0",
    "pkg:golang/example.org/both@v1.1.0",
    "pkg:golang/stdlib@1.25.9",
    "pkg:golang/stdlib@1.26.7",
    "pkg:golang/stdlib@1.26.8",
    "pkg:pypi/both@1.1",
    "pkg:pypi/posted@1.0",
    "pkg:pypi/posted@1.0.post1",
    "pkg:pypi/posted@1!0.1",
    "pkg:pypi/posted@1!0.2",
];

/// What only one of the two sees, and why that is right.
const DIFFERENCES: &[(&str, &str)] = &[
    // The judge does not know `limit` events.
    ("pkg:golang/example.org/limited@v1.5.0", "GO-2099-0001"),
    // The judge does not know Go's library by the name that Go's source has for it.
    ("pkg:golang/std@1.26.7", "GO-2099-0002"),
    // The judge compares the names of Go modules with their case, which package URLs don't have.
    (
        "pkg:golang/example.org/pseudo@v0.0.0-20260101000000-aaaaaaaaaaaa",
        "GO-2099-0003",
    ),
    // The judge looks in PyPI's file only; a published dump has a copy there.
    ("pkg:pypi/both@1.0", "CVE-2099-9"),
    // The judge compares listed versions by their letters: 1.0.0 is 1.0 (PEP 440).
    ("pkg:pypi/listed-thing@1.0.0", "PYSEC-2099-1"),
    // The judge takes a bound that is no version for one; it is only said to be unclear here.
    ("pkg:pypi/ancient@2004", "PYSEC-2099-3"),
];

type Found = BTreeSet<(String, String)>;

#[test]
fn osv_scanner_finds_the_same() {
    let folder = match std::env::var_os("PROV_PEERS") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers"),
    };
    let judge = folder.join("osv-scanner");
    if !judge.exists() {
        eprintln!(
            "SKIPPED: {} is not there; `{INSTALL}` builds it",
            judge.display()
        );
        return;
    }
    let work = tempfile::tempdir().unwrap();
    packed(&work.path().join("osv-scanner"), false);
    let different = DIFFERENCES.iter().map(|(purl, _)| purl);
    let purls: Vec<Purl> = PACKAGES
        .iter()
        .chain(different)
        .map(|purl| purl.parse().unwrap())
        .collect();

    let database = Database::open(work.path(), &purls).unwrap();
    let mut ours = Found::new();
    for purl in &purls {
        for finding in database.look_up(purl).unwrap() {
            let certain = finding.doubt.is_none();
            let own = finding
                .ids
                .into_iter()
                .filter(|id| certain && !id.starts_with("CVE-2099-1"));
            ours.extend(own.map(|id| (purl.to_string(), id)));
        }
    }
    let judged = judged(&judge, work.path(), &purls);

    let apart: Found = ours.symmetric_difference(&judged).cloned().collect();
    let expected: Found = DIFFERENCES
        .iter()
        .map(|(purl, id)| (purl.parse::<Purl>().unwrap().to_string(), (*id).to_owned()))
        .collect();
    // An advisory of the same vulnerability that is not about the version, and an alias.
    let also = |(purl, id): &(String, String)| {
        id.starts_with("CVE-2099-3")
            || (purl.ends_with("two-lines@1.2.5") && id.starts_with("RUSTSEC"))
    };
    let apart: Found = apart.into_iter().filter(|one| !also(one)).collect();
    assert_eq!(apart, expected);
    assert!(judged.len() >= 15, "{judged:?}");
}

fn judged(judge: &Path, work: &Path, purls: &[Purl]) -> Found {
    let components = purls.iter().map(|purl| {
        json!({"type": "library", "bom-ref": purl, "name": purl.name(), "version": purl.version(), "purl": purl})
    });
    let document = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "components": components.collect::<Vec<_>>(),
    });
    let bom = work.join("bom.cdx.json");
    fs::write(&bom, document.to_string()).unwrap();
    let output = Command::new(judge)
        .args(["scan", "source", "--offline", "--format", "json", "-L"])
        .arg(&bom)
        .env("OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY", work)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let mut found = Found::new();
    for result in report["results"].as_array().unwrap() {
        for package in result["packages"].as_array().unwrap() {
            let text = |key: &str| package["package"][key].as_str().unwrap().to_owned();
            let kind = match text("ecosystem").as_str() {
                "crates.io" => "cargo",
                "Go" => "golang",
                "PyPI" => "pypi",
                other => panic!("{other}"),
            };
            let purl = Purl::new(kind, &text("name"), &text("version")).unwrap();
            for vulnerability in package["vulnerabilities"].as_array().unwrap() {
                let id = vulnerability["id"].as_str().unwrap().to_owned();
                found.insert((purl.to_string(), id));
            }
        }
    }
    found
}
