//! Any text is a policy, or a list of errors that each point into the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prov::policy::Policy;

fuzz_target!(|text: &str| {
    if let Err(errors) = Policy::parse(text) {
        assert!(errors.iter().count() > 0);
        for error in &errors {
            assert!(error.span.end <= text.len() && error.span.start <= error.span.end);
            error.position(text);
        }
    }
});
