//! What can go wrong with keys and signatures.

use crate::key::KeyError;
use crate::statement::StatementError;

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// A key of a kind that can't be read.
    #[error("this is {kind}, wanted a PKCS#8 private key")]
    OtherKey {
        /// What it is.
        kind: &'static str,
    },
    /// Not a private key.
    #[error("not a PKCS#8 private key in PEM form: {0}")]
    Pem(String),
    /// The public half can't be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The statement can't be written.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// PKCS#8 with an algorithm or a curve that prov does not sign with.
    #[error("not a usable ECDSA P-256 or Ed25519 key")]
    Unsupported,
    /// The bundle can't be written.
    #[error("cannot write the bundle: {0}")]
    Bundle(String),
}
