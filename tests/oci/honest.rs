//! A registry in memory that does what the distribution specification says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha512};

use crate::server::{Reply, Request, Server};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What this one can and wants.
#[derive(Clone, Default)]
pub(crate) struct Options {
    /// Whether it has the referrers API.
    pub(crate) api: bool,
    /// How many referrers stand on a page.
    pub(crate) page: Option<usize>,
    /// Whether it forgets uploads that broke off.
    pub(crate) forgets: bool,
    /// `user:password` that it wants by HTTP's basic authentication.
    pub(crate) basic: Option<&'static str>,
    /// `user:password` that its token server wants.
    pub(crate) token: Option<&'static str>,
}

#[derive(Clone, Default)]
pub(crate) struct Honest {
    pub(crate) options: Options,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    blobs: BTreeMap<String, Vec<u8>>,
    manifests: BTreeMap<String, (String, Vec<u8>)>,
    tags: BTreeMap<String, String>,
    /// What has come of uploads that go on.
    sessions: BTreeMap<String, Vec<u8>>,
    begun: usize,
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// The digest of `bytes` by the algorithm of `wanted`.
pub(crate) fn digest_like(wanted: &str, bytes: &[u8]) -> Option<String> {
    match wanted.split_once(':')?.0 {
        "sha256" => Some(sha256(bytes)),
        "sha512" => Some(format!("sha512:{}", hex(&Sha512::digest(bytes)))),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Honest {
    pub(crate) fn new(api: bool) -> Self {
        Self::with(Options {
            api,
            ..Options::default()
        })
    }

    pub(crate) fn with(options: Options) -> Self {
        Self {
            options,
            state: Arc::default(),
        }
    }

    /// Serves it as it is.
    pub(crate) fn serve(&self) -> Server {
        let honest = self.clone();
        Server::start(move |request| honest.handle(request))
    }

    /// Serves it over connections that break off after as many bytes of a body as
    /// `cut` says.
    pub(crate) fn serve_cutting(
        &self,
        cut: impl Fn(&Request) -> Option<u64> + Send + Sync + 'static,
    ) -> Server {
        let honest = self.clone();
        Server::cutting(cut, move |request| honest.handle(request))
    }

    /// Serves it with exceptions: what `lie` says is said instead.
    pub(crate) fn serve_but(
        &self,
        lie: impl Fn(&Request, &Honest) -> Option<Reply> + Send + Sync + 'static,
    ) -> Server {
        let honest = self.clone();
        Server::start(move |request| {
            lie(request, &honest).unwrap_or_else(|| honest.handle(request))
        })
    }

    pub(crate) fn put_blob(&self, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        self.insert_blob(&digest, bytes.to_vec());
        digest
    }

    pub(crate) fn insert_blob(&self, digest: &str, bytes: Vec<u8>) {
        let mut state = self.state.lock().unwrap();
        state.blobs.insert(digest.to_owned(), bytes);
    }

    pub(crate) fn has_blob(&self, digest: &str) -> bool {
        self.state.lock().unwrap().blobs.contains_key(digest)
    }

    pub(crate) fn new_session(&self) -> String {
        let mut state = self.state.lock().unwrap();
        state.begun += 1;
        let session = state.begun.to_string();
        state.sessions.insert(session.clone(), Vec::new());
        session
    }

    pub(crate) fn session(&self, session: &str) -> Option<Vec<u8>> {
        self.state.lock().unwrap().sessions.get(session).cloned()
    }

    pub(crate) fn set_session(&self, session: &str, content: Vec<u8>) {
        let mut state = self.state.lock().unwrap();
        state.sessions.insert(session.to_owned(), content);
    }

    pub(crate) fn end(&self, session: &str) {
        self.state.lock().unwrap().sessions.remove(session);
    }

    pub(crate) fn put_manifest(&self, manifest: &Value, tag: Option<&str>) -> String {
        let bytes = manifest.to_string().into_bytes();
        let digest = sha256(&bytes);
        let media_type = manifest["mediaType"].as_str().unwrap().to_owned();
        let mut state = self.state.lock().unwrap();
        state.manifests.insert(digest.clone(), (media_type, bytes));
        if let Some(tag) = tag {
            state.tags.insert(tag.to_owned(), digest.clone());
        }
        digest
    }

    pub(crate) fn tag(&self, tag: &str) -> Option<String> {
        self.state.lock().unwrap().tags.get(tag).cloned()
    }

    pub(crate) fn set_tag(&self, tag: &str, digest: &str) {
        self.state
            .lock()
            .unwrap()
            .tags
            .insert(tag.to_owned(), digest.to_owned());
    }

    pub(crate) fn manifest(&self, digest: &str) -> Option<Value> {
        let state = self.state.lock().unwrap();
        let (_, bytes) = state.manifests.get(digest)?;
        serde_json::from_slice(bytes).ok()
    }

    pub(crate) fn handle(&self, request: &Request) -> Reply {
        if let Some(refusal) = self.refusal(request) {
            return refusal;
        }
        let Some(rest) = request.path.strip_prefix("/v2/") else {
            return Reply::error(404, "NOT_FOUND");
        };
        for (middle, handle) in [
            (
                "/blobs/uploads/",
                Self::upload as fn(&Self, &Request, &str, &str) -> Reply,
            ),
            ("/blobs/", Self::blob),
            ("/manifests/", Self::manifest_request),
            ("/referrers/", Self::referrers),
            ("/tags/", Self::tag_list),
        ] {
            if let Some((repository, name)) = rest.split_once(middle) {
                return handle(self, request, repository, name);
            }
        }
        Reply::status(200)
    }

    fn refusal(&self, request: &Request) -> Option<Reply> {
        let given = request.header("authorization").unwrap_or_default();
        let encode = |text: &str| format!("Basic {}", base64(text.as_bytes()));
        let wanted = |challenge: String| {
            Some(Reply::error(401, "UNAUTHORIZED").with("www-authenticate", challenge))
        };
        if let Some(basic) = self.options.basic {
            return (given != encode(basic))
                .then(|| wanted("Basic realm=\"x\"".into()))
                .flatten();
        }
        let password = self.options.token?;
        if request.path == "/token" {
            let token = match given == encode(password) || request.body == b"refresh" {
                true => Reply::status(200).body(
                    "application/json",
                    r#"{"token":"abc.def","expires_in":300}"#,
                ),
                false => Reply::error(401, "UNAUTHORIZED"),
            };
            return Some(token);
        }
        let host = request.header("host").unwrap_or_default();
        (given != "Bearer abc.def")
            .then(|| wanted(format!(r#"Bearer realm="http://{host}/token",service="x",scope="repository:a:pull,push""#)))
            .flatten()
    }

    fn blob(&self, request: &Request, _: &str, digest: &str) -> Reply {
        let mut state = self.state.lock().unwrap();
        if request.method == "DELETE" {
            return match state.blobs.remove(digest) {
                Some(_) => Reply::status(202),
                None => Reply::error(404, "BLOB_UNKNOWN"),
            };
        }
        let Some(bytes) = state.blobs.get(digest) else {
            return Reply::error(404, "BLOB_UNKNOWN");
        };
        let reply = Reply::status(200).with("docker-content-digest", digest);
        let range = request.header("range").and_then(|range| {
            let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
            let last = bytes.len().checked_sub(1)?;
            let to: Option<usize> = to.parse().ok();
            match from.parse::<usize>() {
                Ok(from) => Some((from, to.unwrap_or(last).min(last))),
                Err(_) => Some((bytes.len().saturating_sub(to?), last)), // the last bytes
            }
        });
        match (request.method.as_str(), range) {
            ("HEAD", _) => reply.with("content-length", bytes.len()),
            (_, Some((from, to))) if from <= to => Reply::status(206)
                .with(
                    "content-range",
                    format!("bytes {from}-{to}/{}", bytes.len()),
                )
                .body("application/octet-stream", &bytes[from..=to]),
            (_, Some(_)) => Reply::error(416, "SIZE_INVALID"),
            _ => reply.body("application/octet-stream", &bytes[..]),
        }
    }

    /// The tags in order, `n` of them after `last`.
    fn tag_list(&self, request: &Request, repository: &str, _: &str) -> Reply {
        let state = self.state.lock().unwrap();
        let last = request.parameter("last");
        let after = |tag: &&String| last.as_ref().is_none_or(|last| *tag > last);
        let mut tags: Vec<_> = state.tags.keys().filter(after).collect();
        let wanted = request.parameter("n").and_then(|text| text.parse().ok());
        let more = wanted.is_some_and(|wanted| wanted < tags.len() && wanted > 0);
        tags.truncate(wanted.unwrap_or(usize::MAX));
        let list = json!({"name": repository, "tags": tags}).to_string();
        let reply = Reply::status(200).body("application/json", list);
        match tags.last().filter(|_| more) {
            Some(last) => {
                let n = tags.len();
                let next = format!("</v2/{repository}/tags/list?n={n}&last={last}>; rel=\"next\"");
                reply.with("link", next)
            }
            None => reply,
        }
    }

    fn manifest_request(&self, request: &Request, repository: &str, name: &str) -> Reply {
        if request.method == "PUT" {
            return self.store(request, repository, name);
        }
        let mut state = self.state.lock().unwrap();
        if request.method == "DELETE" {
            let known = match name.contains(':') {
                true => {
                    state.tags.retain(|_, digest| digest != name);
                    state.manifests.remove(name).is_some()
                }
                false => state.tags.remove(name).is_some(),
            };
            return match known {
                true => Reply::status(202),
                false => Reply::error(404, "MANIFEST_UNKNOWN"),
            };
        }
        let digest = state.tags.get(name).map_or(name, String::as_str);
        match state.manifests.get(digest) {
            Some((media_type, bytes)) => Reply::status(200)
                .with("docker-content-digest", digest)
                .body(media_type, &bytes[..]),
            None => Reply::error(404, "MANIFEST_UNKNOWN"),
        }
    }

    fn store(&self, request: &Request, repository: &str, name: &str) -> Reply {
        let digest = match name.contains(':') {
            true => digest_like(name, &request.body),
            false => Some(sha256(&request.body)),
        };
        let Some(digest) = digest.filter(|digest| !name.contains(':') || name == digest) else {
            return Reply::error(400, "DIGEST_INVALID");
        };
        let Ok(manifest) = serde_json::from_slice::<Value>(&request.body) else {
            return Reply::error(400, "MANIFEST_INVALID");
        };
        let mut state = self.state.lock().unwrap();
        let layers = manifest["layers"].as_array().into_iter().flatten();
        for blob in layers.chain(manifest.get("config")) {
            // Those are had elsewhere (image specification, "Non-Distributable Layers").
            let elsewhere = blob["mediaType"]
                .as_str()
                .unwrap()
                .contains("nondistributable");
            if !elsewhere && !state.blobs.contains_key(blob["digest"].as_str().unwrap()) {
                return Reply::error(404, "MANIFEST_BLOB_UNKNOWN");
            }
        }
        let media_type = request.header("content-type").unwrap().to_owned();
        state
            .manifests
            .insert(digest.clone(), (media_type, request.body.clone()));
        if !name.contains(':') {
            state.tags.insert(name.to_owned(), digest.clone());
        }
        let reply = Reply::status(201)
            .with("location", format!("/v2/{repository}/manifests/{digest}"))
            .with("docker-content-digest", &digest);
        match manifest["subject"]["digest"].as_str() {
            Some(subject) if self.options.api => reply.with("oci-subject", subject),
            _ => reply,
        }
    }

    fn referrers(&self, request: &Request, repository: &str, subject: &str) -> Reply {
        if !self.options.api {
            return Reply::error(404, "NOT_FOUND");
        }
        let wanted = request.parameter("artifactType");
        let mut listed = self.listed(subject);
        listed.retain(|entry| {
            wanted
                .as_ref()
                .is_none_or(|wanted| entry["artifactType"] == **wanted)
        });
        let page = self.options.page.unwrap_or(usize::MAX);
        let start: usize = request
            .parameter("n")
            .map_or(0, |text| text.parse().unwrap());
        let end = start.saturating_add(page).min(listed.len());
        let index =
            json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed[start..end]});
        let mut reply = Reply::status(200).body(INDEX, index.to_string());
        if wanted.is_some() {
            reply = reply.with("oci-filters-applied", "artifactType");
        }
        match end < listed.len() {
            true => reply.with(
                "link",
                format!("</v2/{repository}/referrers/{subject}?n={end}>; rel=\"next\""),
            ),
            false => reply,
        }
    }

    /// What refers to `subject`.
    pub(crate) fn listed(&self, subject: &str) -> Vec<Value> {
        let state = self.state.lock().unwrap();
        let entry = |(digest, (media_type, bytes)): (&String, &(String, Vec<u8>))| {
            let manifest: Value = serde_json::from_slice(bytes).ok()?;
            let artifact_type = match &manifest["artifactType"] {
                Value::Null => &manifest["config"]["mediaType"],
                stated => stated,
            };
            (manifest["subject"]["digest"] == subject).then(|| {
                json!({"mediaType": media_type, "digest": digest, "size": bytes.len(),
                    "artifactType": artifact_type, "annotations": manifest["annotations"]})
            })
        };
        state.manifests.iter().filter_map(entry).collect()
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
