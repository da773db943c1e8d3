//! `prov sbom`: what a source tree or an artifact consists of.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::oci::{Place, Reference};
use crate::provenance;
use crate::sbom::model::{Bom, Contact, Organization};
use crate::sbom::output::Encoding;
use crate::sbom::{Caches, Inventory, Note, Progress, Ref, SbomError, Selection, Settings, Tree};
use crate::sbom::{archives, collect, document};

use super::error::{Exit, Failure, reasons};
use super::files::{self, Existing, Readers};
use super::sbom_output::{SpecVersion, render};
use super::store::{self, Stored};
use super::{CommandResult, content, epoch, resolve, ui};

/// Notes of one kind that are told without -v.
const SHOWN: usize = 5;

/// List what source trees and artifacts consist of, as one CycloneDX document
///
/// Reads Rust (Cargo.lock, auditable programs), Go (go.mod, go.work, programs and
/// WebAssembly modules) and Python (uv, Poetry, PDM and Pipenv locks, pylock.toml,
/// requirements files), and the documents of others (CycloneDX 1.3 to 1.7, SPDX 2.2
/// and 2.3), which it merges into one. Needs no toolchain and no network and runs
/// nothing, unless --resolve asks Cargo and Go what one build links of all that a lock file names.
/// The topmost manifest of each ecosystem is the product; fixtures, examples and
/// vendored code are left out unless --include names them.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov sbom .
  prov sbom . --format tree
  prov sbom . vendor.cdx.json --spec-version 1.5 --format xml
  prov sbom . --resolve --target x86_64-unknown-linux-gnu
  prov sbom ghcr.io/me/app:v1 --format table
  prov sbom . app.wasm --output app.cdx.json --manufacturer 'Example <https://example.org>'

Exit codes: 0 written, 1 something was left out and --strict, 2 can't say")]
pub(super) struct Args {
    /// Folders, files and artifacts that are stored (HOST/REPOSITORY[:TAG] or oci:DIR[:TAG])
    #[arg(value_name = "SOURCE|REF", default_value = ".")]
    sources: Vec<PathBuf>,

    /// Manifests that are part of the product wherever they lie (a glob as in
    /// .gitignore); may be repeated
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,

    /// Files and folders that are not looked at; may be repeated
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,

    /// Also give the SHA-512 of the archives in the caches of Cargo and Go
    #[arg(long)]
    hash_archives: bool,

    /// The name of the whole, when there is more than one product [default:
    /// the folder's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// The version of the whole, when there is more than one product
    #[arg(long, value_name = "VERSION")]
    product_version: Option<String>,

    /// Who makes this document, as `Name <mail>`; may be repeated
    #[arg(long, value_name = "PERSON", help_heading = "Who says so")]
    author: Vec<String>,

    /// The organisation that makes this document, as `Name <page or mail>`
    #[arg(long, value_name = "ORGANISATION", help_heading = "Who says so")]
    manufacturer: Option<String>,

    /// Who supplies the product, as `Name <page or mail>` [default: its own producer]
    #[arg(long, value_name = "ORGANISATION", help_heading = "Who says so")]
    supplier: Option<String>,

    /// Conclude that the licences that are declared are those that hold
    #[arg(long, help_heading = "Who says so")]
    conclude_licenses: bool,

    /// Fail when something was left out that might belong to the product
    #[arg(long)]
    strict: bool,

    /// Where to write the document [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The form of the document
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,

    /// The version of CycloneDX [default: 1.7]
    #[arg(long, value_enum, value_name = "VERSION")]
    spec_version: Option<SpecVersion>,

    // Last, since a heading counts for all that follows.
    #[command(flatten)]
    resolve: resolve::Resolve,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// CycloneDX as JSON
    #[default]
    Json,
    /// CycloneDX as XML
    Xml,
    /// Who needs whom, for people
    Tree,
    /// One line a component, for people
    Table,
}

pub(super) fn run(args: Args, verbose: bool) -> CommandResult {
    if args.spec_version.is_some() && !matches!(args.format, Format::Json | Format::Xml) {
        return Err(Failure::cant_say(
            "`--spec-version` is about CycloneDX, which this form is not",
        )
        .hint("`--format json` and `--format xml` are"));
    }
    let progress = Progress::default();
    let mut inventory = Inventory::default();
    for source in &args.sources {
        match store::reference_or_file(source.as_os_str())? {
            Some(reference) => args.collect_stored(&reference, &progress, &mut inventory)?,
            None => args
                .collect(source, &progress, &mut inventory)
                .map_err(|error| unreadable(source, &error))?,
        }
    }
    if args.hash_archives {
        let _shown = shown(&progress);
        archives::hash(&caches(), &mut inventory, &progress);
    }
    let sbom = document(inventory, &args.settings()?).map_err(|error| {
        Failure::cant_say("cannot make the document").with("reason", reasons(&error))
    })?;
    if sbom.bom.components.is_empty() && sbom.notes.is_empty() {
        return Err(
            Failure::cant_say("nothing that is understood was found").with(
                "wanted",
                "a lock file or manifest of Rust, Go or Python, a program or module built from one, or an SBOM",
            ),
        );
    }
    tell(&sbom.notes, verbose);
    if sbom.bom.metadata.timestamp.is_none() {
        note(
            "the document has no time",
            "no commit and no `SOURCE_DATE_EPOCH`",
        );
    }
    let text = match args.format {
        Format::Json => render(&sbom.bom, args.spec_version, Encoding::Json)?,
        Format::Xml => render(&sbom.bom, args.spec_version, Encoding::Xml)?,
        Format::Tree => tree_text(&sbom.bom),
        Format::Table => table_text(&sbom.bom),
    };
    match &args.output {
        Some(path) => {
            files::write(path, text.as_bytes(), Readers::Everybody, Existing::Replace)?;
        }
        None => ui::data(&text),
    }
    match args.strict && sbom.notes.iter().any(Note::is_gap) {
        true => Ok(Exit::No),
        false => Ok(Exit::Yes),
    }
}

impl Args {
    fn collect(
        &self,
        source: &Path,
        progress: &Progress,
        inventory: &mut Inventory,
    ) -> Result<(), SbomError> {
        let _shown = shown(progress);
        collect(&self.tree(source, progress)?, inventory)
    }

    /// The files of an artifact that is stored, and of each platform of an index. Each
    /// is looked at by itself, and no archive is unpacked.
    fn collect_stored(
        &self,
        reference: &Reference,
        progress: &Progress,
        inventory: &mut Inventory,
    ) -> Result<(), Failure> {
        let mut stored = Stored::find(reference)?;
        for manifest in stored.platforms()? {
            stored.manifest = manifest;
            for (title, layer) in content::titles(&stored)? {
                let folder = tempfile::tempdir().map_err(|error| {
                    Failure::cant_say("cannot make a temporary folder").with("reason", error)
                })?;
                let path = folder.path().join(title);
                let mut file =
                    File::create_new(&path).map_err(|error| content::unwritable(&path, error))?;
                content::save(&stored, layer, &path, &mut file)?;
                self.collect(&path, progress, inventory)
                    .map_err(|error| unreadable(Path::new(&reference.to_string()), &error))?;
            }
        }
        Ok(())
    }

    fn tree(&self, source: &Path, progress: &Progress) -> Result<Tree, SbomError> {
        let selection = Selection {
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            progress: progress.clone(),
        };
        let tree = match source.is_dir() {
            true => Tree::walk_selected(source, &selection)?,
            false => Tree::file(source)?.with_progress(progress.clone()),
        };
        let tree = tree.with_caches(caches());
        Ok(match self.resolve.build() {
            Some(build) => tree.resolving(build),
            None => tree,
        })
    }

    fn settings(&self) -> Result<Settings, Failure> {
        let first = self.sources.first().map(PathBuf::as_path);
        let first = first.unwrap_or(Path::new("."));
        let stored = store::reference_or_file(first.as_os_str())?;
        let folder = match stored.as_ref().map(|reference| &reference.place) {
            Some(Place::Registry(repository)) => Some(PathBuf::from(&repository.path)),
            Some(Place::Layout(folder)) => std::fs::canonicalize(folder).ok(),
            None => std::fs::canonicalize(first).ok(),
        };
        let named = folder.as_deref().and_then(Path::file_name);
        let name = match (&self.name, named) {
            (Some(name), _) => name.clone(),
            (None, Some(name)) => name.to_string_lossy().into_owned(),
            (None, None) => "root".to_owned(),
        };
        Ok(Settings {
            name,
            version: self.product_version.clone(),
            timestamp: match stored {
                // No commit that is here is that of what is elsewhere.
                Some(_) => epoch::source_date()?,
                None => timestamp(first)?,
            },
            authors: self
                .author
                .iter()
                .map(|text| Contact::parse(text))
                .collect(),
            manufacturer: self.manufacturer.as_deref().map(Organization::parse),
            conclude_licenses: self.conclude_licenses,
            supplier: self.supplier.as_deref().map(Organization::parse),
            ..Settings::default()
        })
    }
}

/// Shows at a terminal how far a long scan is.
fn shown(progress: &Progress) -> ui::Waiting {
    let progress = progress.clone();
    ui::Waiting::start(move || {
        let (files, bytes) = (progress.files(), ui::bytes(progress.bytes()));
        format!("{files} files and {bytes} of programs so far")
    })
}

/// What package managers keep on this machine, where they keep it by default.
pub(super) fn caches() -> Caches {
    let at = |variable: &str, below: &str| {
        let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(below));
        std::env::var_os(variable).map(PathBuf::from).or_else(home)
    };
    let mut caches = Caches::default().project_environments();
    if let Some(environment) = std::env::var_os("VIRTUAL_ENV") {
        caches = caches.environment(Path::new(&environment));
    }
    if let Some(home) = at("CARGO_HOME", ".cargo") {
        caches = caches.cargo_home(&home);
    }
    let modules = std::env::var_os("GOMODCACHE").map(PathBuf::from);
    if let Some(folder) = modules.or_else(|| Some(at("GOPATH", "go")?.join("pkg/mod"))) {
        caches = caches.go_modules(&folder);
    }
    caches
}

/// `SOURCE_DATE_EPOCH`, else the time of the commit: never the clock.
pub(super) fn timestamp(source: &Path) -> Result<Option<i64>, Failure> {
    if let Some(seconds) = epoch::source_date()? {
        return Ok(Some(seconds));
    }
    let folder = match source.is_dir() {
        true => source,
        false => source.parent().unwrap_or(Path::new(".")),
    };
    // Without git there is no time, as without a commit.
    Ok(provenance::commit_time(folder).unwrap_or_default())
}

pub(super) fn unreadable(source: &Path, error: &SbomError) -> Failure {
    let failure = Failure::cant_say(format!(
        "cannot list what `{}` consists of",
        source.display()
    ))
    .with("reason", reasons(error));
    match resolve::hint(error) {
        Some(hint) => failure.hint(hint),
        None if !source.exists() => failure.hint(files::what_is_there(source)),
        None => failure,
    }
}

/// What was skipped and why, the same reason once with its first places.
pub(super) fn tell(notes: &[Note], verbose: bool) {
    let mut by_reason: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for note in notes {
        let places = by_reason.entry(note.reason.to_string()).or_default();
        places.push(&note.about);
    }
    for (reason, places) in by_reason {
        let shown = if verbose { places.len() } else { SHOWN };
        let mut list = places
            .iter()
            .take(shown)
            .copied()
            .collect::<Vec<_>>()
            .join(", ");
        if places.len() > shown {
            let _ = write!(list, " and {} more", places.len() - shown);
        }
        note(&reason, &list);
    }
}

fn note(what: &str, about: &str) {
    let (what, about) = (ui::clean(what), ui::clean(about));
    ui::say(&format!("{}note:{:#} {what}: {about}", ui::DIM, ui::DIM));
}

/// A component's version; nothing where it is not known.
fn version(component: &crate::sbom::Component) -> &str {
    let version = component.version.as_deref();
    version
        .filter(|text| *text != "unknown")
        .unwrap_or_default()
}

/// A component's name and version, for people.
fn labels(bom: &Bom) -> BTreeMap<&Ref, String> {
    fn add<'a>(component: &'a crate::sbom::Component, labels: &mut BTreeMap<&'a Ref, String>) {
        let label = format!("{} {}", component.name, version(component));
        if let Some(id) = &component.bom_ref {
            labels.insert(id, ui::clean(label.trim_end()));
        }
        component
            .components
            .iter()
            .for_each(|inner| add(inner, labels));
    }
    let mut labels = BTreeMap::new();
    bom.metadata
        .component
        .iter()
        .for_each(|root| add(root, &mut labels));
    bom.components
        .iter()
        .for_each(|component| add(component, &mut labels));
    labels
}

/// The graph as lines; what was shown once is not unfolded again.
fn tree_text(bom: &Bom) -> String {
    let labels = labels(bom);
    let edges: BTreeMap<&Ref, &[Ref]> = bom
        .dependencies
        .iter()
        .map(|each| (&each.reference, each.depends_on.as_slice()))
        .collect();
    let mut text = String::new();
    let root = bom.metadata.component.as_ref();
    let mut shown = BTreeSet::new();
    // Depth first, with its own stack: a hostile graph can be deep.
    let mut stack: Vec<_> = root
        .and_then(|root| root.bom_ref.as_ref())
        .map(|id| (id, 0))
        .into_iter()
        .collect();
    while let Some((id, depth)) = stack.pop() {
        let label = labels.get(id).map_or_else(|| id.to_string(), Clone::clone);
        let needs = edges.get(id).copied().unwrap_or_default();
        let again = !shown.insert(id) && !needs.is_empty();
        let mark = if again { " (*)" } else { "" };
        let _ = writeln!(text, "{}{label}{mark}", "  ".repeat(depth as usize));
        if !again {
            stack.extend(needs.iter().rev().map(|need| (need, depth + 1)));
        }
    }
    text
}

fn table_text(bom: &Bom) -> String {
    let mut text = String::new();
    let mut rows: Vec<&crate::sbom::Component> = bom.components.iter().collect();
    while let Some(component) = rows.pop() {
        rows.extend(&component.components);
        let purl = component.purl.as_ref().map(ToString::to_string);
        let licenses: Vec<_> = component.licenses.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "{:<40} {:<16} {:<28} {}",
            ui::clean(&component.name),
            ui::clean(version(component)),
            ui::clean(&licenses.join(", ")),
            ui::clean(&purl.unwrap_or_default()),
        );
    }
    text
}
