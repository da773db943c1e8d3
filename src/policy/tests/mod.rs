//! Each "yes" and its "no" brothers, rule by rule.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::*;
use crate::artifact::Artifact;
use crate::statement::{CYCLONEDX_BOM, ResourceDescriptor, Statement, slsa};
use crate::verify::{Certificate, Signer, Verified};

mod build;
mod contents;
mod custom;
mod embedded;
mod facts;
mod signature;
mod summary;
mod trust;

const SIGNER: &str = "https://github.com/acme/prov/.github/workflows/build.yml";
const ISSUER: &str = "https://token.actions.githubusercontent.com";
const REPOSITORY: &str = "https://github.com/acme/wash";
const COMMIT: &str = "1111111111111111111111111111111111111111";
const SIGNER_COMMIT: &str = "2222222222222222222222222222222222222222";
const RUN: &str = "https://github.com/acme/wash/actions/runs/42/attempts/1";
const BUILD_TYPE: &str = "https://actions.github.io/buildtypes/workflow/v1";

const POLICY: &str = r#"schema = "prov.policy/v1"
name = "release"
[[trust.builder]]
issuer = "https://token.actions.githubusercontent.com"
signer = "https://github.com/acme/prov/.github/workflows/build.yml"
signer-ref = ["refs/tags/v*"]
signer-digest = ["2222222222222222222222222222222222222222"]
level = 3
runner = "github-hosted"
[source]
repository = "https://github.com/acme/wash"
ref = ["refs/tags/v*"]
[build]
min-level = 3
build-type = ["https://actions.github.io/buildtypes/workflow/v1"]
external-parameters = ["workflow"]
[attestations]
require = ["https://slsa.dev/provenance/v1", "https://cyclonedx.org/bom"]
[sbom]
deny-licenses = ["GPL-*"]
deny = ["pkg:cargo/openssl-src"]
"#;

/// Everything that goes into a judgement; as it is made, the answer is yes.
struct Scene {
    policy: String,
    certificate: Certificate,
    provenance: Value,
    sbom: Value,
    /// More evidence.
    more: Vec<Verified<Statement>>,
    /// Which of provenance and SBOM are there.
    attached: [bool; 2],
    now: SystemTime,
}

fn artifact() -> Artifact {
    Artifact::from_bytes("wash", b"wash".to_vec())
}

fn certificate() -> Certificate {
    let some = |text: &str| Some(text.to_owned());
    let identity = format!("{SIGNER}@refs/tags/v1");
    Certificate {
        identity: identity.clone(),
        issuer: ISSUER.into(),
        build_signer_uri: Some(identity),
        build_signer_digest: some(SIGNER_COMMIT),
        runner_environment: some("github-hosted"),
        source_repository: some(REPOSITORY),
        source_digest: some(COMMIT),
        source_ref: some("refs/tags/v2"),
        source_repository_id: some("1234"),
        source_owner_id: some("5678"),
        build_config_uri: Some(format!(
            "{REPOSITORY}/.github/workflows/release.yml@refs/tags/v2"
        )),
        build_config_digest: some(COMMIT),
        build_trigger: some("push"),
        run_invocation_uri: some(RUN),
        visibility: some("public"),
    }
}

fn provenance() -> Value {
    json!({
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"workflow": {
                "repository": REPOSITORY,
                "ref": "refs/tags/v2",
                "path": ".github/workflows/release.yml",
            }},
            "internalParameters": {"github": {
                "event_name": "push",
                "repository_id": "1234",
                "repository_owner_id": "5678",
                "runner_environment": "github-hosted",
            }},
            "resolvedDependencies": [{
                "uri": format!("git+{REPOSITORY}@refs/tags/v2"),
                "digest": {"gitCommit": COMMIT},
            }],
        },
        "runDetails": {
            "builder": {"id": format!("{SIGNER}@refs/tags/v1")},
            "metadata": {"invocationId": RUN},
        },
    })
}

fn sbom() -> Value {
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"component": {"type": "application", "name": "wash", "licenses": [{"license": {"id": "Apache-2.0"}}]}},
        "components": [
            {"type": "library", "name": "a", "purl": "pkg:cargo/a@1.0.0", "licenses": [{"expression": "MIT OR GPL-2.0-only"}]},
        ],
    })
}

fn signed(predicate_type: &str, predicate: Value, signer: Signer) -> Verified<Statement> {
    let subject = vec![ResourceDescriptor::of(&artifact())];
    Verified::for_test(Statement::new(subject, predicate_type, predicate), signer)
}

fn by(certificate: &Certificate) -> Signer {
    Signer::Certificate(Box::new(certificate.clone()))
}

fn scene() -> Scene {
    Scene {
        policy: POLICY.to_owned(),
        certificate: certificate(),
        provenance: provenance(),
        sbom: sbom(),
        more: Vec::new(),
        attached: [true, true],
        // 2027-01-15
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
    }
}

impl Scene {
    fn judge(self) -> Verdict {
        let policy = match Policy::parse(&self.policy) {
            Ok(policy) => policy,
            Err(errors) => panic!("{errors}\n{}", self.policy),
        };
        let mut evidence = Vec::new();
        if self.attached[0] {
            let signer = by(&self.certificate);
            evidence.push(signed(SLSA_PROVENANCE_V1, self.provenance, signer));
        }
        if self.attached[1] {
            evidence.push(signed(CYCLONEDX_BOM, self.sbom, by(&self.certificate)));
        }
        evidence.extend(self.more);
        policy.judge(&artifact(), &evidence, self.now)
    }

    fn replace(&mut self, from: &str, to: &str) {
        assert!(self.policy.contains(from), "{from}");
        self.policy = self.policy.replace(from, to);
    }

    fn license(&mut self, choice: Value) {
        self.sbom["components"][0]["licenses"] = json!([choice]);
    }
}

fn failed(verdict: &Verdict) -> Vec<Rule> {
    let failed = |finding: &&Finding| finding.outcome == Outcome::Failed;
    let mut rules: Vec<_> = verdict
        .findings()
        .iter()
        .filter(failed)
        .map(|it| it.rule.clone())
        .collect();
    rules.dedup();
    rules
}

type Case = (&'static str, fn(&mut Scene), &'static [Rule]);

#[track_caller]
fn check(cases: &[Case]) {
    use Rule::*;
    for (name, change, wanted) in cases {
        let mut scene = scene();
        change(&mut scene);
        let verdict = scene.judge();
        assert_eq!(
            failed(&verdict),
            *wanted,
            "{name}: {:#?}",
            verdict.findings()
        );
        assert_eq!(verdict.passed(), wanted.is_empty(), "{name}");
        assert_eq!(
            verdict.admit(artifact()).is_ok(),
            wanted.is_empty(),
            "{name}"
        );
        let broken = [Signer, Consistent]
            .iter()
            .any(|rule| wanted.contains(rule));
        assert!(!broken || verdict.level() == 0, "{name}");
        for finding in verdict.findings() {
            assert!(
                finding.outcome != Outcome::Failed || finding.fix.is_some(),
                "{name}"
            );
        }
    }
}

/// What fails when no provenance counts, and the SBOM by the same signer neither.
const NOTHING: &[Rule] = &[
    Rule::Signer,
    Rule::MinLevel,
    Rule::Require,
    Rule::Repository,
    Rule::Ref,
    Rule::BuildType,
    Rule::ExternalParameters,
    Rule::DenyLicenses,
    Rule::UnknownLicenses,
    Rule::Deny,
];
