//! What an argument stands for: files, or what a registry or a layout stores.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::oci::{Layout, Name, Place, Reference, Snapshot, Store};

use crate::cli::error::Failure;
use crate::cli::gate::EVIDENCE;
use crate::cli::store;

/// The most files of one folder.
const MAX_FILES: usize = 100_000;
/// How deep folders are looked into.
const MAX_DEPTH: usize = 32;

/// Something to audit.
pub(in crate::cli) enum Item {
    /// A file, and the evidence beside it.
    File(PathBuf),
    /// What is stored at a reference, and what is attached to it.
    Stored {
        reference: Reference,
        /// Its name for people.
        name: String,
        /// Where it is, if that is open already.
        store: Option<Arc<dyn Store>>,
    },
}

impl Item {
    /// Its name for people.
    pub(in crate::cli) fn name(&self) -> String {
        match self {
            Item::File(path) => path.display().to_string(),
            Item::Stored { name, .. } => name.clone(),
        }
    }
}

/// Adds what `argument` stands for.
pub(in crate::cli) fn find(argument: &Path, items: &mut Vec<Item>) -> Result<(), Failure> {
    if let Some(reference) = store::reference_or_file(argument.as_os_str())? {
        return match &reference.place {
            Place::Layout(folder) if reference.implied => layout(folder, &reference, items),
            _ => {
                items.push(Item::Stored {
                    name: reference.to_string(),
                    reference,
                    store: None,
                });
                Ok(())
            }
        };
    }
    if !argument.is_dir() {
        items.push(Item::File(argument.to_owned()));
        return Ok(());
    }
    if argument.join("oci-layout").is_file() {
        let reference = Reference {
            place: Place::Layout(argument.to_owned()),
            name: Name::Tag("latest".to_owned()),
            implied: true,
        };
        return layout(argument, &reference, items);
    }
    folder(argument, items)
}

/// Everything in a layout that refers to nothing else; its index is read once.
fn layout(folder: &Path, reference: &Reference, items: &mut Vec<Item>) -> Result<(), Failure> {
    let snapshot: Snapshot = Layout::new(folder)
        .snapshot()
        .map_err(|error| store::failure(&error, reference))?;
    let snapshot = Arc::new(snapshot);
    for each in snapshot.artifacts() {
        let reference = reference.with_name(Name::Digest(each.digest.clone()));
        let name = match each.tags.as_slice() {
            [] => reference.to_string(),
            tags => format!("oci:{}:{}", folder.display(), tags.join(",")),
        };
        items.push(Item::Stored {
            reference,
            name,
            store: Some(snapshot.clone()),
        });
    }
    Ok(())
}

/// Every file that is no evidence, in the order of their names. Links and what is
/// hidden are not looked at.
fn folder(folder: &Path, items: &mut Vec<Item>) -> Result<(), Failure> {
    let mut files = Vec::new();
    walk(folder, 0, &mut files)?;
    files.sort_unstable();
    items.extend(files.into_iter().map(Item::File));
    Ok(())
}

fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable = |error| {
        Failure::cant_say(format!("cannot read the folder `{}`", folder.display()))
            .with("reason", error)
    };
    if depth > MAX_DEPTH {
        return Err(Failure::cant_say(format!(
            "`{}` lies more than {MAX_DEPTH} folders deep",
            folder.display()
        )));
    }
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() {
            walk(&path, depth + 1, files)?;
        } else if kind.is_file() && !EVIDENCE.iter().any(|suffix| name.ends_with(suffix)) {
            files.push(path);
        }
        if files.len() > MAX_FILES {
            return Err(Failure::cant_say(format!(
                "`{}` has more than {MAX_FILES} files",
                folder.display()
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_its_files_without_the_evidence() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("sub");
        fs::create_dir(&below).unwrap();
        for name in [
            "b",
            "b.sigstore.jsonl",
            "a",
            ".hidden",
            "sub/c",
            "sub/c.sigstore.json",
        ] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), below.join("loop")).unwrap();
        let mut items = Vec::new();
        assert!(find(folder.path(), &mut items).is_ok());
        let names: Vec<_> = items
            .iter()
            .map(|item| match item {
                Item::File(path) => path
                    .strip_prefix(folder.path())
                    .unwrap()
                    .display()
                    .to_string(),
                Item::Stored { name, .. } => name.clone(),
            })
            .collect();
        assert_eq!(names, ["a", "b", "sub/c"]);
    }
}
