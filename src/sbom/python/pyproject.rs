//! `pyproject.toml`: the project's own tables (PEP 621), its dependency groups
//! (PEP 735), and the tables that Poetry, PDM and uv read beside them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::super::SbomError;
use super::super::component::{Contact, Kind};
use super::super::evidence::Occurrence;
use super::super::license::LicenseChoice;
use super::super::tree::Tree;
use super::metadata;
use super::poetry;
use super::pythons::Pythons;
use super::requirement::Requirement;
use super::resolution::{Dependency, Package, When};
use super::source::Origin;
use crate::purl::normalize_python_name;

/// A project as its manifest describes it.
#[derive(Clone, Debug, Default)]
pub struct Project {
    /// The project and its direct dependencies.
    pub package: Package,
    /// The Pythons that it takes.
    pub pythons: Pythons,
    /// What it depends on directly, for when no lock file says which version.
    pub wanted: Vec<Package>,
}

impl Project {
    /// The extras that it offers, by their normalised names.
    pub fn extras(&self) -> BTreeSet<String> {
        let requires = self.package.requires.iter().flatten();
        let extras = requires.filter_map(|each| match &each.when {
            When::Extra(extra) => Some(extra.clone()),
            _ => None,
        });
        extras.collect()
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct Manifest {
    project: Option<Table>,
    dependency_groups: BTreeMap<String, Vec<GroupEntry>>,
    tool: Tool,
}

/// The table `[project]` (PEP 621, fields).
#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct Table {
    name: String,
    version: Option<String>,
    description: Option<String>,
    requires_python: Option<String>,
    license: Option<LicenseField>,
    classifiers: Vec<String>,
    authors: Vec<Contact>,
    dynamic: Vec<String>,
    dependencies: Vec<String>,
    optional_dependencies: BTreeMap<String, Vec<String>>,
    scripts: toml::Table,
    gui_scripts: toml::Table,
    urls: BTreeMap<String, String>,
}

/// An expression (PEP 639), or a table (PEP 621, `license`).
#[derive(Deserialize)]
#[serde(untagged)]
enum LicenseField {
    Expression(String),
    Table { text: Option<String> },
}

/// A requirement or another group (PEP 735, specification).
#[derive(Deserialize)]
#[serde(untagged)]
enum GroupEntry {
    Requirement(String),
    Include {
        #[serde(rename = "include-group")]
        group: String,
    },
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Tool {
    poetry: Option<poetry::Table>,
    pdm: Pdm,
    uv: Uv,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct Pdm {
    dev_dependencies: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct Uv {
    dev_dependencies: Vec<String>,
    sources: BTreeMap<String, Sources>,
    workspace: Option<toml::Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Sources {
    One(Source),
    Many(Vec<Source>),
}

/// Where uv takes a package from instead of an index.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Source {
    path: Option<String>,
    git: Option<String>,
    rev: Option<String>,
    url: Option<String>,
    workspace: bool,
}

/// True for a `pyproject.toml` that describes a project, not only settings of tools.
pub fn is_project(tree: &Tree, path: &str) -> bool {
    match tree.toml::<Manifest>(path) {
        Ok(manifest) => {
            manifest.project.is_some()
                || manifest.tool.poetry.is_some()
                || manifest.tool.uv.workspace.is_some()
                || !manifest.dependency_groups.is_empty()
        }
        // What is broken is told when it is read.
        Err(_) => true,
    }
}

/// Reads a manifest.
pub fn read(tree: &Tree, path: &str) -> Result<Project, SbomError> {
    let manifest: Manifest = tree.toml(path)?;
    let main = match &manifest.project {
        Some(table) => table.dynamic.iter().any(|field| field == "dependencies"),
        None => true,
    };
    let table = manifest.project.unwrap_or_default();
    let poetry = manifest.tool.poetry.unwrap_or_default();
    let python = table.requires_python.as_deref().or(poetry.python());
    let mut reader = Reader {
        tree,
        path,
        pythons: python.map(poetry::pythons).unwrap_or_default(),
        sources: sources(tree, path, &manifest.tool.uv.sources),
        requires: Vec::new(),
        wanted: Vec::new(),
        known: BTreeSet::new(),
    };
    for text in &table.dependencies {
        reader.require(text, When::Always)?;
    }
    for (extra, texts) in &table.optional_dependencies {
        for text in texts {
            reader.require(text, When::Extra(normalize_python_name(extra)))?;
        }
    }
    let groups = &manifest.dependency_groups;
    for name in groups.keys() {
        reader.group(groups, name)?;
    }
    let old_groups = manifest.tool.pdm.dev_dependencies.values().flatten();
    for text in old_groups.chain(&manifest.tool.uv.dev_dependencies) {
        // PDM writes `-e file:…` here too; such a path is in its lock file.
        if !text.starts_with('-') {
            reader.require(text, When::Group)?;
        }
    }
    for (dependency, origin) in poetry.dependencies(tree, path, &reader.pythons, main)? {
        reader.add(dependency, origin, None);
    }
    let text = match &table.license {
        Some(LicenseField::Expression(text)) => Some(text.as_str()),
        Some(LicenseField::Table { text }) => text.as_deref(),
        None => poetry.license.as_deref(),
    };
    let expression = text.filter(|_| matches!(table.license, Some(LicenseField::Expression(_))));
    let licenses: Vec<LicenseChoice> = metadata::licenses(expression, text, &table.classifiers);
    let authors = poetry.authors.iter().map(|text| Contact::parse(text));
    let scripts = table.scripts.is_empty() && table.gui_scripts.is_empty();
    let name = [&table.name, &poetry.name]
        .into_iter()
        .find(|name| !name.is_empty());
    let package = Package {
        kind: match scripts && poetry.scripts.is_empty() && name.is_some() {
            true => Kind::Library,
            false => Kind::Application,
        },
        name: name.cloned().unwrap_or_else(|| path.to_owned()),
        version: table.version.or(poetry.version),
        origin: match name {
            Some(_) => Origin::path(tree, path, "."),
            None => Origin::Manifest,
        },
        description: table.description.or(poetry.description),
        licenses,
        authors: table.authors.into_iter().chain(authors).collect(),
        pages: table
            .urls
            .iter()
            .filter_map(|(label, url)| metadata::page(metadata::page_kind(label), url))
            .collect(),
        seen: Some(Occurrence::at(path)),
        requires: Some(reader.requires),
        ..Package::default()
    };
    Ok(Project {
        package,
        pythons: reader.pythons,
        wanted: reader.wanted,
    })
}

struct Reader<'a> {
    tree: &'a Tree,
    path: &'a str,
    pythons: Pythons,
    sources: BTreeMap<String, Origin>,
    requires: Vec<Dependency>,
    wanted: Vec<Package>,
    known: BTreeSet<(String, Option<String>)>,
}

impl Reader<'_> {
    fn require(&mut self, text: &str, when: When) -> Result<(), SbomError> {
        let requirement: Requirement = text
            .parse()
            .map_err(|error| SbomError::syntax(self.path, error))?;
        let name = normalize_python_name(&requirement.name);
        let origin = match (&requirement.url, self.sources.get(&name)) {
            (Some(url), _) => match url.strip_prefix("file:") {
                Some(place) => Origin::path(self.tree, self.path, place),
                None => Origin::url(url),
            },
            (None, Some(origin)) => origin.clone(),
            (None, None) => Origin::PyPi,
        };
        if let Some(dependency) = requirement.dependency(when, &self.pythons) {
            self.add(dependency, origin, requirement.pinned());
        }
        Ok(())
    }

    fn add(&mut self, dependency: Dependency, origin: Origin, version: Option<String>) {
        let key = (dependency.name.clone(), version.clone());
        if self.known.insert(key) {
            self.wanted.push(Package {
                name: dependency.name.clone(),
                version,
                origin,
                seen: Some(Occurrence::at(self.path)),
                ..Package::default()
            });
        }
        self.requires.push(dependency);
    }

    /// A group and those that it includes, each once: a ring of groups is an
    /// error for an installer and only more of the same for a list.
    fn group(
        &mut self,
        groups: &BTreeMap<String, Vec<GroupEntry>>,
        name: &str,
    ) -> Result<(), SbomError> {
        let by_name = |wanted: &str| {
            let wanted = normalize_python_name(wanted);
            let mut found = groups.iter();
            found.find(|(name, _)| normalize_python_name(name) == wanted)
        };
        let mut todo = vec![name];
        let mut seen = BTreeSet::new();
        while let Some((name, entries)) = todo.pop().and_then(by_name) {
            if !seen.insert(name) {
                continue;
            }
            for entry in entries {
                match entry {
                    GroupEntry::Include { group } => todo.push(group),
                    GroupEntry::Requirement(text) => self.require(text, When::Group)?,
                }
            }
        }
        Ok(())
    }
}

fn sources(
    tree: &Tree,
    path: &str,
    sources: &BTreeMap<String, Sources>,
) -> BTreeMap<String, Origin> {
    let origin = |source: &Source| {
        if let Some(folder) = &source.path {
            Some(Origin::path(tree, path, folder))
        } else if let Some(git) = &source.git {
            Some(Origin::git(git, source.rev.as_deref().unwrap_or_default()))
        } else if let Some(url) = &source.url {
            Some(Origin::url(url))
        } else {
            source.workspace.then(|| Origin::Path(String::new()))
        }
    };
    sources
        .iter()
        .filter_map(|(name, source)| {
            let source = match source {
                Sources::One(source) => source,
                Sources::Many(sources) => sources.first()?,
            };
            Some((normalize_python_name(name), origin(source)?))
        })
        .collect()
}
