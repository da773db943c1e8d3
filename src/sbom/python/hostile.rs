//! Broken and hostile input, for tests: errors, never a panic, and nothing of
//! the machine in the document.

use super::super::judge::faults;
use super::super::{Inventory, SbomError, Settings, Tree, collect, document};
use super::resolution;

fn failure(fixture: &str) -> SbomError {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = folder.join("testdata/sbom/python").join(fixture);
    collect(&Tree::walk(&folder).unwrap(), &mut Inventory::default()).unwrap_err()
}

#[test]
fn nothing_outside_of_the_tree_is_read() {
    assert!(matches!(
        failure("requirements-outside"),
        SbomError::Outside { .. }
    ));
}

fn broken(name: &str, text: &str) -> Result<Inventory, SbomError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), text).unwrap();
    let mut inventory = Inventory::default();
    collect(&Tree::walk(folder.path()).unwrap(), &mut inventory).map(|()| inventory)
}

#[test]
fn broken_files_are_errors_and_never_a_panic() {
    let deep = format!("x ; {}os_name == 'x'", "(".repeat(10_000));
    for (name, text) in [
        ("uv.lock", "[[package]]\nname = 1\n".to_owned()),
        ("uv.lock", "[[package]]\n".to_owned()),
        ("uv.lock", "package = 3".to_owned()),
        (
            "poetry.lock",
            "[[package]]\nname = 'x'\nversion = '1'\n[package.dependencies]\ny = {markers = '('}"
                .to_owned(),
        ),
        (
            "pdm.lock",
            "[[package]]\nname = 'x'\ndependencies = ['!']".to_owned(),
        ),
        (
            "pdm.lock",
            format!("[[package]]\nname = 'x'\ndependencies = [\"{deep}\"]"),
        ),
        ("pylock.toml", "lock-version = '2.0'".to_owned()),
        ("pylock.toml", "packages = []".to_owned()),
        ("Pipfile.lock", "[]".to_owned()),
        ("Pipfile.lock", "{\"default\": 3}".to_owned()),
        ("Pipfile.lock", "[".repeat(100_000)),
        ("requirements.txt", "!".to_owned()),
        ("requirements.txt", "-r missing.txt".to_owned()),
        ("requirements.txt", deep.clone()),
        (
            "pyproject.toml",
            "[project]\nname = 'x'\ndependencies = ['!']".to_owned(),
        ),
        ("pyproject.toml", "[project".to_owned()),
        (
            "uv.lock",
            "[[package]]\nname = 'x'\n".repeat(resolution::MAX_VERSIONS + 1),
        ),
    ] {
        assert!(
            broken(name, &text).is_err(),
            "{name} was taken: {:.80}",
            text
        );
    }
}

#[test]
fn odd_but_harmless_files_are_taken() {
    for (name, text) in [
        ("uv.lock", ""),
        ("poetry.lock", ""),
        ("pdm.lock", ""),
        ("Pipfile.lock", "{}"),
        ("pylock.toml", "lock-version = '1.0'"),
        ("requirements.txt", "\\\n\\"),
        (
            "uv.lock",
            "[[package]]\nname = 'x'\nsource = {path = '/home/me/x'}\ndependencies = [{name = 'x', extra = ['y']}, {name = 'gone'}]",
        ),
    ] {
        let inventory = broken(name, text).unwrap();
        assert!(inventory.products().count() == 1, "{name} has no product");
        let settings = Settings {
            name: "x".into(),
            ..Default::default()
        };
        let sbom = document(inventory, &settings).unwrap();
        let json = String::from_utf8(sbom.bom.to_json().unwrap()).unwrap();
        assert!(!json.contains("/home/me"));
        assert_eq!(faults(&sbom.bom), Vec::<String>::new());
    }
}

#[test]
fn broken_archives_are_errors() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in std::fs::read_dir(folder.join("testdata/sbom/python/broken")).unwrap() {
        let path = entry.unwrap().path();
        let tree = Tree::walk(&path).unwrap();
        let error = collect(&tree, &mut Inventory::default());
        let flaw = path.file_name().unwrap().to_str().unwrap();
        let error = error.expect_err(flaw);
        match flaw {
            "leaves-by-dots" | "leaves-by-root" | "sdist-leaves-by-dots" => {
                assert!(
                    matches!(error, SbomError::Outside { .. }),
                    "{flaw}: {error:?}"
                );
            }
            "metadata-is-a-link" | "sdist-metadata-is-a-link" => {
                assert!(
                    matches!(error, SbomError::NotAFile { .. }),
                    "{flaw}: {error:?}"
                );
            }
            _ => assert!(
                matches!(error, SbomError::Syntax { .. }),
                "{flaw}: {error:?}"
            ),
        }
        count += 1;
    }
    assert_eq!(count, 17);
}

#[test]
fn what_installed_packages_bring_is_no_product() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("a-1.dist-info/METADATA", "Name: a\nVersion: 1\n");
    write("a/requirements.txt", "b==1\n");
    write("a/bundled/c-1-py3-none-any.whl", "not even a wheel");
    let mut inventory = Inventory::default();
    collect(&Tree::walk(folder.path()).unwrap(), &mut inventory).unwrap();
    let names: Vec<&str> = inventory
        .components()
        .map(|(_, each)| &each.name[..])
        .collect();
    assert_eq!(names, ["a"]);
    // With a manifest beside it, a stray folder of metadata hides nothing.
    write("requirements.txt", "d==1\n");
    let mut inventory = Inventory::default();
    collect(&Tree::walk(folder.path()).unwrap(), &mut inventory).unwrap();
    assert!(inventory.components().any(|(_, each)| each.name == "d"));
}
