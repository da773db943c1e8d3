//! Compiled guests on disk, so that a start takes milliseconds.
//!
//! Loading compiled code is as dangerous as running a native program, so an
//! entry is believed only with a code (MAC) that this user made, over the
//! compiled code and over what it was made from. What does not match is
//! thrown away and compiled again. Whoever can read this user's files can
//! also make entries; the cache does not protect from them, and nor does
//! anything else that this user runs.
//!
//! An entry is the compiled code, followed by a trailer: [`MAGIC`], the
//! module's SHA-256, the engine's identity, the length of the code, the MAC.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::SystemTime;

use rustix::fs::{Mode, OFlags, fstat, open, openat, unlinkat};
use rustix::io::Errno;
use wasmtime::{Engine, Module};

use super::engine;
use crate::artifact::Digest;

const MAGIC: &[u8; 8] = b"prov\0cw1";
const HEADER: usize = 8 + 32 + 32 + 8;
const TRAILER: usize = HEADER + 32;

/// Entries kept; beyond these the oldest go.
const MOST: usize = 16;

/// An unfinished entry this old was left by a process that died.
const STALE: u64 = 3600;

/// The unit of hashing: parts are hashed side by side.
const PART: u64 = 2 << 20;

/// More threads than this do not pay: memory is the limit.
const THREADS: usize = 4;

/// Where compiled guests are kept.
#[derive(Clone, Debug)]
pub struct Cache {
    directory: PathBuf,
    secret: PathBuf,
}

impl Cache {
    /// A cache in `directory`, with its key in the file `secret`, which should
    /// lie elsewhere. Both are made when they are first needed, for this user
    /// alone; if others can get at either, the cache is not used.
    pub fn new(directory: impl Into<PathBuf>, secret: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            secret: secret.into(),
        }
    }

    pub(super) fn open(&self) -> Result<Store, CacheError> {
        let failed = |source: io::Error| CacheError::io(&self.directory, source);
        create_directory(&self.directory).map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = match open(&self.directory, flags, Mode::empty()) {
            // What open says of a symbolic link differs between systems.
            Err(Errno::NOTDIR | Errno::LOOP) => {
                return Err(CacheError::NotADirectory(self.directory.clone()));
            }
            other => other.map_err(|errno| failed(errno.into()))?,
        };
        only_ours(&directory, &self.directory)?;
        let secret = read_secret(&self.secret)?;
        Ok(Store {
            path: self.directory.clone(),
            directory,
            part_key: blake3::derive_key("prov 2026 compile cache: part", &secret),
            whole_key: blake3::derive_key("prov 2026 compile cache: whole", &secret),
        })
    }
}

/// Why the cache, or an entry of it, is not used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Something else stands where the directory should be; symbolic links
    /// are not followed.
    #[error("{} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// Others may get at it.
    #[error("{} is open to others (mode {mode:04o})", path.display())]
    NotPrivate {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is somebody else's.
    #[error("{} belongs to user {owner}", path.display())]
    NotOurs {
        /// The file or directory.
        path: PathBuf,
        /// The user id it belongs to.
        owner: u32,
    },
    /// The key's file holds something else.
    #[error("{} does not hold a key of 32 bytes", .0.display())]
    NotASecret(PathBuf),
    /// The entry was not made by this user from this module for this engine,
    /// or was changed since.
    #[error("{} is not what was stored", .0.display())]
    Mismatch(PathBuf),
    /// The engine does not take it.
    #[error("{} can't be loaded: {reason}", path.display())]
    Unloadable {
        /// The entry.
        path: PathBuf,
        /// What the engine said.
        reason: String,
    },
    /// Reading or writing failed.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl CacheError {
    fn io(path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io {
            path: path.to_owned(),
            source: source.into(),
        }
    }
}

/// What an entry is about.
pub(super) struct Key {
    module: [u8; 32],
    engine: [u8; 32],
}

impl Key {
    /// The module with this digest, compiled by this engine.
    pub(super) fn new(module: &Digest, engine: &Engine) -> Self {
        let mut bytes = [0; 32];
        // SHA-256 in this place; another function would make other bytes.
        for (byte, from) in bytes.iter_mut().zip(module.as_bytes()) {
            *byte = *from;
        }
        Self {
            module: bytes,
            engine: engine::identity(engine),
        }
    }

    /// The part of the name that other engines and versions do not share.
    fn suffix(&self) -> String {
        let engine = blake3::Hash::from_bytes(self.engine).to_hex();
        format!("-{}.cwasm", &engine[..16])
    }

    fn file_name(&self) -> String {
        let module = blake3::Hash::from_bytes(self.module).to_hex();
        format!("{module}{}", self.suffix())
    }

    fn header(&self, length: u64) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(MAGIC);
        header[8..40].copy_from_slice(&self.module);
        header[40..72].copy_from_slice(&self.engine);
        header[72..].copy_from_slice(&length.to_le_bytes());
        header
    }
}

/// A cache that was found to be this user's alone.
pub(super) struct Store {
    path: PathBuf,
    directory: OwnedFd,
    part_key: [u8; 32],
    whole_key: [u8; 32],
}

impl Store {
    /// Loads an entry. There may be none; one that is not right is removed.
    pub(super) fn load(&self, engine: &Engine, key: &Key) -> Result<Option<Module>, CacheError> {
        let name = key.file_name();
        let path = self.path.join(&name);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match openat(&self.directory, &name, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => Err(CacheError::Mismatch(path)),
            Err(errno) => Err(CacheError::io(&path, errno)),
            Ok(file) => self.checked(File::from(file), key, path),
        };
        let loaded = file.and_then(|(file, path)| {
            load_checked(engine, file).map_err(|error| CacheError::Unloadable {
                path,
                reason: format!("{error:#}"),
            })
        });
        if loaded.is_err() {
            // Removed, so that nobody stumbles over it again; compiling puts
            // a new one in its place in any case.
            let _ = unlinkat(&self.directory, &name, rustix::fs::AtFlags::empty());
        }
        loaded.map(Some)
    }

    /// The file itself, once it was shown to be what was stored.
    fn checked(&self, file: File, key: &Key, path: PathBuf) -> Result<(File, PathBuf), CacheError> {
        only_ours(&file, &path)?;
        let size = match file.metadata() {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            Ok(_) => return Err(CacheError::Mismatch(path)),
            Err(source) => return Err(CacheError::io(&path, source)),
        };
        let mut trailer = [0; TRAILER];
        let Some(length) = size.checked_sub(TRAILER as u64) else {
            return Err(CacheError::Mismatch(path));
        };
        let mac = file
            .read_exact_at(&mut trailer, length)
            .and_then(|()| self.mac(&file, &key.header(length), length))
            .map_err(|source| CacheError::io(&path, source))?;
        let (header, stored) = trailer.split_at(HEADER);
        // `blake3::Hash` compares in constant time.
        let genuine = blake3::Hash::from_slice(stored).is_ok_and(|stored| stored == mac);
        if header != key.header(length) || !genuine {
            return Err(CacheError::Mismatch(path));
        }
        Ok((file, path))
    }

    /// Stores compiled code: whole, or not at all.
    pub(super) fn keep(&self, key: &Key, code: &[u8]) -> Result<(), CacheError> {
        let failed = |source| CacheError::io(&self.path, source);
        let length = code.len() as u64;
        let header = key.header(length);
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
            .tempfile_in(&self.path)
            .map_err(failed)?;
        file.write_all(code).map_err(failed)?;
        let mac = self.mac(file.as_file(), &header, length).map_err(failed)?;
        file.write_all(&header).map_err(failed)?;
        file.write_all(mac.as_bytes()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        let path = self.path.join(key.file_name());
        file.persist(&path)
            .map_err(|error| CacheError::io(&path, error.error))?;
        self.prune(key);
        Ok(())
    }

    /// Removes what no start will use again: entries of other engines and
    /// versions, the oldest of too many, and what dead processes left. An
    /// entry that can't be removed is only in the way, so errors are ignored.
    fn prune(&self, key: &Key) {
        let suffix = key.suffix();
        let mut current = Vec::new();
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            let age = entry
                .metadata()
                .and_then(|metadata| metadata.modified())
                .map(|time| SystemTime::now().duration_since(time).unwrap_or_default())
                .unwrap_or_default();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(".new-") {
                if age.as_secs() > STALE {
                    let _ = fs::remove_file(entry.path());
                }
            } else if name.ends_with(&suffix) {
                current.push((age, entry.path()));
            } else if name.ends_with(".cwasm") {
                let _ = fs::remove_file(entry.path());
            }
        }
        current.sort();
        for (_, path) in current.iter().skip(MOST) {
            let _ = fs::remove_file(path);
        }
    }

    /// The code over a header and the first `length` bytes of a file. Parts
    /// are hashed by several threads, then their hashes with the header. What
    /// is read never lies in memory as a whole.
    fn mac(&self, file: &File, header: &[u8], length: u64) -> io::Result<blake3::Hash> {
        let parts = length.div_ceil(PART);
        let threads = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(THREADS) as u64;
        let share = parts.div_ceil(threads).max(1);
        let hashes = thread::scope(|scope| {
            let shares: Vec<_> = (0..parts)
                .step_by(share as usize)
                .map(|first| {
                    let last = (first + share).min(parts);
                    scope.spawn(move || self.hash_parts(file, first..last, length))
                })
                .collect();
            shares
                .into_iter()
                .map(|share| {
                    share
                        .join()
                        .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
                })
                .collect::<io::Result<Vec<_>>>()
        })?;
        let mut whole = blake3::Hasher::new_keyed(&self.whole_key);
        whole.update(header);
        for hash in hashes.iter().flatten() {
            whole.update(hash.as_bytes());
        }
        Ok(whole.finalize())
    }

    fn hash_parts(
        &self,
        file: &File,
        parts: std::ops::Range<u64>,
        length: u64,
    ) -> io::Result<Vec<blake3::Hash>> {
        let mut buffer = vec![0; 256 << 10];
        parts
            .map(|part| {
                let mut hasher = blake3::Hasher::new_keyed(&self.part_key);
                let (mut at, end) = (part * PART, length.min((part + 1) * PART));
                while at < end {
                    let size = (buffer.len() as u64).min(end - at) as usize;
                    file.read_exact_at(&mut buffer[..size], at)?;
                    hasher.update(&buffer[..size]);
                    at += size as u64;
                }
                Ok(hasher.finalize())
            })
            .collect()
    }
}

/// Maps compiled code into memory.
#[allow(unsafe_code)]
fn load_checked(engine: &Engine, file: File) -> wasmtime::Result<Module> {
    // SAFETY: the engine asks for a file that it wrote itself and that does
    // not change while it is mapped. `Store::checked` has read this very file
    // and found the MAC that only this user's secret makes, over code that
    // `Store::keep` got from the engine with the same identity. Only this
    // user can write to the file, entries are replaced by renaming and never
    // written in place, and removing one leaves the mapping alone.
    unsafe { Module::deserialize_open_file(engine, file) }
}

fn create_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Refuses what others own or may use.
fn only_ours(file: impl AsFd, path: &Path) -> Result<(), CacheError> {
    let stat = fstat(file).map_err(|errno| CacheError::io(path, errno))?;
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        return Err(CacheError::NotOurs {
            path: path.to_owned(),
            owner: stat.st_uid,
        });
    }
    // The type of `st_mode` differs between systems.
    let mode = Mode::from_raw_mode(stat.st_mode).bits() as u32;
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(CacheError::NotPrivate {
            path: path.to_owned(),
            mode: mode & 0o7777,
        }),
    }
}

/// The secret, which is made if there is none. Of several that make one at
/// the same time the first wins, and all use that one.
fn read_secret(path: &Path) -> Result<[u8; 32], CacheError> {
    let failed = |source| CacheError::io(path, source);
    loop {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match open(path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => {
                make_secret(path).map_err(failed)?;
                continue;
            }
            Err(Errno::LOOP) => return Err(CacheError::NotASecret(path.to_owned())),
            Err(errno) => return Err(failed(errno.into())),
        };
        only_ours(&file, path)?;
        let mut secret = [0; 32];
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() || metadata.len() != secret.len() as u64 {
            return Err(CacheError::NotASecret(path.to_owned()));
        }
        file.read_exact_at(&mut secret, 0).map_err(failed)?;
        return Ok(secret);
    }
}

fn make_secret(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    create_directory(directory)?;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(&secret)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}
