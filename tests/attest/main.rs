//! What `prov attest` states, and with which keys.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking
#![allow(clippy::print_stderr)] // what was not judged is said aloud

mod github;
mod keys;
mod statements;
mod stored;
mod summary;
#[path = "../support/mod.rs"]
mod support;
