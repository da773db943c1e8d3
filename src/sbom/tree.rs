//! A scanned folder: which files are there, and reading them safely.
//!
//! The folder is walked once, by the rules of `.gitignore`; links are never
//! followed, neither on the walk nor when a manifest names a path. Paths are
//! relative to the folder and separated by `/`, so that a document does not
//! depend on where the folder lies.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::SbomError;
use super::inventory::Inventory;
use super::note::{Note, Reason};
use crate::json;

/// The most files and folders of one tree.
pub const MAX_FILES: usize = 1_000_000;
/// How deep folders may lie in each other.
pub const MAX_DEPTH: usize = 64;
/// The largest manifest or lock file, in bytes.
pub const MAX_MANIFEST: u64 = 64 << 20;

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

/// A folder and the files in it.
#[derive(Clone, Debug)]
pub struct Tree {
    root: PathBuf,
    files: Vec<String>,
    notes: Vec<Note>,
}

impl Tree {
    /// Walks a folder.
    pub fn walk(root: &Path) -> Result<Self, SbomError> {
        let mut tree = Self {
            root: root.to_owned(),
            files: Vec::new(),
            notes: Vec::new(),
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
            .follow_links(false)
            .max_depth(Some(MAX_DEPTH))
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
            let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
            match entry.file_type() {
                Some(kind) if kind.is_file() => match path.to_str() {
                    Some(path) => tree.files.push(path.replace('\\', "/")),
                    None => tree
                        .notes
                        .push(Note::new(path.to_string_lossy(), Reason::OddName)),
                },
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
            root: path.parent().unwrap_or(Path::new("")).to_owned(),
            files: vec![name.to_owned()],
            notes: Vec::new(),
        })
    }

    fn walk_error(&self, error: ignore::Error) -> SbomError {
        let path = match &error {
            ignore::Error::WithPath { path, .. } => path.strip_prefix(&self.root).ok(),
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
        let mut candidates: Vec<&str> = self
            .files()
            .filter(|path| is_manifest(file_name(path)))
            .collect();
        candidates.sort_by_key(|path| (path.matches('/').count(), *path));
        let mut folders: BTreeMap<&str, &str> = BTreeMap::new();
        let mut products = Vec::new();
        for path in candidates {
            let folder = parent(path);
            let above = ancestors(folder)
                .skip(1)
                .find_map(|folder| folders.get(folder));
            let fixture = folder.split('/').any(|part| FIXTURES.contains(&part));
            if let Some(product) = above {
                let product = (*product).to_owned();
                inventory.note(Note::new(path, Reason::BelowProduct { product }));
            } else if fixture {
                inventory.note(Note::new(path, Reason::Fixture));
            } else {
                folders.entry(folder).or_insert(path);
                products.push(path);
            }
        }
        products.sort_unstable();
        products
    }

    /// True when there is a regular file at `path`.
    pub fn contains(&self, path: &str) -> bool {
        self.locate(path).is_ok()
    }

    /// Reads a file of at most `limit` bytes.
    pub fn bytes(&self, path: &str, limit: u64) -> Result<Vec<u8>, SbomError> {
        let read = |source| SbomError::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(self.locate(path)?).map_err(read)?;
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(read)?;
        if bytes.len() as u64 > limit {
            return Err(SbomError::TooLarge {
                path: path.to_owned(),
                limit,
            });
        }
        Ok(bytes)
    }

    /// Reads a manifest or lock file as text, without a byte order mark.
    pub fn text(&self, path: &str) -> Result<String, SbomError> {
        let mut text =
            String::from_utf8(self.bytes(path, MAX_MANIFEST)?).map_err(|_| SbomError::NotUtf8 {
                path: path.to_owned(),
            })?;
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        Ok(text)
    }

    /// Reads a TOML file; the parser limits how deep it nests.
    pub fn toml<T: DeserializeOwned>(&self, path: &str) -> Result<T, SbomError> {
        toml::from_str(&self.text(path)?).map_err(|error| SbomError::syntax(path, error))
    }

    /// Reads a JSON file strictly.
    pub fn json(&self, path: &str) -> Result<Value, SbomError> {
        let bytes = self.bytes(path, MAX_MANIFEST)?;
        json::parse(&bytes, bytes.len()).map_err(|source| SbomError::Json {
            path: path.to_owned(),
            source,
        })
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

    /// Where `path` lies on disk. Every step is looked at, since a link in the
    /// middle could lead anywhere.
    fn locate(&self, path: &str) -> Result<PathBuf, SbomError> {
        let not_a_file = || SbomError::NotAFile {
            path: path.to_owned(),
        };
        let mut place = self.root.clone();
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            if matches!(part, "" | "." | "..") || part.contains(['\\', ':']) {
                return Err(not_a_file());
            }
            place.push(part);
            let kind = fs::symlink_metadata(&place)
                .map_err(|source| SbomError::Read {
                    path: path.to_owned(),
                    source,
                })?
                .file_type();
            let wanted = match parts.peek() {
                Some(_) => kind.is_dir(),
                None => kind.is_file(),
            };
            if !wanted {
                return Err(not_a_file());
            }
        }
        Ok(place)
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

/// A folder and all above it.
fn ancestors(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |folder| {
        (!folder.is_empty()).then(|| parent(folder))
    })
}

#[cfg(test)]
mod tests {
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
    fn links_are_never_followed() {
        use std::os::unix::fs::symlink;
        let (folder, _) = tree(&["a/Cargo.lock"]);
        symlink(folder.path(), folder.path().join("a/loop")).unwrap();
        symlink("/etc/passwd", folder.path().join("Cargo.lock")).unwrap();
        let tree = Tree::walk(folder.path()).unwrap();
        assert_eq!(tree.files().collect::<Vec<_>>(), ["a/Cargo.lock"]);
        for path in [
            "Cargo.lock",
            "a/loop/a/Cargo.lock",
            "a",
            "../x",
            "",
            "/etc/passwd",
        ] {
            assert!(tree.bytes(path, 100).is_err(), "{path} was read");
        }
        assert!(tree.contains("a/Cargo.lock"));
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

    #[test]
    fn reading_has_limits() {
        let (folder, tree) = tree(&["big", "deep.toml", "deep.json", "odd"]);
        assert!(matches!(
            tree.bytes("big", 2),
            Err(SbomError::TooLarge { limit: 2, .. })
        ));
        fs::write(
            folder.path().join("deep.toml"),
            format!("a = {}", "[".repeat(100_000)),
        )
        .unwrap();
        assert!(tree.toml::<toml::Table>("deep.toml").is_err());
        fs::write(folder.path().join("deep.json"), "[".repeat(100_000)).unwrap();
        assert!(tree.json("deep.json").is_err());
        fs::write(folder.path().join("odd"), b"\xff").unwrap();
        assert!(matches!(tree.text("odd"), Err(SbomError::NotUtf8 { .. })));
        fs::write(folder.path().join("odd"), "\u{feff}a = 1").unwrap();
        assert_eq!(tree.text("odd").unwrap(), "a = 1");
    }
}
