//! What installed packages say of themselves and no lock file does: licences,
//! authors, a line about them.
//!
//! An environment belongs to the machine, not to the product, so whatever is
//! wrong with it counts as missing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use pep440_rs::Version;

use super::super::cache::Caches;
use super::super::folder::Folder;
use super::metadata::{MAX_METADATA, Metadata};
use super::pythons::Pythons;
use super::resolution::{Package, Resolution};
use crate::purl::normalize_python_name;

/// The most entries of one folder of an environment.
const MAX_ENTRIES: usize = 100_000;

/// The packages of one environment.
struct Installed {
    folder: Folder,
    /// The normalised name and the version to the folder of the metadata.
    packages: BTreeMap<String, Vec<(String, String)>>,
}

/// Takes over what the environment of a project says of its locked packages:
/// the one that is beside it (`beside`, the folder of the lock file), else the
/// ones that the caller named.
pub(super) fn describe(caches: &Caches, beside: &Path, resolution: &mut Resolution) {
    let own = caches
        .reads_project_environments()
        .then(|| beside.join(".venv"))
        .filter(|place| is_folder(place));
    let environments: Vec<Installed> = own
        .iter()
        .map(|path| path.as_path())
        .chain(caches.environments())
        .flat_map(Installed::all)
        .collect();
    if environments.is_empty() {
        return;
    }
    let versions = Pythons::default();
    for package in &mut resolution.packages {
        if let Some(version) = package.version.clone()
            && package.seen.is_none()
            && package.licenses.is_empty()
            && let Some(found) = environments
                .iter()
                .find_map(|each| each.metadata(&package.name, &version))
        {
            take_over(package, found.package(&versions));
        }
    }
}

fn take_over(package: &mut Package, installed: Package) {
    package.licenses = installed.licenses;
    if package.authors.is_empty() {
        package.authors = installed.authors;
    }
    if package.pages.is_empty() {
        package.pages = installed.pages;
    }
    package.description = package.description.take().or(installed.description);
}

impl Installed {
    /// The folders of packages in a virtual environment (PEP 405): one on
    /// Windows, elsewhere one for each Python.
    fn all(root: &Path) -> Vec<Self> {
        let of_python = |name: &String| name.starts_with("python");
        let mut places = vec![root.join("Lib/site-packages")];
        let pythons = folders(&root.join("lib"));
        places.extend(
            pythons
                .iter()
                .filter(|name| of_python(name))
                .map(|name| root.join("lib").join(name).join("site-packages")),
        );
        places.iter().filter_map(|place| Self::at(place)).collect()
    }

    fn at(place: &Path) -> Option<Self> {
        let mut packages: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for folder in folders(place) {
            let Some(stem) = folder.strip_suffix(".dist-info") else {
                continue;
            };
            if let Some((name, version)) = stem.split_once('-') {
                packages
                    .entry(normalize_python_name(name))
                    .or_default()
                    .push((version.to_owned(), folder.clone()));
            }
        }
        (!packages.is_empty()).then(|| Self {
            folder: Folder::new(place),
            packages,
        })
    }

    fn metadata(&self, name: &str, version: &str) -> Option<Metadata> {
        let versions = self.packages.get(&normalize_python_name(name))?;
        let parsed = Version::from_str(version).ok();
        let is_meant = |other: &str| {
            other == version || parsed.is_some() && Version::from_str(other).ok() == parsed
        };
        let (_, folder) = versions.iter().find(|(other, _)| is_meant(other))?;
        let path = format!("{folder}/METADATA");
        let bytes = self.folder.bytes(&path, MAX_METADATA).ok()?;
        Metadata::parse(&String::from_utf8_lossy(&bytes)).ok()
    }
}

fn is_folder(place: &Path) -> bool {
    fs::symlink_metadata(place).is_ok_and(|kind| kind.is_dir())
}

/// The folders in a folder, sorted; links to folders are none.
fn folders(place: &Path) -> Vec<String> {
    let entries = is_folder(place).then(|| fs::read_dir(place).ok()).flatten();
    let mut names: Vec<String> = entries
        .into_iter()
        .flatten()
        .take(MAX_ENTRIES)
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::super::super::judge::component;
    use super::super::super::merge::{Settings, document};
    use super::super::super::{Caches, Inventory, Tree, collect};
    use super::*;

    /// A project that locks `a`, and an environment in which it is installed.
    fn project(place: &Path, environment: &str, version: &str) {
        let write = |path: &str, text: &str| {
            let path = place.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "project/uv.lock",
            "version = 1\n\
             [[package]]\nname = \"app\"\nversion = \"1\"\nsource = { editable = \".\" }\n\
             dependencies = [{ name = \"a-b\" }]\n\
             [[package]]\nname = \"a-b\"\nversion = \"1.0\"\n\
             source = { registry = \"https://pypi.org/simple\" }\n",
        );
        write(
            &format!("{environment}/lib/python3.12/site-packages/A_b-{version}.dist-info/METADATA"),
            &format!(
                "Metadata-Version: 2.4\nName: A_b\nVersion: {version}\nSummary: Letters\n\
                 License-Expression: MIT\nAuthor: Somebody\n"
            ),
        );
    }

    fn licenses(place: &Path, caches: Caches) -> Vec<String> {
        let tree = Tree::walk(&place.join("project"))
            .unwrap()
            .with_caches(caches);
        let mut inventory = Inventory::default();
        collect(&tree, &mut inventory).unwrap();
        let sbom = document(inventory, &Settings::default()).unwrap();
        let found = component(&sbom.bom, "pkg:pypi/a-b@1.0");
        found.licenses.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_environment_gives_licences_where_the_caller_lets_it() {
        let place = tempfile::tempdir().unwrap();
        project(place.path(), "project/.venv", "1.0.0");
        // It hides itself, as the ones of uv and virtualenv do.
        fs::write(place.path().join("project/.venv/.gitignore"), "*\n").unwrap();
        let caches = Caches::default();
        assert_eq!(licenses(place.path(), caches.clone()), Vec::<String>::new());
        assert_eq!(
            licenses(place.path(), caches.project_environments()),
            ["MIT"]
        );

        let place = tempfile::tempdir().unwrap();
        project(place.path(), "elsewhere", "1.0");
        let caches = Caches::default().project_environments();
        assert_eq!(licenses(place.path(), caches.clone()), Vec::<String>::new());
        let caches = caches.environment(&place.path().join("elsewhere"));
        assert_eq!(licenses(place.path(), caches), ["MIT"]);
    }

    #[test]
    fn another_version_says_nothing() {
        let place = tempfile::tempdir().unwrap();
        project(place.path(), "elsewhere", "1.1");
        let caches = Caches::default().environment(&place.path().join("elsewhere"));
        assert_eq!(licenses(place.path(), caches), Vec::<String>::new());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_no_environment() {
        let place = tempfile::tempdir().unwrap();
        project(place.path(), "elsewhere", "1.0");
        let link = place.path().join("project/.venv");
        std::os::unix::fs::symlink(place.path().join("elsewhere"), link).unwrap();
        let caches = Caches::default().project_environments();
        assert_eq!(licenses(place.path(), caches), Vec::<String>::new());
    }
}
