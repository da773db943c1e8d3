//! What `prov dev` does not start with: a module, a place or evidence.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use crate::support::{Server, finish, prov};

/// `prov dev` that must fail before it serves.
fn refused(arguments: &[&str]) -> (i32, String) {
    let Output {
        status,
        stderr,
        stdout,
    } = finish(prov().arg("dev").args(arguments));
    assert!(stdout.is_empty());
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn what_is_in_the_way_is_told_with_a_hint() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = refused(&["--ephemeral", "--listen", &address]);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains(&format!("cannot listen on {address}")),
        "{said}"
    );
    assert!(
        said.contains("hint: `prov dev --listen 127.0.0.1:0`"),
        "{said}"
    );

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let (code, said) = refused(&["--listen", "0", "--data", file.to_str().unwrap()]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("cannot use the data directory"), "{said}");
    assert!(said.contains("hint:"), "{said}");

    let server = Server::with_data(folder.path());
    let (code, said) = refused(&["--listen", "0", "--data", folder.path().to_str().unwrap()]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("another server uses"), "{said}");
    drop(server);

    let config = folder.path().join("nats.conf");
    fs::write(&config, "port: 4333").unwrap();
    let config = config.to_str().unwrap();
    let (code, said) = refused(&["--listen", "0", "--ephemeral", "--nats-config", config]);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("4333") && said.contains("hint: prov dev --listen"),
        "{said}"
    );
}

#[test]
fn only_the_attested_module_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = |arguments: &[&str]| {
        let output = finish(prov().args(arguments));
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    // Not the NATS server: what is refused here never gets so far as to run.
    fs::write(path("mine.wasm"), wat::parse_str("(module)").unwrap()).unwrap();
    fs::write(
        path("other.wasm"),
        wat::parse_str("(module (memory 1))").unwrap(),
    )
    .unwrap();
    run(&["key", "generate", "--output", &path("mine.key")]);
    run(&["key", "generate", "--output", &path("other.key")]);
    for name in ["mine.wasm", "other.wasm"] {
        run(&["attest", &path(name), "--key", &path("mine.key")]);
    }
    let (mine, key) = (path("mine.wasm"), path("mine.pub"));
    let bundle = path("mine.wasm.sigstore.jsonl");
    let other_bundle = path("other.wasm.sigstore.jsonl");
    let other_key = path("other.pub");

    // Without trust in the key, with another key, with another's bundle.
    for (options, wanted) in [
        (vec!["--bundle", &bundle], "not by a trusted key"),
        (
            vec![
                "--bundle",
                &bundle,
                "--key",
                &other_key,
                "--insecure-ignore-tlog",
            ],
            "not by a trusted key",
        ),
        (
            vec!["--bundle", &bundle, "--key", &key],
            "no transparency log",
        ),
        (
            vec![
                "--bundle",
                &other_bundle,
                "--key",
                &key,
                "--insecure-ignore-tlog",
            ],
            "another artifact",
        ),
    ] {
        let mut arguments = vec!["--listen", "0", "--ephemeral", "--module", &mine];
        arguments.extend(options);
        let (code, said) = refused(&arguments);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("refused") && said.contains(wanted), "{said}");
    }
    // The embedded module with evidence about something else.
    let (code, said) = refused(&["--bundle", &bundle, "--key", &key, "--insecure-ignore-tlog"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("another artifact"), "{said}");
    // A damaged bundle can't say anything.
    fs::write(path("damaged"), &fs::read(&bundle).unwrap()[..100]).unwrap();
    let damaged = path("damaged");
    let (code, said) = refused(&["--module", &mine, "--bundle", &damaged]);
    assert_eq!(code, 2, "{said}");
    // A damaged module is another artifact.
    fs::write(&mine, b"\0asm\x01\0\0\0\0").unwrap();
    let (code, said) = refused(&["--module", &mine, "--key", &key, "--insecure-ignore-tlog"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("another artifact"), "{said}");
}

#[test]
fn a_module_without_evidence_does_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("bare.wasm");
    fs::write(&module, wat::parse_str("(module)").unwrap()).unwrap();
    let module = module.to_str().unwrap();
    let (code, said) = refused(&["--listen", "0", "--ephemeral", "--module", module]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("no evidence about"), "{said}");
    assert!(said.contains("hint:"), "{said}");
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(folder.path().join("probe"), "").is_ok() {
        eprintln!("SKIPPED: this user may write anywhere");
        return;
    }
    let (code, said) = refused(&["--listen", "0", "--data", folder.path().to_str().unwrap()]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("cannot use the data directory"), "{said}");
    assert!(said.contains("hint:"), "{said}");
}
