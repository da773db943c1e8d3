//! Names of components inside a document.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::artifact::Digest;
use crate::purl::Purl;

/// Names one component inside an inventory and its document (CycloneDX 1.7,
/// `refType`). It is made from what the component is, never from a counter, so
/// it is the same in every run; cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ref(Arc<str>);

impl Ref {
    /// The name of a package.
    pub fn package(purl: &Purl) -> Self {
        Self(purl.to_string().into())
    }

    /// The name of a file that is no package, by its digest.
    pub fn artifact(digest: &Digest) -> Self {
        Self(format!("urn:prov:artifact:{digest}").into())
    }

    /// The name of what a document lists and neither package URL nor digest
    /// identifies: made of the digest of the document's bytes and of the name
    /// that it has there. Another document's is another one, for nothing says
    /// that they are the same.
    pub fn element(document: &Digest, name: &str) -> Self {
        let element = Digest::sha256(format!("{document}#{name}").as_bytes());
        Self(format!("urn:prov:element:{element}").into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Ref {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Ref {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}
