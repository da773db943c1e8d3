//! Poetry: `poetry.lock` of every version (Poetry documentation, "Basic usage")
//! and the table `[tool.poetry]` of a manifest ("The pyproject.toml file").

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::SbomError;
use super::super::tree::Tree;
use super::marker::Marker;
use super::pyproject::Project;
use super::pythons::Pythons;
use super::requirement::Requirement;
use super::resolution::{Dependency, Package, Pick, Resolution, When};
use super::source::{Distribution, Origin};
use crate::purl::normalize_python_name;

/// The table `[tool.poetry]`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
pub struct Table {
    /// The project's name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// One line about it.
    pub description: Option<String>,
    /// Its licence.
    pub license: Option<String>,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Its programs.
    pub scripts: toml::Table,
    dependencies: BTreeMap<String, Constraints>,
    dev_dependencies: BTreeMap<String, Constraints>,
    group: BTreeMap<String, Group>,
    extras: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Group {
    dependencies: BTreeMap<String, Constraints>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Constraints {
    One(Constraint),
    Many(Vec<Constraint>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Constraint {
    Version(String),
    Table(Box<Details>),
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Details {
    version: Option<String>,
    python: Option<String>,
    platform: Option<String>,
    markers: Option<String>,
    extras: Vec<String>,
    optional: bool,
    git: Option<String>,
    rev: Option<String>,
    url: Option<String>,
    path: Option<String>,
    file: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Lock {
    package: Vec<Locked>,
    metadata: Metadata,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct Metadata {
    python_versions: Option<String>,
    files: BTreeMap<String, Vec<File>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Locked {
    name: String,
    version: String,
    description: Option<String>,
    /// `main` or `dev`; Poetry before 1.5.
    category: Option<String>,
    /// Poetry from 2.0 on.
    groups: Vec<String>,
    optional: bool,
    files: Vec<File>,
    dependencies: BTreeMap<String, Constraints>,
    extras: BTreeMap<String, Vec<String>>,
    source: Option<Source>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct File {
    file: String,
    hash: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Source {
    r#type: String,
    url: String,
    reference: String,
    resolved_reference: Option<String>,
}

/// Reads a lock file; the manifest beside it says what is direct.
pub fn read(tree: &Tree, path: &str, project: Option<Project>) -> Result<Resolution, SbomError> {
    let lock: Lock = tree.toml(path)?;
    let mut resolution = match project {
        Some(project) => Resolution::of_product(path, project.package),
        None => Resolution::of_manifest(path),
    };
    let python = lock.metadata.python_versions.as_deref();
    let pythons = python.map(pythons).unwrap_or_default();
    let mut old_files: BTreeMap<String, Vec<File>> = BTreeMap::new();
    for (name, files) in lock.metadata.files {
        old_files.insert(normalize_python_name(&name), files);
    }
    for locked in lock.package {
        let files = old_files.get(&normalize_python_name(&locked.name));
        let files = files.into_iter().flatten().chain(&locked.files);
        let files: Vec<Distribution> = files
            .map(|file| Distribution::new(&file.file, [file.hash.as_str()]))
            .collect();
        let mut requires = Vec::new();
        let extras = extras(&locked.extras);
        for (name, constraints) in &locked.dependencies {
            for details in constraints.all(tree, path, &pythons)? {
                requires.extend(details.dependencies(name, When::Always, &extras));
            }
        }
        let dev = match &locked.category {
            Some(category) => category == "dev",
            None => !locked.groups.is_empty() && !locked.groups.iter().any(|each| each == "main"),
        };
        resolution.packages.push(Package {
            listed: Some(match (dev, locked.optional) {
                (true, _) => When::Group,
                (false, true) => When::Extra(String::new()),
                (false, false) => When::Always,
            }),
            origin: locked
                .source
                .map_or(Origin::PyPi, |source| source.origin(tree, path)),
            name: locked.name,
            version: Some(locked.version),
            description: locked.description.filter(|text| !text.is_empty()),
            files,
            requires: Some(requires),
            ..Package::default()
        });
    }
    Ok(resolution)
}

impl Source {
    fn origin(&self, tree: &Tree, base: &str) -> Origin {
        match self.r#type.as_str() {
            "git" => {
                let commit = self.resolved_reference.as_ref().unwrap_or(&self.reference);
                Origin::git(&self.url, commit)
            }
            "directory" | "file" => Origin::path(tree, base, &self.url),
            "url" => Origin::url(&self.url),
            _ => Origin::index(&self.url),
        }
    }
}

impl Table {
    /// The Pythons that it takes, as it writes them.
    pub fn python(&self) -> Option<&str> {
        match self.dependencies.get("python")? {
            Constraints::One(Constraint::Version(version)) => Some(version),
            Constraints::One(Constraint::Table(details)) => details.version.as_deref(),
            Constraints::Many(_) => None,
        }
    }

    /// The direct dependencies and where each comes from; without those that
    /// `[project]` lists already (`main` is false), which this table only enriches.
    pub(super) fn dependencies(
        &self,
        tree: &Tree,
        path: &str,
        pythons: &Pythons,
        main: bool,
    ) -> Result<Vec<(Dependency, Origin)>, SbomError> {
        let groups = self.group.values().map(|group| &group.dependencies);
        let groups = groups.chain([&self.dev_dependencies]).flatten();
        let all = self.dependencies.iter().filter(|_| main);
        let all = all.map(|each| (each, When::Always));
        let extras = extras(&self.extras);
        let mut dependencies = Vec::new();
        for ((name, constraints), when) in all.chain(groups.map(|each| (each, When::Group))) {
            for details in constraints.all(tree, path, pythons)? {
                let each = details.dependencies(name, when.clone(), &extras);
                dependencies.extend(each.into_iter().map(|each| (each, details.origin.clone())));
            }
        }
        Ok(dependencies)
    }
}

/// The extras that list a package, by its name.
type Extras = BTreeMap<String, Vec<String>>;

fn extras(table: &BTreeMap<String, Vec<String>>) -> Extras {
    let mut extras = Extras::new();
    for (extra, listed) in table {
        for text in listed {
            if let Ok(listed) = text.parse::<Requirement>() {
                let name = normalize_python_name(&listed.name);
                extras
                    .entry(name)
                    .or_default()
                    .push(normalize_python_name(extra));
            }
        }
    }
    extras
}

/// One constraint, understood.
struct Needed {
    pick: Pick,
    extras: Vec<String>,
    conditional: bool,
    optional: bool,
    /// The extra that a marker names.
    extra: Option<String>,
    origin: Origin,
}

impl Constraints {
    /// Those that can hold for some Python of `pythons`.
    fn all(&self, tree: &Tree, path: &str, pythons: &Pythons) -> Result<Vec<Needed>, SbomError> {
        let (list, several) = match self {
            Constraints::One(one) => (std::slice::from_ref(one), false),
            Constraints::Many(many) => (many.as_slice(), many.len() > 1),
        };
        let mut all = Vec::new();
        for constraint in list {
            let details = match constraint {
                Constraint::Version(version) => &Details {
                    version: Some(version.clone()),
                    ..Details::default()
                },
                Constraint::Table(details) => details,
            };
            let mut needed = Needed {
                pick: pick(details.version.as_deref().unwrap_or("*")),
                extras: details
                    .extras
                    .iter()
                    .map(|each| normalize_python_name(each))
                    .collect(),
                conditional: several || details.python.is_some() || details.platform.is_some(),
                optional: details.optional,
                extra: None,
                origin: details.origin(tree, path),
            };
            if let Some(text) = &details.markers {
                let marker: Marker = text
                    .parse()
                    .map_err(|error| SbomError::syntax(path, error))?;
                let extra = marker
                    .asks("extra")
                    .first()
                    .map(|extra| (*extra).to_owned());
                match marker.holds(pythons, extra.as_deref()) {
                    Some(false) => continue,
                    holds => needed.conditional |= holds.is_none(),
                }
                needed.extra = extra;
            }
            all.push(needed);
        }
        Ok(all)
    }
}

impl Needed {
    /// One for each extra that lists an optional dependency; none when nobody does.
    fn dependencies(&self, name: &str, when: When, extras: &Extras) -> Vec<Dependency> {
        if name == "python" {
            return Vec::new();
        }
        let whens = match (&self.extra, self.optional) {
            (Some(extra), _) => vec![When::Extra(normalize_python_name(extra))],
            (None, true) => {
                let extras = extras.get(&normalize_python_name(name));
                extras
                    .into_iter()
                    .flatten()
                    .cloned()
                    .map(When::Extra)
                    .collect()
            }
            (None, false) => vec![when],
        };
        let dependency = |when| Dependency {
            extras: self.extras.clone(),
            pick: self.pick.clone(),
            conditional: self.conditional,
            ..Dependency::new(name, when)
        };
        whens.into_iter().map(dependency).collect()
    }
}

impl Details {
    fn origin(&self, tree: &Tree, base: &str) -> Origin {
        if let Some(git) = &self.git {
            Origin::git(git, self.rev.as_deref().unwrap_or_default())
        } else if let Some(url) = &self.url {
            Origin::url(url)
        } else if let Some(path) = self.path.as_ref().or(self.file.as_ref()) {
            Origin::path(tree, base, path)
        } else {
            Origin::PyPi
        }
    }
}

/// The Pythons of a constraint in Poetry's syntax.
pub fn pythons(text: &str) -> Pythons {
    range(text)
        .map(|range| Pythons::of(&range))
        .unwrap_or_default()
}

fn pick(text: &str) -> Pick {
    let range = range(text).and_then(|range| range.parse().ok());
    range.map_or(Pick::Any, Pick::Range)
}

/// A constraint in Poetry's syntax as PEP 440 writes it ("Dependency
/// specification": caret, tilde and wildcard requirements); none when it takes
/// everything, or one of several ranges.
fn range(text: &str) -> Option<String> {
    if text.contains('|') || text.trim() == "*" {
        return None;
    }
    let parts = text.split(',').map(|part| {
        let part = part.trim();
        if let Some(version) = part.strip_prefix('^') {
            let numbers = numbers(version)?;
            let first = numbers.iter().position(|number| *number != 0);
            Some(between(
                version,
                &numbers,
                first.unwrap_or(numbers.len() - 1),
            ))
        } else if let Some(version) = part.strip_prefix('~').filter(|rest| !rest.starts_with('=')) {
            let numbers = numbers(version)?;
            Some(between(version, &numbers, 1.min(numbers.len() - 1)))
        } else if part.starts_with(|c: char| c.is_ascii_digit()) {
            Some(format!("=={part}"))
        } else {
            Some(part.to_owned())
        }
    });
    Some(parts.collect::<Option<Vec<String>>>()?.join(","))
}

fn numbers(version: &str) -> Option<Vec<u64>> {
    let end = version.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    let release = version.trim().get(..end.unwrap_or(version.trim().len()))?;
    let numbers = release.trim_end_matches('.').split('.').map(str::parse);
    numbers.collect::<Result<Vec<u64>, _>>().ok()
}

/// From a version up to where its number at `index` changes.
fn between(version: &str, numbers: &[u64], index: usize) -> String {
    let mut upper: Vec<String> = numbers.iter().take(index).map(u64::to_string).collect();
    upper.push(
        numbers
            .get(index)
            .map_or(1, |last| last.saturating_add(1))
            .to_string(),
    );
    format!(">={},<{}", version.trim(), upper.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_become_ranges() {
        for (given, wanted) in [
            ("^1.2.3", ">=1.2.3,<2"),
            ("^0.2.3", ">=0.2.3,<0.3"),
            ("^0.0.3", ">=0.0.3,<0.0.4"),
            ("^0.0", ">=0.0,<0.1"),
            ("~1.2.3", ">=1.2.3,<1.3"),
            ("~1", ">=1,<2"),
            ("~=1.2", "~=1.2"),
            ("1.*", "==1.*"),
            (">=1.0, <2.0", ">=1.0,<2.0"),
        ] {
            assert_eq!(range(given).as_deref(), Some(wanted));
        }
        for any in ["*", ">=1 || <0.5", "^", "^x", "~", "^99999999999999999999"] {
            assert_eq!(range(any), None, "{any}");
        }
    }
}
