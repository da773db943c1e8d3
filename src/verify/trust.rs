//! What signatures are checked against: keys, and a Sigstore trusted root.

use std::time::{Duration, SystemTime};

use sigstore_trust_root::{
    SIGSTORE_PRODUCTION_TRUSTED_ROOT, SIGSTORE_STAGING_TRUSTED_ROOT, TrustedRoot,
};
use sigstore_verify::Verifier;

use super::Certificate;
use crate::key::PublicKey;

/// The largest trusted root that is read, in bytes.
pub const MAX_ROOT: u64 = 4 << 20;

/// The most trusted roots that are tried.
pub const MAX_ROOTS: usize = 16;
/// About how many bytes of memory statements may take that are signed with certificates
/// of strangers: anybody can buy one.
pub const MAX_STRANGE: usize = 24 << 20;
/// How far a trusted authority's clock may be ahead of the verifier's.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Whether a signature must also stand in a transparency log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transparency {
    /// A log entry that a trusted log vouches for. Misuse can be seen.
    #[default]
    Required,
    /// The signature alone is enough, and nobody can see a misuse. For keys that
    /// live for one build, and air gaps: nobody can tell when they signed, or how
    /// often. For certificates of an instance without logs, such as GitHub's own: a
    /// trusted timestamp must still show that the certificate was valid.
    NotRequired,
}

/// A key that signatures are accepted from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    /// The key.
    pub key: PublicKey,
    /// Whether its signatures must be logged.
    pub transparency: Transparency,
}

/// The roots that signatures are checked against. Trusting a root says that a
/// signature by it is genuine, never that its signer is the right one: that
/// is the policy's part.
#[derive(Default)]
pub struct Trust {
    pub(super) keys: Vec<TrustedKey>,
    pub(super) roots: Vec<Root>,
    /// Whether a certificate's signature must be logged.
    pub(super) certificates: Transparency,
    /// No signature can be later than this.
    pub(super) latest: Option<SystemTime>,
    /// Whose certificates are no stranger's.
    known: Option<Known>,
}

/// Says whose certificates are no stranger's.
type Known = Box<dyn Fn(&Certificate) -> bool + Send + Sync>;

/// How much memory is left for the statements of strangers, in bytes: see
/// [`Trust::with_known`].
#[derive(Clone, Copy, Debug)]
pub struct Allowance(pub(super) usize);

impl Allowance {
    /// So many bytes.
    pub fn of(bytes: usize) -> Self {
        Self(bytes)
    }
}

impl Default for Allowance {
    fn default() -> Self {
        Self(MAX_STRANGE)
    }
}

/// A trusted root, made ready.
pub(super) struct Root {
    pub(super) verifier: Verifier,
    /// True when certificates of this root stand in logs of their own (RFC 6962).
    pub(super) logs_certificates: bool,
}

impl Trust {
    /// Trusts `keys` and no certificate.
    pub fn keys(keys: Vec<TrustedKey>) -> Self {
        Self {
            keys,
            ..Self::default()
        }
    }

    /// Adds a Sigstore `trusted_root.json` (protobuf-specs, `TrustedRoot`), or one per
    /// line, as `gh attestation trusted-root` prints them. Evidence must be vouched for
    /// by one of them whole: they are never mixed.
    pub fn with_root(mut self, json: &str) -> Result<Self, TrustError> {
        let lines: Vec<&str> = json
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let is_object = |line: &&str| line.starts_with('{') && line.trim_end().ends_with('}');
        let documents = match lines.len() > 1 && lines.iter().all(is_object) {
            true => lines,
            false => vec![json],
        };
        if self.roots.len() + documents.len() > MAX_ROOTS {
            return Err(TrustError::TooMany);
        }
        for document in documents {
            self.roots.push(Root::parse(document)?);
        }
        Ok(self)
    }

    /// Adds the root of Sigstore's public good instance, as it was when this
    /// version of prov was built. No network is asked.
    pub fn with_public_good(self) -> Result<Self, TrustError> {
        self.with_root(SIGSTORE_PRODUCTION_TRUSTED_ROOT)
    }

    /// Adds the root of Sigstore's staging instance, for tests of Sigstore itself.
    pub fn with_staging(self) -> Result<Self, TrustError> {
        self.with_root(SIGSTORE_STAGING_TRUSTED_ROOT)
    }

    /// Whether a signature with a certificate must stand in a log; it must, unless
    /// this says otherwise.
    pub fn with_certificates(mut self, transparency: Transparency) -> Self {
        self.certificates = transparency;
        self
    }

    /// Whose certificates may sign statements of any size that is read. The holders of
    /// all others have [`MAX_STRANGE`] bytes of memory together; a trusted key's holder
    /// is no stranger. This decides about memory alone: known is not believed.
    pub fn with_known(
        mut self,
        known: impl Fn(&Certificate) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.known = Some(Box::new(known));
        self
    }

    pub(super) fn knows(&self, certificate: &Certificate) -> bool {
        self.known.as_ref().is_some_and(|known| known(certificate))
    }

    /// Refuses signatures whose proven time is later than `now`, but for a minute
    /// by which clocks may differ.
    pub fn with_time(mut self, now: SystemTime) -> Self {
        self.latest = now.checked_add(CLOCK_SKEW);
        self
    }
}

impl Root {
    fn parse(json: &str) -> Result<Self, TrustError> {
        let unusable = |error: &dyn std::error::Error| TrustError::Root(error.to_string());
        let root = TrustedRoot::from_json(json).map_err(|error| unusable(&error))?;
        Ok(Self {
            verifier: Verifier::new(&root).map_err(|error| unusable(&error))?,
            logs_certificates: !root.ctlogs.is_empty(),
        })
    }
}

/// Why a trust root can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Not a usable trusted root.
    #[error("not a usable trusted root: {0}")]
    Root(String),
    /// More roots than are tried.
    #[error("more than {MAX_ROOTS} trusted roots")]
    TooMany,
}
