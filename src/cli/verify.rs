//! `prov verify`: is this artifact what the policy wants?

use std::path::PathBuf;

use serde::Serialize;

use crate::artifact::Artifact;
use crate::verify::VerifyError;

use super::error::{Exit, Failure};
use super::finding::{self, FindingDocument};
use super::gate::{Fallback, GateArgs, Judgement};
use super::report::{self, Judged};
use super::target::Target;
use super::vsa::SummaryArgs;
use super::{CommandResult, rejected, ui};

/// Verify an artifact's evidence and judge it by a policy
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov verify app.wasm --key prov.pub --insecure-ignore-tlog
  prov verify app.wasm --bundle app.sigstore.json --policy release.toml
  prov verify ghcr.io/me/app:v1 --policy release.toml --format json
  prov verify sha256:$(sha256sum <app.wasm | cut -c-64) --bundle app.json --policy release.toml
  prov verify app.wasm --policy release.toml --format sarif
  prov verify ghcr.io/me/app:v1 --policy release.toml --vsa app.vsa.json --sign-key prov.key

Exit codes: 0 yes, 1 no, 2 can't say")]
pub(super) struct Args {
    /// The artifact: a file, HOST/REPOSITORY[:TAG][@DIGEST] or oci:DIR[:TAG]; or
    /// the digest (sha256:… or sha512:…) of one that is elsewhere
    #[arg(value_name = "ARTIFACT|REF|DIGEST")]
    artifact: PathBuf,

    #[command(flatten)]
    gate: GateArgs,

    #[command(flatten)]
    summary: SummaryArgs,

    /// How to tell the result
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: VerifyFormat,
}

/// What is written to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum VerifyFormat {
    /// For people
    #[default]
    Text,
    /// For programs: one JSON document whose `schema` names its version
    Json,
    /// For code scanning: SARIF 2.1.0
    Sarif,
    /// For test reports: JUnit XML
    Junit,
    /// For `$GITHUB_STEP_SUMMARY`
    Markdown,
}

pub(super) fn run(args: Args) -> CommandResult {
    let found = Target::find(&args.artifact, &args.gate)?;
    let summary = args.summary.plan(found.resource_uri)?;
    let (evidence, nothing) = match found.evidence {
        Ok(evidence) => (evidence, None),
        // A program that waits for a document gets one, a no like any other.
        Err(failure)
            if failure.exit == Exit::No
                && (summary.is_some() || args.format != VerifyFormat::Text) =>
        {
            (Vec::new(), Some(failure))
        }
        Err(failure) => return Err(failure),
    };
    let artifact = &found.artifact;
    let judgement = args.gate.trust.judge(artifact, &evidence, Fallback::None)?;
    if let Some(summary) = summary {
        let trusted_root = args.gate.trust.trusted_root.as_deref();
        summary.write(artifact, &judgement, trusted_root)?;
    }
    let judged = [Judged::new(artifact, &judgement)];
    match args.format {
        VerifyFormat::Text if nothing.is_some() => {}
        VerifyFormat::Text => ui::data(&text(artifact, &judgement)),
        VerifyFormat::Json => ui::data(&json(artifact, &judgement)?),
        VerifyFormat::Sarif => ui::data(&report::sarif::render(&judged)?),
        VerifyFormat::Junit => ui::data(&report::junit::render(&judged)),
        VerifyFormat::Markdown => ui::data(&report::markdown::render(&judged)),
    }
    match (nothing, judgement.verdict.passed()) {
        (Some(failure), _) => Err(failure),
        (None, true) => Ok(Exit::Yes),
        (None, false) => Ok(Exit::No),
    }
}

fn text(artifact: &Artifact, judgement: &Judgement) -> String {
    let verdict = &judgement.verdict;
    let (style, word) = match verdict.passed() {
        true => (ui::GOOD, "verified"),
        false => (ui::ERROR, "refused"),
    };
    let dim = ui::DIM;
    let mut lines = vec![
        format!("{style}{word}{style:#} {}", ui::clean(artifact.name())),
        format!("  {dim}digest{dim:#}  {}", artifact.digest()),
        format!("  {dim}level{dim:#}   SLSA Build L{}", verdict.level()),
        format!("  {dim}policy{dim:#}  {}", ui::clean(&judgement.policy)),
        String::new(),
    ];
    // First what explains the rest: evidence that proves nothing.
    for (origin, error) in &judgement.rejected {
        lines.extend(rejected_lines(origin, error));
    }
    if judgement.proved_nothing() {
        let style = ui::ERROR;
        lines.push(format!(
            "{style}✗{style:#} no genuine evidence, so the answer is no"
        ));
    } else {
        for finding in verdict.findings() {
            lines.extend(finding::lines(finding));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

fn rejected_lines(origin: &str, error: &VerifyError) -> Vec<String> {
    let (style, dim) = (ui::WARNING, ui::DIM);
    let reason = ui::clean(&rejected::explain(error));
    let mut lines = vec![format!(
        "{style}!{style:#} {:<26} {}",
        "evidence",
        ui::clean(origin)
    )];
    lines.extend(reason.lines().map(|line| format!("  {:<26} {line}", "")));
    if let Some(remedy) = rejected::remedy(error) {
        lines.push(format!("  {:<26} {dim}hint:{dim:#} {remedy}", ""));
    }
    lines
}

/// The contract of `--format json`. Fields are only ever added.
#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    verdict: &'static str,
    artifact: ReportArtifact<'a>,
    slsa_build_level: u8,
    policy: &'a str,
    findings: Vec<FindingDocument<'a>>,
    rejected: Vec<ReportRejected<'a>>,
}

#[derive(Serialize)]
struct ReportArtifact<'a> {
    name: &'a str,
    digest: String,
    /// Null for an artifact that is elsewhere.
    size: Option<u64>,
}

#[derive(Serialize)]
struct ReportRejected<'a> {
    evidence: &'a str,
    reason: String,
}

fn json(artifact: &Artifact, judgement: &Judgement) -> Result<String, Failure> {
    let verdict = &judgement.verdict;
    let report = Report {
        schema: "prov.verify/v1",
        verdict: match verdict.passed() {
            true => "verified",
            false => "refused",
        },
        artifact: ReportArtifact {
            name: artifact.name(),
            digest: artifact.digest().to_string(),
            size: (!artifact.is_elsewhere()).then(|| artifact.size()),
        },
        slsa_build_level: verdict.level(),
        policy: &judgement.policy,
        findings: verdict.findings().iter().map(finding::document).collect(),
        rejected: judgement
            .rejected
            .iter()
            .map(|(origin, error)| ReportRejected {
                evidence: origin,
                reason: rejected::explain(error),
            })
            .collect(),
    };
    ui::json(&report)
}
