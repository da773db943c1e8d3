//! The files of an artifact that is stored: what they are called, and their bytes on the
//! way to disk.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::artifact::Artifact;
use crate::oci::{Descriptor, OciError, TITLE, WASM_TYPE};

use super::error::Failure;
use super::policy_file::REPOSITORY_POLICY;
use super::store::{self, Stored};
use super::ui;

/// Ending of the file with the evidence about the first file.
pub(super) const EVIDENCE: &str = ".sigstore.jsonl";

/// The file names that the layers say they were, one at least. A name is just that: no folder, and
/// nothing hidden (GHSA-8xwf-rjm4-xvhv is what happens otherwise).
pub(super) fn titles(stored: &Stored) -> Result<Vec<(String, &Descriptor)>, Failure> {
    let mut titles: Vec<(String, &Descriptor)> = Vec::new();
    for layer in stored.manifest.layers() {
        let title = match layer.annotations.get(TITLE) {
            Some(title) => title.clone(),
            // As `wash push` leaves it.
            None if layer.media_type == WASM_TYPE => format!("{}.wasm", &layer.digest.hex()[..12]),
            None => format!("{}.blob", &layer.digest.hex()[..12]),
        };
        let plain = (1..=200).contains(&title.len())
            && !title.starts_with('.')
            && !title.contains(['/', '\\', ':', '\n', '\t'])
            && ui::clean(&title) == title
            // What the next `prov verify` would obey comes from nobody's registry.
            && !title.eq_ignore_ascii_case(REPOSITORY_POLICY);
        let taken = titles.iter().any(|(other, _)| *other == title)
            || titles
                .first()
                .is_some_and(|(first, _)| format!("{first}{EVIDENCE}") == title);
        if !plain || taken {
            return Err(Failure::cant_say(format!(
                "`{}` wants a file name of its own",
                stored.reference
            ))
            .with("seen", title)
            .with("wanted", "a plain name, and another one for each layer"));
        }
        titles.push((title, layer));
    }
    match titles.is_empty() {
        true => Err(Failure::cant_say(format!(
            "`{}` has no files",
            stored.reference
        ))),
        false => Ok(titles),
    }
}

/// Streams a layer into its file, hashed once; the name of what came is the reference.
pub(super) fn save(
    stored: &Stored,
    layer: &Descriptor,
    path: &Path,
    file: &mut File,
) -> Result<Artifact, Failure> {
    let name = stored.reference.to_string();
    let saved = store::wait_for(async { stored.store.blob(layer).await?.save(name, file).await });
    saved.flatten().map_err(|error| match error {
        OciError::Output(error) => unwritable(path, error),
        error => store::failure(&error, &stored.reference),
    })
}

pub(super) fn unwritable(path: &Path, error: io::Error) -> Failure {
    Failure::cant_say(format!("cannot write `{}`", path.display())).with("reason", error)
}
