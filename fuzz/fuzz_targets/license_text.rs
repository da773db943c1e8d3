//! Any text has licences that SPDX knows, or none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prov::sbom::{LicenseChoice, license_text};

fuzz_target!(|text: &str| {
    let found = license_text::recognise(text);
    let choice = LicenseChoice::of_texts(&found);
    assert_eq!(choice.is_none(), found.is_empty());
});
