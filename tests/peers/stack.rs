//! A Sigstore instance on loopback: Fulcio, Rekor, a timestamp authority, and a
//! stand-in for what can't be installed (tests/peers/sigstore/stand-in).

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use prov::artifact::Digest;
use prov::sign::{KeyKind, PrivateKey};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
/// Where timestamp-server tells its metrics, whatever it is told.
const METRICS: u16 = 2112;
/// Since when the instance's keys are valid.
const START: &str = "2026-01-01T00:00:00Z";
/// The one job that the stand-in gives a token to.
pub(crate) const BEARER: &str = "bearer-of-the-job";

/// Where the peers were built, or why there is nothing to test with.
fn peers() -> Option<PathBuf> {
    let folder = match std::env::var_os("PROV_PEERS") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("peers"),
    };
    let wanted = [
        "cosign",
        "fulcio",
        "fulcio-config.yaml",
        "rekor-server",
        "stand-in",
        "timestamp-server",
    ];
    let missing: Vec<_> = wanted
        .iter()
        .filter(|name| !folder.join(name).exists())
        .collect();
    if missing.is_empty() {
        return Some(folder);
    }
    let said = format!(
        "{missing:?} not in {}; `tests/peers/install` builds them",
        folder.display()
    );
    assert!(std::env::var_os("CI").is_none(), "{said}");
    eprintln!("SKIPPED: {said}");
    None
}

/// A process that ends when this one does, however it ends: a shell waits for the
/// end of its own input, which this process holds.
struct Peer {
    shell: Child,
    input: Option<ChildStdin>,
}

impl Peer {
    fn start(program: &Path, arguments: &[&str], log: &Path) -> Self {
        let log = File::create(log).unwrap();
        let mut shell = Command::new("sh")
            .args([
                "-c",
                r#""$@" </dev/null & cat >/dev/null; kill $!; wait $!"#,
                "sh",
            ])
            .arg(program)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", std::env::temp_dir())
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let input = shell.stdin.take();
        Self { shell, input }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.shell.wait();
    }
}

/// The running instance.
pub(crate) struct Stack {
    peers: PathBuf,
    folder: tempfile::TempDir,
    fulcio: String,
    rekor: String,
    timestamps: String,
    /// The issuer of workflow tokens; people log in at `{issuer}/login`.
    pub(crate) issuer: String,
    _running: Vec<Peer>,
}

impl Stack {
    /// The instance that all tests share; `None` when its parts are absent.
    pub(crate) fn get() -> Option<&'static Self> {
        static STACK: OnceLock<Option<Stack>> = OnceLock::new();
        STACK.get_or_init(|| peers().map(Self::start)).as_ref()
    }

    fn start(peers: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let [
            issuer,
            fulcio,
            fulcio_grpc,
            fulcio_metrics,
            timestamps,
            rekor,
            rekor_grpc,
            rekor_metrics,
        ] = free_ports();
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let start = |name: &str, arguments: &str| {
            let arguments: Vec<_> = arguments.split_whitespace().collect();
            Peer::start(&peers.join(name), &arguments, &at(&format!("{name}.log")))
        };

        let config = fs::read_to_string(peers.join("fulcio-config.yaml")).unwrap();
        fs::write(at("fulcio.yaml"), fulcio_config(&config, &url(issuer))).unwrap();
        let key = PrivateKey::generate(KeyKind::Ed25519).unwrap();
        fs::write(at("rekor.key"), key.to_pem().unwrap()).unwrap();
        fs::write(at("rekor.pub"), key.public().unwrap().to_pem()).unwrap();
        fs::create_dir(at("rekor")).unwrap();

        let mut running = vec![start("stand-in", &format!("-address 127.0.0.1:{issuer}"))];
        // Fulcio asks the issuer who it is when it starts.
        wait_for(&url(issuer), "/keys");
        running.push(start(
            "fulcio",
            &format!(
                "serve --host 127.0.0.1 --port {fulcio} --grpc-host 127.0.0.1 --grpc-port {fulcio_grpc} \
                 --metrics-port {fulcio_metrics} --legacy-unix-domain-socket @prov-fulcio-{fulcio} \
                 --ca ephemeralca --ct-log-url {}/ct --config-path {}",
                url(issuer),
                text(at("fulcio.yaml")),
            ),
        ));
        // That port can't be chosen, so two runs on one machine take turns.
        wait_until("port 2112 is not free", || {
            TcpListener::bind(("0.0.0.0", METRICS)).is_ok()
        });
        running.push(start(
            "timestamp-server",
            &format!(
                "serve --host 127.0.0.1 --port {timestamps} --timestamp-signer memory \
                 --disable-ntp-monitoring",
            ),
        ));
        running.push(start(
            "rekor-server",
            &format!(
                "serve --http-address 127.0.0.1 --http-port {rekor} --grpc-address 127.0.0.1 \
                 --grpc-port {rekor_grpc} --http-metrics-port {rekor_metrics} --hostname 127.0.0.1 \
                 --storage-dir {} --signer-filepath {} --checkpoint-interval 200ms --batch-max-age 50ms",
                text(at("rekor")),
                text(at("rekor.key")),
            ),
        ));
        wait_for(&url(fulcio), "/healthz");
        wait_for(&url(timestamps), "/ping");
        wait_for(&url(rekor), "/healthz");
        let stack = Self {
            peers,
            fulcio: url(fulcio),
            rekor: url(rekor),
            timestamps: format!("{}/api/v1/timestamp", url(timestamps)),
            issuer: url(issuer),
            _running: running,
            folder,
        };
        stack.make_trusted_root();
        stack
    }

    fn make_trusted_root(&self) {
        let issuer = &self.issuer;
        let bundle: Value =
            serde_json::from_slice(&get(&self.fulcio, "/api/v2/trustBundle").unwrap()).unwrap();
        let chain = bundle["chains"][0]["certificates"].as_array().unwrap();
        let chain: String = chain.iter().map(|pem| pem.as_str().unwrap()).collect();
        self.write("fulcio.pem", chain);
        for (name, path) in [
            ("ct.pub", "/ct/key"),
            ("clock.pem", "/clock/chain"),
            ("rekor1.pub", "/rekor1/key"),
        ] {
            self.write(name, get(issuer, path).unwrap());
        }
        let host = self.timestamps.strip_suffix("/api/v1/timestamp").unwrap();
        let chain = get(host, "/api/v1/timestamp/certchain").unwrap();
        self.write("timestamps.pem", chain);
        let created = self
            .cosign()
            .args(["trusted-root", "create", "--out", "trusted_root.json"])
            .arg("--fulcio")
            .arg(format!("url={},certificate-chain=fulcio.pem", self.fulcio))
            .arg("--ctfe")
            .arg(format!(
                "url={issuer}/ct,public-key=ct.pub,start-time={START}"
            ))
            .arg("--tsa")
            .arg(format!(
                "url={},certificate-chain=timestamps.pem",
                self.timestamps
            ))
            .arg("--tsa")
            .arg(format!(
                "url={issuer}/clock/timestamp,certificate-chain=clock.pem"
            ))
            .arg("--rekor")
            .arg(format!(
                "url={},public-key=rekor.pub,start-time={START},origin=127.0.0.1",
                self.rekor
            ))
            .arg("--rekor")
            .arg(format!(
                "url={issuer}/rekor1,public-key=rekor1.pub,start-time={START}"
            ))
            .output()
            .unwrap();
        assert!(created.status.success(), "{}", said(&created));
    }

    /// A file in the instance's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn trusted_root(&self) -> String {
        fs::read_to_string(self.path("trusted_root.json")).unwrap()
    }

    /// The signing configuration of the instance as it is meant to be: Rekor v2 and
    /// timestamps.
    pub(crate) fn config(&self) -> Value {
        self.config_of(&[self.rekor2()], &[&self.timestamps])
    }

    /// A log of version 2.
    pub(crate) fn rekor2(&self) -> (String, u32) {
        (self.rekor.clone(), 2)
    }

    /// A log of version 1.
    pub(crate) fn rekor1(&self) -> (String, u32) {
        (format!("{}/rekor1", self.issuer), 1)
    }

    pub(crate) fn timestamps(&self) -> &str {
        &self.timestamps
    }

    /// A timestamp authority of the trusted root whose clock is wrong by `after`.
    pub(crate) fn clock(&self, after: &str) -> String {
        format!("{}/clock/timestamp?after={after}", self.issuer)
    }

    pub(crate) fn config_of(&self, logs: &[(String, u32)], authorities: &[&str]) -> Value {
        let service = |url: &str, version: u32| {
            json!({
                "url": url,
                "majorApiVersion": version,
                "validFor": {"start": START},
                "operator": url,
            })
        };
        let logs = logs.iter().map(|(url, version)| service(url, *version));
        let authorities = authorities.iter().map(|url| service(url, 1));
        json!({
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [service(&self.fulcio, 1)],
            "oidcUrls": [service(&format!("{}/login", self.issuer), 1)],
            "rekorTlogUrls": logs.collect::<Vec<_>>(),
            "tsaUrls": authorities.collect::<Vec<_>>(),
            "rekorTlogConfig": {"selector": "ALL"},
            "tsaConfig": {"selector": "ALL"},
        })
    }

    /// What a job's environment has, and the claims of its token that differ from
    /// the stand-in's, such as `repository=other/repository`.
    pub(crate) fn job(&self, claims: &str) -> [(&'static str, String); 4] {
        let url = format!("{}/actions/token?api-version=2.0&{claims}", self.issuer);
        [
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
            ("ACTIONS_ID_TOKEN_REQUEST_URL", url),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", BEARER.to_owned()),
        ]
    }

    /// A program among the peers.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.peers.join(name)
    }

    /// A timestamp of `signature` by the authority whose clock is wrong by `after`.
    pub(crate) fn wrong_time(&self, signature: &[u8], after: &str) -> Vec<u8> {
        // TimeStampReq (RFC 3161 §2.4.1): version 1, SHA-256, certificates wanted.
        let digest = Digest::sha256(signature);
        let head = b"\x30\x39\x02\x01\x01\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
        let body = [&head[..], digest.as_bytes(), b"\x01\x01\xff"].concat();
        let path = format!("/clock/timestamp?after={after}");
        request("POST", &self.issuer, &path, "", &body).unwrap()
    }

    /// cosign in the instance's folder, with nothing of the caller's environment.
    pub(crate) fn cosign(&self) -> Command {
        let mut command = Command::new(self.peers.join("cosign"));
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// What the issuer answers the job.
    pub(crate) fn ask_as_job(&self, path: &str) -> Vec<u8> {
        let bearer = format!("Authorization: Bearer {BEARER}\r\n");
        request("GET", &self.issuer, path, &bearer, b"").unwrap()
    }

    /// Puts the instance's files into the stand-in's TUF repository, valid for
    /// `lifetime`, and gives its URL and first root.
    pub(crate) fn publish(&self, lifetime: &str) -> (String, Vec<u8>) {
        let files = json!({
            "trusted_root.json": self.trusted_root(),
            "signing_config.v0.2.json": self.config().to_string(),
        });
        let path = format!("/tuf/?lifetime={lifetime}");
        request("PUT", &self.issuer, &path, "", files.to_string().as_bytes()).unwrap();
        let root = get(&self.issuer, "/tuf/1.root.json").unwrap();
        (format!("{}/tuf", self.issuer), root)
    }
}

/// What a program said.
pub(crate) fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Fulcio's own rules for GitHub's claims, for `issuer` alone: it would ask every
/// other issuer who it is.
fn fulcio_config(config: &str, issuer: &str) -> String {
    let (names, rest) = config.split_once("oidc-issuers:\n").unwrap();
    let (_, rules) = rest.split_once("\nci-issuer-metadata:\n").unwrap();
    format!(
        "{names}oidc-issuers:\n  \
           {issuer}:\n    issuer-url: {issuer}\n    client-id: sigstore\n    \
             type: ci-provider\n    ci-provider: *github-type\n  \
           {issuer}/login:\n    issuer-url: {issuer}/login\n    client-id: sigstore\n    \
             type: email\nci-issuer-metadata:\n{rules}"
    )
}

/// Ports that were free a moment ago.
fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn wait_for(url: &str, path: &str) {
    wait_until(&format!("{url} does not answer"), || {
        get(url, path).is_some()
    });
}

fn wait_until(otherwise: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "{otherwise}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn get(url: &str, path: &str) -> Option<Vec<u8>> {
    request("GET", url, path, "", b"")
}

/// As little HTTP as is needed: `None` for whatever is no 200.
fn request(method: &str, url: &str, path: &str, headers: &str, body: &[u8]) -> Option<Vec<u8>> {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: {host}\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let ok = answer.starts_with(b"HTTP/1.0 200") || answer.starts_with(b"HTTP/1.1 200");
    ok.then(|| answer[end + 4..].to_vec())
}
