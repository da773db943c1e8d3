//! From a signature to a running guest: the whole road, with nothing left out.
//! What guests can do is tested beside the code, in `src/launch/tests`.
#![cfg(feature = "launch")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use std::time::SystemTime;

use prov::artifact::Artifact;
use prov::bundle::{Bundle, Evidence};
use prov::launch::{Cache, Exit, Guest, prepare, run};
use prov::policy::{Attested, Policy};
use prov::sign::{KeyKind, PrivateKey};
use prov::statement::{ResourceDescriptor, SLSA_PROVENANCE_V1, Statement, slsa};
use prov::verify::{self, Transparency, Trust};

/// A command that ends with the code 7.
const SEVEN: &str = r#"(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start") (call $exit (i32.const 7))))"#;

fn attest(artifact: &Artifact, key: &PrivateKey) -> Evidence {
    let statement = Statement::new(
        vec![ResourceDescriptor::of(artifact)],
        SLSA_PROVENANCE_V1,
        serde_json::json!({
            "buildDefinition": {"buildType": slsa::LOCAL_BUILD_TYPE, "externalParameters": {}},
            "runDetails": {"builder": {"id": slsa::LOCAL_BUILDER}},
        }),
    );
    let json = key.sign(&statement).unwrap();
    Evidence {
        origin: "seven.wasm.prov.json".into(),
        bundle: Bundle::parse(json.as_bytes()).unwrap(),
    }
}

/// Goes through verify and policy, as every command does.
fn admit(artifact: Artifact) -> Attested {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let public = key.public().unwrap();
    let policy = Policy::for_key(public, Transparency::NotRequired);
    let trust = Trust::keys(policy.trusted_keys());
    let verified = verify::statement(&artifact, &attest(&artifact, &key), &trust).unwrap();
    let verdict = policy.judge(&artifact, &[verified], SystemTime::now());
    verdict.admit(artifact).unwrap()
}

fn seven() -> Attested {
    admit(Artifact::from_bytes(
        "seven.wasm",
        wat::parse_str(SEVEN).unwrap(),
    ))
}

#[test]
fn what_a_policy_admits_runs() {
    let exit = run(seven(), Guest::new(), None, &mut |_| {}).unwrap();
    assert_eq!(exit, Exit { code: 7 });
}

#[test]
fn and_starts_from_the_cache_the_next_time() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::new(home.path().join("cache"), home.path().join("state/secret"));
    for compiled in [true, false] {
        let prepared = prepare(seven(), Some(&cache), &mut |_| {}).unwrap();
        assert_eq!(prepared.was_compiled(), compiled);
        assert_eq!(prepared.run(Guest::new()).unwrap(), Exit { code: 7 });
    }
}
