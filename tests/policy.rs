//! Policies from files, and evidence that was really signed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use proptest::prelude::*;
use prov::artifact::Artifact;
use prov::bundle::{Bundle, Evidence};
use prov::key::PublicKey;
use prov::policy::{KeySource, MAX_POLICY, Outcome, Policy, Rule, Verdict};
use prov::sign::{KeyKind, PrivateKey};
use prov::statement::{ResourceDescriptor, SLSA_PROVENANCE_V1, Statement, slsa};
use prov::verify::{self, Transparency, Trust, Verified};
use serde_json::json;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn policies(folder: &str) -> Vec<(PathBuf, String)> {
    let mut files: Vec<_> = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "toml"))
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no policy in {folder}");
    files
}

/// The head of each file says what must be refused: `# expect: LINE:COLUMN TEXT`
/// for each error in order, and `# hint: TEXT` for hints that must be given.
#[test]
fn refused_policies_say_where_and_why() {
    let mut wrong = Vec::new();
    for (path, text) in policies("testdata/policy/refused") {
        let heads = |prefix: &str| -> Vec<String> {
            let lines = text.lines().filter_map(|line| line.strip_prefix(prefix));
            lines.map(str::to_owned).collect()
        };
        let errors = match Policy::parse(&text) {
            Ok(_) => panic!("{} was taken", path.display()),
            Err(errors) => errors,
        };
        let seen: Vec<String> = errors
            .iter()
            .map(|error| {
                let (line, column) = error.position(&text);
                assert!(error.span.start <= error.span.end && error.span.end <= text.len());
                format!("{line}:{column} {}", error.message)
            })
            .collect();
        let wanted = heads("# expect: ");
        let agree = seen.len() == wanted.len()
            && seen.iter().zip(&wanted).all(|(seen, wanted)| {
                let (place, text) = wanted.split_once(' ').unwrap();
                seen.starts_with(&format!("{place} ")) && seen.contains(text)
            });
        if !agree {
            wrong.push(format!("{}: {seen:#?}\nwanted {wanted:#?}", path.display()));
        }
        for hint in heads("# hint: ") {
            let given = errors
                .iter()
                .any(|error| error.hint.as_ref() == Some(&hint));
            if !given {
                wrong.push(format!(
                    "{}: no hint `{hint}` in {errors:#?}",
                    path.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn accepted_policies() {
    for folder in ["testdata/policy/accepted", "policies"] {
        for (path, text) in policies(folder) {
            if let Err(errors) = Policy::parse(&text) {
                panic!("{}: {errors}", path.display());
            }
        }
    }
}

#[test]
fn the_example_in_the_documentation() {
    let page = fs::read_to_string(root().join("docs/policy.md")).unwrap();
    let examples: Vec<_> = page.split("```toml\n").skip(1).collect();
    assert!(!examples.is_empty());
    for example in examples {
        let text = example.split("```").next().unwrap();
        if text.contains("schema = ") {
            Policy::parse(text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        }
    }
}

/// Each line of CEL in the documentation is an expression that a rule takes.
#[test]
fn the_expressions_in_the_documentation() {
    let page = fs::read_to_string(root().join("docs/policy.md")).unwrap();
    let blocks = page.split("```cel\n").skip(1);
    let lines: Vec<&str> = blocks
        .flat_map(|block| block.split("```").next().unwrap().lines())
        .collect();
    assert!(lines.len() >= 5);
    for line in lines {
        let policy =
            format!("{STACK_POLICY}[[rule]]\nid = \"a\"\nmessage = \"b\"\nassert = \"{line}\"\n");
        Policy::parse(&policy).unwrap_or_else(|errors| panic!("{errors}\n{line}"));
    }
}

#[test]
fn a_policy_has_a_size() {
    let text = "#".repeat(MAX_POLICY + 1);
    assert!(
        Policy::parse(&text)
            .unwrap_err()
            .to_string()
            .contains("larger")
    );
    assert!(Policy::parse(&"[".repeat(10_000)).is_err());
    assert!(Policy::parse(&format!("a = {}", "[".repeat(10_000))).is_err());
}

fn seeds() -> Vec<String> {
    [
        "testdata/policy/accepted",
        "policies",
        "testdata/policy/refused",
    ]
    .iter()
    .flat_map(|folder| policies(folder))
    .map(|(_, text)| text)
    .collect()
}

proptest! {
    #[test]
    fn parsing_never_panics_on_text(text in "\\PC{0,200}|[\\x00-\\x7f]{0,200}") {
        let _ = Policy::parse(&text);
    }

    #[test]
    fn parsing_never_panics_on_damaged_policies(
        seed in prop::sample::select(seeds()),
        other in prop::sample::select(seeds()),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), "[\\[\\]\"'=.#*@:/\n0-9a-z-]{0,4}"), 1..6),
        lines in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut text: Vec<char> = seed.chars().collect();
        for (from, to, insert) in &cuts {
            let (a, b) = (from.index(text.len() + 1), to.index(text.len() + 1));
            let end = b.clamp(a, (a + 12).min(text.len()));
            text.splice(a..end, insert.chars());
        }
        let mut text: String = text.into_iter().collect();
        let foreign: Vec<&str> = other.lines().collect();
        for line in &lines {
            text.push('\n');
            text.push_str(line.get::<&str>(&foreign));
        }
        if let Err(errors) = Policy::parse(&text) {
            prop_assert!(errors.iter().count() > 0);
            for error in &errors {
                prop_assert!(text.get(error.span.clone()).is_some(), "{error:?}");
                let _ = error.position(&text);
            }
        }
    }
}

fn key_pair() -> (PrivateKey, PublicKey) {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let public = key.public().unwrap();
    (key, public)
}

fn sign(statement: &Statement, key: &PrivateKey) -> Evidence {
    let json = key.sign(statement).unwrap();
    Evidence {
        origin: "module.prov.json".into(),
        bundle: Bundle::parse(json.as_bytes()).unwrap(),
    }
}

fn local_provenance(artifact: &Artifact) -> Statement {
    let predicate = json!({
        "buildDefinition": {"buildType": slsa::LOCAL_BUILD_TYPE, "externalParameters": {}},
        "runDetails": {"builder": {"id": slsa::LOCAL_BUILDER}},
    });
    let subject = vec![ResourceDescriptor::of(artifact)];
    Statement::new(subject, SLSA_PROVENANCE_V1, predicate)
}

fn dev_policy(build_key: &PublicKey) -> Policy {
    let mut policy = Policy::parse(include_str!("../policies/dev.toml")).unwrap();
    policy
        .resolve_keys(|source| match source {
            KeySource::BuildKey => Ok(Some(build_key.clone())),
            other => Err(other.to_string()),
        })
        .unwrap();
    policy
}

#[test]
fn the_module_of_a_local_build_may_run() {
    let module = Artifact::from_bytes("nats.wasm", b"\0asm".to_vec());
    let (pair, public) = key_pair();
    let policy = dev_policy(&public);
    let trust = Trust::keys(policy.trusted_keys());
    let evidence = sign(&local_provenance(&module), &pair);
    let verified = verify::statement(&module, &evidence, &trust).unwrap();
    let verdict = policy.judge(&module, &[verified], SystemTime::now());
    assert!(verdict.passed(), "{:#?}", verdict.findings());
    assert_eq!(verdict.level(), 1);
    assert_eq!(verdict.admit(module).unwrap().name(), "nats.wasm");
}

#[test]
fn the_brothers_of_that_module_may_not() {
    let module = Artifact::from_bytes("nats.wasm", b"\0asm".to_vec());
    let other = Artifact::from_bytes("nats.wasm", b"\0evil".to_vec());
    let (pair, public) = key_pair();
    let (stranger, stranger_public) = key_pair();
    let policy = dev_policy(&public);
    let trust = Trust::keys(policy.trusted_keys());
    let now = SystemTime::now();
    // No evidence.
    assert!(
        policy
            .judge(&module, &[], now)
            .admit(module.clone())
            .is_err()
    );
    // Another subject, and a stranger's key: not even verified.
    let about_other = sign(&local_provenance(&other), &pair);
    assert!(verify::statement(&module, &about_other, &trust).is_err());
    let by_stranger = sign(&local_provenance(&module), &stranger);
    assert!(verify::statement(&module, &by_stranger, &trust).is_err());
    // A stranger's key that somebody trusts, but not this policy.
    let loose = Policy::for_key(stranger_public, Transparency::NotRequired);
    let verified =
        verify::statement(&module, &by_stranger, &Trust::keys(loose.trusted_keys())).unwrap();
    assert!(!policy.judge(&module, &[verified], now).passed());
    // Verified against another artifact.
    let verified = verify::statement(&other, &about_other, &trust).unwrap();
    assert!(!policy.judge(&module, &[verified], now).passed());
    // Another builder than the key may sign for.
    let mut statement = local_provenance(&module);
    statement.predicate["runDetails"]["builder"]["id"] = json!("https://github.com/evil");
    let verified = verify::statement(&module, &sign(&statement, &pair), &trust).unwrap();
    let verdict = policy.judge(&module, &[verified], now);
    assert!(failed(&verdict).contains(&Rule::Builder));
    assert!(verdict.admit(module).is_err());
}

fn failed(verdict: &Verdict) -> Vec<Rule> {
    let failed = verdict
        .findings()
        .iter()
        .filter(|finding| finding.outcome == Outcome::Failed);
    failed.map(|finding| finding.rule.clone()).collect()
}

fn stack(name: &str) -> String {
    let path = root().join("testdata/bundles/local-stack").join(name);
    fs::read_to_string(path).unwrap()
}

fn module() -> Artifact {
    let path = root().join("testdata/bundles/local-stack/mod.wasm");
    Artifact::from_bytes("mod.wasm", fs::read(path).unwrap())
}

fn verified(policy: &Policy, bundle: &str) -> Result<Verified<Statement>, verify::VerifyError> {
    let trust = Trust::keys(policy.trusted_keys())
        .with_root(&stack("trusted_root.json"))
        .unwrap();
    let evidence = Evidence {
        origin: bundle.to_owned(),
        bundle: Bundle::parse(stack(bundle).as_bytes()).unwrap(),
    };
    verify::statement(&module(), &evidence, &trust)
}

const STACK_POLICY: &str = r#"
schema = "prov.policy/v1"
name = "local stack"
[[trust.builder]]
issuer = "http://127.0.0.1:18889"
signer = "https://github.com/wasmCloud/prov/.github/workflows/attest.yml"
signer-ref = ["refs/tags/v*"]
level = 3
[source]
repository = "https://github.com/wasmCloud/wasmCloud"
ref = ["refs/tags/wash-v*"]
"#;

/// A certificate of a real Fulcio. Its provenance states another builder, so
/// signature and signer are right and the answer is no all the same.
#[test]
fn a_real_certificate_and_a_provenance_that_contradicts_it() {
    let policy = Policy::parse(STACK_POLICY).unwrap();
    let evidence = [verified(&policy, "ci.json").unwrap()];
    let verdict = policy.judge(&module(), &evidence, SystemTime::now());
    assert_eq!(failed(&verdict), [Rule::Consistent, Rule::MinLevel]);
    assert_eq!(verdict.level(), 0);
    let seen = |rule| {
        let finding = verdict.findings().iter().find(|it| it.rule == rule);
        finding.unwrap().seen.clone()
    };
    assert!(seen(Rule::Signer).contains("attest.yml@refs/tags/v1"));
    assert_eq!(seen(Rule::Ref), "refs/tags/wash-v0.40.0");
}

#[test]
fn a_real_certificate_of_somebody_else() {
    for (from, to) in [
        (
            "http://127.0.0.1:18889",
            "https://token.actions.githubusercontent.com",
        ),
        ("refs/tags/v*", "refs/heads/*"),
        ("attest.yml", "build.yml"),
    ] {
        let policy = Policy::parse(&STACK_POLICY.replacen(from, to, 1)).unwrap();
        let evidence = [verified(&policy, "ci.json").unwrap()];
        let verdict = policy.judge(&module(), &evidence, SystemTime::now());
        assert!(failed(&verdict).contains(&Rule::Signer), "{from}");
    }
    // A person's certificate is no builder's.
    let policy = Policy::parse(STACK_POLICY).unwrap();
    let evidence = [verified(&policy, "rs-att.json").unwrap()];
    let verdict = policy.judge(&module(), &evidence, SystemTime::now());
    assert!(failed(&verdict).contains(&Rule::Signer));
}

#[test]
fn a_key_in_a_real_log() {
    let key = PublicKey::from_pem(&stack("managed.pub")).unwrap();
    let strict = Policy::for_key(key.clone(), Transparency::Required);
    let evidence = [verified(&strict, "k-full.json").unwrap()];
    let verdict = strict.judge(&module(), &evidence, SystemTime::now());
    assert!(verdict.passed(), "{:#?}", verdict.findings());
    assert_eq!(verdict.level(), 1);
    // The same key without a log entry.
    assert!(verified(&strict, "k-none.json").is_err());
    let loose = Policy::for_key(key, Transparency::NotRequired);
    let evidence = [verified(&loose, "k-none.json").unwrap()];
    assert!(
        loose
            .judge(&module(), &evidence, SystemTime::now())
            .passed()
    );
    assert!(
        !strict
            .judge(&module(), &evidence, SystemTime::now())
            .passed()
    );
}
