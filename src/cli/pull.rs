//! `prov pull`: fetch an artifact and its evidence.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::oci::{Descriptor, Name, Reference, TITLE};

use super::error::{Exit, Failure};
use super::files::{self, Existing, Readers};
use super::policy_file::REPOSITORY_POLICY;
use super::store::{self, Stored};
use super::{CommandResult, ui};

/// Ending of the file with the evidence about the first file.
const EVIDENCE: &str = ".sigstore.jsonl";

/// Fetch an artifact and the evidence about it
///
/// Every digest is checked. The evidence lies beside the artifact afterwards, where
/// `prov verify` and `prov run` find it; it is not judged here.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov pull ghcr.io/me/app:v1
  prov pull oci:layout:v1 --output downloads

Exit codes: 0 fetched, 2 can't say")]
pub(super) struct Args {
    /// The artifact: HOST/REPOSITORY[:TAG][@DIGEST] or oci:DIR[:TAG]
    #[arg(value_name = "REF", value_parser = store::reference)]
    reference: Reference,

    /// The folder to write to; it is made if it is not there
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    output: PathBuf,

    /// The platform to fetch from an index, such as linux/amd64 [default: this one]
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<String>,

    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: Args) -> CommandResult {
    let mut stored = Stored::find(&args.reference)?;
    // What is attached to an index is about all of its platforms.
    let mut lines = Vec::new();
    if !stored.manifest.manifests().is_empty() {
        lines.extend(evidence_lines(&stored)?);
        let entry = pick(&stored, args.platform.as_deref())?;
        let digest = Name::Digest(entry.digest.clone());
        stored.manifest = store::wait(&args.reference, stored.store.manifest(&digest))?;
    }
    lines.extend(evidence_lines(&stored)?);
    let titled = titles(&stored)?;
    let existing = Existing::by(args.force);
    let paths: Vec<_> = titled
        .iter()
        .map(|(title, _)| args.output.join(title))
        .collect();
    let beside = paths.first().map(|first| files::beside(first, EVIDENCE));
    if existing == Existing::Keep
        && let Some(taken) = paths
            .iter()
            .chain(&beside)
            .find(|path| path.symlink_metadata().is_ok())
    {
        return Err(
            Failure::cant_say(format!("`{}` is already there", taken.display()))
                .hint("`--force` replaces it, `--output DIR` writes to another folder"),
        );
    }
    std::fs::create_dir_all(&args.output).map_err(|error| {
        Failure::cant_say(format!(
            "cannot make the folder `{}`",
            args.output.display()
        ))
        .with("reason", error)
    })?;
    for ((_, layer), path) in titled.iter().zip(&paths) {
        fetch(&stored, layer, path, existing)?;
        ui::say(&format!(
            "fetched {}, {}",
            ui::clean(&path.display().to_string()),
            ui::bytes(layer.size)
        ));
        ui::data(&format!("{}\n", path.display()));
    }
    if let Some(path) = beside.filter(|_| !lines.is_empty()) {
        files::write(
            &path,
            lines.join("\n").as_bytes(),
            Readers::Everybody,
            existing,
        )?;
        ui::say(&format!(
            "fetched {}, {} that nobody has verified yet",
            ui::clean(&path.display().to_string()),
            match lines.len() {
                1 => "1 bundle".to_owned(),
                count => format!("{count} bundles"),
            }
        ));
    }
    Ok(Exit::Yes)
}

/// The bundles as JSON lines.
fn evidence_lines(stored: &Stored) -> Result<Vec<String>, Failure> {
    let bundles = stored.bundles()?;
    // Compact JSON is one line; where a bundle is not, line ends between tokens are
    // all that it can have, for inside a string they are escaped.
    Ok(bundles
        .bytes
        .iter()
        .map(|bytes| String::from_utf8_lossy(bytes).replace(['\n', '\r'], " "))
        .collect())
}

/// The entry for a platform.
fn pick<'a>(stored: &'a Stored, wanted: Option<&str>) -> Result<&'a Descriptor, Failure> {
    let this = format!(
        "{}/{}",
        match std::env::consts::OS {
            "macos" => "darwin",
            os => os,
        },
        match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            architecture => architecture,
        }
    );
    let wanted = wanted.unwrap_or(&this);
    let name = |entry: &Descriptor| entry.platform.as_ref().map(ToString::to_string);
    let entries = stored.manifest.manifests();
    let found = entries
        .iter()
        .find(|entry| name(entry).as_deref() == Some(wanted));
    found.ok_or_else(|| {
        let there: Vec<_> = entries.iter().filter_map(name).collect();
        Failure::cant_say(format!("`{}` has nothing for {wanted}", stored.reference))
            .with("seen", there.join(" "))
            .hint(format!(
                "`prov pull {} --platform OS/ARCH` fetches another one",
                stored.reference
            ))
    })
}

/// The file names that the layers say they were. A name is just that: no folder, and
/// nothing hidden (GHSA-8xwf-rjm4-xvhv is what happens otherwise).
fn titles(stored: &Stored) -> Result<Vec<(String, &Descriptor)>, Failure> {
    let mut titles: Vec<(String, &Descriptor)> = Vec::new();
    for layer in stored.manifest.layers() {
        let title = match layer.annotations.get(TITLE) {
            Some(title) => title.clone(),
            None => format!("{}.blob", &layer.digest.hex()[..12]),
        };
        let plain = (1..=200).contains(&title.len())
            && !title.starts_with('.')
            && !title.contains(['/', '\\', ':', '\n', '\t'])
            && ui::clean(&title) == title
            // What the next `prov verify` would obey comes from nobody's registry.
            && !title.eq_ignore_ascii_case(REPOSITORY_POLICY);
        let taken = titles.iter().any(|(other, _)| *other == title)
            || titles
                .first()
                .is_some_and(|(first, _)| format!("{first}{EVIDENCE}") == title);
        if !plain || taken {
            return Err(Failure::cant_say(format!(
                "`{}` wants a file name of its own",
                stored.reference
            ))
            .with("seen", title)
            .with("wanted", "a plain name, and another one for each layer"));
        }
        titles.push((title, layer));
    }
    match titles.is_empty() {
        true => Err(Failure::cant_say(format!(
            "`{}` has no files",
            stored.reference
        ))),
        false => Ok(titles),
    }
}

/// Streams a layer into its file, which is there whole or not at all.
fn fetch(
    stored: &Stored,
    layer: &Descriptor,
    path: &Path,
    existing: Existing,
) -> Result<(), Failure> {
    files::write_with(path, Readers::Everybody, existing, |file: &mut File| {
        let unwritable = |error| {
            Failure::cant_say(format!("cannot write `{}`", path.display())).with("reason", error)
        };
        let mut written = Ok(());
        store::wait(&stored.reference, async {
            let mut blob = stored.store.blob(layer).await?;
            while let Some(chunk) = blob.next().await {
                written = file.write_all(&chunk?);
                if written.is_err() {
                    break;
                }
            }
            Ok(())
        })?;
        written.map_err(unwritable)
    })
}
