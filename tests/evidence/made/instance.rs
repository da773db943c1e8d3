//! One thing wrong with evidence of the instances that `testdata/bundles/instance`
//! makes: without a log, with a Rekor v1 log, and as PEP 740 writes it.

use prov::bundle::MAX_BUNDLES;
use serde_json::{Value, json};

use super::{Made, case, flipped, text, with, without};

const FOLDER: &str = "bundles/instance";
const STAMP: &str =
    "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp";

pub(super) fn cases() -> Made {
    [no_log(), rekor_1(), pep_740(), answers()].concat()
}

fn file(name: &str) -> Value {
    serde_json::from_str(&text(&format!("{FOLDER}/{name}.json"))).unwrap()
}

fn head(root: &str) -> String {
    format!("artifact: bundles/artifact.txt\nroot: {FOLDER}/{root}.json\nunlogged: accepted")
}

/// Timestamps are all that such an instance has, and only a policy can accept that.
fn no_log() -> Made {
    let own = head("trusted_root");
    let strict = own.replace("\nunlogged: accepted", "");
    let early = format!("{own}\nnow: 2020-06-01T00:00:00Z");
    let elsewhere = own.replace("bundles/instance", "bundles/local-stack");
    let other = own.replace("bundles/artifact.txt", "bundles/local-stack/mod.wasm");
    let valid = || file("valid");
    let by_own = |name, expect, bundle: String| case(name, expect, &own, bundle);
    let stamp_of_another = with(
        valid(),
        STAMP,
        file("expired").pointer(STAMP).unwrap().clone(),
    );
    [
        by_own("no-log", "verified certificate", valid().to_string()),
        case(
            "no-log-where-one-is-demanded",
            "refused the signature stands in no transparency log",
            &strict,
            valid().to_string(),
        ),
        case(
            "no-log-other-root",
            "refused invalid RFC 3161 timestamp",
            &elsewhere,
            valid().to_string(),
        ),
        case(
            "no-log-other-artifact",
            "refused the statement is about another artifact",
            &other,
            valid().to_string(),
        ),
        case(
            "no-log-from-the-future",
            "refused the signature's time lies in the future",
            &early,
            valid().to_string(),
        ),
        by_own(
            "no-log-certificate-expired",
            "refused the certificate had expired when it signed",
            file("expired").to_string(),
        ),
        by_own(
            "no-log-certificate-too-early",
            "refused the certificate was not valid yet when it signed",
            file("too-early").to_string(),
        ),
        by_own(
            "no-log-no-timestamp",
            "refused bundle must have at least one tlog entry or timestamp",
            without(
                valid(),
                "/verificationMaterial",
                "timestampVerificationData",
            ),
        ),
        by_own(
            "no-log-timestamp-of-another",
            "refused invalid RFC 3161 timestamp",
            stamp_of_another,
        ),
        by_own(
            "no-log-timestamp-flipped",
            "refused invalid RFC 3161 timestamp",
            flipped(valid(), STAMP, usize::MAX),
        ),
        by_own(
            "no-log-payload-tampered",
            "refused the signature does not fit the statement",
            flipped(valid(), "/dsseEnvelope/payload", 100),
        ),
    ]
    .concat()
}

/// The log's promise authenticates the time, its checkpoint the entry. That the
/// certificate stands in no log of its own is accepted here, so the good ones do not
/// count as logged.
fn rekor_1() -> Made {
    let own = head("trusted_root_rekor1");
    let entry = "/verificationMaterial/tlogEntries/0";
    let at = |path: &str| format!("{entry}/{path}");
    let logged = || file("rekor1");
    let checkpoint = |from: &str, to: &str| {
        let pointer = at("inclusionProof/checkpoint/envelope");
        let old = logged().pointer(&pointer).unwrap().clone();
        with(
            logged(),
            &pointer,
            old.as_str().unwrap().replacen(from, to, 1),
        )
    };
    let by_own = |name, expect, bundle: String| case(name, expect, &own, bundle);
    [
        by_own("rekor-1", "verified certificate", logged().to_string()),
        by_own(
            "rekor-1-from-the-future",
            "refused invalid integrated time",
            file("rekor1-future").to_string(),
        ),
        by_own(
            "rekor-1-time-changed",
            "refused invalid inclusion promise",
            with(logged(), &at("integratedTime"), "1767225601"),
        ),
        by_own(
            "rekor-1-promise-flipped",
            "refused invalid inclusion promise",
            flipped(
                logged(),
                &at("inclusionPromise/signedEntryTimestamp"),
                usize::MAX,
            ),
        ),
        by_own(
            "rekor-1-no-promise",
            "refused no verified timestamp",
            without(logged(), entry, "inclusionPromise"),
        ),
        by_own(
            "rekor-1-body-flipped",
            "refused invalid inclusion promise",
            flipped(logged(), &at("canonicalizedBody"), 120),
        ),
        by_own(
            "rekor-1-proof-of-another-tree",
            "refused inclusion proof root hash does not match checkpoint root hash",
            with(
                logged(),
                &at("inclusionProof/rootHash"),
                "A".repeat(43) + "=",
            ),
        ),
        by_own(
            "rekor-1-checkpoint-of-another-size",
            "refused invalid checkpoint",
            checkpoint("\n1\n", "\n2\n"),
        ),
        by_own(
            "rekor-1-checkpoint-of-another-origin",
            "refused invalid checkpoint",
            checkpoint("log.test - 1\n1", "log.test - 2\n1"),
        ),
        case(
            "rekor-1-entry-missing",
            "refused the signature stands in no transparency log",
            &own.replace("\nunlogged: accepted", ""),
            with(logged(), "/verificationMaterial/tlogEntries", json!([])),
        ),
        case(
            "rekor-1-unknown-log",
            "refused invalid inclusion promise",
            &head("trusted_root"),
            logged().to_string(),
        ),
        by_own(
            "rekor-1-payload-tampered",
            "refused the signature does not fit the statement",
            flipped(logged(), "/dsseEnvelope/payload", 100),
        ),
        by_own(
            "rekor-1-signature-of-another",
            "refused log entry does not match the bundle",
            with(
                logged(),
                "/dsseEnvelope/signatures/0/sig",
                file("valid")
                    .pointer("/dsseEnvelope/signatures/0/sig")
                    .unwrap()
                    .clone(),
            ),
        ),
    ]
    .concat()
}

fn provenance(attestations: Value) -> Value {
    json!({"version": 1, "attestation_bundles": [{
        "publisher": {"kind": "GitHub", "repository": "nobody/vouches-for-this"},
        "attestations": attestations,
    }]})
}

fn pep_740() -> Made {
    let own = head("trusted_root_rekor1");
    let by_own = |name, expect, document: String| case(name, expect, &own, document);
    let attestation = || file("pep740");
    let material = "/verification_material";
    [
        by_own("pep-740", "verified certificate", attestation().to_string()),
        case(
            "pep-740-other-artifact",
            "refused the statement is about another artifact",
            &own.replace("bundles/artifact.txt", "bundles/local-stack/mod.wasm"),
            attestation().to_string(),
        ),
        by_own(
            "pep-740-statement-tampered",
            "refused the signature does not fit the statement",
            flipped(attestation(), "/envelope/statement", 100),
        ),
        by_own(
            "pep-740-entry-tampered",
            "refused invalid inclusion promise",
            flipped(
                attestation(),
                "/verification_material/transparency_entries/0/canonicalizedBody",
                120,
            ),
        ),
        by_own(
            "pep-740-no-entry",
            "unreadable the bundle is malformed: `transparency_entries` is empty",
            with(
                attestation(),
                "/verification_material/transparency_entries",
                json!([]),
            ),
        ),
        by_own(
            "pep-740-no-certificate",
            "unreadable the bundle is malformed: `verification_material.certificate` is no text",
            without(attestation(), material, "certificate"),
        ),
        by_own(
            "pep-740-no-signature",
            "unreadable the bundle is malformed: `envelope.signature` is no text",
            without(attestation(), "/envelope", "signature"),
        ),
        by_own(
            "pep-740-version-2",
            "unreadable the bundle is malformed: a PEP 740 object of version 2, wanted 1",
            with(attestation(), "/version", 2),
        ),
        by_own(
            "pep-740-provenance",
            "verified certificate",
            provenance(json!([attestation(), attestation()])).to_string(),
        ),
        by_own(
            "pep-740-provenance-one-damaged",
            "unreadable the bundle is malformed: a PEP 740 object of version null",
            provenance(json!([attestation(), {"envelope": {}}])).to_string(),
        ),
        by_own(
            "pep-740-provenance-empty",
            "unreadable the bundle is malformed: `attestations` is empty",
            provenance(json!([])).to_string(),
        ),
        by_own(
            "pep-740-provenance-of-65",
            "unreadable the bundle has 65 bundles, at most 64 are read",
            provenance(json!(vec![json!({}); MAX_BUNDLES + 1])).to_string(),
        ),
    ]
    .concat()
}

/// What GitHub's and npm's APIs answer: bundles among things that nobody signed.
fn answers() -> Made {
    let own = head("trusted_root_rekor1");
    let by_own = |name, expect, document: Value| case(name, expect, &own, document.to_string());
    let one = |bundle: Value| json!({"predicateType": "of/no/importance", "bundle": bundle});
    [
        by_own(
            "answer",
            "verified certificate",
            json!({"attestations": [one(file("rekor1")), one(file("rekor1"))]}),
        ),
        by_own(
            "answer-empty",
            "unreadable the bundle is malformed: `attestations` is empty",
            json!({"attestations": []}),
        ),
        by_own(
            "answer-without-bundle",
            "unreadable the bundle is malformed: an attestation without its `bundle`",
            json!({"attestations": [{"bundle": null, "bundle_url": "https://example.com"}]}),
        ),
        by_own(
            "answer-tampered",
            "refused the signature does not fit the statement",
            json!({"attestations": [one(serde_json::from_str(&flipped(
                file("rekor1"),
                "/dsseEnvelope/payload",
                100,
            )).unwrap())]}),
        ),
    ]
    .concat()
}
