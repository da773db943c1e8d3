//! Bills of materials that others wrote: CycloneDX 1.3 to 1.7 as JSON and XML,
//! SPDX 2.2 and 2.3 as JSON.
//!
//! Each format is read into a [`Document`], which alone writes into the
//! inventory. A file that is a source of its own is imported; in a folder only
//! what `--include` names is, since a document that lies about may describe
//! anything.

use std::io::Read as _;

use super::SbomError;
use super::inventory::Inventory;
use super::note::{Note, Reason};
use super::tree::{Tree, file_name, in_fixture};
use crate::artifact::Digest;
use crate::json::{self, JsonError};

pub mod cyclonedx;
pub mod cyclonedx_xml;
mod document;
mod left_out;
pub mod spdx;
mod spdx_relation;
pub mod xml;

#[cfg(test)]
mod suite_tests;
#[cfg(test)]
mod tests;

pub use document::{Document, Element};

/// The largest document, in bytes.
pub const MAX_DOCUMENT: u64 = 128 << 20;

/// Adds the documents of a tree.
pub fn collect(tree: &Tree, inventory: &mut Inventory) -> Result<(), SbomError> {
    for path in tree.files() {
        let name = file_name(path);
        let asked = tree.is_single_file() || tree.is_included(path);
        if asked && (name.ends_with(".json") || name.ends_with(".xml") || tree.is_single_file()) {
            add(tree, path, inventory)?;
        } else if !asked && has_usual_name(name) && !in_package(path) {
            let reason = match in_fixture(path) {
                true => Reason::Fixture,
                false => Reason::Document,
            };
            inventory.note(Note::new(path, reason));
        }
    }
    Ok(())
}

/// Reads a document in whichever of the formats it is.
pub fn read(bytes: &[u8]) -> Result<Document, ImportError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'<') => cyclonedx_xml::read(bytes),
        _ => {
            let value = json::parse(bytes, usize::try_from(MAX_DOCUMENT).unwrap_or(usize::MAX))?;
            match value.get("spdxVersion") {
                Some(_) => spdx::read(&value),
                None => cyclonedx::read(&value),
            }
        }
    }
}

/// True when the bytes say that they are a document of a known format, of
/// whatever version; a cheap look, before anything is parsed.
pub fn is_document(bytes: &[u8]) -> bool {
    let has = |mark: &[u8]| memchr::memmem::find(bytes, mark).is_some();
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match start.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => has(b"\"bomFormat\"") || has(b"\"spdxVersion\"") || has(b"//spdx.org/rdf/3"),
        Some(b'<') => has(b"http://cyclonedx.org/schema/bom/"),
        _ => false,
    }
}

fn add(tree: &Tree, path: &str, inventory: &mut Inventory) -> Result<(), SbomError> {
    if !starts_like_one(tree, path)? {
        return Ok(());
    }
    let bytes = tree.bytes(path, MAX_DOCUMENT)?;
    if !is_document(&bytes) {
        return Ok(());
    }
    let document = read(&bytes).map_err(|error| SbomError::syntax(path, error))?;
    let digest = Digest::sha256(&bytes);
    let roots = document.add_to(path, &digest, None, inventory)?;
    roots.iter().for_each(|root| inventory.product(root));
    Ok(())
}

/// A look at the first bytes, so that no program is read for nothing.
fn starts_like_one(tree: &Tree, path: &str) -> Result<bool, SbomError> {
    let mut head = Vec::new();
    tree.open(path)?
        .take(1024)
        .read_to_end(&mut head)
        .map_err(|source| SbomError::Read {
            path: path.to_owned(),
            source,
        })?;
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
    let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
    Ok(matches!(first, Some(b'{' | b'<')))
}

/// The names that CycloneDX registers, and SPDX's.
fn has_usual_name(name: &str) -> bool {
    const ENDINGS: &[&str] = &[".cdx.json", ".cdx.xml", ".spdx.json"];
    const NAMES: &[&str] = &["bom.json", "bom.xml", "sbom.json", "sbom.xml"];
    NAMES.contains(&name) || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// PEP 770: a Python package brings these, and is asked for them.
fn in_package(path: &str) -> bool {
    path.contains(".dist-info/sboms/")
}

/// Why a document is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Not strict JSON.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// Not XML as it is read here.
    #[error("{0}")]
    Xml(#[from] xml::XmlError),
    /// Neither CycloneDX nor SPDX.
    #[error("neither CycloneDX nor SPDX")]
    Unrecognised,
    /// A version that is not read.
    #[error("{format} {version} is not read; {known} are")]
    Version {
        /// The format.
        format: &'static str,
        /// The version, as it is written.
        version: String,
        /// What is read.
        known: &'static str,
    },
    /// Something that every such thing has is missing or empty.
    #[error("{at} has no `{what}`")]
    Missing {
        /// Where (RFC 6901).
        at: String,
        /// The field.
        what: &'static str,
    },
    /// Something that the format does not allow.
    #[error("{at} is malformed: {what}")]
    Malformed {
        /// Where (RFC 6901).
        at: String,
        /// How.
        what: String,
    },
    /// One name for two components: nobody can tell which one is meant.
    #[error("the name `{0}` stands for two components")]
    Twice(String),
}

impl ImportError {
    fn malformed(at: &str, what: impl ToString) -> Self {
        Self::Malformed {
            at: at.to_owned(),
            what: what.to_string(),
        }
    }
}
