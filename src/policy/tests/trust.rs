//! Who signed, and which level that shows.

use super::*;

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
            "no issuer",
            |s| s.certificate.issuer = String::new(),
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
fn levels_and_why_not_the_next() {
    type Change = fn(&mut Scene);
    let cases: [(Change, u8, &str); 7] = [
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
fn a_key_never_shows_more_than_level_1() {
    let key = PublicKey::from_pem(include_str!(
        "../../../testdata/bundles/local-stack/managed.pub"
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
        "../../../testdata/bundles/local-stack/managed.pub"
    ))
    .unwrap();
    let mut policy = Policy::parse(include_str!("../../../policies/dev.toml")).unwrap();
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
    let level = verdict
        .findings()
        .iter()
        .find(|it| it.rule == Rule::MinLevel)
        .unwrap();
    assert!(level.why.as_ref().unwrap().contains("own machine"));
    assert_eq!(verdict.level(), 1);
    let claims = [signed(SLSA_PROVENANCE_V1, provenance(), Signer::Key(key))];
    assert_eq!(
        failed(&policy.judge(&artifact(), &claims, now)),
        [Rule::Builder, Rule::MinLevel]
    );
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
