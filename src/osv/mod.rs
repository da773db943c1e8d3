//! Known vulnerabilities, from a dump of advisories in OSV's format.
//!
//! A [`Database`] is a folder or a file that somebody downloaded; nothing here asks the
//! network. What is in it is believed, for it has no signature, but it is read like
//! everything from outside: with limits, and with a word about what could not be read.
//! A version that can't be compared is never called clean.
//!
//! Only `database` opens files; the rest is pure.

mod advisory;
mod database;
mod finding;
mod package;
mod range;
mod severity;
mod skim;

pub use advisory::{
    Advisory, AdvisoryError, Affected, Level, MAX_ADVISORY, MAX_AFFECTED, MAX_ALIASES, MAX_EVENTS,
    MAX_ID,
};
pub use database::{
    Database, DatabaseError, EntryError, MAX_ENTRIES, MAX_KEPT, MAX_UNPACKED, Refused, Unchecked,
};
pub use finding::Finding;
pub use package::{Ecosystem, Package};
pub use range::{Doubt, Event, Range, Standing, Versions};
pub use severity::Rating;

#[cfg(test)]
mod judge;
#[cfg(test)]
mod tests;
