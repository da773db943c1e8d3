//! The `[[trust.verifier]]` entries of a policy file.

use super::pattern;
use super::trust::{builder, callers, key};
use crate::artifact::{Algorithm, Digest};
use crate::policy::Wanted;
use crate::policy::pattern::Pattern;
use crate::policy::reader::Section;
use crate::policy::summary::{TrustedVerifier, VerifierIdentity};

/// The longest time that a summary may hold, in days.
const MAX_DAYS: u8 = 250;

/// Reads all entries.
pub(super) fn read(trust: &Section<'_>) -> Vec<TrustedVerifier> {
    let mut verifiers: Vec<TrustedVerifier> = Vec::new();
    for section in trust.sections("verifier", "trust.verifier") {
        let Some(verifier) = verifier(&section) else {
            continue;
        };
        let twice = |earlier: &TrustedVerifier| {
            earlier.id == verifier.id
                && earlier.resources == verifier.resources
                && earlier.same_signer(&verifier)
        };
        if verifiers.iter().any(twice) {
            let message = format!("the verifier `{}` is trusted twice", verifier.id);
            let hint = "keep one of them".to_owned();
            section.reader.refuse(&section.span, message, hint);
        }
        verifiers.push(verifier);
    }
    verifiers
}

impl TrustedVerifier {
    fn same_signer(&self, other: &Self) -> bool {
        match (&self.identity, &other.identity) {
            (VerifierIdentity::Key(a), VerifierIdentity::Key(b)) => a.source == b.source,
            (VerifierIdentity::Builder(a), VerifierIdentity::Builder(b)) => a.overlaps(b),
            _ => false,
        }
    }
}

fn verifier(section: &Section<'_>) -> Option<TrustedVerifier> {
    let reader = section.reader;
    section.demand("id", "the `verifier.id` of its summaries");
    section.demand(
        "resource-uri",
        "say which artifacts it may speak of: `resource-uri = [\"oci://ghcr.io/acme/*\"]`",
    );
    let by_key = ["public-key", "public-key-file"]
        .iter()
        .any(|source| section.key_span(source).is_some());
    let by_certificate = section
        .key_span("issuer")
        .or_else(|| section.key_span("signer"));
    let identity = match (by_key, by_certificate) {
        (true, None) => VerifierIdentity::Key(key(section, "id")?),
        (false, Some(_)) => {
            let builder = builder(section);
            callers(section, &builder, None);
            VerifierIdentity::Builder(Box::new(builder))
        }
        (true, Some(span)) => {
            let message = "a key signs for this verifier, and so does a workflow";
            reader.refuse(&span, message, "write two entries".to_owned());
            return None;
        }
        (false, None) => {
            let message = "the policy does not say who signs for this verifier";
            let hint = "add `public-key`, `public-key-file`, or `issuer` and `signer`";
            reader.refuse(&section.span, message, hint.to_owned());
            return None;
        }
    };
    let policies = section.texts("policy-digest").map(|found| {
        let digests = found.value.iter().filter_map(|text| {
            let digest = text.value.parse::<Digest>().ok();
            let sha256 = digest.filter(|digest| digest.algorithm() == Algorithm::Sha256);
            if sha256.is_none() {
                let message = format!("`{}` is no digest of a policy", text.value);
                let hint = "write `sha256:` and 64 hexadecimal digits, as of `sha256sum FILE`";
                reader.refuse(&text.span, message, hint.to_owned());
            }
            sha256
        });
        Wanted {
            value: digests.collect(),
            line: Some(reader.line(&found.span)),
        }
    });
    Some(TrustedVerifier {
        id: section.text("id")?.value,
        identity,
        resources: resources(section),
        policies,
        level: section.number("level", 1..4).map_or(1, |found| found.value),
        max_age: section
            .number("max-age-days", 1..MAX_DAYS + 1)
            .map(|found| found.wanted(reader)),
        line: Some(reader.line(&section.span)),
    })
}

/// What the verifier may speak of. A pattern that begins with `*` would be anything.
fn resources(section: &Section<'_>) -> Vec<Pattern> {
    let Some(found) = section.texts("resource-uri") else {
        return Vec::new();
    };
    let parsed = found.value.iter().filter_map(|text| {
        let pattern = pattern(section.reader, text)?;
        let rest = text.value.split_once(':').map(|(_, rest)| rest);
        let first = rest.map(|rest| rest.trim_start_matches('/').split('/').next());
        match first {
            Some(Some(first)) if !first.is_empty() && !first.contains('*') => {}
            Some(_) => {
                let message = format!("`{}` is anybody's resource", text.value);
                let hint = "name at least the host".to_owned();
                section.reader.refuse(&text.span, message, hint);
            }
            None => {
                let message = format!("`{}` can never match: it is no URI", text.value);
                let hint = "write `oci://HOST/REPOSITORY@*` or what the verifier calls it";
                section.reader.refuse(&text.span, message, hint.to_owned());
            }
        }
        Some(pattern)
    });
    parsed.collect()
}
