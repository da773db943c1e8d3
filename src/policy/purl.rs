//! Package URLs, as far as two of them can be compared.
//!
//! Follows purl-spec, `PURL-SPECIFICATION.rst`: scheme, type, namespace, name
//! and version. Qualifiers and subpath say where to get a package, not which
//! one it is, so they are left out of the comparison.

use std::fmt;

/// Types whose namespace and name ignore case (purl-spec, `PURL-TYPES.rst`).
const CASELESS: &[&str] = &[
    "alpm",
    "apk",
    "bitbucket",
    "composer",
    "deb",
    "github",
    "golang",
    "hex",
    "npm",
    "oci",
    "pub",
    "pypi",
];

/// A package, and maybe its version, in normal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Purl {
    kind: String,
    /// Namespace and name.
    path: String,
    version: Option<String>,
}

impl Purl {
    /// Reads a package URL. `None` when it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        if !scheme.eq_ignore_ascii_case("pkg") {
            return None;
        }
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let rest = rest.split_once('?').map_or(rest, |(before, _)| before);
        let (kind, rest) = rest.trim_matches('/').split_once('/')?;
        // A version may hold no bare `@`, a namespace may (`%40` is only usual).
        let (path, version) = match rest.rsplit_once('@') {
            Some((path, version)) if !path.is_empty() && !version.contains('/') => {
                (path, Some(decode(version)?))
            }
            _ => (rest, None),
        };
        let segments: Vec<String> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(decode)
            .collect::<Option<_>>()?;
        let kind = kind.to_ascii_lowercase();
        if kind.is_empty() || segments.is_empty() || version.as_deref() == Some("") {
            return None;
        }
        let mut path = segments.join("/");
        if CASELESS.contains(&kind.as_str()) {
            path = path.to_lowercase();
        }
        if kind == "pypi" {
            path = normal_python_name(&path);
        }
        Some(Self {
            kind,
            path,
            version,
        })
    }

    /// True when `other` is this package; without a version, when it is any
    /// version of it.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.path == other.path
            && (self.version.is_none() || self.version == other.version)
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}/{}", self.kind, self.path)?;
        match &self.version {
            Some(version) => write!(f, "@{version}"),
            None => Ok(()),
        }
    }
}

/// Runs of `-`, `_` and `.` are one `-` (PyPA, "Names and normalization").
fn normal_python_name(name: &str) -> String {
    name.split(['-', '_', '.'])
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}

/// Undoes percent-encoding (RFC 3986 §2.1).
fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
            decoded.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_package_in_other_words() {
        for (wanted, seen, same) in [
            (
                "pkg:cargo/openssl-src",
                "pkg:cargo/openssl-src@300.1.0",
                true,
            ),
            (
                "pkg:cargo/openssl-src@1",
                "pkg:cargo/openssl-src@300.1.0",
                false,
            ),
            ("pkg:cargo/openssl-src@1", "pkg:cargo/openssl-src", false),
            ("pkg:cargo/openssl-src", "pkg:cargo/openssl-sys@1", false),
            ("pkg:pypi/foo_bar", "PKG:PyPI/Foo.Bar@1.2?x=y#z", true),
            ("pkg:npm/%40scope/name", "pkg:npm/@scope/name@1.0.0", true),
            ("pkg:npm/@scope/name", "pkg:npm/%40scope/name@1.0.0", true),
            (
                "pkg:golang/github.com/a/b",
                "pkg:golang/GitHub.com/A/B@v1.0.0%2Bincompatible",
                true,
            ),
            (
                "pkg:golang/github.com/a/b@v1.0.0+incompatible",
                "pkg:golang/github.com/a/b@v1.0.0%2Bincompatible",
                true,
            ),
            (
                "pkg:golang/github.com/a/b",
                "pkg:golang/github.com/a/b/v2@v2.0.0",
                false,
            ),
            ("pkg:cargo/Foo", "pkg:cargo/foo@1", false),
        ] {
            let (wanted, seen) = (Purl::parse(wanted).unwrap(), Purl::parse(seen).unwrap());
            assert_eq!(wanted.covers(&seen), same, "{wanted} on {seen}");
        }
    }

    #[test]
    fn refuses_what_is_no_purl() {
        for bad in [
            "",
            "pkg:",
            "pkg:cargo",
            "pkg:cargo/",
            "http://x/y",
            "pkg:cargo/a@",
            "pkg:cargo/a%2",
            "pkg:cargo/%ff",
            "pkg:/a",
        ] {
            assert!(Purl::parse(bad).is_none(), "{bad} was taken");
        }
    }
}
