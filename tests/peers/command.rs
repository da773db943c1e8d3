//! `prov attest` without a key, from the outside.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::judges::{IDENTITY, Wanted};
use crate::stack::{Stack, said};
use crate::tokens::raw_token;
use crate::{ARTIFACT, provenance};

/// prov with the job's environment or without, in a folder with the artifact.
fn prov(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prov"));
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", folder)
        .stdin(Stdio::null());
    command
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("app.wasm"), ARTIFACT).unwrap();
    folder
}

/// The options that name the instance.
fn instance(stack: &Stack, name: &str, config: &serde_json::Value) -> [PathBuf; 4] {
    let config = stack.write(&format!("{name}.config.json"), config.to_string());
    [
        "--signing-config".into(),
        config,
        "--trusted-root".into(),
        stack.path("trusted_root.json"),
    ]
}

fn attest(folder: &Path, stack: &Stack, name: &str) -> Command {
    let mut command = prov(folder);
    command
        .args(["attest", "app.wasm"])
        .args(instance(stack, name, &stack.config()));
    command
}

fn bundle(folder: &Path) -> PathBuf {
    folder.join("app.wasm.sigstore.jsonl")
}

/// cosign on the bundle that lies beside the artifact.
fn cosign(stack: &Stack, folder: &Path, identity: &str, issuer: &str) -> Output {
    stack
        .cosign()
        .args(["verify-blob-attestation", "--type", "slsaprovenance1"])
        .args(["--trusted-root", "trusted_root.json"])
        .args(["--certificate-identity", identity])
        .args(["--certificate-oidc-issuer", issuer])
        .arg("--bundle")
        .args([bundle(folder), folder.join("app.wasm")])
        .output()
        .unwrap()
}

#[test]
fn a_job_attests_without_a_key() {
    let Some(stack) = Stack::get() else { return };
    let folder = folder();
    let folder = folder.path();
    let output = attest(folder, stack, "job")
        .envs(stack.job(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let judged = cosign(stack, folder, IDENTITY, &stack.issuer);
    assert!(judged.status.success(), "{}", said(&judged));
    // The provenance is made of the token's claims, so nothing contradicts it.
    let bundle = fs::read_to_string(bundle(folder)).unwrap();
    assert_eq!(Wanted::new(stack).ask_prov(&bundle), Ok(3));
    let other = cosign(
        stack,
        folder,
        IDENTITY,
        "https://token.actions.githubusercontent.com",
    );
    assert!(!other.status.success(), "{}", said(&other));
}

/// The protocol of the conformance suite: a statement in, a bundle out, which the
/// same protocol takes for the right signer and no other.
#[test]
fn conformance_signs_what_it_verifies() {
    let Some(stack) = Stack::get() else { return };
    let folder = folder();
    let folder = folder.path();
    fs::write(
        folder.join("statement.json"),
        provenance().to_bytes().unwrap(),
    )
    .unwrap();
    let instance = instance(stack, "conformance", &stack.config());
    let output = prov(folder)
        .args([
            "conformance",
            "sign-bundle",
            "--in-toto",
            "--bundle",
            "b.json",
        ])
        .args(["--identity-token", &raw_token(stack)])
        .args(&instance)
        .arg("statement.json")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    for (identity, code) in [(IDENTITY, 0), ("https://example.org/other", 1)] {
        let output = prov(folder)
            .args(["conformance", "verify-bundle", "--bundle", "b.json"])
            .args(["--certificate-identity", identity])
            .args(["--certificate-oidc-issuer", &stack.issuer])
            .arg("--trusted-root")
            .arg(stack.path("trusted_root.json"))
            .arg("app.wasm")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
    }
}

#[test]
fn a_token_from_a_file_or_from_stdin() {
    let Some(stack) = Stack::get() else { return };
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("token"), raw_token(stack) + "\n").unwrap();
    let mut command = attest(folder, stack, "file");
    let output = command
        .args(["--identity-token", "token"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let mut command = attest(folder, stack, "stdin");
    let output = command
        .args(["--force", "--identity-token", "-"])
        .stdin(fs::File::open(folder.join("token")).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn what_fails_writes_nothing_and_says_what_to_do() {
    let Some(stack) = Stack::get() else { return };
    let folder = folder();
    let folder = folder.path();
    let late = stack.config_of(&[stack.rekor2()], &[&stack.clock("1h")]);
    let gone = stack.config_of(
        &[("http://127.0.0.1:9/".to_owned(), 2)],
        &[stack.timestamps()],
    );
    let clear = stack.config_of(
        &[("http://log.example/".to_owned(), 2)],
        &[stack.timestamps()],
    );
    let no_permission = [("GITHUB_ACTIONS", "true".to_owned())];
    type Variables<'a> = &'a [(&'a str, String)];
    let job = stack.job("");
    let cases: [(&str, &serde_json::Value, Variables<'_>, &str); 5] = [
        (
            "late",
            &late,
            &job,
            "does not verify against the trusted root",
        ),
        (
            "gone",
            &gone,
            &job,
            "the transparency log at http://127.0.0.1:9/",
        ),
        (
            "clear",
            &clear,
            &job,
            "`http` is only for 127.0.0.1 and [::1]",
        ),
        (
            "nobody",
            &stack.config(),
            &[],
            "hint: `--key FILE` signs with a key",
        ),
        ("job", &stack.config(), &no_permission, "`id-token: write`"),
    ];
    for (name, config, variables, reason) in cases {
        let output = prov(folder)
            .args(["attest", "app.wasm"])
            .args(instance(stack, name, config))
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}: {}", said(&output));
        assert!(said(&output).contains(reason), "{name}: {}", said(&output));
        let left: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["app.wasm"], "{name} left something");
    }
}

/// At a terminal somebody logs in. The browser is the stand-in's, and the terminal
/// that of script(1).
#[test]
fn a_person_logs_in_with_a_browser() {
    let Some(stack) = Stack::get() else { return };
    let folder = folder();
    let folder = folder.path();
    let browser = folder.join("xdg-open");
    let seen = folder.join("seen");
    let visit = format!(
        "#!/bin/sh\n'{}' -visit \"$1\" >'{}' 2>&1 &\n",
        stack.program("stand-in").display(),
        seen.display()
    );
    fs::write(&browser, visit).unwrap();
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
    let options = instance(stack, "login", &stack.config()).map(|path| path.display().to_string());
    let line = format!(
        "'{}' attest app.wasm {}",
        env!("CARGO_BIN_EXE_prov"),
        options.join(" ")
    );
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("HOME", folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("/login/auth?client_id=sigstore"),
        "{}",
        said(&output)
    );
    let page = fs::read_to_string(seen).unwrap();
    assert!(
        page.contains("200 OK") && page.contains("You are logged in"),
        "{page}"
    );
    let issuer = format!("{}/login", stack.issuer);
    let judged = cosign(stack, folder, "dev@example.com", &issuer);
    assert!(judged.status.success(), "{}", said(&judged));
    assert!(
        !cosign(stack, folder, "other@example.com", &issuer)
            .status
            .success()
    );
}
