//! `prov pull`: fetch an artifact and its evidence.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::artifact::{Artifact, Digest};
use crate::bundle::Evidence;
use crate::oci::{Bundles, Descriptor, Manifest, Name, OciError, Reference, TITLE};

use super::error::{Exit, Failure};
use super::files::{self, Existing, Readers};
use super::gate::{Fallback, TrustArgs};
use super::policy_file::REPOSITORY_POLICY;
use super::store::{self, Stored};
use super::{CommandResult, ui};

/// Ending of the file with the evidence about the first file.
const EVIDENCE: &str = ".sigstore.jsonl";

/// Fetch an artifact and the evidence about it
///
/// Every digest is checked. With --policy or --key, the artifact is verified on its way,
/// and what is refused is not kept. The evidence lies beside it afterwards, where
/// `prov verify` and `prov run` find it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov pull ghcr.io/me/app:v1 --policy release.toml
  prov pull oci:layout:v1 --output downloads

Exit codes: 0 fetched, 1 refused, 2 can't say")]
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

    #[command(flatten)]
    trust: TrustArgs,
}

pub(super) fn run(args: Args) -> CommandResult {
    let mut found = Found::at(&args.reference, args.platform.as_deref())?;
    let evidence = std::mem::take(&mut found.bundles.evidence);
    let judged = match args.trust.is_given() {
        true => Some(found.judged(evidence)?),
        false => None,
    };
    let titled = titles(&found.stored)?;
    let existing = Existing::by(args.force);
    let paths: Vec<_> = titled
        .iter()
        .map(|(title, _)| args.output.join(title))
        .collect();
    let beside = files::beside(&paths[0], EVIDENCE);
    let mut places = paths.iter().chain([&beside]);
    let taken = places.find(|path| path.symlink_metadata().is_ok());
    if let (Existing::Keep, Some(taken)) = (existing, taken) {
        return Err(
            Failure::cant_say(format!("`{}` is already there", taken.display()))
                .hint("`--force` replaces it, `--output DIR` writes to another folder"),
        );
    }
    // Its digest pins all that is under it: nothing has to be fetched for a no.
    if let Some(judged) = &judged
        && let Some(manifest) = &judged.manifest
    {
        judged.accept(manifest, &args.trust)?;
    }
    std::fs::create_dir_all(&args.output).map_err(|error| {
        Failure::cant_say(format!(
            "cannot make the folder `{}`",
            args.output.display()
        ))
        .with("reason", error)
    })?;
    for ((_, layer), path) in titled.iter().zip(&paths) {
        files::write_with(path, Readers::Everybody, existing, |file| {
            let artifact = save(&found.stored, layer, path, file)?;
            match &judged {
                Some(judged) if judged.manifest.is_none() => judged.accept(&artifact, &args.trust),
                _ => Ok(()),
            }
        })?;
        fetched(path, &ui::bytes(layer.size));
        ui::data(&format!("{}\n", path.display()));
    }
    let bundles = &found.bundles.bytes;
    if !bundles.is_empty() {
        files::write_with(&beside, Readers::Everybody, existing, |file| {
            write_lines(bundles, file).map_err(|error| unwritable(&beside, error))
        })?;
        let count = match bundles.len() {
            1 => "1 bundle".to_owned(),
            count => format!("{count} bundles"),
        };
        match judged {
            Some(_) => fetched(&beside, &count),
            None => fetched(&beside, &(count + " that nobody has verified yet")),
        }
    }
    Ok(Exit::Yes)
}

fn fetched(path: &Path, what: &str) {
    let path = ui::clean(&path.display().to_string());
    ui::say(&format!("fetched {path}, {what}"));
}

/// What is to be fetched.
struct Found {
    /// The index that names it, if one was asked for.
    index: Option<Manifest>,
    /// Its own manifest.
    stored: Stored,
    /// What is attached to either: evidence about an index is about all its platforms.
    bundles: Bundles,
}

impl Found {
    fn at(reference: &Reference, platform: Option<&str>) -> Result<Self, Failure> {
        let mut stored = Stored::find(reference)?;
        let mut bundles = stored.bundles()?;
        let mut index = None;
        if !stored.manifest.manifests().is_empty() {
            let entry = pick(&stored, platform)?;
            let digest = Name::Digest(entry.digest.clone());
            let manifest = store::wait(reference, stored.store.manifest(&digest))?;
            index = Some(std::mem::replace(&mut stored.manifest, manifest));
            let more = stored.bundles()?;
            bundles.evidence.extend(more.evidence);
            bundles.bytes.extend(more.bytes);
        }
        Ok(Self {
            index,
            stored,
            bundles,
        })
    }

    /// What is to be judged: the first of manifest, file and index that the evidence
    /// speaks of.
    fn judged(&self, evidence: Vec<Evidence>) -> Result<Judged, Failure> {
        if evidence.is_empty() {
            return Err(self.stored.no_evidence());
        }
        let manifest = &self.stored.manifest;
        let file = match manifest.layers() {
            [layer] => Some(&layer.digest),
            _ => None,
        };
        let index = self.index.as_ref();
        let spoken_of = |digest: &Digest| store::speaks_of(&evidence, digest);
        let judged = if spoken_of(manifest.digest()) {
            Some(manifest)
        } else if file.is_some_and(spoken_of) {
            None
        } else {
            let index = index.filter(|index| spoken_of(index.digest()));
            index.or(file.is_none().then_some(manifest))
        };
        // What speaks of another of them proves nothing here, and is no flaw.
        let levels = [Some(manifest.digest()), file, index.map(Manifest::digest)];
        let digest = judged.map(Manifest::digest).or(file);
        let evidence = evidence
            .into_iter()
            .filter(|each| {
                let each = std::slice::from_ref(each);
                let speaks = |digest: &&Digest| store::speaks_of(each, digest);
                digest.as_ref().is_some_and(speaks) || !levels.iter().flatten().any(speaks)
            })
            .collect();
        Ok(Judged {
            manifest: judged.map(|manifest| self.stored.as_artifact(manifest)),
            evidence,
        })
    }
}

/// What the policy judges, as for `prov verify`: what the evidence speaks of.
struct Judged {
    /// The file's manifest, or the index that names it; none when it is the file.
    manifest: Option<Artifact>,
    evidence: Vec<Evidence>,
}

impl Judged {
    /// A failure unless the policy says yes.
    fn accept(&self, artifact: &Artifact, trust: &TrustArgs) -> Result<(), Failure> {
        let judgement = trust.judge(artifact, &self.evidence, Fallback::None)?;
        judgement.accept(artifact)?;
        ui::say(&format!(
            "verified {}: SLSA Build L{}, {}",
            ui::clean(artifact.name()),
            judgement.verdict.level(),
            ui::clean(&judgement.policy)
        ));
        Ok(())
    }
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

/// The file names that the layers say they were, one at least. A name is just that: no folder, and
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

/// The bundles as JSON lines.
fn write_lines(bundles: &[Bytes], file: &mut File) -> io::Result<()> {
    for (index, bundle) in bundles.iter().enumerate() {
        // Compact JSON is one line; where a bundle is not, line ends between tokens are
        // all that it can have, for inside a string they are escaped.
        let mut line = bundle.to_vec();
        for byte in &mut line {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        if index > 0 {
            file.write_all(b"\n")?;
        }
        file.write_all(&line)?;
    }
    Ok(())
}

/// Streams a layer into its file.
fn save(
    stored: &Stored,
    layer: &Descriptor,
    path: &Path,
    file: &mut File,
) -> Result<Artifact, Failure> {
    let name = stored.reference.to_string();
    let saved = store::wait_for(async { stored.store.blob(layer).await?.save(name, file).await });
    saved.flatten().map_err(|error| match error {
        OciError::Output(error) => unwritable(path, error),
        error => store::failure(&error, &stored.reference),
    })
}

fn unwritable(path: &Path, error: io::Error) -> Failure {
    Failure::cant_say(format!("cannot write `{}`", path.display())).with("reason", error)
}
