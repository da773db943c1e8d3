//! The bill of materials of an artifact: made of it and its source, or given.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use crate::artifact::Digest;
use crate::json;
use crate::sbom::{
    Component, Inventory, Kind, Occurrence, SbomError, Settings, Technique, Tree, collect, document,
};
use crate::statement::predicate::SPDX_DOCUMENT;
use crate::statement::{CYCLONEDX_BOM, MAX_STATEMENT, ResourceDescriptor};

use super::subject::Subject;
use crate::cli::error::{Failure, reasons};
use crate::cli::{files, sbom};

/// A bill of materials, ready to be stated.
pub(super) struct Contents {
    /// Its predicate type.
    pub(super) predicate_type: &'static str,
    /// The document.
    pub(super) document: Value,
    /// The file that it came from.
    pub(super) byproduct: Option<ResourceDescriptor>,
}

impl Contents {
    /// Reads a document that something else made.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = files::read(path, MAX_STATEMENT as u64, "bill of materials")?;
        let document = json::parse(&bytes, MAX_STATEMENT).map_err(|error| {
            Failure::cant_say(format!("`{}` is no acceptable JSON", path.display()))
                .with("reason", error)
        })?;
        let (predicate_type, media_type) = match &document {
            bom if bom["bomFormat"] == "CycloneDX" => {
                (CYCLONEDX_BOM, "application/vnd.cyclonedx+json")
            }
            bom if bom["spdxVersion"].is_string() => (SPDX_DOCUMENT, "application/spdx+json"),
            _ => {
                return Err(Failure::cant_say(format!(
                    "`{}` is no bill of materials",
                    path.display()
                ))
                .with("wanted", "CycloneDX or SPDX 2 as JSON")
                .hint("`prov sbom . --output app.cdx.json` makes one"));
            }
        };
        let mut byproduct = ResourceDescriptor::named(files::name(path), &[Digest::sha256(&bytes)]);
        byproduct.media_type = Some(media_type.to_owned());
        Ok(Self {
            predicate_type,
            document,
            byproduct: Some(byproduct),
        })
    }

    /// Lists what the subject consists of, by itself and by its source. `None` when
    /// nothing was found that is understood.
    pub(super) fn make(
        subject: &Subject,
        source: Option<&Path>,
        verbose: bool,
    ) -> Result<Option<Self>, Failure> {
        let failed = |error: SbomError| {
            Failure::cant_say(format!("cannot list what `{}` consists of", subject.name))
                .with("reason", reasons(&error))
        };
        let mut inventory = Inventory::default();
        let add = |tree: Result<Tree, SbomError>, inventory: &mut Inventory| {
            let tree = tree.map_err(failed)?.with_caches(sbom::caches());
            collect(&tree, inventory).map_err(failed)
        };
        if let Some(source) = source {
            add(Tree::walk(source), &mut inventory)?;
        }
        if let Some(file) = &subject.file {
            add(Tree::file(file), &mut inventory)?;
        }
        let mut root = Component::file(&subject.name, subject.artifact.digest())
            .of_kind(Kind::File)
            .seen(Occurrence::at(&subject.name), Technique::HashComparison);
        root.hashes = subject.digests().map(Into::into).collect();
        let settings = Settings {
            root: Some(inventory.add(root).map_err(failed)?),
            name: subject.name.clone(),
            timestamp: source.map(sbom::timestamp).transpose()?.flatten(),
            ..Settings::default()
        };
        let made = document(inventory, &settings).map_err(failed)?;
        sbom::tell(&made.notes, verbose);
        if made.bom.components.is_empty() {
            return Ok(None);
        }
        let document = serde_json::to_value(&made.bom).map_err(|error| {
            Failure::cant_say("cannot write the document").with("reason", error)
        })?;
        Ok(Some(Self {
            predicate_type: CYCLONEDX_BOM,
            document,
            byproduct: None,
        }))
    }

    /// For people: what it is and how much.
    pub(super) fn what(&self) -> String {
        let count = |list: &str| self.document[list].as_array().map_or(0, Vec::len);
        match self.predicate_type {
            CYCLONEDX_BOM => format!("CycloneDX SBOM of {} components", count("components")),
            _ => format!("SPDX SBOM of {} packages", count("packages")),
        }
    }

    /// The packages that are pinned by a digest, as what went into the build. A
    /// package of which several files exist does not say which one went in, so it
    /// is left out.
    pub(super) fn dependencies(&self, into: &mut BTreeMap<String, ResourceDescriptor>) {
        let mut todo: Vec<&Value> = self.document["components"]
            .as_array()
            .into_iter()
            .flatten()
            .collect();
        while let Some(component) = todo.pop() {
            todo.extend(component["components"].as_array().into_iter().flatten());
            let digest = digest_set(component);
            if let Some(purl) = component["purl"].as_str()
                && !digest.is_empty()
            {
                let dependency = ResourceDescriptor {
                    uri: Some(purl.to_owned()),
                    digest,
                    ..ResourceDescriptor::default()
                };
                into.insert(purl.to_owned(), dependency);
            }
        }
    }
}

/// A component's digests by their names in in-toto's DigestSet. Go's `h1:` sum is
/// `dirHash` there.
fn digest_set(component: &Value) -> BTreeMap<String, String> {
    let mut digests = BTreeMap::new();
    for hash in component["hashes"].as_array().into_iter().flatten() {
        let name = match hash["alg"].as_str() {
            Some("SHA-1") => "sha1",
            Some("SHA-256") => "sha256",
            Some("SHA-384") => "sha384",
            Some("SHA-512") => "sha512",
            _ => continue,
        };
        if let Some(hex) = hash["content"].as_str() {
            digests.insert(name.to_owned(), hex.to_owned());
        }
    }
    for property in component["properties"].as_array().into_iter().flatten() {
        if property["name"] == "prov:go:h1"
            && let Some(sum) = property["value"].as_str()
            && let Ok(bytes) = BASE64.decode(sum.trim_start_matches("h1:"))
        {
            let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            digests.insert("dirHash".to_owned(), hex);
        }
    }
    digests
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn packages_with_a_digest_went_in_and_others_are_left_out() {
        let contents = Contents {
            predicate_type: CYCLONEDX_BOM,
            byproduct: None,
            document: json!({"components": [
                {"purl": "pkg:cargo/a@1", "hashes": [
                    {"alg": "SHA-256", "content": "aa"}, {"alg": "MD5", "content": "bb"},
                ], "components": [
                    {"purl": "pkg:golang/x.example/y@v1", "properties": [
                        {"name": "prov:go:h1", "value": "h1:AAEC/w=="},
                    ]},
                ]},
                {"purl": "pkg:pypi/b@1"},
                {"name": "c", "hashes": [{"alg": "SHA-256", "content": "cc"}]},
                7,
            ]}),
        };
        let mut found = BTreeMap::new();
        contents.dependencies(&mut found);
        let found: Vec<_> = found
            .values()
            .map(|each| (each.uri.as_deref().unwrap(), each.digest.clone()))
            .collect();
        let set = |name: &str, hex: &str| BTreeMap::from([(name.to_owned(), hex.to_owned())]);
        assert_eq!(
            found,
            [
                ("pkg:cargo/a@1", set("sha256", "aa")),
                ("pkg:golang/x.example/y@v1", set("dirHash", "000102ff")),
            ]
        );
        assert_eq!(contents.what(), "CycloneDX SBOM of 4 components");
    }
}
