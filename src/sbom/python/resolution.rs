//! What a lock file or manifest resolves, before it enters the inventory.
//!
//! Every format is read into this one shape. Extras are walked here: an extra's
//! dependencies belong to a package only when something asks for that extra,
//! and are worth what that something is worth.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};

use super::super::component::{Component, Contact, Kind, ReferenceKind, Scope};
use super::super::evidence::{Occurrence, Technique};
use super::super::inventory::{Inventory, MAX_COMPONENTS, MAX_EDGES, Relation};
use super::super::license::LicenseChoice;
use super::super::model::Aggregate;
use super::super::note::{Note, Reason};
use super::super::{Ref, SbomError};
use super::source::{Distribution, Origin};
use crate::purl::normalize_python_name;

/// The most versions of one package in one lock file.
pub const MAX_VERSIONS: usize = 100;

/// The packages of one lock file or manifest.
#[derive(Clone, Debug, Default)]
pub struct Resolution {
    /// The file, relative to the tree.
    pub path: String,
    /// Every package, the products too.
    pub packages: Vec<Package>,
    /// Which of them are the product.
    pub products: Vec<usize>,
}

/// One package.
#[derive(Clone, Debug, Default)]
pub struct Package {
    /// What it is.
    pub kind: Kind,
    /// The name, as it is written.
    pub name: String,
    /// The version; none when nothing pins it.
    pub version: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// One line about it.
    pub description: Option<String>,
    /// Its licences.
    pub licenses: Vec<LicenseChoice>,
    /// Who wrote it.
    pub authors: Vec<Contact>,
    /// Its files.
    pub files: Vec<Distribution>,
    /// Its pages.
    pub pages: Vec<(ReferenceKind, String)>,
    /// Where it was seen, when not in the resolution's own file.
    pub seen: Option<Occurrence>,
    /// What it needs; none when that is not known.
    pub requires: Option<Vec<Dependency>>,
    /// How the product lists it. Counts only while no other package needs it.
    pub listed: Option<When>,
}

/// One dependency of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The normalised name.
    pub name: String,
    /// The extras that it asks for, normalised.
    pub extras: Vec<String>,
    /// Which version is meant, should there be several.
    pub pick: Pick,
    /// A marker decides whether it is needed at all.
    pub conditional: bool,
    /// In which case it is needed.
    pub when: When,
}

/// Which of several versions a dependency means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pick {
    /// Whichever there is.
    #[default]
    Any,
    /// Exactly this one.
    Version(String),
    /// One of these.
    Range(VersionSpecifiers),
}

/// In which case a dependency is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// Always.
    #[default]
    Always,
    /// With this extra, by its normalised name.
    Extra(String),
    /// Only to develop or test (PEP 735, dependency groups).
    Group,
}

impl Dependency {
    /// A dependency without a condition.
    pub fn new(name: &str, when: When) -> Self {
        Self {
            name: normalize_python_name(name),
            extras: Vec::new(),
            pick: Pick::Any,
            conditional: false,
            when,
        }
    }
}

impl Package {
    /// Stands for a project that has no name of its own: its manifest.
    pub fn of_manifest(path: &str) -> Self {
        Self {
            kind: Kind::Application,
            name: path.to_owned(),
            origin: Origin::Manifest,
            requires: Some(Vec::new()),
            ..Self::default()
        }
    }

    fn component(&self, path: &str) -> Result<Component, SbomError> {
        let version = self.version.as_deref().unwrap_or_default();
        let purl = self.origin.purl(&self.name, version);
        let mut component = Component::package(&self.name, purl.map_err(SbomError::purl(path))?)
            .of_kind(self.kind)
            .seen(
                self.seen.clone().unwrap_or_else(|| Occurrence::at(path)),
                Technique::ManifestAnalysis,
            );
        // The package URL spells a version its own way; here it stays as written.
        component.version = self.version.clone().filter(|version| !version.is_empty());
        component.description = self.description.clone();
        component.licenses = self.licenses.clone();
        component.authors = self.authors.clone();
        component.external_references = self.files.iter().map(Distribution::reference).collect();
        for (kind, url) in &self.pages {
            component.reference(*kind, url);
        }
        Ok(component)
    }
}

/// A dependency and the packages that it can mean.
struct Link {
    from: usize,
    dependency: Dependency,
    to: Vec<usize>,
}

/// A package, or a package with one of its extras.
type Node<'a> = (usize, Option<&'a str>);

impl Resolution {
    /// Makes a product of what stands for a project without a name.
    pub fn of_manifest(path: &str) -> Self {
        Self::of_product(path, Package::of_manifest(path))
    }

    /// A resolution of which only the product is known so far.
    pub fn of_product(path: &str, product: Package) -> Self {
        Self {
            path: path.to_owned(),
            packages: vec![product],
            products: vec![0],
        }
    }

    /// Leaves out what no dependency names: a marker has ruled it out.
    pub fn drop_unneeded(&mut self) {
        let products = self.packages.iter().take(1);
        let needed: BTreeSet<String> = products
            .flat_map(|product| product.requires.iter().flatten())
            .map(|each| each.name.clone())
            .collect();
        let mut first = true;
        self.packages.retain(|each| {
            std::mem::take(&mut first) || needed.contains(&normalize_python_name(&each.name))
        });
    }

    /// Adds everything to the inventory; the names come in the packages' order.
    pub fn write(self, inventory: &mut Inventory) -> Result<Vec<Ref>, SbomError> {
        if self.packages.len() > MAX_COMPONENTS {
            return Err(SbomError::TooMany {
                what: "components",
                limit: MAX_COMPONENTS,
            });
        }
        let mut ids = Vec::with_capacity(self.packages.len());
        for package in &self.packages {
            ids.push(inventory.add(package.component(&self.path)?)?);
        }
        let links = self.links()?;
        let reached = self.reached(&links);
        let mut incomplete = vec![false; ids.len()];
        for link in &links {
            let Some(relation) = relation(link, &reached) else {
                continue;
            };
            for to in &link.to {
                inventory.relate(&ids[link.from], relation, &ids[*to])?;
            }
            // What a marker rules out everywhere need not be locked.
            if link.to.is_empty() && !link.dependency.conditional {
                incomplete[link.from] = true;
                let name = link.dependency.name.clone();
                inventory.note(Note::new(&self.path, Reason::Unresolved { name }));
            }
        }
        for (index, package) in self.packages.iter().enumerate() {
            if package.requires.is_some() {
                let aggregate = match incomplete[index] {
                    true => Aggregate::Incomplete,
                    false => Aggregate::Complete,
                };
                inventory.know_dependencies(&ids[index], aggregate);
            }
        }
        for product in &self.products {
            inventory.product(&ids[*product]);
        }
        Ok(ids)
    }

    fn links(&self) -> Result<Vec<Link>, SbomError> {
        let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, package) in self.packages.iter().enumerate() {
            let name = normalize_python_name(&package.name);
            let versions = by_name.entry(name).or_default();
            versions.push(index);
            if versions.len() > MAX_VERSIONS {
                return Err(SbomError::TooMany {
                    what: "versions of one package",
                    limit: MAX_VERSIONS,
                });
            }
        }
        let versions: Vec<Option<Version>> = self
            .packages
            .iter()
            .map(|package| Version::from_str(package.version.as_deref()?).ok())
            .collect();
        let mut links = Vec::new();
        let mut needed = vec![false; self.packages.len()];
        let mut count = 0;
        for (from, package) in self.packages.iter().enumerate() {
            for dependency in package.requires.iter().flatten() {
                let all = by_name.get(&dependency.name).map_or(&[][..], Vec::as_slice);
                let meant = all.iter().copied().filter(|to| match &dependency.pick {
                    Pick::Any => true,
                    Pick::Version(wanted) => {
                        self.packages[*to].version.as_deref() == Some(wanted.as_str())
                    }
                    Pick::Range(wanted) => versions[*to]
                        .as_ref()
                        .is_some_and(|version| wanted.contains(version)),
                });
                let mut to: Vec<usize> = meant.collect();
                if to.is_empty() {
                    // An override beats what the package itself asks for.
                    to = all.to_vec();
                }
                for index in to.iter().filter(|index| **index != from) {
                    needed[*index] = true;
                }
                count += to.len();
                if count > MAX_EDGES {
                    return Err(SbomError::TooMany {
                        what: "relations",
                        limit: MAX_EDGES,
                    });
                }
                let mut dependency = dependency.clone();
                dependency.conditional |= to.len() > 1;
                links.push(Link {
                    from,
                    dependency,
                    to,
                });
            }
        }
        let listed = self
            .packages
            .iter()
            .enumerate()
            .filter_map(|(index, each)| {
                let when = each.listed.clone().filter(|_| !needed[index])?;
                Some(Link {
                    from: *self.products.first()?,
                    dependency: Dependency::new(&each.name, when),
                    to: vec![index],
                })
            });
        links.extend(listed);
        Ok(links)
    }

    /// What the products lead to, by way of which extras, and at best how: the
    /// products' own extras are optional.
    fn reached<'a>(&self, links: &'a [Link]) -> BTreeMap<Node<'a>, Scope> {
        let mut out: BTreeMap<Node<'a>, Vec<(&'a Link, Scope)>> = BTreeMap::new();
        for link in links {
            let (extra, scope) = match &link.dependency.when {
                When::Always => (None, Scope::Required),
                When::Extra(extra) => (Some(extra.as_str()), Scope::Required),
                When::Group => (None, Scope::Excluded),
            };
            let scope = match link.dependency.conditional {
                true => scope.max(Scope::Optional),
                false => scope,
            };
            out.entry((link.from, extra))
                .or_default()
                .push((link, scope));
        }
        let mut todo: BTreeMap<Scope, Vec<Node<'a>>> = BTreeMap::new();
        if self.products.is_empty() {
            // An environment: each of its packages is there.
            let all = (0..self.packages.len()).map(|index| (index, None));
            todo.entry(Scope::Required).or_default().extend(all);
        }
        let products = self.products.iter().copied();
        todo.entry(Scope::Required)
            .or_default()
            .extend(products.map(|product| (product, None)));
        // What lies in the tree can be installed with any of its extras, also where
        // it is no product because another package of the tree needs it.
        let own = (0..self.packages.len()).filter(|index| {
            let origin = &self.packages[*index].origin;
            let in_tree = matches!(origin, Origin::Path(folder) if !folder.is_empty());
            in_tree && !self.products.is_empty() || self.products.contains(index)
        });
        for package in own {
            let extras = out.range((package, None)..(package + 1, None));
            for (node, _) in extras.filter(|(node, _)| node.1.is_some()) {
                todo.entry(Scope::Optional).or_default().push(*node);
            }
        }
        let mut reached: BTreeMap<Node<'a>, Scope> = BTreeMap::new();
        for level in [Scope::Required, Scope::Optional, Scope::Excluded] {
            while let Some(node) = todo.get_mut(&level).and_then(Vec::pop) {
                if reached.contains_key(&node) {
                    continue;
                }
                reached.insert(node, level);
                for (link, scope) in out.get(&node).into_iter().flatten() {
                    let extras = link
                        .dependency
                        .extras
                        .iter()
                        .map(|each| Some(each.as_str()));
                    let scope = level.max(*scope);
                    let nodes = [None].into_iter().chain(extras);
                    let next = todo.entry(scope).or_default();
                    next.extend(nodes.flat_map(|extra| link.to.iter().map(move |to| (*to, extra))));
                }
            }
        }
        reached
    }
}

/// How a link enters the inventory; not at all when nothing asks for its extra.
fn relation(link: &Link, reached: &BTreeMap<Node<'_>, Scope>) -> Option<Relation> {
    let plain = match link.dependency.conditional {
        true => Relation::Optional,
        false => Relation::Normal,
    };
    match &link.dependency.when {
        When::Always => Some(plain),
        When::Group => Some(Relation::Dev),
        When::Extra(extra) => {
            let asked = *reached.get(&(link.from, Some(extra)))?;
            let itself = reached.get(&(link.from, None)).copied();
            Some(match asked {
                asked if itself.is_none_or(|itself| asked <= itself) => plain,
                Scope::Excluded => Relation::Dev,
                _ => Relation::Optional,
            })
        }
    }
}
