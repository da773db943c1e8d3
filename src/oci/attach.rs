//! Evidence beside an artifact: one referrer per bundle, laid out so that cosign, gh,
//! oras, Kyverno and Flux find it.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use crate::artifact::Digest;
use crate::bundle::{self, Bundle, BundleError, Evidence};
use crate::statement::predicate::is_a;
use crate::statement::{CYCLONEDX_BOM, SLSA_PROVENANCE_V1, Statement};

use super::{
    CREATED, Content, Descriptor, EMPTY, EMPTY_TYPE, Manifest, Name, OciError, Store, TITLE,
    put_bytes,
};

/// The start of the media type of each version of Sigstore's bundle.
const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle";
/// Annotation: what kind of content a bundle has.
const CONTENT: &str = "dev.sigstore.bundle.content";
/// Annotation: the predicate type of the statement in a bundle.
pub const PREDICATE_TYPE: &str = "dev.sigstore.bundle.predicateType";
/// About the most bytes of memory that the manifests of all referrers of one subject may
/// take: thousands of honest ones.
const MAX_MANIFESTS: usize = 24 << 20;
/// How many referrers are on their way at once.
const AT_ONCE: usize = 8;

/// The manifest that attaches `bundle` to `subject`. It is made of what is signed
/// alone, so that the same bundle is attached once, however often it is tried.
pub fn referrer(subject: &Descriptor, bundle: &Bytes) -> Result<Manifest, OciError> {
    let parsed = Bundle::parse(bundle).map_err(|error| OciError::Manifest(error.to_string()))?;
    let statement = parsed.unverified_statement().ok();
    let mut annotations = BTreeMap::new();
    let content = match statement {
        Some(_) => "dsse-envelope",
        None => "message-signature",
    };
    annotations.insert(CONTENT.to_owned(), content.to_owned());
    if let Some(statement) = &statement {
        annotations.insert(PREDICATE_TYPE.to_owned(), statement.predicate_type.clone());
        if let Some(created) = created(statement) {
            annotations.insert(CREATED.to_owned(), created);
        }
    }
    let layer = Descriptor::of(parsed.media_type(), bundle)
        .with_annotation(TITLE, title(statement.as_ref()));
    Manifest::image(
        Some(parsed.media_type()),
        &Descriptor::of(EMPTY_TYPE, EMPTY),
        &[layer],
        // A subject's own annotations and artifact type stand in its manifest.
        Some(&Descriptor::new(
            &*subject.media_type,
            subject.digest.clone(),
            subject.size,
        )),
        &annotations,
    )
}

/// When what the statement says was so, by its own signed word.
fn created(statement: &Statement) -> Option<String> {
    let time = [
        "/runDetails/metadata/finishedOn",
        "/runDetails/metadata/startedOn",
        "/metadata/buildFinishedOn",
        "/metadata/timestamp",
        "/timeVerified",
    ]
    .iter()
    .find_map(|path| statement.predicate.pointer(path).and_then(Value::as_str))?;
    let time: jiff::Timestamp = time.parse().ok()?;
    Some(time.to_string())
}

/// The file name that others give it when they pull it.
fn title(statement: Option<&Statement>) -> &'static str {
    match statement.map(|statement| statement.predicate_type.as_str()) {
        Some(SLSA_PROVENANCE_V1) => "provenance.sigstore.json",
        Some(sbom) if is_a(sbom, CYCLONEDX_BOM) => "sbom.sigstore.json",
        _ => "evidence.sigstore.json",
    }
}

/// Attaches each of `bundles` to `subject`, and reads back that it did.
pub async fn attach(
    store: &dyn Store,
    subject: &Descriptor,
    bundles: &[Bytes],
) -> Result<Vec<Manifest>, OciError> {
    // All of them are made before any is stored.
    let manifests: Vec<Manifest> = bundles
        .iter()
        .map(|bundle| referrer(subject, bundle))
        .collect::<Result<_, _>>()?;
    put_bytes(store, EMPTY_TYPE, &Bytes::from_static(EMPTY)).await?;
    let puts: Vec<_> = manifests
        .iter()
        .zip(bundles)
        .map(|(manifest, bundle)| async move {
            for layer in manifest.layers() {
                store.put_blob(layer, Content::Bytes(bundle)).await?;
            }
            store.put_manifest(manifest, None).await
        })
        .collect();
    stream::iter(puts)
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    let listed: Vec<_> = manifests.iter().map(Manifest::referrer).collect();
    store.list(&subject.digest, &listed).await?;
    read_back(store, &subject.digest, &listed).await?;
    Ok(manifests)
}

/// An error unless each of `wanted` is listed as a referrer of `subject`.
pub(super) async fn read_back(
    store: &dyn Store,
    subject: &Digest,
    wanted: &[Descriptor],
) -> Result<(), OciError> {
    let listed = store.referrers(subject).await?;
    for each in wanted {
        if !listed.iter().any(|entry| entry.digest == each.digest) {
            return Err(OciError::NotReadBack {
                what: format!("the referrer {}", each.digest),
                why: format!("it is not listed for {subject}"),
            });
        }
    }
    Ok(())
}

/// What is listed as a referrer, and its manifest if it is one.
#[derive(Debug)]
pub struct Referrer {
    /// Its digest.
    pub digest: Digest,
    /// Its manifest, which names the subject; or why it is not counted.
    pub manifest: Result<Manifest, OciError>,
}

/// The referrers of `subject`, each by its own manifest: what a list says of them is
/// a claim. One that is damaged, gone or another's is told and does not count; when
/// it can't be known what one is, that is an error.
pub async fn referrers(store: &dyn Store, subject: &Digest) -> Result<Vec<Referrer>, OciError> {
    let listed = store.referrers(subject).await?;
    let mut coming = stream::iter(listed)
        .map(|entry| async move {
            let manifest = match one(store, subject, &entry).await {
                Err(error) if !error.is_about_content() => return Err(error),
                manifest => manifest,
            };
            Ok(Referrer {
                digest: entry.digest,
                manifest,
            })
        })
        .buffer_unordered(AT_ONCE);
    let (mut found, mut size) = (Vec::new(), 0);
    while let Some(referrer) = coming.try_next().await? {
        size += referrer.manifest.as_ref().map_or(0, Manifest::memory);
        // An error and never a shorter list: what is left out could be what matters.
        if size > MAX_MANIFESTS {
            return Err(OciError::TooMany {
                what: "bytes in the manifests of referrers",
                limit: MAX_MANIFESTS,
            });
        }
        found.push(referrer);
    }
    found.sort_by(|a, b| a.digest.cmp(&b.digest));
    Ok(found)
}

async fn one(
    store: &dyn Store,
    subject: &Digest,
    entry: &Descriptor,
) -> Result<Manifest, OciError> {
    let manifest = store.manifest(&Name::Digest(entry.digest.clone())).await?;
    let why = match &manifest.subject {
        Some(named) if named.digest == *subject => return Ok(manifest),
        Some(named) => format!("its subject is {}", named.digest),
        None => "it has no subject".to_owned(),
    };
    Err(OciError::OtherSubject {
        referrer: entry.digest.clone(),
        subject: subject.clone(),
        why,
    })
}

/// Whether an entry of an index is one that BuildKit puts there: unsigned statements
/// about a platform, and no platform.
pub fn is_buildkit(entry: &Descriptor) -> bool {
    entry.annotations.contains_key("vnd.docker.reference.type")
}

impl Manifest {
    /// The bundle that it attaches, if that is what it is: exactly one layer, of the
    /// bundle's type. Its artifact type and annotations are not asked.
    pub fn bundle(&self) -> Option<&Descriptor> {
        match self.layers() {
            [layer] if layer.media_type.starts_with(BUNDLE_TYPE) => Some(layer),
            _ => None,
        }
    }
}

/// Why an attached bundle is not counted.
#[derive(Debug, thiserror::Error)]
pub enum UnreadBundle {
    /// It could not be had.
    #[error(transparent)]
    Content(#[from] OciError),
    /// It is none.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

/// The bundles among `referrers`: nothing in them is believed. What could not be read is
/// told beside them.
#[derive(Debug)]
pub struct Bundles<T> {
    /// What was kept of each.
    pub kept: Vec<T>,
    /// What is listed and does not count.
    pub unread: Vec<(Digest, UnreadBundle)>,
}

/// A bundle that is attached.
#[derive(Debug)]
pub struct Attached {
    /// The referrer's digest.
    pub referrer: Digest,
    /// Where it is in the store.
    pub layer: Descriptor,
    /// Its bytes.
    pub bytes: Bytes,
    /// Itself, not believed.
    pub bundle: Bundle,
}

impl Attached {
    /// The evidence that it is; its origin is the referrer's digest.
    pub fn into_evidence(self) -> Evidence {
        Evidence {
            origin: self.referrer.to_string(),
            bundle: self.bundle,
        }
    }
}

/// Fetches the bundles among `referrers`, [`bundle::MAX_FILE`] bytes at most, and keeps
/// what `keep` makes of each: its bytes or the bundle, for both are large.
pub async fn bundles<T>(
    store: &dyn Store,
    referrers: Vec<Referrer>,
    keep: impl Fn(Attached) -> T,
) -> Result<Bundles<T>, OciError> {
    let (mut kept, mut unread) = (Vec::new(), Vec::new());
    let mut wanted = Vec::new();
    for each in referrers {
        match each.manifest {
            Ok(manifest) => {
                wanted.extend(manifest.bundle().map(|layer| (each.digest, layer.clone())))
            }
            Err(error) => unread.push((each.digest, error.into())),
        }
    }
    if wanted.len() > bundle::MAX_BUNDLES {
        return Err(OciError::TooMany {
            what: "attached bundles",
            limit: bundle::MAX_BUNDLES,
        });
    }
    let total = wanted
        .iter()
        .fold(0u64, |sum, (_, layer)| sum.saturating_add(layer.size));
    if total > bundle::MAX_FILE as u64 {
        return Err(OciError::TooLarge {
            what: "all attached bundles together".to_owned(),
            limit: bundle::MAX_FILE as u64,
        });
    }
    let mut coming = stream::iter(wanted)
        .map(|(digest, layer)| async move {
            let bytes = async {
                store
                    .blob(&layer)
                    .await?
                    .read(bundle::MAX_BUNDLE as u64)
                    .await
            };
            let bytes = bytes.await;
            (digest, layer, bytes)
        })
        .buffered(AT_ONCE);
    while let Some((digest, layer, bytes)) = coming.next().await {
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) if error.is_about_content() => {
                unread.push((digest, error.into()));
                continue;
            }
            Err(error) => return Err(error),
        };
        match Bundle::parse(&bytes) {
            Ok(bundle) => kept.push(keep(Attached {
                referrer: digest,
                layer,
                bytes,
                bundle,
            })),
            Err(error) => unread.push((digest, error.into())),
        }
    }
    Ok(Bundles { kept, unread })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{Memory, wait};
    use base64::Engine as _;
    use serde_json::json;

    fn bundle(predicate_type: &str, predicate: &Value) -> Bytes {
        let statement = json!({
            "_type": crate::statement::STATEMENT_V1,
            "subject": [{"digest": {"sha256": "00"}}],
            "predicateType": predicate_type,
            "predicate": predicate,
        });
        let payload = base64::engine::general_purpose::STANDARD.encode(statement.to_string());
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": "x"}},
            "dsseEnvelope": {
                "payloadType": crate::statement::PAYLOAD_TYPE,
                "payload": payload,
                "signatures": [{"sig": "AA=="}],
            },
        });
        bundle.to_string().into()
    }

    fn provenance() -> Bytes {
        let metadata = json!({"finishedOn": "2026-01-02T03:04:05Z"});
        bundle(
            SLSA_PROVENANCE_V1,
            &json!({"runDetails": {"metadata": metadata}}),
        )
    }

    #[test]
    fn laid_out_as_others_look_for_it() {
        let subject = Descriptor::of(super::super::IMAGE_MANIFEST, b"subject");
        let manifest = referrer(&subject, &provenance()).unwrap();
        let written: Value = serde_json::from_slice(manifest.bytes()).unwrap();
        let bundle_type = "application/vnd.dev.sigstore.bundle.v0.3+json";
        let wanted = json!({
            "schemaVersion": 2,
            "mediaType": super::super::IMAGE_MANIFEST,
            "artifactType": bundle_type,
            "config": {"mediaType": EMPTY_TYPE, "size": 2, "digest":
                "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
            "layers": [{
                "mediaType": bundle_type,
                "size": provenance().len(),
                "digest": Digest::sha256(&provenance()).to_string(),
                "annotations": {TITLE: "provenance.sigstore.json"},
            }],
            "subject": {"mediaType": subject.media_type, "size": 7, "digest": subject.digest.to_string()},
            "annotations": {
                CONTENT: "dsse-envelope",
                PREDICATE_TYPE: SLSA_PROVENANCE_V1,
                CREATED: "2026-01-02T03:04:05Z",
            },
        });
        assert_eq!(written, wanted);
        assert!(referrer(&subject, &Bytes::from_static(b"{}")).is_err());
    }

    #[test]
    fn attached_twice_is_attached_once_and_found() {
        let store = Memory::new();
        let subject = Descriptor::of(super::super::IMAGE_MANIFEST, b"subject");
        let both = [provenance(), bundle(CYCLONEDX_BOM, &json!({}))];
        let found = wait(async {
            attach(&store, &subject, &both).await?;
            attach(&store, &subject, &both).await?;
            let referrers = referrers(&store, &subject.digest).await?;
            bundles(&store, referrers, Attached::into_evidence).await
        });
        let found = found.unwrap().unwrap();
        assert_eq!((found.kept.len(), found.unread.len()), (2, 0));
        let other = Digest::sha256(b"other");
        assert!(wait(referrers(&store, &other)).unwrap().unwrap().is_empty());
    }
}
