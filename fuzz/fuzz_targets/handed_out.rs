//! Whatever stands in a PEP 740 object or an API's answer, it becomes bundles that
//! nobody vouches for, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prov::artifact::Artifact;
use prov::bundle::{Bundle, Evidence};
use prov::verify::{self, Trust};
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let mut next = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (kind, certificate, statement, signature) = (next(), next(), next(), next());
    let entries: Value = serde_json::from_str(&next()).unwrap_or_default();
    let attestation = json!({
        "version": 1,
        "verification_material": {"certificate": certificate, "transparency_entries": entries},
        "envelope": {"statement": statement, "signature": signature},
    });
    let document = match kind.len() % 3 {
        0 => attestation,
        1 => json!({"version": 1, "attestation_bundles": [{"attestations": [attestation]}]}),
        _ => json!({"attestations": [{"bundle": entries}]}),
    };
    for bundle in Bundle::parse_all(document.to_string().as_bytes()).unwrap_or_default() {
        let evidence = Evidence {
            origin: "fuzz".to_owned(),
            bundle,
        };
        let artifact = Artifact::from_bytes("hello", b"hello".to_vec());
        assert!(verify::statement(&artifact, &evidence, &Trust::default()).is_err());
        assert!(verify::signature(&artifact, &evidence, &Trust::default()).is_err());
    }
});
