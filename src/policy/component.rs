//! What an SBOM lists, and what the policy says of it.
//!
//! Reads CycloneDX (1.3 to 1.7, JSON) as far as the rules need it: components,
//! their package URLs and licences. Everything here is only stated, by the
//! document that a trusted signer signed.

use serde_json::Value;
use spdx::{Expression, LicenseItem, LicenseReq, ParseMode};

use super::Wanted;
use super::pattern::Pattern;
use super::rule::Rule;
use super::verdict::{Backing, Finding, Outcome, printable};
use crate::purl::Purl;
pub(super) use crate::statement::predicate::is_cyclonedx;

/// The most components that are looked at.
const MAX_COMPONENTS: usize = 200_000;

/// The `[sbom]` section.
#[derive(Clone, Debug, Default)]
pub(super) struct SbomRules {
    pub(super) deny_licenses: Vec<Wanted<Pattern>>,
    /// Whether an unknown licence is refused; `None` where it is not mentioned.
    pub(super) deny_unknown: Option<Wanted<bool>>,
    pub(super) deny: Vec<Wanted<Purl>>,
}

impl SbomRules {
    /// The rules that are asked for, each with the line that asks.
    fn active(&self) -> impl Iterator<Item = (Rule, Option<usize>)> {
        let licences = self.deny_licenses.first().map(|first| first.line);
        let unknown = self.deny_unknown.as_ref().map(|wanted| wanted.line);
        let packages = self.deny.first().map(|first| first.line);
        [
            (Rule::DenyLicenses, licences),
            (Rule::UnknownLicenses, unknown.or(licences)),
            (Rule::Deny, packages),
        ]
        .into_iter()
        .filter_map(|(rule, line)| Some((rule, line?)))
    }

    /// True when some exception could have this rule as its object.
    pub(super) fn asks(&self, rule: Rule) -> bool {
        self.active().any(|(active, _)| active == rule)
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
                Rule::DenyLicenses => self.judge_licences(&components, line),
                Rule::UnknownLicenses => self.judge_unknown(&components, line),
                _ => self.judge_packages(&components, line),
            });
        }
        findings
    }

    fn wanted(&self, rule: Rule) -> String {
        let list = |items: Vec<String>| format!("none of {}", items.join(", "));
        match rule {
            Rule::DenyLicenses => list(named(&self.deny_licenses)),
            Rule::Deny => list(named(&self.deny)),
            _ if self.refuses_unknown() => "a licence for every component".into(),
            _ => "nothing, unknown licences are allowed".into(),
        }
    }

    fn refuses_unknown(&self) -> bool {
        self.deny_unknown
            .as_ref()
            .is_some_and(|wanted| wanted.value)
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
                component.finding(rule, seen, self.wanted(rule), line, fix)
            });
            let seen = format!("a licence for all {} components", components.len());
            return self.or_passed(rule, findings.collect(), seen, line);
        }
        let names: Vec<_> = unknown.iter().take(3).map(|each| &*each.0.label).collect();
        let more = if unknown.len() > names.len() {
            ", …"
        } else {
            ""
        };
        let seen = format!(
            "{} of {} components have no known licence, so `deny-licenses` could not look at \
             them: {}{more}",
            unknown.len(),
            components.len(),
            names.join(", "),
        );
        vec![
            Finding::new(rule, Outcome::Noted, seen, self.wanted(rule))
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
            let hit = self.deny.iter().find(|wanted| wanted.value.covers(&purl))?;
            let wanted = format!("not {}", hit.value);
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
        vec![
            Finding::new(rule, Outcome::Passed, seen, self.wanted(rule))
                .backed(Backing::Stated)
                .at(line),
        ]
    }
}

fn named<T: std::fmt::Display>(items: &[Wanted<T>]) -> Vec<String> {
    items.iter().map(|item| item.value.to_string()).collect()
}

/// A component of an SBOM.
struct Component<'a> {
    /// Its purl, or its name and version.
    label: String,
    purl: Option<&'a str>,
    /// Licence expressions, all of which apply.
    licences: Vec<&'a str>,
}

impl Component<'_> {
    fn unknown_licence(&self) -> Option<String> {
        if self.licences.is_empty() {
            return Some("states no licence".into());
        }
        let unknown = self
            .licences
            .iter()
            .find(|licence| parse_licence(licence).is_none())?;
        let start: String = unknown.chars().take(40).collect();
        Some(format!(
            "has a licence that is no SPDX expression: {start:?}"
        ))
    }

    fn finding(
        &self,
        rule: Rule,
        seen: String,
        wanted: String,
        line: Option<usize>,
        fix: &str,
    ) -> Finding {
        let mut finding = Finding::new(rule, Outcome::Failed, seen, wanted)
            .backed(Backing::Stated)
            .at(line)
            .fix(fix);
        finding.component = Some(printable(&self.label));
        finding
    }
}

/// Adds the components of one document, however deep they are nested.
fn collect<'a>(sbom: &'a Value, components: &mut Vec<Component<'a>>) -> Result<(), String> {
    if sbom.get("bomFormat").and_then(Value::as_str) != Some("CycloneDX") {
        return Err("it is no CycloneDX document".into());
    }
    let before = components.len();
    let mut open = Vec::new();
    // The artifact itself has a licence and a purl as well.
    open.extend(
        sbom.pointer("/metadata/component")
            .filter(|it| !it.is_null()),
    );
    open.extend(list(sbom, "components")?);
    while let Some(value) = open.pop() {
        if components.len() >= MAX_COMPONENTS {
            return Err(format!("it has more than {MAX_COMPONENTS} components"));
        }
        components.push(component(value)?);
        open.extend(list(value, "components")?);
    }
    if components.len() == before {
        return Err("it lists no component".into());
    }
    Ok(())
}

fn component(value: &Value) -> Result<Component<'_>, String> {
    let text = |key: &str| match value.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(format!("the `{key}` of a component is no string")),
    };
    let name = text("name")?.ok_or("a component has no name")?;
    let purl = text("purl")?;
    let label = match (purl, text("version")?) {
        (Some(purl), _) => purl.to_owned(),
        (None, Some(version)) => format!("{name}@{version}"),
        (None, None) => name.to_owned(),
    };
    // What was declared, and what was found in the files: both apply.
    let mut licences = Vec::new();
    let evidence = value.get("evidence").unwrap_or(&Value::Null);
    for choice in list(value, "licenses")?
        .iter()
        .chain(list(evidence, "licenses")?)
    {
        let licence = ["/expression", "/license/id", "/license/name"]
            .iter()
            .find_map(|pointer| choice.pointer(pointer)?.as_str())
            .ok_or_else(|| format!("a licence of {label} has neither id, name nor expression"))?;
        licences.push(licence);
    }
    Ok(Component {
        label,
        purl,
        licences,
    })
}

fn list<'a>(parent: &'a Value, key: &str) -> Result<&'a [Value], String> {
    match parent.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(format!("`{key}` is no list")),
    }
}

/// Also takes what crates.io and old tools write: `MIT/Apache-2.0`, `GPLv3`.
fn parse_licence(text: &str) -> Option<Expression> {
    Expression::parse_mode(text, ParseMode::LAX).ok()
}

/// The names under which a pattern may mean a licence, in lower case. The old
/// `GPL-2.0` and `GPL-2.0+` are today's `-only` and `-or-later`.
fn names_of(requirement: &LicenseReq) -> Vec<String> {
    let written = requirement.license.to_string();
    let mut names = vec![written.to_ascii_lowercase()];
    if let LicenseItem::Spdx { id, or_later } = &requirement.license {
        names.push(id.name.to_ascii_lowercase());
        if id.is_gnu() && !id.name.ends_with("-only") && !id.name.ends_with("-or-later") {
            let suffix = if *or_later { "or-later" } else { "only" };
            let base = id.name.trim_end_matches('+');
            names.push(format!("{base}-{suffix}").to_ascii_lowercase());
        }
    }
    names
}
