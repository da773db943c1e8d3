//! `Pipfile.lock` (Pipenv documentation, "Pipfile and Pipfile.lock"). It pins
//! everything and tells no relation: what a package needs stays unknown.

use serde::Deserialize;
use std::collections::BTreeMap;

use super::super::SbomError;
use super::super::tree::Tree;
use super::marker::Marker;
use super::pyproject::Project;
use super::pythons::Pythons;
use super::resolution::{Package, Resolution, When};
use super::source::{Distribution, Origin};
use crate::purl::normalize_python_name;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Meta {
    requires: Requires,
    sources: Vec<Index>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Requires {
    python_version: Option<String>,
    python_full_version: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Index {
    name: String,
    url: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Locked {
    version: Option<String>,
    hashes: Vec<String>,
    index: Option<String>,
    markers: Option<String>,
    git: Option<String>,
    r#ref: Option<String>,
    path: Option<String>,
    file: Option<String>,
}

/// Reads a lock file. `default` is what the project needs, every other category
/// is for development.
pub fn read(tree: &Tree, path: &str, project: Option<Project>) -> Result<Resolution, SbomError> {
    let syntax = |error: serde_json::Error| SbomError::syntax(path, error);
    let mut lock: BTreeMap<String, serde_json::Value> =
        serde_json::from_value(tree.json(path)?).map_err(syntax)?;
    let meta = lock
        .remove("_meta")
        .unwrap_or_else(|| serde_json::json!({}));
    let meta: Meta = serde_json::from_value(meta).map_err(syntax)?;
    let python = meta
        .requires
        .python_full_version
        .or(meta.requires.python_version);
    let pythons = python.map(|python| Pythons::of(&format!("~={python}.0")));
    let mut resolution = match project {
        Some(project) => Resolution::of_product(path, project.package),
        None => Resolution::of_manifest(path),
    };
    let mut indices: BTreeMap<(String, Option<String>), usize> = BTreeMap::new();
    for (category, packages) in lock {
        let packages: BTreeMap<String, Locked> =
            serde_json::from_value(packages).map_err(syntax)?;
        for (name, locked) in packages {
            let conditional = locked.is_conditional(path, pythons.as_ref())?;
            let listed = match (category.as_str(), conditional) {
                ("default", false) => When::Always,
                ("default", true) => When::Extra(String::new()),
                _ => When::Group,
            };
            let version = locked
                .version
                .as_deref()
                .map(|text| text.trim_start_matches('='));
            let version = version.map(str::to_owned);
            let key = (normalize_python_name(&name), version.clone());
            let origin = locked.origin(tree, path, &meta.sources);
            let files = match locked.hashes.is_empty() {
                true => Vec::new(),
                // No file is named: these are the digests of all that the index has.
                false => vec![Distribution::new(
                    &format!("https://pypi.org/project/{}/", key.0),
                    locked.hashes.iter().map(String::as_str),
                )],
            };
            let index = *indices.entry(key).or_insert_with(|| {
                resolution.packages.push(Package {
                    name,
                    version,
                    origin,
                    files,
                    listed: Some(listed.clone()),
                    ..Package::default()
                });
                resolution.packages.len() - 1
            });
            let package = &mut resolution.packages[index];
            package.listed = package.listed.take().into_iter().chain([listed]).min();
        }
    }
    Ok(resolution)
}

impl Locked {
    /// Pipenv writes a package's own `Requires-Python` as a marker, too; the
    /// locked Python fulfils it.
    fn is_conditional(&self, path: &str, pythons: Option<&Pythons>) -> Result<bool, SbomError> {
        let Some(text) = &self.markers else {
            return Ok(false);
        };
        let marker: Marker = text
            .parse()
            .map_err(|error| SbomError::syntax(path, error))?;
        Ok(match pythons {
            Some(pythons) => marker.holds(pythons, None) != Some(true),
            None => marker.asks_beyond_python(),
        })
    }

    fn origin(&self, tree: &Tree, base: &str, indices: &[Index]) -> Origin {
        let named = |name: &String| indices.iter().find(|index| index.name == *name);
        if let Some(git) = &self.git {
            Origin::git(git, self.r#ref.as_deref().unwrap_or_default())
        } else if let Some(path) = &self.path {
            Origin::path(tree, base, path)
        } else if let Some(file) = &self.file {
            match file.contains("://") {
                true => Origin::url(file),
                false => Origin::path(tree, base, file),
            }
        } else {
            let index = self.index.as_ref().and_then(named);
            index.map_or(Origin::PyPi, |index| Origin::index(&index.url))
        }
    }
}
