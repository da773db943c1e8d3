//! Who signs: the options that choose a [`Signer`].

use std::path::PathBuf;

use crate::sign::Signer;

use super::error::Failure;
use super::key;
use super::password::PasswordArgs;

/// Who signs.
#[derive(clap::Args)]
pub(super) struct SignerArgs {
    /// The private key to sign with: PKCS#8 or cosign's form, with or without a
    /// password
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    #[command(flatten)]
    password: PasswordArgs,
}

impl SignerArgs {
    /// Makes the signer ready; a key is unlocked here.
    pub(super) fn signer(&self) -> Result<Box<dyn Signer>, Failure> {
        Ok(Box::new(key::read_private(&self.key, &self.password)?))
    }
}
