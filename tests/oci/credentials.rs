//! Whom the commands tell credentials, and whom they don't.

use std::fs;
use std::path::Path;

use super::*;
use crate::command::expect;
use crate::honest::{Honest, Options, base64};
use crate::server::{Reply, Server};

/// Writes docker's configuration for `host`.
pub(crate) fn log_in(folder: &Path, host: &str, entry: &Value) {
    fs::create_dir_all(folder.join("docker")).unwrap();
    let config = json!({"auths": {host: entry}});
    fs::write(folder.join("docker/config.json"), config.to_string()).unwrap();
}

pub(crate) fn user() -> Value {
    json!({"auth": base64(b"user:secret")})
}

#[test]
fn basic_token_identity_and_helper() {
    for options in [
        Options {
            api: true,
            basic: Some("user:secret"),
            ..Options::default()
        },
        Options {
            api: true,
            token: Some("user:secret"),
            ..Options::default()
        },
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let registry = Honest::with(options);
        let server = registry.serve();
        let place = format!("{}/a:v1", server.host());
        fs::write(path.join("file"), "content").unwrap();
        let denied = expect(path, 2, &["push", "file", &place]);
        assert!(denied.contains("docker login"), "{denied}");
        log_in(
            path,
            &server.host(),
            &json!({"auth": base64(b"user:wrong")}),
        );
        expect(path, 2, &["push", "file", &place]);
        log_in(path, &server.host(), &user());
        expect(path, 0, &["push", "file", &place]);
        expect(path, 0, &["pull", &place, "--output", "pulled"]);
        // Several at once: each of them is challenged.
        expect(path, 0, &["copy", &place, "oci:layout:v1"]);
        for number in 0..5 {
            let there = format!("{}/copy{number}:v1", server.host());
            expect(path, 0, &["copy", "oci:layout:v1", &there]);
        }

        // A helper, as docker calls it.
        let helper = path.join("docker-credential-test");
        fs::write(
            &helper,
            "#!/bin/sh\ncat >/dev/null\necho '{\"Username\":\"user\",\"Secret\":\"secret\"}'\n",
        )
        .unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
        let config = json!({"credHelpers": {server.host(): "test"}});
        fs::write(path.join("docker/config.json"), config.to_string()).unwrap();
        expect(path, 0, &["discover", &place]);
        // One that fails is told, and nobody is asked without it.
        fs::write(&helper, "#!/bin/sh\nexit 1\n").unwrap();
        let failed = expect(path, 2, &["discover", &place]);
        assert!(failed.contains("docker-credential-test"), "{failed}");
    }
}

#[test]
fn an_identity_token_goes_into_a_form() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request| match request.path.as_str() {
        "/token" => Reply::status(200).body("application/json", r#"{"access_token":"abc"}"#),
        _ if request.header("authorization") == Some("Bearer abc") => Reply::error(404, "X"),
        _ => {
            let host = request.header("host").unwrap();
            let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"s\"");
            Reply::status(401).with("www-authenticate", challenge)
        }
    });
    log_in(
        folder.path(),
        &server.host(),
        &json!({"identitytoken": "id&x"}),
    );
    expect(
        folder.path(),
        2,
        &["discover", &format!("{}/a", server.host())],
    );
    let asked = server.asked();
    let form = asked
        .iter()
        .find(|request| request.line() == "POST /token")
        .unwrap();
    let form = String::from_utf8(form.body.clone()).unwrap();
    assert!(
        form.contains("refresh_token=id%26x") && form.contains("grant_type=refresh_token"),
        "{form}"
    );
    assert!(form.contains("scope=repository%3Aa%3Apull"), "{form}");
}

fn tells_secrets(server: &Server) -> bool {
    server.asked().iter().any(|request| {
        let all = format!(
            "{:?} {}",
            request.headers,
            String::from_utf8_lossy(&request.body)
        );
        all.contains("authorization")
            || all.contains("secret")
            || all.contains(&base64(b"user:secret"))
    })
}

/// Row g, case 1 (ggcr#2193, GHSA-xf85-363p-868w): a realm that is somebody else's.
#[test]
fn a_strange_realm_learns_nothing() {
    let thief = Server::start(|_| Reply::status(200).body("application/json", r#"{"token":"x"}"#));
    for realm in [
        format!("http://{}/steal", thief.host()),
        format!("http://user@{}/steal", thief.host()),
        "http://example.com/token".to_owned(),
        "https://169.254.169.254/token".to_owned(),
        "file:///etc/passwd".to_owned(),
        "x".to_owned(),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let challenge = format!("Bearer realm=\"{realm}\",service=\"s\"");
        let server =
            Server::start(move |_| Reply::status(401).with("www-authenticate", &challenge));
        log_in(folder.path(), &server.host(), &user());
        // 169.254.… is inside a network, as is the registry here; no answer comes from it.
        if !realm.contains("169.254") {
            expect(
                folder.path(),
                2,
                &["discover", &format!("{}/a", server.host())],
            );
        }
    }
    assert!(thief.asked().is_empty());
}

/// Case 2 (CVE-2020-15157): redirects and uploads that lead to another host.
#[test]
fn another_host_learns_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let registry = Honest::with(Options {
        api: true,
        basic: Some("user:secret"),
        ..Options::default()
    });
    artifact(&registry, b"content", "v1");
    // A storage that content is kept in: it has what is asked for.
    let storage = Server::start(|request| match request.method.as_str() {
        "PUT" => Reply::status(201),
        _ => Reply::status(200).body("a", "content"),
    });
    let (host, content) = (storage.host(), honest::sha256(b"content"));
    let server = registry.serve_but(move |request, honest| {
        let known = honest.handle(request).status != 401;
        let elsewhere = format!("http://{host}/x");
        match request.method.as_str() {
            "GET" if known && request.path.ends_with(&content) => {
                Some(Reply::status(307).with("location", elsewhere))
            }
            "POST" if known => Some(Reply::status(202).with("location", elsewhere)),
            _ => None,
        }
    });
    log_in(path, &server.host(), &user());
    let place = format!("{}/a:v1", server.host());
    expect(path, 0, &["pull", &place, "--output", "pulled"]);
    fs::write(path.join("file"), "new").unwrap();
    expect(path, 2, &["push", "file", &place]); // the registry has no such blob
    assert!(storage.count("GET /x") == 1 && storage.count("PUT /x") >= 1);
    assert!(!tells_secrets(&storage));
    assert!(tells_secrets(&server));
}

/// A registry that has no credentials of its own gets those of no other.
#[test]
fn credentials_are_for_one_host() {
    let folder = tempfile::tempdir().unwrap();
    let server =
        Server::start(|_| Reply::status(401).with("www-authenticate", "Basic realm=\"x\""));
    log_in(folder.path(), "127.0.0.1", &user());
    expect(
        folder.path(),
        2,
        &["discover", &format!("{}/a", server.host())],
    );
    log_in(folder.path(), &format!("{}0", server.host()), &user());
    expect(
        folder.path(),
        2,
        &["discover", &format!("{}/a", server.host())],
    );
    assert!(!tells_secrets(&server));
    // Nothing is sent that was not asked for.
    let open = Honest::new(true).serve();
    log_in(folder.path(), &open.host(), &user());
    expect(
        folder.path(),
        2,
        &["discover", &format!("{}/a", open.host())],
    );
    assert!(!tells_secrets(&open));
}

/// A configuration that can't be read is told: being nobody would hide it.
#[test]
fn a_broken_configuration_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let server =
        Server::start(|_| Reply::status(401).with("www-authenticate", "Basic realm=\"x\""));
    log_in(folder.path(), "x", &user());
    fs::write(folder.path().join("docker/config.json"), "{\"secret").unwrap();
    let said = expect(
        folder.path(),
        2,
        &["discover", &format!("{}/a", server.host())],
    );
    assert!(
        said.contains("config.json") && !said.contains("secret"),
        "{said}"
    );
}
