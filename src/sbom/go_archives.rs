//! The archives in Go's module cache: their digests, which stand in no manifest.

use super::component::Hash;
use super::folder::Folder;
use super::go::{cached, public_version};
use super::inventory::Inventory;
use super::progress::{Counted, Progress};
use super::reference::Ref;
use super::workers;
use crate::artifact::Artifact;

/// The largest archive of a module (Go Modules Reference, File path and size constraints).
const MAX_ZIP: u64 = 500 << 20;

/// Adds the digests of its archive to each module that the cache has one of.
pub(super) fn hash(cache: &Folder, inventory: &mut Inventory, progress: &Progress) {
    let wanted: Vec<(Ref, String)> = inventory
        .components()
        .filter(|(_, component)| component.hashes.is_empty())
        .filter_map(|(id, component)| {
            let version = public_version(component)?;
            Some((id.clone(), cached(&component.name, version, "zip")?))
        })
        .collect();
    let digests = workers::map(&wanted, |(_, path)| digests(cache, path, progress));
    for ((id, _), digests) in wanted.iter().zip(digests) {
        if let Some(component) = inventory.components.get_mut(id) {
            component.hashes.extend(digests.unwrap_or_default());
        }
    }
}

fn digests(cache: &Folder, path: &str, progress: &Progress) -> Option<Vec<Hash>> {
    let file = cache.open(path).ok()?;
    if file.metadata().ok()?.len() > MAX_ZIP {
        return None;
    }
    let artifact = Artifact::from_reader(path, Counted(file, progress), true).ok()?;
    Some(artifact.digests().map(Hash::from).collect())
}

#[cfg(test)]
mod tests {
    use super::super::judge::path_of;
    use super::super::{Caches, Inventory, Tree, archives, collect};
    use super::*;
    use crate::artifact::Digest;

    #[test]
    fn an_archive_in_the_module_cache_is_hashed_when_asked_for() {
        let caches = Caches::default().go_modules(&path_of("go-cache"));
        let tree = Tree::walk(&path_of("go/indirect")).unwrap();
        let tree = tree.with_caches(caches.clone());
        let mut inventory = Inventory::default();
        collect(&tree, &mut inventory).unwrap();
        let hashed = |inventory: &Inventory| -> Vec<(String, Vec<Hash>)> {
            let all = inventory.components().map(|(_, each)| each);
            let some = all.filter(|each| !each.hashes.is_empty());
            some.map(|each| (each.name.clone(), each.hashes.clone()))
                .collect()
        };
        assert_eq!(hashed(&inventory), []);
        archives::hash(&caches, &mut inventory, &Progress::default());
        let zip = path_of("go-cache/cache/download/example.org/!big/@v/v1.0.0.zip");
        let bytes = std::fs::read(zip).unwrap();
        let found = hashed(&inventory);
        let [(name, hashes)] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(name, "example.org/Big");
        assert_eq!(hashes[0], Hash::from(&Digest::sha256(&bytes)));
        assert_eq!(hashes[1].alg, "SHA-512");
    }
}
