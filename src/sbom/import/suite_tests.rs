//! The official CycloneDX suite: every valid file is imported and what is
//! written of it is valid; invalid ones are refused where what is wrong with
//! them is something that is read.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::super::inventory::Inventory;
use super::super::judge::{self, unsound};
use super::super::output::{Encoding, SpecVersion, write};
use super::super::{Sbom, Settings, document};
use super::*;

fn sbom_of(bytes: &[u8], name: &str) -> Sbom {
    let read = read(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut inventory = Inventory::default();
    let digest = Digest::sha256(bytes);
    let roots = read.add_to(name, &digest, None, &mut inventory).unwrap();
    roots.iter().for_each(|root| inventory.product(root));
    let settings = Settings {
        name: "suite".to_owned(),
        ..Settings::default()
    };
    document(inventory, &settings).unwrap()
}

fn files(folder: &Path, version: &str, start: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder.join(version))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path))
        .filter(|(name, _)| name.starts_with(start))
        .map(|(name, path)| (format!("{version}/{name}"), fs::read(path).unwrap()))
        .collect();
    files.sort_unstable();
    files
}

#[test]
fn every_valid_file_is_imported_and_written_validly() {
    let Some(folder) = judge::suite() else { return };
    let versions = [SpecVersion::V1_5, SpecVersion::V1_6, SpecVersion::V1_7];
    let judges = versions.map(|version| judge::validator(version.as_str()).unwrap());
    let mut count = 0;
    for version in ["1.5", "1.6", "1.7"] {
        for (name, bytes) in files(&folder, version, "valid-") {
            let sbom = sbom_of(&bytes, &name);
            assert_eq!(unsound(&sbom.bom), Vec::<String>::new(), "{name}");
            for (version, judge) in versions.into_iter().zip(&judges) {
                let written = write(&sbom.bom, version, Encoding::Json).unwrap();
                let faults: Vec<_> = judge
                    .iter_errors(&serde_json::from_str(&written.text).unwrap())
                    .map(|error| format!("{}: {error}", error.instance_path()))
                    .collect();
                assert_eq!(faults, Vec::<String>::new(), "{name} as {version:?}");
            }
            count += 1;
        }
    }
    assert_eq!(count, 142);
}

#[test]
fn invalid_files_are_refused_where_the_flaw_is_read() {
    let Some(folder) = judge::suite() else { return };
    let mut taken: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut count = 0;
    for version in ["1.5", "1.6", "1.7"] {
        for (name, bytes) in files(&folder, version, "invalid-") {
            count += 1;
            if read(&bytes).is_ok() {
                let (_, flaw) = name.split_once("/invalid-").unwrap();
                let flaw = flaw.trim_end_matches(".json");
                let flaw = flaw.trim_end_matches(&format!("-{version}"));
                taken.entry(flaw.to_owned()).or_default().push(version);
            }
        }
    }
    let refused = count - taken.values().map(Vec::len).sum::<usize>();
    assert_eq!((count, refused), (76, 52), "{taken:?}");
    let flaws: Vec<&str> = taken.keys().map(String::as_str).collect();
    // What is not read can be as wrong as it likes; it is told as left out.
    let not_read = [
        "citations",
        "component-external-version-and-range",
        "component-swid",
        "component-versionRange-non-external-explicit",
        "component-versionRange-non-external-implicit",
        "issue-type",
        // From 1.7 on this is allowed.
        "license-declared-concluded-mix",
        // It is kept as a name, with a note.
        "license-id",
        "metadata-distribution",
        "metadata-license",
        "metadata-timestamp",
        "service-data",
    ];
    assert_eq!(flaws, not_read);
}
