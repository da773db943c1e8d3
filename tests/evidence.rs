//! Every file of testdata/bundles/cases by its head.
//!
//! A case is one file, named for its flaw. Its head is lines `# key: value`:
//!
//! - `expect`: `verified`; or `refused WORDS` when verify must say no; or
//!   `unreadable WORDS` when the bundle can't even be read. The words must be in
//!   the reason.
//! - `artifact`: the artifact's text, or `@FILE` beside the folder of cases.
//! - `key`: a public key in testdata/keys or `@FILE`, trusted without a log;
//!   `logged-key` is one whose signatures must be logged. Both may be repeated.
//! - `root`: `@FILE`, a trusted root.
//!
//! What follows the head is the bundle. A new attack is one new file.
//!
//! The files are made by `make_cases` below, which also documents each flaw; run
//! it with `cargo test --test evidence -- --ignored` after adding one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use prov::artifact::Artifact;
use prov::bundle::{Bundle, Evidence};
use prov::key::PublicKey;
use prov::sign::PrivateKey;
use prov::statement::{PAYLOAD_TYPE, ResourceDescriptor, SLSA_PROVENANCE_V1, Statement};
use prov::verify::{self, Transparency, Trust, TrustedKey};
use serde_json::{Value, json};

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

struct Case {
    name: String,
    head: Vec<(String, String)>,
    bundle: Vec<u8>,
}

impl Case {
    fn read(path: &Path) -> Self {
        let mut rest = &fs::read(path).unwrap()[..];
        let mut head = Vec::new();
        while let Some(line) = rest.strip_prefix(b"# ") {
            let end = line.iter().position(|byte| *byte == b'\n').unwrap();
            let text = std::str::from_utf8(&line[..end]).unwrap();
            let (key, value) = text.split_once(": ").unwrap();
            head.push((key.to_owned(), value.to_owned()));
            rest = &line[end + 1..];
        }
        Self {
            name: path.file_name().unwrap().to_str().unwrap().to_owned(),
            head,
            bundle: rest.to_vec(),
        }
    }

    fn all(&self, key: &str) -> Vec<&str> {
        let named = |(name, value): &'_ (String, String)| name == key && !value.is_empty();
        let pairs = self.head.iter().filter(|pair| named(pair));
        pairs.map(|(_, value)| value.as_str()).collect()
    }

    fn one(&self, key: &str) -> &str {
        match self.all(key)[..] {
            [value] => value,
            ref values => panic!("{}: {key} stands {} times", self.name, values.len()),
        }
    }

    fn file(&self, value: &str) -> Vec<u8> {
        let path = match value.strip_prefix('@') {
            Some(path) => testdata().join("bundles").join(path),
            None => testdata().join("keys").join(value),
        };
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn artifact(&self) -> Artifact {
        match self.one("artifact") {
            value if value.starts_with('@') => Artifact::from_bytes("artifact", self.file(value)),
            text => Artifact::from_bytes("artifact", text.as_bytes().to_vec()),
        }
    }

    fn trust(&self) -> Trust {
        let mut keys = Vec::new();
        for (name, transparency) in [
            ("key", Transparency::NotRequired),
            ("logged-key", Transparency::Required),
        ] {
            for value in self.all(name) {
                let pem = String::from_utf8(self.file(value)).unwrap();
                let key = PublicKey::from_pem(&pem).unwrap();
                keys.push(TrustedKey { key, transparency });
            }
        }
        let trust = Trust::keys(keys);
        match self.all("root").first() {
            Some(root) => trust
                .with_root(std::str::from_utf8(&self.file(root)).unwrap())
                .unwrap(),
            None => trust,
        }
    }

    /// `Ok` when all went as the head says.
    fn check(&self) -> Result<(), String> {
        let seen = match Bundle::parse(&self.bundle) {
            Err(error) => format!("unreadable {error}"),
            Ok(bundle) => {
                let evidence = Evidence {
                    origin: self.name.clone(),
                    bundle,
                };
                match verify::statement(&self.artifact(), &evidence, &self.trust()) {
                    Ok(_) => "verified".to_owned(),
                    Err(error) => format!("refused {error}"),
                }
            }
        };
        let wanted = self.one("expect");
        let (kind, words) = wanted.split_once(' ').unwrap_or((wanted, ""));
        match seen.starts_with(kind) && seen.contains(words) {
            true => Ok(()),
            false => Err(format!("{}: wanted {wanted}, seen {seen}", self.name)),
        }
    }
}

fn cases() -> Vec<Case> {
    let folder = testdata().join("bundles/cases");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| Case::read(path)).collect()
}

#[test]
fn every_bundle_does_what_its_head_says() {
    let cases = cases();
    let wrong: Vec<_> = cases.iter().filter_map(|case| case.check().err()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let verified = cases
        .iter()
        .filter(|case| case.one("expect") == "verified")
        .count();
    assert!(
        verified >= 5 && cases.len() - verified >= 30,
        "{verified} of {}",
        cases.len()
    );
}

/// What a case is made from.
struct Maker {
    folder: PathBuf,
}

const HELLO: &str = "# artifact: hello\n# key: p256.pub\n";
const LOCAL: &str = "# artifact: @local-stack/mod.wasm\n# root: @local-stack/trusted_root.json\n";

impl Maker {
    fn write(&self, name: &str, expect: &str, head: &str, bundle: impl AsRef<[u8]>) {
        let mut text = format!("# expect: {expect}\n{head}").into_bytes();
        text.extend_from_slice(bundle.as_ref());
        fs::write(self.folder.join(name), text).unwrap();
    }
}

fn private(name: &str) -> PrivateKey {
    PrivateKey::from_pem(&fs::read(testdata().join("keys").join(name)).unwrap()).unwrap()
}

fn statement() -> Statement {
    let subject = ResourceDescriptor::of(&Artifact::from_bytes("hello", b"hello".to_vec()));
    Statement::new(vec![subject], SLSA_PROVENANCE_V1, json!({}))
}

fn sign(statement: &Statement) -> Value {
    serde_json::from_str(&private("p256.key").sign(statement).unwrap()).unwrap()
}

/// A bundle whose envelope holds other bytes, so that its signature is stale:
/// what is wrong with the bytes must be found all the same.
fn holding(payload: &[u8]) -> Value {
    let mut bundle = sign(&statement());
    bundle["dsseEnvelope"]["payload"] = BASE64.encode(payload).into();
    bundle
}

/// Changes a byte near the end, where signatures have theirs.
fn flip(value: &mut Value) {
    let mut bytes = BASE64.decode(value.as_str().unwrap()).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    *value = BASE64.encode(bytes).into();
}

fn local(name: &str) -> Value {
    let path = testdata().join("bundles/local-stack").join(name);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
#[ignore = "makes the files anew"]
fn make_cases() {
    let make = Maker {
        folder: testdata().join("bundles/cases"),
    };
    fs::create_dir_all(&make.folder).unwrap();
    make_key_cases(&make);
    make_envelope_cases(&make);
    make_statement_cases(&make);
    make_certificate_cases(&make);
}

fn make_key_cases(make: &Maker) {
    let good = sign(&statement()).to_string();
    make.write("good-p256.json", "verified", HELLO, &good);
    let ed25519 = private("ed25519.key").sign(&statement()).unwrap();
    let head = "# artifact: hello\n# key: p256.pub\n# key: ed25519.pub\n";
    make.write(
        "good-ed25519-second-of-two-keys.json",
        "verified",
        head,
        &ed25519,
    );
    let head = "# artifact: other\n# key: p256.pub\n";
    make.write(
        "other-artifact.json",
        "refused another artifact",
        head,
        &good,
    );
    let head = "# artifact: hello\n# key: ed25519.pub\n";
    make.write(
        "other-key.json",
        "refused not by a trusted key",
        head,
        &good,
    );
    make.write(
        "no-key-trusted.json",
        "refused no key is trusted",
        "# artifact: hello\n",
        &good,
    );
    let head = "# artifact: hello\n# logged-key: p256.pub\n";
    make.write(
        "not-logged.json",
        "refused no transparency log",
        head,
        &good,
    );

    // The hint is nobody's word: a wrong one changes nothing.
    let mut hint = sign(&statement());
    hint["verificationMaterial"]["publicKey"]["hint"] = "AAAA".into();
    make.write(
        "good-with-a-wrong-hint.json",
        "verified",
        HELLO,
        hint.to_string(),
    );

    let logged = "# artifact: @local-stack/mod.wasm\n# logged-key: @local-stack/managed.pub\n";
    let root = "# root: @local-stack/trusted_root.json\n";
    let full = local("k-full.json");
    make.write(
        "good-key-logged-by-cosign.json",
        "verified",
        &format!("{logged}{root}"),
        full.to_string(),
    );
    make.write(
        "key-logged-and-no-root.json",
        "refused no root is trusted",
        logged,
        full.to_string(),
    );
    let mut entry = full;
    flip(&mut entry["verificationMaterial"]["tlogEntries"][0]["canonicalizedBody"]);
    make.write(
        "key-logged-another-body.json",
        "refused",
        &format!("{logged}{root}"),
        entry.to_string(),
    );
}

fn make_envelope_cases(make: &Maker) {
    let mut bundle = sign(&statement());
    flip(&mut bundle["dsseEnvelope"]["signatures"][0]["sig"]);
    make.write(
        "flipped-signature.json",
        "refused not by a trusted key",
        HELLO,
        bundle.to_string(),
    );
    let mut other = statement();
    other.predicate = json!({"changed": true});
    let bundle = holding(&other.to_bytes().unwrap());
    make.write(
        "changed-payload.json",
        "refused not by a trusted key",
        HELLO,
        bundle.to_string(),
    );

    let good = sign(&statement());
    let mut bundle = good.clone();
    bundle["dsseEnvelope"]["payloadType"] = "text/plain".into();
    make.write(
        "other-payload-type.json",
        "refused text/plain",
        HELLO,
        bundle.to_string(),
    );
    let mut bundle = good.clone();
    let signature = bundle["dsseEnvelope"]["signatures"][0].clone();
    bundle["dsseEnvelope"]["signatures"] = json!([signature, signature]);
    make.write(
        "two-signatures.json",
        "unreadable exactly one signature",
        HELLO,
        bundle.to_string(),
    );
    bundle["dsseEnvelope"]["signatures"] = json!([]);
    make.write(
        "no-signature.json",
        "unreadable exactly one signature",
        HELLO,
        bundle.to_string(),
    );
    let mut bundle = good.clone();
    bundle["mediaType"] = "application/vnd.dev.sigstore.bundle.v9+json".into();
    make.write(
        "unknown-media-type.json",
        "unreadable",
        HELLO,
        bundle.to_string(),
    );
    let mut bundle = good.clone();
    bundle["verificationMaterial"]["timestampVerificationData"] =
        json!({"rfc3161Timestamps": vec![json!({"signedTimestamp": "AA=="}); 17]});
    make.write(
        "too-many-timestamps.json",
        "unreadable 17 timestamps",
        HELLO,
        bundle.to_string(),
    );
    let mut bundle = local("rs-att.json");
    let entry = bundle["verificationMaterial"]["tlogEntries"][0].clone();
    bundle["verificationMaterial"]["tlogEntries"] = vec![entry; 17].into();
    make.write(
        "too-many-log-entries.json",
        "unreadable 17 log entries",
        LOCAL,
        bundle.to_string(),
    );

    let mut bundle = good.clone();
    bundle.as_object_mut().unwrap().remove("dsseEnvelope");
    make.write(
        "nothing-signed.json",
        "unreadable",
        HELLO,
        bundle.to_string(),
    );
    bundle["messageSignature"] = json!({
        "messageDigest": {"algorithm": "SHA2_256", "digest": BASE64.encode([0; 32])},
        "signature": "AA==",
    });
    make.write(
        "message-signature.json",
        "refused holds no statement",
        HELLO,
        bundle.to_string(),
    );

    let text = good.to_string();
    make.write(
        "truncated.json",
        "unreadable",
        HELLO,
        &text[..text.len() / 2],
    );
    make.write("empty.json", "unreadable", HELLO, "");
    make.write("not-json.json", "unreadable", HELLO, "hello");
    make.write(
        "not-utf8.json",
        "unreadable",
        HELLO,
        [&text.as_bytes()[..20], &[0xff]].concat(),
    );
    make.write(
        "two-documents.json",
        "unreadable trailing",
        HELLO,
        format!("{text}{text}"),
    );
    let twice = text.replacen('{', "{\"mediaType\":\"x\",", 1);
    make.write(
        "key-twice.json",
        "unreadable `mediaType` twice",
        HELLO,
        twice,
    );
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(500), "]".repeat(500));
    make.write("deep.json", "unreadable recursion limit", HELLO, deep);
}

fn make_statement_cases(make: &Maker) {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut value = serde_json::to_value(statement()).unwrap();
        change(&mut value);
        holding(value.to_string().as_bytes()).to_string()
    };
    let refused = |name: &str, words: &str, bundle: String| {
        make.write(name, &format!("refused {words}"), HELLO, bundle);
    };
    refused(
        "statement-other-type.json",
        "wanted `https://in-toto.io/Statement/v1`",
        with(&|s| s["_type"] = "x".into()),
    );
    refused(
        "statement-no-subject.json",
        "no subject",
        with(&|s| s["subject"] = json!([])),
    );
    refused(
        "statement-too-many-subjects.json",
        "1025 subjects",
        with(&|s| s["subject"] = vec![s["subject"][0].clone(); 1025].into()),
    );
    refused(
        "statement-no-predicate-type.json",
        "no predicate type",
        with(&|s| s["predicateType"] = "".into()),
    );
    refused(
        "statement-not-json.json",
        "no acceptable JSON",
        holding(b"hello").to_string(),
    );
    let text = String::from_utf8(statement().to_bytes().unwrap()).unwrap();
    let twice = text.replacen("\"predicate\":{}", "\"predicate\":{\"a\":1,\"a\":2}", 1);
    refused(
        "statement-key-twice.json",
        "`a` twice",
        holding(twice.as_bytes()).to_string(),
    );
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    refused(
        "statement-deep.json",
        "recursion limit",
        holding(deep.as_bytes()).to_string(),
    );

    // A subject that has our SHA-256 and a SHA-512 of something else.
    let mut two_faced = statement();
    two_faced.subject[0]
        .digest
        .insert("sha512".into(), "00".repeat(64));
    make.write(
        "good-sha512-not-compared.json",
        "verified",
        HELLO,
        sign(&two_faced).to_string(),
    );
    let mut only_sha512 = statement();
    only_sha512.subject[0].digest = [("sha512".to_owned(), "00".repeat(64))].into();
    make.write(
        "subject-only-sha512.json",
        "refused SHA-512",
        HELLO,
        sign(&only_sha512).to_string(),
    );
    let mut no_digest = statement();
    no_digest.subject[0].digest.clear();
    make.write(
        "subject-without-digest.json",
        "refused another artifact",
        HELLO,
        sign(&no_digest).to_string(),
    );
    let mut upper = statement();
    let hex = upper.subject[0].digest["sha256"].to_uppercase();
    upper.subject[0].digest.insert("sha256".into(), hex);
    make.write(
        "subject-digest-in-upper-case.json",
        "refused another artifact",
        HELLO,
        sign(&upper).to_string(),
    );
    let mut many = statement();
    many.subject.insert(
        0,
        ResourceDescriptor::of(&Artifact::from_bytes("x", b"x".to_vec())),
    );
    make.write(
        "good-second-subject.json",
        "verified",
        HELLO,
        sign(&many).to_string(),
    );
}

fn make_certificate_cases(make: &Maker) {
    let good = local("rs-att.json");
    make.write("good-keyless.json", "verified", LOCAL, good.to_string());
    make.write(
        "good-keyless-github-shaped.json",
        "verified",
        LOCAL,
        local("ci.json").to_string(),
    );
    let head = "# artifact: @local-stack/mod.wasm\n";
    make.write(
        "keyless-and-no-root.json",
        "refused no root is trusted",
        head,
        good.to_string(),
    );
    let head = "# artifact: hello\n# root: @local-stack/trusted_root.json\n";
    make.write(
        "keyless-other-artifact.json",
        "refused another artifact",
        head,
        good.to_string(),
    );
    let changed = |name: &str, field: &str, words: &str| {
        let mut bundle = local("rs-att.json");
        flip(
            bundle
                .pointer_mut(field)
                .unwrap_or_else(|| panic!("no {field}")),
        );
        make.write(name, &format!("refused {words}"), LOCAL, bundle.to_string());
    };
    let material = "/verificationMaterial";
    changed("keyless-changed-payload.json", "/dsseEnvelope/payload", "");
    changed(
        "keyless-changed-signature.json",
        "/dsseEnvelope/signatures/0/sig",
        "",
    );
    changed(
        "keyless-changed-certificate.json",
        &format!("{material}/certificate/rawBytes"),
        "",
    );
    changed(
        "keyless-changed-log-body.json",
        &format!("{material}/tlogEntries/0/canonicalizedBody"),
        "",
    );
    changed(
        "keyless-changed-timestamp.json",
        &format!("{material}/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp"),
        "",
    );
    let mut bundle = good.clone();
    bundle["verificationMaterial"]["tlogEntries"] = json!([]);
    make.write(
        "keyless-not-logged.json",
        "refused",
        LOCAL,
        bundle.to_string(),
    );
    let mut bundle = good.clone();
    bundle["verificationMaterial"]["timestampVerificationData"] = json!({});
    make.write(
        "keyless-no-timestamp.json",
        "refused",
        LOCAL,
        bundle.to_string(),
    );
    let mut bundle = good;
    let proof = &mut bundle["verificationMaterial"]["tlogEntries"][0]["inclusionProof"];
    let checkpoint = proof["checkpoint"]["envelope"]
        .as_str()
        .unwrap()
        .replacen('\n', "x\n", 1);
    proof["checkpoint"]["envelope"] = checkpoint.into();
    make.write(
        "keyless-changed-checkpoint.json",
        "refused",
        LOCAL,
        bundle.to_string(),
    );
    assert_eq!(PAYLOAD_TYPE, "application/vnd.in-toto+json");
}
