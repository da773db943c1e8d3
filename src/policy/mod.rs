//! Policy: which evidence is enough.
//!
//! A [`Policy`] is read from a closed TOML format (`docs/policy.md`) or made
//! for one key. It says whom it trusts and what it expects;
//! [`Policy::judge`] looks at what `verify` found genuine and answers with a
//! [`Verdict`]. Pure: time and keys are arguments.

use std::fmt;

use crate::key::PublicKey;
use crate::statement::SLSA_PROVENANCE_V1;
use crate::verify::{Transparency, TrustedKey};

mod component;
mod consistency;
mod custom;
mod embedded;
mod error;
mod exception;
mod expectation;
mod expression;
mod facts;
mod judge;
mod level;
mod parse;
mod pattern;
mod reader;
mod rule;
mod sbom;
mod signature;
mod source;
mod subject;
mod summary;
mod trust;
mod verdict;
mod version_range;
mod window;

#[cfg(test)]
mod tests;

pub use embedded::embedded;
pub use error::{PolicyError, PolicyErrors};
pub use parse::MAX_POLICY;
pub use rule::Rule;
pub use source::Source;
pub use verdict::{Attested, Backing, Finding, Outcome, Refusal, Verdict};

use custom::CustomRule;
use exception::Exception;
use pattern::Pattern;
use sbom::SbomRules;
use subject::ArtifactRules;
use summary::{TrustedVerifier, VerifierIdentity};
use trust::{TrustedBuilder, TrustedSigner};
use window::Window;

/// `schema` of the policy files that this version reads.
pub const SCHEMA: &str = "prov.policy/v1";

/// The name of a key that was given on the command line.
const GIVEN_KEY: &str = "the key given with --key";

/// Whom to trust, and what to expect of an artifact.
#[derive(Clone, Debug)]
pub struct Policy {
    name: String,
    builders: Vec<TrustedBuilder>,
    keys: Vec<TrustedSigner>,
    verifiers: Vec<TrustedVerifier>,
    repository: Option<Wanted<Pattern>>,
    refs: Option<Wanted<Vec<Pattern>>>,
    min_level: Wanted<u8>,
    build_types: Option<Wanted<Vec<String>>>,
    external_parameters: Option<Wanted<Vec<String>>>,
    require: Vec<Wanted<String>>,
    signature: Option<Wanted<()>>,
    artifact: ArtifactRules,
    window: Window,
    sbom: Option<SbomRules>,
    custom: Vec<CustomRule>,
    exceptions: Vec<Exception>,
}

/// Something that the policy asks for, and the line that asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted<T> {
    value: T,
    line: Option<usize>,
}

impl<T> Wanted<T> {
    /// What holds without a line that says so.
    fn unwritten(value: T) -> Self {
        Self { value, line: None }
    }
}

/// Where the public key of a `[[trust.key]]` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// In the policy itself.
    Inline(PublicKey),
    /// In a PEM file; a relative path starts at the policy file.
    File(String),
    /// The public half of the key that lived for the build of this binary.
    BuildKey,
    /// On the command line.
    Given(PublicKey),
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeySource::Inline(key) | KeySource::Given(key) => write!(f, "{}", key.id()),
            KeySource::File(path) => write!(f, "`{path}`"),
            KeySource::BuildKey => f.write_str("the build key of this binary"),
        }
    }
}

impl Policy {
    /// Reads a policy file of at most [`MAX_POLICY`] bytes. All that is wrong
    /// with it is told at once.
    pub fn parse(text: &str) -> Result<Self, PolicyErrors> {
        parse::policy(text)
    }

    /// The policy for when there is none but a key: SLSA provenance by that key
    /// which binds the artifact's digest, so SLSA Build L1.
    pub fn for_key(key: PublicKey, transparency: Transparency) -> Self {
        Self::demanding_provenance(GIVEN_KEY.to_owned()).with_key(key, transparency)
    }

    /// What every policy wants that says nothing else. It trusts nobody.
    fn demanding_provenance(name: String) -> Self {
        Self {
            name,
            builders: Vec::new(),
            keys: Vec::new(),
            verifiers: Vec::new(),
            repository: None,
            refs: None,
            min_level: Wanted::unwritten(1),
            build_types: None,
            external_parameters: None,
            require: vec![Wanted::unwritten(SLSA_PROVENANCE_V1.to_owned())],
            signature: None,
            artifact: ArtifactRules::default(),
            window: Window::default(),
            sbom: None,
            custom: Vec::new(),
            exceptions: Vec::new(),
        }
    }

    /// Also trusts a key that was given on the command line, up to level 1. A
    /// key that the policy trusts already keeps what the policy says of it.
    pub fn with_key(mut self, key: PublicKey, transparency: Transparency) -> Self {
        self.keys.push(TrustedSigner {
            name: GIVEN_KEY.to_owned(),
            source: KeySource::Given(key.clone()),
            key: Some(key),
            transparency,
            builder: None,
            line: None,
        });
        self
    }

    /// Looks up the keys that are named and not written in the policy. `None`
    /// from `resolve` says that there is no such key, and then its entry trusts
    /// nobody; so does every entry before this was called.
    pub fn resolve_keys<E>(
        &mut self,
        mut resolve: impl FnMut(&KeySource) -> Result<Option<PublicKey>, E>,
    ) -> Result<(), E> {
        let verifiers = self.verifiers.iter_mut();
        let of_verifiers = verifiers.filter_map(|verifier| match &mut verifier.identity {
            VerifierIdentity::Key(entry) => Some(entry),
            VerifierIdentity::Builder(_) => None,
        });
        for entry in self.keys.iter_mut().chain(of_verifiers) {
            if matches!(entry.source, KeySource::File(_) | KeySource::BuildKey) {
                entry.key = resolve(&entry.source)?;
            }
        }
        Ok(())
    }

    /// The keys to verify signatures with, see [`Trust::keys`](crate::verify::Trust::keys).
    pub fn trusted_keys(&self) -> Vec<TrustedKey> {
        let of_verifiers = self.verifiers.iter().filter_map(TrustedVerifier::key);
        let known = self.keys.iter().chain(of_verifiers).filter_map(|entry| {
            Some(TrustedKey {
                key: entry.key.clone()?,
                transparency: entry.transparency,
            })
        });
        known.collect()
    }

    /// Whether a certificate's signature must stand in a log before it is looked at
    /// at all, see [`Trust::with_certificates`](crate::verify::Trust::with_certificates):
    /// it need not as soon as one builder's need not, and then each builder is
    /// judged by what its own entry says.
    pub fn certificates(&self) -> Transparency {
        let unlogged = |builder: &TrustedBuilder| builder.transparency == Transparency::NotRequired;
        let of_verifiers = self.verifiers.iter().filter_map(TrustedVerifier::builder);
        match self.builders.iter().chain(of_verifiers).any(unlogged) {
            true => Transparency::NotRequired,
            false => Transparency::Required,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}
