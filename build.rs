//! Builds the embedded NATS server from upstream source and attests it.
//!
//! The module, its bundle and the public half of a key that lives for this build
//! only go into the binary. The statement is made by the library's own sources,
//! so a build from source takes the same road through verify and policy as a
//! release does. It is SLSA Build L1 and claims no more.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, json};

use artifact::{Artifact, Digest};
use provenance::{LocalBuild, Source};
use sign::{KeyKind, PrivateKey};
use statement::ResourceDescriptor;

// The same files as in the library; each stands on the ones before it.
#[path = "src/artifact/mod.rs"]
#[allow(dead_code, unreachable_pub)]
mod artifact;
#[path = "src/json.rs"]
#[allow(dead_code, unreachable_pub)]
mod json;
#[path = "src/key.rs"]
#[allow(dead_code, unreachable_pub)]
mod key;
#[path = "src/provenance/mod.rs"]
#[allow(dead_code, unreachable_pub, unused_imports)]
mod provenance;
#[path = "src/sign"]
#[allow(dead_code, unreachable_pub)]
mod sign {
    mod envelope;
    mod error;
    mod key;

    pub use error::SignError;
    pub use key::{KeyKind, PrivateKey};
}
#[path = "src/statement/mod.rs"]
#[allow(dead_code, unreachable_pub)]
mod statement;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The Go program, relative to the repository's root.
const GUEST: &str = "src/launch/nats/guest";
/// Flags that give the same bytes from any folder and any Go cache.
const GO_BUILD: [&str; 5] = [
    "build",
    "-mod=readonly",
    "-trimpath",
    "-buildvcs=false",
    "-ldflags=-s -w -buildid=",
];
/// The environment that could change what is built, pinned.
const GO_ENV: [(&str, &str); 8] = [
    ("GOOS", "wasip1"),
    ("GOARCH", "wasm"),
    ("CGO_ENABLED", "0"),
    ("GOWORK", "off"),
    ("GOTOOLCHAIN", "local"),
    ("GOFLAGS", ""),
    ("GOWASM", ""),
    ("GOEXPERIMENT", ""),
];

fn main() {
    if env::var_os("CARGO_FEATURE_EMBEDDED_NATS").is_none() {
        println!("cargo::rerun-if-changed=build.rs");
        return;
    }
    if let Err(error) = embed() {
        for line in error.to_string().lines() {
            println!("cargo::error={line}");
        }
    }
}

/// What goes into the binary.
struct Embedded {
    module: Vec<u8>,
    bundle: String,
    /// The key of this build; none when the module was built elsewhere.
    public_key_pem: String,
}

fn embed() -> Result<()> {
    println!("cargo::rerun-if-env-changed=PROV_NATS_WASM");
    println!("cargo::rerun-if-env-changed=PROV_NATS_BUNDLE");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let embedded = match (
        env::var_os("PROV_NATS_WASM"),
        env::var_os("PROV_NATS_BUNDLE"),
    ) {
        (Some(module), Some(bundle)) => built_elsewhere(module.as_ref(), bundle.as_ref())?,
        (None, None) => build(&out)?,
        _ => {
            return Err("PROV_NATS_WASM and PROV_NATS_BUNDLE go together: set both, or neither to build from source".into());
        }
    };
    let digest = Digest::sha256(&embedded.module);
    pack(&out, &embedded.module, &digest)?;
    fs::write(out.join("nats.sigstore.json"), &embedded.bundle)?;
    fs::write(out.join("build-key.pem"), &embedded.public_key_pem)?;
    println!("cargo::rustc-env=PROV_NATS_SHA256={digest}");
    println!("cargo::rustc-env=PROV_NATS_SIZE={}", embedded.module.len());
    Ok(())
}

/// A module that another build made, with its bundle. Nothing is believed of
/// them here: both are verified each time before the module runs.
fn built_elsewhere(module: &Path, bundle: &Path) -> Result<Embedded> {
    let read = |path: &Path| {
        println!("cargo::rerun-if-changed={}", path.display());
        fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
    };
    Ok(Embedded {
        module: read(module)?,
        bundle: String::from_utf8(read(bundle)?)?,
        public_key_pem: String::new(),
    })
}

/// Builds the module from source and signs what is known of that.
fn build(out: &Path) -> Result<Embedded> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let guest = root.join(GUEST);
    println!("cargo::rerun-if-changed={GUEST}");
    let go_version = check_go(&guest)?;

    let wasm = out.join("nats.wasm");
    go(
        &guest,
        GO_BUILD
            .into_iter()
            .map(Into::into)
            .chain(["-o".into(), wasm.clone().into(), ".".into()]),
    )?;
    let module = fs::read(&wasm)?;

    let source = Source::of(&root, &[GUEST, "build.rs"]).ok().flatten();
    watch_commits(&root);
    let mut dependencies = go_modules(&guest)?;
    dependencies.extend(guest_files(&guest)?);
    let mut parameters = Map::new();
    let environment: Map<_, _> = GO_ENV
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    parameters.insert("environment".to_owned(), environment.into());
    let mut tools = Map::new();
    tools.insert("go".to_owned(), go_version.into());
    let build = LocalBuild {
        source,
        path: Some(GUEST.to_owned()),
        command: ["go"]
            .iter()
            .chain(&GO_BUILD)
            .chain(&["."])
            .map(|word| (*word).to_owned())
            .collect(),
        parameters,
        tools,
        dependencies,
        ..LocalBuild::default()
    };
    let artifact = Artifact::from_bytes("nats.wasm", module);
    let statement =
        provenance::statement(vec![ResourceDescriptor::of(&artifact)], &build.provenance());
    let key = PrivateKey::generate(KeyKind::EcdsaP256)?;
    Ok(Embedded {
        bundle: key.sign(&statement)?,
        public_key_pem: key.public()?.to_pem(),
        module: artifact.into_bytes()?,
    })
}

/// Compresses the module, unless the last build left the same one.
fn pack(out: &Path, module: &[u8], digest: &Digest) -> Result<()> {
    let (packed, label) = (out.join("nats.wasm.zst"), out.join("nats.wasm.zst.of"));
    // A release is packed once and shipped often; a debug build is neither.
    let level = if env::var("PROFILE")? == "release" {
        19
    } else {
        3
    };
    let want = format!("{digest} level {level}");
    if packed.exists() && fs::read_to_string(&label).is_ok_and(|have| have == want) {
        return Ok(());
    }
    fs::write(&packed, zstd::encode_all(module, level)?)?;
    fs::write(&label, want)?;
    Ok(())
}

/// The Go version, if it is there and new enough for the guest's `go.mod`.
fn check_go(guest: &Path) -> Result<String> {
    let needed = fs::read_to_string(guest.join("go.mod"))?
        .lines()
        .find_map(|line| line.strip_prefix("go ").map(str::to_owned))
        .ok_or("the guest's go.mod names no Go version")?;
    let help = format!(
        "the embedded NATS server is built from Go source and needs Go {needed} or newer\n\
         hint: install Go from https://go.dev/dl, or build without it: cargo build --no-default-features --features launch"
    );
    let version = match go(guest, ["env".into(), "GOVERSION".into()]) {
        Ok(version) => version,
        Err(error) if error.downcast_ref::<io::Error>().is_some() => {
            return Err(format!("no `go` on the PATH: {help}").into());
        }
        Err(error) => return Err(error),
    };
    let parse = |text: &str| -> Vec<u32> {
        text.trim_start_matches("go")
            .split('.')
            .map_while(|part| part.parse().ok())
            .collect()
    };
    if parse(&version) < parse(&needed) {
        return Err(format!("`go` is {version}: {help}").into());
    }
    Ok(version)
}

/// The Go modules that are linked into the guest, each with the `h1:` sum that
/// go.sum pins, as in-toto's `dirHash`.
fn go_modules(guest: &Path) -> Result<Vec<ResourceDescriptor>> {
    let format = "-f={{with .Module}}{{.Path}} {{.Version}}{{end}}";
    let listing = go(
        guest,
        ["list", "-mod=readonly", "-deps", format, "."].map(Into::into),
    )?;
    let sums: BTreeMap<String, String> = fs::read_to_string(guest.join("go.sum"))?
        .lines()
        .filter_map(|line| {
            let (module, sum) = line.rsplit_once(' ')?;
            Some((module.to_owned(), sum.strip_prefix("h1:")?.to_owned()))
        })
        .collect();
    let mut modules: Vec<&str> = listing
        .lines()
        .map(str::trim)
        .filter(|line| line.contains(' '))
        .collect();
    modules.sort_unstable();
    modules.dedup();
    modules
        .into_iter()
        .map(|module| {
            let sum = sums
                .get(module)
                .ok_or_else(|| format!("go.sum has no line for {module}"))?;
            let hex = BASE64
                .decode(sum)?
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            Ok(ResourceDescriptor {
                uri: Some(format!("pkg:golang/{}", module.replace(' ', "@"))),
                digest: BTreeMap::from([("dirHash".to_owned(), hex)]),
                ..ResourceDescriptor::default()
            })
        })
        .collect()
}

/// The guest's own files that take part in the build.
fn guest_files(guest: &Path) -> Result<Vec<ResourceDescriptor>> {
    let listing = go(
        guest,
        ["list", "-mod=readonly", "-f={{join .GoFiles \" \"}}", "."].map(Into::into),
    )?;
    listing
        .split(' ')
        .chain(["go.mod", "go.sum"])
        .map(|name| {
            let digest = Digest::sha256(&fs::read(guest.join(name))?);
            Ok(ResourceDescriptor {
                name: Some(format!("{GUEST}/{name}")),
                digest: BTreeMap::from([("sha256".to_owned(), digest.hex())]),
                ..ResourceDescriptor::default()
            })
        })
        .collect()
}

/// Runs Go in the guest's folder; an `io::Error` means that there is no Go.
fn go(guest: &Path, arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<String> {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let output = Command::new("go")
        .args(&arguments)
        .current_dir(guest)
        .envs(GO_ENV)
        .output()?;
    if !output.status.success() {
        let words: Vec<_> = arguments
            .iter()
            .map(|word| word.to_string_lossy())
            .collect();
        return Err(format!(
            "`go {}` failed in {GUEST}:\n{}",
            words.join(" "),
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

/// A new commit changes what the statement says of the source.
fn watch_commits(root: &Path) {
    let asked = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["rev-parse", "--git-path", "logs/HEAD"])
        .output();
    let Ok(output) = asked else { return };
    let path = root.join(String::from_utf8_lossy(&output.stdout).trim_end());
    if output.status.success() && path.is_file() {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}
