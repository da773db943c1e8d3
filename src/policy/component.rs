//! The components of an SBOM.
//!
//! Reads CycloneDX (1.3 to 1.7, JSON) as far as the rules need it: components,
//! their package URLs and licences. Everything here is only stated, by the
//! document that a trusted signer signed.

use serde_json::Value;
use spdx::{Expression, LicenseItem, LicenseReq, ParseMode};

use super::rule::Rule;
use super::verdict::{Backing, Finding, Outcome, printable};
pub(super) use crate::statement::predicate::is_cyclonedx;

/// The most components that are looked at.
const MAX_COMPONENTS: usize = 200_000;

/// A component of an SBOM.
pub(super) struct Component<'a> {
    /// Its purl, or its name and version.
    pub(super) label: String,
    pub(super) purl: Option<&'a str>,
    /// Licence expressions, all of which apply.
    pub(super) licences: Vec<&'a str>,
    /// As the document has it.
    pub(super) stated: &'a Value,
}

impl Component<'_> {
    pub(super) fn unknown_licence(&self) -> Option<String> {
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

    pub(super) fn finding(
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

/// Adds the components of one document.
pub(super) fn collect<'a>(
    sbom: &'a Value,
    components: &mut Vec<Component<'a>>,
) -> Result<(), String> {
    for value in all(sbom)? {
        components.push(component(value)?);
    }
    match components.len() > MAX_COMPONENTS {
        true => Err(format!("there are more than {MAX_COMPONENTS} components")),
        false => Ok(()),
    }
}

/// The components of one document, however deep they are nested, and the artifact
/// itself, which has a licence and a purl as well.
pub(super) fn all(sbom: &Value) -> Result<Vec<&Value>, String> {
    if sbom.get("bomFormat").and_then(Value::as_str) != Some("CycloneDX") {
        return Err("it is no CycloneDX document".into());
    }
    let (mut components, mut open) = (Vec::new(), Vec::new());
    open.extend(root(sbom));
    open.extend(list(sbom, "components")?);
    while let Some(value) = open.pop() {
        if components.len() >= MAX_COMPONENTS {
            return Err(format!("it has more than {MAX_COMPONENTS} components"));
        }
        components.push(value);
        open.extend(list(value, "components")?);
    }
    match components.is_empty() {
        true => Err("it lists no component".into()),
        false => Ok(components),
    }
}

/// The component that the document is about.
pub(super) fn root(sbom: &Value) -> Option<&Value> {
    sbom.pointer("/metadata/component")
        .filter(|it| !it.is_null())
}

/// The licences of a component, all of which apply: what was declared, and what
/// was found in the files.
pub(super) fn licences(component: &Value) -> Result<Vec<&str>, String> {
    let evidence = component.get("evidence").unwrap_or(&Value::Null);
    let declared = list(component, "licenses")?;
    let found = list(evidence, "licenses")?;
    let mut licences = Vec::new();
    for choice in declared.iter().chain(found) {
        let licence = ["/expression", "/license/id", "/license/name"]
            .iter()
            .find_map(|pointer| choice.pointer(pointer)?.as_str())
            .ok_or("has neither id, name nor expression")?;
        licences.push(licence);
    }
    Ok(licences)
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
    let licences = licences(value).map_err(|why| format!("a licence of {label} {why}"))?;
    Ok(Component {
        label,
        purl,
        licences,
        stated: value,
    })
}

pub(super) fn list<'a>(parent: &'a Value, key: &str) -> Result<&'a [Value], String> {
    match parent.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(format!("`{key}` is no list")),
    }
}

/// Whether `licence` can be had under licences that are allowed, which are named in
/// lower case: for `A OR B` one is enough, for `A AND B` both are needed. `None`
/// when it is no SPDX expression.
pub(super) fn allows_licence(licence: &str, allowed: impl Fn(&str) -> bool) -> Option<bool> {
    let expression = parse_licence(licence)?;
    Some(expression.evaluate(|requirement| names_of(requirement).iter().any(|it| allowed(it))))
}

/// Also takes what crates.io and old tools write: `MIT/Apache-2.0`, `GPLv3`.
pub(super) fn parse_licence(text: &str) -> Option<Expression> {
    Expression::parse_mode(text, ParseMode::LAX).ok()
}

/// The names under which a pattern may mean a licence, in lower case. The old
/// `GPL-2.0` and `GPL-2.0+` are today's `-only` and `-or-later`.
pub(super) fn names_of(requirement: &LicenseReq) -> Vec<String> {
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
