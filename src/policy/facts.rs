//! What a `[[rule]]` can look at: evidence that counts, and nothing else.
//!
//! Each variable is always there; what is not known is null. The page that
//! explains them is `docs/policy.md`.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::component;
use super::expression::Shape;
use crate::artifact::Artifact;
use crate::statement::slsa::Provenance;
use crate::statement::{ResourceDescriptor, Statement};
use crate::verify::{Signature, Signer, Verified};

const ANY: Shape = Shape::Any;

const SIGNER: Shape = Shape::Record(&[
    ("kind", ANY),
    ("issuer", ANY),
    ("identity", ANY),
    ("repository", ANY),
    ("ref", ANY),
    ("commit", ANY),
    ("workflow", ANY),
    ("runner", ANY),
    ("trigger", ANY),
    ("key", ANY),
    ("logged", ANY),
    ("times", Shape::List(&ANY)),
]);

const COMPONENT: Shape = Shape::Record(&[
    ("type", ANY),
    ("group", ANY),
    ("name", ANY),
    ("version", ANY),
    ("purl", ANY),
    ("scope", ANY),
    ("supplier", ANY),
    ("licenses", Shape::List(&ANY)),
    (
        "hashes",
        Shape::List(&Shape::Record(&[("alg", ANY), ("content", ANY)])),
    ),
]);

/// The variables of a rule.
pub(super) const VARIABLES: &[(&str, Shape)] = &[
    (
        "artifact",
        Shape::Record(&[
            ("name", ANY),
            ("digest", Shape::Record(&[("sha256", ANY), ("sha512", ANY)])),
            ("size", ANY),
            ("media_type", ANY),
        ]),
    ),
    ("level", ANY),
    ("signers", Shape::List(&SIGNER)),
    (
        "provenance",
        Shape::Record(&[
            ("build_type", ANY),
            ("builder", Shape::Record(&[("id", ANY), ("version", ANY)])),
            ("external_parameters", ANY),
            ("internal_parameters", ANY),
            (
                "resolved_dependencies",
                Shape::List(&Shape::Record(&[
                    ("name", ANY),
                    ("uri", ANY),
                    ("digest", ANY),
                    ("media_type", ANY),
                ])),
            ),
            ("invocation", ANY),
            ("started_on", ANY),
            ("finished_on", ANY),
            ("signer", SIGNER),
        ]),
    ),
    (
        "attestations",
        Shape::List(&Shape::Record(&[
            ("type", ANY),
            ("predicate", ANY),
            ("signer", SIGNER),
        ])),
    ),
    (
        "sbom",
        Shape::Record(&[
            ("components", Shape::List(&COMPONENT)),
            ("root", COMPONENT),
            ("spec_version", ANY),
            ("timestamp", ANY),
        ]),
    ),
    ("now", ANY),
];

/// What was found and counts.
pub(super) struct Found<'a> {
    pub(super) artifact: &'a Artifact,
    pub(super) level: u8,
    /// The provenance that decided.
    pub(super) provenance: Option<&'a Verified<Statement>>,
    pub(super) statements: Vec<&'a Verified<Statement>>,
    pub(super) signatures: Vec<&'a Verified<Signature>>,
    /// The SBOMs among the statements.
    pub(super) sboms: &'a [&'a Value],
    pub(super) now: SystemTime,
}

impl Found<'_> {
    /// A value for each of the [`VARIABLES`].
    pub(super) fn variables(&self) -> Vec<(&'static str, Value)> {
        let statements = self.statements.iter().map(|each| signer(each));
        let signers: Vec<Value> = statements
            .chain(self.signatures.iter().map(|each| signer(each)))
            .collect();
        let attestation = |each: &&Verified<Statement>| {
            let statement = each.value();
            json!({
                "type": statement.predicate_type,
                "predicate": statement.predicate,
                "signer": signer(each),
            })
        };
        let attestations: Vec<Value> = self.statements.iter().map(attestation).collect();
        vec![
            ("artifact", artifact(self.artifact)),
            ("level", json!(self.level)),
            ("signers", Value::Array(signers)),
            (
                "provenance",
                self.provenance.and_then(provenance).unwrap_or(Value::Null),
            ),
            ("attestations", Value::Array(attestations)),
            ("sbom", sbom(self.sboms)),
            ("now", json!(seconds(self.now))),
        ]
    }
}

fn artifact(artifact: &Artifact) -> Value {
    let hex = |digest: Option<&crate::artifact::Digest>| digest.map(crate::artifact::Digest::hex);
    json!({
        "name": artifact.name(),
        "digest": {"sha256": hex(artifact.sha256()), "sha512": hex(artifact.sha512())},
        "size": (!artifact.is_elsewhere()).then(|| artifact.size()),
        "media_type": artifact.media_type(),
    })
}

/// Seconds since 1970; null beyond all calendars.
fn seconds(time: SystemTime) -> Option<i64> {
    let time = jiff::Timestamp::try_from(time).ok()?;
    Some(time.as_second())
}

fn signer<T>(evidence: &Verified<T>) -> Value {
    let times: Vec<Option<i64>> = evidence.times().iter().map(|time| seconds(*time)).collect();
    let mut facts = match evidence.signer() {
        Signer::Key(key) => json!({"kind": "key", "key": key.id().to_string()}),
        Signer::Certificate(certificate) => json!({
            "kind": "certificate",
            "issuer": Some(&certificate.issuer).filter(|issuer| !issuer.is_empty()),
            "identity": certificate.identity,
            "repository": certificate.source_repository,
            "ref": certificate.source_ref,
            "commit": certificate.source_digest,
            "workflow": certificate.build_config_uri,
            "runner": certificate.runner_environment,
            "trigger": certificate.build_trigger,
        }),
    };
    facts["logged"] = json!(evidence.logged());
    facts["times"] = json!(times);
    whole(facts, SIGNER)
}

fn provenance(evidence: &Verified<Statement>) -> Option<Value> {
    let stated: Provenance = serde_json::from_value(evidence.value().predicate.clone()).ok()?;
    let definition = stated.build_definition;
    let metadata = stated.run_details.metadata.unwrap_or_default();
    let builder = stated.run_details.builder;
    let dependency = |each: &ResourceDescriptor| {
        json!({
            "name": each.name,
            "uri": each.uri,
            "digest": each.digest,
            "media_type": each.media_type,
        })
    };
    let dependencies: Vec<Value> = definition
        .resolved_dependencies
        .iter()
        .map(dependency)
        .collect();
    Some(json!({
        "build_type": definition.build_type,
        "builder": {"id": builder.id, "version": builder.version},
        "external_parameters": definition.external_parameters,
        "internal_parameters": definition.internal_parameters,
        "resolved_dependencies": dependencies,
        "invocation": metadata.invocation_id,
        "started_on": metadata.started_on,
        "finished_on": metadata.finished_on,
        "signer": signer(evidence),
    }))
}

/// All SBOMs as one; null when there is none, or one that can't be read.
fn sbom(sboms: &[&Value]) -> Value {
    let mut components = Vec::new();
    for sbom in sboms {
        let found =
            component::all(sbom).and_then(|found| found.into_iter().map(self::component).collect());
        let found: Vec<Value> = match found {
            Ok(found) => found,
            Err(_) => return Value::Null,
        };
        components.extend(found);
    }
    // What several documents say differently is not known.
    let common = |pointer: &str| {
        let mut values = sboms.iter().map(|sbom| sbom.pointer(pointer));
        let first = values.next().flatten()?;
        values.all(|value| value == Some(first)).then_some(first)
    };
    match sboms {
        [] => Value::Null,
        _ => json!({
            "components": components,
            "root": common("/metadata/component").and_then(|root| self::component(root).ok()),
            "spec_version": common("/specVersion"),
            "timestamp": common("/metadata/timestamp"),
        }),
    }
}

fn component(value: &Value) -> Result<Value, String> {
    let licences = component::licences(value)?;
    let hash = |each: &Value| json!({"alg": each.get("alg"), "content": each.get("content")});
    let hashes = value.get("hashes").and_then(Value::as_array);
    let hashes: Vec<Value> = hashes.into_iter().flatten().map(hash).collect();
    let supplier = value.pointer("/supplier/name");
    let mut facts = Map::new();
    for name in ["type", "group", "name", "version", "purl", "scope"] {
        let text = value.get(name).filter(|it| it.is_string());
        facts.insert(name.to_owned(), text.cloned().unwrap_or_default());
    }
    // CycloneDX 1.6, component: without a scope it is required.
    if facts["scope"].is_null() {
        facts["scope"] = json!("required");
    }
    facts.insert("supplier".to_owned(), json!(supplier));
    facts.insert("licenses".to_owned(), json!(licences));
    facts.insert("hashes".to_owned(), json!(hashes));
    Ok(Value::Object(facts))
}

/// Fills what is missing with null.
fn whole(mut facts: Value, shape: Shape) -> Value {
    if let (Value::Object(facts), Shape::Record(fields)) = (&mut facts, shape) {
        for (name, _) in fields {
            facts.entry(*name).or_insert(Value::Null);
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// True when `value` has all that `shape` promises.
    fn keeps(value: &Value, shape: Shape) -> bool {
        match (value, shape) {
            (Value::Null, _) | (_, Shape::Any) => true,
            (Value::Array(items), Shape::List(item)) => items.iter().all(|it| keeps(it, *item)),
            (Value::Object(map), Shape::Record(fields)) => {
                let has = |(name, shape): &(&str, Shape)| {
                    map.get(*name).is_some_and(|value| keeps(value, *shape))
                };
                map.len() == fields.len() && fields.iter().all(has)
            }
            _ => false,
        }
    }

    #[test]
    fn every_variable_has_its_shape() {
        let artifact = Artifact::from_bytes("a.wasm", b"\0asm".to_vec());
        let document = json!({
            "bomFormat": "CycloneDX",
            "metadata": {"component": {"name": "a"}},
            "components": [{"name": "b", "hashes": [{"alg": "SHA-256"}], "scope": 1}],
        });
        let predicate = json!({
            "buildDefinition": {"buildType": "t", "externalParameters": {}, "resolvedDependencies": [{}]},
            "runDetails": {"builder": {"id": "b"}},
        });
        let statement = Statement::new(vec![], "t", predicate);
        let certificate = Signer::Certificate(Box::default());
        let evidence = Verified::for_test(statement, certificate);
        let found = Found {
            artifact: &artifact,
            level: 1,
            provenance: Some(&evidence),
            statements: vec![&evidence],
            signatures: Vec::new(),
            sboms: &[&document],
            now: SystemTime::UNIX_EPOCH,
        };
        let variables = found.variables();
        assert_eq!(variables.len(), VARIABLES.len());
        for ((name, value), (wanted, shape)) in variables.iter().zip(VARIABLES) {
            assert_eq!(name, wanted);
            assert!(
                !value.is_null() && keeps(value, *shape),
                "{name}: {value:#}"
            );
        }
    }
}
