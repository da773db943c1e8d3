//! An OCI image layout on disk (image specification 1.1, `image-layout.md`).
//!
//! Content lies under its digest and is written whole or not at all. `index.json`
//! has tags and referrers; whoever changes it holds a lock on `oci-layout`, a file
//! that is never replaced. Referrers are read in both forms that are found: as
//! entries of their own (oras) and in an index tagged `sha256-<hex>` (regctl).

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::FutureExt as _;
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::artifact::Digest;

use super::blob::{Content, file_chunks};
use super::fallback;
use super::{
    Answer, Blob, Descriptor, IMAGE_INDEX, MAX_MANIFEST, Manifest, Name, OciError, Progress, Store,
};

/// Annotation of an entry of `index.json`: its tag.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// How the names of files that are being written start.
const TEMPORARY: &str = ".tmp";
/// What is written into `oci-layout`.
const VERSION: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;
/// The most entries of `index.json` whose manifests are read to find referrers.
pub(super) const MAX_ENTRIES: usize = 4096;

/// An image layout; made when something is put into it.
#[derive(Clone, Debug)]
pub struct Layout {
    folder: PathBuf,
    progress: Progress,
}

impl Layout {
    /// The layout in `folder`. Nothing is read or made yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            progress: Progress::default(),
        }
    }

    /// The same, whose transfers move `progress` on.
    pub fn counted_by(mut self, progress: &Progress) -> Self {
        self.progress = progress.clone();
        self
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.folder
            .join("blobs")
            .join(digest.algorithm().name())
            .join(digest.hex())
    }

    fn marker(&self) -> PathBuf {
        self.folder.join("oci-layout")
    }

    /// Makes the folder a layout, or sees that it is one.
    fn create(&self) -> Result<(), OciError> {
        let marker = self.marker();
        if !marker.exists() {
            // Another process may be making it just now: its temporary file is no
            // stranger, and whoever comes second takes what is there.
            let stranger = |entry: fs::DirEntry| {
                let name = entry.file_name();
                !name.to_string_lossy().starts_with(TEMPORARY) && name != "oci-layout"
            };
            let occupied = fs::read_dir(&self.folder)
                .is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(stranger)));
            if occupied && !marker.exists() && !self.folder.join("blobs").exists() {
                return Err(self.refuse("it holds other files and no `oci-layout`"));
            }
            let failed = |error| broken(&marker, error);
            fs::create_dir_all(&self.folder).map_err(|error| broken(&self.folder, error))?;
            let mut file = temporary(&self.folder).map_err(failed)?;
            file.write_all(VERSION.as_bytes()).map_err(failed)?;
            file.as_file().sync_all().map_err(failed)?;
            match file.persist_noclobber(&marker) {
                Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(failed(error.error));
                }
                _ => {}
            }
        }
        self.check()
    }

    fn check(&self) -> Result<(), OciError> {
        let marker = self.marker();
        let bytes = read(&marker, 4096)?.ok_or_else(|| match self.folder.is_dir() {
            true => self.refuse("there is no `oci-layout` in it"),
            false => OciError::NotFound {
                what: format!("the folder `{}`", self.folder.display()),
            },
        })?;
        let version = crate::json::parse(&bytes, 4096).ok();
        match version
            .as_ref()
            .and_then(|v| v["imageLayoutVersion"].as_str())
        {
            Some(version) if version.starts_with("1.") => Ok(()),
            _ => Err(self.refuse("its `oci-layout` is none of version 1")),
        }
    }

    pub(super) fn refuse(&self, why: impl Into<String>) -> OciError {
        OciError::Layout {
            path: self.folder.clone(),
            why: why.into(),
        }
    }

    /// `index.json` as it is. A layout without one is empty.
    fn index(&self) -> Result<Value, OciError> {
        self.check()?;
        let path = self.folder.join("index.json");
        let Some(bytes) = read(&path, MAX_MANIFEST as u64)? else {
            return Ok(json!({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": []}));
        };
        // Read strictly first; changed as it stands, to keep what prov does not know.
        Manifest::parse(bytes.clone().into(), Some(IMAGE_INDEX))?;
        crate::json::parse(&bytes, MAX_MANIFEST).map_err(|source| OciError::Json {
            what: "index.json".to_owned(),
            source,
        })
    }

    pub(super) fn entries(&self) -> Result<Vec<Descriptor>, OciError> {
        entries_of(&self.index()?)
    }

    /// Changes the entries of `index.json`; nobody else does meanwhile.
    fn change(&self, change: impl FnOnce(&mut Vec<Descriptor>)) -> Result<(), OciError> {
        self.create()?;
        let marker = self.marker();
        let lock = File::open(&marker).map_err(|error| broken(&marker, error))?;
        lock.lock().map_err(|error| broken(&marker, error))?;
        let mut index = self.index()?;
        let mut entries = entries_of(&index)?;
        let before = entries.clone();
        change(&mut entries);
        if entries == before && self.folder.join("index.json").exists() {
            return Ok(());
        }
        index["manifests"] = json!(entries);
        write(
            &self.folder.join("index.json"),
            index.to_string().as_bytes(),
        )
    }

    pub(super) fn read_manifest(
        &self,
        digest: &Digest,
        stated: Option<&str>,
    ) -> Result<Manifest, OciError> {
        let bytes = read(&self.blob_path(digest), MAX_MANIFEST as u64)?.ok_or_else(|| {
            OciError::NotFound {
                what: digest.to_string(),
            }
        })?;
        let seen = Digest::sha256(&bytes);
        if seen != *digest {
            return Err(OciError::OtherDigest {
                what: digest.clone(),
                seen,
            });
        }
        Manifest::parse(bytes.into(), stated)
    }

    fn find(&self, name: &Name) -> Result<Manifest, OciError> {
        match name {
            Name::Digest(digest) => {
                self.check()?;
                self.read_manifest(digest, None)
            }
            Name::Tag(tag) => {
                let mut entries = self
                    .entries()?
                    .into_iter()
                    .filter(|entry| has_tag(entry, tag));
                let entry = entries.next().ok_or_else(|| OciError::NotFound {
                    what: format!("`{tag}` in `{}`", self.folder.display()),
                })?;
                if entries.any(|other| other.digest != entry.digest) {
                    return Err(self.refuse(format!("the tag `{tag}` stands twice in index.json")));
                }
                self.read_manifest(&entry.digest, Some(&entry.media_type))
            }
        }
    }

    fn find_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, OciError> {
        let entries = self.entries()?;
        if entries.len() > MAX_ENTRIES {
            return Err(OciError::TooMany {
                what: "entries of index.json",
                limit: MAX_ENTRIES,
            });
        }
        let tag = fallback::tag(subject);
        let mut found: Vec<Descriptor> = Vec::new();
        for entry in entries {
            if !entry.is_manifest() {
                continue;
            }
            let manifest = self.read_manifest(&entry.digest, Some(&entry.media_type))?;
            if has_tag(&entry, &tag) {
                found.extend(fallback::entries(&manifest, subject)?);
            } else if manifest
                .subject
                .as_ref()
                .is_some_and(|s| s.digest == *subject)
            {
                found.push(manifest.referrer());
            }
        }
        fallback::each_once(found)
    }

    async fn keep(&self, descriptor: &Descriptor, content: Content<'_>) -> Result<bool, OciError> {
        self.create()?;
        let path = self.blob_path(&descriptor.digest);
        if fs::metadata(&path).is_ok_and(|there| there.is_file() && there.len() == descriptor.size)
        {
            // Whether it is whole, every reader sees by its digest.
            return Ok(false);
        }
        let folder = path.parent().unwrap_or(&self.folder);
        let failed = |error| broken(&path, error);
        fs::create_dir_all(folder).map_err(failed)?;
        let mut file = temporary(folder).map_err(failed)?;
        let mut blob = content.open(descriptor, &self.progress).await?;
        while let Some(chunk) = blob.next().await {
            file.write_all(&chunk?).map_err(failed)?;
        }
        persist(file, &path).map_err(failed)?;
        Ok(true)
    }
}

fn has_tag(entry: &Descriptor, tag: &str) -> bool {
    entry
        .annotations
        .get(REF_NAME)
        .is_some_and(|name| name == tag)
}

fn entries_of(index: &Value) -> Result<Vec<Descriptor>, OciError> {
    Vec::deserialize(&index["manifests"]).map_err(|error| OciError::Manifest(error.to_string()))
}

fn broken(path: &Path, source: io::Error) -> OciError {
    OciError::File {
        path: path.to_owned(),
        source,
    }
}

/// A file of at most `limit` bytes; None when there is none.
pub(super) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, OciError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(broken(path, error)),
    };
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| broken(path, error))?;
    match bytes.len() as u64 > limit {
        true => Err(OciError::TooLarge {
            what: format!("`{}`", path.display()),
            limit,
        }),
        false => Ok(Some(bytes)),
    }
}

/// Writes a whole file or none.
fn write(path: &Path, bytes: &[u8]) -> Result<(), OciError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let failed = |error| broken(path, error);
    let mut file = temporary(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    persist(file, path).map_err(failed)
}

fn temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt as _;
    tempfile::Builder::new()
        .prefix(TEMPORARY)
        .permissions(fs::Permissions::from_mode(0o666)) // less what the umask takes away
        .tempfile_in(folder)
}

fn persist(file: tempfile::NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The rename is durable once the folder is; not every system can sync one.
    if let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
    Ok(())
}

impl Store for Layout {
    fn manifest<'a>(&'a self, name: &'a Name) -> Answer<'a, Manifest> {
        async { self.find(name) }.boxed()
    }

    fn blob<'a>(&'a self, descriptor: &'a Descriptor) -> Answer<'a, Blob> {
        async move {
            self.check()?;
            let path = self.blob_path(&descriptor.digest);
            match file_chunks(&path) {
                Ok(chunks) => Ok(Blob::new(descriptor, chunks).counted_by(&self.progress)),
                Err(OciError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                    Err(OciError::NotFound {
                        what: descriptor.digest.to_string(),
                    })
                }
                Err(error) => Err(error),
            }
        }
        .boxed()
    }

    fn put_blob<'a>(
        &'a self,
        descriptor: &'a Descriptor,
        content: Content<'a>,
    ) -> Answer<'a, bool> {
        self.keep(descriptor, content).boxed()
    }

    fn put_manifest<'a>(&'a self, manifest: &'a Manifest, tag: Option<&'a str>) -> Answer<'a, ()> {
        async move {
            let bytes: &Bytes = manifest.bytes();
            let descriptor = manifest.descriptor();
            self.keep(&descriptor, Content::Bytes(bytes)).await?;
            let Some(tag) = tag else {
                return Ok(());
            };
            self.change(|entries| {
                entries.retain(|entry| !has_tag(entry, tag));
                let mut entry = manifest.referrer();
                entry.annotations.clear();
                entries.push(entry.with_annotation(REF_NAME, tag));
            })
        }
        .boxed()
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
        async { self.find_referrers(subject) }.boxed()
    }

    fn list<'a>(&'a self, _: &'a Digest, referrers: &'a [Descriptor]) -> Answer<'a, ()> {
        async move {
            self.change(|entries| {
                for referrer in referrers {
                    if !entries.iter().any(|entry| entry.digest == referrer.digest) {
                        entries.push(referrer.clone());
                    }
                }
            })
        }
        .boxed()
    }
}
