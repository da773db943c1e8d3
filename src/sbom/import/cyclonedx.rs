//! CycloneDX 1.3 to 1.7, in the shape of its JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::super::component::{Component, Hash, Scope};
use super::super::inventory::Relation;
use super::super::license::{self, LicenseChoice};
use super::super::model::Aggregate;
use super::super::python::source::iri;
use super::{Document, Element, ImportError, left_out};
use crate::purl::Purl;

/// Versions that are read.
pub const VERSIONS: &[&str] = &["1.3", "1.4", "1.5", "1.6", "1.7"];

/// Parts of a document that are about other things than what it lists.
const OTHER_PARTS: &[&str] = &[
    "annotations",
    "citations",
    "declarations",
    "definitions",
    "externalReferences",
    "formulation",
    "properties",
    "signature",
    "vulnerabilities",
];

/// The list of components that a pedigree has, each of its own kind.
const RELATIVES: &[&str] = &["ancestors", "descendants", "variants"];

/// Reads a document.
pub fn read(document: &Value) -> Result<Document, ImportError> {
    if document["bomFormat"] != "CycloneDX" {
        return Err(ImportError::Unrecognised);
    }
    let version = document["specVersion"].as_str().unwrap_or_default();
    if !VERSIONS.contains(&version) {
        return Err(ImportError::Version {
            format: "CycloneDX",
            version: version.to_owned(),
            known: "1.3 to 1.7",
        });
    }
    let mut reader = Reader::default();
    reader.document.link = link(document)?;
    let metadata = &document["metadata"];
    if !metadata["component"].is_null() {
        let at = "/metadata/component";
        let mut root = metadata["component"].clone();
        // Until 1.5 the one who made the product stood beside it.
        for (from, to) in [("supplier", "supplier"), ("manufacture", "manufacturer")] {
            if root[to].is_null() && !metadata[from].is_null() {
                root[to] = metadata[from].clone();
            }
        }
        let name = reader.component(&root, at, None)?;
        reader.document.roots.push(name);
    }
    reader.components(&document["components"], "/components", None)?;
    reader.services(&document["services"]);
    reader.dependencies(&document["dependencies"])?;
    reader.compositions(&document["compositions"])?;
    for part in OTHER_PARTS {
        let count = match &document[*part] {
            Value::Array(list) => list.len(),
            Value::Object(_) => 1,
            _ => 0,
        };
        reader.leave_out(part, count);
    }
    Ok(reader.finish())
}

/// A BOM-Link (CycloneDX 1.7, `bomLinkDocumentType`).
fn link(document: &Value) -> Result<Option<String>, ImportError> {
    let at = "/serialNumber";
    let number = match &document["serialNumber"] {
        Value::Null => return Ok(None),
        Value::String(number) if number.is_empty() => return Ok(None),
        number => number.as_str().unwrap_or_default(),
    };
    let groups: Option<Vec<&str>> = number
        .strip_prefix("urn:uuid:")
        .map(|uuid| uuid.split('-').collect());
    let is_hex = |group: &&str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    match groups {
        Some(groups)
            if groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
                && groups.iter().all(is_hex) =>
        {
            let version = document["version"].as_u64().unwrap_or(1);
            Ok(Some(format!("urn:cdx:{}/{version}", groups.join("-"))))
        }
        _ => Err(ImportError::malformed(at, "no `urn:uuid:`")),
    }
}

#[derive(Default)]
struct Reader {
    document: Document,
    /// Where each name is in the list of elements.
    names: BTreeMap<String, usize>,
    scopes: BTreeMap<String, Scope>,
    without_dependencies: Vec<String>,
}

impl Reader {
    fn finish(mut self) -> Document {
        let document = &mut self.document;
        // How somebody is needed stands at who is needed.
        for (_, relation, to) in &mut document.relations {
            if *relation == Relation::Normal {
                *relation = Relation::to(self.scopes.get(to).copied());
            }
        }
        // CycloneDX 1.7, `dependencies`: an empty entry has none.
        let said: BTreeSet<&String> = document.dependencies.iter().map(|(name, _)| name).collect();
        self.without_dependencies
            .retain(|name| !said.contains(name));
        let none = self.without_dependencies.into_iter();
        document
            .dependencies
            .extend(none.map(|name| (name, Aggregate::Complete)));
        self.document
    }

    fn leave_out(&mut self, what: &str, count: usize) {
        if count > 0 {
            *self.document.left_out.entry(what.to_owned()).or_default() += count;
        }
    }

    fn components(
        &mut self,
        list: &Value,
        at: &str,
        parent: Option<&str>,
    ) -> Result<(), ImportError> {
        for (index, value) in array(list, at)?.iter().enumerate() {
            self.component(value, &format!("{at}/{index}"), parent)?;
        }
        Ok(())
    }

    /// Reads a component and its parts; its name comes back. How deep parts are
    /// nested, the parsers of JSON and XML limit.
    fn component(
        &mut self,
        value: &Value,
        at: &str,
        parent: Option<&str>,
    ) -> Result<String, ImportError> {
        let component = self.typed(value, at)?;
        let name = match &value["bom-ref"] {
            Value::Null => at.to_owned(),
            Value::String(name) if !name.is_empty() => name.clone(),
            _ => return Err(ImportError::malformed(at, "an empty `bom-ref`")),
        };
        if let Some(scope) = component.scope {
            self.scopes.insert(name.clone(), scope);
        }
        let elements = &mut self.document.elements;
        match self.names.get(&name).map(|index| &elements[*index]) {
            None => {
                self.names.insert(name.clone(), elements.len());
                elements.push(Element {
                    name: name.clone(),
                    component,
                });
            }
            Some(known) if known.component == component => {}
            Some(_) => return Err(ImportError::Twice(name)),
        }
        if let Some(parent) = parent {
            let part = (parent.to_owned(), Relation::Contains, name.clone());
            self.document.relations.push(part);
        }
        self.components(
            &value["components"],
            &format!("{at}/components"),
            Some(&name),
        )?;
        Ok(name)
    }

    /// What is said of one component, without its parts.
    fn typed(&mut self, value: &Value, at: &str) -> Result<Component, ImportError> {
        let Some(fields) = value.as_object() else {
            return Err(ImportError::malformed(at, "no object"));
        };
        for what in ["type", "name"] {
            if value[what].as_str().is_none_or(str::is_empty) {
                return Err(ImportError::Missing {
                    at: at.to_owned(),
                    what,
                });
            }
        }
        let mut own: Map<String, Value> = fields
            .iter()
            .filter(|(key, value)| !matches!(&***key, "components" | "bom-ref") && !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        // A version is one that the schema takes, or none (1.3 has to have one).
        if own.get("version").is_some_and(|version| version == "") {
            own.remove("version");
        }
        if let Some(author) = own.remove("author") {
            let authors = own.entry("authors").or_insert_with(|| Value::Array(vec![]));
            if let (Value::Array(authors), Some(name)) = (authors, author.as_str()) {
                authors.push(serde_json::json!({ "name": name }));
            }
        }
        self.purl(&mut own);
        let licenses = own.remove("licenses").unwrap_or_default();
        let licenses = self.licenses(&licenses, &format!("{at}/licenses"))?;
        let evidence = own.get_mut("evidence").and_then(Value::as_object_mut);
        let mut found = Vec::new();
        if let Some(evidence) = evidence {
            // Until 1.5 there was one identity.
            if let Some(identity @ Value::Object(_)) = evidence.get_mut("identity") {
                *identity = Value::Array(vec![identity.take()]);
            }
            let licenses = evidence.remove("licenses").unwrap_or_default();
            found = self.licenses(&licenses, &format!("{at}/evidence/licenses"))?;
        }
        let mut relatives = Vec::new();
        if let Some(pedigree) = own.get_mut("pedigree").and_then(Value::as_object_mut) {
            for key in RELATIVES {
                let list = pedigree.remove(*key).unwrap_or_default();
                relatives.push(self.relatives(&list, &format!("{at}/pedigree/{key}"))?);
            }
        }
        let own = Value::Object(own);
        let mut component: Component = serde_json::from_value(own.clone())
            .map_err(|error| ImportError::malformed(at, error))?;
        if let Ok(kept) = serde_json::to_value(&component) {
            left_out::count(&own, &kept, &mut self.document.left_out);
        }
        component.licenses = licenses;
        if let Some(evidence) = &mut component.evidence {
            evidence.licenses = found;
        }
        if let (Some(pedigree), Ok([ancestors, descendants, variants])) =
            (&mut component.pedigree, <[_; 3]>::try_from(relatives))
        {
            pedigree.ancestors = ancestors;
            pedigree.descendants = descendants;
            pedigree.variants = variants;
        }
        let far = component.external_references.iter_mut();
        for reference in far {
            reference.url = iri(&reference.url);
            check_hashes(&mut reference.hashes, at)?;
        }
        check_hashes(&mut component.hashes, at)?;
        Ok(component)
    }

    fn relatives(&mut self, list: &Value, at: &str) -> Result<Vec<Component>, ImportError> {
        let mut relatives = Vec::new();
        for (index, value) in array(list, at)?.iter().enumerate() {
            let at = format!("{at}/{index}");
            let mut relative = self.typed(value, &at)?;
            relative.components =
                self.relatives(&value["components"], &format!("{at}/components"))?;
            relatives.push(relative);
        }
        Ok(relatives)
    }

    /// Makes the package URL canonical and whole; one that is none is kept as a
    /// property, for nothing may be identified by it.
    fn purl(&mut self, own: &mut Map<String, Value>) {
        let Some(text) = own.get("purl").and_then(Value::as_str).map(str::to_owned) else {
            return;
        };
        let version = own
            .get("version")
            .and_then(Value::as_str)
            .unwrap_or_default();
        match text.parse::<Purl>().map(|purl| purl.or_version(version)) {
            Ok(purl) => {
                own.insert("purl".to_owned(), Value::String(purl.to_string()));
            }
            Err(_) => {
                own.remove("purl");
                let property = serde_json::json!({ "name": "prov:import:purl", "value": text });
                let properties = own
                    .entry("properties")
                    .or_insert_with(|| Value::Array(vec![]));
                if let Value::Array(properties) = properties {
                    properties.push(property);
                }
                let what = format!("`{text}` is no package URL");
                self.document.not_understood.push(what);
            }
        }
    }

    fn licenses(&mut self, list: &Value, at: &str) -> Result<Vec<LicenseChoice>, ImportError> {
        let mut licenses = Vec::new();
        for (index, value) in array(list, at)?.iter().enumerate() {
            let at = format!("{at}/{index}");
            match (value.get("license"), value.get("expression")) {
                (Some(_), Some(_)) | (None, None) => {
                    let what = "either `license` or `expression` is wanted";
                    return Err(ImportError::malformed(&at, what));
                }
                (Some(license), None) => match (&license["id"], &license["name"]) {
                    (Value::String(_), Value::Null) | (Value::Null, Value::String(_)) => {}
                    _ => {
                        let what = "either `id` or `name` is wanted";
                        return Err(ImportError::malformed(&at, what));
                    }
                },
                _ => {}
            }
            let choice = serde_json::from_value(value.clone())
                .map_err(|error| ImportError::malformed(&at, error))?;
            if let Ok(kept) = serde_json::to_value(&choice) {
                left_out::count(
                    &serde_json::json!({ "licenses": value }),
                    &serde_json::json!({ "licenses": kept }),
                    &mut self.document.left_out,
                );
            }
            licenses.push(self.license(choice));
        }
        Ok(licenses)
    }

    /// What is no identifier or expression of SPDX is kept as a name.
    fn license(&mut self, choice: LicenseChoice) -> LicenseChoice {
        match choice {
            LicenseChoice::License { mut license } => {
                if let Some(id) = license.id.take_if(|id| spdx::license_id(id).is_none()) {
                    let what = format!("`{id}` is no licence identifier of SPDX");
                    self.document.not_understood.push(what);
                    license.name = Some(id);
                }
                LicenseChoice::License { license }
            }
            LicenseChoice::Expression {
                expression,
                acknowledgement,
                details,
            } => match license::expression(&expression) {
                Some(expression) => LicenseChoice::Expression {
                    expression,
                    acknowledgement,
                    details,
                },
                None => LicenseChoice::License {
                    license: license::License {
                        name: Some(expression),
                        acknowledgement,
                        ..license::License::default()
                    },
                },
            },
        }
    }

    /// Services are no components; they are only told.
    fn services(&mut self, list: &Value) {
        let mut todo: Vec<&Value> = list.as_array().into_iter().flatten().collect();
        let count = todo.len();
        while let Some(service) = todo.pop() {
            let name = service["bom-ref"].as_str().map(str::to_owned);
            self.document.others.extend(name);
            todo.extend(service["services"].as_array().into_iter().flatten());
        }
        if count > 0 {
            let what = format!("{count} services");
            self.document.not_understood.push(what);
        }
    }

    fn dependencies(&mut self, list: &Value) -> Result<(), ImportError> {
        for (index, value) in array(list, "/dependencies")?.iter().enumerate() {
            let at = format!("/dependencies/{index}");
            let Some(from) = value["ref"].as_str().filter(|name| !name.is_empty()) else {
                return Err(ImportError::Missing { at, what: "ref" });
            };
            let needs = names(&value["dependsOn"], &format!("{at}/dependsOn"))?;
            if needs.is_empty() {
                self.without_dependencies.push(from.to_owned());
            }
            let relations = needs
                .into_iter()
                .map(|to| (from.to_owned(), Relation::Normal, to));
            self.document.relations.extend(relations);
            let provides = names(&value["provides"], &format!("{at}/provides"))?;
            self.leave_out("dependencies.provides", provides.len());
        }
        Ok(())
    }

    fn compositions(&mut self, list: &Value) -> Result<(), ImportError> {
        for (index, value) in array(list, "/compositions")?.iter().enumerate() {
            let at = format!("/compositions/{index}");
            let aggregate: Aggregate = serde_json::from_value(value["aggregate"].clone())
                .map_err(|error| ImportError::malformed(&at, error))?;
            let parts = names(&value["assemblies"], &format!("{at}/assemblies"))?;
            let dependencies = names(&value["dependencies"], &format!("{at}/dependencies"))?;
            if parts.is_empty() && dependencies.is_empty() {
                self.leave_out("compositions of nothing that it lists", 1);
            }
            let document = &mut self.document;
            let known = |name: String| (name, aggregate);
            document.parts.extend(parts.into_iter().map(known));
            document
                .dependencies
                .extend(dependencies.into_iter().map(known));
        }
        Ok(())
    }
}

/// A list, or none.
fn array<'a>(value: &'a Value, at: &str) -> Result<&'a [Value], ImportError> {
    match value {
        Value::Null => Ok(&[]),
        Value::Array(list) => Ok(list),
        _ => Err(ImportError::malformed(at, "no list")),
    }
}

/// A list of names.
fn names(value: &Value, at: &str) -> Result<Vec<String>, ImportError> {
    array(value, at)?
        .iter()
        .map(|name| match name.as_str() {
            Some(name) if !name.is_empty() => Ok(name.to_owned()),
            _ => Err(ImportError::malformed(at, "no name")),
        })
        .collect()
}

/// CycloneDX 1.7, `hash-alg` and `hash-content`.
pub(super) fn check_hashes(hashes: &mut [Hash], at: &str) -> Result<(), ImportError> {
    for hash in hashes {
        let Some(digits) = digits(&hash.alg) else {
            let what = format!("`{}` is no algorithm", hash.alg);
            return Err(ImportError::malformed(at, what));
        };
        if hash.content.len() != digits || !hash.content.bytes().all(|b| b.is_ascii_hexdigit()) {
            let what = format!("`{}` is no {} digest", hash.content, hash.alg);
            return Err(ImportError::malformed(at, what));
        }
        hash.content.make_ascii_lowercase();
    }
    Ok(())
}

/// How many hexadecimal digits a digest has.
fn digits(algorithm: &str) -> Option<usize> {
    Some(match algorithm {
        "MD5" => 32,
        "SHA-1" => 40,
        "SHA-256" | "SHA3-256" | "BLAKE2b-256" | "BLAKE3" | "Streebog-256" => 64,
        "SHA-384" | "SHA3-384" | "BLAKE2b-384" => 96,
        "SHA-512" | "SHA3-512" | "BLAKE2b-512" | "Streebog-512" => 128,
        _ => return None,
    })
}
