//! Signing as whoever an identity token names: where the token and the Sigstore
//! instance come from.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::sign::keyless::{
    Instance, Keyless, KeylessError, MAX_CONFIG, MAX_TOKEN, Network, Prompt, Services, Token,
};
use crate::verify::MAX_ROOT;

use super::error::{Failure, reasons};
use super::{files, ui};

/// How to sign without a key.
#[derive(clap::Args)]
#[group(id = "keyless", multiple = true)]
pub(super) struct KeylessArgs {
    /// An OpenID Connect token that says who signs; `-` is stdin [default: the
    /// build service's, or at a terminal a login with the browser]
    #[arg(long, value_name = "FILE", help_heading = "Without a key")]
    pub(super) identity_token: Option<PathBuf>,

    /// The services that sign [default: Sigstore's public good instance]
    #[arg(
        long,
        value_name = "FILE",
        requires = "trusted_root",
        help_heading = "Without a key"
    )]
    pub(super) signing_config: Option<PathBuf>,

    /// The trusted root of these services, which the signatures are checked
    /// against before they are written
    #[arg(
        long,
        value_name = "FILE",
        requires = "signing_config",
        help_heading = "Without a key"
    )]
    pub(super) trusted_root: Option<PathBuf>,
}

impl KeylessArgs {
    /// Finds out who signs and where; nothing is signed yet.
    pub(super) fn signer(&self) -> Result<Keyless, Failure> {
        self.signer_of(|network| self.token(network))
    }

    /// The signer of the token that `token` gives; without one, somebody logs in.
    fn signer_of(
        &self,
        token: impl FnOnce(&Network) -> Result<Option<Token>, Failure>,
    ) -> Result<Keyless, Failure> {
        let instance = self.instance_in_files()?;
        let network = Network::new().map_err(failure)?;
        let token = token(&network)?;
        let instance = match instance {
            Some(instance) => instance,
            None => Instance::public_good(&network).map_err(failure)?,
        };
        let token = match token {
            Some(token) => token,
            None => login(&network, &instance.services)?,
        };
        Keyless::new(network, &instance, token).map_err(failure)
    }

    /// The signer of a token that is at hand, at the instance that the files name.
    pub(super) fn signer_with(
        token: &str,
        signing_config: Option<&Path>,
        trusted_root: Option<&Path>,
    ) -> Result<Keyless, Failure> {
        let args = Self {
            identity_token: None,
            signing_config: signing_config.map(Path::to_owned),
            trusted_root: trusted_root.map(Path::to_owned),
        };
        args.signer_of(|_| Token::parse(token).map(Some).map_err(failure))
    }

    fn instance_in_files(&self) -> Result<Option<Instance>, Failure> {
        let (Some(config), Some(root)) = (&self.signing_config, &self.trusted_root) else {
            return Ok(None);
        };
        let json = files::read_text(config, MAX_CONFIG, "signing configuration")?;
        let services = Services::from_json(&json).map_err(|error| {
            Failure::cant_say(format!("cannot sign with `{}`", config.display()))
                .with("reason", reasons(&error))
        })?;
        let trusted_root = files::read_text(root, MAX_ROOT, "trusted root")?;
        Ok(Some(Instance {
            services,
            trusted_root,
        }))
    }

    /// The token, unless somebody has to log in for it.
    fn token(&self, network: &Network) -> Result<Option<Token>, Failure> {
        if let Some(path) = &self.identity_token {
            let text = read_token(path)?;
            return Token::parse(&text).map(Some).map_err(failure);
        }
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        if let Some(token) = Token::ambient(network, variable).map_err(failure)? {
            return Ok(Some(token));
        }
        if variable("CI").is_none() && io::stdin().is_terminal() && io::stderr().is_terminal() {
            return Ok(None);
        }
        Err(Failure::cant_say("nobody to sign as")
            .with(
                "seen",
                "no key, no identity token, and no terminal to log in at",
            )
            .hint("`--key FILE` signs with a key, `--identity-token FILE` as whom the token names"))
    }
}

fn read_token(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = match path.as_os_str() == "-" {
        false => files::read(path, MAX_TOKEN, "identity token")?,
        true => {
            let mut bytes = Vec::new();
            io::stdin()
                .take(MAX_TOKEN)
                .read_to_end(&mut bytes)
                .map_err(|error| {
                    Failure::cant_say("cannot read the identity token").with("reason", error)
                })?;
            bytes
        }
    };
    let bytes = Zeroizing::new(bytes);
    // What is no text is no token either, and is told so.
    Ok(String::from_utf8_lossy(&bytes).into_owned().into())
}

fn login(network: &Network, services: &Services) -> Result<Token, Failure> {
    let prompt = Prompt {
        tell: &|url, opened| {
            let how = match opened {
                true => "a browser was opened to log in; if none shows up, visit",
                false => "to log in, visit",
            };
            ui::say(&format!("{how}\n  {}", ui::clean(url)));
        },
        ask: &|| {
            ui::say("and enter the code that the page shows:");
            let mut code = Zeroizing::new(String::new());
            io::stdin().lock().read_line(&mut code)?;
            Ok(code)
        },
    };
    Token::login(network, services, &prompt).map_err(failure)
}

fn failure(error: KeylessError) -> Failure {
    let failure = Failure::cant_say("cannot sign without a key").with("reason", reasons(&error));
    match error {
        KeylessError::NoToken { wanted, .. } => failure.with("wanted", wanted),
        KeylessError::Tuf { .. } => failure.hint(
            "`--signing-config FILE --trusted-root FILE` name an instance without asking anybody",
        ),
        KeylessError::Expired(_) => failure.hint("tokens live for minutes: fetch a new one"),
        _ => failure,
    }
}
