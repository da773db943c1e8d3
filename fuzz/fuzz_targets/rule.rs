//! Any text is an expression of a rule, or a list of errors; and no rule makes a yes
//! of no evidence, or runs for long.
#![no_main]

use std::time::{Duration, Instant, SystemTime};

use libfuzzer_sys::fuzz_target;
use prov::artifact::Artifact;
use prov::policy::Policy;

const POLICY: &str = r#"schema = "prov.policy/v1"
name = "a rule"
[[trust.builder]]
issuer = "https://token.actions.githubusercontent.com"
signer = "https://github.com/acme/wash/.github/workflows/release.yml@refs/tags/v1"
repository = "https://github.com/acme/wash"
[[rule]]
id = "own"
message = "own"
"#;

fuzz_target!(|text: &str| {
    // A basic TOML string says what a JSON string says.
    let Ok(quoted) = serde_json::to_string(text) else {
        return;
    };
    let policy = format!("{POLICY}assert = {quoted}\n");
    match Policy::parse(&policy) {
        Ok(policy) => {
            let artifact = Artifact::from_bytes("hello", b"hello".to_vec());
            let start = Instant::now();
            let verdict = policy.judge(&artifact, &[], SystemTime::UNIX_EPOCH);
            assert!(!verdict.passed());
            assert!(start.elapsed() < Duration::from_secs(60));
        }
        Err(errors) => {
            for error in &errors {
                assert!(policy.get(error.span.clone()).is_some(), "{error:?}");
            }
        }
    }
});
