//! The compile cache, and what tries to get into it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use tempfile::TempDir;

use super::*;

/// A cache with a home of its own, and what was told about it.
struct Place {
    home: TempDir,
    cache: Cache,
}

impl Place {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::new(home.path().join("cache"), home.path().join("state/secret"));
        Self { home, cache }
    }

    fn directory(&self) -> PathBuf {
        self.home.path().join("cache")
    }

    fn secret(&self) -> PathBuf {
        self.home.path().join("state/secret")
    }

    /// The entries, by name.
    fn entries(&self) -> Vec<PathBuf> {
        let mut entries: Vec<_> = fs::read_dir(self.directory())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        entries.sort();
        entries
    }

    /// Runs a module that ends with `code`; returns whether it was compiled
    /// and the words about the cache.
    fn start(&self, code: u8) -> (bool, Vec<String>) {
        let mut told = Vec::new();
        let mut progress = |event: Event| match event {
            Event::CacheRefused(error) => told.push(format!("refused: {error}")),
            Event::CacheRejected(error) => told.push(format!("rejected: {error}")),
            Event::CacheUnwritable(error) => told.push(format!("unwritable: {error}")),
            _ => {}
        };
        let prepared = prepare(attested(wasm(code)), Some(&self.cache), &mut progress).unwrap();
        let compiled = prepared.was_compiled();
        assert_eq!(prepared.run(Guest::new()).unwrap(), Exit { code });
        (compiled, told)
    }

    /// Expects that the module is compiled, for a reason that says `why`, and
    /// that the next start finds an entry again.
    #[track_caller]
    fn rejects(&self, why: &str) {
        let (compiled, told) = self.start(1);
        assert!(compiled);
        assert!(
            told.len() == 1 && told[0].starts_with("rejected: "),
            "{told:?}"
        );
        assert!(told[0].contains(why), "{told:?}");
        assert_eq!(self.start(1), (false, vec![]));
    }

    /// Expects that the module is compiled at every start, and nothing kept.
    #[track_caller]
    fn refuses(&self, why: &str) {
        for _ in 0..2 {
            let (compiled, told) = self.start(1);
            assert!(compiled);
            assert!(
                told.len() == 1 && told[0].starts_with("refused: "),
                "{told:?}"
            );
            assert!(told[0].contains(why), "{told:?}");
        }
    }
}

fn wasm(code: u8) -> Vec<u8> {
    wat::parse_str(start(&format!("(call $exit (i32.const {code}))"))).unwrap()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_second_start_compiles_nothing() {
    let place = Place::new();
    assert_eq!(place.start(1), (true, vec![]));
    assert_eq!(place.start(1), (false, vec![]));
    assert_eq!(place.start(2), (true, vec![]));
    assert_eq!(place.entries().len(), 2);
    for (path, wanted) in [
        (place.directory(), 0o700),
        (place.secret(), 0o600),
        (place.entries()[0].clone(), 0o600),
    ] {
        assert_eq!(mode(&path), wanted, "{}", path.display());
    }
}

#[test]
fn a_packed_module_is_not_unpacked_when_it_is_cached() {
    let place = Place::new();
    place.start(1);
    let digest = crate::artifact::Digest::sha256(&wasm(1));
    let broken = Artifact::packed("guest", digest, 0, || Err(io::ErrorKind::Other.into()));
    let prepared = prepare(Attested::for_test(broken), Some(&place.cache), &mut |_| {}).unwrap();
    assert!(!prepared.was_compiled());
}

#[test]
fn every_changed_byte_is_noticed() {
    let place = Place::new();
    place.start(1);
    let size = fs::metadata(&place.entries()[0]).unwrap().len() as usize;
    // The code's first, middle and last byte; digest, engine, length, MAC.
    for at in [
        0,
        size / 2,
        size - 113,
        size - 100,
        size - 60,
        size - 34,
        size - 1,
    ] {
        let path = &place.entries()[0];
        let mut bytes = fs::read(path).unwrap();
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
        place.rejects("not what was stored");
    }
}

#[test]
fn a_changed_length_is_noticed() {
    let place = Place::new();
    place.start(1);
    let path = &place.entries()[0];
    let whole = fs::read(path).unwrap();
    let mut longer = whole.clone();
    longer.push(0);
    for bytes in [&whole[..whole.len() - 1], &whole[..200], &[], &longer] {
        fs::write(path, bytes).unwrap();
        place.rejects("not what was stored");
    }
}

#[test]
fn another_modules_entry_is_not_taken() {
    let place = Place::new();
    place.start(1);
    let first = place.entries()[0].clone();
    place.start(2);
    let second = place.entries().into_iter().find(|path| *path != first);
    fs::rename(second.unwrap(), &first).unwrap();
    place.rejects("not what was stored");
}

#[test]
fn an_entry_made_with_another_secret_is_not_taken() {
    let (place, stranger) = (Place::new(), Place::new());
    place.start(1);
    stranger.start(1);
    fs::copy(&stranger.entries()[0], &place.entries()[0]).unwrap();
    place.rejects("not what was stored");
    // A lost secret costs a compilation, too.
    fs::remove_file(place.secret()).unwrap();
    place.rejects("not what was stored");
}

#[test]
fn an_entry_that_others_can_write_is_not_taken() {
    let place = Place::new();
    place.start(1);
    set_mode(&place.entries()[0], 0o622);
    place.rejects("open to others (mode 0622)");
}

#[test]
fn an_entry_that_is_a_symbolic_link_is_not_followed() {
    let place = Place::new();
    place.start(1);
    let path = place.entries()[0].clone();
    let elsewhere = place.home.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    place.rejects("not what was stored");
    assert!(elsewhere.exists());
}

#[test]
fn a_directory_that_others_can_write_is_refused() {
    let place = Place::new();
    place.start(1);
    set_mode(&place.directory(), 0o777);
    place.refuses("open to others (mode 0777)");
    set_mode(&place.directory(), 0o750);
    place.refuses("open to others (mode 0750)");
}

#[test]
fn a_directory_behind_a_symbolic_link_is_refused() {
    let place = Place::new();
    let elsewhere = place.home.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, place.directory()).unwrap();
    place.refuses("is not a directory");
    fs::remove_file(place.directory()).unwrap();
    fs::write(place.directory(), "a file").unwrap();
    let (compiled, told) = place.start(1);
    assert!(compiled && told[0].starts_with("refused: "), "{told:?}");
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let place = Place::new();
    place.start(1);
    set_mode(&place.secret(), 0o644);
    place.refuses("open to others (mode 0644)");
}

#[test]
fn a_secret_of_the_wrong_size_or_kind_is_refused() {
    let place = Place::new();
    place.start(1);
    fs::write(place.secret(), "short").unwrap();
    place.refuses("does not hold a key");
    fs::remove_file(place.secret()).unwrap();
    symlink("/dev/zero", place.secret()).unwrap();
    place.refuses("does not hold a key");
}

#[test]
fn many_starts_at_once_do_not_disturb_each_other() {
    let place = Place::new();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(place.start(1).1, Vec::<String>::new()));
        }
    });
    assert_eq!(place.entries().len(), 1);
    assert_eq!(place.start(1), (false, vec![]));
}

#[test]
fn entries_of_other_versions_are_removed() {
    let place = Place::new();
    place.start(1);
    let old = place.directory().join("00-0123456789abcdef.cwasm");
    let foreign = place.directory().join("README");
    fs::write(&old, "").unwrap();
    fs::write(&foreign, "").unwrap();
    place.start(2);
    assert!(!old.exists() && foreign.exists());
    // Of many modules the newest stay.
    for code in 3..30 {
        place.start(code);
    }
    assert_eq!(place.entries().len(), 16 + 1);
    assert_eq!(place.start(29), (false, vec![]));
}
