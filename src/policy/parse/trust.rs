//! All `[[trust.…]]` entries of a policy file.

use super::{pattern, refs, repository, verifier};
use crate::key::PublicKey;
use crate::policy::KeySource;
use crate::policy::pattern::Pattern;
use crate::policy::reader::{At, Section};
use crate::policy::summary::TrustedVerifier;
use crate::policy::trust::{TrustedBuilder, TrustedSigner};
use crate::verify::Transparency;

/// All that is trusted.
pub(super) struct Trusted {
    pub(super) builders: Vec<TrustedBuilder>,
    pub(super) keys: Vec<TrustedSigner>,
    pub(super) verifiers: Vec<TrustedVerifier>,
}

/// Reads all entries. `expected` is the repository of `[source]`.
pub(super) fn read(top: &Section<'_>, expected: Option<&Pattern>) -> Trusted {
    let reader = top.reader;
    let trust = top.section("trust", "trust");
    if top.key_span("trust").is_none() {
        reader.refuse(
            &top.span,
            "the policy trusts nobody, so nothing could ever pass",
            "add a `[[trust.builder]]` or a `[[trust.key]]`".to_owned(),
        );
    }
    let mut trusted = Trusted {
        builders: Vec::new(),
        keys: Vec::new(),
        verifiers: trust.as_ref().map_or_else(Vec::new, verifier::read),
    };
    for section in trust
        .iter()
        .flat_map(|trust| trust.sections("builder", "trust.builder"))
    {
        let builder = builder(&section);
        callers(&section, &builder, expected);
        if trusted
            .builders
            .iter()
            .any(|earlier| earlier.overlaps(&builder))
        {
            let message = format!("`{}` is trusted twice with the same ref", builder.signer);
            reader.refuse(&section.span, message, "keep one of them".to_owned());
        }
        trusted.builders.push(builder);
    }
    for section in trust
        .iter()
        .flat_map(|trust| trust.sections("key", "trust.key"))
    {
        let Some(key) = key(&section, "name") else {
            continue;
        };
        for earlier in &trusted.keys {
            if earlier.name == key.name || earlier.source == key.source {
                let message = format!("the key `{}` is trusted twice", key.name);
                reader.refuse(&section.span, message, "keep one of them".to_owned());
            }
        }
        trusted.keys.push(key);
    }
    trusted
}

impl TrustedBuilder {
    /// True when a certificate could be meant by both.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let same_ref = self.refs.iter().any(|each| other.refs.contains(each));
        let same_digest = self.digests.iter().any(|each| other.digests.contains(each));
        let same_caller = self.repository == other.repository;
        self.issuer == other.issuer
            && self.signer == other.signer
            && same_caller
            && (same_ref || same_digest)
    }
}

/// Anybody can call a reusable workflow, so a builder without an expected
/// repository would let anybody's build in.
pub(super) fn callers(section: &Section<'_>, builder: &TrustedBuilder, expected: Option<&Pattern>) {
    match (expected, &builder.repository) {
        (None, None) => section.reader.refuse(
            &section.span,
            "anybody can call this workflow, and the policy does not say whose builds count",
            "add `[source]` with a `repository`, or a `repository` here".to_owned(),
        ),
        (Some(expected), Some(own))
            if !own.matches(expected.as_str()) && !expected.matches(own.as_str()) =>
        {
            let span = section.key_span("repository");
            let message = format!("this builder can never match: `[source]` wants `{expected}`");
            let span = span.unwrap_or_else(|| section.span.clone());
            section.reader.refuse(&span, message, None);
        }
        _ => {}
    }
}

pub(super) fn builder(section: &Section<'_>) -> TrustedBuilder {
    let reader = section.reader;
    section.demand(
        "issuer",
        "for GitHub it is `https://token.actions.githubusercontent.com`",
    );
    section.demand("signer", "the URI of the workflow that signs");
    let issuer = section.text("issuer").inspect(|issuer| {
        if !issuer.value.starts_with("https://") && !issuer.value.starts_with("http://") {
            let message = format!("`{}` is no issuer", issuer.value);
            reader.refuse(&issuer.span, message, "an OIDC issuer is a URL".to_owned());
        }
    });
    let (signer, own_ref) = match section.text("signer") {
        Some(text) => signer(section, text),
        None => (String::new(), None),
    };
    let mut patterns = refs(section, "signer-ref").map_or_else(Vec::new, |found| found.value);
    let mut digests = commits(section);
    match own_ref {
        Some(SignerRef::Ref(own)) => patterns.push(own),
        Some(SignerRef::Commit(own)) => digests.push(own),
        None if section.key_span("signer-ref").is_none()
            && section.key_span("signer-digest").is_none() =>
        {
            reader.refuse(
                &section.span,
                "the policy does not say which versions of this workflow it trusts",
                "add `signer-ref = [\"refs/tags/v*\"]`, `signer-digest = [\"<commit>\"]`, or both"
                    .to_owned(),
            );
        }
        None => {}
    }
    let runners = ["github-hosted", "gitlab-hosted", "self-hosted"];
    TrustedBuilder {
        issuer: issuer.map(|text| text.value).unwrap_or_default(),
        signer,
        refs: patterns,
        digests,
        repository: repository(section).map(|found| found.value),
        level: section.number("level", 1..4).map_or(1, |found| found.value),
        runner: section.word("runner", &runners).map(|found| found.value),
        transparency: transparency(section),
        line: Some(reader.line(&section.span)),
    }
}

/// The part of a signer after its `@`.
enum SignerRef {
    Ref(Pattern),
    Commit(String),
}

/// A workflow's URI, and its ref where it has one.
fn signer(section: &Section<'_>, text: At<String>) -> (String, Option<SignerRef>) {
    let reader = section.reader;
    let refuse = |message: String, hint: &str| {
        reader.refuse(&text.span, message, hint.to_owned());
    };
    let shape = "write it as `https://HOST/OWNER/NAME/.github/workflows/FILE.yml`";
    let whole = text.value.as_str();
    let (uri, after) = match whole.find("@refs/") {
        Some(at) => (&whole[..at], Some(&whole[at + 1..])),
        None => match whole.rsplit_once('@') {
            Some((uri, commit)) if is_commit(commit) => (uri, Some(commit)),
            _ => (whole, None),
        },
    };
    let segments = uri.strip_prefix("https://").map(|path| path.split('/'));
    if uri.contains('*') {
        refuse(
            format!("`{uri}` is more than one signer"),
            "a signer is one workflow; `*` may stand in `signer-ref` only",
        );
    } else if !uri.starts_with("https://") && uri.contains('@') {
        refuse(
            format!("`{uri}` is a person, not a builder"),
            "who signs by hand is trusted with `[[trust.key]]`",
        );
    } else if segments.is_none_or(|segments| segments.count() < 4) {
        refuse(format!("`{uri}` is no workflow"), shape);
    } else if uri.contains('@') {
        refuse(
            format!("`{uri}` has a ref that is neither a full ref nor a commit"),
            "write `@refs/tags/…`, `@refs/heads/…` or `@` and 40 hexadecimal digits",
        );
    }
    let after = after.and_then(|after| {
        if section.key_span("signer-ref").is_some() || section.key_span("signer-digest").is_some() {
            refuse(
                "`signer` has a ref, and so has the entry".to_owned(),
                "write the ref in one place",
            );
        }
        if is_commit(after) {
            return Some(SignerRef::Commit(after.to_owned()));
        }
        let at = At {
            value: after.to_owned(),
            span: text.span.clone(),
        };
        pattern(reader, &at).map(SignerRef::Ref)
    });
    (uri.to_owned(), after)
}

/// A list of commits, each written in full: a short one, or "any", would let a
/// fork's commit in, which resolves under its parent's name.
fn commits(section: &Section<'_>) -> Vec<String> {
    let Some(found) = section.texts("signer-digest") else {
        return Vec::new();
    };
    for text in found.value.iter().filter(|text| !is_commit(&text.value)) {
        let message = format!("`{}` is no full commit", text.value);
        let hint = "write all 40 hexadecimal digits, in lower case";
        section.reader.refuse(&text.span, message, hint.to_owned());
    }
    found.value.into_iter().map(|text| text.value).collect()
}

fn is_commit(text: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 40 && text.bytes().all(is_hex)
}

fn transparency(section: &Section<'_>) -> Transparency {
    match section.word("transparency", &["required", "not-required"]) {
        Some(found) if found.value == "not-required" => Transparency::NotRequired,
        _ => Transparency::Required,
    }
}

/// A key; `name` is the key of the section that names it.
pub(super) fn key(section: &Section<'_>, name: &str) -> Option<TrustedSigner> {
    let reader = section.reader;
    section.demand(name, "give the key a name for people");
    let sources = ["public-key", "public-key-file", "builtin"];
    let given: Vec<_> = sources
        .iter()
        .filter_map(|source| section.key_span(source))
        .collect();
    let hint = "it needs exactly one of `public-key`, `public-key-file` and `builtin`";
    match given.as_slice() {
        [] => reader.refuse(&section.span, "no key is given", hint.to_owned()),
        [_] => {}
        [_, second, ..] => reader.refuse(second, "more than one key is given", hint.to_owned()),
    }
    let pem = section.text("public-key").and_then(|text| {
        PublicKey::from_pem(&text.value)
            .map_err(|error| reader.refuse(&text.span, error.to_string(), None))
            .ok()
    });
    let file = section.text("public-key-file").map(|text| text.value);
    let builtin = section.word("builtin", &["build-key"]);
    let transparency = transparency(section);
    let builder = section.text("builder").map(|text| text.value);
    let name = section.text(name)?.value;
    let source = pem
        .clone()
        .map(KeySource::Inline)
        .or(file.map(KeySource::File))
        .or(builtin.map(|_| KeySource::BuildKey))?;
    Some(TrustedSigner {
        name,
        source,
        key: pem,
        transparency,
        builder,
        line: Some(reader.line(&section.span)),
    })
}
