//! The SLSA verification summary predicate, v1
//! (`https://slsa.dev/verification_summary/v1`): somebody verified an artifact by a
//! policy, and this is what came of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ResourceDescriptor;
use super::slsa::null_as_empty;

/// `verifier.id` of whoever runs prov and says no other: it names nobody, so a
/// consumer has the key alone to tell verifiers apart.
pub const LOCAL_VERIFIER: &str =
    "https://github.com/wasmCloud/prov/blob/main/docs/verify.md#local-verifier";
/// The version of SLSA whose levels prov states.
pub const SLSA_VERSION: &str = "1.2";

/// What starts the name of a level of the Build track (SLSA v1.2, VSA, "SlsaResult").
const BUILD_LEVEL: &str = "SLSA_BUILD_LEVEL_";
/// The highest level of the Build track.
const HIGHEST: u8 = 3;
/// What stands in place of levels when the answer was no.
const FAILED: &str = "FAILED";

/// What a verifier concluded about the subjects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationSummary {
    /// Who verified.
    pub verifier: Verifier,
    /// When, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_verified: Option<String>,
    /// Where consumers get the artifact from, as a URI.
    pub resource_uri: String,
    /// The policy that decided.
    pub policy: ResourceDescriptor,
    /// All attestations that were used, each with its digest; none is no claim.
    #[serde(
        default,
        deserialize_with = "null_as_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub input_attestations: Vec<ResourceDescriptor>,
    /// The answer.
    pub verification_result: VerificationResult,
    /// The highest level of each track, see [`build_level`](Self::build_level).
    #[serde(default, deserialize_with = "null_as_empty")]
    pub verified_levels: Vec<String>,
    /// How many dependencies have which level; absent is no claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependency_levels: Option<BTreeMap<String, u64>>,
    /// The version of SLSA that the levels are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slsa_version: Option<String>,
}

/// Who verified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verifier {
    /// Its URI.
    pub id: String,
    /// Versions of its parts.
    #[serde(
        default,
        deserialize_with = "null_as_empty",
        skip_serializing_if = "Map::is_empty"
    )]
    pub version: Map<String, Value>,
}

/// The answer of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VerificationResult {
    /// Yes.
    Passed,
    /// No.
    Failed,
}

impl VerificationSummary {
    /// Reads a predicate. Fields that SLSA requires must say something; fields that
    /// are not known are ignored (SLSA v1.2, VSA, "Parsing rules").
    pub fn read(predicate: &Value) -> Result<Self, SummaryError> {
        let summary = Self::deserialize(predicate).map_err(SummaryError::Shape)?;
        let required = [
            ("verifier.id", &summary.verifier.id),
            ("resourceUri", &summary.resource_uri),
        ];
        match required.iter().find(|(_, value)| value.is_empty()) {
            Some((field, _)) => Err(SummaryError::Missing(field)),
            None => Ok(summary),
        }
    }

    /// The names of the levels that an answer has: of the Build track alone.
    pub fn levels(result: VerificationResult, build_level: u8) -> Vec<String> {
        vec![match result {
            VerificationResult::Passed => format!("{BUILD_LEVEL}{}", build_level.min(HIGHEST)),
            VerificationResult::Failed => FAILED.to_owned(),
        }]
    }

    /// The highest SLSA Build level that it names, 0 to 3. A level that is not known
    /// shows nothing, and neither do levels beside `FAILED`.
    pub fn build_level(&self) -> u8 {
        if self.verified_levels.iter().any(|level| level == FAILED) {
            return 0;
        }
        let known = |level: &String| match level.strip_prefix(BUILD_LEVEL)?.as_bytes() {
            [digit @ b'0'..=b'3'] => Some(digit - b'0'),
            _ => None,
        };
        self.verified_levels
            .iter()
            .filter_map(known)
            .max()
            .unwrap_or(0)
    }
}

/// Why a predicate is no verification summary.
#[derive(Debug, thiserror::Error)]
pub enum SummaryError {
    /// JSON of another shape.
    #[error("the verification summary can't be read: {0}")]
    Shape(serde_json::Error),
    /// A required field is empty.
    #[error("the verification summary has no `{0}`")]
    Missing(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn summary() -> Value {
        json!({
            "verifier": {"id": "https://example.com/verifier"},
            "resourceUri": "oci://example.com/app@sha256:00",
            "policy": {"uri": "release.toml"},
            "verificationResult": "PASSED",
            "verifiedLevels": ["SLSA_BUILD_LEVEL_2", "SLSA_SOURCE_LEVEL_3"],
        })
    }

    #[test]
    fn the_build_level_is_the_highest_that_is_known() {
        for (levels, wanted) in [
            (json!(["SLSA_BUILD_LEVEL_2"]), 2),
            (json!(["SLSA_BUILD_LEVEL_1", "SLSA_BUILD_LEVEL_3"]), 3),
            (json!(["SLSA_BUILD_LEVEL_0"]), 0),
            (json!(["SLSA_BUILD_LEVEL_4"]), 0),
            (json!(["SLSA_BUILD_LEVEL_33"]), 0),
            (json!(["SLSA_BUILD_LEVEL_ 3"]), 0),
            (json!(["slsa_build_level_3"]), 0),
            (json!(["SLSA_SOURCE_LEVEL_3"]), 0),
            (json!(["SLSA_BUILD_LEVEL_UNEVALUATED"]), 0),
            (json!(["SLSA_BUILD_LEVEL_3", "FAILED"]), 0),
            (json!([]), 0),
            (json!(null), 0),
        ] {
            let mut predicate = summary();
            predicate["verifiedLevels"] = levels.clone();
            let read = VerificationSummary::read(&predicate).unwrap();
            assert_eq!(read.build_level(), wanted, "{levels}");
        }
    }

    #[test]
    fn what_slsa_requires_must_be_there() {
        assert!(VerificationSummary::read(&summary()).is_ok());
        for (pointer, value) in [
            ("/verifier", json!({})),
            ("/verifier/id", json!("")),
            ("/resourceUri", json!("")),
            ("/resourceUri", json!(null)),
            ("/policy", json!(null)),
            ("/verificationResult", json!("passed")),
            ("/verificationResult", json!("UNKNOWN")),
            ("/verifiedLevels", json!("SLSA_BUILD_LEVEL_3")),
        ] {
            let mut predicate = summary();
            *predicate.pointer_mut(pointer).unwrap() = value;
            assert!(VerificationSummary::read(&predicate).is_err(), "{pointer}");
        }
        assert!(VerificationSummary::read(&json!([])).is_err());
    }

    #[test]
    fn what_is_written_is_what_slsa_says() {
        let written = VerificationSummary {
            verifier: Verifier {
                id: "https://example.com/verifier".into(),
                version: Map::from_iter([("prov".to_owned(), "1.0".into())]),
            },
            time_verified: Some("2027-01-15T08:00:00Z".into()),
            resource_uri: "oci://example.com/app".into(),
            policy: ResourceDescriptor::default(),
            input_attestations: Vec::new(),
            verification_result: VerificationResult::Failed,
            verified_levels: VerificationSummary::levels(VerificationResult::Failed, 3),
            dependency_levels: None,
            slsa_version: Some(SLSA_VERSION.into()),
        };
        assert_eq!(
            serde_json::to_value(&written).unwrap(),
            json!({
                "verifier": {"id": "https://example.com/verifier", "version": {"prov": "1.0"}},
                "timeVerified": "2027-01-15T08:00:00Z",
                "resourceUri": "oci://example.com/app",
                "policy": {},
                "verificationResult": "FAILED",
                "verifiedLevels": ["FAILED"],
                "slsaVersion": "1.2",
            })
        );
        let passed = VerificationSummary::levels(VerificationResult::Passed, 3);
        assert_eq!(passed, ["SLSA_BUILD_LEVEL_3"]);
    }
}
