//! What one signs, both accept: with each kind of log, with and without timestamps.

use std::{slice, thread};

use prov::sign::{Identity, Record};
use serde_json::Value;

use crate::judges::{IDENTITY, Wanted};
use crate::stack::Stack;
use crate::{bom, cosign_bundle, prov_bundle, prov_signs, provenance};

/// The kinds of instances that there are.
fn configs(stack: &Stack) -> [(&'static str, Value); 4] {
    let (new, old, stamps) = (stack.rekor2(), stack.rekor1(), stack.timestamps());
    [
        ("rekor-2", stack.config()),
        ("rekor-1", stack.config_of(slice::from_ref(&old), &[])),
        (
            "rekor-1-and-time",
            stack.config_of(slice::from_ref(&old), &[stamps]),
        ),
        // The newer one is taken.
        ("both-listed", stack.config_of(&[new, old], &[stamps])),
    ]
}

#[test]
fn what_prov_signs_both_accept() {
    let Some(stack) = Stack::get() else { return };
    thread::scope(|scope| {
        for (name, config) in configs(stack) {
            scope.spawn(move || {
                let bundle = prov_bundle(stack, &config);
                let wanted = Wanted::new(stack);
                wanted
                    .ask_cosign(stack, &format!("prov-{name}"), &bundle)
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(wanted.ask_prov(&bundle), Ok(3), "{name}");
            });
        }
    });
}

#[test]
fn what_cosign_signs_both_accept() {
    let Some(stack) = Stack::get() else { return };
    thread::scope(|scope| {
        for (name, config) in configs(stack) {
            scope.spawn(move || {
                let bundle = cosign_bundle(stack, name, &config).unwrap();
                let wanted = Wanted::new(stack);
                assert_eq!(wanted.ask_prov(&bundle), Ok(3), "{name}");
                wanted
                    .ask_cosign(stack, &format!("cosign-{name}"), &bundle)
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
            });
        }
    });
}

#[test]
fn one_certificate_signs_all_statements_of_a_run() {
    let Some(stack) = Stack::get() else { return };
    let statements = [provenance(), bom()];
    let signatures = prov_signs(stack, &stack.config(), "", &statements).unwrap();
    assert_eq!(
        signatures.identity,
        Identity::Certificate {
            subject: IDENTITY.to_owned(),
            issuer: stack.issuer.clone(),
        }
    );
    let mut certificates = Vec::new();
    let mut entries = Vec::new();
    for (signed, statement) in signatures.signed.iter().zip(&statements) {
        let bundle: Value = serde_json::from_str(&signed.bundle).unwrap();
        assert!(!signed.bundle.contains('\n'), "a bundle is one line");
        assert_eq!(
            bundle["mediaType"],
            "application/vnd.dev.sigstore.bundle.v0.3+json"
        );
        assert_eq!(bundle["dsseEnvelope"]["signatures"][0].get("keyid"), None);
        let inside = prov::bundle::Bundle::parse(signed.bundle.as_bytes()).unwrap();
        assert_eq!(&inside.unverified_statement().unwrap(), statement);
        certificates.push(bundle["verificationMaterial"]["certificate"]["rawBytes"].clone());
        let [Record::Log { index, .. }, Record::Timestamp { url }] = &signed.records[..] else {
            panic!("{:?}", signed.records);
        };
        assert_eq!(url, stack.timestamps());
        entries.push(*index);
    }
    assert_eq!(certificates[0], certificates[1]);
    assert_ne!(
        entries[0], entries[1],
        "each statement has an entry of its own"
    );

    let again = prov_signs(stack, &stack.config(), "", &[provenance()]).unwrap();
    let again: Value = serde_json::from_str(&again.signed[0].bundle).unwrap();
    assert_ne!(
        certificates[0], again["verificationMaterial"]["certificate"]["rawBytes"],
        "the next run has a key of its own"
    );
}
