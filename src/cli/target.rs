//! What is to be judged: the artifact that an argument names, and its evidence.

use std::fs::File;
use std::path::Path;

use crate::artifact::{Artifact, Digest};
use crate::bundle::Evidence;

use super::error::{Failure, reasons};
use super::files;
use super::gate::GateArgs;
use super::store::{self, Stored};

/// An artifact and what was found about it.
pub(super) struct Target {
    /// Streamed by, or named by its digest.
    pub(super) artifact: Artifact,
    /// A failure where there is none: a no, whose words help more than a judgement
    /// without evidence.
    pub(super) evidence: Result<Vec<Evidence>, Failure>,
    /// Where it is, if that is a registry.
    pub(super) resource_uri: Option<String>,
}

impl Target {
    /// Finds what `argument` names: a file, a reference or a digest.
    pub(super) fn find(argument: &Path, gate: &GateArgs) -> Result<Self, Failure> {
        let named = argument.to_str();
        if let Some(digest) = named.and_then(|name| name.parse::<Digest>().ok()) {
            let name = format!("{}…", &digest.to_string()[..19]);
            return Ok(Self {
                evidence: gate.named_evidence(&name),
                artifact: Artifact::from_digest(name, digest),
                resource_uri: None,
            });
        }
        if let Some(reference) = store::reference_or_file(argument.as_os_str())? {
            let stored = Stored::find(&reference)?;
            let evidence = stored.evidence(gate);
            let known = evidence.as_deref().unwrap_or_default();
            return Ok(Self {
                artifact: stored.artifact(known)?,
                evidence,
                resource_uri: stored.uri(),
            });
        }
        let file = files::open(argument, "artifact")?;
        let evidence = gate.evidence(argument);
        let known = evidence.as_deref().unwrap_or_default();
        Ok(Self {
            artifact: streamed(&files::name(argument), file, known)?,
            evidence,
            resource_uri: None,
        })
    }
}

/// Streams a file by, for the digests that `evidence` speaks of.
pub(super) fn streamed(name: &str, file: File, evidence: &[Evidence]) -> Result<Artifact, Failure> {
    let sha512 = evidence.iter().any(|each| each.bundle.wants_sha512());
    Artifact::from_reader(name, file, sha512).map_err(|error| Failure::cant_say(reasons(&error)))
}
