//! `pdm.lock` (PDM documentation, "Lock file"). A package with extras is a
//! second entry that repeats it and adds what the extras need.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::super::SbomError;
use super::super::tree::Tree;
use super::pyproject::Project;
use super::requirement::Requirement;
use super::resolution::{Package, Resolution, When};
use super::source::{Distribution, Origin};
use crate::purl::normalize_python_name;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Locked {
    name: String,
    version: Option<String>,
    summary: Option<String>,
    extras: Vec<String>,
    groups: Vec<String>,
    dependencies: Vec<String>,
    files: Vec<File>,
    git: Option<String>,
    revision: Option<String>,
    url: Option<String>,
    path: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct File {
    file: Option<String>,
    url: Option<String>,
    hash: String,
}

/// Reads a lock file; the manifest beside it says what is direct.
pub fn read(tree: &Tree, path: &str, project: Option<Project>) -> Result<Resolution, SbomError> {
    let lock: Lock = tree.toml(path)?;
    let (mut resolution, pythons, extras) = match project {
        Some(project) => {
            let extras = project.extras();
            let resolution = Resolution::of_product(path, project.package);
            (resolution, project.pythons, extras)
        }
        None => (
            Resolution::of_manifest(path),
            Default::default(),
            BTreeSet::new(),
        ),
    };
    let mut known: BTreeMap<(String, Option<String>, Origin), usize> = BTreeMap::new();
    for locked in lock.package {
        let origin = locked.origin(tree, path);
        let name = normalize_python_name(&locked.name);
        let whens: Vec<When> = match locked.extras.is_empty() {
            true => vec![When::Always],
            false => locked
                .extras
                .iter()
                .map(|extra| When::Extra(normalize_python_name(extra)))
                .collect(),
        };
        let mut requires = Vec::new();
        for text in &locked.dependencies {
            let requirement: Requirement = text
                .parse()
                .map_err(|error| SbomError::syntax(path, error))?;
            // With an extra comes the package itself; that is no dependency.
            if normalize_python_name(&requirement.name) != name || !requirement.extras.is_empty() {
                let each = |when: &When| requirement.dependency(when.clone(), &pythons);
                requires.extend(whens.iter().filter_map(each));
            }
        }
        let listed = locked.listed(&extras);
        let key = (name, locked.version.clone(), origin.clone());
        let index = *known.entry(key).or_insert_with(|| {
            resolution.packages.push(Package {
                name: locked.name,
                version: locked.version,
                origin,
                description: locked.summary.filter(|text| !text.is_empty()),
                requires: Some(Vec::new()),
                listed: Some(listed.clone()),
                ..Package::default()
            });
            resolution.packages.len() - 1
        });
        let package = &mut resolution.packages[index];
        package.requires.get_or_insert_default().extend(requires);
        package.listed = package.listed.take().into_iter().chain([listed]).min();
        for file in &locked.files {
            let url = file.url.as_ref().or(file.file.as_ref());
            let file = url.map(|url| Distribution::new(url, [file.hash.as_str()]));
            package.files.extend(file);
        }
    }
    Ok(resolution)
}

impl Locked {
    fn origin(&self, tree: &Tree, base: &str) -> Origin {
        if let Some(git) = &self.git {
            Origin::git(git, self.revision.as_deref().unwrap_or_default())
        } else if let Some(path) = &self.path {
            Origin::path(tree, base, path)
        } else if let Some(url) = &self.url {
            Origin::url(url)
        } else {
            Origin::PyPi
        }
    }

    /// `default` is what the project needs; any other group is one of its
    /// extras or is for development.
    fn listed(&self, extras: &BTreeSet<String>) -> When {
        let mut groups = self.groups.iter().map(|group| normalize_python_name(group));
        match groups.clone().any(|group| group == "default") || self.groups.is_empty() {
            true => When::Always,
            false => match groups.find(|group| extras.contains(group)) {
                Some(extra) => When::Extra(extra),
                None => When::Group,
            },
        }
    }
}
