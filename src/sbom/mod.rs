//! The bill of materials: what a tree or an artifact consists of, as one
//! CycloneDX document.
//!
//! [`Tree`] finds files; each [`Collector`] reads those of its ecosystem and
//! adds what it learns to the [`Inventory`]; [`merge::document`] makes the
//! document of it. Only the tree and the collectors read files; inventory and
//! merge are pure. What was skipped is told in [`Note`]s.

use std::error::Error;
use std::io;

use crate::json::JsonError;
use crate::purl::PurlError;

pub mod archives;
pub mod binary;
pub mod cache;
pub mod cargo;
pub mod cargo_lock;
pub mod cargo_manifest;
pub mod claim;
pub mod component;
pub mod diff;
pub mod embeds;
pub mod evidence;
pub mod external;
pub mod folder;
pub mod go;
mod go_archives;
pub mod go_mod;
pub mod gobinary;
pub mod import;
pub mod inventory;
pub mod license;
pub mod license_text;
pub mod merge;
mod minimum;
pub mod model;
pub mod note;
pub mod output;
pub mod pedigree;
pub mod progress;
pub mod python;
pub mod reference;
pub mod resolve;
pub mod rustbinary;
pub mod section;
mod settle;
pub mod tree;
pub mod wasm;
pub mod window;
mod workers;
mod xml_shape;

#[cfg(test)]
mod judge;

pub use cache::Caches;
pub use component::{Component, Kind};
pub use diff::Diff;
pub use evidence::{Occurrence, Technique};
pub use inventory::{Inventory, Relation};
pub use license::LicenseChoice;
pub use merge::{Sbom, Settings, document};
pub use model::{Aggregate, Bom};
pub use note::{Note, Reason};
pub use output::{SpecVersion, Written};
pub use progress::Progress;
pub use reference::Ref;
pub use resolve::Build;
pub use tree::{Selection, Tree};

/// Reads what belongs to one ecosystem in a tree and adds it to the inventory.
/// It opens no connection, and executes nothing unless [`Tree::resolving`] was said.
pub type Collector = fn(&Tree, &mut Inventory) -> Result<(), SbomError>;

/// Every collector, in the order in which they run.
///
/// To add one: a file beside this one with such a function, a line here, and a
/// tiny project per oddity under `testdata/sbom/<ecosystem>/`. It asks
/// [`Tree::products`] for its manifests, adds components
/// ([`Inventory::add`], each with [`Component::seen`]), draws relations
/// ([`Inventory::relate`]), names the product ([`Inventory::product`]), says
/// what it knows to be complete ([`Inventory::know_dependencies`]) and notes
/// what it left out. A broken manifest of the product is an error, not a note.
pub const COLLECTORS: &[Collector] = &[
    cargo::collect,
    go::collect,
    python::collect,
    // After them all: it ties together what they found.
    embeds::collect,
    // Looks for the modules that those before declare.
    binary::collect,
    import::collect,
];

/// Runs every collector over a tree.
pub fn collect(tree: &Tree, inventory: &mut Inventory) -> Result<(), SbomError> {
    tree.notes()
        .iter()
        .cloned()
        .for_each(|note| inventory.note(note));
    COLLECTORS
        .iter()
        .try_for_each(|collector| collector(tree, inventory))?;
    resolve::all_found(tree, inventory)
}

/// Why no document could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SbomError {
    /// The system refused.
    #[error("cannot read {path}")]
    Read {
        /// Relative to the tree.
        path: String,
        /// What it said.
        source: io::Error,
    },
    /// Not the format that its name promises.
    #[error("{path} is malformed")]
    Syntax {
        /// Relative to the tree.
        path: String,
        /// Where and how.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Not strict JSON.
    #[error("{path} is malformed")]
    Json {
        /// Relative to the tree.
        path: String,
        /// Where and how.
        source: JsonError,
    },
    /// Not UTF-8.
    #[error("{path} is not UTF-8")]
    NotUtf8 {
        /// Relative to the tree.
        path: String,
    },
    /// More bytes than prov reads.
    #[error("{path} is larger than {limit} bytes")]
    TooLarge {
        /// Relative to the tree.
        path: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A glob that is none.
    #[error("`{glob}` is no glob")]
    Glob {
        /// The glob, as it is written.
        glob: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// More of something than prov takes.
    #[error("more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are taken.
        limit: usize,
    },
    /// A path leads out of the tree.
    #[error("{base} names `{path}`, which is outside of the tree")]
    Outside {
        /// The file that names it.
        base: String,
        /// The path, as it is written.
        path: String,
    },
    /// A link, a folder or a device where a file should be.
    #[error("{path} is not a regular file")]
    NotAFile {
        /// Relative to the tree.
        path: String,
    },
    /// A tool refused what was asked for by name.
    #[error("cannot resolve {path} as asked")]
    Tool {
        /// Relative to the tree.
        path: String,
        /// What it said.
        source: resolve::ToolError,
    },
    /// A package that was asked for by name.
    #[error("no crate and no Go program is named `{0}`")]
    NoPackage(String),
    /// A name or version that no package URL can hold.
    #[error("{path} names a package that cannot be")]
    Purl {
        /// Relative to the tree.
        path: String,
        /// Why.
        source: PurlError,
    },
    /// A component without a name.
    #[error("a component has no name")]
    NoName,
    /// A name or version longer than [`inventory::MAX_NAME`].
    #[error("a name or version of {size} bytes, more than {}", inventory::MAX_NAME)]
    LongName {
        /// Bytes seen.
        size: usize,
    },
    /// A component with neither package URL, digest nor a name of its own.
    #[error("`{0}` has neither package URL nor digest")]
    NoIdentity(String),
    /// A relation to a component that was never added.
    #[error("a relation leads to {0}, which is not in the inventory")]
    Dangling(Ref),
    /// A time that no calendar has.
    #[error("{0} seconds after the epoch is no date")]
    Time(i64),
    /// The document could not be written as JSON.
    #[error("cannot write the document")]
    Write(#[source] Box<dyn Error + Send + Sync>),
}

impl SbomError {
    /// A file that is not what its name promises.
    pub fn syntax(path: &str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Syntax {
            path: path.to_owned(),
            source: source.into(),
        }
    }

    /// For `map_err`: a package of `path` whose name cannot be.
    pub fn purl(path: &str) -> impl FnOnce(PurlError) -> Self {
        let path = path.to_owned();
        move |source| Self::Purl { path, source }
    }
}
