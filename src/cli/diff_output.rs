//! A difference as text, as JSON and as Markdown.

use std::fmt::Write as _;

use anstyle::Style;
use serde::Serialize;

use crate::audit::ReleaseDiff;
use crate::sbom::component::Scope;
use crate::sbom::diff::{Change, Diff, Direction, Package};

use super::diff_release::{self, ReleaseJson};
use super::error::Failure;
use super::markdown::escaped;
use super::ui;

/// What was compared.
pub(super) struct Compared {
    /// `None` when a side has no bill of materials.
    pub(super) packages: Option<Diff>,
    /// `None` unless both sides are artifacts with evidence.
    pub(super) release: Option<ReleaseDiff>,
}

impl Compared {
    /// True when nothing is different.
    pub(super) fn is_empty(&self) -> bool {
        self.packages.as_ref().is_none_or(Diff::is_empty)
            && self.release.as_ref().is_none_or(ReleaseDiff::is_empty)
    }

    /// For people.
    pub(super) fn text(&self, (from, to): &(String, String)) -> String {
        if self.is_empty() {
            let (from, to) = (ui::clean(from), ui::clean(to));
            return format!("no difference between {from} and {to}\n");
        }
        let release = self.release.as_ref().map(diff_release::text);
        let packages = self.packages.as_ref().map(packages_text);
        release.into_iter().chain(packages).collect()
    }

    /// For release notes.
    pub(super) fn markdown(&self) -> String {
        if self.is_empty() {
            return "No dependency changed.\n".to_owned();
        }
        let release = self.release.as_ref().map(diff_release::markdown);
        let packages = self.packages.as_ref().map(packages_markdown);
        let mut text: String = release.into_iter().chain(packages).collect();
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }
}

/// The worst first, each group aligned.
fn packages_text(diff: &Diff) -> String {
    let mut text = String::new();
    for group in groups(diff) {
        let Group { title, style, rows } = group;
        let _ = writeln!(text, "{style}{title}{style:#} ({})", rows.len());
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.cells.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..4).map(width).collect();
        for row in rows {
            let mut line = String::new();
            for (cell, width) in row.cells.iter().zip(&widths) {
                let _ = write!(line, "  {cell:<width$}");
            }
            let _ = writeln!(text, "{}", line.trim_end());
            for detail in row.details {
                let _ = writeln!(text, "    {detail}");
            }
        }
    }
    if diff.relations_added + diff.relations_removed > 0 {
        let (new, gone) = (diff.relations_added, diff.relations_removed);
        let _ = writeln!(text, "relations: {new} new, {gone} gone");
    }
    text
}

fn packages_markdown(diff: &Diff) -> String {
    let mut text = String::new();
    for Group { title, rows, .. } in groups(diff) {
        let mut capital = title.chars();
        let first = capital.next().map(|c| c.to_ascii_uppercase());
        let title: String = first.into_iter().chain(capital).collect();
        let _ = writeln!(text, "### {title} ({})\n", rows.len());
        text.push_str("| Ecosystem | Package | Version | |\n|---|---|---|---|\n");
        for row in rows {
            let details = row.details.iter().map(|detail| escaped(detail));
            let details = row
                .cells
                .get(3)
                .map(|cell| escaped(cell))
                .into_iter()
                .chain(details);
            let details: Vec<String> = details.filter(|cell| !cell.is_empty()).collect();
            let cell = |index: usize| row.cells.get(index).map_or("", String::as_str);
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |",
                escaped(cell(0)),
                escaped(cell(1)),
                escaped(cell(2)),
                details.join("<br>")
            );
        }
        text.push('\n');
    }
    if diff.relations_added + diff.relations_removed > 0 {
        let (new, gone) = (diff.relations_added, diff.relations_removed);
        let _ = writeln!(text, "Relations: {new} new, {gone} gone.");
    }
    text
}

struct Group {
    title: &'static str,
    style: Style,
    rows: Vec<Row>,
}

struct Row {
    /// Ecosystem, name, version, remark.
    cells: [String; 4],
    /// Lines under it.
    details: Vec<String>,
}

fn groups(diff: &Diff) -> Vec<Group> {
    let changed = |title, style, wanted: &dyn Fn(&Change) -> bool| Group {
        title,
        style,
        rows: diff
            .changed
            .iter()
            .filter(|each| wanted(each))
            .map(change)
            .collect(),
    };
    let listed = |title, style, list: &[Package]| Group {
        title,
        style,
        rows: list.iter().map(package).collect(),
    };
    let same = |each: &Change| each.direction == Direction::Same;
    let digest = |each: &Change| !each.digests.is_empty();
    let groups = vec![
        changed("other digest at the same version", ui::ERROR, &|each| {
            digest(each) && each.from.version.is_some()
        }),
        changed("other bytes", ui::WARNING, &|each| {
            digest(each) && each.from.version.is_none()
        }),
        changed("other origin at the same version", ui::ERROR, &|each| {
            each.origin && !digest(each)
        }),
        listed("added", ui::GOOD, &diff.added),
        listed("removed", ui::WARNING, &diff.removed),
        changed("upgraded", ui::GOOD, &|each| {
            each.direction == Direction::Upgraded
        }),
        changed("downgraded", ui::WARNING, &|each| {
            each.direction == Direction::Downgraded
        }),
        changed("other version", ui::WARNING, &|each| {
            each.direction == Direction::Moved
        }),
        changed("other licence or scope", ui::WARNING, &|each| {
            same(each) && !digest(each) && !each.origin
        }),
    ];
    groups
        .into_iter()
        .filter(|group| !group.rows.is_empty())
        .collect()
}

fn package(package: &Package) -> Row {
    let mut remarks: Vec<String> = Vec::new();
    let unusual = package.scope.filter(|scope| *scope != Scope::Required);
    remarks.extend(unusual.map(|word| scope(word).to_owned()));
    if !package.licenses.is_empty() {
        remarks.push(package.licenses.join(", "));
    }
    Row {
        cells: [
            ui::clean(&package.ecosystem),
            ui::clean(&package.name),
            ui::clean(package.version.as_deref().unwrap_or("-")),
            ui::clean(&remarks.join(", ")),
        ],
        details: Vec::new(),
    }
}

fn change(change: &Change) -> Row {
    let (from, to) = (&change.from, &change.to);
    let version = |package: &Package| package.version.clone().unwrap_or_else(|| "-".to_owned());
    let versions = match change.direction {
        Direction::Same => version(from),
        _ => format!("{} → {}", version(from), version(to)),
    };
    let licenses = |package: &Package| match package.licenses.is_empty() {
        true => "none".to_owned(),
        false => package.licenses.join(", "),
    };
    let mut details = Vec::new();
    for digest in &change.digests {
        details.push(format!("{} was {}", digest.of, digest.from));
        details.push(format!("{} is  {}", digest.of, digest.to));
    }
    if change.origin {
        let purl = |package: &Package| package.purl.clone().unwrap_or_default();
        details.push(format!("origin: {} → {}", purl(from), purl(to)));
    }
    if change.licenses {
        details.push(format!("licence: {} → {}", licenses(from), licenses(to)));
    }
    if change.scope {
        let word = |package: &Package| package.scope.map_or("required", scope);
        details.push(format!("scope: {} → {}", word(from), word(to)));
    }
    Row {
        cells: [
            ui::clean(&from.ecosystem),
            ui::clean(&from.name),
            ui::clean(&versions),
            String::new(),
        ],
        details: details.iter().map(|detail| ui::clean(detail)).collect(),
    }
}

fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Required => "required",
        Scope::Optional => "optional",
        Scope::Excluded => "excluded",
    }
}

impl Compared {
    /// For programs.
    pub(super) fn json(&self, (from, to): &(String, String)) -> Result<String, Failure> {
        let nothing = Diff::default();
        let diff = self.packages.as_ref().unwrap_or(&nothing);
        let document = DiffJson {
            schema: "prov.diff/v1",
            from,
            to,
            equal: self.is_empty(),
            packages_compared: self.packages.is_some(),
            added: diff.added.iter().map(PackageJson::of).collect(),
            removed: diff.removed.iter().map(PackageJson::of).collect(),
            changed: diff.changed.iter().map(ChangeJson::of).collect(),
            relations: RelationsJson {
                added: diff.relations_added,
                removed: diff.relations_removed,
            },
            release: self.release.as_ref().map(diff_release::json),
        };
        ui::json(&document)
    }
}

#[derive(Serialize)]
struct DiffJson<'a> {
    schema: &'static str,
    from: &'a str,
    to: &'a str,
    equal: bool,
    /// False when a side has no bill of materials.
    packages_compared: bool,
    added: Vec<PackageJson<'a>>,
    removed: Vec<PackageJson<'a>>,
    changed: Vec<ChangeJson<'a>>,
    relations: RelationsJson,
    /// Null unless both sides are artifacts with evidence.
    release: Option<ReleaseJson<'a>>,
}

#[derive(Serialize)]
struct PackageJson<'a> {
    ecosystem: &'a str,
    name: &'a str,
    version: Option<&'a str>,
    purl: Option<&'a str>,
    scope: &'static str,
    licenses: &'a [String],
}

#[derive(Serialize)]
struct ChangeJson<'a> {
    /// `upgraded`, `downgraded`, `other-version` or `same-version`.
    version: &'static str,
    /// Which facts differ besides the version.
    other: Vec<&'static str>,
    digests: Vec<DigestJson<'a>>,
    from: PackageJson<'a>,
    to: PackageJson<'a>,
}

#[derive(Serialize)]
struct DigestJson<'a> {
    of: &'a str,
    from: &'a str,
    to: &'a str,
}

#[derive(Serialize)]
struct RelationsJson {
    added: usize,
    removed: usize,
}

impl<'a> PackageJson<'a> {
    fn of(package: &'a Package) -> Self {
        Self {
            ecosystem: &package.ecosystem,
            name: &package.name,
            version: package.version.as_deref(),
            purl: package.purl.as_deref(),
            scope: package.scope.map_or("required", scope),
            licenses: &package.licenses,
        }
    }
}

impl<'a> ChangeJson<'a> {
    fn of(change: &'a Change) -> Self {
        let other = [
            ("digests", !change.digests.is_empty()),
            ("origin", change.origin),
            ("licenses", change.licenses),
            ("scope", change.scope),
        ];
        Self {
            version: match change.direction {
                Direction::Upgraded => "upgraded",
                Direction::Downgraded => "downgraded",
                Direction::Moved => "other-version",
                Direction::Same => "same-version",
            },
            other: other
                .into_iter()
                .filter_map(|(fact, differs)| differs.then_some(fact))
                .collect(),
            digests: change
                .digests
                .iter()
                .map(|digest| DigestJson {
                    of: &digest.of,
                    from: &digest.from,
                    to: &digest.to,
                })
                .collect(),
            from: PackageJson::of(&change.from),
            to: PackageJson::of(&change.to),
        }
    }
}
