//! What of a tree's own Cargo configuration may count.
//!
//! `.cargo/config.toml` can name programs that Cargo starts (`build.rustc`,
//! wrappers, credential providers) and variables for them (`[env]`), so Cargo
//! is run outside of the tree, where it does not find that file. What only says
//! where crates come from is handed to it (The Cargo Book, Configuration).

use toml::{Table, Value};

use super::super::SbomError;
use super::super::tree::{Tree, parent};

/// The most settings that are handed on.
const MAX_SETTINGS: usize = 1000;

/// Settings as arguments of `--config`, from the folder of the workspace up to
/// that of the tree; of two the nearer one counts.
pub(super) fn settings(tree: &Tree, workspace: &str) -> Result<Vec<String>, SbomError> {
    let mut settings = Vec::new();
    let folders = std::iter::successors(Some(parent(workspace)), |folder| {
        (!folder.is_empty()).then(|| parent(folder))
    });
    let mut folders: Vec<&str> = folders.collect();
    // Of two equal arguments Cargo takes the last.
    folders.reverse();
    for folder in folders {
        // The name without an ending is older and goes first.
        let names = [".cargo/config", ".cargo/config.toml"];
        let paths = names.map(|name| match folder {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        });
        let Some(path) = paths.iter().find(|path| tree.contains(path)) else {
            continue;
        };
        let config: Table = tree.toml(path)?;
        let folder = tree.root().join(folder);
        let mut add = |keys: &[&str], value: &Value| {
            let place = matches!(
                keys.last(),
                Some(&("directory" | "local-registry" | "path"))
            );
            let value = match (place, value.as_str()) {
                (true, Some(text)) => Value::from(folder.join(text).to_string_lossy().into_owned()),
                _ => value.clone(),
            };
            let keys: Vec<String> = keys
                .iter()
                .map(|key| Value::from(*key).to_string())
                .collect();
            settings.push(format!("{}={value}", keys.join(".")));
        };
        for (name, table) in tables(&config, "source") {
            for (key, value) in table {
                add(&["source", name, key], value);
            }
        }
        for (name, table) in tables(&config, "registries") {
            if let Some(index) = table.get("index") {
                add(&["registries", name, "index"], index);
            }
        }
        for (registry, patches) in tables(&config, "patch") {
            for (name, patch) in patches {
                match patch {
                    Value::Table(table) => table
                        .iter()
                        .for_each(|(key, value)| add(&["patch", registry, name, key], value)),
                    version => add(&["patch", registry, name], version),
                }
            }
        }
        if settings.len() > MAX_SETTINGS {
            return Err(SbomError::TooMany {
                what: "settings of Cargo",
                limit: MAX_SETTINGS,
            });
        }
    }
    Ok(settings)
}

fn tables<'a>(config: &'a Table, name: &str) -> impl Iterator<Item = (&'a str, &'a Table)> {
    let inner = config.get(name).and_then(Value::as_table);
    inner
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_table()?)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_where_crates_come_from_is_handed_on() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/.cargo")).unwrap();
        let config = r#"
            [build]
            rustc-wrapper = "./evil"
            [env]
            LD_PRELOAD = "evil.so"
            [source.crates-io]
            replace-with = "vendored"
            [source."vendored"]
            directory = "vendor"
            [registries.mine]
            index = "sparse+https://example.org/"
            credential-provider = "./evil"
            [patch.crates-io]
            x = { path = "x", version = "1" }
            [target.x86_64-unknown-linux-gnu]
            runner = "./evil"
        "#;
        fs::write(folder.path().join("a/.cargo/config.toml"), config).unwrap();
        let tree = Tree::walk(folder.path()).unwrap();
        let here = folder.path().join("a");
        assert_eq!(
            settings(&tree, "a/Cargo.toml").unwrap(),
            [
                r#""source"."crates-io"."replace-with"="vendored""#.to_owned(),
                format!(
                    r#""source"."vendored"."directory"="{}""#,
                    here.join("vendor").display()
                ),
                r#""registries"."mine"."index"="sparse+https://example.org/""#.to_owned(),
                format!(
                    r#""patch"."crates-io"."x"."path"="{}""#,
                    here.join("x").display()
                ),
                r#""patch"."crates-io"."x"."version"="1""#.to_owned(),
            ]
        );
        assert_eq!(settings(&tree, "Cargo.toml").unwrap(), Vec::<String>::new());
    }
}
