//! `prov attach`: put evidence beside what is stored.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::bundle::{self, Bundle, BundleError};
use crate::oci::{self, Manifest, Reference};

use super::error::{Exit, Failure, reasons};
use super::store::{self, Stored};
use super::{CommandResult, files, ui};

/// Attach evidence to an artifact in a registry or a layout
///
/// Each bundle becomes one referrer, where cosign, gh, Kyverno and others look for it.
/// Attaching the same bundle again changes nothing.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov attach ghcr.io/me/app:v1 app.wasm.sigstore.jsonl
  prov attach oci:layout:v1 provenance.json sbom.json

Exit codes: 0 attached and read back, 1 the evidence is about something else, 2 can't say")]
pub(super) struct Args {
    /// The artifact: HOST/REPOSITORY[:TAG][@DIGEST] or oci:DIR[:TAG]
    #[arg(value_name = "REF", value_parser = store::reference)]
    reference: Reference,

    /// A file with a Sigstore bundle, or one per line
    #[arg(value_name = "BUNDLE", required = true)]
    bundles: Vec<PathBuf>,
}

pub(super) fn run(args: Args) -> CommandResult {
    let mut bundles = Vec::new();
    for path in &args.bundles {
        bundles.extend(read(path)?);
    }
    // What a mirror takes the tag for may be something else.
    let target = Arc::from(store::open_target(&args.reference)?);
    let stored = Stored::find_in(target, &args.reference)?;
    for given in &bundles {
        speaks_of(given, &stored)?;
    }
    let bytes: Vec<_> = bundles.into_iter().map(|given| given.bytes).collect();
    let subject = stored.manifest.descriptor();
    let attached = store::wait(
        &args.reference,
        oci::attach(&*stored.store, &subject, &bytes),
    )?;
    tell(&args.reference, &stored.manifest, &attached);
    Ok(Exit::Yes)
}

/// What was attached, and its digests as data.
pub(super) fn tell(reference: &Reference, subject: &Manifest, attached: &[Manifest]) {
    ui::say(&format!(
        "attached {} to {}",
        match attached.len() {
            1 => "1 bundle".to_owned(),
            count => format!("{count} bundles"),
        },
        reference.pinned(subject.digest())
    ));
    for manifest in attached {
        ui::data(&format!("{}\n", reference.pinned(manifest.digest())));
    }
}

/// A bundle, the bytes that it is, and the file that it stands in.
struct Given {
    path: PathBuf,
    bytes: Bytes,
    bundle: Bundle,
}

/// The bundles of a file. Other forms of evidence that prov verifies are no referrers
/// that anybody looks for.
fn read(path: &Path) -> Result<Vec<Given>, Failure> {
    let bytes = files::read(path, bundle::MAX_FILE as u64, "bundle")?;
    let unreadable = |error: BundleError| {
        Failure::cant_say(format!("`{}` is not a readable bundle", path.display()))
            .with("reason", reasons(&error))
            .with("wanted", "a Sigstore bundle, or one per line")
    };
    let given = |bytes: &[u8], bundle| Given {
        path: path.to_owned(),
        bytes: Bytes::copy_from_slice(bytes),
        bundle,
    };
    let whole = bytes.trim_ascii();
    if let Ok(bundle) = Bundle::parse(whole) {
        return Ok(vec![given(whole, bundle)]);
    }
    Bundle::parse_all(&bytes).map_err(unreadable)?;
    let lines = whole.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines
        .filter(|line| !line.is_empty())
        .map(|line| Ok(given(line, Bundle::parse(line).map_err(unreadable)?)))
        .collect()
}

/// Evidence about another artifact would only ever be refused there.
fn speaks_of(given: &Given, stored: &Stored) -> Result<(), Failure> {
    let Ok(head) = given.bundle.unverified_head() else {
        return Ok(()); // a signature over bytes names nothing
    };
    let subjects: Vec<_> = head.subject_digests().collect();
    let manifest = &stored.manifest;
    let here = std::iter::once(manifest.digest())
        .chain(manifest.layers().iter().map(|layer| &layer.digest));
    if here.clone().any(|digest| subjects.contains(&digest)) {
        return Ok(());
    }
    let list =
        |digests: &mut dyn Iterator<Item = String>| digests.take(4).collect::<Vec<_>>().join("\n");
    let mut failure = Failure::no(format!(
        "`{}` is not about `{}`",
        given.path.display(),
        stored.reference
    ))
    .with(
        "seen",
        list(&mut subjects.iter().map(|digest| digest.to_string())),
    )
    .with("wanted", list(&mut here.map(ToString::to_string)));
    if !manifest.manifests().is_empty() {
        failure = failure.hint(format!(
            "`prov discover {}` shows the digest of each platform; attach to that",
            stored.reference
        ));
    }
    Err(failure)
}
