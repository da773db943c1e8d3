//! Real registries and real clients as judges: distribution, Debian's older one, one
//! with the referrers API, a sloppy one; cosign, oras, crane and wkg.
//!
//! `tests/peers/install` builds them. Where one is missing, that is said; in CI it
//! is a failure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking
#![allow(clippy::print_stderr)] // what is skipped is said

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use base64::Engine as _;
use serde_json::{Value, json};

#[path = "../support/mod.rs"]
mod support;
mod wkg;

use support::{PATIENCE, Running, certificate, peer, said, spawn};

/// A registry that runs.
struct Registry {
    host: String,
    folder: tempfile::TempDir,
    _process: Running,
}

/// How a registry is started.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Distribution,
    /// The same with TLS, for clients that show a certificate.
    Client,
    Debian,
    Mem,
    Sloppy,
    /// The sloppy one with TLS and a password.
    Password,
    /// The sloppy one with TLS and tokens.
    Tokens,
}

const ALL: &[Kind] = &[
    Kind::Distribution,
    Kind::Client,
    Kind::Debian,
    Kind::Mem,
    Kind::Sloppy,
    Kind::Password,
    Kind::Tokens,
];

impl Kind {
    fn start(self) -> Option<Registry> {
        let program = peer(match self {
            Kind::Distribution | Kind::Client => "registry",
            Kind::Debian => "docker-registry",
            Kind::Mem => "mem",
            _ => "sloppy",
        })?;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let host = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .to_string();
        let mut command = Command::new(program);
        command
            .env("OTEL_TRACES_EXPORTER", "none")
            .current_dir(path);
        let trusted = path.join(".config/containers/certs.d").join(&host);
        match self {
            Kind::Distribution | Kind::Debian | Kind::Client => {
                let mut config = format!(
                    "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp:\n  addr: {host}\n",
                    path.join("storage").display()
                );
                if self == Kind::Client {
                    for name in ["tls", "client", "other"] {
                        certificate(path, name)?;
                    }
                    config +=
                        "  tls: {certificate: tls.crt, key: tls.key, clientcas: [client.crt]}\n";
                    fs::create_dir_all(&trusted).unwrap();
                    fs::copy(path.join("tls.crt"), trusted.join("ca.crt")).unwrap();
                    fs::copy(path.join("client.crt"), trusted.join("client.cert")).unwrap();
                    fs::copy(path.join("client.key"), trusted.join("client.key")).unwrap();
                }
                fs::write(path.join("config.yml"), config).unwrap();
                command.args(["serve", "config.yml"]);
            }
            Kind::Mem | Kind::Sloppy => {
                command.args(["-address", &host]);
            }
            Kind::Password | Kind::Tokens => {
                certificate(path, "tls")?;
                command.args(["-address", &host, "-password", "secret"]);
                command.args(["-certificate", "tls.crt", "-key", "tls.key"]);
                if self == Kind::Tokens {
                    command.arg("-tokens");
                }
                fs::create_dir_all(&trusted).unwrap();
                fs::copy(path.join("tls.crt"), trusted.join("ca.crt")).unwrap();
                let secret = base64::engine::general_purpose::STANDARD.encode("user:secret");
                let config = json!({"auths": {&host: {"auth": secret}}});
                fs::create_dir(path.join(".docker")).unwrap();
                fs::write(path.join(".docker/config.json"), config.to_string()).unwrap();
            }
        }
        let process = spawn(&mut command, &path.join("log"));
        let start = Instant::now();
        while TcpStream::connect(&host).is_err() {
            assert!(start.elapsed() < PATIENCE, "{self:?} does not start");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Some(Registry {
            host,
            folder,
            _process: process,
        })
    }

    fn scheme(self) -> &'static str {
        match self {
            Kind::Client | Kind::Password | Kind::Tokens => "https://",
            _ => "",
        }
    }
}

impl Registry {
    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a program whose home is this registry's folder.
    fn run(&self, command: Command, arguments: &[&str]) -> String {
        let output = self.output(command, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same, and what it says when it does not succeed.
    fn refused(&self, command: Command, arguments: &[&str]) -> String {
        let output = self.output(command, arguments);
        assert!(!output.status.success(), "{arguments:?}: {}", said(&output));
        said(&output)
    }

    fn output(&self, mut command: Command, arguments: &[&str]) -> Output {
        command
            .args(arguments)
            .current_dir(self.path())
            .env("HOME", self.path())
            .env_remove("DOCKER_CONFIG")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_RUNTIME_DIR")
            .env("COSIGN_PASSWORD", "")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn prov(&self, arguments: &[&str]) -> String {
        self.run(support::prov(), arguments)
    }

    fn keys(&self) {
        self.prov(&["key", "generate", "--output", "mine.key"]);
        let public = self.prov(&["key", "public", "mine.key"]);
        fs::write(self.path().join("mine.pub"), public).unwrap();
    }
}

const TRUST: [&str; 3] = ["--key", "mine.pub", "--insecure-ignore-tlog"];

/// The whole road on each registry, and from there through a layout to a registry of
/// the other sort and back.
#[test]
fn every_registry() {
    for kind in ALL {
        let Some(registry) = kind.start() else {
            continue;
        };
        let path = registry.path();
        // Larger than what anything buffers.
        let content: Vec<u8> = (0..5_000_000u32)
            .map(|number| number.wrapping_mul(7919) as u8)
            .collect();
        fs::write(path.join("file.bin"), &content).unwrap();
        registry.keys();
        registry.prov(&["attest", "file.bin", "--key", "mine.key"]);
        let place = format!("{}{}/team/file:v1", kind.scheme(), registry.host);
        registry.prov(&["push", "file.bin", &place]);
        registry.prov(&["attach", &place, "file.bin.sigstore.jsonl"]);
        registry.prov(&["attach", &place, "file.bin.sigstore.jsonl"]);
        registry.prov(&[&["verify", &place][..], &TRUST].concat());
        let tree = registry.prov(&["discover", &place, "--format", "json"]);
        let tree: Value = serde_json::from_str(&tree).unwrap();
        assert_eq!(
            tree["artifact"]["referrers"].as_array().unwrap().len(),
            1,
            "{kind:?}"
        );
        registry.prov(&["copy", &place, "oci:layout:v1"]);
        registry.prov(&[&["verify", "oci:layout:v1"][..], &TRUST].concat());
        let other = format!("{}{}/other/file:v2", kind.scheme(), registry.host);
        registry.prov(&["copy", "oci:layout:v1", &other]);
        registry.prov(&[&["verify", &other][..], &TRUST].concat());
        registry.prov(&["pull", &other, "--output", "pulled"]);
        assert_eq!(
            fs::read(path.join("pulled/file.bin")).unwrap(),
            content,
            "{kind:?}"
        );
    }
}

/// Who shows no certificate, or another one, learns what is wanted.
#[test]
fn without_its_certificate_nobody_is_served() {
    let Some(registry) = Kind::Client.start() else {
        return;
    };
    let path = registry.path();
    fs::write(path.join("file"), "content").unwrap();
    let place = format!("https://{}/a:v1", registry.host);
    let refused = |wanted: &str| {
        let output = registry.output(support::prov(), &["push", "file", &place]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(wanted), "{said}");
    };
    let shown = path.join(".config/containers/certs.d").join(&registry.host);
    fs::copy(path.join("other.crt"), shown.join("client.cert")).unwrap();
    fs::copy(path.join("other.key"), shown.join("client.key")).unwrap();
    refused("refuses this client's certificate");
    for name in ["client.cert", "client.key"] {
        fs::remove_file(shown.join(name)).unwrap();
    }
    refused("wants to see a certificate of this client");
}

/// Between registries with the referrers API and without it.
#[test]
fn from_one_registry_to_another() {
    let (Some(with), Some(without)) = (Kind::Mem.start(), Kind::Distribution.start()) else {
        return;
    };
    let (first, second, third) = (
        format!("{}/a:v1", with.host),
        format!("{}/b:v1", without.host),
        format!("{}/c:v1", with.host),
    );
    fs::write(with.path().join("file"), "content").unwrap();
    with.keys();
    with.prov(&["attest", "file", "--key", "mine.key"]);
    with.prov(&["push", "file", &first]);
    with.prov(&["attach", &first, "file.sigstore.jsonl"]);
    for pair in [&first, &second, &third].windows(2) {
        with.prov(&["copy", pair[0], pair[1]]);
        with.prov(&[&["verify", pair[1]][..], &TRUST].concat());
    }
}

/// oras and crane find what prov stored, and prov what they did.
#[test]
fn oras_and_crane_agree() {
    let (Some(oras), Some(crane)) = (peer("oras"), peer("crane")) else {
        return;
    };
    for kind in [Kind::Distribution, Kind::Debian, Kind::Mem] {
        let Some(registry) = kind.start() else {
            continue;
        };
        let place = format!("{}/team/a:v1", registry.host);
        fs::write(
            registry.path().join("app.wasm"),
            wat::parse_str("(module)").unwrap(),
        )
        .unwrap();
        registry.keys();
        registry.prov(&["attest", "app.wasm", "--key", "mine.key"]);
        let pinned = registry.prov(&["push", "app.wasm", &place]);
        registry.prov(&["attach", &place, "app.wasm.sigstore.jsonl"]);
        let digest = pinned.trim().rsplit_once('@').unwrap().1.to_owned();
        let seen = registry.run(Command::new(&crane), &["digest", "--insecure", &place]);
        assert_eq!(seen.trim(), digest);
        let config = registry.run(Command::new(&crane), &["config", "--insecure", &place]);
        let config: Value = serde_json::from_str(&config).unwrap();
        assert_eq!(
            (&config["os"], &config["architecture"]),
            (&json!("wasip1"), &json!("wasm"))
        );
        let tree = registry.run(
            Command::new(&oras),
            &["discover", "--plain-http", "--format", "json", &place],
        );
        let tree: Value = serde_json::from_str(&tree).unwrap();
        let listed = &tree["referrers"]
            .as_array()
            .or(tree["manifests"].as_array())
            .unwrap()[0];
        assert_eq!(
            listed["artifactType"], "application/vnd.dev.sigstore.bundle.v0.3+json",
            "{tree}"
        );
        registry.run(
            Command::new(&oras),
            &["pull", "--plain-http", &place, "-o", "by-oras"],
        );
        assert_eq!(
            fs::read(registry.path().join("by-oras/app.wasm")).unwrap(),
            fs::read(registry.path().join("app.wasm")).unwrap()
        );
        // A layout that oras wrote, with referrers; and one that prov wrote.
        registry.run(
            Command::new(&oras),
            &[
                "cp",
                "-r",
                "--from-plain-http",
                &place,
                "--to-oci-layout",
                "oras-layout:v1",
            ],
        );
        registry.prov(&[&["verify", "oci:oras-layout:v1"][..], &TRUST].concat());
        registry.prov(&["copy", &place, "oci:layout:v1"]);
        let back = format!("{}/team/back:v1", registry.host);
        registry.run(
            Command::new(&oras),
            &[
                "cp",
                "-r",
                "--from-oci-layout",
                "layout:v1",
                "--to-plain-http",
                &back,
            ],
        );
        registry.prov(&[&["verify", &back][..], &TRUST].concat());
    }
}

/// cosign verifies what prov attached, and prov what cosign attested.
#[test]
fn cosign_agrees() {
    let (Some(cosign), Some(crane)) = (peer("cosign"), peer("crane")) else {
        return;
    };
    for kind in [Kind::Distribution, Kind::Debian, Kind::Mem, Kind::Sloppy] {
        let Some(registry) = kind.start() else {
            continue;
        };
        let path = registry.path();
        let place = format!("{}/team/a:v1", registry.host);
        fs::write(path.join("file"), "content").unwrap();
        registry.keys();
        let pinned = registry.prov(&["push", "file", &place]);
        let pinned = pinned.trim();
        // cosign asks for the digest of the manifest.
        let manifest = registry.run(Command::new(&crane), &["manifest", "--insecure", &place]);
        fs::write(path.join("manifest.json"), manifest).unwrap();
        registry.prov(&["attest", "manifest.json", "--key", "mine.key"]);
        registry.prov(&["attach", &place, "manifest.json.sigstore.jsonl"]);
        registry.prov(&[&["verify", &place][..], &TRUST].concat());
        let verified = [
            "verify-attestation",
            "--key",
            "mine.pub",
            "--insecure-ignore-tlog",
            "--type",
            "slsaprovenance1",
            "--allow-http-registry",
            pinned,
        ];
        registry.run(Command::new(&cosign), &verified);
        // In one step: what prov states names the manifest, too.
        let other = format!("{}/team/b:v1", registry.host);
        let said = registry.prov(&["attest", "file", "--key", "mine.key", "--push", &other]);
        let last = said.lines().next_back().unwrap();
        let (_, options) = verified.split_last().unwrap();
        registry.run(Command::new(&cosign), &[options, &[last]].concat());
        registry.prov(&[&["verify", &other][..], &TRUST].concat());

        fs::write(
            path.join("config.json"),
            r#"{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}"#,
        )
        .unwrap();
        let predicate = json!({
            "buildDefinition": {"buildType": "https://example.com/build", "externalParameters": {}},
            "runDetails": {"builder": {"id": "https://example.com/builder"}},
        });
        fs::write(path.join("predicate.json"), predicate.to_string()).unwrap();
        registry.run(Command::new(&cosign), &["generate-key-pair"]);
        registry.run(
            Command::new(&cosign),
            &[
                "attest",
                "--key",
                "cosign.key",
                "--signing-config",
                "config.json",
                "--type",
                "slsaprovenance1",
                "--predicate",
                "predicate.json",
                "--allow-http-registry",
                "-y",
                pinned,
            ],
        );
        registry.prov(&[
            "verify",
            &place,
            "--key",
            "cosign.pub",
            "--insecure-ignore-tlog",
        ]);
        // And both are still there after a copy.
        registry.prov(&["copy", &place, "oci:layout:v1"]);
        registry.prov(&[
            "verify",
            "oci:layout:v1",
            "--key",
            "cosign.pub",
            "--insecure-ignore-tlog",
        ]);
        registry.prov(&[&["verify", "oci:layout:v1"][..], &TRUST].concat());
    }
}
