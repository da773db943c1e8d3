//! The floors of the house: a module uses only those below it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module and all that it may use of the others.
const FLOORS: &[(&str, &[&str])] = &[
    ("json", &[]),
    ("artifact", &[]),
    ("key", &["artifact"]),
    ("purl", &[]),
    ("version", &[]),
    ("zip", &[]),
    ("osv", &["json", "purl", "version", "zip"]),
    ("vex", &["artifact", "json", "purl"]),
    ("statement", &["artifact", "json"]),
    ("bundle", &["artifact", "json", "statement"]),
    ("verify", &["artifact", "bundle", "key", "statement"]),
    (
        "policy",
        &["artifact", "key", "purl", "statement", "verify", "version"],
    ),
    ("launch", &["artifact", "bundle", "key", "policy"]),
    ("oci", &["artifact", "bundle", "json", "statement"]),
    ("provenance", &["artifact", "statement"]),
    (
        "sbom",
        &[
            "artifact",
            "bundle",
            "json",
            "purl",
            "statement",
            "version",
            "zip",
        ],
    ),
    ("sign", &["json", "key", "statement"]),
    (
        "audit",
        &[
            "artifact",
            "osv",
            "policy",
            "purl",
            "sbom",
            "statement",
            "verify",
            "version",
            "vex",
        ],
    ),
    (
        "cli",
        &[
            "artifact",
            "audit",
            "bundle",
            "json",
            "key",
            "launch",
            "oci",
            "osv",
            "policy",
            "provenance",
            "purl",
            "sbom",
            "sign",
            "statement",
            "verify",
            "version",
            "vex",
        ],
    ),
];

/// Floors without files, network, clock or environment. Time and trust are arguments.
const PURE: &[&str] = &[
    "artifact",
    "audit",
    "bundle",
    "json",
    "key",
    "osv",
    "policy",
    "purl",
    "statement",
    "verify",
    "version",
    "vex",
    "zip",
];
/// The one file of a pure floor that opens files; what it reads, the others judge.
const OPENS_FILES: &str = "osv/database.rs";
const IMPURE: &[&str] = &[
    "std::{", // would hide the rest of this list
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
];
/// Only the command line talks.
const TALK: &[&str] = &[
    "println!",
    "print!(",
    "eprintln!",
    "eprint!(",
    "io::stdout",
    "io::stderr()",
];

/// A source file: its module, its path, its text without comments and tests.
struct Source {
    module: String,
    path: PathBuf,
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if name != "tests" && name != "guest" {
                    folders.push(path);
                }
                continue;
            }
            let test = ["tests.rs", "judge.rs"].contains(&name) || name.ends_with("_tests.rs");
            if test || !name.ends_with(".rs") || ["lib.rs", "main.rs"].contains(&name) {
                continue;
            }
            let inside = path.strip_prefix(&root).unwrap();
            let first = inside
                .components()
                .next()
                .unwrap()
                .as_os_str()
                .to_str()
                .unwrap();
            sources.push(Source {
                module: first.trim_end_matches(".rs").to_owned(),
                code: from_the_root(inside, &code(&fs::read_to_string(&path).unwrap())),
                path,
            });
        }
    }
    assert!(sources.len() > 30, "the sources were not found");
    sources
}

/// What is compiled into the library: no comments, and nothing after the tests
/// start, which stand last in a file.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines()
        .map(|line| line.split("//").next().unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

/// As many `super::` as lead out of a file's module are `crate::`.
fn from_the_root(inside: &Path, code: &str) -> String {
    let depth = inside.components().count() - usize::from(inside.ends_with("mod.rs"));
    code.replace(&"super::".repeat(depth), "crate::")
}

/// The modules named after `crate::`, also in `use crate::{a::b, c};`.
fn used(code: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut used = BTreeSet::new();
    for part in code.split("crate::").skip(1) {
        let Some(list) = part.strip_prefix('{') else {
            used.insert(word(part));
            continue;
        };
        let mut depth = 1;
        let mut at_start = true;
        for (index, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => at_start = true,
                c if at_start && c.is_alphanumeric() => {
                    used.insert(word(&list[index..]));
                    at_start = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    used
}

#[test]
fn each_module_uses_only_floors_below() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some((_, allowed)) = FLOORS.iter().find(|(module, _)| *module == source.module) else {
            panic!(
                "{} stands on no floor: add it to the table",
                source.path.display()
            );
        };
        for name in used(&source.code) {
            if name != source.module && !allowed.contains(&&*name) {
                wrong.push(format!("{} uses {name}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pure_floors_are_pure_and_only_the_command_line_talks() {
    let mut wrong = Vec::new();
    for source in sources() {
        let pure = PURE.contains(&&*source.module) && !source.path.ends_with(OPENS_FILES);
        let forbidden = IMPURE.iter().filter(|_| pure);
        let talk = TALK.iter().filter(|_| source.module != "cli");
        for word in forbidden.chain(talk) {
            if source.code.contains(word) {
                wrong.push(format!("{}: {word}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn unsafe_code_has_one_place_and_files_stay_readable() {
    for source in sources() {
        let lines = fs::read_to_string(&source.path).unwrap().lines().count();
        assert!(lines <= 520, "{} has {lines} lines", source.path.display());
        if source.code.contains("unsafe ") || source.code.contains("allow(unsafe") {
            assert!(
                source.path.ends_with("launch/cache.rs"),
                "{}",
                source.path.display()
            );
        }
    }
}

#[test]
fn the_parser_of_this_test_sees_what_it_must() {
    let code = code(
        "use crate::{policy::{self, Rule}, verify};\nuse crate::bundle::Bundle; // crate::cli\n\
         fn f() { crate::sign::g() }\n#[cfg(test)]\nmod tests { use crate::launch; }",
    );
    let found: Vec<_> = used(&code).into_iter().collect();
    assert_eq!(found, ["bundle", "policy", "sign", "verify"]);
    for (file, code, found) in [
        ("key.rs", "use super::artifact;", "artifact"),
        ("sign/mod.rs", "use super::verify;", "verify"),
        ("sign/key.rs", "use super::super::verify;", "verify"),
        ("sign/key.rs", "use super::verify;", ""),
    ] {
        let code = from_the_root(Path::new(file), code);
        assert_eq!(used(&code).into_iter().collect::<String>(), found, "{file}");
    }
}
