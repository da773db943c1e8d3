//! Markdown as GitHub shows it: text that becomes no markup, and marks.

use std::fmt::Write as _;

use crate::policy::Outcome;

use super::ui;

/// The mark of an outcome.
pub(super) fn mark(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "✅",
        Outcome::Failed => "❌",
        Outcome::Waived { .. } => "⚠️",
        Outcome::Noted => "ℹ️",
    }
}

/// Text from outside that must become neither markup nor another cell; what looks like
/// an address stays one.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\n' => escaped.push(' '),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '@' | '!' | '#' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// Text from outside that is shown as it is, on one line: no markup, no HTML, no links, nobody mentioned.
pub(super) fn plain(text: &str) -> String {
    let mut escaped = String::new();
    for c in ui::one_line(text).chars() {
        match c {
            // As numbers, since a link is also made of plain text.
            '<' | '>' | '&' | '@' | '|' | '`' | '\\' | '$' | ':' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            '.' if escaped.to_ascii_lowercase().ends_with("www") => escaped.push_str("&#46;"),
            '*' | '_' | '[' | ']' | '(' | ')' | '#' | '!' | '~' | '{' | '}' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}
