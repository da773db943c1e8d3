//! The few fields that say whether an advisory matters; borrowed, for most do not.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Deserialize;

use super::advisory::AdvisoryError;
use super::package::{Ecosystem, Package};
use crate::json::JsonError;

/// What a first look at an advisory tells.
pub(super) struct Skimmed {
    /// The ecosystems of the packages that it names.
    pub(super) ecosystems: Vec<Ecosystem>,
    /// True when one of them is wanted.
    pub(super) is_wanted: bool,
    /// The day of its last change, where that looks like one.
    pub(super) day: Option<String>,
}

/// Looks which packages an advisory names.
pub(super) fn skim(bytes: &[u8], wanted: &HashSet<Package>) -> Result<Skimmed, AdvisoryError> {
    let document: Document = serde_json::from_slice(bytes).map_err(JsonError::Syntax)?;
    let mut is_wanted = false;
    let mut ecosystems = Vec::new();
    let affected = document.affected.into_iter().flatten();
    for named in affected.filter_map(|affected| affected.package) {
        let Some(ecosystem) = Ecosystem::named(&named.ecosystem) else {
            continue;
        };
        ecosystems.push(ecosystem);
        is_wanted = is_wanted || wanted.contains(&Package::named(ecosystem, &named.name));
    }
    let digits = |day: &&str| {
        day.bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-')
    };
    Ok(Skimmed {
        ecosystems,
        is_wanted,
        day: document
            .modified
            .get(..10)
            .filter(digits)
            .map(str::to_owned),
    })
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    modified: Cow<'a, str>,
    #[serde(borrow)]
    affected: Option<Vec<Affected<'a>>>,
}

#[derive(Deserialize)]
struct Affected<'a> {
    #[serde(borrow)]
    package: Option<Named<'a>>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    ecosystem: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
}
