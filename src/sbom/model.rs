//! CycloneDX 1.7, as far as prov writes it.
//!
//! Field names, order and values are those of the specification's JSON schema
//! (`schema/bom-1.7.schema.json`); absent and empty fields are left out.

use serde::{Deserialize, Serialize};

use super::reference::Ref;

pub use super::component::*;
pub use super::evidence::*;
pub use super::license::*;

/// `specVersion` of what prov writes.
pub const SPEC_VERSION: &str = "1.7";

/// A whole document (CycloneDX 1.7, `bom`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bom {
    /// Names the schema, for editors.
    #[serde(rename = "$schema")]
    pub schema: String,
    /// Always `CycloneDX`.
    pub bom_format: String,
    /// Always [`SPEC_VERSION`].
    pub spec_version: String,
    /// `urn:uuid:…`, made from the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<String>,
    /// Always 1: another content is another serial number.
    pub version: u32,
    /// What is described, by whom, when.
    pub metadata: Metadata,
    /// Everything but the root, each once.
    pub components: Vec<Component>,
    /// The graph.
    pub dependencies: Vec<Dependency>,
    /// What is known to be complete, and what is not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub compositions: Vec<Composition>,
}

/// What the document describes and how it came to be (CycloneDX 1.7, `metadata`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// At which point of the product's life the facts were taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lifecycles: Vec<Lifecycle>,
    /// What made the document.
    #[serde(skip_serializing_if = "Tools::is_empty")]
    pub tools: Tools,
    /// Who made the document, as an organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<Organization>,
    /// Who made the document, as people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<Contact>,
    /// The root: the product itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<Component>,
    /// Who supplies the product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supplier: Option<Organization>,
    /// Anything else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
}

/// A phase of the product's life (CycloneDX 1.7, `metadata.lifecycles`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lifecycle {
    /// The phase.
    pub phase: Phase,
}

/// Pre-defined phases (CycloneDX 1.7, `metadata.lifecycles[].phase`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Read from manifests and lock files, before a build.
    PreBuild,
    /// Resolved as the build resolves.
    Build,
    /// Read from what was built.
    PostBuild,
}

/// The programs that made the document (CycloneDX 1.7, `metadata.tools`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tools {
    /// The programs.
    pub components: Vec<Component>,
}

impl Tools {
    fn is_empty(&self) -> bool {
        self.components.is_empty()
    }
}

/// The direct dependencies of one component (CycloneDX 1.7, `dependency`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    /// Which component.
    #[serde(rename = "ref")]
    pub reference: Ref,
    /// What it needs, sorted; written even when it is nothing, which some
    /// readers take for granted.
    #[serde(default)]
    pub depends_on: Vec<Ref>,
}

/// How complete the relations of some components are (CycloneDX 1.7, `compositions`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Composition {
    /// How complete.
    pub aggregate: Aggregate,
    /// Components whose parts this is said of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assemblies: Vec<Ref>,
    /// Components whose direct dependencies this is said of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Ref>,
}

/// How complete a relation is (CycloneDX 1.7, `aggregateType`), best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// No further relations exist.
    Complete,
    /// Further relations exist and are missing.
    Incomplete,
    /// Only those to one's own components are there.
    IncompleteFirstPartyOnly,
    /// Only those to one's own closed components are there.
    IncompleteFirstPartyProprietaryOnly,
    /// Only those to one's own open components are there.
    IncompleteFirstPartyOpensourceOnly,
    /// Only those to components of others are there.
    IncompleteThirdPartyOnly,
    /// Only those to closed components of others are there.
    IncompleteThirdPartyProprietaryOnly,
    /// Only those to open components of others are there.
    IncompleteThirdPartyOpensourceOnly,
    /// It can't be told.
    Unknown,
    /// Nobody says.
    NotSpecified,
}
