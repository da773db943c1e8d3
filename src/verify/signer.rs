//! Whose signature is it? The Sigstore client's verification procedure, by key or
//! by certificate.

use std::time::SystemTime;

use serde_json::Value;
use sigstore_types::bundle::SignatureContent;
use sigstore_types::{ArtifactDigest, DsseEnvelope, HashAlgorithm, PayloadBytes};
use sigstore_verify::{PublicKeyVerificationPolicy, VerificationPolicy};

use super::trust::Root;
use super::{Certificate, Signer, Transparency, Trust, TrustedKey, Verified, VerifyError};
use crate::artifact::{Algorithm, Artifact, Digest};
use crate::bundle::{Bundle, BundleError, Content, Evidence, Material};
use crate::key::PublicKey;
use crate::statement::{PAYLOAD_TYPE, ResourceDescriptor, Statement};

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

    /// True for the holder of a certificate whom `trust` does not know.
    pub(super) fn is_strange(&self, trust: &Trust) -> bool {
        match &self.signer {
            Signer::Key(_) => false,
            Signer::Certificate(certificate) => !trust.knows(certificate),
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

/// Verifies the signature of `bundle`, which binds `digest` of `artifact`. `heavy` is the
/// error for a stranger whose statement takes too much memory, if this one does.
pub(super) fn verify(
    artifact: &Artifact,
    digest: &Digest,
    bundle: &Bundle,
    trust: &Trust,
    heavy: Option<VerifyError>,
) -> Result<Genuine, VerifyError> {
    let genuine = match bundle.material() {
        Material::PublicKey => by_key(artifact, digest, bundle, trust),
        Material::Certificate => by_certificate(digest, bundle, trust, heavy),
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
        let result = check(signed, digest, bundle.inner(), root, &rules)?;
        Ok(Genuine::new(signer.clone(), &result))
    })
}

fn by_certificate(
    digest: &Digest,
    bundle: &Bundle,
    trust: &Trust,
    heavy: Option<VerifyError>,
) -> Result<Genuine, VerifyError> {
    let may_be_unlogged = trust.certificates == Transparency::NotRequired;
    if !trust.roots.is_empty() && bundle.is_unlogged() && !may_be_unlogged {
        return Err(VerifyError::NotLogged);
    }
    let is_heavy = heavy.is_some();
    if let Some(too_heavy) = heavy {
        known(bundle, trust, too_heavy)?;
    }
    by_any_root(trust, |root| {
        if is_heavy {
            let rest = without_payload(digest, bundle)?;
            match certified(digest, &rest, root, may_be_unlogged) {
                // All that comes before it is genuine, and the signature was seen.
                Err(VerifyError::BadSignature) => {}
                Err(error) => return Err(error),
                Ok(_) => return Err(VerifyError::BadSignature),
            }
        }
        certified(digest, bundle.inner(), root, may_be_unlogged)
    })
}

/// The Sigstore client makes a tree of a statement before it looks at the certificate
/// or the signature. Whoever wants that much memory must be known, by a certificate
/// whose key signed these very bytes; whether it is genuine is seen next.
fn known(bundle: &Bundle, trust: &Trust, too_heavy: VerifyError) -> Result<(), VerifyError> {
    let (SignatureContent::DsseEnvelope(envelope), Some(certificate)) = (
        &bundle.inner().content,
        bundle.inner().signing_certificate(),
    ) else {
        return Err(too_heavy);
    };
    let malformed = |error: sigstore_crypto::Error| VerifyError::Certificate(error.to_string());
    let claims = sigstore_crypto::parse_certificate_info(certificate).map_err(malformed)?;
    if !Certificate::from_verified(&claims).is_some_and(|claimed| trust.knows(&claimed)) {
        return Err(too_heavy);
    }
    let scheme = claims.key_algorithm.default_signing_scheme();
    let (message, signature) = (envelope.pae(), &envelope.signature.sig);
    sigstore_crypto::verify_signature(&claims.public_key, &message, signature, scheme)
        .map_err(|_| VerifyError::BadSignature)
}

/// The same bundle with a statement that says nothing of the same artifact: all of it can
/// be verified but the signature.
fn without_payload(
    digest: &Digest,
    bundle: &Bundle,
) -> Result<sigstore_types::Bundle, VerifyError> {
    let inner = bundle.inner();
    let SignatureContent::DsseEnvelope(envelope) = &inner.content else {
        return Err(BundleError::NotAStatement.into());
    };
    let subject = vec![ResourceDescriptor::named("", [digest])];
    let nothing = Statement::new(subject, "https://in-toto.io/", Value::Null).to_bytes()?;
    let signature = envelope.signature.clone();
    let envelope = DsseEnvelope::new(PAYLOAD_TYPE, PayloadBytes::new(nothing), signature);
    Ok(sigstore_types::Bundle::new(
        inner.media_type(),
        inner.verification_material.clone(),
        SignatureContent::DsseEnvelope(envelope),
    ))
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
    bundle: &sigstore_types::Bundle,
    root: &Root,
    may_be_unlogged: bool,
) -> Result<Genuine, VerifyError> {
    // Any identity: it becomes a fact here, and the policy judges it.
    let mut rules = VerificationPolicy::any_identity();
    if may_be_unlogged {
        // An instance without logs, as GitHub's own: timestamps are all it has.
        if bundle.verification_material.tlog_entries.is_empty() {
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
    bundle: &sigstore_types::Bundle,
    root: &Root,
    rules: &impl sigstore_verify::Policy,
) -> Result<sigstore_verify::VerificationResult, VerifyError> {
    root.verifier
        .verify(signed, bundle, rules)
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
