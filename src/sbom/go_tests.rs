use super::super::component::Scope;
use super::super::{Caches, judge};
use super::*;

const APP: &str = "pkg:golang/example.org/app";

#[test]
fn a_module_has_its_requirements_and_go_itself() {
    let bom = judge::document_of("go/indirect").bom;
    assert_eq!(
        judge::depends_on(&bom, APP),
        [
            "pkg:golang/cmd@1.26.8",
            "pkg:golang/example.org/big@v1.0.0",
            "pkg:golang/example.org/other@v0.3.0%2Bincompatible",
            "pkg:golang/example.org/small@v0.2.0",
            "pkg:golang/std@1.26.8",
        ]
    );
    let big = judge::component(&bom, "pkg:golang/example.org/big@v1.0.0");
    assert_eq!(big.name, "example.org/Big");
    // A dirhash is nobody's SHA-256.
    assert_eq!(big.hashes, []);
    assert!(
        big.properties
            .iter()
            .any(|each| each.value.starts_with("h1:AAA"))
    );
    let cmd = judge::component(&bom, "pkg:golang/cmd@1.26.8");
    assert_eq!(cmd.scope, Some(Scope::Excluded));
}

#[test]
fn the_module_cache_tells_whose_the_indirect_ones_are() {
    let caches = Caches::default().go_modules(&judge::path_of("go-cache"));
    let tree = Tree::walk(&judge::path_of("go/indirect")).unwrap();
    let bom = judge::document_of_trees(&[tree.with_caches(caches)]).bom;
    let big = "pkg:golang/example.org/big@v1.0.0";
    let small = "pkg:golang/example.org/small@v0.2.0";
    assert_eq!(judge::depends_on(&bom, big), [small]);
    assert!(!judge::depends_on(&bom, APP).contains(&small));
    assert_eq!(judge::component(&bom, big).hashes, []);
}

#[test]
fn a_replacement_is_what_is_built() {
    let bom = judge::document_of("go/replaced").bom;
    let modules: Vec<String> = judge::depends_on(&bom, APP)
        .into_iter()
        .filter(|id| id.contains("example"))
        .map(str::to_owned)
        .collect();
    assert_eq!(
        modules,
        [
            "pkg:golang/example.com/fork/a@v1.0.1",
            "pkg:golang/example.org/b@v1.0.0?download_url=file:%2F%2Flocal",
            "pkg:golang/example.org/c@v1.0.0",
            "pkg:golang/example.org/d@v1.0.0?download_url=file:%2F%2F",
        ]
    );
    let fork = judge::component(&bom, "pkg:golang/example.com/fork/a@v1.0.1");
    let mut properties = fork.properties.iter();
    let replaces = properties.find(|each| each.name == "prov:go:replaces");
    assert_eq!(replaces.unwrap().value, "example.org/a");
}

#[test]
fn a_workspace_takes_the_newest_version_and_its_own_modules() {
    let sbom = judge::document_of("go/workspace");
    let a = judge::depends_on(&sbom.bom, "pkg:golang/example.org/a");
    assert!(a.contains(&"pkg:golang/example.org/b"));
    assert!(a.contains(&"pkg:golang/example.org/x@v1.10.0"));
    let notes: Vec<&str> = sbom.notes.iter().map(|note| &note.about[..]).collect();
    assert_eq!(notes, ["go.work"]);
}

#[test]
fn what_is_not_vendored_is_optional() {
    let bom = judge::document_of("go/vendored").bom;
    for (id, scope) in [
        ("pkg:golang/example.org/used@v1.0.0", Scope::Required),
        ("pkg:golang/example.org/unused@v1.0.0", Scope::Optional),
    ] {
        assert_eq!(judge::component(&bom, id).scope, Some(scope), "{id}");
    }
}

#[test]
fn an_embedding_crate_contains_the_file_and_the_file_its_module() {
    let sbom = judge::document_of("cargo/embeds");
    let bom = &sbom.bom;
    let root = bom.metadata.component.as_ref().unwrap();
    assert_eq!(root.name, "host");
    let file = judge::depends_on(bom, root.bom_ref.as_ref().unwrap().as_str())[0];
    assert!(file.starts_with("urn:prov:artifact:sha256:"));
    assert_eq!(
        judge::component(bom, file).mime_type.as_deref(),
        Some("application/wasm")
    );
    let guest = "pkg:golang/example.org/guest";
    assert_eq!(judge::depends_on(bom, file), [guest]);
    assert!(judge::depends_on(bom, guest).contains(&"pkg:golang/example.org/dep@v1.0.0"));
    assert!(sbom.notes.iter().any(|note| matches!(
        &note.reason,
        Reason::Unresolved { name } if name == "gone"
    )));
}

#[test]
fn hostile_manifests_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("go.mod", "go 1.20\n"),
        ("go.mod", "module a\nrequire (\n"),
        ("go.mod", "module \"\"\n"),
        ("go.mod", "module a\nrequire / v1\n"),
        ("go.mod", "module a\0\nrequire b\n"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
        let tree = Tree::walk(folder.path()).unwrap();
        assert!(collect(&tree, &mut Inventory::default()).is_err(), "{text}");
    }
    for path in ["../../x", "a b", "a@b", "a\\b"] {
        let cached = cached(path, "v1", "mod").unwrap_or_default();
        assert!(cached.is_empty() || cached.contains(".."), "{path}");
    }
}
