//! Ranges of versions, each ecosystem by its own order: `>=1.0, <1.2`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::version;

/// Bounds that a version must keep, all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VersionRange(Vec<(Bound, String)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    AtLeast,
    Above,
    AtMost,
    Below,
    Exactly,
}

/// The longer signs first, since one starts with the other.
const SIGNS: [(&str, Bound); 5] = [
    (">=", Bound::AtLeast),
    ("<=", Bound::AtMost),
    (">", Bound::Above),
    ("<", Bound::Below),
    ("=", Bound::Exactly),
];

impl VersionRange {
    /// Reads bounds with commas between them; `Err` says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let bound = |part: &str| {
            let part = part.trim();
            let found = SIGNS
                .iter()
                .find_map(|(sign, bound)| Some((*bound, part.strip_prefix(sign)?.trim())));
            match found {
                Some((bound, version)) if is_version(version) => Ok((bound, version.to_owned())),
                _ => Err(format!("`{part}` is no bound such as `>=1.0` or `<1.2`")),
            }
        };
        text.split(',')
            .map(bound)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether the range holds `version` of a package of this purl type; `None`
    /// where the version, or a bound, is none of that type.
    pub(super) fn holds(&self, kind: &str, version: &str) -> Option<bool> {
        let mut holds = true;
        for (bound, limit) in &self.0 {
            let order = compare(kind, version, limit)?;
            holds &= match bound {
                Bound::AtLeast => order != Ordering::Less,
                Bound::Above => order == Ordering::Greater,
                Bound::AtMost => order != Ordering::Greater,
                Bound::Below => order == Ordering::Less,
                Bound::Exactly => order == Ordering::Equal,
            };
        }
        Some(holds)
    }

    /// True when no version at all can be in it, such as `>2, <1`.
    pub(super) fn is_empty(&self, kind: &str) -> bool {
        let (lower, upper): (Vec<_>, Vec<_>) = self
            .0
            .iter()
            .partition(|(bound, _)| matches!(bound, Bound::AtLeast | Bound::Above));
        let bounds = |a: &str, b: &str| compare(kind, &complete(kind, a)?, b);
        let exact = self.0.iter().filter(|(bound, _)| *bound == Bound::Exactly);
        let crossed = lower.iter().any(|(low, from)| {
            upper.iter().any(|(high, to)| match bounds(from, to) {
                Some(Ordering::Greater) => true,
                Some(Ordering::Equal) => *low == Bound::Above || *high == Bound::Below,
                _ => false,
            })
        });
        let missed = |(_, at): &(Bound, String)| {
            complete(kind, at).and_then(|at| self.holds(kind, &at)) == Some(false)
        };
        crossed || exact.into_iter().any(missed)
    }

    /// A bound that can't be compared with any version of this purl type.
    pub(super) fn unreadable(&self, kind: &str) -> Option<&str> {
        let unreadable = |(_, limit): &&(Bound, String)| complete(kind, limit).is_none();
        self.0
            .iter()
            .find(unreadable)
            .map(|(_, limit)| limit.as_str())
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (bound, version)) in self.0.iter().enumerate() {
            let sign = SIGNS.iter().find(|(_, each)| each == bound);
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{}{version}", sign.map_or("", |(sign, _)| sign))?;
        }
        Ok(())
    }
}

/// The order of a version and of a bound, which may leave out its last numbers;
/// `None` where one of them is no version of that purl type.
pub(super) fn compare(kind: &str, version: &str, bound: &str) -> Option<Ordering> {
    if !is_readable(kind, version) {
        return None;
    }
    Some(version::compare(kind, version, &complete(kind, bound)?))
}

/// `1.2` where three numbers are needed is `1.2.0`.
fn complete(kind: &str, bound: &str) -> Option<String> {
    let zeros = match kind {
        "cargo" | "npm" | "golang" => &["", ".0", ".0.0"][..],
        _ => &[""],
    };
    zeros
        .iter()
        .map(|zeros| format!("{bound}{zeros}"))
        .find(|whole| is_readable(kind, whole))
}

fn is_readable(kind: &str, text: &str) -> bool {
    match kind {
        "cargo" | "npm" => semver::Version::parse(text).is_ok(),
        "golang" => {
            let text = text.strip_prefix("go").unwrap_or(text);
            semver::Version::parse(text.strip_prefix('v').unwrap_or(text)).is_ok()
        }
        "pypi" => pep440_rs::Version::from_str(text).is_ok(),
        _ => is_version(text),
    }
}

fn is_version(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 256
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>=,*".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ecosystem_by_its_own_order() {
        for (kind, range, version, wanted) in [
            ("cargo", ">=1.0, <1.2", "1.0.0", Some(true)),
            ("cargo", ">=1.0, <1.2", "1.1.9", Some(true)),
            ("cargo", ">=1.0, <1.2", "1.2.0", Some(false)),
            ("cargo", ">=1.0, <1.2", "1.0.0-rc.1", Some(false)),
            ("cargo", "<1.10", "1.9.0", Some(true)),
            ("cargo", "=1.2", "1.2.0", Some(true)),
            ("cargo", "<1.2", "latest", None),
            ("cargo", "<1.2", "1.1", None),
            ("pypi", "<=1.0", "1.0.0", Some(true)),
            ("pypi", "<1.0", "1.0rc1", Some(true)),
            ("pypi", ">1", "1!0.1", Some(true)),
            ("pypi", ">1", "one", None),
            ("golang", ">=v1.2", "v1.3.0", Some(true)),
            ("golang", ">=1.24", "go1.24.1", Some(true)),
            ("golang", ">=1.2", "(devel)", None),
            ("deb", "<1.10-1", "1.9-3", Some(true)),
            ("deb", "<1.10-1", "none", None),
        ] {
            let range = VersionRange::parse(range).unwrap();
            assert_eq!(
                range.holds(kind, version),
                wanted,
                "{kind} {range} {version}"
            );
        }
    }

    #[test]
    fn what_is_no_range() {
        for bad in [
            "", "1.0", "^1.0", "~1", ">=", ">=1.0,", ">=1.x*", "> =1", ">=a",
        ] {
            assert!(VersionRange::parse(bad).is_err(), "{bad} was taken");
        }
        let range = |text| VersionRange::parse(text).unwrap();
        assert!(range(">2, <1").is_empty("cargo"));
        assert!(range(">1, <=1.0").is_empty("cargo"));
        assert!(range("=1, =2").is_empty("pypi"));
        assert!(!range(">=1, <=1").is_empty("cargo"));
        assert_eq!(range(">=1.0, <r7").unreadable("cargo"), Some("r7"));
        assert_eq!(range(">=1.0").unreadable("cargo"), None);
    }
}
