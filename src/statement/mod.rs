//! in-toto statements: which artifacts, and what is said of them.
//!
//! Follows the in-toto Attestation Framework v1, `spec/v1/statement.md` and
//! `spec/v1/resource_descriptor.md`. Consumers ignore fields that they don't
//! know (`spec/v1/README.md`, parsing rules), so nothing here denies them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::artifact::{Algorithm, Artifact, Digest};
use crate::json::JsonError;

mod head;
pub mod predicate;
pub mod slsa;
pub mod vsa;

pub use head::Head;

/// `_type` of a v1 statement.
pub const STATEMENT_V1: &str = "https://in-toto.io/Statement/v1";
/// `_type` of a v0.1 statement, which cosign still writes.
pub const STATEMENT_V0_1: &str = "https://in-toto.io/Statement/v0.1";
/// DSSE payload type of a statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// Predicate type of SLSA provenance v1.
pub const SLSA_PROVENANCE_V1: &str = "https://slsa.dev/provenance/v1";
/// Predicate type of a CycloneDX document; a version suffix (`/v1.6`) may follow.
pub const CYCLONEDX_BOM: &str = "https://cyclonedx.org/bom";

/// The largest statement that is read: an SBOM of some ten thousand packages.
pub const MAX_STATEMENT: usize = 16 << 20;
/// The most subjects of one statement (the limit of GitHub's attestations).
pub const MAX_SUBJECTS: usize = 1024;
/// The longest predicate type, in bytes.
pub const MAX_PREDICATE_TYPE: usize = 2048;

/// Binds a predicate to the artifacts that it speaks of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// Always [`STATEMENT_V1`] when prov writes it.
    #[serde(rename = "_type")]
    pub type_: String,
    /// The artifacts, by digest.
    pub subject: Vec<ResourceDescriptor>,
    /// The URI that says what the predicate is.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// The predicate, as it was written.
    #[serde(default)]
    pub predicate: Value,
}

/// A resource by name, place and digest (in-toto `ResourceDescriptor`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceDescriptor {
    /// A name for people; nothing is decided by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it is or what it is: a purl, a `git+https` URL, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Digests by algorithm name (`sha256`, `gitCommit`, `h1`, …).
    #[serde(
        default,
        deserialize_with = "slsa::null_as_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub digest: BTreeMap<String, String>,
    /// The media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Anything else.
    #[serde(
        default,
        deserialize_with = "slsa::null_as_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, Value>,
}

impl ResourceDescriptor {
    /// The descriptor of `artifact` as a subject.
    pub fn of(artifact: &Artifact) -> Self {
        Self::named(artifact.name(), artifact.digests())
    }

    /// The descriptor of something that only its digests are known of.
    pub fn named<'a>(
        name: impl Into<String>,
        digests: impl IntoIterator<Item = &'a Digest>,
    ) -> Self {
        let entry = |digest: &Digest| (digest.algorithm().name().to_owned(), digest.hex());
        Self {
            name: Some(name.into()),
            digest: digests.into_iter().map(entry).collect(),
            ..Self::default()
        }
    }

    /// True when a digest of this descriptor is a digest of `artifact` and none
    /// that can be compared differs.
    pub fn names(&self, artifact: &Artifact) -> bool {
        let mut matched = false;
        for have in artifact.digests() {
            match self.digest.get(have.algorithm().name()) {
                Some(hex) if *hex == have.hex() => matched = true,
                Some(_) => return false,
                None => {}
            }
        }
        matched
    }
}

impl Statement {
    /// A v1 statement about `subject`.
    pub fn new(
        subject: Vec<ResourceDescriptor>,
        predicate_type: impl Into<String>,
        predicate: Value,
    ) -> Self {
        Self {
            type_: STATEMENT_V1.to_owned(),
            subject,
            predicate_type: predicate_type.into(),
            predicate,
        }
    }

    /// Reads a statement. What it says is not believed by that: only
    /// `verify` makes a `Verified<Statement>` of it.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        Self::under(&Head::parse(bytes)?, bytes)
    }

    /// The whole of the statement that `head` was read of: that refused already what
    /// is no statement, and what two readers could read differently.
    pub(crate) fn under(_: &Head, bytes: &[u8]) -> Result<Self, StatementError> {
        serde_json::from_slice(bytes).map_err(StatementError::Shape)
    }

    /// The bytes to sign: compact JSON with keys in a fixed order.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StatementError> {
        serde_json::to_vec(self).map_err(StatementError::Shape)
    }

    /// True when one of the subjects is `artifact`, by digest.
    pub fn speaks_of(&self, artifact: &Artifact) -> bool {
        self.subject.iter().any(|subject| subject.names(artifact))
    }

    /// True when some subject has a SHA-512 digest and no SHA-256 one, as npm's have.
    pub fn wants_sha512(&self) -> bool {
        let (sha256, sha512) = (Algorithm::Sha256.name(), Algorithm::Sha512.name());
        self.subject
            .iter()
            .any(|s| s.digest.contains_key(sha512) && !s.digest.contains_key(sha256))
    }

    /// The digests of the subjects that prov can compare, for error messages.
    pub fn subject_digests(&self) -> Vec<Digest> {
        let known = [Algorithm::Sha256, Algorithm::Sha512];
        self.subject
            .iter()
            .flat_map(|subject| {
                known.into_iter().filter_map(|algorithm| {
                    let hex = subject.digest.get(algorithm.name())?;
                    Digest::from_hex(algorithm, hex).ok()
                })
            })
            .collect()
    }
}

/// Why bytes are no statement that prov reads.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// Not acceptable JSON.
    #[error("the statement is no acceptable JSON: {0}")]
    Json(#[from] JsonError),
    /// JSON of another shape.
    #[error("the statement is malformed: {0}")]
    Shape(serde_json::Error),
    /// Another `_type`.
    #[error("the statement has the type `{0}`, wanted `{STATEMENT_V1}`")]
    Type(String),
    /// `subject` is empty.
    #[error("the statement has no subject")]
    NoSubject,
    /// More subjects than are read.
    #[error("the statement has {0} subjects, at most {MAX_SUBJECTS} are read")]
    TooManySubjects(usize),
    /// A `predicateType` that nobody means.
    #[error("the predicate type has {0} bytes, at most {MAX_PREDICATE_TYPE} are read")]
    LongPredicateType(usize),
    /// `predicateType` is empty.
    #[error("the statement has no predicate type")]
    NoPredicateType,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn artifact() -> Artifact {
        Artifact::from_bytes("abc", b"abc".to_vec())
    }

    fn statement() -> Statement {
        Statement::new(
            vec![ResourceDescriptor::of(&artifact())],
            SLSA_PROVENANCE_V1,
            json!({"z": 1, "a": 2}),
        )
    }

    #[test]
    fn round_trips() {
        let bytes = statement().to_bytes().unwrap();
        let read = Statement::parse(&bytes).unwrap();
        assert_eq!(read, statement());
        assert!(read.speaks_of(&artifact()));
        assert_eq!(read.to_bytes().unwrap(), bytes);
    }

    #[test]
    fn another_artifact_is_not_the_subject() {
        let other = Artifact::from_bytes("abc", b"abd".to_vec());
        assert!(!statement().speaks_of(&other));
    }

    #[test]
    fn a_descriptor_that_contradicts_itself_names_nothing() {
        let artifact = Artifact::from_reader("abc", &b"abc"[..], true).unwrap();
        let mut subject = ResourceDescriptor::of(&artifact);
        assert!(subject.names(&artifact));
        subject.digest.insert("sha512".into(), "00".repeat(64));
        assert!(!subject.names(&artifact));
        assert!(!ResourceDescriptor::default().names(&artifact));
    }

    #[test]
    fn refuses_what_is_no_statement() {
        for (bad, why) in [
            (
                json!({"_type": "x", "subject": [{}], "predicateType": "p"}),
                "type",
            ),
            (
                json!({"_type": STATEMENT_V1, "subject": [], "predicateType": "p"}),
                "no subject",
            ),
            (
                json!({"_type": STATEMENT_V1, "subject": [{}], "predicateType": ""}),
                "predicate type",
            ),
            (
                json!({"_type": STATEMENT_V1, "subject": vec![json!({}); 1025], "predicateType": "p"}),
                "1025",
            ),
            (
                json!({"_type": STATEMENT_V1, "predicateType": "p"}),
                "malformed",
            ),
            (json!([]), "malformed"),
        ] {
            let error = Statement::parse(bad.to_string().as_bytes()).unwrap_err();
            assert!(error.to_string().contains(why), "{error} lacks `{why}`");
        }
    }
}
