//! The module that build.rs put into this binary, with its evidence.

use std::io;

use crate::artifact::{Artifact, ArtifactError, Digest};
use crate::bundle::{Bundle, BundleError, Evidence};
use crate::key::{KeyError, PublicKey};

const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/nats.wasm.zst"));
const BUNDLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/nats.sigstore.json"));
const BUILD_KEY: &str = include_str!(concat!(env!("OUT_DIR"), "/build-key.pem"));
/// What build.rs hashed; checked whenever the module is unpacked.
const SHA256: &str = env!("PROV_NATS_SHA256");
const SIZE: &str = env!("PROV_NATS_SIZE");

/// The embedded module and what is said of it. Neither is believed: they take
/// the same road through verify and policy as anything else.
pub fn embedded() -> Result<(Artifact, Evidence), EmbeddedError> {
    let digest: Digest = SHA256.parse()?;
    let size = SIZE.parse().unwrap_or_default();
    let artifact = Artifact::packed("nats.wasm", digest, size, unpack);
    let evidence = Evidence {
        origin: "the bundle in this binary".to_owned(),
        bundle: Bundle::parse(BUNDLE)?,
    };
    Ok((artifact, evidence))
}

/// The public half of the key that lived for the build of this binary. `None`
/// when the module was built elsewhere.
pub fn build_key() -> Result<Option<PublicKey>, KeyError> {
    match BUILD_KEY {
        "" => Ok(None),
        pem => PublicKey::from_pem(pem).map(Some),
    }
}

fn unpack() -> io::Result<Vec<u8>> {
    zstd::decode_all(PACKED)
}

/// The binary itself is damaged, or was built wrongly.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The digest.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_embedded_is_what_was_built() {
        let (artifact, _) = embedded().unwrap();
        let size = artifact.size();
        let bytes = artifact.into_bytes().unwrap();
        assert_eq!(bytes.len() as u64, size);
        assert!(bytes.starts_with(b"\0asm"));
    }
}
