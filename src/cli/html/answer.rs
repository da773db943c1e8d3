//! The answer about an artifact, in a word and in an order.

use std::cmp::Ordering;

use crate::audit::{Audit, Status};
use crate::policy::Outcome;

/// How it ended, in a word.
pub(super) fn word(status: Status) -> &'static str {
    match status {
        Status::Refused => "Refused",
        Status::Broken => "Not audited",
        Status::NotJudged => "Not judged",
        Status::Passed => "Passed",
    }
}

/// The name of its icon and of its style.
pub(super) fn class(status: Status) -> &'static str {
    match status {
        Status::Refused => "failed",
        Status::Broken => "warning",
        Status::NotJudged => "unknown",
        Status::Passed => "passed",
    }
}

/// Refused before not judged before passed; then by what is known to be vulnerable, by
/// evidence that is not genuine, by level and by name.
pub(super) fn worst_first(a: &Audit, b: &Audit) -> Ordering {
    let level = |audit: &Audit| audit.judgement.as_ref().map(|judgement| judgement.level);
    let key = |audit: &Audit| {
        (
            audit.status(),
            usize::MAX - audit.exposure.open().count(),
            usize::MAX - rejected(audit),
            level(audit),
        )
    };
    key(a)
        .cmp(&key(b))
        .then_with(|| a.subject.name.cmp(&b.subject.name))
        .then_with(|| a.subject.platform.cmp(&b.subject.platform))
        .then_with(|| a.subject.digest.cmp(&b.subject.digest))
}

/// Why it is not better, in a few words.
pub(super) fn reason(audit: &Audit) -> String {
    let Some(judgement) = &audit.judgement else {
        return "there was no policy to judge by".into();
    };
    let mut failed = judgement
        .findings
        .iter()
        .filter(|finding| finding.outcome == Outcome::Failed);
    match (failed.next(), failed.count()) {
        (None, _) if judgement.passed => judgement.why_not_next.clone().unwrap_or_default(),
        (None, _) => "nothing was shown".into(),
        (Some(first), 0) => format!("{}: {}", first.rule, first.seen),
        (Some(first), more) => format!("{}: {} (and {more} more)", first.rule, first.seen),
    }
}

/// Pieces of evidence that prove nothing.
pub(super) fn rejected(audit: &Audit) -> usize {
    let rejected = |it: &&crate::audit::Attestation| it.rejected.is_some();
    audit.attestations.iter().filter(rejected).count()
}
