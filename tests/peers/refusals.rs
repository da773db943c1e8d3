//! One thing wrong, and both refuse: prov each time with its own reason.

use std::path::Path;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use crate::judges::Wanted;
use crate::stack::Stack;
use crate::{cosign_bundle, prov_bundle, prov_signs, provenance};

const LOG: &str = "/verificationMaterial/tlogEntries";
const TIME: &str = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps";

/// A name, what is changed, and a part of prov's and of cosign's reason.
type Case<T> = (&'static str, fn(&mut T), &'static str, &'static str);

/// Another demand on a good bundle.
const DEMANDS: &[Case<Wanted>] = &[
    (
        "identity",
        |wanted| wanted.identity = wanted.identity.replace("attest.yml", "other.yml"),
        "trust.signer: one statement, and no provenance by a trusted signer",
        "no matching CertificateIdentity",
    ),
    (
        "identity-ref",
        |wanted| wanted.identity = wanted.identity.replace("tags/v1", "tags/v2"),
        "trust.signer: one statement, and no provenance by a trusted signer",
        "no matching CertificateIdentity",
    ),
    (
        "issuer",
        |wanted| wanted.issuer = "https://token.actions.githubusercontent.com".to_owned(),
        "trust.signer: one statement, and no provenance by a trusted signer",
        "no matching CertificateIdentity",
    ),
    (
        "repository",
        |wanted| wanted.repository = "wasmCloud/other".to_owned(),
        "source.repository: https://github.com/wasmCloud/wasmCloud",
        "no matching CertificateIdentity",
    ),
    (
        "artifact",
        |wanted| wanted.artifact = b"another artifact\n".to_vec(),
        "evidence: the statement is about another artifact",
        "provided artifact digests do not match",
    ),
    (
        "root",
        |wanted| {
            wanted.root = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("testdata/bundles/local-stack/trusted_root.json");
        },
        "evidence: invalid RFC 3161 timestamp",
        "not enough verified log entries",
    ),
];

/// Something changed in a good bundle.
const DAMAGES: &[Case<Value>] = &[
    (
        "payload",
        |bundle| {
            let payload = bundle.pointer_mut("/dsseEnvelope/payload").unwrap();
            let text =
                String::from_utf8(BASE64.decode(payload.as_str().unwrap()).unwrap()).unwrap();
            let changed = text.replace("wash-v0.40.0", "wash-v0.41.0");
            assert_ne!(changed, text);
            *payload = BASE64.encode(changed).into();
        },
        "evidence: the signature does not fit the statement",
        "calculated root",
    ),
    (
        "signature",
        |bundle| flip(bundle, "/dsseEnvelope/signatures/0/sig", 20),
        "Timestamp message hash mismatch",
        "calculated root",
    ),
    (
        "certificate",
        |bundle| flip(bundle, "/verificationMaterial/certificate/rawBytes", 300),
        "certificate chain is invalid",
        "calculated root",
    ),
    (
        "no-log-entry",
        |bundle| *bundle.pointer_mut(LOG).unwrap() = Value::Array(Vec::new()),
        "the signature stands in no transparency log",
        "not enough verified log entries",
    ),
    (
        "no-proof",
        |bundle| {
            let entry = bundle.pointer_mut(&format!("{LOG}/0")).unwrap();
            entry
                .as_object_mut()
                .unwrap()
                .remove("inclusionProof")
                .unwrap();
        },
        "must have an inclusion proof",
        // To cosign, this is no bundle of the new format.
        "--new-bundle-format",
    ),
    (
        "checkpoint-root",
        |bundle| {
            checkpoint(bundle, |lines| {
                let mut root = BASE64.decode(&lines[2]).unwrap();
                root[0] ^= 1;
                lines[2] = BASE64.encode(root);
            });
        },
        "invalid inclusion proof",
        "unverified checkpoint signature",
    ),
    (
        "checkpoint-signature",
        |bundle| {
            checkpoint(bundle, |lines| {
                let (name, signature) = lines[4].rsplit_once(' ').unwrap();
                let mut bytes = BASE64.decode(signature).unwrap();
                *bytes.last_mut().unwrap() ^= 1;
                lines[4] = format!("{name} {}", BASE64.encode(bytes));
            });
        },
        "invalid checkpoint",
        "unverified checkpoint signature",
    ),
    (
        "no-timestamp",
        |bundle| *bundle.pointer_mut(TIME).unwrap() = Value::Array(Vec::new()),
        "no verified timestamp",
        "threshold not met for verified signed timestamps",
    ),
    (
        "timestamp",
        |bundle| flip(bundle, &format!("{TIME}/0/signedTimestamp"), usize::MAX),
        "invalid RFC 3161 timestamp",
        "threshold not met for verified signed timestamps",
    ),
];

/// Flips a bit of the bytes at `pointer`, the last ones at most.
fn flip(bundle: &mut Value, pointer: &str, at: usize) {
    let text = bundle.pointer_mut(pointer).unwrap();
    let mut bytes = BASE64.decode(text.as_str().unwrap()).unwrap();
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 1;
    *text = BASE64.encode(bytes).into();
}

/// Changes the lines of the log's signed checkpoint: origin, size, root, an empty
/// one, and signatures.
fn checkpoint(bundle: &mut Value, change: fn(&mut Vec<String>)) {
    let pointer = format!("{LOG}/0/inclusionProof/checkpoint/envelope");
    let text = bundle.pointer_mut(&pointer).unwrap();
    let mut lines: Vec<_> = text
        .as_str()
        .unwrap()
        .split('\n')
        .map(str::to_owned)
        .collect();
    change(&mut lines);
    *text = lines.join("\n").into();
}

/// Both refuse, and what they say is what is wanted; else what is wrong with that.
fn both_refuse(
    stack: &Stack,
    name: &str,
    wanted: &Wanted,
    bundle: &str,
    reasons: (&str, &str),
) -> Vec<String> {
    let judges = [
        ("prov", reasons.0, wanted.ask_prov(bundle).err()),
        (
            "cosign",
            reasons.1,
            wanted.ask_cosign(stack, name, bundle).err(),
        ),
    ];
    let mut wrong = Vec::new();
    for (judge, reason, refusal) in judges {
        match refusal {
            None => wrong.push(format!("{judge} accepts {name}")),
            Some(said) if !said.contains(reason) => {
                wrong.push(format!("{judge} on {name}: {said}\n  wanted {reason}"));
            }
            Some(_) => {}
        }
    }
    wrong
}

#[test]
fn what_is_not_wanted_both_refuse() {
    let Some(stack) = Stack::get() else { return };
    let mut wrong = Vec::new();
    for (signer, bundle) in signed_by_both(stack) {
        for (name, change, prov, cosign) in DEMANDS {
            let mut wanted = Wanted::new(stack);
            change(&mut wanted);
            let name = format!("{signer}-{name}");
            wrong.extend(both_refuse(stack, &name, &wanted, &bundle, (prov, cosign)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_damaged_both_refuse() {
    let Some(stack) = Stack::get() else { return };
    let mut wrong = Vec::new();
    for (signer, bundle) in signed_by_both(stack) {
        for (name, change, prov, cosign) in DAMAGES {
            let mut damaged: Value = serde_json::from_str(&bundle).unwrap();
            change(&mut damaged);
            let name = format!("{signer}-{name}");
            let damaged = damaged.to_string();
            let wanted = Wanted::new(stack);
            wrong.extend(both_refuse(stack, &name, &wanted, &damaged, (prov, cosign)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// cosign makes the entry anew from the bundle and never reads the one inside; prov
/// reads it, and it must be the one that was signed.
#[test]
fn an_entry_about_something_else_prov_refuses() {
    let Some(stack) = Stack::get() else { return };
    let mut bundle: Value = serde_json::from_str(&prov_bundle(stack, &stack.config())).unwrap();
    let body = bundle
        .pointer_mut(&format!("{LOG}/0/canonicalizedBody"))
        .unwrap();
    let bytes = BASE64.decode(body.as_str().unwrap()).unwrap();
    let mut entry: Value = serde_json::from_slice(&bytes).unwrap();
    let digest = entry.pointer_mut("/spec/hashedRekordV002/data/digest");
    *digest.unwrap() = BASE64.encode([0; 32]).into();
    *body = BASE64.encode(entry.to_string()).into();
    let refused = Wanted::new(stack)
        .ask_prov(&bundle.to_string())
        .unwrap_err();
    assert!(refused.contains("invalid inclusion proof"), "{refused}");
}

/// A trusted authority witnesses that the signature was made when the certificate
/// was not valid: after it expired, years from now, or before it was issued.
#[test]
fn what_was_signed_at_another_time_both_refuse() {
    let Some(stack) = Stack::get() else { return };
    let mut wrong = Vec::new();
    for (signer, bundle) in signed_by_both(stack) {
        let mut bundle: Value = serde_json::from_str(&bundle).unwrap();
        let signature = bundle["dsseEnvelope"]["signatures"][0]["sig"]
            .as_str()
            .unwrap();
        let signature = BASE64.decode(signature).unwrap();
        let expired = "the certificate had expired when it signed";
        for (name, after, reason) in [
            ("expired", "1h", expired),
            ("future", "26280h", expired),
            (
                "early",
                "-150s",
                "no trusted certificate authority is valid at",
            ),
        ] {
            let stamp = BASE64.encode(stack.wrong_time(&signature, after));
            bundle.pointer_mut(TIME).unwrap()[0]["signedTimestamp"] = stamp.into();
            let name = format!("{signer}-{name}");
            let wanted = Wanted::new(stack);
            let reasons = (reason, "failed to verify leaf certificate");
            wrong.extend(both_refuse(
                stack,
                &name,
                &wanted,
                &bundle.to_string(),
                reasons,
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the certificate says counts, not what the job wrote into its provenance.
#[test]
fn a_token_of_another_repository_signs_for_that_one_alone() {
    let Some(stack) = Stack::get() else { return };
    let claims = "repository=evil/repository";
    let signatures = prov_signs(stack, &stack.config(), claims, &[provenance()]).unwrap();
    let bundle = &signatures.signed[0].bundle;
    let reasons = (
        "provenance.consistent: externalParameters.workflow.repository states",
        "no matching CertificateIdentity",
    );
    let wrong = both_refuse(stack, "evil", &Wanted::new(stack), bundle, reasons);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A good bundle by each.
fn signed_by_both(stack: &Stack) -> [(&'static str, String); 2] {
    thread::scope(|scope| {
        let prov = scope.spawn(|| prov_bundle(stack, &stack.config()));
        // Both tests sign at the same time, each into files of its own.
        let name = format!("{:?}", thread::current().id()).replace(['(', ')'], "-");
        let cosign = cosign_bundle(stack, &name, &stack.config()).unwrap();
        [("prov", prov.join().unwrap()), ("cosign", cosign)]
    })
}
