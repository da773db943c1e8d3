//! Environment markers, judged without an environment (PEP 508).
//!
//! A document speaks of every machine that the product may run on, so a marker
//! is never evaluated on this one. Three answers are possible: it holds for
//! every Python that the product takes, for none, or it depends.

use std::str::FromStr;

use super::pythons::Pythons;
use crate::purl::normalize_python_name;

/// The longest marker that is read.
pub const MAX_MARKER: usize = 16 << 10;
/// How deep parentheses may lie in each other.
pub const MAX_DEPTH: usize = 32;

/// A marker (PEP 508, environment markers).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marker {
    /// Both hold.
    And(Vec<Marker>),
    /// One holds.
    Or(Vec<Marker>),
    /// A variable compared with a value.
    Compare {
        /// `python_version`, `sys_platform`, `extra`, …
        variable: String,
        /// `==`, `>=`, `in`, `not in`, …
        operator: String,
        /// The value, without its quotes.
        value: String,
    },
}

impl Marker {
    /// Whether it holds for every Python of `pythons` (yes), for none (no), or
    /// depends on more than the Python (none). With `extra`, that extra is asked for.
    pub fn holds(&self, pythons: &Pythons, extra: Option<&str>) -> Option<bool> {
        match self {
            Marker::And(parts) => all(parts.iter().map(|part| part.holds(pythons, extra))),
            Marker::Or(parts) => {
                let none = all(parts
                    .iter()
                    .map(|part| part.holds(pythons, extra).map(|holds| !holds)));
                none.map(|none| !none)
            }
            Marker::Compare {
                variable,
                operator,
                value,
            } => match variable.as_str() {
                "extra" => {
                    let same = normalize_python_name(extra?) == normalize_python_name(value);
                    Some(same == (operator != "!="))
                }
                "python_version" => pythons.compare(operator, value, true),
                "python_full_version" => pythons.compare(operator, value, false),
                "sys_platform" | "os_name" | "platform_system" => {
                    pythons.compare_platform(operator, value)
                }
                _ => None,
            },
        }
    }

    /// True when it looks at more than the Python's version.
    pub fn asks_beyond_python(&self) -> bool {
        match self {
            Marker::And(parts) | Marker::Or(parts) => parts.iter().any(Self::asks_beyond_python),
            Marker::Compare { variable, .. } => !variable.starts_with("python_"),
        }
    }

    /// The values that the marker asks of a variable: `extra`, `extras` or
    /// `dependency_groups`.
    pub fn asks(&self, variable: &str) -> Vec<&str> {
        match self {
            Marker::And(parts) | Marker::Or(parts) => {
                parts.iter().flat_map(|part| part.asks(variable)).collect()
            }
            Marker::Compare {
                variable: this,
                operator,
                value,
            } if this == variable && matches!(operator.as_str(), "==" | "in") => vec![value],
            Marker::Compare { .. } => Vec::new(),
        }
    }
}

/// Yes when all are, no when one is not.
fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut answer = Some(true);
    for part in parts {
        match part {
            Some(true) => {}
            Some(false) => return Some(false),
            None => answer = None,
        }
    }
    answer
}

/// Why a text is no marker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarkerError {
    /// Longer than [`MAX_MARKER`].
    #[error("a marker of {size} bytes, more than {MAX_MARKER}")]
    TooLong {
        /// Bytes seen.
        size: usize,
    },
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("a marker nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// Something else was expected here.
    #[error("a marker has `{seen}` where {wanted} should be")]
    Unexpected {
        /// What stands there; empty at the end.
        seen: String,
        /// What should.
        wanted: &'static str,
    },
}

impl FromStr for Marker {
    type Err = MarkerError;

    fn from_str(text: &str) -> Result<Self, MarkerError> {
        if text.len() > MAX_MARKER {
            return Err(MarkerError::TooLong { size: text.len() });
        }
        let mut parser = Parser { rest: text };
        let marker = parser.or(0)?;
        match parser.rest.trim_start() {
            "" => Ok(marker),
            rest => Err(unexpected(rest, "the end")),
        }
    }
}

fn unexpected(seen: &str, wanted: &'static str) -> MarkerError {
    MarkerError::Unexpected {
        seen: seen.chars().take(20).collect(),
        wanted,
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn or(&mut self, depth: usize) -> Result<Marker, MarkerError> {
        let mut parts = vec![self.and(depth)?];
        while self.word("or") {
            parts.push(self.and(depth)?);
        }
        Ok(one_or(parts, Marker::Or))
    }

    fn and(&mut self, depth: usize) -> Result<Marker, MarkerError> {
        let mut parts = vec![self.atom(depth)?];
        while self.word("and") {
            parts.push(self.atom(depth)?);
        }
        Ok(one_or(parts, Marker::And))
    }

    fn atom(&mut self, depth: usize) -> Result<Marker, MarkerError> {
        if depth > MAX_DEPTH {
            return Err(MarkerError::TooDeep);
        }
        if self.symbol("(") {
            let inner = self.or(depth + 1)?;
            return match self.symbol(")") {
                true => Ok(inner),
                false => Err(unexpected(self.rest, "a closing parenthesis")),
            };
        }
        let left = self.operand()?;
        let operator = self.operator()?;
        let right = self.operand()?;
        let (variable, value, turned) = match (left, right) {
            (Operand::Variable(variable), Operand::Value(value)) => (variable, value, false),
            (Operand::Value(value), Operand::Variable(variable)) => (variable, value, true),
            _ => return Err(unexpected(self.rest, "one variable and one value")),
        };
        let operator = match operator {
            "<" if turned => ">",
            ">" if turned => "<",
            "<=" if turned => ">=",
            ">=" if turned => "<=",
            operator => operator,
        };
        Ok(Marker::Compare {
            variable: variable.to_owned(),
            operator: operator.to_owned(),
            value: value.to_owned(),
        })
    }

    fn operand(&mut self) -> Result<Operand<'a>, MarkerError> {
        self.rest = self.rest.trim_start();
        let rest = self.rest;
        if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"')) {
            let (value, rest) = rest
                .get(1..)
                .and_then(|rest| rest.split_once(quote))
                .ok_or_else(|| unexpected(rest, "a quoted value"))?;
            self.rest = rest;
            return Ok(Operand::Value(value));
        }
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))
            .unwrap_or(rest.len());
        let (variable, rest) = rest.split_at(end);
        if variable.is_empty() {
            return Err(unexpected(rest, "a variable or a value"));
        }
        self.rest = rest;
        Ok(Operand::Variable(variable))
    }

    fn operator(&mut self) -> Result<&'static str, MarkerError> {
        const SYMBOLS: [&str; 8] = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"];
        if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| self.symbol(symbol)) {
            return Ok(symbol);
        }
        if self.word("in") {
            return Ok("in");
        }
        if self.word("not") && self.word("in") {
            return Ok("not in");
        }
        Err(unexpected(self.rest, "an operator"))
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(symbol);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn word(&mut self, word: &str) -> bool {
        let rest = self
            .rest
            .trim_start()
            .strip_prefix(word)
            .filter(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'));
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

enum Operand<'a> {
    Variable(&'a str),
    Value(&'a str),
}

fn one_or(mut parts: Vec<Marker>, many: fn(Vec<Marker>) -> Marker) -> Marker {
    match parts.len() {
        1 => parts.remove(0),
        _ => many(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(marker: &str, pythons: &str) -> Option<bool> {
        let marker: Marker = marker.parse().unwrap();
        marker.holds(&Pythons::of(pythons), None)
    }

    #[test]
    fn python_bounds_decide() {
        for (marker, pythons, wanted) in [
            ("python_version >= '3.8'", ">=3.9", Some(true)),
            ("'3.8' <= python_version", ">=3.9", Some(true)),
            ("python_version < '3.9'", ">=3.9", Some(false)),
            ("python_version < '3.11'", ">=3.9", None),
            ("python_version < '4'", ">=3.9,<4", Some(true)),
            ("python_version > '3.9'", ">=3.9.2", None),
            ("python_full_version > '3.9'", ">=3.9.2", Some(true)),
            ("python_version <= '3.11'", "~=3.9", None),
            ("python_version == '3.11'", "==3.11.*", None),
            ("python_version != '3.0'", ">=3.9", Some(true)),
            ("python_version >= '3.8'", "", None),
            ("sys_platform == 'win32'", ">=3.9", None),
            (
                "python_version < '3' and os_name == 'nt'",
                ">=3.9",
                Some(false),
            ),
            (
                "python_version >= '3' or os_name == 'nt'",
                ">=3.9",
                Some(true),
            ),
            ("(os_name == 'nt') or python_version < '3'", ">=3.9", None),
        ] {
            assert_eq!(holds(marker, pythons), wanted, "{marker} with {pythons}");
        }
    }

    #[test]
    fn windows_is_told_from_the_others() {
        let holds = |marker: &str, windows: bool| {
            let marker: Marker = marker.parse().unwrap();
            marker.holds(&Pythons::default().on_windows(windows), None)
        };
        assert_eq!(holds("sys_platform == 'win32'", false), Some(false));
        assert_eq!(holds("os_name != 'nt'", true), Some(false));
        assert_eq!(holds("platform_system == 'Darwin'", false), None);
        assert_eq!(holds("platform_system == 'Darwin'", true), Some(false));
    }

    #[test]
    fn extras_are_asked_for_by_name() {
        let marker: Marker = "python_version >= '3' and extra == 'Fast_io'"
            .parse()
            .unwrap();
        let pythons = Pythons::of(">=3.9");
        assert_eq!(marker.holds(&pythons, Some("fast-io")), Some(true));
        assert_eq!(marker.holds(&pythons, Some("slow")), Some(false));
        assert_eq!(marker.holds(&pythons, None), None);
        assert_eq!(marker.asks("extra"), ["Fast_io"]);
        let marker: Marker = "'dev' in dependency_groups or 'x' not in extras"
            .parse()
            .unwrap();
        assert_eq!(marker.asks("dependency_groups"), ["dev"]);
        assert!(marker.asks("extras").is_empty());
    }

    #[test]
    fn refuses_what_is_no_marker() {
        for bad in [
            "",
            "python_version",
            "python_version >= ",
            "'a' == 'b'",
            "os_name == 'nt",
            "os_name == 'nt' and",
            "os_name == 'nt' nonsense",
            "(os_name == 'nt'",
            "os_name not 'nt'",
            "ö == 'x'",
        ] {
            assert!(bad.parse::<Marker>().is_err(), "{bad} was taken");
        }
        let deep = format!("{}os_name == 'nt'", "(".repeat(1000));
        assert_eq!(deep.parse::<Marker>(), Err(MarkerError::TooDeep));
        let long = "(".repeat(MAX_MARKER + 1);
        assert!(matches!(
            long.parse::<Marker>(),
            Err(MarkerError::TooLong { .. })
        ));
    }
}
