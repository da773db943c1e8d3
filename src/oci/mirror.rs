//! A repository with mirrors, for reading: each is asked in turn, and the repository
//! itself last.
//!
//! A mirror is believed no more than any registry, and a failure of it is no answer. That
//! something is not there, or that nothing is attached, only the repository itself can
//! say.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, stream};

use crate::artifact::Digest;

use super::blob::{Content, after};
use super::registries::{Blocked, Places};
use super::{
    Answer, Blob, Descriptor, Manifest, Name, OciError, Patience, Progress, Registry, Repository,
    Store,
};

/// Content up to this size, in bytes, is held against its digest before any of it is passed
/// on, so that another place can be asked for what a mirror has damaged.
const HELD: u64 = 4 << 20;

/// A repository and its mirrors.
#[derive(Clone)]
pub(super) struct Mirrored(Arc<Stores>);

struct Stores {
    mirrors: Vec<Mirror>,
    /// Mirrors that may not be asked, and why not.
    refused: Vec<String>,
    origin: Result<Box<dyn Store>, Blocked>,
}

struct Mirror {
    name: String,
    store: Box<dyn Store>,
    /// Whether it is believed what a tag means.
    tags: bool,
    /// Why it is not asked any more.
    down: OnceLock<String>,
}

impl Mirrored {
    /// The registries at `places`. No mirror is waited for as long as the origin.
    pub(super) fn new(
        places: &Places,
        patience: Patience,
        progress: &Progress,
    ) -> Result<Self, OciError> {
        let hurry = Patience {
            retries: patience.retries.min(1),
            ..patience
        };
        let mut mirrors = Vec::new();
        for mirror in &places.mirrors {
            let Repository { host, path, .. } = &mirror.repository;
            mirrors.push(Mirror {
                name: format!("{host}/{path}"),
                store: Box::new(Registry::new(&mirror.repository, hurry, progress)?),
                tags: mirror.tags,
                down: OnceLock::new(),
            });
        }
        let origin: Box<dyn Store> = Box::new(Registry::new(&places.origin, patience, progress)?);
        Ok(Self(Arc::new(Stores {
            mirrors,
            refused: places.refused.clone(),
            origin: match &places.blocked {
                Some(blocked) => Err(blocked.clone()),
                None => Ok(origin),
            },
        })))
    }

    /// What is written must be read back from where it was written to, so this is no
    /// place for it: [`super::Reference::target`] is.
    async fn for_reading<T>(&self, what: String) -> Result<T, OciError> {
        let host = self.repository().map(|it| it.host.clone());
        Err(OciError::Answer {
            host: host.unwrap_or_default(),
            what: format!("the upload of {what}"),
            answer: "it was opened for reading, with its mirrors".to_owned(),
        })
    }

    /// The first answer that counts: a mirror's if `enough` says so, else the origin's.
    async fn first<'a, T>(
        &'a self,
        name: Option<&Name>,
        ask: impl Fn(&'a dyn Store) -> Answer<'a, T> + Send,
        enough: impl Fn(&T) -> bool + Send,
    ) -> Result<T, OciError> {
        let stores = &*self.0;
        let mut said = stores.refused.clone();
        for mirror in &stores.mirrors {
            if matches!(name, Some(Name::Tag(_))) && !mirror.tags {
                continue;
            }
            if let Some(why) = mirror.down.get() {
                said.push(why.clone());
                continue;
            }
            match ask(&*mirror.store).await {
                Ok(answer) if enough(&answer) => {
                    mirror.tell("it is asked first, and has it");
                    return Ok(answer);
                }
                Ok(_) => said.push(mirror.tell("it lists nothing")),
                Err(error) => said.push(mirror.failed(&error)),
            }
        }
        let answer = match stores.origin() {
            Ok(origin) => ask(origin).await,
            Err(error) => Err(error),
        };
        answer.map_err(|error| everywhere(error, said))
    }
}

impl Stores {
    fn origin(&self) -> Result<&dyn Store, OciError> {
        match &self.origin {
            Ok(origin) => Ok(&**origin),
            Err(blocked) => Err(blocked.clone().into()),
        }
    }
}

impl Mirror {
    fn tell(&self, what: &str) -> String {
        let said = format!("{}: {what}", self.name);
        tracing::info!("the mirror {said}");
        said
    }

    /// Tells an error, and keeps in mind that a mirror can't be reached at all.
    fn failed(&self, error: &OciError) -> String {
        let said = self.tell(&reasons(error));
        if matches!(
            error,
            OciError::Connection { .. }
                | OciError::Slow { .. }
                | OciError::Proxy { .. }
                | OciError::ProxySetting { .. }
                | OciError::ClientCertificate { .. }
                | OciError::ServerCertificate { .. }
                | OciError::Tls(_)
                | OciError::Credentials { .. }
        ) {
            let _ = self.down.set(said.clone());
        }
        said
    }
}

/// The origin's own word counts; where it has none, what the mirrors said is told too.
fn everywhere(error: OciError, mirrors: Vec<String>) -> OciError {
    match mirrors.is_empty() || error.is_about_content() {
        true => error,
        false => OciError::Everywhere {
            error: Box::new(error),
            mirrors,
        },
    }
}

/// An error with its causes.
fn reasons(error: &OciError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Content on its way from one place after the other: where a mirror breaks off, the next
/// goes on.
struct Coming {
    stores: Arc<Stores>,
    descriptor: Descriptor,
    /// How many mirrors were asked.
    asked: usize,
    /// What they said who did not have it.
    said: Vec<String>,
    /// How much was passed on.
    at: u64,
    /// How much of what comes was passed on already.
    skip: u64,
}

/// What comes, and which mirror it comes from; none for the origin.
struct From {
    mirror: Option<usize>,
    blob: Blob,
}

impl Coming {
    /// Opens the next place that has it.
    async fn open(&mut self) -> Result<From, OciError> {
        let stores = Arc::clone(&self.stores);
        while let Some(mirror) = stores.mirrors.get(self.asked) {
            self.asked += 1;
            if let Some(why) = mirror.down.get() {
                self.said.push(why.clone());
                continue;
            }
            match held(&*mirror.store, &self.descriptor).await {
                Ok(blob) => {
                    tracing::info!("{} comes from {}", self.descriptor.digest, mirror.name);
                    return Ok(From {
                        mirror: Some(self.asked - 1),
                        blob,
                    });
                }
                Err(error) => self.said.push(mirror.failed(&error)),
            }
        }
        let opened = async { stores.origin()?.blob(&self.descriptor).await };
        match opened.await {
            Ok(blob) => Ok(From { mirror: None, blob }),
            Err(error) => Err(everywhere(error, std::mem::take(&mut self.said))),
        }
    }

    async fn next(&mut self, from: &mut From) -> Option<Result<Bytes, OciError>> {
        loop {
            let error = match from.blob.next().await? {
                Ok(chunk) => {
                    let Some(chunk) = after(&mut self.skip, chunk) else {
                        continue;
                    };
                    self.at += chunk.len() as u64;
                    return Some(Ok(chunk));
                }
                Err(error) => error,
            };
            let Some(mirror) = from.mirror.and_then(|at| self.stores.mirrors.get(at)) else {
                return Some(Err(error));
            };
            self.said.push(mirror.failed(&error));
            *from = match self.open().await {
                Ok(next) => next.unhashed(),
                Err(error) => return Some(Err(error)),
            };
            self.skip = self.at;
        }
    }
}

impl From {
    /// For content that is compared with its digest as a whole.
    fn unhashed(self) -> Self {
        Self {
            blob: self.blob.unhashed(),
            ..self
        }
    }
}

/// Content from a mirror: all of it when it is small, so that it is what it should be.
async fn held(mirror: &dyn Store, descriptor: &Descriptor) -> Result<Blob, OciError> {
    let blob = mirror.blob(descriptor).await?;
    if descriptor.size > HELD {
        return Ok(blob);
    }
    let bytes = blob.read(HELD).await?;
    let content = Content::Bytes(&bytes);
    content.open(descriptor, &Progress::default()).await
}

impl Store for Mirrored {
    fn manifest<'a>(&'a self, name: &'a Name) -> Answer<'a, Manifest> {
        self.first(Some(name), move |store| store.manifest(name), |_| true)
            .boxed()
    }

    fn blob<'a>(&'a self, descriptor: &'a Descriptor) -> Answer<'a, Blob> {
        async move {
            let mut coming = Coming {
                stores: Arc::clone(&self.0),
                descriptor: descriptor.clone(),
                asked: 0,
                said: self.0.refused.clone(),
                at: 0,
                skip: 0,
            };
            let first = coming.open().await?;
            let mirror = match first.mirror.and_then(|at| self.0.mirrors.get(at)) {
                Some(mirror) if descriptor.size > HELD => mirror,
                _ => return Ok(first.blob),
            };
            let begun = Some((coming, first.unhashed()));
            let chunks = stream::unfold(begun, |coming| async {
                let (mut coming, mut from) = coming?;
                let next = coming.next(&mut from).await?;
                let more = next.is_ok().then_some((coming, from));
                Some((next, more))
            });
            Ok(Blob::new(descriptor, chunks.boxed()).blamed_on(&mirror.name))
        }
        .boxed()
    }

    fn put_blob<'a>(&'a self, descriptor: &'a Descriptor, _: Content<'a>) -> Answer<'a, bool> {
        self.for_reading(descriptor.digest.to_string()).boxed()
    }

    fn put_manifest<'a>(&'a self, manifest: &'a Manifest, _: Option<&'a str>) -> Answer<'a, ()> {
        self.for_reading(manifest.digest().to_string()).boxed()
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
        // What a mirror does not have was perhaps only not copied.
        let enough = |listed: &Vec<Descriptor>| !listed.is_empty();
        self.first(None, move |store| store.referrers(subject), enough)
            .boxed()
    }

    fn list<'a>(&'a self, subject: &'a Digest, _: &'a [Descriptor]) -> Answer<'a, ()> {
        self.for_reading(format!("referrers of {subject}")).boxed()
    }

    fn repository(&self) -> Option<&Repository> {
        self.0.origin.as_ref().ok()?.repository()
    }
}

#[cfg(test)]
#[path = "mirror_tests.rs"]
mod tests;
