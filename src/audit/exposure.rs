//! Known vulnerabilities, or that nobody looked.

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

impl Exposure {
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

impl Vulnerability {
    /// True when a VEX document says that the artifact does not have it.
    pub fn is_waived(&self) -> bool {
        let waiver = self.waiver.as_ref().map(|waiver| waiver.status.as_str());
        matches!(waiver, Some("not_affected" | "fixed"))
    }
}
