//! `uv.lock`: every package for every platform, the workspace's own included
//! (uv documentation, "Locking and syncing": a universal lock file).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::super::SbomError;
use super::super::tree::Tree;
use super::resolution::{Dependency, Package, Pick, Resolution, When};
use super::source::{Distribution, Origin};
use crate::purl::normalize_python_name;

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct Lock {
    manifest: Manifest,
    package: Vec<Locked>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct Manifest {
    members: Vec<String>,
    dependency_groups: BTreeMap<String, Vec<Needed>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct Locked {
    name: String,
    version: Option<String>,
    source: Source,
    dependencies: Vec<Needed>,
    optional_dependencies: BTreeMap<String, Vec<Needed>>,
    dev_dependencies: BTreeMap<String, Vec<Needed>>,
    sdist: Option<File>,
    wheels: Vec<File>,
}

/// Exactly one of these.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Source {
    registry: Option<String>,
    git: Option<String>,
    url: Option<String>,
    path: Option<String>,
    directory: Option<String>,
    editable: Option<String>,
    r#virtual: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Needed {
    name: String,
    version: Option<String>,
    extra: Vec<String>,
    /// Under its old and its newer name.
    extras: Vec<String>,
    marker: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct File {
    url: Option<String>,
    path: Option<String>,
    filename: Option<String>,
    hash: Option<String>,
}

/// Reads a lock file. The products are the members that no other member needs.
pub fn read(tree: &Tree, path: &str) -> Result<Resolution, SbomError> {
    let lock: Lock = tree.toml(path)?;
    let mut resolution = Resolution {
        path: path.to_owned(),
        ..Resolution::default()
    };
    let members: BTreeSet<String> = lock
        .manifest
        .members
        .iter()
        .map(|m| normalize_python_name(m))
        .collect();
    let mut own = Vec::new();
    for locked in lock.package {
        let here = locked.source.is_here();
        if members.contains(&normalize_python_name(&locked.name)) || here && members.is_empty() {
            own.push(resolution.packages.len());
        }
        resolution.packages.push(locked.package(tree, path));
    }
    let name = |index: usize| normalize_python_name(&resolution.packages[index].name);
    let mut needed = BTreeSet::new();
    for index in &own {
        let requires = resolution.packages[*index].requires.iter().flatten();
        let others = requires.filter(|each| each.name != name(*index));
        needed.extend(others.map(|each| each.name.clone()));
    }
    let heads = own
        .iter()
        .copied()
        .filter(|index| !needed.contains(&name(*index)));
    resolution.products = heads.collect();
    if resolution.products.is_empty() {
        // A ring of members, or a lock file for a script.
        resolution.products = own;
    }
    let groups: Vec<Dependency> = lock
        .manifest
        .dependency_groups
        .values()
        .flatten()
        .map(|needed| needed.dependency(When::Group))
        .collect();
    let nameless = resolution.products.is_empty();
    if nameless {
        // A script's lock file lists what it pins and says no more.
        for package in &mut resolution.packages {
            package.listed = Some(When::Always);
        }
    }
    if nameless || !groups.is_empty() {
        // The groups of a workspace whose root is no project.
        let mut root = Package::of_manifest(path);
        root.requires = Some(groups);
        resolution.products.insert(0, resolution.packages.len());
        resolution.packages.push(root);
    }
    Ok(resolution)
}

impl Source {
    fn is_here(&self) -> bool {
        let folders = [&self.r#virtual, &self.editable, &self.directory];
        folders.into_iter().flatten().any(|folder| folder == ".")
    }

    fn origin(&self, tree: &Tree, base: &str) -> Origin {
        let folders = [&self.path, &self.directory, &self.editable, &self.r#virtual];
        if let Some(git) = &self.git {
            let (url, commit) = git.split_once('#').unwrap_or((git, ""));
            Origin::git(url.split('?').next().unwrap_or(url), commit)
        } else if let Some(url) = &self.url {
            Origin::url(url)
        } else if let Some(folder) = folders.into_iter().flatten().next() {
            Origin::path(tree, base, folder)
        } else {
            // A registry may be a folder of wheels, which is the machine's own.
            match self.registry.as_deref() {
                Some(url) if url.contains("://") => Origin::index(url),
                Some(_) => Origin::Path(String::new()),
                None => Origin::PyPi,
            }
        }
    }
}

impl Locked {
    fn package(self, tree: &Tree, path: &str) -> Package {
        let origin = self.source.origin(tree, path);
        let files = self.wheels.iter().chain(&self.sdist);
        let always = self
            .dependencies
            .iter()
            .map(|each| each.dependency(When::Always));
        let extras = self
            .optional_dependencies
            .iter()
            .flat_map(|(extra, needed)| {
                let when = When::Extra(normalize_python_name(extra));
                needed.iter().map(move |each| each.dependency(when.clone()))
            });
        let groups = self.dev_dependencies.values().flatten();
        let groups = groups.map(|each| each.dependency(When::Group));
        Package {
            files: files
                .filter_map(|file| file.distribution(&origin))
                .collect(),
            requires: Some(always.chain(extras).chain(groups).collect()),
            name: self.name,
            version: self.version,
            origin,
            ..Package::default()
        }
    }
}

impl Needed {
    /// A marker that is left here depends on more than the Pythons that the
    /// project takes: uv has simplified it.
    fn dependency(&self, when: When) -> Dependency {
        let extras = self.extra.iter().chain(&self.extras);
        Dependency {
            extras: extras.map(|extra| normalize_python_name(extra)).collect(),
            pick: match &self.version {
                Some(version) => Pick::Version(version.clone()),
                None => Pick::Any,
            },
            conditional: self.marker.is_some(),
            ..Dependency::new(&self.name, when)
        }
    }
}

impl File {
    fn distribution(&self, origin: &Origin) -> Option<Distribution> {
        let url = match (&self.url, origin) {
            (Some(url), _) | (None, Origin::Url(url)) => url,
            _ => self.filename.as_ref().or(self.path.as_ref())?,
        };
        Some(Distribution::new(url, self.hash.as_deref()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::judge::depends_on;
    use super::super::super::{Inventory, Settings, Tree, collect, document};

    /// A member that another one needs is no product, but its extras are the project's all the same.
    #[test]
    fn extras_of_members_are_optional() {
        let folder = tempfile::tempdir().unwrap();
        let member = |name: &str, rest: &str| {
            let head = format!("[[package]]\nname = \"{name}\"\nversion = \"1\"\n");
            format!("{head}source = {{ editable = \"{name}\" }}\n{rest}\n")
        };
        let lock = [
            "version = 1\n".to_owned(),
            member("app", "dependencies = [{ name = \"lib\" }]"),
            member(
                "lib",
                "[package.optional-dependencies]\ncli = [{ name = \"typer\" }]",
            ),
            "[[package]]\nname = \"typer\"\nversion = \"1\"\n".to_owned()
                + "source = { registry = \"https://pypi.org/simple\" }\n",
        ];
        std::fs::write(folder.path().join("uv.lock"), lock.concat()).unwrap();
        let mut inventory = Inventory::default();
        collect(&Tree::walk(folder.path()).unwrap(), &mut inventory).unwrap();
        let sbom = document(inventory, &Settings::default()).unwrap();
        let lib = "pkg:pypi/lib@1?download_url=file:%2F%2Flib";
        assert_eq!(depends_on(&sbom.bom, lib), ["pkg:pypi/typer@1"]);
        assert_eq!(sbom.notes, []);
    }
}
