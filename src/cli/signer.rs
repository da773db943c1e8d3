//! Who signs: the options that choose a [`Signer`].

use std::path::PathBuf;

use crate::sign::{CommandSigner, Signer};

use super::error::Failure;
use super::keyless::KeylessArgs;
use super::password::PasswordArgs;
use super::{gate, key};

/// Who signs.
#[derive(clap::Args)]
pub(super) struct SignerArgs {
    /// The private key to sign with: PKCS#8 or cosign's form, with or without a
    /// password [default: none; an identity signs]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sign_with", "keyless"])]
    pub(super) key: Option<PathBuf>,

    #[command(flatten)]
    pub(super) password: PasswordArgs,

    /// A command that signs: it gets the bytes on stdin and writes the signature
    /// to stdout
    #[arg(
        long,
        value_name = "COMMAND",
        requires = "public_key",
        conflicts_with = "keyless"
    )]
    pub(super) sign_with: Option<String>,

    /// The public key that the command signs with
    #[arg(long, value_name = "FILE", requires = "sign_with")]
    pub(super) public_key: Option<PathBuf>,

    #[command(flatten)]
    pub(super) keyless: KeylessArgs,
}

impl SignerArgs {
    /// Makes the signer ready: a key is unlocked, an identity token fetched.
    pub(super) fn signer(&self) -> Result<Box<dyn Signer>, Failure> {
        match (&self.key, &self.sign_with, &self.public_key) {
            (Some(key), _, _) => Ok(Box::new(key::read_private(key, &self.password)?)),
            (None, Some(command), Some(file)) => {
                let public = gate::read_public_key(file)?;
                Ok(Box::new(CommandSigner::new(command.as_str(), public)))
            }
            _ => Ok(Box::new(self.keyless.signer()?)),
        }
    }
}
