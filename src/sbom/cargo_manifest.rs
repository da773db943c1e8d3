//! `Cargo.toml`: what a crate says of itself and of what it needs.
//!
//! Reads both what people write and what `cargo package` normalises (The Cargo
//! Book, The Manifest Format).

use std::collections::{BTreeMap, BTreeSet};

use semver::{Version, VersionReq};
use serde::Deserialize;

use super::component::{Component, Contact, ReferenceKind};
use super::inventory::Relation;
use super::license::LicenseChoice;

/// The longest description that is taken over.
const MAX_DESCRIPTION: usize = 4096;
/// The most authors of one crate that are taken over.
const MAX_AUTHORS: usize = 256;

/// A manifest.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Manifest {
    /// The crate; a workspace may have none.
    #[serde(alias = "project")]
    pub package: Option<Package>,
    /// The workspace whose root this is.
    pub workspace: Option<Workspace>,
    features: BTreeMap<String, Vec<String>>,
    #[serde(flatten)]
    tables: Tables,
    target: BTreeMap<String, Tables>,
    patch: BTreeMap<String, Dependencies>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Tables {
    dependencies: Dependencies,
    #[serde(alias = "build_dependencies")]
    build_dependencies: Dependencies,
    #[serde(alias = "dev_dependencies")]
    dev_dependencies: Dependencies,
}

type Dependencies = BTreeMap<String, Dependency>;

/// `[workspace]`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Workspace {
    /// Folders of members, as globs.
    pub members: Vec<String>,
    /// Folders that are none.
    pub exclude: Vec<String>,
    /// The members that are built unless others are named.
    pub default_members: Option<Vec<String>>,
    /// What members may inherit.
    pub package: Option<Package>,
    dependencies: Dependencies,
}

/// `[package]`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Package {
    /// Its name.
    pub name: String,
    version: Option<Inherited<String>>,
    authors: Option<Inherited<Vec<String>>>,
    description: Option<Inherited<String>>,
    license: Option<Inherited<String>>,
    repository: Option<Inherited<String>>,
    homepage: Option<Inherited<String>>,
    documentation: Option<Inherited<String>>,
    metadata: Option<Metadata>,
}

#[derive(Debug, Default, Deserialize)]
struct Metadata {
    prov: Option<Prov>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prov {
    #[serde(default)]
    embeds: Vec<Embed>,
}

/// Something built from another source of the tree and carried inside of the
/// crate: an entry of `embeds` in `[package.metadata.prov]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embed {
    /// The folder of its manifest, relative to this one.
    pub source: String,
    /// The name of the built file.
    pub artifact: Option<String>,
    /// The target that it is built for, a triple; else the crate's own.
    pub target: Option<String>,
    /// The digest of the built file, where it is known: `sha256:…`.
    pub digest: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Inherited<T> {
    Own(T),
    /// `{ workspace = true }`, and whatever else is not the wanted type.
    Other(toml::Value),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Dependency {
    Version(String),
    Detailed(Detail),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Detail {
    version: Option<String>,
    path: Option<String>,
    package: Option<String>,
    optional: bool,
    workspace: bool,
}

/// One entry of a dependency table.
#[derive(Debug)]
pub struct Need {
    name: String,
    version: Option<VersionReq>,
    relation: Relation,
}

impl Manifest {
    /// What the crate needs and how. Whatever only some platform or a feature
    /// that is not a default one asks for is optional.
    pub fn needs(&self, workspace: Option<&Workspace>) -> Vec<Need> {
        let enabled = self.enabled_by_default();
        let mut needs = Vec::new();
        let tables = self.target.values().map(|tables| (tables, true));
        for (tables, platform) in [(&self.tables, false)].into_iter().chain(tables) {
            for (table, relation) in [
                (&tables.dependencies, Relation::Normal),
                (&tables.build_dependencies, Relation::Build),
                (&tables.dev_dependencies, Relation::Dev),
            ] {
                for (key, dependency) in table {
                    let mut detail = dependency.detail();
                    let optional = detail.optional && !enabled.contains(key.as_str());
                    if detail.workspace {
                        let shared = workspace.and_then(|all| all.dependencies.get(key));
                        detail = shared.map(Dependency::detail).unwrap_or_default();
                    }
                    let relation = match relation {
                        Relation::Normal if platform || optional => Relation::Optional,
                        relation => relation,
                    };
                    needs.push(Need {
                        name: detail.package.unwrap_or_else(|| key.clone()),
                        version: detail
                            .version
                            .and_then(|text| VersionReq::parse(&text).ok()),
                        relation,
                    });
                }
            }
        }
        needs
    }

    /// The optional dependencies that the feature `default` leads to (The Cargo
    /// Book, Features).
    fn enabled_by_default(&self) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut enabled = BTreeSet::new();
        let mut todo = vec!["default"];
        while let Some(feature) = todo.pop() {
            if !seen.insert(feature) {
                continue;
            }
            match self.features.get(feature) {
                Some(values) => todo.extend(values.iter().map(String::as_str)),
                // `a?/b` asks for `b` only if somebody else asks for `a`.
                None => match feature.split_once('/') {
                    Some((name, _)) if name.ends_with('?') => {}
                    Some((name, _)) => todo.push(name),
                    None => {
                        enabled.insert(feature.strip_prefix("dep:").unwrap_or(feature));
                    }
                },
            }
        }
        enabled
    }

    /// Folders of path crates that it names, relative to the manifest.
    pub fn paths(&self) -> Vec<String> {
        let tables = self.target.values().chain([&self.tables]).flat_map(|each| {
            [
                &each.dependencies,
                &each.build_dependencies,
                &each.dev_dependencies,
            ]
        });
        let shared = self.workspace.iter().map(|each| &each.dependencies);
        tables
            .chain(shared)
            .chain(self.patch.values())
            .flat_map(BTreeMap::values)
            .filter_map(|dependency| dependency.detail().path)
            .collect()
    }

    /// What it says that it carries.
    pub fn embeds(&self) -> &[Embed] {
        self.package
            .as_ref()
            .and_then(|package| package.metadata.as_ref()?.prov.as_ref())
            .map_or(&[], |prov| &prov.embeds)
    }
}

impl Need {
    /// How a crate needs `name` at `version`, given all that it needs; nothing
    /// when its manifest does not name it.
    pub fn relation(needs: &[Self], name: &str, version: &str) -> Option<Relation> {
        let version = Version::parse(version).ok();
        let named = || needs.iter().filter(|need| need.name == name);
        let fits = |need: &&Need| match (&need.version, &version) {
            (Some(wanted), Some(version)) => wanted.matches(version),
            _ => true,
        };
        // A patch may give a version that nobody asked for.
        let relation = |need: &Need| need.relation;
        let fitting = named().filter(fits).map(relation).min();
        fitting.or_else(|| named().map(relation).min())
    }
}

impl Dependency {
    fn detail(&self) -> Detail {
        match self {
            Dependency::Version(version) => Detail {
                version: Some(version.clone()),
                ..Detail::default()
            },
            Dependency::Detailed(detail) => detail.clone(),
        }
    }
}

impl Package {
    /// Its version; without one it is 0.0.0 (The Cargo Book, the `version` field).
    pub fn version(&self, workspace: Option<&Workspace>) -> String {
        let shared = workspace.and_then(|each| each.package.as_ref());
        own(&self.version, shared.and_then(|each| each.version.as_ref()))
            .unwrap_or_else(|| "0.0.0".to_owned())
    }

    /// Adds what it says of itself to a component.
    pub fn describe(&self, workspace: Option<&Workspace>, component: &mut Component) {
        let shared = workspace.and_then(|each| each.package.as_ref());
        macro_rules! field {
            ($name:ident) => {
                own(&self.$name, shared.and_then(|each| each.$name.as_ref()))
            };
        }
        let authors = field!(authors).unwrap_or_default();
        component.authors = authors
            .iter()
            .take(MAX_AUTHORS)
            .map(|text| author(text))
            .collect();
        component.description = field!(description)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty() && text.len() <= MAX_DESCRIPTION);
        let license = field!(license);
        component.licenses = license
            .as_deref()
            .and_then(LicenseChoice::declared)
            .into_iter()
            .collect();
        for (kind, url) in [
            (ReferenceKind::Vcs, field!(repository)),
            (ReferenceKind::Website, field!(homepage)),
            (ReferenceKind::Documentation, field!(documentation)),
        ] {
            if let Some(url) = url.filter(|url| is_web(url)) {
                component.reference(kind, url);
            }
        }
    }
}

fn own<T: Clone>(mine: &Option<Inherited<T>>, shared: Option<&Inherited<T>>) -> Option<T> {
    match (mine, shared) {
        (Some(Inherited::Own(value)), _) => Some(value.clone()),
        (Some(Inherited::Other(toml::Value::Table(_))), Some(Inherited::Own(value))) => {
            Some(value.clone())
        }
        _ => None,
    }
}

/// CycloneDX wants a URL where manifests may hold any text.
fn is_web(url: &str) -> bool {
    (url.starts_with("https://") || url.starts_with("http://"))
        && url.is_ascii()
        && !url.contains([' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}'])
        && !url.contains(char::is_control)
}

/// CycloneDX wants an address where manifests may hold any text.
fn author(text: &str) -> Contact {
    let contact = Contact::parse(text);
    let valid = |email: &str| match email.split_once('@') {
        Some((user, host)) => {
            let plain = |c: char| c.is_ascii_alphanumeric() || ".-_+".contains(c);
            let dots = |text: &str| text.split('.').all(|part| !part.is_empty());
            [user, host]
                .iter()
                .all(|text| text.chars().all(plain) && dots(text))
        }
        None => false,
    };
    match &contact.email {
        Some(email) if !valid(email) => Contact {
            name: Some(text.to_owned()),
            ..Contact::default()
        },
        _ => contact,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(manifest: &str, name: &str, version: &str) -> Option<Relation> {
        let manifest: Manifest = toml::from_str(manifest).unwrap();
        let needs = manifest.needs(manifest.workspace.as_ref());
        Need::relation(&needs, name, version)
    }

    #[test]
    fn each_table_is_a_kind_and_the_best_one_counts() {
        let manifest = r#"
            [dependencies]
            normal = "1"
            off = { version = "1", optional = true }
            on = { version = "1", optional = true }
            weak = { version = "1", optional = true }
            renamed = { package = "original", version = "1" }
            twice = "1"
            [build-dependencies]
            build = "1"
            [dev_dependencies]
            normal = "1"
            old = { package = "twice", version = "0.5" }
            [target.'cfg(windows)'.dependencies]
            windows = "1"
            [features]
            default = ["some"]
            some = ["on/x", "weak?/x", "default"]
        "#;
        for (name, version, wanted) in [
            ("normal", "1.2.0", Some(Relation::Normal)),
            ("off", "1.0.0", Some(Relation::Optional)),
            ("on", "1.0.0", Some(Relation::Normal)),
            ("weak", "1.0.0", Some(Relation::Optional)),
            ("original", "1.0.0", Some(Relation::Normal)),
            ("renamed", "1.0.0", None),
            ("build", "1.0.0", Some(Relation::Build)),
            ("windows", "1.0.0", Some(Relation::Optional)),
            ("twice", "1.0.0", Some(Relation::Normal)),
            ("twice", "0.5.3", Some(Relation::Dev)),
        ] {
            assert_eq!(relation(manifest, name, version), wanted, "{name}");
        }
    }

    #[test]
    fn only_what_a_document_may_hold_is_taken_over() {
        let manifest: Manifest = toml::from_str(
            r#"
            [package]
            name = "x"
            authors = ["Ada <ada@example.org>", "Eve <not an address>"]
            repository = "nowhere"
            homepage = "https://example.org/ x"
            license = { workspace = true }
            [workspace.package]
            license = "MIT"
        "#,
        )
        .unwrap();
        let mut component = Component::default();
        let package = manifest.package.as_ref().unwrap();
        package.describe(manifest.workspace.as_ref(), &mut component);
        assert_eq!(component.external_references, []);
        assert_eq!(
            component.authors[0].email.as_deref(),
            Some("ada@example.org")
        );
        assert_eq!(component.authors[1].email, None);
        assert_eq!(component.licenses.len(), 1);
    }
}
