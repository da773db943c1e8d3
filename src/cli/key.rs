//! `prov key`: make a key pair, show its public half.

use std::path::{Path, PathBuf};

use crate::sign::{KeyKind, MAX_PRIVATE_KEY, PrivateKey};

use super::error::{Exit, Failure, reasons};
use super::files::{self, Existing, Readers};
use super::{CommandResult, ui};

/// Make a key pair, or show the public half of one
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Generate(Generate),
    Public(Public),
}

/// Make a key pair
///
/// Writes the private key, readable by its owner only and not encrypted, and
/// the public key beside it with the ending `.pub`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov key generate
  prov key generate --output release.key --kind ed25519

Exit codes: 0 written, 2 can't say")]
struct Generate {
    /// Where to write the private key
    #[arg(short, long, value_name = "FILE", default_value = "prov.key")]
    output: PathBuf,

    /// The kind of key
    #[arg(long, value_enum, default_value = "ecdsa-p256")]
    kind: Kind,

    /// Replace key files that are there
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// What every Sigstore client can verify
    EcdsaP256,
    /// Smaller and faster
    Ed25519,
}

/// Show the public half of a private key
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov key public prov.key
  prov key public prov.key > prov.pub

Exit codes: 0 shown, 2 can't say")]
struct Public {
    /// The private key
    #[arg(value_name = "FILE")]
    key: PathBuf,
}

pub(super) fn run(args: Args) -> CommandResult {
    match args.command {
        Command::Generate(generate) => generate.run(),
        Command::Public(public) => {
            let key = read_private(&public.key)?;
            ui::data(&public_of(&key)?.to_pem());
            Ok(Exit::Yes)
        }
    }
}

impl Generate {
    fn run(self) -> CommandResult {
        let key = PrivateKey::generate(match self.kind {
            Kind::EcdsaP256 => KeyKind::EcdsaP256,
            Kind::Ed25519 => KeyKind::Ed25519,
        })
        .map_err(|error| Failure::cant_say("cannot make a key").with("reason", reasons(&error)))?;
        let public = public_of(&key)?;
        let pem = key.to_pem().map_err(|error| {
            Failure::cant_say("cannot write the key").with("reason", reasons(&error))
        })?;
        let existing = match self.force {
            true => Existing::Replace,
            false => Existing::Keep,
        };
        let public_path = public_path(&self.output);
        if !self.force && public_path.exists() {
            return Err(files::already_there(&public_path));
        }
        files::write(&self.output, pem.as_bytes(), Readers::Owner, existing)?;
        files::write(
            &public_path,
            public.to_pem().as_bytes(),
            Readers::Everybody,
            existing,
        )?;
        ui::say(&format!(
            "{} key {}\nprivate  {} (not encrypted: keep it to yourself)\npublic   {}",
            public.algorithm(),
            public.id(),
            self.output.display(),
            public_path.display(),
        ));
        Ok(Exit::Yes)
    }
}

/// `prov.key` and `prov.pub` belong together; other names just get the ending.
fn public_path(private: &Path) -> PathBuf {
    match private.extension() {
        Some(extension) if extension == "key" => private.with_extension("pub"),
        _ => files::beside(private, ".pub"),
    }
}

fn public_of(key: &PrivateKey) -> Result<crate::key::PublicKey, Failure> {
    key.public()
        .map_err(|error| Failure::cant_say("cannot use the key").with("reason", reasons(&error)))
}

/// Reads a private key and warns when others can read it too.
pub(super) fn read_private(path: &Path) -> Result<PrivateKey, Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let pem = zeroize::Zeroizing::new(files::read(path, MAX_PRIVATE_KEY, "private key")?);
    let key = PrivateKey::from_pem(&pem).map_err(|error| {
        Failure::cant_say(format!("`{}` is not a usable private key", path.display()))
            .with("reason", reasons(&error))
            .hint("`prov key generate` makes one")
    })?;
    let mode = path
        .metadata()
        .map(|metadata| metadata.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        ui::warn(&format!(
            "others can read the private key `{0}`: `chmod 600 {0}` ends that",
            path.display()
        ));
    }
    Ok(key)
}
