//! Digests, each with its hash function.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use super::ArtifactError;

/// The hash functions that prov accepts in a subject (in-toto `DigestSet`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-512, 64 bytes (npm's subjects).
    Sha512,
}

impl Algorithm {
    /// The name that in-toto's DigestSet and OCI use.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    fn length(self) -> usize {
        match self {
            Algorithm::Sha256 => 32,
            Algorithm::Sha512 => 64,
        }
    }
}

/// A digest with its algorithm; written `sha256:<hex>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl Digest {
    /// The SHA-256 digest of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self {
            algorithm: Algorithm::Sha256,
            bytes: Sha256::digest(bytes).to_vec(),
        }
    }

    /// The digest that a hasher of this algorithm ended with. Bytes of another
    /// length are no digest and equal none.
    pub(crate) fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Self {
        Self {
            algorithm,
            bytes: bytes.to_vec(),
        }
    }

    /// A digest from its hexadecimal form, in lower case and of the right length.
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Result<Self, ArtifactError> {
        let bytes = decode_hex(hex)
            .filter(|bytes| bytes.len() == algorithm.length())
            .ok_or_else(|| ArtifactError::NotADigest(format!("{}:{hex}", algorithm.name())))?;
        Ok(Self { algorithm, bytes })
    }

    /// The hash function.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The hexadecimal form without the algorithm.
    pub fn hex(&self) -> String {
        use fmt::Write as _;
        self.bytes.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = ArtifactError;

    fn from_str(text: &str) -> Result<Self, ArtifactError> {
        match text.split_once(':') {
            Some(("sha256", hex)) => Self::from_hex(Algorithm::Sha256, hex),
            Some(("sha512", hex)) => Self::from_hex(Algorithm::Sha512, hex),
            _ => Err(ArtifactError::NotADigest(text.to_owned())),
        }
    }
}

fn decode_hex(hex: &str) -> Option<Vec<u8>> {
    let nibble = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    if !hex.len().is_multiple_of(2) {
        return None;
    }
    hex.as_bytes()
        .chunks_exact(2)
        .map(|pair| Some(nibble(pair[0])? << 4 | nibble(pair[1])?))
        .collect()
}
