//! Passwords of private keys: from a file, a variable or a prompt, never an
//! argument, which every process of the machine could read.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::Failure;
use super::files;

/// Variables that may hold the password; cosign's so that its users need no other.
const VARIABLES: [&str; 2] = ["PROV_PASSWORD", "COSIGN_PASSWORD"];
/// The largest password file, in bytes.
const MAX_PASSWORD: u64 = 4096;

/// Where a password comes from.
#[derive(Clone, clap::Args)]
pub(super) struct PasswordArgs {
    /// A file whose first line is the private key's password [default:
    /// PROV_PASSWORD or COSIGN_PASSWORD, else you are asked]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

type Password = Zeroizing<Vec<u8>>;

impl PasswordArgs {
    /// The password of a key that there is.
    pub(super) fn of(&self, key: &Path) -> Result<Password, Failure> {
        match self.given()? {
            Some(password) => Ok(password),
            None => ask(&format!("password of {}: ", key.display())),
        }
    }

    /// The password of a key that is being made; at a terminal it is asked for twice.
    pub(super) fn of_new(&self, key: &Path) -> Result<Password, Failure> {
        let password = match self.given()? {
            Some(password) => password,
            None => {
                let password = ask(&format!("password for {}: ", key.display()))?;
                if ask("once more: ")? != password {
                    return Err(Failure::cant_say("the two passwords differ"));
                }
                password
            }
        };
        match password.is_empty() {
            true => Err(Failure::cant_say("an empty password protects nothing")),
            false => Ok(password),
        }
    }

    fn given(&self) -> Result<Option<Password>, Failure> {
        if let Some(path) = &self.password_file {
            let text = Zeroizing::new(files::read(path, MAX_PASSWORD, "password file")?);
            let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            return Ok(Some(line.to_vec().into()));
        }
        let set = VARIABLES.into_iter().find_map(std::env::var_os);
        Ok(set.map(|value| value.into_encoded_bytes().into()))
    }
}

/// Asks at the terminal, which stdin and stdout need not be, without showing
/// what is typed.
fn ask(prompt: &str) -> Result<Password, Failure> {
    let answer = rpassword::prompt_password(prompt).map_err(|error| {
        Failure::cant_say("a password is needed and there is no terminal to ask at")
            .with("reason", error)
            .hint("`--password-file FILE` or the variable PROV_PASSWORD gives it")
    })?;
    Ok(answer.into_bytes().into())
}
