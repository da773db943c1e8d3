//! Whatever is read as a private key file is read in little time, and what it
//! locks is unlocked by the same password only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prov::sign::{KeyFile, PrivateKey};

fuzz_target!(|bytes: &[u8]| {
    match KeyFile::parse(bytes) {
        Ok(KeyFile::Open(key)) => {
            let pem = key.to_pem().expect("a key that was read can be written");
            let again = PrivateKey::from_pem(pem.as_bytes()).expect("and read again");
            assert_eq!(again.public().ok(), key.public().ok());
        }
        // Passwords cost what the file says, so only what is cheap is tried.
        Ok(KeyFile::Locked(key)) if key.work() < 1 << 10 => {
            let _ = key.unlock(b"correct-horse");
        }
        Ok(KeyFile::Locked(_)) | Err(_) => {}
    }
});
