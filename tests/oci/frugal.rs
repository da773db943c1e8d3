//! Little memory, whatever is claimed or sent: prov runs with a limit for its data
//! (setrlimit(2), `RLIMIT_DATA`), and dies when it wants more.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::*;
use crate::honest::{Honest, sha256};
use crate::server::{Reply, Request, Server};
use crate::support::said;

/// What a registry that means no harm needs, and 64 MiB.
pub(crate) const LIMIT: u64 = 20 + 64;

/// Runs prov with that many MiB.
pub(crate) fn within(mib: u64, folder: &Path, arguments: &[&str]) -> Output {
    let prov = support::prov();
    let mut command = Command::new("sh");
    for (name, value) in prov.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let script = format!("ulimit -d {} && exec \"$0\" \"$@\"", mib << 10);
    command.args(["-c", &script]).arg(prov.get_program());
    command
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder);
    command.output().unwrap()
}

/// What is said for a whole answer, piece by piece.
fn endless(media_type: &str, length: Option<u64>, piece: &'static [u8]) -> Reply {
    let length = length.map(|length| format!("content-length: {length}\r\n"));
    let length = length.unwrap_or_default();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\n{length}\r\n");
    Reply::raw(move |stream| {
        let _ = stream.write_all(head.as_bytes());
        let pieces = piece.repeat((1 << 20) / piece.len());
        for _ in 0..600 {
            if stream.write_all(&pieces).is_err() {
                return;
            }
        }
    })
}

/// An honest registry whose artifact `v1` is pulled in `LIMIT`, but for what `lie` says.
fn pulled(
    registry: &Honest,
    lie: impl Fn(&Request, &Honest) -> Option<Reply> + Send + Sync + 'static,
) -> Output {
    let server = registry.serve_but(lie);
    let folder = tempfile::tempdir().unwrap();
    let place = format!("{}/a:v1", server.host());
    within(LIMIT, folder.path(), &["pull", &place])
}

/// Refused with a reason, which is not what a process says that was out of memory.
fn assert_refused(output: &Output, why: &str) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(2), "{why}: {output:?}");
    assert!(said.contains("error: "), "{why}: {said}");
}

#[test]
fn what_streams_needs_the_same_however_large_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = fs::File::create(folder.path().join("large")).unwrap();
    file.set_len(300 << 20).unwrap();
    let output = |arguments: &[&str]| within(20, folder.path(), arguments);
    for arguments in [
        &["push", "large", "oci:layout:v1"][..],
        &["copy", "oci:layout:v1", "oci:other:v1"],
        &["pull", "oci:other:v1", "--output", "pulled"],
    ] {
        let output = output(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    }
    // The limit is one.
    assert!(
        !within(1, folder.path(), &["pull", "oci:other:v1"])
            .status
            .success()
    );
}

/// Case 8: documents without end, or as large as is read and made to be taken apart.
#[test]
fn huge_documents() {
    let registry = Honest::new(true);
    let (subject, _) = artifact(&registry, b"content", "v1");
    for (length, piece) in [
        (Some(600 << 20), &b" "[..]),
        (None, b" "),
        (Some((4 << 20) - 1), b"[0,0,0],"),
        (None, br#"{"a":"#),
    ] {
        for what in ["/manifests/v1", "/referrers/", "/manifests/sha256-"] {
            let registry = Honest::new(what != "/manifests/sha256-");
            artifact(&registry, b"content", "v1");
            let output = pulled(&registry, move |request, _| {
                let media_type = if what == "/manifests/v1" {
                    IMAGE
                } else {
                    INDEX
                };
                (request.method == "GET" && request.path.contains(what))
                    .then(|| endless(media_type, length, piece))
            });
            assert_refused(&output, what);
        }
    }
    // As many values as fit, in a document that is whole.
    for name in ["manifests", "unknown"] {
        let many = vec!["0"; (4 << 20) / 2 - 200].join(",");
        let index = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","{name}":[{many}]}}"#);
        let output = pulled(&registry, move |request, _| {
            (request.path.contains("/referrers/"))
                .then(|| Reply::status(200).body(INDEX, index.clone()))
        });
        assert_refused(&output, name);
    }
    assert!(subject.starts_with("sha256:"));
}

/// Case 9: many referrers, each as large as a manifest may be.
#[test]
fn many_large_referrers() {
    let registry = Honest::new(true);
    let (subject, _) = artifact(&registry, b"content", "v1");
    let mut manifest = referrer(&registry, &subject, &bundle(1));
    for number in 0..40 {
        manifest["annotations"] =
            json!({"filler": "x".repeat(3 << 20), "number": number.to_string()});
        registry.put_manifest(&manifest, None);
    }
    assert_refused(&pulled(&registry, |_, _| None), "referrers");
}

/// The same with few bytes that are many in memory, in what is kept of a manifest and in
/// what is not.
#[test]
fn many_heavy_referrers() {
    for place in ["/layers/0", ""] {
        let registry = Honest::new(true);
        let (subject, _) = artifact(&registry, b"content", "v1");
        let mut manifest = referrer(&registry, &subject, &bundle(1));
        for number in 0..40 {
            let heavy = vec![json!({"a": {"a": {}}}); 5000];
            let part = manifest.pointer_mut(place).unwrap();
            part["heavy"] = json!([heavy, number]);
            registry.put_manifest(&manifest, None);
        }
        assert_refused(&pulled(&registry, |_, _| None), place);
    }
    // One that is more than all of them may be does not count.
    let registry = Honest::new(true);
    let (subject, _) = artifact(&registry, b"content", "v1");
    let mut manifest = referrer(&registry, &subject, &bundle(1));
    manifest["heavy"] = json!(vec![json!({"a": {"a": {}}}); 200_000]);
    registry.put_manifest(&manifest, None);
    let output = pulled(&registry, |_, _| None);
    assert!(output.status.success(), "{output:?}");
    assert!(said(&output).contains("does not count"), "{output:?}");
}

/// Case 8 (CVE-2024-29902): attached content that is large, that claims to be small,
/// or that is a bundle only to whoever takes it apart.
#[test]
fn huge_attachments() {
    let attached = |size: usize, content: Vec<u8>| {
        let registry = Honest::new(true);
        let (subject, _) = artifact(&registry, b"content", "v1");
        let mut manifest = referrer(&registry, &subject, &content);
        manifest["layers"][0]["size"] = json!(size);
        registry.put_manifest(&manifest, None);
        let digest = sha256(&content);
        (registry, digest)
    };
    let (registry, digest) = attached(1000, b"x".to_vec());
    let output = pulled(&registry, move |request, _| {
        (request.method == "GET" && request.path.ends_with(&digest))
            .then(|| endless("application/octet-stream", None, b"x"))
    });
    // One that does not count is told, and the artifact is pulled.
    assert!(output.status.success(), "{output:?}");
    let (registry, _) = attached(20 << 20, vec![b' '; 20 << 20]);
    assert!(pulled(&registry, |_, _| None).status.success());
    let (registry, _) = attached(100 << 20, vec![b' '; 100 << 20]);
    assert_refused(&pulled(&registry, |_, _| None), "size");
    let values = format!("[{}]", vec!["0"; (16 << 20) / 2 - 100].join(","));
    let (registry, _) = attached(values.len(), values.into_bytes());
    assert!(pulled(&registry, |_, _| None).status.success());
    // And an honest one, as large as they may be.
    let mut large: Value = serde_json::from_slice(&bundle(1)).unwrap();
    large["dsseEnvelope"]["payload"] = json!("QUFB".repeat((4 << 20) - 200));
    let large = large.to_string().into_bytes();
    let (registry, _) = attached(large.len(), large);
    let output = pulled(&registry, |_, _| None);
    assert!(said(&output).contains("1 bundle"), "{output:?}");
}

/// Pages without end are left in time.
#[test]
fn endless_lists() {
    let registry = Honest::new(true);
    artifact(&registry, b"content", "v1");
    let output = pulled(&registry, |request, _| {
        request.path.contains("/referrers/").then(|| {
            let next = format!("<{}?n={}>; rel=\"next\"", request.path, request.query.len());
            let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [],
                "annotations": {"filler": "x".repeat(3 << 20)}});
            Reply::status(200)
                .body(INDEX, index.to_string())
                .with("link", next)
        })
    });
    assert_refused(&output, "pages");
}

/// A server that is not even HTTP: a head without end.
#[test]
fn an_endless_head() {
    let server = Server::start(|_| {
        Reply::raw(|stream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
            while stream
                .write_all(b"x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n")
                .is_ok()
            {}
        })
    });
    let folder = tempfile::tempdir().unwrap();
    let place = format!("{}/a:v1", server.host());
    assert_refused(&within(LIMIT, folder.path(), &["pull", &place]), "head");
}
