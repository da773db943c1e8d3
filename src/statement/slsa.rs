//! The SLSA provenance predicate, v1 (`https://slsa.dev/provenance/v1`).
//!
//! Unset, null and empty mean the same in it, and fields that are not known
//! are ignored, but for `externalParameters`, which a policy checks whole
//! (SLSA v1.2, provenance, "Parsing rules").

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::ResourceDescriptor;

/// `builder.id` of a build on somebody's own machine. Never a hosted platform,
/// so never more than SLSA Build L1.
pub const LOCAL_BUILDER: &str =
    "https://github.com/wasmCloud/prov/blob/main/docs/builders.md#local";
/// `buildType` of [`LOCAL_BUILDER`].
pub const LOCAL_BUILD_TYPE: &str =
    "https://github.com/wasmCloud/prov/blob/main/docs/buildtypes/local-v1.md";
/// `buildType` of a run of GitHub Actions, as GitHub's own attestations have it.
pub const GITHUB_BUILD_TYPE: &str = "https://actions.github.io/buildtypes/workflow/v1";

/// How the subjects were made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    /// The inputs.
    pub build_definition: BuildDefinition,
    /// This run.
    pub run_details: RunDetails,
}

/// The inputs of the build.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildDefinition {
    /// The URI of the text that says how to read the parameters.
    pub build_type: String,
    /// What the one who asked for the build chose.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub external_parameters: Map<String, Value>,
    /// What the platform chose.
    #[serde(
        default,
        deserialize_with = "null_as_empty",
        skip_serializing_if = "Map::is_empty"
    )]
    pub internal_parameters: Map<String, Value>,
    /// What went in: sources, toolchains, modules.
    #[serde(
        default,
        deserialize_with = "null_as_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub resolved_dependencies: Vec<ResourceDescriptor>,
}

/// The run of the build.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunDetails {
    /// Who ran it.
    pub builder: Builder,
    /// When, and under which name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BuildMetadata>,
    /// What else came out.
    #[serde(
        default,
        deserialize_with = "null_as_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub byproducts: Vec<ResourceDescriptor>,
}

/// The platform that ran the build.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Builder {
    /// Its URI: the transitive closure of what is trusted to run the build.
    pub id: String,
    /// Versions of its parts.
    #[serde(
        default,
        deserialize_with = "null_as_empty",
        skip_serializing_if = "Map::is_empty"
    )]
    pub version: Map<String, Value>,
}

/// When the build ran; times are RFC 3339 in UTC.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildMetadata {
    /// The run's name at the builder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation_id: Option<String>,
    /// The start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_on: Option<String>,
    /// The end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_on: Option<String>,
}

/// Null is what some languages write for an empty list.
pub(super) fn null_as_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_as_good_as_nothing() {
        let read: Provenance = serde_json::from_value(serde_json::json!({
            "buildDefinition": {
                "buildType": "t", "externalParameters": null, "internalParameters": null,
                "resolvedDependencies": [{"digest": null, "annotations": null}],
            },
            "runDetails": {"builder": {"id": "b", "version": null}, "byproducts": null},
        }))
        .unwrap();
        assert_eq!(
            read.build_definition.resolved_dependencies,
            [ResourceDescriptor::default()]
        );
        assert!(read.run_details.byproducts.is_empty());
    }
}
