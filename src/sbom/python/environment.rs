//! An installed environment: the `*.dist-info` folders of `site-packages`
//! (PyPA specifications, recording installed projects).

use std::collections::{BTreeMap, BTreeSet};

use super::super::evidence::Occurrence;
use super::super::inventory::{Inventory, Relation};
use super::super::note::{Note, Reason};
use super::super::tree::{Tree, beside, file_name, in_fixture, parent};
use super::super::{Ref, SbomError};
use super::embedded;
use super::metadata::{MAX_METADATA, Metadata};
use super::pythons::Pythons;
use super::resolution::{Package, Resolution};
use super::source::Origin;
use crate::purl::normalize_python_name;

/// Names of folders that hold installed packages.
const SITES: &[&str] = &["site-packages", "dist-packages"];

/// The most environments, vendored ones too, of one tree.
pub const MAX_SITES: usize = 1_000;

/// Folders of installed packages and the metadata of each package there.
pub type Sites<'a> = BTreeMap<&'a str, Vec<&'a str>>;

/// Finds the environments of a tree: the tree itself, or `site-packages` in it.
pub fn sites(tree: &Tree) -> Result<Sites<'_>, SbomError> {
    let mut sites = Sites::new();
    for path in tree
        .files()
        .filter(|path| path.ends_with(".dist-info/METADATA"))
    {
        let site = parent(parent(path));
        if site.is_empty() || site.split('/').any(|part| SITES.contains(&part)) {
            sites.entry(site).or_default().push(path);
        }
        if sites.len() > MAX_SITES {
            return Err(SbomError::TooMany {
                what: "environments",
                limit: MAX_SITES,
            });
        }
    }
    Ok(sites)
}

/// Reads the environments that are no project's own; `above` gives the manifest
/// that a path lies under.
pub fn collect<'a>(
    tree: &Tree,
    sites: &Sites<'_>,
    above: impl Fn(&str) -> Option<&'a str>,
    inventory: &mut Inventory,
) -> Result<(), SbomError> {
    let mut sboms: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in tree.files() {
        if let Some((package, _)) = path.split_once(".dist-info/sboms/") {
            sboms.entry(package).or_default().push(path);
        }
    }
    // What is vendored in a package comes after that package.
    let mut owners: BTreeMap<String, Ref> = BTreeMap::new();
    for (site, paths) in sites {
        if let Some(product) = paths.first().and_then(|path| above(path)) {
            let product = product.to_owned();
            inventory.note(Note::new(*site, Reason::BelowProduct { product }));
            continue;
        }
        let included = paths.iter().any(|path| tree.is_included(path));
        if in_fixture(environment(site)) && !included {
            inventory.note(Note::new(*site, Reason::Fixture));
            continue;
        }
        let nested: BTreeSet<&str> = sites
            .iter()
            .filter(|(other, _)| is_below(other, site))
            .flat_map(|(_, paths)| paths.iter().copied())
            .collect();
        let ids = collect_site(tree, site, paths, inventory)?;
        for (path, id) in paths.iter().zip(&ids) {
            if let Some(owner) = owners.get(*path) {
                inventory.relate(owner, Relation::Contains, id)?;
            }
            if !nested.is_empty() {
                for file in record(tree, site, path)?.filter(|file| nested.contains(&file[..])) {
                    owners.insert(file, id.clone());
                }
            }
            let package = path.trim_end_matches(".dist-info/METADATA");
            if let Some(sboms) = sboms.get(package) {
                collect_sboms(tree, sboms, id, inventory)?;
            }
        }
    }
    Ok(())
}

/// The topmost folder of packages that a site lies in.
fn environment(site: &str) -> &str {
    let topmost = |end: &usize| SITES.contains(&file_name(&site[..*end]));
    let ends = site.match_indices('/').map(|(at, _)| at);
    let end = ends.chain([site.len()]).find(topmost);
    &site[..end.unwrap_or(site.len())]
}

fn is_below(path: &str, folder: &str) -> bool {
    path != folder && (folder.is_empty() || path.starts_with(&format!("{folder}/")))
}

/// The packages of one folder, in the order of their metadata's paths.
fn collect_site(
    tree: &Tree,
    site: &str,
    paths: &[&str],
    inventory: &mut Inventory,
) -> Result<Vec<Ref>, SbomError> {
    // Only on Windows is it `Lib`, with a capital.
    let windows = site.split('/').any(|part| part == "Lib");
    let pythons = pythons(tree, site).on_windows(windows);
    let mut resolution = Resolution {
        path: site.to_owned(),
        ..Resolution::default()
    };
    for path in paths {
        let text = String::from_utf8_lossy(&tree.bytes(path, MAX_METADATA)?).into_owned();
        let metadata = Metadata::parse(&text).map_err(|error| SbomError::syntax(path, error))?;
        for what in &metadata.not_understood {
            let what = what.chars().take(200).collect();
            inventory.note(Note::new(*path, Reason::NotUnderstood { what }));
        }
        resolution.packages.push(Package {
            origin: origin(tree, path)?,
            seen: Some(Occurrence::at(path)),
            ..metadata.package(&pythons)
        });
    }
    // What is installed decides what a marker would have: it is there, or not.
    let names = resolution.packages.iter();
    let installed: BTreeSet<String> = names
        .map(|each| normalize_python_name(&each.name))
        .collect();
    for package in &mut resolution.packages {
        if let Some(requires) = &mut package.requires {
            requires.retain(|each| !each.conditional || installed.contains(&each.name));
            requires
                .iter_mut()
                .for_each(|each| each.conditional = false);
        }
    }
    resolution.write(inventory)
}

/// The Python of `lib/python3.11/site-packages`.
fn pythons(tree: &Tree, site: &str) -> Pythons {
    let in_path = site.split('/').find_map(|part| {
        let version = part.strip_prefix("python")?;
        version.contains('.').then(|| version.to_owned())
    });
    // PEP 405: the file that makes a folder a virtual environment.
    let in_config = || {
        let text = tree.text("pyvenv.cfg").ok()?;
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let mut versions = lines.filter(|(key, _)| key.trim().starts_with("version"));
        let version = versions.next()?.1.trim();
        Some(version.splitn(3, '.').take(2).collect::<Vec<_>>().join("."))
    };
    let version = in_path.or_else(in_config);
    version.map_or_else(Pythons::default, |version| {
        Pythons::of(&format!("~={version}.0"))
    })
}

/// Where it was installed from (PEP 610, `direct_url.json`).
fn origin(tree: &Tree, metadata: &str) -> Result<Origin, SbomError> {
    let path = beside(metadata, "direct_url.json");
    if !tree.contains(&path) {
        return Ok(Origin::PyPi);
    }
    let direct = tree.json(&path)?;
    let url = direct["url"].as_str().unwrap_or_default();
    Ok(match direct["vcs_info"]["commit_id"].as_str() {
        Some(commit) => Origin::git(url, commit),
        None => Origin::url(url),
    })
}

/// The files that a package installed, relative to the tree (`RECORD`).
fn record(
    tree: &Tree,
    site: &str,
    metadata: &str,
) -> Result<impl Iterator<Item = String>, SbomError> {
    let path = beside(metadata, "RECORD");
    let text = match tree.contains(&path) {
        true => tree.text(&path)?,
        false => String::new(),
    };
    let place = |line: &str| {
        let file = line.split(',').next().unwrap_or_default().trim_matches('"');
        match site {
            "" => file.to_owned(),
            site => format!("{site}/{file}"),
        }
    };
    Ok(text.lines().map(place).collect::<Vec<_>>().into_iter())
}

fn collect_sboms(
    tree: &Tree,
    paths: &[&str],
    owner: &Ref,
    inventory: &mut Inventory,
) -> Result<(), SbomError> {
    if paths.len() > embedded::MAX_SBOMS {
        return Err(SbomError::TooMany {
            what: "SBOMs in one package",
            limit: embedded::MAX_SBOMS,
        });
    }
    for path in paths {
        let bytes = tree.bytes(path, embedded::MAX_SBOM)?;
        embedded::add(&bytes, path, owner, inventory)?;
    }
    Ok(())
}
