//! The head of a statement: what must be known of it before its signature was seen.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::slsa::null_as_empty;
use super::{
    MAX_PREDICATE_TYPE, MAX_STATEMENT, MAX_SUBJECTS, STATEMENT_V0_1, STATEMENT_V1, StatementError,
};
use crate::artifact::{Algorithm, Artifact, Digest};
use crate::json;

/// What a statement is about, and of which type: all but what it says. It takes little
/// memory, whatever the statement is.
#[derive(Clone, Debug)]
pub struct Head {
    predicate_type: String,
    subject: Vec<Subject>,
    weight: usize,
}

/// The digests of a subject that prov can compare, in the order of their algorithms.
/// `None` is one that is no digest: it equals none.
#[derive(Clone, Debug, Default)]
struct Subject(Vec<(Algorithm, Option<Digest>)>);

impl Head {
    /// Reads the head of a statement, and checks the rest: it is strict JSON of at most
    /// [`MAX_STATEMENT`] bytes. Nothing of it is believed by that.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        let weight = json::check(bytes, MAX_STATEMENT, json::MAX_VALUES)?;
        let read: Outline<'_> = serde_json::from_slice(bytes).map_err(StatementError::Shape)?;
        if ![STATEMENT_V1, STATEMENT_V0_1].contains(&&*read.type_) {
            return Err(StatementError::Type(json::excerpt(&read.type_)));
        }
        match read.subject.count {
            0 => return Err(StatementError::NoSubject),
            count if count > MAX_SUBJECTS => return Err(StatementError::TooManySubjects(count)),
            _ => {}
        }
        match read.predicate_type.len() {
            0 => return Err(StatementError::NoPredicateType),
            length if length > MAX_PREDICATE_TYPE => {
                return Err(StatementError::LongPredicateType(length));
            }
            _ => {}
        }
        Ok(Self {
            predicate_type: read.predicate_type.into_owned(),
            subject: read.subject.first,
            weight,
        })
    }

    /// The URI that says what the predicate is.
    pub fn predicate_type(&self) -> &str {
        &self.predicate_type
    }

    /// About how many bytes of memory the whole statement takes.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// True when one of the subjects is `artifact`, by digest.
    pub fn speaks_of(&self, artifact: &Artifact) -> bool {
        self.subject.iter().any(|subject| subject.names(artifact))
    }

    /// True when some subject has a SHA-512 digest and no SHA-256 one, as npm's have.
    pub fn wants_sha512(&self) -> bool {
        self.subject
            .iter()
            .any(|subject| matches!(subject.0[..], [(Algorithm::Sha512, _)]))
    }

    /// The digests of the subjects that prov can compare.
    pub fn subject_digests(&self) -> impl Iterator<Item = &Digest> {
        let digests = self.subject.iter().flat_map(|subject| &subject.0);
        digests.filter_map(|(_, digest)| digest.as_ref())
    }
}

impl Subject {
    /// See [`ResourceDescriptor::names`](super::ResourceDescriptor::names).
    fn names(&self, artifact: &Artifact) -> bool {
        let mut matched = false;
        for have in artifact.digests() {
            let mut named = self.0.iter();
            match named.find(|(algorithm, _)| *algorithm == have.algorithm()) {
                Some((_, digest)) if digest.as_ref() == Some(have) => matched = true,
                Some(_) => return false,
                None => {}
            }
        }
        matched
    }
}

/// A [`Statement`](super::Statement) of which only the head is kept; it is the same
/// shapes that are taken and refused.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(rename = "_type", borrow)]
    type_: Cow<'a, str>,
    subject: Subjects,
    #[serde(rename = "predicateType", borrow)]
    predicate_type: Cow<'a, str>,
    #[serde(default, rename = "predicate")]
    _predicate: IgnoredAny,
}

/// The first subjects, and how many there are.
#[derive(Default)]
struct Subjects {
    first: Vec<Subject>,
    count: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default, rename = "name")]
    _name: Option<Text>,
    #[serde(default, rename = "uri")]
    _uri: Option<Text>,
    #[serde(default, deserialize_with = "null_as_empty")]
    digest: Subject,
    #[serde(default, rename = "mediaType")]
    _media_type: Option<Text>,
    #[serde(default, deserialize_with = "null_as_empty", rename = "annotations")]
    _annotations: Object,
}

/// Any text.
struct Text;

/// Any object.
#[derive(Default)]
struct Object;

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Self)
    }
}

impl Visitor<'_> for Text {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self)
    }
}

impl<'de> Visitor<'de> for Object {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(self)
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self::default())
    }
}

impl<'de> Visitor<'de> for Subject {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Self, A::Error> {
        while let Some(name) = entries.next_key::<String>()? {
            let known = [Algorithm::Sha256, Algorithm::Sha512];
            match known.into_iter().find(|known| known.name() == name) {
                Some(algorithm) => {
                    let hex: String = entries.next_value()?;
                    let digest = Digest::from_hex(algorithm, &json::excerpt(&hex));
                    self.0.push((algorithm, digest.ok()));
                }
                None => _ = entries.next_value::<Text>()?,
            }
        }
        self.0.sort_by_key(|(algorithm, _)| *algorithm);
        Ok(self)
    }
}

impl<'de> Deserialize<'de> for Subjects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Self::default())
    }
}

impl<'de> Visitor<'de> for Subjects {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut subjects: A) -> Result<Self, A::Error> {
        while let Some(descriptor) = subjects.next_element::<Descriptor>()? {
            self.count += 1;
            if self.count <= MAX_SUBJECTS {
                self.first.push(descriptor.digest);
            }
        }
        Ok(self)
    }
}
