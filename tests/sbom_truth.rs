//! The bill of materials of a repository against what its own tools say.
//!
//! `PROV_TRUTH_ROOT` names another repository than this one, and
//! `PROV_TRUTH_PACKAGE` the crate of it that is built. Where a tool is missing,
//! or what it needs was never fetched, the test says so and goes on.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use prov::sbom::component::Scope;
use prov::sbom::resolve::Build;
use prov::sbom::{Caches, Component, Inventory, Ref, Relation, Settings, Tree};
use prov::sbom::{collect, document};
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
        // Cargo's list of compiler calls is not stable, but truer than any other.
        .env("RUSTC_BOOTSTRAP", "1")
        // Cargo has its compiler read an empty program from there.
        .stdin(Stdio::null())
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

fn settings() -> Settings {
    Settings {
        name: "truth".to_owned(),
        ..Settings::default()
    }
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
    let bom = document(inventory.clone(), &settings()).unwrap().bom;
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

/// The whole repository, resolved for one build.
fn exact(target: &str) -> Option<Inventory> {
    let cache = run(&root(), "go", &["env", "GOMODCACHE"])?;
    let caches = Caches::default().cargo_home(&cargo_home());
    let caches = caches.go_modules(Path::new(cache.trim()));
    let build = Build {
        target: Some(target.to_owned()),
        packages: package().into_iter().collect(),
        ..Build::default()
    };
    let mut inventory = Inventory::default();
    let tree = Tree::walk(&root()).unwrap();
    collect(&tree.with_caches(caches).resolving(build), &mut inventory).unwrap();
    Some(inventory)
}

fn package() -> Option<String> {
    std::env::var("PROV_TRUTH_PACKAGE").ok()
}

fn host() -> Option<String> {
    let about = run(&root(), "rustc", &["-vV"])?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
}

fn property<'a>(component: &'a Component, name: &str) -> Option<&'a str> {
    let mut properties = component.properties.iter();
    let found = properties.find(|each| each.name == name)?;
    Some(&found.value)
}

fn is_of(component: &Component, kind: &str) -> bool {
    component
        .purl
        .as_ref()
        .is_some_and(|purl| purl.kind() == kind)
}

fn named(component: &Component) -> String {
    let version = component.version.as_deref().unwrap_or_default();
    format!("{} {version}", component.name).trim().to_owned()
}

/// The edges between components of one ecosystem.
fn edges_of(inventory: &Inventory, kind: &str) -> Edges {
    let component = |id: &Ref| inventory.get(id).unwrap();
    inventory
        .edges()
        .map(|edge| (component(&edge.from), component(&edge.to)))
        .filter(|(from, to)| is_of(from, kind) && is_of(to, kind))
        .map(|(from, to)| (named(from), named(to)))
        .collect()
}

/// What `cargo build` compiles: crates, edges, and the features of what is linked.
fn units(graph: &Value, metadata: &Value) -> (Names, Edges, BTreeMap<String, Names>) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let names: BTreeMap<String, String> = packages
        .map(|each| {
            let name = format!("{} {}", text(&each["name"]), text(&each["version"]));
            (text(&each["id"]), name)
        })
        .collect();
    let units = graph["units"].as_array().unwrap();
    let name = |unit: &Value| names[unit["pkg_id"].as_str().unwrap()].clone();
    let (mut edges, mut linked) = (Edges::new(), BTreeMap::<String, Names>::new());
    for unit in units {
        for need in unit["dependencies"].as_array().unwrap() {
            let need = usize::try_from(need["index"].as_u64().unwrap()).unwrap();
            edges.insert((name(unit), name(&units[need])));
        }
        // With a target named, what has none is for the machine that builds.
        if unit["platform"].is_string() {
            let features = unit["features"].as_array().unwrap().iter().map(text);
            linked.entry(name(unit)).or_default().extend(features);
        }
    }
    edges.retain(|(from, to)| from != to);
    (units.iter().map(name).collect(), edges, linked)
}

#[test]
fn one_rust_build_is_what_cargo_compiles() {
    let root = root();
    let Some(host) = host() else { return };
    let target = format!("--target={host}");
    let package = package().map(|name| format!("--package={name}"));
    let mut arguments = vec!["build", "--unit-graph", "-Zunstable-options"];
    arguments.extend(["--offline", "--locked", &target]);
    arguments.extend(package.as_deref());
    let metadata = ["metadata", "--offline", "--locked", "--format-version", "1"];
    let (Some(graph), Some(metadata)) = (
        run(&root, "cargo", &arguments),
        run(&root, "cargo", &metadata),
    ) else {
        return;
    };
    let graph = serde_json::from_str(&graph).unwrap();
    let metadata = serde_json::from_str(&metadata).unwrap();
    let (truth, edges, linked) = units(&graph, &metadata);
    let Some(inventory) = exact(&host) else {
        return;
    };

    let crates = || {
        let all = inventory.components().map(|(_, each)| each);
        all.filter(|each| is_of(each, "cargo"))
    };
    let ours: Names = crates().map(named).collect();
    score("crates of one build", &ours, &truth);
    assert_eq!(ours, truth);

    let our_edges = edges_of(&inventory, "cargo");
    score("edges of one build", &written(&our_edges), &written(&edges));
    assert!(edges.is_subset(&our_edges), "an edge is missing");
    // A build dependency of a crate without a build script is one that nobody compiles for it.
    let for_building = |(from, to): &(String, String)| {
        let mut edges = inventory.edges();
        edges.any(|edge| {
            let ends = [&edge.from, &edge.to].map(|id| named(inventory.get(id).unwrap()));
            edge.relation == Relation::Build && ends == [from.clone(), to.clone()]
        })
    };
    assert!(
        our_edges.difference(&edges).all(for_building),
        "an edge is too much"
    );

    let features = |component: &Component| -> Names {
        let text = property(component, "prov:cargo:features").unwrap_or_default();
        let features = text.split(',').filter(|each| !each.is_empty());
        features.map(str::to_owned).collect()
    };
    let ours: BTreeMap<String, Names> = crates()
        .map(|each| (named(each), features(each)))
        .filter(|(name, _)| linked.contains_key(name))
        .collect();
    assert_eq!(ours, linked, "other features are on");

    let product = inventory.products().find_map(|id| {
        let component = inventory.get(id)?;
        (is_of(component, "cargo") && property(component, "prov:resolution") == Some("exact"))
            .then(|| named(component))
    });
    let bom = document(inventory.clone(), &settings()).unwrap().bom;
    let kept = bom.components.iter().filter(|each| is_of(each, "cargo"));
    let kept: Names = kept
        .filter(|each| each.scope == Some(Scope::Required))
        .map(named)
        .chain(product)
        .collect();
    let linked: Names = linked.into_keys().collect();
    score("linked", &kept, &linked);
    assert_eq!(kept, linked);
}

#[test]
fn one_go_build_is_what_go_links() {
    let guest = root().join("src/launch/nats/guest");
    if !guest.is_dir() {
        return say("SKIPPED: no Go program in this repository");
    }
    let format = "{{.ImportPath}} {{with .Module}}{{.Path}},{{.Version}}{{else}}std,{{end}} {{join .Imports \" \"}}";
    let Some(list) = run(&guest, "go", &["list", "-deps", "-f", format, "."]) else {
        return;
    };
    // Our own target is not the guest's: the manifest says what that is.
    let Some(inventory) = host().and_then(|host| exact(&host)) else {
        return;
    };
    let lines: Vec<Vec<&str>> = list.lines().map(|line| line.split(' ').collect()).collect();
    let module = |path: &str| path.split_once(',').map(|(name, _)| name.to_owned());
    let of: BTreeMap<&str, String> = lines
        .iter()
        .map(|words| (words[0], module(words[1]).unwrap()))
        .collect();
    let edges: Edges = lines
        .iter()
        .flat_map(|words| words[2..].iter().map(|import| (words[0], *import)))
        .filter_map(|(from, to)| Some((of[from].clone(), of.get(to)?.clone())))
        .filter(|(from, to)| from != to)
        .collect();
    let linked = lines.iter().map(|words| words[1].replace(',', " "));
    let linked: Names = linked.map(|name| name.trim().to_owned()).collect();

    let modules = || {
        let all = inventory.components().map(|(_, each)| each);
        all.filter(|each| is_of(each, "golang"))
    };
    let is_go = |each: &&Component| matches!(each.name.as_str(), "std" | "cmd");
    let ours: Names = modules()
        .filter(|each| !is_go(each))
        .map(named)
        .chain(["std".to_owned()])
        .collect();
    score("linked Go modules", &ours, &linked);
    assert_eq!(ours, linked);

    let plain = |name: &str| name.split(' ').next().unwrap().to_owned();
    let our_edges: Edges = edges_of(&inventory, "golang")
        .iter()
        .map(|(from, to)| (plain(from), plain(to)))
        .filter(|(_, to)| to != "cmd")
        .collect();
    score(
        "edges of Go modules",
        &written(&our_edges),
        &written(&edges),
    );
    assert_eq!(our_edges, edges);

    let bare: Vec<String> = modules()
        .filter(|each| each.licenses.is_empty() && each.version.is_some())
        .map(named)
        .collect();
    assert_eq!(bare, Vec::<String>::new(), "without a licence");
    let bom = document(inventory.clone(), &settings()).unwrap().bom;
    let guest = "src/launch/nats/guest";
    let carried = bom
        .components
        .iter()
        .find(|each| each.name.ends_with(guest));
    assert_eq!(carried.unwrap().scope, Some(Scope::Required));
}
