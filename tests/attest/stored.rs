//! `prov attest --push`, into a layout on disk.

use std::fs;

use prov::bundle::Bundle;
use serde_json::Value;

use crate::statements::{attest, files, folder, verified, written};

#[test]
fn what_is_pushed_verifies_there_and_here() {
    let folder = folder("pushed");
    let source = ["x", "--source", "source", "--push", "oci:layout:v1"];
    let answer = written(&folder, &source);
    let lines: Vec<&str> = answer.stdout.lines().collect();
    let [digest, pinned] = lines[..] else {
        panic!("{}", answer.stdout)
    };
    let manifest = pinned.strip_prefix("oci:layout@").unwrap();
    for place in ["x", "oci:layout:v1", pinned] {
        assert!(verified(&folder, place), "{place}");
    }
    // Both statements are about the file and about what stores it.
    let bundles = fs::read(folder.join("x.sigstore.jsonl")).unwrap();
    let bundles = Bundle::parse_all(&bundles).unwrap();
    assert_eq!(bundles.len(), 2);
    for bundle in &bundles {
        let statement = bundle.unverified_statement().unwrap();
        let subjects: Vec<String> = statement
            .subject_digests()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(subjects.iter().any(|it| it == digest), "{subjects:?}");
        assert!(subjects.iter().any(|it| it == manifest), "{subjects:?}");
    }
    // The same again is the same artifact, with evidence of its own.
    let again = [&source[..], &["--force", "--format", "json"]].concat();
    let report: Value = serde_json::from_str(&written(&folder, &again).stdout).unwrap();
    assert_eq!(report["stored"]["reference"], pinned);
    assert_eq!(report["stored"]["referrers"].as_array().unwrap().len(), 2);
}

#[test]
fn what_cannot_be_pushed_is_refused_before_anything_is_written() {
    let folder = folder("not-pushed");
    let digest = format!("sha256:{}", "0".repeat(64));
    let pinned = format!("oci:layout@{digest}");
    let before = files(&folder);
    for (arguments, said) in [
        (
            vec!["x", "y", "--push", "oci:layout:v1"],
            "several artifacts",
        ),
        (vec!["x", "--push", &pinned], "a digest can't be chosen"),
        (
            vec![
                &digest,
                "--subject-name",
                "x",
                "--output",
                "b",
                "--push",
                "oci:layout:v1",
            ],
            "not here to be pushed",
        ),
    ] {
        let answer = attest(&folder, &arguments, &[]);
        assert_eq!(answer.code, Some(2), "{}", answer.stderr);
        assert!(answer.stderr.contains(said), "{}", answer.stderr);
    }
    assert_eq!(files(&folder), before);
}

#[test]
fn what_was_signed_is_kept_when_it_cannot_be_pushed() {
    let folder = folder("kept");
    // Nobody listens there any more.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("{}/team/x:v1", listener.local_addr().unwrap());
    drop(listener);
    let answer = attest(&folder, &["x", "--push", &place], &[]);
    assert_eq!(answer.code, Some(2), "{}", answer.stderr);
    assert!(
        answer.stderr.contains("signed: x.sigstore.jsonl"),
        "{}",
        answer.stderr
    );
    assert!(
        answer.stderr.contains(&format!(
            "`prov push x {place}` and `prov attach {place} x.sigstore.jsonl`"
        )),
        "{}",
        answer.stderr
    );
    assert!(verified(&folder, "x"));
}
