//! Does the provenance say what its signer's certificate says?
//!
//! The certificate's claims come from the platform, the provenance from the job
//! that signed. Every field that both carry is compared.

use serde_json::Value;

use super::source::{set_text, split_git_uri};
use crate::statement::slsa::Provenance;
use crate::verify::Certificate;

/// How a `builder.id` starts that names a runner of GitHub; the rest is its kind.
const GITHUB_RUNNER: &str = "https://github.com/actions/runner/";

/// A field of the provenance that differs from the certificate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contradiction {
    pub(super) field: &'static str,
    pub(super) stated: String,
    pub(super) certified: String,
}

/// How many fields were compared, and which of them differ. The arcs are those
/// of Fulcio's `docs/oid-info.md`, under `1.3.6.1.4.1.57264.1`.
pub(super) fn compare(
    provenance: &Provenance,
    certificate: &Certificate,
) -> (usize, Vec<Contradiction>) {
    let definition = &provenance.build_definition;
    let external = |key: &str| at(definition.external_parameters.get("workflow"), key);
    let internal = |key: &str| at(definition.internal_parameters.get("github"), key);
    let metadata = provenance.run_details.metadata.as_ref();
    let (dependency_commit, dependency_ref) = source_dependency(provenance, certificate);
    let config_path = config_path(certificate);
    // npm, and GitHub until 2024, name the kind of runner instead of the workflow.
    let builder = &provenance.run_details.builder.id;
    let runner = builder
        .strip_prefix(GITHUB_RUNNER)
        .filter(|_| certificate.identity.starts_with("https://github.com/"));
    let (builder, builder_certified) = match runner {
        Some(runner) => (runner, certificate.runner_environment.as_deref()),
        None => (builder.as_str(), Some(certificate.identity.as_str())),
    };
    let pairs: [(&'static str, Option<String>, Option<&str>); 11] = [
        // The SAN, which is also `.9`; or `.11`. It is always compared.
        (
            "builder.id",
            Some(builder.to_owned()),
            builder_certified.or(Some("unknown")),
        ),
        // `.12`, `.14`, `.18`
        (
            "externalParameters.workflow.repository",
            external("repository"),
            certificate.source_repository.as_deref(),
        ),
        (
            "externalParameters.workflow.ref",
            external("ref"),
            certificate.source_ref.as_deref(),
        ),
        (
            "externalParameters.workflow.path",
            external("path"),
            config_path,
        ),
        // `.20`, `.15`, `.17`, `.11`
        (
            "internalParameters.github.event_name",
            internal("event_name"),
            certificate.build_trigger.as_deref(),
        ),
        (
            "internalParameters.github.repository_id",
            internal("repository_id"),
            certificate.source_repository_id.as_deref(),
        ),
        (
            "internalParameters.github.repository_owner_id",
            internal("repository_owner_id"),
            certificate.source_owner_id.as_deref(),
        ),
        (
            "internalParameters.github.runner_environment",
            internal("runner_environment"),
            certificate.runner_environment.as_deref(),
        ),
        // `.13`, `.14`
        (
            "resolvedDependencies.digest.gitCommit",
            dependency_commit,
            certificate.source_digest.as_deref(),
        ),
        (
            "resolvedDependencies.uri",
            dependency_ref,
            certificate.source_ref.as_deref(),
        ),
        // `.21`
        (
            "metadata.invocationId",
            metadata
                .and_then(|metadata| metadata.invocation_id.clone())
                .filter(|id| !id.is_empty()),
            certificate.run_invocation_uri.as_deref(),
        ),
    ];
    let (mut compared, mut contradictions) = (0, Vec::new());
    for (field, stated, certified) in pairs {
        if let (Some(stated), Some(certified)) = (stated, certified) {
            compared += 1;
            if stated != certified {
                contradictions.push(Contradiction {
                    field,
                    stated,
                    certified: certified.to_owned(),
                });
            }
        }
    }
    (compared, contradictions)
}

fn at(parent: Option<&Value>, key: &str) -> Option<String> {
    set_text(parent?.get(key)?)
}

/// The path in `.18`, which is `<repository>/<path>@<ref>`. A ref may hold an
/// `@`, so both ends are cut off by what they are known to be.
fn config_path(certificate: &Certificate) -> Option<&str> {
    let uri = certificate.build_config_uri.as_deref()?;
    let (before, _) = match certificate.source_ref.as_deref() {
        Some(reference) => uri
            .strip_suffix(reference)
            .and_then(|rest| rest.strip_suffix('@'))
            .map(|before| (before, reference)),
        None => None,
    }
    .or_else(|| uri.split_once('@'))?;
    before
        .strip_prefix(certificate.source_repository.as_deref()?)?
        .strip_prefix('/')
}

/// Commit and ref of the first dependency that is the certificate's repository:
/// GitHub's build types list the source first.
fn source_dependency(
    provenance: &Provenance,
    certificate: &Certificate,
) -> (Option<String>, Option<String>) {
    let Some(repository) = certificate.source_repository.as_deref() else {
        return (None, None);
    };
    let dependencies = &provenance.build_definition.resolved_dependencies;
    let found = dependencies.iter().find_map(|each| {
        let (seen, reference) = split_git_uri(each.uri.as_deref()?);
        (seen == repository).then_some((each, reference))
    });
    found.map_or((None, None), |(each, reference)| {
        let commit = each.digest.get("gitCommit").or(each.digest.get("sha1"));
        (commit.cloned(), reference.map(str::to_owned))
    })
}
