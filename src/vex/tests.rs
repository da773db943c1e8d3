use serde_json::{Value, json};

use super::*;

const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn parse(value: &Value) -> Result<Vex, VexError> {
    Vex::parse(value.to_string().as_bytes())
}

fn product() -> Product {
    Product {
        names: vec![format!("registry.example/app@{DIGEST}")],
        purls: vec!["pkg:generic/app@1.0".parse().unwrap()],
        digests: vec![DIGEST.parse().unwrap()],
    }
}

/// What a document says of `CVE-1`, also called `GHSA-1`, in a package of the product.
fn said(value: &Value, package: &str) -> Option<String> {
    let vex = parse(value).unwrap();
    let ids = ["GHSA-1".to_owned(), "CVE-1".to_owned()];
    let found = vex.statement(&ids, &package.parse().unwrap(), &product());
    found.map(|found| found.status.to_string())
}

fn openvex(statements: &[Value]) -> Value {
    json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.org/vex/1",
        "author": "us",
        "timestamp": "2026-01-02T00:00:00Z",
        "version": 1,
        "statements": statements,
    })
}

fn about(products: &Value) -> Value {
    json!({
        "vulnerability": {"name": "CVE-1"},
        "products": products,
        "status": "not_affected",
        "justification": "vulnerable_code_not_present",
    })
}

const PACKAGE: &str = "pkg:cargo/inside@1.2.3";

#[test]
fn an_openvex_statement_speaks_of_its_products_only() {
    let inside = json!([{"@id": "pkg:cargo/inside"}]);
    let hex = DIGEST.strip_prefix("sha256:").unwrap();
    for (products, wanted) in [
        // The package itself, in this version or any.
        (json!([{"@id": PACKAGE}]), true),
        (json!([{"@id": "pkg:cargo/inside"}]), true),
        (json!([{"@id": "pkg:cargo/inside@1.2.4"}]), false),
        (json!([{"@id": "pkg:cargo/other"}]), false),
        // The product, by each of its names.
        (json!([{"@id": "pkg:generic/app@1.0"}]), true),
        (json!([{"@id": "pkg:generic/app@2.0"}]), false),
        (
            json!([{"@id": format!("registry.example/app@{DIGEST}")}]),
            true,
        ),
        (json!([{"@id": format!("pkg:oci/app@{DIGEST}")}]), true),
        (json!([{"@id": "x", "hashes": {"sha-256": hex}}]), true),
        (json!([{"@id": "x", "hashes": {"sha-512": hex}}]), false),
        (
            json!([{"@id": "x", "hashes": {"sha-256": "00".repeat(32)}}]),
            false,
        ),
        (json!([{"identifiers": {"purl": "pkg:generic/app"}}]), true),
        // The package in the product: both have to be.
        (
            json!([{"@id": "pkg:generic/app", "subcomponents": inside}]),
            true,
        ),
        (
            json!([{"@id": "pkg:generic/else", "subcomponents": inside}]),
            false,
        ),
        (
            json!([{"@id": "pkg:generic/app", "subcomponents": [{"@id": "pkg:cargo/b"}]}]),
            false,
        ),
        (
            json!([{"@id": "pkg:generic/b"}, {"@id": "pkg:generic/app"}]),
            true,
        ),
        (json!([]), false),
    ] {
        let found = said(&openvex(&[about(&products)]), PACKAGE).is_some();
        assert_eq!(found, wanted, "{products}");
    }
    let mut other = about(&json!([{"@id": PACKAGE}]));
    other["vulnerability"] = json!({"name": "CVE-2"});
    assert_eq!(said(&openvex(&[other.clone()]), PACKAGE), None);
    other["vulnerability"] = json!({"name": "CVE-2", "aliases": ["GHSA-1"]});
    assert_eq!(said(&openvex(&[other]), PACKAGE).unwrap(), "not_affected");
}

#[test]
fn the_latest_statement_wins_whatever_its_place() {
    let at = |time: Option<&str>, status: &str| {
        let mut statement = about(&json!([{"@id": PACKAGE}]));
        statement["status"] = status.into();
        if let Some(time) = time {
            statement["timestamp"] = time.into();
        }
        statement
    };
    let last = |statements: &[Value]| said(&openvex(statements), PACKAGE).unwrap();
    let (old, new) = (
        Some("2025-01-01T00:00:00Z"),
        Some("2026-06-01T00:00:00+02:00"),
    );
    assert_eq!(last(&[at(new, "affected"), at(old, "fixed")]), "affected");
    assert_eq!(last(&[at(old, "fixed"), at(new, "affected")]), "affected");
    // The document's own time is between those two.
    assert_eq!(last(&[at(None, "fixed"), at(old, "affected")]), "fixed");
    assert_eq!(last(&[at(None, "fixed"), at(new, "affected")]), "affected");
    // Of two of the same time the later one in the document.
    assert_eq!(last(&[at(new, "affected"), at(new, "fixed")]), "fixed");
}

#[test]
fn what_openvex_demands() {
    let with = |key: &str, value: Value| {
        let mut statement = about(&json!([{"@id": PACKAGE}]));
        statement[key] = value;
        parse(&openvex(&[statement])).map(|vex| vex.len())
    };
    assert_eq!(with("impact_statement", "never called".into()).unwrap(), 1);
    assert!(
        matches!(with("justification", Value::Null), Err(VexError::NoReason(id)) if id == "CVE-1")
    );
    assert!(matches!(
        with("justification", " ".into()),
        Err(VexError::NoReason(_))
    ));
    assert!(matches!(
        with("status", "fine".into()),
        Err(VexError::Status(_))
    ));
    assert!(matches!(
        with("timestamp", "yesterday".into()),
        Err(VexError::Time(_))
    ));
    assert!(matches!(
        with("vulnerability", json!({})),
        Err(VexError::Shape(_))
    ));
    assert!(matches!(
        parse(&json!({"statements": []})),
        Err(VexError::Format)
    ));
    assert!(matches!(Vex::parse(b"{"), Err(VexError::Json(_))));
    let twice = br#"{"@context":"https://openvex.dev/ns","@context":"https://openvex.dev/ns"}"#;
    assert!(matches!(Vex::parse(twice), Err(VexError::Json(_))));
    let many = vec![about(&json!([])); MAX_STATEMENTS + 1];
    assert!(matches!(parse(&openvex(&many)), Err(VexError::TooMany)));
}

#[test]
fn a_reason_is_one_line_that_a_terminal_can_show() {
    let mut statement = about(&json!([{"@id": PACKAGE}]));
    statement["impact_statement"] = "not\u{1b}[31m called\nat all".into();
    let vex = parse(&openvex(&[statement])).unwrap();
    let found = vex.statement(&["CVE-1".into()], &PACKAGE.parse().unwrap(), &product());
    assert_eq!(
        found.unwrap().justification.as_deref().unwrap(),
        "vulnerable_code_not_present: not [31m called at all"
    );
}

fn cyclonedx(root: &Value, vulnerability: &Value) -> Value {
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"timestamp": "2026-01-02T00:00:00Z", "component": root},
        "components": [
            {"bom-ref": "a", "type": "library", "name": "inside", "purl": PACKAGE,
             "components": [{"bom-ref": "b", "type": "library", "name": "n", "purl": "pkg:cargo/nested@1.0.0"}]},
        ],
        "vulnerabilities": [vulnerability],
    })
}

#[test]
fn an_analysis_speaks_of_its_document_s_product_only() {
    let hex = DIGEST.strip_prefix("sha256:").unwrap();
    let ours = json!({"bom-ref": "root", "purl": "pkg:generic/app@1.0"});
    let link = "urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1#pkg%3Acargo%2Finside%401.2.3";
    for (root, affects, wanted) in [
        (&ours, json!([{"ref": "a"}]), true),
        (&ours, json!([{"ref": "b"}]), false),
        (&ours, json!([{"ref": "c"}]), false),
        (&ours, json!([{"ref": PACKAGE}]), true),
        (&ours, json!([{"ref": link}]), true),
        (&ours, json!([{"ref": "root"}]), true),
        (&ours, json!([]), false),
        (
            &ours,
            json!([{"ref": "a", "versions": [{"version": "1.2.3"}]}]),
            true,
        ),
        (
            &ours,
            json!([{"ref": "a", "versions": [{"version": "1.2.4"}]}]),
            false,
        ),
        (
            &ours,
            json!([{"ref": "a", "versions": [{"version": "1.2.3", "status": "unaffected"}]}]),
            false,
        ),
        (
            &ours,
            json!([{"ref": "a", "versions": [{"range": "vers:cargo/*"}]}]),
            false,
        ),
        (
            &json!({"hashes": [{"alg": "SHA-256", "content": hex}]}),
            json!([{"ref": "a"}]),
            true,
        ),
        (
            &json!({"bom-ref": "root", "purl": "pkg:generic/else@1"}),
            json!([{"ref": "a"}]),
            false,
        ),
        (
            &json!({"bom-ref": "root", "purl": "pkg:generic/else@1"}),
            json!([{"ref": "root"}]),
            false,
        ),
        (&json!({"bom-ref": "root"}), json!([{"ref": "a"}]), false),
        (&Value::Null, json!([{"ref": "a"}]), true),
    ] {
        let analysis =
            json!({"id": "CVE-1", "analysis": {"state": "not_affected"}, "affects": affects});
        let found = said(&cyclonedx(root, &analysis), PACKAGE).is_some();
        assert_eq!(found, wanted, "{root} {affects}");
    }
}

#[test]
fn states_of_cyclonedx_in_the_words_of_openvex() {
    let affects = json!([{"ref": "b"}]);
    let of = |analysis: Value| {
        let vulnerability = json!({
            "id": "X-1", "references": [{"id": "CVE-1"}], "analysis": analysis, "affects": affects,
        });
        parse(&cyclonedx(&Value::Null, &vulnerability))
    };
    for (state, wanted) in [
        ("resolved", Status::Fixed),
        ("resolved_with_pedigree", Status::Fixed),
        ("exploitable", Status::Affected),
        ("in_triage", Status::UnderInvestigation),
        ("false_positive", Status::NotAffected),
        ("not_affected", Status::NotAffected),
    ] {
        let vex = of(json!({"state": state, "lastUpdated": "2026-03-01T00:00:00Z"})).unwrap();
        let package = "pkg:cargo/nested@1.0.0".parse().unwrap();
        let found = vex
            .statement(&["CVE-1".into()], &package, &product())
            .unwrap();
        assert_eq!(found.status, wanted);
        assert_eq!(found.time.unwrap().to_string(), "2026-03-01T00:00:00Z");
        assert_eq!(found.justification.is_some(), state == "false_positive");
    }
    assert!(matches!(
        of(json!({"state": "fine"})),
        Err(VexError::Status(_))
    ));
    assert!(of(json!({"detail": "no state"})).unwrap().is_empty());
}
