//! Registries and image layouts: carrying artifacts and the evidence about them.
//!
//! Follows the OCI distribution specification 1.1 and the image specification 1.1.
//! A [`Store`] is a registry's repository, a layout on disk or memory; the rest of
//! this floor does not ask which. Nothing that a store says is believed: whatever is
//! read is held against its digest, a referrer's own manifest must name its subject,
//! and only a definite answer counts as "not there".

mod attach;
mod auth;
mod blob;
mod copy;
mod credentials;
mod download;
mod error;
mod fallback;
mod layout;
mod listing;
mod manifest;
mod memory;
mod mirror;
mod package;
mod pointer;
mod progress;
mod proxy;
mod reference;
pub mod registries;
mod registry;
mod snapshot;
mod tls;
mod transport;
mod upload;
mod wasm;

use std::sync::OnceLock;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::artifact::Digest;

pub use attach::{
    Attached, Bundles, PREDICATE_TYPE, Referrer, UnreadBundle, attach, bundles, is_buildkit,
    referrer, referrers,
};
pub use blob::{Blob, Content};
pub use copy::{Copied, copy};
pub use error::OciError;
pub use layout::Layout;
pub use manifest::*;
pub use memory::Memory;
pub use package::{FILE_TYPE, PackError, Packed, pack, pack_hashed, push};
pub use progress::Progress;
pub use reference::{Name, Place, Reference, Repository};
pub use registry::Registry;
pub use snapshot::{Snapshot, Tagged};
pub use transport::Patience;
pub use wasm::LAYER_TYPE as WASM_TYPE;

use mirror::Mirrored;
use registries::Registries;

/// The most referrers of one subject that are read.
pub const MAX_REFERRERS: usize = 500;

/// What a store does, sooner or later.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, OciError>>;

/// A place that holds content by digest, and names some of it by tags.
pub trait Store: Send + Sync {
    /// The manifest of that name. [`OciError::NotFound`] means that it is definitely
    /// not there.
    fn manifest<'a>(&'a self, name: &'a Name) -> Answer<'a, Manifest>;

    /// Content that is no manifest.
    fn blob<'a>(&'a self, descriptor: &'a Descriptor) -> Answer<'a, Blob>;

    /// Keeps content; true when it was not there before.
    fn put_blob<'a>(&'a self, descriptor: &'a Descriptor, content: Content<'a>)
    -> Answer<'a, bool>;

    /// Keeps a manifest, under its digest or under a tag too. What it consists of is
    /// there already.
    fn put_manifest<'a>(&'a self, manifest: &'a Manifest, tag: Option<&'a str>) -> Answer<'a, ()>;

    /// What claims to refer to `subject`. Each is a claim until its manifest was read.
    fn referrers<'a>(&'a self, subject: &'a Digest) -> Answer<'a, Vec<Descriptor>>;

    /// Sees to it that manifests which are there are listed as referrers of `subject`.
    fn list<'a>(&'a self, subject: &'a Digest, referrers: &'a [Descriptor]) -> Answer<'a, ()>;

    /// The repository of a registry that it is, if it is one.
    fn repository(&self) -> Option<&Repository> {
        None
    }
}

impl Reference {
    /// The store that it names, for reading: with the mirrors that `registries.conf` has
    /// for it. Its transfers move `progress` on. Nothing is asked of it yet.
    pub fn store(
        &self,
        patience: Patience,
        progress: &Progress,
    ) -> Result<Box<dyn Store>, OciError> {
        let Place::Registry(repository) = &self.place else {
            return self.target(patience, progress);
        };
        Ok(
            match Registries::configured()?.places(repository, &self.name)? {
                Some(places) => Box::new(Mirrored::new(&places, patience, progress)?),
                None => Box::new(Registry::new(repository, patience, progress)?),
            },
        )
    }

    /// The store that it names, for writing, and for reading what was written: no mirror
    /// is asked.
    pub fn target(
        &self,
        patience: Patience,
        progress: &Progress,
    ) -> Result<Box<dyn Store>, OciError> {
        Ok(match &self.place {
            Place::Registry(repository) => {
                Registries::configured()?.may_write(repository, &self.name)?;
                Box::new(Registry::new(repository, patience, progress)?)
            }
            Place::Layout(folder) => Box::new(Layout::new(folder).counted_by(progress)),
        })
    }
}

/// Runs `work` to its end on this thread. There is one event loop for all, since
/// connections that are kept belong to the loop that they were opened on.
pub fn wait<T>(work: impl Future<Output = T>) -> Result<T, OciError> {
    static LOOP: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    if let Some(running) = LOOP.get() {
        return Ok(running.block_on(work));
    }
    let made = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| OciError::File {
            path: "the event loop".into(),
            source,
        })?;
    Ok(LOOP.get_or_init(|| made).block_on(work))
}

/// Reads back that the tag, or the digest where there is none, means `root`.
async fn read_back_root(
    store: &dyn Store,
    root: &Manifest,
    tag: Option<&str>,
) -> Result<(), OciError> {
    let name = match tag {
        Some(tag) => Name::Tag(tag.to_owned()),
        None => Name::Digest(root.digest().clone()),
    };
    let seen = store.manifest(&name).await?;
    match seen.digest() == root.digest() {
        true => Ok(()),
        false => Err(OciError::NotReadBack {
            what: root.digest().to_string(),
            why: format!("{name} is {}", seen.digest()),
        }),
    }
}

/// Keeps bytes and gives their descriptor.
pub async fn put_bytes(
    store: &dyn Store,
    media_type: &str,
    bytes: &Bytes,
) -> Result<Descriptor, OciError> {
    let descriptor = Descriptor::of(media_type, bytes);
    store.put_blob(&descriptor, Content::Bytes(bytes)).await?;
    Ok(descriptor)
}
