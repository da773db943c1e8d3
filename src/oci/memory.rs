//! A store in memory, for tests and for what is only passed on.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt as _;

use crate::artifact::Digest;

use super::blob::Content;
use super::{Answer, Blob, Descriptor, Manifest, Name, OciError, Progress, Store};

/// A store in memory.
#[derive(Debug, Default)]
pub struct Memory {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    blobs: HashMap<Digest, Bytes>,
    manifests: HashMap<Digest, Manifest>,
    tags: HashMap<String, Digest>,
}

impl Memory {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, name: &Name) -> Option<Manifest> {
        let held = self.held();
        let digest = match name {
            Name::Digest(digest) => digest,
            Name::Tag(tag) => held.tags.get(tag)?,
        };
        held.manifests.get(digest).cloned()
    }
}

impl Store for Memory {
    fn manifest<'a>(&'a self, name: &'a Name) -> Answer<'a, Manifest> {
        let found = self.find(name).ok_or_else(|| OciError::NotFound {
            what: name.to_string(),
        });
        async { found }.boxed()
    }

    fn blob<'a>(&'a self, descriptor: &'a Descriptor) -> Answer<'a, Blob> {
        let found = self.held().blobs.get(&descriptor.digest).cloned();
        async move {
            let bytes = found.ok_or_else(|| OciError::NotFound {
                what: descriptor.digest.to_string(),
            })?;
            Content::Bytes(&bytes)
                .open(descriptor, &Progress::default())
                .await
        }
        .boxed()
    }

    fn put_blob<'a>(
        &'a self,
        descriptor: &'a Descriptor,
        content: Content<'a>,
    ) -> Answer<'a, bool> {
        async move {
            let bytes = content
                .open(descriptor, &Progress::default())
                .await?
                .read(u64::MAX)
                .await?;
            let before = self.held().blobs.insert(descriptor.digest.clone(), bytes);
            Ok(before.is_none())
        }
        .boxed()
    }

    fn put_manifest<'a>(&'a self, manifest: &'a Manifest, tag: Option<&'a str>) -> Answer<'a, ()> {
        async move {
            let mut held = self.held();
            let digest = manifest.digest().clone();
            if let Some(tag) = tag {
                held.tags.insert(tag.to_owned(), digest.clone());
            }
            held.manifests.insert(digest, manifest.clone());
            Ok(())
        }
        .boxed()
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
        async move {
            let held = self.held();
            let mut found: Vec<_> = held
                .manifests
                .values()
                .filter(|manifest| {
                    manifest
                        .subject
                        .as_ref()
                        .is_some_and(|s| s.digest == *subject)
                })
                .map(Manifest::referrer)
                .collect();
            found.sort_by(|a, b| a.digest.cmp(&b.digest));
            Ok(found)
        }
        .boxed()
    }

    fn list<'a>(&'a self, _: &'a Digest, _: &'a [Descriptor]) -> Answer<'a, ()> {
        async { Ok(()) }.boxed()
    }
}
