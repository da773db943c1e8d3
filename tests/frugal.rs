//! `prov verify` needs no network, and no more memory for a large artifact.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

mod support;

use support::prov;

fn testdata(path: &str) -> String {
    format!("{}/testdata/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// The answer's exit code, and the calls that strace was asked for.
fn traced(calls: &str, arguments: &[&str]) -> Option<(Option<i32>, String)> {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let prov = prov();
    let mut command = Command::new("strace");
    for (name, value) in prov.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let status = command
        .args(["-f", "-qq", "-o", trace.to_str().unwrap(), "-e"])
        .arg(format!("trace={calls}"))
        .arg(prov.get_program())
        .args(arguments)
        .output();
    match status {
        Ok(output) => Some((output.status.code(), fs::read_to_string(&trace).unwrap())),
        Err(error) => {
            // Past the test harness, which would keep it to itself.
            let line =
                format!("SKIPPED: no strace here ({error}), so nobody watched for the network\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            None
        }
    }
}

/// No socket is made, and nothing is read that a TLS client would read: not the
/// certificates of the machine, not its resolver.
#[test]
fn verifying_touches_no_network() {
    let stack = |name: &str| testdata(&format!("bundles/local-stack/{name}"));
    let instance = |name: &str| testdata(&format!("bundles/instance/{name}"));
    let policy = testdata("../policies/release.toml");
    let (module, text) = (stack("mod.wasm"), testdata("bundles/artifact.txt"));
    let (root, key) = (stack("trusted_root.json"), stack("managed.pub"));
    let (workflow, logged, pypi) = (
        stack("ci.json"),
        stack("k-full.json"),
        instance("pep740.json"),
    );
    let rekor1 = instance("trusted_root_rekor1.json");
    let cases: &[(&[&str], i32)] = &[
        (
            &[
                "verify",
                &module,
                "--bundle",
                &logged,
                "--key",
                &key,
                "--trusted-root",
                &root,
            ],
            0,
        ),
        (
            &[
                "verify",
                &module,
                "--bundle",
                &workflow,
                "--policy",
                &policy,
                "--trusted-root",
                &root,
            ],
            1,
        ),
        (
            &[
                "verify", &module, "--bundle", &workflow, "--policy", &policy,
            ],
            1,
        ),
        (
            &[
                "verify",
                &text,
                "--bundle",
                &pypi,
                "--policy",
                &policy,
                "--trusted-root",
                &rekor1,
            ],
            1,
        ),
    ];
    for (arguments, code) in cases {
        let Some((seen, trace)) = traced("network,openat", arguments) else {
            return;
        };
        assert_eq!(seen, Some(*code), "{arguments:?}");
        // The watcher sees what it should: the bundle was opened.
        assert!(trace.contains(".json"), "{trace}");
        for forbidden in [
            "socket(",
            "connect(",
            "/etc/ssl",
            "/etc/resolv",
            "ca-certificates",
        ] {
            assert!(!trace.contains(forbidden), "{arguments:?}: {trace}");
        }
    }
}

/// Runs prov with at most so many kilobytes of private memory (RLIMIT_DATA).
fn within(kilobytes: u32, folder: &Path, arguments: &[&str]) -> bool {
    let prov = prov();
    let mut command = Command::new("sh");
    command.args([
        "-c",
        &format!("ulimit -d {kilobytes} && exec \"$0\" \"$@\""),
    ]);
    command.arg(prov.get_program()).args(arguments);
    command
        .current_dir(folder)
        .output()
        .unwrap()
        .status
        .success()
}

#[test]
fn a_gigabyte_needs_no_more_memory_than_a_byte() {
    let folder = tempfile::tempdir().unwrap();
    let file = File::create(folder.path().join("large.bin")).unwrap();
    file.set_len(1 << 30).unwrap();
    let private = testdata("keys/p256.key");
    let attest = ["attest", "large.bin", "--key", &private];
    let made = prov()
        .args(attest)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let public = testdata("keys/p256.pub");
    let verify = [
        "verify",
        "large.bin",
        "--key",
        &public,
        "--insecure-ignore-tlog",
    ];
    assert!(
        within(20 << 10, folder.path(), &verify),
        "20 MiB are too few"
    );
    // The limit is one: with next to nothing, nothing starts.
    assert!(!within(100, folder.path(), &verify), "there was no limit");
}
