//! SPDX 2.2 and 2.3, as JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::component::{
    Component, Contact, ExternalReference, Hash, Kind, Organization, ReferenceKind,
};
use super::super::evidence::{Copyright, Evidence, Occurrence};
use super::super::license::{
    self, Acknowledgement, Attachment, ExpressionDetail, License, LicenseChoice,
};
use super::super::python::source::iri;
use super::cyclonedx::check_hashes;
use super::spdx_relation;
use super::{Document, Element, ImportError};
use crate::purl::Purl;

/// Versions that are read.
pub const VERSIONS: &[&str] = &["SPDX-2.2", "SPDX-2.3"];

/// What is read of a package or file; anything else is counted as left out.
const KNOWN: &[&str] = &[
    "SPDXID",
    "checksums",
    "copyrightText",
    "description",
    "downloadLocation",
    "externalRefs",
    "fileName",
    "filesAnalyzed",
    "hasFiles",
    "homepage",
    "licenseConcluded",
    "licenseDeclared",
    "licenseInfoFromFiles",
    "licenseInfoInFiles",
    "name",
    "originator",
    "primaryPackagePurpose",
    "summary",
    "supplier",
    "versionInfo",
];
/// Parts of a document that are about other things than what it lists.
const OTHER_PARTS: &[&str] = &["annotations", "revieweds", "snippets"];

/// Reads a document.
pub fn read(value: &Value) -> Result<Document, ImportError> {
    let version = value["spdxVersion"].as_str().unwrap_or_default();
    if !VERSIONS.contains(&version) {
        return Err(ImportError::Version {
            format: "SPDX",
            version: version.trim_start_matches("SPDX-").to_owned(),
            known: "2.2 and 2.3",
        });
    }
    let mut reader = Reader {
        extracted: extracted(value)?,
        ..Reader::default()
    };
    // SPDX 2.3 §6.5: unique for each document, without a fragment.
    reader.document.link = text(value, "documentNamespace").map(iri);
    for (list, name) in [("packages", "name"), ("files", "fileName")] {
        for (index, each) in array(value, list)?.iter().enumerate() {
            reader.element(each, name, &format!("/{list}/{index}"))?;
        }
    }
    spdx_relation::read(value, &mut reader.document)?;
    for part in OTHER_PARTS {
        reader.leave_out(part, array(value, part)?.len());
    }
    Ok(reader.document)
}

/// The text of a field that says something (SPDX 2.3: `NONE`, `NOASSERTION`).
pub(super) fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value[field]
        .as_str()
        .map(str::trim)
        .filter(|text| !matches!(*text, "" | "NONE" | "NOASSERTION"))
}

pub(super) fn array<'a>(value: &'a Value, field: &str) -> Result<&'a [Value], ImportError> {
    match &value[field] {
        Value::Null => Ok(&[]),
        Value::Array(list) => Ok(list),
        _ => Err(ImportError::malformed(&format!("/{field}"), "no list")),
    }
}

/// Licences that SPDX does not list, by their `LicenseRef-` (SPDX 2.3 §10).
fn extracted(value: &Value) -> Result<BTreeMap<String, (String, String)>, ImportError> {
    let list = array(value, "hasExtractedLicensingInfos")?.iter();
    Ok(list
        .filter_map(|each| {
            let id = text(each, "licenseId")?;
            let name = text(each, "name").unwrap_or(id).to_owned();
            let content = text(each, "extractedText").unwrap_or_default();
            Some((id.to_owned(), (name, content.to_owned())))
        })
        .collect())
}

#[derive(Default)]
struct Reader {
    document: Document,
    names: BTreeSet<String>,
    extracted: BTreeMap<String, (String, String)>,
}

impl Reader {
    fn leave_out(&mut self, what: &str, count: usize) {
        if count > 0 {
            *self.document.left_out.entry(what.to_owned()).or_default() += count;
        }
    }

    /// Reads a package (SPDX 2.3 §7) or a file (§8).
    fn element(&mut self, value: &Value, name: &'static str, at: &str) -> Result<(), ImportError> {
        let missing = |what| ImportError::Missing {
            at: at.to_owned(),
            what,
        };
        let id = value["SPDXID"].as_str().filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| missing("SPDXID"))?.to_owned();
        if !self.names.insert(id.clone()) {
            return Err(ImportError::Twice(id));
        }
        let is_file = name == "fileName";
        let own_name = value[name].as_str().filter(|name| !name.is_empty());
        let own_name = own_name.ok_or_else(|| missing(name))?;
        let mut component = Component {
            kind: match is_file {
                true => Kind::File,
                false => self.kind(value),
            },
            name: own_name.trim_start_matches("./").to_owned(),
            version: text(value, "versionInfo").map(str::to_owned),
            description: text(value, "description")
                .or(text(value, "summary"))
                .map(str::to_owned),
            copyright: text(value, "copyrightText").map(str::to_owned),
            ..Component::default()
        };
        if is_file {
            // Files of the same bytes are one component with all their places.
            component.evidence = Some(Evidence {
                occurrences: vec![Occurrence::at(&component.name)],
                copyright: component
                    .copyright
                    .take()
                    .map(|text| Copyright { text })
                    .into_iter()
                    .collect(),
                ..Evidence::default()
            });
        }
        self.people(value, &mut component);
        self.checksums(value, &mut component, at)?;
        self.references(value, &mut component)?;
        self.licenses(value, &mut component)?;
        if let Some(fields) = value.as_object() {
            let unknown = fields.iter().filter(|(key, value)| {
                let says = !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty());
                says && !KNOWN.contains(&key.as_str())
            });
            unknown.for_each(|(key, _)| self.leave_out(key, 1));
        }
        self.document.elements.push(Element {
            name: id,
            component,
        });
        Ok(())
    }

    fn kind(&mut self, value: &Value) -> Kind {
        let purpose = text(value, "primaryPackagePurpose").unwrap_or_default();
        match purpose {
            "APPLICATION" => Kind::Application,
            "FRAMEWORK" => Kind::Framework,
            "CONTAINER" => Kind::Container,
            "OPERATING-SYSTEM" | "OPERATING_SYSTEM" => Kind::OperatingSystem,
            "DEVICE" => Kind::Device,
            "FIRMWARE" => Kind::Firmware,
            "FILE" | "ARCHIVE" => Kind::File,
            "" | "LIBRARY" => Kind::Library,
            other => {
                self.leave_out(&format!("primaryPackagePurpose {other}"), 1);
                Kind::Library
            }
        }
    }

    /// SPDX 2.3 §7.5 and §7.6: `Person: NAME (ADDRESS)` or `Organization: …`.
    fn people(&mut self, value: &Value, component: &mut Component) {
        if let Some((_, who)) = text(value, "supplier").and_then(party) {
            component.supplier = Some(organization(who));
        }
        match text(value, "originator").and_then(party) {
            Some(("Person", who)) => component.authors.push(who),
            Some((_, who)) => component.manufacturer = Some(organization(who)),
            None => {}
        }
    }

    fn checksums(
        &mut self,
        value: &Value,
        component: &mut Component,
        at: &str,
    ) -> Result<(), ImportError> {
        for each in array(value, "checksums")? {
            let algorithm = each["algorithm"].as_str().unwrap_or_default();
            let alg = match algorithm {
                "SHA1" | "SHA256" | "SHA384" | "SHA512" => algorithm.replacen("SHA", "SHA-", 1),
                "MD5" | "SHA3-256" | "SHA3-384" | "SHA3-512" | "BLAKE2b-256" | "BLAKE2b-384"
                | "BLAKE2b-512" | "BLAKE3" => algorithm.to_owned(),
                other => {
                    self.leave_out(&format!("checksums {other}"), 1);
                    continue;
                }
            };
            let content = each["checksumValue"].as_str().unwrap_or_default();
            component.hashes.push(Hash {
                alg,
                content: content.to_owned(),
            });
        }
        check_hashes(&mut component.hashes, at)
    }

    /// SPDX 2.3 §7.7, §7.11 and §7.21.
    fn references(&mut self, value: &Value, component: &mut Component) -> Result<(), ImportError> {
        if let Some(place) = text(value, "downloadLocation") {
            let (kind, url) = match place.split_once('+') {
                Some(("git" | "hg" | "svn" | "bzr", url)) => (ReferenceKind::Vcs, url),
                _ => (ReferenceKind::Distribution, place),
            };
            component.reference(kind, iri(url));
        }
        if let Some(page) = text(value, "homepage") {
            component.reference(ReferenceKind::Website, iri(page));
        }
        let version = component.version.clone().unwrap_or_default();
        for each in array(value, "externalRefs")? {
            let locator = text(each, "referenceLocator").unwrap_or_default();
            let kind = text(each, "referenceType").unwrap_or_default();
            let kind = kind.rsplit('/').next().unwrap_or_default();
            match kind {
                "purl" => match locator.parse::<Purl>() {
                    Ok(purl) if component.purl.is_none() => {
                        component.purl = Some(purl.or_version(&version));
                    }
                    Ok(_) => self.leave_out("externalRefs: a second purl", 1),
                    Err(_) => {
                        component.property("prov:import:purl", locator);
                        let what = format!("`{locator}` is no package URL");
                        self.document.not_understood.push(what);
                    }
                },
                "cpe23Type" | "cpe22Type" if component.cpe.is_none() => {
                    component.cpe = Some(locator.to_owned());
                }
                "advisory" | "fix" | "url" => {
                    component.external_references.push(ExternalReference {
                        kind: match kind {
                            "advisory" => ReferenceKind::Advisories,
                            _ => ReferenceKind::Other,
                        },
                        url: iri(locator),
                        comment: text(each, "comment").map(str::to_owned),
                        hashes: Vec::new(),
                    })
                }
                other => self.leave_out(&format!("externalRefs {other}"), 1),
            }
        }
        Ok(())
    }

    fn licenses(&mut self, value: &Value, component: &mut Component) -> Result<(), ImportError> {
        let stated = [
            ("licenseDeclared", Acknowledgement::Declared),
            ("licenseConcluded", Acknowledgement::Concluded),
        ];
        for (field, acknowledgement) in stated {
            let license = text(value, field).map(|text| self.license(text, Some(acknowledgement)));
            component.licenses.extend(license);
        }
        let mut found = Vec::new();
        for field in ["licenseInfoFromFiles", "licenseInfoInFiles"] {
            let texts = array(value, field)?.iter().filter_map(Value::as_str);
            let texts = texts.filter(|text| !matches!(*text, "" | "NONE" | "NOASSERTION"));
            found.extend(texts.map(|text| self.license(text, None)));
        }
        if !found.is_empty() {
            component.evidence.get_or_insert_default().licenses = found;
        }
        Ok(())
    }

    /// An expression (SPDX 2.3 annex D); the texts of licences that SPDX does not
    /// list stay with it.
    fn license(&self, text: &str, acknowledgement: Option<Acknowledgement>) -> LicenseChoice {
        let named = |name: &str, content: &str| LicenseChoice::License {
            license: License {
                name: Some(name.to_owned()),
                acknowledgement,
                text: attachment(content),
                ..License::default()
            },
        };
        if let Some((name, content)) = self.extracted.get(text) {
            return named(name, content);
        }
        let Some(expression) = license::expression(text) else {
            return named(text, "");
        };
        let words = expression.split([' ', '(', ')']);
        let known = words.filter_map(|word| Some((word, self.extracted.get(word)?)));
        let details: BTreeMap<&str, &String> =
            known.map(|(word, (_, content))| (word, content)).collect();
        LicenseChoice::Expression {
            details: details
                .into_iter()
                .map(|(word, content)| ExpressionDetail {
                    license_identifier: word.to_owned(),
                    text: attachment(content),
                    url: None,
                })
                .collect(),
            expression: expression.clone(),
            acknowledgement,
        }
    }
}

fn attachment(content: &str) -> Option<Attachment> {
    (!content.is_empty()).then(|| Attachment {
        content_type: None,
        encoding: None,
        content: content.to_owned(),
    })
}

fn organization(who: Contact) -> Organization {
    Organization {
        name: who.name,
        contact: who
            .email
            .map(|email| Contact {
                email: Some(email),
                ..Contact::default()
            })
            .into_iter()
            .collect(),
        ..Organization::default()
    }
}

/// What kind of party it is, and its name and address.
fn party(text: &str) -> Option<(&str, Contact)> {
    let (kind, rest) = text.split_once(':')?;
    let (name, email) = match rest.rsplit_once('(') {
        Some((name, email)) => (name, email.trim().trim_end_matches(')').trim()),
        None => (rest, ""),
    };
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let contact = Contact {
        name: some(name.trim()),
        email: some(email),
        phone: None,
    };
    Some((kind.trim(), contact))
}
