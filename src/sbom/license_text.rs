//! Recognising a licence by its text.
//!
//! Each family of licences has words that all of its texts hold; only the
//! families whose words are there are compared, so that no more than a few of
//! SPDX's texts are ever prepared. What is recognised is a finding, not what
//! the authors declare.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;

use spdx::detection::TextData;

use super::component::Component;
use super::folder::Folder;
use super::license::LicenseChoice;
use crate::artifact::Digest;

/// The largest file that is compared, in bytes.
const MAX_TEXT: u64 = 256 << 10;
/// The most licence files of one package.
const MAX_TEXTS: usize = 16;
/// How alike two texts must be (Sørensen–Dice of their word pairs). Below it
/// lie licences with clauses added or left out.
const ALIKE: f32 = 0.9;
/// How alike a text is that holds nothing else.
const WHOLE: f32 = 0.97;

/// Words in lower case, and the SPDX identifiers of the texts that hold them.
const FAMILIES: &[(&str, &[&str])] = &[
    ("apache license", &["Apache-2.0"]),
    (
        "permission is hereby granted, free of charge",
        &["MIT", "MIT-0", "BSL-1.0"],
    ),
    (
        "redistribution and use in source and binary forms",
        &[
            "BSD-3-Clause",
            "BSD-2-Clause",
            "BSD-4-Clause",
            "BSD-3-Clause-Clear",
        ],
    ),
    ("permission to use, copy, modify", &["ISC", "0BSD", "HPND"]),
    ("mozilla public license", &["MPL-2.0", "MPL-1.1"]),
    ("free and unencumbered software", &["Unlicense"]),
    (
        "general public license",
        &[
            "GPL-2.0-only",
            "GPL-3.0-only",
            "LGPL-2.1-only",
            "LGPL-3.0-only",
            "AGPL-3.0-only",
        ],
    ),
    ("server side public license", &["SSPL-1.0"]),
    ("business source license", &["BUSL-1.1"]),
    (
        "creative commons",
        &["CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0"],
    ),
    (
        "origin of this software must not be misrepresented",
        &["Zlib"],
    ),
    ("eclipse public license", &["EPL-2.0", "EPL-1.0"]),
    (
        "python software foundation license",
        &["PSF-2.0", "Python-2.0"],
    ),
    ("european union public licence", &["EUPL-1.2"]),
    ("unicode", &["Unicode-3.0", "Unicode-DFS-2016"]),
    ("sil open font license", &["OFL-1.1"]),
    ("artistic license", &["Artistic-2.0"]),
    ("what the fuck you want to", &["WTFPL"]),
    ("blue oak model license", &["BlueOak-1.0.0"]),
];

/// Gives a component without a declared licence those of its licence files.
/// `names` are paths in `folder`.
pub(super) fn conclude(folder: &Folder, names: &[String], component: &mut Component) {
    if !component.licenses.is_empty() {
        return;
    }
    let mut found = BTreeSet::new();
    for name in names.iter().take(MAX_TEXTS) {
        if let Ok(bytes) = folder.bytes(name, MAX_TEXT) {
            found.extend(recognise(&String::from_utf8_lossy(&bytes)));
        }
    }
    if let Some(choice) = LicenseChoice::of_texts(&found) {
        let evidence = component.evidence.get_or_insert_default();
        evidence.licenses.push(choice.clone());
        component.licenses.push(choice);
    }
}

/// True for the name of a file that holds a licence.
pub(super) fn is_license(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let starts = ["LICENSE", "LICENCE", "COPYING", "UNLICENSE", "UNLICENCE"];
    // A program's source may start with the same word.
    let source = [".GO", ".RS", ".PY", ".C", ".H", ".JSON", ".YML", ".YAML"];
    starts.iter().any(|start| name.starts_with(start))
        && !source.iter().any(|end| name.ends_with(end))
}

/// The SPDX identifiers of the licences whose text this is, or holds.
pub fn recognise(text: &str) -> BTreeSet<&'static str> {
    // Half of the files of a module cache are the same to the byte, and most others
    // but for whose they are.
    known(text, || {
        let plain = plain(text);
        known(&plain, || compare(&plain))
    })
}

/// What `text` was recognised as before, else what `find` finds.
fn known(text: &str, find: impl FnOnce() -> BTreeSet<&'static str>) -> BTreeSet<&'static str> {
    static KNOWN: LazyLock<Mutex<BTreeMap<Digest, BTreeSet<&'static str>>>> =
        LazyLock::new(Mutex::default);
    let digest = Digest::sha256(text.as_bytes());
    let before = KNOWN.lock().ok();
    if let Some(found) = before.and_then(|known| known.get(&digest).cloned()) {
        return found;
    }
    let found = find();
    if let Ok(mut known) = KNOWN.lock() {
        known.insert(digest, found.clone());
    }
    found
}

/// The text without what differs though the licence is the same: how it is set, and
/// the lines that say who has the copyright since when.
fn plain(text: &str) -> String {
    let is_owner = |line: &str| {
        let starts = line
            .get(.."copyright".len())
            .is_some_and(|start| start.eq_ignore_ascii_case("copyright"));
        starts && line.contains(|c: char| c.is_ascii_digit() || c == '©')
    };
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !is_owner(line));
    lines.collect::<Vec<_>>().join("\n")
}

fn compare(text: &str) -> BTreeSet<&'static str> {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let words = words.to_lowercase();
    let families = FAMILIES.iter().filter(|(mark, _)| words.contains(mark));
    let families: Vec<&[&'static str]> = families.map(|(_, names)| *names).collect();
    if families.is_empty() {
        return BTreeSet::new();
    }
    let data = TextData::new(text);
    let mut best = Vec::new();
    for names in &families {
        let scores = names.iter().map(|name| (*name, score(name, &data)));
        let Some((name, score)) = scores.max_by(|one, other| one.1.total_cmp(&other.1)) else {
            continue;
        };
        // A long text may hold a short one beside itself and still be alike.
        if score > WHOLE || (families.len() == 1 && score >= ALIKE) {
            return BTreeSet::from([name]);
        }
        best.push(name);
    }
    // Of a text that holds others, the longest one inside of it is most alike. The
    // search takes long, so each has its own thread.
    thread::scope(|scope| {
        let data = &data;
        let searches: Vec<_> = best
            .into_iter()
            .map(|name| (name, scope.spawn(move || holds(data, name))))
            .collect();
        searches
            .into_iter()
            .filter_map(|(name, search)| search.join().is_ok_and(|found| found).then_some(name))
            .collect()
    })
}

fn holds(data: &TextData, name: &'static str) -> bool {
    original(name).is_some_and(|original| data.optimize_bounds(&original).1 >= ALIKE)
}

fn score(name: &'static str, data: &TextData) -> f32 {
    original(name).map_or(0.0, |original| original.match_score(data))
}

/// SPDX's own text of a licence, prepared once.
fn original(name: &'static str) -> Option<Arc<TextData>> {
    static TEXTS: LazyLock<Mutex<BTreeMap<&'static str, Arc<TextData>>>> =
        LazyLock::new(Mutex::default);
    let mut texts = TEXTS.lock().ok()?;
    if !texts.contains_key(name) {
        let text = TextData::new(spdx::license_id(name)?.text());
        texts.insert(name, Arc::new(text.without_text()));
    }
    texts.get(name).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> &'static str {
        spdx::license_id(name).unwrap().text()
    }

    fn list(text: &str) -> Vec<&'static str> {
        recognise(text).into_iter().collect()
    }

    #[test]
    fn every_text_is_itself() {
        for name in FAMILIES.iter().flat_map(|(_, names)| *names) {
            assert_eq!(list(text(name)), [*name]);
        }
    }

    #[test]
    fn owner_and_layout_do_not_matter_but_clauses_do() {
        let mit = text("MIT").replace("<copyright holders>", "Ada, Eve and others of Example Inc.");
        assert_eq!(list(&mit.replace('\n', "\r\n    ")), ["MIT"]);
        let bsd = text("BSD-3-Clause").replace("the copyright holder", "Google LLC");
        assert_eq!(list(&bsd), ["BSD-3-Clause"]);
        for line in ["Copyright (c) 2009 The Go Authors.", "Copyright 2026 Ada"] {
            assert_eq!(
                list(&format!("{line}\n{}", text("BSD-2-Clause"))),
                ["BSD-2-Clause"]
            );
        }
        let half = &bsd[..bsd.len() / 2];
        assert!(list(half).is_empty(), "half a licence was recognised");
        for none in [
            "",
            "MIT",
            "Apache License",
            "All rights reserved.",
            "\u{0}\u{ffff}",
        ] {
            assert!(list(none).is_empty(), "{none} was recognised");
        }
    }

    #[test]
    fn one_file_may_hold_several() {
        let both = format!(
            "{}\n\n-----\n\n{}",
            text("BSD-3-Clause"),
            text("Apache-2.0")
        );
        assert_eq!(list(&both), ["Apache-2.0", "BSD-3-Clause"]);
    }

    /// Since none is, the first family that a whole text belongs to is the only one.
    #[test]
    fn no_text_is_like_one_of_another_family() {
        for (index, (_, names)) in FAMILIES.iter().enumerate() {
            let others = FAMILIES[index + 1..].iter().flat_map(|(_, names)| *names);
            for (name, other) in
                others.flat_map(|other| names.iter().map(move |name| (name, other)))
            {
                let score = score(name, &original(other).unwrap());
                assert!(score < 0.94, "{name} is like {other}: {score}");
            }
        }
    }

    #[test]
    fn only_licence_files_are_looked_at() {
        for (name, wanted) in [
            ("LICENSE", true),
            ("License.md", true),
            ("LICENCE-MIT.txt", true),
            ("COPYING.LESSER", true),
            ("UNLICENSE", true),
            ("license.go", false),
            ("licenses.json", false),
            ("README", false),
        ] {
            assert_eq!(is_license(name), wanted, "{name}");
        }
    }

    #[test]
    fn what_is_declared_is_not_concluded_again() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("LICENSE"), text("ISC")).unwrap();
        std::fs::write(place.path().join("COPYING"), text("MIT")).unwrap();
        let folder = Folder::new(place.path());
        let names = folder.list("", is_license);
        assert_eq!(names, ["COPYING", "LICENSE"]);
        let mut component = Component::default();
        conclude(&folder, &names, &mut component);
        let licenses = component.licenses.clone();
        assert_eq!(licenses[0].to_string(), "ISC AND MIT");
        assert_eq!(component.evidence.as_ref().unwrap().licenses, licenses);
        component.licenses = LicenseChoice::declared("Zlib").into_iter().collect();
        conclude(&folder, &names, &mut component);
        assert_eq!(component.licenses[0].to_string(), "Zlib");
    }
}
