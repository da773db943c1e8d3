//! Go: `go.mod` or a workspace's `go.work`, with what lies beside them.
//!
//! Since Go 1.17 a `go.mod` names every module that its packages and their
//! tests may need on any platform, which is more than one build links. Go's own
//! library and tools are the modules that its source calls `std` and `cmd`; a
//! manifest gives only the oldest version that will do. Where one build is
//! resolved exactly ([`exact`]), Go itself says what it links.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::SbomError;
use super::component::{Component, Kind, Organization, ReferenceKind};
use super::embeds;
use super::evidence::{Occurrence, Technique};
use super::folder::Folder;
use super::go_mod::{self, GoMod, Replace};
use super::inventory::{Inventory, Relation};
use super::license::LicenseChoice;
use super::license_text;
use super::model::Aggregate;
use super::note::{Note, Reason};
use super::reference::Ref;
use super::resolve::PROGRAM;
use super::resolve::go::{Exact, STD, exact};
use super::tree::{Tree, beside, file_name, parent};
use super::workers;
use crate::purl::Purl;

/// Adds every module and workspace of a tree.
pub fn collect(tree: &Tree, inventory: &mut Inventory) -> Result<(), SbomError> {
    let is_manifest = |name: &str| matches!(name, "go.mod" | "go.work");
    // Modules of a workspace lie below it and belong to it all the same.
    let mut skipped = Inventory::default();
    let mut used = BTreeSet::new();
    let manifests = tree.products(is_manifest, &mut skipped);
    let targets = match manifests.is_empty() {
        true => Default::default(),
        false => embeds::targets(tree)?,
    };
    for path in manifests {
        if file_name(path) == "go.mod" && tree.contains(&beside(path, "go.work")) {
            continue;
        }
        let mut build = Build::read(tree, path, inventory)?;
        let folders: Vec<&str> = build.mains.iter().map(|(path, _)| parent(path)).collect();
        let target = folders.iter().find_map(|folder| targets.get(*folder));
        let target = target.map(String::as_str);
        build.exact = exact(tree, path, &folders, target, inventory)?;
        build.add(tree, inventory)?;
        used.extend(build.mains.into_iter().map(|(path, _)| path));
    }
    for note in skipped.notes().filter(|note| !used.contains(&note.about)) {
        inventory.note(note.clone());
    }
    if let Some(cache) = tree.caches().modules() {
        conclude_licenses(cache, inventory);
    }
    Ok(())
}

/// The modules that are built together.
struct Build {
    /// The manifest that rules: `go.work`, or the only `go.mod`.
    path: String,
    mains: Vec<(String, GoMod)>,
    replaces: Vec<(String, Replace)>,
    /// The version of each module, and whether a main module itself uses it.
    selected: BTreeMap<String, (String, bool)>,
    go: Option<String>,
    sums: BTreeMap<(String, String), String>,
    vendored: Option<BTreeSet<String>>,
    exact: Option<Exact>,
}

impl Build {
    fn read(tree: &Tree, path: &str, inventory: &mut Inventory) -> Result<Self, SbomError> {
        let top = manifest(tree, path)?;
        let mut build = Self {
            path: path.to_owned(),
            mains: Vec::new(),
            replaces: Vec::new(),
            selected: BTreeMap::new(),
            go: top.go.clone(),
            sums: BTreeMap::new(),
            vendored: optional_text(tree, &beside(path, "vendor/modules.txt"))?
                .map(|text| go_mod::vendored(&text)),
            exact: None,
        };
        // A workspace's replacements go before those of its modules.
        let replaces = |path: &str, file: &GoMod| -> Vec<(String, Replace)> {
            let path = path.to_owned();
            file.replaces
                .iter()
                .map(|each| (path.clone(), each.clone()))
                .collect()
        };
        build.replaces.extend(replaces(path, &top));
        build.add_sums(tree, &beside(path, "go.work.sum"))?;
        if file_name(path) == "go.work" {
            for folder in &top.uses {
                let found = tree
                    .resolve(path, folder)
                    .map(|folder| match folder.as_str() {
                        "" => "go.mod".to_owned(),
                        folder => format!("{folder}/go.mod"),
                    });
                match found {
                    Ok(module) if tree.contains(&module) => {
                        let file = manifest(tree, &module)?;
                        build.replaces.extend(replaces(&module, &file));
                        build.mains.push((module, file));
                    }
                    Ok(_) | Err(SbomError::Outside { .. }) => {
                        let name = folder.clone();
                        inventory.note(Note::new(path, Reason::Unresolved { name }));
                    }
                    Err(error) => return Err(error),
                }
            }
        } else {
            build.mains.push((path.to_owned(), top));
        }
        build.select(inventory);
        let beside_mains: Vec<String> = build
            .mains
            .iter()
            .map(|(path, _)| beside(path, "go.sum"))
            .collect();
        for path in beside_mains {
            build.add_sums(tree, &path)?;
        }
        Ok(build)
    }

    /// Of several required versions the newest counts (minimal version selection).
    fn select(&mut self, inventory: &mut Inventory) {
        let mains: BTreeSet<&str> = self
            .mains
            .iter()
            .filter_map(|(_, file)| file.module.as_deref())
            .collect();
        for (place, file) in &self.mains {
            for require in file
                .requires
                .iter()
                .filter(|each| !mains.contains(&each.path[..]))
            {
                let pair = (require.path.clone(), require.version.clone());
                if file.excludes.contains(&pair) {
                    let name = format!("{} {}", pair.0, pair.1);
                    inventory.note(Note::new(place, Reason::Unresolved { name }));
                    continue;
                }
                let (version, direct) = self.selected.entry(pair.0).or_default();
                *direct |= !require.indirect;
                if version.is_empty() || semver(version) < semver(&pair.1) {
                    *version = pair.1;
                }
            }
        }
    }

    fn add_sums(&mut self, tree: &Tree, path: &str) -> Result<(), SbomError> {
        let text = optional_text(tree, path)?;
        self.sums
            .extend(text.iter().flat_map(|text| go_mod::sums(text)));
        Ok(())
    }

    fn add(&self, tree: &Tree, inventory: &mut Inventory) -> Result<(), SbomError> {
        if let Some(exact) = &self.exact {
            return self.add_exact(tree, exact, inventory);
        }
        let mut modules = BTreeMap::new();
        for (path, (version, _)) in &self.selected {
            modules.insert(
                path.as_str(),
                self.add_module(tree, path, version, inventory)?,
            );
        }
        let mut known = BTreeSet::new();
        for (path, id) in &modules {
            let Some(needs) = self.cached_needs(tree, path) else {
                continue;
            };
            for need in needs.requires.iter().filter(|need| !need.indirect) {
                if let Some(to) = modules.get(need.path.as_str()) {
                    inventory.relate(id, self.relation(&need.path), to)?;
                    known.insert(to.clone());
                }
            }
            inventory.know_dependencies(id, Aggregate::Complete);
        }
        for (place, file) in &self.mains {
            let mut component = main(tree, place, file)?;
            let resolution = self.vendored.as_ref().map_or("lock", |_| "vendor");
            component.property("prov:resolution", resolution);
            let id = inventory.add(component)?;
            inventory.product(&id);
            for require in &file.requires {
                let Some(to) = modules.get(require.path.as_str()) else {
                    continue;
                };
                // What only others need is theirs, where it is known whose.
                if !require.indirect || !known.contains(to) {
                    inventory.relate(&id, self.relation(&require.path), to)?;
                }
            }
            if let Some(version) = &self.go {
                self.add_go(&id, version, "minimum", inventory)?;
            }
            inventory.know_dependencies(&id, Aggregate::Complete);
        }
        self.relate_mains(inventory)
    }

    /// Adds only what one build links.
    fn add_exact(
        &self,
        tree: &Tree,
        exact: &Exact,
        inventory: &mut Inventory,
    ) -> Result<(), SbomError> {
        let mut modules: BTreeMap<&str, Ref> = BTreeMap::new();
        for (path, version) in exact
            .modules
            .iter()
            .filter(|(_, version)| !version.is_empty())
        {
            modules.insert(path, self.add_module(tree, path, version, inventory)?);
        }
        let mut std = None;
        for (place, file) in &self.mains {
            let name = file.module.as_deref().unwrap_or_default();
            // A module of a workspace may be part of no program.
            if !exact.modules.contains_key(name) {
                continue;
            }
            let mut component = main(tree, place, file)?;
            component.property("prov:resolution", "exact");
            component.property("prov:resolution:target", &exact.target);
            if !exact.tags.is_empty() {
                component.property("prov:resolution:tags", exact.tags.join(","));
            }
            let programs = exact.programs.get(name);
            for program in programs.into_iter().flatten() {
                component.property(PROGRAM, program);
            }
            let id = inventory.add(component)?;
            // Where there are programs, what is only imported by them is none.
            if exact.programs.is_empty() || programs.is_some() {
                inventory.product(&id);
                std = Some(self.add_go(&id, &exact.version, "exact", inventory)?);
            }
            modules.insert(name, id);
        }
        modules.extend(std.map(|std| (STD, std)));
        for (from, to) in &exact.edges {
            if let (Some(from), Some(to)) = (modules.get(from.as_str()), modules.get(to.as_str())) {
                inventory.relate(from, Relation::Normal, to)?;
            }
        }
        for id in modules.values() {
            inventory.know_dependencies(id, Aggregate::Complete);
        }
        Ok(())
    }

    /// Modules of one workspace that require each other.
    fn relate_mains(&self, inventory: &mut Inventory) -> Result<(), SbomError> {
        let id = |file: &GoMod, place: &str| {
            Purl::golang(file.module.as_deref().unwrap_or_default(), "")
                .map(|purl| Ref::package(&purl))
                .map_err(SbomError::purl(place))
        };
        for (place, file) in &self.mains {
            for (other_place, other) in &self.mains {
                let named = |path: &str| Some(path) == other.module.as_deref();
                if file.requires.iter().any(|require| named(&require.path)) {
                    let (from, to) = (id(file, place)?, id(other, other_place)?);
                    inventory.relate(&from, Relation::Normal, &to)?;
                }
            }
        }
        Ok(())
    }

    /// A vendored build uses only what is vendored.
    fn relation(&self, path: &str) -> Relation {
        match &self.vendored {
            Some(vendored) if !vendored.contains(path) => Relation::Optional,
            _ => Relation::Normal,
        }
    }

    fn add_module(
        &self,
        tree: &Tree,
        path: &str,
        version: &str,
        inventory: &mut Inventory,
    ) -> Result<Ref, SbomError> {
        let replace = self
            .replaces
            .iter()
            .find(|(_, each)| each.is_for(path, version));
        let (name, version, folder) = match replace {
            Some((
                _,
                Replace {
                    to,
                    to_version: Some(version),
                    ..
                },
            )) => (&to[..], &version[..], None),
            Some((place, Replace { to, .. })) => (path, version, Some((place, to))),
            None => (path, version, None),
        };
        let mut purl = Purl::golang(name, version).map_err(SbomError::purl(&self.path))?;
        if let Some((place, to)) = folder {
            // An absolute path would tell where the author's machine keeps it.
            let resolved = tree.resolve(place, to).unwrap_or_default();
            purl = purl.with("download_url", &format!("file://{resolved}"));
        }
        let mut component = Component::package(name, purl)
            .seen(Occurrence::at(&self.path), Technique::ManifestAnalysis);
        if replace.is_some() {
            component.property("prov:go:replaces", path);
        }
        if folder.is_none() {
            if let Some(sum) = self.sums.get(&(name.to_owned(), version.to_owned())) {
                component.property("prov:go:h1", sum);
            }
            supply(name, version, &mut component);
        }
        inventory.add(component)
    }

    /// What a module itself requires, when its `go.mod` is in the module cache.
    fn cached_needs(&self, tree: &Tree, path: &str) -> Option<GoMod> {
        let (version, _) = self.selected.get(path)?;
        let replace = self
            .replaces
            .iter()
            .find(|(_, each)| each.is_for(path, version));
        let (path, version) = match replace {
            Some((_, each)) => (&each.to[..], each.to_version.as_deref()?),
            None => (path, &version[..]),
        };
        let cached = cached(path, version, "mod")?;
        GoMod::parse(&tree.caches().modules()?.text(&cached).ok()?).ok()
    }

    /// Adds Go itself, and gives its library.
    fn add_go(
        &self,
        main: &Ref,
        version: &str,
        how: &str,
        inventory: &mut Inventory,
    ) -> Result<Ref, SbomError> {
        let mut add = |name: &str, relation: Relation| {
            let mut component = go_itself(name, version, &self.path)?
                .seen(Occurrence::at(&self.path), Technique::ManifestAnalysis);
            component.property("prov:go:version", how);
            let id = inventory.add(component)?;
            inventory.relate(main, relation, &id)?;
            inventory.know_dependencies(&id, Aggregate::Complete);
            Ok(id)
        };
        add("cmd", Relation::Build)?;
        add(STD, Relation::Normal)
    }
}

/// A module that is built here.
fn main(tree: &Tree, place: &str, file: &GoMod) -> Result<Component, SbomError> {
    let name = file.module.as_deref().unwrap_or_default();
    let purl = Purl::golang(name, "").map_err(SbomError::purl(place))?;
    let mut component = Component::package(name, purl)
        .of_kind(Kind::Application)
        .seen(Occurrence::at(place), Technique::ManifestAnalysis);
    license_text::conclude(tree, parent(place), &mut component);
    Ok(component)
}

/// Go's own library (`std`) or tools (`cmd`), as the modules of its source.
pub(super) fn go_itself(name: &str, version: &str, seen: &str) -> Result<Component, SbomError> {
    let purl = Purl::golang(name, version).map_err(SbomError::purl(seen))?;
    let kind = if name == "cmd" {
        Kind::Platform
    } else {
        Kind::Library
    };
    let mut component = Component::package(name, purl).of_kind(kind);
    let authors = Some(Organization {
        name: Some("The Go Authors".to_owned()),
        url: vec!["https://go.dev".to_owned()],
        ..Organization::default()
    });
    component.supplier.clone_from(&authors);
    component.manufacturer = authors;
    // As `LICENSE` of Go's source has said since its first release.
    component
        .licenses
        .extend(LicenseChoice::declared("BSD-3-Clause"));
    component.reference(ReferenceKind::Vcs, "https://go.googlesource.com/go");
    Ok(component)
}

/// Says where a module's archive is.
pub(super) fn supply(path: &str, version: &str, component: &mut Component) {
    let Some(zip) = cached(path, version, "zip") else {
        return;
    };
    let url = zip.trim_start_matches("cache/download/");
    component.reference(
        ReferenceKind::Distribution,
        format!("https://proxy.golang.org/{url}"),
    );
}

/// Recognises the licences of modules by their texts in the module cache.
fn conclude_licenses(cache: &Folder, inventory: &mut Inventory) {
    let wanted: Vec<(Ref, String)> = inventory
        .components()
        .filter(|(_, component)| component.licenses.is_empty())
        .filter_map(|(id, component)| {
            let version = public_version(component)?;
            Some((id.clone(), unpacked(&component.name, version)?))
        })
        .collect();
    let found = workers::map(&wanted, |(_, path)| license_text::of_folder(cache, path));
    for ((id, _), found) in wanted.iter().zip(found) {
        if let Some(component) = inventory.components.get_mut(id) {
            license_text::add(found, component);
        }
    }
}

/// The version of a module that the module cache may have; none of what is no module, or
/// one of somebody's own.
pub(super) fn public_version(component: &Component) -> Option<&str> {
    let purl = component.purl.as_ref()?;
    let is_public = purl.kind() == "golang" && purl.qualifier("download_url").is_none();
    purl.version().filter(|_| is_public)
}

/// Where the module cache keeps a file of a module.
pub(super) fn cached(path: &str, version: &str, extension: &str) -> Option<String> {
    let (path, version) = escaped(path, version)?;
    Some(format!("cache/download/{path}/@v/{version}.{extension}"))
}

/// Where the module cache keeps a module's own files.
fn unpacked(path: &str, version: &str) -> Option<String> {
    let (path, version) = escaped(path, version)?;
    Some(format!("{path}@{version}"))
}

/// Capitals are escaped (Go Modules Reference, Module cache).
fn escaped(path: &str, version: &str) -> Option<(String, String)> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/+".contains(c);
    if version.is_empty() || !path.chars().chain(version.chars()).all(plain) {
        return None;
    }
    let escape = |text: &str| -> String {
        text.chars()
            .flat_map(|c| {
                c.is_ascii_uppercase()
                    .then_some('!')
                    .into_iter()
                    .chain([c.to_ascii_lowercase()])
            })
            .collect()
    };
    Some((escape(path), escape(version)))
}

fn semver(version: &str) -> Option<Version> {
    Version::parse(version.strip_prefix('v')?).ok()
}

fn manifest(tree: &Tree, path: &str) -> Result<GoMod, SbomError> {
    let file = GoMod::parse(&tree.text(path)?).map_err(|error| SbomError::syntax(path, error))?;
    match (file_name(path), &file.module) {
        ("go.mod", None) => Err(SbomError::syntax(path, "no `module` directive")),
        _ => Ok(file),
    }
}

fn optional_text(tree: &Tree, path: &str) -> Result<Option<String>, SbomError> {
    tree.contains(path).then(|| tree.text(path)).transpose()
}

#[cfg(test)]
#[path = "go_tests.rs"]
mod tests;
