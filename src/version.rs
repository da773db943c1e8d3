//! Which of two versions is the later one, as each ecosystem says.

use std::cmp::Ordering;
use std::str::FromStr;

/// Compares two versions of a package of a purl type: Semantic Versioning for
/// `cargo`, `npm` and `golang`, PEP 440 for `pypi`; any other, and what these
/// cannot read, by its numbers and words.
pub fn compare(kind: &str, a: &str, b: &str) -> Ordering {
    let by = match kind {
        "cargo" | "npm" => both(a, b, |text| semver::Version::parse(text).ok()),
        "golang" => both(a, b, go),
        "pypi" => both(a, b, |text| pep440_rs::Version::from_str(text).ok()),
        _ => None,
    };
    by.unwrap_or_else(|| pieces(a).cmp(&pieces(b)))
}

/// Compares two versions as [`compare`] does, by precedence alone: what comes after
/// a `+` says nothing (Semantic Versioning §10). `None` when one of them is no version
/// of that ecosystem, or the ecosystem has no order that is known here.
pub fn precedence(kind: &str, a: &str, b: &str) -> Option<Ordering> {
    match kind {
        "cargo" | "npm" => Some(semantic(a)?.cmp_precedence(&semantic(b)?)),
        "golang" => Some(go(a)?.cmp_precedence(&go(b)?)),
        "pypi" => both(a, b, |text| pep440_rs::Version::from_str(text).ok()),
        _ => None,
    }
}

/// The line of a version that stays compatible: what comes before the first
/// number that is not zero, and that number (Semantic Versioning §4 and §8, as
/// Cargo reads it).
pub fn line(version: &str) -> String {
    let numbers = version
        .trim_start_matches(['v', 'V'])
        .split(['.', '-', '+']);
    let mut line = Vec::new();
    for number in numbers {
        line.push(number);
        if number.bytes().any(|byte| byte != b'0') {
            break;
        }
    }
    line.join(".")
}

fn both<T: Ord>(a: &str, b: &str, read: impl Fn(&str) -> Option<T>) -> Option<Ordering> {
    Some(read(a)?.cmp(&read(b)?))
}

/// Go's versions start with `v` (Go modules reference, versions). Its releases
/// start with `go` or nothing, may have two numbers, and write `rc1` without a
/// hyphen; what follows a space tells how one was built.
fn go(text: &str) -> Option<semver::Version> {
    let text = text.split(' ').next().unwrap_or(text);
    let text = text.strip_prefix("go").unwrap_or(text);
    let text = text.strip_prefix('v').unwrap_or(text);
    semantic(text).or_else(|| {
        let (number, word) = text.split_at(text.find(['b', 'r'])?);
        let digits = word.find(|c: char| c.is_ascii_digit())?;
        let (word, count) = word.split_at(digits);
        let zero = if number.contains('.') { ".0" } else { ".0.0" };
        semver::Version::parse(&format!("{number}{zero}-{word}.{count}")).ok()
    })
}

/// A semantic version; numbers that are left out are zero.
fn semantic(text: &str) -> Option<semver::Version> {
    ["", ".0", ".0.0"]
        .iter()
        .find_map(|zeros| semver::Version::parse(&format!("{text}{zeros}")).ok())
}

/// A run of digits or of letters; a number is later than a word, for words are
/// most often releases before the release.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Piece<'a> {
    Word(&'a str),
    /// Digits without leading zeros, the shorter being the smaller.
    Number(usize, &'a str),
}

fn pieces(version: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = version;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let same = |c: char| c.is_ascii_alphanumeric() && c.is_ascii_digit() == digits;
        if !first.is_ascii_alphanumeric() {
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let end = rest.find(|c: char| !same(c)).unwrap_or(rest.len());
        let (piece, tail) = rest.split_at(end);
        pieces.push(match digits {
            true => {
                let number = piece.trim_start_matches('0');
                Piece::Number(number.len(), number)
            }
            false => Piece::Word(piece),
        });
        rest = tail;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_ecosystem_has_its_own_order() {
        for (kind, versions) in [
            (
                "cargo",
                &["0.9.10", "1.0.0-alpha", "1.0.0-rc.1", "1.0.0", "1.10.0"][..],
            ),
            (
                "golang",
                &[
                    "v0.0.0-20190101000000-aaaaaaaaaaaa",
                    "v0.1.0",
                    "v2.0.0+incompatible",
                    "v2.0.1",
                ],
            ),
            (
                "golang",
                &[
                    "1.24rc1",
                    "go1.24rc2 X:spinbitmutex",
                    "1.24",
                    "go1.24.1",
                    "1.25beta1",
                    "1.25",
                ],
            ),
            (
                "pypi",
                &["1.0.dev1", "1.0a1", "1.0rc1", "1.0", "1.0.post1", "1!0.1"],
            ),
            ("deb", &["1.2-1", "1.2-2", "1.10-1", "2"]),
            ("generic", &["r9", "r10"]),
        ] {
            for (earlier, later) in versions.iter().zip(&versions[1..]) {
                assert_eq!(
                    compare(kind, earlier, later),
                    Ordering::Less,
                    "{earlier} {later}"
                );
                assert_eq!(compare(kind, later, earlier), Ordering::Greater);
            }
        }
        assert_eq!(compare("pypi", "1.0", "1.0.0"), Ordering::Equal);
    }

    #[test]
    fn precedence_is_not_guessed() {
        for (kind, a, b, wanted) in [
            ("cargo", "1.0.0+a", "1.0.0+b", Some(Ordering::Equal)),
            ("cargo", "1.0", "1.0.1-a", Some(Ordering::Less)),
            ("cargo", "0.0.0-0", "0.0.0", Some(Ordering::Less)),
            (
                "golang",
                "v2.0.0+incompatible",
                "2.0.0",
                Some(Ordering::Equal),
            ),
            ("golang", "go1.25rc1", "1.25.0-0", Some(Ordering::Greater)),
            ("golang", "(devel)", "1.0.0", None),
            ("pypi", "1.0", "1.0.0.post1", Some(Ordering::Less)),
            ("pypi", "2004d", "1.0", None),
            ("deb", "1", "2", None),
        ] {
            assert_eq!(precedence(kind, a, b), wanted, "{kind} {a} {b}");
        }
    }

    #[test]
    fn compatible_lines() {
        for (version, wanted) in [
            ("1.2.3", "1"),
            ("v1.2.3", "1"),
            ("0.2.3", "0.2"),
            ("0.0.3", "0.0.3"),
            ("2-rc.1", "2"),
            ("", ""),
        ] {
            assert_eq!(line(version), wanted);
        }
    }

    proptest! {
        #[test]
        fn an_order_it_is(kind in "cargo|pypi|golang|deb", a in "\\PC{0,8}", b in "[0-9.a-c-]{0,8}") {
            prop_assert_eq!(compare(&kind, &a, &b), compare(&kind, &b, &a).reverse());
            prop_assert_eq!(compare(&kind, &a, &a), Ordering::Equal);
        }
    }
}
