//! The elements that every component and every document must have: those of
//! the 2021 NTIA minimum elements, of the 2026 CISA minimum elements that
//! replace them, and of BSI TR-03183-2.
//!
//! Whatever a component says of itself is used: who made it comes from its
//! authors or from where its source lies, who hands it out from its package
//! URL. What nothing tells is not invented: the property that the CycloneDX
//! property taxonomy has for it (`cdx:cisa:unknown-information`) names it.

use std::collections::{BTreeMap, BTreeSet};

use super::component::{Component, Kind, Organization, Property, ReferenceKind};
use super::evidence::{Occurrence, Technique};
use super::inventory::{Edge, Inventory, Relation};
use super::license::LicenseChoice;
use super::merge::Settings;
use super::model::{Lifecycle, Metadata, Phase};
use super::reference::Ref;
use crate::purl::Purl;

/// Names a data field that is required and not known (CycloneDX property
/// taxonomy, `cdx:cisa`); the value is the field's name in the minimum elements.
const UNKNOWN: &str = "cdx:cisa:unknown-information";
/// What stands in a native field whose value is not known (the same).
const UNKNOWN_VALUE: &str = "unknown";

/// How deep files are looked for in each other.
const MAX_LAYERS: usize = 4;
/// The most authors that make up a producer's name.
const MAX_NAMES: usize = 3;

/// Makes nothing of a value that only says that there is none: another source
/// may know it.
pub(super) fn forget_gaps(component: &mut Component) {
    let is_unknown = |text: &Option<String>| text.as_deref() == Some(UNKNOWN_VALUE);
    component.properties.retain(|each| each.name != UNKNOWN);
    if is_unknown(&component.version) {
        component.version = None;
    }
    let maker = component.manufacturer.as_ref();
    if maker.is_some_and(|maker| is_unknown(&maker.name)) {
        component.manufacturer = None;
    }
    let is_generic = component
        .purl
        .as_ref()
        .is_some_and(|it| it.kind() == "generic");
    if is_generic && component.purl == purl_of_file(component) {
        component.purl = None;
    }
}

/// Fills in what follows from the components themselves and names the gaps.
pub(super) fn complete(
    components: &mut BTreeMap<Ref, Component>,
    own: &BTreeSet<Ref>,
    settings: &Settings,
) -> Option<Organization> {
    for component in components.values_mut() {
        // Authors whom two sources name are there twice until then.
        component.sort();
        if settings.conclude_licenses {
            let declared = component.licenses.iter();
            let concluded: Vec<_> = declared.filter_map(LicenseChoice::concluded).collect();
            component.licenses.extend(concluded);
            component.licenses.sort_unstable();
            component.licenses.dedup();
        }
        if component.manufacturer.is_none() {
            component.manufacturer = producer(component);
        }
        if component.supplier.is_none() {
            component.supplier = component.purl.as_ref().and_then(registry);
        }
    }
    let stated = settings.supplier.clone();
    let supplier = stated.or_else(|| common_producer(components, own));
    for (id, component) in components {
        // Whoever supplies the product supplies its own parts.
        if component.supplier.is_none() && (own.contains(id) || is_local(component)) {
            component.supplier.clone_from(&supplier);
        }
        describe_deployable(component);
        if component.purl.is_none() {
            component.purl = purl_of_file(component);
        }
        name_gaps(component);
    }
    supplier
}

/// The product itself: its programs, and the files that it is built to or that
/// lie in those.
pub(super) fn own(inventory: &Inventory, root: &Ref) -> BTreeSet<Ref> {
    let mut own: BTreeSet<Ref> = inventory.products().cloned().collect();
    own.insert(root.clone());
    let is_file = |id: &Ref| inventory.get(id).is_some_and(|each| each.purl.is_none());
    let contains: Vec<&Edge> = inventory
        .edges()
        .filter(|edge| edge.relation == Relation::Contains)
        .filter(|edge| is_file(&edge.from) || is_file(&edge.to))
        .collect();
    // Files lie in each other a few times at most.
    for _ in 0..MAX_LAYERS {
        for edge in &contains {
            for (known, new) in [(&edge.from, &edge.to), (&edge.to, &edge.from)] {
                if is_file(new) && own.contains(known) {
                    own.insert(new.clone());
                }
            }
        }
    }
    own
}

/// The phases of the product's life in which its components were seen.
pub(super) fn lifecycles<'a>(
    components: impl IntoIterator<Item = &'a Component>,
    stated: Option<Phase>,
) -> Vec<Lifecycle> {
    let seen = components.into_iter().flat_map(|each| &each.evidence);
    let techniques = seen.flat_map(|evidence| {
        let installed = evidence.occurrences.iter().any(is_installed);
        let methods = evidence.identity.iter().flat_map(|each| &each.methods);
        methods.filter_map(move |method| match method.technique {
            Technique::ManifestAnalysis if installed => Some(Phase::PostBuild),
            Technique::ManifestAnalysis => Some(Phase::PreBuild),
            Technique::BinaryAnalysis | Technique::HashComparison | Technique::Attestation => {
                Some(Phase::PostBuild)
            }
            _ => None,
        })
    });
    let phases: BTreeSet<Phase> = techniques.chain(stated).collect();
    phases
        .into_iter()
        .map(|phase| Lifecycle { phase })
        .collect()
}

/// An installed Python package tells of itself in files that its build made.
fn is_installed(seen: &Occurrence) -> bool {
    seen.location.contains(".dist-info/")
}

/// Names what the document itself lacks.
pub(super) fn name_document_gaps(metadata: &mut Metadata) {
    let gaps = [
        (
            metadata.authors.is_empty() && metadata.manufacturer.is_none(),
            "SBOM Author",
        ),
        (metadata.timestamp.is_none(), "SBOM Timestamp"),
        (metadata.lifecycles.is_empty(), "SBOM Generation Context"),
    ];
    for (_, field) in gaps.into_iter().filter(|(missing, _)| *missing) {
        metadata.properties.push(Property {
            name: UNKNOWN.to_owned(),
            value: field.to_owned(),
        });
    }
    metadata.properties.sort_unstable();
}

/// Who made it: its authors, else who owns the place of its source.
fn producer(component: &Component) -> Option<Organization> {
    let pages = [ReferenceKind::Website, ReferenceKind::Vcs];
    let mut pages = pages.into_iter().flat_map(|kind| {
        let references = component.external_references.iter();
        references.filter(move |reference| reference.kind == kind)
    });
    let page = pages.next().map(|reference| reference.url.clone());
    let names: Vec<&str> = component
        .authors
        .iter()
        .filter_map(|author| author.name.as_deref().or(author.email.as_deref()))
        .take(MAX_NAMES + 1)
        .collect();
    let name = match names.len() {
        0 => {
            let vcs = component
                .external_references
                .iter()
                .find(|reference| reference.kind == ReferenceKind::Vcs);
            let place = vcs.and_then(|reference| owner(&reference.url));
            let module = || Some(module_owner(component.purl.as_ref()?)?.to_owned());
            place.or_else(module).or_else(|| host(page.as_deref()?))?
        }
        count if count > MAX_NAMES => format!("{} and others", names[..MAX_NAMES].join(", ")),
        _ => names.join(", "),
    };
    let module = || {
        Some(format!(
            "https://{}",
            module_owner(component.purl.as_ref()?)?
        ))
    };
    Some(Organization {
        name: Some(name),
        url: page.or_else(module).into_iter().collect(),
        contact: component
            .authors
            .iter()
            .filter(|author| author.email.is_some())
            .cloned()
            .collect(),
    })
}

/// Host and owner of a repository, such as `github.com/serde-rs`.
fn owner(url: &str) -> Option<String> {
    let rest = url.split_once("://")?.1;
    let mut parts = rest.split(['/', '?', '#']).filter(|part| !part.is_empty());
    let (host, owner) = (parts.next()?, parts.next()?);
    let host = host.rsplit('@').next()?;
    Some(format!("{host}/{owner}"))
}

/// The same of a Go module, whose name is where its source lies.
fn module_owner(purl: &Purl) -> Option<&str> {
    let namespace = purl.namespace().filter(|_| purl.kind() == "golang")?;
    let end = namespace.match_indices('/').nth(1);
    let owner = end.map_or(namespace, |(end, _)| &namespace[..end]);
    owner.split('/').next()?.contains('.').then_some(owner)
}

fn host(url: &str) -> Option<String> {
    let rest = url.split_once("://")?.1;
    let host = rest.split(['/', '?', '#', ':']).next()?;
    (!host.is_empty()).then(|| host.to_owned())
}

/// Who hands it out: the place that its package URL names, else the registry
/// that is the default of its type (purl specification, purl types).
fn registry(purl: &Purl) -> Option<Organization> {
    let named = |name: &str, url: &str| {
        Some(Organization {
            name: Some(name.to_owned()),
            url: vec![url.to_owned()],
            contact: Vec::new(),
        })
    };
    for key in ["repository_url", "vcs_url", "download_url"] {
        if let Some(value) = purl.qualifier(key) {
            let url = value.trim_start_matches("git+");
            let url = url.split('@').next().unwrap_or(url);
            return url
                .starts_with("http")
                .then(|| named(&host(url)?, url))
                .flatten();
        }
    }
    purl.version()?;
    match purl.kind() {
        "cargo" => named("crates.io", "https://crates.io"),
        "golang" => named("proxy.golang.org", "https://proxy.golang.org"),
        "npm" => named("npm", "https://www.npmjs.com"),
        "pypi" => named("PyPI", "https://pypi.org"),
        _ => None,
    }
}

/// True for a package that is a folder of the scanned tree.
fn is_local(component: &Component) -> bool {
    let purl = component.purl.as_ref();
    let url = purl.and_then(|purl| purl.qualifier("download_url"));
    url.is_some_and(|url| url.starts_with("file:"))
}

/// The producer of the product; of several products only one that all have
/// who have any.
fn common_producer(
    components: &BTreeMap<Ref, Component>,
    own: &BTreeSet<Ref>,
) -> Option<Organization> {
    let mut producers = own
        .iter()
        .filter_map(|id| components.get(id)?.manufacturer.as_ref());
    let first = producers.next()?;
    // The package URL of a Go module is in lower case, that of its repository is not.
    let name = |of: &Organization| of.name.as_deref().map(str::to_lowercase);
    producers
        .all(|other| name(other) == name(first))
        .then(|| first.clone())
}

/// BSI TR-03183-2 §5.2.2: which file is deployed, and of what kind it is.
fn describe_deployable(component: &mut Component) {
    let kind = component.purl.as_ref().map(Purl::kind);
    let (name, is_program) = match kind {
        None if !component.hashes.is_empty() => (Some(component.name.clone()), true),
        Some("cargo" | "golang" | "pypi") => {
            let hashes = &mut component.hashes;
            let mut files: Vec<_> = component
                .external_references
                .iter_mut()
                .filter(|reference| reference.kind == ReferenceKind::Distribution)
                .collect();
            let artifact = component.mime_type.is_some();
            if files.is_empty() && !artifact {
                return;
            }
            let name = match files.as_mut_slice() {
                [only] => {
                    // The digest of a package of one file is that of the file.
                    if only.hashes.is_empty() {
                        only.hashes.clone_from(hashes);
                    } else if hashes.is_empty() {
                        hashes.clone_from(&only.hashes);
                    }
                    only.url.rsplit('/').next().map(str::to_owned)
                }
                _ => None,
            };
            let places = component.evidence.iter().flat_map(|each| &each.occurrences);
            let mut places = places.filter_map(|seen| seen.location.rsplit('/').next());
            let is_archive = |name: &&str| name.ends_with(".whl") || name.ends_with(".tar.gz");
            let given = artifact.then(|| places.find(is_archive).map(str::to_owned));
            (given.flatten().or(name), false)
        }
        _ => return,
    };
    // Sources in an archive have to be built or installed before anything runs.
    let [executable, archive, structured] = match is_program {
        true => ["executable", "no archive", "unstructured"],
        false => ["non-executable", "archive", "structured"],
    };
    component.property("bsi:component:executable", executable);
    component.property("bsi:component:archive", archive);
    component.property("bsi:component:structured", structured);
    if let Some(name) = name {
        component.property("bsi:component:filename", name);
    }
}

/// A file that no registry knows is identified by its digest (purl
/// specification, type `generic` and qualifier `checksum`).
fn purl_of_file(component: &Component) -> Option<Purl> {
    let mut hashes = component.hashes.iter();
    let sha256 = hashes.find(|hash| hash.alg == "SHA-256")?;
    let purl = Purl::generic(&component.name, "").ok()?;
    Some(purl.with("checksum", &format!("sha256:{}", sha256.content)))
}

fn name_gaps(component: &mut Component) {
    let mut gaps = Vec::new();
    if component.version.is_none() {
        component.version = Some(UNKNOWN_VALUE.to_owned());
        gaps.push("Component Version");
    }
    if component.manufacturer.is_none() {
        component.manufacturer = Some(Organization {
            name: Some(UNKNOWN_VALUE.to_owned()),
            ..Organization::default()
        });
        gaps.push("Component Producer");
    }
    if component.purl.is_none() {
        gaps.push("Component Identifiers");
    }
    if component.licenses.is_empty() {
        gaps.push("Component License");
    }
    let mut references = component.external_references.iter();
    if component.hashes.is_empty() && references.all(|reference| reference.hashes.is_empty()) {
        gaps.push("Component Hash Value");
    }
    for gap in gaps {
        component.property(UNKNOWN, gap);
    }
}

/// What prov says of itself as the maker of a document.
pub(super) fn describe_prov(prov: &mut Component) {
    prov.kind = Kind::Application;
    prov.reference(ReferenceKind::Vcs, env!("CARGO_PKG_REPOSITORY"));
    prov.manufacturer = producer(prov);
}

#[cfg(test)]
#[path = "minimum_tests.rs"]
mod tests;
