//! What the provenance must say, and must not contradict.

use super::*;

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
fn the_whole_road() {
    let verdict = scene().judge();
    assert!(verdict.passed(), "{:#?}", verdict.findings());
    assert_eq!(verdict.level(), 3);
    assert_eq!(verdict.provenance(), Some(0));
    let rules: Vec<_> = verdict
        .findings()
        .iter()
        .map(|it| it.rule.clone())
        .collect();
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
