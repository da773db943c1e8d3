//! What an artifact was built from, and what vouches for that.

use serde_json::Value;

use super::verdict::Backing;
use crate::statement::slsa::Provenance;
use crate::verify::Certificate;

/// The source of a build, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The repository's URL.
    pub repository: Option<String>,
    /// The branch or tag, as a full ref.
    pub reference: Option<String>,
    /// The commit.
    pub commit: Option<String>,
}

impl Source {
    /// As the certificate says: the signer could not choose it.
    pub fn certified(certificate: &Certificate) -> Self {
        Self {
            repository: certificate.source_repository.clone(),
            reference: certificate.source_ref.clone(),
            commit: certificate.source_digest.clone(),
        }
    }

    /// As the provenance states it: the workflow of GitHub's build types, the
    /// `source` of prov's own, or the first dependency that is a git commit.
    pub fn stated(provenance: &Provenance) -> Self {
        let definition = &provenance.build_definition;
        let parameter = |parent: &str, key: &str| {
            let value = definition.external_parameters.get(parent)?.get(key)?;
            value.as_str().filter(|text| !text.is_empty())
        };
        let dependency = definition
            .resolved_dependencies
            .iter()
            .find(|each| each.digest.contains_key("gitCommit"));
        let from_uri = |uri: &str| {
            let (repository, reference) = split_git_uri(uri);
            Self {
                repository: Some(repository.to_owned()),
                reference: reference.map(str::to_owned),
                commit: None,
            }
        };
        let mut source = dependency
            .and_then(|each| each.uri.as_deref())
            .map(from_uri)
            .unwrap_or_default();
        source.commit = dependency.and_then(|each| each.digest.get("gitCommit").cloned());
        if let Some(uri) = parameter("source", "uri") {
            let stated = from_uri(uri);
            source.repository = stated.repository;
            source.reference = stated.reference.or(source.reference);
        }
        if let Some(repository) = parameter("workflow", "repository") {
            source.repository = Some(repository.to_owned());
        }
        if let Some(reference) = parameter("workflow", "ref").or(parameter("source", "ref")) {
            source.reference = Some(reference.to_owned());
        }
        source
    }

    /// The first thing that both know and that differs.
    pub(super) fn contradicts(&self, other: &Self) -> Option<&'static str> {
        let differ = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
        if differ(&self.repository, &other.repository) {
            Some("repository")
        } else if differ(&self.commit, &other.commit) {
            Some("commit")
        } else {
            None
        }
    }
}

/// A source and what vouches for it.
#[derive(Clone, Debug)]
pub(super) struct Sourced {
    pub(super) source: Source,
    pub(super) backing: Backing,
}

/// Repository and ref of `git+https://host/owner/repository@ref` (SPDX v2.3,
/// §7.7, download location). A ref may hold an `@`, a repository's path does not.
pub(super) fn split_git_uri(uri: &str) -> (&str, Option<&str>) {
    let uri = uri.strip_prefix("git+").unwrap_or(uri);
    let path_start = uri.find("://").map_or(0, |at| {
        let authority = at + "://".len();
        uri[authority..]
            .find('/')
            .map_or(uri.len(), |slash| authority + slash)
    });
    match uri[path_start..].split_once('@') {
        Some((path, reference)) => (&uri[..path_start + path.len()], Some(reference)),
        None => (uri, None),
    }
}

/// The text of a JSON value that is set. Null and empty are unset (SLSA v1.2,
/// provenance, "Parsing rules"); what is no text never equals one.
pub(super) fn set_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
