//! `pylock.toml` (PEP 751, file format).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::super::SbomError;
use super::super::tree::Tree;
use super::marker::Marker;
use super::pyproject::Project;
use super::pythons::Pythons;
use super::resolution::{Dependency, Package, Pick, Resolution, When};
use super::source::{Distribution, Origin};
use crate::purl::normalize_python_name;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Lock {
    lock_version: String,
    requires_python: Option<String>,
    #[serde(default)]
    default_groups: BTreeSet<String>,
    #[serde(default)]
    packages: Vec<Locked>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct Locked {
    name: String,
    version: Option<String>,
    marker: Option<String>,
    /// Only informative, and most tools leave it out.
    dependencies: Vec<Needed>,
    index: Option<String>,
    vcs: Option<Vcs>,
    directory: Option<Directory>,
    archive: Option<File>,
    sdist: Option<File>,
    wheels: Vec<File>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Needed {
    name: String,
    version: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct Vcs {
    url: Option<String>,
    path: Option<String>,
    commit_id: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Directory {
    path: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct File {
    name: Option<String>,
    url: Option<String>,
    path: Option<String>,
    hashes: BTreeMap<String, String>,
}

/// A `pylock.toml` or a `pylock.<name>.toml` (PEP 751, file name).
pub fn is_lock(name: &str) -> bool {
    let inner = name
        .strip_prefix("pylock.")
        .and_then(|rest| rest.strip_suffix(".toml"));
    name == "pylock.toml" || inner.is_some_and(|inner| !inner.contains('.'))
}

/// A major version of the format that is not known (PEP 751, `lock-version`).
#[derive(Debug, thiserror::Error)]
#[error("lock-version `{0}` is not known")]
struct UnknownVersion(String);

/// Reads a lock file; the manifest beside it says what is direct.
pub fn read(tree: &Tree, path: &str, project: Option<Project>) -> Result<Resolution, SbomError> {
    let lock: Lock = tree.toml(path)?;
    if lock.lock_version.split('.').next() != Some("1") {
        return Err(SbomError::syntax(path, UnknownVersion(lock.lock_version)));
    }
    let pythons = lock
        .requires_python
        .as_deref()
        .map(Pythons::of)
        .unwrap_or_default();
    let mut resolution = match project {
        Some(project) => Resolution::of_product(path, project.package),
        None => Resolution::of_manifest(path),
    };
    // Where no package has relations, the tool has left them all out.
    let related = lock
        .packages
        .iter()
        .any(|each| !each.dependencies.is_empty());
    let product = resolution
        .packages
        .first()
        .map(|product| product.origin.clone());
    for locked in lock.packages {
        let origin = locked.origin(tree, path);
        if Some(&origin) == product.as_ref() {
            continue;
        }
        let dependencies = locked.dependencies.iter().map(|needed| Dependency {
            pick: needed.version.clone().map_or(Pick::Any, Pick::Version),
            ..Dependency::new(&needed.name, When::Always)
        });
        resolution.packages.push(Package {
            requires: related.then(|| dependencies.collect()),
            listed: Some(locked.listed(path, &pythons, &lock.default_groups)?),
            files: locked.files().collect(),
            origin,
            name: locked.name,
            version: locked.version,
            ..Package::default()
        });
    }
    Ok(resolution)
}

impl Locked {
    /// What the marker says of extras and groups (PEP 751, `packages.marker`).
    fn listed(
        &self,
        path: &str,
        pythons: &Pythons,
        default_groups: &BTreeSet<String>,
    ) -> Result<When, SbomError> {
        let Some(text) = &self.marker else {
            return Ok(When::Always);
        };
        let marker: Marker = text
            .parse()
            .map_err(|error| SbomError::syntax(path, error))?;
        let groups = marker.asks("dependency_groups");
        let is_default = |group: &&str| default_groups.contains(*group);
        Ok(match marker.asks("extras").first() {
            Some(extra) => When::Extra(normalize_python_name(extra)),
            None if groups.iter().any(is_default) => When::Always,
            None if !groups.is_empty() => When::Group,
            None => match marker.holds(pythons, None) {
                Some(true) => When::Always,
                _ => When::Extra(String::new()),
            },
        })
    }

    fn origin(&self, tree: &Tree, base: &str) -> Origin {
        if let Some(vcs) = &self.vcs {
            let url = vcs.url.as_ref().or(vcs.path.as_ref());
            Origin::git(url.map_or("", String::as_str), &vcs.commit_id)
        } else if let Some(directory) = &self.directory {
            Origin::path(tree, base, &directory.path)
        } else if let Some(archive) = &self.archive {
            match &archive.url {
                Some(url) => Origin::url(url),
                None => Origin::path(tree, base, archive.path.as_deref().unwrap_or_default()),
            }
        } else {
            self.index.as_deref().map_or(Origin::PyPi, Origin::index)
        }
    }

    fn files(&self) -> impl Iterator<Item = Distribution> {
        let files = self.wheels.iter().chain(&self.sdist).chain(&self.archive);
        files.filter_map(|file| {
            let url = [&file.url, &file.name, &file.path]
                .into_iter()
                .flatten()
                .next()?;
            let hashes: Vec<String> = file
                .hashes
                .iter()
                .map(|(name, hex)| format!("{name}:{hex}"))
                .collect();
            Some(Distribution::new(url, hashes.iter().map(String::as_str)))
        })
    }
}
