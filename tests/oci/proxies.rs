//! Proxies: what they are told, and when nobody asks them.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::command::{command, folder};
use super::credentials::{log_in, user};
use super::tls::{Wants, certs, config, with_certificates};
use super::*;
use crate::honest::{Honest, Options, base64};
use crate::server::{Reply, Server};
use crate::support::said;

/// A proxy that makes tunnels, all to one place, and keeps what it sees.
struct Proxy {
    address: SocketAddr,
    /// The head of each request.
    heads: Arc<Mutex<Vec<String>>>,
    /// All that clients sent through it.
    passed: Arc<Mutex<Vec<u8>>>,
    over: Arc<AtomicBool>,
}

impl Proxy {
    /// Leads to `target`, or says `refusal`.
    fn start(target: &str, refusal: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            heads: Arc::default(),
            passed: Arc::default(),
            over: Arc::default(),
        };
        let (heads, passed) = (Arc::clone(&proxy.heads), Arc::clone(&proxy.passed));
        let (over, target) = (Arc::clone(&proxy.over), target.to_owned());
        thread::spawn(move || {
            for client in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (heads, passed) = (Arc::clone(&heads), Arc::clone(&passed));
                let target = target.clone();
                thread::spawn(move || {
                    let mut client = client.unwrap();
                    let mut reader = BufReader::new(client.try_clone().unwrap());
                    let mut head = String::new();
                    while !head.ends_with("\r\n\r\n") {
                        if reader.read_line(&mut head).unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    heads.lock().unwrap().push(head);
                    if let Some(refusal) = refusal {
                        let _ = write!(client, "HTTP/1.1 {refusal}\r\ncontent-length: 0\r\n\r\n");
                        return;
                    }
                    let mut server = TcpStream::connect(target).unwrap();
                    let _ = client.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
                    let mut back = (server.try_clone().unwrap(), client);
                    thread::spawn(move || std::io::copy(&mut back.0, &mut back.1));
                    let mut buffer = [0; 4096];
                    while let Ok(count @ 1..) = reader.read(&mut buffer) {
                        passed.lock().unwrap().extend(&buffer[..count]);
                        if server.write_all(&buffer[..count]).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        proxy
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// Runs prov with those variables and expects that exit code.
fn through(folder: &Path, code: i32, variables: &[(&str, &str)], arguments: &[&str]) -> String {
    let mut command = command(folder, arguments);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

/// `registry.test`, which only a proxy knows, with a password.
fn registry(folder: &Path) -> Server {
    let registry = Honest::with(Options {
        api: true,
        basic: Some("user:secret"),
        ..Options::default()
    });
    let server = Server::tls(config(folder, Wants::Nothing), move |it| {
        registry.handle(it)
    });
    for host in ["registry.test", &server.host()] {
        fs::copy(
            folder.join("server.crt"),
            certs(folder, host).join("ca.crt"),
        )
        .unwrap();
    }
    log_in(folder, "registry.test", &user());
    server
}

#[test]
fn a_proxy_sees_the_host_and_nothing_else() {
    let Some(folder) = with_certificates() else {
        return;
    };
    let path = folder.path();
    let server = registry(path);
    let proxy = Proxy::start(&server.host(), None);
    let url = proxy.url().replace("//", "//someone:p%40ss@");
    for (count, variable) in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .into_iter()
        .enumerate()
    {
        let tag = format!("registry.test/a:v{count}");
        through(path, 0, &[(variable, &url)], &["push", "hello.wasm", &tag]);
    }
    let wanted = format!("Basic {}", base64(b"someone:p@ss"));
    for head in proxy.heads() {
        assert!(
            head.starts_with("CONNECT registry.test:443 HTTP/1.1\r\n"),
            "{head}"
        );
        let lower = head.to_lowercase();
        assert!(lower.contains("\r\nproxy-authorization: basic "), "{head}");
        assert!(head.contains(&wanted), "{head}");
        assert!(!lower.contains("\r\nauthorization:"), "{head}");
    }
    assert!(
        server
            .asked()
            .iter()
            .all(|it| it.header("proxy-authorization").is_none())
    );
    let passed = proxy.passed.lock().unwrap().clone();
    let passed = String::from_utf8_lossy(&passed);
    for secret in [
        "/v2/",
        "uthorization",
        "hello.wasm",
        &base64(b"user:secret"),
    ] {
        assert!(!passed.contains(secret), "{secret}");
    }
}

#[test]
fn who_goes_round_it() {
    let Some(folder) = with_certificates() else {
        return;
    };
    let path = folder.path();
    let server = registry(path);
    let proxy = Proxy::start(&server.host(), None);
    let url = proxy.url();
    let place = format!("https://{}/a:v1", server.host());
    log_in(path, &server.host(), &user());
    let push = ["push", "hello.wasm", &place];
    through(path, 0, &[("HTTPS_PROXY", &url)], &push);
    let before = proxy.heads().len();
    assert!(proxy.heads()[0].starts_with(&format!("CONNECT {} ", server.host())));
    for (name, round) in [
        ("NO_PROXY", "127.0.0.1"),
        ("no_proxy", "example.com, 127.0.0.0/8"),
        ("NO_PROXY", "*"),
    ] {
        through(path, 0, &[("HTTPS_PROXY", &url), (name, round)], &push);
        assert_eq!(proxy.heads().len(), before, "{name}={round}");
    }
    through(
        path,
        0,
        &[("HTTPS_PROXY", &url), ("NO_PROXY", "example.com")],
        &push,
    );
    assert!(proxy.heads().len() > before);
    // Plain HTTP is for this machine, whatever is named.
    let plain = Honest::new(true).serve();
    let before = proxy.heads().len();
    let all = ["HTTPS_PROXY", "HTTP_PROXY", "http_proxy", "ALL_PROXY"].map(|it| (it, &*url));
    let place = format!("{}/a:v1", plain.host());
    through(path, 0, &all, &["push", "hello.wasm", &place]);
    assert_eq!(proxy.heads().len(), before);
}

#[test]
fn a_proxy_that_does_not_help_is_named() {
    let folder = folder();
    let path = folder.path();
    let push = ["push", "hello.wasm", "registry.test/a:v1"];
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let check = |proxy: &str, hint: &str| {
        let url = format!("http://someone:p%40ss@{proxy}");
        let said = through(path, 2, &[("HTTPS_PROXY", &url)], &push);
        assert!(
            said.contains(&format!("the proxy {proxy} does not lead to registry.test")),
            "{said}"
        );
        assert!(said.contains(hint), "{said}");
        for secret in ["someone", "p%40ss", "p@ss", &base64(b"someone:p@ss")] {
            assert!(!said.contains(secret), "{said}");
        }
    };
    let login = Proxy::start("", Some("407 Proxy Authentication Required"));
    let gateway = Proxy::start("", Some("502 Bad Gateway"));
    thread::scope(|scope| {
        scope.spawn(|| {
            check(
                &login.address.to_string(),
                "hint: `HTTPS_PROXY=http://USER:PASSWORD@",
            )
        });
        scope.spawn(|| {
            check(
                &gateway.address.to_string(),
                "hint: `NO_PROXY=registry.test`",
            )
        });
        scope.spawn(|| check(&closed.to_string(), "hint: `NO_PROXY=registry.test`"));
    });
    assert_eq!(login.heads().len(), 1, "another try would be told the same");
    // What is no proxy is not left out, and not repeated.
    for bad in [
        "socks5://someone:p%40ss@127.0.0.1",
        "http://someone:p#ss@127.0.0.1:1",
        "::",
    ] {
        let said = through(path, 2, &[("ALL_PROXY", bad)], &push);
        assert!(said.contains("`ALL_PROXY` names no proxy"), "{said}");
        assert!(!said.contains("p%40ss") && !said.contains("p#ss"), "{said}");
    }
}

/// What the registry points to is judged by its name, whoever goes there.
#[test]
fn a_proxy_leads_into_no_network() {
    let Some(folder) = with_certificates() else {
        return;
    };
    let path = folder.path();
    let content = Honest::new(true);
    artifact(&content, b"content", "v1");
    for target in [
        "https://127.0.0.1:1",
        "https://10.0.0.1",
        "http://registry.test",
        "https://localhost",
    ] {
        let honest = content.clone();
        let server = Server::tls(config(path, Wants::Nothing), move |request| {
            match request.path.contains("/blobs/") {
                true => Reply::status(307).with("location", format!("{target}{}", request.path)),
                false => honest.handle(request),
            }
        });
        fs::copy(
            path.join("server.crt"),
            certs(path, "registry.test").join("ca.crt"),
        )
        .unwrap();
        let proxy = Proxy::start(&server.host(), None);
        let arguments = ["pull", "registry.test/a:v1", "--output", "pulled"];
        let said = through(path, 2, &[("HTTPS_PROXY", &proxy.url())], &arguments);
        assert!(said.contains("registry.test points to "), "{said}");
        let heads = proxy.heads();
        assert!(
            heads
                .iter()
                .all(|it| it.starts_with("CONNECT registry.test:443 ")),
            "{heads:?}"
        );
    }
}

/// The registry's certificate for this client is no proxy's.
#[test]
fn a_proxy_by_tls_sees_no_certificate() {
    let Some(folder) = with_certificates() else {
        return;
    };
    let path = folder.path();
    let _server = registry(path);
    let certs = certs(path, "registry.test");
    fs::copy(path.join("client.crt"), certs.join("client.cert")).unwrap();
    fs::copy(path.join("client.key"), certs.join("client.key")).unwrap();
    let proxy = Server::tls(config(path, Wants::Asks), |_| Reply::status(502));
    let url = format!("https://{}", proxy.host());
    let push = ["push", "hello.wasm", "registry.test/a:v1"];
    let said = through(path, 2, &[("HTTPS_PROXY", &url)], &push);
    assert!(
        said.contains(&format!("the proxy {} would see", proxy.host())),
        "{said}"
    );
    assert!(proxy.asked().is_empty());
    // Where it is not asked, nothing speaks against it.
    let honest = Honest::new(true);
    let direct = Server::tls(config(path, Wants::Demands), move |it| honest.handle(it));
    let certs = self::certs(path, &direct.host());
    for (from, to) in [
        ("server.crt", "ca.crt"),
        ("client.crt", "client.cert"),
        ("client.key", "client.key"),
    ] {
        fs::copy(path.join(from), certs.join(to)).unwrap();
    }
    let round = [("HTTPS_PROXY", &*url), ("NO_PROXY", "127.0.0.1")];
    let place = format!("https://{}/a:v1", direct.host());
    through(path, 0, &round, &["push", "hello.wasm", &place]);
}
