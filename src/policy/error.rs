//! What is wrong with a policy file, and where.

use std::fmt;
use std::ops::Range;

/// One thing that is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PolicyError {
    /// What is wrong.
    pub message: String,
    /// The bytes of the text that it is about.
    pub span: Range<usize>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl PolicyError {
    /// Line and column of the error in `text`, counted from 1; the column
    /// counts characters.
    pub fn position(&self, text: &str) -> (usize, usize) {
        let before = text.get(..self.span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }
}

/// Everything that is wrong with a policy, in the order of the text; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyErrors(Vec<PolicyError>);

impl PolicyErrors {
    /// `None` when there is nothing wrong.
    pub(super) fn new(mut errors: Vec<PolicyError>) -> Option<Self> {
        errors.sort_by_key(|error| (error.span.start, error.span.end));
        (!errors.is_empty()).then_some(Self(errors))
    }

    pub(super) fn one(error: PolicyError) -> Self {
        Self(vec![error])
    }

    /// The errors.
    pub fn iter(&self) -> std::slice::Iter<'_, PolicyError> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a PolicyErrors {
    type Item = &'a PolicyError;
    type IntoIter = std::slice::Iter<'a, PolicyError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}
