//! One thing wrong in a bundle with a certificate, a log entry or a timestamp, or
//! in what it is checked against.

use serde_json::{Value, json};

use super::{
    BY_KEY, BY_LOGGED_KEY, Made, by_key, by_logged_key, by_root, case, flipped, good, stack, with,
    without,
};

pub(super) fn cases() -> Made {
    [keys(), certificates(), logs(), timestamps()].concat()
}

fn keys() -> Made {
    let nobody = "artifact: bundles/artifact.txt";
    let stranger = "artifact: bundles/artifact.txt\nkey: keys/p256.pub\nunlogged: accepted";
    let several = format!("{BY_KEY}\nkey: keys/p256.pub");
    let strict = "artifact: bundles/artifact.txt\nkey: keys/ed25519.pub";
    let unlogged = "artifact: bundles/local-stack/mod.wasm\nkey: bundles/local-stack/managed.pub\nunlogged: accepted";
    let both_unlogged = format!("{BY_LOGGED_KEY}\nunlogged: accepted");
    let no_root = "artifact: bundles/local-stack/mod.wasm\nkey: bundles/local-stack/managed.pub";
    let as_key = {
        let mut bundle = stack("ci");
        bundle["verificationMaterial"]["publicKey"] = json!({"hint": ""});
        without(bundle, "/verificationMaterial", "certificate")
    };
    let foreign_log = {
        let logged = stack("k-full");
        with(
            stack("k-none"),
            "/verificationMaterial/tlogEntries",
            logged["verificationMaterial"]["tlogEntries"].clone(),
        )
    };
    [
        case(
            "key-p256",
            "verified key",
            unlogged,
            stack("k-none").to_string(),
        ),
        by_logged_key(
            "key-and-certificate",
            "unreadable the bundle is malformed: both `publicKey` and `certificate`",
            with(
                stack("k-full"),
                "/verificationMaterial/certificate",
                stack("ci")["verificationMaterial"]["certificate"].clone(),
            ),
        ),
        case(
            "key-second-of-two",
            "verified key",
            &several,
            good().to_string(),
        ),
        by_key(
            "key-hint-of-another",
            "verified key",
            with(good(), "/verificationMaterial/publicKey/hint", "another"),
        ),
        case(
            "key-other",
            "refused the signature is not by a trusted key",
            stranger,
            good().to_string(),
        ),
        case(
            "key-none-trusted",
            "refused signed with a key, and no key is trusted",
            nobody,
            good().to_string(),
        ),
        case(
            "key-not-logged",
            "refused the signature stands in no transparency log",
            strict,
            good().to_string(),
        ),
        by_logged_key(
            "key-logged",
            "verified key logged",
            stack("k-full").to_string(),
        ),
        by_logged_key(
            "key-logged-without-timestamp",
            "verified key logged",
            stack("k-rekor").to_string(),
        ),
        case(
            "key-logged-and-no-root",
            "refused signed with a certificate or logged, and no root",
            no_root,
            stack("k-full").to_string(),
        ),
        by_logged_key(
            "key-timestamp-alone",
            "refused the signature stands in no transparency log",
            stack("k-tsa").to_string(),
        ),
        case(
            "key-logged-and-no-root-unlogged",
            "verified key",
            unlogged,
            stack("k-full").to_string(),
        ),
        case(
            "key-timestamp-alone-unlogged",
            "verified key",
            &both_unlogged,
            stack("k-tsa").to_string(),
        ),
        by_logged_key(
            "key-logged-elsewhere",
            "refused log entry does not match the bundle",
            foreign_log,
        ),
        by_logged_key(
            "certificate-passed-off-as-key",
            "refused the signature is not by a trusted key",
            as_key,
        ),
    ]
    .concat()
}

fn certificates() -> Made {
    let raw = "/verificationMaterial/certificate/rawBytes";
    let other = "artifact: bundles/artifact.txt\nroot: bundles/local-stack/trusted_root.json";
    let no_root = "artifact: bundles/local-stack/mod.wasm";
    let public_good = "artifact: bundles/local-stack/mod.wasm\nroot: public-good";
    let persons = stack("rs-att").pointer(raw).unwrap().clone();
    let payload = with(
        stack("ci"),
        "/dsseEnvelope/payload",
        good()["dsseEnvelope"]["payload"].clone(),
    );
    [
        by_root(
            "certificate-of-a-workflow",
            "verified certificate logged",
            stack("ci").to_string(),
        ),
        by_root(
            "certificate-of-a-person",
            "verified certificate logged",
            stack("rs-att").to_string(),
        ),
        by_root(
            "certificate-by-cosign",
            "verified certificate logged",
            stack("cosign-att").to_string(),
        ),
        case(
            "certificate-other-artifact",
            "refused the statement is about another artifact",
            other,
            stack("ci").to_string(),
        ),
        case(
            "certificate-no-root",
            "refused signed with a certificate or logged, and no root",
            no_root,
            stack("ci").to_string(),
        ),
        case(
            "certificate-other-root",
            "refused invalid RFC 3161 timestamp",
            public_good,
            stack("ci").to_string(),
        ),
        case(
            "certificate-key-trusted-only",
            "refused signed with a certificate or logged, and no root",
            &format!("{no_root}\nkey: bundles/local-stack/managed.pub"),
            stack("ci").to_string(),
        ),
        by_root(
            "certificate-flipped-signature",
            "refused certificate chain is invalid",
            flipped(stack("ci"), raw, usize::MAX),
        ),
        by_root(
            "certificate-flipped-inside",
            "refused malformed certificate",
            flipped(stack("ci"), raw, 600),
        ),
        by_root(
            "certificate-of-another-bundle",
            "refused the signature does not fit the statement",
            with(stack("ci"), raw, persons),
        ),
        by_root(
            "certificate-not-der",
            "refused malformed certificate",
            with(stack("ci"), raw, "AAAA"),
        ),
        by_root(
            "certificate-payload-of-another",
            "refused the signature does not fit the statement",
            payload,
        ),
        by_root(
            "certificate-signature-flipped",
            "refused invalid RFC 3161 timestamp",
            flipped(stack("ci"), "/dsseEnvelope/signatures/0/sig", 40),
        ),
    ]
    .concat()
}

/// Two of these are good: nothing counts log entries, and a proof's size is a copy
/// of the checkpoint's, which is the one that is signed.
fn logs() -> Made {
    let entry = "/verificationMaterial/tlogEntries/0";
    let at = |path: &str| format!("{entry}/{path}");
    let checkpoint = |change: fn(&str) -> String| {
        let old = stack("ci")
            .pointer(&at("inclusionProof/checkpoint/envelope"))
            .unwrap()
            .clone();
        with(
            stack("ci"),
            &at("inclusionProof/checkpoint/envelope"),
            change(old.as_str().unwrap()),
        )
    };
    let entries = |value: Value| with(stack("ci"), "/verificationMaterial/tlogEntries", value);
    let other = stack("rs-att")["verificationMaterial"]["tlogEntries"].clone();
    let own = stack("ci")["verificationMaterial"]["tlogEntries"].clone();
    [
        by_root(
            "log-entry-flipped",
            "refused invalid inclusion proof",
            flipped(stack("ci"), &at("canonicalizedBody"), 60),
        ),
        by_root(
            "log-entry-of-another-bundle",
            "refused log entry does not match the bundle",
            entries(other.clone()),
        ),
        by_root(
            "log-entries-one-of-another-bundle",
            "refused log entry does not match the bundle",
            entries(json!([own[0], other[0]])),
        ),
        by_root(
            "log-entry-twice",
            "verified certificate logged",
            entries(json!([own[0], own[0]])),
        ),
        by_root(
            "log-none",
            "refused the signature stands in no transparency log",
            entries(json!([])),
        ),
        by_root(
            "log-without-proof",
            "refused application/vnd.dev.sigstore.bundle.v0.3+json bundle must have an inclusion proof",
            without(stack("ci"), entry, "inclusionProof"),
        ),
        by_root(
            "log-proof-hash-flipped",
            "refused invalid inclusion proof",
            flipped(stack("ci"), &at("inclusionProof/hashes/0"), 3),
        ),
        by_root(
            "log-proof-without-hashes",
            "refused invalid inclusion proof",
            with(stack("ci"), &at("inclusionProof/hashes"), json!([])),
        ),
        by_root(
            "log-proof-of-a-larger-tree",
            "verified certificate logged",
            with(stack("ci"), &at("inclusionProof/treeSize"), "50"),
        ),
        by_root(
            "log-checkpoint-missing",
            "refused inclusion proof has no checkpoint",
            without(stack("ci"), &at("inclusionProof"), "checkpoint"),
        ),
        by_root(
            "log-checkpoint-size-changed",
            "refused invalid inclusion proof",
            checkpoint(|it| it.replacen("\n5\n", "\n6\n", 1)),
        ),
        by_root(
            "log-checkpoint-origin-changed",
            "refused invalid checkpoint",
            checkpoint(|it| it.replacen("127.0.0.1", "127.0.0.2", 1)),
        ),
        by_root(
            "log-checkpoint-unsigned",
            "unreadable the bundle is malformed: JSON error: Invalid checkpoint format",
            checkpoint(|it| it.split("\n\n").next().unwrap().to_owned() + "\n\n"),
        ),
        by_root("log-checkpoint-of-another-bundle", "refused log index 4 out of range for tree size 3", {
            let other = stack("rs-att")
                .pointer(&at("inclusionProof/checkpoint"))
                .unwrap()
                .clone();
            with(stack("ci"), &at("inclusionProof/checkpoint"), other)
        }),
        by_root(
            "log-kind-unknown",
            "unreadable the bundle is malformed: JSON error: unsupported Rekor entry format",
            with(
                stack("ci"),
                &at("kindVersion"),
                json!({"kind": "x", "version": "9"}),
            ),
        ),
        by_root(
            "log-promise-forged",
            "refused invalid inclusion promise",
            with(
                stack("ci"),
                &at("inclusionPromise"),
                json!({"signedEntryTimestamp": "AAAA"}),
            ),
        ),
        by_logged_key(
            "key-log-entry-flipped",
            "refused invalid inclusion proof",
            flipped(stack("k-full"), &at("canonicalizedBody"), 60),
        ),
        by_logged_key(
            "key-log-entry-of-another-bundle",
            "refused log entry does not match the bundle",
            with(stack("k-full"), "/verificationMaterial/tlogEntries", other),
        ),
    ]
    .concat()
}

fn timestamps() -> Made {
    let stamps = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps";
    let first = format!("{stamps}/0/signedTimestamp");
    let other = stack("rs-att").pointer(&first).unwrap().clone();
    [
        by_root(
            "timestamp-none",
            "refused no verified timestamp",
            with(stack("ci"), stamps, json!([])),
        ),
        by_root(
            "timestamp-flipped",
            "refused invalid RFC 3161 timestamp",
            flipped(stack("ci"), &first, usize::MAX),
        ),
        by_root(
            "timestamp-of-another-bundle",
            "refused invalid RFC 3161 timestamp",
            with(stack("ci"), &first, other),
        ),
        by_root(
            "timestamp-not-der",
            "refused invalid RFC 3161 timestamp",
            with(stack("ci"), &first, "AAAA"),
        ),
        by_logged_key(
            "key-timestamp-flipped",
            "refused invalid RFC 3161 timestamp",
            flipped(stack("k-full"), &first, usize::MAX),
        ),
    ]
    .concat()
}
