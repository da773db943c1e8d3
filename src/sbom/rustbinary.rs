//! The crates that a Rust program was built of, by the list that `cargo
//! auditable` puts into it: zlib-compressed JSON in the section `.dep-v0` of
//! ELF, Mach-O, PE and WebAssembly (cargo-auditable, PARSING.md).

use std::io::{Read, Seek};

use serde::Deserialize;

use super::SbomError;
use super::cargo;
use super::cargo_lock::Source;
use super::component::{Component, Kind};
use super::evidence::{Occurrence, Technique};
use super::inventory::{Inventory, Relation};
use super::model::Aggregate;
use super::reference::Ref;
use super::section;
use super::wasm;
use super::window::Window;
use crate::purl::{Purl, PurlError};

const SECTION: &str = ".dep-v0";
/// The largest list, unpacked, in bytes.
pub const MAX_LIST: usize = 8 << 20;

/// The packages of a program, as it names them itself.
#[derive(Debug, Deserialize)]
pub struct Audit {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    source: String,
    #[serde(default)]
    kind: DependencyKind,
    #[serde(default)]
    dependencies: Vec<usize>,
    #[serde(default)]
    root: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DependencyKind {
    #[default]
    Runtime,
    Build,
}

/// The list of a program, when it has one. A broken one is an error.
pub fn audit<R: Read + Seek>(file: &mut Window<R>, path: &str) -> Result<Option<Audit>, SbomError> {
    let read = |source| SbomError::Read {
        path: path.to_owned(),
        source,
    };
    let whole = 0..file.size();
    let place = match wasm::custom(file, whole, SECTION).map_err(read)? {
        None => section::find(file.reader(), SECTION),
        place => place,
    };
    let Some(place) = place else {
        return Ok(None);
    };
    if place.end - place.start > MAX_LIST as u64 {
        let (path, limit) = (path.to_owned(), MAX_LIST as u64);
        return Err(SbomError::TooLarge { path, limit });
    }
    let packed = file.read(place).map_err(read)?;
    let json = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(&packed, MAX_LIST)
        .map_err(|error| SbomError::syntax(path, error.to_string()))?;
    serde_json::from_slice(&json)
        .map(Some)
        .map_err(|error| SbomError::syntax(path, error))
}

/// Adds the crates of a list; `file`, in which it stands, contains the root.
pub fn add(
    inventory: &mut Inventory,
    file: &Ref,
    path: &str,
    audit: &Audit,
) -> Result<(), SbomError> {
    let mut added = Vec::with_capacity(audit.packages.len());
    for package in &audit.packages {
        let purl = package.purl(inventory).map_err(SbomError::purl(path))?;
        let mut place = Occurrence::at(path);
        place.symbol = Some(SECTION.to_owned());
        let mut component =
            Component::package(&package.name, purl).seen(place, Technique::BinaryAnalysis);
        if package.root {
            component.kind = Kind::Application;
        }
        let id = inventory.add(component)?;
        if package.root {
            inventory.relate(file, Relation::Contains, &id)?;
        }
        added.push(id);
    }
    for (package, id) in audit.packages.iter().zip(&added) {
        for index in &package.dependencies {
            let (Some(to), Some(to_id)) = (audit.packages.get(*index), added.get(*index)) else {
                return Err(SbomError::syntax(path, format!("no package {index}")));
            };
            // Of a package that is needed for both only `runtime` is told.
            let relation = match to.kind {
                DependencyKind::Build if package.kind == DependencyKind::Runtime => Relation::Build,
                _ => Relation::Normal,
            };
            inventory.relate(id, relation, to_id)?;
        }
        inventory.know_dependencies(id, Aggregate::Complete);
    }
    inventory.know_parts(file, Aggregate::Complete);
    Ok(())
}

impl Package {
    /// The list says only the kind of a source that is not crates.io: a crate
    /// of the tree may tell more, else the qualifier is that word.
    fn purl(&self, inventory: &Inventory) -> Result<Purl, PurlError> {
        let (name, version) = (&self.name, &self.version);
        match self.source.as_str() {
            "crates.io" => Source::CratesIo.purl(name, version, None),
            "git" => Ok(Purl::cargo(name, version)?.with("vcs_url", "git")),
            "local" => match cargo::path_crate(inventory, name, version) {
                Some(purl) => Ok(purl),
                None => Source::Path.purl(name, version, None),
            },
            other => Ok(Purl::cargo(name, version)?.with("repository_url", other)),
        }
    }
}
