//! Signatures over the artifact's bytes, and signatures that stand in no log.

use super::*;
use crate::verify::Signature;

/// A policy that wants the bytes signed, and nothing stated about them.
const SIGNED: &str = r#"schema = "prov.policy/v1"
name = "signed"
[[trust.builder]]
issuer = "https://token.actions.githubusercontent.com"
signer = "https://github.com/acme/prov/.github/workflows/build.yml"
signer-ref = ["refs/tags/v*"]
[source]
repository = "https://github.com/acme/wash"
[build]
min-level = 0
[attestations]
signature = "required"
"#;

fn signature(certificate: &Certificate) -> Verified<Signature> {
    let digest = artifact().digest().clone();
    Verified::for_test(Signature::for_test(digest), by(certificate))
}

fn judge(
    policy: &str,
    statements: &[Verified<Statement>],
    found: &[Verified<Signature>],
) -> Verdict {
    let policy = Policy::parse(policy).unwrap_or_else(|errors| panic!("{errors}"));
    policy.judge_all(&artifact(), statements, found, scene().now)
}

/// `[source]` asks for a provenance, so it stands in the entry here.
fn signed_only() -> String {
    SIGNED.replace(
        "[source]\nrepository = \"https://github.com/acme/wash\"\n",
        "repository = \"https://github.com/acme/wash\"\n",
    )
}

#[test]
fn a_signature_is_enough_where_nothing_else_is_asked_for() {
    let policy = signed_only();
    let verdict = judge(&policy, &[], &[signature(&certificate())]);
    assert!(verdict.passed(), "{:#?}", verdict.findings());
    assert_eq!(verdict.level(), 0);

    let missing = judge(&policy, &[], &[]);
    assert_eq!(failed(&missing), [Rule::Signer, Rule::Signature]);
    // A statement is no signature over the bytes.
    let provenance = signed(SLSA_PROVENANCE_V1, provenance(), by(&certificate()));
    let stated = judge(&policy, &[provenance], &[]);
    assert_eq!(failed(&stated), [Rule::Signature]);

    let changes: [fn(&mut Certificate); 4] = [
        |it| it.issuer = "https://evil.example".into(),
        |it| it.identity = it.identity.replace("build.yml", "evil.yml"),
        |it| it.build_signer_uri = Some("https://github.com/acme/evil".into()),
        |it| it.source_repository = Some("https://github.com/evil/wash".into()),
    ];
    for change in changes {
        let mut other = certificate();
        change(&mut other);
        let verdict = judge(&policy, &[], &[signature(&other)]);
        assert_eq!(
            failed(&verdict),
            [Rule::Signer, Rule::Signature],
            "{other:?}"
        );
        assert!(!verdict.passed());
    }
    let digest = crate::artifact::Digest::sha256(b"other");
    let elsewhere = Verified::for_test(Signature::for_test(digest), by(&certificate()));
    assert!(!judge(&policy, &[], &[elsewhere]).passed());
    let unlogged = signature(&certificate()).unlogged();
    assert!(!judge(&policy, &[], &[unlogged]).passed());
}

/// Whatever else is asked for, a signature does not answer it.
#[test]
fn a_signature_stands_for_no_statement() {
    let signatures = [signature(&certificate())];
    let verdict = judge(POLICY, &[], &signatures);
    assert_eq!(failed(&verdict), NOTHING);
    let noted = verdict
        .findings()
        .iter()
        .find(|it| it.rule == Rule::Signature);
    assert_eq!(noted.unwrap().outcome, Outcome::Noted);
    // The level and the source ask for provenance too.
    for policy in [
        SIGNED.to_owned(),
        signed_only().replace("min-level = 0", "min-level = 1"),
        signed_only().replace("[build]\nmin-level = 0\n", ""),
        signed_only() + "require = [\"https://slsa.dev/provenance/v1\"]\n",
    ] {
        assert!(!judge(&policy, &[], &signatures).passed(), "{policy}");
    }
    let source = |certificate: &Certificate| {
        let provenance = signed(SLSA_PROVENANCE_V1, provenance(), by(certificate));
        judge(SIGNED, &[provenance], &signatures)
    };
    assert!(source(&certificate()).passed());
}

#[test]
fn a_builder_without_a_log_must_be_named_as_one() {
    let unlogged = || -> Vec<_> {
        [
            signed(SLSA_PROVENANCE_V1, provenance(), by(&certificate())),
            signed(CYCLONEDX_BOM, sbom(), by(&certificate())),
        ]
        .map(Verified::unlogged)
        .into()
    };
    assert_eq!(failed(&judge(POLICY, &unlogged(), &[])), NOTHING);
    let accepted = POLICY.replace(
        "level = 3\nrunner",
        "level = 3\ntransparency = \"not-required\"\nrunner",
    );
    let verdict = judge(&accepted, &unlogged(), &[]);
    assert!(verdict.passed(), "{:#?}", verdict.findings());
    assert_eq!(verdict.level(), 3);
    // Another builder's word counts for itself alone.
    let other = "[[trust.builder]]\nissuer = \"https://token.actions.githubusercontent.com\"\n\
                 signer = \"https://github.com/acme/prov/.github/workflows/other.yml\"\n\
                 signer-ref = [\"refs/tags/v*\"]\ntransparency = \"not-required\"\n[source]";
    let mixed = POLICY.replace("[source]", other);
    assert_eq!(
        Policy::parse(&mixed).unwrap().certificates(),
        crate::verify::Transparency::NotRequired
    );
    assert_eq!(failed(&judge(&mixed, &unlogged(), &[])), NOTHING);
}
