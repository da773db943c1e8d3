//! Places that belong to a component, in CycloneDX 1.7.

use serde::{Deserialize, Serialize};

use super::component::Hash;

/// A place that belongs to a component (CycloneDX 1.7, `externalReference`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ExternalReference {
    /// What is there.
    #[serde(rename = "type")]
    pub kind: ReferenceKind,
    /// Where.
    pub url: String,
    /// A word about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Digests of what is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hashes: Vec<Hash>,
}

/// What an external reference leads to (CycloneDX 1.7, `externalReference.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReferenceKind {
    /// A repository.
    Vcs,
    /// A home page.
    Website,
    /// A manual.
    Documentation,
    /// A file that users fetch: a crate, a wheel, a module's zip.
    Distribution,
    /// A source archive.
    SourceDistribution,
    /// A tracker.
    IssueTracker,
    /// A change log.
    ReleaseNotes,
    /// Licence text.
    License,
    /// Another SBOM.
    Bom,
    /// Security advisories.
    Advisories,
    /// A mailing list.
    MailingList,
    /// A page of a social network.
    Social,
    /// A chat.
    Chat,
    /// Support.
    Support,
    /// Where a file that users fetch is handed in.
    DistributionIntake,
    /// Settings of a build.
    BuildMeta,
    /// A build system.
    BuildSystem,
    /// Whom to tell about a vulnerability.
    SecurityContact,
    /// A model card.
    ModelCard,
    /// A log.
    Log,
    /// Settings.
    Configuration,
    /// Evidence of a claim.
    Evidence,
    /// How it was made.
    Formulation,
    /// An attestation.
    Attestation,
    /// A threat model.
    ThreatModel,
    /// A model of adversaries.
    AdversaryModel,
    /// A risk assessment.
    RiskAssessment,
    /// A statement about vulnerabilities.
    VulnerabilityAssertion,
    /// A statement about exploitability.
    ExploitabilityStatement,
    /// Results of a penetration test.
    PentestReport,
    /// Results of static analysis.
    StaticAnalysisReport,
    /// Results of dynamic analysis.
    DynamicAnalysisReport,
    /// Results of analysis at run time.
    RuntimeAnalysisReport,
    /// Results of component analysis.
    ComponentAnalysisReport,
    /// A maturity report.
    MaturityReport,
    /// A certification.
    CertificationReport,
    /// Infrastructure as code.
    CodifiedInfrastructure,
    /// Figures about quality.
    QualityMetrics,
    /// A plan of action and milestones.
    Poam,
    /// An electronic signature.
    ElectronicSignature,
    /// A digital signature.
    DigitalSignature,
    /// A `security.txt` (RFC 9116).
    #[serde(rename = "rfc-9116")]
    Rfc9116,
    /// A patent.
    Patent,
    /// A family of patents.
    PatentFamily,
    /// A statement about patents.
    PatentAssertion,
    /// Where a fact is taken from.
    Citation,
    /// Anything else.
    #[serde(other)]
    Other,
}
