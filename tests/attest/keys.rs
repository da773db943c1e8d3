//! Key files of other programs, and what other programs make of ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use prov::key::PublicKey;
use prov::sign::{KeyFile, KeyKind, LockForm, PrivateKey, SignError};

use crate::support::prov;

const PASSWORD: &str = "correct-horse";

fn testdata(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/keys")
        .join(path)
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("keys")
        .join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Each file of other programs opens with its password, is the key that they
/// say it is, and stays shut without.
#[test]
fn key_files_of_openssl_and_cosign_open() {
    for (private, public) in [
        ("cosign.key", "cosign.pub"),
        ("openssl-p256-pbkdf2.key", "openssl-p256.pub"),
        ("openssl-p256-pbkdf2.der", "openssl-p256.pub"),
        ("openssl-p256-scrypt.key", "openssl-p256.pub"),
        ("openssl-ed25519-pbkdf2.key", "openssl-ed25519.pub"),
        ("openssl-ed25519-scrypt.key", "openssl-ed25519.pub"),
    ] {
        let read = |name: &str| fs::read(testdata("locked").join(name)).unwrap();
        let Ok(KeyFile::Locked(locked)) = KeyFile::parse(&read(private)) else {
            panic!("{private} is not behind a password");
        };
        let key = locked.unlock(PASSWORD.as_bytes()).unwrap();
        let wanted = PublicKey::from_pem(&String::from_utf8(read(public)).unwrap()).unwrap();
        assert_eq!(key.public().unwrap(), wanted, "{private}");
        for wrong in ["", "correct-horsE", "correct-horse "] {
            assert!(
                matches!(
                    locked.unlock(wrong.as_bytes()),
                    Err(SignError::WrongPassword)
                ),
                "{private} opened with `{wrong}`"
            );
        }
    }
}

#[test]
fn what_prov_does_not_unlock_is_told_as_that_and_not_as_a_wrong_password() {
    for (file, early) in [
        ("openssl-pbes1.key", true),
        ("openssl-des3.key", false),
        ("openssl-hmac-sha1.key", false),
    ] {
        let bytes = fs::read(testdata("refused").join(file)).unwrap();
        let error = match KeyFile::parse(&bytes) {
            Err(error) => error,
            Ok(KeyFile::Locked(locked)) if !early => {
                locked.unlock(PASSWORD.as_bytes()).unwrap_err()
            }
            Ok(_) => panic!("{file} was taken"),
        };
        assert!(matches!(error, SignError::OldLock), "{file}: {error}");
    }
    let bytes = fs::read(testdata("refused/openssl-p384.key")).unwrap();
    let Ok(KeyFile::Locked(locked)) = KeyFile::parse(&bytes) else {
        panic!("not behind a password");
    };
    assert!(matches!(
        locked.unlock(PASSWORD.as_bytes()),
        Err(SignError::Unsupported)
    ));
}

/// Runs a program that judges; `None`, loudly, where it is not installed.
fn judge(program: &str, arguments: &[&str], folder: &Path) -> Option<bool> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .env("COSIGN_PASSWORD", PASSWORD)
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) if output.status.success() => Some(true),
        Ok(output) => {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
            Some(false)
        }
        Err(error) => {
            eprintln!("NOT JUDGED: cannot run {program}: {error}");
            None
        }
    }
}

#[test]
fn openssl_opens_what_prov_locks() {
    let folder = folder("openssl");
    for kind in [KeyKind::EcdsaP256, KeyKind::Ed25519] {
        let key = PrivateKey::generate(kind).unwrap();
        let pem = key
            .to_locked_pem(LockForm::Pkcs8, PASSWORD.as_bytes())
            .unwrap();
        fs::write(folder.join("locked.key"), pem.as_bytes()).unwrap();
        let public = |password: &str| {
            let pass = format!("pass:{password}");
            let arguments = [
                "pkey",
                "-in",
                "locked.key",
                "-passin",
                &pass,
                "-pubout",
                "-out",
                "public.pem",
            ];
            judge("openssl", &arguments, &folder)
        };
        let Some(opened) = public(PASSWORD) else {
            return;
        };
        assert!(opened);
        let seen = fs::read_to_string(folder.join("public.pem")).unwrap();
        let seen = PublicKey::from_pem(&seen).unwrap();
        assert_eq!(seen, key.public().unwrap());
        assert_eq!(public("wrong"), Some(false));
    }
}

fn run(folder: &Path, arguments: &[&str], password: Option<&str>) -> (Option<i32>, String) {
    let mut command = prov();
    command.args(arguments).current_dir(folder);
    command.env_remove("COSIGN_PASSWORD");
    if let Some(password) = password {
        command.env("PROV_PASSWORD", password);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (
        output.status.code(),
        text + &String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn a_key_is_made_and_used_with_a_password_from_a_file_or_a_variable() {
    let folder = folder("password");
    fs::write(folder.join("artifact"), "x").unwrap();
    fs::write(
        folder.join("right.txt"),
        format!("{PASSWORD}\r\nsecond line"),
    )
    .unwrap();
    fs::write(folder.join("wrong.txt"), "wrong\n").unwrap();
    fs::write(folder.join("empty.txt"), "\n").unwrap();
    for (form, label) in [
        ("--encrypt", "-----BEGIN ENCRYPTED PRIVATE KEY-----"),
        (
            "--encrypt=cosign",
            "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----",
        ),
    ] {
        let generate = ["key", "generate", form, "--output", "my.key", "--force"];
        let with = |more: &[&'static str]| [&generate[..], more].concat();
        let (code, text) = run(&folder, &with(&["--password-file", "right.txt"]), None);
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("(encrypted)"), "{text}");
        let pem = fs::read_to_string(folder.join("my.key")).unwrap();
        assert!(pem.starts_with(label), "{pem}");
        use std::os::unix::fs::PermissionsExt as _;
        let mode = folder.join("my.key").metadata().unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);

        let attest = ["attest", "artifact", "--key", "my.key", "--force"];
        let (code, text) = run(&folder, &attest, Some(PASSWORD));
        assert_eq!(code, Some(0), "{text}");
        // The file was said aloud, so it wins over the variable.
        let wrong = [&attest[..], &["--password-file", "wrong.txt"]].concat();
        let (code, text) = run(&folder, &wrong, Some(PASSWORD));
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("the password is wrong"), "{text}");
        let public = ["key", "public", "my.key"];
        let (code, text) = run(&folder, &public, Some(PASSWORD));
        assert_eq!(code, Some(0));
        assert_eq!(text, fs::read_to_string(folder.join("my.pub")).unwrap());
        let (code, text) = run(&folder, &with(&["--password-file", "empty.txt"]), None);
        assert_eq!(code, Some(2));
        assert!(
            text.contains("an empty password protects nothing"),
            "{text}"
        );
    }
}

#[test]
fn a_command_signs_and_what_it_answers_is_checked() {
    let folder = folder("command");
    fs::write(folder.join("artifact"), "x").unwrap();
    for ending in ["key", "pub"] {
        for name in ["p256", "ed25519"] {
            let file = format!("{name}.{ending}");
            fs::copy(testdata(&file), folder.join(&file)).unwrap();
        }
    }
    let sign = |command: &str, public: &str| {
        let arguments = [
            "attest",
            "artifact",
            "--force",
            "--sign-with",
            command,
            "--public-key",
            public,
        ];
        run(&folder, &arguments, None)
    };
    if judge("openssl", &["version"], &folder).is_none() {
        return;
    }
    let openssl = "openssl dgst -sha256 -sign p256.key";
    for command in [openssl.to_owned(), format!("{openssl} | base64 -w0")] {
        let (code, text) = sign(&command, "p256.pub");
        assert_eq!(code, Some(0), "{text}");
        let verify = [
            "verify",
            "artifact",
            "--key",
            "p256.pub",
            "--insecure-ignore-tlog",
        ];
        let (code, text) = run(&folder, &verify, None);
        assert_eq!(code, Some(0), "{text}");
    }
    for (command, public, wanted) in [
        (openssl, "ed25519.pub", "no signature by the public key"),
        ("true", "p256.pub", "no signature by the public key"),
        (
            "cat; cat p256.pub",
            "p256.pub",
            "no signature by the public key",
        ),
        ("head -c 100000 /dev/zero; exit 0", "p256.pub", ""),
        ("exit 3", "p256.pub", "failed with status 3"),
        (
            "no-such-command 2>/dev/null",
            "p256.pub",
            "failed with status 127",
        ),
        (openssl, "p256.key", "private key"),
    ] {
        let (code, text) = sign(command, public);
        assert_eq!(code, Some(2), "{command}: {text}");
        assert!(text.contains(wanted), "{command}: {text}");
    }
    let (code, _) = run(&folder, &["attest", "artifact", "--force"], None);
    assert_eq!(code, Some(2));
}

/// The signer gives up half-way: no bundle of the first statement is left behind.
#[test]
fn what_is_not_all_signed_is_not_written() {
    let folder = folder("half");
    fs::write(folder.join("artifact"), "x").unwrap();
    fs::write(
        folder.join("bom.json"),
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#,
    )
    .unwrap();
    for file in ["p256.key", "p256.pub"] {
        fs::copy(testdata(file), folder.join(file)).unwrap();
    }
    if judge("openssl", &["version"], &folder).is_none() {
        return;
    }
    let once = "if [ -e signed ]; then exit 7; fi; touch signed; \
                openssl dgst -sha256 -sign p256.key";
    let arguments = [
        "attest",
        "artifact",
        "--sbom",
        "bom.json",
        "--sign-with",
        once,
        "--public-key",
        "p256.pub",
    ];
    let (code, text) = run(&folder, &arguments, None);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("failed with status 7"), "{text}");
    assert!(folder.join("signed").exists(), "the first one was signed");
    let mut left: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    let wanted = ["artifact", "bom.json", "p256.key", "p256.pub", "signed"];
    assert_eq!(left, wanted);
}

proptest::proptest! {
    /// Damaged key files are errors, never panics, and cost nothing.
    #[test]
    fn damaged_key_files_are_read_without_harm(
        file in proptest::sample::select(vec![
            "cosign.key", "openssl-p256-pbkdf2.der", "openssl-p256-scrypt.key",
            "openssl-ed25519-pbkdf2.key",
        ]),
        at in proptest::prelude::any::<proptest::sample::Index>(),
        byte in proptest::prelude::any::<u8>(),
        end in proptest::prelude::any::<proptest::sample::Index>(),
    ) {
        let mut bytes = fs::read(testdata("locked").join(file)).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = KeyFile::parse(&bytes);
        bytes.truncate(end.index(bytes.len()));
        let _ = KeyFile::parse(&bytes);
    }
}
