//! An audit in one line.

use std::cmp::Ordering;

use crate::audit::{Audit, Exposure, Status};
use crate::policy::Outcome;

/// One line of the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) status: Status,
    /// `None` when nothing was judged.
    pub(super) level: Option<u8>,
    pub(super) name: String,
    /// `None` without an SBOM that counts.
    pub(super) packages: Option<usize>,
    /// Open vulnerabilities; `None` when nobody looked.
    pub(super) vulnerabilities: Option<usize>,
    /// Why it is where it is, in a word.
    pub(super) reason: String,
}

impl Row {
    pub(super) fn of(outcome: &super::Outcome) -> Self {
        let audit = match outcome {
            Ok(audit) => audit,
            Err(broken) => {
                return Self {
                    status: Status::Broken,
                    level: None,
                    name: broken.name.clone(),
                    packages: None,
                    vulnerabilities: None,
                    reason: broken.why.clone(),
                };
            }
        };
        Self {
            status: audit.status(),
            level: audit.judgement.as_ref().map(|judgement| judgement.level),
            name: audit.subject.name.clone(),
            packages: audit
                .contents
                .as_ref()
                .map(|contents| contents.packages.len()),
            vulnerabilities: match audit.exposure {
                Exposure::NotChecked => None,
                Exposure::Checked { .. } => Some(audit.exposure.open().count()),
            },
            reason: reason(audit),
        }
    }
}

/// The rule that failed first; what is missing first; or that evidence was rejected,
/// which explains the rest.
fn reason(audit: &Audit) -> String {
    let genuine = audit
        .attestations
        .iter()
        .any(|each| each.rejected.is_none());
    if !audit.attestations.is_empty() && !genuine {
        return "no genuine evidence".to_owned();
    }
    if audit.attestations.is_empty() {
        return "no evidence".to_owned();
    }
    let failed = audit.judgement.as_ref().and_then(|judgement| {
        let mut findings = judgement.findings.iter();
        findings.find(|finding| finding.outcome == Outcome::Failed)
    });
    match (failed, audit.missing.first()) {
        (Some(finding), _) => finding.rule.name().to_owned(),
        (None, Some(missing)) => missing.id.to_owned(),
        (None, None) => String::new(),
    }
}

/// The worst first: by the answer, then open vulnerabilities, then the level.
impl Ord for Row {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |row: &Self| {
            let open = row.vulnerabilities.unwrap_or_default();
            (row.status, std::cmp::Reverse(open), row.level)
        };
        (key(self), &self.name).cmp(&(key(other), &other.name))
    }
}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The word for an answer.
pub(super) fn word(status: Status) -> &'static str {
    match status {
        Status::Refused => "refused",
        Status::Broken => "not audited",
        Status::NotJudged => "not judged",
        Status::Passed => "passed",
    }
}
