//! `prov policy explain`: rule by rule, what was seen, wanted and why.

use std::path::PathBuf;

use crate::policy::{Finding, Outcome, Rule};
use crate::verify::Signer;

use crate::cli::error::Exit;
use crate::cli::finding;
use crate::cli::gate::{Fallback, GateArgs, Judgement};
use crate::cli::policy_file::PolicyFile;
use crate::cli::target::Target;
use crate::cli::{CommandResult, rejected, ui};

/// Tell rule by rule what was seen, wanted and why
///
/// As `prov verify`, and with the lines of the policy, the evidence that each answer
/// stands on, and what the policy does not ask.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov policy explain app.wasm --policy release.toml
  prov policy explain ghcr.io/me/app:v1 --policy release.toml

Exit codes: 0 yes, 1 no, 2 can't say")]
pub(super) struct Explain {
    /// The artifact: a file, HOST/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG] or a digest
    #[arg(value_name = "ARTIFACT|REF|DIGEST")]
    artifact: PathBuf,

    #[command(flatten)]
    gate: GateArgs,
}

pub(super) fn run(args: &Explain) -> CommandResult {
    let target = Target::find(&args.artifact, &args.gate)?;
    // Without evidence each rule still tells what it wants.
    let (evidence, nothing) = match target.evidence {
        Ok(evidence) => (evidence, None),
        Err(failure) if failure.exit == Exit::No => (Vec::new(), Some(failure)),
        Err(failure) => return Err(failure),
    };
    let judgement = args
        .gate
        .trust
        .judge(&target.artifact, &evidence, Fallback::None)?;
    ui::data(&explain(target.artifact.name(), &judgement));
    match (nothing, judgement.verdict.passed()) {
        (Some(failure), _) => Err(failure),
        (None, true) => Ok(Exit::Yes),
        (None, false) => Ok(Exit::No),
    }
}

fn explain(name: &str, judgement: &Judgement) -> String {
    let verdict = &judgement.verdict;
    let (style, word) = match verdict.passed() {
        true => (ui::GOOD, "verified"),
        false => (ui::ERROR, "refused"),
    };
    let mut lines = vec![
        format!("{style}{word}{style:#} {}", ui::clean(name)),
        fact("digest", &verdict.subject().to_string()),
        fact("level", &format!("SLSA Build L{}", verdict.level())),
        fact("policy", &judgement.policy),
        String::new(),
        "evidence".to_owned(),
    ];
    lines.extend(evidence(judgement));
    let file = judgement.policy_file.as_ref();
    for finding in verdict.findings() {
        lines.push(String::new());
        lines.extend(rule(finding, file));
    }
    let asked = |rule: &Rule| verdict.findings().iter().any(|it| it.rule == *rule);
    let unasked: Vec<&str> = Rule::ALL
        .iter()
        .filter(|rule| !asked(rule) && rule.is_asked_for())
        .map(|rule| rule.name())
        .collect();
    if !unasked.is_empty() {
        lines.push(String::new());
        lines.push(format!("not asked  {}", unasked.join(", ")));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn fact(label: &str, text: &str) -> String {
    let dim = ui::DIM;
    let text = ui::clean(text).replace('\n', "\n          ");
    format!("  {dim}{label:<7}{dim:#} {text}")
}

/// What is genuine, what it says and who signed it; then what proved nothing.
fn evidence(judgement: &Judgement) -> Vec<String> {
    let mut lines = Vec::new();
    let by = |signer: &Signer, logged: bool| {
        let signer = match signer {
            Signer::Key(key) => format!("key {}", key.id()),
            Signer::Certificate(certificate) => certificate.identity.clone(),
        };
        match logged {
            true => format!("signed by {signer}, in a transparency log"),
            false => format!("signed by {signer}, in no transparency log"),
        }
    };
    for (index, each) in judgement.verified.iter().enumerate() {
        let decided = match judgement.verdict.provenance() == Some(index) {
            true => " (this one decides)",
            false => "",
        };
        lines.push(format!("  {}{decided}", ui::clean(each.origin())));
        lines.push(fact("says", &each.value().predicate_type));
        lines.push(fact("by", &by(each.signer(), each.logged())));
    }
    for each in &judgement.signatures {
        lines.push(format!("  {}", ui::clean(each.origin())));
        lines.push(fact("says", "nothing; it signs the artifact's bytes"));
        lines.push(fact("by", &by(each.signer(), each.logged())));
    }
    for (origin, error) in &judgement.rejected {
        lines.push(format!("  {} proves nothing", ui::clean(origin)));
        lines.push(fact("why", &rejected::explain(error)));
    }
    if lines.is_empty() {
        lines.push("  none".to_owned());
    }
    lines
}

fn rule(finding: &Finding, file: Option<&PolicyFile>) -> Vec<String> {
    let (style, word) = (
        finding::style(&finding.outcome),
        finding::word(&finding.outcome),
    );
    let mut lines = vec![
        format!("{style}{word}{style:#} {}", finding.rule),
        fact("asks", finding.rule.question()),
        fact("seen", &finding::seen(finding)),
        fact("wanted", &finding.wanted),
    ];
    let line = match (finding.line, file) {
        (Some(line), Some(file)) => {
            let quoted = file.line(line).unwrap_or_default().trim();
            Some(format!("{line}: {quoted}"))
        }
        _ if finding.outcome != Outcome::Noted => Some("none, this is always asked".to_owned()),
        _ => None,
    };
    let details = finding::details(finding, None, line.map(|line| ("line", line)));
    lines.extend(details.map(|(label, text)| fact(label, &text)));
    lines
}
