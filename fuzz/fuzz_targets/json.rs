//! What the strict reader takes, serde_json reads as the same value; and the one that
//! makes no tree takes it too, and nothing else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let parsed = prov::json::parse(bytes, 1 << 20);
    let checked = prov::json::check(bytes, 1 << 20, prov::json::MAX_VALUES);
    assert_eq!(parsed.is_ok(), checked.is_ok());
    if let Ok(value) = parsed {
        assert_eq!(serde_json::from_slice::<Value>(bytes).ok(), Some(value));
    }
});
