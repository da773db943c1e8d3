//! Registries and layouts on the command line: references, and what is at them.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use crate::artifact::Artifact;
use crate::bundle::Evidence;
use crate::oci::{
    self, Bundles, Descriptor, Manifest, OciError, Patience, Place, Reference, Store,
};

use super::error::{Failure, reasons};
use super::gate::GateArgs;
use super::{files, ui};

/// Where an image layout or a registry's repository is, as an argument.
pub(super) fn reference(text: &str) -> Result<Reference, String> {
    text.parse::<Reference>().map_err(|error| match error {
        OciError::Reference { why, .. } => {
            format!("{why}; wanted HOST/REPOSITORY[:TAG] or oci:DIR[:TAG]")
        }
        other => other.to_string(),
    })
}

/// The reference that an argument is, if it is one and no file.
pub(super) fn reference_or_file(argument: &OsStr) -> Result<Option<Reference>, Failure> {
    let text = match argument.to_str() {
        Some(text) if Reference::looks_like(text) && !Path::new(text).exists() => text,
        _ => return Ok(None),
    };
    reference(text)
        .map(Some)
        .map_err(|why| Failure::cant_say(format!("`{text}` is no reference")).with("reason", why))
}

/// The store that `reference` names.
pub(super) fn open(reference: &Reference) -> Result<Box<dyn Store>, Failure> {
    reference
        .store(Patience::default())
        .map_err(|error| failure(&error, reference))
}

/// Runs `work` to its end; its failure is about `reference`.
pub(super) fn wait<T>(
    reference: &Reference,
    work: impl Future<Output = Result<T, OciError>>,
) -> Result<T, Failure> {
    oci::wait(work)
        .and_then(|done| done)
        .map_err(|error| failure(&error, reference))
}

/// A failure of a store. It never knows a no: that something is not signed can be
/// said only when all of it was seen.
pub(super) fn failure(error: &OciError, reference: &Reference) -> Failure {
    let mut failure = Failure::cant_say(error.to_string()).with("about", reference);
    let whole = reasons(error);
    if let Some(cause) = whole.strip_prefix(&format!("{error}: ")) {
        failure = failure.with("reason", cause);
    }
    match (error, &reference.place) {
        (OciError::Denied { host, .. }, _) => failure.hint(format!(
            "`docker login {host}` or `podman login {host}` stores credentials that prov uses too"
        )),
        (OciError::NotFound { .. }, Place::Layout(folder)) if !folder.exists() => {
            failure.hint(files::what_is_there(folder))
        }
        (OciError::NotFound { .. }, Place::Layout(folder)) => failure.hint(format!(
            "`cat {}/index.json` lists what is in a layout",
            folder.display()
        )),
        _ => failure,
    }
}

/// What is at a reference, resolved once: all that follows goes by digest, so that a
/// tag that moves meanwhile changes nothing.
pub(super) struct Stored {
    pub(super) store: Arc<dyn Store>,
    pub(super) reference: Reference,
    pub(super) manifest: Manifest,
}

impl Stored {
    pub(super) fn find(reference: &Reference) -> Result<Self, Failure> {
        Self::find_in(Arc::from(open(reference)?), reference)
    }

    /// The same in a store that is open.
    pub(super) fn find_in(store: Arc<dyn Store>, reference: &Reference) -> Result<Self, Failure> {
        let manifest = wait(reference, store.manifest(&reference.name))?;
        Ok(Self {
            store,
            reference: reference.clone(),
            manifest,
        })
    }

    /// The bundles that are attached; what does not count is told.
    pub(super) fn bundles(&self) -> Result<Bundles, Failure> {
        let store = &*self.store;
        let bundles = wait(&self.reference, async {
            let referrers = oci::referrers(store, self.manifest.digest()).await?;
            oci::bundles(store, referrers).await
        })?;
        for (digest, error) in &bundles.unread {
            ui::warn(&format!(
                "the referrer {digest} does not count: {}",
                reasons(error)
            ));
        }
        Ok(bundles)
    }

    /// The evidence that was named, or that is attached.
    pub(super) fn evidence(&self, gate: &GateArgs) -> Result<Vec<Evidence>, Failure> {
        if !gate.bundles.is_empty() {
            return gate.evidence(Path::new(""));
        }
        let evidence = self.bundles()?.evidence;
        if evidence.is_empty() {
            return Err(
                Failure::no(format!("no evidence about `{}`", self.reference))
                    .with("digest", self.manifest.digest())
                    .with("seen", "no bundle attached to it")
                    .hint(format!(
                        "`prov attach {} BUNDLE` attaches one, `--bundle FILE` names another place",
                        self.reference
                    )),
            );
        }
        Ok(evidence)
    }

    /// What `evidence` speaks of: the manifest, whose digest pins all that is under it,
    /// or else the one file that it stores.
    pub(super) fn artifact(&self, evidence: &[Evidence]) -> Result<Artifact, Failure> {
        let name = self.reference.to_string();
        let speaks_of_manifest = evidence
            .iter()
            .filter_map(|each| each.bundle.unverified_statement().ok())
            .any(|statement| statement.subject_digests().contains(self.manifest.digest()));
        if speaks_of_manifest || self.manifest.layers().len() != 1 {
            return Ok(Artifact::from_bytes(name, self.manifest.bytes().to_vec()));
        }
        let layer = self.layer()?;
        wait(&self.reference, async {
            self.store.blob(layer).await?.into_artifact(name).await
        })
    }

    /// The bytes of the one file that it stores.
    pub(super) fn module(&self, limit: u64) -> Result<Artifact, Failure> {
        let layer = self.layer()?;
        let bytes = wait(&self.reference, async {
            self.store.blob(layer).await?.read(limit).await
        })?;
        Ok(Artifact::from_bytes(
            self.reference.to_string(),
            bytes.into(),
        ))
    }

    fn layer(&self) -> Result<&Descriptor, Failure> {
        match self.manifest.layers() {
            [layer] => Ok(layer),
            layers => Err(
                Failure::cant_say(format!("`{}` is not one file", self.reference))
                    .with("seen", format!("{} layers", layers.len()))
                    .hint(format!(
                        "`prov discover {}` shows what is in it",
                        self.reference
                    )),
            ),
        }
    }
}
