//! SLSA provenance: how an artifact was made, told by the place that made it.
//!
//! `local` tells it for a build on somebody's own machine. What is not known is
//! left out, never guessed, and nothing here reads the clock: the same build
//! gives the same statement.

use serde_json::Value;

use crate::artifact::Artifact;
use crate::statement::slsa::Provenance;
use crate::statement::{ResourceDescriptor, SLSA_PROVENANCE_V1, Statement};

mod git;
mod local;

pub use git::{GitError, Source};
pub use local::LocalBuild;

/// The statement that `artifact` was made as `provenance` says.
pub fn statement(artifact: &Artifact, provenance: &Provenance) -> Statement {
    // A Provenance is plain strings, lists and maps, so this can't fail.
    let predicate = serde_json::to_value(provenance).unwrap_or(Value::Null);
    Statement::new(
        vec![ResourceDescriptor::of(artifact)],
        SLSA_PROVENANCE_V1,
        predicate,
    )
}
