//! Requirements as they are written (PEP 508): `name[extra] >=1 ; marker`.

use std::str::FromStr;

use pep440_rs::VersionSpecifiers;

use super::marker::{Marker, MarkerError};
use super::pythons::Pythons;
use super::resolution::{Dependency, Pick, When};
use crate::purl::normalize_python_name;

/// The longest requirement that is read.
pub const MAX_REQUIREMENT: usize = 32 << 10;

/// One requirement (PEP 508, grammar).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The name, as it is written.
    pub name: String,
    /// The extras that are asked for, normalised.
    pub extras: Vec<String>,
    /// The versions that are taken; none when a URL says which.
    pub versions: VersionSpecifiers,
    /// Where it comes from, when not from an index.
    pub url: Option<String>,
    /// When it is needed.
    pub marker: Option<Marker>,
}

impl Requirement {
    /// The version that it pins with `==` or `===`.
    pub fn pinned(&self) -> Option<String> {
        use pep440_rs::Operator::{Equal, ExactEqual};
        match &self.versions[..] {
            [only] if matches!(only.operator(), Equal | ExactEqual) => {
                Some(only.version().to_string())
            }
            _ => None,
        }
    }

    /// The dependency that it is for a product of these Pythons; none when its
    /// marker never holds there. An extra in its marker wins over `when`.
    pub fn dependency(&self, when: When, pythons: &Pythons) -> Option<Dependency> {
        let mut when = when;
        let mut holds = Some(true);
        if let Some(marker) = &self.marker {
            let extra = marker
                .asks("extra")
                .first()
                .map(|extra| (*extra).to_owned());
            holds = marker.holds(pythons, extra.as_deref());
            if let Some(extra) = extra {
                when = When::Extra(normalize_python_name(&extra));
            }
        }
        (holds != Some(false)).then(|| Dependency {
            name: normalize_python_name(&self.name),
            extras: self.extras.clone(),
            pick: match self.versions.is_empty() {
                true => Pick::Any,
                false => Pick::Range(self.versions.clone()),
            },
            conditional: holds != Some(true),
            when,
        })
    }
}

/// Why a text is no requirement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequirementError {
    /// Longer than [`MAX_REQUIREMENT`].
    #[error("a requirement of {size} bytes, more than {MAX_REQUIREMENT}")]
    TooLong {
        /// Bytes seen.
        size: usize,
    },
    /// Does not start with a name.
    #[error("`{0}` does not start with a project's name")]
    Name(String),
    /// An extra is malformed or its bracket is not closed.
    #[error("`{0}` has malformed extras")]
    Extras(String),
    /// The versions are malformed (PEP 440).
    #[error("`{0}` is no version specifier")]
    Versions(String),
    /// The marker is malformed.
    #[error(transparent)]
    Marker(#[from] MarkerError),
}

impl FromStr for Requirement {
    type Err = RequirementError;

    fn from_str(text: &str) -> Result<Self, RequirementError> {
        if text.len() > MAX_REQUIREMENT {
            return Err(RequirementError::TooLong { size: text.len() });
        }
        let text = text.trim();
        let end = text.find(|c: char| !is_name(c)).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let alphanumeric = |c: char| c.is_ascii_alphanumeric();
        if !name.starts_with(alphanumeric) || !name.ends_with(alphanumeric) {
            return Err(RequirementError::Name(text.chars().take(40).collect()));
        }
        let (extras, rest) = extras(rest.trim_start())?;
        let (url, versions, marker) = match rest.trim_start().strip_prefix('@') {
            // A URL may hold a semicolon; the one of a marker has a space before it.
            Some(rest) => match rest.trim_start().split_once(char::is_whitespace) {
                Some((url, rest)) => (Some(url), "", rest.trim_start().strip_prefix(';')),
                None => (Some(rest.trim()), "", None),
            },
            None => match rest.split_once(';') {
                Some((versions, marker)) => (None, versions, Some(marker)),
                None => (None, rest, None),
            },
        };
        Ok(Self {
            name: name.to_owned(),
            extras,
            versions: specifiers(versions)?,
            url: url.map(str::to_owned),
            marker: marker
                .filter(|marker| !marker.trim().is_empty())
                .map(str::parse)
                .transpose()?,
        })
    }
}

/// Version specifiers (PEP 440), with or without the parentheses of old metadata.
fn specifiers(text: &str) -> Result<VersionSpecifiers, RequirementError> {
    let text = text.trim();
    let inner = text
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'))
        .unwrap_or(text);
    match inner.trim() {
        "" | "*" => Ok(VersionSpecifiers::empty()),
        inner => VersionSpecifiers::from_str(inner)
            .map_err(|_| RequirementError::Versions(text.chars().take(80).collect())),
    }
}

fn extras(text: &str) -> Result<(Vec<String>, &str), RequirementError> {
    let Some(inner) = text.strip_prefix('[') else {
        return Ok((Vec::new(), text));
    };
    let bad = || RequirementError::Extras(text.chars().take(80).collect());
    let (inner, rest) = inner.split_once(']').ok_or_else(bad)?;
    let extras = inner
        .split(',')
        .map(str::trim)
        .filter(|extra| !extra.is_empty())
        .map(|extra| match extra.chars().all(is_name) {
            true => Ok(normalize_python_name(extra)),
            false => Err(bad()),
        });
    Ok((extras.collect::<Result<_, _>>()?, rest))
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_part_is_read() {
        let all: Requirement = "Foo.Bar [Socks_5, b] (>=1, <2) ; os_name == 'nt'"
            .parse()
            .unwrap();
        assert_eq!(all.name, "Foo.Bar");
        assert_eq!(all.extras, ["socks-5", "b"]);
        assert_eq!(all.versions.len(), 2);
        assert!(all.marker.is_some());
        let url: Requirement = "foo@https://example.org/a;b.whl ; os_name == 'nt'"
            .parse()
            .unwrap();
        assert_eq!(url.url.as_deref(), Some("https://example.org/a;b.whl"));
        assert!(url.marker.is_some());
        let pinned: Requirement = "foo==1.0".parse().unwrap();
        assert_eq!(pinned.pinned().as_deref(), Some("1.0"));
        let wild: Requirement = "foo==1.*".parse().unwrap();
        assert_eq!(wild.pinned(), None);
    }

    #[test]
    fn refuses_what_is_no_requirement() {
        for bad in [
            "", "-foo", "foo-", "[x]", "foo[x", "foo[a b]", "foo>=x", "foo; x",
        ] {
            assert!(bad.parse::<Requirement>().is_err(), "{bad} was taken");
        }
        let long = "a".repeat(MAX_REQUIREMENT + 1);
        assert!(matches!(
            long.parse::<Requirement>(),
            Err(RequirementError::TooLong { .. })
        ));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[a-z\\[\\]@;,<>=!~()'\" \\PC]{0,60}") {
            let _ = text.parse::<Requirement>();
        }
    }
}
