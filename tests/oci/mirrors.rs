//! Mirrors by `registries.conf`: who is asked, in which order, and who is believed.

use std::fs;
use std::path::Path;

use super::command::{expect, folder, with_trust};
use super::credentials::{log_in, user};
use super::*;
use crate::honest::{Honest, Options};
use crate::server::{Reply, Request, Server};

/// Makes `mirrors` those of `origin`, in the home that is `folder`.
fn mirror(folder: &Path, origin: &str, options: &str, mirrors: &[&str]) {
    let place = folder.join(".config/containers");
    fs::create_dir_all(&place).unwrap();
    let mut text = format!("[[registry]]\nlocation = \"{origin}\"\n{options}\n");
    for mirror in mirrors {
        text += &format!("[[registry.mirror]]\nlocation = \"{mirror}\"\ninsecure = true\n");
    }
    fs::write(place.join("registries.conf"), text).unwrap();
}

/// A registry with `hello.wasm` under `v1`, and what is attested about it.
fn filled(folder: &Path, api: bool) -> Honest {
    let registry = Honest::new(api);
    let server = registry.serve();
    let place = format!("{}/a:v1", server.host());
    expect(folder, 0, &["push", "hello.wasm", &place]);
    expect(folder, 0, &["attach", &place, "hello.wasm.sigstore.jsonl"]);
    registry
}

/// A registry that has the artifact and nothing attached.
fn bare(folder: &Path, api: bool) -> Honest {
    let registry = Honest::new(api);
    let server = registry.serve();
    expect(
        folder,
        0,
        &["push", "hello.wasm", &format!("{}/a:v1", server.host())],
    );
    registry
}

fn denying(registry: &Honest, part: &'static str) -> Server {
    registry.serve_but(move |request, _| {
        request
            .path
            .contains(part)
            .then(|| Reply::error(403, "DENIED"))
    })
}

#[test]
fn a_mirror_is_enough_and_is_seen() {
    let folder = folder();
    let path = folder.path();
    for api in [true, false] {
        let registry = filled(path, api);
        let (mirrored, origin) = (registry.serve(), denying(&registry, ""));
        let place = format!("{}/a:v1", origin.host());
        expect(path, 2, &with_trust(&["verify", &place]));
        let before = origin.asked().len();
        mirror(
            path,
            &origin.host(),
            "",
            &[&format!("{}/proxy/of", mirrored.host())],
        );
        for arguments in [
            &with_trust(&["verify", &place])[..],
            &["pull", &place, "--output", "pulled", "--force"],
        ] {
            expect(path, 0, arguments);
        }
        let said = expect(path, 0, &with_trust(&["verify", &place, "-v"]));
        let name = format!("the mirror {}/proxy/of/a", mirrored.host());
        assert!(said.contains(&name), "{said}");
        assert!(said.contains("registries.conf` line 1 is about"), "{said}");
        assert_eq!(origin.asked().len(), before);
        // That nothing refers to the referrers, it could not say alone.
        expect(path, 2, &["discover", &place]);
        let asked = mirrored.asked();
        assert!(
            asked
                .iter()
                .all(|it| it.path.starts_with("/v2/proxy/of/a/"))
        );
    }
}

/// Whatever a mirror does not do, the registry itself does.
#[test]
fn a_mirror_that_fails_changes_nothing() {
    let folder = folder();
    let path = folder.path();
    let registry = filled(path, true);
    let origin = registry.serve();
    let place = format!("{}/a:v1", origin.host());
    let gone = {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        closed.local_addr().unwrap().to_string()
    };
    let damaged = registry.serve_but(|request, _| {
        let blob = request.path.contains("/blobs/");
        blob.then(|| Reply::status(200).body("a", "other content"))
    });
    let other = registry.serve_but(|request, registry| {
        let manifest = request.path.contains("/manifests/sha256:");
        let mut reply = manifest.then(|| registry.handle(request))?;
        reply.body.push(b' ');
        Some(reply.without("docker-content-digest"))
    });
    // It has the list alone, and neither manifests nor blobs.
    let lists = registry.serve_but(|request, _| {
        let listing = request.path.contains("/referrers/");
        (!listing).then(|| Reply::error(404, "NAME_UNKNOWN"))
    });
    let without_blobs = registry.serve_but(|request, _| {
        let blob = request.path.contains("/blobs/");
        blob.then(|| Reply::error(404, "BLOB_UNKNOWN"))
    });
    let page = Server::start(|_| Reply::status(200).body("text/html", "<html>"));
    let bare = bare(path, true).serve();
    let servers = [
        denying(&registry, ""),
        denying(&registry, "/referrers/"),
        denying(&registry, "/blobs/"),
        damaged,
        other,
        lists,
        without_blobs,
        page,
        bare,
        Honest::new(true).serve(),
        Honest::new(false).serve(),
    ];
    for server in &servers {
        mirror(path, &origin.host(), "", &[&server.host()]);
        expect(path, 0, &with_trust(&["verify", &place]));
        assert!(!server.asked().is_empty());
        expect(path, 0, &["pull", &place, "--output", "pulled", "--force"]);
        let pulled = fs::read(path.join("pulled/hello.wasm")).unwrap();
        assert_eq!(pulled, fs::read(path.join("hello.wasm")).unwrap());
    }
    let mut all: Vec<_> = servers.iter().map(Server::host).collect();
    all.push(gone);
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    mirror(path, &origin.host(), "", &all);
    expect(path, 0, &with_trust(&["verify", &place]));
}

/// A mirror without referrers was perhaps only not told of them.
#[test]
fn only_the_registry_itself_says_that_nothing_is_attached() {
    let folder = folder();
    let path = folder.path();
    for api in [true, false] {
        let (full, none) = (filled(path, api), bare(path, api));
        let mirrored = none.serve();
        let (with, without) = (full.serve(), none.serve());
        let silent = denying(&full, "/referrers/");
        let closed = denying(&full, "");
        let cases = [(&with, 0), (&without, 1), (&closed, 2), (&silent, 2)];
        for (origin, code) in cases {
            // Its tag for referrers is open where there is no API; that is an answer.
            let code = if !api && std::ptr::eq(origin, &silent) {
                2
            } else {
                code
            };
            mirror(path, &origin.host(), "", &[&mirrored.host()]);
            let place = format!("{}/a:v1", origin.host());
            let said = expect(path, code, &with_trust(&["verify", &place]));
            if code == 2 {
                let told = format!("mirror: {}/a: it lists nothing", mirrored.host());
                assert!(said.contains(&told), "{said}");
                assert!(said.contains("docker login"), "{said}");
            }
        }
        // What a mirror lists stands, whatever the registry itself is like.
        let mirrored = full.serve();
        for origin in [&without, &closed] {
            mirror(path, &origin.host(), "", &[&mirrored.host()]);
            let place = format!("{}/a:v1", origin.host());
            expect(path, 0, &with_trust(&["verify", &place]));
        }
    }
}

/// What is written and what is read back after that is no mirror's affair.
#[test]
fn writing_goes_to_the_registry_itself() {
    let folder = folder();
    let path = folder.path();
    let (registry, stale) = (Honest::new(true), Honest::new(true));
    artifact(&stale, b"an old one", "v1");
    let (origin, mirrored) = (registry.serve(), stale.serve());
    mirror(path, &origin.host(), "", &[&mirrored.host()]);
    let place = format!("{}/a:v1", origin.host());
    expect(path, 0, &["push", "hello.wasm", &place]);
    expect(path, 0, &["attach", &place, "hello.wasm.sigstore.jsonl"]);
    let pushed = format!("{}/b:v1", origin.host());
    expect(
        path,
        0,
        &[
            "attest",
            "hello.wasm",
            "--key",
            "mine.key",
            "--force",
            "--push",
            &pushed,
        ],
    );
    expect(path, 0, &["push", "hello.wasm", "oci:layout:v1"]);
    expect(
        path,
        0,
        &["attach", "oci:layout:v1", "hello.wasm.sigstore.jsonl"],
    );
    let copied = format!("{}/c:v1", origin.host());
    expect(path, 0, &["copy", "oci:layout:v1", &copied]);
    assert!(mirrored.asked().is_empty());
    // A copy reads from the mirror of its source alone.
    let (target, other) = (Honest::new(true).serve(), stale.serve());
    let both = format!(
        "[[registry]]\nlocation = \"{}\"\nmirror = [{{ location = \"{}\", insecure = true }}]\n",
        target.host(),
        other.host()
    );
    fs::create_dir_all(path.join(".config/containers/registries.conf.d")).unwrap();
    fs::write(
        path.join(".config/containers/registries.conf.d/1.conf"),
        both,
    )
    .unwrap();
    let to = format!("{}/d:v1", target.host());
    expect(path, 0, &["copy", &place, &to]);
    assert!(!mirrored.asked().is_empty() && other.asked().is_empty());
    let is_read = |request: &Request| request.method == "GET";
    assert!(mirrored.asked().iter().all(is_read));
    // By the tag, a mirror's word was taken; by the digest, the same is had everywhere.
    let old = registry.tag("v1") != stale.tag("v1");
    assert!(old);
    let seen = expect(path, 0, &["discover", &place]);
    assert!(seen.contains(&stale.tag("v1").unwrap()), "{seen}");
    mirror(
        path,
        &origin.host(),
        "mirror-by-digest-only = true",
        &[&mirrored.host()],
    );
    let seen = expect(path, 0, &["discover", &place]);
    assert!(seen.contains(&registry.tag("v1").unwrap()), "{seen}");
    expect(path, 0, &with_trust(&["verify", &place]));
}

/// A mirror gets the credentials for its own host and no others.
#[test]
fn credentials_are_those_of_the_mirror() {
    let folder = folder();
    let path = folder.path();
    let content = filled(path, true);
    let guarded = |password| {
        let mut registry = content.clone();
        registry.options = Options {
            api: true,
            basic: Some(password),
            ..Options::default()
        };
        registry.serve()
    };
    let (mirrored, origin) = (guarded("user:secret"), guarded("user:other"));
    mirror(path, &origin.host(), "", &[&mirrored.host()]);
    let place = format!("{}/a:v1", origin.host());
    // Of neither: the registry itself is what one logs in to, and the mirror is told.
    let said = expect(path, 2, &with_trust(&["verify", &place]));
    assert!(
        said.contains(&format!("docker login {}", origin.host())),
        "{said}"
    );
    assert!(
        said.contains(&format!("{} denies", mirrored.host())),
        "{said}"
    );
    log_in(path, &mirrored.host(), &user());
    let before = origin.asked().len();
    expect(path, 0, &with_trust(&["verify", &place]));
    assert_eq!(origin.asked().len(), before);
    // Those of the registry itself go to no mirror.
    log_in(
        path,
        &origin.host(),
        &json!({"auth": honest::base64(b"user:other")}),
    );
    let asked = mirrored.asked().len();
    expect(path, 0, &with_trust(&["verify", &place]));
    let asked = &mirrored.asked()[asked..];
    assert!(!asked.is_empty());
    assert!(asked.iter().all(|it| it.header("authorization").is_none()));
}

#[test]
fn what_is_broken_blocked_or_refused_is_told() {
    let folder = folder();
    let path = folder.path();
    let registry = filled(path, true);
    let (origin, mirrored) = (registry.serve(), registry.serve());
    let place = format!("{}/a:v1", origin.host());

    let host = origin.host();
    mirror(path, &host, "blocked = true", &[]);
    for arguments in [
        &with_trust(&["verify", &place])[..],
        &["push", "hello.wasm", &place],
        &["attach", &place, "hello.wasm.sigstore.jsonl"],
        &["copy", &place, "oci:layout:v1"],
    ] {
        let said = expect(path, 2, arguments);
        let wanted = format!("`{host}` is blocked by `{}/.config", path.display());
        assert!(said.contains(&wanted), "{said}");
    }
    // With mirrors, those alone.
    mirror(path, &host, "blocked = true", &[&mirrored.host()]);
    let before = origin.asked().len();
    expect(path, 0, &with_trust(&["verify", &place]));
    expect(path, 2, &["push", "hello.wasm", &place]);
    assert_eq!(origin.asked().len(), before);

    // No plain http elsewhere, which is told when the mirror would have been needed.
    let closed = denying(&registry, "");
    mirror(path, &closed.host(), "", &["mirror.example/x"]);
    let said = expect(
        path,
        2,
        &with_trust(&["verify", &format!("{}/a:v1", closed.host())]),
    );
    assert!(
        said.contains("mirror.example/x: it is `insecure`, but plain http"),
        "{said}"
    );

    mirror(path, &host, "blocked = maybe", &[]);
    let said = expect(path, 2, &with_trust(&["verify", &place]));
    assert!(said.contains("registries.conf` line 3: "), "{said}");
    assert!(
        said.contains("hint: ") && said.contains("CONTAINERS_REGISTRIES_CONF"),
        "{said}"
    );
    // Layouts are no registries.
    expect(path, 0, &["push", "hello.wasm", "oci:layout:v1"]);
}
