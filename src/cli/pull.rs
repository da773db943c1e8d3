//! `prov pull`: fetch an artifact and its evidence.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::artifact::{Artifact, Digest};
use crate::bundle::{self, Evidence};
use crate::oci::{Attached, Descriptor, Manifest, Name, Reference};

use super::error::{Exit, Failure};
use super::files::{self, Existing, Readers};
use super::gate::{Fallback, Gate, TrustArgs};
use super::store::{self, Stored};
use super::{CommandResult, content, ui};

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
    let is_judged = args.trust.is_given();
    // A policy that can't be read is told before anything is fetched.
    let gate = match is_judged {
        true => Some(args.trust.gate(Fallback::None)?),
        false => None,
    };
    let mut found = Found::at(&args.reference, args.platform.as_deref(), is_judged)?;
    let evidence = std::mem::take(&mut found.evidence);
    let judged = match gate {
        Some(gate) => Some(found.judged(gate, evidence)?),
        None => None,
    };
    let titled = content::titles(&found.stored)?;
    let existing = Existing::by(args.force);
    let paths: Vec<_> = titled
        .iter()
        .map(|(title, _)| args.output.join(title))
        .collect();
    let beside = files::beside(&paths[0], content::EVIDENCE);
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
        judged.accept(manifest)?;
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
            let artifact = content::save(&found.stored, layer, path, file)?;
            match &judged {
                Some(judged) if judged.manifest.is_none() => judged.accept(&artifact),
                _ => Ok(()),
            }
        })?;
        fetched(path, &ui::bytes(layer.size));
        ui::data(&format!("{}\n", path.display()));
    }
    drop(judged); // it is large
    if !found.bundles.is_empty() {
        files::write_with(&beside, Readers::Everybody, existing, |file| {
            found.write_lines(&beside, file)
        })?;
        let count = match found.bundles.len() {
            1 => "1 bundle".to_owned(),
            count => format!("{count} bundles"),
        };
        match is_judged {
            true => fetched(&beside, &count),
            false => fetched(&beside, &(count + " that nobody has verified yet")),
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
    bundles: Vec<Line>,
    /// The same to be judged, if it is.
    evidence: Vec<Evidence>,
}

/// A bundle that becomes a line beside the artifact. What is judged is not held twice,
/// it is fetched again by its digest.
struct Line {
    layer: Descriptor,
    bytes: Option<Bytes>,
}

impl Found {
    fn at(reference: &Reference, platform: Option<&str>, judged: bool) -> Result<Self, Failure> {
        let mut found = Self {
            index: None,
            stored: Stored::find(reference)?,
            bundles: Vec::new(),
            evidence: Vec::new(),
        };
        found.fetch_bundles(judged)?;
        if !found.stored.manifest.manifests().is_empty() {
            let entry = pick(&found.stored, platform)?;
            let digest = Name::Digest(entry.digest.clone());
            let manifest = store::wait(reference, found.stored.store.manifest(&digest))?;
            found.index = Some(std::mem::replace(&mut found.stored.manifest, manifest));
            found.fetch_bundles(judged)?;
        }
        Ok(found)
    }

    /// What is attached to the manifest, beside what there is: no more than one file of
    /// evidence may have.
    fn fetch_bundles(&mut self, judged: bool) -> Result<(), Failure> {
        let keep = |attached: Attached| match judged {
            true => (attached.layer.clone(), None, Some(attached.into_evidence())),
            false => (attached.layer, Some(attached.bytes), None),
        };
        for (layer, bytes, evidence) in self.stored.bundles(keep)? {
            self.bundles.push(Line { layer, bytes });
            self.evidence.extend(evidence);
        }
        let (count, size) = (self.bundles.len(), self.bundles.iter());
        let size: u64 = size.map(|line| line.layer.size).sum();
        if count <= bundle::MAX_BUNDLES && size <= bundle::MAX_FILE as u64 {
            return Ok(());
        }
        let most = (bundle::MAX_BUNDLES, bundle::MAX_FILE);
        Err(Failure::cant_say(format!(
            "`{}` has more evidence than one file may have",
            self.stored.reference
        ))
        .with("seen", format!("{count} bundles, {size} bytes"))
        .with(
            "wanted",
            format!("{} bundles, {} bytes at most", most.0, most.1),
        ))
    }

    /// What is to be judged: the first of manifest, file and index that the evidence
    /// speaks of.
    fn judged(&self, gate: Gate, evidence: Vec<Evidence>) -> Result<Judged, Failure> {
        if evidence.is_empty() {
            return Err(self.stored.no_evidence(""));
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
            gate,
            manifest: judged.map(|manifest| self.stored.as_artifact(manifest)),
            evidence,
        })
    }

    /// The bundles as JSON lines.
    fn write_lines(&self, path: &Path, file: &mut File) -> Result<(), Failure> {
        for (index, Line { layer, bytes }) in self.bundles.iter().enumerate() {
            let bytes = match bytes {
                Some(bytes) => bytes.clone(),
                None => store::wait(&self.stored.reference, async {
                    let blob = self.stored.store.blob(layer).await?;
                    blob.read(bundle::MAX_BUNDLE as u64).await
                })?,
            };
            // Compact JSON is one line; where a bundle is not, line ends between tokens
            // are all that it can have, for inside a string they are escaped.
            let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
            let start: &[u8] = if index > 0 { b"\n" } else { b"" };
            let mut written = file.write_all(start);
            for (index, part) in bytes.split(is_end).enumerate() {
                let start: &[u8] = if index > 0 { b" " } else { b"" };
                written = written
                    .and_then(|()| file.write_all(start))
                    .and_then(|()| file.write_all(part));
            }
            written.map_err(|error| content::unwritable(path, error))?;
        }
        Ok(())
    }
}

/// What the policy judges, as for `prov verify`: what the evidence speaks of.
struct Judged {
    gate: Gate,
    /// The file's manifest, or the index that names it; none when it is the file.
    manifest: Option<Artifact>,
    evidence: Vec<Evidence>,
}

impl Judged {
    /// A failure unless the policy says yes.
    fn accept(&self, artifact: &Artifact) -> Result<(), Failure> {
        let judgement = self.gate.judge(artifact, &self.evidence)?;
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
