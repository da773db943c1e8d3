//! Copying with nothing lost: content, platforms, referrers, referrers of referrers,
//! and what older clients keep under tags.

use std::collections::HashSet;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};

use crate::artifact::Digest;

use super::attach::{self, read_back};
use super::blob::Content;
use super::{Descriptor, Manifest, Name, OciError, Parts, Store, fallback, read_back_root};

/// The most manifests that one copy takes along.
const MAX_MANIFESTS: usize = 2000;
/// How deep indexes and referrers may stand in each other.
const MAX_DEPTH: usize = 8;
/// How many blobs are on their way at once.
const AT_ONCE: usize = 4;
/// Endings of the tags under which cosign v2 keeps what belongs to a digest.
const TAGGED: &[&str] = &["sig", "att", "sbom"];

/// What was copied, and read back.
#[derive(Debug, Default)]
pub struct Copied {
    /// Manifests, with those of referrers.
    pub manifests: usize,
    /// How many of them are referrers.
    pub referrers: usize,
    /// Blobs that were looked at.
    pub blobs: usize,
    /// Blobs that were not there before.
    pub new_blobs: usize,
    /// The size of those, in bytes.
    pub new_bytes: u64,
    /// What is listed as a referrer in the source and is none.
    pub left: Vec<(Digest, OciError)>,
}

/// Copies what `name` means, with all that refers to it, and tags it last: a tag
/// never points at half a copy.
pub async fn copy(
    from: &dyn Store,
    name: &Name,
    to: &dyn Store,
    tag: Option<&str>,
) -> Result<(Manifest, Copied), OciError> {
    let root = from.manifest(name).await?;
    let mut copier = Copier {
        from,
        to,
        seen: HashSet::new(),
        blobs: HashSet::new(),
        copied: Copied::default(),
    };
    copier.manifest(&root, 0).await?;
    if let Some(tag) = tag {
        to.put_manifest(&root, Some(tag)).await?;
    }
    read_back_root(to, &root, tag).await?;
    Ok((root, copier.copied))
}

struct Copier<'a> {
    from: &'a dyn Store,
    to: &'a dyn Store,
    seen: HashSet<Digest>,
    blobs: HashSet<Digest>,
    copied: Copied,
}

impl Copier<'_> {
    fn manifest<'b>(
        &'b mut self,
        manifest: &'b Manifest,
        depth: usize,
    ) -> BoxFuture<'b, Result<(), OciError>> {
        async move {
            if !self.seen.insert(manifest.digest().clone()) {
                return Ok(());
            }
            for (count, limit, what) in [
                (self.seen.len(), MAX_MANIFESTS, "manifests in one copy"),
                (depth, MAX_DEPTH, "manifests inside each other"),
            ] {
                if count > limit {
                    return Err(OciError::TooMany { what, limit });
                }
            }
            match &manifest.parts {
                Parts::Index(children) => {
                    for child in children {
                        let child = self.child(child).await?;
                        self.manifest(&child, depth + 1).await?;
                    }
                }
                Parts::Image { config, layers } => {
                    let wanted = std::iter::once(&**config).chain(layers).cloned().collect();
                    self.blobs(wanted).await?;
                }
            }
            self.to.put_manifest(manifest, None).await?;
            self.copied.manifests += 1;
            self.referrers(manifest.digest(), depth).await?;
            self.tagged(manifest.digest(), depth).await
        }
        .boxed()
    }

    async fn child(&self, descriptor: &Descriptor) -> Result<Manifest, OciError> {
        let child = self
            .from
            .manifest(&Name::Digest(descriptor.digest.clone()))
            .await?;
        match child.media_type() == descriptor.media_type {
            true => Ok(child),
            false => Err(OciError::Manifest(format!(
                "{} is `{}`, but its index says `{}`",
                descriptor.digest,
                child.media_type(),
                descriptor.media_type
            ))),
        }
    }

    async fn blobs(&mut self, wanted: Vec<Descriptor>) -> Result<(), OciError> {
        let (from, to) = (self.from, self.to);
        let transfer = |each: Descriptor| async move {
            let is_new = to.put_blob(&each, Content::Store(from)).await?;
            Ok::<_, OciError>((each.size, is_new))
        };
        let mut transfers = Vec::new();
        for each in wanted {
            if self.blobs.insert(each.digest.clone()) {
                transfers.push(transfer(each));
            }
        }
        let mut on_their_way = stream::iter(transfers).buffer_unordered(AT_ONCE);
        while let Some((size, is_new)) = on_their_way.try_next().await? {
            self.copied.blobs += 1;
            if is_new {
                self.copied.new_blobs += 1;
                self.copied.new_bytes += size;
            }
        }
        Ok(())
    }

    async fn referrers(&mut self, subject: &Digest, depth: usize) -> Result<(), OciError> {
        let mut listed = Vec::new();
        for referrer in attach::referrers(self.from, subject).await? {
            match referrer.manifest {
                Ok(manifest) => {
                    self.manifest(&manifest, depth + 1).await?;
                    listed.push(manifest.referrer());
                }
                Err(error) => self.copied.left.push((referrer.digest, error)),
            }
        }
        if listed.is_empty() {
            return Ok(());
        }
        self.to.list(subject, &listed).await?;
        read_back(self.to, subject, &listed).await?;
        self.copied.referrers += listed.len();
        Ok(())
    }

    /// What cosign v2 keeps under a tag made of the digest, and what has no subject.
    async fn tagged(&mut self, subject: &Digest, depth: usize) -> Result<(), OciError> {
        for ending in TAGGED {
            let tag = format!("{}.{ending}", fallback::tag(subject));
            match self.from.manifest(&Name::Tag(tag.clone())).await {
                Ok(manifest) if manifest.digest() == subject => {}
                Ok(manifest) => {
                    self.manifest(&manifest, depth + 1).await?;
                    self.to.put_manifest(&manifest, Some(&tag)).await?;
                }
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
