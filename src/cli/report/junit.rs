//! JUnit XML: a suite for each artifact, a case for each rule that asked. What an
//! exception covers, or what is only said, is skipped.

use std::fmt::Write as _;

use crate::cli::ui;
use crate::policy::Outcome;

use super::{EVIDENCE, Judged, lines};

/// One document.
pub(in crate::cli) fn render(judged: &[Judged<'_>]) -> String {
    let suites: Vec<Suite> = judged.iter().map(Suite::of).collect();
    let sum = |count: fn(&Suite) -> usize| suites.iter().map(count).sum::<usize>();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"prov verify\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\">\n",
        sum(|suite| suite.tests),
        sum(|suite| suite.failures),
        sum(|suite| suite.skipped),
    );
    for suite in &suites {
        text += &suite.text;
    }
    text + "</testsuites>\n"
}

struct Suite {
    tests: usize,
    failures: usize,
    skipped: usize,
    text: String,
}

impl Suite {
    fn of(judged: &Judged<'_>) -> Self {
        let (mut cases, mut failures, mut skipped) = (String::new(), 0, 0);
        let name = escape(judged.name);
        for finding in judged.findings {
            let rule = finding.rule.name();
            let title = match &finding.component {
                Some(component) => format!("{rule} {component}"),
                None => rule.to_owned(),
            };
            let _ = write!(
                cases,
                "    <testcase classname=\"{name}\" name=\"{}\"",
                escape(&title)
            );
            let message = escape(&format!("{} (wanted {})", finding.seen, finding.wanted));
            let body = escape(&lines(finding).join("\n"));
            cases += &match &finding.outcome {
                Outcome::Passed => {
                    format!(">\n      <system-out>{body}</system-out>\n    </testcase>\n")
                }
                Outcome::Failed => {
                    failures += 1;
                    format!(
                        ">\n      <failure type=\"{}\" message=\"{message}\">{body}</failure>\n    </testcase>\n",
                        escape(rule)
                    )
                }
                Outcome::Waived { reason, .. } => {
                    skipped += 1;
                    let message = escape(&format!("waived: {reason}"));
                    format!(
                        ">\n      <skipped message=\"{message}\"/>\n      <system-out>{body}</system-out>\n    </testcase>\n"
                    )
                }
                Outcome::Noted => {
                    skipped += 1;
                    format!(
                        ">\n      <skipped message=\"{message}\"/>\n      <system-out>{body}</system-out>\n    </testcase>\n"
                    )
                }
            };
        }
        for (origin, why) in &judged.rejected {
            skipped += 1;
            let _ = write!(
                cases,
                "    <testcase classname=\"{name}\" name=\"{EVIDENCE} {}\">\n      <skipped message=\"{}\"/>\n    </testcase>\n",
                escape(origin),
                escape(&ui::one_line(why))
            );
        }
        let tests = judged.findings.len() + judged.rejected.len();
        let mut text = format!(
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\">\n    <properties>\n"
        );
        for (key, value) in [
            ("digest", judged.digest.as_str()),
            ("policy", judged.policy),
            ("verdict", judged.verdict()),
            ("slsa-build-level", &judged.level.to_string()),
        ] {
            let _ = writeln!(
                text,
                "      <property name=\"{key}\" value=\"{}\"/>",
                escape(value)
            );
        }
        text += "    </properties>\n";
        Self {
            tests,
            failures,
            skipped,
            text: text + &cases + "  </testsuite>\n",
        }
    }
}

/// Text for element content and attributes. What is no character of XML 1.0 (§2.2)
/// is replaced.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for line in text.split('\n') {
        if !escaped.is_empty() {
            escaped.push('\n');
        }
        for c in ui::one_line(line).chars() {
            match c {
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '&' => escaped.push_str("&amp;"),
                '"' => escaped.push_str("&quot;"),
                '\'' => escaped.push_str("&apos;"),
                '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
                c => escaped.push(c),
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    #[test]
    fn whatever_is_in_it_is_one_xml_document() {
        refused(|judged| {
            let text = render(std::slice::from_ref(judged));
            let mut reader = quick_xml::Reader::from_str(&text);
            let (mut cases, mut failures, mut open) = (0, 0, 0);
            loop {
                match reader.read_event().unwrap() {
                    quick_xml::events::Event::Eof => break,
                    quick_xml::events::Event::Start(start) => {
                        open += 1;
                        cases += usize::from(start.name().as_ref() == "testcase");
                        failures += usize::from(start.name().as_ref() == "failure");
                        let known: &[&str] = &[
                            "testsuites",
                            "testsuite",
                            "properties",
                            "testcase",
                            "failure",
                            "system-out",
                        ];
                        assert!(known.contains(&start.name().as_ref()), "{text}");
                        assert!(start.attributes().all(|each| each.is_ok()), "{text}");
                    }
                    quick_xml::events::Event::End(_) => open -= 1,
                    _ => {}
                }
            }
            assert_eq!(open, 0);
            let failed = |each: &&crate::policy::Finding| each.outcome == Outcome::Failed;
            assert_eq!(failures, judged.findings.iter().filter(failed).count());
            assert_eq!(cases, judged.findings.len() + 1);
            assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{fffe}']));
        });
    }
}
