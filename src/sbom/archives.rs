//! The archives that package managers fetched: their SHA-512, which no lock
//! file gives and some rules ask for (BSI TR-03183-2 §5.2.2). Go's files have no
//! digest of an archive at all, so its modules get the SHA-256, too.
//!
//! It costs reading every archive, so nothing does it unasked. An archive whose
//! SHA-256 is not that of the lock file is noted and gives nothing.

use super::cache::Caches;
use super::component::Hash;
use super::go_archives;
use super::inventory::Inventory;
use super::note::{Note, Reason};
use super::progress::{Counted, Progress};
use super::reference::Ref;
use super::workers;
use crate::artifact::Artifact;

/// Hashes the archives that are in the caches of Cargo and Go.
pub fn hash(caches: &Caches, inventory: &mut Inventory, progress: &Progress) {
    hash_crates(caches, inventory, progress);
    if let Some(cache) = caches.modules() {
        go_archives::hash(cache, inventory, progress);
    }
}

fn hash_crates(caches: &Caches, inventory: &mut Inventory, progress: &Progress) {
    let wanted: Vec<Wanted> = inventory
        .components()
        .filter_map(|(id, component)| {
            let purl = component.purl.as_ref()?;
            let is_public = purl.kind() == "cargo" && purl.qualifier("download_url").is_none();
            let sha256 = component.hashes.iter().find(|hash| hash.alg == "SHA-256");
            Some(Wanted {
                id: id.clone(),
                name: purl.name().to_owned(),
                version: purl.version()?.to_owned(),
                sha256: sha256.filter(|_| is_public)?.clone(),
            })
        })
        .collect();
    let found = workers::map(&wanted, |each| found(caches, each, progress));
    for Found { id, sha256, sha512 } in found.into_iter().flatten() {
        let agrees = inventory
            .get(&id)
            .is_some_and(|component| component.hashes.contains(&sha256));
        match inventory.components.get_mut(&id) {
            Some(component) if agrees => component.hashes.push(sha512),
            _ => inventory.note(Note::new(id.as_str(), Reason::Conflict)),
        }
    }
}

struct Wanted {
    id: Ref,
    name: String,
    version: String,
    sha256: Hash,
}

struct Found {
    id: Ref,
    sha256: Hash,
    sha512: Hash,
}

fn found(caches: &Caches, wanted: &Wanted, progress: &Progress) -> Option<Found> {
    // Of two registries the one counts that has the very archive.
    let archives = caches.crate_archives(&wanted.name, &wanted.version);
    let hashed = archives.filter_map(|file| {
        let file = Counted(file, progress);
        let artifact = Artifact::from_reader(&wanted.name[..], file, true).ok()?;
        Some(Found {
            id: wanted.id.clone(),
            sha256: Hash::from(artifact.digest()),
            sha512: Hash::from(artifact.sha512()?),
        })
    });
    let mut hashed: Vec<Found> = hashed.collect();
    let right = hashed
        .iter()
        .position(|found| found.sha256 == wanted.sha256);
    let first = right.or_else(|| (!hashed.is_empty()).then_some(0))?;
    Some(hashed.swap_remove(first))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::component::Component;
    use super::*;
    use crate::artifact::Digest;
    use crate::purl::Purl;

    #[test]
    fn only_the_archive_that_the_lock_means_counts() {
        let home = tempfile::tempdir().unwrap();
        let cache = home
            .path()
            .join("registry/cache/index.crates.io-0123456789abcdef");
        fs::create_dir_all(&cache).unwrap();
        for name in ["a", "b"] {
            fs::write(cache.join(format!("{name}-1.0.0.crate")), b"archive").unwrap();
        }
        let mut inventory = Inventory::default();
        let mut add = |name: &str, content: &[u8]| {
            let purl = Purl::cargo(name, "1.0.0").unwrap();
            let mut component = Component::package(name, purl);
            component.hashes = vec![Hash::from(&Digest::sha256(content))];
            inventory.add(component).unwrap()
        };
        let (a, b, c) = (
            add("a", b"archive"),
            add("b", b"other"),
            add("c", b"archive"),
        );
        let caches = Caches::default().cargo_home(home.path());
        hash(&caches, &mut inventory, &Progress::default());
        let algorithms = |id: &Ref| -> Vec<String> {
            let hashes = inventory.get(id).unwrap().hashes.iter();
            hashes.map(|hash| hash.alg.clone()).collect()
        };
        assert_eq!(algorithms(&a), ["SHA-256", "SHA-512"]);
        assert_eq!(algorithms(&b), ["SHA-256"]);
        assert_eq!(algorithms(&c), ["SHA-256"]);
        let notes: Vec<_> = inventory.notes().map(|note| note.about.as_str()).collect();
        assert_eq!(notes, [b.as_str()]);
    }
}
