//! HTML in which only literals are markup.
//!
//! A template is a literal of this program; what is put into it is escaped, whoever
//! it is from. So nothing from outside can become a tag, an attribute or a script.

use std::fmt::{self, Display, Write as _};
use std::time::SystemTime;

/// Longer texts are cut, and say how long they were: no name is worth a page.
const LONGEST: usize = 300;

/// HTML that is being written.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    /// Adds a template, with each `{}` replaced by a value: escaped, so that it is text
    /// between tags and in a quoted attribute.
    pub(super) fn add(&mut self, template: &'static str, values: &[&dyn Display]) -> &mut Self {
        let mut values = values.iter();
        let mut parts = template.split("{}");
        self.0.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let value = values.next();
            debug_assert!(value.is_some(), "a value is missing: {template}");
            if let Some(value) = value {
                self.text(value);
            }
            self.0.push_str(part);
        }
        debug_assert!(values.next().is_none(), "a value too many: {template}");
        self
    }

    /// Adds a literal.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Adds a text, escaped.
    pub(super) fn text(&mut self, value: &dyn Display) -> &mut Self {
        let mut escape = Escape {
            out: &mut self.0,
            room: LONGEST,
            length: 0,
        };
        // A string takes whatever is written to it.
        let _ = write!(escape, "{value}");
        let length = escape.length;
        if length > LONGEST {
            let _ = write!(self.0, "… ({} characters)", Count(length));
        }
        self
    }

    /// Adds a text that is a link where it is an `https:` address.
    pub(super) fn link(&mut self, value: &str) -> &mut Self {
        match is_web_address(value) {
            true => self.add(
                "<a href=\"{}\" rel=\"noreferrer noopener external\">{}</a>",
                &[&value, &value],
            ),
            false => self.text(&value),
        }
    }

    /// Adds a point in time, in UTC.
    pub(super) fn time(&mut self, time: SystemTime) -> &mut Self {
        match jiff::Timestamp::try_from(time) {
            Ok(time) => self.timestamp(time),
            Err(_) => self.raw("out of range"),
        }
    }

    /// Adds a point in time, in UTC.
    pub(super) fn timestamp(&mut self, time: jiff::Timestamp) -> &mut Self {
        let machine = time.strftime("%Y-%m-%dT%H:%M:%SZ");
        let people = time.strftime("%Y-%m-%d %H:%M UTC");
        self.add("<time datetime=\"{}\">{}</time>", &[&machine, &people])
    }

    /// The text.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Whether it can be linked to: `https:`, a host, no user name that looks like one, and
/// only the characters that an address may have (RFC 3986, section 2).
fn is_web_address(value: &str) -> bool {
    let Some(rest) = value.strip_prefix("https://") else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    !host.is_empty()
        && value.len() <= LONGEST
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
        && rest
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b))
}

/// Escapes what is written to it.
struct Escape<'a> {
    out: &'a mut String,
    room: usize,
    length: usize,
}

impl fmt::Write for Escape<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            self.length += 1;
            if self.room == 0 {
                continue;
            }
            self.room -= 1;
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\'' => self.out.push_str("&#39;"),
                '\n' | '\t' => self.out.push(' '),
                c if is_unseen(c) => write!(self.out, "⟨U+{:04X}⟩", u32::from(c))?,
                c => self.out.push(c),
            }
        }
        Ok(())
    }
}

/// Characters that are not seen or that move others about: controls, writing direction
/// (Trojan Source), zero width, tags, line separators, and what is no character at all.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
        || u32::from(c) & 0xfffe == 0xfffe
        || matches!(c, '\u{fdd0}'..='\u{fdef}')
}

/// A number for people: `1,234`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count(pub(super) usize);

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

/// A number and what it counts: `1 package`, `1,234 packages`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Many(pub(super) usize, pub(super) &'static str);

impl Display for Many {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Many(count, noun) = *self;
        write!(f, "{} ", Count(count))?;
        match (count, noun.strip_suffix('y')) {
            (1, _) => f.write_str(noun),
            (_, Some(stem)) => write!(f, "{stem}ies"),
            (_, None) => write!(f, "{noun}s"),
        }
    }
}

/// A part of a whole as a percentage; 100 only when it is all, 0 only when it is none.
pub(super) fn percent(part: usize, whole: usize) -> usize {
    match part {
        0 => 0,
        _ if part >= whole => 100,
        _ => (part * 100 / whole).clamp(1, 99),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: &str) -> String {
        let mut markup = Markup::default();
        markup.text(&value);
        markup.into_string()
    }

    fn link(value: &str) -> String {
        let mut markup = Markup::default();
        markup.link(value);
        markup.into_string()
    }

    #[test]
    fn what_is_from_outside_is_text() {
        assert_eq!(
            text("<script>alert('\"&')</script>"),
            "&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt;"
        );
        assert_eq!(
            text("a\0b\x1b[1m\u{202e}c\n"),
            "a⟨U+0000⟩b⟨U+001B⟩[1m⟨U+202E⟩c "
        );
        assert_eq!(text("grün ✓ 日本"), "grün ✓ 日本");
        let long = text(&"<".repeat(10_000));
        assert!(long.ends_with("&lt;… (10,000 characters)"), "{long}");
        assert_eq!(long.matches("&lt;").count(), LONGEST);
    }

    #[test]
    fn only_web_addresses_are_links() {
        for address in [
            "https://github.com/a/b",
            "https://[::1]:8443/x?y=z#v",
            "https://h/@scope/p%20q",
        ] {
            assert!(link(address).starts_with("<a href=\"https://"), "{address}");
        }
        for other in [
            "javascript:alert(1)",
            "http://example.com",
            "https://",
            "https:///x",
            "https://good.example@evil.example/",
            "https://a/\"onmouseover=x",
            "https://a/ b",
            "https://a/\u{202e}b",
            " https://a",
            "HTTPS://a\\b",
            "data:text/html,x",
        ] {
            assert!(!link(other).contains("<a"), "{other}");
        }
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!(Count(0).to_string(), "0");
        assert_eq!(Count(999).to_string(), "999");
        assert_eq!(Count(1_234_567).to_string(), "1,234,567");
        assert_eq!(Many(1, "package").to_string(), "1 package");
        assert_eq!(Many(1_000, "package").to_string(), "1,000 packages");
        assert_eq!(Many(0, "vulnerability").to_string(), "0 vulnerabilities");
        assert_eq!(percent(999, 1000), 99);
        assert_eq!(percent(1, 1000), 1);
        assert_eq!(percent(0, 0), 0);
        assert_eq!(percent(7, 7), 100);
    }

    proptest! {
        #[test]
        fn nothing_from_outside_is_markup(value in "\\PC{0,40}|[<>\"'&\\x00-\\x1f\u{202a}-\u{202e}]{0,40}") {
            for html in [text(&value), link(&value).replace("\" rel=\"noreferrer noopener external\">", "").replace("<a href=\"", "").replace("</a>", "")] {
                prop_assert!(!html.contains(['<', '>', '"', '\'']), "{html}");
                prop_assert!(!html.chars().any(is_unseen), "{html}");
            }
        }
    }
}
