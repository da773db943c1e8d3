//! From the text of a policy file to a [`Policy`]: the format itself.
//!
//! The format is closed. A key that is not in [`FORMAT`] is an error, and so is
//! a policy that trusts nobody, says nothing or asks for what can never be.

use toml::de::DeTable;

use super::component::SbomRules;
use super::error::{PolicyError, PolicyErrors};
use super::exception::Exception;
use super::parse_trust::{self, Trusted};
use super::pattern::Pattern;
use super::purl::Purl;
use super::reader::{At, Reader, Section, nearest};
use super::rule::Rule;
use super::{Policy, SCHEMA, Wanted};
use crate::statement::{CYCLONEDX_BOM, SLSA_PROVENANCE_V1};

/// The largest policy that is read, in bytes.
pub const MAX_POLICY: usize = 256 << 10;

/// Every section, and every key of it.
const FORMAT: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "schema",
            "name",
            "trust",
            "source",
            "build",
            "attestations",
            "sbom",
            "rule",
            "exception",
        ],
    ),
    ("trust", &["builder", "key"]),
    (
        "trust.builder",
        &[
            "issuer",
            "signer",
            "signer-ref",
            "signer-digest",
            "repository",
            "level",
            "runner",
        ],
    ),
    (
        "trust.key",
        &[
            "name",
            "public-key",
            "public-key-file",
            "builtin",
            "transparency",
            "builder",
        ],
    ),
    ("source", &["repository", "ref"]),
    ("build", &["min-level", "build-type", "external-parameters"]),
    ("attestations", &["require"]),
    ("sbom", &["deny-licenses", "unknown-licenses", "deny"]),
    ("exception", &["rule", "purl", "until", "reason", "owner"]),
];

/// Reads a policy.
pub(super) fn policy(text: &str) -> Result<Policy, PolicyErrors> {
    let broken = |span, message: String| {
        PolicyErrors::one(PolicyError {
            message,
            span,
            hint: None,
        })
    };
    if text.len() > MAX_POLICY {
        let message = format!("the policy is larger than {MAX_POLICY} bytes");
        return Err(broken(0..0, message));
    }
    let table = DeTable::parse(text).map_err(|error| {
        broken(
            error.span().unwrap_or(0..0),
            format!("no TOML: {}", error.message()),
        )
    })?;
    let reader = Reader::new(text, FORMAT);
    let top = Section::new(&reader, "", table.get_ref(), 0..0);
    let policy = read(&top);
    reader.finish()?;
    Ok(policy)
}

/// Reads all sections. What is refused on the way is replaced by something
/// harmless, and then nobody sees the result.
fn read(top: &Section<'_>) -> Policy {
    schema(top);
    if let Some(span) = top.key_span("rule") {
        top.reader.refuse(
            &span,
            "this version of prov has no `[[rule]]` yet",
            "rules in CEL come with a later version; use the sections that there are".to_owned(),
        );
    }
    top.demand("name", "give the policy a name: `name = \"…\"`");
    let name = top.text("name").map(|name| name.value).unwrap_or_default();
    let reader = top.reader;
    let source = top.section("source", "source");
    let repository = source.as_ref().and_then(repository);
    let refs = source.as_ref().and_then(|source| refs(source, "ref"));
    let expected = repository.as_ref().map(|repository| &repository.value);
    let Trusted { builders, keys } = parse_trust::read(top, expected);
    let mut policy = Policy {
        name,
        builders,
        keys,
        repository: repository.map(|found| found.wanted(reader)),
        refs: refs.map(|found| found.wanted(reader)),
        min_level: Wanted::unwritten(1),
        build_types: None,
        external_parameters: None,
        require: vec![Wanted::unwritten(SLSA_PROVENANCE_V1.to_owned())],
        sbom: None,
        exceptions: Vec::new(),
    };
    build(top, &mut policy);
    attestations(top, &mut policy);
    policy.sbom = top.section("sbom", "sbom").map(|section| sbom(&section));
    let exceptions = top.sections("exception", "exception");
    for section in &exceptions {
        if let Some(exception) = exception(section, &policy) {
            policy.exceptions.push(exception);
        }
    }
    policy
}

fn schema(top: &Section<'_>) {
    let hint = || format!("write `schema = \"{SCHEMA}\"`");
    if top.key_span("schema").is_none() {
        let message = "the policy does not say its `schema`";
        top.reader.refuse(&top.span, message, hint());
    } else if let Some(At { value, span }) = top.text("schema")
        && value != SCHEMA
    {
        let message = format!("this version of prov does not read the schema `{value}`");
        top.reader.refuse(&span, message, hint());
    }
}

impl<T> At<T> {
    fn wanted(self, reader: &Reader) -> Wanted<T> {
        Wanted {
            line: Some(reader.line(&self.span)),
            value: self.value,
        }
    }
}

fn build(top: &Section<'_>, policy: &mut Policy) {
    let reader = top.reader;
    let section = top.section("build", "build");
    let Some(section) = section else {
        return;
    };
    if let Some(At { value, span }) = section.number("min-level", 0..4) {
        let builders = policy.builders.iter().map(|builder| builder.level);
        let highest = builders.chain(policy.keys.iter().map(|_| 1)).max();
        if let Some(highest) = highest.filter(|highest| *highest < value) {
            let hint = if policy.builders.is_empty() {
                "a key never shows more than level 1".to_owned()
            } else {
                format!("give a builder `level = {value}`, if it deserves it")
            };
            let message = format!(
                "nobody can reach level {value}: the policy trusts nobody above level {highest}"
            );
            reader.refuse(&span, message, hint);
        }
        policy.min_level = At { value, span }.wanted(reader);
    }
    let strings = |found: At<Vec<At<String>>>| {
        let values = found.value.into_iter().map(|each| each.value).collect();
        At {
            value: values,
            span: found.span,
        }
        .wanted(reader)
    };
    policy.build_types = section.texts("build-type").map(strings);
    policy.external_parameters = section.texts("external-parameters").map(strings);
}

fn attestations(top: &Section<'_>, policy: &mut Policy) {
    let Some(found) = top
        .section("attestations", "attestations")
        .and_then(|section| section.texts("require"))
    else {
        return;
    };
    for each in &found.value {
        if !each.value.contains("://") {
            let near = nearest(&each.value, &["slsa", "provenance", "sbom", "cyclonedx"]);
            let hint = match near {
                Some("sbom" | "cyclonedx") => format!("write `{CYCLONEDX_BOM}`"),
                _ => format!("a predicate type is a URI, such as `{SLSA_PROVENANCE_V1}`"),
            };
            let message = format!("`{}` is no predicate type", each.value);
            top.reader.refuse(&each.span, message, hint);
        }
    }
    let all = found.value.into_iter();
    policy.require = all.map(|each| each.wanted(top.reader)).collect();
}

fn sbom(section: &Section<'_>) -> SbomRules {
    let reader = section.reader;
    let each = |key| {
        section
            .texts(key)
            .map_or_else(Vec::new, |found| found.value)
    };
    let deny_licenses = each("deny-licenses")
        .into_iter()
        .filter_map(|text| licence_pattern(reader, text))
        .map(|found| found.wanted(reader))
        .collect();
    let deny = each("deny")
        .into_iter()
        .filter_map(|text| package(reader, text))
        .map(|found| found.wanted(reader))
        .collect();
    let unknown = section.word("unknown-licenses", &["allow", "deny"]);
    if let Some(found) = &unknown
        && found.value == "allow"
        && section.key_span("deny-licenses").is_none()
    {
        let message = "`unknown-licenses = \"allow\"` says nothing without `deny-licenses`";
        reader.refuse(&found.span, message, "leave it out".to_owned());
    }
    SbomRules {
        deny_licenses,
        deny_unknown: unknown.map(|found| {
            At {
                value: found.value == "deny",
                span: found.span,
            }
            .wanted(reader)
        }),
        deny,
    }
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
        let message = "`*` refuses every licence";
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
    let found = Purl::parse(&text.value).filter(|_| !text.value.contains(['?', '#', '*']));
    let Some(purl) = found else {
        let message = format!("`{}` is no package that can be compared", text.value);
        reader.refuse(&text.span, message, hint.to_owned());
        return None;
    };
    Some(At {
        value: purl,
        span: text.span,
    })
}

fn exception(section: &Section<'_>, policy: &Policy) -> Option<Exception> {
    let reader = section.reader;
    for (key, hint) in [
        ("rule", "name the rule that it is an exception to"),
        ("until", "an exception has an end: `until = 2027-01-31`"),
        ("reason", "say why, for whoever reads the finding"),
        ("owner", "say who answers for it"),
    ] {
        section.demand(key, hint);
    }
    let waivable: Vec<&str> = Rule::ALL
        .iter()
        .filter(|rule| rule.waivable())
        .map(|rule| rule.name())
        .collect();
    let rule = section.text("rule").and_then(|text| {
        let found = Rule::ALL.iter().find(|rule| rule.name() == text.value);
        match found {
            Some(rule) if rule.waivable() => return Some((*rule, text.span)),
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
    if !policy.asks(rule) {
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
    fn asks(&self, rule: Rule) -> bool {
        match rule {
            Rule::Ref => self.refs.is_some(),
            Rule::BuildType => self.build_types.is_some(),
            Rule::ExternalParameters => self.external_parameters.is_some(),
            Rule::MinLevel => self.min_level.value > 0,
            rule if rule.is_about_components() => {
                self.sbom.as_ref().is_some_and(|rules| rules.asks(rule))
            }
            _ => true,
        }
    }
}

/// A pattern, or `None` after it was refused.
pub(super) fn pattern(reader: &Reader, text: &At<String>) -> Option<Pattern> {
    Pattern::parse(&text.value)
        .map_err(|why| {
            let message = format!("`{}` is no pattern: {why}", text.value);
            let hint = "`*` stands for the rest of a path segment: `refs/tags/v*`";
            reader.refuse(&text.span, message, hint.to_owned());
        })
        .ok()
}

/// Full git refs, with `*` where a segment ends.
pub(super) fn refs(section: &Section<'_>, key: &str) -> Option<At<Vec<Pattern>>> {
    let reader = section.reader;
    let found = section.texts(key)?;
    let mut patterns = Vec::new();
    for text in &found.value {
        let Some(pattern) = pattern(reader, text) else {
            continue;
        };
        let mut segments = text.value.split('/');
        if segments.next() != Some("refs") || segments.count() < 2 || text.value.ends_with('/') {
            let message = format!("`{}` can never match: it is no full ref", text.value);
            let hint = "write `refs/tags/…` or `refs/heads/…`";
            reader.refuse(&text.span, message, hint.to_owned());
        }
        patterns.push(pattern);
    }
    Some(At {
        value: patterns,
        span: found.span,
    })
}

/// The URL of a repository, as a certificate carries it (Fulcio, `.12`).
pub(super) fn repository(section: &Section<'_>) -> Option<At<Pattern>> {
    let reader = section.reader;
    let text = section.text("repository")?;
    let pattern = pattern(reader, &text)?;
    let path = text.value.strip_prefix("https://");
    let segments: Vec<&str> = path.unwrap_or_default().split('/').collect();
    let owner_is_open = segments.iter().take(2).any(|segment| segment.contains('*'));
    let hint = "write it as `https://HOST/OWNER/NAME`";
    if path.is_none() || segments.len() < 3 || segments.iter().any(|each| each.is_empty()) {
        let message = format!("`{}` is no repository", text.value);
        reader.refuse(&text.span, message, hint.to_owned());
    } else if owner_is_open {
        let message = format!("`{}` is anybody's repository", text.value);
        reader.refuse(
            &text.span,
            message,
            "name the host and the owner".to_owned(),
        );
    } else if text.value.ends_with(".git") {
        let message = "a certificate names a repository without `.git`, so this can never match";
        reader.refuse(&text.span, message, hint.to_owned());
    }
    Some(At {
        value: pattern,
        span: text.span,
    })
}
