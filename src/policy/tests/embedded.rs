//! Files inside of the artifact, and who attested them.

use super::*;
use crate::artifact::Digest;

const ASKED: (&str, &str) = ("[sbom]\n", "[sbom]\nembedded = \"attested\"\n");

fn module() -> Artifact {
    Artifact::from_bytes("nats.wasm", b"module".to_vec())
}

fn inside(scene: &mut Scene) {
    scene.sbom["components"]
        .as_array_mut()
        .unwrap()
        .push(json!({
            "type": "file", "name": "nats.wasm", "licenses": [{"expression": "Apache-2.0"}],
            "hashes": [{"alg": "SHA-256", "content": Digest::sha256(b"module").hex()}],
        }));
}

fn about_module(predicate_type: &str, signer: Signer) -> Verified<Statement> {
    let subject = vec![ResourceDescriptor::of(&module())];
    Verified::for_test(
        Statement::new(subject, predicate_type, provenance()),
        signer,
    )
}

fn stranger() -> Signer {
    let mut certificate = certificate();
    certificate.issuer = "https://example.com".into();
    by(&certificate)
}

fn outcomes(scene: Scene) -> (bool, Vec<Outcome>) {
    let verdict = scene.judge();
    let found = verdict.findings().iter();
    let found = found.filter(|it| it.rule == Rule::Embedded);
    (
        verdict.passed(),
        found.map(|it| it.outcome.clone()).collect(),
    )
}

#[test]
fn every_file_inside_is_attested_when_that_is_asked() {
    let good = || about_module(SLSA_PROVENANCE_V1, by(&certificate()));
    let cases: [(&str, Vec<Verified<Statement>>, bool); 5] = [
        ("by a trusted signer", vec![good()], true),
        ("nothing", vec![], false),
        (
            "a stranger",
            vec![about_module(SLSA_PROVENANCE_V1, stranger())],
            false,
        ),
        (
            "no provenance",
            vec![about_module(CYCLONEDX_BOM, by(&certificate()))],
            false,
        ),
        (
            "of another file",
            vec![signed(SLSA_PROVENANCE_V1, provenance(), by(&certificate()))],
            false,
        ),
    ];
    for (name, more, wanted) in cases {
        let mut scene = scene();
        inside(&mut scene);
        scene.replace(ASKED.0, ASKED.1);
        scene.more = more;
        let (passed, outcomes) = outcomes(scene);
        assert_eq!(passed, wanted, "{name}");
        assert_eq!(outcomes, [Outcome::of(wanted)], "{name}");
    }
}

#[test]
fn unasked_it_is_told_and_decides_nothing() {
    for more in [
        vec![],
        vec![about_module(SLSA_PROVENANCE_V1, by(&certificate()))],
    ] {
        let mut scene = scene();
        inside(&mut scene);
        scene.more = more;
        assert_eq!(outcomes(scene), (true, vec![Outcome::Noted]));
    }
    assert_eq!(outcomes(scene()), (true, vec![]));
}

/// What speaks of a file inside can't stand for evidence about the artifact.
#[test]
fn evidence_of_a_file_is_none_of_the_artifact() {
    let mut scene = scene();
    inside(&mut scene);
    scene.attached = [false, true];
    scene.more = vec![about_module(SLSA_PROVENANCE_V1, by(&certificate()))];
    assert!(!outcomes(scene).0);
}

#[test]
fn a_checksum_of_a_package_is_no_file_inside() {
    let hash = json!([{"alg": "SHA-256", "content": Digest::sha256(b"module").hex()}]);
    for component in [
        json!({"type": "library", "name": "a", "hashes": hash}),
        json!({"type": "application", "name": "a", "purl": "pkg:cargo/a@1", "hashes": hash}),
        json!({"type": "file", "name": "a"}),
        json!({"type": "file", "name": "a", "hashes": [{"alg": "SHA-256", "content": "12"}]}),
    ] {
        let mut scene = scene();
        scene.sbom["components"] = json!([component]);
        let statement = signed(CYCLONEDX_BOM, scene.sbom, by(&certificate()));
        assert!(embedded(statement.value()).is_empty(), "{component}");
    }
}
