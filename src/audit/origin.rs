//! Who built it, from which commit, by which workflow, on what and when.

use std::time::SystemTime;

use crate::policy::Backing;

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
