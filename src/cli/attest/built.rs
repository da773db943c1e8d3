//! How an artifact was built: the options of it, and the provenance of them.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::json;
use crate::provenance::{GitHubRun, LocalBuild, Source};
use crate::sign::Signer;
use crate::statement::ResourceDescriptor;
use crate::statement::slsa::Provenance;

use crate::cli::error::{Failure, reasons};
use crate::cli::files;

/// The largest event that GitHub hands to a run, in bytes.
const MAX_EVENT: usize = 25 << 20;

/// How it was built.
#[derive(clap::Args)]
pub(super) struct BuildArgs {
    /// The folder that the artifact was built from: its bill of materials and, in
    /// a local build, its commit
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,

    /// Who built it: auto, local or github
    #[arg(
        long,
        value_enum,
        value_name = "BUILDER",
        default_value_t,
        hide_possible_values = true
    )]
    builder: Builder,

    /// The command that built it locally
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,

    /// Something else that was chosen for a local build; may be repeated
    #[arg(long = "parameter", value_name = "KEY=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
}

/// Whose word the provenance is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Builder {
    /// GitHub in its runs, else local
    #[default]
    Auto,
    /// This machine
    Local,
    /// The run of GitHub Actions that this is
    Github,
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

impl BuildArgs {
    /// The folder that the artifact was built from.
    pub(super) fn source(&self) -> Option<&Path> {
        self.source.as_deref()
    }

    /// The provenance, and what it is for people.
    pub(super) fn provenance(
        &self,
        signer: &dyn Signer,
        dependencies: Vec<ResourceDescriptor>,
        byproducts: Vec<ResourceDescriptor>,
    ) -> Result<(Provenance, String), Failure> {
        let in_github = std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true");
        match self.builder {
            Builder::Github => self.github(signer, dependencies, byproducts),
            Builder::Auto if in_github => self.github(signer, dependencies, byproducts),
            Builder::Auto | Builder::Local => self.local(dependencies, byproducts),
        }
    }

    fn local(
        &self,
        dependencies: Vec<ResourceDescriptor>,
        byproducts: Vec<ResourceDescriptor>,
    ) -> Result<(Provenance, String), Failure> {
        let parameters = self.parameters.iter().cloned();
        let build = LocalBuild {
            source: self.source.as_deref().map(commit).transpose()?,
            command: self.command.iter().cloned().collect(),
            parameters: parameters
                .map(|(key, value)| (key, Value::from(value)))
                .collect::<Map<_, _>>(),
            dependencies,
            byproducts,
            ..LocalBuild::default()
        };
        let mut what = "SLSA provenance of a local build (SLSA Build L1)".to_owned();
        if let Some(source) = &build.source {
            let dirty = match source.dirty {
                true => ", with changes that are not committed",
                false => "",
            };
            what.push_str(&format!("\nsource  {}{dirty}", source.commit));
        }
        Ok((build.provenance(), what))
    }

    /// No level is told here: it depends on who signs, and a verifier derives it
    /// from the certificate.
    fn github(
        &self,
        signer: &dyn Signer,
        dependencies: Vec<ResourceDescriptor>,
        byproducts: Vec<ResourceDescriptor>,
    ) -> Result<(Provenance, String), Failure> {
        if self.command.is_some() || !self.parameters.is_empty() {
            return Err(Failure::cant_say(
                "`--command` and `--parameter` are of local builds, and this is a run of GitHub Actions",
            )
            .hint("`--builder local` states a local build, which is SLSA Build L1"));
        }
        let event = std::env::var_os("GITHUB_EVENT_PATH")
            .map(|path| event(Path::new(&path)))
            .transpose()?;
        let variable = |name: &str| std::env::var(name).ok();
        let mut run =
            GitHubRun::read(variable, signer.claims(), event.as_ref()).map_err(|error| {
                Failure::cant_say("this run of GitHub Actions does not tell how it builds")
                    .with("reason", reasons(&error))
                    .hint("`--builder local` states a local build, which is SLSA Build L1")
            })?;
        run.dependencies = dependencies;
        run.byproducts = byproducts;
        let what = format!(
            "SLSA provenance of a GitHub Actions run\nbuilder {}\nsource  {}",
            run.builder_id(),
            run.commit()
        );
        Ok((run.provenance(), what))
    }
}

fn event(path: &Path) -> Result<Value, Failure> {
    let bytes = files::read(path, MAX_EVENT as u64, "event of the run")?;
    json::parse(&bytes, MAX_EVENT).map_err(|error| {
        Failure::cant_say(format!(
            "the event `{}` is no acceptable JSON",
            path.display()
        ))
        .with("reason", error)
    })
}

fn commit(dir: &Path) -> Result<Source, Failure> {
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
