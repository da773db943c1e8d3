//! The `[sbom]` section: what an SBOM must say, and what must not be inside.

use std::fmt;

use serde_json::Value;

use super::Wanted;
use super::component::{
    Component, allows_licence, collect, is_cyclonedx, list, names_of, parse_licence, root,
};
use super::pattern::Pattern;
use super::rule::Rule;
use super::verdict::{Backing, Finding, Outcome};
use super::version_range::VersionRange;
use crate::artifact::Artifact;
use crate::purl::Purl;
use crate::statement::Statement;

/// The `[sbom]` section.
#[derive(Clone, Debug, Default)]
pub(super) struct SbomRules {
    pub(super) require_fields: Option<Wanted<Vec<Field>>>,
    pub(super) allow_licenses: Vec<Wanted<Pattern>>,
    pub(super) deny_licenses: Vec<Wanted<Pattern>>,
    /// Whether an unknown licence is refused; `None` where it is not mentioned.
    pub(super) deny_unknown: Option<Wanted<bool>>,
    pub(super) deny: Vec<Wanted<Package>>,
    /// Whether the files inside must be attested.
    pub(super) embedded: Option<Wanted<()>>,
}

/// A package that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) purl: Purl,
    /// The versions that are meant; all that `purl` covers without it.
    pub(super) versions: Option<VersionRange>,
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.versions {
            Some(versions) => write!(f, "{} {versions}", self.purl),
            None => write!(f, "{}", self.purl),
        }
    }
}

/// Something that an SBOM must say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: &'static str,
    /// Where CycloneDX has it; one of them is enough.
    places: &'static [&'static str],
    /// True for a field of each component, false for one of the document.
    of_component: bool,
}

const fn of_component(name: &'static str, places: &'static [&'static str]) -> Field {
    Field {
        name,
        places,
        of_component: true,
    }
}

const fn of_document(name: &'static str, places: &'static [&'static str]) -> Field {
    Field {
        name,
        places,
        of_component: false,
    }
}

/// Every field that can be asked for; together they are more than the minimum
/// elements of an SBOM (NTIA, 2021).
pub(super) const FIELDS: [Field; 9] = [
    of_component("version", &["/version"]),
    of_component("purl", &["/purl"]),
    of_component("licenses", &["/licenses", "/evidence/licenses"]),
    of_component("hashes", &["/hashes"]),
    of_component("supplier", &["/supplier", "/publisher", "/manufacturer"]),
    of_document(
        "author",
        &[
            "/metadata/authors",
            "/metadata/manufacturer",
            "/metadata/manufacture",
            "/metadata/supplier",
        ],
    ),
    of_document("timestamp", &["/metadata/timestamp"]),
    of_document("tools", &["/metadata/tools"]),
    of_document("dependencies", &["/dependencies"]),
];

impl Field {
    /// True when `stated` says it: null and empty say nothing.
    fn is_in(&self, stated: &Value) -> bool {
        let says = |place: &&str| match stated.pointer(place) {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => !text.trim().is_empty(),
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(map)) => !map.is_empty(),
            Some(_) => true,
        };
        self.places.iter().any(says)
    }
}

impl SbomRules {
    /// The rules that are asked for, each with the line that asks.
    fn active(&self) -> impl Iterator<Item = (Rule, Option<usize>)> {
        let fields = self.require_fields.as_ref().map(|wanted| wanted.line);
        let allowed = self.allow_licenses.first().map(|first| first.line);
        let denied = self.deny_licenses.first().map(|first| first.line);
        let unknown = self.deny_unknown.as_ref().map(|wanted| wanted.line);
        let packages = self.deny.first().map(|first| first.line);
        let embedded = self.embedded.as_ref().map(|wanted| wanted.line);
        [
            (Rule::RequireFields, fields),
            (Rule::AllowLicenses, allowed),
            (Rule::DenyLicenses, denied),
            (Rule::UnknownLicenses, unknown.or(allowed).or(denied)),
            (Rule::Deny, packages),
            (Rule::Embedded, embedded),
        ]
        .into_iter()
        .filter_map(|(rule, line)| Some((rule, line?)))
    }

    /// True when some exception could have this rule as its object.
    pub(super) fn asks(&self, rule: &Rule) -> bool {
        self.active().any(|(active, _)| active == *rule)
    }

    /// Every rule on every component of `sboms`. No SBOM, or one that can't be
    /// read, is a failure of every rule: what is not known is not allowed.
    pub(super) fn judge(&self, sboms: &[&Value]) -> Vec<Finding> {
        let unreadable = |why: &str| {
            let fail = |(rule, line)| {
                let wanted = "an SBOM that says what is inside";
                Finding::new(rule, Outcome::Failed, why, wanted)
                    .at(line)
                    .fix("attach a CycloneDX SBOM that a trusted signer signed")
            };
            self.active().map(fail).collect()
        };
        if sboms.is_empty() {
            return unreadable("no SBOM by a trusted signer");
        }
        let mut components = Vec::new();
        for sbom in sboms {
            if let Err(why) = collect(sbom, &mut components) {
                return unreadable(&format!("an SBOM that can't be read: {why}"));
            }
        }
        let mut findings = Vec::new();
        for (rule, line) in self.active() {
            findings.extend(match rule {
                Rule::RequireFields => self.judge_fields(sboms, &components, line),
                Rule::AllowLicenses => self.judge_allowed(&components, line),
                Rule::DenyLicenses => self.judge_licences(&components, line),
                Rule::UnknownLicenses => self.judge_unknown(&components, line),
                // Looked at beside, with what speaks of those files.
                Rule::Embedded => Vec::new(),
                _ => self.judge_packages(&components, line),
            });
        }
        findings
    }

    fn wanted(&self, rule: &Rule) -> String {
        let list = |items: Vec<String>| format!("none of {}", items.join(", "));
        match rule {
            Rule::RequireFields => {
                let fields = self.require_fields.iter().flat_map(|wanted| &wanted.value);
                fields
                    .map(|field| field.name)
                    .collect::<Vec<_>>()
                    .join(", ")
            }
            Rule::AllowLicenses => format!("only {}", named(&self.allow_licenses).join(", ")),
            Rule::DenyLicenses => list(named(&self.deny_licenses)),
            Rule::Deny => list(named(&self.deny)),
            _ if self.refuses_unknown() => "a licence for every component".into(),
            _ => "nothing, unknown licences are allowed".into(),
        }
    }

    /// Where licences are allowed one by one, an unknown one is not among them.
    fn refuses_unknown(&self) -> bool {
        match &self.deny_unknown {
            Some(wanted) => wanted.value,
            None => !self.allow_licenses.is_empty(),
        }
    }

    fn judge_fields(
        &self,
        sboms: &[&Value],
        components: &[Component<'_>],
        line: Option<usize>,
    ) -> Vec<Finding> {
        let rule = Rule::RequireFields;
        let fix = "make the SBOM again with a tool that states it, such as `prov sbom`";
        let missing = |stated: &Value, of_component: bool| {
            let fields = self.require_fields.iter().flat_map(|wanted| &wanted.value);
            let missing: Vec<_> = fields
                .filter(|field| field.of_component == of_component && !field.is_in(stated))
                .map(|field| field.name)
                .collect();
            (!missing.is_empty()).then(|| missing.join(", "))
        };
        let documents = sboms.iter().filter_map(|sbom| {
            let seen = format!("the SBOM states no {}", missing(sbom, false)?);
            let finding = Finding::new(rule.clone(), Outcome::Failed, seen, self.wanted(&rule));
            Some(finding.backed(Backing::Stated).at(line).fix(fix))
        });
        let of_components = components.iter().filter_map(|component| {
            let seen = format!(
                "{} states no {}",
                component.label,
                missing(component.stated, true)?
            );
            Some(component.finding(rule.clone(), seen, self.wanted(&rule), line, fix))
        });
        let findings = documents.chain(of_components).collect();
        let seen = format!("all of it, in {} components", components.len());
        self.or_passed(rule.clone(), findings, seen, line)
    }

    fn judge_allowed(&self, components: &[Component<'_>], line: Option<usize>) -> Vec<Finding> {
        let rule = Rule::AllowLicenses;
        let allowed = |name: &str| self.allow_licenses.iter().any(|it| it.value.matches(name));
        let fix = "replace the component, or add its licence to `allow-licenses`";
        let refused = components.iter().filter_map(|component| {
            // One that is no SPDX expression is for `unknown-licenses` to judge.
            let refused = |licence: &&&str| allows_licence(licence, allowed) == Some(false);
            let licence = component.licences.iter().find(refused)?;
            let seen = format!("{} is {licence}", component.label);
            Some(component.finding(rule.clone(), seen, self.wanted(&rule), line, fix))
        });
        let findings = refused.collect();
        let seen = format!("nothing else in {} components", components.len());
        self.or_passed(rule.clone(), findings, seen, line)
    }

    fn judge_licences(&self, components: &[Component<'_>], line: Option<usize>) -> Vec<Finding> {
        let denied = components.iter().filter_map(|component| {
            let (licence, pattern) = component
                .licences
                .iter()
                .find_map(|licence| Some((licence, self.denies(licence)?)))?;
            let seen = format!("{} is {licence}", component.label);
            let wanted = format!("not {}", pattern.value);
            let fix = "replace the component, or add an `[[exception]]` with an owner and an end";
            Some(component.finding(Rule::DenyLicenses, seen, wanted, pattern.line, fix))
        });
        let seen = format!("none in {} components", components.len());
        self.or_passed(Rule::DenyLicenses, denied.collect(), seen, line)
    }

    /// The pattern because of which `licence` can't be had: for `A OR B` both
    /// must be denied, for `A AND B` one is enough (SPDX v2.3, annex D.4).
    fn denies(&self, licence: &str) -> Option<&Wanted<Pattern>> {
        let expression = parse_licence(licence)?;
        let mut first = None;
        let allowed = expression.evaluate(|requirement| {
            let names = names_of(requirement);
            let hit = self
                .deny_licenses
                .iter()
                .find(|pattern| names.iter().any(|name| pattern.value.matches(name)));
            first = first.or(hit);
            hit.is_none()
        });
        first.filter(|_| !allowed)
    }

    fn judge_unknown(&self, components: &[Component<'_>], line: Option<usize>) -> Vec<Finding> {
        let unknown: Vec<_> = components
            .iter()
            .filter_map(|component| Some((component, component.unknown_licence()?)))
            .collect();
        let rule = Rule::UnknownLicenses;
        if self.refuses_unknown() || unknown.is_empty() {
            let fix = "state the licence as an SPDX expression where the component is declared";
            let findings = unknown.into_iter().map(|(component, why)| {
                let seen = format!("{} {why}", component.label);
                component.finding(rule.clone(), seen, self.wanted(&rule), line, fix)
            });
            let seen = format!("a licence for all {} components", components.len());
            let findings = findings.collect();
            return self.or_passed(rule.clone(), findings, seen, line);
        }
        let names: Vec<_> = unknown.iter().take(3).map(|each| &*each.0.label).collect();
        let more = if unknown.len() > names.len() {
            ", …"
        } else {
            ""
        };
        let seen = format!(
            "{} of {} components have no known licence, so nothing could be said of \
             them: {}{more}",
            unknown.len(),
            components.len(),
            names.join(", "),
        );
        vec![
            Finding::new(rule.clone(), Outcome::Noted, seen, self.wanted(&rule))
                .backed(Backing::Stated)
                .at(line),
        ]
    }

    fn judge_packages(&self, components: &[Component<'_>], line: Option<usize>) -> Vec<Finding> {
        let fix = "remove or replace the component, or add an `[[exception]]` with an owner and \
                   an end";
        let denied = components.iter().filter_map(|component| {
            let text = component.purl?;
            let Ok(purl) = text.parse::<Purl>() else {
                let seen = format!("`{text}` is no package URL");
                let wanted = "package URLs that can be compared";
                return Some(component.finding(Rule::Deny, seen, wanted.into(), line, fix));
            };
            let (hit, known) = self
                .deny
                .iter()
                .find_map(|wanted| Some((wanted, wanted.value.meets(&purl)?)))?;
            let wanted = format!("not {}", hit.value);
            if !known {
                let seen = format!("{text}, whose version can't be compared");
                return Some(component.finding(Rule::Deny, seen, wanted, hit.line, fix));
            }
            Some(component.finding(Rule::Deny, text.to_owned(), wanted, hit.line, fix))
        });
        let nameless = components.iter().filter(|each| each.purl.is_none()).count();
        let mut seen = format!("none in {} components", components.len());
        if nameless > 0 {
            seen += &format!("; {nameless} of them have no package URL to compare");
        }
        self.or_passed(Rule::Deny, denied.collect(), seen, line)
    }

    fn or_passed(
        &self,
        rule: Rule,
        findings: Vec<Finding>,
        seen: String,
        line: Option<usize>,
    ) -> Vec<Finding> {
        if !findings.is_empty() {
            return findings;
        }
        let wanted = self.wanted(&rule);
        let finding = Finding::new(rule, Outcome::Passed, seen, wanted);
        vec![finding.backed(Backing::Stated).at(line)]
    }
}

fn named<T: std::fmt::Display>(items: &[Wanted<T>]) -> Vec<String> {
    items.iter().map(|item| item.value.to_string()).collect()
}

impl Package {
    /// `None` when it is another package or another version; false when it is this
    /// package and its version can't be compared.
    fn meets(&self, seen: &Purl) -> Option<bool> {
        if !self.purl.covers(seen) {
            return None;
        }
        let Some(range) = &self.versions else {
            return Some(true);
        };
        match seen
            .version()
            .map(|version| range.holds(seen.kind(), version))
        {
            Some(Some(false)) => None,
            Some(Some(true)) => Some(true),
            Some(None) | None => Some(false),
        }
    }
}

/// Is the SBOM about the artifact? What it says of its own subject must not be
/// another digest than those that its statement is signed for.
pub(super) fn subject(artifact: &Artifact, statement: &Statement) -> Option<Finding> {
    if !is_cyclonedx(&statement.predicate_type) {
        return None;
    }
    let wanted = format!("an SBOM whose own subject is {}", artifact.digest());
    let mut seen = Vec::new();
    let hashes = root(&statement.predicate).and_then(|root| list(root, "hashes").ok());
    for hash in hashes.unwrap_or_default() {
        let text = |key: &str| hash.get(key).and_then(Value::as_str);
        let (Some(name), Some(hex)) = (text("alg"), text("content")) else {
            continue;
        };
        let algorithm = name.replace("SHA-", "sha");
        // What stores the artifact is a subject of the same statement.
        let mut subjects = statement.subject.iter().map(|subject| &subject.digest);
        let known: Vec<&String> = subjects
            .by_ref()
            .filter_map(|digests| digests.get(&algorithm))
            .collect();
        if known.is_empty() {
            continue;
        }
        if !known.iter().any(|known| known.eq_ignore_ascii_case(hex)) {
            let seen = format!("its own subject has the digest {algorithm}:{hex}");
            let finding = Finding::new(Rule::SbomSubject, Outcome::Failed, seen, wanted);
            return Some(
                finding
                    .backed(Backing::Stated)
                    .fix("find out which file the SBOM was made of, and make one of this artifact"),
            );
        }
        seen.push(format!("{algorithm}:{hex}"));
    }
    let finding = match seen.is_empty() {
        true => {
            let seen = "the SBOM states no digest of its own subject";
            Finding::new(Rule::SbomSubject, Outcome::Noted, seen, wanted)
        }
        false => Finding::new(Rule::SbomSubject, Outcome::Passed, seen.join(", "), wanted),
    };
    Some(finding.backed(Backing::Stated))
}
