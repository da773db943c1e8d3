//! Any JSON is a verification summary or an error, and no level is above the highest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prov::json;
use prov::statement::vsa::VerificationSummary;

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = json::parse(bytes, 1 << 20) else {
        return;
    };
    if let Ok(summary) = VerificationSummary::read(&value) {
        assert!(summary.build_level() <= 3);
        let written = serde_json::to_value(&summary).expect("a summary can be written");
        let again = VerificationSummary::read(&written).expect("and read again");
        assert_eq!(again, summary);
    }
});
