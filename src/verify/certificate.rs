//! What a verified Fulcio certificate says of its holder.

use sigstore_crypto::CertificateInfo;

/// The claims of a certificate that a trusted root vouches for. The issuer
/// copied them from the workload's identity token, so the workload could not
/// choose them (Fulcio, `docs/oid-info.md`; the arc is `1.3.6.1.4.1.57264.1`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The subject alternative name: a workflow's URI or an email address.
    pub identity: String,
    /// The OIDC issuer that vouched for the identity; empty when the certificate
    /// names none, as those of GitHub's releases do, and then no policy trusts it.
    pub issuer: String,
    /// `.9`: the workflow that signed, with its ref.
    pub build_signer_uri: Option<String>,
    /// `.10`: the commit of that workflow.
    pub build_signer_digest: Option<String>,
    /// `.11`: `github-hosted` or `self-hosted`.
    pub runner_environment: Option<String>,
    /// `.12`: the repository that was built.
    pub source_repository: Option<String>,
    /// `.13`: its commit.
    pub source_digest: Option<String>,
    /// `.14`: its ref.
    pub source_ref: Option<String>,
    /// `.15`: the provider's unchanging name of the repository.
    pub source_repository_id: Option<String>,
    /// `.17`: the provider's unchanging name of the owner.
    pub source_owner_id: Option<String>,
    /// `.18`: the workflow that was called first, with its ref.
    pub build_config_uri: Option<String>,
    /// `.19`: the commit of that workflow.
    pub build_config_digest: Option<String>,
    /// `.20`: the event, such as `push`.
    pub build_trigger: Option<String>,
    /// `.21`: the run.
    pub run_invocation_uri: Option<String>,
    /// `.22`: `public`, `private` or `internal`.
    pub visibility: Option<String>,
}

impl Certificate {
    /// `None` when it names no identity: such a certificate can be anybody's.
    pub(super) fn from_verified(info: &CertificateInfo) -> Option<Self> {
        let claims = &info.ci_claims;
        Some(Self {
            identity: info.identity.as_ref()?.as_str().to_owned(),
            issuer: info.issuer.clone().unwrap_or_default(),
            build_signer_uri: claims.build_signer_uri.clone(),
            build_signer_digest: claims.build_signer_digest.clone(),
            runner_environment: claims.runner_environment.clone(),
            source_repository: claims.source_repository_uri.clone(),
            source_digest: claims.source_repository_digest.clone(),
            source_ref: claims.source_repository_ref.clone(),
            source_repository_id: claims.source_repository_identifier.clone(),
            source_owner_id: claims.source_repository_owner_identifier.clone(),
            build_config_uri: claims.build_config_uri.clone(),
            build_config_digest: claims.build_config_digest.clone(),
            build_trigger: claims.build_trigger.clone(),
            run_invocation_uri: claims.run_invocation_uri.clone(),
            visibility: claims.source_repository_visibility_at_signing.clone(),
        })
    }
}
