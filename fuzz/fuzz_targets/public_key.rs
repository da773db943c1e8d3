//! Whatever is read as a public key is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prov::key::PublicKey;

fuzz_target!(|bytes: &[u8]| {
    let _ = PublicKey::from_der(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(key) = PublicKey::from_pem(text) {
        assert_eq!(PublicKey::from_pem(&key.to_pem()).ok(), Some(key.clone()));
        assert_eq!(PublicKey::from_der(key.as_der()).ok(), Some(key));
    }
});
