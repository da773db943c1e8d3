//! Without genuine evidence no policy says yes.
#![no_main]

use std::time::SystemTime;

use libfuzzer_sys::fuzz_target;
use prov::artifact::Artifact;
use prov::policy::Policy;

fuzz_target!(|text: &str| {
    if let Ok(policy) = Policy::parse(text) {
        let artifact = Artifact::from_bytes("hello", b"hello".to_vec());
        let verdict = policy.judge(&artifact, &[], SystemTime::UNIX_EPOCH);
        assert!(!verdict.passed());
        assert!(verdict.admit(artifact).is_err());
    }
});
