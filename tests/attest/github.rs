//! The provenance of a run, against what GitHub itself wrote for real ones.

use std::fs;
use std::path::{Path, PathBuf};

use prov::artifact::{Algorithm, Artifact};
use prov::bundle::{Bundle, Evidence};
use prov::provenance::GitHubRun;
use prov::verify::{self, Certificate, Signer, Trust};
use serde_json::{Map, Value, json};

const SERVER: &str = "https://github.com";

/// The corpus lies beside the checkout, or where `PROV_CORPUS` says.
fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let folder = std::env::var_os("PROV_CORPUS").map_or_else(beside, PathBuf::from);
    folder.join("INDEX.tsv").exists().then_some(folder)
}

/// The claims of the run's token, which Fulcio copied into the certificate.
fn claims(certificate: &Certificate) -> Map<String, Value> {
    let path = |uri: &Option<String>| {
        let path = uri.as_deref().unwrap().strip_prefix(SERVER).unwrap();
        path.trim_start_matches('/').to_owned()
    };
    let run = path(&certificate.run_invocation_uri);
    let run: Vec<&str> = run.split('/').collect();
    let claims = json!({
        "repository": path(&certificate.source_repository),
        "repository_id": certificate.source_repository_id,
        "repository_owner_id": certificate.source_owner_id,
        "ref": certificate.source_ref,
        "sha": certificate.source_digest,
        "workflow_ref": path(&certificate.build_config_uri),
        "job_workflow_ref": path(&certificate.build_signer_uri),
        "event_name": certificate.build_trigger,
        "run_id": run[4],
        "run_attempt": run[6],
        "runner_environment": certificate.runner_environment,
    });
    claims.as_object().unwrap().clone()
}

/// What only the certificate tells gives the very predicate that GitHub made.
#[test]
fn the_claims_of_real_runs_give_the_provenance_that_github_wrote() {
    let Some(corpus) = corpus() else {
        eprintln!("SKIPPED: there is no corpus of real artifacts beside this checkout");
        return;
    };
    for file in [
        "gh-cli/custom-issuer.sigstore.json",
        "pep740/pypi_attestations-0.0.19.tar.gz.slsa.attestation.sigstore.json",
    ] {
        let bundle = Bundle::parse(&fs::read(corpus.join(file)).unwrap()).unwrap();
        let digests = bundle.unverified_statement().unwrap().subject_digests();
        let sha256 = digests
            .into_iter()
            .find(|digest| digest.algorithm() == Algorithm::Sha256);
        let artifact = Artifact::packed("artifact", sha256.unwrap(), 0, || Ok(Vec::new()));
        let evidence = Evidence {
            origin: file.to_owned(),
            bundle,
        };
        let trust = Trust::default().with_public_good().unwrap();
        let verified = verify::statement(&artifact, &evidence, &trust).unwrap();
        let Signer::Certificate(certificate) = verified.signer() else {
            panic!("{file} was signed by a key");
        };
        let claims = claims(certificate);
        let server = |name: &str| (name == "GITHUB_SERVER_URL").then(|| SERVER.to_owned());
        let run = GitHubRun::read(server, Some(&claims), None).unwrap();
        let mut made = serde_json::to_value(run.provenance()).unwrap();
        let builder = made.pointer_mut("/runDetails/builder").unwrap();
        let version = builder.as_object_mut().unwrap().remove("version");
        assert!(version.is_some(), "prov says which version it is");
        assert_eq!(made, verified.value().predicate, "{file}");
    }
}
