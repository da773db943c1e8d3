//! Starting the real program, and ending it again whatever happens.

#![allow(dead_code, unreachable_pub)] // each test file uses a part of it

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Longer than anything takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A command that greets and ends.
pub const HELLO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "hello\n")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 8))
    (i32.store (i32.const 4) (i32.const 6))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))))"#;

/// A crate and what it needs.
pub const CARGO_LOCK: &str = r#"version = 4

[[package]]
name = "app"
version = "1.0.0"
dependencies = ["itoa"]

[[package]]
name = "itoa"
version = "1.0.19"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "0123456789012345678901234567890123456789012345678901234567890123"
"#;

/// All that a command said, which is text.
pub fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    text(&output.stdout) + &text(&output.stderr)
}

/// A peer that `tests/peers/install` builds, or None when it is not here.
#[allow(clippy::print_stderr)] // what is skipped is said
pub fn peer(name: &str) -> Option<PathBuf> {
    let folder = match std::env::var_os("PROV_PEERS") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("peers"),
    };
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    let said = format!(
        "{} is not there; `tests/peers/install` builds it",
        path.display()
    );
    // Not every machine that tests is a Debian.
    let optional = name == "docker-registry";
    assert!(optional || std::env::var_os("CI").is_none(), "{said}");
    eprintln!("SKIPPED: {said}");
    None
}

/// Makes `NAME.crt` and `NAME.key` for `127.0.0.1` and `registry.test` in `folder`: no
/// authority, and its own issuer. None when openssl is not here.
#[allow(clippy::print_stderr)] // what is skipped is said
pub fn certificate(folder: &Path, name: &str) -> Option<()> {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
        .args(["-pkeyopt", "ec_paramgen_curve:P-256"])
        .args(["-keyout", &format!("{name}.key")])
        .args(["-out", &format!("{name}.crt")])
        .args(["-subj", &format!("/CN={name}")])
        .args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:registry.test"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .current_dir(folder)
        .stderr(Stdio::null())
        .status();
    if made.is_ok_and(|status| status.success()) {
        return Some(());
    }
    assert!(std::env::var_os("CI").is_none(), "openssl is not there");
    eprintln!("SKIPPED: openssl is not there");
    None
}

/// A folder that all tests of this build share: the compiled module lies there.
pub fn shared() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("home")
}

/// The program, with nothing of the caller's environment that could matter.
pub fn prov() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prov"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let place = ["PROV_", "GITHUB_", "ACTIONS_", "SIGSTORE_"];
        let service = ["CI", "GITLAB_CI", "BUILDKITE", "CIRCLECI"];
        if place.iter().any(|place| text.starts_with(place)) || service.contains(&&*text) {
            command.env_remove(name);
        }
    }
    command
        .env_remove("NO_COLOR")
        .env("HOME", shared())
        .env("XDG_CACHE_HOME", shared().join("cache"))
        .env("XDG_DATA_HOME", shared().join("data"))
        .stdin(Stdio::null());
    command
}

/// Compiles the embedded module once for all tests, also across processes.
fn warm_up() {
    static WARM: OnceLock<()> = OnceLock::new();
    WARM.get_or_init(|| {
        fs::create_dir_all(shared()).unwrap();
        let lock = File::create(shared().join("warm-up.lock")).unwrap();
        lock.lock().unwrap();
        let server = Server::launch(&["--ephemeral"]);
        assert!(server.terminate().success());
    });
}

/// A process that does not outlive its test.
pub struct Running(Child);

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// Starts `command`; what it says goes into a file, its stdout into a pipe.
pub fn spawn(command: &mut Command, stderr: &Path) -> Running {
    command.stdout(Stdio::piped());
    command.stderr(File::create(stderr).unwrap());
    Running(command.spawn().unwrap())
}

/// Waits for the end of `child`, but not for ever.
pub fn wait(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(start.elapsed() < PATIENCE, "it does not end");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Runs `command` to its end. What it prints must fit into a pipe.
pub fn finish(command: &mut Command) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stderr");
    let mut running = spawn(command.env("TMPDIR", folder.path()), &path);
    let status = wait(&mut running);
    let mut stdout = Vec::new();
    let mut pipe = running.stdout.take().unwrap();
    pipe.read_to_end(&mut stdout).unwrap();
    let stderr = fs::read(&path).unwrap();
    Output {
        status,
        stdout,
        stderr,
    }
}

/// A running `prov dev`.
pub struct Server {
    process: Running,
    /// What it told on stdout when it was ready.
    pub ready: Value,
    stderr: PathBuf,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Starts it on a free port and waits until it is ready.
    pub fn start(arguments: &[&str]) -> Self {
        warm_up();
        Self::launch(arguments)
    }

    /// Starts it with its data in `data`.
    pub fn with_data(data: &Path) -> Self {
        Self::start(&["--data", data.to_str().unwrap()])
    }

    fn launch(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stderr = folder.path().join("stderr");
        let mut command = prov();
        command
            // One that is killed can't remove its ephemeral data itself.
            .env("TMPDIR", folder.path())
            .args(["dev", "--listen", "127.0.0.1:0", "--format", "json"])
            .args(arguments);
        let mut process = spawn(&mut command, &stderr);
        let stdout = process.stdout.take().unwrap();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(stdout).read_line(&mut line);
            let _ = sender.send(line);
        });
        let line = receiver.recv_timeout(PATIENCE).unwrap_or_default();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| {
            panic!("not ready: {line}{}", fs::read_to_string(&stderr).unwrap())
        });
        Self {
            process,
            ready,
            stderr,
            _folder: folder,
        }
    }

    pub fn url(&self) -> &str {
        self.ready["url"].as_str().unwrap()
    }

    /// Where another of its listeners is, as `host:port`.
    pub fn address(&self, name: &str) -> String {
        let url = self.ready[name].as_str().unwrap();
        url.split_once("://").unwrap().1.to_owned()
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// What it said so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    /// Asks it to end, and waits.
    pub fn terminate(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Ends it at once, as a crash would.
    pub fn crash(mut self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    pub fn wait(&mut self) -> ExitStatus {
        wait(&mut self.process)
    }

    /// User and system time that it used so far.
    #[cfg(target_os = "linux")]
    pub fn cpu_ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        // Fields 14 and 15 of proc(5); the name before them may hold spaces.
        let fields: Vec<_> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}
