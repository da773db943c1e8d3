//! Programs and WebAssembly modules: what they say themselves of what they
//! were built of, and the modules that they carry.
//!
//! In a folder a program is recognised by its first bytes; a file that is a
//! source of its own is always looked at.

use std::io::Read as _;
use std::ops::Range;

use super::SbomError;
use super::component::{Component, Hash, Kind};
use super::evidence::{Occurrence, Technique};
use super::gobinary;
use super::inventory::{Inventory, Relation};
use super::note::{Note, Reason};
use super::reference::Ref;
use super::rustbinary;
use super::tree::{Tree, file_name, in_fixture};
use super::wasm;
use crate::artifact::{Algorithm, Artifact, Digest};

/// The largest program, in bytes; it is held in memory once.
pub const MAX_BINARY: u64 = 512 << 20;

/// First bytes: ELF, Mach-O in both orders and universal, PE, WebAssembly.
const MAGIC: &[&[u8]] = &[
    b"\x7fELF",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"\xca\xfe\xba\xbf",
    b"MZ",
    wasm::MAGIC,
];
/// Extensions of files that may be programs; so may those without any.
const EXTENSIONS: &[&str] = &["cwasm", "dll", "dylib", "exe", "node", "pyd", "so", "wasm"];

/// Adds every program of a tree that tells what it was built of.
pub fn collect(tree: &Tree, inventory: &mut Inventory) -> Result<(), SbomError> {
    for path in tree.files() {
        if tree.is_single_file() {
            if is_program(tree, path)? {
                add(tree, path, inventory)?;
            }
        } else if may_be_program(path) && is_program(tree, path)? {
            match in_fixture(path) {
                true => inventory.note(Note::new(path, Reason::Fixture)),
                false => add(tree, path, inventory)?,
            }
        }
    }
    Ok(())
}

fn may_be_program(path: &str) -> bool {
    match file_name(path).rsplit_once('.') {
        Some((_, extension)) => EXTENSIONS.contains(&extension),
        None => true,
    }
}

fn is_program(tree: &Tree, path: &str) -> Result<bool, SbomError> {
    let mut head = Vec::new();
    tree.open(path)?
        .take(4)
        .read_to_end(&mut head)
        .map_err(|source| SbomError::Read {
            path: path.to_owned(),
            source,
        })?;
    Ok(MAGIC.iter().any(|magic| head.starts_with(magic)))
}

fn add(tree: &Tree, path: &str, inventory: &mut Inventory) -> Result<(), SbomError> {
    let bytes = match tree.bytes(path, MAX_BINARY) {
        Err(SbomError::TooLarge { limit, .. }) if !tree.is_single_file() => {
            inventory.note(Note::new(path, Reason::TooLarge { limit }));
            return Ok(());
        }
        bytes => bytes?,
    };
    let lists = gobinary::module_lists(&bytes);
    let audit = rustbinary::audit(&bytes, path)?;
    let carried = wasm::carve(&bytes, &declared(inventory));
    if !tree.is_single_file() && lists.is_empty() && audit.is_none() && carried.is_empty() {
        return Ok(());
    }
    let file = inventory.add(file_component(path, &bytes)?)?;
    if tree.is_single_file() {
        inventory.product(&file);
    }
    if let Some(audit) = &audit {
        rustbinary::add(inventory, &file, path, audit)?;
    }
    let parts = add_carried(inventory, &file, path, &carried)?;
    for list in &lists {
        let part = parts
            .iter()
            .find(|(range, _)| gobinary::is_inside(list, range));
        let (owner, range) = match part {
            Some((range, id)) => (id, range.clone()),
            None => (&file, 0..bytes.len()),
        };
        let version = gobinary::go_version(bytes.get(range).unwrap_or_default());
        gobinary::add(inventory, owner, path, list, version.as_deref())?;
    }
    Ok(())
}

/// Digests of modules that another source declares, such as a crate's `embeds`.
fn declared(inventory: &Inventory) -> Vec<Digest> {
    inventory
        .components()
        .filter(|(_, component)| component.mime_type.as_deref() == Some("application/wasm"))
        .flat_map(|(_, component)| &component.hashes)
        .filter(|hash| hash.alg == "SHA-256")
        .filter_map(|hash| Digest::from_hex(Algorithm::Sha256, &hash.content).ok())
        .collect()
}

fn add_carried(
    inventory: &mut Inventory,
    file: &Ref,
    path: &str,
    carried: &[(Range<usize>, Digest)],
) -> Result<Vec<(Range<usize>, Ref)>, SbomError> {
    let mut parts = Vec::new();
    for (range, digest) in carried {
        let mut place = Occurrence::at(path);
        place.offset = u64::try_from(range.start).ok();
        // A name that somebody gave it stays; its digest is all that is seen here.
        let known = inventory.get(&Ref::artifact(digest));
        let name = known.map_or_else(|| digest.hex(), |known| known.name.clone());
        let mut part = Component::file(&name, digest).seen(place, Technique::HashComparison);
        part.mime_type = Some("application/wasm".to_owned());
        let id = inventory.add(part)?;
        if id != *file {
            inventory.relate(file, Relation::Contains, &id)?;
        }
        parts.push((range.clone(), id));
    }
    Ok(parts)
}

fn file_component(path: &str, bytes: &[u8]) -> Result<Component, SbomError> {
    let artifact =
        Artifact::from_reader(path, bytes, true).map_err(|error| SbomError::syntax(path, error))?;
    let mut component = Component::file(file_name(path), artifact.sha256())
        .of_kind(Kind::Application)
        .seen(Occurrence::at(path), Technique::BinaryAnalysis);
    component.hashes.extend(artifact.sha512().map(Hash::from));
    let wasm = bytes.starts_with(wasm::MAGIC);
    component.mime_type = wasm.then(|| "application/wasm".to_owned());
    Ok(component)
}

#[cfg(test)]
#[path = "binary_tests.rs"]
mod tests;
