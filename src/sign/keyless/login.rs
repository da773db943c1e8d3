//! Logging in with a browser: OAuth's authorization code flow with PKCE (RFC 7636).

use std::io;

use sigstore_oidc::{
    AuthCallback, AuthMode, HtmlTemplates, OAuthClient, OAuthConfig, SecretString,
};
use zeroize::Zeroizing;

use super::network;
use super::{KeylessError, Network, Services, Token};

/// How the person at the terminal is talked to.
pub struct Prompt<'a> {
    /// Tells where to log in: the URL, and whether a browser has it open already.
    pub tell: &'a dyn Fn(&str, bool),
    /// Asks for the code that the page shows, when there is no browser here.
    pub ask: &'a dyn Fn() -> io::Result<Zeroizing<String>>,
}

impl Token {
    /// Has somebody log in at the instance's identity provider.
    pub fn login(
        network: &Network,
        services: &Services,
        prompt: &Prompt<'_>,
    ) -> Result<Self, KeylessError> {
        let issuer = services.login.as_deref();
        let issuer = issuer.ok_or(KeylessError::NoService("identity provider"))?;
        network::usable(issuer)?;
        let client = network.client_for(issuer)?.clone();
        let client = OAuthClient::with_http_client(OAuthConfig::dex(issuer), client);
        let token = network
            .block_on(client.authenticate(Page(prompt)))
            .map_err(|error| KeylessError::Login(error.to_string()))?;
        Self::valid(token)
    }
}

struct Page<'a>(&'a Prompt<'a>);

impl HtmlTemplates for Page<'_> {
    fn success_html(&self) -> &str {
        "<!doctype html><title>prov</title><p>You are logged in. You can close this page.\n"
    }

    // What went wrong comes from outside, and the terminal tells it.
    fn error_html(&self, _: &str) -> String {
        "<!doctype html><title>prov</title><p>The login failed; the terminal tells why.\n"
            .to_owned()
    }
}

impl AuthCallback for Page<'_> {
    fn auth_url_ready(&self, url: &str, mode: AuthMode) {
        (self.0.tell)(url, mode == AuthMode::BrowserRedirect);
    }

    fn prompt_for_code(&self) -> io::Result<SecretString> {
        let code = (self.0.ask)()?;
        Ok(SecretString::new(code.trim()))
    }
}
