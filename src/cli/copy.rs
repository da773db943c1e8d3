//! `prov copy`: from one place to another, with all that refers to it.

use crate::oci::{self, Name, Reference};

use super::error::{Exit, Failure};
use super::{CommandResult, store, ui};

/// Copy an artifact with all its platforms and all that is attached to it
///
/// Between registries and layouts on disk, in any direction, whether they have the
/// referrers API or not. Referrers of referrers and the tags of older cosign are
/// copied too, and what was written is read back.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov copy ghcr.io/me/app:v1 oci:layout:v1
  prov copy oci:layout:v1 registry.example.com/mirror/app:v1

Exit codes: 0 copied and read back, 2 can't say")]
pub(super) struct Args {
    /// What to copy: HOST/REPOSITORY[:TAG][@DIGEST] or oci:DIR[:TAG]
    #[arg(value_name = "SRC", value_parser = store::reference)]
    from: Reference,

    /// Where to; without a tag it gets that of the source
    #[arg(value_name = "DST", value_parser = store::reference)]
    to: Reference,
}

pub(super) fn run(args: Args) -> CommandResult {
    let tag = match (&args.to.name, &args.from.name) {
        (Name::Digest(_), _) => {
            return Err(Failure::cant_say("a digest can't be chosen")
                .with("seen", &args.to)
                .with("wanted", "a tag, or nothing for that of the source"));
        }
        (Name::Tag(_), Name::Tag(tag)) if args.to.implied => tag.clone(),
        (Name::Tag(tag), _) => tag.clone(),
    };
    let (from, to) = (store::open(&args.from)?, store::open_target(&args.to)?);
    let (root, copied) = store::wait_for(oci::copy(&*from, &args.from.name, &*to, Some(&tag)))
        .and_then(|copied| copied)
        .map_err(|error| store::failure(&error, &args.from).with("to", &args.to))?;
    for (digest, error) in &copied.left {
        ui::warn(&format!("the referrer {digest} was not copied: {error}"));
    }
    let target = args.to.with_name(Name::Tag(tag));
    ui::say(&format!("copied {} to {target}", args.from));
    ui::say(&format!(
        "  {} manifests, {} of them referrers; {} blobs, {} of them new ({})",
        copied.manifests,
        copied.referrers,
        copied.blobs,
        copied.new_blobs,
        ui::bytes(copied.new_bytes)
    ));
    ui::data(&format!("{}\n", target.pinned(root.digest())));
    Ok(Exit::Yes)
}
