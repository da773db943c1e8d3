//! The `[artifact]` and `[evidence]` sections of a policy file.

use crate::artifact::{Algorithm, Digest};
use crate::policy::Wanted;
use crate::policy::reader::{At, Section};
use crate::policy::subject::ArtifactRules;
use crate::policy::window::Window;

pub(super) fn artifact(section: &Section<'_>) -> ArtifactRules {
    let reader = section.reader;
    let digests = |key| {
        let found = section.texts(key)?;
        let each = found.value.into_iter();
        let value = each.filter_map(|text| digest(section, text)).collect();
        let span = found.span;
        Some(At { value, span }.wanted(reader))
    };
    let (allow, deny) = (digests("allow-digests"), digests("deny-digests"));
    if let (Some(allow), Some(deny)) = (&allow, &deny) {
        let allow: &Wanted<Vec<Digest>> = allow;
        let both = allow.value.iter().find(|each| deny.value.contains(each));
        let span = section.key_span("deny-digests");
        if let (Some(digest), Some(span)) = (both, span) {
            let message = format!("`{digest}` is allowed and refused");
            reader.refuse(&span, message, "keep one of them".to_owned());
        }
    }
    let max_size = section.size("max-size");
    ArtifactRules {
        allow,
        deny,
        max_size: max_size.map(|found| found.wanted(reader)),
    }
}

fn digest(section: &Section<'_>, text: At<String>) -> Option<Digest> {
    let read = || {
        let (name, hex) = text.value.split_once(':')?;
        let algorithm = [Algorithm::Sha256, Algorithm::Sha512]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)?;
        Digest::from_hex(algorithm, hex).ok()
    };
    let digest = read();
    if digest.is_none() {
        let message = format!("`{}` is no digest, so it can never match", text.value);
        let hint = "write `sha256:` and 64 hexadecimal digits, in lower case";
        section.reader.refuse(&text.span, message, hint.to_owned());
    }
    digest
}

pub(super) fn evidence(section: &Section<'_>) -> Window {
    let reader = section.reader;
    let max_age = section.text("max-age").and_then(|text| {
        let days = text
            .value
            .strip_suffix(" days")
            .or_else(|| text.value.strip_suffix(" day"))
            .and_then(|days| days.parse().ok())
            .filter(|days| (1..=36_500).contains(days));
        if days.is_none() {
            let message = format!("`max-age` can't be `{}`", text.value);
            let hint = "write a number of days: `max-age = \"90 days\"`";
            reader.refuse(&text.span, message, hint.to_owned());
        }
        let span = text.span;
        days.map(|value| At { value, span }.wanted(reader))
    });
    let (not_before, not_after) = (section.date("not-before"), section.date("not-after"));
    if let (Some(first), Some(last)) = (&not_before, &not_after)
        && first.value > last.value
    {
        let message = "nothing can be signed then: `not-after` lies before `not-before`";
        reader.refuse(&last.span, message, None);
    }
    Window {
        max_age,
        not_before: not_before.map(|found| found.wanted(reader)),
        not_after: not_after.map(|found| found.wanted(reader)),
    }
}
