//! Makes the cases whose flaw is easier to tell a program than to write by hand.
//!
//! Each starts from something good and has one thing wrong. The key signs the
//! same bytes always the same (Ed25519), so a case only changes when its recipe does.

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use prov::statement::{PAYLOAD_TYPE, STATEMENT_V1};
use serde_json::{Value, json};
use sigstore_types::dsse::pae;

use super::{read, text};

mod instance;
mod key;
mod message;
mod stack;

/// Trusts the test key without a log.
const BY_KEY: &str = "artifact: bundles/artifact.txt\nkey: keys/ed25519.pub\nunlogged: accepted";
/// Trusts the local stack, and no key.
const BY_ROOT: &str =
    "artifact: bundles/local-stack/mod.wasm\nroot: bundles/local-stack/trusted_root.json";
/// Trusts the key that signed in the local stack, and its log.
const BY_LOGGED_KEY: &str = "artifact: bundles/local-stack/mod.wasm\nroot: bundles/local-stack/trusted_root.json\nkey: bundles/local-stack/managed.pub";

type Made = Vec<(&'static str, Vec<u8>)>;

/// All of them: name and content.
pub(super) fn cases() -> Made {
    [
        instance::cases(),
        key::cases(),
        message::cases(),
        stack::cases(),
    ]
    .concat()
}

fn case(name: &'static str, expect: &str, head: &str, bundle: impl AsRef<[u8]>) -> Made {
    let mut file = format!("expect: {expect}\n{head}\n\n").into_bytes();
    file.extend(bundle.as_ref());
    file.push(b'\n');
    vec![(name, file)]
}

fn by_key(name: &'static str, expect: &str, bundle: impl AsRef<[u8]>) -> Made {
    case(name, expect, BY_KEY, bundle)
}

fn by_root(name: &'static str, expect: &str, bundle: impl AsRef<[u8]>) -> Made {
    case(name, expect, BY_ROOT, bundle)
}

fn by_logged_key(name: &'static str, expect: &str, bundle: impl AsRef<[u8]>) -> Made {
    case(name, expect, BY_LOGGED_KEY, bundle)
}

fn statement() -> Value {
    let sha256 = prov::artifact::Digest::sha256(&read("bundles/artifact.txt"));
    json!({
        "_type": STATEMENT_V1,
        "subject": [{"name": "artifact.txt", "digest": {
            "sha256": sha256.hex(),
        }}],
        "predicateType": "https://example.com/predicate/v1",
        "predicate": {},
    })
}

/// The statement about the artifact, changed by `change`.
fn changed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut statement = statement();
    change(&mut statement);
    statement.to_string().into_bytes()
}

/// The test key.
pub(super) fn pair() -> Ed25519KeyPair {
    let pem = read("keys/ed25519.key");
    let (_, pkcs8) = pem_rfc7468::decode_vec(&pem).unwrap();
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8).unwrap()
}

fn signed_as(payload_type: &str, payload: &[u8]) -> Value {
    let signature = pair().sign(&pae(payload_type, payload));
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "test-only"}},
        "dsseEnvelope": {
            "payloadType": payload_type,
            "payload": BASE64.encode(payload),
            "signatures": [{"sig": BASE64.encode(signature)}],
        },
    })
}

fn signed(payload: &[u8]) -> Value {
    signed_as(PAYLOAD_TYPE, payload)
}

fn good() -> Value {
    signed(&changed(|_| ()))
}

fn with(mut bundle: Value, pointer: &str, value: impl Into<Value>) -> String {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    bundle.pointer_mut(parent).expect(pointer)[key] = value.into();
    bundle.to_string()
}

fn without(mut bundle: Value, parent: &str, key: &str) -> String {
    let parent = bundle.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    assert!(parent.remove(key).is_some());
    bundle.to_string()
}

/// `bundle` with one bit of the Base64 value at `pointer` turned over; byte `at`
/// or the last one.
fn flipped(mut bundle: Value, pointer: &str, at: usize) -> String {
    let field = bundle.pointer_mut(pointer).expect(pointer);
    let mut bytes = BASE64.decode(field.as_str().unwrap()).unwrap();
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 1;
    *field = BASE64.encode(bytes).into();
    bundle.to_string()
}

/// A bundle that was really signed, and logged, by a Sigstore stack on one machine.
fn stack(name: &str) -> Value {
    serde_json::from_str(&text(&format!("bundles/local-stack/{name}.json"))).unwrap()
}

/// A bundle in the form of an older version, whose certificate is a chain of one.
fn as_version(mut bundle: Value, version: &str) -> Value {
    bundle["mediaType"] =
        format!("application/vnd.dev.sigstore.bundle+json;version={version}").into();
    let material = bundle["verificationMaterial"].as_object_mut().unwrap();
    if let Some(certificate) = material.remove("certificate") {
        material.insert(
            "x509CertificateChain".into(),
            json!({"certificates": [certificate]}),
        );
    }
    bundle
}
