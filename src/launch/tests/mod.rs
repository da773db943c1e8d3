//! Guests are written in WAT; clients are plain sockets on loopback.

mod cache;
mod command;
mod network;

use std::sync::{Arc, Mutex};

use super::errno::Errno;
use super::*;
use crate::artifact::Artifact;

/// A module with the calls that these guests use, two pages of memory and
/// `$ok`, which ends the guest with the error number of a call that failed.
fn module(body: &str) -> String {
    let mut text = String::from("(module\n");
    for (module, name, params) in [
        ("wasi_snapshot_preview1", "args_get", "i32 i32"),
        ("wasi_snapshot_preview1", "args_sizes_get", "i32 i32"),
        ("wasi_snapshot_preview1", "clock_time_get", "i32 i64 i32"),
        ("wasi_snapshot_preview1", "environ_get", "i32 i32"),
        ("wasi_snapshot_preview1", "environ_sizes_get", "i32 i32"),
        ("wasi_snapshot_preview1", "fd_close", "i32"),
        ("wasi_snapshot_preview1", "fd_fdstat_get", "i32 i32"),
        ("wasi_snapshot_preview1", "fd_fdstat_set_flags", "i32 i32"),
        ("wasi_snapshot_preview1", "fd_filestat_get", "i32 i32"),
        ("wasi_snapshot_preview1", "fd_read", "i32 i32 i32 i32"),
        ("wasi_snapshot_preview1", "fd_renumber", "i32 i32"),
        ("wasi_snapshot_preview1", "fd_sync", "i32"),
        ("wasi_snapshot_preview1", "fd_write", "i32 i32 i32 i32"),
        (
            "wasi_snapshot_preview1",
            "path_open",
            "i32 i32 i32 i32 i32 i64 i64 i32 i32",
        ),
        ("wasi_snapshot_preview1", "poll_oneoff", "i32 i32 i32 i32"),
        ("wasi_snapshot_preview1", "random_get", "i32 i32"),
        ("wasi_snapshot_preview1", "sock_accept", "i32 i32 i32"),
        (
            "wasi_snapshot_preview1",
            "sock_recv",
            "i32 i32 i32 i32 i32 i32",
        ),
        ("wasi_snapshot_preview1", "sock_send", "i32 i32 i32 i32 i32"),
        ("wasi_snapshot_preview1", "sock_shutdown", "i32 i32"),
        ("prov_net", "sock_addr", "i32 i32 i32"),
        ("prov_net", "sock_connect", "i32 i32"),
        ("prov_net", "sock_error", "i32"),
        ("prov_net", "sock_resolve", "i32 i32 i32"),
    ] {
        text.push_str(&format!(
            "(import \"{module}\" \"{name}\" (func ${name} (param {params}) (result i32)))\n"
        ));
    }
    text.push_str(
        r#"(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 2)
        (func $ok (param $errno i32)
            (if (local.get $errno) (then (call $exit (local.get $errno)))))
        "#,
    );
    text.push_str(body);
    text.push(')');
    text
}

/// A module whose `_start` is `body`.
fn start(body: &str) -> String {
    module(&format!("(func (export \"_start\") {body})"))
}

fn attested(bytes: impl Into<Vec<u8>>) -> Attested {
    Attested::for_test(Artifact::from_bytes("guest", bytes.into()))
}

fn launch(wat: &str, guest: Guest) -> Result<Exit, LaunchError> {
    let module = wat::parse_str(wat).unwrap();
    run(attested(module), guest, None, &mut |_| {})
}

/// The code that the guest ended with.
fn code(wat: &str, guest: Guest) -> u8 {
    launch(wat, guest).unwrap().code
}

/// Collects a guest's output.
fn lines() -> (Output, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let output = Output::Lines(Box::new(move |line| {
        sink.lock().unwrap().push(line.to_owned());
    }));
    (output, lines)
}
