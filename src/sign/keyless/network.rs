//! The one way out: HTTPS with limits on time, size and attempts.

use std::error::Error as _;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use super::KeylessError;

/// The largest answer that is read, in bytes: certificates, log entries and
/// timestamps have a few thousand.
const MAX_ANSWER: usize = 1 << 20;
/// How often a service is asked that is busy or can't be reached.
const ATTEMPTS: u32 = 4;
/// One request and its answer. Rekor v2 answers when the entry is in its tree,
/// which may take 20 seconds.
const PATIENCE: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(10);
/// The longest wait that a service can ask for before the next attempt.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The most that is quoted of a service's words, in characters.
const MAX_MESSAGE: usize = 300;

/// An HTTP client and what it runs on. Nothing of it exists before a command
/// that needs it makes one.
pub struct Network {
    runtime: Runtime,
    /// For `https`, through the proxy that the environment names.
    outside: Client,
    /// For `http`, which never leaves the machine.
    loopback: Client,
}

/// What is asked of whom.
pub(super) struct Question<'a> {
    /// The service's name, for errors.
    pub(super) service: &'static str,
    pub(super) url: &'a str,
    /// What is sent and its media type; without it, the question is a GET.
    pub(super) body: Option<(&'static str, Zeroizing<Vec<u8>>)>,
    /// A token for the `Authorization` header.
    pub(super) bearer: Option<&'a str>,
    /// What must not be quoted, should the service repeat it.
    pub(super) secret: Option<&'a str>,
}

impl Network {
    /// Builds the client. Nobody is asked yet.
    pub fn new() -> Result<Self, KeylessError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| KeylessError::Network(error.to_string()))?;
        let client = || {
            Client::builder()
                .user_agent(concat!("prov/", env!("CARGO_PKG_VERSION")))
                .timeout(PATIENCE)
                .connect_timeout(CONNECT)
                // A redirect could lead a token elsewhere, and packed bytes past the limit.
                .redirect(reqwest::redirect::Policy::none())
                .no_gzip()
                .no_deflate()
        };
        let built = |client: reqwest::ClientBuilder| {
            client
                .build()
                .map_err(|error| KeylessError::Network(chain(&error)))
        };
        Ok(Self {
            runtime,
            outside: built(client().https_only(true))?,
            loopback: built(client().no_proxy())?,
        })
    }

    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The client for `https`, with the same limits on time.
    pub(super) fn client_for(&self, url: &str) -> Result<&Client, KeylessError> {
        Ok(match usable(url)?.scheme() {
            "https" => &self.outside,
            _ => &self.loopback,
        })
    }

    /// Asks until there is an answer, or no more sense in asking.
    pub(super) async fn ask(
        &self,
        question: &Question<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, KeylessError> {
        let client = self.client_for(question.url)?;
        for attempt in 1.. {
            let last = attempt == ATTEMPTS;
            let pause = Duration::from_millis(250) * 2_u32.pow(attempt);
            let pause = match question.build(client).send().await {
                Ok(response) if response.status().is_success() => {
                    return self.read(question, response).await;
                }
                Ok(response) if !last && is_busy(response.status()) => {
                    asked_pause(&response).unwrap_or(pause)
                }
                Ok(response) => return Err(self.refusal(question, response).await),
                // Only what never arrived is sent again: an entry that was made
                // and not heard of would be made twice.
                Err(error) if !last && error.is_connect() => pause,
                Err(error) => return Err(question.unreachable(&error)),
            };
            tracing::info!("{} is asked again in {pause:?}", question.service);
            tokio::time::sleep(pause).await;
        }
        unreachable!("the last attempt returns")
    }

    async fn read(
        &self,
        question: &Question<'_>,
        mut response: Response,
    ) -> Result<Zeroizing<Vec<u8>>, KeylessError> {
        let too_large = || KeylessError::TooLarge {
            service: question.service,
            url: question.url.to_owned(),
            limit: MAX_ANSWER,
        };
        // No longer than it can be, so that no reallocation leaves a token behind.
        let announced = response.content_length().unwrap_or(MAX_ANSWER as u64);
        let room = usize::try_from(announced).unwrap_or(usize::MAX);
        if room > MAX_ANSWER {
            return Err(too_large());
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| question.unreachable(&error))?
        {
            if bytes.len() + chunk.len() > MAX_ANSWER {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    async fn refusal(&self, question: &Question<'_>, response: Response) -> KeylessError {
        let status = response.status();
        let message = match self.read(question, response).await {
            Ok(bytes) => message(&bytes, question.secret),
            Err(error) => error.to_string(),
        };
        KeylessError::Refused {
            service: question.service,
            url: question.url.to_owned(),
            status: status.as_u16(),
            message: match message.is_empty() {
                true => status.canonical_reason().unwrap_or_default().to_owned(),
                false => message,
            },
        }
    }
}

impl Question<'_> {
    fn build(&self, client: &Client) -> RequestBuilder {
        let request = match &self.body {
            None => client.get(self.url),
            Some((media_type, body)) => client
                .post(self.url)
                .header(CONTENT_TYPE, *media_type)
                .body(bytes::Bytes::from_owner(body.clone())),
        };
        match self.bearer {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> KeylessError {
        KeylessError::Unreachable {
            service: self.service,
            url: self.url.to_owned(),
            reason: chain(error),
        }
    }
}

/// `https` anywhere, `http` only on this machine: a token in the clear is
/// everybody's.
pub(super) fn usable(text: &str) -> Result<Url, KeylessError> {
    let wrong = |reason| KeylessError::Url {
        url: text.to_owned(),
        reason,
    };
    let url = Url::parse(text).map_err(|_| wrong("it can't be read"))?;
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    match url.scheme() {
        "https" if !host.is_empty() => Ok(url),
        "http" if address.is_ok_and(|address| address.is_loopback()) => Ok(url),
        "http" => Err(wrong("`http` is only for 127.0.0.1 and [::1]")),
        _ => Err(wrong("it does not begin with `https://`")),
    }
}

fn is_busy(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3), within limits.
fn asked_pause(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let pause = Duration::from_secs(seconds.trim().parse().ok()?);
    Some(pause.min(LONGEST_PAUSE))
}

/// What a service says of its error: its `message`, or the text itself.
fn message(bytes: &[u8], secret: Option<&str>) -> String {
    let text = String::from_utf8_lossy(bytes);
    if secret.is_some_and(|secret| text.contains(secret)) {
        return "(its answer repeats the token)".to_owned();
    }
    let json: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    let said = json.as_ref().and_then(|json| json["message"].as_str());
    let text = said.unwrap_or(&text).trim();
    text.chars().take(MAX_MESSAGE).collect()
}

/// A failure of the HTTP client with its causes. The URL stands beside it already.
fn chain(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut text = match cause {
        Some(_) => String::new(),
        None => error.to_string(),
    };
    while let Some(error) = cause {
        text = match text.is_empty() {
            true => error.to_string(),
            false => format!("{text}: {error}"),
        };
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_travels_only_encrypted_or_not_at_all() {
        for good in [
            "https://fulcio.example",
            "http://127.0.0.1:5555/a",
            "http://[::1]:5555",
            "http://127.1.2.3",
        ] {
            assert!(usable(good).is_ok(), "{good}");
        }
        for bad in [
            "http://fulcio.example",
            "http://127.0.0.1.example",
            "http://localhost:5555",
            "http://10.0.0.1",
            "http://127.0.0.1@fulcio.example",
            "ftp://fulcio.example",
            "file:///etc/passwd",
            "fulcio.example",
            "",
        ] {
            assert!(usable(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_service_is_quoted_in_short_and_without_secrets() {
        assert_eq!(message(br#"{"code":3,"message":"no"}"#, None), "no");
        assert_eq!(message(b" plain\n", Some("e.y.J")), "plain");
        assert!(!message(b"bad token e.y.J", Some("e.y.J")).contains("e.y.J"));
        assert_eq!(message(&[b'x'; 5000], None).len(), MAX_MESSAGE);
    }

    /// A service that gives each caller the next answer, and the number of calls.
    fn service(answers: Vec<String>) -> (String, std::thread::JoinHandle<usize>) {
        use std::io::{Read as _, Write as _};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let answering = std::thread::spawn(move || {
            let mut calls = 0;
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut question = [0; 4096];
                let _ = stream.read(&mut question).unwrap();
                // A caller that has enough hangs up.
                let _ = stream.write_all(answer.as_bytes());
                calls += 1;
            }
            calls
        });
        (url, answering)
    }

    fn ask(url: &str) -> Result<Vec<u8>, KeylessError> {
        let network = Network::new().unwrap();
        let question = Question {
            service: "the service",
            url,
            body: None,
            bearer: Some("secret"),
            secret: Some("secret"),
        };
        let answer = network.block_on(network.ask(&question))?;
        Ok(answer.to_vec())
    }

    fn answer(status: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
    }

    #[test]
    fn a_busy_service_is_asked_again_but_not_for_ever() {
        let busy = answer("503 Busy", "Retry-After: 0\r\n", "later");
        let (url, calls) = service(vec![busy.clone(), busy.clone(), answer("200 OK", "", "x")]);
        assert_eq!(ask(&url).unwrap(), b"x");
        assert_eq!(calls.join().unwrap(), 3);
        let (url, calls) = service(vec![busy; ATTEMPTS as usize]);
        let error = ask(&url).unwrap_err();
        assert!(
            matches!(&error, KeylessError::Refused { status: 503, message, .. } if message == "later")
        );
        assert_eq!(calls.join().unwrap(), ATTEMPTS as usize);
    }

    #[test]
    fn a_no_is_a_no_and_a_redirect_is_not_followed() {
        for status in ["400 Bad Request", "401 Unauthorized", "500 Oh"] {
            let (url, calls) = service(vec![answer(status, "", "secret")]);
            let error = ask(&url).unwrap_err();
            assert!(matches!(error, KeylessError::Refused { .. }));
            assert!(!format!("{error} {error:?}").contains("secret"));
            assert_eq!(calls.join().unwrap(), 1);
        }
        let elsewhere = answer("302 Found", "Location: http://127.0.0.1:9/\r\n", "");
        let (url, _) = service(vec![elsewhere]);
        assert!(matches!(
            ask(&url),
            Err(KeylessError::Refused { status: 302, .. })
        ));
    }

    #[test]
    fn an_answer_has_a_size_announced_or_not() {
        let body = "x".repeat(MAX_ANSWER);
        let (url, _) = service(vec![answer("200 OK", "", &body)]);
        assert_eq!(ask(&url).unwrap().len(), MAX_ANSWER);
        let (url, _) = service(vec![answer("200 OK", "", &(body.clone() + "x"))]);
        assert!(matches!(ask(&url), Err(KeylessError::TooLarge { .. })));
        let unannounced = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}x");
        let (url, _) = service(vec![unannounced]);
        assert!(matches!(ask(&url), Err(KeylessError::TooLarge { .. })));
        let cut = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx".to_owned();
        let (url, _) = service(vec![cut]);
        assert!(matches!(ask(&url), Err(KeylessError::Unreachable { .. })));
    }
}
