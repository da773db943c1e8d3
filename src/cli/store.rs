//! Registries and layouts on the command line: references, and what is at them.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use crate::artifact::{Artifact, Digest};
use crate::bundle::Evidence;
use crate::oci::{
    self, Attached, Descriptor, Manifest, Name, OciError, Patience, Place, Progress, Reference,
    Store,
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

/// What all transfers of this process have moved so far: one bar shows them together.
static MOVED: LazyLock<Progress> = LazyLock::new(Progress::default);

/// The store that `reference` names, to read what is there: mirrors are asked first.
pub(super) fn open(reference: &Reference) -> Result<Box<dyn Store>, Failure> {
    reference
        .store(Patience::default(), &MOVED)
        .map_err(|error| failure(&error, reference))
}

/// The store that `reference` names, to write to it and read that back.
pub(super) fn open_target(reference: &Reference) -> Result<Box<dyn Store>, Failure> {
    reference
        .target(Patience::default(), &MOVED)
        .map_err(|error| failure(&error, reference))
}

/// Runs `work` to its end; its failure is about `reference`.
pub(super) fn wait<T>(
    reference: &Reference,
    work: impl Future<Output = Result<T, OciError>>,
) -> Result<T, Failure> {
    wait_for(work)
        .and_then(|done| done)
        .map_err(|error| failure(&error, reference))
}

/// Runs `work` to its end, and shows how far its transfers are when that takes long.
pub(super) fn wait_for<T>(work: impl Future<Output = T>) -> Result<T, OciError> {
    // Where several threads wait, one of them shows what all do.
    static SHOWN: Mutex<()> = Mutex::new(());
    let _shown = SHOWN.try_lock().ok().map(|alone| {
        let bar = ui::Waiting::transfer(|| (MOVED.moved(), MOVED.expected()));
        (bar, alone)
    });
    oci::wait(work)
}

/// A failure of a store. It never knows a no: that something is not signed can be
/// said only when all of it was seen.
pub(super) fn failure(error: &OciError, reference: &Reference) -> Failure {
    if let OciError::Everywhere { error, mirrors } = error {
        return mirrors.iter().fold(failure(error, reference), |it, said| {
            it.with("mirror", said)
        });
    }
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
        (OciError::ProxySetting { .. }, _) => {
            failure.with("wanted", "http://[USER:PASSWORD@]HOST[:PORT], and no SOCKS")
        }
        (OciError::Proxy { proxy, .. }, _) if error.is_proxy_login() => failure.hint(format!(
            "`HTTPS_PROXY=http://USER:PASSWORD@{proxy}` tells it who asks"
        )),
        (OciError::Proxy { host, .. }, _) => failure.hint(format!(
            "`NO_PROXY={}` goes round it",
            host.split(':').next().unwrap_or(host)
        )),
        (OciError::ClientCertificate { host, shown, .. }, place) => match shown {
            // Elsewhere none is ever shown.
            None if !matches!(place, Place::Registry(it) if it.host == *host) => failure,
            Some(shown) => failure
                .with("shown", shown.display())
                .hint("`openssl x509 -noout -issuer -dates -in FILE` tells whose it is"),
            None => failure.hint(format!(
                "`client.cert` and `client.key` in `~/.config/containers/certs.d/{host}` are shown \
                 to it"
            )),
        },
        (OciError::ServerCertificate { registry, .. }, _) => failure.hint(format!(
            "an authority in `~/.config/containers/certs.d/{registry}/ca.crt` is trusted for it"
        )),
        (OciError::Mirror { mirror, .. }, _) => failure.hint(format!(
            "without {mirror} in `registries.conf`, the registry itself is asked"
        )),
        (OciError::Registries { .. }, _) => failure.hint(
            "`man containers-registries.conf` says what may stand there; \
             `CONTAINERS_REGISTRIES_CONF=FILE` names another file",
        ),
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

    /// Its manifest, or those of the platforms under an index.
    pub(super) fn platforms(&self) -> Result<Vec<Manifest>, Failure> {
        let entries = self.manifest.manifests();
        if entries.is_empty() {
            return Ok(vec![self.manifest.clone()]);
        }
        let real = entries.iter().filter(|entry| !oci::is_buildkit(entry));
        let names = real.map(|entry| Name::Digest(entry.digest.clone()));
        names
            .map(|name| wait(&self.reference, self.store.manifest(&name)))
            .collect()
    }

    /// What `keep` makes of the bundles that are attached, see [`oci::bundles`]; what does
    /// not count is told.
    pub(super) fn bundles<T>(&self, keep: impl Fn(Attached) -> T) -> Result<Vec<T>, Failure> {
        let store = &*self.store;
        let bundles = wait(&self.reference, async {
            let referrers = oci::referrers(store, self.manifest.digest()).await?;
            oci::bundles(store, referrers, keep).await
        })?;
        for (digest, error) in &bundles.unread {
            ui::warn(&format!(
                "the referrer {digest} does not count: {}",
                reasons(error)
            ));
        }
        Ok(bundles.kept)
    }

    /// The evidence that is attached.
    pub(super) fn attached(&self) -> Result<Vec<Evidence>, Failure> {
        self.bundles(Attached::into_evidence)
    }

    /// The evidence that was named, or that is attached.
    pub(super) fn evidence(&self, gate: &GateArgs) -> Result<Vec<Evidence>, Failure> {
        if !gate.bundles.is_empty() {
            return gate.evidence(Path::new(""));
        }
        let evidence = self.attached()?;
        match evidence.is_empty() {
            true => Err(self.no_evidence(", `--bundle FILE` names another place")),
            false => Ok(evidence),
        }
    }

    /// The failure where nothing is attached; `or` is what else can be done about it.
    pub(super) fn no_evidence(&self, or: &str) -> Failure {
        let reference = &self.reference;
        Failure::no(format!("no evidence about `{reference}`"))
            .with("digest", self.manifest.digest())
            .with("seen", "no bundle attached to it")
            .hint(format!("`prov attach {reference} BUNDLE` attaches one{or}"))
    }

    /// What `evidence` speaks of: the manifest, whose digest pins all that is under it,
    /// or else the one file that it stores.
    pub(super) fn artifact(&self, evidence: &[Evidence]) -> Result<Artifact, Failure> {
        match self.is_about_manifest(evidence) {
            true => Ok(self.as_artifact(&self.manifest)),
            false => {
                let (layer, name) = (self.layer()?, self.reference.to_string());
                wait(&self.reference, async {
                    self.store.blob(layer).await?.into_artifact(name).await
                })
            }
        }
    }

    /// Whether what is judged is the manifest, and not the one file that it stores.
    pub(super) fn is_about_manifest(&self, evidence: &[Evidence]) -> bool {
        speaks_of(evidence, self.manifest.digest()) || self.manifest.layers().len() != 1
    }

    /// A manifest as what is judged.
    pub(super) fn as_artifact(&self, manifest: &Manifest) -> Artifact {
        Artifact::from_bytes(self.reference.to_string(), manifest.bytes().to_vec())
    }

    /// Where consumers get it from, as a URI, if that is a registry: where a layout
    /// lies is this machine's affair.
    pub(super) fn uri(&self) -> Option<String> {
        match &self.reference.place {
            Place::Registry(repository) => Some(format!(
                "oci://{}/{}@{}",
                repository.host,
                repository.path,
                self.manifest.digest()
            )),
            Place::Layout(_) => None,
        }
    }

    /// The bytes of the one file that it stores, which `evidence` must be about: that
    /// the manifest was attested is no word about what a module in it may do.
    pub(super) fn module(&self, limit: u64, evidence: &[Evidence]) -> Result<Artifact, Failure> {
        let layer = self.layer()?;
        if speaks_of(evidence, self.manifest.digest()) && !may_speak_of(evidence, &layer.digest) {
            return Err(Failure::no(format!(
                "the evidence about `{}` is about its manifest, not about the module that runs",
                self.reference
            ))
            .with("seen", self.manifest.digest())
            .with("wanted", &layer.digest)
            .hint(format!(
                "`prov attest FILE --push {}` states both",
                self.reference
            )));
        }
        let name = self.reference.to_string();
        wait(&self.reference, async {
            self.store.blob(layer).await?.into_held(name, limit).await
        })
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

/// Whether a statement in it names the digest, by its own word.
pub(super) fn speaks_of(evidence: &[Evidence], digest: &Digest) -> bool {
    evidence
        .iter()
        .filter_map(|each| each.bundle.unverified_head().ok())
        .any(|head| head.subject_digests().any(|named| named == digest))
}

/// The same, and for what names nothing: a signature over bytes.
fn may_speak_of(evidence: &[Evidence], digest: &Digest) -> bool {
    speaks_of(evidence, digest)
        || evidence
            .iter()
            .any(|each| each.bundle.unverified_head().is_err())
}
