//! Identity tokens, and the places that give one.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL;
use serde::Deserialize;
use serde_json::{Map, Value};
use sigstore_oidc::{IdentityToken, SecretString};
use zeroize::Zeroizing;

use super::network::Question;
use super::{KeylessError, Network};

/// The largest token that is read, in bytes.
pub const MAX_TOKEN: u64 = 64 << 10;
/// Whom the token is for, as Sigstore's certificate authority wants it.
const AUDIENCE: &str = "sigstore";

/// An OpenID Connect identity token. Who has it can sign in its subject's name, so
/// it is neither printed nor kept: it is overwritten when it is dropped.
pub struct Token {
    inner: IdentityToken,
    claims: Map<String, Value>,
}

impl Token {
    /// Reads a token, with white space round it. Its signature is the certificate
    /// authority's to check.
    pub fn parse(text: &str) -> Result<Self, KeylessError> {
        // What is wrong with it is said without a part of it.
        let wrong = || {
            let wanted = "wanted a JSON Web Token (RFC 7519) with `iss`, `sub` and `exp`";
            KeylessError::Token(wanted.to_owned())
        };
        Self::valid(IdentityToken::from_jwt(text.trim()).map_err(|_| wrong())?)
    }

    pub(super) fn valid(inner: IdentityToken) -> Result<Self, KeylessError> {
        if inner.is_expired() {
            return Err(KeylessError::Expired(inner.expiration().to_string()));
        }
        let payload = inner.expose_secret().split('.').nth(1).unwrap_or_default();
        let claims = BASE64_URL.decode(payload).ok();
        let claims = claims.and_then(|json| serde_json::from_slice(&json).ok());
        let claims =
            claims.ok_or_else(|| KeylessError::Token("its claims can't be read".to_owned()))?;
        Ok(Self { inner, claims })
    }

    /// What the issuer says of whoever has the token. It is believed only once the
    /// certificate authority has checked the token and made a certificate of it.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The token of the build service that prov runs in, if it runs in one.
    /// `variable` reads the environment.
    ///
    /// In this order: a token in `SIGSTORE_ID_TOKEN` (GitLab's way), GitHub Actions,
    /// Buildkite, CircleCI.
    pub fn ambient(
        network: &Network,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, KeylessError> {
        let is_true = |name| variable(name).as_deref() == Some("true");
        if let Some(token) = variable("SIGSTORE_ID_TOKEN").map(Zeroizing::new) {
            return Self::parse(&token).map(Some);
        }
        let url = variable("ACTIONS_ID_TOKEN_REQUEST_URL");
        let bearer = variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN").map(Zeroizing::new);
        if let (Some(url), Some(bearer)) = (url, bearer) {
            return network.block_on(github(network, &url, &bearer)).map(Some);
        }
        let nothing = |place, wanted| Err(KeylessError::NoToken { place, wanted });
        if is_true("GITHUB_ACTIONS") {
            return nothing("GitHub Actions", "`permissions:` with `id-token: write`");
        }
        if is_true("GITLAB_CI") {
            return nothing(
                "GitLab CI",
                "`id_tokens:` with `SIGSTORE_ID_TOKEN:` and `aud: sigstore`",
            );
        }
        if is_true("BUILDKITE") || is_true("CIRCLECI") {
            // Both are asked through a program of theirs.
            let found = network
                .block_on(IdentityToken::detect_ambient())
                .map_err(|error| KeylessError::Token(error.to_string()))?;
            return found.map(Self::valid).transpose();
        }
        Ok(None)
    }

    /// Whom the key's holder must name to prove that the key is theirs.
    pub(super) fn subject(&self) -> &str {
        self.inner.identity()
    }

    pub(super) fn reveal(&self) -> &str {
        self.inner.expose_secret()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// GitHub's endpoint for the running job ("Security hardening with OpenID Connect").
async fn github(network: &Network, url: &str, bearer: &str) -> Result<Token, KeylessError> {
    const SERVICE: &str = "GitHub's token endpoint";

    #[derive(Deserialize)]
    struct Answer {
        value: SecretString,
    }

    let between = match url.contains('?') {
        true => '&',
        false => '?',
    };
    let answer = network
        .ask(&Question {
            service: SERVICE,
            url: &format!("{url}{between}audience={AUDIENCE}"),
            body: None,
            bearer: Some(bearer),
            secret: Some(bearer),
        })
        .await?;
    let answer: Answer = serde_json::from_slice(&answer).map_err(|_| KeylessError::Answer {
        service: SERVICE,
        reason: "wanted a JSON object with `value`".to_owned(),
    })?;
    Token::parse(answer.value.expose_secret())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &Value) -> String {
        let part = |json: &Value| BASE64_URL.encode(json.to_string());
        format!(
            "{}.{}.c2ln",
            part(&serde_json::json!({"alg": "ES256"})),
            part(claims)
        )
    }

    fn claims() -> Value {
        serde_json::json!({"iss": "https://a.example", "sub": "x", "exp": 4_000_000_000_u64, "ref": "y"})
    }

    #[test]
    fn a_token_is_read_and_not_printed() {
        let text = token(&claims());
        let read = Token::parse(&format!(" {text}\n")).unwrap();
        assert_eq!(read.subject(), "x");
        assert_eq!(read.claims()["ref"], "y");
        assert_eq!(format!("{read:?}"), "Token(…)");
        for other in ["", "a.b", "a.b.c", "x", &text.replace('.', ",")] {
            let error = Token::parse(other).unwrap_err().to_string();
            assert!(error.starts_with("not an identity token"), "{error}");
            assert!(other.len() < 10 || !error.contains(other), "{error}");
        }
    }

    #[test]
    fn an_old_token_is_refused_before_anybody_sees_it() {
        let mut claims = claims();
        claims["exp"] = 1_000_000_000.into();
        assert!(matches!(
            Token::parse(&token(&claims)),
            Err(KeylessError::Expired(_))
        ));
    }

    fn ambient(variables: &[(&str, &str)]) -> Result<Option<Token>, KeylessError> {
        let network = Network::new().unwrap();
        Token::ambient(&network, |name| {
            let found = variables.iter().find(|(have, _)| *have == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_variable_has_a_token_and_a_service_that_gives_none_is_named() {
        let text = token(&claims());
        assert!(ambient(&[("SIGSTORE_ID_TOKEN", &text)]).unwrap().is_some());
        assert!(ambient(&[("SIGSTORE_ID_TOKEN", "x")]).is_err());
        assert!(ambient(&[]).unwrap().is_none());
        assert!(ambient(&[("GITHUB_ACTIONS", "false")]).unwrap().is_none());
        for (variable, service) in [
            ("GITHUB_ACTIONS", "GitHub Actions"),
            ("GITLAB_CI", "GitLab CI"),
        ] {
            assert!(matches!(
                ambient(&[(variable, "true")]),
                Err(KeylessError::NoToken { place, .. }) if place == service
            ));
        }
    }

    #[test]
    fn the_bearer_goes_nowhere_in_the_clear() {
        let error = ambient(&[
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "http://token.example/?a=b"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "secret"),
        ])
        .unwrap_err();
        assert!(matches!(error, KeylessError::Url { .. }));
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}
