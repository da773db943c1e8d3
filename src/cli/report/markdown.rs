//! Markdown as GitHub shows it, such as in a job's summary.

use std::fmt::Write as _;

use crate::cli::{finding, markdown};

use super::{EVIDENCE, Judged, lines};

/// A job's summary takes 1 MiB; what does not fit is counted.
const LIMIT: usize = 1_000_000;

/// One table of artifacts, then what each rule says, refused artifacts first.
pub(in crate::cli) fn render(judged: &[Judged<'_>]) -> String {
    let mut sorted: Vec<&Judged<'_>> = judged.iter().collect();
    sorted.sort_by_key(|each| each.passed);
    let mut text = String::from("| | artifact | SLSA Build | digest |\n|---|---|---|---|\n");
    for each in &sorted {
        let _ = writeln!(
            text,
            "| {} {} | {} | L{} | `{}` |",
            mark(each.passed),
            each.verdict(),
            markdown::plain(each.name),
            each.level,
            each.digest,
        );
    }
    let mut left_out = 0;
    for each in &sorted {
        let details = details(each);
        match text.len() + details.len() <= LIMIT {
            true => text += &details,
            false => left_out += 1,
        }
    }
    if left_out > 0 {
        let _ = writeln!(text, "\nThe details of {left_out} artifacts are left out.");
    }
    text
}

fn details(judged: &Judged<'_>) -> String {
    let mut text = format!(
        "\n### {} {}\n\npolicy: {}\n\n| | rule | |\n|---|---|---|\n",
        markdown::plain(judged.name),
        judged.verdict(),
        markdown::plain(judged.policy)
    );
    for (origin, why) in &judged.rejected {
        let _ = writeln!(
            text,
            "| ⚠️ rejected | {EVIDENCE} | {}<br>why: {} |",
            markdown::plain(origin),
            markdown::plain(why)
        );
    }
    for finding in judged.findings {
        let mark = markdown::mark(&finding.outcome);
        let cells: Vec<String> = lines(finding)
            .iter()
            .map(|line| markdown::plain(line))
            .collect();
        let _ = writeln!(
            text,
            "| {mark} {} | {} | {} |",
            finding::word(&finding.outcome),
            markdown::plain(finding.rule.name()),
            cells.join("<br>")
        );
    }
    text
}

fn mark(passed: bool) -> &'static str {
    match passed {
        true => "✅",
        false => "❌",
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn nothing_from_outside_is_markup() {
        refused(|judged| {
            let text = render(std::slice::from_ref(judged));
            for bad in [
                "<script", "<img", "](", "https:", "@acme", "www.", "\u{1b}", "\u{202e}", "\n# ",
            ] {
                assert!(!text.contains(bad), "{bad:?}: {text}");
            }
            // Every row of a table has as many cells as its head.
            for row in text.lines().filter(|line| line.starts_with("| ❌")) {
                assert!([4, 5].contains(&row.matches('|').count()), "{row}");
            }
            assert!(text.contains("❌ failed | trust.signer |"), "{text}");
        });
    }

    #[test]
    fn a_summary_has_an_end() {
        refused(|judged| {
            let copy = || Judged {
                digest: judged.digest.clone(),
                rejected: vec![("x", "y".repeat(300_000))],
                ..*judged
            };
            let many: Vec<Judged<'_>> = (0..9).map(|_| copy()).collect();
            let text = render(&many);
            assert!(text.len() < 1 << 20);
            assert!(
                text.contains("The details of 6 artifacts are left out"),
                "{}",
                text.len()
            );
        });
    }
}
