//! What is known about an artifact, and what is not: the release manager's page.
//!
//! Everything here is made of what `verify` found genuine and of what the policy
//! said; nothing of it decides. What was not looked at is said to be so, and never
//! looks like a clean result. Pure: time, advisories and documents are arguments.

mod attestation;
mod compose;
mod contents;
mod cyclonedx;
mod diff;
mod exposure;
mod origin;
mod summary;

pub use attestation::{Attestation, Missing};
pub use compose::{Found, Rejected};
pub use contents::{Contents, Ecosystem, Edge, LicenceGroup, Nested, Package, Twin};
pub use cyclonedx::{ContentsError, MAX_COMPONENTS};
pub use diff::{FactChange, Known, ReleaseDiff, SourceRange};
pub use exposure::{Exposure, VexDocument, Vulnerability, Waiver};
pub use origin::{Fact, Origin};
pub use summary::{Broken, Status, Summary};

use crate::artifact::Digest;
use crate::osv::Database;
use crate::policy::Finding;
use crate::vex::Product;

/// One artifact, audited.
#[derive(Clone, Debug)]
pub struct Audit {
    /// What was audited.
    pub subject: Subject,
    /// The policy's answer; `None` when there was no policy to judge by.
    pub judgement: Option<Judgement>,
    /// Who built it, from what; `None` when no genuine provenance says so.
    pub origin: Option<Origin>,
    /// Every piece of evidence that was found: genuine statements, genuine signatures,
    /// then what proves nothing.
    pub attestations: Vec<Attestation>,
    /// What a reader would look for and does not find.
    pub missing: Vec<Missing>,
    /// What its SBOM lists; `None` without a genuine SBOM.
    pub contents: Option<Contents>,
    /// Known vulnerabilities of what its SBOM lists.
    pub exposure: Exposure,
}

impl Audit {
    /// Looks up the known vulnerabilities of what the SBOM lists.
    pub fn look_up(&mut self, database: &Database, documents: &[VexDocument]) {
        let Some(contents) = &self.contents else {
            return;
        };
        let product = Product {
            names: vec![self.subject.name.clone()],
            purls: contents.artifact.clone().into_iter().collect(),
            digests: vec![self.subject.digest.clone()],
        };
        self.exposure = Exposure::of(contents, database, documents, &product);
        self.missing.retain(|missing| missing.id != "not-checked");
    }
}

/// What was audited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The name by which it was given: a path or a reference.
    pub name: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// In bytes; `None` for an artifact that is elsewhere.
    pub size: Option<u64>,
    /// What its registry or its first bytes say that it is, such as `application/wasm`.
    pub media_type: Option<String>,
    /// `os/architecture[/variant]`, where an image index says so.
    pub platform: Option<String>,
}

/// What the policy said.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The policy's name and where it was.
    pub policy: String,
    /// The answer.
    pub passed: bool,
    /// The SLSA Build level (v1.2) that the evidence shows, 0 to 3.
    pub level: u8,
    /// Why it is not the next one; `None` for the highest.
    pub why_not_next: Option<String>,
    /// A finding for every rule.
    pub findings: Vec<Finding>,
}
