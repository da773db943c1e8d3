//! Signing with a private key.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use pem_rfc7468::LineEnding;
use zeroize::Zeroizing;

use super::SignError;
use super::envelope::{self, Unsigned};
use crate::key::PublicKey;
use crate::statement::Statement;

/// The largest private key file that is read, in bytes.
pub const MAX_PRIVATE_KEY: u64 = 64 << 10;
/// The label of an unencrypted PKCS#8 key (RFC 7468 §10).
const LABEL: &str = "PRIVATE KEY";

/// What kind of key to make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256 with SHA-256: what every Sigstore client can verify.
    #[default]
    EcdsaP256,
    /// Ed25519 (RFC 8032).
    Ed25519,
}

/// A private key that signs statements.
pub struct PrivateKey {
    pkcs8: Pkcs8,
    pair: Pair,
}

enum Pair {
    EcdsaP256(Box<EcdsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

/// A PKCS#8 document; overwritten when it is dropped.
type Pkcs8 = Zeroizing<Vec<u8>>;

impl PrivateKey {
    /// Makes a new key from the system's random numbers.
    pub fn generate(kind: KeyKind) -> Result<Self, SignError> {
        let random = SystemRandom::new();
        let document = match kind {
            KeyKind::EcdsaP256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
            }
            KeyKind::Ed25519 => Ed25519KeyPair::generate_pkcs8v1(&random),
        }
        .map_err(|_| SignError::Random)?;
        Self::from_pkcs8(document.as_ref().to_vec().into())
    }

    /// Reads `-----BEGIN PRIVATE KEY-----` (PKCS#8, RFC 5958).
    pub fn from_pem(pem: &[u8]) -> Result<Self, SignError> {
        let text = String::from_utf8_lossy(pem);
        for (label, kind) in [
            ("EC PRIVATE KEY", "a SEC 1 key"),
            ("RSA PRIVATE KEY", "a PKCS#1 key"),
            ("PUBLIC KEY", "a public key"),
        ] {
            if text.contains(&format!("-----BEGIN {label}-----")) {
                return Err(SignError::OtherKey { kind });
            }
        }
        let (label, der) =
            pem_rfc7468::decode_vec(pem).map_err(|error| SignError::Pem(error.to_string()))?;
        if label != LABEL {
            return Err(SignError::Pem(format!("the label is `{label}`")));
        }
        Self::from_pkcs8(der.into())
    }

    /// Reads the DER form of the same.
    pub fn from_der(der: &[u8]) -> Result<Self, SignError> {
        Self::from_pkcs8(der.to_vec().into())
    }

    fn from_pkcs8(pkcs8: Pkcs8) -> Result<Self, SignError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8)
            .map(|pair| Pair::EcdsaP256(Box::new(pair)))
            .or_else(|_| Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8).map(Pair::Ed25519))
            .map_err(|_| SignError::Unsupported)?;
        Ok(Self { pkcs8, pair })
    }

    /// The PEM form. It is the secret itself: store it where only its owner can read.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, SignError> {
        pem_rfc7468::encode_string(LABEL, LineEnding::LF, &self.pkcs8)
            .map(Into::into)
            .map_err(|error| SignError::Pem(error.to_string()))
    }

    /// The PKCS#8 document.
    #[allow(dead_code)] // build.rs locks no keys
    pub(super) fn as_pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public half.
    pub fn public(&self) -> Result<PublicKey, SignError> {
        let spki: PublicKeyX509Der<'_> = match &self.pair {
            Pair::EcdsaP256(pair) => pair.public_key().as_der(),
            Pair::Ed25519(pair) => pair.public_key().as_der(),
        }
        .map_err(|_| SignError::Unsupported)?;
        Ok(PublicKey::from_der(spki.as_ref())?)
    }

    /// Signs `statement`; the bundle is compact JSON without a line end.
    pub fn sign(&self, statement: &Statement) -> Result<String, SignError> {
        let unsigned = Unsigned::new(statement)?;
        let signature = self.sign_bytes(&unsigned.message())?;
        let material = envelope::key_hint(&self.public()?);
        envelope::bundle(material, unsigned.signed(signature))
    }

    pub(super) fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match &self.pair {
            Pair::EcdsaP256(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| SignError::Random),
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;

    use crate::artifact::Artifact;
    use crate::bundle::{Bundle, Evidence};
    use crate::statement::{ResourceDescriptor, SLSA_PROVENANCE_V1};
    use crate::verify::{self, Signer, Transparency, Trust, TrustedKey, VerifyError};

    fn artifact() -> Artifact {
        Artifact::from_bytes("abc", b"abc".to_vec())
    }

    fn evidence(bundle: &str) -> Evidence {
        Evidence {
            origin: "test".into(),
            bundle: Bundle::parse(bundle.as_bytes()).unwrap(),
        }
    }

    fn signed(key: &PrivateKey) -> String {
        key.sign(&Statement::new(
            vec![ResourceDescriptor::of(&artifact())],
            SLSA_PROVENANCE_V1,
            serde_json::json!({}),
        ))
        .unwrap()
    }

    fn trust(key: &PrivateKey, transparency: Transparency) -> Trust {
        Trust::keys(vec![TrustedKey {
            key: key.public().unwrap(),
            transparency,
        }])
    }

    #[test]
    fn what_it_signs_verifies_with_its_public_half_only() {
        for kind in [KeyKind::EcdsaP256, KeyKind::Ed25519] {
            let (key, other) = (
                PrivateKey::generate(kind).unwrap(),
                PrivateKey::generate(kind).unwrap(),
            );
            let evidence = evidence(&signed(&key));
            let verified = verify::statement(
                &artifact(),
                &evidence,
                &trust(&key, Transparency::NotRequired),
            )
            .unwrap();
            assert_eq!(verified.signer(), &Signer::Key(key.public().unwrap()));
            assert!(!verified.logged());
            assert!(matches!(
                verify::statement(
                    &artifact(),
                    &evidence,
                    &trust(&other, Transparency::NotRequired)
                ),
                Err(VerifyError::OtherKey { .. })
            ));
            assert!(matches!(
                verify::statement(&artifact(), &evidence, &Trust::default()),
                Err(VerifyError::NoKeyTrusted)
            ));
            assert!(matches!(
                verify::statement(&artifact(), &evidence, &trust(&key, Transparency::Required)),
                Err(VerifyError::NotLogged)
            ));
        }
    }

    #[test]
    fn another_artifact_is_refused() {
        let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
        let other = Artifact::from_bytes("abc", b"abd".to_vec());
        assert!(matches!(
            verify::statement(
                &other,
                &evidence(&signed(&key)),
                &trust(&key, Transparency::NotRequired)
            ),
            Err(VerifyError::OtherArtifact { .. })
        ));
    }

    #[test]
    fn no_flipped_bit_of_the_envelope_verifies() {
        let key = PrivateKey::generate(KeyKind::Ed25519).unwrap();
        let trust = trust(&key, Transparency::NotRequired);
        let json: serde_json::Value = serde_json::from_str(&signed(&key)).unwrap();
        for field in ["/dsseEnvelope/payload", "/dsseEnvelope/signatures/0/sig"] {
            let bytes = BASE64
                .decode(json.pointer(field).unwrap().as_str().unwrap())
                .unwrap();
            for at in 0..bytes.len() {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1;
                let mut damaged = json.clone();
                *damaged.pointer_mut(field).unwrap() = BASE64.encode(&flipped).into();
                let bundle = Bundle::parse(damaged.to_string().as_bytes()).unwrap();
                let found = Evidence {
                    origin: "test".into(),
                    bundle,
                };
                assert!(verify::statement(&artifact(), &found, &trust).is_err());
            }
        }
    }

    #[test]
    fn keys_round_trip_and_strangers_are_named() {
        let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
        let again = PrivateKey::from_pem(key.to_pem().unwrap().as_bytes()).unwrap();
        assert_eq!(key.public().unwrap(), again.public().unwrap());
        let public = key.public().unwrap().to_pem();
        assert!(
            public.starts_with("-----BEGIN PUBLIC KEY-----\n"),
            "{public}"
        );
        for (pem, why) in [
            (public.as_str(), "a public key"),
            ("-----BEGIN EC PRIVATE KEY-----\n", "SEC 1"),
            ("hello", "PEM"),
            ("", "PEM"),
        ] {
            let error = PrivateKey::from_pem(pem.as_bytes())
                .unwrap_err()
                .to_string();
            assert!(error.contains(why), "{error} lacks `{why}`");
        }
        assert!(PublicKey::from_pem(&key.to_pem().unwrap()).is_err());
    }
}
