//! `prov diff`: what is different between two releases, or two bills of materials.

use std::path::{Path, PathBuf};

use crate::artifact::Digest;
use crate::audit::{Audit, ReleaseDiff};
use crate::sbom::{Bom, Diff, Inventory, Sbom, Settings, Tree, collect, document, import};
use crate::statement::predicate::{is_cyclonedx, is_spdx};

use super::audit::advisories::{self, AdvisoryArgs};
use super::audit::examine::{self, Examined};
use super::audit::item;
use super::diff_output::Compared;
use super::error::{Exit, Failure, reasons};
use super::gate::{self, Fallback, Gate, TrustArgs};
use super::sbom::{caches, tell, unreadable};
use super::{CommandResult, store, ui};

/// The component that stands for several products; it is on no side.
const WHOLE: &str = "prov-diff";

/// Compare two releases, or what two source trees or SBOMs consist of
///
/// An artifact in a registry or a layout, or a file with evidence beside it, is compared
/// by what is genuine: who built it, from which commit, by which workflow, on what, its
/// level and its SBOM. What became worse comes first. Any other side is what
/// `prov sbom` reads: a document (CycloneDX 1.3 to 1.7, SPDX 2.2 and 2.3), a folder, a
/// program or a module. Packages are compared by
/// version, digest, licence, scope and origin, and by who needs whom. A version is
/// later than another one as its ecosystem says. Another digest at the same version
/// comes first: those bytes should be the same.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov diff v1.cdx.json v2.cdx.json
  prov diff app-1.cdx.json . --format markdown
  prov diff old.spdx.json new.cdx.xml --format json
  prov diff ghcr.io/me/app:v1 ghcr.io/me/app:v2 --policy release.toml

Exit codes: 0 nothing is different, 1 something is, 2 can't say")]
pub(super) struct Args {
    /// What was: a file, a folder, HOST/REPOSITORY[:TAG][@DIGEST] or oci:DIR[:TAG]
    #[arg(value_name = "A")]
    from: PathBuf,

    /// What is
    #[arg(value_name = "B")]
    to: PathBuf,

    #[command(flatten)]
    trust: TrustArgs,

    #[command(flatten)]
    advisories: AdvisoryArgs,

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

/// One side: what it consists of, and what evidence says of it.
struct Side {
    /// `None` when no evidence says so.
    bom: Option<Bom>,
    audit: Option<Audit>,
}

pub(super) fn run(args: Args, verbose: bool) -> CommandResult {
    let mut gate = None;
    let mut from = side(&args.from, &args.trust, &mut gate, verbose)?;
    let mut to = side(&args.to, &args.trust, &mut gate, verbose)?;
    let audits = || from.audit.iter().chain(&to.audit);
    let wanted = audits().flat_map(advisories::packages).collect();
    if let Some(known) = args.advisories.read(&wanted)? {
        let audits = from.audit.iter_mut().chain(&mut to.audit);
        audits.for_each(|audit| known.look_up(audit));
    }
    let packages = match (&from.bom, &to.bom) {
        (Some(from), Some(to)) => Some(Diff::between(from, to, WHOLE)),
        _ => None,
    };
    let release = match (&from.audit, &to.audit) {
        (Some(from), Some(to)) => Some(ReleaseDiff::between(from, to)),
        _ => None,
    };
    let names = (
        args.from.display().to_string(),
        args.to.display().to_string(),
    );
    for (name, side) in [(&names.0, &from), (&names.1, &to)] {
        if side.bom.is_none() {
            ui::warn(&format!(
                "packages are not compared: {name} has no SBOM that counts"
            ));
        }
        for each in side.audit.iter().flat_map(|audit| &audit.attestations) {
            if let Some(why) = &each.rejected {
                ui::warn(&format!("{} of {name} proves nothing: {why}", each.origin));
            }
        }
        if side.audit.is_none() && (from.audit.is_some() || to.audit.is_some()) {
            ui::warn(&format!(
                "only packages are compared: {name} has no evidence beside it"
            ));
        }
    }
    if packages.is_none() && release.is_none() {
        return Err(Failure::cant_say("nothing can be compared"));
    }
    let compared = Compared { packages, release };
    ui::data(&match args.format {
        Format::Text => compared.text(&names),
        Format::Json => compared.json(&names)?,
        Format::Markdown => compared.markdown(),
    });
    Ok(match compared.is_empty() {
        true => Exit::Yes,
        false => Exit::No,
    })
}

/// An artifact with evidence is audited, and its packages are those of its genuine
/// SBOM. Anything else is only looked into.
fn side(
    source: &Path,
    trust: &TrustArgs,
    gate: &mut Option<Gate>,
    verbose: bool,
) -> Result<Side, Failure> {
    let stored = store::reference_or_file(source.as_os_str())?.is_some();
    let evident = !source.is_dir() && !gate::beside(source).is_empty();
    if !stored && !evident {
        return Ok(Side {
            bom: Some(read(source, verbose)?.bom),
            audit: None,
        });
    }
    let gate = match gate {
        Some(gate) => gate,
        None => gate.insert(trust.gate(Fallback::NotJudged)?),
    };
    let mut items = Vec::new();
    item::find(source, &mut items)?;
    let mut examined = Vec::new();
    for item in &items {
        examined.extend(examine::each(item, &[], gate)?);
    }
    let count = examined.len();
    let (Some(examined), 1) = (examined.pop(), count) else {
        return Err(
            Failure::cant_say(format!("`{}` is not one artifact", source.display()))
                .with("seen", format!("{count} artifacts"))
                .hint(format!(
                    "`prov discover {}` shows their digests",
                    source.display()
                )),
        );
    };
    let stated = stated(&examined, source)?;
    let bom = match (stated, stored) {
        (Some(bom), _) => Some(bom),
        (None, true) => None,
        (None, false) => read(source, verbose).ok().map(|sbom| sbom.bom),
    };
    Ok(Side {
        bom,
        audit: Some(examined.audit),
    })
}

/// What the SBOMs that count say together; `None` when there is none.
fn stated(examined: &Examined, source: &Path) -> Result<Option<Bom>, Failure> {
    let unreadable = |error: &dyn std::error::Error| {
        Failure::cant_say(format!("the SBOM of `{}` can't be read", source.display()))
            .with("reason", reasons(error))
    };
    let mut inventory = Inventory::default();
    let mut found = false;
    for statement in examined.counted() {
        let (kind, predicate) = (&statement.predicate_type, &statement.predicate);
        let document = match (is_cyclonedx(kind), is_spdx(kind)) {
            (true, _) => import::cyclonedx::read(predicate),
            (_, true) => import::spdx::read(predicate),
            _ => continue,
        };
        let document = document.map_err(|error| unreadable(&error))?;
        let digest = Digest::sha256(predicate.to_string().as_bytes());
        let roots = document
            .add_to("sbom", &digest, None, &mut inventory)
            .map_err(|error| unreadable(&error))?;
        roots.iter().for_each(|root| inventory.product(root));
        found = true;
    }
    let settings = Settings {
        name: WHOLE.to_owned(),
        ..Settings::default()
    };
    let made = found.then(|| document(inventory, &settings)).transpose();
    Ok(made
        .map_err(|error| unreadable(&error))?
        .map(|sbom| sbom.bom))
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
