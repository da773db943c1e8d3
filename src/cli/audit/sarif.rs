//! Audits for code scanning: SARIF 2.1.0 (OASIS, 2020).
//!
//! What failed is a result, and what could not be audited; so is what is missing, as
//! a note, and what is vulnerable. The rules are those of the policy, under their names.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::audit::{Audit, Broken, Vulnerability};
use crate::cli::error::Failure;
use crate::cli::{sarif, ui};
use crate::policy::{Finding, Outcome};

use super::text::vulnerability_words;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// The most results of one run that GitHub takes.
const MAX_RESULTS: usize = 25_000;

/// A run on its way.
#[derive(Default)]
pub(super) struct Report {
    results: Vec<Value>,
    left_out: usize,
}

impl Report {
    /// Adds what [`results`] made of an artifact.
    pub(super) fn add(&mut self, results: Vec<Value>) {
        let room = MAX_RESULTS - self.results.len();
        self.left_out += results.len().saturating_sub(room);
        self.results.extend(results.into_iter().take(room));
    }

    /// The document.
    pub(super) fn json(self) -> Result<String, Failure> {
        if self.left_out > 0 {
            ui::warn(&format!("{} more results were left out", self.left_out));
        }
        let mut rules = BTreeMap::new();
        for result in &self.results {
            if let Some(id) = result["ruleId"].as_str() {
                rules
                    .entry(id.to_owned())
                    .or_insert_with(|| json!({"id": id}));
            }
        }
        let rules: Vec<Value> = rules.into_values().collect();
        ui::json(&sarif::document(SCHEMA, rules, self.results))
    }
}

/// What is to be said of one artifact.
pub(super) fn results(outcome: &super::Outcome) -> Vec<Value> {
    match outcome {
        Ok(audit) => of_audit(audit),
        Err(Broken { name, why, .. }) => vec![result("not-audited", "error", why, name)],
    }
}

fn of_audit(audit: &Audit) -> Vec<Value> {
    let name = &audit.subject.name;
    let mut results = Vec::new();
    for attestation in &audit.attestations {
        if let Some(why) = &attestation.rejected {
            let text = format!("{} proves nothing: {why}", attestation.origin);
            results.push(result("evidence", "warning", &text, name));
        }
    }
    let findings = audit
        .judgement
        .iter()
        .flat_map(|judgement| &judgement.findings);
    for finding in findings {
        let level = match finding.outcome {
            Outcome::Failed => "error",
            Outcome::Waived { .. } => "note",
            Outcome::Passed | Outcome::Noted => continue,
        };
        results.push(result(finding.rule.name(), level, &words(finding), name));
    }
    for each in audit.exposure.vulnerabilities() {
        results.push(vulnerability(audit, each));
    }
    for missing in &audit.missing {
        let text = format!("no {}: {}", missing.what, missing.why);
        results.push(result(missing.id, "note", &text, name));
    }
    results
}

fn words(finding: &Finding) -> String {
    let mut words = format!("seen {}, wanted {}", finding.seen, finding.wanted);
    for (label, text) in [
        ("in", &finding.component),
        ("why", &finding.why),
        ("hint:", &finding.fix),
    ] {
        if let Some(text) = text {
            words += &format!("; {label} {text}");
        }
    }
    words
}

fn vulnerability(audit: &Audit, each: &Vulnerability) -> Value {
    let text = vulnerability_words(audit, each).join(" ");
    let mut result = result(&each.id, "error", &text, &audit.subject.name);
    if let (true, Some(waiver)) = (each.is_waived(), &each.waiver) {
        let why = waiver.justification.as_deref().unwrap_or(&waiver.status);
        result["suppressions"] = json!([{"kind": "external", "justification": ui::clean(why)}]);
    }
    result
}

fn result(rule: &str, level: &str, text: &str, artifact: &str) -> Value {
    let uri = sarif::uri(artifact, b"@+:");
    let location = json!({"physicalLocation": {"artifactLocation": {"uri": uri}}});
    sarif::result(rule, level, &ui::clean(text), &location)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::sarif::schema;

    #[test]
    fn the_official_schema_is_content() {
        let Some(judge) = schema::judge() else {
            return;
        };
        let broken = Broken {
            name: "odd name: \u{1b}[31m?#%".into(),
            why: "no\u{202e}".into(),
            hint: None,
        };
        let mut waived = result("CVE-2099-1", "error", "x", "oci:dir:v1");
        waived["suppressions"] = json!([{"kind": "external", "justification": "y"}]);
        let mut report = Report::default();
        report.add(results(&Err(broken)));
        report.add(vec![waived, result("sbom.deny", "note", "", "/a/b")]);
        for report in [Report::default(), report] {
            let document = serde_json::from_str(&report.json().unwrap()).unwrap();
            schema::accepts(&judge, &document);
        }
    }
}
