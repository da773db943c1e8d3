//! Where a dump lies: the folders, ZIP files and documents, read side by side.
//!
//! The public dump is `<ecosystem>/all.zip`; unpacked folders of JSON and single files are
//! read as well. Each advisory is skimmed for the packages that it names, and kept only when
//! one of them is wanted, so memory grows with what is asked and not with the dump.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use super::advisory::{Advisory, AdvisoryError, MAX_ADVISORY};
use super::finding::{Finding, findings};
use super::package::{Ecosystem, Package};
use super::skim::skim;
use crate::json::JsonError;
use crate::purl::Purl;
use crate::zip::{Entry, Zip, ZipError};

/// The most files and ZIP entries of a dump.
pub const MAX_ENTRIES: usize = 2_000_000;
/// The most bytes that a dump may unpack to.
pub const MAX_UNPACKED: u64 = 32 << 30;
/// The most advisories about the wanted packages.
pub const MAX_KEPT: usize = 100_000;
/// Folders in folders.
const MAX_DEPTH: usize = 8;
/// The most refused entries that are kept by name; every one is counted.
const MAX_REFUSED: usize = 100;
const MAX_THREADS: usize = 8;
/// How many entries a thread takes at once.
const CHUNK: usize = 64;

/// What a dump says about the packages that were wanted.
#[derive(Debug)]
pub struct Database {
    advisories: Vec<Advisory>,
    by_package: HashMap<Package, Vec<usize>>,
    wanted: HashSet<Package>,
    ecosystems: BTreeSet<Ecosystem>,
    size: usize,
    newest: Option<String>,
    refused: Vec<Refused>,
    refusals: usize,
}

/// An entry of a dump that could not be read, so that nobody knows what it is about.
#[derive(Debug)]
pub struct Refused {
    /// Its file, and its name inside a ZIP file.
    pub entry: String,
    /// Why.
    pub why: EntryError,
}

/// Why an entry of a dump could not be read.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// Not an advisory.
    #[error(transparent)]
    Advisory(#[from] AdvisoryError),
    /// Can't be unpacked.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// Can't be read from disk.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Why a package could not be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unchecked {
    /// It has no version.
    #[error("it has no version")]
    NoVersion,
    /// It is of an ecosystem whose versions can't be compared.
    #[error("versions of its ecosystem can't be compared")]
    Ecosystem,
    /// The dump has no advisory of its ecosystem.
    #[error("the database has nothing of its ecosystem")]
    NotHeld,
    /// It was not among the wanted packages when the dump was opened.
    #[error("it was not asked for when the database was read")]
    NotWanted,
}

/// Why a dump can't be used at all.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The system refused.
    #[error("`{path}`: {source}", path = path.display())]
    Io {
        /// What was to be read.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Not a ZIP file that is read.
    #[error("`{path}`: {source}", path = path.display())]
    Zip {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: ZipError,
    },
    /// Nothing in it that is an advisory.
    #[error("`{path}` holds no advisory{refused}", path = path.display())]
    Empty {
        /// What was read.
        path: PathBuf,
        /// How many entries could not be read, and why the first could not; or nothing.
        refused: String,
    },
    /// More of something than is read.
    #[error("more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// As many as are read.
        limit: u64,
    },
}

impl Database {
    /// Reads a folder, a ZIP file or one advisory, and keeps what is about `wanted`.
    pub fn open<'a>(
        path: &Path,
        wanted: impl IntoIterator<Item = &'a Purl>,
    ) -> Result<Self, DatabaseError> {
        let mut database = Self {
            advisories: Vec::new(),
            by_package: HashMap::new(),
            wanted: wanted.into_iter().filter_map(Package::of).collect(),
            ecosystems: BTreeSet::new(),
            size: 0,
            newest: None,
            refused: Vec::new(),
            refusals: 0,
        };
        let mut files = Files::default();
        files.find(path, &database.wanted, 0)?;
        let left = Left {
            bytes: AtomicU64::new(MAX_UNPACKED),
            kept: AtomicUsize::new(MAX_KEPT),
        };
        let documents = |_: &mut (), path: &PathBuf| read_file(path);
        let name = |path: &PathBuf| path.display().to_string();
        let parts = side_by_side(
            &files.documents,
            || Ok(()),
            documents,
            name,
            &database.wanted,
            &left,
        );
        let io = |source| DatabaseError::Io {
            path: path.to_owned(),
            source,
        };
        database.add(parts.map_err(io)?, &left)?;
        for path in &files.archives {
            database.add_archive(path, &left)?;
        }
        database.index();
        if database.size == 0 && !files.skipped {
            let first = database.refused.first();
            let count = database.refusals;
            return Err(DatabaseError::Empty {
                path: path.to_owned(),
                refused: first.map_or_else(String::new, |Refused { entry, why }| {
                    format!(" that could be read, and {count} that could not: `{entry}`: {why}")
                }),
            });
        }
        Ok(database)
    }

    /// The vulnerabilities of a package, the worst first; or why nobody can know.
    pub fn look_up(&self, purl: &Purl) -> Result<Vec<Finding>, Unchecked> {
        let package = Package::of(purl).ok_or(Unchecked::Ecosystem)?;
        let version = purl.version().ok_or(Unchecked::NoVersion)?;
        if !self.wanted.contains(&package) {
            return Err(Unchecked::NotWanted);
        }
        if !self.ecosystems.contains(&package.ecosystem) {
            return Err(Unchecked::NotHeld);
        }
        let places = self.by_package.get(&package).into_iter().flatten();
        let advisories = places.filter_map(|&at| self.advisories.get(at));
        Ok(findings(advisories, &package, version))
    }

    /// How many advisories the dump holds, those that were refused aside.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The day of the newest change in it, such as `2026-11-20`.
    pub fn newest(&self) -> Option<&str> {
        self.newest.as_deref()
    }

    /// How many entries could not be read. While there is one, nothing is known to be clean.
    pub fn refusals(&self) -> usize {
        self.refusals
    }

    /// The first of the entries that could not be read, and why.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    fn add_archive(&mut self, path: &Path, left: &Left) -> Result<(), DatabaseError> {
        let io = |source| DatabaseError::Io {
            path: path.to_owned(),
            source,
        };
        let open = || File::open(path).map(BufReader::new);
        let zip = Zip::open(open().map_err(io)?).map_err(|source| DatabaseError::Zip {
            path: path.to_owned(),
            source,
        })?;
        if zip.entries.len() > MAX_ENTRIES {
            return Err(too_many("entries", MAX_ENTRIES as u64));
        }
        let mut entries = zip.entries;
        entries.retain(|entry| has_ending(&entry.name, "json"));
        let read = |zip: &mut Zip<BufReader<File>>, entry: &Entry| {
            Ok(zip.read(entry, MAX_ADVISORY as u64)?)
        };
        let name = |entry: &Entry| format!("{}: {}", path.display(), entry.name);
        let reader = || Ok(Zip::unlisted(open()?));
        let parts = side_by_side(&entries, reader, read, name, &self.wanted, left);
        self.add(parts.map_err(io)?, left)
    }

    fn add(&mut self, parts: Vec<Part>, left: &Left) -> Result<(), DatabaseError> {
        for part in parts {
            self.size += part.size;
            self.refusals += part.refusals;
            self.refused.extend(part.refused);
            self.ecosystems.extend(part.ecosystems);
            self.newest = self.newest.take().max(part.newest);
            self.advisories.extend(part.kept);
        }
        if left.bytes.load(Ordering::Relaxed) == 0 {
            return Err(too_many("bytes in all advisories", MAX_UNPACKED));
        }
        if left.kept.load(Ordering::Relaxed) == 0 {
            return Err(too_many("advisories about the packages", MAX_KEPT as u64));
        }
        Ok(())
    }

    /// Sorts, so that threads leave no trace, and forgets older copies of an advisory.
    fn index(&mut self) {
        self.refused.sort_by(|a, b| a.entry.cmp(&b.entry));
        self.refused.truncate(MAX_REFUSED);
        let newer = |a: &Advisory, b: &Advisory| b.modified.cmp(&a.modified);
        self.advisories
            .sort_by(|a, b| a.id.cmp(&b.id).then_with(|| newer(a, b)));
        // Copies of the same moment all stay: they count as one vulnerability anyway.
        self.advisories
            .dedup_by(|older, kept| older.id == kept.id && older.modified < kept.modified);
        for (at, advisory) in self.advisories.iter().enumerate() {
            let packages = advisory.affected.iter().map(|affected| &affected.package);
            for package in packages.collect::<BTreeSet<_>>() {
                if self.wanted.contains(package) {
                    let places = self.by_package.entry(package.clone());
                    places.or_default().push(at);
                }
            }
        }
    }
}

/// The files of a dump, sorted.
#[derive(Default)]
struct Files {
    archives: Vec<PathBuf>,
    documents: Vec<PathBuf>,
    /// There are ecosystems of which nothing is wanted.
    skipped: bool,
}

impl Files {
    fn find(
        &mut self,
        path: &Path,
        wanted: &HashSet<Package>,
        depth: usize,
    ) -> Result<(), DatabaseError> {
        let io = |source| DatabaseError::Io {
            path: path.to_owned(),
            source,
        };
        if depth > MAX_DEPTH {
            return Err(too_many("folders in folders", MAX_DEPTH as u64));
        }
        if self.archives.len() + self.documents.len() > MAX_ENTRIES {
            return Err(too_many("files", MAX_ENTRIES as u64));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !fs::metadata(path).map_err(io)?.is_dir() {
            match () {
                () if has_ending(&name, "zip") => self.archives.push(path.to_owned()),
                // A file that was named is an advisory, whatever it is called.
                () if depth == 0 || has_ending(&name, "json") => {
                    self.documents.push(path.to_owned());
                }
                () => {}
            }
            return Ok(());
        }
        // The dump of an ecosystem that nobody asked for.
        if depth > 0
            && let Some(ecosystem) = Ecosystem::named(&name)
            && !wanted.iter().any(|package| package.ecosystem == ecosystem)
        {
            self.skipped = true;
            return Ok(());
        }
        let entries = fs::read_dir(path).map_err(io)?;
        let paths = entries.map(|entry| Ok(entry?.path()));
        let mut paths: Vec<PathBuf> = paths.collect::<io::Result<_>>().map_err(io)?;
        paths.sort();
        paths
            .iter()
            .try_for_each(|path| self.find(path, wanted, depth + 1))
    }
}

/// What all threads may still take.
struct Left {
    bytes: AtomicU64,
    kept: AtomicUsize,
}

impl Left {
    /// False when there is nothing left; it never comes back.
    fn take(&self, bytes: u64) -> bool {
        let less = |left: u64| Some(left.saturating_sub(bytes));
        let all = Ordering::Relaxed;
        let before = self.bytes.fetch_update(all, all, less);
        before.is_ok_and(|before| before > bytes) && self.kept.load(all) > 0
    }

    fn keep(&self) {
        let all = Ordering::Relaxed;
        // Never below nothing.
        let _ = self.kept.fetch_update(all, all, |left| left.checked_sub(1));
    }
}

/// What one thread found.
#[derive(Default)]
struct Part {
    size: usize,
    kept: Vec<Advisory>,
    ecosystems: BTreeSet<Ecosystem>,
    newest: Option<String>,
    refused: Vec<Refused>,
    refusals: usize,
}

/// Reads entries on all cores. `open` makes what a thread reads with.
fn side_by_side<T: Sync, R>(
    entries: &[T],
    open: impl Fn() -> io::Result<R> + Sync,
    read: impl Fn(&mut R, &T) -> Result<Vec<u8>, EntryError> + Sync,
    name: impl Fn(&T) -> String + Sync,
    wanted: &HashSet<Package>,
    left: &Left,
) -> io::Result<Vec<Part>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut reader = open()?;
        let mut part = Part::default();
        loop {
            let start = next.fetch_add(CHUNK, Ordering::Relaxed);
            let Some(rest) = entries.get(start..).filter(|rest| !rest.is_empty()) else {
                return Ok(part);
            };
            for entry in rest.iter().take(CHUNK) {
                let read = read(&mut reader, entry);
                let size = read.as_ref().map_or(0, |bytes| bytes.len() as u64);
                if !left.take(size) {
                    return Ok(part);
                }
                if let Err(why) = read.and_then(|bytes| part.take(&bytes, wanted, left)) {
                    part.refusals += 1;
                    if part.refused.len() < MAX_REFUSED {
                        let entry = name(entry);
                        part.refused.push(Refused { entry, why });
                    }
                }
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    let threads = cores.min(MAX_THREADS).min(entries.len().div_ceil(CHUNK));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| match thread.join() {
                Ok(part) => part,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

impl Part {
    /// Counts an entry, and keeps it when it is about a wanted package.
    fn take(
        &mut self,
        bytes: &[u8],
        wanted: &HashSet<Package>,
        left: &Left,
    ) -> Result<(), EntryError> {
        let skimmed = skim(bytes, wanted)?;
        if skimmed.is_wanted {
            self.kept.push(Advisory::parse(bytes)?);
            left.keep();
        }
        self.size += 1;
        self.ecosystems.extend(skimmed.ecosystems);
        self.newest = self.newest.take().max(skimmed.day);
        Ok(())
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, EntryError> {
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    file.take(MAX_ADVISORY as u64 + 1).read_to_end(&mut bytes)?;
    match bytes.len() > MAX_ADVISORY {
        false => Ok(bytes),
        true => Err(AdvisoryError::Json(JsonError::TooLarge {
            size: bytes.len(),
            limit: MAX_ADVISORY,
        })
        .into()),
    }
}

fn has_ending(name: &str, ending: &str) -> bool {
    let found = name.rsplit_once('.').map(|(_, found)| found);
    found.is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

fn too_many(what: &'static str, limit: u64) -> DatabaseError {
    DatabaseError::TooMany { what, limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_never_comes_back() {
        let left = Left {
            bytes: AtomicU64::new(10),
            kept: AtomicUsize::new(1),
        };
        assert!(left.take(9));
        assert!(!left.take(5));
        assert!(!left.take(0));
        let left = Left {
            bytes: AtomicU64::new(10),
            kept: AtomicUsize::new(1),
        };
        left.keep();
        left.keep();
        assert!(!left.take(1));
        assert!(Database::open(Path::new("/nowhere"), []).is_err());
    }
}
