//! Where else content is, as podman, skopeo, buildah and CRI-O are told:
//! `registries.conf`, version 2, and its drop-in folders (containers-registries.conf(5)
//! and containers-registries.conf.d(5)).
//!
//! The files are not prov's own, so keys that it does not know are left alone: short
//! names, and what version 1 has. A file that is broken is an error, for it may block
//! something.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use super::reference::is_loopback;
use super::{Name, OciError, Place, Reference, Repository};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// The most files in one drop-in folder.
const MAX_FILES: usize = 256;
/// The most `[[registry]]` tables of all files together.
const MAX_REGISTRIES: usize = 4096;
/// The most mirrors of one of them, for each may be asked for everything.
const MAX_MIRRORS: usize = 16;

/// All `[[registry]]` tables, each prefix once.
#[derive(Debug, Default)]
pub struct Registries(Vec<Entry>);

/// Where a repository is read.
#[derive(Debug, PartialEq)]
pub struct Places {
    /// The mirrors that are asked for such a name, in their order.
    pub mirrors: Vec<Mirror>,
    /// Those that may not be asked, and why not.
    pub refused: Vec<String>,
    /// The repository itself, which is asked last.
    pub origin: Repository,
    /// Where it is said that the repository itself must not be asked.
    pub blocked: Option<Blocked>,
}

/// A mirror of one repository.
#[derive(Debug, PartialEq)]
pub struct Mirror {
    /// Where it is.
    pub repository: Repository,
    /// Whether it is believed what a tag means.
    pub tags: bool,
}

/// What is blocked, and by which table.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocked {
    /// The table's prefix.
    pub name: String,
    /// The file that it stands in.
    pub path: PathBuf,
    /// The line of the file.
    pub line: usize,
}

impl From<Blocked> for OciError {
    fn from(Blocked { name, path, line }: Blocked) -> Self {
        OciError::Blocked { name, path, line }
    }
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    registry: Vec<Spanned<RegistryTable>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RegistryTable {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    mirror_by_digest_only: bool,
    #[serde(default)]
    mirror: Vec<Spanned<MirrorTable>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct MirrorTable {
    #[serde(default)]
    location: String,
    #[serde(default)]
    insecure: bool,
    pull_from_mirror: Option<Pull>,
}

/// For which names a mirror is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Pull {
    #[default]
    #[serde(alias = "")]
    All,
    DigestOnly,
    TagOnly,
}

#[derive(Debug)]
struct Entry {
    prefix: String,
    location: String,
    insecure: bool,
    blocked: bool,
    mirrors: Vec<MirrorEntry>,
    path: Arc<Path>,
    line: usize,
}

#[derive(Debug)]
struct MirrorEntry {
    location: String,
    insecure: bool,
    pull: Pull,
}

impl Registries {
    /// What this machine and this user are told.
    pub fn configured() -> Result<Self, OciError> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let named = variable("CONTAINERS_REGISTRIES_CONF").map(PathBuf::from);
        let home = variable("HOME").map(PathBuf::from);
        Self::read(named.as_deref(), home.as_deref(), Path::new("/etc"))
    }

    /// The file that is named, else the user's, else the system's; then the files in the
    /// drop-in folders. Beside a user's own file the system's folder does not count.
    fn read(named: Option<&Path>, home: Option<&Path>, system: &Path) -> Result<Self, OciError> {
        let system = system.join("containers");
        let user = home.map(|home| home.join(".config/containers"));
        let file = |folder: &Path| folder.join("registries.conf");
        let own = user.as_deref().map(file).filter(|path| path.exists());
        let mut all = Self::default();
        match (named, &own) {
            (Some(path), _) if !path.exists() => return Err(refused(path, 0, "it is not there")),
            (Some(path), _) => all.add(path)?,
            (None, Some(path)) => all.add(path)?,
            (None, None) => all.add(&file(&system))?,
        }
        let folders = [
            Some(&system).filter(|_| named.is_some() || own.is_none()),
            user.as_ref(),
        ];
        for folder in folders.into_iter().flatten() {
            for path in drop_ins(&folder.join("registries.conf.d"))? {
                all.add(&path)?;
            }
        }
        Ok(all)
    }

    /// What one file says; `path` is for errors, and nothing is read there.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, OciError> {
        let mut entries: Vec<Entry> = Vec::new();
        for entry in parse(path, bytes)? {
            if !entries.iter().any(|other| other.prefix == entry.prefix) {
                entries.push(entry);
            }
        }
        Ok(Self(entries))
    }

    /// Adds the tables of a file; of those with the same prefix, a later file's counts,
    /// and in one file the first.
    fn add(&mut self, path: &Path) -> Result<(), OciError> {
        let Some(bytes) = super::layout::read(path, MAX_FILE)? else {
            return Ok(());
        };
        let Self(mut entries) = Self::parse(path, &bytes)?;
        let replaced = |old: &Entry| entries.iter().any(|entry| entry.prefix == old.prefix);
        self.0.retain(|old| !replaced(old));
        self.0.append(&mut entries);
        few_enough(&self.0)
    }

    /// The table with the longest prefix that `name` has.
    fn find(&self, name: &str) -> Option<&Entry> {
        self.0
            .iter()
            .filter(|entry| after(name, &entry.prefix).is_some())
            // Of two that are as long the others take the one with `*`, too.
            .max_by_key(|entry| (entry.prefix.len(), entry.prefix.starts_with('*')))
    }

    /// Where `name` of `repository` is read; None where nothing else is said than that
    /// it is where it is.
    pub fn places(&self, repository: &Repository, name: &Name) -> Result<Option<Places>, OciError> {
        let inside = text(repository);
        let Some(entry) = self.find(&whole(repository, name)) else {
            return Ok(None);
        };
        let Some(rest) = after(&inside, &entry.prefix) else {
            return Err(match entry.blocked {
                true => entry.block().into(),
                false => refused(&entry.path, entry.line, "prov follows no prefix with a tag"),
            });
        };
        let mut places = Places {
            mirrors: Vec::new(),
            refused: Vec::new(),
            origin: repository.clone(),
            blocked: entry.blocked.then(|| entry.block()),
        };
        if entry.location.is_empty() || entry.location == entry.prefix {
            if entry.insecure && !repository.plain {
                tracing::info!("{inside} is `insecure`, but is spoken with by TLS alone");
            }
        } else {
            places.origin = moved(&entry.location, rest, entry.insecure)
                .map_err(|why| refused(&entry.path, entry.line, why))?;
            // A table of its own may block the place that it is at.
            if let Some(other) = self.find(&text(&places.origin)).filter(|it| it.blocked) {
                places.blocked = Some(other.block());
            }
        }
        let by_tag = matches!(name, Name::Tag(_));
        for mirror in &entry.mirrors {
            let unwanted = match by_tag {
                true => Pull::DigestOnly,
                false => Pull::TagOnly,
            };
            if mirror.pull == unwanted {
                continue;
            }
            let found = moved(&mirror.location, rest, mirror.insecure).and_then(|repository| {
                match self.find(&text(&repository)).filter(|it| it.blocked) {
                    Some(_) => Err("it is blocked"),
                    None => Ok(repository),
                }
            });
            match found {
                Ok(repository) => places.mirrors.push(Mirror {
                    repository,
                    tags: mirror.pull != Pull::DigestOnly,
                }),
                Err(why) => places.refused.push(format!("{}: {why}", mirror.location)),
            }
        }
        tracing::info!(
            "`{}` line {} is about {inside}: {} mirrors for it, {} of them refused",
            entry.path.display(),
            entry.line,
            places.mirrors.len() + places.refused.len(),
            places.refused.len()
        );
        Ok(Some(places))
    }

    /// An error when `repository` is blocked. Nothing else is said of writing: it goes to
    /// where it was meant to go.
    pub fn may_write(&self, repository: &Repository, name: &Name) -> Result<(), OciError> {
        match self.find(&whole(repository, name)) {
            Some(entry) if entry.blocked => Err(entry.block().into()),
            _ => Ok(()),
        }
    }
}

impl Entry {
    fn block(&self) -> Blocked {
        Blocked {
            name: self.prefix.clone(),
            path: self.path.to_path_buf(),
            line: self.line,
        }
    }
}

/// The files of a drop-in folder in the order of their names; none where there is no folder.
fn drop_ins(folder: &Path) -> Result<Vec<PathBuf>, OciError> {
    let unreadable = |source| OciError::File {
        path: folder.to_owned(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|ending| ending == "conf") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    match files.len() > MAX_FILES {
        true => Err(OciError::TooMany {
            what: "files in one `registries.conf.d`",
            limit: MAX_FILES,
        }),
        false => Ok(files),
    }
}

fn few_enough<T>(registries: &[T]) -> Result<(), OciError> {
    match registries.len() > MAX_REGISTRIES {
        true => Err(OciError::TooMany {
            what: "registries in all `registries.conf`",
            limit: MAX_REGISTRIES,
        }),
        false => Ok(()),
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<Entry>, OciError> {
    let ends: Vec<usize> = memchr::memchr_iter(b'\n', bytes).collect();
    let line_of = |at: usize| 1 + ends.partition_point(|end| *end < at);
    let text = std::str::from_utf8(bytes)
        .map_err(|error| refused(path, line_of(error.valid_up_to()), "it is no UTF-8"))?;
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(0, |span| line_of(span.start));
        refused(path, line, error.message())
    })?;
    few_enough(&file.registry)?;
    let shared: Arc<Path> = path.into();
    let mut entries = Vec::new();
    for table in file.registry {
        let line = line_of(table.span().start);
        let table = table.into_inner();
        let location = place(&table.location).map_err(|why| refused(path, line, why))?;
        let prefix = place(&table.prefix).map_err(|why| refused(path, line, why))?;
        let wildcard = prefix.starts_with("*.");
        let why = match (prefix.is_empty(), location.is_empty()) {
            (true, true) => Some("a registry without `location` and `prefix`"),
            (false, true) if !wildcard => Some("a registry without `location`"),
            _ if wildcard && prefix.contains(['/', '@', ':']) => {
                Some("after `*.` there is a host and nothing else")
            }
            _ if table.mirror.len() > MAX_MIRRORS => Some("more than 16 mirrors of one registry"),
            _ => None,
        };
        if let Some(why) = why {
            return Err(refused(path, line, why));
        }
        let mut mirrors = Vec::new();
        for mirror in table.mirror {
            let line = line_of(mirror.span().start);
            let mirror = mirror.into_inner();
            let location = place(&mirror.location).map_err(|why| refused(path, line, why))?;
            let pull = match (table.mirror_by_digest_only, mirror.pull_from_mirror) {
                (true, None) => Pull::DigestOnly,
                (false, pull) => pull.unwrap_or_default(),
                (true, Some(_)) => {
                    let why = "`pull-from-mirror` beside `mirror-by-digest-only`";
                    return Err(refused(path, line, why));
                }
            };
            if location.is_empty() {
                return Err(refused(path, line, "a mirror without `location`"));
            }
            mirrors.push(MirrorEntry {
                location,
                insecure: mirror.insecure,
                pull,
            });
        }
        entries.push(Entry {
            prefix: match prefix.is_empty() {
                true => location.clone(),
                false => prefix,
            },
            location,
            insecure: table.insecure,
            blocked: table.blocked,
            mirrors,
            path: Arc::clone(&shared),
            line,
        });
    }
    Ok(entries)
}

/// `HOST[:PORT][/PATH]`, the host in small letters. What is refused is not repeated: it
/// may hold a password.
fn place(text: &str) -> Result<String, &'static str> {
    let text = text.trim_end_matches('/');
    if text.contains("://") {
        return Err("a place in it has a scheme, wanted `HOST[:PORT][/PATH]`");
    }
    let host = text.find('/').unwrap_or(text.len());
    if text[..host].contains('@') {
        return Err("a place in it has a user, wanted `HOST[:PORT][/PATH]`");
    }
    Ok(text[..host].to_ascii_lowercase() + &text[host..])
}

/// The repository as prefixes name it: Docker Hub has one name there.
fn text(repository: &Repository) -> String {
    let host = match repository.host.to_ascii_lowercase().as_str() {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        host => host.to_owned(),
    };
    format!("{host}/{}", repository.path)
}

/// The same, with the tag or the digest.
fn whole(repository: &Repository, name: &Name) -> String {
    let inside = text(repository);
    match name {
        Name::Tag(tag) => format!("{inside}:{tag}"),
        Name::Digest(digest) => format!("{inside}@{digest}"),
    }
}

/// What comes after `prefix` in `name`, if it has that prefix: whole words, and with
/// `*.` every host below that one, on any port.
fn after<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    if let Some(domain) = prefix.strip_prefix('*') {
        let (host, _) = name.split_once('/')?;
        let below = match host.rsplit_once(':') {
            Some((below, _)) => below,
            None => host,
        };
        return below.ends_with(domain).then(|| &name[host.len()..]);
    }
    let rest = name.strip_prefix(prefix)?;
    // After a host, `:` begins a port, which is another registry.
    let has_path = prefix.contains('/');
    let fits =
        rest.is_empty() || rest.starts_with('/') || (has_path && rest.starts_with([':', '@']));
    fits.then_some(rest)
}

/// The repository at `location`, in the place of a prefix that `rest` came after.
fn moved(location: &str, rest: &str, insecure: bool) -> Result<Repository, &'static str> {
    let reference: Result<Reference, _> = format!("https://{location}{rest}").parse();
    let mut repository = match reference {
        Ok(Reference {
            place: Place::Registry(repository),
            implied: true,
            ..
        }) => repository,
        _ => return Err("there is no such repository"),
    };
    match (insecure, is_loopback(&repository.host)) {
        (true, false) => Err(
            "it is `insecure`, but plain http is spoken with this machine alone, \
             and certificates are always checked",
        ),
        (insecure, _) => {
            repository.plain = insecure;
            Ok(repository)
        }
    }
}

fn refused(path: &Path, line: usize, why: impl Into<String>) -> OciError {
    OciError::Registries {
        path: path.to_owned(),
        line,
        why: why.into(),
    }
}

#[cfg(test)]
#[path = "registries_tests.rs"]
mod tests;
