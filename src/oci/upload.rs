//! A blob to a registry: sent when it is missing, mounted where that can be, and taken
//! up again where the connection broke.

use reqwest::{Method, Response, StatusCode, Url};

use super::auth::Scope;
use super::blob::Content;
use super::transport::{Ask, Body, backoff};
use super::{Descriptor, OciError, Registry};

impl Registry {
    /// Sends what is not there; true when it was not.
    pub(super) async fn upload(
        &self,
        descriptor: &Descriptor,
        content: Content<'_>,
    ) -> Result<bool, OciError> {
        let mut tries = 0;
        let mut begun = None;
        loop {
            let (session, from) = match begun.take() {
                Some(begun) => begun,
                None if self.has_blob(descriptor).await? => return Ok(tries > 0),
                None => match self.begin(descriptor, content).await? {
                    Some(session) => (session, 0),
                    None => return Ok(true),
                },
            };
            let sent = self.send_from(&session, from, descriptor, content).await;
            let again = tries < self.transport.patience.retries;
            match sent {
                Err(OciError::Connection { .. }) if again => {
                    tries += 1;
                    tokio::time::sleep(backoff(tries)).await;
                    begun = self.arrived(&session, descriptor).await;
                }
                // Not every registry goes on where it said that it was.
                Err(OciError::Answer { .. }) if from > 0 && again => tries += 1,
                answer => return answer.map(|()| true),
            }
        }
    }

    async fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, OciError> {
        let url = self.url(&format!("blobs/{}", descriptor.digest))?;
        let mut ask = step(Method::HEAD, url, descriptor, Body::Nothing);
        ask.what = format!("whether {} is there", descriptor.digest);
        let response = self.transport.send(&ask).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(false),
            StatusCode::OK => {
                let length = response.headers().get("content-length");
                let seen = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
                match seen {
                    Some(seen) if seen != descriptor.size => Err(OciError::OtherSize {
                        what: descriptor.digest.clone(),
                        seen,
                        wanted: descriptor.size,
                    }),
                    _ => Ok(true),
                }
            }
            _ => Err(self.transport.failure(response, &ask.what).await),
        }
    }

    /// Where to send it to; None when the registry had it in another repository.
    async fn begin(
        &self,
        descriptor: &Descriptor,
        content: Content<'_>,
    ) -> Result<Option<Url>, OciError> {
        let mut url = self.url("blobs/uploads/")?;
        // Between repositories of one registry, content need not travel.
        if let Content::Store(store) = content
            && let Some(other) = store.repository()
            && other.host == self.repository.host
            && other.path != self.repository.path
        {
            url.query_pairs_mut()
                .append_pair("mount", &descriptor.digest.to_string())
                .append_pair("from", &other.path);
        }
        let ask = step(Method::POST, url, descriptor, Body::Nothing);
        let response = self.transport.send(&ask).await?;
        match response.status() {
            StatusCode::CREATED => Ok(None),
            StatusCode::ACCEPTED => self.session(&response, &ask.what).map(Some),
            _ => Err(self.upload_failure(response, &ask.what).await),
        }
    }

    fn session(&self, response: &Response, what: &str) -> Result<Url, OciError> {
        self.transport
            .pointed(response.url(), response.headers(), what)
    }

    /// Sends it whole, or what is left of it (distribution specification, "Pushing a
    /// blob in chunks").
    async fn send_from(
        &self,
        session: &Url,
        from: u64,
        descriptor: &Descriptor,
        content: Content<'_>,
    ) -> Result<(), OciError> {
        let mut session = session.clone();
        let mut body = Body::Content(descriptor, content, &self.progress);
        if from > 0 {
            let mut rest = step(Method::PATCH, session, descriptor, body);
            rest.from = from;
            let response = self.transport.send(&rest).await?;
            if response.status() != StatusCode::ACCEPTED {
                return Err(self.upload_failure(response, &rest.what).await);
            }
            session = self.session(&response, &rest.what)?;
            body = Body::Nothing;
        }
        session
            .query_pairs_mut()
            .append_pair("digest", &descriptor.digest.to_string());
        let finish = step(Method::PUT, session, descriptor, body);
        let response = self.transport.send(&finish).await?;
        match response.status() {
            StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(()),
            _ => Err(self.upload_failure(response, &finish.what).await),
        }
    }

    /// How much of a broken upload the registry has, and where it goes on; None when
    /// it has to start anew.
    async fn arrived(&self, session: &Url, descriptor: &Descriptor) -> Option<(Url, u64)> {
        let ask = step(Method::GET, session.clone(), descriptor, Body::Nothing);
        let response = self.transport.send(&ask).await.ok()?;
        if response.status() != StatusCode::NO_CONTENT {
            return None;
        }
        let range = response.headers().get("range")?.to_str().ok()?;
        // `0-0` is one byte to some and none to others.
        let last: u64 = range.strip_prefix("0-")?.parse().ok()?;
        let place = match response.headers().contains_key("location") {
            true => self.session(&response, &ask.what).ok()?,
            false => session.clone(),
        };
        let from = last.checked_add(1)?;
        (last > 0 && from < descriptor.size).then(|| {
            tracing::info!("{} goes on after {from} bytes", ask.what);
            (place, from)
        })
    }

    /// A 404 in an upload is no absence: it is a registry that does not do it.
    pub(super) async fn upload_failure(&self, response: Response, what: &str) -> OciError {
        match self.transport.failure(response, what).await {
            OciError::NotFound { .. } => self.transport.answer(what, StatusCode::NOT_FOUND),
            failure => failure,
        }
    }
}

/// One request of an upload.
fn step<'a>(method: Method, url: Url, descriptor: &Descriptor, body: Body<'a>) -> Ask<'a> {
    Ask {
        method,
        url,
        scope: Scope::Push,
        accept: None,
        from: 0,
        body,
        what: format!("the upload of {}", descriptor.digest),
    }
}
