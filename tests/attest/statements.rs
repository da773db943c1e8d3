//! Which statements come out, about what, and where they are written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use prov::bundle::Bundle;
use prov::statement::{CYCLONEDX_BOM, SLSA_PROVENANCE_V1, Statement};
use serde_json::{Value, json};

use crate::support::{CARGO_LOCK, prov};

/// The SHA-256 of `x`.
const X: &str = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

/// A folder with two artifacts, a key, and a repository that they were built from.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("statements")
        .join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("source")).unwrap();
    fs::write(folder.join("x"), "x").unwrap();
    fs::write(folder.join("y"), "y").unwrap();
    fs::write(folder.join("source/Cargo.lock"), CARGO_LOCK).unwrap();
    let git = |arguments: &[&str]| {
        let status = Command::new("git")
            .arg("-C")
            .arg(folder.join("source"))
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
            .args(arguments)
            .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
            .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
            .status();
        assert!(status.unwrap().success());
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "first"]);
    for ending in ["key", "pub"] {
        let from = format!("testdata/keys/p256.{ending}");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(from);
        let to = folder.join(format!("my.{ending}"));
        fs::copy(from, &to).unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
    }
    folder
}

pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn attest(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Answer {
    let output = prov()
        .arg("attest")
        .args(arguments)
        .args(["--key", "my.key"])
        .current_dir(folder)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    Answer {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn written(folder: &Path, arguments: &[&str]) -> Answer {
    let answer = attest(folder, arguments, &[]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    answer
}

fn parse(text: &str) -> Vec<Statement> {
    let bundles = Bundle::parse_all(text.as_bytes()).unwrap();
    assert_eq!(bundles.len(), text.lines().count());
    let statements = bundles.iter().map(Bundle::unverified_statement);
    statements.collect::<Result<_, _>>().unwrap()
}

fn statements(folder: &Path, file: &str) -> Vec<Statement> {
    parse(&fs::read_to_string(folder.join(file)).unwrap())
}

fn types(statements: &[Statement]) -> Vec<&str> {
    let types = statements.iter().map(|each| each.predicate_type.as_str());
    types.collect()
}

pub(crate) fn verified(folder: &Path, artifact: &str) -> bool {
    let output = prov()
        .args(["verify", artifact, "--key", "my.pub"])
        .arg("--insecure-ignore-tlog")
        .current_dir(folder)
        .output()
        .unwrap();
    output.status.success()
}

pub(crate) fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_source_makes_provenance_and_a_bill_of_materials_of_the_artifact() {
    let folder = folder("source");
    let answer = written(&folder, &["x", "--source", "source", "--command", "make x"]);
    assert_eq!(answer.stdout, format!("sha256:{X}\n"));
    assert!(answer.stderr.contains("SLSA Build L1"), "{}", answer.stderr);
    let found = statements(&folder, "x.sigstore.jsonl");
    assert_eq!(types(&found), [SLSA_PROVENANCE_V1, CYCLONEDX_BOM]);
    for statement in &found {
        assert_eq!(statement.subject.len(), 1);
        let digest = &statement.subject[0].digest;
        assert_eq!(digest["sha256"], X);
        assert_eq!(digest["sha512"].len(), 128);
    }
    let definition = &found[0].predicate["buildDefinition"];
    assert_eq!(
        definition["externalParameters"]["command"],
        json!(["make x"])
    );
    let went_in = definition["resolvedDependencies"].as_array().unwrap();
    assert_eq!(
        went_in[0]["digest"]["gitCommit"].as_str().unwrap().len(),
        40
    );
    assert_eq!(
        went_in[1],
        json!({
            "uri": "pkg:cargo/itoa@1.0.19",
            "digest": {"sha256": "0123456789012345678901234567890123456789012345678901234567890123"},
        })
    );
    let root = &found[1].predicate["metadata"]["component"];
    assert_eq!(root["name"], "x");
    assert_eq!(root["hashes"][0], json!({"alg": "SHA-256", "content": X}));
    assert_eq!(root["hashes"][1]["alg"], "SHA-512");
    assert!(verified(&folder, "x"));
    assert!(!verified(&folder, "y"));
}

#[test]
fn the_same_build_gives_the_same_statements() {
    let folder = folder("same");
    let read = |file: &str| {
        written(&folder, &["x", "--source", "source", "--output", file]);
        statements(&folder, file)
    };
    assert_eq!(read("one"), read("two"));
}

#[test]
fn several_artifacts_share_the_provenance_and_each_has_its_own_bill_of_materials() {
    let folder = folder("several");
    let answer = written(&folder, &["x", "y", "--source", "source"]);
    assert_eq!(answer.stdout.lines().count(), 2);
    let (of_x, of_y) = (
        statements(&folder, "x.sigstore.jsonl"),
        statements(&folder, "y.sigstore.jsonl"),
    );
    assert_eq!(of_x[0], of_y[0]);
    assert_eq!(of_x[0].subject.len(), 2);
    for (found, name) in [(&of_x, "x"), (&of_y, "y")] {
        assert_eq!(types(found), [SLSA_PROVENANCE_V1, CYCLONEDX_BOM]);
        assert_eq!(found[1].subject.len(), 1);
        assert_eq!(found[1].predicate["metadata"]["component"]["name"], name);
        assert!(verified(&folder, name));
    }
    written(
        &folder,
        &["x", "y", "--source", "source", "--output", "all"],
    );
    assert_eq!(statements(&folder, "all").len(), 3);
}

#[test]
fn a_digest_is_as_good_as_a_file_but_for_its_name_and_place() {
    let folder = folder("digest");
    let digest = format!("sha256:{X}");
    for (arguments, wanted) in [
        (&[digest.as_str(), "--output", "o"][..], "--subject-name"),
        (&[&digest, "--subject-name", "x"], "--output"),
        (
            &["sha256:00", "--subject-name", "x", "--output", "o"],
            "is not a digest",
        ),
        (&["x", "y", "--subject-name", "z"], "several"),
    ] {
        let answer = attest(&folder, arguments, &[]);
        assert_eq!(answer.code, Some(2), "{}", answer.stderr);
        assert!(answer.stderr.contains(wanted), "{}", answer.stderr);
    }
    written(
        &folder,
        &[&digest, "--subject-name", "pkg/x", "--output", "o"],
    );
    let found = statements(&folder, "o");
    assert_eq!(found[0].subject[0].name.as_deref(), Some("pkg/x"));
    assert_eq!(found[0].subject[0].digest.len(), 1);
    fs::rename(folder.join("o"), folder.join("x.sigstore.jsonl")).unwrap();
    assert!(verified(&folder, "x"));
}

#[test]
fn any_predicate_is_stated_as_it_is_but_not_one_that_lacks_what_makes_it_one() {
    let folder = folder("predicate");
    let state = |predicate: &Value, type_: &str| {
        fs::write(folder.join("p.json"), predicate.to_string()).unwrap();
        attest(
            &folder,
            &[
                "x",
                "--predicate",
                "p.json",
                "--type",
                type_,
                "--output",
                "o",
                "--force",
            ],
            &[],
        )
    };
    for (predicate, type_, uri) in [
        (
            json!({"z": 1, "a": [2.0]}),
            "custom",
            "https://cosign.sigstore.dev/attestation/v1",
        ),
        (
            json!({"a": null}),
            "https://example.com/p/v1",
            "https://example.com/p/v1",
        ),
        (
            json!({"@context": "x"}),
            "openvex",
            "https://openvex.dev/ns",
        ),
        (
            json!({"spdxVersion": "SPDX-2.3"}),
            "spdxjson",
            "https://spdx.dev/Document",
        ),
    ] {
        let answer = state(&predicate, type_);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        let found = statements(&folder, "o");
        assert_eq!(types(&found), [uri]);
        assert_eq!(found[0].predicate, predicate);
    }
    for (predicate, type_, wanted) in [
        (json!({}), "cyclonedx", "`bomFormat`"),
        (
            json!({"buildDefinition": {}}),
            "slsaprovenance1",
            "`buildDefinition.buildType`",
        ),
        (json!({"verifier": {}}), "vsa", "`verifier.id`"),
        (json!({}), "no-such", "wanted a URI or one of"),
    ] {
        let answer = state(&predicate, type_);
        assert_eq!(answer.code, Some(2));
        assert!(answer.stderr.contains(wanted), "{}", answer.stderr);
    }
    fs::write(folder.join("p.json"), r#"{"a":1,"a":2}"#).unwrap();
    let twice = ["x", "--predicate", "p.json", "--type", "custom", "--force"];
    assert_eq!(attest(&folder, &twice, &[]).code, Some(2));
    for arguments in [
        &["x", "--predicate", "p.json"][..],
        &["x", "--type", "vuln"],
        &["x", "--type", "cyclonedx"],
    ] {
        assert_eq!(
            attest(&folder, arguments, &[]).code,
            Some(2),
            "{arguments:?}"
        );
    }
}

#[test]
fn one_kind_alone_can_be_asked_for() {
    let folder = folder("alone");
    for (type_, uri) in [
        ("slsaprovenance1", SLSA_PROVENANCE_V1),
        ("cyclonedx", CYCLONEDX_BOM),
        ("sign", "https://sigstore.dev/cosign/sign/v1"),
    ] {
        let arguments = ["x", "--source", "source", "--type", type_, "--force"];
        written(&folder, &arguments);
        assert_eq!(types(&statements(&folder, "x.sigstore.jsonl")), [uri]);
    }
}

#[test]
fn a_given_bill_of_materials_is_stated_and_named_as_a_byproduct() {
    let folder = folder("given");
    let bom = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6",
        "components": [{"purl": "pkg:cargo/a@1", "hashes": [{"alg": "SHA-256", "content": "aa"}]}],
    });
    fs::write(folder.join("x.cdx.json"), bom.to_string()).unwrap();
    written(&folder, &["x", "--sbom", "x.cdx.json"]);
    let found = statements(&folder, "x.sigstore.jsonl");
    assert_eq!(types(&found), [SLSA_PROVENANCE_V1, CYCLONEDX_BOM]);
    assert_eq!(found[1].predicate, bom);
    let byproduct = &found[0].predicate["runDetails"]["byproducts"][0];
    assert_eq!(byproduct["name"], "x.cdx.json");
    assert_eq!(byproduct["mediaType"], "application/vnd.cyclonedx+json");
    let dependency = &found[0].predicate["buildDefinition"]["resolvedDependencies"][0];
    assert_eq!(dependency["uri"], "pkg:cargo/a@1");
    fs::write(folder.join("no.json"), "{}").unwrap();
    let answer = attest(&folder, &["y", "--sbom", "no.json"], &[]);
    assert_eq!(answer.code, Some(2));
    assert!(
        answer.stderr.contains("is no bill of materials"),
        "{}",
        answer.stderr
    );
}

#[test]
fn nothing_is_written_when_something_is_missing_or_in_the_way() {
    let folder = folder("nothing");
    let before = files(&folder);
    for arguments in [
        &["x", "missing"][..],
        &["x", "./x"],
        &["x", "--source", "missing"],
        &["x", "y", "--source", "source", "--sbom", "missing.json"],
        &["x", "--output", "missing/o"],
        &["x", "--key", "my.pub"],
    ] {
        assert_eq!(
            attest(&folder, arguments, &[]).code,
            Some(2),
            "{arguments:?}"
        );
        assert_eq!(files(&folder), before, "{arguments:?}");
    }
    fs::write(folder.join("y.sigstore.jsonl"), "mine").unwrap();
    let answer = attest(&folder, &["x", "y"], &[]);
    assert_eq!(answer.code, Some(2));
    assert!(
        answer
            .stderr
            .contains("`y.sigstore.jsonl` is already there")
    );
    assert!(!folder.join("x.sigstore.jsonl").exists());
    written(&folder, &["x", "y", "--force"]);
    assert!(verified(&folder, "y"));
}

#[test]
fn stdout_gets_the_bundles_or_the_report() {
    let folder = folder("stdout");
    let answer = written(&folder, &["x", "--source", "source", "--output", "-"]);
    assert_eq!(
        types(&parse(&answer.stdout)),
        [SLSA_PROVENANCE_V1, CYCLONEDX_BOM]
    );
    assert!(!folder.join("x.sigstore.jsonl").exists());

    let answer = written(
        &folder,
        &["x", "y", "--source", "source", "--format", "json"],
    );
    let report: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(report["schema"], "prov.attest/v1");
    assert_eq!(report["artifacts"][0]["digest"]["sha256"], X);
    assert_eq!(report["signer"]["kind"], "key");
    let statements = report["statements"].as_array().unwrap();
    assert_eq!(statements.len(), 3);
    assert_eq!(statements[0]["predicate_type"], SLSA_PROVENANCE_V1);
    assert_eq!(statements[0]["subjects"], json!(["x", "y"]));
    assert_eq!(
        statements[0]["files"],
        json!(["x.sigstore.jsonl", "y.sigstore.jsonl"])
    );
    assert_eq!(statements[2]["files"], json!(["y.sigstore.jsonl"]));
    assert_eq!(statements[0]["records"], json!([]));
    let both = ["x", "--output", "-", "--format", "json"];
    assert_eq!(attest(&folder, &both, &[]).code, Some(2));
}

const RUN: [(&str, &str); 12] = [
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_SERVER_URL", "https://github.com"),
    ("GITHUB_REPOSITORY", "o/r"),
    ("GITHUB_REPOSITORY_ID", "1"),
    ("GITHUB_REPOSITORY_OWNER_ID", "2"),
    ("GITHUB_REF", "refs/tags/v1"),
    ("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567"),
    (
        "GITHUB_WORKFLOW_REF",
        "o/r/.github/workflows/release.yml@refs/tags/v1",
    ),
    ("GITHUB_EVENT_NAME", "workflow_dispatch"),
    ("GITHUB_RUN_ID", "10"),
    ("GITHUB_RUN_ATTEMPT", "1"),
    ("RUNNER_ENVIRONMENT", "github-hosted"),
];

#[test]
fn a_run_of_github_tells_how_it_built_and_a_key_makes_no_more_of_it_than_level_one() {
    let folder = folder("github");
    fs::write(
        folder.join("event.json"),
        json!({"inputs": {"target": "wasm"}}).to_string(),
    )
    .unwrap();
    let event = [("GITHUB_EVENT_PATH", "event.json")];
    let run = [&RUN[..], &event].concat();
    let answer = attest(&folder, &["x", "--source", "source"], &run);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(!answer.stderr.contains("SLSA Build L"), "{}", answer.stderr);
    let found = statements(&folder, "x.sigstore.jsonl");
    let definition = &found[0].predicate["buildDefinition"];
    assert_eq!(
        definition["buildType"],
        "https://actions.github.io/buildtypes/workflow/v1"
    );
    assert_eq!(
        definition["externalParameters"],
        json!({
            "inputs": {"target": "wasm"},
            "workflow": {
                "path": ".github/workflows/release.yml",
                "ref": "refs/tags/v1",
                "repository": "https://github.com/o/r",
            },
        })
    );
    assert_eq!(
        definition["resolvedDependencies"][1]["uri"],
        "pkg:cargo/itoa@1.0.19"
    );
    let output = prov()
        .args(["verify", "x", "--key", "my.pub", "--insecure-ignore-tlog"])
        .current_dir(&folder)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        !text.contains("SLSA Build L2") && !text.contains("SLSA Build L3"),
        "{text}"
    );

    written(&folder, &["x", "--builder", "local", "--force"]);
    let answer = attest(&folder, &["x", "--builder", "local", "--force"], &run);
    assert_eq!(answer.code, Some(0));
    let local = &statements(&folder, "x.sigstore.jsonl")[0].predicate;
    assert!(
        local["runDetails"]["builder"]["id"]
            .as_str()
            .unwrap()
            .ends_with("#local")
    );

    for (arguments, variables, wanted) in [
        (&["y", "--command", "make"][..], &run[..], "local builds"),
        (
            &["y", "--builder", "github"],
            &[],
            "`GITHUB_SERVER_URL` is not set",
        ),
        (&["y"], &RUN[..5], "`GITHUB_REF` is not set"),
    ] {
        let answer = attest(&folder, arguments, variables);
        assert_eq!(answer.code, Some(2), "{arguments:?}");
        assert!(answer.stderr.contains(wanted), "{}", answer.stderr);
    }
}
