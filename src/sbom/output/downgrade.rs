//! From CycloneDX 1.7 to what an older version can say.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::SpecVersion;

/// Kinds of external references, with the version that they came with and the
/// nearest kind before (`externalReference.type` of `schema/bom-*.schema.json`).
const REFERENCES: &[(&str, SpecVersion, &str)] = &[
    ("citation", SpecVersion::V1_7, "other"),
    ("patent", SpecVersion::V1_7, "other"),
    ("patent-assertion", SpecVersion::V1_7, "other"),
    ("patent-family", SpecVersion::V1_7, "other"),
    ("digital-signature", SpecVersion::V1_6, "other"),
    ("electronic-signature", SpecVersion::V1_6, "other"),
    ("rfc-9116", SpecVersion::V1_6, "security-contact"),
    ("source-distribution", SpecVersion::V1_6, "distribution"),
];
/// Fields that evidence of identity got in 1.6.
const IDENTITY_FIELDS: &[&str] = &["omniborId", "swhid"];

/// Changes a document of 1.7 into one of `version`; what is lost is counted.
pub(super) fn to(version: SpecVersion, document: &mut Value, lost: &mut BTreeMap<String, usize>) {
    let mut change = Change { version, lost };
    let name = version.as_str();
    document["$schema"] = format!("http://cyclonedx.org/schema/bom-{name}.schema.json").into();
    document["specVersion"] = name.into();
    let metadata = &mut document["metadata"];
    if let Some(members) = metadata.as_object_mut() {
        if version < SpecVersion::V1_6 {
            change.remove(members, "manufacturer", "metadata.manufacturer");
        }
        for each in members.get_mut("component").into_iter() {
            change.component(each);
        }
        if let Some(tools) = members.get_mut("tools") {
            change.components(tools, "components");
        }
    }
    change.components(document, "components");
}

struct Change<'a> {
    version: SpecVersion,
    lost: &'a mut BTreeMap<String, usize>,
}

impl Change<'_> {
    fn lose(&mut self, what: &str) {
        *self.lost.entry(what.to_owned()).or_default() += 1;
    }

    fn remove(&mut self, members: &mut Map<String, Value>, key: &str, what: &str) {
        if members.remove(key).is_some() {
            self.lose(what);
        }
    }

    fn components(&mut self, holder: &mut Value, key: &str) {
        let list = holder.get_mut(key).and_then(Value::as_array_mut);
        list.into_iter()
            .flatten()
            .for_each(|each| self.component(each));
    }

    fn component(&mut self, component: &mut Value) {
        let Some(members) = component.as_object_mut() else {
            return;
        };
        if self.version < SpecVersion::V1_6 {
            self.remove(members, "manufacturer", "manufacturer");
            if let Some(authors) = members.remove("authors") {
                members.insert("author".to_owned(), author(&authors).into());
            }
            if members.get("type") == Some(&"cryptographic-asset".into()) {
                members.insert("type".to_owned(), "data".into());
                self.lose("type cryptographic-asset");
            }
        }
        self.licenses(members);
        self.hashes(members);
        if let Some(references) = members.get_mut("externalReferences") {
            for each in references.as_array_mut().into_iter().flatten() {
                self.reference(each);
            }
        }
        if let Some(evidence) = members.get_mut("evidence").and_then(Value::as_object_mut) {
            self.evidence(evidence);
        }
        if let Some(pedigree) = members.get_mut("pedigree") {
            for key in ["ancestors", "descendants", "variants"] {
                self.components(pedigree, key);
            }
        }
        self.components(component, "components");
    }

    fn hashes(&mut self, members: &mut Map<String, Value>) {
        let Some(Value::Array(hashes)) = members.get_mut("hashes") else {
            return;
        };
        let all = hashes.len();
        hashes.retain(|hash| {
            !hash["alg"]
                .as_str()
                .unwrap_or_default()
                .starts_with("Streebog")
        });
        for _ in hashes.len()..all {
            self.lose("hashes Streebog");
        }
        if hashes.is_empty() {
            members.remove("hashes");
        }
    }

    fn reference(&mut self, reference: &mut Value) {
        let kind = reference["type"].as_str().unwrap_or_default();
        let newer =
            |(name, since, _): &&(&str, SpecVersion, &str)| *name == kind && *since > self.version;
        if let Some((name, _, nearest)) = REFERENCES.iter().find(newer) {
            reference["type"] = (*nearest).into();
            self.lose(&format!("externalReferences.type {name}"));
        }
        if let Some(members) = reference.as_object_mut() {
            self.hashes(members);
        }
    }

    /// Until 1.6 there is either one expression, or any number of licences.
    fn licenses(&mut self, members: &mut Map<String, Value>) {
        let Some(Value::Array(licenses)) = members.get_mut("licenses") else {
            return;
        };
        for each in licenses.iter_mut() {
            let details = each
                .as_object_mut()
                .and_then(|own| own.remove("expressionDetails"));
            if details.is_some() {
                self.lose("licenses.expressionDetails");
            }
        }
        if licenses.len() > 1 && licenses.iter().any(|each| each.get("expression").is_some()) {
            let declared: Vec<Value> = licenses
                .iter()
                .filter(|each| acknowledgement(each) == Some("declared"))
                .cloned()
                .collect();
            // What somebody concluded is about what the authors declared: the
            // two can't stand in one expression.
            if !declared.is_empty() {
                for _ in declared.len()..licenses.len() {
                    self.lose("licenses that are not declared");
                }
                *licenses = declared;
            }
            if licenses.len() > 1 {
                *licenses = self.united(licenses);
            }
        }
        if self.version < SpecVersion::V1_6 {
            for each in licenses.iter_mut() {
                let own = match each.get_mut("license") {
                    Some(license) => license,
                    None => each,
                };
                if let Some(own) = own.as_object_mut() {
                    self.remove(own, "acknowledgement", "licenses.acknowledgement");
                }
            }
        }
    }

    /// Several expressions and licences as one expression; where one has only a
    /// name, all as licences.
    fn united(&mut self, licenses: &[Value]) -> Vec<Value> {
        let id = |each: &Value| {
            let text = each.get("expression").or_else(|| each["license"].get("id"));
            text.and_then(Value::as_str).map(str::to_owned)
        };
        let texts: Option<Vec<String>> = licenses.iter().map(id).collect();
        let Some(texts) = texts else {
            return licenses
                .iter()
                .map(|each| match each.get("expression") {
                    Some(expression) => {
                        let mut license = json!({ "name": expression });
                        if let Some(who) = acknowledgement(each) {
                            license["acknowledgement"] = who.into();
                        }
                        json!({ "license": license })
                    }
                    None => each.clone(),
                })
                .collect();
        };
        let whole: Vec<String> = texts
            .iter()
            .map(|text| match text.contains(' ') && !text.starts_with('(') {
                true => format!("({text})"),
                false => text.clone(),
            })
            .collect();
        let mut one = json!({ "expression": whole.join(" AND ") });
        if let Some(who) = licenses.first().and_then(acknowledgement)
            && licenses
                .iter()
                .all(|each| acknowledgement(each) == Some(who))
        {
            one["acknowledgement"] = who.into();
        }
        if licenses
            .iter()
            .any(|each| !each["license"]["text"].is_null())
        {
            self.lose("licenses.license.text");
        }
        vec![one]
    }

    fn evidence(&mut self, evidence: &mut Map<String, Value>) {
        self.licenses(evidence);
        if self.version >= SpecVersion::V1_6 {
            return;
        }
        if let Some(Value::Array(mut identity)) = evidence.remove("identity") {
            let all = identity.len();
            identity.retain(|each| {
                let field = each["field"].as_str().unwrap_or_default();
                !IDENTITY_FIELDS.contains(&field)
            });
            identity.truncate(1);
            for _ in identity.len()..all {
                self.lose("evidence.identity");
            }
            if let Some(one) = identity.pop() {
                evidence.insert("identity".to_owned(), one);
            }
        }
        if let Some(Value::Array(occurrences)) = evidence.get_mut("occurrences") {
            for each in occurrences.iter_mut() {
                let Some(own) = each.as_object_mut() else {
                    continue;
                };
                for key in ["line", "offset", "symbol"] {
                    self.remove(own, key, &format!("evidence.occurrences.{key}"));
                }
            }
            occurrences.dedup();
        }
    }
}

/// People as one line, which is what there was for them.
fn author(authors: &Value) -> String {
    let people = authors.as_array().into_iter().flatten();
    let people: Vec<String> = people
        .filter_map(
            |each| match (each["name"].as_str(), each["email"].as_str()) {
                (Some(name), Some(email)) => Some(format!("{name} <{email}>")),
                (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
                (None, None) => None,
            },
        )
        .collect();
    people.join(", ")
}

fn acknowledgement(license: &Value) -> Option<&str> {
    let own = license.get("license").unwrap_or(license);
    own["acknowledgement"].as_str()
}
