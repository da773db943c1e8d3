//! Signing statements into Sigstore bundles.
//!
//! A signer takes a statement and gives a bundle v0.3 with one DSSE envelope.

mod key;

pub use key::{KeyKind, MAX_PRIVATE_KEY, PrivateKey, SignError};
