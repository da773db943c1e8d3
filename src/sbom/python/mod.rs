//! Python: lock files, manifests, installed environments, wheels and sdists.
//!
//! The files of one folder describe one project. Its lock file says which
//! versions there are and what needs what; the manifest says what is direct,
//! for development, or in an extra. Every format is read into a
//! [`resolution::Resolution`], which alone writes into the inventory.

use std::collections::BTreeMap;

use super::SbomError;
use super::inventory::Inventory;
use super::note::{Note, Reason};
use super::tree::{Tree, file_name, parent};
use pyproject::Project;
use resolution::{Package, Resolution};
use source::Origin;

pub mod artifact;
pub mod embedded;
pub mod environment;
mod installed;
mod lines;
pub mod marker;
pub mod metadata;
pub mod pdm;
pub mod pipfile;
pub mod poetry;
pub mod pylock;
pub mod pyproject;
pub mod pythons;
pub mod requirement;
pub mod requirements;
pub mod resolution;
pub mod source;
pub mod uv;

#[cfg(test)]
mod hostile;
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

/// Reads every Python project of a tree, then its environments and artifacts.
pub fn collect(tree: &Tree, inventory: &mut Inventory) -> Result<(), SbomError> {
    let mut sites = environment::sites(tree)?;
    if sites.contains_key("")
        && tree
            .files()
            .any(|path| parent(path).is_empty() && is_manifest(tree, path))
    {
        sites.remove("");
    }
    // Installed packages bring manifests and wheels of their own.
    let installed = |path: &str| folders(path).any(|folder| sites.contains_key(folder));
    let mut projects: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let manifests = |path: &str| !installed(path) && is_manifest(tree, path);
    for path in tree.products_at(manifests, inventory) {
        projects.entry(parent(path)).or_default().push(path);
    }
    for files in projects.values() {
        collect_project(tree, files, inventory)?;
    }
    // What lies under a project is its own environment or build output.
    let above = |path: &str| {
        let files = folders(path).find_map(|folder| projects.get(folder));
        files.and_then(|files| files.first().copied())
    };
    environment::collect(tree, &sites, above, inventory)?;
    let artifacts = |path: &str| artifact::is_artifact(path) && !installed(path);
    for path in tree.products_at(artifacts, inventory) {
        match above(path) {
            Some(product) => {
                let product = product.to_owned();
                inventory.note(Note::new(path, Reason::BelowProduct { product }));
            }
            None => artifact::collect(tree, path, inventory)?,
        }
    }
    Ok(())
}

/// The folder of a path and all above it, up to the tree's own.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(parent(path)), |folder| {
        (!folder.is_empty()).then(|| parent(folder))
    })
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
    if tree.build().is_some() {
        let why = "which of its packages one build takes is not asked of any Python".to_owned();
        inventory.note(Note::new(&resolution.path, Reason::NotExact { why }));
    }
    describe(tree, &mut resolution)?;
    let folder = tree.root().join(parent(&resolution.path));
    installed::describe(tree.caches(), &folder, &mut resolution);
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
    let mut described: BTreeMap<String, Option<Package>> = BTreeMap::new();
    for package in &mut resolution.packages {
        let (Origin::Path(folder), None) = (&package.origin, &package.seen) else {
            continue;
        };
        if !described.contains_key(folder) {
            let path = match folder.as_str() {
                "." => "pyproject.toml".to_owned(),
                folder => format!("{folder}/pyproject.toml"),
            };
            let found = match tree.contains(&path) {
                true => Some(pyproject::read(tree, &path)?.package),
                false => None,
            };
            let named = found.filter(|found| found.origin != Origin::Manifest);
            described.insert(folder.clone(), named);
        }
        if let Some(Some(found)) = described.get(folder) {
            package.kind = found.kind;
            package.description.clone_from(&found.description);
            package.licenses.clone_from(&found.licenses);
            package.authors.clone_from(&found.authors);
            package.pages.clone_from(&found.pages);
        }
    }
    Ok(())
}
