//! Statements that are small to send and large to hold: nobody whom nobody trusts gets
//! more than 64 MiB of prov's memory.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;

use super::*;
use crate::frugal::{LIMIT, within};
use crate::honest::{Honest, base64};
use crate::support::said;

/// The largest payload, see `prov::statement::MAX_STATEMENT`.
const LARGEST: usize = 16 << 20;
/// The most values in it, see `prov::json::MAX_VALUES`.
const VALUES: usize = 1_900_000;

/// What can stand in a statement and is much larger in memory, in at most so many bytes.
fn shapes(size: usize) -> Vec<(&'static str, String)> {
    let repeat = |text: &str, values: usize| text.repeat((size / text.len()).min(VALUES / values));
    let list = |text: &str, values| repeat(text, values).trim_end_matches(',').to_owned();
    let count = (size / 12).min(VALUES);
    let keys: Vec<_> = (0..count).map(|key| format!(r#""{key:x}":0"#)).collect();
    let escaped = (0..size / 20).map(|key| format!(r#""\u0061{key:x}":0"#));
    vec![
        ("numbers", format!("[{}]", list("0,", 1))),
        ("lists", format!("[{}]", list("[[]],", 2))),
        ("objects", format!("[{}]", list(r#"{"a":{"a":{}}},"#, 3))),
        ("keys", format!("{{{}}}", keys.join(","))),
        (
            "escapes",
            format!("{{{}}}", escaped.collect::<Vec<_>>().join(",")),
        ),
        ("text", format!(r#""{}""#, r"\u0061".repeat(size / 6))),
    ]
}

/// A statement about `subject` that has the shape where `place` says.
fn statement(subject: &str, place: &str, shape: &str, number: usize) -> String {
    let digest = subject.strip_prefix("sha256:").unwrap();
    let (annotations, other, predicate) = match place {
        "annotations" => (shape, r#""x""#, "{}"),
        "digest" => ("{}", shape, "{}"),
        _ => ("{}", r#""x""#, shape),
    };
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"{number}",
        "digest":{{"sha256":"{digest}","other":{other}}},"annotations":{{"a":{annotations}}}}}],
        "predicateType":"https://example.com/predicate","predicate":{predicate}}}"#
    )
}

/// A bundle by a key that nobody knows.
fn by_key(statement: &str) -> Bytes {
    let payload = base64(statement.as_bytes());
    format!(
        r#"{{"mediaType":"{BUNDLE}","verificationMaterial":{{"publicKey":{{"hint":"x"}}}},
        "dsseEnvelope":{{"payloadType":"application/vnd.in-toto+json","payload":"{payload}",
        "signatures":[{{"sig":"AA=="}}]}}}}"#
    )
    .into()
}

fn testdata(name: &str) -> String {
    format!(
        "{}/testdata/bundles/local-stack/{name}",
        env!("CARGO_MANIFEST_DIR")
    )
}

/// A genuine bundle of a workflow, logged, whose statement was replaced.
fn by_certificate(statement: &str) -> Bytes {
    let genuine = fs::read(testdata("ci.json")).unwrap();
    let mut bundle: Value = serde_json::from_slice(&genuine).unwrap();
    bundle["dsseEnvelope"]["payload"] = json!(base64(statement.as_bytes()));
    bundle.to_string().into()
}

/// Runs each of `commands` against an artifact to which all that `bundles` makes is
/// attached. Those that judge say no, the others succeed; what did not is the answer.
fn failures(
    what: &str,
    commands: &[&str],
    bundles: impl FnOnce(&str) -> Vec<Bytes>,
) -> Vec<String> {
    let registry = Honest::new(true);
    let (subject, _) = artifact(&registry, b"content", "v1");
    for bundle in bundles(&subject) {
        let manifest = referrer(&registry, &subject, &bundle);
        registry.put_manifest(&manifest, None);
    }
    let server = registry.serve();
    let place = format!("{}/a:v1", server.host());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let made = within(LIMIT, path, &["key", "generate"]);
    assert!(made.status.success(), "{}", said(&made));
    fs::write(path.join("policy.toml"), POLICY).unwrap();
    let one = |command: &&str| {
        let (status, said) = judged(command, &place, path)?;
        Some(format!("{what}: {command}: {status:?} {said}"))
    };
    commands.iter().filter_map(one).collect()
}

const POLICY: &str = r#"
schema = "prov.policy/v1"
name = "test"
[[trust.key]]
name = "nobody"
public-key-file = "prov.pub"
transparency = "not-required"
[[trust.builder]]
issuer = "http://127.0.0.1:18889"
signer = "https://github.com/wasmCloud/prov/.github/workflows/attest.yml"
signer-ref = ["refs/tags/v1"]
repository = "https://github.com/wasmCloud/wasmCloud"
"#;

/// How `command` ended, if not as it must.
fn judged(command: &str, place: &str, folder: &Path) -> Option<(Option<i32>, String)> {
    let root = testdata("trusted_root.json");
    let mut arguments = vec![command, place];
    match command {
        "verify" | "audit" => {
            arguments.extend(["--policy", "policy.toml", "--trusted-root", &root]);
        }
        "pull --policy" => {
            arguments[0] = "pull";
            arguments.extend(["--policy", "policy.toml", "--trusted-root", &root]);
        }
        "copy" => arguments.push("oci:copied:v1"),
        _ => {}
    }
    let output = within(LIMIT, folder, &arguments);
    let wanted = i32::from(["verify", "audit", "pull --policy"].contains(&command));
    let said: String = said(&output).chars().take(400).collect();
    let code = output.status.code();
    (code != Some(wanted)).then_some((code, said))
}

const ALL: [&str; 6] = [
    "verify",
    "discover",
    "pull --policy",
    "pull",
    "audit",
    "copy",
];

/// One bundle, as large as it may be.
#[test]
fn one_statement() {
    let mut bad = Vec::new();
    for (name, shape) in shapes(LARGEST - 1000) {
        for (made, commands) in [
            (
                by_key as fn(&str) -> Bytes,
                &["verify", "pull --policy", "pull"][..],
            ),
            (by_certificate, &["verify", "pull --policy"]),
        ] {
            bad.extend(failures(name, commands, |subject| {
                vec![made(&statement(subject, "predicate", &shape, 0))]
            }));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

/// As many as may be attached, and as large as they may be together.
#[test]
fn many_statements() {
    let mut bad = Vec::new();
    for (who, made) in [
        ("key", by_key as fn(&str) -> Bytes),
        ("certificate", by_certificate),
    ] {
        bad.extend(failures(who, &ALL, |subject| {
            let all = shapes(360_000);
            let bundle = |number: usize| {
                let (_, shape) = &all[number % all.len()];
                let place = ["predicate", "annotations", "digest"][number % 5 % 3];
                made(&statement(subject, place, shape, number))
            };
            (0..64).map(bundle).collect()
        }));
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

/// What its signer is trusted with may be large: an SBOM of 50,000 packages.
#[test]
fn a_large_statement_of_somebody_who_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let component = |number: usize| {
        let name = format!("package-{number}");
        let purl = format!("pkg:cargo/{name}@1.0.0");
        json!({"type": "library", "name": name, "version": "1.0.0", "purl": purl,
            "licenses": [{"license": {"id": "MIT"}}]})
    };
    let components: Vec<_> = (0..50_000).map(component).collect();
    let sbom = json!({"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "components": components});
    fs::write(path.join("sbom.json"), sbom.to_string()).unwrap();
    fs::write(path.join("app"), "content").unwrap();
    fs::write(path.join("policy.toml"), POLICY).unwrap();
    for arguments in [
        &["key", "generate"][..],
        &[
            "attest",
            "app",
            "--key",
            "prov.key",
            "--sbom",
            "sbom.json",
            "--push",
            "oci:layout:v1",
        ],
        &["verify", "oci:layout:v1", "--policy", "policy.toml"],
        &["verify", "app", "--policy", "policy.toml"],
        &["audit", "oci:layout:v1", "--policy", "policy.toml"],
    ] {
        let output = within(1000, path, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    }
    // It is large: nobody whom nobody trusts gets that much.
    let little = within(LIMIT, path, &["verify", "app", "--policy", "policy.toml"]);
    assert!(!little.status.success());
}
