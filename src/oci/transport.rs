//! One registry over HTTP: retries, redirects, limits. Credentials are for the
//! registry itself: a place that it points to never sees them.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, RETRY_AFTER,
};
use reqwest::{Client, Method, Response, StatusCode, Url, redirect};

use super::auth::{Scope, Session};
use super::blob::Content;
use super::pointer::{self, same_origin};
use super::reference::is_docker_hub;
use super::{Descriptor, OciError, Progress, Repository, proxy, tls};

/// The most redirects that are followed.
const MAX_REDIRECTS: usize = 5;
/// How much of a registry's error is read, in bytes.
const MAX_ERROR: u64 = 64 << 10;

/// How long registries may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// Between two pieces of a body.
    pub idle: Duration,
    /// For an answer, and for a document as a whole.
    pub document: Duration,
    /// How many bytes of content must come each second, after `document`.
    pub bytes_per_second: u64,
    /// How often something is tried again.
    pub retries: u32,
    /// The longest that a registry may ask to wait before that.
    pub longest_wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            idle: Duration::from_secs(30),
            document: Duration::from_secs(60),
            bytes_per_second: 8 << 10,
            retries: 4,
            longest_wait: Duration::from_secs(60),
        }
    }
}

impl Patience {
    /// How long content of that size may take.
    pub(super) fn for_content(&self, size: u64) -> Duration {
        self.document + Duration::from_secs(size / self.bytes_per_second.max(1))
    }
}

/// What is asked of a registry.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) scope: Scope,
    pub(super) accept: Option<&'static str>,
    /// For content, in either direction: from this byte on.
    pub(super) from: u64,
    pub(super) body: Body<'a>,
    /// What it is about, for errors.
    pub(super) what: String,
}

/// What is sent along.
pub(super) enum Body<'a> {
    Nothing,
    Bytes(&'a str, Bytes),
    Content(&'a Descriptor, Content<'a>, &'a Progress),
}

/// The connections to one registry.
pub(super) struct Transport {
    /// The host for people and for credentials.
    pub(super) host: String,
    base: Url,
    plain: OnceLock<Client>,
    secure: OnceLock<Client>,
    /// For where the registry points to.
    elsewhere: OnceLock<Client>,
    /// The certificate that the registry itself may see.
    shown: OnceLock<PathBuf>,
    /// The host of the proxy, if there is one.
    proxy: OnceLock<String>,
    session: Session,
    pub(super) patience: Patience,
}

impl Transport {
    pub(super) fn new(repository: &Repository, patience: Patience) -> Result<Self, OciError> {
        let scheme = if repository.plain { "http" } else { "https" };
        let address = match is_docker_hub(&repository.host) {
            true => "registry-1.docker.io",
            false => &repository.host,
        };
        let base = format!("{scheme}://{address}/");
        Ok(Self {
            host: repository.host.clone(),
            base: Url::parse(&base).map_err(|_| OciError::Reference {
                text: base,
                why: "the host is none",
            })?,
            plain: OnceLock::new(),
            secure: OnceLock::new(),
            elsewhere: OnceLock::new(),
            shown: OnceLock::new(),
            proxy: OnceLock::new(),
            session: Session::new(repository),
            patience,
        })
    }

    /// The address of `path` below `/v2/`.
    pub(super) fn url(&self, path: &str) -> Result<Url, OciError> {
        self.base
            .join(&format!("/v2/{path}"))
            .map_err(|error| self.answer(path, error))
    }

    /// Sends until there is an answer that is neither a challenge, nor a redirect,
    /// nor a request to come again.
    pub(super) async fn send(&self, ask: &Ask<'_>) -> Result<Response, OciError> {
        let mut url = ask.url.clone();
        let (mut hops, mut challenges) = (0, 0);
        // Content is not sent again by itself: its upload has to start anew.
        let mut tries = match ask.body {
            Body::Content(..) => self.patience.retries,
            _ => 0,
        };
        loop {
            let home = same_origin(&url, &self.base);
            let authorization = match home {
                true => self.session.authorization(ask.scope),
                false => None,
            };
            let authorized = authorization.is_some();
            let response = match self.once(ask, &url, authorization).await {
                Err(error) if error.is_about_the_way() && tries < self.patience.retries => {
                    tries += 1;
                    tokio::time::sleep(backoff(tries)).await;
                    continue;
                }
                answer => answer?,
            };
            match response.status().as_u16() {
                401 if home && challenges < 2 => {
                    challenges += 1;
                    let answered = self
                        .session
                        .challenged(self, response.headers(), ask.scope, authorized)
                        .await?;
                    if !answered {
                        return Ok(response);
                    }
                }
                429 | 500 | 502 | 503 | 504 if tries < self.patience.retries => {
                    tries += 1;
                    let wait = retry_after(response.headers()).unwrap_or_else(|| backoff(tries));
                    if wait > self.patience.longest_wait {
                        return Ok(response);
                    }
                    tokio::time::sleep(wait).await;
                }
                301 | 302 | 303 | 307 | 308 if matches!(ask.body, Body::Nothing) => {
                    hops += 1;
                    if hops > MAX_REDIRECTS {
                        return Err(self.answer(&ask.what, "too many redirects"));
                    }
                    url = self.pointed(&url, response.headers(), &ask.what)?;
                }
                _ => return Ok(response),
            }
        }
    }

    /// Sends once.
    pub(super) async fn once(
        &self,
        ask: &Ask<'_>,
        url: &Url,
        authorization: Option<reqwest::header::HeaderValue>,
    ) -> Result<Response, OciError> {
        let mut request = self.client(url)?.request(ask.method.clone(), url.clone());
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(accept) = ask.accept {
            request = request.header(ACCEPT, accept);
        }
        if ask.from > 0 && ask.method == Method::GET {
            request = request.header("range", format!("bytes={}-", ask.from));
        }
        let mut time = self.patience.document;
        request = match &ask.body {
            Body::Nothing if matches!(ask.method, Method::POST | Method::PUT) => {
                request.header(CONTENT_LENGTH, 0)
            }
            Body::Nothing => request,
            Body::Bytes(media_type, bytes) => request
                .header(CONTENT_TYPE, *media_type)
                .body(bytes.clone()),
            Body::Content(descriptor, content, progress) => {
                time = self.patience.for_content(descriptor.size);
                let blob = content.open_unhashed(descriptor, progress).await?;
                if ask.from > 0 {
                    let range = format!("{}-{}", ask.from, descriptor.size - 1);
                    request = request.header(CONTENT_RANGE, range);
                }
                request
                    .header(CONTENT_TYPE, "application/octet-stream")
                    .header(CONTENT_LENGTH, descriptor.size - ask.from)
                    .body(reqwest::Body::wrap_stream(blob.into_stream(ask.from)))
            }
        };
        match tokio::time::timeout(time, request.send()).await {
            Ok(answer) => answer.map_err(|error| self.broken(url, &ask.what, error)),
            Err(_) => Err(self.slow(url, &ask.what)),
        }
    }

    /// TLS is set up when it is spoken: reading the authorities takes longer than
    /// most of what is asked.
    fn client(&self, url: &Url) -> Result<&Client, OciError> {
        let secure = url.scheme() == "https";
        let home = same_origin(url, &self.base);
        let cell = match (secure, home) {
            (true, true) => &self.secure,
            (true, false) => &self.elsewhere,
            (false, _) => &self.plain,
        };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let tls = match secure {
            true => tls::trusting_the_system(&self.host, home)?,
            false => tls::trusting_nobody()?,
        };
        let mut builder = Client::builder()
            .user_agent(concat!("prov/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(self.patience.connect)
            .read_timeout(self.patience.idle)
            .tls_backend_preconfigured(tls.config);
        // Nothing else than what is named: reqwest would leave out what it can't read.
        builder = builder.no_proxy();
        let host = url.host_str().unwrap_or_default();
        if secure && let Some(proxy) = proxy::configured(if home { host } else { "" })? {
            if let Some(shown) = tls.shown.as_ref().filter(|_| proxy.secure) {
                return Err(OciError::Tls(format!(
                    "the proxy {} would see `{}`, which is for {}",
                    proxy.host,
                    shown.display(),
                    self.host
                )));
            }
            let _ = self.proxy.set(proxy.host);
            builder = builder.proxy(proxy.route);
        }
        if let Some(shown) = tls.shown {
            let _ = self.shown.set(shown);
        }
        let client = builder
            .build()
            .map_err(|error| OciError::Tls(error.to_string()))?;
        Ok(cell.get_or_init(|| client))
    }

    /// A whole document of at most `limit` bytes.
    pub(super) async fn document(
        &self,
        mut response: Response,
        limit: u64,
        what: &str,
    ) -> Result<Bytes, OciError> {
        let too_large = || OciError::TooLarge {
            what: what.to_owned(),
            limit,
        };
        if response
            .content_length()
            .is_some_and(|length| length > limit)
        {
            return Err(too_large());
        }
        let url = response.url().clone();
        let read = async {
            let mut all = Vec::new();
            while let Some(chunk) = response
                .chunk()
                .await
                .map_err(|error| self.broken(&url, what, error))?
            {
                if (all.len() + chunk.len()) as u64 > limit {
                    return Err(too_large());
                }
                all.extend_from_slice(&chunk);
            }
            Ok(Bytes::from(all))
        };
        match tokio::time::timeout(self.patience.document, read).await {
            Ok(read) => read,
            Err(_) => Err(self.slow(&url, what)),
        }
    }

    /// Where a redirect or an upload goes on, if that place may be gone to.
    pub(super) fn pointed(
        &self,
        from: &Url,
        headers: &HeaderMap,
        what: &str,
    ) -> Result<Url, OciError> {
        let location = headers
            .get("location")
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| self.answer(what, "it points elsewhere and does not say where"))?;
        let target = from
            .join(location)
            .map_err(|_| self.answer(what, "it points to what is no address"))?;
        self.may(&target, pointer::may_lead_to(&self.base, &target))?;
        Ok(target)
    }

    /// A token server may have the registry's credentials only where they are safe.
    pub(super) fn may_ask_for_token(&self, realm: &Url) -> Result<(), OciError> {
        self.may(realm, pointer::may_ask_for_token(&self.base, realm))
    }

    fn may(&self, target: &Url, verdict: Result<(), &'static str>) -> Result<(), OciError> {
        verdict.map_err(|why| OciError::Pointer {
            host: self.host.clone(),
            target: target.origin().ascii_serialization(),
            why,
        })
    }

    /// The failure that an answer is, with the registry's own words.
    pub(super) async fn failure(&self, response: Response, what: &str) -> OciError {
        let status = response.status();
        let said = match self.document(response, MAX_ERROR, what).await {
            Ok(body) => words(&body),
            Err(_) => None,
        };
        let answer = match said {
            Some(said) => format!("{status}: {said}"),
            None => status.to_string(),
        };
        match status {
            StatusCode::NOT_FOUND => OciError::NotFound {
                what: what.to_owned(),
            },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => OciError::Denied {
                host: self.host.clone(),
                what: what.to_owned(),
                answer,
            },
            _ => self.answer(what, answer),
        }
    }

    pub(super) fn answer(&self, what: &str, answer: impl ToString) -> OciError {
        OciError::Answer {
            host: self.host.clone(),
            what: what.to_owned(),
            answer: answer.to_string(),
        }
    }

    /// A connection that failed. The address is left out: it can hold secrets.
    pub(super) fn broken(&self, url: &Url, what: &str, error: reqwest::Error) -> OciError {
        if error.is_timeout() {
            return self.slow(url, what);
        }
        if let (Some(why), Some(proxy)) = (proxy::refusal(&error), self.proxy.get()) {
            return OciError::Proxy {
                proxy: proxy.clone(),
                host: host_of(url),
                what: what.to_owned(),
                why,
            };
        }
        let shown = self.shown.get().filter(|_| same_origin(url, &self.base));
        let shown = shown.map(PathBuf::as_path);
        if let Some(refusal) = tls::refusal(&error, &host_of(url), &self.host, shown) {
            return refusal;
        }
        OciError::Connection {
            host: host_of(url),
            what: what.to_owned(),
            source: Box::new(error.without_url()),
        }
    }

    pub(super) fn slow(&self, url: &Url, what: &str) -> OciError {
        OciError::Slow {
            host: host_of(url),
            what: what.to_owned(),
        }
    }

    /// When content of that size must be here.
    pub(super) fn deadline(&self, size: u64) -> Instant {
        Instant::now() + self.patience.for_content(size)
    }
}

fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// 0.2 s, 0.4 s, 0.8 s, …
pub(super) fn backoff(tries: u32) -> Duration {
    Duration::from_millis(100 << tries.min(6))
}

/// `Retry-After` in seconds; the form with a date is rare, and clocks differ.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The messages of an error document of the distribution specification.
fn words(body: &[u8]) -> Option<String> {
    let document = crate::json::parse(body, MAX_ERROR as usize).ok()?;
    let words: Vec<_> = document["errors"]
        .as_array()?
        .iter()
        .take(3)
        .filter_map(|error| {
            let code = error["code"].as_str()?;
            Some(match error["message"].as_str() {
                Some(message) if !message.is_empty() => format!("{code}, {message}"),
                _ => code.to_owned(),
            })
        })
        .map(|text| text.chars().take(300).collect::<String>())
        .collect();
    (!words.is_empty()).then(|| words.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrys_own_words() {
        let body = br#"{"errors":[{"code":"DENIED","message":"no"},{"code":"X"}]}"#;
        assert_eq!(words(body).unwrap(), "DENIED, no; X");
        for bad in [
            &b"<html>"[..],
            b"{}",
            b"[]",
            br#"{"errors":[]}"#,
            br#"{"errors":[1]}"#,
        ] {
            assert_eq!(words(bad), None);
        }
    }
}
