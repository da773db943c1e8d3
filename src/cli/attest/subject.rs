//! What is attested: files, or digests of what is not here.

use std::path::{Path, PathBuf};

use crate::artifact::{Artifact, Digest};
use crate::statement::ResourceDescriptor;

use crate::cli::error::{Failure, reasons};
use crate::cli::files;

/// One subject of the statements.
pub(super) struct Subject {
    /// Its file; none when only a digest is known.
    pub(super) file: Option<PathBuf>,
    /// Its name for people.
    pub(super) name: String,
    /// Known by the SHA-256 and SHA-512 of its file, or by the digest that was told.
    pub(super) artifact: Artifact,
    /// What it is in the store that it goes to.
    pub(super) stored: Option<ResourceDescriptor>,
}

impl Subject {
    /// `text` is a digest or a path; a file that is named like a digest is
    /// written `./sha256:…`. A file is read once, in constant memory.
    pub(super) fn new(text: &Path, name: Option<&str>) -> Result<Self, Failure> {
        let digest = text.to_str().filter(|text| {
            text.split_once(':')
                .is_some_and(|(algorithm, _)| ["sha256", "sha512"].contains(&algorithm))
        });
        let Some(digest) = digest else {
            let name = name.map_or_else(|| files::name(text), str::to_owned);
            return Ok(Self {
                file: Some(text.to_owned()),
                artifact: hash(text, &name)?,
                name,
                stored: None,
            });
        };
        let digest: Digest = digest
            .parse()
            .map_err(|error| Failure::cant_say(reasons(&error)))?;
        let name = name.ok_or_else(|| {
            Failure::cant_say(format!("`{digest}` has no name"))
                .hint("`--subject-name NAME` gives it one")
        })?;
        Ok(Self {
            file: None,
            artifact: Artifact::from_digest(name, digest),
            name: name.to_owned(),
            stored: None,
        })
    }

    /// The subjects of a statement about it.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = ResourceDescriptor> {
        let itself = ResourceDescriptor::named(&self.name, self.digests());
        std::iter::once(itself).chain(self.stored.clone())
    }

    /// All digests that are known of it.
    pub(super) fn digests(&self) -> impl Iterator<Item = &Digest> {
        self.artifact.digests()
    }

    /// Refuses a file that is not what it was when it was hashed.
    pub(super) fn check_unchanged(&self) -> Result<(), Failure> {
        match &self.file {
            Some(file) if !hash(file, &self.name)?.digests().eq(self.digests()) => Err(
                Failure::cant_say(format!("`{}` changed while it was read", file.display())),
            ),
            _ => Ok(()),
        }
    }
}

fn hash(path: &Path, name: &str) -> Result<Artifact, Failure> {
    let file = files::open(path, "artifact")?;
    Artifact::from_reader(name, file, true).map_err(|error| Failure::cant_say(reasons(&error)))
}
