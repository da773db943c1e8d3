//! Provenance of a run of GitHub Actions.
//!
//! The build type is that of GitHub's own attestations
//! (`https://actions.github.io/buildtypes/workflow/v1`). The facts come from the
//! claims of the run's identity token where there is one, since GitHub made those;
//! else from variables, which every step of the job could have set. Nothing is
//! believed because it stands here: a verifier compares it with the certificate.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::statement::ResourceDescriptor;
use crate::statement::slsa::{
    BuildDefinition, BuildMetadata, GITHUB_BUILD_TYPE, Provenance, RunDetails,
};

/// A run of GitHub Actions, as far as it tells about itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GitHubRun {
    /// `https://github.com`, or an own server.
    server: String,
    /// `owner/name` of the repository that was built.
    repository: String,
    /// The branch or tag, as `refs/…`.
    git_ref: String,
    /// The commit, in hexadecimal.
    commit: String,
    /// `owner/name/.github/workflows/x.yml@ref` of the workflow that was started.
    workflow: String,
    /// The same of the reusable workflow that this job belongs to; only a token knows it.
    job_workflow: Option<String>,
    /// The run and which attempt at it.
    run: Option<(String, String)>,
    /// Facts for `internalParameters.github`, by their names there.
    internal: Map<String, Value>,
    /// What the one who started the workflow by hand typed in.
    inputs: Map<String, Value>,
    /// What went in besides the source.
    pub dependencies: Vec<ResourceDescriptor>,
    /// What else came out, such as a bill of materials.
    pub byproducts: Vec<ResourceDescriptor>,
}

/// Facts that `internalParameters.github` has: the claim, which is also the name
/// there, and the variable.
const INTERNAL: [(&str, &str); 4] = [
    ("event_name", "GITHUB_EVENT_NAME"),
    ("repository_id", "GITHUB_REPOSITORY_ID"),
    ("repository_owner_id", "GITHUB_REPOSITORY_OWNER_ID"),
    ("runner_environment", "RUNNER_ENVIRONMENT"),
];

impl GitHubRun {
    /// Reads what a run knows of itself: its variables, the claims of its
    /// identity token, and the event that started it (the JSON in the file
    /// `GITHUB_EVENT_PATH`). A claim wins over a variable.
    pub fn read(
        variable: impl Fn(&str) -> Option<String>,
        claims: Option<&Map<String, Value>>,
        event: Option<&Value>,
    ) -> Result<Self, GitHubError> {
        let claim = |name: &str| Some(claims?.get(name)?.as_str()?.to_owned());
        let some = |name: &str, other: &'static str| {
            let fact = claim(name).or_else(|| variable(other));
            fact.filter(|text| !text.is_empty())
        };
        let need = |name: &str, other: &'static str, good: fn(&str) -> bool| {
            let value = some(name, other).ok_or(GitHubError::Missing(other))?;
            match good(&value) {
                true => Ok(value),
                false => Err(GitHubError::Malformed { name: other, value }),
            }
        };
        let run = Self {
            server: need("", "GITHUB_SERVER_URL", is_server)?,
            repository: need("repository", "GITHUB_REPOSITORY", is_repository)?,
            git_ref: need("ref", "GITHUB_REF", is_ref)?,
            commit: need("sha", "GITHUB_SHA", is_commit)?,
            workflow: need("workflow_ref", "GITHUB_WORKFLOW_REF", is_word)?,
            job_workflow: claim("job_workflow_ref").filter(|text| is_word(text)),
            run: some("run_id", "GITHUB_RUN_ID").zip(some("run_attempt", "GITHUB_RUN_ATTEMPT")),
            internal: INTERNAL
                .into_iter()
                .filter_map(|(name, other)| Some((name.to_owned(), some(name, other)?.into())))
                .collect(),
            inputs: inputs(event),
            ..Self::default()
        };
        run.workflow_path()?;
        Ok(run)
    }

    /// The path of the workflow's file in the repository. A ref may hold an `@`,
    /// so what surrounds the path is taken off by its known text.
    fn workflow_path(&self) -> Result<&str, GitHubError> {
        let inside = self.workflow.strip_prefix(&self.repository);
        let path = inside
            .and_then(|rest| rest.strip_prefix('/'))
            .and_then(|rest| rest.strip_suffix(&self.git_ref))
            .and_then(|rest| rest.strip_suffix('@'));
        path.filter(|path| !path.is_empty())
            .ok_or_else(|| GitHubError::OtherWorkflow {
                workflow: self.workflow.clone(),
                repository: self.repository.clone(),
                git_ref: self.git_ref.clone(),
            })
    }

    /// The commit that was built.
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// The builder: the workflow whose steps ran, which is also who a
    /// certificate of this job names.
    pub fn builder_id(&self) -> String {
        let workflow = self.job_workflow.as_ref().unwrap_or(&self.workflow);
        format!("{}/{workflow}", self.server)
    }

    /// The predicate that says all this and no more.
    pub fn provenance(&self) -> Provenance {
        let repository = format!("{}/{}", self.server, self.repository);
        let mut external = Map::new();
        if !self.inputs.is_empty() {
            external.insert("inputs".to_owned(), self.inputs.clone().into());
        }
        let workflow = json!({
            "ref": self.git_ref,
            "repository": repository,
            "path": self.workflow_path().unwrap_or_default(),
        });
        external.insert("workflow".to_owned(), workflow);
        let source = ResourceDescriptor {
            uri: Some(format!("git+{repository}@{}", self.git_ref)),
            digest: BTreeMap::from([("gitCommit".to_owned(), self.commit.clone())]),
            ..ResourceDescriptor::default()
        };
        let mut dependencies = vec![source];
        dependencies.extend(self.dependencies.iter().cloned());
        Provenance {
            build_definition: BuildDefinition {
                build_type: GITHUB_BUILD_TYPE.to_owned(),
                external_parameters: external,
                internal_parameters: Map::from_iter([(
                    "github".to_owned(),
                    self.internal.clone().into(),
                )]),
                resolved_dependencies: dependencies,
            },
            run_details: RunDetails {
                builder: super::builder(self.builder_id()),
                metadata: self.run.as_ref().map(|(run, attempt)| BuildMetadata {
                    invocation_id: Some(format!(
                        "{repository}/actions/runs/{run}/attempts/{attempt}"
                    )),
                    ..BuildMetadata::default()
                }),
                byproducts: self.byproducts.clone(),
            },
        }
    }
}

/// The inputs of `workflow_dispatch`. Other events have none, and those of a
/// reusable workflow are not in the event.
fn inputs(event: Option<&Value>) -> Map<String, Value> {
    event
        .and_then(|event| event.get("inputs"))
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

fn is_word(text: &str) -> bool {
    !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn is_server(text: &str) -> bool {
    let host = text.split_once("://").map(|(_, host)| host);
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '@', '?', '#']))
        && is_word(text)
}

fn is_repository(text: &str) -> bool {
    let name = text.split_once('/');
    name.is_some_and(|(owner, name)| !owner.is_empty() && !name.is_empty() && !name.contains('/'))
        && is_word(text)
}

fn is_ref(text: &str) -> bool {
    text.starts_with("refs/") && is_word(text)
}

/// SHA-1 or SHA-256.
fn is_commit(text: &str) -> bool {
    [40, 64].contains(&text.len())
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Why a run can't tell how it built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GitHubError {
    /// A variable that every run has is not set.
    #[error("`{0}` is not set")]
    Missing(&'static str),
    /// It is set to something that can't be.
    #[error("`{name}` is `{value}`")]
    Malformed {
        /// The variable.
        name: &'static str,
        /// Its value, or that of the token's claim.
        value: String,
    },
    /// The workflow's file is not in the repository and at the ref that were built,
    /// so this build type has no words for it.
    #[error("the workflow `{workflow}` is none of `{repository}` at `{git_ref}`")]
    OtherWorkflow {
        /// The workflow that was started.
        workflow: String,
        /// The repository that was built.
        repository: String,
        /// The ref that was built.
        git_ref: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const VARIABLES: [(&str, &str); 11] = [
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "o/r"),
        ("GITHUB_REPOSITORY_ID", "1"),
        ("GITHUB_REPOSITORY_OWNER_ID", "2"),
        ("GITHUB_REF", "refs/heads/a@b"),
        ("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567"),
        (
            "GITHUB_WORKFLOW_REF",
            "o/r/.github/workflows/x@y.yml@refs/heads/a@b",
        ),
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_RUN_ID", "10"),
        ("GITHUB_RUN_ATTEMPT", "2"),
        ("RUNNER_ENVIRONMENT", "github-hosted"),
    ];

    fn variables(change: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        move |name| {
            let changed = change.iter().chain(&VARIABLES);
            let found = changed.into_iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn a_run_without_a_token_tells_what_its_variables_say() {
        let run = GitHubRun::read(variables(&[]), None, None).unwrap();
        let provenance = run.provenance();
        assert_eq!(
            serde_json::to_value(&provenance).unwrap(),
            json!({
                "buildDefinition": {
                    "buildType": GITHUB_BUILD_TYPE,
                    "externalParameters": {"workflow": {
                        "ref": "refs/heads/a@b",
                        "repository": "https://github.com/o/r",
                        "path": ".github/workflows/x@y.yml",
                    }},
                    "internalParameters": {"github": {
                        "event_name": "push",
                        "repository_id": "1",
                        "repository_owner_id": "2",
                        "runner_environment": "github-hosted",
                    }},
                    "resolvedDependencies": [{
                        "uri": "git+https://github.com/o/r@refs/heads/a@b",
                        "digest": {"gitCommit": "0123456789abcdef0123456789abcdef01234567"},
                    }],
                },
                "runDetails": {
                    "builder": {
                        "id": "https://github.com/o/r/.github/workflows/x@y.yml@refs/heads/a@b",
                        "version": {"prov": env!("CARGO_PKG_VERSION")},
                    },
                    "metadata": {
                        "invocationId": "https://github.com/o/r/actions/runs/10/attempts/2",
                    },
                },
            })
        );
    }

    #[test]
    fn what_the_token_says_wins_and_it_alone_names_a_reusable_workflow() {
        let claims = json!({
            "repository": "o/r",
            "sha": "f".repeat(40),
            "job_workflow_ref": "p/q/.github/workflows/build.yml@refs/tags/v1",
            "runner_environment": "self-hosted",
            "run_attempt": 3,
        });
        let run = GitHubRun::read(variables(&[]), claims.as_object(), None).unwrap();
        assert_eq!(run.commit(), "f".repeat(40));
        assert_eq!(
            run.builder_id(),
            "https://github.com/p/q/.github/workflows/build.yml@refs/tags/v1"
        );
        let provenance = run.provenance();
        let github = &provenance.build_definition.internal_parameters["github"];
        assert_eq!(github["runner_environment"], "self-hosted");
        let path = &provenance.build_definition.external_parameters["workflow"]["path"];
        assert_eq!(path, ".github/workflows/x@y.yml");
    }

    #[test]
    fn typed_inputs_are_external_parameters_and_no_inputs_are_no_key() {
        let read = |event: Value| {
            let run = GitHubRun::read(variables(&[]), None, Some(&event)).unwrap();
            run.provenance().build_definition.external_parameters
        };
        let external = read(json!({"inputs": {"target": "wasm", "debug": "false"}}));
        assert_eq!(
            external["inputs"],
            json!({"target": "wasm", "debug": "false"})
        );
        for without in [json!({"inputs": null}), json!({"inputs": {}}), json!([])] {
            assert!(!read(without).contains_key("inputs"));
        }
    }

    #[test]
    fn what_is_not_known_is_left_out_and_what_is_needed_is_missed() {
        let few = |name: &str| match name {
            "GITHUB_RUN_ATTEMPT" | "RUNNER_ENVIRONMENT" | "GITHUB_EVENT_NAME" => None,
            _ => variables(&[])(name),
        };
        let provenance = GitHubRun::read(few, None, None).unwrap().provenance();
        assert_eq!(provenance.run_details.metadata, None);
        let github = &provenance.build_definition.internal_parameters["github"];
        assert_eq!(
            *github,
            json!({"repository_id": "1", "repository_owner_id": "2"})
        );
        for name in [
            "GITHUB_SERVER_URL",
            "GITHUB_REPOSITORY",
            "GITHUB_REF",
            "GITHUB_SHA",
            "GITHUB_WORKFLOW_REF",
        ] {
            let without = |asked: &str| variables(&[])(asked).filter(|_| asked != name);
            assert_eq!(
                GitHubRun::read(without, None, None),
                Err(GitHubError::Missing(name))
            );
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let read = |change| GitHubRun::read(variables(change), None, None).unwrap_err();
        for change in [
            &[("GITHUB_SHA", "main")] as &'static [(&str, &str)],
            &[("GITHUB_SHA", "0123456789ABCDEF0123456789abcdef01234567")],
            &[("GITHUB_REPOSITORY", "o")],
            &[("GITHUB_REPOSITORY", "o/r/x")],
            &[("GITHUB_SERVER_URL", "https://user@github.com")],
            &[("GITHUB_SERVER_URL", "github.com")],
            &[("GITHUB_REF", "main")],
            &[("GITHUB_REF", "refs/heads/a\nb")],
        ] {
            assert!(
                matches!(read(change), GitHubError::Malformed { name, .. } if name == change[0].0)
            );
        }
        for change in [
            &[(
                "GITHUB_WORKFLOW_REF",
                "x/y/.github/workflows/x.yml@refs/heads/a@b",
            )] as &'static [(&str, &str)],
            &[(
                "GITHUB_WORKFLOW_REF",
                "o/r/.github/workflows/x.yml@refs/heads/other",
            )],
            &[("GITHUB_WORKFLOW_REF", "o/r/@refs/heads/a@b")],
            &[("GITHUB_WORKFLOW_REF", "o/r2/x.yml@refs/heads/a@b")],
        ] {
            assert!(matches!(read(change), GitHubError::OtherWorkflow { .. }));
        }
    }
}
