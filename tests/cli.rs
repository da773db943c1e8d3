//! How the program answers: arguments, exit codes, words.
//!
//! Whole answers, word by word, are `tests/cli/*.toml`: every help, and what is
//! said about files of `testdata`. `TRYCMD=overwrite cargo test --test cli
//! whole_answers` writes them anew. Everything else runs in a folder that has what
//! the cases name.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;

mod support;

use support::{CARGO_LOCK, HELLO, prov, said};

const MODULES: &[(&str, &str)] = &[
    ("hello.wasm", HELLO),
    (
        "three.wasm",
        r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
           (memory (export "memory") 1)
           (func (export "_start") (call $exit (i32.const 3))))"#,
    ),
    (
        "trap.wasm",
        r#"(module (memory (export "memory") 1) (func (export "_start") unreachable))"#,
    ),
    ("library.wasm", r#"(module (memory (export "memory") 1))"#),
    (
        "stranger.wasm",
        r#"(module (import "env" "secret" (func)) (memory (export "memory") 1) (func (export "_start")))"#,
    ),
    ("component.wasm", "(component)"),
];

/// A folder with everything that the cases name, made once.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for (name, wat) in MODULES {
            fs::write(folder.join(name), wat::parse_str(wat).unwrap()).unwrap();
        }
        fs::write(folder.join("text.wasm"), "hello").unwrap();
        let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/keys");
        for (from, to) in [("p256", "mine"), ("ed25519", "other")] {
            for ending in ["key", "pub"] {
                let to = folder.join(format!("{to}.{ending}"));
                fs::copy(keys.join(format!("{from}.{ending}")), &to).unwrap();
                private(&to);
            }
        }
        let names = MODULES.iter().map(|(name, _)| *name);
        for name in names.chain(["text.wasm"]) {
            let output = run(&folder, &["attest", name, "--key", "mine.key"]);
            assert!(output.status.success(), "{}", said(&output));
        }
        let bundle = fs::read(folder.join("hello.wasm.sigstore.jsonl")).unwrap();
        fs::write(folder.join("truncated.json"), &bundle[..bundle.len() / 2]).unwrap();
        fs::write(
            folder.join("open.key"),
            fs::read(folder.join("mine.key")).unwrap(),
        )
        .unwrap();
        fs::write(folder.join("lonely.wasm"), "x").unwrap();
        fs::write(folder.join("mine.toml"), POLICY).unwrap();
        fs::write(
            folder.join("typo.toml"),
            POLICY.replace("min-level", "min-levle"),
        )
        .unwrap();
        fs::create_dir(folder.join("folder")).unwrap();
        fs::create_dir(folder.join("crate")).unwrap();
        fs::write(folder.join("crate/Cargo.lock"), CARGO_LOCK).unwrap();
        fs::create_dir(folder.join("broken")).unwrap();
        fs::write(folder.join("broken/Cargo.lock"), "[[package]").unwrap();
        fs::copy(
            testdata("sbom/import/syft/web.cdx.json"),
            folder.join("web.cdx.json"),
        )
        .unwrap();
        let odd = r#"{"bomFormat": "CycloneDX", "specVersion": "9.9"}"#;
        fs::write(folder.join("odd.cdx.json"), odd).unwrap();
        folder
    })
}

fn testdata(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(path)
}

const POLICY: &str = r#"schema = "prov.policy/v1"
name = "mine"

[[trust.key]]
name = "my key"
public-key-file = "mine.pub"
transparency = "not-required"

[build]
min-level = 1
"#;

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    prov().args(arguments).current_dir(folder).output().unwrap()
}

#[test]
fn whole_answers() {
    let cases = trycmd::TestCases::new();
    cases.register_bin("prov", Path::new(env!("CARGO_BIN_EXE_prov")));
    // The width of help is that of the terminal.
    cases.env("COLUMNS", "100").case("tests/cli/*.toml");
}

/// Each command's exit codes, and one word that its answer must have.
#[test]
fn exit_codes_and_words() {
    let trust = ["--key", "mine.pub", "--insecure-ignore-tlog"];
    let cases: &[(&[&str], bool, i32, &str)] = &[
        // Usage is a can't say.
        (&[], false, 2, "Usage"),
        (&["frobnicate"], false, 2, "unrecognized"),
        (&["--help"], false, 0, "Exit codes"),
        (&["--version"], false, 0, "prov "),
        (&["verify", "hello.wasm"], true, 0, "verified hello.wasm"),
        (
            &["verify", "hello.wasm", "--policy", "mine.toml"],
            false,
            0,
            "SLSA Build L1",
        ),
        (
            &["verify", "hello.wasm", "--format", "json"],
            true,
            0,
            "\"schema\": \"prov.verify/v1\"",
        ),
        (
            &["verify", "hello.wasm", "--key", "mine.pub"],
            false,
            1,
            "stands in no transparency log",
        ),
        (
            &[
                "verify",
                "hello.wasm",
                "--key",
                "other.pub",
                "--insecure-ignore-tlog",
            ],
            false,
            1,
            "not by a trusted key",
        ),
        (
            &[
                "verify",
                "three.wasm",
                "--bundle",
                "hello.wasm.sigstore.jsonl",
            ],
            true,
            1,
            "another artifact",
        ),
        (&["verify", "lonely.wasm"], true, 1, "no evidence about"),
        (
            &["verify", "missing.wasm"],
            true,
            2,
            "cannot read the artifact",
        ),
        (&["verify", "folder"], true, 2, "is a folder"),
        (
            &["verify", "hello.wasm", "--bundle", "truncated.json"],
            true,
            2,
            "not a readable bundle",
        ),
        (
            &["verify", "hello.wasm", "--bundle", "missing.json"],
            true,
            2,
            "cannot read the bundle",
        ),
        (
            &["verify", "hello.wasm", "--key", "mine.key"],
            false,
            2,
            "`prov key public mine.key` prints its public half",
        ),
        (
            &["verify", "hello.wasm", "--policy", "typo.toml"],
            false,
            2,
            "min-levle",
        ),
        (
            &["verify", "hello.wasm", "--policy", "missing.toml"],
            false,
            2,
            "cannot read the policy",
        ),
        (
            &["verify", "hello.wasm", "--trusted-root", "mine.toml"],
            true,
            2,
            "cannot use the trusted root `mine.toml`",
        ),
        (&["run", "hello.wasm"], true, 0, "hello\n"),
        (&["run", "three.wasm"], true, 3, ""),
        (
            &[
                "run",
                "hello.wasm",
                "--key",
                "other.pub",
                "--insecure-ignore-tlog",
            ],
            false,
            1,
            "was refused",
        ),
        (&["run", "trap.wasm"], true, 2, "unreachable"),
        (&["run", "library.wasm"], true, 2, "no function `_start`"),
        (&["run", "stranger.wasm"], true, 2, "`env.secret`"),
        (
            &["run", "component.wasm"],
            true,
            2,
            "is a WebAssembly component",
        ),
        (
            &["run", "text.wasm"],
            true,
            2,
            "is not a WebAssembly module",
        ),
        (
            &["run", "hello.wasm", "--dir", "missing"],
            true,
            2,
            "missing",
        ),
        (
            &["attest", "hello.wasm", "--key", "mine.key"],
            false,
            2,
            "already there",
        ),
        (
            &["attest", "missing.wasm", "--key", "mine.key"],
            false,
            2,
            "cannot read the artifact",
        ),
        (
            &["attest", "lonely.wasm", "--key", "mine.pub"],
            false,
            2,
            "this is a public key",
        ),
        (
            &[
                "attest",
                "lonely.wasm",
                "--key",
                "mine.key",
                "--parameter",
                "x",
            ],
            false,
            2,
            "KEY=VALUE",
        ),
        (&["key", "public", "mine.key"], false, 0, "BEGIN PUBLIC KEY"),
        (
            &["key", "public", "text.wasm"],
            false,
            2,
            "not a usable private key",
        ),
        (
            &["key", "generate", "--output", "nowhere/my.key"],
            false,
            2,
            "hint: `mkdir -p nowhere` makes it",
        ),
        (
            &["key", "generate", "--output", "mine.key"],
            false,
            2,
            "already there",
        ),
        (&["sbom", "crate"], false, 0, "\"pkg:cargo/itoa@1.0.19\""),
        (
            &["sbom", "crate", "--format", "tree"],
            false,
            0,
            "app 1.0.0\n    itoa 1.0.19\n",
        ),
        (
            &["sbom", "crate", "--format", "table"],
            false,
            0,
            "pkg:cargo/itoa@1.0.19",
        ),
        (
            &["sbom", "crate", "--author", "Ada <ada@example.org>"],
            false,
            0,
            "\"email\": \"ada@example.org\"",
        ),
        (
            &[
                "sbom",
                "crate",
                "--supplier",
                "Example <https://example.org>",
            ],
            false,
            0,
            "\"https://example.org\"",
        ),
        // Who makes a document is nobody's guess.
        (&["sbom", "crate"], false, 0, "\"SBOM Author\""),
        (&["sbom", "folder"], false, 2, "nothing that is understood"),
        (&["sbom", "broken"], false, 2, "Cargo.lock is malformed"),
        (&["sbom", "missing"], false, 2, "cannot list what `missing`"),
        (
            &["sbom", "crate", "--spec-version", "1.5", "--format", "xml"],
            false,
            0,
            "xmlns=\"http://cyclonedx.org/schema/bom/1.5\"",
        ),
        (
            &["sbom", "crate", "--spec-version", "1.5", "--format", "tree"],
            false,
            2,
            "`--spec-version` is about CycloneDX",
        ),
        (&["sbom", "web.cdx.json"], false, 0, "pkg:pypi/click@8.1.7"),
        (
            &["sbom", "odd.cdx.json"],
            false,
            2,
            "CycloneDX 9.9 is not read; 1.3 to 1.7 are",
        ),
        (&["diff", "crate", "crate"], false, 0, "no difference"),
        (&["diff", "crate", "web.cdx.json"], false, 1, "removed (2)"),
        (&["diff", "crate", "folder"], false, 2, "in `folder`"),
        (&["diff", "crate", "missing"], false, 2, "`missing`"),
        (&["policy", "check", "mine.toml"], false, 0, "usable mine"),
        (&["policy", "check", "typo.toml"], false, 2, "min-level"),
    ];
    for (arguments, trusting, code, word) in cases {
        let mut arguments = arguments.to_vec();
        if *trusting {
            arguments.extend(trust);
        }
        let output = run(folder(), &arguments);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}: {said}");
        assert!(said.contains(word), "{arguments:?} lacks `{word}`: {said}");
        // stdout is data: what went wrong is talk.
        if *code == 2 {
            assert!(output.stdout.is_empty(), "{arguments:?}: {said}");
        }
    }
}

/// The policy of a repository counts in each of its folders alike: its paths are seen
/// from it, and what is there and can't be read is not as if it were not there.
#[test]
fn the_policy_of_a_repository_is_the_same_in_every_folder() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let sub = root.join("sub");
    fs::create_dir_all(root.join(".git")).unwrap();
    fs::create_dir(&sub).unwrap();
    for folder in [root, &sub] {
        let output = run(folder, &["key", "generate"]);
        assert!(output.status.success(), "{}", said(&output));
    }
    fs::write(sub.join("x"), "x").unwrap();
    let policy = "schema = \"prov.policy/v1\"\nname = \"ours\"\n[[trust.key]]\nname = \"ours\"\n\
                  public-key-file = \"prov.pub\"\ntransparency = \"not-required\"\n";
    fs::write(root.join("prov.toml"), policy).unwrap();
    // Somebody brings a key of his own, in the folder where this is run.
    for (key, code) in [("prov.key", 1), ("../prov.key", 0)] {
        let output = run(&sub, &["attest", "x", "--key", key, "--force"]);
        assert!(output.status.success(), "{}", said(&output));
        let output = run(&sub, &["verify", "x"]);
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
    }
    // With the key alone it would be a yes.
    fs::remove_file(root.join("prov.toml")).unwrap();
    let by_key = [
        "verify",
        "x",
        "--key",
        "../prov.pub",
        "--insecure-ignore-tlog",
    ];
    assert_eq!(run(&sub, &by_key).status.code(), Some(0));
    std::os::unix::fs::symlink("gone", root.join("prov.toml")).unwrap();
    let output = run(&sub, &by_key);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}

#[test]
fn a_private_key_that_others_can_read_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let key = folder().join("open.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let output = run(folder(), &["key", "public", "open.key"]);
    assert!(
        said(&output).contains("chmod 600 open.key"),
        "{}",
        said(&output)
    );
    // What is no private key is no secret.
    let output = run(folder(), &["key", "public", "text.wasm"]);
    assert!(!said(&output).contains("warning"), "{}", said(&output));
}

#[test]
fn colour_is_obeyed() {
    let trust = [
        "--key",
        "mine.pub",
        "--insecure-ignore-tlog",
        "--color",
        "always",
    ];
    let output = run(folder(), &[&["verify", "hello.wasm"][..], &trust].concat());
    assert!(said(&output).contains("\u{1b}["), "{}", said(&output));
    let mut command = prov();
    command.args([
        "verify",
        "hello.wasm",
        "--key",
        "mine.pub",
        "--insecure-ignore-tlog",
    ]);
    let output = command.current_dir(folder()).output().unwrap();
    assert!(!said(&output).contains('\u{1b}'), "{}", said(&output));
    // A terminal's wish is not asked for where somebody forced colour, but for NO_COLOR.
    command.env("CLICOLOR_FORCE", "1");
    let output = command.output().unwrap();
    assert!(said(&output).contains('\u{1b}'), "{}", said(&output));
    let output = command.env("NO_COLOR", "1").output().unwrap();
    assert!(!said(&output).contains('\u{1b}'), "{}", said(&output));
}

/// Keys and bundles can be made, and what was made verifies.
#[test]
fn a_key_an_attestation_a_verdict() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("app.bin"), "app").unwrap();
    for kind in ["ecdsa-p256", "ed25519"] {
        let key = ["key", "generate", "--kind", kind, "--force"];
        assert!(run(folder.path(), &key).status.success());
        let attest = [
            "attest",
            "app.bin",
            "--key",
            "prov.key",
            "--command",
            "make",
            "--parameter",
            "a=b",
            "--force",
        ];
        let output = run(folder.path(), &attest);
        assert!(output.status.success(), "{}", said(&output));
        assert!(said(&output).starts_with("sha256:"));
        let verify = [
            "verify",
            "app.bin",
            "--key",
            "prov.pub",
            "--insecure-ignore-tlog",
        ];
        assert!(run(folder.path(), &verify).status.success());
    }
    let mode = fs::metadata(folder.path().join("prov.key"))
        .unwrap()
        .permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o600
    );
}

/// Of many the worst comes first, in every form; what can't be audited is no pass.
#[test]
fn an_audit_of_many() {
    let folder = folder();
    let list = "hello.wasm\nlonely.wasm # no evidence\n";
    fs::write(folder.join("many.txt"), list.replace(" # no evidence", "")).unwrap();
    let audit = |more: &[&str]| run(folder, &[&["audit", "--list", "many.txt"], more].concat());
    let judged = audit(&["--policy", "mine.toml"]);
    assert_eq!(judged.status.code(), Some(1));
    let lines = said(&judged);
    let place = |name: &str| lines.find(name).unwrap();
    assert!(place("lonely.wasm") < place("hello.wasm"), "{lines}");
    assert!(lines.contains("1 refused, 1 passed"), "{lines}");
    assert!(lines.contains("vulnerabilities not checked"), "{lines}");
    let unjudged = audit(&[]);
    assert_eq!(unjudged.status.code(), Some(0));
    assert!(said(&unjudged).contains("nothing was judged"));
    let broken = audit(&["missing.wasm", "--policy", "mine.toml", "hello.wasm"]);
    assert!(said(&broken).contains("not audited"), "{}", said(&broken));
    let only_broken = run(folder, &["audit", "missing.wasm", "--policy", "mine.toml"]);
    assert_eq!(only_broken.status.code(), Some(2));
    let output = audit(&[
        "--policy",
        "mine.toml",
        "--format",
        "json",
        "--output",
        "many.json",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("many.json")).unwrap()).unwrap();
    assert_eq!(report["schema"], "prov.audit/v1");
    assert_eq!(report["artifacts"].as_array().unwrap().len(), 2);
    assert_eq!(report["summary"]["refused"], 1);
    let sarif = audit(&["--policy", "mine.toml", "--format", "sarif"]);
    let sarif: serde_json::Value = serde_json::from_slice(&sarif.stdout).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert!(results.iter().any(|result| result["level"] == "error"));
    let two = run(
        folder,
        &[
            "audit",
            "hello.wasm",
            "three.wasm",
            "--bundle",
            "truncated.json",
        ],
    );
    assert_eq!(two.status.code(), Some(2), "{}", said(&two));
}

/// What can't be audited says what to do about it, as `prov verify` does, and says it
/// once of many; what can be says nothing of the kind.
#[test]
fn an_audit_keeps_the_hint() {
    let folder = folder();
    let said = |arguments: &[&str]| {
        let output = run(folder, &[arguments, &["--policy", "mine.toml"]].concat());
        String::from_utf8(output.stderr).unwrap()
    };
    let hint = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("hint: "));
        lines.map(str::to_owned).collect()
    };
    let verify = hint(&said(&["verify", "missing.wasm"]));
    assert_eq!(verify.len(), 1, "{verify:?}");
    for format in ["text", "json", "sarif", "markdown"] {
        let one = said(&["audit", "missing.wasm", "--format", format]);
        assert_eq!(hint(&one), verify, "{one}");
    }
    let many = said(&["audit", "missing.wasm", "absent.wasm", "hello.wasm"]);
    assert_eq!(hint(&many), verify, "{many}");
    // No hint is known for what is there and can't be read.
    let unreadable = said(&["audit", "hello.wasm", "--bundle", "truncated.json"]);
    assert!(unreadable.contains("was not audited"), "{unreadable}");
    assert_eq!(hint(&unreadable), [""; 0], "{unreadable}");
    assert_eq!(hint(&said(&["audit", "hello.wasm"])), [""; 0]);
}

/// A document that says that one vulnerability is none in whatever has the package.
const OPENVEX: &str = r#"{
    "@context": "https://openvex.dev/ns/v0.2.0",
    "@id": "https://example.com/vex",
    "author": "example",
    "timestamp": "2026-03-02T00:00:00Z",
    "version": 1,
    "statements": [{
        "vulnerability": { "name": "CVE-2099-1" },
        "products": [{ "@id": "pkg:cargo/two-lines@1.2.0" }],
        "status": "not_affected",
        "justification": "vulnerable_code_not_in_execute_path"
    }]
}"#;

/// Known vulnerabilities are told, a VEX document is told beside them, and only when it
/// was asked for do they change the answer.
#[test]
fn an_audit_for_vulnerabilities() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    let prov = |arguments: &[&str]| run(place.path(), arguments);
    fs::write(path("app"), "app").unwrap();
    fs::write(path("app.openvex.json"), OPENVEX).unwrap();
    let sbom = |version: &str| {
        format!(
            r#"{{ "bomFormat": "CycloneDX", "specVersion": "1.6", "components": [
                {{ "type": "library", "name": "two-lines", "version": "{version}",
                  "purl": "pkg:cargo/two-lines@{version}" }},
                {{ "type": "library", "name": "unknown" }}] }}"#
        )
    };
    let attest = |version: &str| {
        fs::write(path("app.cdx.json"), sbom(version)).unwrap();
        fs::copy(folder().join("mine.key"), path("mine.key")).unwrap();
        private(Path::new(&path("mine.key")));
        fs::copy(folder().join("mine.pub"), path("mine.pub")).unwrap();
        let words = "attest app --key mine.key --sbom app.cdx.json --type cyclonedx --force";
        let output = prov(&words.split(' ').collect::<Vec<_>>());
        assert!(output.status.success(), "{}", said(&output));
    };
    let osv = testdata("osv");
    let osv = osv.to_str().unwrap();
    let policy = r#"
        schema = "prov.policy/v1"
        name = "an SBOM"
        [[trust.key]]
        name = "mine"
        public-key-file = "mine.pub"
        transparency = "not-required"
        [build]
        min-level = 0
        [attestations]
        require = ["https://cyclonedx.org/bom"]
    "#;
    fs::write(path("policy.toml"), policy).unwrap();
    let words = ["audit", "app", "--policy", "policy.toml", "--osv", osv];
    let audit = |more: &[&str]| prov(&[&words, more].concat());
    attest("1.2.0");
    let found = audit(&[]);
    assert_eq!(found.status.code(), Some(0), "{}", said(&found));
    let text = said(&found);
    for words in [
        "RUSTSEC-2099-0001",
        "fixed in 1.2.6",
        "1 packages, 1 could not be",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(audit(&["--fail-on", "critical"]).status.code(), Some(1));
    let waived = audit(&["--fail-on", "any", "--vex", "app.openvex.json"]);
    assert_eq!(waived.status.code(), Some(0), "{}", said(&waived));
    assert!(said(&waived).contains("RUSTSEC-2099-0001"), "hidden");
    assert!(said(&waived).contains("not_affected: vulnerable_code_not_in_execute_path"));
    let json = audit(&["--format", "json", "--vex", "app.openvex.json"]);
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let vulnerabilities = &report["artifacts"][0]["vulnerabilities"];
    assert_eq!(vulnerabilities["found"][0]["rating"], "critical");
    assert_eq!(vulnerabilities["found"][0]["vex"]["status"], "not_affected");
    let nothing = prov(&["audit", "app", "--osv", "mine.pub"]);
    assert_eq!(nothing.status.code(), Some(2), "{}", said(&nothing));
    attest("1.2.6");
    let fixed = audit(&["--fail-on", "any"]);
    assert_eq!(fixed.status.code(), Some(0), "{}", said(&fixed));
    assert!(said(&fixed).contains("none known in what was looked up"));
}

#[test]
fn an_audit_of_hostile_names() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    for name in ["mine.key", "mine.pub"] {
        fs::copy(self::folder().join(name), folder.join(name)).unwrap();
        private(&folder.join(name));
    }
    fs::write(folder.join("app"), "x").unwrap();
    let hostile = "\u{1b}[31m</td><script>alert(1)</script>|`[a](javascript:b)\u{202e}\nx";
    let sbom = serde_json::json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6",
        "metadata": {"component": {"type": "application", "name": "app"}},
        "components": [{"type": "library", "name": hostile, "version": hostile,
                        "licenses": [{"license": {"name": hostile}}]},
                       {"type": "file", "name": hostile,
                        "hashes": [{"alg": "SHA-256", "content": "00".repeat(32)}]}],
    });
    fs::write(folder.join("sbom.json"), sbom.to_string()).unwrap();
    let attest = ["attest", "app", "--key", "mine.key", "--sbom", "sbom.json"];
    let output = run(folder, &attest);
    assert!(output.status.success(), "{}", said(&output));
    for format in ["text", "markdown", "json", "sarif"] {
        let trust = [
            "--key",
            "mine.pub",
            "--insecure-ignore-tlog",
            "--format",
            format,
        ];
        let output = run(folder, &[&["audit", "app"], &trust[..]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains('\u{1b}'), "{format}: {text}");
        match format {
            "markdown" => {
                assert!(!text.contains("<script>"), "{text}");
                assert!(!text.contains("[a]("), "{text}");
                assert!(!text.contains('\u{202e}'), "{text}");
            }
            "text" => {
                assert!(text.contains("alert(1)"), "shown, but not obeyed: {text}");
                assert!(!text.contains('\u{202e}'), "{text}");
                assert!(!text.lines().any(|line| line.starts_with('x')), "{text}");
            }
            _ => assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok()),
        }
    }
}

/// Two releases are compared by what is genuine, and what became worse comes first.
#[test]
fn a_difference_between_releases() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    for name in ["mine.key", "mine.pub"] {
        fs::copy(self::folder().join(name), folder.join(name)).unwrap();
        private(&folder.join(name));
    }
    let sbom = |version: &str| {
        let purl = format!("pkg:cargo/a@{version}");
        serde_json::json!({
            "bomFormat": "CycloneDX", "specVersion": "1.6",
            "metadata": {"component": {"type": "application", "name": "app"}},
            "components": [{"type": "library", "name": "a", "version": version, "purl": purl}],
        })
    };
    for (release, version) in [("one", "1.2.0"), ("two", "1.1.0")] {
        fs::create_dir(folder.join(release)).unwrap();
        fs::write(folder.join(release).join("app"), release).unwrap();
        fs::write(folder.join("sbom.json"), sbom(version).to_string()).unwrap();
        let artifact = format!("{release}/app");
        let attest = [
            "attest",
            &artifact,
            "--key",
            "mine.key",
            "--sbom",
            "sbom.json",
        ];
        let place = format!("oci:releases:{release}");
        let output = run(folder, &[&attest[..], &["--push", &place]].concat());
        assert!(output.status.success(), "{}", said(&output));
    }
    let trust = ["--key", "mine.pub", "--insecure-ignore-tlog"];
    let diff = |from: &str, to: &str| run(folder, &[&["diff", from, to], &trust[..]].concat());
    for (from, to) in [
        ("one/app", "two/app"),
        ("oci:releases:one", "oci:releases:two"),
        ("one/app", "oci:releases:two"),
    ] {
        let output = diff(from, to);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(
            said(&output).contains("a  1.2.0 → 1.1.0"),
            "{}",
            said(&output)
        );
    }
    let same = diff("oci:releases:one", "oci:releases:one");
    assert_eq!(same.status.code(), Some(0), "{}", said(&same));
    // By another key nothing of it is genuine, and nothing is taken for an SBOM.
    let other = ["diff", "oci:releases:one", "oci:releases:two"];
    let output = run(folder, &other);
    assert!(!said(&output).contains("1.2.0"), "{}", said(&output));
    assert!(
        said(&output).contains("no SBOM that counts"),
        "{}",
        said(&output)
    );
    let several = diff("oci:releases", "one/app");
    assert_eq!(several.status.code(), Some(2), "{}", said(&several));
}

/// The examples of each `--help` are what a newcomer types first.
#[test]
fn examples_of_every_help_are_understood() {
    let commands: &[&[&str]] = &[
        &["dev"],
        &["run"],
        &["verify"],
        &["attest"],
        &["sbom"],
        &["audit"],
        &["diff"],
        &["key", "generate"],
        &["key", "public"],
        &["policy", "check"],
        &["policy", "explain"],
        &["policy", "init"],
        &["push"],
        &["attach"],
        &["discover"],
        &["pull"],
        &["copy"],
        &["completions"],
    ];
    let mut examples = 0;
    for command in commands {
        let output = run(folder(), &[command, &["--help"][..]].concat());
        let help = said(&output);
        assert!(help.contains("Exit codes:"), "{command:?}");
        for line in help.lines().filter_map(|line| line.strip_prefix("  prov ")) {
            examples += 1;
            check_example(line);
        }
    }
    assert!(examples >= 15, "only {examples} examples");
}

/// bash itself completes by what prov prints for it.
#[test]
fn bash_completes() {
    let folder = tempfile::tempdir().unwrap();
    let script = run(folder.path(), &["completions", "bash"]);
    fs::write(folder.path().join("prov.bash"), &script.stdout).unwrap();
    let complete = |words: &str, last: usize| {
        let ask = format!(
            ". ./prov.bash; COMP_WORDS=({words}); COMP_CWORD={last}; \
             _prov prov \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{last} - 1]}}\"; \
             echo \"${{COMPREPLY[@]}}\""
        );
        let output = std::process::Command::new("bash")
            .args(["-c", &ask])
            .current_dir(&folder)
            .output()
            .unwrap();
        said(&output)
    };
    assert_eq!(complete("prov ver", 1), "verify\n");
    assert_eq!(complete("prov policy exp", 2), "explain\n");
    assert_eq!(complete("prov verify --format s", 3), "sarif\n");
    assert_eq!(complete("prov no-such", 1), "\n");
}

/// Runs an example in a folder of its own, with `app.wasm` and the like in it.
/// `prov dev` would run on, so it only has to understand its arguments: end_to_end
/// has the rest.
fn check_example(line: &str) {
    let scratch = tempfile::tempdir().unwrap();
    let has = |name: &str, from: &str| {
        fs::copy(folder().join(from), scratch.path().join(name)).unwrap();
    };
    has("app.wasm", "hello.wasm");
    has("prov.key", "mine.key");
    has("prov.pub", "mine.pub");
    has("mine.pub", "mine.pub");
    has("release.toml", "mine.toml");
    fs::create_dir_all(scratch.path().join("policies")).unwrap();
    fs::create_dir_all(scratch.path().join("data")).unwrap();
    has("policies/release.toml", "mine.toml");
    has("nats.conf", "lonely.wasm");
    fs::write(scratch.path().join("Cargo.lock"), CARGO_LOCK).unwrap();
    for (name, from) in [
        ("vendor.cdx.json", "syft/web.cdx.json"),
        ("v1.cdx.json", "syft/web.cdx.json"),
        ("app-1.cdx.json", "syft/web.cdx.json"),
        ("v2.cdx.json", "cyclonedx-py/environment.cdx.json"),
        ("old.spdx.json", "syft/web.spdx.json"),
        ("new.cdx.xml", "cyclonedx-py/requirements.cdx.xml"),
    ] {
        let from = testdata("sbom/import").join(from);
        fs::copy(from, scratch.path().join(name)).unwrap();
    }
    fs::write(scratch.path().join("vex.json"), "{}").unwrap();
    fs::write(scratch.path().join("app.openvex.json"), OPENVEX).unwrap();
    fs::create_dir(scratch.path().join("osv-dump")).unwrap();
    fs::copy(
        testdata("osv/crates.io/no-score.json"),
        scratch.path().join("osv-dump/a.json"),
    )
    .unwrap();
    fs::write(
        scratch.path().join("release.txt"),
        "# a release\napp.wasm\n",
    )
    .unwrap();
    fs::write(scratch.path().join("password.txt"), "correct-horse").unwrap();
    if line.starts_with("key generate") {
        fs::remove_file(scratch.path().join("prov.key")).unwrap();
        fs::remove_file(scratch.path().join("prov.pub")).unwrap();
    }
    if line.starts_with("attest") {
        for words in [
            &["init", "-q"][..],
            &[
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@example.com",
                "commit",
                "-q",
                "--allow-empty",
                "-m",
                "x",
            ],
        ] {
            let mut git = std::process::Command::new("git");
            assert!(
                git.args(words)
                    .current_dir(&scratch)
                    .status()
                    .unwrap()
                    .success()
            );
        }
    } else {
        has("app.wasm.sigstore.jsonl", "hello.wasm.sigstore.jsonl");
        has("app.sigstore.json", "hello.wasm.sigstore.jsonl");
        has("app.json", "hello.wasm.sigstore.jsonl");
    }
    let mut command = std::process::Command::new("sh");
    let real = prov();
    for (name, value) in real.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // A registry that nobody can reach here: a layout has the same in it.
    let line = &line
        .replace("ghcr.io/me/", "oci:")
        .replace("registry.example.com/mirror/", "oci:mirror-of-");
    if line.contains("oci:") && !line.starts_with("attest") {
        for (name, machine) in [
            ("linux-amd64", 62),
            ("linux-arm64", 183),
            ("darwin-arm64", 0),
        ] {
            let mut head = b"\x7fELF\x02\x01".to_vec();
            head.resize(18, 0);
            head.extend([machine, 0]);
            if machine == 0 {
                head = b"\xcf\xfa\xed\xfe\x0c\0\0\x01".to_vec();
            }
            fs::write(scratch.path().join(format!("wash-{name}")), head).unwrap();
        }
        for place in ["oci:app:v1", "oci:layout:v1"] {
            for arguments in [
                &["push", "app.wasm", place][..],
                &["attach", place, "app.wasm.sigstore.jsonl"],
            ] {
                let output = run(scratch.path(), arguments);
                assert!(output.status.success(), "{}", said(&output));
            }
        }
        let another = match line.split(' ').next() {
            Some("diff") => Some(["push", "wash-linux-amd64", "oci:app:v2"]),
            Some("sbom") => Some(["push", "Cargo.lock", "oci:app:v1"]),
            _ => None,
        };
        if let Some(arguments) = another {
            let output = run(scratch.path(), &arguments);
            assert!(output.status.success(), "{}", said(&output));
        }
        has("provenance.json", "hello.wasm.sigstore.jsonl");
        has("sbom.json", "hello.wasm.sigstore.jsonl");
        if line.starts_with("pull") {
            fs::remove_file(scratch.path().join("app.wasm")).unwrap();
            fs::remove_file(scratch.path().join("app.wasm.sigstore.jsonl")).unwrap();
        }
    }
    let program = env!("CARGO_BIN_EXE_prov");
    let ending = if line.starts_with("dev") {
        " --data /dev/null"
    } else if line.contains("--vsa") {
        // A layout does not say where consumers get it from.
        " --resource-uri https://example.com/app"
    } else {
        ""
    };
    let line = line.replace(" --ephemeral", "");
    // tests/peers has who can sign without a key.
    let nobody = line == "attest app.wasm";
    let output = command
        .args(["-c", &format!("'{program}' {line}{ending}")])
        .current_dir(&scratch)
        .output()
        .unwrap();
    let wanted = match line.split(' ').next() {
        Some("dev") => Some(2),
        _ if nobody => Some(2),
        // The two are different.
        Some("diff") => Some(1),
        _ => Some(0),
    };
    assert_eq!(
        output.status.code(),
        wanted,
        "prov {line}: {}",
        said(&output)
    );
    if nobody {
        assert!(said(&output).contains("nobody to sign as"));
    }
    if line.starts_with("dev") {
        assert!(
            said(&output).contains("cannot use the data directory"),
            "{}",
            said(&output)
        );
    }
}
