//! Audits as Markdown, for release notes and step summaries.

use std::fmt::Write as _;

use crate::audit::{Audit, Contents, Exposure, Status, Summary};
use crate::cli::{markdown, ui};

use super::row::{Row, word};
use super::table::counts;
use super::text::{details, facts, stated, time, vulnerability_words, what};

/// The most rows of one table; how many more there are is said. GitHub takes a
/// megabyte of a step's summary.
const MAX_ROWS: usize = 1_000;
/// The most rows of a list within a page.
const MAX_LINES: usize = 50;

/// Several audits, the worst first.
pub(super) fn table(rows: &[Row], summary: &Summary) -> String {
    let mut text = "| Answer | Level | Artifact | Packages | Vulnerabilities | Reason |\n\
                    |---|---|---|---|---|---|\n"
        .to_owned();
    for row in rows.iter().take(MAX_ROWS) {
        let number = |number: Option<usize>, none: &str| {
            number.map_or_else(|| none.to_owned(), |number| number.to_string())
        };
        let _ = writeln!(
            text,
            "| {} {} | {} | {} | {} | {} | {} |",
            mark(row.status),
            word(row.status),
            row.level
                .map_or_else(|| "–".to_owned(), |level| format!("L{level}")),
            cell(&row.name),
            number(row.packages, "unknown"),
            number(row.vulnerabilities, "not checked"),
            cell(&row.reason),
        );
    }
    if rows.len() > MAX_ROWS {
        let _ = writeln!(text, "\n… and {} more.", rows.len() - MAX_ROWS);
    }
    let _ = writeln!(text, "\n{}.", cell(&counts(summary)));
    text
}

/// One audit.
pub(super) fn page(audit: &Audit) -> String {
    let mut text = String::new();
    let (status, subject) = (audit.status(), &audit.subject);
    let _ = writeln!(
        text,
        "## {} {} {}\n",
        mark(status),
        word(status),
        cell(&subject.name)
    );
    text.push_str("| | |\n|---|---|\n");
    let mut row = |label: &str, value: &str| {
        let _ = writeln!(text, "| {label} | {} |", cell(value));
    };
    match &audit.judgement {
        None => row("Policy", "none, so nothing was judged"),
        Some(judgement) => {
            row("Level", &format!("SLSA Build L{}", judgement.level));
            if let Some(why) = &judgement.why_not_next {
                row(&format!("Why not L{}", judgement.level + 1), why);
            }
            row("Policy", &judgement.policy);
        }
    }
    row("Digest", &subject.digest.to_string());
    if let Some(size) = subject.size {
        row("Size", &ui::bytes(size));
    }
    if let Some(kind) = &subject.media_type {
        row("Type", kind);
    }
    if let Some(platform) = &subject.platform {
        row("Platform", platform);
    }
    origin(audit, &mut text);
    evidence(audit, &mut text);
    match &audit.contents {
        Some(contents) => packages(contents, &mut text),
        None => text.push_str("\n### Packages\n\nUnknown: no SBOM that counts.\n"),
    }
    vulnerabilities(audit, &mut text);
    checks(audit, &mut text);
    text
}

fn origin(audit: &Audit, text: &mut String) {
    text.push_str("\n### Origin\n\n");
    let Some(origin) = &audit.origin else {
        text.push_str("Unknown: no genuine provenance.\n");
        return;
    };
    if origin.trusted == Some(false) {
        text.push_str("By a signer whom the policy does not trust.\n\n");
    }
    text.push_str("| Fact | Value | Vouched for by |\n|---|---|---|\n");
    for (label, fact) in facts(origin) {
        if let Some(fact) = fact {
            let _ = writeln!(
                text,
                "| {label} | {} | {} |",
                cell(&fact.value),
                fact.backing
            );
        }
    }
    if let Some(signed) = origin.signed.and_then(time) {
        let _ = writeln!(text, "| signed | {signed} | log or timestamp authority |");
    }
}

fn evidence(audit: &Audit, text: &mut String) {
    let _ = writeln!(text, "\n### Evidence ({})\n", audit.attestations.len());
    if !audit.attestations.is_empty() {
        text.push_str("| | Kind | |\n|---|---|---|\n");
    }
    for attestation in audit.attestations.iter().take(MAX_LINES) {
        let mark = match (&attestation.rejected, attestation.trusted) {
            (Some(_), _) => "❌",
            (None, Some(false)) => "⚠️",
            (None, _) => "✅",
        };
        let details = details(attestation);
        let details = details
            .iter()
            .map(|(label, text)| format!("{label}: {}", cell(text)));
        let details = details.collect::<Vec<_>>().join("<br>");
        let _ = writeln!(text, "| {mark} | {} | {details} |", cell(what(attestation)));
    }
    let _ = writeln!(text, "\n### Missing ({})\n", audit.missing.len());
    for missing in &audit.missing {
        let _ = writeln!(text, "- {}: {}", cell(&missing.what), cell(&missing.why));
    }
}

fn packages(contents: &Contents, text: &mut String) {
    let kinds = contents.ecosystems.iter();
    let kinds = kinds.map(|each| format!("{} {}", each.packages, each.kind));
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    let _ = writeln!(text, "\n### Packages ({})\n", contents.packages.len());
    let _ = writeln!(text, "{}  \nStated: {}", cell(&kinds), stated(contents));
    for nested in &contents.nested {
        let _ = writeln!(
            text,
            "\n- inside: {} sha256:{} ({} packages)",
            cell(&nested.name),
            nested.sha256,
            nested.packages
        );
    }
    if !contents.twins.is_empty() {
        text.push_str("\n| In several versions | |\n|---|---|\n");
        for twin in contents.twins.iter().take(MAX_LINES) {
            let versions = cell(&twin.versions.join(", "));
            let _ = writeln!(text, "| {} | {versions} |", cell(&twin.package));
        }
        more(contents.twins.len(), text);
    }
    text.push_str("\n| Licence | Packages |\n|---|---|\n");
    for group in contents.licences.iter().take(MAX_LINES) {
        let name = cell(group.licence.as_deref().unwrap_or("unknown"));
        let _ = writeln!(text, "| {name} | {} |", group.packages.len());
    }
    more(contents.licences.len(), text);
}

fn vulnerabilities(audit: &Audit, text: &mut String) {
    text.push_str("\n### Vulnerabilities\n\n");
    let Exposure::Checked {
        checked,
        unchecked,
        unreadable,
        ..
    } = &audit.exposure
    else {
        text.push_str("Not checked.\n");
        return;
    };
    let _ = writeln!(
        text,
        "{checked} packages looked up, {unchecked} could not be.\n"
    );
    if *unreadable > 0 {
        let _ = writeln!(
            text,
            "**{unreadable} advisories could not be read**, so nothing is known to be clean.\n"
        );
    }
    let found = audit.exposure.vulnerabilities();
    for each in found.iter().take(MAX_LINES) {
        let words = vulnerability_words(audit, each);
        let line = cell(&words.join(" "));
        let _ = match (&each.waiver, each.is_waived()) {
            (Some(waiver), true) => {
                let why = waiver.justification.as_deref().unwrap_or("no reason given");
                writeln!(text, "- ~~{line}~~ {}: {}", cell(&waiver.status), cell(why))
            }
            _ => writeln!(text, "- {line}"),
        };
    }
    more(found.len(), text);
}

fn checks(audit: &Audit, text: &mut String) {
    let Some(judgement) = &audit.judgement else {
        return;
    };
    text.push_str("\n### Policy checks\n\n| | Rule | Seen | Wanted |\n|---|---|---|---|\n");
    for finding in judgement.findings.iter().take(MAX_LINES) {
        let mark = markdown::mark(&finding.outcome);
        let _ = writeln!(
            text,
            "| {mark} | {} | {} | {} |",
            finding.rule.name(),
            cell(&finding.seen),
            cell(&finding.wanted)
        );
    }
    more(judgement.findings.len(), text);
}

fn more(all: usize, text: &mut String) {
    if all > MAX_LINES {
        let _ = writeln!(text, "\n… and {} more.", all - MAX_LINES);
    }
}

fn mark(status: Status) -> &'static str {
    match status {
        Status::Refused => "❌",
        Status::Broken => "❔",
        Status::NotJudged => "⚪",
        Status::Passed => "✅",
    }
}

/// Text from outside that must become neither markup nor another cell.
fn cell(text: &str) -> String {
    markdown::escaped(&ui::clean(text))
}
