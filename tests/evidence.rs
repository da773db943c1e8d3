//! Good and bad evidence, one file each: what must happen stands in its head.
//!
//! A file of `testdata/bundles/cases` has comments (`#`), fields (`name: value`), an
//! empty line, and then the bytes of a bundle file:
//!
//! - `expect`: `verified WHO` for a statement and `signed WHO` for a signature over the
//!   artifact's bytes, where WHO is `key` or `certificate`, and `logged` after it;
//!   `refused REASON` or `unreadable REASON`, where the reason is a part of the error;
//! - `artifact`, `key` (may be repeated), `root` (`public-good` or a file): files
//!   of `testdata`;
//! - `unlogged: accepted` where signatures need no log;
//! - `now`: the verifier's clock, in RFC 3339.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proptest::prelude::*;
use prov::artifact::Artifact;
use prov::bundle::{Bundle, Content, Evidence, MAX_BUNDLE};
use prov::key::PublicKey;
use prov::statement::{Head, ResourceDescriptor, Statement};
use prov::verify::{self, MAX_ROOTS, Signer, Transparency, Trust, TrustedKey, VerifyError};
use serde_json::{Value, json};
use sigstore_crypto::KeyPair;

#[path = "evidence/made/mod.rs"]
mod made;
#[path = "evidence/strangers.rs"]
mod strangers;

fn testdata(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(path)
}

fn read(path: &str) -> Vec<u8> {
    fs::read(testdata(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn text(path: &str) -> String {
    String::from_utf8(read(path)).unwrap()
}

/// A case as it stands in its file.
struct Case {
    fields: Vec<(String, String)>,
    bundle: Vec<u8>,
}

impl Case {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(2).position(|two| two == b"\n\n");
        let end = end.expect("no empty line after the head");
        let fields = std::str::from_utf8(&bytes[..end])
            .expect("the head is no text")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let (name, value) = line.split_once(": ").expect("a line is no `name: value`");
                let known = ["expect", "artifact", "key", "root", "unlogged", "now"];
                assert!(known.contains(&name), "`{name}` is no field");
                (name.to_owned(), value.to_owned())
            })
            .collect();
        Self {
            fields,
            bundle: bytes[end + 2..].to_vec(),
        }
    }

    fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let fields = self.fields.iter().filter(move |(have, _)| have == name);
        fields.map(|(_, value)| value.as_str())
    }

    fn one(&self, name: &str) -> Option<&str> {
        let mut values = self.all(name);
        let first = values.next();
        assert!(values.next().is_none(), "`{name}` stands twice");
        first
    }

    fn trust(&self) -> Trust {
        let transparency = match self.one("unlogged") {
            None => Transparency::Required,
            Some("accepted") => Transparency::NotRequired,
            Some(other) => panic!("`unlogged` is `{other}`"),
        };
        let keys = self.all("key").map(|path| TrustedKey {
            key: PublicKey::from_pem(&text(path)).unwrap(),
            transparency,
        });
        let mut trust = Trust::keys(keys.collect()).with_certificates(transparency);
        if let Some(now) = self.one("now") {
            trust = trust.with_time(now.parse::<jiff::Timestamp>().unwrap().into());
        }
        match self.one("root") {
            None => Ok(trust),
            Some("public-good") => trust.with_public_good(),
            Some(path) => trust.with_root(&text(path)),
        }
        .unwrap()
    }

    /// What happens, in the words of `expect`.
    fn run(&self) -> String {
        let bundles = match Bundle::parse_all(&self.bundle) {
            Ok(bundles) => bundles,
            Err(error) => return format!("unreadable {error}"),
        };
        let path = self.one("artifact").expect("no artifact");
        let artifact = Artifact::from_reader(path, &*read(path), true).unwrap();
        let mut results = bundles.into_iter().map(|bundle| {
            let evidence = Evidence {
                origin: "case".into(),
                bundle,
            };
            let trust = self.trust();
            let result = match evidence.bundle.content() {
                Content::Envelope => verify::statement(&artifact, &evidence, &trust)
                    .map(|it| ("verified", it.signer().clone(), it.logged())),
                Content::Message => verify::signature(&artifact, &evidence, &trust)
                    .map(|it| ("signed", it.signer().clone(), it.logged())),
            };
            match result {
                Err(error) => format!("refused {error}"),
                Ok((verdict, signer, logged)) => {
                    let signer = match signer {
                        Signer::Key(_) => "key",
                        Signer::Certificate(_) => "certificate",
                    };
                    let logged = if logged { " logged" } else { "" };
                    format!("{verdict} {signer}{logged}")
                }
            }
        });
        let first = results.next().unwrap();
        assert!(results.all(|other| other == first), "bundles differ");
        first
    }
}

fn cases() -> Vec<(String, Vec<u8>)> {
    let mut cases: Vec<_> = fs::read_dir(testdata("bundles/cases"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "case")
        })
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    cases.sort();
    cases
}

#[test]
fn every_case_gives_the_verdict_of_its_head() {
    let mut wrong = Vec::new();
    let (mut yes, mut no) = (0, 0);
    for (name, bytes) in cases() {
        let case = Case::parse(&bytes);
        let wanted = case.one("expect").expect("no `expect`");
        let seen = case.run();
        // A yes is compared whole; of a no, the reason may say more.
        let agree = match wanted.split_once(' ').expect("`expect` has no reason") {
            ("verified" | "signed", _) => {
                yes += 1;
                seen == wanted
            }
            (verdict @ ("refused" | "unreadable"), reason) => {
                no += 1;
                seen.strip_prefix(verdict)
                    .is_some_and(|seen| seen.contains(reason))
            }
            _ => panic!("{name}: `{wanted}` is no verdict"),
        };
        if !agree {
            wrong.push(format!("{name}: {seen}\n  wanted {wanted}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(yes >= 20 && no >= 100, "only {yes} good and {no} bad cases");
}

/// Files that `made` makes are what it makes. To write them anew:
/// `PROV_MAKE_CASES=1 cargo test --test evidence`.
#[test]
fn made_cases_are_up_to_date() {
    for (name, bytes) in made::cases() {
        let path = testdata("bundles/cases").join(format!("{name}.case"));
        if std::env::var_os("PROV_MAKE_CASES").is_some() {
            fs::write(path, bytes).unwrap();
        } else {
            let up_to_date = fs::read(path).is_ok_and(|have| have == bytes);
            assert!(up_to_date, "{name}: PROV_MAKE_CASES=1 writes it anew");
        }
    }
}

#[test]
fn a_bundle_has_a_size() {
    let mut bundle = read("bundles/local-stack/k-none.json");
    bundle.resize(MAX_BUNDLE, b' ');
    assert!(Bundle::parse(&bundle).is_ok());
    bundle.push(b' ');
    let error = Bundle::parse(&bundle).unwrap_err().to_string();
    assert!(error.contains("more than the 25165824"), "{error}");
}

/// npm names its packages by SHA-512 alone; an artifact that was hashed without
/// it is no other artifact, and no match either.
#[test]
fn a_subject_by_sha512_needs_one() {
    let case = Case::parse(&read("bundles/cases/digest-sha512-alone-and-wrong.case"));
    let evidence = Evidence {
        origin: "case".into(),
        bundle: Bundle::parse(&case.bundle).unwrap(),
    };
    let artifact = Artifact::from_bytes("artifact", read("bundles/artifact.txt"));
    assert!(matches!(
        verify::statement(&artifact, &evidence, &case.trust()),
        Err(VerifyError::NeedsSha512)
    ));
}

/// A key's signature over the bytes needs those bytes, that key, and nothing else
/// changed; Ed25519 needs them held, for it signs no digest.
#[test]
fn a_signature_over_bytes_is_over_those_bytes() {
    let text = b"signed bytes".to_vec();
    let held = Artifact::from_bytes("a", text.clone());
    let streamed = Artifact::from_reader("a", &*text, false).unwrap();
    let other = Artifact::from_bytes("a", b"other bytes".to_vec());
    let trust = |key: PublicKey| {
        let transparency = Transparency::NotRequired;
        Trust::keys(vec![TrustedKey { key, transparency }])
    };
    let bundle = |signature: String| {
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": ""}},
            "messageSignature": {"signature": signature},
        });
        Evidence {
            origin: "a".into(),
            bundle: Bundle::parse(bundle.to_string().as_bytes()).unwrap(),
        }
    };
    let p256 = || {
        let pair = KeyPair::generate_ecdsa_p256().unwrap();
        let spki = pair.public_key_der().unwrap();
        (pair, trust(PublicKey::from_der(spki.as_bytes()).unwrap()))
    };
    let (pair, trusted) = p256();
    let signed = bundle(pair.sign(&text).unwrap().to_base64());
    for artifact in [&held, &streamed] {
        let verified = verify::signature(artifact, &signed, &trusted).unwrap();
        assert_eq!(verified.value().digest(), held.digest());
        assert!(!verified.logged() && verified.times().is_empty());
    }
    assert!(verify::signature(&other, &signed, &trusted).is_err());
    assert!(verify::statement(&held, &signed, &trusted).is_err());
    let (_, by_another) = p256();
    assert!(verify::signature(&held, &signed, &by_another).is_err());

    let signed = bundle(BASE64.encode(made::pair().sign(&text)));
    let public = String::from_utf8(read("keys/ed25519.pub")).unwrap();
    let trusted = trust(PublicKey::from_pem(&public).unwrap());
    assert!(verify::signature(&held, &signed, &trusted).is_ok());
    assert!(verify::signature(&other, &signed, &trusted).is_err());
    assert!(matches!(
        verify::signature(&streamed, &signed, &trusted),
        Err(VerifyError::NeedsBytes)
    ));
}

/// Each bundle is vouched for by one root of several, and the reason that is told is
/// that of its own root.
#[test]
fn one_root_of_several_vouches() {
    let own = [
        "instance/trusted_root",
        "local-stack/trusted_root",
        "instance/trusted_root_rekor1",
    ];
    let lines = own.map(|name| {
        let root: Value = serde_json::from_slice(&read(&format!("bundles/{name}.json"))).unwrap();
        root.to_string()
    });
    let trust = Trust::default()
        .with_public_good()
        .and_then(|trust| trust.with_root(&lines.join("\n")))
        .unwrap()
        .with_certificates(Transparency::NotRequired);
    let verify = |artifact: &str, bundle: &str| {
        let evidence = Evidence {
            origin: bundle.into(),
            bundle: Bundle::parse(&read(&format!("bundles/{bundle}.json"))).unwrap(),
        };
        let artifact = Artifact::from_bytes("a", read(&format!("bundles/{artifact}")));
        verify::statement(&artifact, &evidence, &trust)
    };
    assert!(verify("artifact.txt", "instance/valid").is_ok());
    assert!(verify("artifact.txt", "instance/rekor1").is_ok());
    assert!(
        verify("local-stack/mod.wasm", "local-stack/ci")
            .unwrap()
            .logged()
    );
    for (artifact, bundle, why) in [
        (
            "artifact.txt",
            "instance/expired",
            "the certificate had expired when it signed",
        ),
        (
            "artifact.txt",
            "local-stack/ci",
            "the statement is about another artifact",
        ),
    ] {
        let error = verify(artifact, bundle).unwrap_err().to_string();
        assert!(error.contains(why), "{bundle}: {error}");
    }
    // None of a root's parts is taken for another's, and their number has a limit.
    let strangers = Trust::default()
        .with_public_good()
        .unwrap()
        .with_certificates(Transparency::NotRequired);
    let evidence = Evidence {
        origin: "a".into(),
        bundle: Bundle::parse(&read("bundles/instance/valid.json")).unwrap(),
    };
    let artifact = Artifact::from_bytes("a", read("bundles/artifact.txt"));
    assert!(verify::statement(&artifact, &evidence, &strangers).is_err());
    assert!(
        Trust::default()
            .with_root(&(lines[0].clone() + "\n").repeat(MAX_ROOTS + 1))
            .is_err()
    );
    assert!(
        Trust::default()
            .with_root(&format!("{}\n{{}}", lines[0]))
            .is_err()
    );
}

fn real_files() -> Vec<Vec<u8>> {
    cases()
        .iter()
        .map(|(_, bytes)| Case::parse(bytes).bundle)
        .filter(|bundle| bundle.len() < 20_000)
        .collect()
}

/// Log entries that a parser takes.
fn real_entries() -> Value {
    let attestation: Value = serde_json::from_slice(&read("bundles/instance/pep740.json")).unwrap();
    attestation["verification_material"]["transparency_entries"].clone()
}

/// Any JSON that can be written.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn descriptor() -> impl Strategy<Value = ResourceDescriptor> {
    let maybe = || prop::option::of(".{0,12}");
    (
        maybe(),
        maybe(),
        prop::collection::btree_map(
            "sha256|sha512|[a-z0-9]{1,6}",
            "[0-9a-f]{64}|[0-9a-f]{128}|[0-9a-fA-F]{0,65}",
            0..3,
        ),
        maybe(),
        prop::collection::btree_map(".{0,6}", json(), 0..3),
    )
        .prop_map(
            |(name, uri, digest, media_type, annotations)| ResourceDescriptor {
                name,
                uri,
                digest,
                media_type,
                annotations,
            },
        )
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert_eq!(Statement::parse(&bytes).is_ok(), Head::parse(&bytes).is_ok());
        prop_assert!(Bundle::parse_all(&bytes).is_err());
    }

    /// Whatever is done to a real file, it does not verify for strangers.
    #[test]
    fn no_damaged_bundle_makes_a_parser_panic(
        mut bundle in prop::sample::select(real_files()),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..20usize, "[\\[\\]{}\",:=A-Za-z0-9]{0,4}"), 1..8),
    ) {
        for (at, length, insert) in &edits {
            let start = at.index(bundle.len() + 1);
            let end = (start + length).min(bundle.len());
            bundle.splice(start..end, insert.bytes());
        }
        let _ = Statement::parse(&bundle);
        for bundle in Bundle::parse_all(&bundle).unwrap_or_default() {
            let artifact = Artifact::from_bytes("mod.wasm", Vec::new());
            let evidence = Evidence { origin: "damaged".into(), bundle };
            prop_assert!(verify::statement(&artifact, &evidence, &Trust::default()).is_err());
            prop_assert!(verify::signature(&artifact, &evidence, &Trust::default()).is_err());
        }
    }

    /// Whatever stands in a PEP 740 object or an API's answer, it proves nothing to
    /// those who trust nobody.
    #[test]
    fn nothing_handed_out_is_believed(
        form in 0..3usize,
        certificate in "[A-Za-z0-9+/=]{0,40}",
        statement in "[A-Za-z0-9+/=]{0,40}",
        entries in prop_oneof![json(), Just(real_entries())],
    ) {
        let attestation = json!({
            "version": 1,
            "verification_material": {"certificate": certificate, "transparency_entries": entries},
            "envelope": {"statement": statement, "signature": certificate},
        });
        let document = match form {
            0 => attestation,
            1 => json!({"version": 1, "attestation_bundles": [{"attestations": [attestation]}]}),
            _ => json!({"attestations": [{"bundle": entries}]}),
        };
        for bundle in Bundle::parse_all(document.to_string().as_bytes()).unwrap_or_default() {
            let artifact = Artifact::from_bytes("artifact", Vec::new());
            let evidence = Evidence { origin: "handed out".into(), bundle };
            prop_assert!(verify::statement(&artifact, &evidence, &Trust::default()).is_err());
            prop_assert!(verify::signature(&artifact, &evidence, &Trust::default()).is_err());
        }
    }

    #[test]
    fn a_statement_that_was_written_is_read_as_the_same(
        subject in prop::collection::vec(descriptor(), 1..4),
        predicate_type in ".{1,20}",
        predicate in json(),
    ) {
        let statement = Statement::new(subject, predicate_type, predicate);
        let bytes = statement.to_bytes().unwrap();
        let read = Statement::parse(&bytes).unwrap();
        let head = Head::parse(&bytes).unwrap();
        prop_assert_eq!(head.predicate_type(), &read.predicate_type);
        prop_assert_eq!(head.wants_sha512(), read.wants_sha512());
        let digests: Vec<_> = head.subject_digests().cloned().collect();
        prop_assert_eq!(digests, read.subject_digests());
        for algorithm in ["sha256:", "sha512:"] {
            for digest in read.subject.iter().flat_map(|subject| subject.digest.values()) {
                let Ok(digest) = format!("{algorithm}{digest}").parse() else { continue };
                let artifact = Artifact::from_digest("a", digest);
                prop_assert_eq!(head.speaks_of(&artifact), read.speaks_of(&artifact));
            }
        }
        prop_assert_eq!(read.to_bytes().unwrap(), bytes);
        prop_assert_eq!(read, statement);
    }
}
