//! What works with registries that do what they should, with the referrers API or
//! without, and with layouts on disk.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use prov::oci::{Content, Layout, Memory, Name};

use super::*;
use crate::honest::{Honest, Options};

#[test]
fn attached_is_found_with_the_api_and_without() {
    for api in [true, false] {
        let registry = Honest::new(api);
        let (digest, _) = artifact(&registry, b"content", "v1");
        let server = registry.serve();
        let store = store(&format!("{}/a", server.host()));
        assert_eq!(count(&*store, "v1").unwrap(), (0, 0));
        attach(&*store, "v1", 0..3).unwrap();
        assert_eq!(count(&*store, "v1").unwrap(), (3, 0));
        attach(&*store, "v1", 1..4).unwrap();
        assert_eq!(count(&*store, "v1").unwrap(), (4, 0));
        // The tag is written where it is needed, and nowhere else.
        let tag = registry.tag(&digest.replace(':', "-"));
        assert_eq!(tag.is_some(), !api);
        if let Some(index) = tag.and_then(|digest| registry.manifest(&digest)) {
            // gh and Kyverno look at the entries of the index.
            assert_eq!(index["manifests"][0]["artifactType"], BUNDLE);
            assert_eq!(
                index["manifests"][0]["annotations"]["dev.sigstore.bundle.content"],
                "dsse-envelope"
            );
        }
    }
}

#[test]
fn all_pages_are_read() {
    let registry = Honest::with(Options {
        api: true,
        page: Some(2),
        ..Options::default()
    });
    artifact(&registry, b"content", "v1");
    let server = registry.serve();
    let store = store(&format!("{}/a", server.host()));
    attach(&*store, "v1", 0..7).unwrap();
    assert_eq!(count(&*store, "v1").unwrap(), (7, 0));
}

#[test]
fn what_is_there_is_not_sent_again() {
    let registry = Honest::new(true);
    let server = registry.serve();
    let store = store(&format!("{}/a", server.host()));
    let bytes = Bytes::from_static(b"content");
    let descriptor = Descriptor::of("text/plain", &bytes);
    let put = || run(store.put_blob(&descriptor, Content::Bytes(&bytes))).unwrap();
    assert!(put());
    assert!(!put());
    assert_eq!(server.count("PUT /v2/a/blobs/uploads/1"), 1);
}

/// Every direction, each with an index of two platforms, bundles on the index and on
/// a platform, a referrer of a referrer, and a tag of cosign v2.
#[test]
fn copies_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let layout = format!("oci:{}", folder.path().join("layout").display());
    let other_layout = format!("oci:{}", folder.path().join("other").display());
    let source = Honest::new(true);
    let (child, manifest) = artifact(&source, b"one", "one");
    let (other, other_manifest) = artifact(&source, b"two", "two");
    let size = |manifest: &Value| manifest.to_string().len();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        {"mediaType": IMAGE, "digest": child, "size": size(&manifest),
            "platform": {"os": "linux", "architecture": "amd64"}},
        {"mediaType": IMAGE, "digest": other, "size": size(&other_manifest),
            "platform": {"os": "linux", "architecture": "arm64"}},
    ]});
    let root = source.put_manifest(&index, Some("v1"));
    for (subject, number) in [(&root, 1), (&root, 2), (&child, 3)] {
        source.put_manifest(&referrer(&source, subject, &bundle(number)), None);
    }
    let deep = source.put_manifest(&referrer(&source, &root, &bundle(4)), None);
    source.put_manifest(&referrer(&source, &deep, &bundle(5)), None);
    let old = artifact(&source, b"old", "old").0;
    source.set_tag(&format!("{}.att", root.replace(':', "-")), &old);

    let first = source.serve();
    let (with_api, without) = (Honest::new(true), Honest::new(false));
    let (second, third) = (with_api.serve(), without.serve());
    let road = [
        format!("{}/a:v1", first.host()),
        layout.clone() + ":v1",
        format!("{}/b:v1", third.host()),
        other_layout.clone() + ":v1",
        format!("{}/c:v1", second.host()),
        format!("{}/d:v2", third.host()),
    ];
    for pair in road.windows(2) {
        let (from, to) = (reference(&pair[0]), reference(&pair[1]));
        let Name::Tag(tag) = &to.name else { panic!() };
        let (from_store, to_store) = (store(&pair[0]), store(&pair[1]));
        let (copied, report) =
            run(oci::copy(&*from_store, &from.name, &*to_store, Some(tag))).unwrap();
        assert_eq!(copied.digest().to_string(), root, "{} to {}", from, to);
        assert_eq!(report.referrers, 5, "{from} to {to}");
        assert!(report.left.is_empty());
        assert_eq!(count(&*to_store, tag).unwrap(), (3, 0), "{from} to {to}");
        let attached = |digest: &str| {
            let digest = digest.parse().unwrap();
            run(oci::referrers(&*to_store, &digest)).unwrap().len()
        };
        assert_eq!(
            (attached(&child), attached(&other), attached(&deep)),
            (1, 0, 1)
        );
        let att = find(&*to_store, &format!("{}.att", root.replace(':', "-"))).unwrap();
        assert_eq!(att.digest().to_string(), old);
    }
    // Nothing is half-written.
    let all = walk(&folder.path().join("layout"));
    assert!(all.iter().all(|name| !name.contains(".tmp")), "{all:?}");
}

fn walk(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        if path.is_dir() {
            names.extend(walk(&path));
        }
    }
    names
}

#[test]
fn between_repositories_of_one_registry_content_does_not_travel() {
    let registry = Honest::new(true);
    artifact(&registry, &[7; 1 << 16], "v1");
    // Each repository keeps its own blobs.
    let server = registry.serve_but(|request, _| {
        (request.method == "HEAD" && request.path.starts_with("/v2/b/"))
            .then(|| server::Reply::error(404, "BLOB_UNKNOWN"))
    });
    let (from, to) = (
        store(&format!("{}/a", server.host())),
        store(&format!("{}/b", server.host())),
    );
    run(oci::copy(&*from, &Name::Tag("v1".into()), &*to, Some("v1"))).unwrap();
    assert_eq!(server.count("PUT /v2/b/blobs/uploads/1"), 0);
}

#[test]
fn a_layout_is_checked_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("layout");
    let layout = Layout::new(&path);
    let memory = Memory::new();
    let registry = Honest::new(true);
    artifact(&registry, b"content", "v1");
    let server = registry.serve();
    let from = store(&format!("{}/a", server.host()));
    let tag = Name::Tag("v1".into());
    run(oci::copy(&*from, &tag, &memory, Some("v1"))).unwrap();
    run(oci::copy(&memory, &tag, &layout, Some("v1"))).unwrap();
    let manifest = find(&layout, "v1").unwrap();

    let blob = path
        .join("blobs/sha256")
        .join(manifest.layers()[0].digest.hex());
    fs::write(&blob, "CONTENT").unwrap();
    let read = run(async { layout.blob(&manifest.layers()[0]).await?.read(100).await });
    assert!(matches!(read, Err(OciError::OtherDigest { .. })));

    let manifest_path = path.join("blobs/sha256").join(manifest.digest().hex());
    fs::write(
        manifest_path,
        manifest.bytes().iter().rev().copied().collect::<Vec<_>>(),
    )
    .unwrap();
    assert!(matches!(
        find(&layout, "v1"),
        Err(OciError::OtherDigest { .. })
    ));

    fs::write(
        path.join("index.json"),
        "{\"schemaVersion\":2,\"manifests\":[],\"manifests\":[]}",
    )
    .unwrap();
    assert!(matches!(find(&layout, "v1"), Err(OciError::Json { .. })));
    fs::write(path.join("oci-layout"), "{}").unwrap();
    assert!(matches!(find(&layout, "v1"), Err(OciError::Layout { .. })));

    let nowhere = Layout::new(folder.path().join("nowhere"));
    assert!(find(&nowhere, "v1").unwrap_err().is_not_found());
    // A folder that is something else is left alone.
    let occupied = folder.path().join("occupied");
    fs::create_dir(&occupied).unwrap();
    fs::write(occupied.join("mine"), "").unwrap();
    let put = run(oci::copy(
        &memory,
        &tag,
        &Layout::new(&occupied),
        Some("v1"),
    ));
    assert!(matches!(put, Err(OciError::Layout { .. })));
}

/// regctl keeps referrers in a layout as registries without the API do: under a tag.
#[test]
fn a_layout_with_a_fallback_tag() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::new(folder.path().join("layout"));
    let registry = Honest::new(false);
    let (subject, _) = artifact(&registry, b"content", "v1");
    let attached = registry.put_manifest(&referrer(&registry, &subject, &bundle(1)), Some("r"));
    let server = registry.serve();
    let from = store(&format!("{}/a", server.host()));
    for tag in ["v1", "r"] {
        run(oci::copy(
            &*from,
            &Name::Tag(tag.into()),
            &layout,
            Some(tag),
        ))
        .unwrap();
    }
    assert_eq!(count(&layout, "v1").unwrap(), (1, 0)); // as an entry of its own
    let path = folder.path().join("layout/index.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let entries = index["manifests"].as_array_mut().unwrap();
    entries.retain(|entry| entry["digest"] != *attached);
    fs::write(&path, index.to_string()).unwrap();
    assert_eq!(count(&layout, "v1").unwrap(), (0, 0));

    let entry = Descriptor::new(IMAGE, attached.parse().unwrap(), 1);
    let list = Manifest::index(None, &[entry], &Default::default()).unwrap();
    let tag = subject.replace(':', "-");
    run(layout.put_manifest(&list, Some(&tag))).unwrap();
    assert_eq!(count(&layout, "v1").unwrap(), (1, 0));
}

/// Several writers at once, each in a process of its own, as locks are between those.
#[test]
fn writers_of_a_layout_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let layout = format!("oci:{}", folder.path().join("layout").display());
    for name in ["a", "b", "c", "d", "e", "f"] {
        fs::write(folder.path().join(name), name).unwrap();
    }
    let push = |name: &str| -> Command {
        let mut command = support::prov();
        command
            .current_dir(folder.path())
            .args(["push", name, &format!("{layout}:{name}")]);
        command
    };
    let running: Vec<_> = ["a", "b", "c", "d", "e", "f"]
        .iter()
        .map(|name| {
            push(name)
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    for name in ["a", "b", "c", "d", "e", "f"] {
        assert!(find(&*store(&layout), name).is_ok(), "{name} was lost");
    }
}

/// What arrived before the connection broke is not sent again, where the registry
/// knows how much that is; else the upload starts anew.
#[test]
fn uploads_are_taken_up_again() {
    let content: Bytes = (0..3_000_000u32)
        .map(|number| number.wrapping_mul(7919) as u8)
        .collect::<Vec<_>>()
        .into();
    let descriptor = Descriptor::of("text/plain", &content);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &content).unwrap();
    for (knows, patches) in [(true, 1), (false, 0)] {
        for source in [Content::Bytes(&content), Content::File(file.path())] {
            let registry = Honest::with(Options {
                forgets: !knows,
                ..Options::default()
            });
            let puts = AtomicUsize::new(0);
            let server = registry.serve_cutting(move |request| {
                let first = request.method == "PUT" && puts.fetch_add(1, Ordering::SeqCst) == 0;
                first.then_some(1_000_000)
            });
            let store = store(&format!("{}/a", server.host()));
            assert!(run(store.put_blob(&descriptor, source)).unwrap());
            assert!(registry.has_blob(&descriptor.digest.to_string()));
            let sent = server.asked();
            let patched: Vec<_> = sent.iter().filter(|ask| ask.method == "PATCH").collect();
            assert_eq!(patched.len(), patches);
            if let [patch] = patched[..] {
                assert_eq!(patch.header("content-range"), Some("1000000-2999999"));
                assert_eq!(patch.body.len(), 2_000_000);
            }
        }
    }
}

/// A registry that says nonsense of what arrived gets it anew, or a connection error.
#[test]
fn what_arrived_is_not_believed() {
    let content = Bytes::from(vec![7; 100_000]);
    let descriptor = Descriptor::of("text/plain", &content);
    for range in [
        "0-0",
        "0-99999",
        "0-18446744073709551615",
        "5-10",
        "x",
        "0-499",
    ] {
        let registry = Honest::new(true);
        let cut = AtomicUsize::new(0);
        let honest = registry.clone();
        let server = server::Server::cutting(
            move |request| {
                let first = request.method == "PUT" && cut.fetch_add(1, Ordering::SeqCst) == 0;
                first.then_some(50_000)
            },
            move |request| match request.method == "GET" && request.path.contains("/uploads/") {
                true => honest.handle(request).without("range").with("range", range),
                false => honest.handle(request),
            },
        );
        let store = store(&format!("{}/a", server.host()));
        run(store.put_blob(&descriptor, Content::Bytes(&content))).unwrap();
        assert!(registry.has_blob(&descriptor.digest.to_string()), "{range}");
    }
}
