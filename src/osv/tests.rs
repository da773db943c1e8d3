use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::purl::Purl;

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(name)
}

fn look_up(dump: &Path, purl: &str) -> Result<Vec<Finding>, Unchecked> {
    let purl: Purl = purl.parse().unwrap();
    Database::open(dump, [&purl]).unwrap().look_up(&purl)
}

/// `ID fixed in VERSION`, or why nobody can say.
fn told(purl: &str) -> Vec<String> {
    let line = |finding: Finding| match (finding.doubt, finding.fixed) {
        (Some(doubt), _) => format!("{}: {doubt}", finding.ids[0]),
        (None, Some(fixed)) => format!("{} fixed in {fixed}", finding.ids[0]),
        (None, None) => finding.ids[0].clone(),
    };
    let found = look_up(&testdata("osv"), purl).unwrap();
    found.into_iter().map(line).collect()
}

#[test]
fn each_oddity_of_the_fixtures() {
    for (purl, wanted) in [
        // fixed-in-two-lines and same-by-alias are one, and the later fix counts.
        (
            "pkg:cargo/two-lines@1.2.4",
            &["RUSTSEC-2099-0001 fixed in 1.2.6"][..],
        ),
        (
            "pkg:cargo/two-lines@1.2.5",
            &["GHSA-aaaa-aaaa-aaaa fixed in 1.2.6"],
        ),
        ("pkg:cargo/two-lines@1.2.6", &[]),
        ("pkg:cargo/two-lines@2.0.0-rc.1", &[]),
        (
            "pkg:cargo/two-lines@2.0.9%2Blocal",
            &["RUSTSEC-2099-0001 fixed in 2.1.0"],
        ),
        ("pkg:cargo/two-lines@2.1.0", &[]),
        ("pkg:cargo/Two-Lines@1.2.4", &[]),
        // events-out-of-order and no-score.
        (
            "pkg:cargo/shuffled@0.4.0",
            &["RUSTSEC-2099-0006", "RUSTSEC-2099-0002 fixed in 0.5.0"],
        ),
        ("pkg:cargo/shuffled@0.5.0", &["RUSTSEC-2099-0006"]),
        (
            "pkg:cargo/shuffled@1.5.0",
            &["RUSTSEC-2099-0006", "RUSTSEC-2099-0002 fixed in 2.0.0"],
        ),
        ("pkg:cargo/never-fixed@0.9.9", &[]),
        ("pkg:cargo/never-fixed@1.4.0", &["RUSTSEC-2099-0004"]),
        ("pkg:cargo/never-fixed@1.4.1", &[]),
        (
            "pkg:cargo/only-commits@1.0.0",
            &["RUSTSEC-2099-0005: the advisory gives no versions"],
        ),
        ("pkg:golang/example.org/limited@v1.4.9", &["GO-2099-0001"]),
        ("pkg:golang/example.org/limited@v1.5.0", &[]),
        ("pkg:golang/std@1.26.7", &["GO-2099-0002 fixed in 1.26.8"]),
        (
            "pkg:golang/stdlib@go1.26rc1",
            &["GO-2099-0002 fixed in 1.26.8"],
        ),
        ("pkg:golang/std@1.26.8", &[]),
        ("pkg:golang/std@1.25.9", &[]),
        ("pkg:golang/cmd@1.26.8", &["GO-2099-0002 fixed in 1.26.9"]),
        (
            "pkg:golang/example.org/pseudo@v0.0.0-20260101000000-aaaaaaaaaaaa",
            &["GO-2099-0003 fixed in 0.0.0-20260201000000-bbbbbbbbbbbb"],
        ),
        (
            "pkg:golang/example.org/pseudo@v0.0.0-20260201000000-bbbbbbbbbbbb",
            &[],
        ),
        (
            "pkg:golang/example.org/pseudo@(devel)",
            &["GO-2099-0003: `(devel)` is no version that can be compared"],
        ),
        (
            "pkg:golang/example.org/old@v2.2.0%2Bincompatible",
            &["GO-2099-0004 fixed in 2.3.0+incompatible"],
        ),
        ("pkg:golang/example.org/old@v1.9.0", &[]),
        (
            "pkg:golang/example.org/both@v1.0.0",
            &["CVE-2099-9 fixed in 1.1.0"],
        ),
        ("pkg:pypi/both@1.1", &[]),
        ("pkg:pypi/listed_thing@1.0.0", &["PYSEC-2099-1"]),
        ("pkg:pypi/listed-thing@1.1", &[]),
        (
            "pkg:pypi/posted@1.0",
            &[
                "PYSEC-2099-2 fixed in 1.0.post1",
                "PYSEC-2099-4: the advisory has a range of the unknown type `SOMEDAY`",
            ],
        ),
        (
            "pkg:pypi/posted@1!0.1",
            &[
                "PYSEC-2099-2 fixed in 1!0.2",
                "PYSEC-2099-4: the advisory has a range of the unknown type `SOMEDAY`",
            ],
        ),
        (
            "pkg:pypi/ancient@2004",
            &["PYSEC-2099-3: `2004d` is no version that can be compared"],
        ),
        ("pkg:pypi/unheard-of@1.0", &[]),
    ] {
        assert_eq!(told(purl), wanted, "{purl}");
    }
}

#[test]
fn what_cannot_be_looked_up_is_not_clean() {
    let dump = testdata("osv");
    let wanted: Purl = "pkg:cargo/two-lines@1.0.0".parse().unwrap();
    let database = Database::open(&dump, [&wanted]).unwrap();
    for (purl, why) in [
        ("pkg:cargo/two-lines", Unchecked::NoVersion),
        ("pkg:deb/debian/curl@8.0", Unchecked::Ecosystem),
        ("pkg:cargo/shuffled@1.0.0", Unchecked::NotWanted),
    ] {
        assert_eq!(database.look_up(&purl.parse().unwrap()), Err(why), "{purl}");
    }
    assert_eq!(
        look_up(&dump, "pkg:npm/left-pad@1.0.0"),
        Err(Unchecked::NotHeld)
    );
    let one = dump.join("crates.io/withdrawn.json");
    assert_eq!(
        look_up(&one, "pkg:pypi/posted@1.0"),
        Err(Unchecked::NotHeld)
    );
    assert_eq!(look_up(&one, "pkg:cargo/two-lines@1.0.0"), Ok(vec![]));
}

#[test]
fn one_vulnerability_of_two_databases_is_told_once_with_all_its_ids() {
    let found = look_up(&testdata("osv"), "pkg:cargo/two-lines@1.0.0").unwrap();
    let [one] = &*found else {
        panic!("{found:?}");
    };
    assert_eq!(
        one.ids,
        ["RUSTSEC-2099-0001", "GHSA-aaaa-aaaa-aaaa", "CVE-2099-1"]
    );
    assert_eq!(one.summary, "An index is not checked");
    assert_eq!(one.level.score, Some(9.8));
    assert_eq!(one.level.rating, Some(Rating::Critical));
    let found = look_up(&testdata("osv"), "pkg:cargo/shuffled@0.5.0").unwrap();
    assert_eq!(found[0].level.rating, Some(Rating::Medium));
    assert_eq!(found[0].level.score, None);
}

/// A dump as it is published, of the fixtures.
pub(super) fn packed(folder: &Path, stored: bool) {
    for ecosystem in ["crates.io", "Go", "PyPI"] {
        let mut files = Vec::new();
        for entry in fs::read_dir(testdata("osv").join(ecosystem)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            files.push((name, fs::read(path).unwrap()));
        }
        fs::create_dir_all(folder.join(ecosystem)).unwrap();
        let zip = archive(&files, stored);
        fs::write(folder.join(ecosystem).join("all.zip"), zip).unwrap();
    }
}

fn archive(files: &[(String, Vec<u8>)], stored: bool) -> Vec<u8> {
    use std::io::Write;
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let level = flate2::Compression::fast();
        let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), level);
        deflate.write_all(bytes).unwrap();
        let deflated = deflate.finish().unwrap();
        let (method, data) = match stored {
            true => (0u8, bytes),
            false => (8, &deflated),
        };
        let offset = (zip.len() as u32).to_le_bytes();
        let mut common = vec![20, 0, 0, 0, method, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        common.extend((data.len() as u32).to_le_bytes());
        common.extend((bytes.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        zip.extend(*b"PK\x03\x04");
        zip.extend(&common);
        zip.extend(name.as_bytes());
        zip.extend(data);
        directory.extend(*b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset);
        directory.extend(name.as_bytes());
    }
    let (start, length) = (zip.len() as u32, directory.len() as u32);
    zip.extend(directory);
    zip.extend(*b"PK\x05\x06\0\0\0\0");
    zip.extend([(files.len() as u16).to_le_bytes(); 2].concat());
    zip.extend(length.to_le_bytes());
    zip.extend(start.to_le_bytes());
    zip.extend([0, 0]);
    zip
}

#[test]
fn packed_and_unpacked_say_the_same() {
    let purls = [
        "pkg:cargo/two-lines@1.0.0",
        "pkg:golang/std@1.26.0",
        "pkg:pypi/posted@1.0",
    ]
    .map(|purl| purl.parse::<Purl>().unwrap());
    let all = |path: &Path| {
        let database = Database::open(path, &purls).unwrap();
        assert_eq!(database.refusals(), 0);
        assert_eq!(database.newest(), Some("2026-03-01"));
        let found: Vec<_> = purls.iter().map(|purl| database.look_up(purl)).collect();
        (database.size(), found)
    };
    let unpacked = all(&testdata("osv"));
    assert_eq!(unpacked.0, 16);
    for stored in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        packed(folder.path(), stored);
        assert_eq!(all(folder.path()), unpacked);
        // One ecosystem's file alone knows nothing of the others.
        let file = folder.path().join("Go/all.zip");
        let database = Database::open(&file, &purls).unwrap();
        assert_eq!(database.look_up(&purls[1]), unpacked.1[1]);
        assert_eq!(database.look_up(&purls[0]), Err(Unchecked::NotHeld));
    }
}

#[test]
fn what_is_no_advisory_is_counted_and_named() {
    let bad = testdata("osv-bad");
    let names: Vec<_> = fs::read_dir(&bad).unwrap().collect();
    let wanted: Purl = "pkg:cargo/bad@1.0.0".parse().unwrap();
    for entry in &names {
        let path = entry.as_ref().unwrap().path();
        assert!(
            Advisory::parse(&fs::read(&path).unwrap()).is_err(),
            "{}",
            path.display()
        );
        let error = Database::open(&path, [&wanted]).unwrap_err().to_string();
        assert!(error.contains("1 that could not"), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    for entry in &names {
        let path = entry.as_ref().unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let good = testdata("osv/crates.io/fixed-in-two-lines.json");
    fs::copy(good, folder.path().join("good.json")).unwrap();
    fs::write(folder.path().join("read-me.txt"), "no advisory").unwrap();
    let database = Database::open(folder.path(), [&wanted]).unwrap();
    assert_eq!(database.size(), 1);
    assert_eq!(database.refusals(), names.len());
    assert_eq!(database.refused().len(), names.len());
    assert!(database.refused()[0].entry.ends_with("deep.json"));
}

#[test]
fn a_bomb_and_a_broken_entry_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let good = fs::read(testdata("osv/crates.io/fixed-in-two-lines.json")).unwrap();
    let file = folder.path().join("all.zip");
    let files = [
        ("good.json".to_owned(), good),
        ("bomb.json".to_owned(), vec![b' '; MAX_ADVISORY + 1]),
        ("note.txt".to_owned(), b"not read".to_vec()),
    ];
    fs::write(&file, archive(&files, false)).unwrap();
    let wanted: Purl = "pkg:cargo/two-lines@1.0.0".parse().unwrap();
    let database = Database::open(&file, [&wanted]).unwrap();
    assert_eq!((database.size(), database.refusals()), (1, 1));
    assert!(database.refused()[0].entry.ends_with("all.zip: bomb.json"));
    assert!(matches!(database.refused()[0].why, EntryError::Zip(_)));
    fs::write(&file, b"PK no zip").unwrap();
    assert!(matches!(
        Database::open(&file, [&wanted]),
        Err(DatabaseError::Zip { .. })
    ));
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(
        Database::open(empty.path(), [&wanted]),
        Err(DatabaseError::Empty { .. })
    ));
}

#[test]
fn the_newest_copy_of_an_advisory_counts() {
    let folder = tempfile::tempdir().unwrap();
    let old = fs::read_to_string(testdata("osv/crates.io/fixed-in-two-lines.json")).unwrap();
    let new = old
        .replace("2026-03-01T", "2026-04-01T")
        .replace("1.2.5", "1.2.3");
    assert_ne!(old, new);
    fs::write(folder.path().join("a.json"), &old).unwrap();
    fs::write(folder.path().join("b.json"), &new).unwrap();
    fs::write(folder.path().join("c.json"), &old).unwrap();
    assert_eq!(
        look_up(folder.path(), "pkg:cargo/two-lines@1.2.4"),
        Ok(vec![])
    );
    assert_eq!(
        look_up(folder.path(), "pkg:cargo/two-lines@1.2.2")
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn more_than_an_advisory_may_have_is_an_error() {
    let event = r#"{"introduced":"0"},"#.repeat(MAX_EVENTS);
    let events = event.trim_end_matches(',');
    let text = format!(
        r#"{{"id":"X-1","modified":"2026-03-01T10:00:00Z","affected":[{{"package":{{"ecosystem":"Go","name":"a"}},"ranges":[{{"type":"SEMVER","events":[{events}]}}]}}]}}"#
    );
    assert!(matches!(
        Advisory::parse(text.as_bytes()),
        Err(AdvisoryError::TooMany {
            limit: MAX_EVENTS,
            ..
        })
    ));
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let version = prop_oneof![
        Just("0".to_owned()),
        "[0-3]\\.[0-3]\\.0",
        "[0-3]\\.0\\.0-[a-c]"
    ];
    let event = (0..4u8, version).prop_map(|(kind, version)| match kind {
        0 => Event::Introduced(version),
        1 => Event::Fixed(version),
        2 => Event::LastAffected(version),
        _ => Event::Limit(version),
    });
    proptest::collection::vec(event, 0..6)
}

fn standing(events: &[Event], version: &str) -> Standing {
    let range = Range {
        kind: "SEMVER".to_owned(),
        events: events.to_vec(),
    };
    let versions = Versions {
        ranges: vec![range],
        versions: Vec::new(),
    };
    versions.standing(Ecosystem::CratesIo, version)
}

proptest! {
    #[test]
    fn the_order_of_events_does_not_matter(events in events(), version in "[0-4]\\.[0-4]\\.0") {
        let mut turned = events.clone();
        turned.reverse();
        prop_assert_eq!(standing(&events, &version), standing(&turned, &version));
    }

    #[test]
    fn a_fix_is_later_and_fixes(events in events(), version in "[0-4]\\.[0-4]\\.0") {
        if let Standing::Affected { fixed: Some(fixed) } = standing(&events, &version) {
            let order = crate::version::precedence("cargo", &version, &fixed);
            prop_assert_eq!(order, Some(std::cmp::Ordering::Less));
        }
    }

    #[test]
    fn what_is_introduced_at_zero_alone_is_in_every_version(version in "\\PC{0,12}") {
        let always = standing(&[Event::Introduced("0".to_owned())], &version);
        prop_assert_ne!(always, Standing::Unaffected);
    }

    #[test]
    fn nothing_panics(bytes: Vec<u8>, text in "\\PC{0,20}", version in "\\PC{0,12}") {
        let _ = Advisory::parse(&bytes);
        let found = standing(&[Event::Fixed(text)], &version);
        let affected = matches!(found, Standing::Affected { .. });
        prop_assert!(!affected, "nothing was introduced");
    }
}
