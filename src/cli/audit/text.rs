//! One audit as a page for people.

use std::fmt::Write as _;
use std::time::SystemTime;

use crate::audit::{Attestation, Audit, Contents, Exposure, Fact, Origin, Vulnerability};
use crate::cli::{finding, ui};

use super::row::word;
use super::table::{one_line, style};

/// The most lines of one list; how many more there are is said.
const MAX_LINES: usize = 12;

pub(super) fn page(audit: &Audit) -> String {
    let mut page = Page::default();
    page.verdict(audit);
    page.title("artifact");
    let subject = &audit.subject;
    page.fact("digest", &subject.digest.to_string());
    page.maybe("size", subject.size.map(ui::bytes).as_deref());
    page.maybe("type", subject.media_type.as_deref());
    page.maybe("platform", subject.platform.as_deref());
    page.title("origin");
    match &audit.origin {
        Some(origin) => page.origin(origin),
        None => page.line("unknown: no genuine provenance"),
    }
    page.title(&format!("evidence ({})", audit.attestations.len()));
    for attestation in &audit.attestations {
        page.attestation(attestation);
    }
    page.title(&format!("missing ({})", audit.missing.len()));
    for missing in &audit.missing {
        page.line(&format!(
            "{}: {}",
            one_line(&missing.what),
            one_line(&missing.why)
        ));
    }
    match &audit.contents {
        Some(contents) => page.contents(contents),
        None => {
            page.title("packages");
            page.line("unknown: no SBOM that counts");
        }
    }
    page.title("vulnerabilities");
    page.exposure(audit);
    if let Some(judgement) = &audit.judgement {
        page.title("policy checks");
        for finding in &judgement.findings {
            let lines = finding::lines(finding);
            page.text
                .extend(lines.iter().map(|line| format!("  {line}\n")));
        }
    }
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn title(&mut self, title: &str) {
        let _ = writeln!(self.text, "\n{title}");
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "  {text}");
    }

    fn fact(&mut self, label: &str, text: &str) {
        let dim = ui::DIM;
        let _ = writeln!(self.text, "  {dim}{label:<12}{dim:#} {}", one_line(text));
    }

    fn maybe(&mut self, label: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.fact(label, text);
        }
    }

    /// So many lines, and how many more there are.
    fn lines(&mut self, lines: impl ExactSizeIterator<Item = String>) {
        let more = lines.len().saturating_sub(MAX_LINES);
        for line in lines.take(MAX_LINES) {
            self.line(&line);
        }
        if more > 0 {
            let dim = ui::DIM;
            self.line(&format!("{dim}… and {more} more{dim:#}"));
        }
    }

    fn verdict(&mut self, audit: &Audit) {
        let style = style(audit.status());
        let word = word(audit.status());
        let name = one_line(&audit.subject.name);
        let _ = writeln!(self.text, "{style}{word}{style:#} {name}");
        match &audit.judgement {
            None => self.line("no policy, so nothing was judged"),
            Some(judgement) => {
                self.fact("level", &format!("SLSA Build L{}", judgement.level));
                let not_next = format!("not L{}", judgement.level + 1);
                if let Some(why) = &judgement.why_not_next {
                    self.fact(&not_next, why);
                }
                self.fact("policy", &judgement.policy);
            }
        }
    }

    fn origin(&mut self, origin: &Origin) {
        if origin.trusted == Some(false) {
            self.line("by a signer whom the policy does not trust:");
        }
        for (label, fact) in facts(origin) {
            if let Some(Fact { value, backing }) = fact {
                let dim = ui::DIM;
                let value = one_line(value);
                let _ = writeln!(
                    self.text,
                    "  {dim}{label:<12}{dim:#} {value} {dim}({backing}){dim:#}"
                );
            }
        }
        self.maybe("signed", origin.signed.and_then(time).as_deref());
    }

    fn attestation(&mut self, attestation: &Attestation) {
        let (style, mark) = match (&attestation.rejected, attestation.trusted) {
            (Some(_), _) => (ui::ERROR, "✗"),
            (None, Some(false)) => (ui::WARNING, "!"),
            (None, _) => (ui::GOOD, "✓"),
        };
        let what = what(attestation);
        self.line(&format!("{style}{mark}{style:#} {}", one_line(what)));
        let dim = ui::DIM;
        for (label, text) in details(attestation) {
            self.line(&format!("  {dim}{label:<10}{dim:#} {}", one_line(&text)));
        }
    }

    fn contents(&mut self, contents: &Contents) {
        let kinds = contents.ecosystems.iter();
        let kinds: Vec<String> = kinds
            .map(|each| format!("{} {}", each.packages, each.kind))
            .collect();
        self.title(&format!("packages ({})", contents.packages.len()));
        self.maybe(
            "kinds",
            Some(kinds.join(", ").as_str()).filter(|text| !text.is_empty()),
        );
        self.fact("stated", &stated(contents));
        for nested in &contents.nested {
            let packages = nested.packages;
            let text = format!(
                "{} sha256:{} ({packages} packages)",
                nested.name, nested.sha256
            );
            self.fact("inside", &text);
        }
        for (label, index) in [("oldest", contents.oldest), ("newest", contents.newest)] {
            let package = index.and_then(|index| contents.packages.get(index));
            if let Some((package, time)) = package.and_then(|it| Some((it, it.released?))) {
                self.fact(label, &format!("{} of {time}", package.label()));
            }
        }
        if !contents.twins.is_empty() {
            self.title(&format!("in several versions ({})", contents.twins.len()));
            let twins = contents.twins.iter();
            self.lines(
                twins.map(|twin| {
                    one_line(&format!("{} {}", twin.package, twin.versions.join(", ")))
                }),
            );
        }
        self.title(&format!("licences ({})", contents.licences.len()));
        let groups = contents.licences.iter();
        self.lines(groups.map(|group| {
            let name = one_line(group.licence.as_deref().unwrap_or("unknown"));
            let labels = group.packages.iter().take(3);
            let labels = labels.filter_map(|index| Some(contents.packages.get(*index)?.label()));
            let more = if group.packages.len() > 3 {
                ", …"
            } else {
                ""
            };
            let labels = one_line(&labels.collect::<Vec<_>>().join(", "));
            let dim = ui::DIM;
            format!(
                "{:>5} {name} {dim}{labels}{more}{dim:#}",
                group.packages.len()
            )
        }));
    }

    fn exposure(&mut self, audit: &Audit) {
        let Exposure::Checked {
            database,
            checked,
            unchecked,
            unreadable,
            vulnerabilities,
        } = &audit.exposure
        else {
            self.line("not checked");
            return;
        };
        self.maybe("database", database.as_deref());
        self.fact(
            "looked up",
            &format!("{checked} packages, {unchecked} could not be"),
        );
        match (vulnerabilities.is_empty(), unreadable) {
            (_, 1..) => self.line(&format!(
                "{unreadable} advisories could not be read, so nothing is known to be clean"
            )),
            (true, 0) => self.line("none known in what was looked up"),
            (false, 0) => {}
        }
        for each in vulnerabilities {
            let line = vulnerability(audit, each);
            match each.is_waived() {
                true => {
                    let (struck, dim) = (anstyle::Style::new().strikethrough(), ui::DIM);
                    let waiver = each.waiver.as_ref();
                    let why = waiver.map(|it| {
                        let why = it.justification.as_deref().unwrap_or("no reason given");
                        format!("{}: {why} ({})", it.status, it.document)
                    });
                    let why = one_line(&why.unwrap_or_default());
                    self.line(&format!("~ {struck}{line}{struck:#} {dim}{why}{dim:#}"));
                }
                false => {
                    let style = ui::ERROR;
                    self.line(&format!("{style}✗{style:#} {line}"));
                }
            }
        }
    }
}

fn vulnerability(audit: &Audit, each: &Vulnerability) -> String {
    one_line(&vulnerability_words(audit, each).join(" "))
}

/// Id, score, package, fix, summary.
pub(super) fn vulnerability_words(audit: &Audit, each: &Vulnerability) -> Vec<String> {
    let contents = audit.contents.as_ref();
    let package = contents.and_then(|contents| contents.packages.get(each.package));
    let mut words = vec![each.id.clone()];
    words.push(match (each.score, each.rating) {
        (Some(score), _) => format!("{score:.1}"),
        (None, Some(rating)) => rating.to_string(),
        (None, None) => "score unknown".to_owned(),
    });
    words.extend(package.map(|package| package.label()));
    words.extend(
        each.fixed
            .as_ref()
            .map(|fixed| format!("(fixed in {fixed})")),
    );
    let doubt = each.doubt.as_ref();
    words.extend(doubt.map(|doubt| format!("(nobody can say: {doubt})")));
    words.push(each.summary.clone());
    words
}

/// What it is said to be.
pub(super) fn what(attestation: &Attestation) -> &str {
    match (&attestation.predicate_type, &attestation.rejected) {
        (Some(predicate), _) => predicate,
        (None, None) => "signature over the artifact's bytes",
        (None, Some(_)) => "evidence",
    }
}

/// Facts about a piece of evidence with their labels.
pub(super) fn details(attestation: &Attestation) -> Vec<(&'static str, String)> {
    let mut details = Vec::new();
    details.extend(attestation.signer.clone().map(|signer| ("signer", signer)));
    details.push(("from", attestation.origin.clone()));
    if let Some(why) = &attestation.rejected {
        details.push(("no proof", why.clone()));
        return details;
    }
    if attestation.trusted == Some(false) {
        details.push((
            "counts",
            "no: the policy does not trust the signer".to_owned(),
        ));
    }
    let logged = match attestation.logged {
        true => "yes",
        false => "no",
    };
    details.push(("logged", logged.to_owned()));
    details.extend(attestation.time.and_then(time).map(|time| ("time", time)));
    details
}

/// The facts of an origin with their labels, in the order of the page.
pub(super) fn facts(origin: &Origin) -> [(&'static str, &Option<Fact>); 12] {
    [
        ("signer", &origin.signer),
        ("issuer", &origin.issuer),
        ("repository", &origin.repository),
        ("commit", &origin.commit),
        ("ref", &origin.reference),
        ("workflow", &origin.workflow),
        ("run", &origin.run),
        ("trigger", &origin.trigger),
        ("runner", &origin.runner),
        ("builder", &origin.builder),
        ("build type", &origin.build_type),
        ("built", &origin.built),
    ]
}

/// How complete the SBOM is.
pub(super) fn stated(contents: &Contents) -> String {
    let all = contents.packages.len();
    let part = |number: usize, what: &str| match all {
        0 => format!("{what} none"),
        all => format!("{what} {} %", number * 100 / all),
    };
    [
        part(contents.with_purl, "package URL"),
        part(contents.with_hash, "hash"),
        part(contents.with_licence, "licence"),
        part(contents.with_supplier, "supplier"),
    ]
    .join(", ")
}

/// A time in RFC 3339.
pub(super) fn time(time: SystemTime) -> Option<String> {
    let time = jiff::Timestamp::try_from(time).ok()?;
    Some(time.to_string())
}
