//! Whoever is not known gets little memory, and nobody who is known loses by it.

use super::*;
use prov::verify::{Allowance, Certificate, Verified};

const SIGNER: &str = "https://github.com/wasmCloud/prov/.github/workflows/attest.yml@refs/tags/v1";

/// Verifies what `change` makes of a workflow's bundle.
fn verified(
    known: fn(&Certificate) -> bool,
    allowance: &mut Allowance,
    root: &str,
    change: impl FnOnce(&mut Value),
) -> Result<Verified<Statement>, VerifyError> {
    let mut bundle: Value = serde_json::from_slice(&read("bundles/local-stack/ci.json")).unwrap();
    change(&mut bundle);
    let evidence = Evidence {
        origin: "ci.json".into(),
        bundle: Bundle::parse(bundle.to_string().as_bytes()).unwrap(),
    };
    let artifact = Artifact::from_bytes("mod.wasm", read("bundles/local-stack/mod.wasm"));
    let trust = Trust::default()
        .with_root(&text(root))
        .unwrap()
        .with_known(known);
    verify::statement_within(&artifact, &evidence, &trust, allowance)
}

const ROOT: &str = "bundles/local-stack/trusted_root.json";

fn signer(certificate: &Certificate) -> bool {
    certificate.identity == SIGNER
}

fn nobody(_: &Certificate) -> bool {
    false
}

#[test]
fn a_stranger_has_what_is_left() {
    let mut allowance = Allowance::default();
    assert!(verified(nobody, &mut allowance, ROOT, |_| {}).is_ok());
    let weight = 24 << 20;
    assert!(verified(nobody, &mut Allowance::of(weight), ROOT, |_| {}).is_ok());
    let mut little = Allowance::of(1000);
    let error = verified(nobody, &mut little, ROOT, |_| {}).unwrap_err();
    assert!(
        matches!(error, VerifyError::TooHeavy { left: 1000, .. }),
        "{error}"
    );
    // The same statement once more and once more, until nothing is left.
    let mut some = Allowance::of(20_000);
    let mut verify = || verified(nobody, &mut some, ROOT, |_| {}).is_ok();
    let taken = (0..50).filter(|_| verify()).count();
    assert!((1..50).contains(&taken), "{taken}");
}

#[test]
fn who_is_known_has_all() {
    for _ in 0..3 {
        let statement = verified(signer, &mut Allowance::of(0), ROOT, |_| {}).unwrap();
        assert!(matches!(statement.signer(), Signer::Certificate(it) if it.identity == SIGNER));
        assert!(statement.logged());
    }
}

#[test]
fn nobody_is_known_by_a_word_alone() {
    let payload = "/dsseEnvelope/payload";
    let refused = |change: fn(&mut Value), root| {
        verified(signer, &mut Allowance::of(0), root, change).unwrap_err()
    };
    // A genuine certificate, and a statement that its holder never signed.
    let other = refused(
        |bundle| {
            let payload = bundle.pointer_mut("/dsseEnvelope/payload").unwrap();
            let mut text = BASE64.decode(payload.as_str().unwrap()).unwrap();
            text.push(b' ');
            *payload = json!(BASE64.encode(text));
        },
        ROOT,
    );
    assert!(
        matches!(other, VerifyError::BadSignature),
        "{payload}: {other}"
    );
    // A certificate that no root vouches for.
    let public_good = "bundles/instance/trusted_root_rekor1.json";
    let strange = refused(|_| {}, public_good);
    assert!(!matches!(strange, VerifyError::BadSignature), "{strange}");
    // One that no log has seen.
    let unlogged = refused(
        |bundle| bundle["verificationMaterial"]["tlogEntries"] = json!([]),
        ROOT,
    );
    assert!(matches!(unlogged, VerifyError::NotLogged), "{unlogged}");
}
