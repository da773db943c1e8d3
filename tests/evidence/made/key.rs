//! One thing wrong in a bundle that a key signed, or in its file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use prov::bundle::{MAX_BUNDLES, MAX_CHAIN, MAX_PROOFS};
use prov::statement::{MAX_SUBJECTS, PAYLOAD_TYPE, STATEMENT_V0_1};
use serde_json::{Value, json};

use super::{
    Made, as_version, by_key, by_root, changed, flipped, good, signed, signed_as, stack, with,
    without,
};

pub(super) fn cases() -> Made {
    [envelopes(), statements(), shapes(), limits(), media_types()].concat()
}

fn envelopes() -> Made {
    let damaged = "refused the signature is not by a trusted key";
    let two = json!([
        good()["dsseEnvelope"]["signatures"][0],
        good()["dsseEnvelope"]["signatures"][0],
    ]);
    let none = json!([]);
    let signatures = "/dsseEnvelope/signatures";
    let text_plain = signed_as("text/plain", &changed(|_| ()));
    let relabelled = with(
        text_plain.clone(),
        "/dsseEnvelope/payloadType",
        PAYLOAD_TYPE,
    );
    [
        by_key("key-ed25519", "verified key", good().to_string()),
        by_key("payload-flipped", damaged, {
            let other = changed(|it| it["predicate"] = json!({"a": 1}));
            with(good(), "/dsseEnvelope/payload", BASE64.encode(other))
        }),
        by_key(
            "signature-flipped",
            damaged,
            flipped(good(), "/dsseEnvelope/signatures/0/sig", 20),
        ),
        by_key(
            "signature-empty",
            "refused the signature is not by a trusted key",
            with(good(), "/dsseEnvelope/signatures", json!([{"sig": ""}])),
        ),
        by_key(
            "two-signatures",
            "unreadable the bundle is malformed: JSON error: DSSE envelope must contain exactly one signature, found 2",
            with(good(), signatures, two),
        ),
        by_key(
            "no-signature",
            "unreadable the bundle is malformed: JSON error: DSSE envelope must contain exactly one signature, found 0",
            with(good(), signatures, none),
        ),
        by_key(
            "payload-type-wrong",
            "refused the envelope holds `text/plain`",
            text_plain.to_string(),
        ),
        by_key("payload-type-swapped-after-signing", damaged, relabelled),
        by_key(
            "payload-not-base64",
            "unreadable the bundle is malformed: Invalid encoding",
            with(good(), "/dsseEnvelope/payload", "%%%"),
        ),
    ]
    .concat()
}

fn statements() -> Made {
    let about = |change: fn(&mut Value)| signed(&changed(change)).to_string();
    let twice = String::from_utf8(changed(|_| ())).unwrap();
    let twice = twice.replacen('{', r#"{"subject":[],"#, 1);
    let deep = |depth: usize| {
        let nested = "[".repeat(depth) + &"]".repeat(depth);
        let text = String::from_utf8(changed(|_| ())).unwrap();
        signed(
            text.replace("\"predicate\":{}", &format!("\"predicate\":{nested}"))
                .as_bytes(),
        )
        .to_string()
    };
    [
        by_key(
            "other-artifact",
            "refused the statement is about another artifact",
            about(|it| it["subject"][0]["digest"]["sha256"] = "00".repeat(32).into()),
        ),
        by_key("second-subject", "verified key", {
            about(|it| {
                let first = it["subject"][0].clone();
                it["subject"] = json!([{"digest": {"sha256": "00".repeat(32)}}, first]);
            })
        }),
        by_key(
            "digest-in-upper-case",
            "refused the statement is about another artifact",
            {
                about(|it| {
                    let hex = it["subject"][0]["digest"]["sha256"]
                        .as_str()
                        .unwrap()
                        .to_uppercase();
                    it["subject"][0]["digest"]["sha256"] = hex.into();
                })
            },
        ),
        by_key(
            "digest-contradicts-itself",
            "refused the statement is about another artifact",
            about(|it| it["subject"][0]["digest"]["sha512"] = "00".repeat(64).into()),
        ),
        by_key(
            "digest-sha512-alone-and-wrong",
            "refused the statement is about another artifact",
            about(|it| it["subject"][0]["digest"] = json!({"sha512": "00".repeat(64)})),
        ),
        by_key(
            "same-name-no-digest",
            "refused the statement is about another artifact",
            about(|it| it["subject"][0] = json!({"name": "artifact.txt"})),
        ),
        by_key(
            "digest-by-another-algorithm",
            "refused the statement is about another artifact",
            about(|it| it["subject"][0]["digest"] = json!({"sha1": "00".repeat(20)})),
        ),
        by_key(
            "statement-v0-1",
            "verified key",
            about(|it| it["_type"] = STATEMENT_V0_1.into()),
        ),
        by_key(
            "statement-type-wrong",
            "refused the statement has the type `https://in-toto.io/Statement/v9`",
            about(|it| it["_type"] = "https://in-toto.io/Statement/v9".into()),
        ),
        by_key(
            "no-subject",
            "refused the statement has no subject",
            about(|it| it["subject"] = json!([])),
        ),
        by_key(
            "subject-null",
            "refused the statement is malformed",
            about(|it| it["subject"] = Value::Null),
        ),
        by_key(
            "no-predicate-type",
            "refused the statement has no predicate type",
            about(|it| it["predicateType"] = "".into()),
        ),
        by_key(
            "subjects-1024",
            "verified key",
            about(|it| many_subjects(it, MAX_SUBJECTS)),
        ),
        by_key(
            "subjects-1025",
            "refused the statement has 1025 subjects",
            about(|it| many_subjects(it, MAX_SUBJECTS + 1)),
        ),
        by_key(
            "key-twice-in-statement",
            "refused the statement is no acceptable JSON: the key `subject` twice",
            signed(twice.as_bytes()).to_string(),
        ),
        by_key("statement-deep", "verified key", deep(120)),
        by_key(
            "statement-too-deep",
            "refused the statement is no acceptable JSON: recursion limit",
            deep(130),
        ),
        by_key(
            "statement-not-json",
            "refused the statement is no acceptable JSON",
            signed(b"artifact").to_string(),
        ),
        by_key(
            "statement-empty",
            "refused the statement is no acceptable JSON",
            signed(b"").to_string(),
        ),
        by_key(
            "two-statements",
            "refused the statement is no acceptable JSON: trailing characters",
            signed(&[changed(|_| ()), changed(|_| ())].concat()).to_string(),
        ),
    ]
    .concat()
}

fn many_subjects(statement: &mut Value, count: usize) {
    let first = statement["subject"][0].clone();
    let mut subjects = vec![json!({"name": "x"}); count - 1];
    subjects.push(first);
    statement["subject"] = subjects.into();
}

fn shapes() -> Made {
    let text = good().to_string();
    let twice = |key: &str, value: &str| text.replacen('{', &format!("{{\"{key}\":{value},"), 1);
    let escaped = text.replacen('{', r#"{"dsse\u0045nvelope":{},"#, 1);
    let half = &text[..text.len() / 2];
    let nested = "[".repeat(200) + &"]".repeat(200);
    let repeated = format!("{text}\n").repeat(MAX_BUNDLES + 1);
    let message = stack("rs-sig");
    let both = with(
        good(),
        "/messageSignature",
        message["messageSignature"].clone(),
    );
    [
        by_key(
            "file-of-text",
            "unreadable the bundle is no acceptable JSON",
            "artifact",
        ),
        by_key(
            "file-empty",
            "unreadable the bundle is no acceptable JSON: EOF",
            "",
        ),
        by_key(
            "file-truncated",
            "unreadable the bundle is no acceptable JSON",
            half,
        ),
        by_key(
            "file-not-utf-8",
            "unreadable the bundle is no acceptable JSON",
            b"{\"mediaType\":\"\xff\"}",
        ),
        by_key(
            "file-of-an-array",
            "unreadable the bundle is malformed",
            format!("[{text}]"),
        ),
        by_key(
            "key-twice-in-bundle",
            "unreadable the bundle is no acceptable JSON: the key `dsseEnvelope` twice",
            twice("dsseEnvelope", "{}"),
        ),
        by_key(
            "key-twice-by-escape",
            "unreadable the bundle is no acceptable JSON: the key `dsseEnvelope` twice",
            escaped,
        ),
        by_key(
            "unknown-key-too-deep",
            "unreadable the bundle is no acceptable JSON: recursion limit",
            twice("x", &nested),
        ),
        by_key(
            "two-bundles-in-one-line",
            "unreadable the bundle is no acceptable JSON: trailing characters",
            format!("{text}{text}"),
        ),
        by_key(
            "two-bundles-in-lines",
            "verified key",
            format!("{text}\n\n{text}"),
        ),
        by_key(
            "bundles-65",
            "unreadable the bundle has 65 bundles, at most 64",
            repeated,
        ),
        by_key(
            "one-line-of-two-damaged",
            "unreadable the bundle is no acceptable JSON: expected value",
            format!("{text}\n{{\"mediaType\":}}"),
        ),
        by_key(
            "envelope-alone",
            "unreadable the bundle is malformed: no `mediaType`",
            good()["dsseEnvelope"].to_string(),
        ),
        by_key(
            "no-material",
            "unreadable the bundle is malformed: JSON error: missing field `verificationMaterial`",
            without(good(), "", "verificationMaterial"),
        ),
        by_key(
            "no-envelope",
            "unreadable the bundle is malformed: JSON error: no variant of enum SignatureContent",
            without(good(), "", "dsseEnvelope"),
        ),
        by_key(
            "envelope-and-message",
            "unreadable the bundle is malformed: both `messageSignature` and `dsseEnvelope`",
            both,
        ),
    ]
    .concat()
}

fn limits() -> Made {
    let stamps = |count| {
        let stamps = json!({"rfc3161Timestamps": vec![json!({"signedTimestamp": "AA=="}); count]});
        with(
            good(),
            "/verificationMaterial/timestampVerificationData",
            stamps,
        )
    };
    let entries = |count| {
        let entry = stack("ci")["verificationMaterial"]["tlogEntries"][0].clone();
        with(
            good(),
            "/verificationMaterial/tlogEntries",
            vec![entry; count],
        )
    };
    let chain = |count| {
        let mut bundle = as_version(stack("ci"), "0.2");
        let certificates =
            &mut bundle["verificationMaterial"]["x509CertificateChain"]["certificates"];
        *certificates = vec![certificates[0].clone(); count].into();
        bundle.to_string()
    };
    [
        by_key(
            "timestamps-17",
            "unreadable the bundle has 17 timestamps, at most 16",
            stamps(MAX_PROOFS + 1),
        ),
        by_key(
            "log-entries-17",
            "unreadable the bundle has 17 log entries, at most 16",
            entries(MAX_PROOFS + 1),
        ),
        by_root(
            "certificates-11",
            "unreadable the bundle has 11 certificates, at most 10",
            chain(MAX_CHAIN + 1),
        ),
    ]
    .concat()
}

fn media_types() -> Made {
    let of = |media_type: &str| with(good(), "/mediaType", media_type);
    let chain_in_v0_3 = {
        let mut bundle = as_version(stack("ci"), "0.2");
        bundle["mediaType"] = stack("ci")["mediaType"].clone();
        bundle.to_string()
    };
    [
        by_key(
            "media-type-v0-1",
            "verified key",
            of("application/vnd.dev.sigstore.bundle+json;version=0.1"),
        ),
        by_key(
            "media-type-v0-2",
            "verified key",
            of("application/vnd.dev.sigstore.bundle+json;version=0.2"),
        ),
        by_key(
            "media-type-v0-3-as-parameter",
            "verified key",
            of("application/vnd.dev.sigstore.bundle+json;version=0.3"),
        ),
        by_key(
            "media-type-unknown",
            "unreadable the bundle is malformed: JSON error: Invalid media type: application/json",
            of("application/json"),
        ),
        by_key(
            "media-type-v0-9",
            "unreadable the bundle is malformed: JSON error: Invalid media type",
            of("application/vnd.dev.sigstore.bundle.v0.9+json"),
        ),
        by_key(
            "no-media-type",
            "unreadable the bundle is malformed: no `mediaType`",
            without(good(), "", "mediaType"),
        ),
        by_root(
            "certificate-in-v0-2",
            "verified certificate logged",
            as_version(stack("ci"), "0.2").to_string(),
        ),
        by_root("certificate-chain-in-v0-3", "refused application/vnd.dev.sigstore.bundle.v0.3+json bundles must use a single certificate", chain_in_v0_3),
        by_root(
            "certificate-in-v0-1-without-promise",
            "refused application/vnd.dev.sigstore.bundle+json;version=0.1 bundles must have an inclusion promise",
            as_version(stack("ci"), "0.1").to_string(),
        ),
    ]
    .concat()
}
