//! `prov attest`: state what an artifact is and how it was made, and sign that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::json;
use crate::oci::Reference;
use crate::provenance;
use crate::sign::Signer;
use crate::statement::predicate::{self, COSIGN_SIGN_V1, SHORT_NAMES};
use crate::statement::{
    CYCLONEDX_BOM, MAX_STATEMENT, ResourceDescriptor, SLSA_PROVENANCE_V1, Statement,
};

use super::error::{Exit, Failure, reasons};
use super::signer::SignerArgs;
use super::{CommandResult, Format, files, store, ui};

mod built;
mod contents;
mod output;
mod report;
mod stored;
mod subject;

use built::BuildArgs;
use contents::Contents;
use output::Output;
use report::Report;
use stored::Storing;
use subject::Subject;

/// State what an artifact is and how it was made, and sign that
///
/// Writes SLSA provenance, and with --source or --sbom a bill of materials, as
/// Sigstore bundles beside the artifact, one a line, all signed by the same
/// signer: a key, or whoever an identity token names. What is not known is left
/// out. In GitHub Actions the run tells how it built; elsewhere it is a local
/// build, SLSA Build L1. Several artifacts are subjects of one provenance
/// statement, and each gets its own bill of materials.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov attest app.wasm
  prov attest app.wasm --key prov.key --source . --command 'cargo build --release'
  prov attest app.wasm --key prov.key --predicate vex.json --type openvex
  prov attest app.wasm --key prov.key --push oci:layout:v1

Exit codes: 0 written, 2 can't say")]
pub(super) struct Args {
    /// Files; or a digest (sha256:…, sha512:…) with --subject-name and --output
    #[arg(value_name = "ARTIFACT", required = true)]
    artifacts: Vec<PathBuf>,

    #[command(flatten)]
    signer: SignerArgs,

    #[command(flatten)]
    build: BuildArgs,

    /// A bill of materials to state, CycloneDX or SPDX as JSON [default: one is
    /// made when --source is given]
    #[arg(long, value_name = "FILE")]
    sbom: Option<PathBuf>,

    /// State only this: slsaprovenance1, cyclonedx, sign; with --predicate any
    /// other short name of cosign's, or a URI
    #[arg(long = "type", value_name = "TYPE", value_parser = predicate_type)]
    predicate_type: Option<String>,

    /// A JSON file to state as it is
    #[arg(long, value_name = "FILE", requires = "predicate_type", conflicts_with_all = ["sbom"])]
    predicate: Option<PathBuf>,

    /// The artifact's name in the statements [default: its file name]
    #[arg(long, value_name = "NAME")]
    subject_name: Option<String>,

    /// Also store the artifact there, and attach the bundles to it:
    /// HOST/REPOSITORY[:TAG] or oci:DIR[:TAG]
    #[arg(long, value_name = "REF", value_parser = store::reference)]
    push: Option<Reference>,

    /// Where to write the bundles; `-` is stdout [default: ARTIFACT.sigstore.jsonl]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace bundles that are there
    #[arg(long)]
    force: bool,

    /// How to tell what was written
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
}

fn predicate_type(text: &str) -> Result<String, String> {
    predicate::uri(text).map(str::to_owned).ok_or_else(|| {
        let names: Vec<&str> = SHORT_NAMES.iter().map(|(name, _)| *name).collect();
        format!("wanted a URI or one of {}", names.join(", "))
    })
}

/// A statement on its way into a bundle.
struct Stated {
    statement: Statement,
    /// What it says, for people.
    what: String,
    /// The one subject that it is about; none when it is about them all.
    about: Option<usize>,
}

pub(super) fn run(args: Args, verbose: bool) -> CommandResult {
    let output = Output::of(&args)?;
    output.check(args.force)?;
    let signer = args.signer.signer()?;
    let mut subjects = args
        .artifacts
        .iter()
        .map(|artifact| Subject::new(artifact, args.subject_name.as_deref()))
        .collect::<Result<Vec<_>, _>>()?;
    let storing = match &args.push {
        Some(reference) => Some(Storing::prepare(reference, &mut subjects)?),
        None => None,
    };
    let stated = args.state(&subjects, signer.as_ref(), verbose)?;
    output.check_count(&stated)?;
    if stated.iter().any(|each| each.about.is_some()) {
        // Their files were read once more.
        subjects.iter().try_for_each(Subject::check_unchanged)?;
    }
    let statements: Vec<Statement> = stated.iter().map(|each| each.statement.clone()).collect();
    let signatures = signer
        .sign_all(&statements)
        .map_err(|error| Failure::cant_say("cannot sign").with("reason", reasons(&error)))?;
    // Everything is signed before anything is written, and each file is written
    // whole or not at all.
    let mut report = Report::new(&subjects, &stated, &signatures, &output);
    output.write(&stated, &signatures.signed, args.force)?;
    if let Some(storing) = storing {
        let signed = output.files();
        report.stored = Some(storing.store(&signatures.signed, signed)?);
    }
    report.tell();
    match (&output, args.format) {
        (Output::Stdout, _) => {}
        (_, Format::Text) => ui::data(&report.digests()),
        (_, Format::Json) => ui::data(&report.json()?),
    }
    Ok(Exit::Yes)
}

impl Args {
    /// Everything that is to be said.
    fn state(
        &self,
        subjects: &[Subject],
        signer: &dyn Signer,
        verbose: bool,
    ) -> Result<Vec<Stated>, Failure> {
        let all = || subjects.iter().flat_map(Subject::descriptors).collect();
        let only = self.predicate_type.as_deref();
        let about_all = |uri: &str, predicate: Value, what: String| Stated {
            statement: Statement::new(all(), uri, predicate),
            what,
            about: None,
        };
        if let (Some(file), Some(uri)) = (&self.predicate, only) {
            let predicate = read_predicate(file, uri)?;
            return Ok(vec![about_all(uri, predicate, uri.to_owned())]);
        }
        match only {
            Some(COSIGN_SIGN_V1) => {
                let predicate = Value::Object(Default::default());
                let what = "a signature, which says nothing more".to_owned();
                return Ok(vec![about_all(COSIGN_SIGN_V1, predicate, what)]);
            }
            None | Some(SLSA_PROVENANCE_V1 | CYCLONEDX_BOM) => {}
            Some(uri) => {
                return Err(
                    Failure::cant_say(format!("nothing is known to state as `{uri}`"))
                        .hint("`--predicate FILE` names the file with it"),
                );
            }
        }
        let contents = self.contents(subjects, only, verbose)?;
        let mut stated = Vec::new();
        if only != Some(CYCLONEDX_BOM) {
            let mut dependencies = BTreeMap::new();
            let mut byproducts = Vec::new();
            for (_, each) in &contents {
                each.dependencies(&mut dependencies);
                byproducts.extend(each.byproduct.clone());
            }
            let dependencies: Vec<ResourceDescriptor> = dependencies.into_values().collect();
            let (provenance, what) = self.build.provenance(signer, dependencies, byproducts)?;
            stated.push(Stated {
                statement: provenance::statement(all(), &provenance),
                what,
                about: None,
            });
        }
        if only == Some(SLSA_PROVENANCE_V1) {
            return Ok(stated);
        }
        for (about, contents) in contents {
            let what = contents.what();
            let subject = match about {
                Some(index) => subjects[index].descriptors().collect(),
                None => all(),
            };
            stated.push(Stated {
                statement: Statement::new(subject, contents.predicate_type, contents.document),
                what,
                about,
            });
        }
        Ok(stated)
    }

    /// The bill of materials that was given, which is about all subjects, or one
    /// for each of them.
    fn contents(
        &self,
        subjects: &[Subject],
        only: Option<&str>,
        verbose: bool,
    ) -> Result<Vec<(Option<usize>, Contents)>, Failure> {
        if let Some(file) = &self.sbom {
            return Ok(vec![(None, Contents::read(file)?)]);
        }
        let source = self.build.source();
        let wanted = only == Some(CYCLONEDX_BOM);
        if !wanted && source.is_none() {
            return Ok(Vec::new());
        }
        let mut contents = Vec::new();
        for (index, subject) in subjects.iter().enumerate() {
            match Contents::make(subject, source, verbose)? {
                Some(made) => contents.push((Some(index), made)),
                None if wanted => return Err(nothing_understood(subject)),
                None => ui::warn(&format!(
                    "no bill of materials of `{}`: nothing that is understood was found",
                    subject.name
                )),
            }
        }
        Ok(contents)
    }
}

fn nothing_understood(subject: &Subject) -> Failure {
    Failure::cant_say(format!(
        "nothing that is understood was found in `{}`",
        subject.name
    ))
    .with(
        "wanted",
        "a program or module that tells what it was built of, or its source",
    )
    .hint("`--source DIR` names the source, `--sbom FILE` a bill of materials that is there")
}

fn read_predicate(file: &Path, uri: &str) -> Result<Value, Failure> {
    let bytes = files::read(file, MAX_STATEMENT as u64, "predicate")?;
    let predicate = json::parse(&bytes, MAX_STATEMENT).map_err(|error| {
        Failure::cant_say(format!("`{}` is no acceptable JSON", file.display()))
            .with("reason", error)
    })?;
    match predicate::missing(uri, &predicate) {
        None => Ok(predicate),
        Some(pointer) => Err(Failure::cant_say(format!(
            "`{}` is no predicate of the type `{uri}`",
            file.display()
        ))
        .with(
            "reason",
            format!(
                "it has no `{}`",
                pointer.trim_start_matches('/').replace('/', ".")
            ),
        )),
    }
}
