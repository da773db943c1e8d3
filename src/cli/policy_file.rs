//! Finding and reading policy files, and pointing at what is wrong in them.

use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::policy::{MAX_POLICY, Policy, PolicyErrors};

use super::error::Failure;
use super::files;

/// The policy that `prov dev` judges the embedded server by.
const DEV: &str = include_str!("../../policies/dev.toml");
/// The policy of a repository, at its root.
pub(super) const REPOSITORY_POLICY: &str = "prov.toml";

/// A policy, and where it was.
pub(super) struct Found {
    pub(super) policy: Policy,
    /// How to name it to the user.
    pub(super) described: String,
    /// The folder that the paths in it are seen from.
    pub(super) base: PathBuf,
    /// The file; none for what is built in or made of a key.
    pub(super) file: Option<PolicyFile>,
}

/// The file of a policy, as it was read.
#[derive(Clone, Debug)]
pub(super) struct PolicyFile {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

impl PolicyFile {
    /// A line of it, counted from 1.
    pub(super) fn line(&self, number: usize) -> Option<&str> {
        self.text.lines().nth(number.checked_sub(1)?)
    }
}

/// Reads the policy at `path`.
pub(super) fn read(path: &Path) -> Result<Found, Failure> {
    let text = files::read_text(path, MAX_POLICY as u64, "policy")?;
    let origin = path.display().to_string();
    let policy = parse(&text, &origin)?;
    Ok(Found {
        described: format!("{} ({origin})", policy.name()),
        policy,
        base: path.parent().map(Path::to_owned).unwrap_or_default(),
        file: Some(PolicyFile {
            path: path.to_owned(),
            text,
        }),
    })
}

/// The built-in policy of `prov dev`, which names no file.
pub(super) fn dev() -> Result<Found, Failure> {
    let policy = parse(DEV, "policies/dev.toml")?;
    Ok(Found {
        described: format!("{} (built in)", policy.name()),
        policy,
        base: PathBuf::new(),
        file: None,
    })
}

/// The policy of the repository that this is run in, if it has one. The search
/// stops at the repository's root: no folder above can loosen anything.
pub(super) fn of_repository() -> Result<Option<Found>, Failure> {
    let here = std::env::current_dir().map_err(|error| {
        Failure::cant_say("cannot tell the current folder").with("reason", error)
    })?;
    let root = here.ancestors().find(|folder| folder.join(".git").exists());
    match root.map(|root| root.join(REPOSITORY_POLICY)) {
        Some(path) if !files::is_missing(&path) => read(&path).map(Some),
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
