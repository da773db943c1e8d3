//! One thing wrong with a signature over the artifact's own bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::{
    BY_KEY, BY_ROOT, Made, by_key, by_root, case, flipped, pair, read, stack, with, without,
};

const DIGEST: &str = "/messageSignature/messageDigest/digest";

pub(super) fn cases() -> Made {
    [by_certificates(), in_no_log(), by_keys()].concat()
}

/// Rekor v2 and timestamps.
fn by_certificates() -> Made {
    let other_bytes = "refused the signature does not fit the artifact's bytes";
    let other = BY_ROOT.replace("local-stack/mod.wasm", "artifact.txt");
    let public_good = BY_ROOT.replace("bundles/local-stack/trusted_root.json", "public-good");
    let no_root = BY_ROOT.split("\nroot").next().unwrap();
    let entries = "/verificationMaterial/tlogEntries";
    let entry = "/verificationMaterial/tlogEntries/0/canonicalizedBody";
    let sha256 = prov::artifact::Digest::sha256(&read("bundles/artifact.txt"));
    let claims_other = with(stack("rs-sig"), DIGEST, BASE64.encode(sha256.as_bytes()));
    [
        by_root(
            "message",
            "signed certificate logged",
            stack("rs-sig").to_string(),
        ),
        by_root(
            "message-by-cosign",
            "signed certificate logged",
            stack("cosign-sig").to_string(),
        ),
        case(
            "message-over-other-bytes",
            other_bytes,
            &other,
            stack("rs-sig").to_string(),
        ),
        case(
            "message-that-claims-other-bytes",
            other_bytes,
            &other,
            &claims_other,
        ),
        by_root("message-that-claims-wrong-bytes", other_bytes, claims_other),
        by_root(
            "message-without-digest",
            "signed certificate logged",
            without(stack("rs-sig"), "/messageSignature", "messageDigest"),
        ),
        by_root(
            "message-digest-of-other-length",
            other_bytes,
            with(stack("rs-sig"), DIGEST, "AAAA"),
        ),
        by_root(
            "message-by-sha384",
            "refused the signature is over a digest that is neither SHA-256 nor SHA-512",
            with(
                stack("rs-sig"),
                "/messageSignature/messageDigest/algorithm",
                "SHA2_384",
            ),
        ),
        by_root(
            "message-signature-flipped",
            "refused invalid RFC 3161 timestamp",
            flipped(stack("rs-sig"), "/messageSignature/signature", 40),
        ),
        by_root(
            "message-not-logged",
            "refused the signature stands in no transparency log",
            with(stack("rs-sig"), entries, json!([])),
        ),
        by_root(
            "message-log-entry-flipped",
            "refused invalid inclusion proof",
            flipped(stack("rs-sig"), entry, 60),
        ),
        by_root(
            "message-log-entry-of-another",
            "refused log entry does not match the bundle",
            with(
                stack("rs-sig"),
                entries,
                stack("ci").pointer(entries).unwrap().clone(),
            ),
        ),
        case(
            "message-other-root",
            "refused invalid RFC 3161 timestamp",
            &public_good,
            stack("rs-sig").to_string(),
        ),
        case(
            "message-no-root",
            "refused signed with a certificate or logged, and no root",
            no_root,
            stack("rs-sig").to_string(),
        ),
    ]
    .concat()
}

fn in_no_log() -> Made {
    let bundle =
        || -> Value { serde_json::from_slice(&read("bundles/instance/message.json")).unwrap() };
    let strict = "artifact: bundles/artifact.txt\nroot: bundles/instance/trusted_root.json";
    let own = format!("{strict}\nunlogged: accepted");
    let other = own.replace("bundles/artifact.txt", "bundles/local-stack/mod.wasm");
    [
        case(
            "message-no-log",
            "signed certificate",
            &own,
            bundle().to_string(),
        ),
        case(
            "message-no-log-where-one-is-demanded",
            "refused the signature stands in no transparency log",
            strict,
            bundle().to_string(),
        ),
        case(
            "message-no-log-other-artifact",
            "refused the signature does not fit the artifact's bytes",
            &other,
            bundle().to_string(),
        ),
    ]
    .concat()
}

/// Ed25519 signs the bytes themselves, and the cases stream theirs by; P-256 has a
/// test of its own, for it never signs the same twice.
fn by_keys() -> Made {
    let signature = pair().sign(&read("bundles/artifact.txt"));
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "test-only"}},
        "messageSignature": {"signature": BASE64.encode(signature)},
    });
    let nobody = BY_KEY.split('\n').next().unwrap();
    [
        by_key(
            "message-by-ed25519",
            "refused a key of this kind signs the bytes themselves",
            bundle.to_string(),
        ),
        case(
            "message-no-key-trusted",
            "refused signed with a key, and no key is trusted",
            nobody,
            bundle.to_string(),
        ),
    ]
    .concat()
}
