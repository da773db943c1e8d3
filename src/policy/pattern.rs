//! Patterns: exact text in which a `*` may end a path segment.
//!
//! A pattern is compared segment by segment, and segments are what stands
//! between slashes. `*` is allowed as the last character of a segment only and
//! stands for the rest of that segment, never for a slash: `refs/tags/v*`
//! matches `refs/tags/v1.2` and not `refs/tags/v1/x`. Everything else is literal.

use std::fmt;

/// Exact text, or text with `*` at the end of segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(String);

impl Pattern {
    /// Reads a pattern; `Err` says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("an empty pattern matches nothing");
        }
        // The characters that only a regular expression would have: git refuses
        // them in a ref (git-check-ref-format), and URIs and licences lack them.
        if text.contains(['^', '$', '[', ']', '\\', '?', '|']) || text.contains(".*") {
            return Err("this looks like a regular expression, and those are not supported");
        }
        if text.contains(char::is_whitespace) {
            return Err("a pattern has no spaces");
        }
        let ends_well = |segment: &str| !segment.trim_end_matches('*').contains('*');
        if text.contains("**") || !text.split('/').all(ends_well) {
            return Err("`*` may only stand at the end of a path segment");
        }
        Ok(Self(text.to_owned()))
    }

    /// True when `text` has as many segments and each of them matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        let (mut wanted, mut seen) = (self.0.split('/'), text.split('/'));
        loop {
            match (wanted.next(), seen.next()) {
                (None, None) => return true,
                (Some(wanted), Some(seen)) if segment_matches(wanted, seen) => {}
                _ => return false,
            }
        }
    }

    /// The text as it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The same pattern in lower case, for names that ignore case.
    pub(super) fn to_lowercase(&self) -> Self {
        Self(self.0.to_ascii_lowercase())
    }
}

fn segment_matches(wanted: &str, seen: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(start) => !seen.is_empty() && seen.starts_with(start),
        None => wanted == seen,
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_never_crosses_a_slash() {
        for (pattern, text, wanted) in [
            ("refs/tags/v*", "refs/tags/v1.2", true),
            ("refs/tags/v*", "refs/tags/v", true),
            ("refs/tags/v*", "refs/tags/v1/x", false),
            ("refs/tags/v*", "refs/heads/v1", false),
            ("refs/tags/v*", "xrefs/tags/v1", false),
            ("refs/tags/*", "refs/tags/", false),
            ("refs/*/v1", "refs/heads/v1", true),
            ("refs/tags/v1", "refs/tags/v1", true),
            ("refs/tags/v1", "refs/tags/v10", false),
            ("https://h/o/*", "https://h/o/r", true),
            ("https://h/o/*", "https://h/other/r", false),
        ] {
            let pattern = Pattern::parse(pattern).unwrap();
            assert_eq!(pattern.matches(text), wanted, "{pattern} on {text}");
        }
    }

    #[test]
    fn refuses_what_it_would_not_understand() {
        for bad in [
            "",
            "v*-rc",
            "**",
            "refs/**",
            "^refs",
            "v[0-9]",
            "refs/tags/v.*",
            "a b",
            "a|b",
        ] {
            assert!(Pattern::parse(bad).is_err(), "{bad} was taken");
        }
    }
}
