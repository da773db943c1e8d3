//! Any bytes are a bundle or an error, and a bundle's statement is one or an error: the
//! one that the Sigstore client reads there.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prov::artifact::Artifact;
use prov::bundle::{Bundle, Evidence};
use prov::statement::Statement;
use prov::verify::{self, Trust};
use sigstore_types::bundle::SignatureContent;

fuzz_target!(|bytes: &[u8]| {
    let bytes = without_head(bytes);
    if let Ok(bundle) = Bundle::parse(bytes) {
        let text = std::str::from_utf8(bytes).expect("JSON is UTF-8");
        let client = sigstore_types::Bundle::from_json(text).expect("the client reads it");
        assert_eq!(bundle.media_type(), client.media_type().as_str());
        match (&client.content, bundle.unverified_statement()) {
            (SignatureContent::DsseEnvelope(envelope), Ok(statement)) => {
                let payload = envelope.payload.as_bytes();
                assert_eq!(Statement::parse(payload).ok(), Some(statement));
            }
            (_, statement) => assert!(statement.is_err()),
        }
    }
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

/// The bundle of a case of `testdata`: it comes after an empty line.
fn without_head(bytes: &[u8]) -> &[u8] {
    let end = bytes.windows(2).position(|two| two == b"\n\n");
    match end.filter(|_| bytes.starts_with(b"expect:") || bytes.starts_with(b"#")) {
        Some(end) => &bytes[end + 2..],
        None => bytes,
    }
}
