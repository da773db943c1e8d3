//! Referrers where a registry has no referrers API: an index under a tag
//! (distribution specification 1.1, "Referrers Tag Schema").

use crate::artifact::Digest;

use super::{Descriptor, MAX_REFERRERS, Manifest, OciError};

/// The tag that lists the referrers of `subject`. A tag has at most 128 letters, so
/// that of SHA-512 is cut (the specification's own rule).
pub(super) fn tag(subject: &Digest) -> String {
    let mut hex = subject.hex();
    hex.truncate(64);
    format!("{}-{hex}", subject.algorithm().name())
}

/// What the manifest under that tag lists.
///
/// Some registries answer with the subject itself for any tag that looks like its
/// digest; that lists nothing. Another image there is no list, so that it is not
/// known who refers to the subject.
pub(super) fn entries(manifest: &Manifest, subject: &Digest) -> Result<Vec<Descriptor>, OciError> {
    if manifest.digest() == subject {
        return Ok(Vec::new());
    }
    let not_a_list = |why| OciError::FallbackTag {
        tag: tag(subject),
        why,
    };
    if !manifest.descriptor().is_index() {
        return Err(not_a_list("it holds an image"));
    }
    if manifest.manifests().len() > MAX_REFERRERS {
        return Err(OciError::TooMany {
            what: "referrers",
            limit: MAX_REFERRERS,
        });
    }
    Ok(manifest.manifests().to_vec())
}
/// Referrers that were found in several places, each once and in the order of their digests.
pub(super) fn each_once(mut found: Vec<Descriptor>) -> Result<Vec<Descriptor>, OciError> {
    found.sort_by(|a, b| a.digest.cmp(&b.digest));
    found.dedup_by(|a, b| a.digest == b.digest);
    match found.len() > MAX_REFERRERS {
        true => Err(OciError::TooMany {
            what: "referrers",
            limit: MAX_REFERRERS,
        }),
        false => Ok(found),
    }
}
