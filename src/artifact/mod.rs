//! What is attested: an artifact and its digests.
//!
//! Bytes and digest can't part. An [`Artifact`] hashes what it is given and
//! keeps it ([`Artifact::from_bytes`]), or streams it once and keeps only the
//! digests ([`Artifact::from_reader`]); only the first kind can ever be run. Where
//! the bytes are elsewhere, a digest alone names them ([`Artifact::from_digest`]).

use std::fmt;
use std::io::{self, Read};

use sha2::{Digest as _, Sha256, Sha512};

mod digest;

pub use digest::{Algorithm, Digest};

/// Bytes that were hashed, under a name for people.
#[derive(Clone)]
pub struct Artifact {
    name: String,
    size: u64,
    /// SHA-256, unless the artifact is known by another digest alone.
    digest: Digest,
    /// What was computed beside it.
    sha512: Option<Digest>,
    /// As far as its first bytes tell; `None` where this floor did not see them.
    media_type: Option<&'static str>,
    content: Content,
}

#[derive(Clone)]
enum Content {
    /// The very bytes that were hashed.
    Held(Vec<u8>),
    /// Compressed inside this binary; unpacked, and only then hashed.
    Packed(Unpack),
    /// Hashed while it streamed by; not kept.
    Streamed,
    /// Never seen: somebody named it by its digest.
    Elsewhere,
}

/// How a WebAssembly module or component starts (WebAssembly core, binary format).
const WASM_MAGIC: &[u8] = b"\0asm";

fn media_type(bytes: &[u8]) -> &'static str {
    match bytes.starts_with(WASM_MAGIC) {
        true => "application/wasm",
        false => "application/octet-stream",
    }
}

/// Bytes that arrive piece by piece: hashed as they are kept, so that it is done once.
#[derive(Default)]
pub struct Arriving {
    bytes: Vec<u8>,
    hasher: Sha256,
}

impl Arriving {
    /// Keeps and hashes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.hasher.update(piece);
        self.bytes.extend_from_slice(piece);
    }

    /// All that arrived.
    pub fn into_artifact(self, name: impl Into<String>) -> Artifact {
        Artifact {
            name: name.into(),
            size: self.bytes.len() as u64,
            digest: Digest::from_bytes(Algorithm::Sha256, &self.hasher.finalize()),
            sha512: None,
            media_type: Some(media_type(&self.bytes)),
            content: Content::Held(self.bytes),
        }
    }
}

/// Yields the bytes of a packed artifact. What it returns is not believed:
/// [`Artifact::into_bytes`] compares its digest.
pub type Unpack = fn() -> io::Result<Vec<u8>>;

impl Artifact {
    /// Hashes `bytes` and keeps them.
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self {
            name: name.into(),
            size: bytes.len() as u64,
            digest: Digest::sha256(&bytes),
            sha512: None,
            media_type: Some(media_type(&bytes)),
            content: Content::Held(bytes),
        }
    }

    /// Reads to the end, at most `limit` bytes, and keeps what was read and hashed.
    pub fn read(
        name: impl Into<String>,
        reader: impl Read,
        limit: u64,
    ) -> Result<Self, ArtifactError> {
        let name = name.into();
        let mut bytes = Vec::new();
        reader
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|source| ArtifactError::Read {
                name: name.clone(),
                source,
            })?;
        if bytes.len() as u64 > limit {
            return Err(ArtifactError::TooLarge { name, limit });
        }
        Ok(Self::from_bytes(name, bytes))
    }

    /// Streams to the end in constant memory and keeps only the digests.
    /// SHA-512 costs three times what SHA-256 does, so it is made on request.
    pub fn from_reader(
        name: impl Into<String>,
        mut reader: impl Read,
        sha512: bool,
    ) -> Result<Self, ArtifactError> {
        let name = name.into();
        let (mut h256, mut h512) = (Sha256::new(), sha512.then(Sha512::new));
        let (mut size, mut buffer) = (0u64, vec![0u8; 128 << 10]);
        let mut head = Vec::new();
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(ArtifactError::Read { name, source }),
            };
            head.extend(buffer[..count].iter().take(WASM_MAGIC.len() - head.len()));
            h256.update(&buffer[..count]);
            if let Some(hasher) = &mut h512 {
                hasher.update(&buffer[..count]);
            }
            size += count as u64;
        }
        Ok(Self {
            name,
            size,
            digest: Digest::from_bytes(Algorithm::Sha256, &h256.finalize()),
            sha512: h512.map(|hasher| Digest::from_bytes(Algorithm::Sha512, &hasher.finalize())),
            media_type: Some(media_type(&head)),
            content: Content::Streamed,
        })
    }

    /// An artifact that another floor streamed: it hashed every byte, and `digest` is
    /// what that came to. `head` is how it starts.
    pub(crate) fn streamed(
        name: impl Into<String>,
        digest: Digest,
        size: u64,
        head: &[u8],
    ) -> Self {
        Self {
            name: name.into(),
            size,
            digest,
            sha512: None,
            media_type: Some(media_type(head)),
            content: Content::Streamed,
        }
    }

    /// An artifact that lies compressed inside this binary. `sha256` is what
    /// the build says it unpacks to; nothing runs before that was checked.
    pub fn packed(name: impl Into<String>, sha256: Digest, size: u64, unpack: Unpack) -> Self {
        Self {
            name: name.into(),
            size,
            digest: sha256,
            sha512: None,
            media_type: None,
            content: Content::Packed(unpack),
        }
    }

    /// An artifact whose bytes are elsewhere, known by one digest alone: evidence
    /// about it can be verified, and it can't be run.
    pub fn from_digest(name: impl Into<String>, digest: Digest) -> Self {
        Self {
            name: name.into(),
            size: 0,
            digest,
            sha512: None,
            media_type: None,
            content: Content::Elsewhere,
        }
    }

    /// The name for people: a file name or an OCI reference.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Size in bytes; 0 for an artifact that only its digest is known of.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What kind of file its first bytes show: `application/wasm`, or else
    /// `application/octet-stream`. `None` where those bytes were not seen.
    pub fn media_type(&self) -> Option<&'static str> {
        self.media_type
    }

    /// The artifact's identity everywhere in prov: its SHA-256 digest, but for one
    /// that is known by its SHA-512 digest alone.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The SHA-256 digest, where it is known.
    pub fn sha256(&self) -> Option<&Digest> {
        (self.digest.algorithm() == Algorithm::Sha256).then_some(&self.digest)
    }

    /// The SHA-512 digest, where it was asked for or is what is known.
    pub fn sha512(&self) -> Option<&Digest> {
        let known = Some(&self.digest).filter(|digest| digest.algorithm() == Algorithm::Sha512);
        self.sha512.as_ref().or(known)
    }

    /// All digests that are known.
    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        self.sha256().into_iter().chain(self.sha512())
    }

    /// True when the bytes are not held, so that the artifact can't be run.
    pub fn is_streamed(&self) -> bool {
        matches!(self.content, Content::Streamed | Content::Elsewhere)
    }

    /// True when only its digest is known, and not even its size.
    pub fn is_elsewhere(&self) -> bool {
        matches!(self.content, Content::Elsewhere)
    }

    /// The bytes, where they are held: those that the digest was made of.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Held(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The bytes that the digest speaks of. Packed bytes are unpacked here and
    /// refused when they are not the ones that were promised.
    pub fn into_bytes(self) -> Result<Vec<u8>, ArtifactError> {
        match self.content {
            Content::Held(bytes) => Ok(bytes),
            Content::Streamed | Content::Elsewhere => {
                Err(ArtifactError::NotHeld { name: self.name })
            }
            Content::Packed(unpack) => {
                let bytes = unpack().map_err(|source| ArtifactError::Unpack {
                    name: self.name.clone(),
                    source,
                })?;
                let seen = Digest::sha256(&bytes);
                if seen != self.digest {
                    return Err(ArtifactError::Damaged {
                        name: self.name,
                        seen,
                        wanted: self.digest,
                    });
                }
                Ok(bytes)
            }
        }
    }
}

impl fmt::Debug for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Artifact")
            .field("name", &self.name)
            .field("size", &self.size)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

/// Why an artifact could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// Not `sha256:` or `sha512:` with lower-case hexadecimal digits.
    #[error("`{0}` is not a digest")]
    NotADigest(String),
    /// The source could not be read.
    #[error("cannot read {name}")]
    Read {
        /// The artifact.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// More bytes than prov is willing to hold.
    #[error("{name} is larger than {limit} bytes")]
    TooLarge {
        /// The artifact.
        name: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The bytes were streamed and not kept, or never here.
    #[error("only the digest of {name} is known, its bytes are not held")]
    NotHeld {
        /// The artifact.
        name: String,
    },
    /// The packed form is damaged.
    #[error("cannot unpack {name}")]
    Unpack {
        /// The artifact.
        name: String,
        /// What the decompressor said.
        source: io::Error,
    },
    /// The packed bytes are not the ones that the build recorded.
    #[error("{name} is damaged: it unpacks to {seen}, the build recorded {wanted}")]
    Damaged {
        /// The artifact.
        name: String,
        /// What the bytes hash to.
        seen: Digest,
        /// What was recorded.
        wanted: Digest,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-2, appendix B.1
    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn held_and_streamed_agree() {
        let held = Artifact::from_bytes("abc", b"abc".to_vec());
        let streamed = Artifact::from_reader("abc", &b"abc"[..], true).unwrap();
        assert_eq!(held.digest().to_string(), ABC);
        assert_eq!(held.sha256(), streamed.sha256());
        assert_eq!(streamed.size(), 3);
        let mut arriving = Arriving::default();
        arriving.push(b"a");
        arriving.push(b"bc");
        let arrived = arriving.into_artifact("abc");
        assert_eq!(arrived.digest(), held.digest());
        assert_eq!((arrived.size(), arrived.bytes()), (3, held.bytes()));
        assert!(
            streamed
                .sha512()
                .unwrap()
                .to_string()
                .starts_with("sha512:ddaf35a1")
        );
    }

    #[test]
    fn a_digest_alone_names_an_artifact() {
        let abc = Artifact::from_reader("abc", &b"abc"[..], true).unwrap();
        let by_256 = Artifact::from_digest("abc", abc.digest().clone());
        assert_eq!(by_256.sha256(), abc.sha256());
        assert_eq!(by_256.sha512(), None);
        let by_512 = Artifact::from_digest("abc", abc.sha512().unwrap().clone());
        assert_eq!(by_512.sha256(), None);
        assert_eq!(Some(by_512.digest()), abc.sha512());
        assert_eq!(by_512.digests().count(), 1);
        assert!(by_512.is_elsewhere() && by_512.is_streamed());
        assert!(by_512.bytes().is_none() && by_512.into_bytes().is_err());
    }

    #[test]
    fn a_streamed_artifact_has_no_bytes() {
        let streamed = Artifact::from_reader("abc", &b"abc"[..], false).unwrap();
        assert!(matches!(
            streamed.into_bytes(),
            Err(ArtifactError::NotHeld { .. })
        ));
    }

    #[test]
    fn reading_stops_at_the_limit() {
        assert!(Artifact::read("abc", &b"abc"[..], 3).is_ok());
        assert!(matches!(
            Artifact::read("abc", &b"abc"[..], 2),
            Err(ArtifactError::TooLarge { limit: 2, .. })
        ));
    }

    #[test]
    fn packed_bytes_are_not_believed() {
        let wanted: Digest = ABC.parse().unwrap();
        let good = Artifact::packed("m", wanted.clone(), 3, || Ok(b"abc".to_vec()));
        assert_eq!(good.into_bytes().unwrap(), b"abc");
        let bad = Artifact::packed("m", wanted, 3, || Ok(b"abd".to_vec()));
        assert!(matches!(
            bad.into_bytes(),
            Err(ArtifactError::Damaged { .. })
        ));
    }

    #[test]
    fn digests_are_strict() {
        assert_eq!(ABC.parse::<Digest>().unwrap().to_string(), ABC);
        let upper = ABC.replace("ba78", "BA78");
        for bad in ["", "abc", "sha256:", "sha256:ba78", "sha1:00", &upper] {
            assert!(bad.parse::<Digest>().is_err(), "{bad} was taken");
        }
    }
}
