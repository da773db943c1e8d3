//! What is inside, as the SBOM states it.

use crate::purl::Purl;

/// What the SBOMs by genuine signers list, taken together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Whether the SBOM is about these very bytes: the digest of its root component is
    /// the artifact's. `None` when its root has no digest.
    pub about_artifact: Option<bool>,
    /// The packages, sorted by package URL and name. The artifact itself is none.
    pub packages: Vec<Package>,
    /// What depends on what, as places in `packages`.
    pub edges: Vec<Edge>,
    /// The packages that the artifact itself depends on, as places in `packages`.
    pub direct: Vec<usize>,
    /// How many packages of which kind, the most first.
    pub ecosystems: Vec<Ecosystem>,
    /// Licences, unknown ones first, then the most frequent.
    pub licences: Vec<LicenceGroup>,
    /// Packages that are there in several versions.
    pub twins: Vec<Twin>,
    /// Modules and archives inside of the artifact that have a digest of their own.
    pub nested: Vec<Nested>,
    /// Places in `packages` with the earliest and the latest known time of release.
    /// Only few ecosystems state one in an SBOM.
    pub oldest: Option<usize>,
    /// See `oldest`.
    pub newest: Option<usize>,
    /// How many packages have a package URL.
    pub with_purl: usize,
    /// How many have a hash.
    pub with_hash: usize,
    /// How many have a licence.
    pub with_licence: usize,
    /// How many have a supplier.
    pub with_supplier: usize,
}

/// A component of the SBOM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its package URL, where it has one that can be read.
    pub purl: Option<Purl>,
    /// Its name, with its group or namespace.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its licences as SPDX expressions or as they are written; empty when unknown.
    pub licences: Vec<String>,
    /// `required`, `optional` or `excluded` (CycloneDX `scope`).
    pub scope: Option<String>,
    /// When it was released, if the SBOM or the version itself says so.
    pub released: Option<jiff::Timestamp>,
}

/// `from` depends on `to`, both places in [`Contents::packages`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// What needs something.
    pub from: usize,
    /// What it needs.
    pub to: usize,
}

/// The packages of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ecosystem {
    /// The package URL's type, such as `cargo`; `other` for packages without one.
    pub kind: String,
    /// How many.
    pub packages: usize,
}

/// The packages of one licence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenceGroup {
    /// The expression; `None` for packages whose licence is not known.
    pub licence: Option<String>,
    /// Places in [`Contents::packages`].
    pub packages: Vec<usize>,
}

/// One package in several versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twin {
    /// The package URL without its version.
    pub package: String,
    /// The versions, the earliest first.
    pub versions: Vec<String>,
}

/// Something inside of the artifact with a digest of its own, such as a WebAssembly
/// module in a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nested {
    /// Its name.
    pub name: String,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// How many packages lie below it.
    pub packages: usize,
}
