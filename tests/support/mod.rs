//! Starting the real program, and ending it again whatever happens.

#![allow(dead_code, unreachable_pub)] // each test file uses a part of it

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Longer than anything takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A folder that all tests of this build share: the compiled module lies there.
pub fn shared() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("home")
}

/// The program, with nothing of the caller's environment that could matter.
pub fn prov() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prov"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("PROV_") || text.starts_with("GITHUB_") || text == "CI" {
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

/// A running `prov dev`.
pub struct Server {
    child: Child,
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
        let mut child = prov()
            .args(["dev", "--listen", "127.0.0.1:0", "--format", "json"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| {
            let _ = child.kill();
            panic!("not ready: {line}{}", fs::read_to_string(&stderr).unwrap())
        });
        Self {
            child,
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
        Pid::from_child(&self.child)
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
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// User and system time that it used so far.
    #[cfg(target_os = "linux")]
    pub fn cpu_ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
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

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
