//! The source of a local build, asked of git.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::{Command, Output};

use crate::statement::ResourceDescriptor;

/// A commit in a repository, and whether the tree still is that commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// `git+https://…` of the remote `origin`; without one the commit's place is not known.
    pub uri: Option<String>,
    /// The branch or tag that is checked out, as `refs/…`.
    pub git_ref: Option<String>,
    /// The commit, in hexadecimal.
    pub commit: String,
    /// True when files that git tracks were changed since, or new ones are not committed.
    pub dirty: bool,
}

impl Source {
    /// Asks git about the repository that `dir` is in. `paths` limits what
    /// counts as dirty; empty means the whole tree. `None` without a commit.
    pub fn of(dir: &Path, paths: &[&str]) -> Result<Option<Self>, GitError> {
        let Some(commit) = ask(dir, &["rev-parse", "--verify", "--quiet", "HEAD"])? else {
            return Ok(None);
        };
        let mut status = vec!["status", "--porcelain", "--untracked-files=normal", "--"];
        status.extend(paths);
        let dirty = ask(dir, &status)?.is_none_or(|text| !text.is_empty());
        let origin = ask(dir, &["config", "--get", "remote.origin.url"])?;
        let git_ref = ask(dir, &["symbolic-ref", "--quiet", "HEAD"])?;
        Ok(Some(Self {
            uri: origin.as_deref().and_then(public_uri),
            git_ref,
            commit,
            dirty,
        }))
    }

    /// The commit as a resolved dependency. in-toto's DigestSet calls its
    /// digest `gitCommit`.
    pub fn descriptor(&self) -> ResourceDescriptor {
        let uri = self.uri.as_ref().map(|uri| match &self.git_ref {
            Some(git_ref) => format!("{uri}@{git_ref}"),
            None => uri.clone(),
        });
        ResourceDescriptor {
            uri,
            digest: BTreeMap::from([("gitCommit".to_owned(), self.commit.clone())]),
            ..ResourceDescriptor::default()
        }
    }
}

/// When the commit that is checked out was made, in seconds since 1970.
pub fn commit_time(dir: &Path) -> Result<Option<i64>, GitError> {
    // A repository that shows signatures names the program that checks them.
    let question = ["log", "-1", "--no-show-signature", "--format=%ct"];
    Ok(ask(dir, &question)?.and_then(|time| time.parse().ok()))
}

/// One question to git: `None` when it says no. A repository's own
/// configuration must not run programs just because it is looked at.
fn ask(dir: &Path, arguments: &[&str]) -> Result<Option<String>, GitError> {
    let Output { status, stdout, .. } = Command::new("git")
        .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath="])
        .arg("-C")
        .arg(dir)
        .args(arguments)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .output()
        .map_err(GitError::Run)?;
    if !status.success() {
        return Ok(None);
    }
    let text = String::from_utf8(stdout).map_err(|_| GitError::NotText)?;
    Ok(Some(text.trim_end().to_owned()))
}

/// A remote as an SPDX download location, without user names and passwords.
/// Remotes that only mean something on this machine give `None`.
fn public_uri(remote: &str) -> Option<String> {
    let trimmed = |path: &str| {
        path.trim_end_matches('/')
            .trim_end_matches(".git")
            .to_owned()
    };
    if let Some((scheme, rest)) = remote.split_once("://") {
        if !["https", "http", "ssh", "git"].contains(&scheme) {
            return None;
        }
        let (authority, path) = rest.split_once('/')?;
        let host = authority.rsplit('@').next()?;
        return Some(format!("git+{scheme}://{host}/{}", trimmed(path)));
    }
    // scp's form: user@host:path. A path on this machine has no user.
    let (user_and_host, path) = remote.split_once(':')?;
    let (_, host) = user_and_host.split_once('@')?;
    if host.contains('/') {
        return None;
    }
    Some(format!(
        "git+ssh://{host}/{}",
        trimmed(path.trim_start_matches('/'))
    ))
}

/// Why git could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// It could not be started.
    #[error("cannot run git")]
    Run(#[source] io::Error),
    /// It said something that is no UTF-8.
    #[error("git's answer is no text")]
    NotText,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_lose_their_secrets() {
        for (remote, uri) in [
            (
                "https://github.com/o/r.git",
                Some("git+https://github.com/o/r"),
            ),
            (
                "https://user:token@github.com/o/r",
                Some("git+https://github.com/o/r"),
            ),
            (
                "https://a@b@github.com/o/r/",
                Some("git+https://github.com/o/r"),
            ),
            ("git@github.com:o/r.git", Some("git+ssh://github.com/o/r")),
            (
                "ssh://git@example.com:22/o/r",
                Some("git+ssh://example.com:22/o/r"),
            ),
            ("/srv/git/r.git", None),
            ("file:///srv/git/r.git", None),
            ("../r", None),
        ] {
            assert_eq!(public_uri(remote).as_deref(), uri, "{remote}");
        }
    }

    #[test]
    fn a_folder_without_a_repository_has_no_source() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Source::of(dir.path(), &[]).unwrap(), None);
    }

    #[test]
    fn a_commit_is_clean_until_something_changes() {
        let dir = tempfile::tempdir().unwrap();
        let git = |arguments: &[&str]| {
            let status = Command::new("git")
                .arg("-C")
                .arg(dir.path())
                .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
                .args(arguments)
                .status();
            assert!(status.unwrap().success());
        };
        git(&["init", "--quiet", "--initial-branch=main"]);
        assert_eq!(Source::of(dir.path(), &[]).unwrap(), None);
        git(&["commit", "--quiet", "--allow-empty", "--message", "first"]);
        let clean = Source::of(dir.path(), &[]).unwrap().unwrap();
        assert_eq!(clean.git_ref.as_deref(), Some("refs/heads/main"));
        assert_eq!(
            (clean.commit.len(), clean.dirty, &clean.uri),
            (40, false, &None)
        );
        std::fs::write(dir.path().join("new"), "x").unwrap();
        assert!(Source::of(dir.path(), &[]).unwrap().unwrap().dirty);
        assert!(!Source::of(dir.path(), &["other"]).unwrap().unwrap().dirty);
    }

    /// A repository can name the program that checks signatures; a commit that is
    /// signed would have it run.
    #[test]
    fn asking_for_the_time_of_a_commit_runs_nothing_of_the_repositorys() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        assert_eq!(commit_time(path).unwrap(), None);
        let script = "git init --quiet --initial-branch=main
            printf '#!/bin/sh\\n: >ran\\n' >check && chmod +x check
            git config log.showSignature true && git config gpg.program ./check
            tree=$(git write-tree)
            who='t <t@example.com> 1767225600 +0000'
            commit=$(printf 'tree %s\\nauthor %s\\ncommitter %s\\ngpgsig -----BEGIN PGP SIGNATURE-----\\n \\n x\\n -----END PGP SIGNATURE-----\\n\\nx\\n' \
                $tree \"$who\" \"$who\" | git hash-object -t commit -w --stdin)
            git update-ref refs/heads/main $commit";
        let mut shell = Command::new("sh");
        let status = shell.args(["-ec", script]).current_dir(path).status();
        assert!(status.unwrap().success());
        assert_eq!(commit_time(path).unwrap(), Some(1_767_225_600));
        assert!(!path.join("ran").exists());
        // git itself would have.
        let shown = Command::new("git")
            .args(["log", "-1"])
            .current_dir(path)
            .output();
        assert!(shown.unwrap().status.success());
        assert!(path.join("ran").exists());
    }
}
