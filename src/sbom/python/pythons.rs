//! Which Pythons a product runs on, as far as manifests tell.

use std::str::FromStr;

use pep440_rs::{Operator, Version, VersionSpecifiers};

/// The Pythons that a product takes, from `Requires-Python` (PEP 345).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pythons {
    from: Option<Version>,
    below: Option<Version>,
    windows: Option<bool>,
}

impl Pythons {
    /// The same, where it is known whether they run on Windows.
    pub fn on_windows(mut self, windows: bool) -> Self {
        self.windows = Some(windows);
        self
    }

    /// What they make of a comparison with `sys_platform` and its like.
    pub(super) fn compare_platform(&self, operator: &str, value: &str) -> Option<bool> {
        let windows = self.windows?;
        match (matches!(value, "win32" | "nt" | "Windows"), operator) {
            (true, "==") => Some(windows),
            (true, "!=") => Some(!windows),
            // Another system's name: not the one of Windows, and that is all.
            (false, "==") if windows => Some(false),
            (false, "!=") if windows => Some(true),
            _ => None,
        }
    }

    /// Those that a specifier takes; what is no specifier bounds nothing.
    pub fn of(specifiers: &str) -> Self {
        let Ok(specifiers) = VersionSpecifiers::from_str(specifiers) else {
            return Self::default();
        };
        let mut pythons = Self::default();
        for each in specifiers.iter() {
            let version = each.version();
            let next = || {
                let kept = version.release().len().saturating_sub(1).max(1);
                let kept = match each.operator() {
                    Operator::TildeEqual => kept,
                    _ => version.release().len(),
                };
                let mut release: Vec<u64> = version.release().iter().take(kept).copied().collect();
                if let Some(last) = release.last_mut() {
                    *last = last.saturating_add(1);
                }
                Version::new(release)
            };
            let (from, below) = match each.operator() {
                Operator::GreaterThanEqual | Operator::GreaterThan => (Some(version.clone()), None),
                Operator::LessThan => (None, Some(version.clone())),
                Operator::LessThanEqual => (None, Some(next())),
                Operator::TildeEqual | Operator::Equal | Operator::EqualStar => {
                    (Some(version.clone()), Some(next()))
                }
                _ => (None, None),
            };
            pythons.from = pythons.from.into_iter().chain(from).max();
            pythons.below = pythons.below.into_iter().chain(below).min();
        }
        pythons
    }

    /// `python_version` has two parts only, so 3.9.7 equals "3.9" there.
    pub(super) fn compare(&self, operator: &str, value: &str, short: bool) -> Option<bool> {
        let star = value.ends_with(".*");
        let value = Version::from_str(value.trim_end_matches(".*")).ok()?;
        let from = self.from.as_ref().map(|from| match short {
            true => Version::new(from.release().iter().take(2).copied()),
            false => from.clone(),
        });
        let from_at_least = from.as_ref().is_some_and(|from| *from >= value);
        let from_above = from.as_ref().is_some_and(|from| *from > value);
        let all_below = self.below.as_ref().is_some_and(|below| *below <= value);
        let answer = |yes: bool, no: bool| match (yes, no) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        match operator {
            ">=" => answer(from_at_least, all_below),
            ">" => answer(from_above, all_below),
            "<" => answer(all_below, from_at_least),
            "<=" => answer(all_below, from_above),
            "==" | "===" if !star => answer(false, from_above || all_below),
            "!=" if !star => answer(from_above || all_below, false),
            _ => None,
        }
    }
}
