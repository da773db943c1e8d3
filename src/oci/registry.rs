//! A repository of a registry (OCI distribution specification 1.1).

use std::sync::Arc;

use futures_util::FutureExt as _;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response, StatusCode, Url};

use crate::artifact::{Algorithm, Digest};

use super::auth::Scope;
use super::blob::Content;
use super::transport::{Ask, Body, Transport};
use super::{
    Answer, Blob, Descriptor, MAX_MANIFEST, Manifest, Name, OciError, Patience, Progress,
    Repository, Store,
};
use super::{download, listing};

/// Every kind of manifest that prov reads.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// A repository of a registry. Nothing is asked of it before it is needed.
#[derive(Clone)]
pub struct Registry {
    pub(super) transport: Arc<Transport>,
    pub(super) repository: Arc<Repository>,
    pub(super) progress: Progress,
}

impl Registry {
    /// The registry that has `repository`; its transfers move `progress` on.
    pub fn new(
        repository: &Repository,
        patience: Patience,
        progress: &Progress,
    ) -> Result<Self, OciError> {
        Ok(Self {
            transport: Arc::new(Transport::new(repository, patience)?),
            repository: Arc::new(repository.clone()),
            progress: progress.clone(),
        })
    }

    /// The address of something in the repository.
    pub(super) fn url(&self, path: &str) -> Result<Url, OciError> {
        self.transport
            .url(&format!("{}/{path}", self.repository.path))
    }

    pub(super) async fn get(
        &self,
        url: Url,
        accept: Option<&'static str>,
        from: u64,
        what: &str,
    ) -> Result<Response, OciError> {
        let ask = Ask {
            method: Method::GET,
            url,
            scope: Scope::Pull,
            accept,
            from,
            body: Body::Nothing,
            what: what.to_owned(),
        };
        self.transport.send(&ask).await
    }

    async fn read_manifest(&self, name: &Name) -> Result<Manifest, OciError> {
        let what = format!("the manifest {name} of {}", self.repository.path);
        let url = self.url(&format!("manifests/{name}"))?;
        let response = self.get(url, Some(MANIFESTS), 0, &what).await?;
        if response.status() != StatusCode::OK {
            return Err(self.transport.failure(response, &what).await);
        }
        let stated = media_type(&response);
        let promised = digest_header(&response);
        let bytes = self
            .transport
            .document(response, MAX_MANIFEST as u64, &what)
            .await?;
        let seen = Digest::sha256(&bytes);
        let promised = promised.filter(|digest| digest.algorithm() == Algorithm::Sha256);
        let wanted = match name {
            Name::Digest(digest) => Some(digest.clone()),
            Name::Tag(_) => promised,
        };
        match wanted {
            Some(what) if what != seen => Err(OciError::OtherDigest { what, seen }),
            _ => Manifest::parse(bytes, stated.as_deref()),
        }
    }

    pub(super) async fn write_manifest(
        &self,
        manifest: &Manifest,
        tag: Option<&str>,
    ) -> Result<(), OciError> {
        let name = match tag {
            Some(tag) => Name::Tag(tag.to_owned()),
            None => Name::Digest(manifest.digest().clone()),
        };
        let ask = Ask {
            method: Method::PUT,
            url: self.url(&format!("manifests/{name}"))?,
            scope: Scope::Push,
            accept: None,
            from: 0,
            body: Body::Bytes(manifest.media_type(), manifest.bytes().clone()),
            what: format!(
                "the upload of the manifest {name} to {}",
                self.repository.path
            ),
        };
        let response = self.transport.send(&ask).await?;
        if !matches!(response.status().as_u16(), 200..=202) {
            return Err(self.upload_failure(response, &ask.what).await);
        }
        match digest_header(&response) {
            Some(seen) if seen != *manifest.digest() && seen.algorithm() == Algorithm::Sha256 => {
                Err(OciError::NotReadBack {
                    what: manifest.digest().to_string(),
                    why: format!("the registry keeps {seen}"),
                })
            }
            _ => Ok(()),
        }
    }
}

/// The media type without its parameters.
pub(super) fn media_type(response: &Response) -> Option<String> {
    let value = response.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    let media_type = value.split(';').next().unwrap_or(value).trim();
    (!media_type.is_empty()).then(|| media_type.to_ascii_lowercase())
}

fn digest_header(response: &Response) -> Option<Digest> {
    let value = response.headers().get("docker-content-digest")?;
    value.to_str().ok()?.parse().ok()
}

impl Store for Registry {
    fn manifest<'a>(&'a self, name: &'a Name) -> Answer<'a, Manifest> {
        self.read_manifest(name).boxed()
    }

    fn blob<'a>(&'a self, descriptor: &'a Descriptor) -> Answer<'a, Blob> {
        download::start(self, descriptor).boxed()
    }

    fn put_blob<'a>(
        &'a self,
        descriptor: &'a Descriptor,
        content: Content<'a>,
    ) -> Answer<'a, bool> {
        self.upload(descriptor, content).boxed()
    }

    fn put_manifest<'a>(&'a self, manifest: &'a Manifest, tag: Option<&'a str>) -> Answer<'a, ()> {
        self.write_manifest(manifest, tag).boxed()
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
        listing::read(self, subject).boxed()
    }

    fn list<'a>(&'a self, subject: &'a Digest, referrers: &'a [Descriptor]) -> Answer<'a, ()> {
        listing::write(self, subject, referrers).boxed()
    }

    fn repository(&self) -> Option<&Repository> {
        Some(&self.repository)
    }
}
