//! A key that another program has: a token, an agent, a key management service.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sigstore_types::SignatureBytes;

use super::envelope::{self, Unsigned};
use super::{SignError, Signatures, Signer, by_key};
use crate::key::PublicKey;
use crate::statement::Statement;

/// The longest signature, in bytes: Base64 of RSA with 16384 bits, and some.
const MAX_SIGNATURE: u64 = 4096;

/// Signs with a command that gets the bytes to sign on stdin and writes the
/// signature to stdout, raw or in Base64. The shell runs it, once a statement.
#[derive(Clone, Debug)]
pub struct CommandSigner {
    command: String,
    public: PublicKey,
}

impl CommandSigner {
    /// `public` is the key that the command signs with; nothing that it does not
    /// verify is used.
    pub fn new(command: impl Into<String>, public: PublicKey) -> Self {
        Self {
            command: command.into(),
            public,
        }
    }

    fn sign(&self, statement: &Statement) -> Result<String, SignError> {
        let unsigned = Unsigned::new(statement)?;
        let message = unsigned.message();
        let answer = self.ask(&message)?;
        let decoded = std::str::from_utf8(&answer)
            .ok()
            .and_then(|text| BASE64.decode(text.trim()).ok());
        let signature = [Some(answer), decoded]
            .into_iter()
            .flatten()
            .find(|bytes| {
                let signature = SignatureBytes::new(bytes.clone());
                self.public.verifies(&message, &signature)
            })
            .ok_or(SignError::CommandOtherKey)?;
        envelope::bundle(envelope::key_hint(&self.public), unsigned.signed(signature))
    }

    /// The command's answer. It speaks to the user through stderr.
    fn ask(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let mut child = Command::new("sh")
            .args(["-c", &self.command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(SignError::Command)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let answer = std::thread::scope(|scope| {
            // A command that answers before it has read everything must not
            // block both ends; one that reads nothing has its own opinion.
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(message)));
            let mut answer = Vec::new();
            let read = stdout.map(|stdout| stdout.take(MAX_SIGNATURE + 1).read_to_end(&mut answer));
            read.transpose().map(|_| answer)
        });
        let status = child.wait().map_err(SignError::Command)?;
        if !status.success() {
            return Err(SignError::CommandFailed(status.code()));
        }
        let answer = answer.map_err(SignError::Command)?;
        match answer.len() as u64 {
            1..=MAX_SIGNATURE => Ok(answer),
            _ => Err(SignError::CommandOtherKey),
        }
    }
}

impl Signer for CommandSigner {
    fn sign_all(&self, statements: &[Statement]) -> Result<Signatures, SignError> {
        by_key(self.public.clone(), statements, |each| self.sign(each))
    }
}
