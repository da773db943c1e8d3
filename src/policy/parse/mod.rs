//! From the text of a policy file to a [`Policy`]: the format itself.
//!
//! The format is closed. A key that is not in [`FORMAT`] is an error, and so is
//! a policy that trusts nobody, says nothing or asks for what can never be.

use toml::de::DeTable;

use super::error::{PolicyError, PolicyErrors};
use super::pattern::Pattern;
use super::reader::{At, Reader, Section, nearest};
use super::{Policy, SCHEMA, Wanted};
use crate::statement::{CYCLONEDX_BOM, SLSA_PROVENANCE_V1};

mod contents;
mod rule;
mod subject;
mod trust;
mod verifier;

use trust::Trusted;

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
            "artifact",
            "evidence",
            "sbom",
            "rule",
            "exception",
        ],
    ),
    ("trust", &["builder", "key", "verifier"]),
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
            "transparency",
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
    (
        "trust.verifier",
        &[
            "id",
            "public-key",
            "public-key-file",
            "issuer",
            "signer",
            "signer-ref",
            "signer-digest",
            "repository",
            "runner",
            "transparency",
            "resource-uri",
            "policy-digest",
            "level",
            "max-age-days",
        ],
    ),
    ("source", &["repository", "ref"]),
    ("build", &["min-level", "build-type", "external-parameters"]),
    ("attestations", &["require", "signature"]),
    ("artifact", &["allow-digests", "deny-digests", "max-size"]),
    ("evidence", &["max-age", "not-before", "not-after"]),
    (
        "sbom",
        &[
            "require-fields",
            "allow-licenses",
            "deny-licenses",
            "unknown-licenses",
            "deny",
            "embedded",
        ],
    ),
    ("sbom.deny", &["purl", "versions"]),
    (
        "rule",
        &["id", "when", "assert", "message", "fix", "severity"],
    ),
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
    top.demand("name", "give the policy a name: `name = \"…\"`");
    let name = top.text("name").map(|name| name.value).unwrap_or_default();
    let reader = top.reader;
    let source = top.section("source", "source");
    let repository = source.as_ref().and_then(repository);
    let refs = source.as_ref().and_then(|source| refs(source, "ref"));
    let expected = repository.as_ref().map(|repository| &repository.value);
    let Trusted {
        builders,
        keys,
        verifiers,
    } = trust::read(top, expected);
    let mut policy = Policy {
        builders,
        keys,
        verifiers,
        repository: repository.map(|found| found.wanted(reader)),
        refs: refs.map(|found| found.wanted(reader)),
        ..Policy::demanding_provenance(name)
    };
    build(top, &mut policy);
    attestations(top, &mut policy);
    policy.sbom = top
        .section("sbom", "sbom")
        .map(|section| contents::sbom(&section));
    if let Some(section) = top.section("artifact", "artifact") {
        policy.artifact = subject::artifact(&section);
    }
    if let Some(section) = top.section("evidence", "evidence") {
        policy.window = subject::evidence(&section);
    }
    policy.custom = rule::rules(top);
    let exceptions = top.sections("exception", "exception");
    for section in &exceptions {
        if let Some(exception) = contents::exception(section, &policy) {
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
        let verifiers = policy.verifiers.iter().map(|verifier| verifier.level);
        let keys = policy.keys.iter().map(|_| 1);
        let highest = builders.chain(verifiers).chain(keys).max();
        if let Some(highest) = highest.filter(|highest| *highest < value) {
            let hint = if policy.builders.is_empty() && policy.verifiers.is_empty() {
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
    let Some(section) = top.section("attestations", "attestations") else {
        return;
    };
    if let Some(At { span, .. }) = section.word("signature", &["required"]) {
        policy.signature = Some(At { value: (), span }.wanted(top.reader));
        // What is demanded is written now; the level still asks for provenance.
        policy.require.clear();
    }
    let Some(found) = section.texts("require") else {
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

/// A pattern, or `None` after it was refused.
fn pattern(reader: &Reader, text: &At<String>) -> Option<Pattern> {
    Pattern::parse(&text.value)
        .map_err(|why| {
            let message = format!("`{}` is no pattern: {why}", text.value);
            let hint = "`*` stands for the rest of a path segment: `refs/tags/v*`";
            reader.refuse(&text.span, message, hint.to_owned());
        })
        .ok()
}

/// Full git refs, with `*` where a segment ends.
fn refs(section: &Section<'_>, key: &str) -> Option<At<Vec<Pattern>>> {
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
fn repository(section: &Section<'_>) -> Option<At<Pattern>> {
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
