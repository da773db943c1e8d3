//! The two who judge a bundle: cosign by its flags, prov by a policy.

use std::path::PathBuf;
use std::time::SystemTime;

use prov::artifact::Artifact;
use prov::bundle::{Bundle, Evidence};
use prov::policy::{Outcome, Policy};
use prov::verify::{self, Trust};

use crate::ARTIFACT;
use crate::stack::{Stack, said};

/// The workflow that signs.
pub(crate) const IDENTITY: &str =
    "https://github.com/wasmCloud/prov/.github/workflows/attest.yml@refs/tags/v1";

/// What is wanted of a bundle. Each test changes one thing.
pub(crate) struct Wanted {
    pub(crate) identity: String,
    pub(crate) issuer: String,
    pub(crate) repository: String,
    pub(crate) artifact: Vec<u8>,
    /// The file with the trusted root.
    pub(crate) root: PathBuf,
}

impl Wanted {
    pub(crate) fn new(stack: &Stack) -> Self {
        Self {
            identity: IDENTITY.to_owned(),
            issuer: stack.issuer.clone(),
            repository: "wasmCloud/wasmCloud".to_owned(),
            artifact: ARTIFACT.to_vec(),
            root: stack.path("trusted_root.json"),
        }
    }

    /// cosign, with every check that it has for a workflow.
    pub(crate) fn ask_cosign(&self, stack: &Stack, name: &str, bundle: &str) -> Result<(), String> {
        let bundle = stack.write(&format!("judged-{name}.json"), bundle);
        let artifact = stack.write(&format!("judged-{name}"), &self.artifact);
        let output = stack
            .cosign()
            .args(["verify-blob-attestation", "--type", "slsaprovenance1"])
            .args(["--certificate-identity", &self.identity])
            .args(["--certificate-oidc-issuer", &self.issuer])
            .args(["--certificate-github-workflow-repository", &self.repository])
            .args([
                "--certificate-github-workflow-ref",
                "refs/tags/wash-v0.40.0",
            ])
            .args([
                "--certificate-github-workflow-sha",
                "1111111111111111111111111111111111111111",
            ])
            .args(["--certificate-github-workflow-trigger", "push"])
            .args(["--certificate-github-workflow-name", "release"])
            .arg("--trusted-root")
            .arg(&self.root)
            .arg("--bundle")
            .args([bundle, artifact])
            .output()
            .unwrap();
        let said = said(&output);
        match output.status.success() {
            true => {
                assert!(said.contains("Verified OK"), "{said}");
                Ok(())
            }
            false => Err(said),
        }
    }

    /// prov: the SLSA level that it believes, or why it does not.
    pub(crate) fn ask_prov(&self, bundle: &str) -> Result<u8, String> {
        let bundle =
            Bundle::parse(bundle.as_bytes()).map_err(|error| format!("unreadable: {error}"))?;
        let evidence = Evidence {
            origin: "judged".to_owned(),
            bundle,
        };
        let root = std::fs::read_to_string(&self.root).unwrap();
        let trust = Trust::default().with_root(&root).unwrap();
        let artifact = Artifact::from_bytes("artifact", self.artifact.clone());
        let verified = verify::statement(&artifact, &evidence, &trust)
            .map_err(|error| format!("evidence: {error}"))?;
        let policy = Policy::parse(&self.policy()).unwrap();
        let verdict = policy.judge(&artifact, &[verified], SystemTime::now());
        let mut findings = verdict.findings().iter();
        let failed = findings.find(|finding| finding.outcome == Outcome::Failed);
        match failed {
            Some(finding) => Err(format!("{}: {}", finding.rule.name(), finding.seen)),
            None if verdict.passed() => Ok(verdict.level()),
            None => Err("refused without a reason".to_owned()),
        }
    }

    fn policy(&self) -> String {
        let (signer, reference) = self.identity.split_once('@').unwrap();
        format!(
            r#"
schema = "prov.policy/v1"
name = "peers"

[[trust.builder]]
issuer = "{}"
signer = "{signer}"
signer-ref = ["{reference}"]
level = 3
runner = "github-hosted"

[source]
repository = "https://github.com/{}"
ref = ["refs/tags/wash-v*"]

[build]
min-level = 3
build-type = ["https://actions.github.io/buildtypes/workflow/v1"]
external-parameters = ["workflow"]

[attestations]
require = ["https://slsa.dev/provenance/v1"]
"#,
            self.issuer, self.repository
        )
    }
}
