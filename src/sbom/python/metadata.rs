//! Core metadata: `METADATA` of wheels and environments, `PKG-INFO` of sdists.
//!
//! The format is that of mail headers (PyPA specifications, core metadata).

use super::super::component::{Contact, ReferenceKind};
use super::super::license::{Acknowledgement, License, LicenseChoice};
use super::pythons::Pythons;
use super::requirement::Requirement;
use super::resolution::{Package, When};
use super::source::{iri, without_user};

/// The largest file of core metadata, in bytes.
pub const MAX_METADATA: u64 = 16 << 20;
/// The most header fields that are read.
pub const MAX_FIELDS: usize = 100_000;

/// Licence classifiers that mean one SPDX licence (PEP 639, mapping license
/// classifiers to SPDX identifiers). Those that could mean several, such as
/// `BSD License`, are not here: they stay names.
const CLASSIFIERS: &[(&str, &str)] = &[
    ("Academic Free License (AFL)", "AFL-3.0"),
    ("Apple Public Source License", "APSL-2.0"),
    ("Blue Oak Model License (BlueOak-1.0.0)", "BlueOak-1.0.0"),
    ("Boost Software License 1.0 (BSL-1.0)", "BSL-1.0"),
    (
        "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication",
        "CC0-1.0",
    ),
    ("CMU License (MIT-CMU)", "MIT-CMU"),
    ("Eclipse Public License 1.0 (EPL-1.0)", "EPL-1.0"),
    ("Eclipse Public License 2.0 (EPL-2.0)", "EPL-2.0"),
    ("European Union Public Licence 1.1 (EUPL 1.1)", "EUPL-1.1"),
    ("European Union Public Licence 1.2 (EUPL 1.2)", "EUPL-1.2"),
    ("GNU Affero General Public License v3", "AGPL-3.0-only"),
    (
        "GNU Affero General Public License v3 or later (AGPLv3+)",
        "AGPL-3.0-or-later",
    ),
    ("GNU General Public License v2 (GPLv2)", "GPL-2.0-only"),
    (
        "GNU General Public License v2 or later (GPLv2+)",
        "GPL-2.0-or-later",
    ),
    ("GNU General Public License v3 (GPLv3)", "GPL-3.0-only"),
    (
        "GNU General Public License v3 or later (GPLv3+)",
        "GPL-3.0-or-later",
    ),
    (
        "GNU Lesser General Public License v2 (LGPLv2)",
        "LGPL-2.0-only",
    ),
    (
        "GNU Lesser General Public License v2 or later (LGPLv2+)",
        "LGPL-2.0-or-later",
    ),
    (
        "GNU Lesser General Public License v3 (LGPLv3)",
        "LGPL-3.0-only",
    ),
    (
        "GNU Lesser General Public License v3 or later (LGPLv3+)",
        "LGPL-3.0-or-later",
    ),
    ("Historical Permission Notice and Disclaimer (HPND)", "HPND"),
    ("ISC License (ISCL)", "ISC"),
    ("MIT License", "MIT"),
    ("MIT No Attribution License (MIT-0)", "MIT-0"),
    ("Mozilla Public License 1.0 (MPL)", "MPL-1.0"),
    ("Mozilla Public License 1.1 (MPL 1.1)", "MPL-1.1"),
    ("Mozilla Public License 2.0 (MPL 2.0)", "MPL-2.0"),
    (
        "Mulan Permissive Software License v2 (MulanPSL-2.0)",
        "MulanPSL-2.0",
    ),
    ("PostgreSQL License", "PostgreSQL"),
    ("Python Software Foundation License", "PSF-2.0"),
    ("The Unlicense (Unlicense)", "Unlicense"),
    ("Universal Permissive License (UPL)", "UPL-1.0"),
    ("University of Illinois/NCSA Open Source License", "NCSA"),
    ("Zope Public License", "ZPL-2.1"),
    ("zlib/libpng License", "Zlib"),
];

/// One project's core metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `Name`.
    pub name: String,
    /// `Version`.
    pub version: String,
    /// `Summary`.
    pub summary: Option<String>,
    /// What `License-Expression`, `License` and the classifiers say.
    pub licenses: Vec<LicenseChoice>,
    /// `Author`, `Author-email` and their like.
    pub authors: Vec<Contact>,
    /// `Requires-Python`.
    pub requires_python: Option<String>,
    /// `Requires-Dist`.
    pub requires: Vec<Requirement>,
    /// What stands in `Requires-Dist` and is no requirement.
    pub not_understood: Vec<String>,
    /// `Home-page` and `Project-URL`.
    pub pages: Vec<(ReferenceKind, String)>,
}

/// Why a text is no core metadata.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// A field that every version of the specification demands is missing.
    #[error("core metadata without `{0}`")]
    Missing(&'static str),
    /// More fields than [`MAX_FIELDS`].
    #[error("core metadata of more than {MAX_FIELDS} fields")]
    TooMany,
}

impl Metadata {
    /// Reads the header; the body after the first empty line is a description.
    pub fn parse(text: &str) -> Result<Self, MetadataError> {
        let mut metadata = Self::default();
        let (mut expression, mut license, mut classifiers) = (None, None, Vec::new());
        for (name, value) in fields(text)? {
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                _ if value.is_empty() || value == "UNKNOWN" => {}
                "name" => metadata.name = value.to_owned(),
                "version" => metadata.version = value.to_owned(),
                "summary" => metadata.summary = value.lines().next().map(str::to_owned),
                "requires-python" => metadata.requires_python = Some(value.to_owned()),
                "license-expression" => expression = Some(value.to_owned()),
                "license" => license = Some(value.to_owned()),
                "classifier" => classifiers.push(value.to_owned()),
                "author" | "maintainer" | "author-email" | "maintainer-email" => {
                    metadata.authors.extend(contacts(value, name.contains('-')));
                }
                "requires-dist" => match value.parse() {
                    Ok(requirement) => metadata.requires.push(requirement),
                    Err(_) => metadata.not_understood.push(value.to_owned()),
                },
                "home-page" => metadata.page(ReferenceKind::Website, value),
                "project-url" => {
                    if let Some((label, url)) = value.split_once(',') {
                        metadata.page(page_kind(label), url.trim());
                    }
                }
                _ => {}
            }
        }
        if metadata.name.is_empty() {
            return Err(MetadataError::Missing("Name"));
        }
        if metadata.version.is_empty() {
            return Err(MetadataError::Missing("Version"));
        }
        metadata.licenses = licenses(expression.as_deref(), license.as_deref(), &classifiers);
        Ok(metadata)
    }

    fn page(&mut self, kind: ReferenceKind, url: &str) {
        self.pages.extend(page(kind, url));
    }

    /// The Pythons that it takes.
    pub fn pythons(&self) -> Pythons {
        let text = self.requires_python.as_deref();
        text.map(Pythons::of).unwrap_or_default()
    }

    /// The package that it describes, with what it requires on these Pythons.
    pub fn package(&self, pythons: &Pythons) -> Package {
        let requires = self.requires.iter();
        Package {
            name: self.name.clone(),
            version: Some(self.version.clone()),
            description: self.summary.clone(),
            licenses: self.licenses.clone(),
            authors: self.authors.clone(),
            pages: self.pages.clone(),
            requires: Some(
                requires
                    .filter_map(|each| each.dependency(When::Always, pythons))
                    .collect(),
            ),
            ..Package::default()
        }
    }
}

/// What the authors declare, the most exact first: an expression (PEP 639), a
/// `License` that is one, classifiers that mean one licence, and only then names.
pub fn licenses(
    expression: Option<&str>,
    license: Option<&str>,
    classifiers: &[String],
) -> Vec<LicenseChoice> {
    if let Some(expression) = expression.and_then(LicenseChoice::declared) {
        return vec![expression];
    }
    let license = license.and_then(|text| match text.contains('\n') {
        true => None,
        false => LicenseChoice::declared(text),
    });
    if let Some(license @ LicenseChoice::Expression { .. }) = license {
        return vec![license];
    }
    let names: Vec<&str> = classifiers
        .iter()
        .filter(|classifier| classifier.starts_with("License ::"))
        .filter_map(|classifier| classifier.rsplit("::").next())
        .map(str::trim)
        .filter(|name| *name != "OSI Approved")
        .collect();
    let known = |name: &str| {
        let found = CLASSIFIERS.iter().find(|(known, _)| *known == name);
        found.map(|(_, id)| *id)
    };
    let exact: Vec<LicenseChoice> = names
        .iter()
        .filter_map(|name| known(name))
        .map(id)
        .collect();
    match license {
        // All of them are exact, or there is nothing better.
        _ if !exact.is_empty() && exact.len() == names.len() => exact,
        Some(license) => vec![license],
        None => names
            .iter()
            .filter_map(|name| {
                known(name)
                    .map(id)
                    .or_else(|| LicenseChoice::declared(name))
            })
            .collect(),
    }
}

fn id(id: &str) -> LicenseChoice {
    LicenseChoice::License {
        license: License {
            id: Some(id.to_owned()),
            acknowledgement: Some(Acknowledgement::Declared),
            ..License::default()
        },
    }
}

/// The people of one field. Addresses come in a list of mail's kind
/// (core metadata, `Author-email`).
fn contacts(value: &str, addresses: bool) -> Vec<Contact> {
    let bare = |text: &str| addresses && text.contains('@') && !text.contains('<');
    value
        .split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(|text| match bare(text) {
            true => Contact::parse(&format!("<{text}>")),
            false => Contact::parse(text.trim_matches('"')),
        })
        .filter(|contact| contact.name.is_some() || contact.email.is_some())
        .collect()
}

/// A page of a project; only what a browser opens is one.
pub fn page(kind: ReferenceKind, url: &str) -> Option<(ReferenceKind, String)> {
    let web = url.starts_with("https://") || url.starts_with("http://");
    (web && !url.contains(|c: char| c.is_whitespace() || c.is_control()))
        .then(|| (kind, iri(&without_user(url))))
}

/// What a page is, by its label (PyPA specifications, well-known project URLs).
pub fn page_kind(label: &str) -> ReferenceKind {
    let label: String = label
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    match label.as_str() {
        "homepage" => ReferenceKind::Website,
        "source" | "repository" | "sourcecode" | "github" => ReferenceKind::Vcs,
        "changelog" | "changes" | "whatsnew" | "history" | "releasenotes" => {
            ReferenceKind::ReleaseNotes
        }
        "documentation" | "docs" => ReferenceKind::Documentation,
        "issues" | "bugs" | "issue" | "tracker" | "issuetracker" | "bugtracker" => {
            ReferenceKind::IssueTracker
        }
        _ => ReferenceKind::Other,
    }
}

/// The header's fields; a line that starts with a space belongs to the one before.
fn fields(text: &str) -> Result<Vec<(&str, String)>, MetadataError> {
    let mut fields: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name, value.to_owned()));
            if fields.len() > MAX_FIELDS {
                return Err(MetadataError::TooMany);
            }
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read_and_the_body_is_not() {
        let metadata = Metadata::parse(
            "Metadata-Version: 2.4\nName: Foo.Bar\nVersion: 1.0\nSummary: UNKNOWN\n\
             License-Expression: MIT\nAuthor-email: Ada <ada@example.org>, bob@example.org\n\
             Project-URL: Issue Tracker, https://example.org/issues\n\
             Project-URL: Home, javascript:alert(1)\n\
             Requires-Dist: idna (>=2)\nRequires-Dist: !\n\
             Requires-Dist: socksio; extra == 'socks'\n\nName: other\n",
        )
        .unwrap();
        assert_eq!(metadata.name, "Foo.Bar");
        assert_eq!(metadata.summary, None);
        assert_eq!(metadata.authors.len(), 2);
        assert_eq!(
            metadata.authors[1].email.as_deref(),
            Some("bob@example.org")
        );
        assert_eq!(metadata.pages.len(), 1);
        assert_eq!(metadata.pages[0].0, ReferenceKind::IssueTracker);
        assert_eq!(metadata.not_understood, ["!"]);
        let requires = metadata.package(&Pythons::default()).requires.unwrap();
        assert_eq!(requires[1].when, When::Extra("socks".into()));
        assert!(!requires[1].conditional);
    }

    #[test]
    fn the_most_exact_licence_wins() {
        let shown = |expression, license, classifiers: &[&str]| {
            let classifiers: Vec<String> = classifiers
                .iter()
                .map(|each| format!("License :: OSI Approved :: {each}"))
                .collect();
            licenses(expression, license, &classifiers)
                .into_iter()
                .map(|each| match each {
                    LicenseChoice::Expression { expression, .. } => expression,
                    LicenseChoice::License { license } => {
                        license.id.unwrap_or_else(|| license.name.unwrap())
                    }
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(
            shown(Some("MIT"), Some("BSD"), &["ISC License (ISCL)"]),
            ["MIT"]
        );
        assert_eq!(
            shown(None, Some("BSD-3-Clause"), &["BSD License"]),
            ["BSD-3-Clause"]
        );
        assert_eq!(shown(None, Some("Dual"), &["MIT License"]), ["MIT"]);
        assert_eq!(
            shown(None, Some("My terms"), &["BSD License"]),
            ["My terms"]
        );
        assert_eq!(shown(None, None, &["BSD License"]), ["BSD License"]);
        assert_eq!(shown(None, Some("line\nline"), &["MIT License"]), ["MIT"]);
        assert!(shown(None, None, &[]).is_empty());
        for (_, id) in CLASSIFIERS {
            assert!(spdx::license_id(id).is_some(), "{id} is no SPDX identifier");
        }
    }

    #[test]
    fn refuses_what_is_no_metadata() {
        assert_eq!(Metadata::parse(""), Err(MetadataError::Missing("Name")));
        assert_eq!(
            Metadata::parse("Name: x\n"),
            Err(MetadataError::Missing("Version"))
        );
        let many = "X: y\n".repeat(MAX_FIELDS + 1);
        assert_eq!(Metadata::parse(&many), Err(MetadataError::TooMany));
    }
}
