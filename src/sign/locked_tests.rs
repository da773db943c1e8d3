use super::*;
use crate::sign::KeyKind;

const PASSWORD: &[u8] = b"correct horse";

fn locked(bytes: &[u8]) -> LockedKey {
    match KeyFile::parse(bytes).unwrap() {
        KeyFile::Locked(key) => key,
        KeyFile::Open(_) => panic!("not behind a password"),
    }
}

fn refused(bytes: &[u8]) -> SignError {
    KeyFile::parse(bytes).unwrap_err()
}

#[test]
fn what_is_locked_opens_with_its_password_only() {
    for form in [LockForm::Pkcs8, LockForm::Cosign] {
        for kind in [KeyKind::EcdsaP256, KeyKind::Ed25519] {
            let key = PrivateKey::generate(kind).unwrap();
            let pem = key.to_locked_pem(form, PASSWORD).unwrap();
            let locked = locked(pem.as_bytes());
            let again = locked.unlock(PASSWORD).unwrap();
            assert_eq!(key.public().unwrap(), again.public().unwrap());
            for wrong in [&b"correct horsf"[..], b"", b"correct horse\n"] {
                assert!(matches!(
                    locked.unlock(wrong),
                    Err(SignError::WrongPassword)
                ));
            }
        }
    }
}

#[test]
fn no_two_locks_are_the_same() {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    for form in [LockForm::Pkcs8, LockForm::Cosign] {
        let lock = || key.to_locked_pem(form, PASSWORD).unwrap();
        assert_ne!(lock(), lock());
    }
}

/// cosign's JSON with one thing changed.
fn cosign(pointer: &str, value: serde_json::Value) -> Vec<u8> {
    let mut json = serde_json::json!({
        "kdf": {
            "name": "scrypt",
            "params": {"N": 65536, "r": 8, "p": 1},
            "salt": BASE64.encode([1; 32]),
        },
        "cipher": {"name": "nacl/secretbox", "nonce": BASE64.encode([2; 24])},
        "ciphertext": BASE64.encode([3; 48]),
    });
    *json.pointer_mut(pointer).unwrap() = value;
    pem_rfc7468::encode_string(
        COSIGN_LABELS[1],
        LineEnding::LF,
        json.to_string().as_bytes(),
    )
    .unwrap()
    .into()
}

#[test]
fn a_file_that_wants_too_much_work_is_refused_before_any_is_done() {
    let begin = std::time::Instant::now();
    for (pointer, value) in [
        ("/kdf/params/N", 1u64 << 40),
        ("/kdf/params/N", u64::MAX),
        ("/kdf/params/r", u32::MAX.into()),
        ("/kdf/params/p", u32::MAX.into()),
    ] {
        assert!(
            matches!(
                refused(&cosign(pointer, value.into())),
                SignError::TooCostly { seen, limit, .. } if seen > limit
            ),
            "{pointer} {value}"
        );
    }
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let rounds = MAX_PBKDF2_ROUNDS as u32 + 1;
    let slow = Parameters::generate_pbkdf2_sha256_aes256cbc(rounds, &[1; 16], [2; 16]).unwrap();
    let large = scrypt::Params::new(22, 8, 1).unwrap();
    let large = Parameters::generate_scrypt_aes256cbc(large, &[1; 16], [2; 16]).unwrap();
    for parameters in [slow, large] {
        let info = EncryptedPrivateKeyInfoOwned {
            encryption_algorithm: parameters.into(),
            encrypted_data: OctetString::new(key.as_pkcs8()).unwrap(),
        };
        assert!(matches!(
            refused(&info.to_der().unwrap()),
            SignError::TooCostly { .. }
        ));
    }
    assert!(begin.elapsed().as_secs() < 5);
}

#[test]
fn damaged_files_are_refused_before_a_password_is_asked_for() {
    for (pointer, value) in [
        ("/kdf/params/N", 65535.into()),
        ("/kdf/params/N", 0.into()),
        ("/kdf/params/N", (-1).into()),
        ("/kdf/params/r", 0.into()),
        ("/kdf/params/p", 0.into()),
        ("/kdf/salt", "?".into()),
        ("/cipher/nonce", "AAAA".into()),
        ("/ciphertext", serde_json::Value::Null),
    ] {
        assert!(
            matches!(refused(&cosign(pointer, value)), SignError::Locked(_)),
            "{pointer}"
        );
    }
    for (pointer, value) in [("/kdf/name", "argon2"), ("/cipher/name", "none")] {
        assert!(matches!(
            refused(&cosign(pointer, value.into())),
            SignError::OldLock
        ));
    }
    assert!(matches!(
        refused(&vec![b' '; MAX_PRIVATE_KEY as usize + 1]),
        SignError::TooLarge
    ));
    let short = locked(&cosign("/ciphertext", "AAAA".into()));
    assert!(matches!(
        short.unlock(PASSWORD),
        Err(SignError::WrongPassword)
    ));
}

#[test]
fn der_is_read_like_pem_and_open_keys_are_open() {
    for kind in [KeyKind::EcdsaP256, KeyKind::Ed25519] {
        let key = PrivateKey::generate(kind).unwrap();
        let body = lock_pkcs8(key.as_pkcs8(), PASSWORD).unwrap();
        let again = locked(&body).unlock(PASSWORD).unwrap();
        assert_eq!(again.public().unwrap(), key.public().unwrap());
        let pem = key.to_pem().unwrap();
        for bytes in [key.as_pkcs8(), pem.as_bytes()] {
            assert!(matches!(KeyFile::parse(bytes), Ok(KeyFile::Open(_))));
        }
        for end in 0..body.len() {
            assert!(KeyFile::parse(&body[..end]).is_err());
        }
    }
    assert!(matches!(refused(b""), SignError::Pem(_)));
}

#[test]
fn a_flipped_bit_never_gives_another_key() {
    let key = PrivateKey::generate(KeyKind::Ed25519).unwrap();
    let mut locked = locked(
        key.to_locked_pem(LockForm::Cosign, PASSWORD)
            .unwrap()
            .as_bytes(),
    );
    locked.data[20] ^= 1;
    assert!(matches!(
        locked.unlock(PASSWORD),
        Err(SignError::WrongPassword)
    ));
}
