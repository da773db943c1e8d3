//! Many audits as a table for people.

use std::fmt::Write as _;

use anstyle::Style;

use crate::audit::{Status, Summary};
use crate::cli::ui;

use super::row::{Row, word};

/// The longest name that a column is made wide for.
const MAX_WIDTH: usize = 60;

pub(super) fn text(rows: &[Row], summary: &Summary) -> String {
    let cells: Vec<[String; 6]> = rows.iter().map(cells).collect();
    let heads = [
        "answer",
        "level",
        "artifact",
        "packages",
        "vulnerabilities",
        "reason",
    ];
    let width = |column: usize| {
        let widths = cells.iter().map(|row| row[column].chars().count());
        widths
            .chain([heads[column].len()])
            .max()
            .unwrap_or(0)
            .min(MAX_WIDTH)
    };
    let widths: [usize; 6] = std::array::from_fn(width);
    let line = |row: &[String; 6]| {
        let padded = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut text = String::new();
    let dim = ui::DIM;
    let _ = writeln!(text, "{dim}{}{dim:#}", line(&heads.map(str::to_owned)));
    for (row, cells) in rows.iter().zip(&cells) {
        let (style, line) = (style(row.status), line(cells));
        let (first, rest) = line.split_at(word(row.status).len());
        let _ = writeln!(text, "{style}{first}{style:#}{rest}");
    }
    let _ = writeln!(text, "\n{}", ui::clean(&counts(summary)));
    text
}

fn cells(row: &Row) -> [String; 6] {
    let number = |number: Option<usize>, none: &str| {
        number.map_or_else(|| none.to_owned(), |number| number.to_string())
    };
    [
        word(row.status).to_owned(),
        row.level
            .map_or_else(|| "-".to_owned(), |level| format!("L{level}")),
        one_line(&row.name),
        number(row.packages, "unknown"),
        number(row.vulnerabilities, "not checked"),
        one_line(&row.reason),
    ]
}

/// Text from outside that must not start a line of its own.
pub(super) fn one_line(text: &str) -> String {
    ui::clean(text).replace('\n', ", ")
}

pub(super) fn style(status: Status) -> Style {
    match status {
        Status::Refused => ui::ERROR,
        Status::Broken | Status::NotJudged => ui::WARNING,
        Status::Passed => ui::GOOD,
    }
}

/// How many of each, and by which policy.
pub(super) fn counts(summary: &Summary) -> String {
    let count = |number: usize, what: &str| (number > 0).then(|| format!("{number} {what}"));
    let parts: Vec<String> = [
        count(summary.refused, "refused"),
        count(summary.broken.len(), "not audited"),
        count(summary.not_judged, "not judged"),
        count(summary.passed, "passed"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let artifacts = match summary.artifacts() {
        1 => "1 artifact".to_owned(),
        many => format!("{many} artifacts"),
    };
    let by = match &summary.policy {
        Some(policy) => format!("policy: {policy}"),
        None => "no policy".to_owned(),
    };
    let vulnerable = match summary.vulnerable {
        None => "vulnerabilities not checked".to_owned(),
        Some(number) => format!("{number} with known vulnerabilities"),
    };
    format!("{artifacts}: {}; {by}; {vulnerable}", parts.join(", "))
}
