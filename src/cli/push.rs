//! `prov push`: store an artifact in a registry or a layout.

use std::path::PathBuf;

use crate::oci::{self, FILE_TYPE, Manifest, Name, PackError, Packed, Place, Reference, Store};

use super::error::{Exit, Failure, reasons};
use super::{CommandResult, epoch, files, store, ui};

/// Store an artifact in a registry or in a layout on disk
///
/// WebAssembly modules and components are stored as wash and wkg expect them, other
/// files as one layer. Several native binaries are stored under an index, each for
/// the platform that it says itself. The same files always get the same digest.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov push app.wasm ghcr.io/me/app:v1
  prov push app.wasm oci:layout:v1
  prov push wash-linux-amd64 wash-linux-arm64 wash-darwin-arm64 ghcr.io/me/wash:v1

Exit codes: 0 stored and read back, 2 can't say")]
pub(super) struct Args {
    /// The artifact; several are one artifact for several platforms
    #[arg(value_name = "ARTIFACT", required = true)]
    artifacts: Vec<PathBuf>,

    /// Where to: HOST/REPOSITORY[:TAG] or oci:DIR[:TAG]
    #[arg(value_name = "REF", required = true, value_parser = store::reference)]
    reference: Reference,

    /// The artifact type of what is not WebAssembly
    #[arg(long, value_name = "TYPE", default_value = FILE_TYPE)]
    artifact_type: String,
}

pub(super) fn run(args: Args) -> CommandResult {
    let reference = &args.reference;
    let tag = tag(reference)?;
    let created = created()?;
    let files = args
        .artifacts
        .iter()
        .map(|path| oci::pack(path, &args.artifact_type, &created))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| failure(&error, reference))?;
    let target = store::open_target(reference)?;
    let pushed = put(&*target, &files, &args.artifact_type, &tag, reference)?;
    for file in &files {
        let platform = file.platform.as_ref().filter(|_| files.len() > 1);
        let platform = platform
            .map(|platform| format!(" for {platform}"))
            .unwrap_or_default();
        ui::say(&format!(
            "stored {}{platform}, {}",
            ui::clean(file.artifact.name()),
            ui::bytes(file.artifact.size())
        ));
        ui::say(&format!(
            "  {} {}",
            file.artifact.digest(),
            ui::clean(file.artifact.name())
        ));
    }
    ui::say(&format!("tagged {reference}"));
    ui::data(&format!("{}\n", reference.pinned(pushed.digest())));
    Ok(Exit::Yes)
}

/// Stores what is packed under `tag`; a failure is about `reference`.
pub(super) fn put(
    target: &dyn Store,
    files: &[Packed],
    artifact_type: &str,
    tag: &str,
    reference: &Reference,
) -> Result<Manifest, Failure> {
    store::wait_for(oci::push(target, files, artifact_type, Some(tag)))
        .map_err(|error| store::failure(&error, reference))?
        .map_err(|error| failure(&error, reference))
}

/// The tag that something is to be stored under.
pub(super) fn tag(reference: &Reference) -> Result<String, Failure> {
    match &reference.name {
        Name::Tag(tag) => Ok(tag.clone()),
        Name::Digest(_) => Err(Failure::cant_say("a digest can't be chosen")
            .with("seen", reference)
            .with("wanted", "a tag, or nothing for `latest`")),
    }
}

/// `SOURCE_DATE_EPOCH`, or the beginning of time: what is stored is the same for the
/// same file, whenever that is done.
pub(super) fn created() -> Result<String, Failure> {
    let seconds = epoch::source_date()?.unwrap_or_default();
    jiff::Timestamp::from_second(seconds)
        .map(|time| time.to_string())
        .map_err(|error| Failure::cant_say("`SOURCE_DATE_EPOCH` is no date").with("reason", error))
}

pub(super) fn failure(error: &PackError, reference: &Reference) -> Failure {
    match error {
        PackError::Oci(error) => store::failure(error, reference),
        PackError::Platform(_) => Failure::cant_say("several artifacts, and no index for them")
            .with("reason", error)
            .with("wanted", "native binaries, each for another platform")
            .hint(match &reference.place {
                Place::Layout(_) => "`prov push ARTIFACT oci:DIR:TAG` stores one",
                Place::Registry(_) => "`prov push ARTIFACT HOST/REPOSITORY:TAG` stores one",
            }),
        PackError::Read { path, .. } if !path.exists() => {
            Failure::cant_say(reasons(error)).hint(files::what_is_there(path))
        }
        _ => Failure::cant_say(reasons(error)),
    }
}
