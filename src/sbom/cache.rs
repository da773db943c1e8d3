//! What package managers keep on this machine: manifests, licences and archives
//! of the packages that they fetched.
//!
//! Nothing here is needed, and nothing looks for it behind the caller's back:
//! the caller says where it lies, or that there is none.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::folder::Folder;

/// The most registries of one Cargo home.
const MAX_REGISTRIES: usize = 64;

/// The caches that collectors may read.
#[derive(Clone, Debug, Default)]
pub struct Caches {
    /// Sources of crates, one folder a registry.
    crates: Vec<(String, Folder)>,
    /// Archives of crates, one folder a registry.
    archives: Vec<(String, Folder)>,
    /// Go's module cache.
    modules: Option<Folder>,
    /// Python's virtual environments.
    environments: Vec<PathBuf>,
    /// Whether `.venv` beside a lock file is one of them.
    project_environments: bool,
}

impl Caches {
    /// What Cargo fetched (The Cargo Book, Cargo Home): the archives of
    /// `registry/cache`, unpacked in `registry/src`. A home that is not there has none.
    pub fn cargo_home(mut self, home: &Path) -> Self {
        self.crates = registries(&home.join("registry/src"));
        self.archives = registries(&home.join("registry/cache"));
        self
    }

    /// Go's module cache (Go Modules Reference, Module cache: `GOMODCACHE`).
    pub fn go_modules(mut self, folder: &Path) -> Self {
        self.modules = Some(Folder::new(folder));
        self
    }

    /// A virtual environment (PEP 405) in which packages of a project are installed.
    pub fn environment(mut self, folder: &Path) -> Self {
        self.environments.push(folder.to_owned());
        self
    }

    /// The environments that lie beside lock files, as `.venv`.
    pub fn project_environments(mut self) -> Self {
        self.project_environments = true;
        self
    }

    /// The source of a crate of the registry at `host`: a folder, and a path in it.
    pub(super) fn crate_source(
        &self,
        host: &str,
        name: &str,
        version: &str,
    ) -> Option<(&Folder, String)> {
        let path = format!("{name}-{version}");
        self.crates
            .iter()
            .filter(|(registry, _)| is_registry(registry, host))
            .find(|(_, folder)| folder.contains(&format!("{path}/Cargo.toml")))
            .map(|(_, folder)| (folder, path))
    }

    /// The archives of a crate, by whichever registry.
    pub(super) fn crate_archives(&self, name: &str, version: &str) -> impl Iterator<Item = File> {
        let archive = format!("{name}-{version}.crate");
        let folders = self.archives.iter();
        folders.filter_map(move |(_, folder)| folder.open(&archive).ok())
    }

    /// The virtual environments that the caller named.
    pub(super) fn environments(&self) -> impl Iterator<Item = &Path> {
        self.environments.iter().map(PathBuf::as_path)
    }

    pub(super) fn reads_project_environments(&self) -> bool {
        self.project_environments
    }

    /// Go's module cache.
    pub(super) fn modules(&self) -> Option<&Folder> {
        self.modules.as_ref()
    }
}

/// The folder of each registry, sorted, so that the same machine always answers
/// the same.
fn registries(folder: &Path) -> Vec<(String, Folder)> {
    let folders = fs::read_dir(folder).into_iter().flatten();
    folders
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .map(|(name, path)| (name, Folder::new(path)))
        .collect::<BTreeMap<_, _>>()
        .into_iter()
        .take(MAX_REGISTRIES)
        .collect()
}

/// Cargo calls a registry's folder `<host>-<hash>`.
fn is_registry(folder: &str, host: &str) -> bool {
    folder
        .rsplit_once('-')
        .is_some_and(|(name, hash)| name == host && hash.bytes().all(|b| b.is_ascii_hexdigit()))
}
