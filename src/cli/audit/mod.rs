//! `prov audit`: what is known about artifacts, and what is not.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::audit::{Audit, Broken, Status, Summary};

use super::error::{Exit, Failure};
use super::files::{self, Existing, Readers};
use super::gate::{Fallback, Gate, GateArgs};
use super::{CommandResult, html, ui};

pub(super) mod advisories;
pub(super) mod examine;
pub(super) mod item;
mod json;
mod markdown;
mod row;
mod sarif;
mod table;
pub(super) mod text;
mod together;

use advisories::{Advisories, AdvisoryArgs, Severity};
use item::Item;
use row::Row;

/// The longest list of artifacts that is read.
const MAX_LIST: u64 = 16 << 20;

/// Show who built artifacts, from what, what is inside and what is missing
///
/// A file is audited by the evidence beside it, what is in a registry or a layout by
/// what is attached to it. A folder stands for every file in it that is no evidence,
/// a layout without a tag for everything in it, an index of several platforms for
/// each of them. Without a policy nothing is judged, and what is genuine is shown.
/// One artifact is a page; several are a table, the worst first.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov audit app.wasm --key prov.pub --insecure-ignore-tlog
  prov audit ghcr.io/me/app:v1 --policy release.toml --format markdown
  prov audit oci:layout --policy release.toml --format json --output audit.json
  prov audit --list release.txt --policy release.toml --html release.html
  prov audit app.wasm --policy release.toml --osv osv-dump --vex app.openvex.json --fail-on high

Exit codes: 0 none was refused (without a policy nothing is judged), 1 one was or --fail-on was met, 2 can't say")]
pub(super) struct Args {
    /// Files, folders, HOST/REPOSITORY[:TAG][@DIGEST] or oci:DIR[:TAG]
    #[arg(value_name = "ARTIFACT|REF|DIR", required_unless_present = "list")]
    artifacts: Vec<PathBuf>,

    /// A list of more of them, one a line, `#` starts a comment; `-` is stdin
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,

    #[command(flatten)]
    gate: GateArgs,

    #[command(flatten)]
    advisories: AdvisoryArgs,

    /// Answer no when a known vulnerability is that bad, or nobody knows how bad, and no
    /// VEX document says that the artifact does not have it
    #[arg(
        long,
        value_enum,
        value_name = "SEVERITY",
        requires = "osv",
        help_heading = "Vulnerabilities"
    )]
    fail_on: Option<Severity>,

    /// How to tell the result
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,

    /// Where to write it [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write one HTML page too, to open, mail and print
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// For programs (prov.audit/v1)
    Json,
    /// For code scanning (SARIF 2.1.0)
    Sarif,
    /// For release notes and step summaries
    Markdown,
}

/// One artifact, audited, or why not.
type Outcome = Result<Audit, Broken>;

pub(super) fn run(args: Args) -> CommandResult {
    let gate = args.gate.trust.gate(Fallback::NotJudged)?;
    let items = args.items()?;
    let mut summary = Summary {
        policy: gate.policy().map(str::to_owned),
        ..Summary::default()
    };
    // The page sorts, so it may be in any order.
    let kept = args.html.is_some().then(Mutex::default);
    let kept = kept.as_ref();
    match &args.output {
        None => args.report(&gate, &items, kept, &mut summary, &mut |text| {
            ui::data(text);
            Ok(())
        })?,
        Some(path) => {
            let write = |file: &mut std::fs::File| {
                use std::io::Write as _;
                args.report(&gate, &items, kept, &mut summary, &mut |text| {
                    let plain = anstream::adapter::strip_str(text).to_string();
                    file.write_all(plain.as_bytes()).map_err(|error| {
                        Failure::cant_say(format!("cannot write `{}`", path.display()))
                            .with("reason", error)
                    })
                })
            };
            files::write_with(path, Readers::Everybody, Existing::Replace, write)?;
        }
    }
    if let (Some(path), Some(kept)) = (&args.html, kept) {
        let audits = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let page = html::page(&audits, &summary.broken);
        files::write(path, page.as_bytes(), Readers::Everybody, Existing::Replace)?;
    }
    tell(&summary);
    let refused = summary.refused + summary.too_vulnerable;
    Ok(match (refused, summary.broken.len()) {
        (0, 0) => Exit::Yes,
        (0, _) => Exit::CantSay,
        _ => Exit::No,
    })
}

/// What a reader of a file or a program must not miss.
fn tell(summary: &Summary) {
    let mut told = BTreeSet::new();
    for broken in summary.broken.iter().take(10) {
        ui::warn(&format!("{} was not audited: {}", broken.name, broken.why));
        // One hint may help with many.
        if let Some(hint) = broken.hint.as_ref().filter(|hint| told.insert(*hint)) {
            ui::hint(&ui::clean(hint));
        }
    }
    if summary.policy.is_none() {
        ui::warn("nothing was judged: there is no policy");
        ui::hint("`--policy FILE` names a policy, `--key FILE` trusts one key");
    }
}

impl Args {
    /// Everything that is asked about.
    fn items(&self) -> Result<Vec<Item>, Failure> {
        let mut items = Vec::new();
        for artifact in &self.artifacts {
            item::find(artifact, &mut items)?;
        }
        if let Some(path) = &self.list {
            for line in list(path)?.lines() {
                let line = line.trim();
                if !line.is_empty() && !line.starts_with('#') {
                    item::find(line.as_ref(), &mut items)?;
                }
            }
        }
        match (items.len(), self.gate.bundles.is_empty()) {
            (0, _) => {
                Err(Failure::cant_say("nothing to audit")
                    .with("seen", "no artifact in what was named"))
            }
            (2.., false) => Err(Failure::cant_say("`--bundle` is about one artifact")
                .with("seen", format!("{} artifacts", items.len()))),
            _ => Ok(items),
        }
    }

    /// What is known of all packages inside. Only that is kept of a database, so they are
    /// looked through once before.
    fn advisories(&self, gate: &Gate, items: &[Item]) -> Result<Option<Advisories>, Failure> {
        if self.advisories.osv.is_none() {
            return Ok(None);
        }
        let mut wanted = BTreeSet::new();
        let inside = |item: &Item| -> Vec<BTreeSet<_>> {
            let audits = examine::all(item, &self.gate.bundles, gate);
            let packages = audits.iter().flatten().flat_map(advisories::packages);
            vec![packages.collect()]
        };
        together::each(items, inside, |packages| {
            wanted.extend(packages);
            Ok(())
        })?;
        self.advisories.read(&wanted)
    }

    /// Audits all of them and writes the report piece by piece.
    fn report(
        &self,
        gate: &Gate,
        items: &[Item],
        kept: Option<&Mutex<Vec<Audit>>>,
        summary: &mut Summary,
        write: &mut dyn FnMut(&str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let advisories = self.advisories(gate, items)?;
        let examine = |item: &Item| {
            let mut outcomes = examine::all(item, &self.gate.bundles, gate);
            if let Some(advisories) = &advisories {
                let audits = outcomes.iter_mut().flatten();
                audits.for_each(|audit| advisories.look_up(audit));
            }
            if let Some(kept) = kept {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend(outcomes.iter().flatten().cloned());
            }
            outcomes
        };
        match self.format {
            Format::Json => {
                let mut report = json::Report::start(summary.policy.as_deref(), write)?;
                together::each(items, examine, |outcome: Outcome| {
                    count(summary, &Counted::of(&outcome, self.fail_on));
                    report.add(&outcome, write)
                })?;
                report.finish(summary, write)
            }
            Format::Sarif => {
                let mut report = sarif::Report::default();
                together::each(
                    items,
                    |item| {
                        let outcomes = examine(item);
                        let results =
                            |outcome| (Counted::of(outcome, self.fail_on), sarif::results(outcome));
                        outcomes.iter().map(results).collect()
                    },
                    |(counted, results)| {
                        count(summary, &counted);
                        report.add(results);
                        Ok(())
                    },
                )?;
                write(&report.json()?)
            }
            Format::Text | Format::Markdown => {
                let one = items.len() == 1;
                // A page needs all of an audit, a row of the table next to nothing.
                let reduce = |item: &Item| {
                    let outcomes = examine(item);
                    let keep = one && outcomes.len() == 1;
                    let reduced = outcomes.into_iter().map(|outcome| Reduced {
                        counted: Counted::of(&outcome, self.fail_on),
                        row: Row::of(&outcome),
                        page: outcome.ok().filter(|_| keep),
                    });
                    reduced.collect()
                };
                let (mut rows, mut page) = (Vec::new(), None);
                together::each(items, reduce, |reduced: Reduced| {
                    count(summary, &reduced.counted);
                    rows.push(reduced.row);
                    page = reduced.page;
                    Ok(())
                })?;
                rows.sort();
                write(&match (page, self.format) {
                    (Some(audit), Format::Markdown) => markdown::page(&audit),
                    (Some(audit), _) => text::page(&audit),
                    (None, Format::Markdown) => markdown::table(&rows, summary),
                    (None, _) => table::text(&rows, summary),
                })
            }
        }
    }
}

/// How an audit ended, all that a summary needs of it.
struct Counted {
    status: Status,
    broken: Option<Broken>,
    /// `None` when nobody looked.
    vulnerable: Option<bool>,
    too_vulnerable: bool,
}

impl Counted {
    fn of(outcome: &Outcome, fail_on: Option<Severity>) -> Self {
        match outcome {
            Ok(audit) => Self {
                status: audit.status(),
                broken: None,
                vulnerable: audit.is_vulnerable(),
                too_vulnerable: fail_on
                    .is_some_and(|least| audit.exposure.open().any(|each| least.is_met(each))),
            },
            Err(broken) => Self {
                status: Status::Broken,
                broken: Some(broken.clone()),
                vulnerable: None,
                too_vulnerable: false,
            },
        }
    }
}

/// What is kept of an audit for a page or a table.
struct Reduced {
    counted: Counted,
    row: Row,
    page: Option<Audit>,
}

fn count(summary: &mut Summary, counted: &Counted) {
    summary.too_vulnerable += usize::from(counted.too_vulnerable);
    match &counted.broken {
        Some(broken) => summary.broken.push(broken.clone()),
        None => summary.add(counted.status, counted.vulnerable),
    }
}

fn list(path: &std::path::Path) -> Result<String, Failure> {
    if path.as_os_str() != "-" {
        return files::read_text(path, MAX_LIST, "list");
    }
    if std::io::stdin().is_terminal() {
        ui::say("reading the list from stdin");
    }
    let mut text = String::new();
    std::io::stdin()
        .take(MAX_LIST)
        .read_to_string(&mut text)
        .map_err(|error| Failure::cant_say("cannot read the list").with("reason", error))?;
    Ok(text)
}
