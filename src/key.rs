//! Public keys of those who sign without a certificate.

use std::fmt;

use sigstore_crypto::{KeyAlgorithm, VerificationKey, verify_signature_prehashed};
use sigstore_types::{DerPublicKey, HashAlgorithm, SignatureBytes};

use crate::artifact::{Algorithm, Digest};

/// The largest key file that is read, in bytes.
pub const MAX_KEY: u64 = 64 << 10;

/// A public key that prov can check signatures with: ECDSA P-256 or P-384,
/// Ed25519 or RSA, as an X.509 SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
#[derive(Clone)]
pub struct PublicKey {
    spki: DerPublicKey,
}

impl PublicKey {
    /// Reads `-----BEGIN PUBLIC KEY-----` (RFC 7468 §13).
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        if pem.contains("PRIVATE KEY") {
            return Err(KeyError::Private);
        }
        let spki = DerPublicKey::from_pem(pem).map_err(|error| KeyError::Pem(error.to_string()))?;
        Self::new(spki)
    }

    /// Reads a DER-encoded SubjectPublicKeyInfo.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        Self::new(DerPublicKey::from_bytes(der))
    }

    fn new(spki: DerPublicKey) -> Result<Self, KeyError> {
        VerificationKey::from_spki(&spki)
            .map_err(|error| KeyError::Unsupported(error.to_string()))?;
        Ok(Self { spki })
    }

    /// The key's name: the SHA-256 digest of its SubjectPublicKeyInfo.
    pub fn id(&self) -> Digest {
        Digest::sha256(self.spki.as_bytes())
    }

    /// The PEM form, with the line ends that OpenSSL and cosign write.
    pub fn to_pem(&self) -> String {
        self.spki.to_pem().replace("\r\n", "\n")
    }

    /// The DER form.
    pub fn as_der(&self) -> &[u8] {
        self.spki.as_bytes()
    }

    /// A name for people, such as `ECDSA P-256`.
    pub fn algorithm(&self) -> &'static str {
        match KeyAlgorithm::from_spki(&self.spki) {
            Ok(KeyAlgorithm::EcdsaP256) => "ECDSA P-256",
            Ok(KeyAlgorithm::EcdsaP384) => "ECDSA P-384",
            Ok(KeyAlgorithm::Ed25519) => "Ed25519",
            Ok(KeyAlgorithm::Rsa) => "RSA",
            _ => "unknown algorithm",
        }
    }

    /// True when `signature` is this key's over `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &SignatureBytes) -> bool {
        VerificationKey::from_spki(&self.spki)
            .is_ok_and(|key| key.verify(message, signature).is_ok())
    }

    /// True when `signature` is this key's over what has this `digest`.
    pub(crate) fn verifies_digest(&self, digest: &Digest, signature: &SignatureBytes) -> bool {
        let hash = match digest.algorithm() {
            Algorithm::Sha256 => HashAlgorithm::Sha2256,
            Algorithm::Sha512 => HashAlgorithm::Sha2512,
        };
        KeyAlgorithm::from_spki(&self.spki)
            .and_then(|algorithm| algorithm.resolve_signing_scheme(hash))
            .and_then(|scheme| {
                verify_signature_prehashed(&self.spki, digest.as_bytes(), signature, scheme)
            })
            .is_ok()
    }

    /// True for a key whose signatures are over a message and not over its digest
    /// (Ed25519, RFC 8032 §5.1).
    pub(crate) fn signs_whole_messages(&self) -> bool {
        matches!(
            KeyAlgorithm::from_spki(&self.spki),
            Ok(KeyAlgorithm::Ed25519)
        )
    }

    pub(crate) fn spki(&self) -> &DerPublicKey {
        &self.spki
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_der() == other.as_der()
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

/// Why bytes are no public key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A private key stands where a public one belongs.
    #[error("this is a private key, wanted a public key")]
    Private,
    /// Not PEM with the label `PUBLIC KEY`.
    #[error("not a public key in PEM form: {0}")]
    Pem(String),
    /// An algorithm or curve that can't be checked.
    #[error("not a supported public key: {0}")]
    Unsupported(String),
}
