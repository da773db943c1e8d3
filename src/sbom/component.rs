//! A component and all that is said of it, in CycloneDX 1.7.

use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, Field, Occurrence, Technique};
use super::license::LicenseChoice;
use super::reference::Ref;
use crate::artifact::{Algorithm, Digest};
use crate::purl::Purl;

pub use super::external::{ExternalReference, ReferenceKind};
pub use super::pedigree::{Commit, Diff, Patch, PatchKind, Pedigree};

/// A package, an application or a file (CycloneDX 1.7, `component`). Lists may
/// be filled in any order: the inventory sorts them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Component {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The media type of a file.
    #[serde(rename = "mime-type", skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Its name inside the document; the inventory sets it.
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    pub bom_ref: Option<Ref>,
    /// Who supplies it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supplier: Option<Organization>,
    /// Who makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<Organization>,
    /// Who wrote it, as people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<Contact>,
    /// Who published it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// The group that its name belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Its name, as its own ecosystem writes it.
    pub name: String,
    /// Its version, as its own ecosystem writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// One line about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether the product needs it; the merge works it out from the graph.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Digests of the one file that it is. A package of several files has theirs
    /// in `external_references`; a Go `h1:` sum is none and is a property.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hashes: Vec<Hash>,
    /// Its licences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<LicenseChoice>,
    /// Its copyright notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copyright: Option<String>,
    /// Its name in the Common Platform Enumeration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpe: Option<String>,
    /// Its package URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purl: Option<Purl>,
    /// What it was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pedigree: Option<Pedigree>,
    /// Where its source, its files and its pages are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub external_references: Vec<ExternalReference>,
    /// Its parts; the merge nests them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component>,
    /// Where it was seen and how it was recognised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Anything else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
}

impl Component {
    /// A library known by its package URL. `name` is the ecosystem's own spelling.
    pub fn package(name: &str, purl: Purl) -> Self {
        Self {
            name: name.to_owned(),
            version: purl.version().map(str::to_owned),
            purl: Some(purl),
            ..Self::default()
        }
    }

    /// A file known by its digest.
    pub fn file(name: &str, digest: &Digest) -> Self {
        Self {
            kind: Kind::File,
            name: name.to_owned(),
            hashes: vec![Hash::from(digest)],
            ..Self::default()
        }
    }

    /// The same, of another kind.
    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Says where it was seen and how it was recognised. The place is a path
    /// relative to the scanned tree, never an absolute one.
    pub fn seen(mut self, occurrence: Occurrence, technique: Technique) -> Self {
        let evidence = self.evidence.get_or_insert_default();
        evidence.occurrences.push(occurrence);
        let field = match (&self.purl, self.hashes.is_empty()) {
            (Some(_), _) => Field::Purl,
            (None, false) => Field::Hash,
            (None, true) => Field::Name,
        };
        evidence.add_method(field, technique);
        self
    }

    /// Adds a property; prov's own names start with `prov:`.
    pub fn property(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.properties.push(Property {
            name: name.into(),
            value: value.into(),
        });
    }

    /// Adds an external reference.
    pub fn reference(&mut self, kind: ReferenceKind, url: impl Into<String>) {
        self.external_references.push(ExternalReference {
            kind,
            url: url.into(),
            comment: None,
            hashes: Vec::new(),
        });
    }

    /// True when both can be the same thing: no digest of one contradicts the other.
    pub fn agrees_with(&self, other: &Self) -> bool {
        !self.hashes.iter().any(|mine| {
            let mut same = other.hashes.iter().filter(|its| its.alg == mine.alg);
            same.clone().next().is_some() && !same.any(|its| its.content == mine.content)
        })
    }

    /// Takes over what `other` says of the same thing. Lists are united; of two
    /// single values the one that is there stays.
    pub fn absorb(&mut self, other: Self) {
        self.kind = self.kind.min(other.kind);
        keep(&mut self.mime_type, other.mime_type);
        keep(&mut self.supplier, other.supplier);
        keep(&mut self.manufacturer, other.manufacturer);
        keep(&mut self.group, other.group);
        keep(&mut self.version, other.version);
        keep(&mut self.description, other.description);
        keep(&mut self.publisher, other.publisher);
        keep(&mut self.copyright, other.copyright);
        keep(&mut self.cpe, other.cpe);
        keep(&mut self.purl, other.purl);
        keep(&mut self.pedigree, other.pedigree);
        unite(&mut self.authors, other.authors);
        unite(&mut self.hashes, other.hashes);
        unite(&mut self.licenses, other.licenses);
        unite(&mut self.external_references, other.external_references);
        unite(&mut self.properties, other.properties);
        if let Some(other) = other.evidence {
            let evidence = self.evidence.get_or_insert_default();
            unite(&mut evidence.occurrences, other.occurrences);
            unite(&mut evidence.licenses, other.licenses);
            unite(&mut evidence.copyright, other.copyright);
            for identity in other.identity {
                for method in identity.methods {
                    evidence.add_method(identity.field, method.technique);
                }
            }
        }
    }

    /// Sorts every list and drops what stands twice.
    pub(super) fn sort(&mut self) {
        sort(&mut self.authors);
        sort(&mut self.hashes);
        sort(&mut self.licenses);
        sort(&mut self.external_references);
        sort(&mut self.properties);
        if let Some(evidence) = &mut self.evidence {
            sort(&mut evidence.occurrences);
            sort(&mut evidence.licenses);
            sort(&mut evidence.copyright);
            sort(&mut evidence.identity);
            evidence
                .identity
                .iter_mut()
                .for_each(|identity| sort(&mut identity.methods));
        }
    }
}

fn keep<T>(mine: &mut Option<T>, other: Option<T>) {
    if mine.is_none() {
        *mine = other;
    }
}

fn unite<T>(mine: &mut Vec<T>, other: Vec<T>) {
    mine.extend(other);
}

fn sort<T: Ord>(list: &mut Vec<T>) {
    list.sort_unstable();
    list.dedup();
}

/// What a component is (CycloneDX 1.7, `component.type`); the more telling
/// kinds come first and win when two sources differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A program.
    Application,
    /// A container image.
    Container,
    /// A runtime or toolchain.
    Platform,
    /// A framework.
    Framework,
    /// An operating system.
    OperatingSystem,
    /// A device.
    Device,
    /// A driver.
    DeviceDriver,
    /// Firmware.
    Firmware,
    /// A model.
    MachineLearningModel,
    /// Data.
    Data,
    /// A key, certificate or algorithm.
    CryptographicAsset,
    /// A package to build on.
    #[default]
    Library,
    /// A file.
    File,
}

/// Whether the product needs a component (CycloneDX 1.7, `component.scope`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Needed when the product runs.
    Required,
    /// May be left out: an extra, an optional feature, another platform.
    Optional,
    /// Only for building or testing.
    Excluded,
}

/// A digest in CycloneDX's spelling (CycloneDX 1.7, `hash`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hash {
    /// The algorithm (CycloneDX 1.7, `hash-alg`): `SHA-256`, `SHA-512`, …
    pub alg: String,
    /// Hexadecimal.
    pub content: String,
}

impl From<&Digest> for Hash {
    fn from(digest: &Digest) -> Self {
        let alg = match digest.algorithm() {
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha512 => "SHA-512",
        };
        Self {
            alg: alg.to_owned(),
            content: digest.hex(),
        }
    }
}

/// An organisation (CycloneDX 1.7, `organizationalEntity`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Organization {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its pages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub url: Vec<String>,
    /// Whom to write to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contact: Vec<Contact>,
}

impl Organization {
    /// Reads `Name <address>`, where the address is a page or for mail.
    pub fn parse(text: &str) -> Self {
        let Contact { name, email, .. } = Contact::parse(text);
        let (pages, mail): (Vec<_>, Vec<_>) = email.into_iter().partition(|it| it.contains("://"));
        let contact = mail.into_iter().map(|email| Contact {
            email: Some(email),
            ..Contact::default()
        });
        Self {
            name,
            contact: contact.collect(),
            url: pages,
        }
    }
}

/// A person (CycloneDX 1.7, `organizationalContact`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Contact {
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The telephone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

impl Contact {
    /// Reads `Name <address>`, as Cargo and core metadata write it.
    pub fn parse(text: &str) -> Self {
        let (name, email) = match text.split_once('<') {
            Some((name, email)) => (name.trim(), Some(email.trim().trim_end_matches('>'))),
            None => (text.trim(), None),
        };
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self {
            name: some(name),
            email: email.and_then(some),
            phone: None,
        }
    }
}

/// A name and a value (CycloneDX 1.7, `property`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Property {
    /// The name, with its namespace.
    pub name: String,
    /// The value.
    #[serde(default)]
    pub value: String,
}
