//! `prov attest`: state how an artifact was made, and sign that.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::artifact::Artifact;
use crate::provenance::{self, LocalBuild, Source};

use super::error::{Exit, Failure, reasons};
use super::files::{self, Existing, Readers};
use super::{CommandResult, key, ui};

/// State how an artifact was made, and sign that
///
/// Writes SLSA provenance of a local build (SLSA Build L1) as a Sigstore bundle
/// beside the artifact. What is not known is left out: name the source with
/// --source, the command with --command.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov attest app.wasm --key prov.key
  prov attest app.wasm --key prov.key --source . --command 'cargo build --release'

Exit codes: 0 written, 2 can't say")]
pub(super) struct Args {
    /// The artifact
    #[arg(value_name = "FILE")]
    artifact: PathBuf,

    /// The private key to sign with
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// The git repository that the artifact was built from
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,

    /// The command that built it
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,

    /// Something else that was chosen for the build; may be repeated
    #[arg(long = "parameter", value_name = "KEY=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,

    /// Where to write the bundle [default: FILE.sigstore.jsonl]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace a bundle that is there
    #[arg(long)]
    force: bool,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, _)) if ["source", "command"].contains(&key) => {
            Err(format!("`{key}` has an option of its own: --{key}"))
        }
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("wanted KEY=VALUE".to_owned()),
    }
}

pub(super) fn run(args: Args) -> CommandResult {
    let output = args
        .output
        .clone()
        .unwrap_or_else(|| files::beside(&args.artifact, ".sigstore.jsonl"));
    let existing = match args.force {
        true => Existing::Replace,
        false => Existing::Keep,
    };
    if existing == Existing::Keep && output.exists() {
        return Err(files::already_there(&output));
    }
    let key = key::read_private(&args.key)?;
    let file = files::open(&args.artifact, "artifact")?;
    let artifact = Artifact::from_reader(files::name(&args.artifact), file, false)
        .map_err(|error| Failure::cant_say(reasons(&error)))?;

    let build = LocalBuild {
        source: args.source.as_deref().map(source).transpose()?,
        command: args.command.into_iter().collect(),
        parameters: args
            .parameters
            .into_iter()
            .map(|(key, value)| (key, Value::from(value)))
            .collect::<Map<_, _>>(),
        ..LocalBuild::default()
    };
    let statement = provenance::statement(&artifact, &build.provenance());
    let mut bundle = key
        .sign(&statement)
        .map_err(|error| Failure::cant_say("cannot sign").with("reason", reasons(&error)))?;
    bundle.push('\n');
    files::write(&output, bundle.as_bytes(), Readers::Everybody, existing)?;
    ui::say(&format!(
        "{} attested: SLSA provenance of a local build (SLSA Build L1)",
        ui::clean(artifact.name())
    ));
    if let Some(source) = &build.source {
        let state = if source.dirty {
            ", with changes that are not committed"
        } else {
            ""
        };
        ui::say(&format!("source  {}{state}", source.commit));
    }
    ui::say(&format!("bundle  {}", output.display()));
    ui::data(&format!("{}\n", artifact.digest()));
    Ok(Exit::Yes)
}

fn source(dir: &Path) -> Result<Source, Failure> {
    let found = Source::of(dir, &[]).map_err(|error| {
        Failure::cant_say(format!("cannot ask git about `{}`", dir.display()))
            .with("reason", reasons(&error))
    })?;
    found.ok_or_else(|| {
        Failure::cant_say(format!(
            "`{}` is in no git repository with a commit",
            dir.display()
        ))
        .hint("leave out `--source` when the artifact was not built from git")
    })
}
