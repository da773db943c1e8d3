//! Private keys behind a password: PKCS#8 with PBES2 (RFC 8018) and cosign's own
//! form, which is the one of `go-securesystemslib`.
//!
//! A file says itself how much work its password costs, so that is limited before
//! any of it is done.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pem_rfc7468::LineEnding;
use pkcs8::der::asn1::{OctetString, OctetStringRef};
use pkcs8::der::{Decode as _, Encode as _, Reader as _, SliceReader};
use pkcs8::pkcs5::pbes2::{Kdf, Parameters};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{EncryptedPrivateKeyInfoOwned, EncryptedPrivateKeyInfoRef};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::key::MAX_PRIVATE_KEY;
use super::secretbox::{self, KEY, NONCE};
use super::{PrivateKey, SignError};
use crate::json;

/// The label of PKCS#8 behind a password (RFC 7468 §11).
const LOCKED_LABEL: &str = "ENCRYPTED PRIVATE KEY";
/// The labels of cosign's form; the first is the one that it writes today.
const COSIGN_LABELS: [&str; 2] = [
    "ENCRYPTED SIGSTORE PRIVATE KEY",
    "ENCRYPTED COSIGN PRIVATE KEY",
];

/// The most memory that scrypt may take, in bytes: twice OWASP's recommendation.
pub const MAX_SCRYPT_MEMORY: u64 = 256 << 20;
/// The most blocks that scrypt may mix (`N · r · p`): four times OWASP's recommendation.
pub const MAX_SCRYPT_WORK: u64 = 1 << 22;
/// The most rounds of PBKDF2: some seconds.
pub const MAX_PBKDF2_ROUNDS: u64 = 10_000_000;

/// A private key as its file has it.
#[derive(Debug)]
pub enum KeyFile {
    /// Readable by whoever has the file.
    Open(PrivateKey),
    /// Behind a password.
    Locked(LockedKey),
}

impl KeyFile {
    /// Reads PEM or DER: PKCS#8 (RFC 5958) with or without a password, or
    /// cosign's form. No password is asked for and none is tried.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignError> {
        if bytes.len() as u64 > MAX_PRIVATE_KEY {
            return Err(SignError::TooLarge);
        }
        // DER is a SEQUENCE; no PEM begins with that byte.
        if bytes.first() == Some(&0x30) {
            return match LockedKey::from_der(bytes) {
                Ok(key) => Ok(KeyFile::Locked(key)),
                Err(SignError::Locked(_)) => PrivateKey::from_der(bytes).map(KeyFile::Open),
                Err(error) => Err(error),
            };
        }
        let Ok((label, body)) = pem_rfc7468::decode_vec(bytes) else {
            // It knows which strangers there are.
            return PrivateKey::from_pem(bytes).map(KeyFile::Open);
        };
        match label {
            LOCKED_LABEL => LockedKey::from_der(&body).map(KeyFile::Locked),
            label if COSIGN_LABELS.contains(&label) => {
                LockedKey::from_cosign(&body).map(KeyFile::Locked)
            }
            _ => PrivateKey::from_pem(bytes).map(KeyFile::Open),
        }
    }
}

/// A private key behind a password.
#[derive(Debug)]
pub struct LockedKey {
    lock: Lock,
    data: Vec<u8>,
}

#[derive(Debug)]
enum Lock {
    Pbes2(Parameters),
    Cosign {
        cost: scrypt::Params,
        salt: Vec<u8>,
        nonce: [u8; NONCE],
    },
}

/// The form in which a private key is put behind a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockForm {
    /// PKCS#8, which OpenSSL and most libraries read: scrypt and AES-256-CBC.
    Pkcs8,
    /// What cosign reads: scrypt and XSalsa20-Poly1305.
    Cosign,
}

impl LockedKey {
    fn from_der(der: &[u8]) -> Result<Self, SignError> {
        let info =
            EncryptedPrivateKeyInfoRef::try_from(der).map_err(
                |error| match has_the_shape_of_a_lock(der) {
                    true => SignError::OldLock,
                    false => SignError::Locked(error.to_string()),
                },
            )?;
        let Some(parameters) = info.encryption_algorithm.pbes2() else {
            return Err(SignError::OldLock);
        };
        match &parameters.kdf {
            Kdf::Pbkdf2(kdf) => limit(
                "rounds of PBKDF2",
                kdf.iteration_count.into(),
                MAX_PBKDF2_ROUNDS,
            )?,
            Kdf::Scrypt(kdf) => limit_scrypt(
                kdf.cost_parameter,
                kdf.block_size.into(),
                kdf.parallelization.into(),
            )?,
            _ => return Err(SignError::OldLock),
        }
        Ok(Self {
            lock: Lock::Pbes2(parameters.clone()),
            data: info.encrypted_data.as_bytes().to_vec(),
        })
    }

    fn from_cosign(body: &[u8]) -> Result<Self, SignError> {
        let malformed = |what: &str| SignError::Locked(what.to_owned());
        let value =
            json::parse(body, body.len()).map_err(|error| SignError::Locked(error.to_string()))?;
        let file: CosignFile =
            serde_json::from_value(value).map_err(|error| SignError::Locked(error.to_string()))?;
        if (file.kdf.name.as_str(), file.cipher.name.as_str()) != (SCRYPT, SECRETBOX) {
            return Err(SignError::OldLock);
        }
        let CosignCost { n, r, p } = file.kdf.params;
        limit_scrypt(n, r.into(), p.into())?;
        if !n.is_power_of_two() {
            return Err(malformed("the cost of scrypt is no power of two"));
        }
        // A power of two below 2^64 has at most 63 zeros.
        let log_n = n.trailing_zeros() as u8;
        let cost = scrypt::Params::new(log_n, r, p)
            .map_err(|_| malformed("scrypt can't have these parameters"))?;
        let bytes = |text: &str| {
            BASE64
                .decode(text)
                .map_err(|error| SignError::Locked(error.to_string()))
        };
        Ok(Self {
            lock: Lock::Cosign {
                cost,
                salt: bytes(&file.kdf.salt)?,
                nonce: bytes(&file.cipher.nonce)?
                    .try_into()
                    .map_err(|_| malformed("the nonce has not 24 bytes"))?,
            },
            data: bytes(&file.ciphertext)?,
        })
    }

    /// How much work a password costs: rounds of PBKDF2, or blocks of scrypt.
    pub fn work(&self) -> u64 {
        match &self.lock {
            Lock::Pbes2(parameters) => match &parameters.kdf {
                Kdf::Pbkdf2(kdf) => kdf.iteration_count.into(),
                Kdf::Scrypt(kdf) => kdf
                    .cost_parameter
                    .saturating_mul(kdf.block_size.into())
                    .saturating_mul(kdf.parallelization.into()),
                _ => u64::MAX,
            },
            Lock::Cosign { cost, .. } => (1u64 << cost.log_n())
                .saturating_mul(cost.r().into())
                .saturating_mul(cost.p().into()),
        }
    }

    /// The key, if the password is right.
    pub fn unlock(&self, password: &[u8]) -> Result<PrivateKey, SignError> {
        let der = match &self.lock {
            Lock::Pbes2(parameters) => {
                Zeroizing::new(parameters.decrypt(password, &self.data).map_err(
                    |error| match error {
                        pkcs8::pkcs5::Error::UnsupportedAlgorithm { .. } => SignError::OldLock,
                        _ => SignError::WrongPassword,
                    },
                )?)
            }
            Lock::Cosign { cost, salt, nonce } => {
                let key = derive(password, salt, cost)?;
                secretbox::open(&key, nonce, &self.data).ok_or(SignError::WrongPassword)?
            }
        };
        match (PrivateKey::from_der(&der), &self.lock) {
            // Nothing authenticates a PBES2 file: with another password one time
            // in some hundreds the padding looks right and what it holds does not.
            (Err(_), Lock::Pbes2(_)) if !looks_like_pkcs8(&der) => Err(SignError::WrongPassword),
            (key, _) => key,
        }
    }
}

/// EncryptedPrivateKeyInfo is an algorithm and an OCTET STRING (RFC 5958 §3),
/// whatever the algorithm.
fn has_the_shape_of_a_lock(der: &[u8]) -> bool {
    let shape = SliceReader::new(der).and_then(|mut reader| {
        reader.sequence(|inside| {
            AlgorithmIdentifierRef::decode(inside)?;
            <&OctetStringRef>::decode(inside)
        })?;
        reader.finish()
    });
    shape.is_ok()
}

/// PrivateKeyInfo is a SEQUENCE that is as long as the document and begins with
/// a small INTEGER (RFC 5958 §2).
fn looks_like_pkcs8(der: &[u8]) -> bool {
    pkcs8::PrivateKeyInfoRef::try_from(der).is_ok()
}

impl PrivateKey {
    /// The PEM form behind a password.
    pub fn to_locked_pem(
        &self,
        form: LockForm,
        password: &[u8],
    ) -> Result<Zeroizing<String>, SignError> {
        let (label, body) = match form {
            LockForm::Pkcs8 => (LOCKED_LABEL, lock_pkcs8(self.as_pkcs8(), password)?),
            LockForm::Cosign => (COSIGN_LABELS[0], lock_cosign(self.as_pkcs8(), password)?),
        };
        pem_rfc7468::encode_string(label, LineEnding::LF, &body)
            .map(Into::into)
            .map_err(|error| SignError::Pem(error.to_string()))
    }
}

/// OWASP's recommendation in the form that needs the least memory: OpenSSL takes
/// no more than 32 MiB for scrypt.
const PKCS8_COST: (u8, u32, u32) = (14, 8, 5);
/// What cosign writes; it refuses other parameters than a few that it knows.
const COSIGN_COST: (u8, u32, u32) = (16, 8, 1);

fn lock_pkcs8(pkcs8: &[u8], password: &[u8]) -> Result<Vec<u8>, SignError> {
    let failed = |error: &dyn std::fmt::Display| SignError::Locked(error.to_string());
    let parameters =
        Parameters::generate_scrypt_aes256cbc(cost(PKCS8_COST)?, &random::<16>()?, random()?)
            .map_err(|error| failed(&error))?;
    let data = parameters
        .encrypt(password, pkcs8)
        .map_err(|error| failed(&error))?;
    EncryptedPrivateKeyInfoOwned {
        encryption_algorithm: parameters.into(),
        encrypted_data: OctetString::new(data).map_err(|error| failed(&error))?,
    }
    .to_der()
    .map_err(|error| failed(&error))
}

fn lock_cosign(pkcs8: &[u8], password: &[u8]) -> Result<Vec<u8>, SignError> {
    let (salt, nonce) = (random::<32>()?, random()?);
    let (log_n, r, p) = COSIGN_COST;
    let key = derive(password, &salt, &cost(COSIGN_COST)?)?;
    let file = CosignFile {
        kdf: CosignKdf {
            name: SCRYPT.to_owned(),
            params: CosignCost {
                n: 1 << log_n,
                r,
                p,
            },
            salt: BASE64.encode(salt),
        },
        cipher: CosignCipher {
            name: SECRETBOX.to_owned(),
            nonce: BASE64.encode(nonce),
        },
        ciphertext: BASE64.encode(secretbox::seal(&key, &nonce, pkcs8)),
    };
    serde_json::to_vec(&file).map_err(|error| SignError::Locked(error.to_string()))
}

fn cost((log_n, r, p): (u8, u32, u32)) -> Result<scrypt::Params, SignError> {
    scrypt::Params::new(log_n, r, p).map_err(|error| SignError::Locked(error.to_string()))
}

fn random<const N: usize>() -> Result<[u8; N], SignError> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| SignError::Random)?;
    Ok(bytes)
}

fn derive(
    password: &[u8],
    salt: &[u8],
    cost: &scrypt::Params,
) -> Result<Zeroizing<[u8; KEY]>, SignError> {
    let mut key = Zeroizing::new([0; KEY]);
    scrypt::scrypt(password, salt, cost, key.as_mut_slice())
        .map_err(|error| SignError::Locked(error.to_string()))?;
    Ok(key)
}

fn limit(what: &'static str, seen: u64, limit: u64) -> Result<(), SignError> {
    match seen <= limit {
        true => Ok(()),
        false => Err(SignError::TooCostly { what, seen, limit }),
    }
}

/// RFC 7914 §2: scrypt takes `128 · N · r` bytes, `p` times one after the other.
fn limit_scrypt(n: u64, r: u64, p: u64) -> Result<(), SignError> {
    let blocks = n.saturating_mul(r);
    limit(
        "bytes of memory for scrypt",
        blocks.saturating_mul(128),
        MAX_SCRYPT_MEMORY,
    )?;
    limit(
        "blocks of scrypt",
        blocks.saturating_mul(p),
        MAX_SCRYPT_WORK,
    )
}

const SCRYPT: &str = "scrypt";
const SECRETBOX: &str = "nacl/secretbox";

/// The JSON inside cosign's PEM.
#[derive(Serialize, Deserialize)]
struct CosignFile {
    kdf: CosignKdf,
    cipher: CosignCipher,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
struct CosignKdf {
    name: String,
    params: CosignCost,
    salt: String,
}

#[derive(Serialize, Deserialize)]
struct CosignCost {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Serialize, Deserialize)]
struct CosignCipher {
    name: String,
    nonce: String,
}

#[cfg(test)]
#[path = "locked_tests.rs"]
mod tests;
