//! Many artifacts, counted.

use super::{Audit, Exposure};

/// How an audit ended, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// The policy said no.
    Refused,
    /// It could not be audited.
    Broken,
    /// There was no policy to judge by.
    NotJudged,
    /// The policy said yes.
    Passed,
}

/// What several audits found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The policy's name and where it was; `None` when there was none.
    pub policy: Option<String>,
    /// How many artifacts the policy admits.
    pub passed: usize,
    /// How many it refuses.
    pub refused: usize,
    /// How many were looked at without a policy.
    pub not_judged: usize,
    /// What could not be audited.
    pub broken: Vec<Broken>,
    /// How many artifacts have a known vulnerability that no document waives; `None`
    /// when nobody looked.
    pub vulnerable: Option<usize>,
    /// How many have one that is too bad by what was asked for.
    pub too_vulnerable: usize,
}

/// Something that could not be audited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// What it was given as.
    pub name: String,
    /// Why.
    pub why: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Audit {
    /// How it ended.
    pub fn status(&self) -> Status {
        match &self.judgement {
            None => Status::NotJudged,
            Some(judgement) if judgement.passed => Status::Passed,
            Some(_) => Status::Refused,
        }
    }

    /// Whether something in it has a known vulnerability that no document waives;
    /// `None` when nobody looked.
    pub fn is_vulnerable(&self) -> Option<bool> {
        match self.exposure {
            Exposure::NotChecked => None,
            Exposure::Checked { .. } => Some(self.exposure.open().next().is_some()),
        }
    }
}

impl Summary {
    /// Counts one more that could be audited; see [`Audit::is_vulnerable`].
    pub fn add(&mut self, status: Status, vulnerable: Option<bool>) {
        match status {
            Status::Passed => self.passed += 1,
            Status::NotJudged => self.not_judged += 1,
            Status::Refused | Status::Broken => self.refused += 1,
        }
        if let Some(vulnerable) = vulnerable {
            *self.vulnerable.get_or_insert_default() += usize::from(vulnerable);
        }
    }

    /// How many were looked at or tried.
    pub fn artifacts(&self) -> usize {
        self.passed + self.refused + self.not_judged + self.broken.len()
    }
}
