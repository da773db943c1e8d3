//! Exceptions: what the policy refuses and somebody answers for, for a while.

use std::time::SystemTime;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::rule::Rule;
use super::verdict::{Finding, Outcome};
use crate::purl::Purl;

/// An `[[exception]]`.
#[derive(Clone, Debug)]
pub(super) struct Exception {
    pub(super) rule: Rule,
    pub(super) purl: Option<Purl>,
    /// The last day on which it holds, in UTC.
    pub(super) until: Date,
    pub(super) reason: String,
    pub(super) owner: String,
    pub(super) line: Option<usize>,
}

impl Exception {
    fn covers(&self, finding: &Finding) -> bool {
        if finding.outcome != Outcome::Failed || finding.rule != self.rule || !self.rule.waivable()
        {
            return false;
        }
        match (&self.purl, &finding.component) {
            (None, _) => true,
            (Some(purl), Some(component)) => component.parse().is_ok_and(|seen| purl.covers(&seen)),
            (Some(_), None) => false,
        }
    }

    fn in_words(&self) -> String {
        match &self.purl {
            Some(purl) => format!("the exception to {} for {purl}", self.rule),
            None => format!("the exception to {}", self.rule),
        }
    }
}

/// Waives what exceptions in force cover, and notes those that are over or
/// that nothing needed.
pub(super) fn apply(exceptions: &[Exception], findings: &mut Vec<Finding>, now: SystemTime) {
    // A clock that is beyond all calendars leaves no exception in force.
    let today =
        jiff::Timestamp::try_from(now).map_or(Date::MAX, |now| now.to_zoned(TimeZone::UTC).date());
    let mut notes = Vec::new();
    for exception in exceptions {
        let in_force = today <= exception.until;
        let mut covered = 0;
        for finding in findings.iter_mut().filter(|each| exception.covers(each)) {
            covered += 1;
            if in_force {
                finding.outcome = Outcome::Waived {
                    reason: exception.reason.clone(),
                    owner: exception.owner.clone(),
                    until: exception.until.to_string(),
                };
                finding.fix = None;
            }
        }
        let seen = match (in_force, covered) {
            (true, 0) => format!("{} was not needed", exception.in_words()),
            (true, _) => continue,
            (false, _) => format!(
                "{} ended on {} and does not apply",
                exception.in_words(),
                exception.until
            ),
        };
        let wanted = format!("{} to renew it or to remove it", exception.owner);
        notes.push(Finding::new(Rule::Exception, Outcome::Noted, seen, wanted).at(exception.line));
    }
    findings.append(&mut notes);
}
