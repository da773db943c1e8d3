//! The DSSE envelope round a statement, and the bundle round that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sigstore_bundle::{BundleV03, VerificationMaterialV03};
use sigstore_types::bundle::SignatureContent;
use sigstore_types::{DsseEnvelope, DsseSignature, KeyId, PayloadBytes, SignatureBytes};

use super::SignError;
use crate::key::PublicKey;
use crate::statement::{PAYLOAD_TYPE, Statement};

/// A statement's bytes on the way to a signature.
pub(super) struct Unsigned {
    payload: Vec<u8>,
}

impl Unsigned {
    pub(super) fn new(statement: &Statement) -> Result<Self, SignError> {
        let payload = statement.to_bytes()?;
        // Nobody signs what nobody would read: size, subjects, types.
        Statement::parse(&payload)?;
        Ok(Self { payload })
    }

    /// What is signed: the pre-authentication encoding (DSSE v1.0, protocol).
    pub(super) fn message(&self) -> Vec<u8> {
        sigstore_types::dsse::pae(PAYLOAD_TYPE, &self.payload)
    }

    /// The envelope with its one signature. Its `keyid` stays empty: cosign
    /// refuses the signature otherwise.
    pub(super) fn signed(self, signature: Vec<u8>) -> DsseEnvelope {
        DsseEnvelope::new(
            PAYLOAD_TYPE,
            PayloadBytes::new(self.payload),
            DsseSignature::new(SignatureBytes::new(signature), KeyId::default()),
        )
    }
}

/// Which key signed: the Base64 SHA-256 of the public key, as cosign writes it.
pub(super) fn key_hint(key: &PublicKey) -> VerificationMaterialV03 {
    VerificationMaterialV03::PublicKey {
        hint: BASE64.encode(key.id().as_bytes()),
    }
}

/// A bundle v0.3 as compact JSON without a line end.
pub(super) fn bundle(
    material: VerificationMaterialV03,
    envelope: DsseEnvelope,
) -> Result<String, SignError> {
    BundleV03::new(material, SignatureContent::DsseEnvelope(envelope))
        .into_bundle()
        .to_json()
        .map_err(|error| SignError::Bundle(error.to_string()))
}
