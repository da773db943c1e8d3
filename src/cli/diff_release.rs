//! What is different between two releases besides their packages, as text, as JSON and
//! as Markdown.

use std::fmt::Write as _;

use serde::Serialize;

use crate::audit::{Fact, FactChange, Known, ReleaseDiff};

use super::markdown::escaped;
use super::{finding, ui};

/// A line: what, before, after.
struct Line {
    what: &'static str,
    from: String,
    to: String,
    worse: bool,
}

/// What became worse, then what is only different; what there is of them.
fn parts(diff: &ReleaseDiff) -> impl Iterator<Item = (bool, Vec<Line>)> {
    let (worse, other): (Vec<Line>, Vec<Line>) =
        lines(diff).into_iter().partition(|line| line.worse);
    let parts = [(true, worse), (false, other)];
    parts.into_iter().filter(|(_, part)| !part.is_empty())
}

/// For people: what became worse first.
pub(super) fn text(diff: &ReleaseDiff) -> String {
    let mut text = String::new();
    for (worse, part) in parts(diff) {
        let (style, title) = match worse {
            true => (ui::ERROR, "worse"),
            false => (ui::WARNING, "other"),
        };
        let _ = writeln!(text, "{style}{title}{style:#} ({})", part.len());
        for Line { what, from, to, .. } in &part {
            let (from, to) = (ui::one_line(from), ui::one_line(to));
            let _ = match from.len() + to.len() > 80 {
                true => writeln!(text, "  {what:<13} {from}\n  {:<13} → {to}", ""),
                false => writeln!(text, "  {what:<13} {from} → {to}"),
            };
        }
    }
    if let Some(range) = &diff.source {
        let page = range
            .page()
            .unwrap_or_else(|| format!("{} {}..{}", range.repository, range.from, range.to));
        let _ = writeln!(text, "commits: {}", ui::one_line(&page));
    }
    text
}

/// For release notes.
pub(super) fn markdown(diff: &ReleaseDiff) -> String {
    let mut text = String::new();
    for (worse, part) in parts(diff) {
        let title = if worse { "Worse" } else { "Other" };
        let _ = writeln!(text, "### {title} ({})\n", part.len());
        text.push_str("| | Before | After |\n|---|---|---|\n");
        for Line { what, from, to, .. } in &part {
            let cell = |text: &str| escaped(&ui::one_line(text));
            let _ = writeln!(text, "| {what} | {} | {} |", cell(from), cell(to));
        }
        text.push('\n');
    }
    if let Some(range) = &diff.source {
        let shown = match range.page() {
            Some(page) => format!("<{}>", ui::one_line(&page).replace(['<', '>', ' '], "")),
            None => escaped(&ui::one_line(&format!(
                "{} {}..{}",
                range.repository, range.from, range.to
            ))),
        };
        let _ = writeln!(text, "Commits: {shown}\n");
    }
    text
}

fn lines(diff: &ReleaseDiff) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |what, from: String, to: String, worse| {
        lines.push(Line {
            what,
            from,
            to,
            worse,
        });
    };
    if let Some((from, to)) = diff.passed {
        let word = |passed| if passed { "passed" } else { "refused" };
        add("policy", word(from).into(), word(to).into(), from);
    }
    if let Some((from, to)) = diff.level {
        add("level", format!("L{from}"), format!("L{to}"), to < from);
    }
    for change in &diff.facts {
        let show = |fact: &Option<Fact>| {
            fact.as_ref().map_or_else(
                || "unknown".to_owned(),
                |fact| format!("{} ({})", fact.value, fact.backing),
            )
        };
        add(
            change.name,
            show(&change.from),
            show(&change.to),
            change.worse,
        );
    }
    for lost in &diff.lost {
        add("evidence", lost.clone(), "gone".into(), true);
    }
    for gained in &diff.gained {
        add("evidence", "none".into(), gained.clone(), false);
    }
    let known = |each: &Known| format!("{} in {}", each.id, each.package);
    for new in diff.new_vulnerabilities.iter().flatten() {
        add("vulnerability", "none".into(), known(new), true);
    }
    for gone in diff.gone_vulnerabilities.iter().flatten() {
        add("vulnerability", known(gone), "gone".into(), false);
    }
    if let Some((from, to)) = diff.size {
        add("size", ui::bytes(from), ui::bytes(to), false);
    }
    if let Some((from, to)) = &diff.digest {
        add("digest", from.to_string(), to.to_string(), false);
    }
    lines
}

/// The part of `prov.diff/v1` about releases.
#[derive(Serialize)]
pub(super) struct ReleaseJson<'a> {
    digest: Option<Pair<String>>,
    size: Option<Pair<u64>>,
    slsa_build_level: Option<Pair<u8>>,
    passed: Option<Pair<bool>>,
    facts: Vec<FactChangeJson<'a>>,
    source: Option<SourceJson<'a>>,
    attestations_gained: &'a [String],
    attestations_lost: &'a [String],
    /// Null unless both were looked up.
    vulnerabilities_new: Option<Vec<KnownJson<'a>>>,
    vulnerabilities_gone: Option<Vec<KnownJson<'a>>>,
}

#[derive(Serialize)]
struct Pair<T> {
    from: T,
    to: T,
}

#[derive(Serialize)]
struct FactChangeJson<'a> {
    name: String,
    worse: bool,
    from: Option<FactJson<'a>>,
    to: Option<FactJson<'a>>,
}

#[derive(Serialize)]
struct FactJson<'a> {
    value: &'a str,
    backing: &'static str,
}

#[derive(Serialize)]
struct SourceJson<'a> {
    repository: &'a str,
    from: &'a str,
    to: &'a str,
    page: Option<String>,
}

#[derive(Serialize)]
struct KnownJson<'a> {
    id: &'a str,
    package: &'a str,
}

/// For programs.
pub(super) fn json(diff: &ReleaseDiff) -> ReleaseJson<'_> {
    let digests = diff.digest.as_ref();
    ReleaseJson {
        digest: digests.map(|(from, to)| pair(from.to_string(), to.to_string())),
        size: diff.size.map(|(from, to)| pair(from, to)),
        slsa_build_level: diff.level.map(|(from, to)| pair(from, to)),
        passed: diff.passed.map(|(from, to)| pair(from, to)),
        facts: diff.facts.iter().map(fact_change).collect(),
        source: diff.source.as_ref().map(|range| SourceJson {
            repository: &range.repository,
            from: &range.from,
            to: &range.to,
            page: range.page(),
        }),
        attestations_gained: &diff.gained,
        attestations_lost: &diff.lost,
        vulnerabilities_new: diff.new_vulnerabilities.as_deref().map(known),
        vulnerabilities_gone: diff.gone_vulnerabilities.as_deref().map(known),
    }
}

fn pair<T>(from: T, to: T) -> Pair<T> {
    Pair { from, to }
}

fn fact_change(change: &FactChange) -> FactChangeJson<'_> {
    FactChangeJson {
        name: change.name.replace(' ', "_"),
        worse: change.worse,
        from: change.from.as_ref().map(fact),
        to: change.to.as_ref().map(fact),
    }
}

fn fact(fact: &Fact) -> FactJson<'_> {
    FactJson {
        value: &fact.value,
        backing: finding::backing_name(fact.backing),
    }
}

fn known(all: &[Known]) -> Vec<KnownJson<'_>> {
    let known = all.iter().map(|each| KnownJson {
        id: &each.id,
        package: &each.package,
    });
    known.collect()
}
