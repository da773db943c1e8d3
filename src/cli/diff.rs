//! `prov diff`: what is different between two bills of materials.

use std::path::{Path, PathBuf};

use crate::sbom::{Diff, Inventory, Sbom, Settings, Tree, collect, document, import};

use super::error::{Exit, Failure, reasons};
use super::sbom::{caches, tell, unreadable};
use super::{CommandResult, diff_output, ui};

/// The component that stands for several products; it is on no side.
const WHOLE: &str = "prov-diff";

/// Compare what two artifacts, source trees or SBOMs consist of
///
/// Either side is anything that `prov sbom` reads: a document (CycloneDX 1.3 to 1.7,
/// SPDX 2.2 and 2.3), a folder, a program or a module. Packages are compared by
/// version, digest, licence, scope and origin, and by who needs whom. A version is
/// later than another one as its ecosystem says. Another digest at the same version
/// comes first: those bytes should be the same.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov diff v1.cdx.json v2.cdx.json
  prov diff app-1.cdx.json . --format markdown
  prov diff old.spdx.json new.cdx.xml --format json

Exit codes: 0 nothing is different, 1 something is, 2 can't say")]
pub(super) struct Args {
    /// What was
    #[arg(value_name = "A")]
    from: PathBuf,

    /// What is
    #[arg(value_name = "B")]
    to: PathBuf,

    /// The form of the answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// For programs (prov.diff/v1)
    Json,
    /// For release notes
    Markdown,
}

pub(super) fn run(args: Args, verbose: bool) -> CommandResult {
    let (from, to) = (read(&args.from, verbose)?, read(&args.to, verbose)?);
    let diff = Diff::between(&from.bom, &to.bom, WHOLE);
    let names = (
        args.from.display().to_string(),
        args.to.display().to_string(),
    );
    ui::data(&match args.format {
        Format::Text => diff_output::text(&diff, &names),
        Format::Json => diff_output::json(&diff, &names)?,
        Format::Markdown => diff_output::markdown(&diff),
    });
    Ok(match diff.is_empty() {
        true => Exit::Yes,
        false => Exit::No,
    })
}

fn read(source: &Path, verbose: bool) -> Result<Sbom, Failure> {
    let tree = match source.is_dir() {
        true => Tree::walk(source),
        false => Tree::file(source),
    };
    let tree = tree.map_err(|error| unreadable(source, &error))?;
    let tree = tree.with_caches(caches());
    let mut inventory = Inventory::default();
    collect(&tree, &mut inventory).map_err(|error| unreadable(source, &error))?;
    let nothing = inventory.components().next().is_none();
    let settings = Settings {
        name: WHOLE.to_owned(),
        ..Settings::default()
    };
    let sbom = document(inventory, &settings).map_err(|error| {
        Failure::cant_say("cannot make the document").with("reason", reasons(&error))
    })?;
    // An SBOM of nothing is one; a file that is none is not.
    if nothing && !is_document(&tree) {
        return Err(Failure::cant_say(format!(
            "nothing that is understood was found in `{}`",
            source.display()
        ))
        .with(
            "wanted",
            "an SBOM, a lock file or manifest of Rust, Go or Python, or a program or module built from one",
        ));
    }
    if verbose {
        tell(&sbom.notes, verbose);
    }
    Ok(sbom)
}

/// True for a tree that is one file, and that file an SBOM.
fn is_document(tree: &Tree) -> bool {
    let read = |path| tree.bytes(path, import::MAX_DOCUMENT);
    let is_one = |path| read(path).is_ok_and(|bytes| import::is_document(&bytes));
    tree.is_single_file() && tree.files().any(is_one)
}
