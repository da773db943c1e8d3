//! How it runs and how it ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{PATIENCE, Running, Server, finish, prov, spawn, wait};
use crate::{connect, settle};

#[tokio::test]
async fn a_signal_ends_it_cleanly_while_clients_are_busy() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start(&["--ephemeral"]);
        let data = server.ready["data"].as_str().unwrap().to_owned();
        let client = connect(&server).await;
        settle(&client).await;
        let busy = tokio::spawn(async move {
            while client.publish("busy", vec![0; 512].into()).await.is_ok() {}
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(Path::new(&data).exists());
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0), "{}", server.said());
        busy.abort();
        assert!(!Path::new(&data).exists(), "ephemeral data is still there");
    }
}

/// It is the module that decides how long a clean shutdown takes, and this one
/// never does.
#[test]
fn a_second_signal_ends_it_whatever_the_module_does() {
    let module = Module::new("(loop $ever (br $ever))");
    let (mut child, said) = module.start();
    let said = |words: &str| {
        let start = Instant::now();
        while !fs::read_to_string(&said).unwrap().contains(words) {
            assert!(start.elapsed() < PATIENCE, "never said `{words}`");
            sleep(Duration::from_millis(20));
        }
    };
    let signal = |child: &Child| kill_process(Pid::from_child(child), Signal::TERM).unwrap();
    said("verified");
    // The handlers stand a moment after that line; before, a signal ends it too.
    sleep(Duration::from_millis(300));
    signal(&child);
    said("shutting down");
    assert_eq!(child.try_wait().unwrap(), None);
    signal(&child);
    assert_eq!(wait(&mut child).code(), Some(128 + 15));
}

#[test]
fn a_module_that_breaks_off_is_an_error() {
    for (body, wanted) in [
        ("unreachable", "broke off"),
        ("(call $exit (i32.const 3))", "exit code 3"),
    ] {
        let module = Module::new(body);
        let (mut child, said) = module.start();
        let code = wait(&mut child).code();
        let said = fs::read_to_string(said).unwrap();
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(wanted), "{said}");
    }
}

/// A module that is attested, and no NATS server.
struct Module(tempfile::TempDir);

impl Module {
    fn new(body: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "(module
                (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
                (memory (export \"memory\") 1)
                (func (export \"_start\") {body}))"
        );
        fs::write(folder.path().join("m.wasm"), wat::parse_str(text).unwrap()).unwrap();
        for arguments in [
            &["key", "generate"][..],
            &["attest", "m.wasm", "--key", "prov.key"],
        ] {
            let output = finish(prov().args(arguments).current_dir(&folder));
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
        }
        Self(folder)
    }

    /// `prov dev` with it, and the file with what that says.
    fn start(&self) -> (Running, PathBuf) {
        let folder = self.0.path();
        let mut command = prov();
        command
            .current_dir(folder)
            .env("TMPDIR", folder)
            .args(["dev", "--listen", "0", "--ephemeral", "--module", "m.wasm"])
            .args(["--key", "prov.pub", "--insecure-ignore-tlog"]);
        let said = folder.join("stderr");
        (spawn(&mut command, &said), said)
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_idle_server_uses_no_cpu() {
    let server = Server::start(&["--ephemeral"]);
    sleep(Duration::from_millis(500));
    let before = server.cpu_ticks();
    sleep(Duration::from_secs(3));
    // A tick is 10 ms; a busy loop would use 300 of them.
    assert!(server.cpu_ticks() - before <= 2);
}

#[cfg(target_os = "linux")]
#[test]
fn the_server_is_this_process_and_no_other() {
    let server = Server::start(&["--ephemeral"]);
    let process = format!("/proc/{}", server.pid().as_raw_nonzero());
    let program = fs::read_link(format!("{process}/exe")).unwrap();
    assert_eq!(
        program,
        fs::canonicalize(env!("CARGO_BIN_EXE_prov")).unwrap()
    );
    for thread in fs::read_dir(format!("{process}/task")).unwrap() {
        let children = fs::read_to_string(thread.unwrap().path().join("children")).unwrap();
        assert_eq!(children, "");
    }
}
