//! The analyses in a CycloneDX document (1.4 and later): `vulnerabilities[].analysis`.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Party, Statement, Status, Subject, Vex, VexError, reason, time};
use crate::artifact::{Algorithm, Digest};
use crate::purl::Purl;

#[derive(Deserialize)]
struct Document {
    metadata: Option<Metadata>,
    #[serde(default)]
    components: Vec<Component>,
    #[serde(default)]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
struct Metadata {
    timestamp: Option<String>,
    component: Option<Component>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "bom-ref")]
    reference: Option<String>,
    purl: Option<String>,
    #[serde(default)]
    hashes: Vec<Hash>,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Hash {
    alg: String,
    content: String,
}

#[derive(Deserialize)]
struct Vulnerability {
    id: Option<String>,
    #[serde(default)]
    references: Vec<Reference>,
    updated: Option<String>,
    analysis: Option<Analysis>,
    #[serde(default)]
    affects: Vec<Affects>,
}

#[derive(Deserialize)]
struct Reference {
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Analysis {
    state: Option<String>,
    justification: Option<String>,
    detail: Option<String>,
    first_issued: Option<String>,
    last_updated: Option<String>,
}

#[derive(Deserialize)]
struct Affects {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    version: Option<String>,
    status: Option<String>,
}

pub(super) fn read(value: Value) -> Result<Vex, VexError> {
    let document: Document = serde_json::from_value(value).map_err(VexError::Shape)?;
    let mut vex = Vex::default();
    let mut places = HashMap::new();
    let (stated, root) = match document.metadata {
        Some(metadata) => (metadata.timestamp, metadata.component),
        None => (None, None),
    };
    let root = root.map(|root| {
        let reference = root.reference.clone();
        let at = list(vec![root], &mut vex, &mut places);
        (reference, at)
    });
    list(document.components, &mut vex, &mut places);
    for raw in document.vulnerabilities {
        // Without an analysis it is a report, not a statement.
        let Some((state, analysis)) = raw.analysis.and_then(|mut it| Some((it.state.take()?, it)))
        else {
            continue;
        };
        let status = match state.as_str() {
            "resolved" | "resolved_with_pedigree" => Status::Fixed,
            "exploitable" => Status::Affected,
            "in_triage" => Status::UnderInvestigation,
            "false_positive" | "not_affected" => Status::NotAffected,
            _ => return Err(VexError::Status(state)),
        };
        let label = analysis.justification.as_deref();
        // A false positive is a reason by itself.
        let label = label.or((state == "false_positive").then_some("false_positive"));
        let when = [
            analysis.last_updated,
            analysis.first_issued,
            raw.updated,
            stated.clone(),
        ];
        let when = when.into_iter().flatten().next();
        let affects = raw.affects.into_iter();
        let subjects = affects.filter_map(|affects| {
            let is_root = root.as_ref().is_some_and(|(reference, _)| {
                reference.as_deref() == Some(affects.reference.as_str())
            });
            let part = affects.part(&mut vex, &places)?;
            Some(match is_root {
                true => Subject {
                    product: Some(part),
                    parts: Vec::new(),
                },
                false => Subject {
                    product: root.as_ref().and_then(|(_, at)| *at),
                    parts: vec![part],
                },
            })
        });
        let subjects = subjects.collect();
        let references = raw
            .references
            .into_iter()
            .filter_map(|reference| reference.id);
        let statement = Statement {
            status,
            justification: reason(&[label, analysis.detail.as_deref()]),
            time: when.as_deref().map(time).transpose()?,
            subjects,
        };
        vex.add(raw.id.into_iter().chain(references).collect(), statement)?;
    }
    Ok(vex)
}

/// Adds components and those inside them; gives the place of the first.
fn list(
    components: Vec<Component>,
    vex: &mut Vex,
    places: &mut HashMap<String, usize>,
) -> Option<usize> {
    let mut first = None;
    let mut rest = components;
    while let Some(component) = rest.pop() {
        let mut party = Party::default();
        // Any other reference means nothing outside its document.
        let names = component.reference.iter().chain(&component.purl);
        party
            .purls
            .extend(names.filter_map(|name| name.parse::<Purl>().ok()));
        for hash in component.hashes {
            let algorithm = match hash.alg.as_str() {
                "SHA-256" => Algorithm::Sha256,
                "SHA-512" => Algorithm::Sha512,
                _ => continue,
            };
            party
                .digests
                .extend(Digest::from_hex(algorithm, &hash.content));
        }
        let at = vex.party(party);
        first.get_or_insert(at);
        if let Some(reference) = component.reference {
            places.insert(reference, at);
        }
        rest.extend(component.components);
    }
    first
}

impl Affects {
    /// The place of what it refers to: a component of this document, one of another
    /// document by a BOM-Link, or a package URL.
    fn part(self, vex: &mut Vex, places: &HashMap<String, usize>) -> Option<usize> {
        let known = places.get(&self.reference).copied();
        if self.versions.is_empty() && known.is_some() {
            return known;
        }
        let purls = match known.and_then(|at| vex.parties.get(at)) {
            Some(party) => party.purls.clone(),
            None => {
                let (_, name) = self.reference.rsplit_once('#').unwrap_or_default();
                let linked = match self.reference.starts_with("urn:cdx:") {
                    // A package URL inside a URN is percent-encoded once more.
                    true => decode(name),
                    false => self.reference.clone(),
                };
                vec![linked.parse().ok()?]
            }
        };
        let versions = self.versions;
        let named = |version: Option<&str>| {
            versions.is_empty()
                || versions.iter().any(|one| {
                    let affected = one.status.as_deref().unwrap_or("affected") == "affected";
                    affected && one.version.is_some() && one.version.as_deref() == version
                })
        };
        // Of listed versions only those that are said one by one are meant.
        let purls: Vec<_> = purls
            .into_iter()
            .filter(|purl| named(purl.version()))
            .collect();
        (!purls.is_empty()).then(|| {
            vex.party(Party {
                purls,
                ..Party::default()
            })
        })
    }
}

/// Undoes percent-encoding; what is none stays.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |byte: &u8| char::from(*byte).to_digit(16);
        rest = tail;
        if let (b'%', [high, low, after @ ..]) = (first, tail)
            && let (Some(high), Some(low)) = (hex(high), hex(low))
        {
            bytes.push((high << 4 | low) as u8);
            rest = after;
            continue;
        }
        bytes.push(*first);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
