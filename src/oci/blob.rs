//! Content on its way: hashed as it passes, and never more of it than was said.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::Path;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, Stream, StreamExt as _};
use sha2::{Digest as _, Sha256, Sha512};

use crate::artifact::{Algorithm, Arriving, Artifact, Digest};

use super::progress::Share;
use super::{Descriptor, OciError, Progress, Store};

/// How much of a file is read at once.
const CHUNK: usize = 256 << 10;
/// How many pieces of a file are on their way before more memory is taken.
const LENT: usize = 4;
/// How many of the first bytes are kept to tell what kind of file it is.
const HEAD: usize = 16;

/// Pieces of content, or why there are no more of them.
pub(super) type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, OciError>> + Send>>;

/// Content on its way. It ends in an error unless it was exactly as long as its
/// descriptor says and has its digest; nothing may be kept before it has ended well.
pub struct Blob {
    chunks: Chunks,
    wanted: Digest,
    size: u64,
    seen: u64,
    /// None when whoever gets it compares the digest itself, or when it is over.
    hasher: Option<Hasher>,
    over: bool,
    share: Option<Share>,
    /// The mirror that it comes from, when no other place is asked for it any more.
    mirror: Option<String>,
}

impl Blob {
    /// Content that comes from outside.
    pub(super) fn new(descriptor: &Descriptor, chunks: Chunks) -> Self {
        Self {
            chunks,
            wanted: descriptor.digest.clone(),
            size: descriptor.size,
            seen: 0,
            hasher: Some(Hasher::new(descriptor.digest.algorithm())),
            over: false,
            share: None,
            mirror: None,
        }
    }

    /// The same, from a mirror: that it is damaged says nothing of the content then.
    pub(super) fn blamed_on(mut self, mirror: &str) -> Self {
        self.mirror = Some(mirror.to_owned());
        self
    }

    /// The same, for a receiver that compares the digest itself.
    pub(super) fn unhashed(mut self) -> Self {
        self.hasher = None;
        self
    }

    fn blame(&self, error: OciError) -> OciError {
        match &self.mirror {
            Some(mirror) if error.is_about_content() => OciError::Mirror {
                mirror: mirror.clone(),
                error: Box::new(error),
            },
            _ => error,
        }
    }

    /// The same, which moves `progress` on as it passes.
    pub(super) fn counted_by(mut self, progress: &Progress) -> Self {
        self.share = Some(progress.begin(self.size));
        self
    }

    /// The next piece; None at its good end.
    pub async fn next(&mut self) -> Option<Result<Bytes, OciError>> {
        if self.over {
            return None;
        }
        let next = match self.chunks.next().await {
            Some(Ok(chunk)) => self.pass(chunk).map(Some),
            Some(Err(error)) => Err(error),
            None => self.end().map(|()| None),
        };
        self.over = !matches!(next, Ok(Some(_)));
        next.map_err(|error| self.blame(error)).transpose()
    }

    fn pass(&mut self, chunk: Bytes) -> Result<Bytes, OciError> {
        self.seen += chunk.len() as u64;
        if self.seen > self.size {
            return Err(self.other_size());
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&chunk);
        }
        if let Some(share) = &mut self.share {
            share.pass(chunk.len());
        }
        Ok(chunk)
    }

    fn end(&mut self) -> Result<(), OciError> {
        if self.seen != self.size {
            return Err(self.other_size());
        }
        match self.hasher.take().map(Hasher::finish) {
            Some(seen) if seen != self.wanted => Err(OciError::OtherDigest {
                what: self.wanted.clone(),
                seen,
            }),
            _ => Ok(()),
        }
    }

    fn other_size(&self) -> OciError {
        OciError::OtherSize {
            what: self.wanted.clone(),
            seen: self.seen,
            wanted: self.size,
        }
    }

    /// All of it, at most `limit` bytes.
    pub async fn read(mut self, limit: u64) -> Result<Bytes, OciError> {
        if self.size > limit {
            return Err(OciError::TooLarge {
                what: self.wanted.to_string(),
                limit,
            });
        }
        // Grown as bytes come, for a size is cheap to claim, and never beyond it.
        let mut all = Vec::new();
        while let Some(chunk) = self.next().await {
            let chunk = chunk?;
            if chunk.len() > all.capacity() - all.len() {
                let whole = usize::try_from(self.size).unwrap_or(usize::MAX);
                let room = (2 * all.capacity()).min(whole).max(all.len() + chunk.len());
                all.reserve_exact(room - all.len());
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all.into())
    }

    /// Lets all of it pass and keeps what it is: in constant memory, hashed once.
    pub async fn into_artifact(self, name: impl Into<String>) -> Result<Artifact, OciError> {
        self.save(name, &mut io::sink()).await
    }

    /// The same, with all that passes written to `output`. Nothing of it may be used
    /// before this has ended well.
    pub async fn save(
        mut self,
        name: impl Into<String>,
        output: &mut impl Write,
    ) -> Result<Artifact, OciError> {
        if self.hasher.is_none() {
            return Err(OciError::Manifest(format!(
                "{} is not compared",
                self.wanted
            )));
        }
        let mut head = Vec::new();
        while let Some(chunk) = self.next().await {
            let chunk = chunk?;
            head.extend(chunk.iter().take(HEAD.saturating_sub(head.len())));
            output.write_all(&chunk).map_err(OciError::Output)?;
        }
        Ok(Artifact::streamed(name, self.wanted, self.size, &head))
    }

    /// All of it, at most `limit` bytes, as an artifact that can be run: hashed once,
    /// as it is kept.
    pub async fn into_held(
        mut self,
        name: impl Into<String>,
        limit: u64,
    ) -> Result<Artifact, OciError> {
        if self.size > limit {
            return Err(OciError::TooLarge {
                what: self.wanted.to_string(),
                limit,
            });
        }
        self.hasher = None;
        let mut arriving = Arriving::default();
        while let Some(chunk) = self.next().await {
            arriving.push(&chunk?);
        }
        let artifact = arriving.into_artifact(name);
        match *artifact.digest() == self.wanted {
            true => Ok(artifact),
            false => Err(self.blame(OciError::OtherDigest {
                what: self.wanted.clone(),
                seen: artifact.digest().clone(),
            })),
        }
    }

    /// The pieces as a stream, without the first `skip` bytes.
    pub(super) fn into_stream(
        self,
        skip: u64,
    ) -> impl Stream<Item = Result<Bytes, OciError>> + Send + 'static {
        stream::unfold((self, skip), |(mut blob, mut skip)| async move {
            loop {
                let next = match blob.next().await? {
                    Ok(chunk) => match after(&mut skip, chunk) {
                        Some(chunk) => Ok(chunk),
                        None => continue,
                    },
                    Err(error) => Err(error),
                };
                return Some((next, (blob, skip)));
            }
        })
    }
}

/// What of a piece comes after the next `skip` bytes, which are counted down; None when
/// that is nothing.
pub(super) fn after(skip: &mut u64, mut chunk: Bytes) -> Option<Bytes> {
    let known = (*skip).min(chunk.len() as u64);
    *skip -= known;
    let chunk = chunk.split_off(known as usize);
    (!chunk.is_empty()).then_some(chunk)
}

/// Where content that is put into a store comes from. It can be opened more than
/// once, for a transfer may have to start anew.
#[derive(Clone, Copy)]
pub enum Content<'a> {
    /// Bytes that are held.
    Bytes(&'a Bytes),
    /// A file.
    File(&'a Path),
    /// Another store.
    Store(&'a dyn Store),
}

impl Content<'_> {
    /// Opens it; it must turn out to be what `descriptor` says. What another store
    /// has, that store counts.
    pub(super) async fn open(
        &self,
        descriptor: &Descriptor,
        progress: &Progress,
    ) -> Result<Blob, OciError> {
        let chunks: Chunks = match self {
            Content::Store(store) => return store.blob(descriptor).await,
            Content::Bytes(bytes) => {
                let bytes = Bytes::clone(bytes);
                stream::once(async move { Ok(bytes) }).boxed()
            }
            Content::File(path) => file_chunks(path)?,
        };
        Ok(Blob::new(descriptor, chunks).counted_by(progress))
    }

    /// Opens it for a receiver that compares the digest itself, as a registry does:
    /// what lies here was hashed already when its descriptor was made.
    pub(super) async fn open_unhashed(
        &self,
        descriptor: &Descriptor,
        progress: &Progress,
    ) -> Result<Blob, OciError> {
        let blob = self.open(descriptor, progress).await?;
        Ok(match self {
            Content::Store(_) => blob,
            _ => blob.unhashed(),
        })
    }
}

/// The pieces of a file.
pub(super) fn file_chunks(path: &Path) -> Result<Chunks, OciError> {
    let path = path.to_owned();
    let unreadable = |path: &Path, source| OciError::File {
        path: path.to_owned(),
        source,
    };
    let file = File::open(&path).map_err(|error| unreadable(&path, error))?;
    let start = Some((file, Buffers::default()));
    let chunks = stream::unfold(start, move |open| {
        let next = open.and_then(|(mut file, mut buffers)| match buffers.fill(&mut file) {
            Ok(chunk) if chunk.is_empty() => None,
            Ok(chunk) => Some((Ok(chunk), Some((file, buffers)))),
            Err(error) => Some((Err(unreadable(&path, error)), None)),
        });
        std::future::ready(next)
    });
    Ok(chunks.boxed())
}

/// Buffers that go round: memory that is fresh each time costs more than to copy
/// a file into it.
#[derive(Default)]
struct Buffers {
    /// What was passed on, the oldest first. It is free when nobody else has it.
    lent: VecDeque<Bytes>,
}

impl Buffers {
    /// The next piece of `file`; nothing at its end.
    fn fill(&mut self, file: &mut File) -> io::Result<Bytes> {
        let mut buffer = self.free();
        let count = loop {
            match file.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                count => break count?,
            }
        };
        buffer.truncate(count);
        let chunk = buffer.freeze();
        if self.lent.len() < LENT {
            self.lent.push_back(chunk.clone());
        }
        Ok(chunk)
    }

    fn free(&mut self) -> BytesMut {
        match self.lent.pop_front().map(Bytes::try_into_mut) {
            Some(Ok(mut free)) => {
                free.resize(CHUNK, 0);
                return free;
            }
            Some(Err(taken)) => self.lent.push_front(taken),
            None => {}
        }
        BytesMut::zeroed(CHUNK)
    }
}

/// A digest in the making.
pub(super) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            Algorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Digest {
        match self {
            Hasher::Sha256(hasher) => Digest::from_bytes(Algorithm::Sha256, &hasher.finalize()),
            Hasher::Sha512(hasher) => Digest::from_bytes(Algorithm::Sha512, &hasher.finalize()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::wait;

    fn through(descriptor: &Descriptor, pieces: &[&'static [u8]]) -> Result<Bytes, OciError> {
        let pieces: Vec<_> = pieces
            .iter()
            .map(|piece| Ok(Bytes::from_static(piece)))
            .collect();
        let blob = Blob::new(descriptor, stream::iter(pieces).boxed());
        wait(blob.read(100))?
    }

    #[test]
    fn only_what_was_said_gets_through() {
        let descriptor = Descriptor::of("text/plain", b"abc");
        assert_eq!(through(&descriptor, &[b"a", b"", b"bc"]).unwrap(), "abc");
        assert!(matches!(
            through(&descriptor, &[b"ab", b"d"]),
            Err(OciError::OtherDigest { .. })
        ));
        for bad in [&[&b"ab"[..]][..], &[b"abc", b"d"], &[]] {
            assert!(matches!(
                through(&descriptor, bad),
                Err(OciError::OtherSize { .. })
            ));
        }
        let large = Descriptor::new("text/plain", descriptor.digest, 101);
        assert!(matches!(
            through(&large, &[b"abc"]),
            Err(OciError::TooLarge { .. })
        ));
    }

    #[test]
    fn held_bytes_are_those_that_were_said() {
        let held = |wanted: &'static [u8], sent: &'static [u8]| {
            let descriptor = Descriptor::of("a", wanted);
            let pieces = stream::iter([Ok(Bytes::from_static(sent))]).boxed();
            wait(Blob::new(&descriptor, pieces).into_held("a", 3)).unwrap()
        };
        let artifact = held(b"abc", b"abc").unwrap();
        assert_eq!(artifact.bytes(), Some(&b"abc"[..]));
        assert_eq!(*artifact.digest(), Digest::sha256(b"abc"));
        let wrong = held(b"abc", b"abd");
        assert!(matches!(wrong, Err(OciError::OtherDigest { .. })));
        let short = held(b"abc", b"ab");
        assert!(matches!(short, Err(OciError::OtherSize { .. })));
        let large = held(b"abcd", b"abcd");
        assert!(matches!(large, Err(OciError::TooLarge { .. })));
    }

    #[test]
    fn sha512_too() {
        let mut hasher = Hasher::new(Algorithm::Sha512);
        hasher.update(b"abc");
        let mut descriptor = Descriptor::of("text/plain", b"abc");
        descriptor.digest = hasher.finish();
        assert!(descriptor.digest.to_string().starts_with("sha512:ddaf35a1"));
        assert!(through(&descriptor, &[b"abc"]).is_ok());
        assert!(through(&descriptor, &[b"abd"]).is_err());
    }

    #[test]
    fn files_come_in_pieces_and_whole() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes = vec![7u8; CHUNK * 2 + 1];
        std::fs::write(file.path(), &bytes).unwrap();
        let descriptor = Descriptor::of("a", &bytes);
        let read = wait(async {
            Content::File(file.path())
                .open(&descriptor, &Progress::default())
                .await?
                .read(1 << 20)
                .await
        });
        assert_eq!(read.unwrap().unwrap(), bytes);
    }
}
