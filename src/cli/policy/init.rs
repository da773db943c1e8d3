//! `prov policy init`: a policy made of an artifact that is trusted today.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::Deserialize as _;

use crate::artifact::Artifact;
use crate::cli::error::{Exit, Failure};
use crate::cli::files::{self, Existing, Readers};
use crate::cli::gate::{GateArgs, Genuine, TrustArgs};
use crate::cli::target::Target;
use crate::cli::{CommandResult, rejected, ui};
use crate::key::PublicKey;
use crate::policy::{Finding, Outcome, Policy, SCHEMA, Verdict};
use crate::statement::predicate::is_a;
use crate::statement::slsa::Provenance;
use crate::statement::{CYCLONEDX_BOM, SLSA_PROVENANCE_V1, Statement};
use crate::verify::{Certificate, Signer, Verified};

/// Write a policy that wants what an artifact has which you trust today
///
/// Its evidence is verified, and what the provenance shows is pinned: who signed, the
/// repository, branch or kind of tag, how it was built, the level, and what is
/// attached. This is trust on first use: if the artifact is a bad one, so is the
/// policy. Read it before you use it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov policy init app.wasm --key prov.pub --insecure-ignore-tlog
  prov policy init ghcr.io/me/app:v1 --key prov.pub --insecure-ignore-tlog --output app.toml

Exit codes: 0 written, 1 the artifact has no genuine provenance, 2 can't say")]
pub(super) struct Init {
    /// The artifact: a file, HOST/REPOSITORY[:TAG][@DIGEST] or oci:DIR[:TAG]
    #[arg(value_name = "ARTIFACT|REF")]
    artifact: PathBuf,

    /// A file with evidence; may be repeated [default: as `prov verify`]
    #[arg(long = "bundle", value_name = "FILE", help_heading = "Evidence")]
    bundles: Vec<PathBuf>,

    /// Trust the holder of this public key
    #[arg(long, value_name = "FILE", help_heading = "Evidence")]
    key: Option<PathBuf>,

    /// With --key: accept a signature that stands in no transparency log
    #[arg(long, requires = "key", help_heading = "Evidence")]
    insecure_ignore_tlog: bool,

    /// The Sigstore trusted root to check certificates and logs with [default: the
    /// public good instance]
    #[arg(long, value_name = "FILE", help_heading = "Evidence")]
    trusted_root: Option<PathBuf>,

    /// The policy's name [default: the artifact's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Where to write the policy [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace a policy that is there
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &Init) -> CommandResult {
    if let Some(file) = args
        .output
        .as_deref()
        .filter(|file| !args.force && !files::is_missing(file))
    {
        return Err(files::already_there(file));
    }
    let gate = GateArgs {
        bundles: args.bundles.clone(),
        trust: TrustArgs {
            policy: None,
            key: args.key.clone(),
            insecure_ignore_tlog: args.insecure_ignore_tlog,
            trusted_root: args.trusted_root.clone(),
        },
    };
    let target = Target::find(&args.artifact, &gate)?;
    let evidence = target.evidence?;
    let artifact = &target.artifact;
    let genuine = gate.trust.without_policy()?.examine(artifact, &evidence)?;
    let draft = Draft::of(args, artifact, &genuine)?;
    // The first answer tells the level and which attestations count.
    let mut verdict = admitting(&draft.text(3, 0, &[]), artifact, &genuine)?;
    let level = verdict.level();
    let mut require = vec![SLSA_PROVENANCE_V1.to_owned()];
    for predicate_type in &draft.attached {
        let more = [&require[..], std::slice::from_ref(predicate_type)].concat();
        let text = draft.text(level, level, &more);
        if admitting(&text, artifact, &genuine).is_ok() {
            require = more;
        }
    }
    let text = draft.text(level, level, &require);
    verdict = admitting(&text, artifact, &genuine)?;
    ui::warn(&format!(
        "this is trust on first use: nobody but {} says that {} is a good one",
        draft.signer(),
        artifact.name()
    ));
    ui::say(&format!(
        "read the policy before you use it; it admits {} at SLSA Build L{}",
        ui::clean(artifact.name()),
        verdict.level()
    ));
    match &args.output {
        Some(file) => {
            let existing = Existing::by(args.force);
            files::write(file, text.as_bytes(), Readers::Everybody, existing)?;
            ui::say(&format!(
                "policy  {}",
                ui::clean(&file.display().to_string())
            ));
        }
        None => ui::data(&text),
    }
    Ok(Exit::Yes)
}

/// The verdict by the policy in `text`, which must be a yes: what is written admits
/// the artifact that it was made of.
fn admitting(text: &str, artifact: &Artifact, genuine: &Genuine) -> Result<Verdict, Failure> {
    let failure = || Failure::no(format!("no policy can be made of `{}`", artifact.name()));
    let policy = Policy::parse(text).map_err(|errors| {
        failure().with("reason", format!("what it shows can't be pinned: {errors}"))
    })?;
    let verdict = policy.judge_all(
        artifact,
        &genuine.statements,
        &genuine.signatures,
        SystemTime::now(),
    );
    if verdict.passed() {
        return Ok(verdict);
    }
    let failed = |finding: &&Finding| finding.outcome == Outcome::Failed;
    let mut failure = failure();
    for finding in verdict.findings().iter().filter(failed) {
        failure = failure.with("rule", format!("{}: {}", finding.rule, finding.seen));
    }
    Err(failure.hint("`prov policy explain` with a policy of your own tells more"))
}

/// What is pinned.
struct Draft<'a> {
    name: String,
    artifact: String,
    evidence: &'a Verified<Statement>,
    provenance: Provenance,
    unlogged: bool,
    /// Predicate types that are attached, beside provenance.
    attached: BTreeSet<String>,
}

impl<'a> Draft<'a> {
    fn of(args: &Init, artifact: &Artifact, genuine: &'a Genuine) -> Result<Self, Failure> {
        let is_provenance =
            |each: &&Verified<Statement>| each.value().predicate_type == SLSA_PROVENANCE_V1;
        let Some(evidence) = genuine.statements.iter().find(is_provenance) else {
            let mut failure = Failure::no(format!(
                "`{}` has no genuine provenance to make a policy of",
                artifact.name()
            ));
            for (origin, error) in &genuine.rejected {
                failure = failure.with(
                    "evidence",
                    format!("{origin}: {}", rejected::explain(error)),
                );
                failure.hint = failure.hint.or_else(|| rejected::remedy(error));
            }
            return Err(failure);
        };
        let provenance = Provenance::deserialize(&evidence.value().predicate).map_err(|error| {
            Failure::no(format!(
                "the provenance of `{}` can't be read",
                artifact.name()
            ))
            .with("reason", error)
        })?;
        let types = genuine.statements.iter().map(|each| {
            let seen = &each.value().predicate_type;
            match is_a(seen, CYCLONEDX_BOM) {
                true => CYCLONEDX_BOM.to_owned(),
                false => seen.clone(),
            }
        });
        Ok(Self {
            name: args
                .name
                .clone()
                .unwrap_or_else(|| artifact.name().to_owned()),
            artifact: artifact.digest().to_string(),
            evidence,
            provenance,
            unlogged: !evidence.logged(),
            attached: types.filter(|seen| seen != SLSA_PROVENANCE_V1).collect(),
        })
    }

    fn signer(&self) -> String {
        match self.evidence.signer() {
            Signer::Key(key) => format!("key {}", key.id()),
            Signer::Certificate(certificate) => certificate.identity.clone(),
        }
    }

    /// The policy. `trusted` and `wanted` are levels.
    fn text(&self, trusted: u8, wanted: u8, require: &[String]) -> String {
        let mut text = format!(
            "# Made by `prov policy init` of an artifact that was trusted then:\n\
             # {}\n\
             # Read it before you use it; `docs/policy.md` explains every key.\n\
             schema = \"{SCHEMA}\"\nname = {}\n",
            self.artifact,
            quoted(&self.name)
        );
        match self.evidence.signer() {
            Signer::Key(key) => self.by_key(&mut text, key),
            Signer::Certificate(certificate) => {
                self.by_builder(&mut text, certificate, trusted.max(1));
            }
        }
        let definition = &self.provenance.build_definition;
        let _ = write!(
            text,
            "\n[build]\nmin-level = {wanted}\nbuild-type = [{}]\n",
            quoted(&definition.build_type)
        );
        let parameters: Vec<String> = definition
            .external_parameters
            .keys()
            .map(|key| quoted(key))
            .collect();
        if !parameters.is_empty() {
            let _ = writeln!(
                text,
                "# Any other parameter fails.\nexternal-parameters = [{}]",
                parameters.join(", ")
            );
        }
        if !require.is_empty() {
            let types: Vec<String> = require.iter().map(|each| quoted(each)).collect();
            let _ = write!(text, "\n[attestations]\nrequire = [{}]\n", types.join(", "));
        }
        text
    }

    fn by_key(&self, text: &mut String, key: &PublicKey) {
        let _ = write!(
            text,
            "\n# A key never shows more than SLSA Build L1.\n\
             [[trust.key]]\nname = \"signer\"\npublic-key = \"\"\"\n{}\"\"\"\n",
            key.to_pem()
        );
        if self.unlogged {
            text.push_str(
                "# It stands in no transparency log, so nobody can see a misuse of the key.\n\
                 transparency = \"not-required\"\n",
            );
        }
        let _ = writeln!(
            text,
            "builder = {}",
            quoted(&self.provenance.run_details.builder.id)
        );
    }

    fn by_builder(&self, text: &mut String, certificate: &Certificate, level: u8) {
        let (signer, reference) = match certificate.identity.split_once("@refs/") {
            Some((signer, reference)) => (signer, Some(format!("refs/{reference}"))),
            None => match certificate.identity.rsplit_once('@') {
                Some((signer, _)) => (signer, None),
                None => (certificate.identity.as_str(), None),
            },
        };
        let _ = write!(
            text,
            "\n[[trust.builder]]\nissuer = {}\nsigner = {}\n",
            quoted(&certificate.issuer),
            quoted(signer)
        );
        match (reference, &certificate.build_signer_digest) {
            (Some(reference), _) => {
                let _ = writeln!(text, "signer-ref = [{}]", quoted(&widened(&reference)));
            }
            (None, Some(commit)) => {
                let _ = writeln!(text, "signer-digest = [{}]", quoted(commit));
            }
            (None, None) => {}
        }
        let _ = writeln!(
            text,
            "# The most that you believe of this builder; what the evidence shows is looked at too.\n\
             level = {level}"
        );
        let known = ["github-hosted", "gitlab-hosted", "self-hosted"];
        if let Some(runner) = certificate
            .runner_environment
            .as_deref()
            .filter(|runner| known.contains(runner))
        {
            let _ = writeln!(text, "runner = {}", quoted(runner));
        }
        if self.unlogged {
            text.push_str("transparency = \"not-required\"\n");
        }
        if let Some(repository) = &certificate.source_repository {
            let _ = write!(text, "\n[source]\nrepository = {}\n", quoted(repository));
            if let Some(reference) = &certificate.source_ref {
                let _ = writeln!(
                    text,
                    "# Other releases have other tags; a branch stays itself.\nref = [{}]",
                    quoted(&widened(reference))
                );
            }
        }
    }
}

/// A tag with a version stands for all versions: `refs/tags/wash-v*`. Anything else
/// stays itself.
fn widened(reference: &str) -> String {
    let version = |tag: &str| tag.find(|c: char| c.is_ascii_digit());
    match reference.strip_prefix("refs/tags/") {
        Some(tag) if !tag.contains('/') => match version(tag) {
            Some(at) if at > 0 => format!("refs/tags/{}*", &tag[..at]),
            _ => reference.to_owned(),
        },
        _ => reference.to_owned(),
    }
}

/// A TOML string, whatever is in it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_all_versions_and_a_branch_is_itself() {
        for (seen, wanted) in [
            ("refs/tags/v1.2.3", "refs/tags/v*"),
            ("refs/tags/wash-v0.40.0", "refs/tags/wash-v*"),
            // `*` alone would be any tag.
            ("refs/tags/1.2.3", "refs/tags/1.2.3"),
            ("refs/tags/wash/v1", "refs/tags/wash/v1"),
            ("refs/tags/latest", "refs/tags/latest"),
            ("refs/heads/release-1", "refs/heads/release-1"),
        ] {
            assert_eq!(widened(seen), wanted);
        }
    }

    #[test]
    fn nothing_gets_out_of_its_quotes() {
        for hostile in ["\"\n[[trust.key]]", "'''", "\\", "\u{1b}", "a\r\nb"] {
            let text = format!("x = {}", quoted(hostile));
            let read: toml::Table = text.parse().unwrap();
            assert_eq!(read["x"].as_str(), Some(hostile));
            assert_eq!(read.len(), 1);
        }
    }
}
