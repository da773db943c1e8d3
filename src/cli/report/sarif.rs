//! SARIF 2.1.0, as code scanning reads it: a result for each finding that is no yes,
//! at the policy's line.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::artifact::Digest;
use crate::cli::error::Failure;
use crate::cli::{finding, sarif, ui};
use crate::policy::{Finding, Outcome, Rule};

use super::{EVIDENCE, Judged, lines};

/// Where the rules are explained.
const HELP: &str = "https://github.com/wasmCloud/prov/blob/main/docs/policy.md";
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// One run over all artifacts.
pub(in crate::cli) fn render(judged: &[Judged<'_>]) -> Result<String, Failure> {
    let results: Vec<Value> = judged.iter().flat_map(results).collect();
    let artifacts: Vec<Value> = judged
        .iter()
        .map(|each| {
            json!({
                "location": {"description": {"text": ui::one_line(each.name)}},
                "hashes": hashes(&each.digest),
                "properties": {
                    "verdict": each.verdict(),
                    "slsaBuildLevel": each.level,
                    "policy": ui::one_line(each.policy),
                },
            })
        })
        .collect();
    let mut document = sarif::document(SCHEMA, rules(&results), results);
    let run = &mut document["runs"][0];
    run["artifacts"] = artifacts.into();
    run["columnKind"] = "unicodeCodePoints".into();
    ui::json(&document)
}

/// By the names that SARIF has for algorithms.
fn hashes(digest: &str) -> Map<String, Value> {
    let (name, hex) = match digest.split_once(':') {
        Some(("sha512", hex)) => ("sha-512", hex),
        Some((_, hex)) => ("sha-256", hex),
        None => ("sha-256", digest),
    };
    Map::from_iter([(name.to_owned(), hex.into())])
}

fn results(judged: &Judged<'_>) -> Vec<Value> {
    let told = |finding: &&Finding| finding.outcome != Outcome::Passed;
    let findings = judged.findings.iter().filter(told);
    let mut results: Vec<Value> = findings.map(|finding| result(judged, finding)).collect();
    results.extend(judged.rejected.iter().map(|(origin, why)| {
        let text = format!(
            "{}: {} proves nothing: {}",
            ui::one_line(judged.name),
            ui::one_line(origin),
            ui::one_line(why)
        );
        let mut result = sarif::result(EVIDENCE, "note", &text, &location(judged, None));
        result["partialFingerprints"] = fingerprint(judged, EVIDENCE, why, None);
        result
    }));
    results
}

fn result(judged: &Judged<'_>, finding: &Finding) -> Value {
    let rule = finding.rule.name();
    let level = match finding.outcome {
        Outcome::Failed => "error",
        Outcome::Waived { .. } => "warning",
        Outcome::Passed | Outcome::Noted => "note",
    };
    let text = format!(
        "{}: {}",
        ui::one_line(judged.name),
        lines(finding).join("\n")
    );
    let mut result = sarif::result(rule, level, &text, &location(judged, finding.line));
    result["partialFingerprints"] =
        fingerprint(judged, rule, &finding.seen, finding.component.as_deref());
    result["properties"] = json!({"outcome": finding::word(&finding.outcome)});
    if let Outcome::Waived { reason, .. } = &finding.outcome {
        let justification = ui::one_line(reason);
        result["suppressions"] =
            json!([{"kind": "external", "status": "accepted", "justification": justification}]);
    }
    result
}

/// The policy's line, as far as there is one; else the policy or what was judged.
fn location(judged: &Judged<'_>, line: Option<usize>) -> Value {
    let file = judged.policy_file.filter(|file| file.is_relative());
    let mut physical = json!({"artifactLocation": {
        "uri": file.map_or_else(|| uri(Path::new(judged.name)), uri),
    }});
    if file.is_some() {
        physical["region"] = json!({"startLine": line.unwrap_or(1)});
    }
    json!({
        "physicalLocation": physical,
        "logicalLocations": [{"name": ui::one_line(judged.name), "kind": "resource"}],
    })
}

fn uri(path: &Path) -> String {
    let text = path.to_string_lossy();
    sarif::uri(text.strip_prefix("./").unwrap_or(&text), &[])
}

/// The same for the same complaint in every run: not of lines, versions or times,
/// and of the artifact's name without a tag or digest, which change with each build.
fn fingerprint(judged: &Judged<'_>, rule: &str, seen: &str, component: Option<&str>) -> Value {
    let name = judged.name.split('@').next().unwrap_or_default();
    let name = match name.rsplit_once(':') {
        Some((before, tag)) if !tag.contains('/') && before.contains('/') => before,
        _ => name,
    };
    // Of several complaints by one rule, the component tells which one it is.
    let which = match component {
        Some(component) => component,
        None if rule == EVIDENCE => seen,
        None => "",
    };
    let digest = Digest::sha256(format!("{rule}\0{name}\0{which}").as_bytes());
    json!({"provFinding/v1": digest.hex()})
}

/// The rules that have results, with what they ask: prov's own in their order, then the
/// policy's.
fn rules(results: &[Value]) -> Vec<Value> {
    let ids: BTreeSet<&str> = results
        .iter()
        .filter_map(|result| result["ruleId"].as_str())
        .collect();
    let own = Rule::ALL.iter().filter(|rule| ids.contains(rule.name()));
    let mut rules: Vec<Value> = own
        .map(|rule| describe(rule.name(), rule.question()))
        .collect();
    let is_own = |id: &&&str| Rule::ALL.iter().any(|rule| rule.name() == **id);
    rules.extend(ids.iter().filter(|id| !is_own(id)).map(|id| match *id {
        EVIDENCE => describe(id, "evidence that proves nothing"),
        id => describe(id, "a rule of the policy's own"),
    }));
    rules
}

fn describe(id: &str, what: &str) -> Value {
    let help = format!("{HELP}#what-is-looked-at-in-this-order");
    json!({
        "id": id,
        "name": id,
        "shortDescription": {"text": what},
        "helpUri": help,
        "help": {"text": format!("{what}; see {help}")},
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;
    use crate::cli::sarif::schema;

    fn rendered(judged: &[Judged<'_>]) -> Value {
        serde_json::from_str(&render(judged).ok().unwrap()).unwrap()
    }

    #[test]
    fn a_result_has_a_rule_a_line_and_a_stable_fingerprint() {
        refused(|judged| {
            let first = rendered(std::slice::from_ref(judged));
            let results = first["runs"][0]["results"].as_array().unwrap();
            assert!(results.len() >= 3);
            let rules = first["runs"][0]["tool"]["driver"]["rules"]
                .as_array()
                .unwrap();
            for result in results {
                assert!(rules.iter().any(|rule| rule["id"] == result["ruleId"]));
                let place = &result["locations"][0]["physicalLocation"];
                assert_eq!(place["artifactLocation"]["uri"], "policies/a%20b.toml");
                assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
                let text = result.to_string();
                assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
                assert!(!text.contains("\\u001b"), "{text}");
            }
            let prints = |document: &Value| -> Vec<String> {
                let results = document["runs"][0]["results"].as_array().unwrap();
                let print = |it: &Value| it["partialFingerprints"]["provFinding/v1"].to_string();
                results.iter().map(print).collect()
            };
            let seen = prints(&first);
            assert_eq!(seen, prints(&rendered(std::slice::from_ref(judged))));
            let mut distinct = seen.clone();
            distinct.sort();
            distinct.dedup();
            assert_eq!(distinct.len(), seen.len());
        });
    }

    #[test]
    fn a_new_tag_is_the_same_complaint() {
        refused(|judged| {
            let of = |name: &'static str| {
                let judged = Judged {
                    name,
                    digest: judged.digest.clone(),
                    rejected: Vec::new(),
                    ..*judged
                };
                fingerprint(&judged, "r", "", None)
            };
            let same = of("ghcr.io/a/b:v1");
            assert_eq!(same, of("ghcr.io/a/b:v2"));
            assert_eq!(same, of("ghcr.io/a/b@sha256:00"));
            assert_ne!(same, of("ghcr.io/a/c:v1"));
            assert_ne!(of("127.0.0.1:5000/a"), of("127.0.0.1:5000/b"));
        });
    }

    #[test]
    fn the_official_schema_is_content() {
        let Some(judge) = schema::judge() else {
            return;
        };
        refused(|judged| {
            let copy = Judged {
                digest: judged.digest.clone(),
                policy_file: None,
                rejected: Vec::new(),
                ..*judged
            };
            let copies = [copy];
            for document in [
                rendered(std::slice::from_ref(judged)),
                rendered(&copies),
                rendered(&[]),
            ] {
                schema::accepts(&judge, &document);
            }
            let mut broken = rendered(&copies);
            broken["runs"][0]["results"][0]["level"] = json!("fatal");
            assert!(!judge.is_valid(&broken));
        });
    }
}
