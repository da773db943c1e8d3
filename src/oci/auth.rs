//! Who is asking: challenges and tokens (distribution specification, "Authentication";
//! Docker's token specification), and nothing sent that was not asked for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, Url};

use super::credentials::{self, Credentials};
use super::transport::{Ask, Body, Transport};
use super::{OciError, Repository};

/// The largest answer of a token server, in bytes.
const MAX_TOKEN: u64 = 1 << 20;
/// How long a token is good for when nothing is said (Docker's token specification).
const LIFETIME: Duration = Duration::from_secs(60);

/// What is to be done in the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    Pull,
    Push,
}

/// What was agreed on with one registry.
pub(super) struct Session {
    repository: Repository,
    credentials: OnceLock<Option<Credentials>>,
    agreed: Mutex<Agreed>,
}

#[derive(Default)]
struct Agreed {
    basic: bool,
    tokens: HashMap<Scope, (HeaderValue, Instant)>,
}

impl Session {
    pub(super) fn new(repository: &Repository) -> Self {
        Self {
            repository: repository.clone(),
            credentials: OnceLock::new(),
            agreed: Mutex::default(),
        }
    }

    fn agreed(&self) -> MutexGuard<'_, Agreed> {
        self.agreed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The header that the registry is known to want.
    pub(super) fn authorization(&self, scope: Scope) -> Option<HeaderValue> {
        let agreed = self.agreed();
        if agreed.basic {
            return self.credentials.get()?.as_ref()?.basic();
        }
        let fresh = |scope| {
            let (header, until) = agreed.tokens.get(&scope)?;
            (*until > Instant::now()).then(|| header.clone())
        };
        match scope {
            Scope::Pull => fresh(Scope::Push).or_else(|| fresh(Scope::Pull)),
            Scope::Push => fresh(Scope::Push),
        }
    }

    /// Answers a challenge; false when there is nothing to answer it with.
    /// `authorized` says that it came in spite of what is agreed on; of requests side by
    /// side, only the first one has to find that out.
    pub(super) async fn challenged(
        &self,
        transport: &Transport,
        headers: &HeaderMap,
        scope: Scope,
        authorized: bool,
    ) -> Result<bool, OciError> {
        let challenges: Vec<_> = headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(parse_challenges)
            .collect();
        let find = |scheme: &str| challenges.iter().find(|each| each.scheme == scheme);
        if let Some(challenge) = find("bearer") {
            let token = self.token(transport, challenge, scope).await?;
            let mut agreed = self.agreed();
            agreed.basic = false;
            agreed.tokens.insert(scope, token);
            return Ok(true);
        }
        if find("basic").is_none() || authorized {
            return Ok(false);
        }
        let known = matches!(self.credentials()?, Some(Credentials::Password { .. }));
        self.agreed().basic = known;
        Ok(known)
    }

    /// What is configured for the registry; looked up when it is first asked for.
    fn credentials(&self) -> Result<Option<&Credentials>, OciError> {
        if let Some(known) = self.credentials.get() {
            return Ok(known.as_ref());
        }
        let found = credentials::find(&self.repository)?;
        Ok(self.credentials.get_or_init(|| found).as_ref())
    }

    async fn token(
        &self,
        transport: &Transport,
        challenge: &Challenge,
        scope: Scope,
    ) -> Result<(HeaderValue, Instant), OciError> {
        let what = "a token";
        let refuse = |why: &str| transport.answer(what, why);
        let realm = challenge.parameter("realm").unwrap_or_default();
        let mut url =
            Url::parse(realm).map_err(|_| refuse("the challenge names no token server"))?;
        transport.may_ask_for_token(&url)?;
        let wanted = match scope {
            Scope::Pull => "pull",
            Scope::Push => "pull,push",
        };
        let wanted = match challenge.parameter("scope") {
            Some(wanted) => wanted.to_owned(),
            None => format!("repository:{}:{wanted}", self.repository.path),
        };
        let service = challenge.parameter("service").unwrap_or_default();
        let credentials = self.credentials()?;
        let (body, authorization) = match credentials {
            Some(Credentials::Identity(token)) => {
                let form = form(&[
                    ("grant_type", "refresh_token"),
                    ("service", service),
                    ("client_id", "prov"),
                    ("scope", &wanted),
                    ("refresh_token", token),
                ]);
                (
                    Body::Bytes("application/x-www-form-urlencoded", form.into()),
                    None,
                )
            }
            other => {
                url.query_pairs_mut()
                    .append_pair("service", service)
                    .append_pair("scope", &wanted);
                (Body::Nothing, other.and_then(Credentials::basic))
            }
        };
        let ask = Ask {
            method: match body {
                Body::Nothing => Method::GET,
                _ => Method::POST,
            },
            url,
            scope,
            accept: None,
            from: 0,
            body,
            what: what.to_owned(),
        };
        let response = transport.once(&ask, &ask.url, authorization).await?;
        if !response.status().is_success() {
            return Err(match transport.failure(response, what).await {
                // That the token server has no such page says nothing of the content.
                OciError::NotFound { .. } => refuse("the token server has no such page"),
                failure => failure,
            });
        }
        let body = transport.document(response, MAX_TOKEN, what).await?;
        let answer = crate::json::parse(&body, MAX_TOKEN as usize)
            .map_err(|error| refuse(&error.to_string()))?;
        let token = answer["token"]
            .as_str()
            .or_else(|| answer["access_token"].as_str())
            .ok_or_else(|| refuse("the token server gave none"))?;
        let mut header = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| refuse("the token has letters that no token has"))?;
        header.set_sensitive(true);
        let lifetime = answer["expires_in"]
            .as_u64()
            .map_or(LIFETIME, Duration::from_secs);
        // Renewed a little early, for the answer took its time; never kept for ever.
        let lifetime = lifetime.min(Duration::from_secs(3600)).mul_f32(0.9);
        Ok((header, Instant::now() + lifetime))
    }
}

impl Credentials {
    /// The header of HTTP's basic authentication.
    fn basic(&self) -> Option<HeaderValue> {
        let Credentials::Password { user, password } = self else {
            return None;
        };
        let text = format!(
            "Basic {}",
            STANDARD.encode(format!("{user}:{}", password.as_str()))
        );
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    match Url::parse_with_params("http://form", fields) {
        Ok(url) => url.query().unwrap_or_default().to_owned(),
        Err(_) => String::new(),
    }
}

/// One way to authenticate that a registry offers (RFC 9110 §11.6.1).
#[derive(Debug, PartialEq)]
struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    fn parameter(&self, name: &str) -> Option<&str> {
        let mut found = self.parameters.iter().filter(|(key, _)| key == name);
        found.next().map(|(_, value)| value.as_str())
    }
}

/// `Bearer realm="…",service="…", Basic realm="…"`: a word before a space starts a
/// challenge, a word before `=` a parameter.
fn parse_challenges(text: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            return challenges;
        }
        let word = word.to_ascii_lowercase();
        let after = after.trim_start_matches([' ', '\t']);
        let (Some(value), Some(challenge)) = (after.strip_prefix('='), challenges.last_mut())
        else {
            if after.starts_with('=') {
                return challenges;
            }
            challenges.push(Challenge {
                scheme: word,
                parameters: Vec::new(),
            });
            rest = after;
            continue;
        };
        let value = value.trim_start_matches([' ', '\t']);
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let end = value.find([' ', '\t', ',']).unwrap_or(value.len());
                (value[..end].to_owned(), &value[end..])
            }
        };
        challenge.parameters.push((word, value));
        rest = after;
    }
}

/// The text up to the closing quote, and what follows it.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((index, letter)) = letters.next() {
        match letter {
            '"' => return (value, &text[index + 1..]),
            '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
            letter => value.push(letter),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges() {
        let found = parse_challenges(
            r#"Bearer realm="https://a.b/t?x=1,2",service=s , scope="repository:a:pull,push", Basic realm="a \"b\"""#,
        );
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].scheme, "bearer");
        assert_eq!(found[0].parameter("realm"), Some("https://a.b/t?x=1,2"));
        assert_eq!(found[0].parameter("service"), Some("s"));
        assert_eq!(found[0].parameter("scope"), Some("repository:a:pull,push"));
        assert_eq!(found[1].scheme, "basic");
        assert_eq!(found[1].parameter("realm"), Some(r#"a "b""#));
    }

    #[test]
    fn broken_challenges_end() {
        for text in [
            "",
            ",,,",
            "=",
            "a=b",
            "Bearer",
            "Bearer realm=\"x",
            "Bearer =,=",
            "\"\\",
            "Bearer a=\"\\",
        ] {
            let _ = parse_challenges(text);
        }
        assert_eq!(parse_challenges("Basic")[0].scheme, "basic");
    }

    #[test]
    fn forms_are_encoded() {
        assert_eq!(
            form(&[("a", "b c&d=é"), ("e", "")]),
            "a=b+c%26d%3D%C3%A9&e="
        );
    }
}
