//! `requirements.txt` (pip documentation, "Requirements file format"), with
//! includes, constraints, hashes, and the `# via` comments in which pip-tools
//! and uv tell what needs a package.

use std::collections::{BTreeMap, BTreeSet};

use super::super::SbomError;
use super::super::evidence::Occurrence;
use super::super::inventory::Inventory;
use super::super::note::{Note, Reason};
use super::super::tree::{Tree, file_name};
use super::lines::{What, logical_lines, option};
use super::pyproject::{self, Project};
use super::pythons::Pythons;
use super::requirement::Requirement;
use super::resolution::{Dependency, MAX_VERSIONS, Package, Resolution, When};
use super::source::{Distribution, Origin};
use crate::purl::normalize_python_name;

/// The most files that include each other.
pub const MAX_INCLUDES: usize = 1_000;

/// Words in a file's name that say it is for development.
const DEVELOPMENT: &[&str] = &[
    "ci", "dev", "develop", "doc", "docs", "lint", "test", "tests", "typing",
];

/// `requirements.txt`, `requirements-dev.txt`, `dev-requirements.txt`, …
pub fn is_requirements(name: &str) -> bool {
    let stem = name.strip_suffix(".txt");
    stem.is_some_and(|stem| stem.starts_with("requirements") || stem.ends_with("requirements"))
}

/// Reads requirements files of one project, those for development too.
pub fn read(
    tree: &Tree,
    paths: &[&str],
    project: Option<Project>,
    inventory: &mut Inventory,
) -> Result<Resolution, SbomError> {
    let plain = paths
        .iter()
        .find(|path| file_name(path) == "requirements.txt");
    let path = plain.or(paths.first()).copied().unwrap_or_default();
    let (resolution, pythons) = match project {
        Some(project) => (
            Resolution::of_product(path, project.package),
            project.pythons,
        ),
        None => (Resolution::of_manifest(path), Pythons::default()),
    };
    let mut reader = Reader {
        tree,
        inventory,
        resolution,
        pythons,
        constraints: BTreeMap::new(),
        known: BTreeMap::new(),
        files: BTreeSet::new(),
        described: BTreeMap::new(),
        vias: Vec::new(),
        unpinned: false,
    };
    for path in paths {
        let stem = file_name(path).trim_end_matches(".txt");
        let development = stem
            .split(['-', '_', '.'])
            .any(|word| DEVELOPMENT.contains(&word));
        let when = if development {
            When::Group
        } else {
            When::Always
        };
        reader.file(path, &when, false)?;
    }
    Ok(reader.finish())
}

struct Reader<'a> {
    tree: &'a Tree,
    inventory: &'a mut Inventory,
    resolution: Resolution,
    pythons: Pythons,
    /// Versions that a constraints file pins.
    constraints: BTreeMap<String, String>,
    known: BTreeMap<(String, Option<String>, Origin), usize>,
    files: BTreeSet<(String, bool)>,
    /// Packages of the tree, by their manifests.
    described: BTreeMap<String, Package>,
    /// What a comment says: who needs which package.
    vias: Vec<(String, usize)>,
    unpinned: bool,
}

impl Reader<'_> {
    /// Reads a file and those that it includes, each once: a ring ends by itself.
    fn file(&mut self, path: &str, when: &When, constraint: bool) -> Result<(), SbomError> {
        let mut todo = vec![(path.to_owned(), constraint)];
        while let Some((path, constraint)) = todo.pop() {
            if !self.files.insert((path.clone(), constraint)) {
                continue;
            }
            if self.files.len() > MAX_INCLUDES {
                return Err(SbomError::TooMany {
                    what: "included requirements files",
                    limit: MAX_INCLUDES,
                });
            }
            let text = self.tree.text(&path)?;
            let mut last = None;
            for line in logical_lines(&text) {
                match line.what {
                    What::Via(parent) => {
                        self.vias
                            .extend(last.map(|index| (parent.to_owned(), index)));
                    }
                    What::Text(text) => {
                        let (option, value) = option(&text);
                        let include = match option {
                            "-r" | "--requirement" => Some(constraint),
                            "-c" | "--constraint" => Some(true),
                            _ => None,
                        };
                        if let Some(constraint) = include {
                            last = None;
                            match value.contains("://") {
                                true => self.not_understood(&path, &text),
                                false => todo.push((self.tree.resolve(&path, value)?, constraint)),
                            }
                            continue;
                        }
                        last = match option {
                            "" => self.requirement(&path, line.number, &text, when, constraint)?,
                            "-e" | "--editable" => {
                                self.requirement(&path, line.number, value, when, constraint)?
                            }
                            // The others say where and how to install, not what.
                            _ => None,
                        };
                    }
                }
            }
        }
        Ok(())
    }

    /// One requirement; comes back with the package that it is.
    fn requirement(
        &mut self,
        path: &str,
        line: u64,
        text: &str,
        when: &When,
        constraint: bool,
    ) -> Result<Option<usize>, SbomError> {
        let (text, options) = match text.find(" --") {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        let text = text.trim();
        let mut package = Package::default();
        let mut conditional = false;
        match text.parse::<Requirement>() {
            Ok(requirement) => {
                let Some(needed) = requirement.dependency(when.clone(), &self.pythons) else {
                    return Ok(None);
                };
                conditional = needed.conditional;
                package.version = requirement.pinned();
                package.origin = match &requirement.url {
                    Some(url) => self.place(path, url),
                    None => Origin::PyPi,
                };
                package.name = requirement.name;
            }
            Err(error) => match self.unnamed(path, text)? {
                Some(unnamed) => package = unnamed,
                // Not even the start of a requirement is no file of requirements.
                None if !text.contains(['/', '\\', '$']) => {
                    return Err(SbomError::syntax(path, error));
                }
                None => {
                    self.not_understood(path, text);
                    return Ok(None);
                }
            },
        }
        let name = normalize_python_name(&package.name);
        if constraint {
            self.constraints
                .extend(package.version.map(|version| (name, version)));
            return Ok(None);
        }
        let product = &self.resolution.packages[0];
        if matches!(product.origin, Origin::Path(_)) && product.origin == package.origin {
            return Ok(None);
        }
        let hashes = options
            .split_whitespace()
            .filter_map(|option| option.strip_prefix("--hash="));
        let hashes: Vec<&str> = hashes.collect();
        if !hashes.is_empty() {
            // No file is named: these are the digests of all that the index has.
            let page = format!("https://pypi.org/project/{name}/");
            package.files.push(Distribution::new(&page, hashes));
        }
        let listed = match when {
            When::Always if conditional => When::Extra(String::new()),
            when => when.clone(),
        };
        let key = (name, package.version.clone(), package.origin.clone());
        let index = *self.known.entry(key).or_insert_with(|| {
            package.seen = Some(Occurrence {
                line: Some(line),
                ..Occurrence::at(path)
            });
            self.resolution.packages.push(package);
            self.resolution.packages.len() - 1
        });
        let package = &mut self.resolution.packages[index];
        package.listed = package.listed.take().into_iter().chain([listed]).min();
        Ok(Some(index))
    }

    /// A path or a URL without a name before it.
    fn unnamed(&mut self, path: &str, text: &str) -> Result<Option<Package>, SbomError> {
        let place = text.split(';').next().unwrap_or(text).trim();
        let place = place.split_once('[').map_or(place, |(place, _)| place);
        let fragment = text.split_once('#').map_or("", |(_, fragment)| fragment);
        let egg = fragment
            .split('&')
            .find_map(|part| part.strip_prefix("egg="));
        let egg = egg.and_then(|egg| egg.split(['[', ';', ' ']).next());
        let is_place =
            place.contains("://") || place.starts_with(['.', '/']) || place.contains('/');
        // What the environment decides is not known here.
        if !is_place || text.contains("${") {
            return Ok(None);
        }
        let origin = self.place(path, place);
        let mut package = Package {
            origin,
            ..Package::default()
        };
        if let Some(egg) = egg {
            package.name = egg.to_owned();
            return Ok(Some(package));
        }
        let file = file_name(place.trim_end_matches('/'));
        if let Some((name, rest)) = file
            .strip_suffix(".whl")
            .and_then(|file| file.split_once('-'))
        {
            package.name = name.to_owned();
            package.version = rest.split('-').next().map(str::to_owned);
            return Ok(Some(package));
        }
        if let Origin::Path(folder) = &package.origin {
            let manifest = match folder.as_str() {
                "." => "pyproject.toml".to_owned(),
                folder => format!("{folder}/pyproject.toml"),
            };
            if !self.described.contains_key(&manifest) && self.tree.contains(&manifest) {
                let described = pyproject::read(self.tree, &manifest)?.package;
                self.described.insert(manifest.clone(), described);
            }
            if let Some(described) = self.described.get(&manifest) {
                package.name.clone_from(&described.name);
                package.version.clone_from(&described.version);
                return Ok(Some(package));
            }
        }
        let name = file.trim_end_matches(".git").split(['@', '#']).next();
        package.name = name.unwrap_or(file).to_owned();
        Ok((!package.name.is_empty()).then_some(package))
    }

    fn place(&self, base: &str, place: &str) -> Origin {
        match place.strip_prefix("file:") {
            Some(path) => Origin::path(self.tree, base, path.trim_start_matches("//")),
            None if place.contains("://") || place.starts_with("git+") => Origin::url(place),
            None => Origin::path(self.tree, base, place),
        }
    }

    fn not_understood(&mut self, path: &str, text: &str) {
        let what = text.chars().take(200).collect();
        self.inventory
            .note(Note::new(path, Reason::NotUnderstood { what }));
    }

    fn finish(mut self) -> Resolution {
        for package in self.resolution.packages.iter_mut().skip(1) {
            if package.version.is_none() && package.origin == Origin::PyPi {
                let pinned = self.constraints.get(&normalize_python_name(&package.name));
                package.version = pinned.cloned();
                self.unpinned |= pinned.is_none();
            }
            if !self.vias.is_empty() {
                package.requires = Some(Vec::new());
            }
        }
        let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, package) in self.resolution.packages.iter().enumerate() {
            by_name
                .entry(normalize_python_name(&package.name))
                .or_default()
                .push(index);
        }
        for (parent, child) in &self.vias {
            let child = &self.resolution.packages[*child];
            let parents = by_name.get(&normalize_python_name(parent));
            let product = || vec![0];
            let when = match &child.listed {
                Some(when) => when.clone(),
                None => When::Always,
            };
            // A file or the project stands for the product; a constraint for nobody.
            let parents = match parents {
                Some(parents) => parents.clone(),
                None if parent.starts_with("-c ") => continue,
                None => product(),
            };
            let mut dependency = Dependency::new(&child.name, When::Always);
            for parent in parents.into_iter().take(MAX_VERSIONS) {
                match (parent, &when) {
                    (0, when) => dependency.when = when.clone(),
                    (_, When::Extra(_)) => dependency.conditional = true,
                    _ => {}
                }
                let requires = &mut self.resolution.packages[parent].requires;
                requires.get_or_insert_default().push(dependency.clone());
            }
        }
        if self.unpinned {
            self.inventory
                .note(Note::new(&self.resolution.path, Reason::NoLock));
        }
        self.resolution
    }
}
