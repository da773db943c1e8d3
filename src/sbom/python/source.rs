//! Where a Python package comes from, and the package URL that follows.

use super::super::component::{ExternalReference, Hash, ReferenceKind};
use super::super::tree::Tree;
use crate::purl::{Purl, PurlError};

/// Where a package comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// PyPI, or the index that stands in for it.
    #[default]
    PyPi,
    /// Another index, by its URL.
    Index(String),
    /// One file, by its URL.
    Url(String),
    /// A repository and the commit in it; an empty commit is not known.
    Git {
        /// The repository.
        url: String,
        /// The commit.
        commit: String,
    },
    /// A folder or file, relative to the tree; empty when it lies outside.
    Path(String),
    /// A wheel or sdist that was given, by its file name.
    File(String),
    /// No package at all: a manifest that stands for a project without a name.
    Manifest,
}

impl Origin {
    /// An index by its URL; PyPI has several.
    pub fn index(url: &str) -> Self {
        let url = without_user(url);
        match url.trim_end_matches('/') {
            "" | "pypi" | "https://pypi.org/simple" | "https://pypi.python.org/simple" => {
                Origin::PyPi
            }
            url => Origin::Index(url.to_owned()),
        }
    }

    /// A file by its URL, or the repository or folder that the URL is of: pip's
    /// `git+https://…@commit` and `file:` (PEP 610 and PEP 440, direct references).
    pub fn url(url: &str) -> Self {
        let url = without_user(url.trim());
        if let Some(git) = url.strip_prefix("git+") {
            let git = git.split(['#', '?']).next().unwrap_or(git);
            let path = git.find("://").map_or(0, |at| at + 3);
            return match git.rsplit_once('@').filter(|(left, _)| left.len() > path) {
                Some((url, commit)) => Origin::git(url, commit),
                None => Origin::git(git, ""),
            };
        }
        match url.get(..5) {
            Some(scheme) if scheme.eq_ignore_ascii_case("file:") => Origin::Path(String::new()),
            _ => Origin::Url(url.split('#').next().unwrap_or(&url).to_owned()),
        }
    }

    /// A commit of a repository.
    pub fn git(url: &str, commit: &str) -> Self {
        Origin::Git {
            url: without_user(url),
            commit: commit.to_owned(),
        }
    }

    /// What the manifest `base` means by `path`. Where a path leads that is
    /// absolute or leaves the tree is nobody's business but the machine's.
    pub fn path(tree: &Tree, base: &str, path: &str) -> Self {
        Origin::Path(match tree.resolve(base, path) {
            Ok(path) if path.is_empty() => ".".to_owned(),
            Ok(path) => path,
            Err(_) => String::new(),
        })
    }

    /// The package URL of a package of this origin (purl type `pypi`). Only what
    /// is on PyPI goes without a qualifier: a folder is not PyPI's project of
    /// the same name.
    pub fn purl(&self, name: &str, version: &str) -> Result<Purl, PurlError> {
        if *self == Origin::Manifest {
            return Purl::generic(name, version);
        }
        let purl = Purl::pypi(name, version)?;
        Ok(match self {
            Origin::PyPi | Origin::Manifest => purl,
            Origin::File(name) => purl.with("file_name", name),
            Origin::Index(url) => purl.with("repository_url", url),
            Origin::Url(url) => purl.with("download_url", url),
            Origin::Git { url, commit } if commit.is_empty() => {
                purl.with("vcs_url", &format!("git+{url}"))
            }
            Origin::Git { url, commit } => purl.with("vcs_url", &format!("git+{url}@{commit}")),
            Origin::Path(path) => purl.with("download_url", &format!("file://{path}")),
        })
    }
}

/// A file that users fetch, with its digests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// Its URL, its path or at least its name.
    pub url: String,
    /// Its digests, in CycloneDX's spelling.
    pub hashes: Vec<Hash>,
}

impl Distribution {
    /// A file and its digests as lock files write them: `sha256:<hex>`.
    pub fn new<'a>(url: &str, digests: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            url: without_user(url),
            hashes: digests.into_iter().filter_map(hash).collect(),
        }
    }

    /// The same as CycloneDX writes it.
    pub fn reference(&self) -> ExternalReference {
        let name = self.url.split(['?', '#']).next().unwrap_or(&self.url);
        let source = [".tar.gz", ".zip", ".tar.bz2"];
        ExternalReference {
            kind: match source.iter().any(|ending| name.ends_with(ending)) {
                true => ReferenceKind::SourceDistribution,
                false => ReferenceKind::Distribution,
            },
            url: iri(&self.url),
            comment: None,
            hashes: self.hashes.clone(),
        }
    }
}

/// A digest as lock files write it, `sha256:<hex>`; what no hash of CycloneDX
/// 1.7 (`hash-alg`, `hash-content`) can be is left out.
pub fn hash(text: &str) -> Option<Hash> {
    let (name, content) = text.split_once([':', '='])?;
    let (alg, length) = match name.to_ascii_lowercase().as_str() {
        "md5" => ("MD5", 32),
        "sha1" => ("SHA-1", 40),
        "sha256" => ("SHA-256", 64),
        "sha384" => ("SHA-384", 96),
        "sha512" => ("SHA-512", 128),
        "sha3_256" => ("SHA3-256", 64),
        "sha3_384" => ("SHA3-384", 96),
        "sha3_512" => ("SHA3-512", 128),
        "blake2b" | "blake2b_512" => ("BLAKE2b-512", 128),
        _ => return None,
    };
    let hex = content.len() == length && content.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex.then(|| Hash {
        alg: alg.to_owned(),
        content: content.to_ascii_lowercase(),
    })
}

/// A URL may carry a password, which belongs in no document.
pub fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// Encodes what no IRI reference may hold at its place (RFC 3987 §2.2).
pub fn iri(url: &str) -> String {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    let is_scheme = |scheme: &&str| {
        let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(valid)
    };
    let (mut iri, rest) = match scheme.filter(is_scheme) {
        Some(scheme) => (format!("{scheme}://"), &url[scheme.len() + 3..]),
        None => (String::new(), url),
    };
    let end = match iri.is_empty() {
        true => 0,
        false => rest.find(['/', '?', '#']).unwrap_or(rest.len()),
    };
    let (host, path) = rest.split_at(end);
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, Some(port)),
        _ => (host, None),
    };
    // No address of version 6 is a place of packages that others can reach.
    encode(name, ":[]/?#@", &mut iri);
    iri.extend(port.map(|port| format!(":{port}")));
    let (path, fragment) = match path.split_once('#') {
        Some((path, fragment)) => (path, Some(fragment)),
        None => (path, None),
    };
    let colon = if iri.is_empty() { ":" } else { "" };
    encode(path, &format!("[]{colon}"), &mut iri);
    if let Some(fragment) = fragment {
        iri.push('#');
        encode(fragment, "[]#", &mut iri);
    }
    iri
}

/// Encodes `more` and what may stand nowhere; what is encoded already stays.
fn encode(text: &str, more: &str, iri: &mut String) {
    for (at, c) in text.char_indices() {
        let hex = text.as_bytes().get(at + 1..at + 3);
        let keep = match c {
            '%' => hex.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
            '\0'..=' ' | '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' | '\u{7f}' => false,
            // Controls, private use and the like are no `ucschar`.
            '\u{80}'..='\u{9f}' | '\u{e000}'..='\u{f8ff}' | '\u{fff0}'.. => false,
            '\u{fdd0}'..='\u{fdef}' => false,
            c => !more.contains(c),
        };
        if keep {
            iri.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                iri.push_str(&format!("%{byte:02X}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pypi_goes_without_a_qualifier() {
        let purl = |origin: Origin| origin.purl("Foo_Bar", "1.0").unwrap().to_string();
        assert_eq!(
            purl(Origin::index("https://pypi.org/simple/")),
            "pkg:pypi/foo-bar@1.0"
        );
        assert_eq!(
            purl(Origin::index("https://me:secret@example.org/simple")),
            "pkg:pypi/foo-bar@1.0?repository_url=https:%2F%2Fexample.org%2Fsimple"
        );
        assert_eq!(
            purl(Origin::url("git+ssh://git@example.org/x.git@abc#egg=x")),
            "pkg:pypi/foo-bar@1.0?vcs_url=git%2Bssh:%2F%2Fexample.org%2Fx.git%40abc"
        );
        assert_eq!(
            purl(Origin::url("git+https://example.org/x")),
            "pkg:pypi/foo-bar@1.0?vcs_url=git%2Bhttps:%2F%2Fexample.org%2Fx"
        );
        assert_eq!(
            purl(Origin::url("https://t:p@example.org/a.whl#sha256=00")),
            "pkg:pypi/foo-bar@1.0?download_url=https:%2F%2Fexample.org%2Fa.whl"
        );
        assert_eq!(
            purl(Origin::url("FILE:///home/me/x")),
            "pkg:pypi/foo-bar@1.0?download_url=file:%2F%2F"
        );
    }

    #[test]
    fn references_are_valid_wherever_they_come_from() {
        for (given, wanted) in [
            ("https://h/#/#room:x", "https://h/#/%23room:x"),
            ("https://h:80/a b?c=[d]", "https://h:80/a%20b?c=%5Bd%5D"),
            ("https://h:port/100%", "https://h%3Aport/100%25"),
            ("a:b/%41%4", "a%3Ab/%41%254"),
            ("1x://h", "1x%3A//h"),
            ("https://h/\u{85}é", "https://h/%C2%85é"),
        ] {
            assert_eq!(iri(given), wanted);
        }
    }

    #[test]
    fn digests_are_checked() {
        let good = format!("sha256:{}", "aB".repeat(32));
        assert_eq!(hash(&good).unwrap().content, "ab".repeat(32));
        for bad in ["", "sha256:", "sha256:zz", "sha9:00", "sha512:00", "x"] {
            assert_eq!(hash(bad), None, "{bad} was taken");
        }
        let file = Distribution::new("https://u:p@h/a b.tar.gz?x", ["sha256:00", &good]);
        let reference = file.reference();
        assert_eq!(reference.url, "https://h/a%20b.tar.gz?x");
        assert_eq!(reference.kind, ReferenceKind::SourceDistribution);
        assert_eq!(reference.hashes.len(), 1);
    }
}
