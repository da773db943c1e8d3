//! `--push`: the artifact goes to a registry or a layout, and its bundles with it.

use std::path::PathBuf;

use bytes::Bytes;
use serde::Serialize;

use crate::cli::error::Failure;
use crate::cli::{push, store, ui};
use crate::oci::{self, FILE_TYPE, Packed, Place, Reference};
use crate::sign::Signed;
use crate::statement::ResourceDescriptor;

use super::subject::Subject;

/// An artifact on its way to a store. What it will be there is known before
/// anything is signed, so that the statements can name both: the file, for whoever
/// has it, and the manifest, which is what cosign and others look for.
pub(super) struct Storing {
    reference: Reference,
    tag: String,
    file: PathBuf,
    packed: Packed,
}

/// Where the artifact and its evidence are, each by digest.
#[derive(Serialize)]
pub(super) struct StoredAt {
    /// The artifact.
    pub(super) reference: String,
    /// The evidence, a referrer for each bundle.
    pub(super) referrers: Vec<String>,
}

impl Storing {
    /// Looks at the one artifact, and adds what it will be in the store to what the
    /// statements are about.
    pub(super) fn prepare(
        reference: &Reference,
        subjects: &mut [Subject],
    ) -> Result<Self, Failure> {
        let ([subject], tag) = (subjects, push::tag(reference)?) else {
            return Err(Failure::cant_say("several artifacts can't be pushed to one place")
                .hint("`prov attest` them one by one, or `prov push` them as platforms of one and `prov attach` the bundles"));
        };
        let Some(file) = &subject.file else {
            return Err(Failure::cant_say(format!(
                "`{}` is not here to be pushed",
                subject.name
            ))
            .hint(format!(
                "`prov attach {reference} BUNDLE` attaches evidence to what is stored already"
            )));
        };
        let artifact = subject.artifact.clone();
        let packed = oci::pack_hashed(file, artifact, FILE_TYPE, &push::created()?)
            .map_err(|error| push::failure(&error, reference))?;
        // Where a layout lies is this machine's affair, and goes into no statement.
        let name = match &reference.place {
            Place::Registry(repository) => format!("{}/{}", repository.host, repository.path),
            Place::Layout(_) => subject.name.clone(),
        };
        let manifest = packed.manifest.digest();
        subject.stored = Some(ResourceDescriptor::named(name, [manifest]));
        Ok(Self {
            reference: reference.clone(),
            tag,
            file: file.clone(),
            packed,
        })
    }

    /// Stores the artifact, then attaches each bundle, and reads both back.
    /// `kept` are the files that the bundles are in, whatever happens here.
    pub(super) fn store(self, signed: &[Signed], kept: &[PathBuf]) -> Result<StoredAt, Failure> {
        let (reference, file) = (self.reference.clone(), self.file.clone());
        self.try_store(signed).map_err(|failure| {
            let [bundles] = kept else { return failure };
            let failure = failure.with("signed", bundles.display());
            // Whoever was told to log in has to do that first.
            match failure.hint {
                Some(_) => failure,
                None => failure.hint(format!(
                    "`prov push {} {reference}` and `prov attach {reference} {}` do the rest",
                    file.display(),
                    bundles.display()
                )),
            }
        })
    }

    fn try_store(self, signed: &[Signed]) -> Result<StoredAt, Failure> {
        let reference = &self.reference;
        let target = store::open_target(reference)?;
        let files = [self.packed];
        let bundles: Vec<Bytes> = signed
            .iter()
            .map(|each| Bytes::copy_from_slice(each.bundle.as_bytes()))
            .collect();
        let manifest = push::put(&*target, &files, FILE_TYPE, &self.tag, reference)?;
        let subject = manifest.descriptor();
        let attached = store::wait(reference, oci::attach(&*target, &subject, &bundles))?;
        Ok(StoredAt {
            reference: reference.pinned(manifest.digest()),
            referrers: attached
                .iter()
                .map(|each| reference.pinned(each.digest()))
                .collect(),
        })
    }
}

impl StoredAt {
    /// For people.
    pub(super) fn tell(&self) {
        ui::say(&format!("stored  {}", ui::clean(&self.reference)));
        for referrer in &self.referrers {
            ui::say(&format!("  with  {}", ui::clean(referrer)));
        }
    }
}
