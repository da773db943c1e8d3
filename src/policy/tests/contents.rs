//! What is inside, and what is excepted.

use proptest::prelude::*;

use super::*;

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
    // A stranger who called the same workflow can't push a waived one aside.
    let mut aside = scene();
    for rule in ["build.build-type", "build.external-parameters"] {
        aside.policy += &EXCEPTION
            .replace("sbom.deny-licenses", rule)
            .replace("purl = \"pkg:cargo/a@1.0.0\"\n", "");
    }
    let mut strange = certificate();
    strange.source_repository = Some("https://github.com/evil/wash".into());
    let mut other = provenance();
    other["buildDefinition"]["externalParameters"] = json!({});
    aside
        .more
        .push(signed(SLSA_PROVENANCE_V1, other, by(&strange)));
    aside.provenance["buildDefinition"]["buildType"] = json!("https://other");
    aside.provenance["buildDefinition"]["externalParameters"]["inputs"] = json!(1);
    let verdict = aside.judge();
    assert!(verdict.passed(), "{:#?}", verdict.findings());
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
        (said.rule.clone(), &said.outcome),
        (Rule::Exception, &Outcome::Noted)
    );
    assert!(said.seen.contains("ended on 2027-01-15"), "{said:?}");
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
fn findings_cannot_steer_a_terminal() {
    let mut scene = scene();
    scene.sbom["components"][0]["purl"] = json!("pkg:cargo/a\u{1b}[2J\u{202e}b");
    scene.license(json!({"license": {"id": "GPL-3.0-only"}}));
    let verdict = scene.judge();
    assert!(failed(&verdict).contains(&Rule::DenyLicenses));
    let all = format!("{:?}", verdict.findings());
    assert!(!all.contains("u{1b}") && !all.contains("u{202e}"), "{all}");
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[null], {"license": 1}])),
        any::<i64>().prop_map(|number| json!(number)),
        "\\PC{0,12}".prop_map(|text| json!(text)),
    ]
}

/// Replaces the value that is reached by always turning as `turns` say.
fn replace(value: &mut Value, turns: &[prop::sample::Index], with: &Value) {
    let next = match (turns, &mut *value) {
        ([turn, rest @ ..], Value::Array(items)) if !items.is_empty() => {
            let at = turn.index(items.len());
            Some((&mut items[at], rest))
        }
        ([turn, rest @ ..], Value::Object(map)) if !map.is_empty() => {
            let at = turn.index(map.len());
            map.values_mut().nth(at).map(|item| (item, rest))
        }
        _ => None,
    };
    match next {
        Some((item, rest)) => replace(item, rest, with),
        None => *value = with.clone(),
    }
}

proptest! {
    #[test]
    fn damaged_documents_are_judged_without_panic(
        turns in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        with in anything(),
        in_sbom in any::<bool>(),
    ) {
        let mut scene = scene();
        let document = if in_sbom { &mut scene.sbom } else { &mut scene.provenance };
        replace(document, &turns, &with);
        let verdict = scene.judge();
        prop_assert!(verdict.passed() || !failed(&verdict).is_empty());
    }

    #[test]
    fn any_licence_is_judged_without_panic(
        words in prop::collection::vec(prop::sample::select(vec![
            "MIT", "GPL-2.0", "GPL-3.0+", "gplv3", "(", ")", "AND", "OR", "or", "/", "+", "WITH",
            "Classpath-exception-2.0", "LicenseRef-x", "DocumentRef-y:LicenseRef-x", "NONE", "\u{e9}",
        ]), 0..9),
        glue in prop::sample::select(vec![" ", ""]),
    ) {
        let mut scene = scene();
        scene.license(json!({"expression": words.join(glue)}));
        scene.judge();
    }
}
