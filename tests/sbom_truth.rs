//! The bill of materials of a repository against what its own tools say.
//!
//! `PROV_TRUTH_ROOT` names another repository than this one. Where a tool is
//! missing, or what it needs was never fetched, the test says so and goes on.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use prov::sbom::component::Scope;
use prov::sbom::{Caches, Inventory, Ref, Relation, Settings, Tree, collect, document};
use serde_json::Value;

fn root() -> PathBuf {
    let here = || Path::new(env!("CARGO_MANIFEST_DIR")).into();
    std::env::var_os("PROV_TRUTH_ROOT").map_or_else(here, PathBuf::from)
}

/// Past the test harness, which hides what a passing test prints.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn run(folder: &Path, program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .envs([("GOFLAGS", "-mod=readonly"), ("GOPROXY", "off")])
        .envs([("GOOS", "wasip1"), ("GOARCH", "wasm")])
        .output();
    match output {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout).ok(),
        _ => {
            let arguments = arguments.join(" ");
            say(&format!("SKIPPED: `{program} {arguments}` failed"));
            None
        }
    }
}

fn inventory(folder: &Path, caches: Caches) -> Inventory {
    let mut inventory = Inventory::default();
    let tree = Tree::walk(folder).unwrap().with_caches(caches);
    collect(&tree, &mut inventory).unwrap();
    inventory
}

fn cargo_home() -> PathBuf {
    let default = || std::env::home_dir().map(|home| home.join(".cargo"));
    let given = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    given.or_else(default).unwrap()
}

type Names = BTreeSet<String>;
type Edges = BTreeSet<(String, String)>;

fn score(what: &str, ours: &Names, truth: &Names) {
    let common = ours.intersection(truth).count();
    let (of_truth, of_ours) = (truth.len(), ours.len());
    say(&format!(
        "{what}: recall {common}/{of_truth}, precision {common}/{of_ours}"
    ));
    for each in truth.difference(ours).take(20) {
        say(&format!("  missing {each}"));
    }
    for each in ours.difference(truth).take(20) {
        say(&format!("  too much {each}"));
    }
}

fn written(edges: &Edges) -> Names {
    let edges = edges.iter();
    edges.map(|(from, to)| format!("{from} -> {to}")).collect()
}

/// What `cargo metadata` resolves for every platform: packages as name and
/// version, all edges, and those that count when the product runs.
fn cargo_truth(metadata: &Value) -> (Names, Edges, Edges) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap();
    let names: BTreeMap<String, String> = packages
        .iter()
        .map(|each| {
            let name = format!("{} {}", text(&each["name"]), text(&each["version"]));
            (text(&each["id"]), name)
        })
        .collect();
    let (mut all, mut normal) = (Edges::new(), Edges::new());
    for node in metadata["resolve"]["nodes"].as_array().unwrap() {
        for dep in node["deps"].as_array().unwrap() {
            let name = |value: &Value| names[value.as_str().unwrap()].clone();
            let edge = (name(&node["id"]), name(&dep["pkg"]));
            let mut kinds = dep["dep_kinds"].as_array().unwrap().iter();
            if kinds.any(|kind| kind["kind"].is_null()) {
                normal.insert(edge.clone());
            }
            all.insert(edge);
        }
    }
    (names.into_values().collect(), all, normal)
}

fn reachable(edges: &Edges, from: &str) -> Names {
    let mut reached = Names::from([from.to_owned()]);
    let mut todo = vec![from.to_owned()];
    while let Some(each) = todo.pop() {
        for (_, to) in edges.iter().filter(|(start, _)| *start == each) {
            if reached.insert(to.clone()) {
                todo.push(to.clone());
            }
        }
    }
    reached
}

#[test]
fn rust_agrees_with_cargo() {
    let root = root();
    let arguments = ["metadata", "--offline", "--locked", "--format-version", "1"];
    let Some(output) = run(&root, "cargo", &arguments) else {
        return;
    };
    let (truth, all, normal) = cargo_truth(&serde_json::from_str(&output).unwrap());
    // Only its manifests: other ecosystems of the tree have their own tests.
    let copy = tempfile::tempdir().unwrap();
    for file in ["Cargo.toml", "Cargo.lock"] {
        std::fs::copy(root.join(file), copy.path().join(file)).unwrap();
    }
    let inventory = inventory(copy.path(), Caches::default().cargo_home(&cargo_home()));
    let label = |name: &str, version: &Option<String>| {
        format!("{name} {}", version.as_deref().unwrap_or_default())
    };
    let name = |id: &Ref| {
        let component = inventory.get(id).unwrap();
        label(&component.name, &component.version)
    };
    let ours: Names = inventory.components().map(|(id, _)| name(id)).collect();
    score("crates", &ours, &truth);
    assert!(truth.is_subset(&ours), "a crate is missing");

    let edges: Edges = inventory
        .edges()
        .map(|each| (name(&each.from), name(&each.to)))
        .collect();
    score("edges", &written(&edges), &written(&all));
    assert!(all.is_subset(&edges), "an edge is missing");

    let mut licensed = inventory.components().map(|(_, each)| each);
    let licensed = licensed.by_ref().filter(|each| !each.licenses.is_empty());
    say(&format!("licences: {} of {}", licensed.count(), ours.len()));

    let at_run_time = |each| matches!(each, Relation::Normal | Relation::Optional);
    let wrong: Vec<String> = inventory
        .edges()
        .map(|each| ((name(&each.from), name(&each.to)), each.relation))
        .filter(|(edge, _)| all.contains(edge))
        .filter(|(edge, relation)| at_run_time(*relation) != normal.contains(edge))
        .map(|((from, to), relation)| format!("{from} -> {to} as {relation:?}"))
        .collect();
    say(&format!(
        "edges of a kind that cargo does not say: {wrong:?}"
    ));

    let product = name(inventory.products().next().unwrap());
    let needed = reachable(&normal, &product);
    let bom = document(inventory.clone(), &Settings::default())
        .unwrap()
        .bom;
    let kept: Names = bom
        .components
        .iter()
        .filter(|each| each.scope != Some(Scope::Excluded))
        .map(|each| label(&each.name, &each.version))
        .chain([product])
        .collect();
    score("required or optional", &kept, &needed);
    assert!(needed.is_subset(&kept), "a needed crate is excluded");
}

#[test]
fn go_agrees_with_go() {
    let guest = root().join("src/launch/nats/guest");
    if !guest.is_dir() {
        return say("SKIPPED: no Go program in this repository");
    }
    let Some(cache) = run(&guest, "go", &["env", "GOMODCACHE"]) else {
        return;
    };
    let caches = Caches::default().go_modules(Path::new(cache.trim()));
    let inventory = inventory(&guest, caches);
    let ours: Names = inventory
        .components()
        .filter(|(_, each)| !matches!(each.name.as_str(), "std" | "cmd"))
        .map(|(_, each)| {
            format!(
                "{} {}",
                each.name,
                each.version.as_deref().unwrap_or_default()
            )
        })
        .map(|name| name.trim().to_owned())
        .collect();
    let lines = |arguments: &[&str]| -> Option<Names> {
        let output = run(&guest, "go", arguments)?;
        let lines = output.lines().filter(|line| !line.is_empty());
        Some(lines.map(|line| line.trim().to_owned()).collect())
    };
    let format = "{{with .Module}}{{.Path}} {{.Version}}{{end}}";
    if let Some(linked) = lines(&["list", "-deps", "-f", format, "."]) {
        score("Go modules, `go list -deps`", &ours, &linked);
        assert!(linked.is_subset(&ours), "a linked module is missing");
    }
    if let Some(all) = lines(&["list", "-m", "all"]) {
        score("Go modules, `go list -m all`", &ours, &all);
        assert!(ours.is_subset(&all), "a module that Go does not know");
    }
}
