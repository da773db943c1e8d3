//! The `[sbom]` section and the `[[exception]]` entries of a policy file.

use super::pattern;
use crate::policy::Policy;
use crate::policy::exception::Exception;
use crate::policy::pattern::Pattern;
use crate::policy::reader::{At, Reader, Section, TextOrTable, nearest};
use crate::policy::rule::Rule;
use crate::policy::sbom::{FIELDS, Field, Package, SbomRules};
use crate::policy::version_range::VersionRange;
use crate::purl::Purl;

pub(super) fn sbom(section: &Section<'_>) -> SbomRules {
    let reader = section.reader;
    let each = |key| {
        section
            .texts(key)
            .map_or_else(Vec::new, |found| found.value)
    };
    let licences = |key| -> Vec<_> {
        each(key)
            .into_iter()
            .filter_map(|text| licence_pattern(reader, text))
            .map(|found| found.wanted(reader))
            .collect()
    };
    let (allow_licenses, deny_licenses) = (licences("allow-licenses"), licences("deny-licenses"));
    let denied = section.texts_or_tables("deny", "sbom.deny").into_iter();
    let deny = denied
        .filter_map(|item| match item {
            TextOrTable::Text(text) => package(reader, text).map(|At { value, span }| At {
                value: Package {
                    purl: value,
                    versions: None,
                },
                span,
            }),
            TextOrTable::Table(table) => versions(&table),
        })
        .map(|found| found.wanted(reader))
        .collect();
    let require_fields = section.texts("require-fields").map(|found| At {
        value: found
            .value
            .iter()
            .filter_map(|text| field(reader, text))
            .collect(),
        span: found.span,
    });
    let unknown = section.word("unknown-licenses", &["allow", "deny"]);
    if let Some(found) = &unknown
        && found.value == "allow"
        && section.key_span("deny-licenses").is_none()
        && section.key_span("allow-licenses").is_none()
    {
        let message = "`unknown-licenses = \"allow\"` says nothing without `deny-licenses`";
        reader.refuse(&found.span, message, "leave it out".to_owned());
    }
    SbomRules {
        require_fields: require_fields.map(|found| found.wanted(reader)),
        allow_licenses,
        deny_licenses,
        deny_unknown: unknown.map(|found| {
            At {
                value: found.value == "deny",
                span: found.span,
            }
            .wanted(reader)
        }),
        deny,
        embedded: section
            .word("embedded", &["attested"])
            .map(|found| At {
                value: (),
                span: found.span,
            })
            .map(|found| found.wanted(reader)),
    }
}

fn field(reader: &Reader, text: &At<String>) -> Option<Field> {
    let found = FIELDS.iter().find(|field| field.name == text.value);
    if found.is_none() {
        let names: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
        let hint = match nearest(&text.value, &names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the fields are `{}`", names.join("`, `")),
        };
        let message = format!("there is no field `{}` to ask for", text.value);
        reader.refuse(&text.span, message, hint);
    }
    found.copied()
}

/// `{ purl = "pkg:…", versions = ">=1.0, <1.2" }`
fn versions(table: &Section<'_>) -> Option<At<Package>> {
    let reader = table.reader;
    table.demand("purl", "name the package");
    table.demand(
        "versions",
        "say which versions: `versions = \">=1.0, <1.2\"`",
    );
    let purl = table.text("purl").and_then(|text| package(reader, text));
    let text = table.text("versions")?;
    let range = match VersionRange::parse(&text.value) {
        Ok(range) => range,
        Err(why) => {
            let hint = "each ecosystem has its own order, and each bound one version";
            reader.refuse(&text.span, why, hint.to_owned());
            return None;
        }
    };
    let purl = purl?;
    let kind = purl.value.kind();
    if purl.value.version().is_some() {
        let message = "the package has a version, and `versions` too";
        reader.refuse(&purl.span, message, "keep one of them".to_owned());
    } else if let Some(bound) = range.unreadable(kind) {
        let message = format!("`{bound}` is no version of a `pkg:{kind}`, so it can never match");
        reader.refuse(&text.span, message, None);
    } else if range.is_empty(kind) {
        let message = format!("no version can be in `{range}`");
        reader.refuse(&text.span, message, None);
    }
    Some(At {
        value: Package {
            purl: purl.value,
            versions: Some(range),
        },
        span: table.span.clone(),
    })
}

fn licence_pattern(reader: &Reader, text: At<String>) -> Option<At<Pattern>> {
    let pattern = pattern(reader, &text)?.to_lowercase();
    let ids = || {
        spdx::identifiers::LICENSES
            .iter()
            .map(|licence| licence.name)
    };
    let own = pattern.as_str().starts_with("licenseref-");
    if pattern.as_str() == "*" {
        let message = "`*` means every licence";
        reader.refuse(&text.span, message, "name the licences".to_owned());
    } else if !own && !ids().any(|id| pattern.matches(&id.to_ascii_lowercase())) {
        let near = nearest(
            pattern.as_str().trim_end_matches('*'),
            &ids().collect::<Vec<_>>(),
        );
        let hint = near.map_or_else(
            || "the identifiers are those of the SPDX licence list".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!(
            "`{}` can never match: no SPDX licence is called so",
            text.value
        );
        reader.refuse(&text.span, message, hint);
    }
    Some(At {
        value: pattern,
        span: text.span,
    })
}

/// A package without the parts that are not compared.
fn package(reader: &Reader, text: At<String>) -> Option<At<Purl>> {
    let hint = "write `pkg:TYPE/NAMESPACE/NAME`, and `@VERSION` for one version only";
    let compared = !text.value.contains(['?', '#', '*']) && !text.value.ends_with('@');
    let Some(purl) = text.value.parse().ok().filter(|_| compared) else {
        let message = format!("`{}` is no package that can be compared", text.value);
        reader.refuse(&text.span, message, hint.to_owned());
        return None;
    };
    Some(At {
        value: purl,
        span: text.span,
    })
}

pub(super) fn exception(section: &Section<'_>, policy: &Policy) -> Option<Exception> {
    let reader = section.reader;
    for (key, hint) in [
        ("rule", "name the rule that it is an exception to"),
        ("until", "an exception has an end: `until = 2027-01-31`"),
        ("reason", "say why, for whoever reads the finding"),
        ("owner", "say who answers for it"),
    ] {
        section.demand(key, hint);
    }
    let own = policy.custom.iter().map(|custom| &custom.rule);
    let rules: Vec<&Rule> = Rule::ALL.iter().chain(own).collect();
    let waivable: Vec<&str> = rules
        .iter()
        .filter(|rule| rule.waivable())
        .map(|rule| rule.name())
        .collect();
    let rule = section.text("rule").and_then(|text| {
        let found = rules.iter().find(|rule| rule.name() == text.value).copied();
        match found {
            Some(rule) if rule.waivable() => return Some((rule.clone(), text.span)),
            Some(rule) => reader.refuse(
                &text.span,
                format!("there are no exceptions to `{rule}`"),
                format!("there are to `{}`", waivable.join("`, `")),
            ),
            None => reader.refuse(
                &text.span,
                format!("there is no rule `{}`", text.value),
                match nearest(&text.value, &waivable) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the rules are `{}`", waivable.join("`, `")),
                },
            ),
        }
        None
    });
    let has_purl = section.key_span("purl");
    let purl = section.text("purl").and_then(|text| package(reader, text));
    let (until, reason) = (section.date("until"), section.text("reason"));
    let owner = section.text("owner");
    let (rule, span) = rule?;
    if !policy.asks(&rule) {
        let message = format!("this exception can never match: the policy does not ask `{rule}`");
        reader.refuse(&span, message, "leave it out".to_owned());
    }
    if let Some(span) = has_purl
        && !rule.is_about_components()
    {
        let message = format!("this exception can never match: `{rule}` is not about packages");
        reader.refuse(&span, message, "leave `purl` out".to_owned());
    }
    let purl = purl.map(|found| found.value);
    if policy
        .exceptions
        .iter()
        .any(|earlier| earlier.rule == rule && earlier.purl == purl)
    {
        reader.refuse(&section.span, "this exception stands twice", None);
    }
    Some(Exception {
        rule,
        purl,
        until: until?.value,
        reason: reason?.value,
        owner: owner?.value,
        line: Some(reader.line(&section.span)),
    })
}

impl Policy {
    /// True when judging can end in a failure of this rule.
    fn asks(&self, rule: &Rule) -> bool {
        match rule {
            Rule::Ref => self.refs.is_some(),
            Rule::BuildType => self.build_types.is_some(),
            Rule::ExternalParameters => self.external_parameters.is_some(),
            Rule::MinLevel => self.min_level.value > 0,
            Rule::Signature => self.signature.is_some(),
            Rule::AllowDigests | Rule::DenyDigests | Rule::MaxSize => self.artifact.asks(rule),
            rule if rule.is_about_components() => {
                self.sbom.as_ref().is_some_and(|rules| rules.asks(rule))
            }
            _ => true,
        }
    }
}
