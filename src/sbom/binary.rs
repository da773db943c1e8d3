//! Programs and WebAssembly modules: what they say themselves of what they
//! were built of, and the modules that they carry.
//!
//! In a folder a program is recognised by its first bytes; a file that is a
//! source of its own is always looked at.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::Range;

use memchr::memmem;

use super::SbomError;
use super::claim;
use super::component::{Component, Hash, Kind};
use super::evidence::{Occurrence, Technique};
use super::gobinary;
use super::inventory::{Inventory, Relation};
use super::note::{Note, Reason};
use super::progress::{Counted, Progress};
use super::reference::Ref;
use super::rustbinary;
use super::tree::{Tree, file_name, in_fixture};
use super::wasm;
use super::window::Window;
use crate::artifact::{Algorithm, Artifact, Digest};

/// The largest program, in bytes. It is read in pieces and never held whole.
pub const MAX_BINARY: u64 = 4 << 30;

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
    let read = |source| SbomError::Read {
        path: path.to_owned(),
        source,
    };
    let file = tree.open(path)?;
    let mut window = Window::new(file).map_err(read)?;
    if window.size() > MAX_BINARY {
        let limit = MAX_BINARY;
        if tree.is_single_file() {
            let path = path.to_owned();
            return Err(SbomError::TooLarge { path, limit });
        }
        inventory.note(Note::new(path, Reason::TooLarge { limit }));
        return Ok(());
    }
    let wanted = declared(inventory);
    let marks = Marks::find(&mut window, tree.progress()).map_err(read)?;
    let texts = gobinary::texts(&mut window, &marks.lists).map_err(read)?;
    let lists: Vec<_> = texts
        .iter()
        .filter_map(|(offset, text)| gobinary::parse(text, *offset))
        .collect();
    let audit = match rustbinary::audit(&mut window, path) {
        // Among many files one that is broken is a gap, and no reason to stop.
        Err(error) if !tree.is_single_file() => {
            let what = format!("its list of crates: {}", cause(&error));
            inventory.note(Note::new(path, Reason::NotUnderstood { what }));
            None
        }
        audit => audit?,
    };
    let carried = wasm::carve(&mut window, &marks.modules, &wanted).map_err(read)?;
    let claims = claim::claims(&mut window, &marks.bundles).map_err(read)?;
    let tells = !lists.is_empty() || audit.is_some() || !carried.is_empty() || !claims.is_empty();
    if !tells && !tree.is_single_file() {
        return Ok(());
    }
    let file = inventory.add(file_component(tree, path, &mut window)?)?;
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
            None => (&file, 0..window.size()),
        };
        let version = gobinary::go_version(&mut window, range, &marks.builds).map_err(read)?;
        gobinary::add(inventory, owner, path, list, version.as_deref())?;
    }
    claims
        .iter()
        .try_for_each(|claim| claim.add(inventory, &file, path))
}

fn cause(error: &dyn Error) -> String {
    error.source().unwrap_or(error).to_string()
}

/// Where something of interest starts in a file.
#[derive(Debug, Default)]
struct Marks {
    /// Go's lists of modules.
    lists: Vec<u64>,
    /// Go's build information.
    builds: Vec<u64>,
    /// WebAssembly modules, or what looks like one.
    modules: Vec<u64>,
    /// Sigstore bundles.
    bundles: Vec<u64>,
}

impl Marks {
    /// Looks for all of them in one pass.
    fn find(window: &mut Window<impl Read + Seek>, progress: &Progress) -> io::Result<Self> {
        let mut marks = Self::default();
        let mut wanted = [
            (
                memmem::Finder::new(gobinary::START),
                &mut marks.lists,
                gobinary::MAX_LISTS,
            ),
            (
                memmem::Finder::new(gobinary::BUILD_INFO),
                &mut marks.builds,
                gobinary::MAX_LISTS,
            ),
            (
                memmem::Finder::new(wasm::MAGIC),
                &mut marks.modules,
                wasm::MAX_STARTS,
            ),
            (
                memmem::Finder::new(claim::MARK),
                &mut marks.bundles,
                claim::MAX_CLAIMS,
            ),
        ];
        let overlap = claim::MARK.len() - 1;
        window.walk(0..u64::MAX, overlap, |at, bytes, seen| {
            progress.read(bytes.len() - seen);
            for (finder, found, most) in &mut wanted {
                let size = finder.needle().len();
                // What ends in the part that was seen was found there.
                let first = (seen + 1).saturating_sub(size);
                let rest = bytes.get(first..).unwrap_or_default();
                let offsets = finder
                    .find_iter(rest)
                    .map(|place| at + (first + place) as u64);
                let left = most.saturating_sub(found.len());
                found.extend(offsets.take(left));
            }
            true
        })?;
        Ok(marks)
    }
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
    carried: &[(Range<u64>, Digest)],
) -> Result<Vec<(Range<u64>, Ref)>, SbomError> {
    let mut parts = Vec::new();
    for (range, digest) in carried {
        let mut place = Occurrence::at(path);
        place.offset = Some(range.start);
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

fn file_component(
    tree: &Tree,
    path: &str,
    window: &mut Window<File>,
) -> Result<Component, SbomError> {
    let head = window.read(0..4).unwrap_or_default();
    let file = Counted(tree.open(path)?, tree.progress());
    let artifact =
        Artifact::from_reader(path, file, true).map_err(|error| SbomError::syntax(path, error))?;
    let mut component = Component::file(file_name(path), artifact.digest())
        .of_kind(Kind::Application)
        .seen(Occurrence::at(path), Technique::BinaryAnalysis);
    component.hashes.extend(artifact.sha512().map(Hash::from));
    component.mime_type = (head == wasm::MAGIC).then(|| "application/wasm".to_owned());
    Ok(component)
}

#[cfg(test)]
#[path = "binary_tests.rs"]
mod tests;
