//! Files inside of the artifact: what the SBOM says is in it, with a digest of its own,
//! such as a WebAssembly module in a program. Somebody should have attested them too.

use serde_json::Value;

use super::component::{list, root};
use super::judge::Counted;
use super::rule::Rule;
use super::trust::describe;
use super::verdict::{Finding, Outcome, printable};
use super::{Policy, expectation::backing_of};
use crate::artifact::{Algorithm, Artifact, Digest};
use crate::statement::predicate::is_cyclonedx;
use crate::statement::{SLSA_PROVENANCE_V1, Statement};
use crate::verify::Verified;

/// The most files that are looked at.
const MAX_FILES: usize = 64;
/// The most components that are looked through for them.
const MAX_COMPONENTS: usize = 200_000;

/// The files that a CycloneDX document says are inside of its subject, as artifacts that
/// are elsewhere: components that are no package of a package manager and have a SHA-256.
pub fn embedded(statement: &Statement) -> Vec<Artifact> {
    let predicate = &statement.predicate;
    if !is_cyclonedx(&statement.predicate_type) {
        return Vec::new();
    }
    let mut open: Vec<&Value> = list(predicate, "components")
        .unwrap_or_default()
        .iter()
        .collect();
    open.extend(
        root(predicate)
            .and_then(|root| list(root, "components").ok())
            .unwrap_or_default(),
    );
    let (mut files, mut seen): (Vec<Artifact>, usize) = (Vec::new(), 0);
    while let Some(component) = open.pop() {
        seen += 1;
        if seen > MAX_COMPONENTS || files.len() >= MAX_FILES {
            break;
        }
        open.extend(list(component, "components").unwrap_or_default());
        if let Some(file) = file(component)
            && !files.iter().any(|known| known.digest() == file.digest())
        {
            files.push(file);
        }
    }
    files.sort_by(|a, b| (a.name(), a.digest()).cmp(&(b.name(), b.digest())));
    files
}

fn file(component: &Value) -> Option<Artifact> {
    let text = |key: &str| component.get(key).and_then(Value::as_str);
    // A crate's checksum is that of its archive, which is not inside.
    let managed = ["pkg:cargo/", "pkg:golang/", "pkg:npm/", "pkg:pypi/"];
    let purl = text("purl").unwrap_or_default();
    let is_file = matches!(
        text("type"),
        Some("file" | "application" | "container" | "firmware")
    );
    if !is_file || managed.iter().any(|kind| purl.starts_with(kind)) {
        return None;
    }
    let hashes = list(component, "hashes").ok()?.iter();
    let mut sha256 = hashes.filter(|hash| hash["alg"] == "SHA-256");
    let hex = sha256
        .next()?
        .get("content")?
        .as_str()?
        .to_ascii_lowercase();
    let digest = Digest::from_hex(Algorithm::Sha256, &hex).ok()?;
    Some(Artifact::from_digest(printable(text("name")?), digest))
}

impl Policy {
    /// A finding for each file inside: provenance of it by a signer whom the policy trusts,
    /// or none. Without `[sbom] embedded` it is only told.
    pub(super) fn embedded(
        &self,
        counted: &[Counted<'_>],
        evidence: &[Verified<Statement>],
    ) -> Vec<Finding> {
        let asked = self.sbom.as_ref().and_then(|rules| rules.embedded.as_ref());
        let mut files: Vec<Artifact> = Vec::new();
        for file in counted
            .iter()
            .flat_map(|each| embedded(each.evidence.value()))
        {
            if !files.iter().any(|known| known.digest() == file.digest()) {
                files.push(file);
            }
        }
        let wanted = "provenance of every file inside, by a signer that the policy trusts";
        let say = |file: &Artifact| {
            let provenance = evidence.iter().find(|each| {
                each.value().predicate_type == SLSA_PROVENANCE_V1
                    && each.value().speaks_of(file)
                    && self.entry(each).is_ok()
            });
            let name = format!("{} {}", file.name(), file.digest());
            let seen = match provenance {
                Some(found) => format!("{name} is attested by {}", describe(found.signer())),
                None => format!("{name}: no such provenance was found"),
            };
            // Unasked it shows nothing that the policy wants.
            let outcome = asked.map_or(Outcome::Noted, |_| Outcome::of(provenance.is_some()));
            Finding::new(Rule::Embedded, outcome, seen, wanted)
                .backed(provenance.map(|found| backing_of(found.signer())))
                .at(asked.and_then(|wanted| wanted.line))
                .fix("name the bundle of that file too: `--bundle FILE`")
        };
        let mut findings: Vec<Finding> = files.iter().map(say).collect();
        if let Some(asked) = asked.filter(|_| findings.is_empty()) {
            let seen = "the SBOM names no file inside";
            let finding = Finding::new(Rule::Embedded, Outcome::Noted, seen, wanted);
            findings.push(finding.at(asked.line));
        }
        findings
    }
}
