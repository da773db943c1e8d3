//! Signing statements into Sigstore bundles.
//!
//! A [`Signer`] takes the statements of one run and gives a bundle v0.3 with one
//! DSSE envelope for each of them. [`PrivateKey`] is one, [`CommandSigner`] and
//! [`keyless::Keyless`] are others.

use serde_json::{Map, Value};

use crate::key::PublicKey;
use crate::statement::Statement;

mod command;
mod envelope;
mod error;
mod key;
pub mod keyless;
mod locked;
mod secretbox;

pub use command::CommandSigner;
pub use error::SignError;
pub use key::{KeyKind, MAX_PRIVATE_KEY, PrivateKey};
pub use locked::{
    KeyFile, LockForm, LockedKey, MAX_PBKDF2_ROUNDS, MAX_SCRYPT_MEMORY, MAX_SCRYPT_WORK,
};

/// Signs statements as one identity: a key, or one certificate for them all.
pub trait Signer {
    /// Signs all `statements` or none. The bundles come in the same order.
    fn sign_all(&self, statements: &[Statement]) -> Result<Signatures, SignError>;

    /// What the identity token that will sign says of the run that it was given
    /// to. Provenance is made of it, rather than of variables that every step of
    /// that run could have set. A key has none.
    fn claims(&self) -> Option<&Map<String, Value>> {
        None
    }
}

/// What a [`Signer`] made of the statements of one run.
#[derive(Clone, Debug)]
pub struct Signatures {
    /// Who signed them all.
    pub identity: Identity,
    /// One for each statement, in their order.
    pub signed: Vec<Signed>,
}

/// Who signed, as the signer itself says it; only `verify` makes a fact of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The public half of a key.
    Key(PublicKey),
    /// What a certificate authority wrote into the certificate.
    Certificate {
        /// The subject alternative name: a workflow's URI or an email address.
        subject: String,
        /// Who vouched for the subject: the URL of the token's issuer.
        issuer: String,
    },
}

/// A signed statement.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The Sigstore bundle: compact JSON without a line end.
    pub bundle: String,
    /// Where else the signature was recorded; the proofs are in the bundle.
    pub records: Vec<Record>,
}

/// A place that witnessed a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// An entry of a transparency log.
    Log {
        /// The log's URL.
        url: String,
        /// The entry's index in it.
        index: u64,
    },
    /// A signed timestamp (RFC 3161).
    Timestamp {
        /// The timestamp authority's URL.
        url: String,
    },
}

impl Signer for PrivateKey {
    fn sign_all(&self, statements: &[Statement]) -> Result<Signatures, SignError> {
        by_key(self.public()?, statements, |each| self.sign(each))
    }
}

/// The signatures of a key, which nobody else witnesses.
fn by_key(
    public: PublicKey,
    statements: &[Statement],
    sign: impl Fn(&Statement) -> Result<String, SignError>,
) -> Result<Signatures, SignError> {
    let signed = statements.iter().map(|statement| {
        Ok(Signed {
            bundle: sign(statement)?,
            records: Vec::new(),
        })
    });
    Ok(Signatures {
        signed: signed.collect::<Result<_, SignError>>()?,
        identity: Identity::Key(public),
    })
}
