//! A signature that would not verify is no signature: the check before anybody gets one.

use sigstore_trust_root::TrustedRoot;
use sigstore_types::{Artifact, ArtifactDigest, Bundle, HashAlgorithm};
use sigstore_verify::{VerificationPolicy, Verifier};

use super::{Instance, KeylessError};
use crate::statement::Statement;

/// The instance's own root, and what it promises.
pub(super) struct Check {
    verifier: Verifier,
    policy: VerificationPolicy,
}

impl Check {
    pub(super) fn new(instance: &Instance) -> Result<Self, KeylessError> {
        let unusable = |error: &dyn std::error::Error| KeylessError::Root(error.to_string());
        let root =
            TrustedRoot::from_json(&instance.trusted_root).map_err(|error| unusable(&error))?;
        let mut policy = VerificationPolicy::any_identity();
        // Nothing is left out but what the instance does not have: GitHub's has
        // neither a log of signatures nor one of certificates.
        if root.tlogs.is_empty() && instance.services.logs.is_empty() {
            policy = policy.skip_tlog_unsafe();
        }
        if root.ctlogs.is_empty() {
            policy = policy.skip_sct();
        }
        let verifier = Verifier::new(&root).map_err(|error| unusable(&error))?;
        Ok(Self { verifier, policy })
    }

    pub(super) fn bundle(
        &self,
        statement: &Statement,
        bundle: &Bundle,
    ) -> Result<(), KeylessError> {
        let refused = |reason: String| KeylessError::Unverified(reason);
        let digests = statement.subject_digests();
        let digest = digests.first();
        let digest = digest.ok_or_else(|| refused("it speaks of nothing".to_owned()))?;
        let algorithm = match digest.as_bytes().len() {
            32 => HashAlgorithm::Sha2256,
            _ => HashAlgorithm::Sha2512,
        };
        let subject = ArtifactDigest::new(algorithm, digest.as_bytes().to_vec())
            .map_err(|error| refused(error.to_string()))?;
        self.verifier
            .verify(Artifact::Digest(subject), bundle, &self.policy)
            .map_err(|error| refused(error.to_string()))?;
        Ok(())
    }
}
