//! The time that reproducible output carries.

use super::error::Failure;

/// `SOURCE_DATE_EPOCH` (reproducible-builds.org), in seconds since 1970, where it is set.
pub(super) fn source_date() -> Result<Option<i64>, Failure> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH") else {
        return Ok(None);
    };
    let seconds = text.to_str().and_then(|text| text.parse().ok());
    seconds.map(Some).ok_or_else(|| {
        Failure::cant_say("`SOURCE_DATE_EPOCH` is no number of seconds")
            .with("seen", text.to_string_lossy())
    })
}
