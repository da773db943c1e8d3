//! Real peers as judges: a Sigstore instance on loopback signs for prov and for
//! cosign, and each verifies what the other made.
//!
//! `tests/peers/install` builds the peers. Without them the tests are skipped, said
//! aloud, but for CI, where that is a failure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking
#![allow(clippy::print_stderr)] // skipped peers are said aloud

mod agreement;
mod command;
mod judges;
mod refusals;
mod stack;
mod tokens;

use std::fs;

use prov::artifact::Artifact;
use prov::sign::keyless::{Instance, Keyless, KeylessError, Network, Services, Token};
use prov::sign::{SignError, Signatures, Signer as _};
use prov::statement::{CYCLONEDX_BOM, ResourceDescriptor, SLSA_PROVENANCE_V1, Statement};
use serde_json::{Value, json};

use stack::Stack;

/// What everybody signs for.
const ARTIFACT: &[u8] = b"the artifact\n";

fn artifact() -> Artifact {
    Artifact::from_bytes("artifact", ARTIFACT.to_vec())
}

/// Provenance as GitHub's runner has it, of the job that the stand-in knows.
fn provenance() -> Statement {
    Statement::new(
        vec![ResourceDescriptor::of(&artifact())],
        SLSA_PROVENANCE_V1,
        json!({
            "buildDefinition": {
                "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters": {"workflow": {
                    "ref": "refs/tags/wash-v0.40.0",
                    "repository": "https://github.com/wasmCloud/wasmCloud",
                    "path": ".github/workflows/release.yml",
                }},
                "internalParameters": {"github": {
                    "event_name": "push",
                    "repository_id": "1234",
                    "repository_owner_id": "5678",
                    "runner_environment": "github-hosted",
                }},
                "resolvedDependencies": [{
                    "uri": "git+https://github.com/wasmCloud/wasmCloud@refs/tags/wash-v0.40.0",
                    "digest": {"gitCommit": "1111111111111111111111111111111111111111"},
                }],
            },
            "runDetails": {
                "builder": {"id": judges::IDENTITY},
                "metadata": {
                    "invocationId": "https://github.com/wasmCloud/wasmCloud/actions/runs/42/attempts/1",
                },
            },
        }),
    )
}

fn bom() -> Statement {
    let document = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []});
    Statement::new(
        vec![ResourceDescriptor::of(&artifact())],
        CYCLONEDX_BOM,
        document,
    )
}

fn token(stack: &Stack, network: &Network, claims: &str) -> Result<Option<Token>, KeylessError> {
    let job = stack.job(claims);
    Token::ambient(network, |name| {
        let found = job.iter().find(|(have, _)| *have == name);
        found.map(|(_, value)| value.clone())
    })
}

/// prov signs `statements` with the services of `config`, as the job with `claims`.
fn prov_signs(
    stack: &Stack,
    config: &Value,
    claims: &str,
    statements: &[Statement],
) -> Result<Signatures, SignError> {
    let instance = Instance {
        services: Services::from_json(&config.to_string()).unwrap(),
        trusted_root: stack.trusted_root(),
    };
    let network = Network::new().unwrap();
    let token = token(stack, &network, claims).unwrap().expect("no token");
    Keyless::new(network, &instance, token)
        .unwrap()
        .sign_all(statements)
}

/// The bundle of one provenance statement by the job that the stand-in knows.
fn prov_bundle(stack: &Stack, config: &Value) -> String {
    let signatures = prov_signs(stack, config, "", &[provenance()]).unwrap();
    signatures.signed.into_iter().next().unwrap().bundle
}

/// cosign signs the same.
fn cosign_bundle(stack: &Stack, name: &str, config: &Value) -> Result<String, String> {
    let at = |ending: &str| format!("cosign-{name}.{ending}");
    stack.write(&at("config"), config.to_string());
    stack.write(&at("statement"), provenance().to_bytes().unwrap());
    let output = stack
        .cosign()
        .envs(stack.job(""))
        .args([
            "attest-blob",
            "--yes",
            "--trusted-root",
            "trusted_root.json",
        ])
        .args(["--signing-config", &at("config")])
        .args(["--statement", &at("statement")])
        .args(["--bundle", &at("bundle")])
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(fs::read_to_string(stack.path(&at("bundle"))).unwrap()),
        false => Err(stack::said(&output)),
    }
}
