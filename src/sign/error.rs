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
    /// The signing command could not be run.
    #[error("cannot run the signing command")]
    Command(#[source] std::io::Error),
    /// It ended with another status than 0; `None` when a signal ended it.
    #[error("the signing command failed{}", status(*.0))]
    CommandFailed(Option<i32>),
    /// Its answer is no signature by the public key that it is said to have.
    #[error("the signing command's answer is no signature by the public key")]
    CommandOtherKey,
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
    /// A certificate, a log entry or a timestamp could not be had.
    #[error(transparent)]
    Keyless(Box<dyn std::error::Error + Send + Sync>),
}

fn status(code: Option<i32>) -> String {
    code.map_or_else(String::new, |code| format!(" with status {code}"))
}
