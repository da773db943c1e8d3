//! Rust: `Cargo.lock` and the manifests of its workspace.
//!
//! A lock file resolves for every platform and every feature at once, so it
//! names more than one build links; the product says so in the property
//! `prov:resolution`, unless Cargo was asked ([`exact`]). Which of a crate's dependencies are for building, testing
//! or optional stands in manifests only: in those of the tree, and in those of
//! the registry's sources where the caller has them. Where they are missing
//! the property `prov:cargo:dependency-kinds` says `unknown`.

use std::collections::{BTreeMap, BTreeSet};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::SbomError;
use super::cargo_lock::{Lock, Locked, NEWEST_LOCK, Source};
use super::cargo_manifest::{Manifest, Need, Workspace};
use super::component::{Component, Hash, Kind, Organization, ReferenceKind};
use super::evidence::{Occurrence, Technique};
use super::folder::Folder;
use super::inventory::{Inventory, Relation};
use super::license_text;
use super::model::Aggregate;
use super::note::{Note, Reason};
use super::reference::Ref;
use super::resolve::cargo::{Exact, exact};
use super::tree::{MAX_GLOBS, Tree, beside, file_name, parent};
use super::workers;
use crate::artifact::{Algorithm, Digest};
use crate::purl::Purl;

/// The most manifests of one workspace.
const MAX_MEMBERS: usize = 10_000;

/// Adds every workspace of a tree.
pub fn collect(tree: &Tree, inventory: &mut Inventory) -> Result<(), SbomError> {
    let is_manifest = |name: &str| matches!(name, "Cargo.lock" | "Cargo.toml");
    // Manifests of members lie below the product and belong to it all the same.
    let mut skipped = Inventory::default();
    let mut members = BTreeSet::new();
    for path in tree.products(is_manifest, &mut skipped) {
        let manifest = beside(path, "Cargo.toml");
        let lock = beside(path, "Cargo.lock");
        if file_name(path) == "Cargo.toml" && tree.contains(&lock) {
            continue;
        }
        let crates = Crates::find(tree, &manifest, inventory)?;
        match file_name(path) {
            "Cargo.lock" => add_lock(tree, path, &crates, inventory)?,
            _ => add_manifest(path, &crates, inventory)?,
        }
        members.extend(crates.by_path.into_keys());
    }
    for note in skipped
        .notes()
        .filter(|note| !members.contains(&note.about))
    {
        inventory.note(note.clone());
    }
    Ok(())
}

/// A crate that lies in the tree, when exactly one of this name and version does.
pub(super) fn path_crate(inventory: &Inventory, name: &str, version: &str) -> Option<Purl> {
    let mut found = inventory
        .components()
        .filter_map(|(_, component)| component.purl.as_ref())
        .filter(|purl| purl.name() == name && purl.version() == Some(version))
        .filter(|purl| is_path_crate(purl));
    let first = found.next()?.clone();
    found.next().is_none().then_some(first)
}

pub(super) fn is_path_crate(purl: &Purl) -> bool {
    let url = purl.qualifier("download_url");
    purl.kind() == "cargo" && url.is_some_and(|url| url.starts_with("file://"))
}

/// The crates of a workspace and what they reach by path.
struct Crates {
    root: String,
    by_path: BTreeMap<String, Manifest>,
    /// Name and version to the path of the manifest.
    by_name: BTreeMap<(String, String), String>,
}

impl Crates {
    fn find(tree: &Tree, root: &str, inventory: &mut Inventory) -> Result<Self, SbomError> {
        let mut crates = Self {
            root: root.to_owned(),
            by_path: BTreeMap::new(),
            by_name: BTreeMap::new(),
        };
        let mut todo = Vec::new();
        if tree.contains(root) {
            todo.push(root.to_owned());
        }
        while let Some(path) = todo.pop() {
            if crates.by_path.contains_key(&path) {
                continue;
            }
            if crates.by_path.len() >= MAX_MEMBERS {
                return Err(SbomError::TooMany {
                    what: "crates of one workspace",
                    limit: MAX_MEMBERS,
                });
            }
            let manifest: Manifest = tree.toml(&path)?;
            if path == root
                && let Some(workspace) = &manifest.workspace
            {
                let members = Globs::new(root, &workspace.members)?;
                let exclude = Globs::new(root, &workspace.exclude)?;
                let below = |file: &&str| file_name(file) == "Cargo.toml";
                todo.extend(
                    tree.files()
                        .filter(below)
                        .filter(|file| members.has(file) && !exclude.is_above(file))
                        .map(str::to_owned),
                );
            }
            for folder in manifest.paths() {
                match tree.resolve(&path, &folder) {
                    Ok(folder) => {
                        let manifest = match folder.as_str() {
                            "" => "Cargo.toml".to_owned(),
                            folder => format!("{folder}/Cargo.toml"),
                        };
                        if tree.contains(&manifest) {
                            todo.push(manifest);
                            continue;
                        }
                    }
                    Err(SbomError::Outside { .. }) => {}
                    Err(error) => return Err(error),
                }
                inventory.note(Note::new(&path, Reason::Unresolved { name: folder }));
            }
            crates.by_path.insert(path, manifest);
        }
        crates.name();
        Ok(crates)
    }

    fn name(&mut self) {
        let mut by_name = BTreeMap::new();
        for (path, manifest) in &self.by_path {
            if let Some(package) = &manifest.package {
                let version = package.version(self.workspace());
                by_name.insert((package.name.clone(), version), path.clone());
            }
        }
        self.by_name = by_name;
    }

    fn root(&self) -> Option<&Manifest> {
        self.by_path.get(&self.root)
    }

    fn workspace(&self) -> Option<&Workspace> {
        self.root()?.workspace.as_ref()
    }

    /// The manifest of a path crate.
    fn place(&self, package: &Locked) -> Option<&str> {
        let key = (package.name.clone(), package.version.clone());
        let place = self.by_name.get(&key).map(String::as_str);
        place.filter(|_| package.source == Source::Path)
    }

    /// The manifests that `cargo build` builds unless told otherwise (The Cargo
    /// Book, Package selection).
    fn products(&self) -> Result<BTreeSet<&str>, SbomError> {
        let all = self.by_path.keys().map(String::as_str);
        let Some(workspace) = self.workspace() else {
            return Ok(BTreeSet::from([self.root.as_str()]));
        };
        let is_root = self.root().is_some_and(|root| root.package.is_some());
        let globs = match &workspace.default_members {
            Some(members) => members,
            None if is_root => return Ok(BTreeSet::from([self.root.as_str()])),
            None => &workspace.members,
        };
        let globs = Globs::new(&self.root, globs)?;
        Ok(all.filter(|path| globs.has(path)).collect())
    }
}

/// Folders of members, as a workspace writes them.
struct Globs {
    folder: String,
    globs: Gitignore,
    root: bool,
}

impl Globs {
    fn new(manifest: &str, globs: &[String]) -> Result<Self, SbomError> {
        if globs.len() > MAX_GLOBS {
            return Err(SbomError::TooMany {
                what: "globs",
                limit: MAX_GLOBS,
            });
        }
        let mut builder = GitignoreBuilder::new("");
        for glob in globs {
            let glob = glob.trim_start_matches("./").trim_end_matches('/');
            let error = |error| SbomError::syntax(manifest, error);
            builder.add_line(None, &format!("/{glob}")).map_err(error)?;
        }
        Ok(Self {
            folder: parent(manifest).to_owned(),
            globs: builder
                .build()
                .map_err(|error| SbomError::syntax(manifest, error))?,
            root: globs.iter().any(|glob| glob == "."),
        })
    }

    /// The folder of a manifest, relative to the workspace.
    fn relative<'a>(&self, manifest: &'a str) -> Option<&'a str> {
        let folder = parent(manifest).strip_prefix(&self.folder)?;
        match self.folder.as_str() {
            "" => Some(folder),
            _ if folder.is_empty() => Some(folder),
            _ => folder.strip_prefix('/'),
        }
    }

    fn has(&self, manifest: &str) -> bool {
        match self.relative(manifest) {
            Some("") => self.root,
            Some(folder) => self.globs.matched(folder, true).is_ignore(),
            None => false,
        }
    }

    fn is_above(&self, manifest: &str) -> bool {
        self.relative(manifest).is_some_and(|folder| {
            let globs = &self.globs;
            !folder.is_empty() && globs.matched_path_or_any_parents(folder, true).is_ignore()
        })
    }
}

/// A product without a lock file: only what it says of itself.
fn add_manifest(path: &str, crates: &Crates, inventory: &mut Inventory) -> Result<(), SbomError> {
    inventory.note(Note::new(path, Reason::NoLock));
    for product in crates.products()? {
        let manifest = crates.by_path.get(product);
        let Some(package) = manifest.and_then(|each| each.package.as_ref()) else {
            continue;
        };
        let version = package.version(crates.workspace());
        let purl = Source::Path
            .purl(&package.name, &version, Some(parent(product)))
            .map_err(SbomError::purl(product))?;
        let mut component = Component::package(&package.name, purl)
            .of_kind(Kind::Application)
            .seen(Occurrence::at(product), Technique::ManifestAnalysis);
        package.describe(crates.workspace(), &mut component);
        let id = inventory.add(component)?;
        inventory.product(&id);
        inventory.know_dependencies(&id, Aggregate::Incomplete);
    }
    Ok(())
}

fn add_lock(
    tree: &Tree,
    path: &str,
    crates: &Crates,
    inventory: &mut Inventory,
) -> Result<(), SbomError> {
    let lock = Lock::read(tree, path)?;
    if lock.version > NEWEST_LOCK {
        let what = format!("version {} of the lock file", lock.version);
        inventory.note(Note::new(path, Reason::NotUnderstood { what }));
    }
    let products = crates.products()?;
    if let Some(exact) = exact(tree, &crates.root, &lock.packages, inventory)? {
        return add_exact(tree, path, &lock, crates, &exact, inventory);
    }
    let mut added = Vec::with_capacity(lock.packages.len());
    let fetched = workers::map(&lock.packages, |package| Fetched::find(tree, package));
    for (package, fetched) in lock.packages.iter().zip(&fetched) {
        let place = crates.place(package);
        let is_product = place.is_some_and(|place| products.contains(place));
        let found = (package, fetched.as_ref());
        let component = component(tree, path, found, crates, is_product, inventory)?;
        let (mut component, needs) = component;
        if is_product {
            component.property("prov:resolution", "lock");
        }
        if needs.is_none() && !package.dependencies.is_empty() {
            component.property("prov:cargo:dependency-kinds", "unknown");
        }
        added.push((enter(component, is_product, inventory)?, needs));
    }
    for (package, (id, needs)) in lock.packages.iter().zip(&added) {
        for index in &package.dependencies {
            let (Some(to), Some((to_id, _))) = (lock.packages.get(*index), added.get(*index))
            else {
                continue;
            };
            let relation = needs
                .as_ref()
                .and_then(|needs| Need::relation(needs, &to.name, &to.version));
            inventory.relate(id, relation.unwrap_or(Relation::Normal), to_id)?;
        }
        for name in &package.unresolved {
            let name = name.clone();
            inventory.note(Note::new(path, Reason::Unresolved { name }));
        }
        let aggregate = match package.unresolved.as_slice() {
            [] => Aggregate::Complete,
            _ => Aggregate::Incomplete,
        };
        inventory.know_dependencies(id, aggregate);
    }
    Ok(())
}

/// Adds only what one build takes of the lock file, and as it does.
fn add_exact(
    tree: &Tree,
    path: &str,
    lock: &Lock,
    crates: &Crates,
    exact: &Exact,
    inventory: &mut Inventory,
) -> Result<(), SbomError> {
    let mut added = BTreeMap::new();
    let chosen: Vec<(usize, &Locked)> = lock
        .packages
        .iter()
        .enumerate()
        .filter(|(index, _)| exact.packages.contains_key(index))
        .collect();
    let fetched = workers::map(&chosen, |(_, package)| Fetched::find(tree, package));
    for (&(index, package), fetched) in chosen.iter().zip(&fetched) {
        let features = &exact.packages[&index];
        let is_product = exact.products.contains(&index);
        let found = (package, fetched.as_ref());
        let (mut component, _) = component(tree, path, found, crates, is_product, inventory)?;
        if is_product {
            component.property("prov:resolution", "exact");
            for (name, value) in &exact.chosen {
                component.property(*name, value);
            }
        }
        if !features.is_empty() {
            let features: Vec<&str> = features.iter().map(String::as_str).collect();
            component.property("prov:cargo:features", features.join(","));
        }
        let id = enter(component, is_product, inventory)?;
        inventory.know_dependencies(&id, Aggregate::Complete);
        added.insert(index, id);
    }
    for (from, relation, to) in &exact.edges {
        if let (Some(from), Some(to)) = (added.get(from), added.get(to)) {
            inventory.relate(from, *relation, to)?;
        }
    }
    Ok(())
}

fn enter(
    component: Component,
    is_product: bool,
    inventory: &mut Inventory,
) -> Result<Ref, SbomError> {
    let id = inventory.add(component)?;
    if is_product {
        inventory.product(&id);
    }
    Ok(id)
}

/// A package; also tells how it needs what it needs, if a manifest does.
fn component(
    tree: &Tree,
    lock: &str,
    (package, fetched): (&Locked, Option<&Fetched<'_>>),
    crates: &Crates,
    is_product: bool,
    inventory: &mut Inventory,
) -> Result<(Component, Option<Vec<Need>>), SbomError> {
    let Locked { name, version, .. } = package;
    let place = crates.place(package);
    if package.source == Source::Path && place.is_none() {
        let what = format!("the folder of the path crate `{name}`");
        inventory.note(Note::new(lock, Reason::NotUnderstood { what }));
    }
    let purl = package
        .source
        .purl(name, version, place.map(parent))
        .map_err(SbomError::purl(lock))?;
    let mut component =
        Component::package(name, purl).seen(Occurrence::at(lock), Technique::ManifestAnalysis);
    let manifest = match place {
        Some(place) => {
            component = component.seen(Occurrence::at(place), Technique::ManifestAnalysis);
            crates.by_path.get(place)
        }
        None => fetched.and_then(|fetched| fetched.manifest.as_ref()),
    };
    let workspace = place.and_then(|_| crates.workspace());
    if let Some(described) = manifest.and_then(|each| each.package.as_ref()) {
        described.describe(workspace, &mut component);
    }
    match (place, fetched) {
        (Some(place), _) => license_text::conclude(tree, parent(place), &mut component),
        (None, Some(Fetched { folder, path, .. })) => {
            license_text::conclude(folder, path, &mut component);
        }
        (None, None) => {}
    }
    supply(package, &mut component);
    if let Some(checksum) = &package.checksum {
        let digest = Digest::from_hex(Algorithm::Sha256, checksum)
            .map_err(|error| SbomError::syntax(lock, error))?;
        component.hashes.push(Hash::from(&digest));
    }
    if is_product {
        component.kind = Kind::Application;
    }
    Ok((
        component,
        manifest.map(|manifest| manifest.needs(workspace)),
    ))
}

/// The source of a registry's crate, when it is on this machine.
struct Fetched<'a> {
    folder: &'a Folder,
    path: String,
    /// A broken one counts as missing: it belongs to the machine, not to the product.
    manifest: Option<Manifest>,
}

impl<'a> Fetched<'a> {
    fn find(tree: &'a Tree, package: &Locked) -> Option<Self> {
        let hosts: &[&str] = match &package.source {
            // Of the sparse index, and of the Git repository before it.
            Source::CratesIo => &["index.crates.io", "github.com"],
            Source::Registry(url) => &[url.split_once("://")?.1.split(['/', ':']).next()?],
            _ => return None,
        };
        let caches = tree.caches();
        let (folder, path) = hosts
            .iter()
            .find_map(|host| caches.crate_source(host, &package.name, &package.version))?;
        let manifest = folder.toml(&format!("{path}/Cargo.toml")).ok();
        Some(Self {
            folder,
            path,
            manifest,
        })
    }
}

/// Says who hands the crate out, and where.
fn supply(package: &Locked, component: &mut Component) {
    let Locked { name, version, .. } = package;
    let (supplier, url) = match &package.source {
        Source::CratesIo => {
            component.reference(
                ReferenceKind::Distribution,
                format!("https://static.crates.io/crates/{name}/{name}-{version}.crate"),
            );
            ("crates.io", "https://crates.io")
        }
        Source::Registry(url) => (url.as_str(), url.as_str()),
        Source::Git { url, .. } => {
            component.reference(ReferenceKind::Vcs, url.as_str());
            (url.as_str(), url.as_str())
        }
        Source::Path => return,
    };
    component.supplier = Some(Organization {
        name: Some(supplier.to_owned()),
        url: vec![url.to_owned()],
        ..Organization::default()
    });
}

#[cfg(test)]
#[path = "cargo_tests.rs"]
mod tests;
