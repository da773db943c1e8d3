//! Manifests and indexes: read strictly, written always alike.
//!
//! Follows the OCI image specification 1.1 (`manifest.md`, `image-index.md`,
//! `descriptor.md`). A document that one reader could take for an image and another
//! for an index is refused (CVE-2021-41190).

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::artifact::Digest;
use crate::json;

use super::OciError;

/// Media type of an image manifest.
pub const IMAGE_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an image index.
pub const IMAGE_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker's image manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's manifest list.
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Media type of a config that says nothing; its bytes are [`EMPTY`].
pub const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
/// The bytes of an empty config.
pub const EMPTY: &[u8] = b"{}";
/// Annotation: the name of the file that a layer was.
pub const TITLE: &str = "org.opencontainers.image.title";
/// Annotation: when it was made, in RFC 3339.
pub const CREATED: &str = "org.opencontainers.image.created";

/// The largest manifest that is read, in bytes (the limit that registries have).
pub const MAX_MANIFEST: usize = 4 << 20;
/// About the most bytes of memory that a manifest's JSON may take.
const MAX_MEMORY: usize = 16 << 20;
/// The most descriptors in one manifest.
pub const MAX_DESCRIPTORS: usize = 4096;

/// Content by digest, with what is said of it elsewhere. Only digest and size are
/// ever held against the content; the rest is a claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The media type.
    pub media_type: String,
    /// The digest.
    #[serde(serialize_with = "write_digest", deserialize_with = "read_digest")]
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
    /// What kind of artifact it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Notes by name.
    #[serde(
        default,
        deserialize_with = "null_as_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// What it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What prov does not know: kept when an index is written again, never followed.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What content runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `amd64`, `arm64`, `wasm`, …
    pub architecture: String,
    /// `linux`, `darwin`, `wasip1`, …
    pub os: String,
    /// `v7`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// What prov does not know.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

impl Descriptor {
    /// The descriptor of `bytes`.
    pub fn of(media_type: impl Into<String>, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::sha256(bytes), bytes.len() as u64)
    }

    /// A descriptor with nothing but what each has.
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            artifact_type: None,
            annotations: BTreeMap::new(),
            platform: None,
            rest: Map::new(),
        }
    }

    /// Adds a note.
    pub fn with_annotation(mut self, name: &str, value: impl Into<String>) -> Self {
        self.annotations.insert(name.to_owned(), value.into());
        self
    }

    /// True when it claims to be a manifest or an index.
    pub fn is_manifest(&self) -> bool {
        kind(&self.media_type).is_some()
    }

    /// True when it claims to be an index.
    pub fn is_index(&self) -> bool {
        kind(&self.media_type) == Some(Kind::Index)
    }
}

fn write_digest<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(digest)
}

fn read_digest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(serde::de::Error::custom)
}

/// Go writes an empty map as `null`.
fn null_as_empty<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A list that is there; Go writes an empty one as `null`.
fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Descriptor>>, D::Error> {
    null_as_empty(deserializer).map(Some)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Image,
    Index,
}

fn kind(media_type: &str) -> Option<Kind> {
    match media_type {
        IMAGE_MANIFEST | DOCKER_MANIFEST => Some(Kind::Image),
        IMAGE_INDEX | DOCKER_INDEX => Some(Kind::Index),
        _ => None,
    }
}

/// A manifest or an index, with the very bytes that its digest speaks of.
#[derive(Clone, Debug)]
pub struct Manifest {
    bytes: Bytes,
    /// About how many bytes of memory it takes beside those.
    memory: usize,
    digest: Digest,
    media_type: String,
    /// What kind of artifact it says it is.
    pub artifact_type: Option<String>,
    /// What it refers to.
    pub subject: Option<Descriptor>,
    /// Notes by name.
    pub annotations: BTreeMap<String, String>,
    /// What it consists of.
    pub parts: Parts,
}

/// What a manifest consists of.
#[derive(Clone, Debug)]
pub enum Parts {
    /// An image: a config and layers.
    Image {
        /// The config.
        config: Box<Descriptor>,
        /// The layers, in order.
        layers: Vec<Descriptor>,
    },
    /// An index of other manifests.
    Index(Vec<Descriptor>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u64,
    media_type: Option<String>,
    artifact_type: Option<String>,
    subject: Option<Descriptor>,
    #[serde(default, deserialize_with = "null_as_empty")]
    annotations: BTreeMap<String, String>,
    config: Option<Descriptor>,
    #[serde(default, deserialize_with = "present")]
    layers: Option<Vec<Descriptor>>,
    #[serde(default, deserialize_with = "present")]
    manifests: Option<Vec<Descriptor>>,
}

impl Manifest {
    /// Reads a manifest. `stated` is the media type that somebody else gave it: a
    /// header, or the descriptor that led here.
    pub fn parse(bytes: Bytes, stated: Option<&str>) -> Result<Self, OciError> {
        let refuse = |why: String| OciError::Manifest(why);
        let unreadable = |source| OciError::Json {
            what: "the manifest".to_owned(),
            source,
        };
        let memory = json::check(&bytes, MAX_MANIFEST, json::MAX_VALUES).map_err(unreadable)?;
        if memory > MAX_MEMORY {
            return Err(OciError::TooLarge {
                what: "the manifest in memory".to_owned(),
                limit: MAX_MEMORY as u64,
            });
        }
        let value: Value =
            serde_json::from_slice(&bytes).map_err(|error| unreadable(error.into()))?;
        for field in ["fsLayers", "history", "signatures"] {
            if value.get(field).is_some() {
                return Err(refuse(format!("`{field}` belongs to Docker's schema 1")));
            }
        }
        let document: Document =
            serde_json::from_value(value).map_err(|error| refuse(error.to_string()))?;
        if document.schema_version != 2 {
            return Err(refuse(format!("schemaVersion {}", document.schema_version)));
        }
        let media_type = match (document.media_type, stated) {
            (Some(own), Some(stated)) if own != stated => {
                return Err(refuse(format!(
                    "it says `{own}`, but `{stated}` was stated"
                )));
            }
            (Some(own), _) => own,
            (None, Some(stated)) => stated.to_owned(),
            // Unambiguous, since only one of the two shapes gets past this.
            (None, None) if document.manifests.is_some() => IMAGE_INDEX.to_owned(),
            (None, None) => IMAGE_MANIFEST.to_owned(),
        };
        let parts = match (
            kind(&media_type),
            document.config,
            document.layers,
            document.manifests,
        ) {
            (Some(Kind::Image), Some(config), Some(layers), None) => Parts::Image {
                config: Box::new(config),
                layers,
            },
            (Some(Kind::Index), None, None, Some(manifests)) => Parts::Index(manifests),
            (Some(_), ..) => {
                return Err(refuse(format!(
                    "`{media_type}` with the fields of another kind"
                )));
            }
            (None, ..) => return Err(refuse(format!("the media type `{media_type}`"))),
        };
        let count = match &parts {
            Parts::Image { layers, .. } => layers.len(),
            Parts::Index(manifests) => manifests.len(),
        };
        if count > MAX_DESCRIPTORS {
            return Err(OciError::TooMany {
                what: "parts of a manifest",
                limit: MAX_DESCRIPTORS,
            });
        }
        Ok(Self {
            digest: Digest::sha256(&bytes),
            bytes,
            memory,
            media_type,
            artifact_type: document.artifact_type.filter(|text| !text.is_empty()),
            subject: document.subject,
            annotations: document.annotations,
            parts,
        })
    }

    /// Writes an image manifest; fields stand in the order of their names, so that
    /// the same content gives the same bytes.
    pub fn image(
        artifact_type: Option<&str>,
        config: &Descriptor,
        layers: &[Descriptor],
        subject: Option<&Descriptor>,
        annotations: &BTreeMap<String, String>,
    ) -> Result<Self, OciError> {
        Self::write(
            IMAGE_MANIFEST,
            artifact_type,
            json!({"config": config, "layers": layers}),
            subject,
            annotations,
        )
    }

    /// Writes an index.
    pub fn index(
        artifact_type: Option<&str>,
        manifests: &[Descriptor],
        annotations: &BTreeMap<String, String>,
    ) -> Result<Self, OciError> {
        let parts = json!({"manifests": manifests});
        Self::write(IMAGE_INDEX, artifact_type, parts, None, annotations)
    }

    fn write(
        media_type: &str,
        artifact_type: Option<&str>,
        mut document: Value,
        subject: Option<&Descriptor>,
        annotations: &BTreeMap<String, String>,
    ) -> Result<Self, OciError> {
        document["schemaVersion"] = 2.into();
        document["mediaType"] = media_type.into();
        if let Some(artifact_type) = artifact_type {
            document["artifactType"] = artifact_type.into();
        }
        if let Some(subject) = subject {
            document["subject"] = json!(subject);
        }
        if !annotations.is_empty() {
            document["annotations"] = json!(annotations);
        }
        Self::parse(document.to_string().into(), Some(media_type))
    }

    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// About how many bytes of memory it takes.
    pub(super) fn memory(&self) -> usize {
        self.bytes.len() + self.memory
    }

    /// The SHA-256 digest of the bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The media type.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// Its descriptor, as a subject has it.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(
            &*self.media_type,
            self.digest.clone(),
            self.bytes.len() as u64,
        )
    }

    /// Its descriptor in a list of referrers (distribution specification, "Listing
    /// Referrers": with the annotations, and with the type of the config where it
    /// says none of its own).
    pub fn referrer(&self) -> Descriptor {
        Descriptor {
            artifact_type: self.kind_of_artifact().map(str::to_owned),
            annotations: self.annotations.clone(),
            ..self.descriptor()
        }
    }

    /// What kind of artifact it is: its own word, else the type of its config.
    pub fn kind_of_artifact(&self) -> Option<&str> {
        match (&self.artifact_type, &self.parts) {
            (Some(artifact_type), _) => Some(artifact_type),
            (None, Parts::Image { config, .. }) => Some(&config.media_type),
            (None, Parts::Index(_)) => None,
        }
    }

    /// The layers; none of an index.
    pub fn layers(&self) -> &[Descriptor] {
        match &self.parts {
            Parts::Image { layers, .. } => layers,
            Parts::Index(_) => &[],
        }
    }

    /// The manifests of an index; none of an image.
    pub fn manifests(&self) -> &[Descriptor] {
        match &self.parts {
            Parts::Image { .. } => &[],
            Parts::Index(manifests) => manifests,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Value {
        json!({
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "config": Descriptor::of(EMPTY_TYPE, EMPTY),
            "layers": [Descriptor::of("text/plain", b"abc").with_annotation(TITLE, "abc")],
        })
    }

    fn parse(value: &Value, stated: Option<&str>) -> Result<Manifest, OciError> {
        Manifest::parse(value.to_string().into(), stated)
    }

    #[test]
    fn reads_what_it_wrote() {
        let subject = Descriptor::of(IMAGE_MANIFEST, b"x");
        let written = Manifest::image(
            Some("a/b"),
            &Descriptor::of(EMPTY_TYPE, EMPTY),
            &[Descriptor::of("text/plain", b"abc")],
            Some(&subject),
            &BTreeMap::from([("k".to_owned(), "v".to_owned())]),
        )
        .unwrap();
        let read = Manifest::parse(written.bytes().clone(), None).unwrap();
        assert_eq!(read.subject, Some(subject));
        assert_eq!(read.referrer(), written.referrer());
        assert_eq!(read.referrer().artifact_type.as_deref(), Some("a/b"));
        assert_eq!(read.digest(), &Digest::sha256(written.bytes()));
    }

    #[test]
    fn two_readers_never_see_two_documents() {
        assert!(parse(&image(), Some(IMAGE_MANIFEST)).is_ok());
        let mut both = image();
        both["manifests"] = json!([]);
        let mut index = json!({"schemaVersion": 2, "manifests": []});
        assert!(parse(&index, Some(IMAGE_INDEX)).is_ok());
        assert!(parse(&index, Some(IMAGE_MANIFEST)).is_err());
        let null = json!({"schemaVersion": 2, "manifests": null});
        assert!(parse(&null, None).unwrap().manifests().is_empty());
        let nulls = json!({"schemaVersion": 2, "manifests": [], "layers": null});
        assert!(parse(&nulls, None).is_err());
        index["layers"] = json!([]);
        let mut untyped = image();
        untyped.as_object_mut().unwrap().remove("mediaType");
        for (bad, stated) in [
            (&image(), Some(IMAGE_INDEX)),
            (&image(), Some(DOCKER_MANIFEST)),
            (&image(), Some("text/html")),
            (&both, None),
            (&index, None),
            (&untyped, Some(IMAGE_INDEX)),
            (&json!([]), None),
            (&json!({"schemaVersion": 1, "manifests": []}), None),
            (
                &json!({"schemaVersion": 2, "manifests": [], "fsLayers": []}),
                None,
            ),
        ] {
            assert!(parse(bad, stated).is_err(), "{bad} was taken as {stated:?}");
        }
        let twice = br#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#;
        assert!(Manifest::parse(Bytes::from_static(twice), None).is_err());
    }

    #[test]
    fn descriptors_are_strict() {
        for (field, bad) in [
            ("digest", json!("../../secret")),
            ("digest", json!("sha256:12")),
            ("digest", json!("sha1:00")),
            ("size", json!(-1)),
            ("size", json!("3")),
            ("mediaType", json!(null)),
            ("annotations", json!({"a": 1})),
        ] {
            let mut value = image();
            value["layers"][0][field] = bad;
            assert!(parse(&value, None).is_err(), "{value} was taken");
        }
        let mut value = image();
        value["layers"] = json!(vec![Descriptor::of("a", b"b"); MAX_DESCRIPTORS + 1]);
        assert!(matches!(parse(&value, None), Err(OciError::TooMany { .. })));
    }

    #[test]
    fn what_is_not_known_is_kept() {
        let value = json!({"mediaType": "a", "digest": Digest::sha256(b"").to_string(), "size": 0,
            "annotations": null, "data": "", "urls": ["http://example.com"],
            "platform": {"os": "linux", "architecture": "arm", "variant": "v7", "os.version": "1"}});
        let read: Descriptor = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(read.platform.as_ref().unwrap().to_string(), "linux/arm/v7");
        let mut written = serde_json::to_value(&read).unwrap();
        written["annotations"] = Value::Null;
        assert_eq!(written, value);
    }
}
