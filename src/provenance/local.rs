//! Provenance of a build on somebody's own machine.
//!
//! SLSA Build L1 at most, whoever signs it: nothing but the builder's own word
//! stands behind it. `docs/buildtypes/local-v1.md` tells what the fields mean.

use serde_json::{Map, Value, json};

use super::git::Source;
use crate::statement::ResourceDescriptor;
use crate::statement::slsa::{
    BuildDefinition, BuildMetadata, LOCAL_BUILD_TYPE, LOCAL_BUILDER, Provenance, RunDetails,
};

/// What is known of a local build. Everything is optional.
#[derive(Clone, Debug, Default)]
pub struct LocalBuild {
    /// The repository that was built.
    pub source: Option<Source>,
    /// The folder in it, relative to its root.
    pub path: Option<String>,
    /// The command that made the artifact, word by word.
    pub command: Vec<String>,
    /// What else the one who built it chose, such as a target.
    pub parameters: Map<String, Value>,
    /// Tools and their versions.
    pub tools: Map<String, Value>,
    /// What went in besides the source.
    pub dependencies: Vec<ResourceDescriptor>,
    /// What else came out, such as a bill of materials.
    pub byproducts: Vec<ResourceDescriptor>,
    /// When it was finished (RFC 3339), where that is known for sure.
    pub finished_on: Option<String>,
}

impl LocalBuild {
    /// The predicate that says all this and no more.
    pub fn provenance(&self) -> Provenance {
        let mut external = self.parameters.clone();
        let mut internal = self.tools.clone();
        let mut dependencies = Vec::new();
        if let Some(source) = &self.source {
            dependencies.push(source.descriptor());
            internal.insert("dirty".to_owned(), source.dirty.into());
            let fields = [
                ("uri", &source.uri),
                ("ref", &source.git_ref),
                ("path", &self.path),
            ];
            let known: Map<String, Value> = fields
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value.clone()?.into())))
                .collect();
            if !known.is_empty() {
                external.insert("source".to_owned(), known.into());
            }
        }
        if !self.command.is_empty() {
            external.insert("command".to_owned(), json!(self.command));
        }
        dependencies.extend(self.dependencies.iter().cloned());
        Provenance {
            build_definition: BuildDefinition {
                build_type: LOCAL_BUILD_TYPE.to_owned(),
                external_parameters: external,
                internal_parameters: internal,
                resolved_dependencies: dependencies,
            },
            run_details: RunDetails {
                builder: super::builder(LOCAL_BUILDER.to_owned()),
                metadata: self.finished_on.clone().map(|finished_on| BuildMetadata {
                    finished_on: Some(finished_on),
                    ..BuildMetadata::default()
                }),
                byproducts: self.byproducts.clone(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Artifact;
    use crate::provenance;

    #[test]
    fn claims_nothing_that_it_was_not_told() {
        let subject = ResourceDescriptor::of(&Artifact::from_bytes("abc", b"abc".to_vec()));
        let statement = provenance::statement(vec![subject], &LocalBuild::default().provenance());
        assert_eq!(
            statement.predicate,
            json!({
                "buildDefinition": {"buildType": LOCAL_BUILD_TYPE, "externalParameters": {}},
                "runDetails": {"builder": {
                    "id": LOCAL_BUILDER,
                    "version": {"prov": env!("CARGO_PKG_VERSION")},
                }},
            })
        );
    }

    #[test]
    fn the_commit_comes_first_and_dirt_is_told() {
        let build = LocalBuild {
            source: Some(Source {
                uri: Some("git+https://example.com/r".into()),
                git_ref: Some("refs/heads/main".into()),
                commit: "c".repeat(40),
                dirty: true,
            }),
            path: Some("guest".into()),
            command: vec!["go".into(), "build".into()],
            dependencies: vec![ResourceDescriptor::default()],
            ..LocalBuild::default()
        };
        let definition = build.provenance().build_definition;
        assert_eq!(
            definition.resolved_dependencies[0].uri.as_deref(),
            Some("git+https://example.com/r@refs/heads/main")
        );
        assert_eq!(definition.resolved_dependencies.len(), 2);
        assert_eq!(definition.internal_parameters["dirty"], true);
        assert_eq!(definition.external_parameters["source"]["path"], "guest");
        assert_eq!(
            definition.external_parameters["command"],
            json!(["go", "build"])
        );
    }
}
