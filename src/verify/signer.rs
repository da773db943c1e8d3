//! Whose signature is it? The Sigstore client's verification procedure, by key or
//! by certificate.

use std::time::SystemTime;

use sigstore_types::bundle::SignatureContent;
use sigstore_types::{ArtifactDigest, HashAlgorithm};
use sigstore_verify::{PublicKeyVerificationPolicy, VerificationPolicy};

use super::trust::Root;
use super::{Certificate, Signer, Transparency, Trust, TrustedKey, Verified, VerifyError};
use crate::artifact::{Algorithm, Artifact, Digest};
use crate::bundle::{Bundle, Content, Evidence, Material};
use crate::key::PublicKey;
use crate::statement::PAYLOAD_TYPE;

/// A signature that is genuine, and what it proves.
pub(super) struct Genuine {
    signer: Signer,
    logged: bool,
    times: Vec<SystemTime>,
}

impl Genuine {
    fn new(signer: Signer, result: &sigstore_verify::VerificationResult) -> Self {
        let times = result.verified_timestamps().iter();
        Self {
            signer,
            logged: result.tlog_verified(),
            times: times.map(|&time| time.into()).collect(),
        }
    }

    /// What was signed, now verified.
    pub(super) fn of<T>(self, value: T, evidence: &Evidence) -> Verified<T> {
        Verified {
            value,
            signer: self.signer,
            logged: self.logged,
            times: self.times,
            origin: evidence.origin.clone(),
        }
    }
}

/// Verifies the signature of `bundle`, which binds `digest` of `artifact`.
pub(super) fn verify(
    artifact: &Artifact,
    digest: &Digest,
    bundle: &Bundle,
    trust: &Trust,
) -> Result<Genuine, VerifyError> {
    let genuine = match bundle.material() {
        Material::PublicKey => by_key(artifact, digest, bundle, trust),
        Material::Certificate => by_certificate(digest, bundle, trust),
    }?;
    match trust
        .latest
        .filter(|&latest| genuine.times.iter().any(|&time| time > latest))
    {
        Some(_) => Err(VerifyError::FromTheFuture),
        None => Ok(genuine),
    }
}

fn by_key(
    artifact: &Artifact,
    digest: &Digest,
    bundle: &Bundle,
    trust: &Trust,
) -> Result<Genuine, VerifyError> {
    if trust.keys.is_empty() {
        return Err(VerifyError::NoKeyTrusted);
    }
    // The bundle's key hint is not authenticated, so every trusted key is tried.
    let mut keys = trust.keys.iter();
    let Some(trusted) = keys.find(|each| signed_with(&each.key, artifact, digest, bundle)) else {
        let whole = |each: &TrustedKey| each.key.signs_whole_messages();
        if bundle.content() == Content::Message
            && artifact.bytes().is_none()
            && trust.keys.iter().any(whole)
        {
            return Err(VerifyError::NeedsBytes);
        }
        let tried = trust.keys.iter().map(|each| each.key.id()).collect();
        return Err(VerifyError::OtherKey { tried });
    };
    let signer = Signer::Key(trusted.key.clone());
    let may_be_unlogged = trusted.transparency == Transparency::NotRequired;
    if bundle.is_unlogged() && !may_be_unlogged {
        return Err(VerifyError::NotLogged);
    }
    if bundle.is_bare() || (trust.roots.is_empty() && may_be_unlogged) {
        return Ok(Genuine {
            signer,
            logged: false,
            times: Vec::new(),
        });
    }
    let mut rules = PublicKeyVerificationPolicy::new(trusted.key.spki().clone());
    if bundle.is_unlogged() {
        rules = rules.skip_tlog_unsafe();
    }
    by_any_root(trust, |root| {
        let signed = match whole_message(&trusted.key, artifact, bundle) {
            Some(bytes) => sigstore_types::Artifact::Blob(bytes),
            None => by_digest(digest)?,
        };
        let result = check(signed, digest, bundle, root, &rules)?;
        Ok(Genuine::new(signer.clone(), &result))
    })
}

fn by_certificate(digest: &Digest, bundle: &Bundle, trust: &Trust) -> Result<Genuine, VerifyError> {
    let may_be_unlogged = trust.certificates == Transparency::NotRequired;
    if !trust.roots.is_empty() && bundle.is_unlogged() && !may_be_unlogged {
        return Err(VerifyError::NotLogged);
    }
    by_any_root(trust, |root| {
        certified(digest, bundle, root, may_be_unlogged)
    })
}

/// Genuine by one of the roots. Of several reasons why not, the one that is told is
/// of the root that got furthest: the others are strangers to the bundle.
fn by_any_root(
    trust: &Trust,
    verify: impl Fn(&Root) -> Result<Genuine, VerifyError>,
) -> Result<Genuine, VerifyError> {
    let step = |error: &VerifyError| match error {
        VerifyError::NoRootTrusted => 0,
        VerifyError::Timestamp(_) => 1,
        VerifyError::Certificate(_) => 2,
        VerifyError::Log(_) => 3,
        _ => 4,
    };
    let mut furthest = VerifyError::NoRootTrusted;
    for root in &trust.roots {
        match verify(root) {
            Ok(genuine) => return Ok(genuine),
            Err(error) if step(&error) > step(&furthest) => furthest = error,
            Err(_) => {}
        }
    }
    Err(furthest)
}

/// Genuine by a certificate that `root` vouches for.
fn certified(
    digest: &Digest,
    bundle: &Bundle,
    root: &Root,
    may_be_unlogged: bool,
) -> Result<Genuine, VerifyError> {
    // Any identity: it becomes a fact here, and the policy judges it.
    let mut rules = VerificationPolicy::any_identity();
    if may_be_unlogged {
        // An instance without logs, as GitHub's own: timestamps are all it has.
        if bundle.is_unlogged() {
            rules = rules.skip_tlog_unsafe();
        }
        if !root.logs_certificates {
            rules = rules.skip_sct();
        }
    }
    let result = check(by_digest(digest)?, digest, bundle, root, &rules)?;
    let certificate = result
        .certificate()
        .filter(|_| result.certificate_verified())
        .and_then(Certificate::from_verified)
        .ok_or(VerifyError::NoIdentity)?;
    let genuine = Genuine::new(Signer::Certificate(Box::new(certificate)), &result);
    // Whoever demands a log demands it of the certificate too, and what one builder
    // is spared must not spare another.
    Ok(Genuine {
        logged: genuine.logged && result.sct_verified(),
        ..genuine
    })
}

/// Runs the Sigstore client's verification procedure.
fn check(
    signed: sigstore_types::Artifact<'_>,
    digest: &Digest,
    bundle: &Bundle,
    root: &Root,
    rules: &impl sigstore_verify::Policy,
) -> Result<sigstore_verify::VerificationResult, VerifyError> {
    root.verifier
        .verify(signed, bundle.inner(), rules)
        .map_err(|error| VerifyError::from_client(error, digest))
}

fn by_digest(digest: &Digest) -> Result<sigstore_types::Artifact<'static>, VerifyError> {
    let algorithm = match digest.algorithm() {
        Algorithm::Sha256 => HashAlgorithm::Sha2256,
        Algorithm::Sha512 => HashAlgorithm::Sha2512,
    };
    ArtifactDigest::new(algorithm, digest.as_bytes().to_vec())
        .map(sigstore_types::Artifact::Digest)
        .map_err(|error| VerifyError::Refused(error.to_string()))
}

/// The bytes that a message signature of this key is over, where it is over the
/// bytes and not over their digest, and they are held.
fn whole_message<'a>(key: &PublicKey, artifact: &'a Artifact, bundle: &Bundle) -> Option<&'a [u8]> {
    let whole = bundle.content() == Content::Message && key.signs_whole_messages();
    artifact.bytes().filter(|_| whole)
}

/// True when the one signature is `key`'s: in an envelope over the pre-authentication
/// encoding (DSSE v1.0, protocol.md), else over the artifact itself.
fn signed_with(key: &PublicKey, artifact: &Artifact, digest: &Digest, bundle: &Bundle) -> bool {
    match &bundle.inner().content {
        SignatureContent::DsseEnvelope(envelope) if envelope.payload_type == PAYLOAD_TYPE => {
            key.verifies(&envelope.pae(), &envelope.signature.sig)
        }
        SignatureContent::MessageSignature(message) => match whole_message(key, artifact, bundle) {
            Some(bytes) => key.verifies(bytes, &message.signature),
            None => key.verifies_digest(digest, &message.signature),
        },
        _ => false,
    }
}
