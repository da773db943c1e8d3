//! Which artifacts, signed when, and what their SBOM must say.

use super::*;

const DIGEST: &str = "sha256:b09b3a09f25f6b8a2f1ff1b9a9b4a5f1e7e1a6a4d8e5b5b5a1a1a1a1a1a1a1a1";

fn own_digest() -> String {
    artifact().digest().to_string()
}

#[test]
fn which_artifacts() {
    check(&[
        (
            "allowed",
            |s| s.policy += &format!("[artifact]\nallow-digests = [\"{}\"]\n", own_digest()),
            &[],
        ),
        (
            "not allowed",
            |s| s.policy += &format!("[artifact]\nallow-digests = [\"{DIGEST}\"]\n"),
            &[Rule::AllowDigests],
        ),
        (
            "not refused",
            |s| s.policy += &format!("[artifact]\ndeny-digests = [\"{DIGEST}\"]\n"),
            &[],
        ),
        (
            "refused",
            |s| s.policy += &format!("[artifact]\ndeny-digests = [\"{}\"]\n", own_digest()),
            &[Rule::DenyDigests],
        ),
        (
            "refused by a digest that is not known",
            |s| {
                s.policy += &format!(
                    "[artifact]\ndeny-digests = [\"sha512:{}\"]\n",
                    "a".repeat(128)
                )
            },
            &[Rule::DenyDigests],
        ),
        (
            "small enough",
            |s| s.policy += "[artifact]\nmax-size = 4\n",
            &[],
        ),
        (
            "small enough in words",
            |s| s.policy += "[artifact]\nmax-size = \"64 MiB\"\n",
            &[],
        ),
        (
            "too large",
            |s| s.policy += "[artifact]\nmax-size = 3\n",
            &[Rule::MaxSize],
        ),
    ]);
    let policy = POLICY.to_owned() + "[artifact]\nmax-size = \"1 GiB\"\n";
    let elsewhere = Artifact::from_digest("wash", artifact().digest().clone());
    let verdict = Policy::parse(&policy)
        .unwrap()
        .judge(&elsewhere, &[], scene().now);
    assert!(failed(&verdict).contains(&Rule::MaxSize));
}

/// What fails when provenance and SBOM are out of time.
fn nothing_in_time() -> Vec<Rule> {
    let mut rules = vec![Rule::SignedWhen];
    rules.extend_from_slice(NOTHING);
    rules
}

#[test]
fn signed_when() {
    // 2027-01-15T08:00:00Z
    let now = scene().now;
    let day = Duration::from_secs(86_400);
    let judge = |window: &str, times: &[SystemTime]| {
        let policy = Policy::parse(&format!("{POLICY}[evidence]\n{window}\n")).unwrap();
        let evidence = [
            signed(SLSA_PROVENANCE_V1, provenance(), by(&certificate())),
            signed(CYCLONEDX_BOM, sbom(), by(&certificate())),
        ]
        .map(|each| each.at_times(times));
        failed(&policy.judge(&artifact(), &evidence, now))
    };
    for (window, times, in_time) in [
        ("max-age = \"90 days\"", vec![now - 90 * day], true),
        ("max-age = \"90 days\"", vec![now - 91 * day], false),
        ("max-age = \"1 day\"", vec![now - day], true),
        ("max-age = \"90 days\"", vec![], false),
        // Logged again, it is not younger.
        ("max-age = \"90 days\"", vec![now, now - 91 * day], false),
        ("not-before = 2027-01-15", vec![now], true),
        ("not-before = 2027-01-16", vec![now], false),
        ("not-before = 2027-01-15", vec![], false),
        ("not-after = 2027-01-15", vec![now], true),
        ("not-after = 2027-01-14", vec![now], false),
        (
            "not-before = 2027-01-14\nnot-after = 2027-01-16",
            vec![now],
            true,
        ),
        (
            "max-age = \"10 days\"\nnot-after = 2027-01-10",
            vec![now - 5 * day],
            true,
        ),
        (
            "max-age = \"10 days\"\nnot-after = 2027-01-09",
            vec![now - 5 * day],
            false,
        ),
    ] {
        let wanted = if in_time {
            Vec::new()
        } else {
            nothing_in_time()
        };
        assert_eq!(judge(window, &times), wanted, "{window} {times:?}");
    }
}

#[test]
fn the_sbom_is_about_the_artifact() {
    fn root(s: &mut Scene, hashes: Value) {
        s.sbom["metadata"]["component"]["hashes"] = hashes;
    }
    check(&[
        ("no digest", |_| {}, &[]),
        (
            "its digest",
            |s| {
                root(
                    s,
                    json!([{"alg": "SHA-256", "content": artifact().digest().hex()}]),
                )
            },
            &[],
        ),
        (
            "its digest in capitals",
            |s| {
                let hex = artifact().digest().hex().to_uppercase();
                root(s, json!([{"alg": "SHA-256", "content": hex}]));
            },
            &[],
        ),
        (
            "another digest",
            |s| root(s, json!([{"alg": "SHA-256", "content": "00".repeat(32)}])),
            &[Rule::SbomSubject],
        ),
        (
            "its digest and another",
            |s| {
                let own = json!({"alg": "SHA-256", "content": artifact().digest().hex()});
                root(
                    s,
                    json!([own, {"alg": "SHA-256", "content": "00".repeat(32)}]),
                );
            },
            &[Rule::SbomSubject],
        ),
        (
            "a digest that can't be compared",
            |s| root(s, json!([{"alg": "MD5", "content": "00"}, 1, {"alg": 1}])),
            &[],
        ),
    ]);
}

#[test]
fn what_an_sbom_must_say() {
    fn fields(s: &mut Scene, fields: &str) {
        s.replace(
            "[sbom]\n",
            &format!("[sbom]\nrequire-fields = [{fields}]\n"),
        );
    }
    const FAILS: &[Rule] = &[Rule::RequireFields];
    check(&[
        ("licences", |s| fields(s, "\"licenses\""), &[]),
        (
            "no licence",
            |s| {
                fields(s, "\"licenses\"");
                s.sbom["components"][0]["licenses"] = json!([]);
            },
            FAILS,
        ),
        ("the root has no purl", |s| fields(s, "\"purl\""), FAILS),
        (
            "versions",
            |s| {
                fields(s, "\"version\"");
                s.sbom["metadata"]["component"]["version"] = json!("1");
                s.sbom["components"][0]["version"] = json!("1.0.0");
            },
            &[],
        ),
        (
            "an empty version",
            |s| {
                fields(s, "\"version\"");
                s.sbom["metadata"]["component"]["version"] = json!("1");
                s.sbom["components"][0]["version"] = json!(" ");
            },
            FAILS,
        ),
        (
            "timestamp and author",
            |s| {
                fields(s, "\"timestamp\", \"author\"");
                s.sbom["metadata"]["timestamp"] = json!("2027-01-01T00:00:00Z");
                s.sbom["metadata"]["supplier"] = json!({"name": "acme"});
            },
            &[],
        ),
        ("no timestamp", |s| fields(s, "\"timestamp\""), FAILS),
        ("no dependencies", |s| fields(s, "\"dependencies\""), FAILS),
        ("no hashes", |s| fields(s, "\"hashes\""), FAILS),
        (
            "an exception for one component, and one too many",
            |s| {
                fields(s, "\"supplier\"");
                s.policy += "[[exception]]\nrule = \"sbom.require-fields\"\npurl = \"pkg:cargo/a\"\n\
                             until = 2027-02-01\nowner = \"o\"\nreason = \"r\"\n";
            },
            FAILS,
        ),
    ]);
}

#[test]
fn licences_that_are_allowed_one_by_one() {
    fn allow(s: &mut Scene, list: &str) {
        s.replace(
            "deny-licenses = [\"GPL-*\"]",
            &format!("allow-licenses = [{list}]"),
        );
    }
    const FAILS: &[Rule] = &[Rule::AllowLicenses];
    check(&[
        ("either", |s| allow(s, "\"MIT\", \"Apache-2.0\""), &[]),
        ("a pattern", |s| allow(s, "\"MI*\", \"Apache-*\""), &[]),
        ("one is missing", |s| allow(s, "\"MIT\""), FAILS),
        (
            "both are needed",
            |s| {
                allow(s, "\"MIT\", \"Apache-2.0\"");
                s.license(json!({"expression": "MIT AND ISC"}));
            },
            FAILS,
        ),
        (
            "an addition to an allowed one",
            |s| {
                allow(s, "\"Apache-2.0\"");
                s.license(json!({"expression": "Apache-2.0 WITH LLVM-exception"}));
            },
            &[],
        ),
        (
            "an unknown one is not among them",
            |s| {
                allow(s, "\"MIT\", \"Apache-2.0\"");
                s.license(json!({"license": {"name": "see file"}}));
            },
            &[Rule::UnknownLicenses],
        ),
        (
            "no licence is not among them",
            |s| {
                allow(s, "\"MIT\", \"Apache-2.0\"");
                s.sbom["components"][0]["licenses"] = json!([]);
            },
            &[Rule::UnknownLicenses],
        ),
        (
            "an unknown one is accepted",
            |s| {
                allow(
                    s,
                    "\"MIT\", \"Apache-2.0\"]\nunknown-licenses = \"allow\"\ndeny-licenses = [\"GPL-2.0\"",
                );
                s.license(json!({"license": {"name": "see file"}}));
            },
            &[],
        ),
    ]);
}

#[test]
fn versions_that_are_refused() {
    fn purl(s: &mut Scene, purl: &str) {
        s.replace(
            "\"pkg:cargo/openssl-src\"",
            "{ purl = \"pkg:cargo/x\", versions = \">=1.0, <1.2\" }, \"pkg:cargo/openssl-src\"",
        );
        s.sbom["components"][0]["purl"] = json!(purl);
    }
    const FAILS: &[Rule] = &[Rule::Deny];
    check(&[
        ("in it", |s| purl(s, "pkg:cargo/x@1.1.9"), FAILS),
        ("at its start", |s| purl(s, "pkg:cargo/x@1.0.0"), FAILS),
        ("at its end", |s| purl(s, "pkg:cargo/x@1.2.0"), &[]),
        ("before it", |s| purl(s, "pkg:cargo/x@1.0.0-rc.1"), &[]),
        ("after it", |s| purl(s, "pkg:cargo/x@1.10.0"), &[]),
        ("unreadable", |s| purl(s, "pkg:cargo/x@latest"), FAILS),
        ("no version", |s| purl(s, "pkg:cargo/x"), FAILS),
        ("another package", |s| purl(s, "pkg:cargo/y@1.1.0"), &[]),
        (
            "the entry beside it",
            |s| purl(s, "pkg:cargo/openssl-src@1.1.0"),
            FAILS,
        ),
    ]);
}
