//! Who refers to a subject in a registry: by the referrers API where it is, by the
//! fallback tag where it is not (distribution specification 1.1, "Listing Referrers").
//!
//! Which of the two it is, the answer to the listing decides and no header: some
//! registries send `OCI-Subject` and have no API. A refusal, a failure or a page that
//! can't be read is never taken for an empty list.

use std::collections::BTreeMap;
use std::time::Instant;

use reqwest::{Response, StatusCode, Url};

use crate::artifact::Digest;

use super::fallback;
use super::pointer::same_origin;
use super::registry::media_type;
use super::transport::backoff;
use super::{
    Descriptor, IMAGE_INDEX, MAX_MANIFEST, MAX_REFERRERS, Manifest, Name, OciError, Registry, Store,
};

/// The most pages of one list.
const MAX_PAGES: usize = 50;
/// How often the fallback tag is looked at, and written where need be, before it is
/// given up.
const MAX_ROUNDS: u32 = 12;

/// All that is listed.
pub(super) async fn read(
    registry: &Registry,
    subject: &Digest,
) -> Result<Vec<Descriptor>, OciError> {
    match by_api(registry, subject).await? {
        Some(listed) => Ok(listed),
        None => match by_tag(registry, subject).await? {
            Some(index) => fallback::entries(&index, subject),
            None => Ok(Vec::new()),
        },
    }
}

/// What the referrers API lists; None where there is none.
async fn by_api(
    registry: &Registry,
    subject: &Digest,
) -> Result<Option<Vec<Descriptor>>, OciError> {
    let what = format!("the referrers of {subject}");
    let first = registry.url(&format!("referrers/{subject}"))?;
    let mut next = Some(first.clone());
    let mut listed: Vec<Descriptor> = Vec::new();
    let mut pages = 0;
    while let Some(url) = next {
        pages += 1;
        if pages > MAX_PAGES {
            return Err(OciError::TooMany {
                what: "pages of referrers",
                limit: MAX_PAGES,
            });
        }
        let response = registry
            .get(url.clone(), Some(IMAGE_INDEX), 0, &what)
            .await?;
        let is_index = media_type(&response).as_deref() == Some(IMAGE_INDEX);
        match response.status() {
            StatusCode::OK if is_index => {}
            // Registries without the API say so in several ways; some have a page
            // for people at every address.
            StatusCode::OK
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::BAD_REQUEST
            | StatusCode::NOT_ACCEPTABLE
                if pages == 1 =>
            {
                return Ok(None);
            }
            // A later page that is not there is a list that is not whole.
            StatusCode::OK | StatusCode::NOT_FOUND => {
                return Err(registry.transport.answer(&what, "a page is no list"));
            }
            _ => return Err(registry.transport.failure(response, &what).await),
        }
        next = next_page(registry, &first, &response, &what)?;
        let body = registry
            .transport
            .document(response, MAX_MANIFEST as u64, &what)
            .await?;
        let page = Manifest::parse(body, Some(IMAGE_INDEX))?;
        for entry in page.manifests() {
            if !listed.iter().any(|other| other.digest == entry.digest) {
                listed.push(entry.clone());
            }
        }
        if listed.len() > MAX_REFERRERS {
            return Err(OciError::TooMany {
                what: "referrers",
                limit: MAX_REFERRERS,
            });
        }
    }
    Ok(Some(listed))
}

/// The next page by the `Link` header (RFC 8288). It is a page of the same list.
fn next_page(
    registry: &Registry,
    first: &Url,
    response: &Response,
    what: &str,
) -> Result<Option<Url>, OciError> {
    let Some(link) = response.headers().get("link") else {
        return Ok(None);
    };
    let refuse = |why: &str| registry.transport.answer(what, why);
    let link = link
        .to_str()
        .map_err(|_| refuse("a `Link` that is no text"))?;
    let (target, rest) = link
        .trim_start()
        .strip_prefix('<')
        .and_then(|link| link.split_once('>'))
        .ok_or_else(|| refuse("a `Link` that is none"))?;
    let is_next = rest
        .split(';')
        .any(|parameter| matches!(parameter.trim(), "rel=next" | "rel=\"next\""));
    if !is_next {
        return Ok(None);
    }
    let target = response
        .url()
        .join(target)
        .map_err(|_| refuse("a `Link` to what is no address"))?;
    match same_origin(&target, first) && target.path() == first.path() {
        true => Ok(Some(target)),
        false => Err(refuse("its next page is elsewhere")),
    }
}

/// What is under the fallback tag; None when there is no such tag.
async fn by_tag(registry: &Registry, subject: &Digest) -> Result<Option<Manifest>, OciError> {
    let tag = Name::Tag(fallback::tag(subject));
    match registry.manifest(&tag).await {
        Ok(manifest) => Ok(Some(manifest)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sees to it that `referrers` are listed.
pub(super) async fn write(
    registry: &Registry,
    subject: &Digest,
    referrers: &[Descriptor],
) -> Result<(), OciError> {
    let missing = |listed: &[Descriptor]| {
        let is_there = |digest| listed.iter().any(|entry| entry.digest == digest);
        let mut missing = referrers.iter().map(|each| each.digest.clone());
        missing.find(|digest| !is_there(digest.clone()))
    };
    let mut tries = 0;
    loop {
        let Some(listed) = by_api(registry, subject).await? else {
            return write_tag(registry, subject, referrers).await;
        };
        let Some(digest) = missing(&listed) else {
            return Ok(());
        };
        // A registry may need a moment.
        tries += 1;
        if tries > registry.transport.patience.retries {
            return Err(OciError::NotReadBack {
                what: format!("the referrer {digest}"),
                why: "the registry does not list it".to_owned(),
            });
        }
        tokio::time::sleep(backoff(tries)).await;
    }
}

/// Adds entries to the index under the fallback tag. There is no lock: another
/// writer who read the same index overwrites this one's entries, or loses its own
/// to them. So what was written is read again, after as long as another one may
/// need between its reading and its writing, and written again when it is gone.
async fn write_tag(
    registry: &Registry,
    subject: &Digest,
    referrers: &[Descriptor],
) -> Result<(), OciError> {
    let tag = fallback::tag(subject);
    let mut was_there = false;
    for round in 0..MAX_ROUNDS {
        let started = Instant::now();
        let before = by_tag(registry, subject).await?;
        let mut entries = match &before {
            // Another client's copy of the subject under that tag is replaced:
            // the subject itself stays, under its digest and its other tags.
            Some(index) => fallback::entries(index, subject)?,
            None => Vec::new(),
        };
        let present = entries.len();
        for referrer in referrers {
            if !entries.iter().any(|entry| entry.digest == referrer.digest) {
                entries.push(referrer.clone());
            }
        }
        if entries.len() == present {
            if was_there || round == 0 {
                return Ok(());
            }
            was_there = true;
            tokio::time::sleep(started.elapsed() * 2).await;
            continue;
        }
        was_there = false;
        if entries.len() > MAX_REFERRERS {
            return Err(OciError::TooMany {
                what: "referrers",
                limit: MAX_REFERRERS,
            });
        }
        let none = BTreeMap::new();
        let annotations = before.as_ref().map_or(&none, |index| &index.annotations);
        let index = Manifest::index(None, &entries, annotations)?;
        match registry.write_manifest(&index, Some(&tag)).await {
            Ok(()) => {}
            // Whoever answers a conflict wants it tried again.
            Err(OciError::Answer { answer, .. })
                if answer.starts_with("409") || answer.starts_with("412") => {}
            Err(error) => return Err(error),
        }
        if round > 0 {
            tokio::time::sleep(backoff(round / 2)).await;
        }
    }
    Err(OciError::NotReadBack {
        what: format!("the entries of {tag}"),
        why: "others keep writing over them".to_owned(),
    })
}
