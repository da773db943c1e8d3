//! Any bytes are a bundle or an error, and a bundle's statement is one or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prov::artifact::Artifact;
use prov::bundle::{Bundle, Evidence};
use prov::verify::{self, Trust};

fuzz_target!(|bytes: &[u8]| {
    for bundle in Bundle::parse_all(bytes).unwrap_or_default() {
        let evidence = Evidence {
            origin: "fuzz".to_owned(),
            bundle,
        };
        let artifact = Artifact::from_bytes("hello", b"hello".to_vec());
        // Nobody is trusted, so nothing may ever verify.
        assert!(verify::statement(&artifact, &evidence, &Trust::default()).is_err());
    }
});
