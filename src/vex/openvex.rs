//! OpenVEX 0.2.0.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Party, Statement, Status, Subject, Vex, VexError, reason, time};
use crate::artifact::{Algorithm, Digest};

#[derive(Deserialize)]
struct Document {
    timestamp: String,
    statements: Vec<RawStatement>,
}

#[derive(Deserialize)]
struct RawStatement {
    vulnerability: Vulnerability,
    timestamp: Option<String>,
    #[serde(default)]
    products: Vec<RawProduct>,
    status: String,
    justification: Option<String>,
    impact_statement: Option<String>,
    action_statement: Option<String>,
    status_notes: Option<String>,
}

#[derive(Deserialize)]
struct Vulnerability {
    name: String,
    #[serde(default)]
    aliases: Vec<String>,
}

#[derive(Deserialize)]
struct RawProduct {
    #[serde(flatten)]
    component: Component,
    #[serde(default)]
    subcomponents: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "@id")]
    id: Option<String>,
    #[serde(default)]
    identifiers: BTreeMap<String, String>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

pub(super) fn read(value: Value) -> Result<Vex, VexError> {
    let document: Document = serde_json::from_value(value).map_err(VexError::Shape)?;
    // A statement without a time has that of its document.
    let stated = time(&document.timestamp)?;
    let mut vex = Vex::default();
    for raw in document.statements {
        let status = match raw.status.as_str() {
            "not_affected" => Status::NotAffected,
            "affected" => Status::Affected,
            "fixed" => Status::Fixed,
            "under_investigation" => Status::UnderInvestigation,
            _ => return Err(VexError::Status(raw.status)),
        };
        let why = [
            raw.justification.as_deref(),
            raw.impact_statement.as_deref(),
        ];
        let justification = match status {
            Status::NotAffected => {
                let why = reason(&why);
                Some(why.ok_or_else(|| VexError::NoReason(raw.vulnerability.name.clone()))?)
            }
            _ => {
                let [label, impact] = why;
                let other = [raw.action_statement.as_deref(), raw.status_notes.as_deref()];
                let [action, notes] = other;
                reason(&[label, impact, action, notes])
            }
        };
        let time = raw.timestamp.as_deref().map_or(Ok(stated), time)?;
        let mut subjects = Vec::new();
        for product in raw.products {
            let parts = product.subcomponents.into_iter().map(Component::party);
            subjects.push(Subject {
                parts: parts.map(|party| vex.party(party)).collect(),
                product: Some(vex.party(product.component.party())),
            });
        }
        let mut ids = raw.vulnerability.aliases;
        ids.push(raw.vulnerability.name);
        let statement = Statement {
            status,
            justification,
            time: Some(time),
            subjects,
        };
        vex.add(ids, statement)?;
    }
    Ok(vex)
}

impl Component {
    fn party(self) -> Party {
        let mut party = Party::default();
        for name in self.id.iter().chain(self.identifiers.values()) {
            party.name(name);
        }
        for (algorithm, hex) in self.hashes {
            let algorithm = match algorithm.as_str() {
                "sha-256" => Algorithm::Sha256,
                "sha-512" => Algorithm::Sha512,
                _ => continue,
            };
            party.digests.extend(Digest::from_hex(algorithm, &hex));
        }
        party
    }
}
