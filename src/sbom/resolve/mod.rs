//! Exact resolution: what one build links, as its own tool resolves it.
//!
//! A lock file resolves every platform and every feature at once. Where the
//! caller asks for it ([`super::Tree::resolving`]), Cargo and Go are asked what
//! one [`Build`] takes of it. They only read: no build script and no macro
//! runs, no connection is opened, and nothing of the tree says which program
//! is started, see [`cargo`] and [`go`]. An ecosystem that could not be
//! resolved stays in lock mode, and a note says why.

use super::SbomError;
use super::component::Component;
use super::inventory::Inventory;
use super::note::{Note, Reason};
use super::tree::Tree;

pub mod cargo;
mod cargo_config;
mod cargo_tree;
pub mod go;
pub mod platform;
mod tool;

pub use tool::ToolError;

/// The target that stands for all of them.
pub const ALL_TARGETS: &str = "all";

/// The property of a Go module that names a program which is built of it.
pub(super) const PROGRAM: &str = "prov:go:program";

/// Which build is meant; names are Cargo's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// A target triple, or [`ALL_TARGETS`]; none is the machine's own.
    pub target: Option<String>,
    /// Crates and Go programs by name; none are all that are built by default.
    pub packages: Vec<String>,
    /// Cargo features that are on besides the default ones.
    pub features: Vec<String>,
    /// All Cargo features are on.
    pub all_features: bool,
    /// The default Cargo features are off.
    pub no_default_features: bool,
    /// Go build tags that are on.
    pub tags: Vec<String>,
}

/// Refuses a package that was asked for by name and is nowhere in the tree.
pub(super) fn all_found(tree: &Tree, inventory: &Inventory) -> Result<(), SbomError> {
    let Some(build) = tree.build() else {
        return Ok(());
    };
    let products: Vec<_> = inventory
        .products()
        .filter_map(|id| inventory.get(id))
        .collect();
    let is_named = |product: &Component, name: &str| {
        let is_crate = product
            .purl
            .as_ref()
            .is_some_and(|purl| purl.kind() == "cargo");
        let mut programs = product.properties.iter();
        is_crate && product.name == name
            || programs.any(|each| each.name == PROGRAM && go::is_named(&each.value, name))
    };
    let lost = build
        .packages
        .iter()
        .find(|name| !products.iter().any(|product| is_named(product, name)));
    match lost {
        Some(name) => Err(SbomError::NoPackage(name.clone())),
        None => Ok(()),
    }
}

/// Gives what a tool answered. Where there is no answer the ecosystem stays in
/// lock mode and a note says why, unless the tool refused what the caller
/// himself named.
fn answer<T>(
    result: Result<T, ToolError>,
    path: &str,
    named: bool,
    inventory: &mut Inventory,
) -> Result<Option<T>, SbomError> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(source @ ToolError::Failed { .. }) if named => Err(SbomError::Tool {
            path: path.to_owned(),
            source,
        }),
        Err(error) => {
            let why = error.to_string();
            inventory.note(Note::new(path, Reason::NotExact { why }));
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests;
