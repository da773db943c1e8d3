//! The actions of this repository: pinned, and no input is pasted into a script.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use std::fs;
use std::path::{Path, PathBuf};

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("reusable-workflows"), root.join(".github")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|ending| ending == "yml") => files.push(path),
                false => {}
            }
        }
    }
    assert!(files.len() >= 3, "the workflows were not found");
    files
}

/// A tag can be moved to other code; a commit can't.
#[test]
fn other_actions_are_pinned_to_a_commit() {
    let mut uses = 0;
    for file in files() {
        for line in fs::read_to_string(&file).unwrap().lines() {
            let Some((_, action)) = line.split_once("uses: ") else {
                continue;
            };
            uses += 1;
            let (_, commit) = action.split_once('@').expect(action);
            let (commit, version) = commit.split_once(" # ").expect("its version as a comment");
            let hexadecimal = commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(
                commit.len() == 40 && hexadecimal,
                "{}: {action}",
                file.display()
            );
            assert!(version.starts_with('v'), "{}: {action}", file.display());
        }
    }
    assert!(uses > 0);
}

/// `${{ inputs.x }}` in a script runs whatever the input holds.
#[test]
fn no_expression_stands_in_a_script() {
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        let mut script = None;
        for line in text.lines() {
            let indent = line.len() - line.trim_start().len();
            if script.is_some_and(|start| indent <= start && !line.trim().is_empty()) {
                script = None;
            }
            let run = line
                .trim_start()
                .trim_start_matches("- ")
                .starts_with("run:");
            if run {
                script = Some(indent);
            }
            let inside = script.is_some();
            assert!(
                !inside || !line.contains("${{"),
                "{}: {line}",
                file.display()
            );
        }
    }
}

/// A workflow that says nothing gets every permission that the repository allows.
#[test]
fn workflows_say_what_they_may() {
    let workflows = files()
        .into_iter()
        .filter(|file| file.parent().unwrap().ends_with("workflows"));
    let mut seen = 0;
    for file in workflows {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("\npermissions:"), "{}", file.display());
        seen += 1;
    }
    assert!(seen > 0);
}
