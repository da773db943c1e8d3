//! A blob from a registry: taken up again where the connection broke.

use std::time::Instant;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use reqwest::{Response, StatusCode};

use super::blob::after;
use super::transport::backoff;
use super::{Blob, Descriptor, OciError, Registry};

/// Asks for it; errors that are known before the first byte are told here.
pub(super) async fn start(registry: &Registry, descriptor: &Descriptor) -> Result<Blob, OciError> {
    let mut download = Download {
        registry: registry.clone(),
        descriptor: descriptor.clone(),
        what: format!("the content {}", descriptor.digest),
        response: None,
        at: 0,
        skip: 0,
        tries: 0,
        deadline: registry.transport.deadline(descriptor.size),
    };
    download.open().await?;
    let chunks = stream::unfold(Some(download), |download| async {
        let mut download = download?;
        match download.next().await {
            Ok(Some(chunk)) => Some((Ok(chunk), Some(download))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(Blob::new(descriptor, chunks.boxed()).counted_by(&registry.progress))
}

struct Download {
    registry: Registry,
    descriptor: Descriptor,
    what: String,
    response: Option<Response>,
    /// How much was passed on.
    at: u64,
    /// How much of the response was passed on already.
    skip: u64,
    tries: u32,
    deadline: Instant,
}

impl Download {
    async fn open(&mut self) -> Result<(), OciError> {
        // By digest alone: `urls` of a descriptor lead anywhere and are not followed.
        let path = format!("blobs/{}", self.descriptor.digest);
        let url = self.registry.url(&path)?;
        let response = self.registry.get(url, None, self.at, &self.what).await?;
        let left = self.descriptor.size - self.at.min(self.descriptor.size);
        let said = match response.status() {
            StatusCode::OK => {
                self.skip = self.at;
                self.descriptor.size
            }
            StatusCode::PARTIAL_CONTENT if self.at > 0 => {
                let range = response.headers().get("content-range");
                let start = format!("bytes {}-", self.at);
                let fits = range.and_then(|range| range.to_str().ok());
                if fits.is_none_or(|range| !range.starts_with(&start)) {
                    return Err(self
                        .registry
                        .transport
                        .answer(&self.what, "another part came"));
                }
                self.skip = 0;
                left
            }
            _ => return Err(self.registry.transport.failure(response, &self.what).await),
        };
        if let Some(length) = response.content_length().filter(|length| *length != said) {
            return Err(OciError::OtherSize {
                what: self.descriptor.digest.clone(),
                seen: length,
                wanted: said,
            });
        }
        self.response = Some(response);
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Bytes>, OciError> {
        loop {
            let Some(response) = &mut self.response else {
                self.open().await?;
                continue;
            };
            let url = response.url().clone();
            let transport = &self.registry.transport;
            let chunk = tokio::time::timeout_at(self.deadline.into(), response.chunk())
                .await
                .map_err(|_| transport.slow(&url, &self.what))?;
            let broken = match chunk {
                Ok(Some(chunk)) => {
                    let Some(chunk) = after(&mut self.skip, chunk) else {
                        continue;
                    };
                    self.at += chunk.len() as u64;
                    return Ok(Some(chunk));
                }
                Ok(None) if self.at >= self.descriptor.size => return Ok(None),
                Ok(None) => None,
                Err(error) => Some(transport.broken(&url, &self.what, error)),
            };
            self.tries += 1;
            if self.tries > transport.patience.retries {
                // Too short without an error: the size says so.
                return broken.map_or(Ok(None), Err);
            }
            tracing::info!("{} broke off after {} bytes", self.what, self.at);
            tokio::time::sleep(backoff(self.tries)).await;
            self.response = None;
        }
    }
}
