//! A scanned folder: which files are there, and reading them safely.
//!
//! The folder is walked once, by the rules of `.gitignore`; links are never
//! followed, neither on the walk nor when a manifest names a path. Paths are
//! relative to the folder and separated by `/`, so that a document does not
//! depend on where the folder lies.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::Path;

use ignore::WalkBuilder;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use ignore::overrides::OverrideBuilder;

use super::SbomError;
use super::cache::Caches;
use super::folder::Folder;
use super::inventory::Inventory;
use super::note::{Note, Reason};
use super::progress::Progress;
use super::resolve::Build;

pub use super::folder::MAX_MANIFEST;

/// The most files and folders of one tree.
pub const MAX_FILES: usize = 1_000_000;
/// How deep folders may lie in each other.
pub const MAX_DEPTH: usize = 64;
/// The most globs of one scan.
pub const MAX_GLOBS: usize = 1_000;

/// Folders whose manifests are nobody's product unless asked for.
const FIXTURES: &[&str] = &[
    "benches",
    "benchmarks",
    "docs",
    "example",
    "examples",
    "fixture",
    "fixtures",
    "node_modules",
    "site-packages",
    "snapshots",
    "test",
    "test-data",
    "test_data",
    "testdata",
    "testing",
    "tests",
    "third_party",
    "vendor",
];

/// Which files of a tree count: globs in the syntax of `.gitignore`.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Manifests that are products wherever they lie: under another product, or
    /// in a folder for tests.
    pub include: Vec<String>,
    /// Files and folders that are not looked at.
    pub exclude: Vec<String>,
    /// Moved on while files are walked and read.
    pub progress: Progress,
}

/// A folder and the files in it. It reads files as [`Folder`] does.
#[derive(Clone, Debug)]
pub struct Tree {
    folder: Folder,
    files: Vec<String>,
    notes: Vec<Note>,
    include: Gitignore,
    caches: Caches,
    progress: Progress,
    build: Option<Build>,
    single: bool,
}

impl Deref for Tree {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.folder
    }
}

impl Tree {
    /// Walks a folder.
    pub fn walk(root: &Path) -> Result<Self, SbomError> {
        Self::walk_selected(root, &Selection::default())
    }

    /// Walks a folder, but only what is selected of it.
    pub fn walk_selected(root: &Path, selection: &Selection) -> Result<Self, SbomError> {
        if selection.include.len() + selection.exclude.len() > MAX_GLOBS {
            return Err(SbomError::TooMany {
                what: "globs",
                limit: MAX_GLOBS,
            });
        }
        let glob = |glob: &str, source: ignore::Error| SbomError::Glob {
            glob: glob.to_owned(),
            source: source.into(),
        };
        let mut include = GitignoreBuilder::new("");
        for each in &selection.include {
            include
                .add_line(None, each)
                .map_err(|error| glob(each, error))?;
        }
        let mut exclude = OverrideBuilder::new(root);
        for each in &selection.exclude {
            // In an override an exclamation mark is what excludes.
            exclude
                .add(&format!("!{each}"))
                .map_err(|error| glob(each, error))?;
        }
        let mut tree = Self {
            folder: Folder::new(root),
            files: Vec::new(),
            notes: Vec::new(),
            include: include.build().map_err(|error| glob("", error))?,
            caches: Caches::default(),
            progress: selection.progress.clone(),
            build: None,
            single: false,
        };
        // Only what the tree itself says counts: no user's global ignore file
        // and no parent folder may change what a document contains.
        let walk = WalkBuilder::new(root)
            .hidden(false)
            .parents(false)
            .git_global(false)
            .git_exclude(false)
            .ignore(false)
            .require_git(false)
            // A virtual environment that was asked for hides itself (PEP 405).
            .git_ignore(!root.join("pyvenv.cfg").is_file())
            .follow_links(false)
            .max_depth(Some(MAX_DEPTH))
            .overrides(exclude.build().map_err(|error| glob("", error))?)
            .filter_entry(|entry| entry.file_name() != ".git")
            .build();
        for (count, entry) in walk.enumerate() {
            if count >= MAX_FILES {
                return Err(SbomError::TooMany {
                    what: "files",
                    limit: MAX_FILES,
                });
            }
            let entry = entry.map_err(|error| tree.walk_error(error))?;
            tree.progress.saw_file();
            let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
            match entry.file_type() {
                Some(kind) if kind.is_file() => match path.to_str() {
                    Some(path) => tree.files.push(path.replace('\\', "/")),
                    None => tree
                        .notes
                        .push(Note::new(path.to_string_lossy(), Reason::OddName)),
                },
                Some(kind) if kind.is_symlink() => tree
                    .notes
                    .push(Note::new(path.to_string_lossy(), Reason::Link)),
                _ => {}
            }
        }
        tree.files.sort_unstable();
        Ok(tree)
    }

    /// One file as a source of its own; what lies beside it can still be read.
    pub fn file(path: &Path) -> Result<Self, SbomError> {
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(name) = name else {
            return Err(SbomError::NotUtf8 {
                path: path.to_string_lossy().into_owned(),
            });
        };
        Ok(Self {
            folder: Folder::new(path.parent().unwrap_or(Path::new(""))),
            files: vec![name.to_owned()],
            notes: Vec::new(),
            include: Gitignore::empty(),
            caches: Caches::default(),
            progress: Progress::default(),
            build: None,
            single: true,
        })
    }

    /// Lets collectors read what package managers keep on this machine.
    pub fn with_caches(mut self, caches: Caches) -> Self {
        self.caches = caches;
        self
    }

    /// Moves these counters on while files are read.
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = progress;
        self
    }

    /// How far the scan has come.
    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What package managers keep on this machine, as far as the caller says.
    pub fn caches(&self) -> &Caches {
        &self.caches
    }

    /// Lets collectors ask Cargo and Go what one build takes.
    pub fn resolving(mut self, build: Build) -> Self {
        self.build = Some(build);
        self
    }

    /// The build that is resolved exactly; without one only lock files count.
    pub fn build(&self) -> Option<&Build> {
        self.build.as_ref()
    }

    /// True when one file is the whole source: it is the product, whatever it is.
    pub fn is_single_file(&self) -> bool {
        self.single
    }

    fn walk_error(&self, error: ignore::Error) -> SbomError {
        let path = match &error {
            ignore::Error::WithPath { path, .. } => path.strip_prefix(self.folder.root()).ok(),
            _ => None,
        };
        SbomError::Read {
            path: path
                .unwrap_or(Path::new("."))
                .to_string_lossy()
                .into_owned(),
            source: error
                .into_io_error()
                .unwrap_or_else(|| std::io::ErrorKind::Other.into()),
        }
    }

    /// Every file, sorted.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// Notes of the walk.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The product's manifests of one ecosystem, sorted: those whose file name
    /// `is_manifest` takes, that lie under no other one and in no folder for
    /// fixtures. Each that is left out becomes a note.
    pub fn products(
        &self,
        is_manifest: impl Fn(&str) -> bool,
        inventory: &mut Inventory,
    ) -> Vec<&str> {
        self.products_at(|path| is_manifest(file_name(path)), inventory)
    }

    /// The same, for manifests that their name alone does not tell: `is_manifest`
    /// is given the whole path.
    pub fn products_at(
        &self,
        is_manifest: impl Fn(&str) -> bool,
        inventory: &mut Inventory,
    ) -> Vec<&str> {
        let mut candidates: Vec<&str> = self.files().filter(|path| is_manifest(path)).collect();
        candidates.sort_by_key(|path| (path.matches('/').count(), *path));
        let mut folders: BTreeMap<&str, &str> = BTreeMap::new();
        let mut products = Vec::new();
        for path in candidates {
            let folder = parent(path);
            let above = ancestors(folder)
                .skip(1)
                .find_map(|folder| folders.get(folder));
            if self.is_included(path) {
                products.push(path);
            } else if let Some(product) = above {
                let product = (*product).to_owned();
                inventory.note(Note::new(path, Reason::BelowProduct { product }));
            } else if in_fixture(path) {
                inventory.note(Note::new(path, Reason::Fixture));
            } else {
                folders.entry(folder).or_insert(path);
                products.push(path);
            }
        }
        products.sort_unstable();
        products
    }

    /// True when [`Selection::include`] names a file, or a folder that it lies in.
    pub fn is_included(&self, path: &str) -> bool {
        self.include
            .matched_path_or_any_parents(path, false)
            .is_ignore()
    }

    /// The path that the file `base` means when it says `path`; what leads out
    /// of the tree is an error.
    pub fn resolve(&self, base: &str, path: &str) -> Result<String, SbomError> {
        let outside = || SbomError::Outside {
            base: base.to_owned(),
            path: path.to_owned(),
        };
        let written = path.replace('\\', "/");
        if written.starts_with('/') || written.contains(':') {
            return Err(outside());
        }
        let mut parts: Vec<&str> = parent(base)
            .split('/')
            .filter(|part| !part.is_empty())
            .collect();
        for part in written.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop().ok_or_else(outside)?;
                }
                _ => parts.push(part),
            }
        }
        Ok(parts.join("/"))
    }
}

/// The folder of a path; empty for the tree's own.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The last part of a path.
pub fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// A path beside another one.
pub fn beside(path: &str, name: &str) -> String {
    match parent(path) {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

/// True when a path lies in a folder for tests, examples or vendored code.
pub(super) fn in_fixture(path: &str) -> bool {
    parent(path).split('/').any(|part| FIXTURES.contains(&part))
}

/// A folder and all above it.
fn ancestors(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |folder| {
        (!folder.is_empty()).then(|| parent(folder))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tree(files: &[&str]) -> (tempfile::TempDir, Tree) {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x = 1\n").unwrap();
        }
        let tree = Tree::walk(folder.path()).unwrap();
        (folder, tree)
    }

    #[test]
    fn the_root_manifest_is_the_product() {
        let (_folder, tree) = tree(&[
            "a/go.mod",
            "a/tools/go.mod",
            "b/c/go.mod",
            "tests/x/go.mod",
            "other.mod",
        ]);
        let mut inventory = Inventory::default();
        let products = tree.products(|name| name == "go.mod", &mut inventory);
        assert_eq!(products, ["a/go.mod", "b/c/go.mod"]);
        let notes: Vec<&str> = inventory.notes().map(|note| note.about.as_str()).collect();
        assert_eq!(notes, ["a/tools/go.mod", "tests/x/go.mod"]);
        assert!(inventory.notes().all(|note| !note.is_gap()));
    }

    #[test]
    fn gitignore_is_honoured_and_hidden_files_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".gitignore"), "out/\n").unwrap();
        fs::create_dir(folder.path().join("out")).unwrap();
        fs::write(folder.path().join("out/Cargo.lock"), "").unwrap();
        fs::create_dir(folder.path().join(".git")).unwrap();
        fs::write(folder.path().join(".git/config"), "").unwrap();
        let tree = Tree::walk(folder.path()).unwrap();
        assert_eq!(tree.files().collect::<Vec<_>>(), [".gitignore"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_noted_and_not_walked() {
        use std::os::unix::fs::symlink;
        let (folder, _) = tree(&["a/Cargo.lock"]);
        symlink(folder.path(), folder.path().join("a/loop")).unwrap();
        symlink("/etc/passwd", folder.path().join("Cargo.lock")).unwrap();
        let tree = Tree::walk(folder.path()).unwrap();
        assert_eq!(tree.files().collect::<Vec<_>>(), ["a/Cargo.lock"]);
        let notes: Vec<_> = tree.notes().iter().map(|note| &note.about[..]).collect();
        assert_eq!(notes, ["Cargo.lock", "a/loop"]);
        assert!(tree.notes().iter().all(|note| note.reason == Reason::Link));
    }

    #[test]
    fn globs_change_what_the_product_is() {
        let (folder, _) = tree(&["go.mod", "tools/go.mod", "tests/x/go.mod", "old/go.mod"]);
        let select = |include: &[&str], exclude: &[&str]| {
            let owned = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect();
            let selection = Selection {
                include: owned(include),
                exclude: owned(exclude),
                ..Selection::default()
            };
            let tree = Tree::walk_selected(folder.path(), &selection)?;
            let mut inventory = Inventory::default();
            let products = tree.products(|name| name == "go.mod", &mut inventory);
            let owned = products.into_iter().map(str::to_owned).collect();
            Ok::<Vec<String>, SbomError>(owned)
        };
        assert_eq!(select(&[], &[]).unwrap(), ["go.mod"]);
        assert_eq!(
            select(&["tools", "/tests/**"], &["old"]).unwrap(),
            ["go.mod", "tests/x/go.mod", "tools/go.mod"]
        );
        assert_eq!(
            select(&[], &["/go.mod", "tests/"]).unwrap(),
            ["old/go.mod", "tools/go.mod"]
        );
        assert!(matches!(
            select(&[], &["{a"]),
            Err(SbomError::Glob { glob, .. }) if glob == "{a"
        ));
        let many = vec!["x"; MAX_GLOBS + 1];
        assert!(matches!(select(&many, &[]), Err(SbomError::TooMany { .. })));
    }

    #[test]
    fn paths_stay_inside_of_the_tree() {
        let (_folder, tree) = tree(&["a/b/x.toml"]);
        assert_eq!(tree.resolve("a/b/x.toml", "../c/./y").unwrap(), "a/c/y");
        assert_eq!(tree.resolve("x", "y").unwrap(), "y");
        for bad in [
            "../../../y",
            "/etc/passwd",
            "C:\\y",
            "..\\..\\..\\y",
            "file:y",
        ] {
            assert!(tree.resolve("a/b/x.toml", bad).is_err(), "{bad} was taken");
        }
    }
}
