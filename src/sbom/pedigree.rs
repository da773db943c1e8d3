//! What a component was made from, in CycloneDX 1.7.

use serde::{Deserialize, Serialize};

use super::component::Component;
use super::license::Attachment;

/// What a component was made from (CycloneDX 1.7, `component.pedigree`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Pedigree {
    /// The packages that it derives from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<Component>,
    /// The packages that derive from it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub descendants: Vec<Component>,
    /// Packages of the same origin.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Component>,
    /// The commits that make the difference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<Commit>,
    /// The patches that make the difference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<Patch>,
    /// What was changed, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// A commit (CycloneDX 1.7, `commit`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Commit {
    /// Its name in the version control system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Where it can be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What it says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A patch (CycloneDX 1.7, `patch`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Patch {
    /// Where it comes from.
    #[serde(rename = "type")]
    pub kind: PatchKind,
    /// The patch itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<Diff>,
}

/// Where a patch comes from (CycloneDX 1.7, `patch.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PatchKind {
    /// Not from those who make the package.
    Unofficial,
    /// It replaces code while the program runs.
    Monkey,
    /// From a later version.
    Backport,
    /// From a version that is not released yet.
    CherryPick,
}

/// The text of a patch, or where it is (CycloneDX 1.7, `diff`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Diff {
    /// The text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Attachment>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}
