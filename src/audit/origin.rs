//! Who built it, from which commit, by which workflow, on what and when.

use std::time::SystemTime;

use serde::Deserialize as _;
use serde_json::{Map, Value};

use crate::policy::{Backing, Source};
use crate::statement::Statement;
use crate::statement::slsa::Provenance;
use crate::verify::{Certificate, Signer, Verified};

/// A fact, and what vouches for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What is said.
    pub value: String,
    /// Who says so: the certificate, a key, or only the signed document.
    pub backing: Backing,
}

/// Where an artifact comes from. A fact that nothing states is `None`; where the
/// certificate and the document both state one, it is the certificate's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Whether the policy trusts who signed it; `None` when there was no policy.
    pub trusted: Option<bool>,
    /// Who signed the provenance: a workflow's URI, an e-mail address or a key's id.
    pub signer: Option<Fact>,
    /// Who vouches for the signer's identity.
    pub issuer: Option<Fact>,
    /// `builder.id`.
    pub builder: Option<Fact>,
    /// The build type's URI.
    pub build_type: Option<Fact>,
    /// The source repository.
    pub repository: Option<Fact>,
    /// The commit that was built.
    pub commit: Option<Fact>,
    /// The branch or tag.
    pub reference: Option<Fact>,
    /// The workflow that was called first.
    pub workflow: Option<Fact>,
    /// What set it off, such as `push`.
    pub trigger: Option<Fact>,
    /// `github-hosted`, `self-hosted`, …
    pub runner: Option<Fact>,
    /// The page of the run.
    pub run: Option<Fact>,
    /// When the signature is known to have existed, by a log or a timestamp
    /// authority; the earliest.
    pub signed: Option<SystemTime>,
    /// When the build ended, as the document states it.
    pub built: Option<Fact>,
}

impl Fact {
    fn certified(value: &Option<String>) -> Option<Self> {
        Self::backed(value.clone()?, Backing::Certificate)
    }

    fn stated(value: Option<&str>) -> Option<Self> {
        Self::backed(value?.to_owned(), Backing::Stated)
    }

    fn backed(value: String, backing: Backing) -> Option<Self> {
        (!value.is_empty()).then_some(Self { value, backing })
    }
}

impl Origin {
    /// What a genuine provenance and its signer's certificate say.
    pub(super) fn of(evidence: &Verified<Statement>, trusted: Option<bool>) -> Self {
        // What can't be read states nothing; the policy says that it can't be read.
        let provenance = Provenance::deserialize(&evidence.value().predicate).unwrap_or_default();
        let stated = Self::stated(&provenance);
        let signed = evidence.times().iter().min().copied();
        let certified = match evidence.signer() {
            Signer::Certificate(certificate) => Self::certified(certificate),
            Signer::Key(key) => Self {
                signer: Fact::backed(key.id().to_string(), Backing::Key),
                ..Self::default()
            },
        };
        Self {
            trusted,
            signer: certified.signer,
            issuer: certified.issuer,
            builder: certified.builder.or(stated.builder),
            build_type: stated.build_type,
            repository: certified.repository.or(stated.repository),
            commit: certified.commit.or(stated.commit),
            reference: certified.reference.or(stated.reference),
            workflow: certified.workflow.or(stated.workflow),
            trigger: certified.trigger.or(stated.trigger),
            runner: certified.runner.or(stated.runner),
            run: certified.run.or(stated.run),
            signed,
            built: stated.built,
        }
    }

    /// The signer could not choose any of it.
    fn certified(certificate: &Certificate) -> Self {
        Self {
            signer: Fact::certified(&Some(certificate.identity.clone())),
            issuer: Fact::certified(&Some(certificate.issuer.clone())),
            builder: Fact::certified(&certificate.build_signer_uri),
            repository: Fact::certified(&certificate.source_repository),
            commit: Fact::certified(&certificate.source_digest),
            reference: Fact::certified(&certificate.source_ref),
            workflow: Fact::certified(&certificate.build_config_uri),
            trigger: Fact::certified(&certificate.build_trigger),
            runner: Fact::certified(&certificate.runner_environment),
            run: Fact::certified(&certificate.run_invocation_uri),
            ..Self::default()
        }
    }

    fn stated(provenance: &Provenance) -> Self {
        let definition = &provenance.build_definition;
        let internal = |key| text(&definition.internal_parameters, "github", key);
        let metadata = provenance.run_details.metadata.as_ref();
        let source = Source::stated(provenance);
        Self {
            builder: Fact::stated(Some(&provenance.run_details.builder.id)),
            build_type: Fact::stated(Some(&definition.build_type)),
            repository: Fact::stated(source.repository.as_deref()),
            commit: Fact::stated(source.commit.as_deref()),
            reference: Fact::stated(source.reference.as_deref()),
            workflow: Fact::stated(text(&definition.external_parameters, "workflow", "path")),
            trigger: Fact::stated(internal("event_name")),
            runner: Fact::stated(internal("runner_environment")),
            run: Fact::stated(metadata.and_then(|it| it.invocation_id.as_deref())),
            built: Fact::stated(metadata.and_then(|it| it.finished_on.as_deref())),
            ..Self::default()
        }
    }
}

fn text<'a>(parameters: &'a Map<String, Value>, parent: &str, key: &str) -> Option<&'a str> {
    parameters.get(parent)?.get(key)?.as_str()
}
