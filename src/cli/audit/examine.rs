//! From an item to what is known about it.

use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::artifact::Artifact;
use crate::audit::{Audit, Broken, Found, Rejected};
use crate::bundle::Evidence;
use crate::cli::error::Failure;
use crate::cli::gate::{self, Gate, Genuine};
use crate::cli::store::Stored;
use crate::cli::{files, rejected, target};
use crate::oci::{self, Manifest, Name, Reference, Store};
use crate::statement::Statement;

use super::Outcome;
use super::item::Item;

/// How deep indexes stand in indexes.
const MAX_DEPTH: usize = 4;

/// An audit, and what it was made of.
pub(in crate::cli) struct Examined {
    pub(in crate::cli) audit: Audit,
    pub(in crate::cli) genuine: Genuine,
}

/// All that an item stands for, audited: an index stands for its platforms. `named` is
/// the evidence that was named.
pub(super) fn all(item: &Item, named: &[PathBuf], gate: &Gate) -> Vec<Outcome> {
    match each(item, named, gate) {
        Ok(examined) => examined.into_iter().map(|each| Ok(each.audit)).collect(),
        Err(failure) => vec![Err(broken(item.name(), &failure))],
    }
}

/// The same with what it was made of.
pub(in crate::cli) fn each(
    item: &Item,
    named: &[PathBuf],
    gate: &Gate,
) -> Result<Vec<Examined>, Failure> {
    match item {
        Item::File(path) => file(path, named, gate).map(|it| vec![it]),
        Item::Stored {
            reference,
            name,
            store,
        } => stored(reference, name, store.clone(), named, gate),
    }
}

impl Examined {
    /// The genuine statements that the policy counts; without one, all of them.
    pub(in crate::cli) fn counted(&self) -> impl Iterator<Item = &Statement> {
        // The genuine statements come first among the attestations.
        let attestations = self.audit.attestations.iter();
        let statements = self.genuine.statements.iter().zip(attestations);
        statements
            .filter(|(_, attestation)| attestation.trusted != Some(false))
            .map(|(statement, _)| statement.value())
    }
}

fn broken(name: String, failure: &Failure) -> Broken {
    let details = failure
        .details
        .iter()
        .map(|(label, text)| format!("{label} {text}"));
    let why = std::iter::once(failure.message.clone()).chain(details);
    Broken {
        name,
        why: why.collect::<Vec<_>>().join(", "),
        hint: failure.hint.clone(),
    }
}

fn file(path: &Path, named: &[PathBuf], gate: &Gate) -> Result<Examined, Failure> {
    let mut file = files::open(path, "artifact")?;
    let paths = match named.is_empty() {
        true => gate::beside(path),
        false => named.to_vec(),
    };
    let evidence = gate::read_evidence(&paths)?;
    let unreadable = |error| {
        Failure::cant_say(format!("cannot read the artifact `{}`", path.display()))
            .with("reason", error)
    };
    let mut head = Vec::new();
    file.by_ref()
        .take(8)
        .read_to_end(&mut head)
        .map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    let name = path.display().to_string();
    let artifact = target::streamed(&name, file, &evidence)?;
    audit(&name, &artifact, &evidence, (media_type(&head), None), gate)
}

/// What the first bytes say.
fn media_type(head: &[u8]) -> Option<&'static str> {
    let types: [(&[u8], &str); 8] = [
        (b"\0asm", "application/wasm"),
        (b"\x7fELF", "application/x-elf"),
        (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
        (b"\xca\xfe\xba\xbe", "application/x-mach-binary"),
        (b"MZ", "application/vnd.microsoft.portable-executable"),
        (b"\x1f\x8b", "application/gzip"),
        (b"\x28\xb5\x2f\xfd", "application/zstd"),
        (b"PK\x03\x04", "application/zip"),
    ];
    types
        .iter()
        .find(|(magic, _)| head.starts_with(magic))
        .map(|(_, name)| *name)
}

fn stored(
    reference: &Reference,
    name: &str,
    store: Option<Arc<dyn Store>>,
    named: &[PathBuf],
    gate: &Gate,
) -> Result<Vec<Examined>, Failure> {
    let found = match store {
        Some(store) => Stored::find_in(store, reference)?,
        None => Stored::find(reference)?,
    };
    let mut audits = Vec::new();
    entry(&found, name, None, 0, (named, gate), &mut audits)?;
    Ok(audits)
}

/// One manifest, or all that an index lists. The index pins its platforms by digest,
/// so evidence about it is enough for them; one that has none of its own is looked at
/// by itself only where nothing is said of the index.
fn entry(
    found: &Stored,
    name: &str,
    platform: Option<&str>,
    depth: usize,
    (named, gate): (&[PathBuf], &Gate),
    audits: &mut Vec<Examined>,
) -> Result<(), Failure> {
    let evidence = match named.is_empty() {
        true => found.attached()?,
        false => gate::read_evidence(named)?,
    };
    let platforms = platforms(&found.manifest);
    if platforms.is_empty() || !evidence.is_empty() {
        let artifact = found.artifact(&evidence)?;
        let media_type = media_type_of(&found.manifest);
        audits.push(audit(
            name,
            &artifact,
            &evidence,
            (Some(media_type), platform),
            gate,
        )?);
    }
    if depth >= MAX_DEPTH {
        return Ok(());
    }
    // It is large, and what is below may have as much.
    let is_evident = !evidence.is_empty();
    drop(evidence);
    for (child, platform) in platforms {
        let reference = found.reference.with_name(child);
        let below = Stored::find_in(found.store.clone(), &reference)?;
        if is_evident && below.attached()?.is_empty() {
            continue;
        }
        let name = format!("{name} {}", platform.as_deref().unwrap_or("?"));
        entry(
            &below,
            &name,
            platform.as_deref(),
            depth + 1,
            (named, gate),
            audits,
        )?;
    }
    Ok(())
}

/// What an index lists, without what BuildKit put there.
fn platforms(manifest: &Manifest) -> Vec<(Name, Option<String>)> {
    let entries = manifest.manifests().iter();
    let real = entries.filter(|entry| !oci::is_buildkit(entry));
    real.map(|entry| {
        let platform = entry.platform.as_ref().map(ToString::to_string);
        (Name::Digest(entry.digest.clone()), platform)
    })
    .collect()
}

/// What it says that it is: of one layer, that layer's type.
fn media_type_of(manifest: &Manifest) -> &str {
    match manifest.layers() {
        [only] => &only.media_type,
        _ => manifest.kind_of_artifact().unwrap_or(manifest.media_type()),
    }
}

fn audit(
    name: &str,
    artifact: &Artifact,
    evidence: &[Evidence],
    (media_type, platform): (Option<&str>, Option<&str>),
    gate: &Gate,
) -> Result<Examined, Failure> {
    let genuine = gate.examine(artifact, evidence)?;
    let rejected = rejected(&genuine, evidence);
    let verdict = gate.verdict(artifact, &genuine);
    let policy = gate.policy().unwrap_or_default();
    let audit = Audit::of(&Found {
        name,
        artifact,
        media_type,
        platform,
        verdict: verdict.as_ref().map(|verdict| (policy, verdict)),
        statements: &genuine.statements,
        signatures: &genuine.signatures,
        rejected: &rejected,
    });
    Ok(Examined { audit, genuine })
}

fn rejected(genuine: &Genuine, evidence: &[Evidence]) -> Vec<Rejected> {
    let claimed = |origin: &str| {
        let mut named = evidence.iter().filter(|each| each.origin == origin);
        // One file may hold several, and then it is not known which of them it was.
        match (named.next(), named.next()) {
            (Some(only), None) => only.bundle.unverified_head().ok(),
            _ => None,
        }
    };
    let rejected = genuine.rejected.iter().map(|(origin, error)| Rejected {
        origin: origin.clone(),
        predicate_type: claimed(origin).map(|head| head.predicate_type().to_owned()),
        why: rejected::explain(error),
    });
    rejected.collect()
}
