//! Predicate types: their URIs, the short names that cosign gave them, and the
//! least that each must have.

use serde_json::Value;

use super::{CYCLONEDX_BOM, SLSA_PROVENANCE_V1};

/// Predicate type of a SLSA verification summary.
pub const SLSA_VSA_V1: &str = "https://slsa.dev/verification_summary/v1";
/// Predicate type of cosign's plain signature: an empty object.
pub const COSIGN_SIGN_V1: &str = "https://sigstore.dev/cosign/sign/v1";
/// Predicate type of an SPDX document; a version suffix (`/v2.3`) may follow.
pub const SPDX_DOCUMENT: &str = "https://spdx.dev/Document";

/// Short names and their URIs. The names are cosign's, but for `sign` and `vsa`,
/// which it has none for.
pub const SHORT_NAMES: &[(&str, &str)] = &[
    ("custom", "https://cosign.sigstore.dev/attestation/v1"),
    ("cyclonedx", CYCLONEDX_BOM),
    ("link", "https://in-toto.io/Link/v1"),
    ("openvex", "https://openvex.dev/ns"),
    ("sign", COSIGN_SIGN_V1),
    ("slsaprovenance02", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance1", SLSA_PROVENANCE_V1),
    ("spdxjson", SPDX_DOCUMENT),
    ("vsa", SLSA_VSA_V1),
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
];

/// True for `https://cyclonedx.org/bom`, alone or with `/v1.<digits>`
/// (in-toto attestation, `spec/predicates/cyclonedx.md`).
pub fn is_cyclonedx(predicate_type: &str) -> bool {
    match predicate_type.strip_prefix(CYCLONEDX_BOM) {
        Some("") => true,
        Some(version) => version.strip_prefix("/v1.").is_some_and(|minor| {
            !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit())
        }),
        None => false,
    }
}

/// True for `https://spdx.dev/Document`, alone or with a version such as `/v2.3`.
pub fn is_spdx(predicate_type: &str) -> bool {
    match predicate_type.strip_prefix(SPDX_DOCUMENT) {
        Some(version) => version.is_empty() || version.starts_with('/'),
        None => false,
    }
}

/// The URI that `text` means: a short name, or itself when it is a URI with an
/// authority.
pub fn uri(text: &str) -> Option<&str> {
    let known = SHORT_NAMES.iter().find(|(name, _)| *name == text);
    let is_uri = |text: &&str| {
        text.split_once("://").is_some_and(|(scheme, rest)| {
            ["http", "https"].contains(&scheme)
                && !rest.is_empty()
                && !rest.starts_with('/')
                && text.chars().all(|c| c.is_ascii_graphic())
        })
    };
    known
        .map(|(_, uri)| *uri)
        .or_else(|| Some(text).filter(is_uri))
}

/// The fields without which a predicate of `predicate_type` says nothing, as
/// JSON pointers. A type that prov does not know has none.
fn required(predicate_type: &str) -> &'static [&'static str] {
    match predicate_type {
        SLSA_PROVENANCE_V1 => &[
            "/buildDefinition/buildType",
            "/buildDefinition/externalParameters",
            "/runDetails/builder/id",
        ],
        SLSA_VSA_V1 => &[
            "/verifier/id",
            "/timeVerified",
            "/resourceUri",
            "/policy",
            "/verificationResult",
            "/verifiedLevels",
        ],
        _ if is_a(predicate_type, CYCLONEDX_BOM) => &["/bomFormat", "/specVersion"],
        _ if is_a(predicate_type, SPDX_DOCUMENT) => &["/spdxVersion"],
        _ => &[],
    }
}

/// True when `predicate_type` is `base`, with or without a version suffix.
pub(crate) fn is_a(predicate_type: &str, base: &str) -> bool {
    predicate_type
        .strip_prefix(base)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The first field that a predicate of this type must have and this one lacks,
/// as a JSON pointer.
pub fn missing(predicate_type: &str, predicate: &Value) -> Option<&'static str> {
    required(predicate_type)
        .iter()
        .copied()
        .find(|pointer| match predicate.pointer(pointer) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(_) => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn short_names_are_uris_and_uris_are_themselves() {
        assert_eq!(uri("slsaprovenance1"), Some(SLSA_PROVENANCE_V1));
        for (_, each) in SHORT_NAMES {
            assert_eq!(uri(each), Some(*each));
        }
        for bad in [
            "",
            "slsa",
            "https://",
            "https:///x",
            "https://a b",
            "urn:x",
            "file:///x",
            "https://x\n",
        ] {
            assert_eq!(uri(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_predicate_without_what_makes_it_one_is_noticed() {
        let bom = json!({"bomFormat": "CycloneDX", "specVersion": "1.7"});
        assert_eq!(missing(CYCLONEDX_BOM, &bom), None);
        assert_eq!(
            missing("https://cyclonedx.org/bom/v1.6", &json!({"bomFormat": ""})),
            Some("/bomFormat")
        );
        assert_eq!(missing("https://cyclonedx.org/bomb", &json!({})), None);
        assert_eq!(missing(SPDX_DOCUMENT, &bom), Some("/spdxVersion"));
        assert_eq!(
            missing(
                SLSA_PROVENANCE_V1,
                &json!({"buildDefinition": {"buildType": "t", "externalParameters": {}}})
            ),
            Some("/runDetails/builder/id")
        );
        assert_eq!(missing("https://example.com/x", &json!(null)), None);
    }
}
