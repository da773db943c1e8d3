//! Package URLs: one spelling for each package.
//!
//! Follows the Package-URL specification (ECMA-427) and its type definitions
//! for the types whose names ignore case and for Python's names; any other type is
//! kept as it stands. A [`Purl`] is always canonical, so two of them are the same package
//! exactly when they are equal.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The longest package URL that is read.
pub const MAX_PURL: usize = 4096;

/// Types whose namespace and name ignore case.
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
];

/// A canonical package URL (ECMA-427 §5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl {
    kind: String,
    namespace: Option<String>,
    name: String,
    version: Option<String>,
    qualifiers: BTreeMap<String, String>,
    subpath: Option<String>,
}

impl Purl {
    /// A crate of crates.io (purl type `cargo`). Any other origin needs a
    /// qualifier: see [`Purl::with`].
    pub fn cargo(name: &str, version: &str) -> Result<Self, PurlError> {
        Self::new("cargo", name, version)
    }

    /// A Go module by its path (purl type `golang`), which is written in lower case.
    pub fn golang(path: &str, version: &str) -> Result<Self, PurlError> {
        Self::new("golang", path, version)
    }

    /// A project of PyPI (purl type `pypi`), by its normalised name.
    pub fn pypi(name: &str, version: &str) -> Result<Self, PurlError> {
        Self::new("pypi", name, version)
    }

    /// What no package manager knows (purl type `generic`).
    pub fn generic(name: &str, version: &str) -> Result<Self, PurlError> {
        Self::new("generic", name, version)
    }

    /// A package of any type. In `golang` and `generic` the part of `path`
    /// before its last slash is the namespace. An empty version is none.
    pub fn new(kind: &str, path: &str, version: &str) -> Result<Self, PurlError> {
        let path = path.trim_matches('/');
        let (namespace, name) = match kind {
            "cargo" | "pypi" => (None, path),
            _ => match path.rsplit_once('/') {
                Some((namespace, name)) => (Some(namespace), name),
                None => (None, path),
            },
        };
        Self {
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            version: Some(version.to_owned()),
            qualifiers: BTreeMap::new(),
            subpath: None,
        }
        .canonical()
    }

    /// Adds a qualifier such as `vcs_url`, `repository_url` or `checksum`
    /// (ECMA-427 §5.6.6). An empty value is none.
    pub fn with(mut self, key: &'static str, value: &str) -> Self {
        if !value.is_empty() {
            self.qualifiers.insert(key.to_owned(), value.to_owned());
        }
        self
    }

    /// The same with this version, where it has none. An empty version is none.
    pub fn or_version(mut self, version: &str) -> Self {
        if self.version.is_none() && !version.is_empty() {
            let lower = self.kind == "pypi";
            self.version = Some(match lower {
                true => version.to_lowercase(),
                false => version.to_owned(),
            });
        }
        self
    }

    /// The package type: `cargo`, `golang`, …
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The name without its namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace: for `golang` all but the last part of the module path.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The version.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The value of a qualifier.
    pub fn qualifier(&self, key: &str) -> Option<&str> {
        self.qualifiers.get(key).map(String::as_str)
    }

    /// The part of the package that is meant.
    pub fn subpath(&self) -> Option<&str> {
        self.subpath.as_deref()
    }

    /// True when `other` is this package; without a version, when it is any version
    /// of it. Qualifiers and subpath say where to get a package, not which one it is.
    pub fn covers(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.namespace == other.namespace
            && self.name == other.name
            && (self.version.is_none() || self.version == other.version)
    }

    fn canonical(mut self) -> Result<Self, PurlError> {
        let valid_kind = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        self.kind.make_ascii_lowercase();
        if !self.kind.starts_with(|c: char| c.is_ascii_lowercase())
            || !self.kind.chars().all(valid_kind)
        {
            return Err(PurlError::Type(self.kind));
        }
        self.version = self.version.filter(|version| !version.is_empty());
        self.namespace = self.namespace.and_then(|path| segments(&path));
        self.subpath = self.subpath.and_then(|path| segments(&path));
        // The rules of each type: types/*-definition.json.
        match self.kind.as_str() {
            kind if CASELESS.contains(&kind) => {
                self.name = self.name.to_lowercase();
                self.namespace = self.namespace.map(|path| path.to_lowercase());
            }
            "pypi" => {
                self.name = normalize_python_name(&self.name);
                self.version = self.version.map(|version| version.to_lowercase());
            }
            _ => {}
        }
        if matches!(self.kind.as_str(), "cargo" | "pypi") && self.namespace.is_some() {
            return Err(PurlError::Namespace(self.kind));
        }
        if self.name.is_empty() {
            return Err(PurlError::NoName);
        }
        Ok(self)
    }
}

/// The normalised name of a Python project (PyPA specifications, name
/// normalization): lower case, runs of `-`, `_` and `.` as one `-`.
pub fn normalize_python_name(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            _ => normal.extend(c.to_lowercase()),
        }
    }
    normal
}

/// Drops the segments that mean nothing: empty, `.` and `..` (ECMA-427 §5.6.3, §5.6.7).
fn segments(path: &str) -> Option<String> {
    let kept: Vec<&str> = path
        .split('/')
        .filter(|segment| !matches!(*segment, "" | "." | ".."))
        .collect();
    (!kept.is_empty()).then(|| kept.join("/"))
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}/", self.kind)?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{}/", Encoded(namespace, true))?;
        }
        write!(f, "{}", Encoded(&self.name, false))?;
        if let Some(version) = &self.version {
            write!(f, "@{}", Encoded(version, false))?;
        }
        for (index, (key, value)) in self.qualifiers.iter().enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            write!(f, "{separator}{key}={}", Encoded(value, false))?;
        }
        if let Some(subpath) = &self.subpath {
            write!(f, "#{}", Encoded(subpath, true))?;
        }
        Ok(())
    }
}

/// Percent-encoded text (ECMA-427 §5.4); a slash stays where it separates.
struct Encoded<'a>(&'a str, bool);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &byte in self.0.as_bytes() {
            match byte {
                b'.' | b'-' | b'_' | b'~' | b':' => write!(f, "{}", byte as char)?,
                b'/' if self.1 => f.write_str("/")?,
                _ if byte.is_ascii_alphanumeric() => write!(f, "{}", byte as char)?,
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

fn decode(text: &str) -> Result<String, PurlError> {
    let bad = || PurlError::Encoding(text.to_owned());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = rest else {
            return Err(bad());
        };
        let digit = |byte: u8| (byte as char).to_digit(16);
        let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
            return Err(bad());
        };
        bytes.push((high << 4 | low) as u8);
        rest = tail;
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

/// Decodes each segment; an encoded slash inside one would move a border.
fn decode_segments(path: &str) -> Result<String, PurlError> {
    let decoded: Vec<String> = path.split('/').map(decode).collect::<Result<_, _>>()?;
    if decoded.iter().any(|segment| segment.contains('/')) {
        return Err(PurlError::Encoding(path.to_owned()));
    }
    Ok(decoded.join("/"))
}

impl FromStr for Purl {
    type Err = PurlError;

    /// Reads from right to left, as ECMA-427 (how to parse) says.
    fn from_str(text: &str) -> Result<Self, PurlError> {
        if text.len() > MAX_PURL {
            return Err(PurlError::TooLong { size: text.len() });
        }
        let (rest, subpath) = match text.rsplit_once('#') {
            Some((rest, subpath)) => (rest, Some(decode_segments(subpath)?)),
            None => (text, None),
        };
        let (rest, query) = rest.rsplit_once('?').unwrap_or((rest, ""));
        let mut qualifiers = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key = key.to_ascii_lowercase();
            let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            if !key.starts_with(|c: char| c.is_ascii_lowercase()) || !key.chars().all(valid) {
                return Err(PurlError::Qualifier(key));
            }
            let value = decode(value)?;
            if !value.is_empty() && qualifiers.insert(key.clone(), value).is_some() {
                return Err(PurlError::Qualifier(key));
            }
        }
        let rest = match rest.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("pkg") => rest,
            _ => return Err(PurlError::Scheme),
        };
        let (kind, rest) = rest
            .trim_start_matches('/')
            .split_once('/')
            .ok_or(PurlError::NoName)?;
        // An `@` before the last slash belongs to the namespace (npm's scopes).
        let (path, version) = match rest.rsplit_once('@') {
            Some((path, version)) if !version.contains('/') => (path, Some(decode(version)?)),
            _ => (rest, None),
        };
        let path = path.trim_matches('/');
        let (namespace, name) = match path.rsplit_once('/') {
            Some((namespace, name)) => (Some(decode_segments(namespace)?), name),
            None => (None, path),
        };
        Self {
            kind: kind.to_owned(),
            namespace,
            name: decode(name)?,
            version,
            qualifiers,
            subpath,
        }
        .canonical()
    }
}

impl Serialize for Purl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Purl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// Why a text is no package URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PurlError {
    /// Does not start with `pkg:`.
    #[error("a package URL starts with `pkg:`")]
    Scheme,
    /// The type has characters that no type has.
    #[error("`{0}` is no package type")]
    Type(String),
    /// A type without namespaces was given one.
    #[error("a package of type `{0}` has no namespace")]
    Namespace(String),
    /// The name is missing.
    #[error("the package has no name")]
    NoName,
    /// A qualifier key is malformed or stands twice.
    #[error("the qualifier `{0}` is malformed or stands twice")]
    Qualifier(String),
    /// Percent-encoding that is broken, hides a slash or is not UTF-8.
    #[error("`{0}` is not percent-encoded UTF-8")]
    Encoding(String),
    /// Longer than [`MAX_PURL`].
    #[error("{size} bytes, more than the {MAX_PURL} that are read")]
    TooLong {
        /// Bytes seen.
        size: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canon(text: &str) -> String {
        text.parse::<Purl>().unwrap().to_string()
    }

    #[test]
    fn each_type_has_its_own_spelling() {
        let text = |purl: Result<Purl, PurlError>| purl.unwrap().to_string();
        assert_eq!(
            text(Purl::cargo("serde_json", "1.0.0+x")),
            "pkg:cargo/serde_json@1.0.0%2Bx"
        );
        assert_eq!(
            text(Purl::golang(
                "github.com/BurntSushi/toml/v2",
                "v2.0.0+incompatible"
            )),
            "pkg:golang/github.com/burntsushi/toml/v2@v2.0.0%2Bincompatible"
        );
        assert_eq!(text(Purl::golang("std", "1.25.1")), "pkg:golang/std@1.25.1");
        assert_eq!(
            text(Purl::pypi("Typing__Extensions.x", "4.0RC1")),
            "pkg:pypi/typing-extensions-x@4.0rc1"
        );
        assert_eq!(text(Purl::generic("a b", "")), "pkg:generic/a%20b");
    }

    #[test]
    fn reads_what_the_specification_allows() {
        for (given, canonical) in [
            (
                "pkg:GOLANG/google.golang.org/genproto@abc#/googleapis/../api/",
                "pkg:golang/google.golang.org/genproto@abc#googleapis/api",
            ),
            (
                "pkg:generic/o@1?download_url=https://o.org/o.gz&checksum=sha256:de",
                "pkg:generic/o@1?checksum=sha256:de&download_url=https:%2F%2Fo.org%2Fo.gz",
            ),
            ("PKG://cargo/a@1?x=", "pkg:cargo/a@1"),
            ("pkg:npm/%40scope/a@1", "pkg:npm/%40scope/a@1"),
            ("pkg:npm/@scope/a", "pkg:npm/%40scope/a"),
        ] {
            assert_eq!(canon(given), canonical);
        }
    }

    #[test]
    fn refuses_what_is_no_package_url() {
        for bad in [
            "",
            "cargo/a",
            "pkg:cargo",
            "pkg:cargo/",
            "pkg:cargo/a/b@1",
            "pkg:c_argo/a",
            "pkg:cargo/a%2",
            "pkg:cargo/a%ff",
            "pkg:golang/a%2Fb/c",
            "pkg:cargo/a?k=1&k=2",
            "pkg:cargo/a?k y=1",
        ] {
            assert!(bad.parse::<Purl>().is_err(), "{bad} was taken");
        }
        assert!(
            format!("pkg:cargo/{}", "a".repeat(MAX_PURL))
                .parse::<Purl>()
                .is_err()
        );
        assert!(Purl::cargo("", "1").is_err());
    }

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
            let read = |text: &str| text.parse::<Purl>().unwrap();
            let (wanted, seen) = (read(wanted), read(seen));
            assert_eq!(wanted.covers(&seen), same, "{wanted} on {seen}");
        }
    }

    proptest! {
        #[test]
        fn canonical_stays_canonical(text in "pkg:(cargo|golang|pypi)/\\PC{0,20}") {
            if let Ok(purl) = text.parse::<Purl>() {
                prop_assert_eq!(purl.to_string().parse::<Purl>().unwrap(), purl);
            }
        }

        #[test]
        fn built_is_read_back(path in "[^/]{1,8}(/[^/]{1,8}){0,3}", version in "\\PC{0,8}") {
            if let Ok(purl) = Purl::golang(&path, &version) {
                prop_assert_eq!(purl.to_string().parse::<Purl>().unwrap(), purl);
            }
        }
    }
}
