//! Reading files of a folder, and none outside of it.
//!
//! Links are never followed, not even in the middle of a path, and whatever is
//! read has a limit.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::SbomError;
use crate::json;

/// The largest manifest or lock file, in bytes.
pub const MAX_MANIFEST: u64 = 64 << 20;

/// A folder whose files are named by paths relative to it, separated by `/`.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// A folder of the file system.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where it lies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// True when there is a regular file at `path`.
    pub fn contains(&self, path: &str) -> bool {
        self.locate(path).is_ok()
    }

    /// Opens a regular file.
    pub fn open(&self, path: &str) -> Result<File, SbomError> {
        File::open(self.locate(path)?).map_err(|source| SbomError::Read {
            path: path.to_owned(),
            source,
        })
    }

    /// Reads a file of at most `limit` bytes.
    pub fn bytes(&self, path: &str, limit: u64) -> Result<Vec<u8>, SbomError> {
        let read = |source| SbomError::Read {
            path: path.to_owned(),
            source,
        };
        let file = self.open(path)?;
        // Its size is only a hint: it may grow, and some files have none.
        let size = file.metadata().map_err(read)?.len().min(limit);
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
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

    /// The names of the regular files in a folder that `is_wanted` takes, with
    /// the folder's path before them, sorted.
    pub fn list(&self, folder: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let below = |name: &str| match folder {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        };
        let mut names: Vec<String> = fs::read_dir(self.root.join(folder))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| is_wanted(name))
            .map(|name| below(&name))
            .filter(|path| self.contains(path))
            .collect();
        names.sort_unstable();
        names
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_has_limits() {
        let place = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(place.path().join(name), bytes).unwrap();
        let folder = Folder::new(place.path());
        write("big", b"x = 1\n");
        assert!(matches!(
            folder.bytes("big", 2),
            Err(SbomError::TooLarge { limit: 2, .. })
        ));
        write(
            "deep.toml",
            format!("a = {}", "[".repeat(100_000)).as_bytes(),
        );
        assert!(folder.toml::<toml::Table>("deep.toml").is_err());
        write("deep.json", "[".repeat(100_000).as_bytes());
        assert!(folder.json("deep.json").is_err());
        write("odd", b"\xff");
        assert!(matches!(folder.text("odd"), Err(SbomError::NotUtf8 { .. })));
        write("odd", "\u{feff}a = 1".as_bytes());
        assert_eq!(folder.text("odd").unwrap(), "a = 1");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_never_followed() {
        use std::os::unix::fs::symlink;
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("a")).unwrap();
        fs::write(place.path().join("a/Cargo.lock"), "").unwrap();
        symlink(place.path(), place.path().join("a/loop")).unwrap();
        symlink("/etc/passwd", place.path().join("Cargo.lock")).unwrap();
        let folder = Folder::new(place.path());
        for path in [
            "Cargo.lock",
            "a/loop/a/Cargo.lock",
            "a",
            "../x",
            "",
            "/etc/passwd",
        ] {
            assert!(folder.bytes(path, 100).is_err(), "{path} was read");
        }
        assert!(folder.contains("a/Cargo.lock"));
    }
}
