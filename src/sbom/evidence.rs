//! Why a component is believed to be there, in CycloneDX 1.7.

use serde::{Deserialize, Serialize, Serializer};

use super::license::LicenseChoice;

/// Why a component is believed to be there (CycloneDX 1.7, `componentEvidence`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// How it was recognised.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identity: Vec<Identity>,
    /// Where it was seen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub occurrences: Vec<Occurrence>,
    /// Licences that were found in its files but not declared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<LicenseChoice>,
    /// Copyright notices that were found in its files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copyright: Vec<Copyright>,
}

/// A copyright notice (CycloneDX 1.7, `copyright`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Copyright {
    /// The notice.
    pub text: String,
}

impl Evidence {
    pub(super) fn add_method(&mut self, field: Field, technique: Technique) {
        let confidence = technique.confidence();
        let method = Method {
            technique,
            confidence,
        };
        match self
            .identity
            .iter_mut()
            .find(|identity| identity.field == field)
        {
            Some(identity) if identity.methods.contains(&method) => {}
            Some(identity) => {
                identity.methods.push(method);
                identity.confidence = identity.confidence.max(confidence);
            }
            None => self.identity.push(Identity {
                field,
                confidence,
                methods: vec![method],
            }),
        }
    }
}

/// How one field was recognised (CycloneDX 1.7, `componentIdentityEvidence`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// The field.
    pub field: Field,
    /// The best of the methods.
    #[serde(default, skip_serializing_if = "Confidence::is_none")]
    pub confidence: Confidence,
    /// How.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<Method>,
}

/// A field that identifies (CycloneDX 1.7, `componentIdentityEvidence.field`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Field {
    /// The package URL.
    Purl,
    /// The digest.
    Hash,
    /// The name.
    Name,
    /// The group.
    Group,
    /// The version.
    Version,
    /// The name in the Common Platform Enumeration.
    Cpe,
    /// The OmniBOR artifact.
    OmniborId,
    /// The Software Heritage identifier.
    Swhid,
    /// The software identification tag.
    Swid,
}

/// One way of recognising (CycloneDX 1.7, `componentIdentityEvidence.methods`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Method {
    /// How.
    pub technique: Technique,
    /// How sure that makes.
    pub confidence: Confidence,
}

/// Ways of recognising (CycloneDX 1.7, `methods[].technique`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Technique {
    /// A manifest or lock file names it.
    ManifestAnalysis,
    /// The bytes of a binary name it.
    BinaryAnalysis,
    /// Its digest is known.
    HashComparison,
    /// A statement names it, which nothing here verified.
    Attestation,
    /// Its file name says so.
    Filename,
    /// Its source code was read.
    SourceCodeAnalysis,
    /// The shape of its source code is known.
    AstFingerprint,
    /// A program that watches itself named it.
    Instrumentation,
    /// It was seen at work.
    DynamicAnalysis,
    /// Anything else.
    Other,
}

impl Technique {
    /// A binary's own list is self-declared, and a file name is a guess.
    fn confidence(self) -> Confidence {
        Confidence(match self {
            Technique::ManifestAnalysis | Technique::HashComparison => 100,
            Technique::BinaryAnalysis => 90,
            Technique::SourceCodeAnalysis
            | Technique::AstFingerprint
            | Technique::Instrumentation
            | Technique::DynamicAnalysis => 80,
            Technique::Attestation | Technique::Filename => 50,
            Technique::Other => 30,
        })
    }
}

/// How sure something is, in percent; written from 0 to 1 (CycloneDX 1.7, `confidence`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(from = "f64")]
pub struct Confidence(u8);

impl Confidence {
    fn is_none(&self) -> bool {
        self.0 == 0
    }
}

impl From<f64> for Confidence {
    fn from(share: f64) -> Self {
        // `as` keeps to the range of the type, and makes 0 of what is no number.
        Self(((share * 100.0).round() as u8).min(100))
    }
}

impl Serialize for Confidence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            100 => serializer.serialize_u8(1),
            percent => serializer.serialize_f64(f64::from(percent) / 100.0),
        }
    }
}

/// A place where a component was seen (CycloneDX 1.7, `evidence.occurrences`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Occurrence {
    /// A path relative to the scanned tree.
    pub location: String,
    /// A line in it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// A byte in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// A section or table in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
}

impl Occurrence {
    /// A whole file.
    pub fn at(location: &str) -> Self {
        Self {
            location: location.to_owned(),
            ..Self::default()
        }
    }
}
