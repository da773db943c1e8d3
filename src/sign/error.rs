//! What can go wrong with keys and signatures.

use super::key::MAX_PRIVATE_KEY;
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
    /// More bytes than a key file has.
    #[error("the file is larger than {MAX_PRIVATE_KEY} bytes")]
    TooLarge,
    /// A key behind a password whose file is damaged.
    #[error("not a private key with a password: {0}")]
    Locked(String),
    /// A key behind a password by a method that prov does not have.
    #[error("the password protects the key by an old or unknown method, wanted PBES2 with AES")]
    OldLock,
    /// The password opens nothing.
    #[error("the password is wrong")]
    WrongPassword,
    /// A key file that wants more work for a password than anybody's does.
    #[error("the file wants {seen} {what} for its password, at most {limit} are done")]
    TooCostly {
        /// Of what.
        what: &'static str,
        /// As many as the file wants.
        seen: u64,
        /// As many as are done.
        limit: u64,
    },
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
