//! What a program says of a WebAssembly module that it carries and that cannot
//! be seen in it, since it is compressed there.
//!
//! Such a program often holds the module's provenance in the clear: a Sigstore
//! bundle around an in-toto statement, which names the module, its digest and
//! what it was built of. Nothing is verified here, and the module's bytes were
//! not seen: it is what the program says of itself, marked as such.

use std::io::{self, Read, Seek};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::IgnoredAny;
use serde_json::Deserializer;

use super::SbomError;
use super::component::Component;
use super::embeds;
use super::evidence::{Occurrence, Technique};
use super::go;
use super::inventory::{Inventory, Relation};
use super::model::Aggregate;
use super::reference::Ref;
use super::window::Window;
use crate::artifact::{Algorithm, Digest};
use crate::bundle::Bundle;
use crate::purl::Purl;
use crate::statement::slsa::Provenance;
use crate::statement::{ResourceDescriptor, SLSA_PROVENANCE_V1, Statement};

/// What stands in every bundle (Sigstore bundle format, `mediaType`).
pub const MARK: &[u8] = b"application/vnd.dev.sigstore.bundle";

/// The largest bundle that is read out of a program, in bytes.
pub const MAX_BUNDLE: u64 = 1 << 20;
/// About the most bytes of memory that a statement in one may take.
const MAX_WEIGHT: usize = 8 << 20;
/// The most bundles of one program.
pub const MAX_CLAIMS: usize = 64;
/// How far before the mark a bundle may start, in bytes.
const BEFORE: u64 = 64;

/// A module that a program says it carries.
#[derive(Debug)]
pub struct Claim {
    offset: u64,
    name: String,
    digest: Digest,
    provenance: Provenance,
}

/// The claims that stand around `marks`.
pub fn claims<R: Read + Seek>(file: &mut Window<R>, marks: &[u64]) -> io::Result<Vec<Claim>> {
    let mut claims = Vec::new();
    for mark in marks {
        let start = mark.saturating_sub(BEFORE);
        let head = file.read(start..*mark)?;
        let Some(brace) = head.iter().rposition(|byte| *byte == b'{') else {
            continue;
        };
        let offset = start + brace as u64;
        let bytes = file.read(offset..offset + MAX_BUNDLE)?;
        let mut values = Deserializer::from_slice(&bytes).into_iter::<IgnoredAny>();
        let whole = matches!(values.next(), Some(Ok(_)));
        let bundle = bytes.get(..values.byte_offset()).unwrap_or_default();
        if whole && let Some(statement) = statement(bundle) {
            claims.extend(claim(offset, &statement));
        }
    }
    Ok(claims)
}

fn statement(bundle: &[u8]) -> Option<Statement> {
    let bundle = Bundle::parse(bundle).ok()?;
    let head = bundle.unverified_head().ok()?;
    let is_light = head.weight() <= MAX_WEIGHT;
    is_light.then(|| bundle.unverified_statement().ok())?
}

/// Only provenance of one module counts: a program may hold bundles of other
/// things for other reasons.
fn claim(offset: u64, statement: &Statement) -> Option<Claim> {
    let [subject] = statement.subject.as_slice() else {
        return None;
    };
    let name = subject.name.as_deref()?;
    if statement.predicate_type != SLSA_PROVENANCE_V1 || !name.ends_with(".wasm") {
        return None;
    }
    let digests = statement.subject_digests();
    Some(Claim {
        offset,
        name: name.to_owned(),
        digest: digests
            .into_iter()
            .find(|each| each.algorithm() == Algorithm::Sha256)?,
        provenance: serde_json::from_value(statement.predicate.clone()).ok()?,
    })
}

impl Claim {
    /// Adds the module as a part of `file`, and its dependencies as parts of it.
    pub fn add(&self, inventory: &mut Inventory, file: &Ref, path: &str) -> Result<(), SbomError> {
        let seen = |component: Component| {
            let mut place = Occurrence::at(path);
            place.offset = Some(self.offset);
            component.seen(place, Technique::Attestation)
        };
        let mut module = seen(Component::file(&self.name, &self.digest));
        module.mime_type = Some("application/wasm".to_owned());
        module.property("prov:carried", "claimed");
        let module = inventory.add(module)?;
        inventory.relate(file, Relation::Contains, &module)?;
        // SLSA asks for a complete list of dependencies at no level.
        inventory.know_parts(&module, Aggregate::Unknown);
        let definition = &self.provenance.build_definition;
        for dependency in &definition.resolved_dependencies {
            if let Some(component) = package(dependency) {
                let id = inventory.add(seen(component))?;
                inventory.relate(&module, Relation::Contains, &id)?;
            }
        }
        let go = definition.internal_parameters.get("go");
        if let Some(version) = go.and_then(|go| go.as_str()?.strip_prefix("go")) {
            let id = inventory.add(seen(go::go_itself("std", version, path)?))?;
            inventory.relate(&module, Relation::Contains, &id)?;
            inventory.know_dependencies(&id, Aggregate::Complete);
        }
        let source = definition.external_parameters.get("source");
        if let Some(folder) = source.and_then(|source| source.get("path")?.as_str()) {
            embeds::tie_source(inventory, &module, &self.name, folder)?;
        }
        Ok(())
    }
}

/// A dependency that a package URL names; others are files of the source.
fn package(dependency: &ResourceDescriptor) -> Option<Component> {
    let purl: Purl = dependency.uri.as_deref()?.parse().ok()?;
    let name = match purl.namespace() {
        Some(namespace) => format!("{namespace}/{}", purl.name()),
        None => purl.name().to_owned(),
    };
    let is_go = purl.kind() == "golang";
    let mut component = Component::package(&name, purl);
    if is_go && let Some(version) = component.version.clone() {
        go::supply(&name, &version, &mut component);
    }
    // in-toto's `dirHash` is Go's `h1:` in hexadecimal.
    if let Some(hash) = dependency.digest.get("dirHash").and_then(|hex| decode(hex)) {
        component.property("prov:go:h1", format!("h1:{}", BASE64.encode(hash)));
    }
    Some(component)
}

fn decode(hex: &str) -> Option<Vec<u8>> {
    let digest = Digest::from_hex(Algorithm::Sha256, hex).ok()?;
    Some(digest.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{judge, tree::Tree};
    use super::*;

    const MODULE: &str = "pkg:golang/example.org/dep@v1.0.0";

    fn bundle(name: &str, kind: &str) -> String {
        let digest = Digest::sha256(b"the module");
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": name, "digest": {"sha256": digest.hex()}}],
            "predicateType": kind,
            "predicate": {
                "buildDefinition": {
                    "buildType": "https://example.org/build",
                    "externalParameters": {"source": {"path": "guest"}},
                    "internalParameters": {"go": "go1.26.8"},
                    "resolvedDependencies": [
                        {"digest": {"gitCommit": "0123"}},
                        {"uri": MODULE, "digest": {"dirHash": digest.hex()}},
                    ],
                },
                "runDetails": {"builder": {"id": "https://example.org/builder"}},
            },
        });
        let payload = BASE64.encode(statement.to_string());
        let signature = BASE64.encode("signature");
        format!(
            r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial":{{"publicKey":{{"hint":"x"}}}},
            "dsseEnvelope":{{"payloadType":"application/vnd.in-toto+json",
            "payload":"{payload}","signatures":[{{"sig":"{signature}"}}]}}}}"#
        )
    }

    fn program(bundle: &str) -> Vec<u8> {
        [
            &b"\x7fELF and more { \0"[..],
            bundle.as_bytes(),
            b"} and the end",
        ]
        .concat()
    }

    #[test]
    fn a_compressed_module_is_told_of_by_its_provenance() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
        std::fs::create_dir(folder.path().join("guest")).unwrap();
        write("guest/go.mod", b"module example.org/guest\n\ngo 1.21\n");
        write(
            "Cargo.lock",
            b"[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n",
        );
        write(
            "Cargo.toml",
            b"[package]\nname = \"app\"\nversion = \"0.1.0\"\n[package.metadata.prov]\n\
              embeds = [{ source = \"guest\", artifact = \"guest.wasm\" }]\n",
        );
        write("app", &program(&bundle("guest.wasm", SLSA_PROVENANCE_V1)));
        let source = Tree::walk(folder.path()).unwrap();
        let binary = Tree::file(&folder.path().join("app")).unwrap();

        let file = Ref::artifact(&Digest::sha256(b"the module"));
        let alone = judge::document_of_trees(std::slice::from_ref(&binary)).bom;
        let needs = judge::depends_on(&alone, file.as_str());
        assert_eq!(needs, [MODULE, "pkg:golang/std@1.26.8"]);
        let module = judge::component(&alone, file.as_str());
        assert_eq!(module.supplier, None);
        assert!(module.properties.iter().any(|each| each.value == "claimed"));

        let both = judge::document_of_trees(&[source, binary]).bom;
        let app = "pkg:cargo/app@0.1.0?download_url=file:%2F%2F.";
        assert!(judge::depends_on(&both, app).contains(&file.as_str()));
        let needs = judge::depends_on(&both, file.as_str());
        assert!(needs.contains(&"pkg:golang/example.org/guest"), "{needs:?}");
        let module = judge::component(&both, file.as_str());
        assert_eq!(module.supplier, both.metadata.supplier);
        let needs = judge::depends_on(&both, "pkg:golang/example.org/guest");
        assert!(needs.contains(&"pkg:golang/std@1.26.8"), "{needs:?}");
    }

    #[test]
    fn bundles_of_other_things_say_nothing_of_the_program() {
        let whole = bundle("guest.wasm", SLSA_PROVENANCE_V1);
        let cut = &whole[..whole.len() - 2];
        for text in [
            &bundle("cosign", SLSA_PROVENANCE_V1),
            &bundle("guest.wasm", "https://cyclonedx.org/bom"),
            cut,
            &whole.replace("payloadType", "payloadKind"),
            "application/vnd.dev.sigstore.bundle",
            &format!("{{{}", "[".repeat(100_000)),
        ] {
            let bytes = program(text);
            let marks: Vec<u64> = memchr::memmem::find_iter(&bytes, MARK)
                .map(|at| at as u64)
                .collect();
            let mut window = Window::new(std::io::Cursor::new(&bytes)).unwrap();
            let found = claims(&mut window, &marks).unwrap();
            assert!(found.is_empty(), "{found:?}");
        }
    }
}
