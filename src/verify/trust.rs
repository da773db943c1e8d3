//! What signatures are checked against: keys, and a Sigstore trusted root.

use sigstore_trust_root::{SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot};
use sigstore_verify::Verifier;

use crate::key::PublicKey;

/// The largest trusted root that is read, in bytes.
pub const MAX_ROOT: u64 = 4 << 20;

/// Whether a key's signature must also stand in a transparency log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transparency {
    /// A log entry that a trusted log vouches for. Misuse of the key can be seen.
    #[default]
    Required,
    /// The signature alone is enough: nobody can tell when it was made, or how
    /// often the key was used. For keys that live for one build, and air gaps.
    NotRequired,
}

/// A key that signatures are accepted from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    /// The key.
    pub key: PublicKey,
    /// Whether its signatures must be logged.
    pub transparency: Transparency,
}

/// The roots that signatures are checked against. Trusting a root says that a
/// signature by it is genuine, never that its signer is the right one: that
/// is the policy's part.
#[derive(Default)]
pub struct Trust {
    pub(super) keys: Vec<TrustedKey>,
    pub(super) root: Option<Verifier>,
}

impl Trust {
    /// Trusts `keys` and no certificate.
    pub fn keys(keys: Vec<TrustedKey>) -> Self {
        Self { keys, root: None }
    }

    /// Adds a Sigstore `trusted_root.json` (protobuf-specs, `TrustedRoot`).
    pub fn with_root(mut self, json: &str) -> Result<Self, TrustError> {
        let root =
            TrustedRoot::from_json(json).map_err(|error| TrustError::Root(error.to_string()))?;
        self.root =
            Some(Verifier::new(&root).map_err(|error| TrustError::Root(error.to_string()))?);
        Ok(self)
    }

    /// Adds the root of Sigstore's public good instance, as it was when this
    /// version of prov was built. No network is asked.
    pub fn with_public_good(self) -> Result<Self, TrustError> {
        self.with_root(SIGSTORE_PRODUCTION_TRUSTED_ROOT)
    }
}

/// Why a trust root can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Not a usable trusted root.
    #[error("not a usable trusted root: {0}")]
    Root(String),
}
