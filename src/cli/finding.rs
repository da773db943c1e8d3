//! What a rule of a policy found, as the commands tell it.

use anstyle::Style;
use serde::Serialize;

use crate::policy::{Backing, Finding, Outcome};

use super::ui;

/// The word for an outcome.
pub(super) fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Waived { .. } => "waived",
        Outcome::Noted => "noted",
    }
}

pub(super) fn style(outcome: &Outcome) -> Style {
    match outcome {
        Outcome::Passed => ui::GOOD,
        Outcome::Failed => ui::ERROR,
        Outcome::Waived { .. } => ui::WARNING,
        Outcome::Noted => ui::DIM,
    }
}

/// What was seen, and what vouches for it.
pub(super) fn seen(finding: &Finding) -> String {
    match finding.backing {
        Some(backing) => format!("{} ({backing})", finding.seen),
        None => finding.seen.clone(),
    }
}

/// What a finding says after what was seen: labels and texts, in their order. What is
/// `wanted` and the policy's `line` stand where the caller has something to say of them.
pub(super) fn details(
    finding: &Finding,
    wanted: Option<String>,
    line: Option<(&'static str, String)>,
) -> impl Iterator<Item = (&'static str, String)> {
    let waived = match &finding.outcome {
        Outcome::Waived {
            reason,
            owner,
            until,
        } => Some(format!("{reason} ({owner}, until {until})")),
        _ => None,
    };
    let labelled = |label, text: Option<String>| text.map(|text| (label, text));
    [
        labelled("in", finding.component.clone()),
        labelled("wanted", wanted),
        labelled("why", finding.why.clone()),
        labelled("waived", waived),
        line,
        labelled("hint", finding.fix.clone()),
    ]
    .into_iter()
    .flatten()
}

/// A finding for people.
pub(super) fn lines(finding: &Finding) -> Vec<String> {
    let mark = match finding.outcome {
        Outcome::Passed => "✓",
        Outcome::Failed => "✗",
        Outcome::Waived { .. } => "~",
        Outcome::Noted => "·",
    };
    let (style, dim) = (style(&finding.outcome), ui::DIM);
    let backing = match finding.backing {
        Some(backing) => format!(" {dim}({backing}){dim:#}"),
        None => String::new(),
    };
    let mut lines = vec![format!(
        "{style}{mark}{style:#} {:<26} {}{backing}",
        finding.rule.name(),
        ui::clean(&finding.seen)
    )];
    let wanted = Some(&finding.wanted)
        .filter(|wanted| finding.outcome != Outcome::Passed && !wanted.is_empty())
        .map(|wanted| match finding.line {
            Some(line) => format!("{wanted} (policy line {line})"),
            None => wanted.clone(),
        });
    lines.extend(details(finding, wanted, None).map(|(label, text)| {
        let colon = if label == "hint" { ":" } else { "" };
        let text = ui::clean(&text);
        format!("  {:<26} {dim}{label}{colon}{dim:#} {text}", "")
    }));
    lines
}

/// A finding for programs. Fields are only ever added.
#[derive(Serialize)]
pub(super) struct FindingDocument<'a> {
    rule: &'a str,
    outcome: &'static str,
    seen: &'a str,
    wanted: &'a str,
    backing: Option<&'static str>,
    why: Option<&'a str>,
    component: Option<&'a str>,
    policy_line: Option<usize>,
    fix: Option<&'a str>,
}

pub(super) fn document(finding: &Finding) -> FindingDocument<'_> {
    FindingDocument {
        rule: finding.rule.name(),
        outcome: word(&finding.outcome),
        seen: &finding.seen,
        wanted: &finding.wanted,
        backing: finding.backing.map(backing_name),
        why: finding.why.as_deref(),
        component: finding.component.as_deref(),
        policy_line: finding.line,
        fix: finding.fix.as_deref(),
    }
}

/// What vouches for a fact, for programs.
pub(super) fn backing_name(backing: Backing) -> &'static str {
    match backing {
        Backing::Certificate => "certificate",
        Backing::Key => "key",
        Backing::Stated => "stated",
    }
}
