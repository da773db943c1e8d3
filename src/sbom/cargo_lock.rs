//! `Cargo.lock`, versions 1 to 4 (The Cargo Book, Cargo.toml vs Cargo.lock).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::SbomError;
use super::tree::Tree;
use crate::purl::{Purl, PurlError};

/// The newest format that is understood.
pub const NEWEST_LOCK: u32 = 4;

/// Every package that a lock file resolves.
#[derive(Debug)]
pub struct Lock {
    /// The packages, as the file orders them.
    pub packages: Vec<Locked>,
    /// The version of the format.
    pub version: u32,
}

/// One resolved package.
#[derive(Debug)]
pub struct Locked {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it comes from.
    pub source: Source,
    /// The SHA-256 of its `.crate` file.
    pub checksum: Option<String>,
    /// Places of its dependencies in [`Lock::packages`].
    pub dependencies: Vec<usize>,
    /// Dependencies that no package answers to.
    pub unresolved: Vec<String>,
}

/// Where a package comes from (The Cargo Book, Package ID Specifications).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A folder: the lock file does not say which.
    Path,
    /// The registry that Cargo uses unless told otherwise.
    CratesIo,
    /// Another registry, by the URL of its index.
    Registry(String),
    /// A repository, by its URL without query, and a commit.
    Git {
        /// The URL.
        url: String,
        /// The commit.
        commit: String,
    },
}

impl Source {
    fn parse(text: Option<&str>) -> Self {
        let Some((kind, url)) = text.and_then(|text| text.split_once('+')) else {
            return Source::Path;
        };
        let url = without_user(url);
        match kind {
            "path" => Source::Path,
            "git" => {
                let (url, commit) = url.rsplit_once('#').unwrap_or((&url, ""));
                Source::Git {
                    url: url.split('?').next().unwrap_or(url).to_owned(),
                    commit: commit.to_owned(),
                }
            }
            _ => match url.trim_end_matches('/') {
                "https://github.com/rust-lang/crates.io-index" | "https://index.crates.io" => {
                    Source::CratesIo
                }
                url => Source::Registry(url.to_owned()),
            },
        }
    }

    /// The package URL of a crate of this source (purl type `cargo`). Only what
    /// is on crates.io goes without a qualifier: a path crate is not the
    /// registry's crate of the same name. `folder` is where a path crate lies;
    /// it is written as the CycloneDX project's own tool for Cargo writes it.
    pub fn purl(&self, name: &str, version: &str, folder: Option<&str>) -> Result<Purl, PurlError> {
        let purl = Purl::cargo(name, version)?;
        Ok(match self {
            Source::CratesIo => purl,
            Source::Registry(url) => purl.with("repository_url", url),
            Source::Git { url, commit } if commit.is_empty() => {
                purl.with("vcs_url", &format!("git+{url}"))
            }
            Source::Git { url, commit } => purl.with("vcs_url", &format!("git+{url}@{commit}")),
            Source::Path => {
                let folder = match folder {
                    Some("") => ".",
                    Some(folder) => folder,
                    None => "",
                };
                purl.with("download_url", &format!("file://{folder}"))
            }
        })
    }
}

/// A URL may carry a password, which belongs in no document.
fn without_user(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (host, path) = rest.split_at(end);
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        None => url.to_owned(),
    }
}

#[derive(Deserialize)]
struct File {
    version: Option<u32>,
    #[serde(default)]
    package: Vec<Entry>,
    /// The product of the oldest files.
    root: Option<Entry>,
    /// Checksums of version 1.
    #[serde(default)]
    metadata: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Lock {
    /// Reads a lock file.
    pub fn read(tree: &Tree, path: &str) -> Result<Self, SbomError> {
        let file: File = tree.toml(path)?;
        Ok(Self::of(file))
    }

    fn of(mut file: File) -> Self {
        file.package.extend(file.root.take());
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, entry) in file.package.iter().enumerate() {
            by_name.entry(&entry.name).or_default().push(index);
        }
        let find = |written: &str| {
            let mut words = written.splitn(3, ' ');
            let (name, version, source) = (words.next()?, words.next(), words.next());
            let source = source.map(|text| text.trim_matches(['(', ')']));
            let mut found = by_name.get(name)?.iter().copied().filter(|index| {
                file.package.get(*index).is_some_and(|entry| {
                    version.is_none_or(|version| entry.version == version)
                        && source.is_none_or(|source| entry.source.as_deref() == Some(source))
                })
            });
            // Cargo writes as much as tells the package apart: two are none.
            found.next().filter(|_| found.next().is_none())
        };
        let packages = file
            .package
            .iter()
            .map(|entry| {
                let (mut dependencies, mut unresolved) = (Vec::new(), Vec::new());
                for written in &entry.dependencies {
                    match find(written) {
                        Some(index) => dependencies.push(index),
                        None => unresolved.push(written.clone()),
                    }
                }
                let checksum = entry.checksum.clone().or_else(|| {
                    let source = entry.source.as_deref()?;
                    let key = format!("checksum {} {} ({source})", entry.name, entry.version);
                    Some(file.metadata.get(&key)?.as_str()?.to_owned())
                });
                Locked {
                    name: entry.name.clone(),
                    version: entry.version.clone(),
                    source: Source::parse(entry.source.as_deref()),
                    checksum,
                    dependencies,
                    unresolved,
                }
            })
            .collect();
        Self {
            packages,
            // Versions 1 and 2 do not name themselves.
            version: file.version.unwrap_or(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_no_password_and_no_query() {
        let git = "git+https://me:secret@example.org/x?branch=a%2Fb#0123abcd";
        let purl = Source::parse(Some(git)).purl("x", "1.0.0", None).unwrap();
        assert_eq!(
            purl.qualifier("vcs_url"),
            Some("git+https://example.org/x@0123abcd")
        );
        for crates_io in [
            "registry+https://github.com/rust-lang/crates.io-index",
            "sparse+https://index.crates.io/",
        ] {
            assert_eq!(Source::parse(Some(crates_io)), Source::CratesIo);
        }
    }

    #[test]
    fn only_crates_of_crates_io_go_without_a_qualifier() {
        for (source, wanted) in [
            (None, "pkg:cargo/x@1.0.0?download_url=file:%2F%2Fa%2Fx"),
            (
                Some("sparse+https://example.org/index/"),
                "pkg:cargo/x@1.0.0?repository_url=https:%2F%2Fexample.org%2Findex",
            ),
        ] {
            let purl = Source::parse(source).purl("x", "1.0.0", Some("a/x"));
            assert_eq!(purl.unwrap().to_string(), wanted);
        }
    }
}
