//! Any text is a reference or an error, and a reference is read again as it is written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prov::oci::Reference;

fuzz_target!(|text: &str| {
    if let Ok(reference) = text.parse::<Reference>() {
        let mut again: Reference = reference.to_string().parse().expect("what was written");
        again.implied = reference.implied;
        assert_eq!(again, reference);
    }
});
