//! Audits for programs: `prov.audit/v1`, written piece by piece.

use serde::Serialize;

use crate::audit::{
    Attestation, Audit, Contents, Exposure, Judgement, Missing, Origin, Status, Subject, Summary,
    Vulnerability,
};
use crate::cli::error::Failure;
use crate::cli::finding::{self, FindingDocument};

use super::Outcome;
use super::row::word;
use super::text::{facts, time};

type Write<'a> = &'a mut dyn FnMut(&str) -> Result<(), Failure>;

/// The document on its way. Fields are only ever added.
pub(super) struct Report {
    first: bool,
}

impl Report {
    /// Begins it.
    pub(super) fn start(policy: Option<&str>, write: Write<'_>) -> Result<Self, Failure> {
        let policy = compact(&policy)?;
        write(&format!(
            "{{\n  \"schema\": \"prov.audit/v1\",\n  \"policy\": {policy},\n  \"artifacts\": ["
        ))?;
        Ok(Self { first: true })
    }

    /// Adds one artifact.
    pub(super) fn add(&mut self, outcome: &Outcome, write: Write<'_>) -> Result<(), Failure> {
        let document = match outcome {
            Ok(audit) => compact(&audit_document(audit)),
            Err(broken) => compact(&BrokenDocument {
                verdict: word(Status::Broken),
                name: &broken.name,
                reason: &broken.why,
            }),
        }?;
        let comma = if self.first { "" } else { "," };
        self.first = false;
        write(&format!("{comma}\n    {document}"))
    }

    /// Ends it.
    pub(super) fn finish(self, summary: &Summary, write: Write<'_>) -> Result<(), Failure> {
        let summary = compact(&SummaryDocument {
            artifacts: summary.artifacts(),
            passed: summary.passed,
            refused: summary.refused,
            not_judged: summary.not_judged,
            not_audited: summary.broken.len(),
            vulnerable: summary.vulnerable,
        })?;
        let end = if self.first { "]" } else { "\n  ]" };
        write(&format!("{end},\n  \"summary\": {summary}\n}}\n"))
    }
}

fn compact(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value)
        .map_err(|error| Failure::cant_say("cannot write the report").with("reason", error))
}

#[derive(Serialize)]
struct SummaryDocument {
    artifacts: usize,
    passed: usize,
    refused: usize,
    not_judged: usize,
    not_audited: usize,
    /// Null when nobody looked.
    vulnerable: Option<usize>,
}

#[derive(Serialize)]
struct BrokenDocument<'a> {
    verdict: &'static str,
    name: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct AuditDocument<'a> {
    verdict: &'static str,
    artifact: SubjectDocument<'a>,
    /// Null when there was no policy.
    judgement: Option<JudgementDocument<'a>>,
    /// Null without genuine provenance.
    origin: Option<OriginDocument<'a>>,
    attestations: Vec<AttestationDocument<'a>>,
    missing: Vec<MissingDocument<'a>>,
    /// Null without an SBOM that counts.
    contents: Option<ContentsDocument<'a>>,
    vulnerabilities: ExposureDocument<'a>,
}

#[derive(Serialize)]
struct SubjectDocument<'a> {
    name: &'a str,
    digest: String,
    size: Option<u64>,
    media_type: Option<&'a str>,
    platform: Option<&'a str>,
}

#[derive(Serialize)]
struct JudgementDocument<'a> {
    policy: &'a str,
    passed: bool,
    slsa_build_level: u8,
    why_not_next: Option<&'a str>,
    findings: Vec<FindingDocument<'a>>,
}

#[derive(Serialize)]
struct OriginDocument<'a> {
    trusted: Option<bool>,
    /// In RFC 3339.
    signed: Option<String>,
    facts: Vec<FactDocument<'a>>,
}

#[derive(Serialize)]
struct FactDocument<'a> {
    name: String,
    value: &'a str,
    backing: &'static str,
}

#[derive(Serialize)]
struct AttestationDocument<'a> {
    predicate_type: Option<&'a str>,
    genuine: bool,
    trusted: Option<bool>,
    signer: Option<&'a str>,
    logged: bool,
    time: Option<String>,
    origin: &'a str,
    rejected: Option<&'a str>,
}

#[derive(Serialize)]
struct MissingDocument<'a> {
    id: &'static str,
    what: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
struct ContentsDocument<'a> {
    about_artifact: Option<bool>,
    packages: Vec<PackageDocument<'a>>,
    /// Pairs of places in `packages`: the first depends on the second.
    edges: Vec<[usize; 2]>,
    direct: &'a [usize],
    ecosystems: Vec<CountDocument<'a>>,
    licences: Vec<LicenceDocument<'a>>,
    twins: Vec<TwinDocument<'a>>,
    nested: Vec<NestedDocument<'a>>,
    oldest: Option<usize>,
    newest: Option<usize>,
    with_purl: usize,
    with_hash: usize,
    with_licence: usize,
    with_supplier: usize,
}

#[derive(Serialize)]
struct PackageDocument<'a> {
    purl: Option<String>,
    name: &'a str,
    version: Option<&'a str>,
    licences: &'a [String],
    scope: Option<&'a str>,
    released: Option<String>,
}

#[derive(Serialize)]
struct CountDocument<'a> {
    kind: &'a str,
    packages: usize,
}

#[derive(Serialize)]
struct LicenceDocument<'a> {
    /// Null for packages without a known one.
    licence: Option<&'a str>,
    packages: &'a [usize],
}

#[derive(Serialize)]
struct TwinDocument<'a> {
    package: &'a str,
    versions: &'a [String],
}

#[derive(Serialize)]
struct NestedDocument<'a> {
    name: &'a str,
    sha256: &'a str,
    packages: usize,
}

#[derive(Serialize)]
struct ExposureDocument<'a> {
    /// False when nobody looked; then nothing is known.
    checked: bool,
    database: Option<&'a str>,
    packages_checked: Option<usize>,
    packages_not_checked: Option<usize>,
    /// While there is one, nothing is known to be clean.
    advisories_unreadable: Option<usize>,
    found: Vec<VulnerabilityDocument<'a>>,
}

#[derive(Serialize)]
struct VulnerabilityDocument<'a> {
    id: &'a str,
    aliases: &'a [String],
    summary: &'a str,
    score: Option<f32>,
    rating: Option<String>,
    /// Why nobody can say whether the package has it.
    doubt: Option<&'a str>,
    /// A place in `packages`.
    package: usize,
    fixed: Option<&'a str>,
    vex: Option<WaiverDocument<'a>>,
}

#[derive(Serialize)]
struct WaiverDocument<'a> {
    status: &'a str,
    justification: Option<&'a str>,
    document: &'a str,
}

fn audit_document(audit: &Audit) -> AuditDocument<'_> {
    AuditDocument {
        verdict: word(audit.status()),
        artifact: subject(&audit.subject),
        judgement: audit.judgement.as_ref().map(judgement),
        origin: audit.origin.as_ref().map(origin),
        attestations: audit.attestations.iter().map(attestation).collect(),
        missing: audit.missing.iter().map(missing).collect(),
        contents: audit.contents.as_ref().map(contents),
        vulnerabilities: exposure(&audit.exposure),
    }
}

fn subject(subject: &Subject) -> SubjectDocument<'_> {
    SubjectDocument {
        name: &subject.name,
        digest: subject.digest.to_string(),
        size: subject.size,
        media_type: subject.media_type.as_deref(),
        platform: subject.platform.as_deref(),
    }
}

fn judgement(judgement: &Judgement) -> JudgementDocument<'_> {
    let findings = judgement.findings.iter();
    JudgementDocument {
        policy: &judgement.policy,
        passed: judgement.passed,
        slsa_build_level: judgement.level,
        why_not_next: judgement.why_not_next.as_deref(),
        findings: findings.map(finding::document).collect(),
    }
}

fn origin(origin: &Origin) -> OriginDocument<'_> {
    let facts = facts(origin).into_iter().filter_map(|(name, fact)| {
        let fact = fact.as_ref()?;
        Some(FactDocument {
            name: name.replace(' ', "_"),
            value: &fact.value,
            backing: finding::backing_name(fact.backing),
        })
    });
    OriginDocument {
        trusted: origin.trusted,
        signed: origin.signed.and_then(time),
        facts: facts.collect(),
    }
}

fn attestation(attestation: &Attestation) -> AttestationDocument<'_> {
    AttestationDocument {
        predicate_type: attestation.predicate_type.as_deref(),
        genuine: attestation.rejected.is_none(),
        trusted: attestation.trusted,
        signer: attestation.signer.as_deref(),
        logged: attestation.logged,
        time: attestation.time.and_then(time),
        origin: &attestation.origin,
        rejected: attestation.rejected.as_deref(),
    }
}

fn missing(missing: &Missing) -> MissingDocument<'_> {
    MissingDocument {
        id: missing.id,
        what: &missing.what,
        why: &missing.why,
    }
}

fn contents(contents: &Contents) -> ContentsDocument<'_> {
    let packages = contents.packages.iter().map(|package| PackageDocument {
        purl: package.purl.as_ref().map(ToString::to_string),
        name: &package.name,
        version: package.version.as_deref(),
        licences: &package.licences,
        scope: package.scope.as_deref(),
        released: package.released.map(|time| time.to_string()),
    });
    let ecosystems = contents.ecosystems.iter().map(|each| CountDocument {
        kind: &each.kind,
        packages: each.packages,
    });
    let licences = contents.licences.iter().map(|group| LicenceDocument {
        licence: group.licence.as_deref(),
        packages: &group.packages,
    });
    let twins = contents.twins.iter().map(|twin| TwinDocument {
        package: &twin.package,
        versions: &twin.versions,
    });
    let nested = contents.nested.iter().map(|nested| NestedDocument {
        name: &nested.name,
        sha256: &nested.sha256,
        packages: nested.packages,
    });
    ContentsDocument {
        about_artifact: contents.about_artifact,
        packages: packages.collect(),
        edges: contents
            .edges
            .iter()
            .map(|edge| [edge.from, edge.to])
            .collect(),
        direct: &contents.direct,
        ecosystems: ecosystems.collect(),
        licences: licences.collect(),
        twins: twins.collect(),
        nested: nested.collect(),
        oldest: contents.oldest,
        newest: contents.newest,
        with_purl: contents.with_purl,
        with_hash: contents.with_hash,
        with_licence: contents.with_licence,
        with_supplier: contents.with_supplier,
    }
}

fn exposure(exposure: &Exposure) -> ExposureDocument<'_> {
    match exposure {
        Exposure::NotChecked => ExposureDocument {
            checked: false,
            database: None,
            packages_checked: None,
            packages_not_checked: None,
            advisories_unreadable: None,
            found: Vec::new(),
        },
        Exposure::Checked {
            database,
            checked,
            unchecked,
            unreadable,
            vulnerabilities,
        } => ExposureDocument {
            checked: true,
            database: database.as_deref(),
            packages_checked: Some(*checked),
            packages_not_checked: Some(*unchecked),
            advisories_unreadable: Some(*unreadable),
            found: vulnerabilities.iter().map(vulnerability).collect(),
        },
    }
}

fn vulnerability(each: &Vulnerability) -> VulnerabilityDocument<'_> {
    VulnerabilityDocument {
        id: &each.id,
        aliases: &each.aliases,
        summary: &each.summary,
        score: each.score,
        rating: each.rating.map(|rating| rating.to_string()),
        doubt: each.doubt.as_deref(),
        package: each.package,
        fixed: each.fixed.as_deref(),
        vex: each.waiver.as_ref().map(|waiver| WaiverDocument {
            status: &waiver.status,
            justification: waiver.justification.as_deref(),
            document: &waiver.document,
        }),
    }
}
