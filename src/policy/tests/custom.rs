//! Rules of one's own, on evidence.

use super::*;

fn rule(scene: &mut Scene, rest: &str) {
    scene.policy += "[[rule]]\nid = \"own\"\nmessage = \"what is wanted\"\n";
    scene.policy += rest;
    scene.policy += "\n";
}

fn own(scene: Scene) -> (bool, Finding) {
    let verdict = scene.judge();
    let found = verdict
        .findings()
        .iter()
        .find(|it| it.rule.name() == "rule.own");
    (verdict.passed(), found.unwrap().clone())
}

/// Each holds on the evidence as it is made, so each variable is what the page says.
#[test]
fn every_variable() {
    for assert in [
        "artifact.name == 'wash' && artifact.size == 4",
        "artifact.digest.sha256.startsWith('69c37e16') || artifact.digest.sha256 != null",
        "artifact.digest.sha512 == null",
        "artifact.media_type == 'application/octet-stream'",
        "level == 3",
        "signers.size() == 2 && signers.all(s, s.kind == 'certificate' && s.key == null)",
        "signers[0].issuer == 'https://token.actions.githubusercontent.com'",
        "signers[0].identity.endsWith('/build.yml@refs/tags/v1')",
        "signers[0].repository == 'https://github.com/acme/wash'",
        "signers[0].ref == 'refs/tags/v2' && signers[0].commit.startsWith('1111')",
        "signers[0].workflow.contains('/release.yml@')",
        "signers[0].runner == 'github-hosted' && signers[0].trigger == 'push'",
        "signers[0].logged && signers[0].times == []",
        "provenance.build_type == 'https://actions.github.io/buildtypes/workflow/v1'",
        "provenance.builder.id == signers[0].identity && provenance.builder.version.size() == 0",
        "provenance.external_parameters.workflow.path == '.github/workflows/release.yml'",
        "provenance.internal_parameters.github.event_name == 'push'",
        "provenance.resolved_dependencies.exists(d, d.digest.gitCommit.startsWith('1111'))",
        "provenance.invocation.contains('/runs/42/')",
        "provenance.signer == signers[0]",
        "provenance.started_on == null",
        "attestations.size() == 2",
        "attestations.exists_one(a, a.type == 'https://cyclonedx.org/bom' && a.predicate.specVersion == '1.6')",
        "sbom.components.exists(c, c.purl == 'pkg:cargo/a@1.0.0' && c.type == 'library')",
        "sbom.components.exists(c, c.purl != null && version_in(c.purl, '<2'))",
        "sbom.components.all(c, c.licenses.all(l, license_allowed(l, ['MIT', 'Apache-2.0'])))",
        "sbom.components.all(c, c.scope == 'required' && c.hashes == [] && c.group == null)",
        "sbom.root.name == 'wash' && sbom.spec_version == '1.6' && sbom.timestamp == null",
        "now == timestamp('2027-01-15T08:00:00Z')",
    ] {
        let mut scene = scene();
        rule(&mut scene, &format!("assert = \"{assert}\""));
        let (passed, finding) = own(scene);
        assert!(passed, "{assert}: {finding:?}");
        assert_eq!(finding.outcome, Outcome::Passed);
    }
}

#[test]
fn what_a_rule_answers() {
    for (text, wanted, seen) in [
        ("assert = \"level == 3\"", Outcome::Passed, "it holds"),
        ("assert = \"level == 2\"", Outcome::Failed, "does not hold"),
        (
            "when = \"level == 2\"\nassert = \"level == 2\"",
            Outcome::Noted,
            "does not apply",
        ),
        (
            "when = \"level == 3\"\nassert = \"level == 2\"",
            Outcome::Failed,
            "does not hold",
        ),
        (
            "when = \"sbom.timestamp > 1\"\nassert = \"level == 3\"",
            Outcome::Failed,
            "`when` has no answer",
        ),
        (
            "when = \"level\"\nassert = \"level == 3\"",
            Outcome::Failed,
            "neither true nor false",
        ),
        (
            "assert = \"sbom.timestamp.startsWith('2')\"",
            Outcome::Failed,
            "`assert` has no answer",
        ),
        (
            "assert = \"level\"",
            Outcome::Failed,
            "neither true nor false",
        ),
        (
            "severity = \"error\"\nassert = \"level == 2\"",
            Outcome::Failed,
            "does not hold",
        ),
        (
            "severity = \"warning\"\nassert = \"level == 2\"",
            Outcome::Noted,
            "warning: it does not hold",
        ),
        (
            "severity = \"warning\"\nassert = \"level == 3\"",
            Outcome::Passed,
            "it holds",
        ),
    ] {
        let mut scene = scene();
        rule(&mut scene, text);
        let (passed, finding) = own(scene);
        assert_eq!(finding.outcome, wanted, "{text}: {finding:?}");
        assert!(finding.seen.contains(seen), "{text}: {finding:?}");
        assert_eq!(finding.wanted, "what is wanted");
        assert_eq!(finding.line, Some(22), "{text}");
        assert_eq!(passed, wanted != Outcome::Failed, "{text}");
        assert_eq!(finding.fix.is_some(), wanted == Outcome::Failed, "{text}");
    }
}

/// What is not trusted is not there, and then nothing can be said of it.
#[test]
fn only_trusted_evidence_is_seen() {
    let mut strangers = scene();
    let mut stranger = certificate();
    stranger.identity = "https://github.com/evil/x/.github/workflows/a.yml@refs/tags/v1".into();
    stranger.build_signer_uri = None;
    let mut inside = sbom();
    inside["components"][0]["name"] = json!("evil");
    strangers
        .more
        .push(signed(CYCLONEDX_BOM, inside, by(&stranger)));
    let evil = "sbom.components.exists(c, c.name == 'evil')";
    rule(
        &mut strangers,
        &format!("assert = \"!{evil} && signers.size() == 2 && attestations.size() == 2\""),
    );
    assert!(own(strangers).0);

    for (attached, assert) in [
        (
            [true, false],
            "!sbom.components.exists(c, c.name == 'evil')",
        ),
        (
            [false, true],
            "!provenance.external_parameters.exists(p, p == 'evil')",
        ),
        ([false, false], "sbom.components.all(c, c.name != 'evil')"),
    ] {
        let mut scene = scene();
        scene.attached = attached;
        rule(&mut scene, &format!("assert = \"{assert}\""));
        let (passed, finding) = own(scene);
        assert!(!passed);
        assert_eq!(finding.outcome, Outcome::Failed, "{assert}: {finding:?}");
    }
}

#[test]
fn it_can_be_waived_for_a_while() {
    let exception =
        "[[exception]]\nrule = \"rule.own\"\nuntil = 2027-01-15\nowner = \"o\"\nreason = \"r\"\n";
    let with = |text: &str| {
        let mut scene = scene();
        rule(&mut scene, text);
        scene.policy += exception;
        scene
    };
    let (passed, finding) = own(with("assert = \"level == 2\""));
    assert!(
        passed && matches!(finding.outcome, Outcome::Waived { .. }),
        "{finding:?}"
    );
    let mut over = with("assert = \"level == 2\"");
    over.now += Duration::from_secs(86_400);
    assert!(!own(over).0);
    let other = with("assert = \"level == 2\"")
        .policy
        .replace("rule.own", "rule.won");
    let errors = Policy::parse(&other).unwrap_err();
    assert!(
        errors.to_string().contains("there is no rule `rule.won`"),
        "{errors}"
    );
}
