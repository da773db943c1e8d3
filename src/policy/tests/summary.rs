//! `[[trust.verifier]]`: whose word stands for provenance, and how far.

use super::*;
use crate::key::PublicKey;
use crate::statement::predicate::SLSA_VSA_V1;

const VERIFIER: &str = "https://example.com/verifier";
const RESOURCE: &str = "oci://ghcr.io/acme/wash@sha256:00";
const POLICY_DIGEST: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const PEM: &str = include_str!("../../../testdata/keys/p256.pub");
const OTHER_PEM: &str = include_str!("../../../testdata/keys/locked/cosign.pub");

fn policy() -> String {
    format!(
        r#"schema = "prov.policy/v1"
name = "by summary"
[[trust.verifier]]
id = "{VERIFIER}"
public-key = """
{PEM}"""
transparency = "not-required"
resource-uri = ["oci://ghcr.io/acme/*"]
policy-digest = ["sha256:{POLICY_DIGEST}"]
level = 3
max-age-days = 30
[source]
repository = "https://github.com/acme/wash"
[build]
min-level = 3
"#
    )
}

fn key(pem: &str) -> Signer {
    Signer::Key(PublicKey::from_pem(pem).unwrap())
}

fn summary() -> Value {
    json!({
        "verifier": {"id": VERIFIER},
        // A week before the scene's now.
        "timeVerified": "2027-01-08T08:00:00Z",
        "resourceUri": RESOURCE,
        "policy": {"uri": "release.toml", "digest": {"sha256": POLICY_DIGEST}},
        "verificationResult": "PASSED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
        "slsaVersion": "1.2",
    })
}

/// The answer to one summary by the verifier's key.
fn judge(policy: &str, summary: Value, more: Vec<Verified<Statement>>) -> Verdict {
    let mut evidence = vec![signed(SLSA_VSA_V1, summary, key(PEM))];
    evidence.extend(more);
    judge_all(policy, &evidence)
}

fn judge_all(policy: &str, evidence: &[Verified<Statement>]) -> Verdict {
    let policy = match Policy::parse(policy) {
        Ok(policy) => policy,
        Err(errors) => panic!("{errors}\n{policy}"),
    };
    policy.judge(&artifact(), evidence, scene().now)
}

fn noted(verdict: &Verdict, rule: Rule) -> bool {
    verdict
        .findings()
        .iter()
        .any(|finding| finding.rule == rule && finding.outcome == Outcome::Noted)
}

#[test]
fn a_summary_stands_for_provenance() {
    let verdict = judge(&policy(), summary(), Vec::new());
    assert!(verdict.passed(), "{:#?}", verdict.findings());
    assert_eq!((verdict.level(), verdict.provenance()), (3, None));
    assert!(verdict.admit(artifact()).is_ok());
    let rules: Vec<Rule> = verdict
        .findings()
        .iter()
        .map(|it| it.rule.clone())
        .collect();
    assert_eq!(
        rules,
        [
            Rule::Signer,
            Rule::Verifier,
            Rule::Resource,
            Rule::SummaryPolicy,
            Rule::Result,
            Rule::MaxAge,
            Rule::MinLevel,
            Rule::Repository,
        ]
    );
}

/// In the order of SLSA's checks; whatever stops a summary, nothing is left to say yes.
#[test]
fn what_makes_a_summary_worth_nothing() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change, Rule); 13] = [
        (
            "another verifier",
            |s| s["verifier"]["id"] = json!("https://example.com/other"),
            Rule::Verifier,
        ),
        (
            "a longer id",
            |s| s["verifier"]["id"] = json!(format!("{VERIFIER}/x")),
            Rule::Verifier,
        ),
        ("no predicate", |s| *s = json!({}), Rule::Verifier),
        (
            "another answer",
            |s| s["verificationResult"] = json!("passed"),
            Rule::Verifier,
        ),
        (
            "another resource",
            |s| s["resourceUri"] = json!("oci://ghcr.io/evil/wash"),
            Rule::Resource,
        ),
        (
            "a deeper resource",
            |s| s["resourceUri"] = json!("oci://ghcr.io/acme/wash/x"),
            Rule::Resource,
        ),
        (
            "another policy",
            |s| s["policy"]["digest"]["sha256"] = json!("2".repeat(64)),
            Rule::SummaryPolicy,
        ),
        (
            "no policy digest",
            |s| s["policy"] = json!({"uri": "release.toml"}),
            Rule::SummaryPolicy,
        ),
        (
            "a FAILED one by another policy",
            |s| {
                s["verificationResult"] = json!("FAILED");
                s["policy"]["digest"]["sha256"] = json!("2".repeat(64));
            },
            Rule::SummaryPolicy,
        ),
        (
            "too old",
            |s| s["timeVerified"] = json!("2026-12-01T00:00:00Z"),
            Rule::MaxAge,
        ),
        (
            "from the future",
            |s| s["timeVerified"] = json!("2027-02-01T00:00:00Z"),
            Rule::MaxAge,
        ),
        ("no time", |s| s["timeVerified"] = json!(null), Rule::MaxAge),
        (
            "a time that is none",
            |s| s["timeVerified"] = json!("yesterday"),
            Rule::MaxAge,
        ),
    ];
    for (name, change, rule) in cases {
        let mut predicate = summary();
        change(&mut predicate);
        let verdict = judge(&policy(), predicate, Vec::new());
        assert_eq!(
            failed(&verdict),
            [
                Rule::Signer,
                Rule::MinLevel,
                Rule::Require,
                Rule::Repository
            ],
            "{name}: {:#?}",
            verdict.findings()
        );
        assert!(noted(&verdict, rule), "{name}: {:#?}", verdict.findings());
        assert_eq!(verdict.level(), 0, "{name}");
    }
}

#[test]
fn a_summary_by_a_stranger_or_about_something_else() {
    let stranger = signed(SLSA_VSA_V1, summary(), key(OTHER_PEM));
    let verdict = judge_all(&policy(), &[stranger]);
    assert!(!verdict.passed() && noted(&verdict, Rule::Verifier));
    let other = ResourceDescriptor::of(&Artifact::from_bytes("wash", b"other".to_vec()));
    let statement = Statement::new(vec![other], SLSA_VSA_V1, summary());
    let verdict = judge_all(&policy(), &[Verified::for_test(statement, key(PEM))]);
    assert!(!verdict.passed() && noted(&verdict, Rule::Subject));
    // The same predicate under another type says nothing.
    let verdict = judge_all(
        &policy(),
        &[signed("https://example.com/vsa", summary(), key(PEM))],
    );
    assert!(!verdict.passed());
    let unlogged = signed(SLSA_VSA_V1, summary(), key(PEM)).unlogged();
    let demanding = policy().replace("\"not-required\"", "\"required\"");
    assert!(judge_all(&policy(), std::slice::from_ref(&unlogged)).passed());
    assert!(!judge_all(&demanding, &[unlogged]).passed());
}

/// A verifier's key is good for summaries alone.
#[test]
fn a_verifier_builds_nothing() {
    let provenance = signed(SLSA_PROVENANCE_V1, provenance(), key(PEM));
    let one = policy().replace("min-level = 3", "min-level = 1");
    assert!(!judge_all(&one, &[provenance]).passed());
}

#[test]
fn a_no_of_a_trusted_verifier_is_a_no() {
    let mut no = summary();
    no["verificationResult"] = json!("FAILED");
    no["verifiedLevels"] = json!(["FAILED"]);
    // However old, and whatever else says yes.
    no["timeVerified"] = json!("2020-01-01T00:00:00Z");
    let yes = signed(SLSA_VSA_V1, summary(), key(PEM));
    let verdict = judge(&policy(), no, vec![yes]);
    assert_eq!(failed(&verdict), [Rule::Result]);
    assert!(!verdict.passed());
}

#[test]
fn the_level_is_the_lower_one_of_what_is_said_and_what_is_trusted() {
    for (trusted, said, wanted) in [
        ("level = 3", "SLSA_BUILD_LEVEL_2", 2),
        ("level = 2", "SLSA_BUILD_LEVEL_3", 2),
        ("level = 3", "SLSA_SOURCE_LEVEL_3", 0),
        ("level = 3", "SLSA_BUILD_LEVEL_UNEVALUATED", 0),
    ] {
        let mut predicate = summary();
        predicate["verifiedLevels"] = json!([said]);
        let policy = policy().replace("level = 3\nmax", &format!("{trusted}\nmax"));
        let two = policy.replace("min-level = 3", "min-level = 2");
        let verdict = judge(&two, predicate, Vec::new());
        assert_eq!(verdict.level(), wanted, "{trusted} {said}");
        assert_eq!(verdict.passed(), wanted == 2, "{trusted} {said}");
    }
}

#[test]
fn without_a_policy_digest_a_summary_says_a_level_and_no_more() {
    let unpinned = policy().replace("policy-digest", "#policy-digest");
    let verdict = judge(&unpinned, summary(), Vec::new());
    assert_eq!(failed(&verdict), [Rule::Repository]);
    let source = "[source]\nrepository = \"https://github.com/acme/wash\"\n";
    let level_only = unpinned.replace(source, "");
    assert!(judge(&level_only, summary(), Vec::new()).passed());
}

#[test]
fn what_a_summary_does_not_stand_for() {
    let sbom = policy() + "[sbom]\ndeny = [\"pkg:cargo/openssl-src\"]\n";
    assert_eq!(failed(&judge(&sbom, summary(), Vec::new())), [Rule::Deny]);
    let written = policy() + "[attestations]\nrequire = [\"https://slsa.dev/provenance/v1\"]\n";
    assert_eq!(
        failed(&judge(&written, summary(), Vec::new())),
        [Rule::Require]
    );
    // The summary itself can be demanded.
    let itself = policy() + &format!("[attestations]\nrequire = [\"{SLSA_VSA_V1}\"]\n");
    assert!(judge(&itself, summary(), Vec::new()).passed());
}

#[test]
fn what_provenance_shows_weighs_more() {
    let both = POLICY.replace(
        "[source]",
        &policy()[policy().find("[[trust.verifier]]").unwrap()..policy().find("[source]").unwrap()],
    );
    let both = both.replace("max-age-days = 30", "max-age-days = 30\n[source]");
    let summary = || signed(SLSA_VSA_V1, summary(), key(PEM));
    let bom = || signed(CYCLONEDX_BOM, sbom(), by(&certificate()));
    let by_builder = |change: fn(&mut Certificate, &mut Value)| {
        let (mut certificate, mut provenance) = (certificate(), provenance());
        change(&mut certificate, &mut provenance);
        signed(SLSA_PROVENANCE_V1, provenance, by(&certificate))
    };
    // Good provenance decides, and the summary is told.
    let verdict = judge_all(&both, &[by_builder(|_, _| ()), bom(), summary()]);
    assert!(verdict.passed() && noted(&verdict, Rule::Result));
    assert_eq!(verdict.provenance(), Some(0));
    // A bad one from the right place is not outvoted.
    let wrong = by_builder(|_, it| it["buildDefinition"]["buildType"] = json!("https://other"));
    let verdict = judge_all(&both, &[wrong, bom(), summary()]);
    assert_eq!(failed(&verdict), [Rule::BuildType]);
    // A stranger's provenance pushes nothing aside.
    let stranger = by_builder(|certificate, it| {
        certificate.source_repository = Some("https://github.com/evil/wash".into());
        it["buildDefinition"]["externalParameters"] = json!({});
    });
    let require = "require = [\"https://slsa.dev/provenance/v1\", \"https://cyclonedx.org/bom\"]";
    let both = both.replace(require, "require = [\"https://cyclonedx.org/bom\"]");
    let verdict = judge_all(&both, &[stranger, bom(), summary()]);
    assert!(verdict.passed(), "{:#?}", verdict.findings());
    assert!(noted(&verdict, Rule::Agree));
}

#[test]
fn a_workflow_can_be_the_verifier() {
    let entry = format!(
        "issuer = \"{ISSUER}\"\nsigner = \"{SIGNER}\"\nsigner-ref = [\"refs/tags/v*\"]\n\
         repository = \"{REPOSITORY}\"\n"
    );
    let at = policy();
    let (from, to) = (
        at.find("public-key").unwrap(),
        at.find("resource-uri").unwrap(),
    );
    let by_workflow = at.replace(&at[from..to], &entry);
    let summary = |certificate: &Certificate| signed(SLSA_VSA_V1, summary(), by(certificate));
    assert!(judge_all(&by_workflow, &[summary(&certificate())]).passed());
    type Change = fn(&mut Certificate);
    let changes: [Change; 3] = [
        |it| it.issuer = "https://example.com".into(),
        |it| it.source_repository = Some("https://github.com/evil/wash".into()),
        |it| {
            it.identity = format!("{SIGNER}@refs/heads/x");
            it.build_signer_uri = Some(it.identity.clone());
            it.build_signer_digest = None;
        },
    ];
    for change in changes {
        let mut certificate = certificate();
        change(&mut certificate);
        let verdict = judge_all(&by_workflow, &[summary(&certificate)]);
        assert!(!verdict.passed() && noted(&verdict, Rule::Verifier));
    }
}

#[test]
fn entries_that_say_too_little_or_too_much_are_refused() {
    for (from, to, wanted) in [
        (
            "resource-uri = [\"oci://ghcr.io/acme/*\"]\n",
            "",
            "needs `resource-uri`",
        ),
        ("oci://ghcr.io/acme/*", "oci://*/wash", "anybody's resource"),
        ("oci://ghcr.io/acme/*", "wash", "no URI"),
        ("id = \"https://example.com/verifier\"\n", "", "needs `id`"),
        ("sha256:1", "sha512:1", "no digest of a policy"),
        ("level = 3\nmax", "level = 4\nmax", "wanted a number"),
        (
            "level = 3\nmax",
            "level = 2\nmax",
            "nobody can reach level 3",
        ),
        ("max-age-days = 30", "max-age-days = 0", "wanted a number"),
        ("max-age-days", "max-age", "unknown key `max-age`"),
        (
            "level = 3\nmax",
            "issuer = \"https://x\"\nlevel = 3\nmax",
            "so does a workflow",
        ),
        ("public-key = ", "#", "expected"),
    ] {
        let text = policy();
        assert!(text.contains(from), "{from}");
        let errors = Policy::parse(&text.replacen(from, to, 1)).unwrap_err();
        let text = errors.to_string();
        assert!(
            text.contains(wanted) || (wanted == "expected" && text.contains("no TOML")),
            "{wanted}: {text}"
        );
    }
}
