//! Each "yes" and its "no" brothers, rule by rule.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::*;
use crate::artifact::Artifact;
use crate::statement::{CYCLONEDX_BOM, ResourceDescriptor, Statement, slsa};
use crate::verify::{Certificate, Signer, Verified};

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
        .map(|it| it.rule)
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

#[test]
fn the_whole_road() {
    let verdict = scene().judge();
    assert!(verdict.passed(), "{:#?}", verdict.findings());
    assert_eq!(verdict.level(), 3);
    assert_eq!(verdict.provenance(), Some(0));
    let rules: Vec<_> = verdict.findings().iter().map(|it| it.rule).collect();
    assert!(rules.is_sorted());
    let level = verdict
        .findings()
        .iter()
        .find(|it| it.rule == Rule::MinLevel)
        .unwrap();
    assert_eq!(
        (level.line, level.backing),
        (Some(14), Some(Backing::Certificate))
    );
    assert_eq!(level.why, None);
}

#[test]
fn who_signed() {
    check(&[
        (
            "yes, by ref",
            |s| s.certificate.build_signer_digest = Some("3".repeat(40)),
            &[],
        ),
        (
            "yes, by commit",
            |s| {
                let identity = format!("{SIGNER}@{SIGNER_COMMIT}");
                s.provenance["runDetails"]["builder"]["id"] = json!(identity);
                s.certificate.build_signer_uri = Some(identity.clone());
                s.certificate.identity = identity;
            },
            &[],
        ),
        ("no evidence", |s| s.attached = [false, false], NOTHING),
        (
            "imposter commit",
            |s| {
                let imposter = "6".repeat(40);
                let identity = format!("{SIGNER}@{imposter}");
                s.certificate.build_signer_uri = Some(identity.clone());
                s.certificate.build_signer_digest = Some(imposter);
                s.certificate.identity = identity;
            },
            NOTHING,
        ),
        (
            "commit unknown",
            |s| {
                let identity = format!("{SIGNER}@refs/heads/main");
                s.certificate.build_signer_uri = Some(identity.clone());
                s.certificate.build_signer_digest = None;
                s.certificate.identity = identity;
            },
            NOTHING,
        ),
        (
            "other issuer",
            |s| s.certificate.issuer = "https://evil.example".into(),
            NOTHING,
        ),
        (
            "other workflow",
            |s| {
                s.certificate.identity = s.certificate.identity.replace("build.yml", "evil.yml");
            },
            NOTHING,
        ),
        (
            "longer workflow",
            |s| {
                s.certificate.identity =
                    s.certificate.identity.replace("build.yml", "build.yml.yml");
            },
            NOTHING,
        ),
        (
            "two signers",
            |s| s.certificate.build_signer_uri = Some("https://other".into()),
            NOTHING,
        ),
        (
            "self-hosted",
            |s| s.certificate.runner_environment = Some("self-hosted".into()),
            NOTHING,
        ),
        (
            "runner unknown",
            |s| s.certificate.runner_environment = None,
            NOTHING,
        ),
        (
            "other caller",
            |s| {
                s.replace(
                    "level = 3\nrunner",
                    "repository = \"https://github.com/acme/*\"\nlevel = 3\nrunner",
                );
                s.certificate.source_repository = Some("https://github.com/evil/wash".into());
            },
            NOTHING,
        ),
    ]);
}

#[test]
fn untrusted_evidence_is_noted_and_named() {
    let mut scene = scene();
    let mut stranger = certificate();
    stranger.identity = format!("{SIGNER}@refs/heads/evil");
    stranger.build_signer_uri = None;
    stranger.build_signer_digest = None;
    scene
        .more
        .push(signed(SLSA_PROVENANCE_V1, json!({}), by(&stranger)));
    let verdict = scene.judge();
    assert!(verdict.passed());
    let note = verdict
        .findings()
        .iter()
        .find(|it| it.outcome == Outcome::Noted && it.rule == Rule::Signer)
        .unwrap();
    assert!(note.seen.contains(&stranger.identity), "{note:?}");
    assert!(
        note.why.as_ref().unwrap().contains("refs/heads/evil"),
        "{note:?}"
    );
    assert_eq!(note.line, Some(3));
}

#[test]
fn another_subject_counts_for_nothing() {
    let policy = Policy::parse(POLICY).unwrap();
    let evidence = [signed(SLSA_PROVENANCE_V1, provenance(), by(&certificate()))];
    let other = Artifact::from_bytes("wash", b"other".to_vec());
    let verdict = policy.judge(&other, &evidence, SystemTime::now());
    assert_eq!(failed(&verdict), NOTHING);
    assert_eq!(verdict.findings()[0].rule, Rule::Subject);
    assert!(verdict.admit(other).is_err());
}

#[test]
fn what_the_certificate_contradicts() {
    const NO: &[Rule] = &[Rule::Consistent, Rule::MinLevel];
    check(&[
        (
            "no second witness",
            |s| s.provenance["buildDefinition"]["internalParameters"] = json!({}),
            &[],
        ),
        (
            "null is unset",
            |s| s.provenance["runDetails"]["metadata"]["invocationId"] = json!(null),
            &[],
        ),
        (
            "numbers are ids too",
            |s| {
                s.provenance["buildDefinition"]["internalParameters"]["github"]["repository_id"] =
                    json!(1234)
            },
            &[],
        ),
        (
            "builder",
            |s| s.provenance["runDetails"]["builder"]["id"] = json!(SIGNER),
            NO,
        ),
        (
            "repository",
            |s| {
                s.provenance["buildDefinition"]["externalParameters"]["workflow"]["repository"] =
                    json!("https://github.com/acme/other")
            },
            NO,
        ),
        (
            "ref",
            |s| {
                s.provenance["buildDefinition"]["externalParameters"]["workflow"]["ref"] =
                    json!("refs/tags/v3")
            },
            NO,
        ),
        (
            "path",
            |s| {
                s.provenance["buildDefinition"]["externalParameters"]["workflow"]["path"] =
                    json!(".github/workflows/x.yml")
            },
            NO,
        ),
        (
            "no text",
            |s| {
                s.provenance["buildDefinition"]["externalParameters"]["workflow"]["path"] =
                    json!({"a": 1})
            },
            NO,
        ),
        (
            "event",
            |s| {
                s.provenance["buildDefinition"]["internalParameters"]["github"]["event_name"] =
                    json!("pull_request")
            },
            NO,
        ),
        (
            "repository id",
            |s| {
                s.provenance["buildDefinition"]["internalParameters"]["github"]["repository_id"] =
                    json!("9")
            },
            NO,
        ),
        (
            "owner id",
            |s| {
                s.provenance["buildDefinition"]["internalParameters"]["github"]["repository_owner_id"] =
                    json!("9")
            },
            NO,
        ),
        (
            "runner",
            |s| {
                s.provenance["buildDefinition"]["internalParameters"]["github"]["runner_environment"] =
                    json!("self-hosted")
            },
            NO,
        ),
        (
            "commit",
            |s| {
                s.provenance["buildDefinition"]["resolvedDependencies"][0]["digest"]["gitCommit"] =
                    json!("9".repeat(40))
            },
            NO,
        ),
        (
            "dependency ref",
            |s| {
                s.provenance["buildDefinition"]["resolvedDependencies"][0]["uri"] =
                    json!(format!("git+{REPOSITORY}@refs/heads/x"))
            },
            NO,
        ),
        (
            "run",
            |s| s.provenance["runDetails"]["metadata"]["invocationId"] = json!("https://other"),
            NO,
        ),
    ]);
}

#[test]
fn a_predicate_that_cannot_be_read() {
    for bad in [
        json!({}),
        json!("x"),
        json!({"buildDefinition": {"buildType": ""}, "runDetails": {"builder": {"id": "x"}}}),
    ] {
        let mut scene = scene();
        scene.provenance = bad;
        let verdict = scene.judge();
        assert!(failed(&verdict).contains(&Rule::Consistent));
        assert_eq!(verdict.level(), 0);
    }
}

#[test]
fn levels_and_why_not_the_next() {
    let cases: [(fn(&mut Scene), u8, &str); 7] = [
        (|_| {}, 3, ""),
        (
            |s| s.replace("level = 3\nrunner", "level = 2\nrunner"),
            2,
            "up to level 2",
        ),
        (
            |s| s.replace("level = 3\nrunner", "runner"),
            1,
            "up to level 1",
        ),
        (
            |s| {
                // The caller's own workflow signs.
                let own = format!("{SIGNER}@refs/tags/v1");
                s.certificate.build_config_uri = Some(own);
                s.provenance["buildDefinition"]["externalParameters"]["workflow"]["path"] =
                    json!("");
            },
            2,
            "caller's own workflow",
        ),
        (|s| s.certificate.build_config_uri = None, 2, "called first"),
        (
            |s| {
                s.replace("runner = \"github-hosted\"\n", "");
                s.certificate.runner_environment = Some("self-hosted".into());
                s.provenance["buildDefinition"]["internalParameters"] = json!({});
            },
            1,
            "does not host",
        ),
        (
            |s| s.certificate.build_signer_uri = None,
            1,
            "names no workflow",
        ),
    ];
    for (change, level, why) in cases {
        for wanted in 1..=3 {
            let mut scene = scene();
            change(&mut scene);
            if level < 3 && scene.policy.contains("level = 2\n") && wanted == 3
                || !scene.policy.contains("\nlevel = ") && wanted > 1
            {
                continue; // An error when it is parsed, see `testdata/policy/refused`.
            }
            scene.replace("min-level = 3", &format!("min-level = {wanted}"));
            let verdict = scene.judge();
            assert_eq!(verdict.level(), level, "{why}: {:#?}", verdict.findings());
            assert_eq!(verdict.passed(), level >= wanted, "{why}");
            let finding = verdict
                .findings()
                .iter()
                .find(|it| it.rule == Rule::MinLevel)
                .unwrap();
            let said = finding.why.clone().unwrap_or_default();
            assert!(said.contains(why), "{said} lacks {why}");
        }
    }
}

#[test]
fn what_is_expected_of_the_build() {
    check(&[
        (
            "repository",
            |s| {
                s.certificate.source_repository = Some("https://github.com/evil/wash".into());
                s.certificate.build_config_uri =
                    Some("https://github.com/evil/wash/x@refs/tags/v2".into());
                s.provenance["buildDefinition"]["externalParameters"]["workflow"] = json!({});
            },
            &[
                Rule::Require,
                Rule::Repository,
                Rule::DenyLicenses,
                Rule::UnknownLicenses,
                Rule::Deny,
            ],
        ),
        (
            "ref",
            |s| {
                s.certificate.source_ref = Some("refs/heads/main".into());
                s.provenance = json!({"buildDefinition": {"buildType": BUILD_TYPE}, "runDetails": s.provenance["runDetails"]});
            },
            &[
                Rule::Require,
                Rule::Ref,
                Rule::DenyLicenses,
                Rule::UnknownLicenses,
                Rule::Deny,
            ],
        ),
        (
            "ref unknown",
            |s| {
                s.certificate.source_ref = None;
                s.attached[1] = false;
            },
            &[
                Rule::Require,
                Rule::Ref,
                Rule::DenyLicenses,
                Rule::UnknownLicenses,
                Rule::Deny,
            ],
        ),
        (
            "build type",
            |s| s.provenance["buildDefinition"]["buildType"] = json!("https://other"),
            &[Rule::BuildType],
        ),
        (
            "parameter",
            |s| s.provenance["buildDefinition"]["externalParameters"]["inputs"] = json!({"a": 1}),
            &[Rule::ExternalParameters],
        ),
        (
            "unset parameter",
            |s| s.provenance["buildDefinition"]["externalParameters"]["inputs"] = json!({}),
            &[],
        ),
        (
            "no SBOM",
            |s| s.attached[1] = false,
            &[
                Rule::Require,
                Rule::DenyLicenses,
                Rule::UnknownLicenses,
                Rule::Deny,
            ],
        ),
    ]);
}

#[test]
fn several_provenances() {
    check(&[
        (
            "two that agree",
            |s| {
                s.more
                    .push(signed(SLSA_PROVENANCE_V1, provenance(), by(&certificate())))
            },
            &[],
        ),
        (
            "a worse one beside it",
            |s| {
                let mut other = provenance();
                other["buildDefinition"]["buildType"] = json!("https://other");
                s.more
                    .push(signed(SLSA_PROVENANCE_V1, other, by(&certificate())));
            },
            &[],
        ),
        (
            "another commit",
            |s| {
                let (mut certificate, mut other) = (certificate(), provenance());
                certificate.source_digest = Some("9".repeat(40));
                other["buildDefinition"]["resolvedDependencies"] = json!([]);
                s.more
                    .push(signed(SLSA_PROVENANCE_V1, other, by(&certificate)));
            },
            &[Rule::Agree],
        ),
        (
            "a stranger who called the same workflow",
            |s| {
                let (mut certificate, mut other) = (certificate(), provenance());
                certificate.source_repository = Some("https://github.com/evil/wash".into());
                other["buildDefinition"]["externalParameters"] = json!({});
                s.more
                    .push(signed(SLSA_PROVENANCE_V1, other, by(&certificate)));
            },
            &[],
        ),
        (
            "a stranger's SBOM",
            |s| {
                let mut certificate = certificate();
                certificate.source_repository = Some("https://github.com/evil/wash".into());
                s.more
                    .push(signed(CYCLONEDX_BOM, json!({}), by(&certificate)));
            },
            &[],
        ),
        (
            "a second SBOM is looked at too",
            |s| {
                let mut other = sbom();
                other["components"][0]["purl"] = json!("pkg:cargo/openssl-src@1");
                s.more.push(signed(
                    "https://cyclonedx.org/bom/v1.6",
                    other,
                    by(&certificate()),
                ));
            },
            &[Rule::Deny],
        ),
        (
            "a second SBOM that can't be read",
            |s| {
                s.more
                    .push(signed(CYCLONEDX_BOM, json!({}), by(&certificate())));
            },
            &[Rule::DenyLicenses, Rule::UnknownLicenses, Rule::Deny],
        ),
    ]);
}

#[test]
fn licences_and_packages() {
    const GPL: &[Rule] = &[Rule::DenyLicenses];
    check(&[
        (
            "either",
            |s| s.license(json!({"expression": "MIT OR GPL-2.0"})),
            &[],
        ),
        (
            "both",
            |s| s.license(json!({"expression": "MIT AND GPL-2.0-only"})),
            GPL,
        ),
        (
            "nested",
            |s| s.license(json!({"expression": "(MIT OR GPL-2.0-only) AND GPL-3.0-or-later"})),
            GPL,
        ),
        (
            "nested, a way out",
            |s| s.license(json!({"expression": "MIT AND (GPL-2.0-only OR ISC)"})),
            &[],
        ),
        (
            "with",
            |s| s.license(json!({"expression": "GPL-2.0-only WITH Classpath-exception-2.0"})),
            GPL,
        ),
        (
            "id",
            |s| s.license(json!({"license": {"id": "GPL-3.0-only"}})),
            GPL,
        ),
        (
            "name",
            |s| s.license(json!({"license": {"name": "gpl-3.0-only"}})),
            &[],
        ),
        (
            "or later",
            |s| {
                s.replace("GPL-*", "GPL-2.0-or-later");
                s.license(json!({"license": {"id": "GPL-2.0+"}}));
            },
            GPL,
        ),
        (
            "old name",
            |s| {
                s.replace("GPL-*", "GPL-2.0-only");
                s.license(json!({"license": {"id": "GPL-2.0"}}));
            },
            GPL,
        ),
        (
            "other version",
            |s| {
                s.replace("GPL-*", "GPL-2.0-only");
                s.license(json!({"license": {"id": "GPL-3.0-only"}}));
            },
            &[],
        ),
        (
            "LGPL is another",
            |s| s.license(json!({"license": {"id": "LGPL-2.1-only"}})),
            &[],
        ),
        (
            "own licence",
            |s| {
                s.replace("GPL-*", "LicenseRef-Evil*");
                s.license(json!({"license": {"id": "LicenseRef-evil-1"}}));
            },
            GPL,
        ),
        (
            "found in the files",
            |s| {
                s.sbom["components"][0]["evidence"] =
                    json!({"licenses": [{"license": {"id": "GPL-3.0-only"}}]})
            },
            GPL,
        ),
        (
            "of the artifact itself",
            |s| {
                s.sbom["metadata"]["component"]["licenses"] =
                    json!([{"license": {"id": "GPL-3.0-only"}}])
            },
            GPL,
        ),
        (
            "deep inside",
            |s| {
                s.sbom["components"][0]["components"] =
                    json!([{"name": "b", "licenses": [{"license": {"id": "GPL-3.0-only"}}]}])
            },
            GPL,
        ),
        (
            "unknown is allowed",
            |s| s.license(json!({"license": {"name": "see file"}})),
            &[],
        ),
        (
            "unknown is refused",
            |s| {
                s.replace("deny = [", "unknown-licenses = \"deny\"\ndeny = [");
                s.license(json!({"license": {"name": "see file"}}));
            },
            &[Rule::UnknownLicenses],
        ),
        (
            "none is refused",
            |s| {
                s.replace("deny = [", "unknown-licenses = \"deny\"\ndeny = [");
                s.sbom["components"][0]["licenses"] = json!([]);
            },
            &[Rule::UnknownLicenses],
        ),
        (
            "package",
            |s| s.sbom["components"][0]["purl"] = json!("pkg:cargo/openssl-src@300.1.0"),
            &[Rule::Deny],
        ),
        (
            "no purl to compare",
            |s| s.sbom["components"][0]["purl"] = json!(null),
            &[],
        ),
        (
            "no purl at all",
            |s| s.sbom["components"][0]["purl"] = json!("openssl-src"),
            &[Rule::Deny],
        ),
        (
            "no CycloneDX",
            |s| s.sbom["bomFormat"] = json!("SPDX"),
            &[Rule::DenyLicenses, Rule::UnknownLicenses, Rule::Deny],
        ),
        (
            "an empty SBOM",
            |s| s.sbom = json!({"bomFormat": "CycloneDX"}),
            &[Rule::DenyLicenses, Rule::UnknownLicenses, Rule::Deny],
        ),
        (
            "a broken component",
            |s| s.sbom["components"] = json!([1]),
            &[Rule::DenyLicenses, Rule::UnknownLicenses, Rule::Deny],
        ),
    ]);
}

#[test]
fn exceptions() {
    const EXCEPTION: &str = "[[exception]]\nrule = \"sbom.deny-licenses\"\npurl = \"pkg:cargo/a@1.0.0\"\n\
                             until = 2027-01-15\nowner = \"o\"\nreason = \"r\"\n";
    fn with(scene: &mut Scene, text: &str) {
        scene.policy += text;
        scene.license(json!({"license": {"id": "GPL-3.0-only"}}));
    }
    check(&[
        ("in force on its last day", |s| with(s, EXCEPTION), &[]),
        (
            "expired",
            |s| {
                with(s, EXCEPTION);
                s.now += Duration::from_secs(86_400);
            },
            &[Rule::DenyLicenses],
        ),
        (
            "before all time",
            |s| {
                with(s, EXCEPTION);
                s.now = SystemTime::UNIX_EPOCH - Duration::from_secs(1 << 50);
            },
            &[Rule::DenyLicenses],
        ),
        (
            "other version",
            |s| with(s, &EXCEPTION.replace("@1.0.0", "@1.0.1")),
            &[Rule::DenyLicenses],
        ),
        (
            "any version",
            |s| with(s, &EXCEPTION.replace("@1.0.0", "")),
            &[],
        ),
        (
            "other rule",
            |s| {
                with(s, &EXCEPTION.replace("deny-licenses", "deny"));
            },
            &[Rule::DenyLicenses],
        ),
    ]);
    let mut waived = scene();
    with(&mut waived, EXCEPTION);
    let verdict = waived.judge();
    let outcome = Outcome::Waived {
        reason: "r".into(),
        owner: "o".into(),
        until: "2027-01-15".into(),
    };
    assert!(verdict.findings().iter().any(|it| it.outcome == outcome));
    let mut expired = scene();
    with(&mut expired, EXCEPTION);
    expired.now += Duration::from_secs(86_400);
    let verdict = expired.judge();
    let said = verdict.findings().last().unwrap();
    assert_eq!(
        (said.rule, &said.outcome),
        (Rule::Exception, &Outcome::Noted)
    );
    assert!(said.seen.contains("ended on 2027-01-15"), "{said:?}");
}

#[test]
fn who_signed_cannot_be_waived() {
    for rule in [
        "trust.signer",
        "provenance.consistent",
        "source.repository",
        "provenance.agree",
    ] {
        let text = format!(
            "{POLICY}[[exception]]\nrule = \"{rule}\"\nuntil = 2027-01-15\nowner = \"o\"\nreason = \"r\"\n"
        );
        assert!(
            Policy::parse(&text)
                .unwrap_err()
                .to_string()
                .contains("no exceptions")
        );
    }
    // A missing provenance may be waived as an attestation, and is a no all the same.
    let mut scene = scene();
    for rule in [
        "attestations.require",
        "build.min-level",
        "source.ref",
        "build.build-type",
        "build.external-parameters",
        "sbom.deny",
        "sbom.deny-licenses",
    ] {
        scene.policy += &format!(
            "[[exception]]\nrule = \"{rule}\"\nuntil = 2027-01-15\nowner = \"o\"\nreason = \"r\"\n"
        );
    }
    scene.attached = [false, false];
    let verdict = scene.judge();
    assert!(!verdict.passed());
    assert!(failed(&verdict).contains(&Rule::Signer));
}

#[test]
fn without_provenance_where_none_is_asked_for() {
    let text = r#"schema = "prov.policy/v1"
name = "SBOM only"
[[trust.builder]]
issuer = "https://token.actions.githubusercontent.com"
signer = "https://github.com/acme/prov/.github/workflows/build.yml@refs/tags/v1"
repository = "https://github.com/acme/wash"
[build]
min-level = 0
[attestations]
require = ["https://cyclonedx.org/bom"]
"#;
    let policy = Policy::parse(text).unwrap();
    let now = SystemTime::now();
    let evidence = [signed(
        "https://cyclonedx.org/bom/v1.5",
        sbom(),
        by(&certificate()),
    )];
    let verdict = policy.judge(&artifact(), &evidence, now);
    assert!(verdict.passed(), "{:#?}", verdict.findings());
    assert_eq!(verdict.level(), 0);
    let verdict = policy.judge(&artifact(), &[], now);
    assert_eq!(failed(&verdict), [Rule::Signer, Rule::Require]);
    let evidence = [signed(
        "https://cyclonedx.org/bom/evil",
        sbom(),
        by(&certificate()),
    )];
    assert_eq!(
        failed(&policy.judge(&artifact(), &evidence, now)),
        [Rule::Require]
    );
}

#[test]
fn a_key_never_shows_more_than_level_1() {
    let key = PublicKey::from_pem(include_str!(
        "../../testdata/bundles/local-stack/managed.pub"
    ))
    .unwrap();
    let policy = Policy::for_key(key.clone(), Transparency::Required);
    // Whatever the document says.
    let evidence = [signed(
        SLSA_PROVENANCE_V1,
        provenance(),
        Signer::Key(key.clone()),
    )];
    let verdict = policy.judge(&artifact(), &evidence, SystemTime::now());
    assert!(verdict.passed(), "{:#?}", verdict.findings());
    assert_eq!(verdict.level(), 1);
    // A certificate is no key.
    let evidence = [signed(SLSA_PROVENANCE_V1, provenance(), by(&certificate()))];
    assert!(
        !policy
            .judge(&artifact(), &evidence, SystemTime::now())
            .passed()
    );
    // The key adds to a policy, and does not loosen it.
    let strict = Policy::parse(POLICY)
        .unwrap()
        .with_key(key.clone(), Transparency::Required);
    let evidence = [
        signed(SLSA_PROVENANCE_V1, provenance(), Signer::Key(key)),
        signed(CYCLONEDX_BOM, sbom(), by(&certificate())),
    ];
    let verdict = strict.judge(&artifact(), &evidence, SystemTime::now());
    assert_eq!(failed(&verdict), [Rule::MinLevel]);
    let source = verdict
        .findings()
        .iter()
        .find(|it| it.rule == Rule::Repository)
        .unwrap();
    assert_eq!(source.backing, Some(Backing::Stated));
}

#[test]
fn the_dev_policy_trusts_the_build_key_for_local_builds_only() {
    let key = PublicKey::from_pem(include_str!(
        "../../testdata/bundles/local-stack/managed.pub"
    ))
    .unwrap();
    let mut policy = Policy::parse(include_str!("../../policies/dev.toml")).unwrap();
    assert!(policy.trusted_keys().is_empty());
    let local = json!({"buildDefinition": {"buildType": slsa::LOCAL_BUILD_TYPE}, "runDetails": {"builder": {"id": slsa::LOCAL_BUILDER}}});
    let evidence = [signed(SLSA_PROVENANCE_V1, local, Signer::Key(key.clone()))];
    let now = SystemTime::now();
    assert!(
        !policy.judge(&artifact(), &evidence, now).passed(),
        "unresolved keys trust nobody"
    );
    policy
        .resolve_keys(|source| {
            assert_eq!(*source, KeySource::BuildKey);
            Ok::<_, std::convert::Infallible>(Some(key.clone()))
        })
        .unwrap();
    assert_eq!(policy.trusted_keys().len(), 1);
    let verdict = policy.judge(&artifact(), &evidence, now);
    assert!(verdict.passed(), "{:#?}", verdict.findings());
    assert_eq!(verdict.level(), 1);
    let claims = [signed(SLSA_PROVENANCE_V1, provenance(), Signer::Key(key))];
    assert_eq!(
        failed(&policy.judge(&artifact(), &claims, now)),
        [Rule::Builder, Rule::MinLevel]
    );
}
