//! Python: lock files, manifests, installed environments, wheels and sdists.
//!
//! The files of one folder describe one project. Its lock file says which
//! versions there are and what needs what; the manifest says what is direct,
//! for development, or in an extra. Every format is read into a
//! [`resolution::Resolution`], which alone writes into the inventory.

use std::collections::BTreeMap;

use super::SbomError;
use super::component::Kind;
use super::inventory::Inventory;
use super::note::{Note, Reason};
use super::tree::{Tree, file_name, parent};
use pyproject::Project;
use resolution::{Package, Resolution};
use source::Origin;

pub mod artifact;
pub mod embedded;
pub mod environment;
pub mod marker;
pub mod metadata;
pub mod pdm;
pub mod pipfile;
pub mod poetry;
pub mod pylock;
pub mod pyproject;
pub mod requirement;
pub mod requirements;
pub mod resolution;
pub mod source;
pub mod uv;
pub mod zip;

#[cfg(test)]
mod tests;

/// Lock files, the one that says most first.
const LOCKS: &[fn(&str) -> bool] = &[
    |name| name == "uv.lock",
    |name| name == "poetry.lock",
    |name| name == "pdm.lock",
    pylock::is_lock,
    |name| name == "Pipfile.lock",
    requirements::is_requirements,
];

/// Reads every Python project of a tree.
pub fn collect(tree: &Tree, inventory: &mut Inventory) -> Result<(), SbomError> {
    let mut projects: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in tree.products_at(|path| is_manifest(tree, path), inventory) {
        projects.entry(parent(path)).or_default().push(path);
    }
    for files in projects.values() {
        collect_project(tree, files, inventory)?;
    }
    // What lies under a project is its own environment or build output.
    let manifest = |path: &str| {
        let mut folders = projects.iter();
        let above = |folder: &str| {
            folder.is_empty() || path == folder || path.starts_with(&format!("{folder}/"))
        };
        let found = folders.find(|(folder, _)| above(folder));
        found.and_then(|(_, files)| files.first().copied())
    };
    environment::collect(tree, manifest, inventory)?;
    artifact::collect(tree, manifest, inventory)
}

fn is_manifest(tree: &Tree, path: &str) -> bool {
    match file_name(path) {
        "pyproject.toml" => pyproject::is_project(tree, path),
        name => LOCKS.iter().any(|is_lock| is_lock(name)),
    }
}

fn collect_project(
    tree: &Tree,
    files: &[&str],
    inventory: &mut Inventory,
) -> Result<(), SbomError> {
    let named = |is_named: &dyn Fn(&str) -> bool| -> Vec<&str> {
        let paths = files.iter().copied();
        paths.filter(|path| is_named(file_name(path))).collect()
    };
    let manifest = named(&|name| name == "pyproject.toml").first().copied();
    let project = manifest
        .map(|path| pyproject::read(tree, path))
        .transpose()?;
    let locks = LOCKS.iter().map(|is_lock| named(is_lock));
    let mut read = locks
        .into_iter()
        .find(|locks| !locks.is_empty())
        .unwrap_or_default();
    if !read
        .iter()
        .any(|path| requirements::is_requirements(file_name(path)))
    {
        read.truncate(1);
    }
    let mut resolution = match (read.first(), project, manifest) {
        (Some(lock), project, _) => match file_name(lock) {
            "uv.lock" => uv::read(tree, lock)?,
            "poetry.lock" => poetry::read(tree, lock, project)?,
            "pdm.lock" => pdm::read(tree, lock, project)?,
            "Pipfile.lock" => pipfile::read(tree, lock, project)?,
            name if pylock::is_lock(name) => pylock::read(tree, lock, project)?,
            _ => requirements::read(tree, &read, project, inventory)?,
        },
        (None, Some(project), Some(path)) => {
            inventory.note(Note::new(path, Reason::NoLock));
            unlocked(path, project)
        }
        _ => return Ok(()),
    };
    // Other lock files beside the one that was read say the same again.
    for path in files.iter().filter(|path| Some(**path) != manifest) {
        if !read.contains(path) {
            let product = resolution.path.clone();
            inventory.note(Note::new(*path, Reason::BelowProduct { product }));
        }
    }
    describe(tree, &mut resolution)?;
    resolution.write(inventory)?;
    Ok(())
}

/// A project without a lock file: its direct dependencies, whatever their versions.
fn unlocked(path: &str, project: Project) -> Resolution {
    let mut resolution = Resolution::of_product(path, project.package);
    resolution.packages.extend(project.wanted);
    resolution
}

/// Takes over what the manifests of packages in the tree say of them.
fn describe(tree: &Tree, resolution: &mut Resolution) -> Result<(), SbomError> {
    for package in &mut resolution.packages {
        let Origin::Path(folder) = &package.origin else {
            continue;
        };
        let path = match folder.as_str() {
            "." => "pyproject.toml".to_owned(),
            folder => format!("{folder}/pyproject.toml"),
        };
        if package.seen.is_some() || !tree.contains(&path) {
            continue;
        }
        let described = pyproject::read(tree, &path)?.package;
        if described.origin == Origin::Manifest {
            continue;
        }
        *package = Package {
            kind: described.kind,
            description: described.description,
            licenses: described.licenses,
            authors: described.authors,
            pages: described.pages,
            ..std::mem::take(package)
        };
    }
    for product in &resolution.products {
        if resolution.packages[*product].origin == Origin::Manifest {
            resolution.packages[*product].kind = Kind::Application;
        }
    }
    Ok(())
}
