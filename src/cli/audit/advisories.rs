//! Known vulnerabilities: the database and the documents that the user names.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::audit::{Audit, VexDocument, Vulnerability};
use crate::cli::error::{Failure, reasons};
use crate::cli::{files, ui};
use crate::osv::{Database, Rating};
use crate::purl::Purl;
use crate::vex::{MAX_VEX, Vex};

/// How many of what could not be read are told by name.
const TOLD: usize = 5;

/// Where known vulnerabilities are looked up.
#[derive(Clone, Debug, Default, clap::Args)]
pub(in crate::cli) struct AdvisoryArgs {
    /// Look known vulnerabilities up in this dump of an OSV database: a folder with
    /// ECOSYSTEM/all.zip or *.json; nothing is fetched
    #[arg(long, value_name = "DIR", help_heading = "Vulnerabilities")]
    pub(in crate::cli) osv: Option<PathBuf>,

    /// What the makers say of them, OpenVEX or CycloneDX; may be repeated
    #[arg(
        long,
        value_name = "FILE",
        requires = "osv",
        help_heading = "Vulnerabilities"
    )]
    vex: Vec<PathBuf>,
}

/// How bad a vulnerability must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Severity {
    Any,
    Low,
    Medium,
    High,
    Critical,
}

/// What was read of them.
pub(in crate::cli) struct Advisories {
    database: Database,
    documents: Vec<VexDocument>,
}

impl AdvisoryArgs {
    /// Reads what speaks of the packages in `wanted`, if anything was named.
    pub(in crate::cli) fn read(
        &self,
        wanted: &BTreeSet<Purl>,
    ) -> Result<Option<Advisories>, Failure> {
        let Some(path) = &self.osv else {
            return Ok(None);
        };
        let documents = self.vex.iter().map(|path| {
            let bytes = files::read(path, MAX_VEX as u64, "VEX document")?;
            let vex = Vex::parse(&bytes).map_err(|error| {
                Failure::cant_say(format!("`{}` is no VEX document", path.display()))
                    .with("reason", reasons(&error))
                    .with("wanted", "OpenVEX or CycloneDX, as JSON")
            })?;
            let name = files::name(path);
            Ok(VexDocument { name, vex })
        });
        let documents = documents.collect::<Result<_, Failure>>()?;
        let database = Database::open(path, wanted).map_err(|error| {
            Failure::cant_say(format!("no advisories in `{}`", path.display()))
                .with("reason", reasons(&error))
                .with(
                    "wanted",
                    "ECOSYSTEM/all.zip or *.json, as osv.dev hands them out",
                )
                .hint(match files::is_missing(path) {
                    true => files::what_is_there(path),
                    false => "`docs/vulnerabilities.md` says where a dump comes from".to_owned(),
                })
        })?;
        for refused in database.refused().iter().take(TOLD) {
            let (entry, why) = (&refused.entry, reasons(&refused.why));
            ui::warn(&format!("the advisory {entry} could not be read: {why}"));
        }
        match database.refusals().saturating_sub(TOLD) {
            0 => {}
            more => ui::warn(&format!("{more} more advisories could not be read")),
        }
        Ok(Some(Advisories {
            database,
            documents,
        }))
    }
}

impl Advisories {
    /// Adds what is known to an audit.
    pub(in crate::cli) fn look_up(&self, audit: &mut Audit) {
        audit.look_up(&self.database, &self.documents);
    }
}

/// The packages of an audit that can be looked up.
pub(in crate::cli) fn packages(audit: &Audit) -> impl Iterator<Item = Purl> {
    let contents = audit.contents.iter();
    contents
        .flat_map(|contents| &contents.packages)
        .filter_map(|package| package.purl.clone())
}

impl Severity {
    /// True when the vulnerability is that bad, or nobody knows how bad it is.
    pub(in crate::cli) fn is_met(self, vulnerability: &Vulnerability) -> bool {
        let least = match self {
            Severity::Any => return true,
            Severity::Low => Rating::Low,
            Severity::Medium => Rating::Medium,
            Severity::High => Rating::High,
            Severity::Critical => Rating::Critical,
        };
        vulnerability.rating.is_none_or(|rating| rating >= least)
    }
}
