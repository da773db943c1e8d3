//! `prov verify --vsa`: what is written of an answer, and what others make of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use prov::bundle::Bundle;
use serde_json::{Value, json};

use crate::statements::{Answer, folder, written};
use crate::support::prov;

const VERIFIER: &str = "https://example.com/verifier";
const RESOURCE: &str = "https://example.com/releases/x";
/// 2027-01-15
const EPOCH: &str = "1800000000";
const VSA: &str = "https://slsa.dev/verification_summary/v1";

fn run(folder: &Path, arguments: &[&str]) -> Answer {
    let output = prov()
        .args(arguments)
        .env("SOURCE_DATE_EPOCH", EPOCH)
        .current_dir(folder)
        .output()
        .unwrap();
    Answer {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A folder with an attested artifact, a policy for it, and a verifier's key.
fn prepared(name: &str) -> PathBuf {
    let folder = folder(name);
    written(&folder, &["x"]);
    let policy = "schema = \"prov.policy/v1\"\nname = \"mine\"\n[[trust.key]]\nname = \"me\"\n\
                  public-key-file = \"my.pub\"\ntransparency = \"not-required\"\n";
    fs::create_dir(folder.join("policies")).unwrap();
    fs::write(
        folder.join("policies/mine.toml"),
        policy.replace("my.pub", "../my.pub"),
    )
    .unwrap();
    let strict = policy.replace("my.pub", "../my.pub")
        + "[attestations]\nrequire = [\"https://cyclonedx.org/bom\"]\n";
    fs::write(folder.join("policies/strict.toml"), strict).unwrap();
    let key = run(&folder, &["key", "generate", "--output", "verifier.key"]);
    assert_eq!(key.code, Some(0), "{}", key.stderr);
    folder
}

fn summarise(folder: &Path, artifact: &str, more: &[&str]) -> Answer {
    let arguments = [
        "verify",
        artifact,
        "--vsa",
        "x.vsa.json",
        "--sign-key",
        "verifier.key",
        "--verifier-id",
        VERIFIER,
        "--resource-uri",
        RESOURCE,
    ];
    run(folder, &[&arguments, more].concat())
}

fn predicate(folder: &Path) -> Value {
    let bytes = fs::read(folder.join("x.vsa.json")).unwrap();
    let statement = Bundle::parse(&bytes)
        .unwrap()
        .unverified_statement()
        .unwrap();
    assert_eq!(statement.predicate_type, VSA);
    assert_eq!(statement.subject.len(), 1);
    statement.predicate
}

fn sha256(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

#[test]
fn a_yes_is_summarised_exactly() {
    let folder = prepared("vsa-yes");
    let answer = summarise(&folder, "x", &["--policy", "policies/mine.toml"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(answer.stdout.starts_with("verified x"), "{}", answer.stdout);
    // One line a bundle, and the line end is not the bundle's.
    let bundle = fs::read(folder.join("x.sigstore.jsonl")).unwrap();
    fs::write(folder.join("one.json"), bundle.trim_ascii_end()).unwrap();
    let one = match bundle.iter().filter(|byte| **byte == b'\n').count() {
        1 => sha256(&folder.join("x.sigstore.jsonl")),
        _ => sha256(&folder.join("one.json")),
    };
    assert_eq!(
        predicate(&folder),
        json!({
            "verifier": {"id": VERIFIER, "version": {"prov": env!("CARGO_PKG_VERSION")}},
            "timeVerified": "2027-01-15T08:00:00Z",
            "resourceUri": RESOURCE,
            "policy": {
                "uri": "mine.toml",
                "digest": {"sha256": sha256(&folder.join("policies/mine.toml"))},
            },
            "inputAttestations": [{"name": "x.sigstore.jsonl", "digest": {"sha256": one}}],
            "verificationResult": "PASSED",
            "verifiedLevels": ["SLSA_BUILD_LEVEL_1"],
            "slsaVersion": "1.2",
        })
    );
    // What is there stays, and is replaced on request.
    let before = fs::read(folder.join("x.vsa.json")).unwrap();
    let again = summarise(&folder, "x", &["--policy", "policies/strict.toml"]);
    assert_eq!(again.code, Some(2));
    assert!(
        again.stderr.contains("`--force` replaces it"),
        "{}",
        again.stderr
    );
    assert_eq!(fs::read(folder.join("x.vsa.json")).unwrap(), before);
    let forced = summarise(
        &folder,
        "x",
        &["--policy", "policies/strict.toml", "--force"],
    );
    assert_eq!(forced.code, Some(1), "{}", forced.stderr);
    assert_eq!(predicate(&folder)["verificationResult"], "FAILED");
}

#[test]
fn a_no_is_summarised_too() {
    let folder = prepared("vsa-no");
    let strict = ["--policy", "policies/strict.toml"];
    let answer = summarise(&folder, "x", &strict);
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    let summary = predicate(&folder);
    assert_eq!(summary["verificationResult"], "FAILED");
    assert_eq!(summary["verifiedLevels"], json!(["FAILED"]));
    assert_eq!(summary["inputAttestations"].as_array().unwrap().len(), 1);
    // No evidence at all is a no as well.
    fs::remove_file(folder.join("x.vsa.json")).unwrap();
    let answer = summarise(&folder, "y", &strict);
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    let summary = predicate(&folder);
    assert_eq!(summary["verificationResult"], "FAILED");
    assert_eq!(summary.get("inputAttestations"), None);
}

#[test]
fn what_is_not_known_is_not_summarised() {
    let folder = prepared("vsa-refused");
    for (change, wanted) in [
        (
            &["--policy", "policies/none.toml"][..],
            "cannot read the policy",
        ),
        (&["--key", "my.pub"], "cannot be used with"),
        (
            &["--policy", "policies/mine.toml", "--policy-uri", "nowhere"],
            "wanted a URI",
        ),
        (
            &["--policy", "policies/mine.toml", "--identity-token", "t"],
            "cannot be used with",
        ),
    ] {
        let answer = summarise(&folder, "x", change);
        assert_eq!(answer.code, Some(2), "{change:?}");
        assert!(answer.stderr.contains(wanted), "{}", answer.stderr);
    }
    let file = [
        "verify",
        "x",
        "--vsa",
        "x.vsa.json",
        "--sign-key",
        "verifier.key",
    ];
    let answer = run(
        &folder,
        &[&file[..], &["--policy", "policies/mine.toml"]].concat(),
    );
    assert_eq!(answer.code, Some(2));
    assert!(
        answer.stderr.contains("--resource-uri"),
        "{}",
        answer.stderr
    );
    let answer = summarise(
        &folder,
        "x",
        &["--policy", "policies/mine.toml", "--sign-key", "my.pub"],
    );
    assert_eq!(answer.code, Some(2));
    assert!(!folder.join("x.vsa.json").exists());
}

/// The summary of one policy is the evidence of another.
#[test]
fn a_summary_goes_round() {
    let folder = prepared("vsa-round");
    let answer = summarise(&folder, "x", &["--policy", "policies/mine.toml"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let digest = sha256(&folder.join("policies/mine.toml"));
    let policy = format!(
        "schema = \"prov.policy/v1\"\nname = \"theirs\"\n[[trust.verifier]]\nid = \"{VERIFIER}\"\n\
         public-key-file = \"verifier.pub\"\ntransparency = \"not-required\"\n\
         resource-uri = [\"https://example.com/releases/*\"]\npolicy-digest = [\"sha256:{digest}\"]\n"
    );
    fs::write(folder.join("theirs.toml"), &policy).unwrap();
    let verify = [
        "verify",
        "x",
        "--policy",
        "theirs.toml",
        "--bundle",
        "x.vsa.json",
    ];
    let answer = run(&folder, &verify);
    assert_eq!(answer.code, Some(0), "{}{}", answer.stdout, answer.stderr);
    assert!(answer.stdout.contains("vsa.verifier"), "{}", answer.stdout);
    let explained = run(
        &folder,
        &[
            "policy",
            "explain",
            "x",
            "--policy",
            "theirs.toml",
            "--bundle",
            "x.vsa.json",
        ],
    );
    assert_eq!(explained.code, Some(0), "{}", explained.stderr);
    for wanted in [
        "passed vsa.policy-digest",
        "line    8: policy-digest = [",
        "not asked  ",
        "sbom.deny",
    ] {
        assert!(
            explained.stdout.contains(wanted),
            "{wanted}: {}",
            explained.stdout
        );
    }
    // Of another artifact it says nothing.
    let other = run(
        &folder,
        &[
            "verify",
            "y",
            "--policy",
            "theirs.toml",
            "--bundle",
            "x.vsa.json",
        ],
    );
    assert_eq!(other.code, Some(1));
    // And not when it is by another verifier.
    fs::write(
        folder.join("theirs.toml"),
        policy.replace(VERIFIER, "https://example.com/other"),
    )
    .unwrap();
    assert_eq!(run(&folder, &verify).code, Some(1));
}

#[test]
fn formats_for_programs() {
    let folder = prepared("formats");
    for (format, starts) in [
        ("json", "{\n  \"schema\": \"prov.verify/v1\""),
        (
            "sarif",
            "{\n  \"$schema\": \"https://docs.oasis-open.org/sarif/",
        ),
        ("junit", "<?xml version=\"1.0\""),
        ("markdown", "| | artifact |"),
    ] {
        for (artifact, policy, code) in [
            ("x", "policies/mine.toml", 0),
            ("x", "policies/strict.toml", 1),
            // No evidence at all: a document all the same.
            ("y", "policies/mine.toml", 1),
        ] {
            let answer = run(
                &folder,
                &["verify", artifact, "--policy", policy, "--format", format],
            );
            assert_eq!(
                answer.code,
                Some(code),
                "{format} {artifact} {}",
                answer.stderr
            );
            assert!(answer.stdout.starts_with(starts), "{}", answer.stdout);
        }
    }
}

#[test]
fn a_policy_of_an_artifact_admits_it() {
    let folder = prepared("init");
    let init = [
        "policy",
        "init",
        "x",
        "--key",
        "my.pub",
        "--insecure-ignore-tlog",
    ];
    let to_file = [&init[..], &["--output", "made.toml"]].concat();
    let answer = run(&folder, &to_file);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(
        answer.stderr.contains("trust on first use"),
        "{}",
        answer.stderr
    );
    assert_eq!(
        run(&folder, &["policy", "check", "made.toml"]).code,
        Some(0)
    );
    assert_eq!(
        run(&folder, &["verify", "x", "--policy", "made.toml"]).code,
        Some(0)
    );
    let made = fs::read_to_string(folder.join("made.toml")).unwrap();
    for wanted in [
        "min-level = 1",
        "builder = ",
        "build-type = [",
        "transparency = \"not-required\"",
    ] {
        assert!(made.contains(wanted), "{made}");
    }
    // Nothing is overwritten, and nothing is made of what is not genuine.
    assert_eq!(run(&folder, &to_file).code, Some(2));
    let logged = [
        "policy",
        "init",
        "x",
        "--key",
        "my.pub",
        "--output",
        "logged.toml",
    ];
    assert_eq!(run(&folder, &logged).code, Some(1));
    let stranger = [
        "policy",
        "init",
        "x",
        "--key",
        "verifier.pub",
        "--insecure-ignore-tlog",
        "--output",
        "logged.toml",
    ];
    assert_eq!(run(&folder, &stranger).code, Some(1));
    assert_eq!(
        run(&folder, &["policy", "init", "y", "--output", "logged.toml"]).code,
        Some(1)
    );
    assert!(!folder.join("logged.toml").exists());
}

/// cosign, as `tests/peers/install` builds it; where it is not, that is said.
#[test]
fn cosign_takes_the_summary() {
    let peers = std::env::var_os("PROV_PEERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers"),
        PathBuf::from,
    );
    let cosign = peers.join("cosign");
    if !cosign.exists() {
        eprintln!("NOT JUDGED: no {}", cosign.display());
        return;
    }
    let folder = prepared("vsa-cosign");
    let answer = summarise(&folder, "x", &["--policy", "policies/mine.toml"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let judge = |artifact: &str, key: &str, of_type: &str| {
        let output = Command::new(&cosign)
            .args(["verify-blob-attestation", "--key", key, "--type", of_type])
            .args(["--insecure-ignore-tlog", "--bundle", "x.vsa.json", artifact])
            .env("HOME", &folder)
            .current_dir(&folder)
            .output()
            .unwrap();
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        output.status.success()
    };
    assert!(judge("x", "verifier.pub", VSA));
    assert!(!judge("y", "verifier.pub", VSA));
    assert!(!judge("x", "my.pub", VSA));
    assert!(!judge("x", "verifier.pub", "slsaprovenance1"));
}
