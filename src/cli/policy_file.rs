//! Finding and reading policy files, and pointing at what is wrong in them.

use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::policy::{MAX_POLICY, Policy, PolicyErrors};

use super::error::Failure;
use super::files;

/// The policy that `prov dev` judges the embedded server by.
const DEV: &str = include_str!("../../policies/dev.toml");
/// The policy of a repository, at its root.
const REPOSITORY_POLICY: &str = "prov.toml";

/// Reads the policy at `path`; the second is how to name it to the user.
pub(super) fn read(path: &Path) -> Result<(Policy, String), Failure> {
    let text = files::read_text(path, MAX_POLICY as u64, "policy")?;
    let origin = path.display().to_string();
    let policy = parse(&text, &origin)?;
    let described = format!("{} ({origin})", policy.name());
    Ok((policy, described))
}

/// The built-in policy of `prov dev`.
pub(super) fn dev() -> Result<(Policy, String), Failure> {
    let policy = parse(DEV, "policies/dev.toml")?;
    let described = format!("{} (built in)", policy.name());
    Ok((policy, described))
}

/// The policy of the repository that this is run in, if it has one. The search
/// stops at the repository's root: no folder above can loosen anything.
pub(super) fn of_repository() -> Result<Option<(Policy, String)>, Failure> {
    let here = std::env::current_dir().map_err(|error| {
        Failure::cant_say("cannot tell the current folder").with("reason", error)
    })?;
    let root = here.ancestors().find(|folder| folder.join(".git").exists());
    match root.map(|root| root.join(REPOSITORY_POLICY)) {
        Some(path) if path.exists() => read(&path).map(Some),
        _ => Ok(None),
    }
}

fn parse(text: &str, origin: &str) -> Result<Policy, Failure> {
    Policy::parse(text).map_err(|errors| {
        let mut failure = Failure::cant_say(format!("the policy `{origin}` can't be used"));
        failure.snippet = Some(render(text, origin, &errors));
        failure
    })
}

fn render(text: &str, origin: &str, errors: &PolicyErrors) -> String {
    let groups: Vec<Group<'_>> = errors
        .iter()
        .map(|error| {
            let annotation = AnnotationKind::Primary.span(error.span.clone());
            let mut group = Group::with_title(Level::ERROR.primary_title(&error.message))
                .element(Snippet::source(text).path(origin).annotation(annotation));
            if let Some(hint) = &error.hint {
                group = group.element(Level::HELP.with_name("hint").message(hint));
            }
            group
        })
        .collect();
    Renderer::styled().render(&groups).to_string()
}
