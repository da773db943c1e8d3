//! The commands against registries and layouts.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use prov::artifact::Digest;

use super::*;
use crate::honest::Honest;
use crate::server::Reply;
use crate::support::{CARGO_LOCK, HELLO, said};

/// Runs prov in `folder`, whose `docker` has the credentials.
fn prov(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

/// The same, to be changed first.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = support::prov();
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .env("DOCKER_CONFIG", folder.join("docker"))
        .env_remove("REGISTRY_AUTH_FILE")
        .env_remove("CONTAINERS_REGISTRIES_CONF")
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("XDG_CONFIG_HOME")
        .env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
    command
}

/// Runs prov and expects that exit code.
pub(crate) fn expect(folder: &Path, code: i32, arguments: &[&str]) -> String {
    let output = prov(folder, arguments);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {}",
        said(&output)
    );
    said(&output)
}

/// A folder with a module that is attested.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("hello.wasm"), wat::parse_str(HELLO).unwrap()).unwrap();
    fs::write(path.join("other.wasm"), wat::parse_str("(module)").unwrap()).unwrap();
    expect(path, 0, &["key", "generate", "--output", "mine.key"]);
    fs::write(
        path.join("mine.pub"),
        expect(path, 0, &["key", "public", "mine.key"]),
    )
    .unwrap();
    for name in ["hello.wasm", "other.wasm"] {
        expect(path, 0, &["attest", name, "--key", "mine.key"]);
    }
    folder
}

const TRUST: &[&str] = &["--key", "mine.pub", "--insecure-ignore-tlog"];

pub(crate) fn with_trust<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, TRUST].concat()
}

/// The whole road in each kind of place.
#[test]
fn pushed_attached_verified_run_copied_and_pulled() {
    let folder = folder();
    let path = folder.path();
    let (api, tags) = (Honest::new(true), Honest::new(false));
    let (first, second) = (api.serve(), tags.serve());
    let places = [
        "oci:layout:v1".to_owned(),
        format!("{}/a:v1", first.host()),
        format!("{}/a:v1", second.host()),
    ];
    for (index, place) in places.iter().enumerate() {
        let pushed = expect(path, 0, &["push", "hello.wasm", place]);
        assert!(pushed.contains("@sha256:"), "{pushed}");
        expect(path, 1, &with_trust(&["verify", place]));
        expect(path, 0, &["attach", place, "hello.wasm.sigstore.jsonl"]);
        let verified = expect(path, 0, &with_trust(&["verify", place]));
        assert!(verified.contains("verified"), "{verified}");
        expect(path, 1, &["attach", place, "other.wasm.sigstore.jsonl"]);
        let tree = expect(path, 0, &["discover", place]);
        assert!(
            tree.contains("└── sha256:") && tree.contains("slsa.dev/provenance"),
            "{tree}"
        );

        let copied = format!("oci:copied{index}:v1");
        expect(path, 0, &["copy", place, &copied]);
        expect(path, 0, &with_trust(&["verify", &copied]));
        let output = format!("pulled{index}");
        expect(path, 0, &["pull", &copied, "--output", &output]);
        let pulled = format!("{output}/hello.wasm");
        expect(path, 0, &with_trust(&["verify", &pulled]));
        assert_eq!(
            fs::read(path.join(&pulled)).unwrap(),
            fs::read(path.join("hello.wasm")).unwrap()
        );
        expect(path, 2, &["pull", &copied, "--output", &output]);
        expect(path, 0, &["pull", &copied, "--output", &output, "--force"]);
    }
    // Stored is the same everywhere, and always.
    let digest = |place: &str| {
        let report = expect(path, 0, &["discover", place, "--format", "json"]);
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["schema"], "prov.discover/v1");
        assert_eq!(report["artifact"]["referrers"].as_array().unwrap().len(), 1);
        report["artifact"].to_string()
    };
    assert!(
        places
            .iter()
            .all(|place| digest(place) == digest("oci:copied0:v1"))
    );
}

#[cfg(feature = "launch")]
#[test]
fn a_module_is_run_from_where_it_is() {
    let folder = folder();
    let path = folder.path();
    expect(path, 0, &["push", "hello.wasm", "oci:layout:v1"]);
    let refused = expect(path, 1, &with_trust(&["run", "oci:layout:v1"]));
    assert!(!refused.contains("hello\n"));
    expect(
        path,
        0,
        &["attach", "oci:layout:v1", "hello.wasm.sigstore.jsonl"],
    );
    assert!(expect(path, 0, &with_trust(&["run", "oci:layout:v1"])).contains("hello\n"));
    // Other evidence, another key, nothing there.
    let other = ["--bundle", "other.wasm.sigstore.jsonl"];
    expect(
        path,
        1,
        &with_trust(&[&["run", "oci:layout:v1"][..], &other].concat()),
    );
    expect(path, 2, &with_trust(&["run", "oci:layout:v2"]));
}

/// Exit 2 and never 1 when it is not known what is attached; never 0.
#[test]
fn cannot_say_is_not_no() {
    let folder = folder();
    let path = folder.path();
    let registry = Honest::new(true);
    let honest = registry.serve();
    let place = format!("{}/a:v1", honest.host());
    expect(path, 0, &["push", "hello.wasm", &place]);
    expect(path, 0, &["attach", &place, "hello.wasm.sigstore.jsonl"]);
    for status in [403, 404, 405, 500] {
        let lying = registry.serve_but(move |request, _| {
            let hidden = request.path.contains("/referrers/") || request.path.contains("sha256-");
            hidden.then(|| match request.path.contains("sha256-") {
                true => Reply::error(403, "DENIED"),
                false => Reply::error(status, "NO"),
            })
        });
        let place = format!("{}/a:v1", lying.host());
        // 500 is asked again, as often as a person would wait for.
        let said = expect(path, 2, &with_trust(&["verify", &place]));
        assert!(said.contains("error:"), "{said}");
    }
}

/// `prov sbom` of what is stored is that of the file, and an index is all its platforms.
#[test]
fn a_bill_of_materials_of_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("Cargo.lock"), CARGO_LOCK).unwrap();
    let registry = Honest::new(true);
    let server = registry.serve();
    let there = |tag: &str| format!("{}/a:{tag}", server.host());
    let sbom = |source: &str| expect(path, 0, &["sbom", source, "--name", "app"]);
    for place in ["oci:layout:v1", &there("v1")] {
        expect(path, 0, &["push", "Cargo.lock", place]);
        assert_eq!(sbom(place), sbom("Cargo.lock"));
    }
    let named = expect(path, 0, &["sbom", &there("v1")]);
    assert!(!named.contains(&server.host()), "{named}");

    let other = CARGO_LOCK.replace("itoa", "ryu");
    let entry = |content: &str, tag: &str| {
        let (_, mut manifest) = artifact(&registry, content.as_bytes(), tag);
        let title = json!({"org.opencontainers.image.title": "Cargo.lock"});
        manifest["layers"][0]["annotations"] = title;
        let digest = registry.put_manifest(&manifest, None);
        json!({"mediaType": IMAGE, "digest": digest, "size": manifest.to_string().len()})
    };
    let mut statements = entry("{}", "statements");
    statements["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
    let entries = [entry(CARGO_LOCK, "one"), entry(&other, "two"), statements];
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    registry.put_manifest(&index, Some("all"));
    let all = sbom(&there("all"));
    assert!(
        all.contains("pkg:cargo/itoa@") && all.contains("pkg:cargo/ryu@"),
        "{all}"
    );

    expect(path, 2, &["sbom", &there("none")]);
    fs::write(path.join("file"), "content").unwrap();
    expect(path, 0, &["push", "file", "oci:layout:file"]);
    let nothing = expect(path, 2, &["sbom", "oci:layout:file"]);
    assert!(nothing.contains("nothing that is understood"), "{nothing}");
}

// ------------------------------------------------ files

/// Case 5 (GHSA-8xwf-rjm4-xvhv): titles that lead out of the folder.
#[test]
fn titles_are_names_and_no_paths() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::create_dir(path.join("target")).unwrap();
    let registry = Honest::new(true);
    let server = registry.serve();
    let place = format!("{}/a:v1", server.host());
    let (_, mut manifest) = artifact(&registry, b"content", "v1");
    for title in [
        "../out",
        "/tmp/prov-out",
        "a/b",
        "a\\b",
        "..",
        ".",
        "",
        ".bashrc",
        "a\nb",
        "C:x",
        "a\u{0}",
        // What a terminal shows as another name, and what prov itself would obey.
        "a\u{202e}txt.exe",
        "prov.toml",
        "Prov.TOML",
    ] {
        manifest["layers"][0]["annotations"]["org.opencontainers.image.title"] = json!(title);
        registry.put_manifest(&manifest, Some("v1"));
        expect(path, 2, &["pull", &place, "--output", "target", "--force"]);
        assert_eq!(
            fs::read_dir(path.join("target")).unwrap().count(),
            0,
            "{title:?}"
        );
    }
    // Nor does one stand in the place of the evidence about another.
    let layers = &mut manifest["layers"];
    layers[0]["annotations"]["org.opencontainers.image.title"] = json!("content.txt");
    let mut second = layers[0].clone();
    second["annotations"]["org.opencontainers.image.title"] = json!("content.txt.sigstore.jsonl");
    layers.as_array_mut().unwrap().push(second);
    registry.put_manifest(&manifest, Some("v1"));
    expect(path, 2, &["pull", &place, "--output", "target", "--force"]);
    assert_eq!(fs::read_dir(path.join("target")).unwrap().count(), 0);
    assert!(!path.join("out").exists() && !Path::new("/tmp/prov-out").exists());
    // A link that lies there is replaced, not followed.
    fs::write(path.join("outside"), "mine").unwrap();
    std::os::unix::fs::symlink("../outside", path.join("target/content.txt")).unwrap();
    artifact(&registry, b"content", "v1");
    expect(path, 2, &["pull", &place, "--output", "target"]);
    expect(path, 0, &["pull", &place, "--output", "target", "--force"]);
    assert_eq!(fs::read(path.join("outside")).unwrap(), b"mine");
    assert_eq!(
        fs::read(path.join("target/content.txt")).unwrap(),
        b"content"
    );
}

/// A layer without a title is named for its digest, and WebAssembly as such.
#[test]
fn what_has_no_title_gets_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Honest::new(true);
    let server = registry.serve();
    let place = format!("{}/a:v1", server.host());
    let (_, mut manifest) = artifact(&registry, b"content", "v1");
    let layer = &mut manifest["layers"][0];
    layer.as_object_mut().unwrap().remove("annotations");
    let name = &Digest::sha256(b"content").hex()[..12];
    for (media_type, ending) in [("application/wasm", "wasm"), ("text/plain", "blob")] {
        manifest["layers"][0]["mediaType"] = json!(media_type);
        registry.put_manifest(&manifest, Some("v1"));
        expect(folder.path(), 0, &["pull", &place, "--output", ending]);
        let pulled = folder.path().join(format!("{ending}/{name}.{ending}"));
        assert_eq!(fs::read(pulled).unwrap(), b"content");
    }
}

/// What is damaged on its way leaves nothing behind.
#[test]
fn damaged_content_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Honest::new(true);
    artifact(&registry, b"content", "v1");
    let server = registry.serve_but(|request, _| {
        request
            .path
            .contains("/blobs/")
            .then(|| Reply::status(200).body("a", "CONTENT"))
    });
    let place = format!("{}/a:v1", server.host());
    expect(folder.path(), 2, &["pull", &place, "--output", "target"]);
    assert_eq!(
        fs::read_dir(folder.path().join("target")).unwrap().count(),
        0
    );
}

/// Case 6 (CVE-2026-50163): archives are content like any other and never unpacked,
/// whatever an annotation asks for.
#[test]
fn archives_are_not_unpacked() {
    let folder = folder();
    let path = folder.path();
    let mut archive = Vec::new();
    for (name, kind, target) in [
        ("../escaped", b'0', ""),
        ("/tmp/escaped", b'0', ""),
        ("link", b'1', "../mine.key"),
        ("symlink", b'2', "/etc"),
    ] {
        let mut header = [0; 512];
        for (at, text) in [
            (0, name),
            (100, "0000644"),
            (124, "00000000000"),
            (157, target),
        ] {
            header[at..at + text.len()].copy_from_slice(text.as_bytes());
        }
        header[148..156].copy_from_slice(b"        ");
        header[156] = kind;
        archive.extend(header);
    }
    archive.extend([0; 1024]);
    let registry = Honest::new(true);
    let (_, mut manifest) = artifact(&registry, &archive, "v1");
    manifest["layers"][0]["mediaType"] = json!("application/vnd.oci.image.layer.v1.tar");
    manifest["layers"][0]["annotations"] = json!({
        "org.opencontainers.image.title": "archive.tar",
        "io.deis.oras.content.unpack": "true",
    });
    registry.put_manifest(&manifest, Some("v1"));
    let server = registry.serve();
    let place = format!("{}/a:v1", server.host());
    expect(path, 0, &["pull", &place, "--output", "deep/pulled"]);
    assert_eq!(
        fs::read(path.join("deep/pulled/archive.tar")).unwrap(),
        archive
    );
    for (folder, count) in [("deep", 1), ("deep/pulled", 1)] {
        assert_eq!(fs::read_dir(path.join(folder)).unwrap().count(), count);
    }
}

/// Only at a terminal, and only what takes long.
#[test]
fn progress_is_shown_at_a_terminal() {
    let registry = Honest::new(true);
    artifact(&registry, &[7; 1_000_000], "v1");
    let server = registry.serve_but(|request, honest| {
        let reply = (request.method == "GET" && request.path.contains("/blobs/"))
            .then(|| honest.handle(request).body)?;
        Some(Reply::raw(move |stream| {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", reply.len());
            let _ = stream.write_all(head.as_bytes());
            for piece in reply.chunks(50_000) {
                std::thread::sleep(Duration::from_millis(70));
                let _ = stream.write_all(piece);
            }
        }))
    });
    let folder = tempfile::tempdir().unwrap();
    let place = format!("{}/a:v1", server.host());
    let quiet = expect(folder.path(), 0, &["pull", &place]);
    assert!(!quiet.contains("/s"), "{quiet}");
    let prov = support::prov();
    let command = format!(
        "{} pull {place} --force",
        prov.get_program().to_str().unwrap()
    );
    let terminal = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .current_dir(folder.path())
        .env("TERM", "xterm")
        .output();
    let Ok(terminal) = terminal else {
        let _ = std::io::stderr().write_all(b"SKIPPED: script(1) is not there to be a terminal\n");
        return;
    };
    let shown = said(&terminal);
    assert!(
        shown.contains(" of 1.00 MB, ") && shown.contains("/s"),
        "{shown}"
    );
}

/// Evidence about the manifest verifies what is stored, and runs nothing: only what a
/// statement names is admitted.
#[test]
fn evidence_about_the_manifest_runs_nothing() {
    let folder = folder();
    let path = folder.path();
    let pushed = expect(path, 0, &["push", "hello.wasm", "oci:layout:v1"]);
    let digest = pushed.trim().rsplit_once("@sha256:").unwrap().1;
    let digest = digest.split_whitespace().next().unwrap();
    let manifest = path.join("layout/blobs/sha256").join(digest);
    fs::copy(manifest, path.join("manifest.json")).unwrap();
    expect(path, 0, &["attest", "manifest.json", "--key", "mine.key"]);
    let evidence = "manifest.json.sigstore.jsonl";
    expect(path, 0, &["attach", "oci:layout:v1", evidence]);
    expect(path, 0, &with_trust(&["verify", "oci:layout:v1"]));
    let said = expect(path, 1, &with_trust(&["run", "oci:layout:v1"]));
    assert!(said.contains("about its manifest"), "{said}");
    assert!(!said.contains("hello\n"), "{said}");
    // Evidence about the module beside it runs the module.
    expect(
        path,
        0,
        &["attach", "oci:layout:v1", "hello.wasm.sigstore.jsonl"],
    );
    let said = expect(path, 0, &with_trust(&["run", "oci:layout:v1"]));
    assert!(said.contains("hello\n"), "{said}");
}
