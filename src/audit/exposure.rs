//! Known vulnerabilities, or that nobody looked.

use super::Contents;
use crate::osv::{Database, Finding, Rating, Unchecked};
use crate::purl::Purl;
use crate::vex::{Product, Vex};

/// Whether vulnerabilities were looked for, and what was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Exposure {
    /// Nobody looked; the text says why.
    #[default]
    NotChecked,
    /// Looked up in a database.
    Checked {
        /// The day of the newest advisory in it, such as `2026-11-20`.
        database: Option<String>,
        /// How many packages could be looked up.
        checked: usize,
        /// Packages that could not: no package URL, no version, or an ecosystem that
        /// the database does not hold.
        unchecked: usize,
        /// Entries of the database that could not be read, so that nobody knows what they
        /// are about.
        unreadable: usize,
        /// What was found, the worst first.
        vulnerabilities: Vec<Vulnerability>,
    },
}

/// A known vulnerability of a package that is inside.
#[derive(Clone, Debug, PartialEq)]
pub struct Vulnerability {
    /// The database's id, such as `RUSTSEC-2026-0001`.
    pub id: String,
    /// Other ids of it, such as a CVE's.
    pub aliases: Vec<String>,
    /// One line.
    pub summary: String,
    /// The CVSS base score, 0 to 10, where one is known.
    pub score: Option<f32>,
    /// How bad in a word, where that is known.
    pub rating: Option<Rating>,
    /// Why nobody can say whether the package has it; `None` when it has.
    pub doubt: Option<String>,
    /// The package's place in [`Contents::packages`](super::Contents::packages).
    pub package: usize,
    /// The first version without it, where one is known.
    pub fixed: Option<String>,
    /// What a VEX document says of it.
    pub waiver: Option<Waiver>,
}

/// A VEX statement about a vulnerability.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiver {
    /// `not_affected`, `affected`, `fixed` or `under_investigation` (OpenVEX §Status).
    pub status: String,
    /// Why.
    pub justification: Option<String>,
    /// The document that says so.
    pub document: String,
}

/// A VEX document and its name.
#[derive(Debug)]
pub struct VexDocument {
    /// Where it was.
    pub name: String,
    /// What it says.
    pub vex: Vex,
}

impl Exposure {
    /// Looks all packages up. Where several documents speak of a vulnerability, the last
    /// one counts.
    pub fn of(
        contents: &Contents,
        database: &Database,
        documents: &[VexDocument],
        product: &Product,
    ) -> Self {
        let (mut checked, mut unchecked) = (0, 0);
        let mut vulnerabilities = Vec::new();
        for (package, each) in contents.packages.iter().enumerate() {
            let found = each.purl.as_ref().ok_or(Unchecked::Ecosystem);
            match found.and_then(|purl| Ok((purl, database.look_up(purl)?))) {
                Err(_) => unchecked += 1,
                Ok((purl, findings)) => {
                    checked += 1;
                    vulnerabilities.extend(findings.into_iter().map(|finding| {
                        let waiver = waiver(&finding, purl, documents, product);
                        Vulnerability::of(finding, package, waiver)
                    }));
                }
            }
        }
        vulnerabilities.sort_by(|a, b| {
            let badness = |each: &Vulnerability| (!each.is_waived(), each.rating, each.score);
            let order = badness(b).partial_cmp(&badness(a));
            order
                .unwrap_or(std::cmp::Ordering::Equal)
                .then_with(|| (&a.id, a.package).cmp(&(&b.id, b.package)))
        });
        Exposure::Checked {
            database: database.newest().map(str::to_owned),
            checked,
            unchecked,
            unreadable: database.refusals(),
            vulnerabilities,
        }
    }

    /// What was found.
    pub fn vulnerabilities(&self) -> &[Vulnerability] {
        match self {
            Exposure::NotChecked => &[],
            Exposure::Checked {
                vulnerabilities, ..
            } => vulnerabilities,
        }
    }

    /// What was found and no VEX document takes away.
    pub fn open(&self) -> impl Iterator<Item = &Vulnerability> {
        let all = self.vulnerabilities().iter();
        all.filter(|each| !each.is_waived())
    }
}

fn waiver(
    finding: &Finding,
    purl: &Purl,
    documents: &[VexDocument],
    product: &Product,
) -> Option<Waiver> {
    let found = documents.iter().rev().find_map(|document| {
        let statement = document.vex.statement(&finding.ids, purl, product)?;
        Some((document, statement))
    });
    found.map(|(document, statement)| Waiver {
        status: statement.status.to_string(),
        justification: statement.justification.clone(),
        document: document.name.clone(),
    })
}

impl Vulnerability {
    fn of(finding: Finding, package: usize, waiver: Option<Waiver>) -> Self {
        let mut ids = finding.ids.into_iter();
        Self {
            id: ids.next().unwrap_or_default(),
            aliases: ids.collect(),
            summary: finding.summary,
            score: finding.level.score,
            rating: finding.level.rating,
            doubt: finding.doubt.map(|doubt| doubt.to_string()),
            package,
            fixed: finding.fixed,
            waiver,
        }
    }

    /// True when a VEX document says that the artifact does not have it.
    pub fn is_waived(&self) -> bool {
        let waiver = self.waiver.as_ref().map(|waiver| waiver.status.as_str());
        matches!(waiver, Some("not_affected" | "fixed"))
    }
}
