//! Commands: arguments, files, exit codes, and what is no command.

use super::*;

/// Writes a text to standard output.
fn say(text: &str) -> String {
    format!(
        r#"(data (i32.const 4096) "{text}")
        (func $say
            (i32.store (i32.const 0) (i32.const 4096))
            (i32.store (i32.const 4) (i32.const {length}))
            (call $ok (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"#,
        length = text.len(),
        text = text.replace('\n', "\\n"),
    )
}

#[test]
fn a_guest_speaks_and_ends() {
    let wat = module(&format!(
        "{} (func (export \"_start\") (call $say))",
        say("hello\nworld")
    ));
    let (output, seen) = lines();
    let mut guest = Guest::new();
    guest.output(output);
    assert_eq!(code(&wat, guest), 0);
    assert_eq!(*seen.lock().unwrap(), ["hello", "world"]);
}

#[test]
fn exit_codes_are_the_guests() {
    for wanted in [0, 1, 125, 126, 255] {
        let wat = start(&format!("(call $exit (i32.const {wanted}))"));
        assert_eq!(i32::from(code(&wat, Guest::new())), wanted);
    }
    // 256 must not become 0, which would say that all went well.
    for wrong in [256, -1] {
        let wat = start(&format!("(call $exit (i32.const {wrong}))"));
        let error = launch(&wat, Guest::new()).unwrap_err();
        assert!(matches!(error, LaunchError::Trap { .. }), "{error}");
    }
}

#[test]
fn a_trap_tells_its_reason_and_the_last_lines() {
    let wat = module(&format!(
        "{} (func $inner unreachable) (func $_start (export \"_start\") (call $say) (call $inner))",
        say("about to fail\n")
    ));
    let (output, _) = lines();
    let mut guest = Guest::new();
    guest.output(output);
    match launch(&wat, guest).unwrap_err() {
        LaunchError::Trap {
            name,
            reason,
            output,
        } => {
            assert_eq!(name, "guest");
            assert!(reason.contains("unreachable"), "{reason}");
            assert!(reason.ends_with("in inner < _start"), "{reason}");
            assert_eq!(output, ["about to fail"]);
        }
        other => panic!("{other}"),
    }
}

#[test]
fn traps_of_all_kinds_are_told_apart() {
    for (body, reason) in [
        ("(drop (i32.load (i32.const -1)))", "out of bounds"),
        (
            "(drop (i32.div_u (i32.const 1) (i32.const 0)))",
            "divide by zero",
        ),
        ("(call $forever)", "call stack exhausted"),
    ] {
        let wat = module(&format!(
            "(func $forever (call $forever)) (func (export \"_start\") {body})"
        ));
        let error = launch(&wat, Guest::new()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn arguments_and_environment_arrive() {
    // Prints both as they come: strings, each with a zero at its end.
    let wat = start(
        r#"(call $ok (call $args_sizes_get (i32.const 0) (i32.const 4)))
        (call $ok (call $args_get (i32.const 1024) (i32.const 2048)))
        (i32.store (i32.const 16) (i32.const 2048))
        (i32.store (i32.const 20) (i32.load (i32.const 4)))
        (call $ok (call $environ_sizes_get (i32.const 0) (i32.const 4)))
        (call $ok (call $environ_get (i32.const 1024) (i32.const 4096)))
        (i32.store (i32.const 24) (i32.const 4096))
        (i32.store (i32.const 28) (i32.load (i32.const 4)))
        (call $ok (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 8)))
        (call $ok (call $fd_write (i32.const 2) (i32.const 24) (i32.const 1) (i32.const 8)))"#,
    );
    let (output, seen) = lines();
    let mut guest = Guest::new();
    guest.args(["server", "-js"]).env("A", "1").env("B", "2");
    guest.output(output);
    assert_eq!(code(&wat, guest), 0);
    assert_eq!(*seen.lock().unwrap(), ["server\0-js\0A=1\0B=2\0"]);
}

/// Opens a path below the first directory, with `flags` of `$oflags` and
/// rights to read, and to write where it may create.
fn open(path: &str, flags: u32) -> String {
    let rights = if flags == 0 { 2 } else { 2 | 64 };
    module(&format!(
        r#"(data (i32.const 4096) "{path}")
        (func (export "_start")
            (call $ok (call $path_open (i32.const 3) (i32.const 1) (i32.const 4096)
                (i32.const {length}) (i32.const {flags}) (i64.const {rights}) (i64.const 0)
                (i32.const 0) (i32.const 0))))"#,
        length = path.len(),
    ))
}

#[test]
fn a_directory_is_a_cage() {
    let outside = tempfile::tempdir().unwrap();
    let inside = outside.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(outside.path().join("secret"), "s").unwrap();
    std::fs::write(inside.join("file"), "f").unwrap();
    std::os::unix::fs::symlink(outside.path(), inside.join("link")).unwrap();
    let opens = |path: &str, flags, access| {
        let mut guest = Guest::new();
        guest.directory(&inside, "/data", access);
        code(&open(path, flags), guest)
    };
    assert_eq!(opens("file", 0, Access::ReadOnly), 0);
    for escape in ["../secret", "link/secret", "/etc/passwd", "x/../../secret"] {
        assert_ne!(opens(escape, 0, Access::ReadWrite), 0, "{escape}");
    }
    assert_ne!(opens("new", 1, Access::ReadOnly), 0);
    assert!(!inside.join("new").exists());
    assert_eq!(opens("new", 1, Access::ReadWrite), 0);
    assert!(inside.join("new").exists());
}

#[test]
fn without_a_directory_there_are_no_files() {
    assert_eq!(code(&open("file", 0), Guest::new()), Errno::BadF as u8);
}

#[test]
fn a_directory_can_be_synced() {
    let directory = tempfile::tempdir().unwrap();
    let mut guest = Guest::new();
    guest.directory(directory.path(), "/data", Access::ReadWrite);
    assert_eq!(
        code(&start("(call $ok (call $fd_sync (i32.const 3)))"), guest),
        0
    );
    let none = start("(call $ok (call $fd_sync (i32.const 9)))");
    assert_eq!(code(&none, Guest::new()), Errno::BadF as u8);
}

#[test]
fn a_directory_that_is_not_there_is_an_error() {
    let mut guest = Guest::new();
    guest.directory("/nowhere/at/all", "/data", Access::ReadOnly);
    let error = launch(&start(""), guest).unwrap_err();
    assert!(matches!(error, LaunchError::Directory { .. }), "{error}");
}

#[test]
fn empty_input_ends_at_once() {
    let wat = start(
        r#"(i32.store (i32.const 0) (i32.const 4096))
        (i32.store (i32.const 4) (i32.const 100))
        (call $ok (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $exit (i32.load (i32.const 8)))"#,
    );
    assert_eq!(code(&wat, Guest::new()), 0);
}

#[test]
fn memory_has_a_limit() {
    let grow = start("(call $exit (i32.eq (memory.grow (i32.const 100)) (i32.const -1)))");
    assert_eq!(code(&grow, Guest::new()), 0);
    let mut guest = Guest::new();
    guest.memory_limit(1 << 20);
    assert_eq!(code(&grow, guest), 1);
    let mut guest = Guest::new();
    guest.memory_limit(1 << 16);
    let error = launch(&grow, guest).unwrap_err();
    assert!(matches!(error, LaunchError::Instantiate { .. }), "{error}");
}

#[test]
fn many_large_calls_do_not_run_out() {
    // wasmtime-wasi allows each call so many bytes: each, not all together.
    let wat = start(
        r#"(local $i i32)
        (loop $again
            (call $ok (call $random_get (i32.const 0) (i32.const 65536)))
            (i32.store (i32.const 0) (i32.const 4096))
            (i32.store (i32.const 4) (i32.const 65536))
            (call $ok (call $fd_write (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 8)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 3000))))"#,
    )
    .replace(
        "(call $fd_write (i32.const 3)",
        "(call $fd_write (i32.const 2)",
    );
    let mut guest = Guest::new();
    guest.output(Output::Lines(Box::new(|_| {})));
    assert_eq!(code(&wat, guest), 0);
}

#[test]
fn what_is_no_module_is_told() {
    let launch = |bytes: &[u8]| run(attested(bytes), Guest::new(), None, &mut |_| {}).unwrap_err();
    for bytes in [
        &b""[..],
        b"\0asm",
        b"#!/bin/sh\necho\n",
        b"\x7fELF\x02\x01\x01\0",
    ] {
        let error = launch(bytes);
        assert!(matches!(error, LaunchError::NotAModule { .. }), "{error}");
    }
    let component = wat::parse_str("(component)").unwrap();
    let error = launch(&component);
    assert!(matches!(error, LaunchError::Component { .. }), "{error}");
    let error = launch(b"\0asm\x01\0\0\0garbage");
    assert!(matches!(error, LaunchError::Compile { .. }), "{error}");
}

#[test]
fn a_library_is_no_command() {
    let error = launch("(module (func (export \"run\")))", Guest::new()).unwrap_err();
    assert!(matches!(error, LaunchError::NotACommand { .. }), "{error}");
    let error = launch(
        "(module (func (export \"_start\") (param i32)))",
        Guest::new(),
    );
    assert!(matches!(error, Err(LaunchError::Instantiate { .. })));
}

#[test]
fn an_unknown_import_is_named() {
    let wat = r#"(module (import "env" "magic" (func)) (func (export "_start")))"#;
    match launch(wat, Guest::new()).unwrap_err() {
        LaunchError::UnknownImport {
            module, function, ..
        } => assert_eq!((module.as_str(), function.as_str()), ("env", "magic")),
        other => panic!("{other}"),
    }
}

#[test]
fn without_a_memory_calls_fail_and_do_not_panic() {
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (func (export "_start") (drop (call $yield))))"#;
    let error = launch(wat, Guest::new()).unwrap_err().to_string();
    assert!(error.contains("exports no memory"), "{error}");
}
