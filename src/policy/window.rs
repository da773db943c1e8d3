//! The `[evidence]` section: when evidence must have been signed.
//!
//! A signature proves no time by itself. Logs and timestamp authorities that are
//! trusted do: the earliest of their times is when the signature was there.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Wanted;
use super::rule::Rule;
use super::verdict::{Finding, Outcome};

/// When evidence must have been signed.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    /// In days.
    pub(super) max_age: Option<Wanted<u32>>,
    /// The first day, in UTC.
    pub(super) not_before: Option<Wanted<Date>>,
    /// The last day, in UTC.
    pub(super) not_after: Option<Wanted<Date>>,
}

/// Why evidence is out of the window.
pub(super) struct OutOfTime {
    pub(super) seen: String,
    pub(super) wanted: String,
    pub(super) line: Option<usize>,
}

impl Window {
    /// `None` when evidence that existed at `times` is in time.
    pub(super) fn refuses(&self, times: &[SystemTime], now: SystemTime) -> Option<OutOfTime> {
        let line = self.line()?;
        let signed = times.iter().min().map(|time| Timestamp::try_from(*time));
        let (Some(Ok(signed)), Ok(now)) = (signed, Timestamp::try_from(now)) else {
            return Some(OutOfTime {
                seen: "no trusted log or timestamp says when it was signed".to_owned(),
                wanted: self.in_words(),
                line: Some(line),
            });
        };
        let day = signed.to_zoned(TimeZone::UTC).date();
        let wrong = |line: Option<usize>| {
            Some(OutOfTime {
                seen: format!("it was signed at {signed}"),
                wanted: self.in_words(),
                line,
            })
        };
        if let Some(wanted) = &self.max_age
            && now.as_second().saturating_sub(signed.as_second()) > i64::from(wanted.value) * 86_400
        {
            return wrong(wanted.line);
        }
        match (&self.not_before, &self.not_after) {
            (Some(wanted), _) if day < wanted.value => wrong(wanted.line),
            (_, Some(wanted)) if day > wanted.value => wrong(wanted.line),
            _ => None,
        }
    }

    /// What is said once all evidence was looked at.
    pub(super) fn judge(&self, in_time: usize) -> Option<Finding> {
        let line = self.line()?;
        let seen = match in_time {
            0 => "no evidence by a trusted signer in time".to_owned(),
            1 => "one piece of evidence in time".to_owned(),
            many => format!("{many} pieces of evidence in time"),
        };
        let outcome = Outcome::of(in_time > 0);
        let finding = Finding::new(Rule::SignedWhen, outcome, seen, self.in_words());
        Some(
            finding
                .at(Some(line))
                .fix("attest the artifact again, with a log or a timestamp authority"),
        )
    }

    /// The first line that asks for something; `None` when nothing does.
    fn line(&self) -> Option<usize> {
        let days = [&self.not_before, &self.not_after];
        let days = days.into_iter().flatten().filter_map(|wanted| wanted.line);
        let age = self.max_age.iter().filter_map(|wanted| wanted.line);
        age.chain(days).next()
    }

    fn in_words(&self) -> String {
        let age = self
            .max_age
            .iter()
            .map(|it| format!("at most {} days ago", it.value));
        let from = self
            .not_before
            .iter()
            .map(|it| format!("from {}", it.value));
        let until = self
            .not_after
            .iter()
            .map(|it| format!("until {}", it.value));
        let all: Vec<String> = age.chain(from).chain(until).collect();
        format!("signed {}", all.join(", "))
    }
}
