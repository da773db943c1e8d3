//! What is pulled under a policy: judged on its way, and kept only when that says yes.

use std::fs;
use std::path::Path;

use super::*;
use crate::command::{expect, folder, with_trust};
use crate::honest::Honest;
use crate::server::Reply;

/// Refused, by what `trust` names, with nothing of it on disk.
fn refused(path: &Path, place: &str, trust: &[&str]) -> String {
    let arguments = ["pull", place, "--output", "refused"];
    let said = expect(path, 1, &[&arguments, trust].concat());
    let kept = fs::read_dir(path.join("refused")).map_or(0, Iterator::count);
    assert_eq!(kept, 0, "{said}");
    said
}

/// Another key pair than the one that signed.
fn stranger(path: &Path) -> [&'static str; 3] {
    expect(path, 0, &["key", "generate", "--output", "other.key"]);
    let public = expect(path, 0, &["key", "public", "other.key"]);
    fs::write(path.join("other.pub"), public).unwrap();
    ["--key", "other.pub", "--insecure-ignore-tlog"]
}

#[test]
fn a_file_is_judged_when_it_has_come() {
    let folder = folder();
    let path = folder.path();
    let other = stranger(path);
    let registry = Honest::new(false);
    let server = registry.serve();
    for place in ["oci:layout:v1", &format!("{}/a:v1", server.host())] {
        expect(path, 0, &["push", "hello.wasm", place]);
        let none = refused(path, place, &with_trust(&[]));
        assert!(
            none.contains("no evidence") && none.contains("prov attach"),
            "{none}"
        );
        expect(path, 0, &["attach", place, "hello.wasm.sigstore.jsonl"]);
        refused(path, place, &other);
        let pull = ["pull", place, "--output", "pulled", "--force"];
        let said = expect(path, 0, &with_trust(&pull));
        assert!(
            said.contains("verified") && !said.contains("nobody"),
            "{said}"
        );
        expect(path, 0, &with_trust(&["verify", "pulled/hello.wasm"]));
        // A policy that can't be read is no yes.
        fs::write(path.join("none.toml"), "").unwrap();
        expect(path, 2, &[&pull[..], &["--policy", "none.toml"]].concat());
    }
    // A policy sees the file, and what kind it is.
    let policy = |media_type: &str| {
        let rules = format!(
            r#"schema = "prov.policy/v1"
name = "modules"

[[trust.key]]
name = "mine"
public-key-file = "mine.pub"
transparency = "not-required"

[[rule]]
id = "kind"
assert = "artifact.media_type == '{media_type}'"
message = "of the kind {media_type}"
"#
        );
        fs::write(path.join("policy.toml"), rules).unwrap();
        ["--policy", "policy.toml"]
    };
    let said = refused(path, "oci:layout:v1", &policy("application/octet-stream"));
    assert!(said.contains("rule.kind"), "{said}");
    let pull = ["pull", "oci:layout:v1", "--output", "by-policy"];
    expect(path, 0, &[&pull[..], &policy("application/wasm")].concat());
}

/// A manifest's digest pins what is under it, so a no needs nothing else.
#[test]
fn a_manifest_is_judged_before_anything_is_fetched() {
    let folder = folder();
    let path = folder.path();
    let other = stranger(path);
    let registry = Honest::new(true);
    let place = {
        let server = registry.serve();
        let place = format!("{}/a:v1", server.host());
        let attest = ["attest", "hello.wasm", "--key", "mine.key", "--force"];
        expect(path, 0, &[&attest[..], &["--push", &place]].concat());
        expect(
            path,
            0,
            &with_trust(&["pull", &place, "--output", "pulled"]),
        );
        place
    };
    assert!(path.join("pulled/hello.wasm").exists(), "{place}");
    let module = fs::read(path.join("hello.wasm")).unwrap();
    let digest = prov::artifact::Digest::sha256(&module).to_string();
    let server = registry.serve_but(move |request, _| {
        request
            .path
            .ends_with(&digest)
            .then(|| Reply::error(500, "UNKNOWN"))
    });
    let place = format!("{}/a:v1", server.host());
    refused(path, &place, &other);
    expect(path, 2, &with_trust(&["pull", &place, "--output", "lost"]));
    // A policy that can't be read is told before the registry is asked.
    let asked = server.asked().len();
    expect(path, 2, &["pull", &place, "--policy", "none.toml"]);
    assert_eq!(server.asked().len(), asked);
}

/// Evidence about an index is about the platforms in it, and that of another one is not.
#[test]
fn an_index_vouches_for_its_platforms() {
    let folder = folder();
    let path = folder.path();
    let registry = Honest::new(true);
    let index = |content: &[u8], tag: &str| {
        let (digest, manifest) = artifact(&registry, content, &format!("{tag}-linux"));
        let index = json!({
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [{"mediaType": IMAGE, "digest": digest, "size": manifest.to_string().len(),
                "platform": {"os": "linux", "architecture": "amd64"}}],
        });
        registry.put_manifest(&index, Some(tag))
    };
    let (mine, others) = (index(b"mine", "v1"), index(b"another's", "v2"));
    let server = registry.serve();
    let place = |tag: &str| format!("{}/a:{tag}", server.host());
    let attest = [
        "attest",
        &mine,
        "--subject-name",
        "app",
        "--key",
        "mine.key",
    ];
    let bundle = ["--output", "index.json"];
    expect(path, 0, &[&attest[..], &bundle].concat());
    let platform = with_trust(&["--platform", "linux/amd64"]);
    refused(path, &place("v1"), &platform);
    expect(path, 0, &["attach", &place("v1"), "index.json"]);
    let said = expect(path, 0, &[&["pull", &place("v1")][..], &platform].concat());
    assert!(said.contains("verified"), "{said}");
    assert_eq!(fs::read(path.join("content.txt")).unwrap(), b"mine");
    // The same bundle on another index, as a hostile registry would list it.
    let bundle = fs::read(path.join("index.json")).unwrap();
    let listed = referrer(&registry, &others, &bundle);
    registry.put_manifest(&listed, None);
    refused(path, &place("v2"), &platform);
}
