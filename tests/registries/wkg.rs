//! wkg, which pulls and pushes WebAssembly as wash does: through `oci-wasm`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{HELLO, peer};
use crate::{Kind, Registry, TRUST};

/// A component that imports and exports an interface and a function.
const COMPONENT: &str = r#"(component
    (import "wasi:io/poll@0.2.0" (instance))
    (import "now" (func $now (result u64)))
    (instance $clock (export "now" (func $now)))
    (export "example:app/clock@1.0.0" (instance $clock))
    (export "tick" (func $now)))"#;

/// wkg, against a registry that speaks plain HTTP.
struct Wkg<'a> {
    program: PathBuf,
    registry: &'a Registry,
}

impl Wkg<'_> {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env("WKG_OCI_INSECURE", &self.registry.host)
            .env_remove("XDG_CACHE_HOME");
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        self.registry.run(self.command(), arguments)
    }

    fn refused(&self, arguments: &[&str]) -> String {
        self.registry.refused(self.command(), arguments)
    }
}

impl Registry {
    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).unwrap()
    }
}

/// wkg pulls what prov pushed, as an artifact and as a package; but no other file.
#[test]
fn wkg_pulls_what_prov_pushed() {
    let Some(program) = peer("wkg") else {
        return;
    };
    for kind in [Kind::Distribution, Kind::Debian, Kind::Mem] {
        let Some(registry) = &kind.start() else {
            continue;
        };
        let wkg = Wkg {
            program: program.clone(),
            registry,
        };
        let host = &registry.host;
        registry.write(
            "wkg.toml",
            format!(
                "default_registry = \"{host}\"\n[registry.\"{host}\"]\ntype = \"oci\"\n\
                 [registry.\"{host}\".oci]\nprotocol = \"http\"\n"
            ),
        );
        for (name, text) in [("module", HELLO), ("component", COMPONENT)] {
            let bytes = wat::parse_str(text).unwrap();
            registry.write("app.wasm", &bytes);
            let place = format!("{host}/team/{name}:1.0.0");
            let pinned = registry.prov(&["push", "app.wasm", &place]);
            for reference in [&place, pinned.trim()] {
                wkg.run(&["oci", "pull", reference, "-o", "pulled.wasm"]);
                assert_eq!(registry.read("pulled.wasm"), bytes, "{kind:?}, {reference}");
                fs::remove_file(registry.path().join("pulled.wasm")).unwrap();
            }
            let package = format!("team:{name}@1.0.0");
            let output = format!("./{name}.wasm");
            wkg.run(&["get", &package, "--config", "wkg.toml", "-o", &output]);
            assert_eq!(registry.read(&output), bytes, "{kind:?}, {package}");
        }
        registry.write("file", "no module");
        let place = format!("{host}/team/file:v1");
        registry.prov(&["push", "file", &place]);
        let said = wkg.refused(&["oci", "pull", &place, "-o", "pulled.wasm"]);
        assert!(said.contains("application/octet-stream"), "{said}");
        assert!(!registry.path().join("pulled.wasm").exists());
    }
}

/// prov pulls, attaches to and verifies what wkg pushed, and says the same of a
/// component as wkg does.
#[test]
fn prov_pulls_what_wkg_pushed() {
    let (Some(program), Some(crane)) = (peer("wkg"), peer("crane")) else {
        return;
    };
    for kind in [Kind::Distribution, Kind::Debian, Kind::Mem] {
        let Some(registry) = &kind.start() else {
            continue;
        };
        let wkg = Wkg {
            program: program.clone(),
            registry,
        };
        let bytes = wat::parse_str(COMPONENT).unwrap();
        registry.write("app.wasm", &bytes);
        let theirs = format!("{}/team/theirs:v1", registry.host);
        wkg.run(&["oci", "push", &theirs, "app.wasm"]);
        registry.prov(&["pull", &theirs, "--output", "pulled"]);
        assert_eq!(registry.read("pulled/app.wasm"), bytes, "{kind:?}");
        registry.keys();
        registry.prov(&["attest", "app.wasm", "--key", "mine.key"]);
        let verify = [&["verify", &theirs][..], &TRUST].concat();
        registry.refused(crate::support::prov(), &verify);
        registry.prov(&["attach", &theirs, "app.wasm.sigstore.jsonl"]);
        registry.prov(&verify);
        // Evidence beside it changes nothing for wkg.
        wkg.run(&["oci", "pull", &theirs, "-o", "again.wasm"]);
        assert_eq!(registry.read("again.wasm"), bytes, "{kind:?}");

        let ours = format!("{}/team/ours:v1", registry.host);
        registry.prov(&["push", "app.wasm", &ours]);
        let config = |place: &str| {
            let config = registry.run(Command::new(&crane), &["config", "--insecure", place]);
            let mut config: Value = serde_json::from_str(&config).unwrap();
            // prov's is always the same; wkg's is now.
            assert!(config["created"].take().is_string(), "{config}");
            config
        };
        assert_eq!(config(&ours), config(&theirs));
        assert_eq!(
            config(&ours)["component"],
            json!({
                "imports": ["wasi:io/poll@0.2.0", "now"],
                "exports": ["example:app/clock@1.0.0", "tick"],
                "target": null,
            })
        );
    }
}
