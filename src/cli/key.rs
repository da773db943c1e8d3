//! `prov key`: make a key pair, show its public half.

use std::path::{Path, PathBuf};

use crate::sign::{KeyFile, KeyKind, LockForm, MAX_PRIVATE_KEY, PrivateKey, SignError};

use super::error::{Exit, Failure, reasons};
use super::files::{self, Existing, Readers};
use super::password::PasswordArgs;
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
/// Writes the private key, readable by its owner only, and the public key beside
/// it with the ending `.pub`. With --encrypt a password protects the private key:
/// as PKCS#8, or with --encrypt=cosign in the form that cosign reads.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov key generate
  prov key generate --output release.key --kind ed25519
  prov key generate --output locked.key --encrypt --password-file password.txt

Exit codes: 0 written, 2 can't say")]
struct Generate {
    /// Where to write the private key
    #[arg(short, long, value_name = "FILE", default_value = "prov.key")]
    output: PathBuf,

    /// The kind of key
    #[arg(long, value_enum, default_value = "ecdsa-p256")]
    kind: Kind,

    /// Protect the private key with a password
    #[arg(
        long,
        value_enum,
        value_name = "FORM",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "pkcs8"
    )]
    encrypt: Option<Form>,

    #[command(flatten)]
    password: PasswordArgs,

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

#[derive(Clone, Copy, clap::ValueEnum)]
enum Form {
    /// What OpenSSL and most libraries read
    Pkcs8,
    /// What cosign reads
    Cosign,
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

    #[command(flatten)]
    password: PasswordArgs,
}

pub(super) fn run(args: Args) -> CommandResult {
    match args.command {
        Command::Generate(generate) => generate.run(),
        Command::Public(public) => {
            let key = read_private(&public.key, &public.password)?;
            ui::data(&public_of(&key)?.to_pem());
            Ok(Exit::Yes)
        }
    }
}

impl Generate {
    fn run(self) -> CommandResult {
        let existing = Existing::by(self.force);
        let public_path = public_path(&self.output);
        for path in [&self.output, &public_path] {
            if !self.force && path.exists() {
                return Err(files::already_there(path));
            }
        }
        let key = PrivateKey::generate(match self.kind {
            Kind::EcdsaP256 => KeyKind::EcdsaP256,
            Kind::Ed25519 => KeyKind::Ed25519,
        })
        .map_err(|error| Failure::cant_say("cannot make a key").with("reason", reasons(&error)))?;
        let public = public_of(&key)?;
        let pem = match self.encrypt {
            None => key.to_pem(),
            Some(form) => {
                let password = self.password.of_new(&self.output)?;
                let form = match form {
                    Form::Pkcs8 => LockForm::Pkcs8,
                    Form::Cosign => LockForm::Cosign,
                };
                key.to_locked_pem(form, &password)
            }
        }
        .map_err(|error| {
            Failure::cant_say("cannot write the key").with("reason", reasons(&error))
        })?;
        files::write(&self.output, pem.as_bytes(), Readers::Owner, existing)?;
        files::write(
            &public_path,
            public.to_pem().as_bytes(),
            Readers::Everybody,
            existing,
        )?;
        ui::say(&format!(
            "{} key {}\nprivate  {} ({})\npublic   {}",
            public.algorithm(),
            public.id(),
            self.output.display(),
            match self.encrypt {
                None => "not encrypted: keep it to yourself",
                Some(_) => "encrypted",
            },
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

/// Reads a private key, asks for its password if it has one, and warns when
/// others can read it too.
pub(super) fn read_private(path: &Path, password: &PasswordArgs) -> Result<PrivateKey, Failure> {
    let bytes = zeroize::Zeroizing::new(files::read(path, MAX_PRIVATE_KEY, "private key")?);
    let file = KeyFile::parse(&bytes).map_err(|error| unusable(path, &error))?;
    let key = match file {
        KeyFile::Open(key) => key,
        KeyFile::Locked(locked) => locked
            .unlock(&password.of(path)?)
            .map_err(|error| unusable(path, &error))?,
    };
    warn_of_readers(path);
    Ok(key)
}

fn unusable(path: &Path, error: &SignError) -> Failure {
    let path = path.display();
    let failure = Failure::cant_say(format!("`{path}` is not a usable private key"))
        .with("reason", reasons(error));
    match error {
        SignError::WrongPassword => {
            Failure::cant_say(format!("cannot unlock `{path}`")).with("reason", reasons(error))
        }
        SignError::OldLock => failure.hint(format!(
            "`openssl pkcs8 -topk8 -v2 aes-256-cbc -in {path} -out new.key` protects it anew"
        )),
        _ => failure.hint("`prov key generate` makes one"),
    }
}

fn warn_of_readers(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = path
        .metadata()
        .map(|metadata| metadata.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        ui::warn(&format!(
            "others can read the private key `{0}`: `chmod 600 {0}` ends that",
            path.display()
        ));
    }
}
