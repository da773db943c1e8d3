//! Rust: what `cargo tree` says that one build takes.
//!
//! Cargo resolves features itself; nobody else does it as it does. It runs
//! outside of the tree, so that neither `.cargo/config.toml` nor
//! `rust-toolchain.toml` of the tree says which programs it starts; the only
//! one is `rustc`, to learn what a target is. It writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::SbomError;
use super::super::cargo_lock::{Locked, Source};
use super::super::inventory::{Inventory, Relation};
use super::super::tree::Tree;
use super::cargo_config::settings;
use super::cargo_tree::{CargoTree, Label, SEPARATOR};
use super::tool::{ToolError, ask};
use super::{Build, answer};

const CARGO: &str = "cargo";

/// What one build of a workspace takes of its lock file; packages are their
/// places in it.
#[derive(Debug, Default)]
pub struct Exact {
    /// The packages and their features that are on.
    pub packages: BTreeMap<usize, BTreeSet<String>>,
    /// Who needs whom and how.
    pub edges: BTreeSet<(usize, Relation, usize)>,
    /// The crates that are built.
    pub products: BTreeSet<usize>,
    /// What was chosen, as properties of the products.
    pub chosen: Vec<(&'static str, String)>,
}

/// Asks Cargo what the build that the tree is resolved for takes of the
/// workspace at `manifest`. Nothing when no build was asked for, or when Cargo
/// cannot say, which is noted.
pub fn exact(
    tree: &Tree,
    manifest: &str,
    lock: &[Locked],
    inventory: &mut Inventory,
) -> Result<Option<Exact>, SbomError> {
    let Some(build) = tree.build() else {
        return Ok(None);
    };
    // What others of several workspaces are asked for is not this one's matter.
    let packages: Vec<&str> = build
        .packages
        .iter()
        .map(String::as_str)
        .filter(|name| {
            let mut own = lock.iter().filter(|each| each.source == Source::Path);
            own.any(|each| each.name == *name)
        })
        .collect();
    let chosen = !packages.is_empty() || build.packages.is_empty();
    let has_features = build.all_features || build.no_default_features;
    let named = chosen && (!packages.is_empty() || has_features || !build.features.is_empty());
    let settings = settings(tree, manifest)?;
    let ask = || -> Result<Exact, ToolError> {
        let root = absolute(tree.root())?;
        let mut command = command(&root);
        command
            .args(["tree", "--locked", "--offline", "--color=never"])
            .args(["--edges=normal,build", "--charset=ascii", "--prefix=indent"])
            .arg(format!("--format={{p}}{SEPARATOR}{{f}}"))
            .arg("--manifest-path")
            .arg(root.join(manifest));
        for setting in &settings {
            command.arg("--config").arg(setting);
        }
        let target = match &build.target {
            Some(target) => target.clone(),
            None => host(&root)?,
        };
        command.arg(format!("--target={target}"));
        if chosen {
            for package in &packages {
                command.arg(format!("--package={package}"));
            }
            for feature in &build.features {
                command.arg(format!("--features={feature}"));
            }
            if build.all_features {
                command.arg("--all-features");
            }
            if build.no_default_features {
                command.arg("--no-default-features");
            }
        }
        let answer = ask(CARGO, &mut command)?;
        let text = String::from_utf8_lossy(&answer);
        let taken = CargoTree::parse(&text).map_err(|line| ToolError::odd(CARGO, line))?;
        let mut exact = Exact::of(taken, lock)?;
        exact.chosen.push(("prov:resolution:target", target));
        if chosen {
            let features = features(build);
            exact
                .chosen
                .extend(features.map(|on| ("prov:resolution:features", on)));
        }
        Ok(exact)
    };
    answer(ask(), manifest, named, inventory)
}

/// Cargo outside of any tree, at the root of the file system.
fn command(tree: &Path) -> Command {
    let mut command = Command::new(CARGO);
    command
        .current_dir(tree.ancestors().last().unwrap_or(tree))
        .env("CARGO_NET_OFFLINE", "true")
        // It would be written into the tree, and read from there.
        .env("CARGO_CACHE_RUSTC_INFO", "0")
        // An empty wrapper is none (The Cargo Book, build.rustc-wrapper).
        .env("RUSTC_WRAPPER", "")
        .env("RUSTC_WORKSPACE_WRAPPER", "")
        .env("RUSTUP_AUTO_INSTALL", "0");
    command
}

fn absolute(path: &Path) -> Result<PathBuf, ToolError> {
    // Cargo shows places as the file system has them.
    std::fs::canonicalize(path).map_err(|error| ToolError::Unable(error.to_string()))
}

/// The machine's own target.
fn host(tree: &Path) -> Result<String, ToolError> {
    let answer = ask(CARGO, command(tree).arg("-vV"))?;
    let text = String::from_utf8_lossy(&answer);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| ToolError::odd(CARGO, &text))
}

impl Exact {
    fn of(taken: CargoTree, lock: &[Locked]) -> Result<Self, ToolError> {
        let mut by_name: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        for (index, each) in lock.iter().enumerate() {
            let key = (each.name.as_str(), each.version.as_str());
            by_name.entry(key).or_default().push(index);
        }
        let find = |label: &Label| {
            let found = by_name.get(&(label.name.as_str(), label.version.as_str()));
            let place = match found.map(Vec::as_slice) {
                Some([only]) => Some(*only),
                several => several.into_iter().flatten().copied().find(|index| {
                    let source = lock.get(*index).map(|each| &each.source);
                    source.is_some_and(|source| label.is_of(source))
                }),
            };
            place.ok_or_else(|| ToolError::odd(CARGO, &format!("{} {}", label.name, label.version)))
        };
        let mut exact = Self::default();
        for label in &taken.roots {
            exact.products.insert(find(label)?);
        }
        for (from, to, build) in &taken.edges {
            // What macros and build scripts need is no part of the product either.
            let relation = match build {
                true => Relation::Build,
                false => Relation::Normal,
            };
            exact.edges.insert((find(from)?, relation, find(to)?));
        }
        for (label, each) in taken.packages {
            exact.packages.insert(find(&label)?, each.features);
        }
        Ok(exact)
    }
}

/// The features that were asked for; nothing when only the default ones are on.
fn features(build: &Build) -> Option<String> {
    if build.all_features {
        return Some("all".to_owned());
    }
    let default = (!build.no_default_features).then_some("default");
    let features = build.features.iter().map(String::as_str);
    let on: Vec<&str> = default.into_iter().chain(features).collect();
    (on != ["default"]).then(|| on.join(","))
}

impl Label {
    /// Tells two packages of one name and version apart.
    fn is_of(&self, source: &Source) -> bool {
        match (self.source.as_deref(), source) {
            (None, Source::CratesIo) => true,
            (Some(text), Source::Registry(_)) => text.starts_with("registry "),
            (Some(text), Source::Git { url, commit }) => {
                let short = text.rsplit_once('#').map_or("", |(_, short)| short);
                text.contains(url.as_str()) && !short.is_empty() && commit.starts_with(short)
            }
            (Some(text), Source::Path) => {
                !text.starts_with("registry ") && !text.contains("://") || text.starts_with("file:")
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namesakes_are_told_apart_by_their_source() {
        let git = Source::Git {
            url: "https://example.org/x".to_owned(),
            commit: "0123456789".to_owned(),
        };
        let registry = Source::Registry("https://example.org/index".to_owned());
        let sources = [Source::CratesIo, registry, git, Source::Path];
        for (text, wanted) in [
            (None, 0),
            (Some("registry `mine`"), 1),
            (Some("https://example.org/x?branch=y#01234567"), 2),
            (Some("/home/x"), 3),
        ] {
            let label = Label {
                name: "x".to_owned(),
                version: "1.0.0".to_owned(),
                source: text.map(str::to_owned),
            };
            let is_of: Vec<bool> = sources.iter().map(|source| label.is_of(source)).collect();
            let only: Vec<bool> = (0..4).map(|index| index == wanted).collect();
            assert_eq!(is_of, only, "{text:?}");
        }
    }
}
