//! What the strict reader takes, serde_json reads as the same value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = prov::json::parse(bytes, 1 << 20) {
        assert_eq!(serde_json::from_slice::<Value>(bytes).ok(), Some(value));
    }
});
