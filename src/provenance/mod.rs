//! SLSA provenance: how an artifact was made, told by the place that made it.
//!
//! `local` tells it for a build on somebody's own machine, `github` for a run of
//! GitHub Actions. What is not known is left out, never guessed, and nothing here
//! reads the clock: the same build gives the same statement.

use serde_json::{Map, Value};

use crate::statement::slsa::{Builder, Provenance};
use crate::statement::{ResourceDescriptor, SLSA_PROVENANCE_V1, Statement};

mod git;
mod github;
mod local;

pub use git::{GitError, Source, commit_time};
pub use github::{GitHubError, GitHubRun};
pub use local::LocalBuild;

/// The statement that `subjects` were made as `provenance` says.
pub fn statement(subjects: Vec<ResourceDescriptor>, provenance: &Provenance) -> Statement {
    // A Provenance is plain strings, lists and maps, so this can't fail.
    let predicate = serde_json::to_value(provenance).unwrap_or(Value::Null);
    Statement::new(subjects, SLSA_PROVENANCE_V1, predicate)
}

/// A builder whose word was put down by this version of prov.
fn builder(id: String) -> Builder {
    let version = Map::from_iter([("prov".to_owned(), env!("CARGO_PKG_VERSION").into())]);
    Builder { id, version }
}
