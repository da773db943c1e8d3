//! Go: what `go list -deps` says that one build links.
//!
//! Go resolves build constraints and imports itself. It is told to use no other
//! toolchain, no network and no flags of the environment, and not to ask the
//! version control system, which a repository's own settings could make run a
//! program. Edges between modules are those of the imports of linked packages.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde::Deserialize;

use super::super::SbomError;
use super::super::inventory::{Inventory, MAX_EDGES};
use super::super::tree::{Tree, file_name, parent};
use super::platform::Platform;
use super::tool::{ToolError, ask};
use super::{ALL_TARGETS, Build, answer};

const GO: &str = "go";
/// What Go says of a main package for whose platform it has no file.
const OTHER_PLATFORM: &str = "build constraints exclude all Go files";

/// What one build links.
#[derive(Debug, Default)]
pub struct Exact {
    /// The version of Go, as `1.26.0`.
    pub version: String,
    /// `GOOS/GOARCH`.
    pub target: String,
    /// The build tags that are on.
    pub tags: Vec<String>,
    /// The main packages that are built, by module; a library has none.
    pub programs: BTreeMap<String, BTreeSet<String>>,
    /// The modules that linked packages come from, and their versions; a main
    /// module has none.
    pub modules: BTreeMap<String, String>,
    /// Whose packages import whose. The standard library is [`STD`].
    pub edges: BTreeSet<(String, String)>,
}

/// The module of the standard library.
pub const STD: &str = "std";

/// What `go list -json` says of a package (`go help list`).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Package {
    import_path: String,
    name: String,
    standard: bool,
    dep_only: bool,
    module: Option<Module>,
    imports: Vec<String>,
    import_map: BTreeMap<String, String>,
    error: Option<PackageError>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Module {
    path: String,
    version: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PackageError {
    err: String,
}

/// Asks Go what the build that the tree is resolved for links of the modules
/// of `manifest`, a `go.mod` or `go.work`; `folders` are those of its main
/// modules. `target` is the one that something which embeds the program
/// declares. Nothing when no build was asked for, or when Go cannot say, which
/// is noted.
pub fn exact(
    tree: &Tree,
    manifest: &str,
    folders: &[&str],
    target: Option<&str>,
    inventory: &mut Inventory,
) -> Result<Option<Exact>, SbomError> {
    let Some(build) = tree.build() else {
        return Ok(None);
    };
    let ask = || {
        let target = target.or(build.target.as_deref());
        let environment = environment(tree, manifest, target)?;
        let mut exact = about_go(&environment)?;
        exact.tags.clone_from(&build.tags);
        let mut list = environment.command();
        list.args(["list", "-e", "-deps", "-buildvcs=false"]);
        if !build.tags.is_empty() {
            list.arg(format!("-tags={}", build.tags.join(",")));
        }
        list.arg("-json=ImportPath,Name,Standard,DepOnly,Module,Imports,ImportMap,Error");
        list.arg("--");
        list.args(patterns(manifest, folders));
        exact.read(&ask(GO, &mut list)?, build)?;
        Ok(exact)
    };
    // Go takes any name and tag; that a program is nowhere is seen in the end.
    answer(ask(), manifest, false, inventory)
}

/// Where Go runs and for what.
struct Environment {
    folder: std::path::PathBuf,
    workspace: std::ffi::OsString,
    platform: Option<Platform>,
}

fn environment(
    tree: &Tree,
    manifest: &str,
    target: Option<&str>,
) -> Result<Environment, ToolError> {
    let platform = match target {
        None => None,
        Some(ALL_TARGETS) => {
            let why = "Go resolves one target at a time, not all of them".to_owned();
            return Err(ToolError::Unable(why));
        }
        Some(triple) => Some(
            Platform::of(triple)
                .ok_or_else(|| ToolError::Unable(format!("Go has no target `{triple}`")))?,
        ),
    };
    let root =
        std::fs::canonicalize(tree.root()).map_err(|error| ToolError::Unable(error.to_string()))?;
    Ok(Environment {
        folder: root.join(parent(manifest)),
        workspace: match file_name(manifest) {
            "go.work" => root.join(manifest).into(),
            // A workspace further up is not what was scanned.
            _ => "off".into(),
        },
        platform,
    })
}

impl Environment {
    fn command(&self) -> Command {
        let mut command = Command::new(GO);
        command
            .current_dir(&self.folder)
            // A vendored module is read from where it is vendored, and else none
            // is changed: that is what Go does without flags.
            .envs([("GOFLAGS", ""), ("GOPROXY", "off")])
            .envs([("GOTOOLCHAIN", "local"), ("GO111MODULE", "on")])
            .env("GOWORK", &self.workspace)
            .env("PWD", &self.folder);
        if let Some(Platform { os, arch }) = self.platform {
            command.env("GOOS", os).env("GOARCH", arch);
        }
        command
    }
}

fn about_go(environment: &Environment) -> Result<Exact, ToolError> {
    let mut command = environment.command();
    let answer = ask(GO, command.args(["env", "GOVERSION", "GOOS", "GOARCH"]))?;
    let text = String::from_utf8_lossy(&answer);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let [version, os, arch] = lines.as_slice() else {
        return Err(ToolError::odd(GO, &text));
    };
    // `go1.26.0 X:nodwarf5` tells of experiments, too.
    let version = version.split(' ').next().unwrap_or_default();
    Ok(Exact {
        version: version.strip_prefix("go").unwrap_or(version).to_owned(),
        target: format!("{os}/{arch}"),
        ..Exact::default()
    })
}

/// All packages of all main modules.
fn patterns(manifest: &str, folders: &[&str]) -> Vec<String> {
    let base = parent(manifest);
    let relative = |folder: &&str| {
        let below = folder.strip_prefix(base).unwrap_or(folder);
        match below.trim_start_matches('/') {
            "" => "./...".to_owned(),
            below => format!("./{below}/..."),
        }
    };
    folders.iter().map(relative).collect()
}

impl Exact {
    fn read(&mut self, answer: &[u8], build: &Build) -> Result<(), ToolError> {
        let mut packages: BTreeMap<String, Package> = BTreeMap::new();
        for package in serde_json::Deserializer::from_slice(answer).into_iter::<Package>() {
            let package = package.map_err(|error| ToolError::odd(GO, &error.to_string()))?;
            packages.insert(package.import_path.clone(), package);
        }
        let mut todo: Vec<&str> = self.start(&packages, build);
        let mut linked: BTreeSet<&str> = todo.iter().copied().collect();
        while let Some(path) = todo.pop() {
            let Some(package) = packages.get(path) else {
                return Err(ToolError::odd(GO, path));
            };
            if let Some(error) = &package.error {
                let words = error.err.split_whitespace().collect::<Vec<_>>().join(" ");
                return Err(ToolError::Failed {
                    program: GO,
                    said: words,
                });
            }
            if let Some(module) = &package.module {
                let version = module.version.clone();
                self.modules.insert(module.path.clone(), version);
            }
            for import in &package.imports {
                // Not a package: C, and what the compiler itself knows.
                let import = package.import_map.get(import).unwrap_or(import);
                if matches!(import.as_str(), "C" | "unsafe") {
                    continue;
                }
                if let (Some(from), Some(to)) = (
                    package.origin(),
                    packages.get(import).and_then(Package::origin),
                ) && from != to
                    && self.edges.len() < MAX_EDGES
                {
                    self.edges.insert((from.to_owned(), to.to_owned()));
                }
                if linked.insert(import) {
                    todo.push(import);
                }
            }
        }
        Ok(())
    }

    /// The packages that linking starts at: main packages, else, in a library,
    /// all of them.
    fn start<'a>(
        &mut self,
        packages: &'a BTreeMap<String, Package>,
        build: &Build,
    ) -> Vec<&'a str> {
        let own = || {
            packages.values().filter(|each| {
                let error = each.error.as_ref().map_or("", |error| &error.err);
                !each.dep_only && !error.contains(OTHER_PLATFORM)
            })
        };
        let is_named = |each: &Package| {
            let mut names = build.packages.iter();
            names.any(|name| each.is_named(name))
        };
        let mains = || own().filter(|each| each.name == "main");
        // Names of crates are in the same list: where there is none of Go, all count.
        let any_named = mains().any(is_named);
        let mut start = Vec::new();
        for package in mains().filter(|each| !any_named || is_named(each)) {
            if let Some(module) = &package.module {
                let programs = self.programs.entry(module.path.clone()).or_default();
                programs.insert(package.import_path.clone());
            }
            start.push(package.import_path.as_str());
        }
        if start.is_empty() {
            start.extend(own().map(|each| each.import_path.as_str()));
        }
        start
    }
}

impl Package {
    fn origin(&self) -> Option<&str> {
        match &self.module {
            Some(module) => Some(&module.path),
            None => self.standard.then_some(STD),
        }
    }

    /// A program is named as `go install` names it, or by its import path.
    fn is_named(&self, name: &str) -> bool {
        is_named(&self.import_path, name)
    }
}

/// True when `name` means the program of this import path.
pub(super) fn is_named(import_path: &str, name: &str) -> bool {
    let mut parts = import_path.rsplit('/');
    let last = parts.next().unwrap_or_default();
    // The last part of `example.org/tool/v2` is its major version.
    let is_major = last
        .strip_prefix('v')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
    let short = match is_major {
        true => parts.next().unwrap_or(last),
        false => last,
    };
    name == import_path || name == short
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"
        {"ImportPath": "fmt", "Name": "fmt", "Standard": true, "DepOnly": true, "Imports": ["unsafe"]}
        {"ImportPath": "b/x", "Name": "x", "DepOnly": true, "Module": {"Path": "b", "Version": "v1.0.0"},
         "Imports": ["fmt", "C"]}
        {"ImportPath": "c", "Name": "c", "DepOnly": true, "Module": {"Path": "c", "Version": "v2.0.0"},
         "Imports": ["b/x"]}
        {"ImportPath": "a/cmd/one", "Name": "main", "Module": {"Path": "a"}, "Imports": ["b/x", "fmt"]}
        {"ImportPath": "a/cmd/two/v2", "Name": "main", "Module": {"Path": "a"},
         "Imports": ["old/c"], "ImportMap": {"old/c": "c"}}
        {"ImportPath": "a/other", "Module": {"Path": "a"},
         "Error": {"Err": "build constraints exclude all Go files in /a/other"}}
    "#;

    fn read(list: &str, packages: &[&str]) -> Result<Exact, ToolError> {
        let build = Build {
            packages: packages.iter().map(|name| (*name).to_owned()).collect(),
            ..Build::default()
        };
        let mut exact = Exact::default();
        exact.read(list.as_bytes(), &build)?;
        Ok(exact)
    }

    #[test]
    fn modules_are_those_of_linked_packages() {
        let linked = |packages: &[&str]| {
            let exact = read(LIST, packages).unwrap();
            let modules: Vec<&str> = exact.modules.keys().map(String::as_str).collect();
            let edges: Vec<String> = exact
                .edges
                .iter()
                .map(|(from, to)| format!("{from}>{to}"))
                .collect();
            format!("{} {}", modules.join(","), edges.join(","))
        };
        let all = "a,b,c a>b,a>c,a>std,b>std,c>b";
        assert_eq!(linked(&[]), all);
        assert_eq!(linked(&["one"]), "a,b a>b,a>std,b>std");
        assert_eq!(linked(&["two"]), "a,b,c a>c,b>std,c>b");
        assert_eq!(linked(&["a/cmd/one", "two"]), all);
        // The name of a crate, say.
        assert_eq!(linked(&["other"]), all);
    }

    #[test]
    fn a_broken_package_is_no_answer() {
        let broken = r#"{"ImportPath": "a", "Name": "main", "Imports": ["gone"]}
            {"ImportPath": "gone", "DepOnly": true, "Error": {"Err": "no required module\n\tprovides it"}}"#;
        let error = read(broken, &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`go` said: no required module provides it"
        );
        assert!(matches!(
            read("{\"ImportPath\": 1}", &[]),
            Err(ToolError::Odd { .. })
        ));
        let hole = r#"{"ImportPath": "a", "Name": "main", "Imports": ["gone"]}"#;
        assert!(matches!(read(hole, &[]), Err(ToolError::Odd { .. })));
    }

    #[test]
    fn every_main_module_is_a_pattern() {
        assert_eq!(patterns("x/go.mod", &["x"]), ["./..."]);
        assert_eq!(patterns("go.work", &["", "a/b"]), ["./...", "./a/b/..."]);
        assert_eq!(patterns("x/go.work", &["x/a"]), ["./a/..."]);
    }
}
