//! Whom the policy trusts: SLSA's map from signer and builder to the highest
//! level that they can reach (SLSA v1.2, "Verifying artifacts", step 1).

use super::pattern::Pattern;
use super::summary::TrustedVerifier;
use super::{KeySource, Policy};
use crate::key::PublicKey;
use crate::verify::{Certificate, Signer, Transparency, Verified};

/// A `[[trust.builder]]`: a workflow that signs with a certificate.
#[derive(Clone, Debug)]
pub(super) struct TrustedBuilder {
    /// The OIDC issuer, exactly.
    pub(super) issuer: String,
    /// The workflow's URI without its ref, exactly.
    pub(super) signer: String,
    /// The refs of the workflow that count.
    pub(super) refs: Vec<Pattern>,
    /// The commits of the workflow that count.
    pub(super) digests: Vec<String>,
    /// The repository whose builds count. Anybody can call a reusable workflow.
    pub(super) repository: Option<Pattern>,
    /// The highest level that it can reach.
    pub(super) level: u8,
    /// The runner environment that is demanded.
    pub(super) runner: Option<&'static str>,
    /// Whether its signatures must be logged.
    pub(super) transparency: Transparency,
    pub(super) line: Option<usize>,
}

/// A `[[trust.key]]`, or a key from the command line.
#[derive(Clone, Debug)]
pub(super) struct TrustedSigner {
    pub(super) name: String,
    pub(super) source: KeySource,
    /// `None` until it is resolved, and then it trusts nobody.
    pub(super) key: Option<PublicKey>,
    pub(super) transparency: Transparency,
    /// The `builder.id` that its provenance must state.
    pub(super) builder: Option<String>,
    pub(super) line: Option<usize>,
}

/// The entry of the policy that trusts a signer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry<'a> {
    Builder(&'a TrustedBuilder, &'a Certificate),
    Key(&'a TrustedSigner),
}

impl Entry<'_> {
    pub(super) fn line(&self) -> Option<usize> {
        match self {
            Entry::Builder(builder, _) => builder.line,
            Entry::Key(key) => key.line,
        }
    }
}

/// Why a signer is not trusted.
#[derive(Debug)]
pub(super) struct Untrusted {
    pub(super) why: String,
    /// The line of the entry that nearly trusts it.
    pub(super) line: Option<usize>,
}

const UNLOGGED: &str = "its signature stands in no transparency log";

impl Policy {
    /// The first entry that trusts the signer of `evidence`.
    pub(super) fn entry<'a, T>(
        &'a self,
        evidence: &'a Verified<T>,
    ) -> Result<Entry<'a>, Untrusted> {
        match evidence.signer() {
            Signer::Key(key) => self.key_entry(key, evidence.logged()).map(Entry::Key),
            Signer::Certificate(certificate) => self
                .builder_entry(certificate, evidence.logged())
                .map(|builder| Entry::Builder(builder, certificate)),
        }
    }

    /// True when some entry trusts the holder of `certificate`, if its signature is
    /// logged, see [`Trust::with_known`](crate::verify::Trust::with_known).
    pub fn knows(&self, certificate: &Certificate) -> bool {
        let of_verifiers = self.verifiers.iter().filter_map(TrustedVerifier::builder);
        let mut builders = self.builders.iter().chain(of_verifiers);
        builders.any(|builder| {
            let entry = Entry::Builder(builder, certificate);
            builder.refuses(certificate, true).is_none() && self.elsewhere(&entry).is_none()
        })
    }

    fn key_entry(&self, key: &PublicKey, logged: bool) -> Result<&TrustedSigner, Untrusted> {
        let entry = self
            .keys
            .iter()
            .find(|entry| entry.key.as_ref() == Some(key));
        match entry {
            None => Err(Untrusted {
                why: "the policy trusts no such key".into(),
                line: None,
            }),
            Some(entry) => entry.admits(key, logged).map(|()| entry),
        }
    }

    fn builder_entry(
        &self,
        certificate: &Certificate,
        logged: bool,
    ) -> Result<&TrustedBuilder, Untrusted> {
        let mut nearest = None;
        for builder in &self.builders {
            match builder.refuses(certificate, logged) {
                None => return Ok(builder),
                // An entry that names this very workflow explains more.
                Some((why, true)) => {
                    nearest.get_or_insert(Untrusted {
                        why,
                        line: builder.line,
                    });
                }
                Some((_, false)) => {}
            }
        }
        Err(nearest.unwrap_or(Untrusted {
            why: "the policy trusts no such builder".into(),
            line: None,
        }))
    }
}

impl TrustedSigner {
    /// Whether a signature by `key` is one of this signer's.
    pub(super) fn admits(&self, key: &PublicKey, logged: bool) -> Result<(), Untrusted> {
        let refused = |why: &str, line| Untrusted {
            why: why.to_owned(),
            line,
        };
        if self.key.as_ref() != Some(key) {
            return Err(refused("the policy trusts no such key", None));
        }
        match self.transparency == Transparency::Required && !logged {
            true => Err(refused(UNLOGGED, self.line)),
            false => Ok(()),
        }
    }
}

impl TrustedBuilder {
    /// Why the certificate's holder is not this builder, and whether it at
    /// least is the same workflow.
    pub(super) fn refuses(
        &self,
        certificate: &Certificate,
        logged: bool,
    ) -> Option<(String, bool)> {
        if certificate.issuer != self.issuer {
            return Some(("another issuer".into(), false));
        }
        let identity = &certificate.identity;
        let Some(reference) = identity
            .strip_prefix(&self.signer)
            .and_then(|rest| rest.strip_prefix('@'))
        else {
            return Some(("another workflow".into(), false));
        };
        // Fulcio copies both from the same claim (`docs/oid-info.md`, `.9`).
        if let Some(uri) = certificate.build_signer_uri.as_ref()
            && uri != identity
        {
            let why = format!("its certificate names a second signer, `{uri}`");
            return Some((why, true));
        }
        let digest = certificate.build_signer_digest.as_deref();
        let by_ref = self.refs.iter().any(|wanted| wanted.matches(reference));
        let by_digest = digest.is_some_and(|seen| self.digests.iter().any(|each| each == seen));
        if !by_ref && !by_digest {
            let commit = digest.unwrap_or("unknown");
            let why = format!("the workflow's ref `{reference}` (commit {commit}) is not trusted");
            return Some((why, true));
        }
        if self.transparency == Transparency::Required && !logged {
            return Some((UNLOGGED.into(), true));
        }
        let seen = certificate.runner_environment.as_deref();
        if let Some(wanted) = self.runner
            && seen != Some(wanted)
        {
            let seen = seen.unwrap_or("unknown");
            let why = format!("it ran on the runner environment `{seen}`, wanted `{wanted}`");
            return Some((why, true));
        }
        let seen = certificate.source_repository.as_deref();
        if let Some(wanted) = &self.repository
            && !seen.is_some_and(|seen| wanted.matches(seen))
        {
            let seen = seen.unwrap_or("an unknown repository");
            let why = format!("it was called from `{seen}`, wanted `{wanted}`");
            return Some((why, true));
        }
        None
    }
}

/// The signer in words.
pub(super) fn describe(signer: &Signer) -> String {
    match signer {
        Signer::Key(key) => format!("key {}", key.id()),
        Signer::Certificate(certificate) if certificate.issuer.is_empty() => {
            format!("{} (no issuer)", certificate.identity)
        }
        Signer::Certificate(certificate) => {
            format!("{} (issuer {})", certificate.identity, certificate.issuer)
        }
    }
}
