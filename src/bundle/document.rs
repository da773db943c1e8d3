//! The files in which bundles are handed out, and the attestations of PEP 740.
//!
//! A forge's or index's answer says more than its bundles do (publishers,
//! predicate types, repository ids). Nothing signs that, so nothing of it is kept.

use serde_json::{Value, json};

use super::{Bundle, BundleError, MAX_BUNDLES, MAX_FILE};
use crate::artifact::Digest;
use crate::json;
use crate::statement::PAYLOAD_TYPE;

/// The form that everything else is brought into.
const BUNDLE_V0_3: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// The `version` of the PEP 740 objects that there is.
const PEP_740_VERSION: u64 = 1;

impl Bundle {
    /// Reads all bundles of a file, in any form in which they are handed out:
    ///
    /// - one Sigstore bundle, or one per line (JSON lines)
    /// - a PEP 740 attestation (`*.publish.attestation`), or a provenance object
    ///   (PyPI's integrity API)
    /// - the answer of GitHub's attestations API or of npm's
    pub fn parse_all(bytes: &[u8]) -> Result<Vec<Self>, BundleError> {
        let own_error = match Self::parse(bytes) {
            Ok(bundle) => return Ok(vec![bundle]),
            Err(error) => error,
        };
        if let Some(lines) = lines(bytes)? {
            return lines.into_iter().map(Self::parse).collect();
        }
        let Ok(document) = json::parse(bytes, MAX_FILE) else {
            return Err(own_error);
        };
        match handed_out(&document)? {
            // Neither of those: one damaged bundle, whose own error helps most.
            None => Err(own_error),
            Some(bundles) => {
                let digest = Digest::sha256(bytes);
                let bundle = |bundle: &Value| {
                    let bundle = Self::parse(bundle.to_string().as_bytes())?;
                    let digest = digest.clone();
                    Ok(Self { digest, ..bundle })
                };
                bundles.iter().map(bundle).collect()
            }
        }
    }
}

/// The lines of a file of JSON lines: several that are each a JSON object.
fn lines(bytes: &[u8]) -> Result<Option<Vec<&[u8]>>, BundleError> {
    let lines: Vec<&[u8]> = bytes
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .collect();
    let is_object = |line: &&[u8]| line.starts_with(b"{") && line.ends_with(b"}");
    if lines.len() < 2 || !lines.iter().all(is_object) {
        return Ok(None);
    }
    few(lines.len())?;
    Ok(Some(lines))
}

/// The bundles in a document that is none itself, or `None` for any other one.
fn handed_out(document: &Value) -> Result<Option<Vec<Value>>, BundleError> {
    if document.get("envelope").is_some() && document.get("verification_material").is_some() {
        return Ok(Some(vec![from_pep_740(document)?]));
    }
    if let Some(groups) = document.get("attestation_bundles") {
        version(document)?;
        let mut attestations = Vec::new();
        for group in list(groups, "attestation_bundles")? {
            attestations.extend(list(&group["attestations"], "attestations")?);
        }
        few(attestations.len())?;
        let bundles = attestations.into_iter().map(from_pep_740);
        return bundles.collect::<Result<_, _>>().map(Some);
    }
    if let Some(attestations) = document.get("attestations") {
        let attestations = list(attestations, "attestations")?;
        few(attestations.len())?;
        let bundle = |each: &Value| match each.get("bundle") {
            Some(bundle) if bundle.is_object() => Ok(bundle.clone()),
            _ => Err(shape("an attestation without its `bundle`")),
        };
        return attestations
            .iter()
            .map(bundle)
            .collect::<Result<_, _>>()
            .map(Some);
    }
    Ok(None)
}

/// The bundle that says what a PEP 740 attestation object says ("Attestation
/// objects": a DSSE envelope without its payload type, a certificate, log entries).
fn from_pep_740(attestation: &Value) -> Result<Value, BundleError> {
    version(attestation)?;
    let text = |parent: &str, key: &str| match attestation[parent][key].as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(shape(&format!("`{parent}.{key}` is no text"))),
    };
    let entries = &attestation["verification_material"]["transparency_entries"];
    Ok(json!({
        "mediaType": BUNDLE_V0_3,
        "verificationMaterial": {
            "certificate": {"rawBytes": text("verification_material", "certificate")?},
            "tlogEntries": list(entries, "transparency_entries")?,
        },
        "dsseEnvelope": {
            "payloadType": PAYLOAD_TYPE,
            "payload": text("envelope", "statement")?,
            "signatures": [{"sig": text("envelope", "signature")?}],
        },
    }))
}

fn version(object: &Value) -> Result<(), BundleError> {
    match object["version"].as_u64() {
        Some(PEP_740_VERSION) => Ok(()),
        _ => Err(shape(&format!(
            "a PEP 740 object of version {}, wanted {PEP_740_VERSION}",
            object["version"]
        ))),
    }
}

/// A list that is not empty: an answer with nothing in it is no evidence.
fn list<'a>(value: &'a Value, what: &str) -> Result<&'a [Value], BundleError> {
    match value.as_array().map(Vec::as_slice) {
        Some([]) => Err(shape(&format!("`{what}` is empty"))),
        Some(items) => Ok(items),
        None => Err(shape(&format!("`{what}` is no list"))),
    }
}

fn few(count: usize) -> Result<(), BundleError> {
    if count <= MAX_BUNDLES {
        return Ok(());
    }
    Err(BundleError::TooMany {
        what: "bundles",
        count,
        limit: MAX_BUNDLES,
    })
}

fn shape(text: &str) -> BundleError {
    BundleError::Shape(text.to_owned())
}
