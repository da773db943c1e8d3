//! Who may sign, where the instance's files come from, and what is told of failures.

use prov::sign::keyless::{Instance, Keyless, KeylessError, Network, Services, Token};
use prov::sign::{Record, Signer as _};
use serde_json::{Value, json};

use crate::stack::{BEARER, Stack};
use crate::{prov_signs, provenance, token};

fn token_with(stack: &Stack, claims: &str) -> Result<Option<Token>, KeylessError> {
    token(stack, &Network::new().unwrap(), claims)
}

#[test]
fn the_job_gets_a_token_also_from_a_busy_service() {
    let Some(stack) = Stack::get() else { return };
    let token = token_with(stack, "busy=once").unwrap().unwrap();
    assert_eq!(token.claims()["repository"], "wasmCloud/wasmCloud");
    assert_eq!(token.claims()["aud"], "sigstore");
    assert!(matches!(
        token_with(stack, "expired=1"),
        Err(KeylessError::Expired(_))
    ));
}

/// The stand-in repeats the bearer that it refuses, as a careless service might.
#[test]
fn a_refused_bearer_is_not_repeated() {
    let Some(stack) = Stack::get() else { return };
    let other = format!("{BEARER}-of-another");
    let error = Token::ambient(&Network::new().unwrap(), |name| {
        let job = stack.job("");
        let found = job.into_iter().find(|(have, _)| *have == name)?;
        Some(found.1.replace(BEARER, &other))
    })
    .unwrap_err();
    let KeylessError::Refused { status, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*status, 401);
    assert!(!format!("{error} {error:?}").contains(&other), "{error}");
}

#[test]
fn a_forged_token_signs_nothing_and_is_not_repeated() {
    let Some(stack) = Stack::get() else { return };
    let network = Network::new().unwrap();
    let good = raw_token(stack);
    // The last character of the signature has bits of padding: take one before.
    let at = good.len() - 10;
    let other = if good.as_bytes()[at] == b'A' {
        "B"
    } else {
        "A"
    };
    let forged = format!("{}{other}{}", &good[..at], &good[at + 1..]);
    let instance = instance(&stack.config(), stack.trusted_root());
    let token = Token::parse(&forged).unwrap();
    let signer = Keyless::new(network, &instance, token).unwrap();
    let error = signer.sign_all(&[provenance()]).unwrap_err();
    let told = format!("{error} {error:?}");
    assert!(
        told.contains("the certificate authority at http://127.0.0.1:"),
        "{told}"
    );
    assert!(!told.contains(&forged) && !told.contains("eyJ"), "{told}");
}

/// The text of a token, as the file of `--identity-token` has it.
pub(crate) fn raw_token(stack: &Stack) -> String {
    let answer = stack.ask_as_job("/actions/token?audience=sigstore");
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    answer["value"].as_str().unwrap().to_owned()
}

fn instance(config: &Value, trusted_root: String) -> Instance {
    Instance {
        services: Services::from_json(&config.to_string()).unwrap(),
        trusted_root,
    }
}

#[test]
fn what_would_not_verify_is_not_signed() {
    let Some(stack) = Stack::get() else { return };
    for (config, reason) in [
        (
            stack.config_of(&[stack.rekor2()], &[&stack.clock("1h")]),
            "certificate",
        ),
        (
            stack.config_of(&[], &[stack.timestamps()]),
            "inclusion proof",
        ),
    ] {
        let error = prov_signs(stack, &config, "", &[provenance()]).unwrap_err();
        let told = error.to_string();
        assert!(
            told.starts_with("the new signature does not verify") && told.contains(reason),
            "{told}"
        );
    }
    let elsewhere = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/testdata/bundles/local-stack/trusted_root.json"
    );
    let instance = instance(&stack.config(), std::fs::read_to_string(elsewhere).unwrap());
    let network = Network::new().unwrap();
    let token = token(stack, &network, "").unwrap().unwrap();
    let signer = Keyless::new(network, &instance, token).unwrap();
    let error = signer.sign_all(&[provenance()]).unwrap_err().to_string();
    assert!(
        error.starts_with("the new signature does not verify"),
        "{error}"
    );
}

/// As GitHub's own instance: timestamps, and neither a log nor certificate logs.
#[test]
fn an_instance_without_logs_signs_by_time_alone() {
    let Some(stack) = Stack::get() else { return };
    let mut root: Value = serde_json::from_str(&stack.trusted_root()).unwrap();
    root["tlogs"] = json!([]);
    root["ctlogs"] = json!([]);
    let config = stack.config_of(&[], &[stack.timestamps()]);
    let instance = instance(&config, root.to_string());
    let network = Network::new().unwrap();
    let token = token(stack, &network, "").unwrap().unwrap();
    let signer = Keyless::new(network, &instance, token).unwrap();
    let signatures = signer.sign_all(&[provenance()]).unwrap();
    assert!(matches!(
        signatures.signed[0].records[..],
        [Record::Timestamp { .. }]
    ));
}

#[test]
fn the_instance_comes_from_its_tuf_repository() {
    let Some(stack) = Stack::get() else { return };
    let network = Network::new().unwrap();
    let (url, root) = stack.publish("1h");
    let instance = Instance::from_repository(&network, &url, &root).unwrap();
    assert_eq!(instance.trusted_root, stack.trusted_root());
    let token = token(stack, &network, "").unwrap().unwrap();
    let signer = Keyless::new(network, &instance, token).unwrap();
    assert_eq!(signer.sign_all(&[provenance()]).unwrap().signed.len(), 1);

    // Another repository's root, and metadata that expired.
    let network = Network::new().unwrap();
    let (url, other) = stack.publish("1h");
    for root in [&root[..], b"{}"] {
        let refused = Instance::from_repository(&network, &url, root);
        assert!(matches!(refused, Err(KeylessError::Tuf { .. })));
    }
    assert!(Instance::from_repository(&network, &url, &other).is_ok());
    let (url, root) = stack.publish("-1m");
    let expired = Instance::from_repository(&network, &url, &root).unwrap_err();
    assert!(expired.to_string().contains("expired"), "{expired}");
}
