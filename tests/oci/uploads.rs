//! The honest registry's uploads: whole, in pieces, taken up again, mounted.

use crate::honest::{Honest, digest_like};
use crate::server::{Reply, Request};

impl Honest {
    /// What is asked below `blobs/uploads/`. The session stands in the query, as with
    /// registries that keep their own state there.
    pub(crate) fn upload(&self, request: &Request, repository: &str, name: &str) -> Reply {
        let digest = request.parameter("digest");
        if request.method == "POST" && name.is_empty() {
            if let Some(digest) = digest {
                return self.keep(repository, &digest, request.body.clone());
            }
            let mounted = request
                .parameter("mount")
                .filter(|digest| self.has_blob(digest));
            return match mounted {
                Some(digest) => created(repository, &digest),
                None => self.begin(repository),
            };
        }
        let session = request.parameter("state").unwrap_or_default();
        let Some(mut content) = self.session(&session) else {
            return Reply::error(404, "BLOB_UPLOAD_UNKNOWN");
        };
        match (request.method.as_str(), digest) {
            ("GET", _) => progress(204, repository, &session, content.len()),
            ("DELETE", None) => {
                self.end(&session);
                Reply::status(204)
            }
            ("PATCH" | "PUT", digest) => {
                let starts_at = request.header("content-range").map(|range| {
                    let (start, _) = range.split_once('-').unwrap_or((range, ""));
                    start.parse::<usize>().unwrap_or(usize::MAX)
                });
                if starts_at.is_some_and(|start| start != content.len()) {
                    let mut reply = progress(416, repository, &session, content.len());
                    reply.body = b"{}".to_vec();
                    return reply;
                }
                content.extend(&request.body);
                let length = content.len();
                match (request.method.as_str(), digest) {
                    // What was cut off is kept as far as it came, and nobody hears of it.
                    ("PATCH", None) => {
                        self.set_session(&session, content);
                        progress(202, repository, &session, length)
                    }
                    ("PUT", Some(_)) if request.cut_off => {
                        match self.options.forgets {
                            true => self.end(&session),
                            false => self.set_session(&session, content),
                        }
                        Reply::raw(|_| {})
                    }
                    ("PUT", Some(digest)) => {
                        self.end(&session);
                        self.keep(repository, &digest, content)
                    }
                    _ => Reply::error(400, "DIGEST_INVALID"),
                }
            }
            _ => Reply::error(405, "UNSUPPORTED"),
        }
    }

    fn begin(&self, repository: &str) -> Reply {
        let session = self.new_session();
        progress(202, repository, &session, 0)
    }

    fn keep(&self, repository: &str, digest: &str, content: Vec<u8>) -> Reply {
        if digest_like(digest, &content).as_deref() != Some(digest) {
            return Reply::error(400, "DIGEST_INVALID");
        }
        self.insert_blob(digest, content);
        created(repository, digest)
    }
}

fn created(repository: &str, digest: &str) -> Reply {
    Reply::status(201)
        .with("location", format!("/v2/{repository}/blobs/{digest}"))
        .with("docker-content-digest", digest)
}

fn progress(status: u16, repository: &str, session: &str, length: usize) -> Reply {
    let place = format!("/v2/{repository}/blobs/uploads/1?state={session}");
    Reply::status(status)
        .with("location", place)
        .with("range", format!("0-{}", length.saturating_sub(1)))
}
