//! Recognising a licence by its text.
//!
//! A text is the multiset of its pairs of words (SPDX v2.3, annex C: case, layout,
//! punctuation and the owner's line do not matter). Each family of licences has words
//! that all of its texts hold; only the families whose words are there are compared,
//! so that no more than a few of SPDX's texts are ever prepared. What is recognised is
//! a finding, not what the authors declare.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex};

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

/// Two words or more, and the SPDX identifiers of the texts that hold them.
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
    (
        "the data files or software",
        &["Unicode-3.0", "Unicode-DFS-2016"],
    ),
    ("sil open font license", &["OFL-1.1"]),
    ("artistic license", &["Artistic-2.0"]),
    ("what the fuck you want to", &["WTFPL"]),
    ("blue oak model license", &["BlueOak-1.0.0"]),
];

/// Gives a component without a declared licence those of its licence files, which lie
/// in `path` of `folder`.
pub(super) fn conclude(folder: &Folder, path: &str, component: &mut Component) {
    if component.licenses.is_empty() {
        add(of_folder(folder, path), component);
    }
}

/// What the licence files in `path` of `folder` hold.
pub(super) fn of_folder(folder: &Folder, path: &str) -> Option<LicenseChoice> {
    let mut found = BTreeSet::new();
    for name in folder.list(path, is_license).iter().take(MAX_TEXTS) {
        if let Ok(bytes) = folder.bytes(name, MAX_TEXT) {
            found.extend(recognise(&String::from_utf8_lossy(&bytes)));
        }
    }
    LicenseChoice::of_texts(&found)
}

/// Adds what was found to a component, as evidence and as its conclusion.
pub(super) fn add(found: Option<LicenseChoice>, component: &mut Component) {
    if let Some(choice) = found {
        let evidence = component.evidence.get_or_insert_default();
        evidence.licenses.push(choice.clone());
        component.licenses.push(choice);
    }
}

/// True for the name of a file that holds a licence.
fn is_license(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let starts = ["LICENSE", "LICENCE", "COPYING", "UNLICENSE", "UNLICENCE"];
    // A program's source may start with the same word.
    let source = [".GO", ".RS", ".PY", ".C", ".H", ".JSON", ".YML", ".YAML"];
    starts.iter().any(|start| name.starts_with(start))
        && !source.iter().any(|end| name.ends_with(end))
}

/// The SPDX identifiers of the licences whose text this is, or holds.
pub fn recognise(text: &str) -> BTreeSet<&'static str> {
    static KNOWN: LazyLock<Mutex<BTreeMap<Digest, BTreeSet<&'static str>>>> =
        LazyLock::new(Mutex::default);
    // Half of the files of a module cache are the same to the byte.
    let digest = Digest::sha256(text.as_bytes());
    let before = KNOWN.lock().ok();
    if let Some(found) = before.and_then(|known| known.get(&digest).cloned()) {
        return found;
    }
    let found = compare(&Text::new(text));
    if let Ok(mut known) = KNOWN.lock() {
        known.insert(digest, found.clone());
    }
    found
}

fn compare(text: &Text) -> BTreeSet<&'static str> {
    let families = FAMILIES.iter().filter(|(mark, _)| text.has(mark));
    let families: Vec<&[&'static str]> = families.map(|(_, names)| *names).collect();
    for names in &families {
        let Some((name, score)) = best(names, |original| text.likeness(original)) else {
            continue;
        };
        // A long text may hold a short one beside itself and still be alike.
        if score > WHOLE || (families.len() == 1 && score >= ALIKE) {
            return BTreeSet::from([name]);
        }
    }
    let found = families.iter().filter_map(|names| inside(text, names));
    found.collect()
}

/// The name whose text scores best.
fn best(names: &[&'static str], score: impl Fn(&Text) -> f32) -> Option<(&'static str, f32)> {
    let scores = names
        .iter()
        .filter_map(|name| Some((*name, score(&*original(name)?))));
    scores.max_by(|one, other| one.1.total_cmp(&other.1))
}

/// Of those that a part of the text is like, the one that explains most of it: the
/// clauses of a longer licence begin and end like those of a shorter one.
fn inside(text: &Text, names: &[&'static str]) -> Option<&'static str> {
    let alike = names.iter().filter_map(|name| {
        let (common, score) = text.part(&*original(name)?);
        (score >= ALIKE).then_some((common, *name))
    });
    alike.max().map(|(_, name)| name)
}

/// SPDX's own text of a licence, prepared once.
fn original(name: &'static str) -> Option<Arc<Text>> {
    static TEXTS: LazyLock<Mutex<BTreeMap<&'static str, Arc<Text>>>> =
        LazyLock::new(Mutex::default);
    let mut texts = TEXTS.lock().ok()?;
    if !texts.contains_key(name) {
        let text = Text::new(spdx::license_id(name)?.text());
        texts.insert(name, Arc::new(text));
    }
    texts.get(name).cloned()
}

/// A text as its pairs of words that follow each other, each as its hash.
struct Text {
    /// As they stand in the text.
    pairs: Vec<u64>,
    sorted: Vec<u64>,
}

impl Text {
    fn new(text: &str) -> Self {
        let mut words = Vec::with_capacity(text.len() / 6);
        for line in text.lines().filter(|line| !names_owner(line)) {
            push_words(line, &mut words);
        }
        let pairs = pairs(&words);
        let mut sorted = pairs.clone();
        sorted.sort_unstable();
        Self { pairs, sorted }
    }

    /// Whether all pairs of a few words are there.
    fn has(&self, mark: &str) -> bool {
        let mut words = Vec::new();
        push_words(mark, &mut words);
        let there = |pair: &u64| self.sorted.binary_search(pair).is_ok();
        pairs(&words).iter().all(there)
    }

    /// How alike the whole of this text is, from 0 to 1 (Sørensen–Dice).
    fn likeness(&self, original: &Text) -> f32 {
        let (mut here, mut there) = (&self.sorted[..], &original.sorted[..]);
        let mut common = 0;
        while let ([a, rest @ ..], [b, others @ ..]) = (here, there) {
            common += usize::from(a == b);
            (here, there) = match a.cmp(b) {
                std::cmp::Ordering::Less => (rest, there),
                std::cmp::Ordering::Equal => (rest, others),
                std::cmp::Ordering::Greater => (here, others),
            };
        }
        dice(common, self.sorted.len(), original.sorted.len())
    }

    /// Of the most alike part that is as long as `original`: how many pairs are in both,
    /// and which share of the original they are.
    fn part(&self, original: &Text) -> (usize, f32) {
        let length = original.pairs.len();
        // Of each pair, how often it may still be counted; below zero it is there
        // more often than in the original.
        let mut open: HashMap<u64, i32> = HashMap::with_capacity(length);
        for pair in &original.pairs {
            *open.entry(*pair).or_default() += 1;
        }
        let (mut common, mut most) = (0, 0);
        for (index, entering) in self.pairs.iter().enumerate() {
            if let Some(open) = open.get_mut(entering) {
                common += usize::from(*open > 0);
                *open -= 1;
            }
            let leaving = index.checked_sub(length).map(|index| self.pairs[index]);
            if let Some(open) = leaving.and_then(|pair| open.get_mut(&pair)) {
                common -= usize::from(*open >= 0);
                *open += 1;
            }
            most = most.max(common);
        }
        (most, dice(most, length, length))
    }
}

fn dice(common: usize, one: usize, other: usize) -> f32 {
    match one + other {
        0 => 0.0,
        both => 2.0 * common as f32 / both as f32,
    }
}

/// True for a line that says who has the copyright since when.
fn names_owner(line: &str) -> bool {
    let line = line.trim_start();
    let (start, rest) = line.split_at_checked("copyright".len()).unwrap_or_default();
    let says_since = |c: char| c.is_ascii_digit() || matches!(c, '©' | '<' | '[');
    start.eq_ignore_ascii_case("copyright")
        && (rest.contains(says_since) || rest.to_ascii_lowercase().contains("(c)"))
}

/// Adds the words of a line, without case and punctuation, each as its hash (FNV-1a).
fn push_words(line: &str, words: &mut Vec<u64>) {
    const START: u64 = 0xcbf2_9ce4_8422_2325;
    let mut hash = START;
    let mut bytes = line.bytes().peekable();
    while let Some(byte) = bytes.next() {
        // General punctuation, and Latin-1's: quotes, dashes, bullets, `©`.
        let is_mark = byte == 0xc2 || (byte == 0xe2 && bytes.peek() == Some(&0x80));
        if byte.is_ascii_alphanumeric() || (byte >= 0x80 && !is_mark) {
            hash ^= u64::from(byte.to_ascii_lowercase());
            hash = hash.wrapping_mul(0x100_0000_01b3);
            continue;
        }
        if is_mark {
            let length = if byte == 0xc2 { 1 } else { 2 };
            bytes.by_ref().take(length).for_each(drop);
        }
        if hash != START {
            words.push(std::mem::replace(&mut hash, START));
        }
    }
    if hash != START {
        words.push(hash);
    }
}

fn pairs(words: &[u64]) -> Vec<u64> {
    let pair = |two: &[u64]| two[0].rotate_left(29).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ two[1];
    words.windows(2).map(pair).collect()
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
        for (mark, _) in FAMILIES {
            assert!(!Text::new(mark).pairs.is_empty(), "{mark} is in every text");
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
        // The end of one and the start of the next are no shorter licence.
        let google = text("BSD-3-Clause").replace("the copyright holder", "Google LLC");
        assert_eq!(list(&format!("{google}\n====\n{google}")), ["BSD-3-Clause"]);
        let shorter = format!("{}\n{}", text("BSD-2-Clause"), text("MIT"));
        assert_eq!(list(&shorter), ["BSD-2-Clause", "MIT"]);
    }

    /// Since none is, the first family that a whole text belongs to is the only one.
    #[test]
    fn no_text_is_like_one_of_another_family() {
        for (index, (_, names)) in FAMILIES.iter().enumerate() {
            let others = FAMILIES[index + 1..].iter().flat_map(|(_, names)| *names);
            for (name, other) in
                others.flat_map(|other| names.iter().map(move |name| (name, other)))
            {
                let score = original(name).unwrap().likeness(&original(other).unwrap());
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
        let mut component = Component::default();
        conclude(&folder, "", &mut component);
        let licenses = component.licenses.clone();
        assert_eq!(licenses[0].to_string(), "ISC AND MIT");
        assert_eq!(component.evidence.as_ref().unwrap().licenses, licenses);
        component.licenses = LicenseChoice::declared("Zlib").into_iter().collect();
        conclude(&folder, "", &mut component);
        assert_eq!(component.licenses[0].to_string(), "Zlib");
    }
}
