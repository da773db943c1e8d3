//! The DSSE envelope round a statement, and the bundle round that.

use sigstore_bundle::{BundleV03, VerificationMaterialV03};
use sigstore_types::bundle::SignatureContent;
use sigstore_types::{DsseEnvelope, DsseSignature, KeyId, PayloadBytes, SignatureBytes};

use super::SignError;
use crate::statement::{PAYLOAD_TYPE, Statement};

/// A statement's bytes on the way to a signature.
pub(super) struct Unsigned {
    payload: Vec<u8>,
}

impl Unsigned {
    pub(super) fn new(statement: &Statement) -> Result<Self, SignError> {
        let payload = statement.to_bytes()?;
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
