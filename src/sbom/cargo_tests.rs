use super::super::component::Scope;
use super::super::{Caches, LicenseChoice, judge};
use super::*;

const ROOT: &str = "pkg:cargo/app@0.3.0?download_url=file:%2F%2F.";
const MEMBER: &str = "pkg:cargo/member@0.1.0?download_url=file:%2F%2Fcrates%2Fmember";

#[test]
fn a_workspace_is_one_product_with_its_members() {
    let bom = judge::document_of("cargo/workspace").bom;
    let root = bom.metadata.component.as_ref().unwrap();
    assert_eq!(root.bom_ref.as_ref().unwrap().as_str(), ROOT);
    assert_eq!(root.authors[0].email.as_deref(), Some("ada@example.org"));
    assert_eq!(
        root.licenses.first(),
        LicenseChoice::declared("MIT OR Apache-2.0").as_ref()
    );
    assert!(
        root.properties
            .iter()
            .any(|each| each.name == "prov:resolution")
    );
    assert_eq!(
        judge::depends_on(&bom, ROOT),
        [
            "pkg:cargo/a@1.2.0",
            "pkg:cargo/b@2.0.0",
            MEMBER,
            "pkg:cargo/w@1.0.0"
        ]
    );
    for (id, scope) in [
        (MEMBER, Scope::Required),
        ("pkg:cargo/a@1.2.0", Scope::Required),
        // Without a's manifest nobody knows that it wants b only as an option.
        ("pkg:cargo/b@2.0.0", Scope::Required),
        ("pkg:cargo/w@1.0.0", Scope::Optional),
    ] {
        assert_eq!(judge::component(&bom, id).scope, Some(scope), "{id}");
    }
    let a = judge::component(&bom, "pkg:cargo/a@1.2.0");
    assert!(a.properties.iter().any(|each| each.value == "unknown"));
    assert_eq!(a.hashes[0].content.len(), 64);
    assert_eq!(
        a.supplier.as_ref().unwrap().name.as_deref(),
        Some("crates.io")
    );
}

#[test]
fn the_excluded_crate_is_noted_and_members_are_not() {
    let sbom = judge::document_of("cargo/workspace");
    let notes: Vec<&str> = sbom.notes.iter().map(|note| &note.about[..]).collect();
    assert_eq!(notes, ["crates/excluded/Cargo.toml"]);
}

#[test]
fn sources_of_the_registry_tell_kinds_and_licences() {
    let caches = Caches::default().cargo_home(&judge::path_of("cargo-home"));
    let tree = Tree::walk(&judge::path_of("cargo/workspace")).unwrap();
    let bom = judge::document_of_trees(&[tree.with_caches(caches)]).bom;
    let a = judge::component(&bom, "pkg:cargo/a@1.2.0");
    assert_eq!(a.description.as_deref(), Some("An a"));
    assert_eq!(
        a.licenses.first(),
        LicenseChoice::declared("MIT OR Apache-2.0").as_ref()
    );
    let mut properties = a.properties.iter();
    assert!(properties.all(|each| each.name.starts_with("bsi:component:")));
    for (id, scope) in [
        // a asks for b as an option, and app for its tests.
        ("pkg:cargo/b@2.0.0", Scope::Optional),
        // c is for building a and member; w is optional itself.
        ("pkg:cargo/c@0.1.0", Scope::Optional),
    ] {
        assert_eq!(judge::component(&bom, id).scope, Some(scope), "{id}");
    }
}

#[test]
fn a_path_crate_is_not_its_namesake() {
    let bom = judge::document_of("cargo/namesake").bom;
    let id = "pkg:cargo/serde@1.0.0?download_url=file:%2F%2Fpatched";
    let serde = judge::component(&bom, id);
    assert_eq!(serde.supplier, None);
    assert_eq!(bom.components.len(), 1);
}

#[test]
fn a_repository_and_a_registry_may_give_one_version() {
    let bom = judge::document_of("cargo/git").bom;
    let root = "pkg:cargo/app@0.1.0?download_url=file:%2F%2F.";
    let git = "git%2Bhttps:%2F%2Fexample.org%2Fg%400123456789012345678901234567890123456789";
    assert_eq!(
        judge::depends_on(&bom, root),
        [
            "pkg:cargo/g@1.0.0",
            &format!("pkg:cargo/g@1.0.0?vcs_url={git}")
        ]
    );
}

#[test]
fn the_oldest_lock_files_are_read() {
    let bom = judge::document_of("cargo/lock-v1").bom;
    let root = "pkg:cargo/app@0.0.0?download_url=file:%2F%2F.";
    assert_eq!(judge::depends_on(&bom, root), ["pkg:cargo/a@1.2.0"]);
    let a = judge::component(&bom, "pkg:cargo/a@1.2.0");
    assert_eq!(a.hashes.len(), 1);
}

#[test]
fn a_manifest_without_lock_is_a_product_with_unknown_dependencies() {
    let sbom = judge::document_of("cargo/no-lock");
    assert_eq!(sbom.notes[0].reason, Reason::NoLock);
    assert_eq!(sbom.bom.metadata.component.unwrap().name, "app");
    assert_eq!(sbom.bom.compositions[0].aggregate, Aggregate::Incomplete);
}

#[test]
fn what_the_lock_does_not_resolve_is_noted() {
    let sbom = judge::document_of("cargo/hostile-ambiguous");
    let names: Vec<String> = sbom
        .notes
        .iter()
        .filter_map(|note| match &note.reason {
            Reason::Unresolved { name } => Some(name.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(names, ["a", "gone"]);
}

#[test]
fn a_hostile_workspace_is_refused_or_noted() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let collect = || {
        let mut inventory = Inventory::default();
        let tree = Tree::walk(folder.path()).unwrap();
        super::collect(&tree, &mut inventory).map(|()| inventory)
    };
    write("Cargo.lock", "version = 4\n");
    write(
        "Cargo.toml",
        "[package]\nname = \"x\"\n[dependencies]\ny = { path = \"../../y\" }\nz = { path = \".\" }\n",
    );
    let inventory = collect().unwrap();
    assert!(inventory.notes().any(|note| matches!(
        &note.reason,
        Reason::Unresolved { name } if name == "../../y"
    )));
    write("Cargo.toml", "[workspace]\nmembers = [\"{a\"]\n");
    assert!(matches!(collect(), Err(SbomError::Syntax { .. })));
    write("Cargo.toml", "[workspace]\n");
    for (package, wanted) in [
        ("name = \"\"\nversion = \"1\"", "Purl"),
        ("name = \"a\"\nversion = \"1\"\nchecksum = \"zz\"", "Syntax"),
        ("name = \"a\"", "Syntax"),
        ("name = 1\nversion = \"1\"", "Syntax"),
    ] {
        write("Cargo.lock", &format!("[[package]]\n{package}\n"));
        let error = format!("{:?}", collect().unwrap_err());
        assert!(error.starts_with(wanted), "{error}");
    }
}

#[test]
fn this_repository_is_read_whole() {
    let repository = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    for name in ["Cargo.lock", "Cargo.toml"] {
        std::fs::copy(repository.join(name), folder.path().join(name)).unwrap();
    }
    let mut tree = Tree::walk(folder.path()).unwrap();
    // Only a judge of what real manifests hold: cached or not, it must be valid.
    if let Some(home) = std::env::var_os("CARGO_HOME")
        .map(std::path::PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")))
    {
        tree = tree.with_caches(Caches::default().cargo_home(&home));
    }
    let bom = judge::document_of_trees(&[tree]).bom;
    assert!(bom.components.len() > 200);
}
