//! Whole projects: what the document of each fixture says. The lock files are
//! made by the tools themselves, with few dependencies.

use std::collections::BTreeSet;

use super::super::component::{Component, Kind};
use super::super::judge::document_of;
use super::super::{Inventory, Reason, Ref, Sbom, Selection, Tree, collect};

fn short(id: &Ref) -> String {
    let text = id
        .as_str()
        .replace("%2F", "/")
        .replace("%2B", "+")
        .replace("%40", "@");
    text.trim_start_matches("pkg:")
        .trim_start_matches("pypi/")
        .to_owned()
}

/// The graph, one component a line: scope, component, what it needs.
fn graph(sbom: &Sbom) -> String {
    let root = sbom.bom.metadata.component.as_ref().unwrap();
    let mut lines: Vec<String> = [root]
        .into_iter()
        .chain(&sbom.bom.components)
        .map(|component| {
            let id = component.bom_ref.as_ref().unwrap();
            let scope = component
                .scope
                .map_or("root".to_owned(), |scope| format!("{scope:?}"));
            let found = sbom
                .bom
                .dependencies
                .iter()
                .find(|each| each.reference == *id);
            let needs = match found {
                Some(found) => found
                    .depends_on
                    .iter()
                    .map(short)
                    .collect::<Vec<_>>()
                    .join(" "),
                None => "?".to_owned(),
            };
            let line = format!("{} {}: {needs}", scope.to_lowercase(), short(id));
            line.trim_end().to_owned()
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

fn check(fixture: &str, wanted: &str) -> Sbom {
    let sbom = document_of(&format!("python/{fixture}"));
    let wanted: Vec<&str> = wanted
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let seen = graph(&sbom);
    assert_eq!(seen.lines().collect::<Vec<_>>(), wanted, "\n{seen}\n");
    sbom
}

fn component<'a>(sbom: &'a Sbom, name: &str) -> &'a Component {
    let root = sbom.bom.metadata.component.iter();
    let mut all = root.chain(&sbom.bom.components);
    all.find(|component| component.name == name).unwrap()
}

#[test]
fn uv_workspace() {
    check(
        "uv-workspace",
        "
        excluded iniconfig@2.3.1:
        excluded sniffio@1.3.1:
        optional colorama@0.4.6:
        optional toolz@1.2.0:
        required certifi@2026.10.19.post1:
        required h11@0.16.0:
        required httpcore@1.0.9: certifi@2026.10.19.post1 h11@0.16.0 socksio@1.0.0
        required idna@3.20:
        required packaging@26.3:
        required paint-box@0.4.0?download_url=file://libs/paint: packaging@26.3 shape@0.3.0?download_url=file://libs/shape
        required shape@0.3.0?download_url=file://libs/shape: idna@3.20
        required six@99.0?download_url=file://vendored:
        required socksio@1.0.0:
        required studio@1.2.0?download_url=file://.: colorama@0.4.6 httpcore@1.0.9 iniconfig@2.3.1 shape@0.3.0?download_url=file://libs/shape six@99.0?download_url=file://vendored sniffio@1.3.1 toolz@1.2.0
        root generic/fixture: paint-box@0.4.0?download_url=file://libs/paint studio@1.2.0?download_url=file://.",
    );
}

#[test]
fn uv_sources() {
    check(
        "uv-sources",
        "
        optional platformdirs@4.14.8:
        optional platformdirs@4.3.8:
        required six@1.17.0?download_url=https://files.pythonhosted.org/packages/b7/ce/149a00dd41f10bc29e5921b496af8b574d8413afcd5e30dfa0ed46c2cc5e/six-1.17.0-py2.py3-none-any.whl:
        required toolz@9.0?vcs_url=git+https://git.example.org/toolz@bdffe72fe41249f28e2aa7314e3ed503d465c99e:
        root sources@0.1.0?download_url=file://.: platformdirs@4.14.8 platformdirs@4.3.8 six@1.17.0?download_url=https://files.pythonhosted.org/packages/b7/ce/149a00dd41f10bc29e5921b496af8b574d8413afcd5e30dfa0ed46c2cc5e/six-1.17.0-py2.py3-none-any.whl toolz@9.0?vcs_url=git+https://git.example.org/toolz@bdffe72fe41249f28e2aa7314e3ed503d465c99e",
    );
}

#[test]
fn poetry_v1() {
    check(
        "poetry-v1",
        "
        excluded iniconfig@2.1.0:
        optional toolz@1.2.0:
        required certifi@2026.10.19.post1:
        required h11@0.16.0:
        required httpcore@1.0.9: certifi@2026.10.19.post1 h11@0.16.0 socksio@1.0.0
        required six@99.0?download_url=file://six:
        required socksio@1.0.0:
        root ode@2.0.0?download_url=file://.: httpcore@1.0.9 iniconfig@2.1.0 six@99.0?download_url=file://six toolz@1.2.0",
    );
}

#[test]
fn poetry_v2() {
    check(
        "poetry-v2",
        "
        excluded iniconfig@2.1.0:
        optional platformdirs@4.12.4:
        optional platformdirs@4.3.8:
        optional toolz@1.2.0:
        required certifi@2026.10.19.post1:
        required h11@0.16.0:
        required httpcore@1.0.9: certifi@2026.10.19.post1 h11@0.16.0 socksio@1.0.0
        required socksio@1.0.0:
        root verse-app@0.1.0?download_url=file://.: httpcore@1.0.9 iniconfig@2.1.0 platformdirs@4.12.4 platformdirs@4.3.8 toolz@1.2.0",
    );
}

#[test]
fn pdm_extras() {
    check(
        "pdm-extras",
        "
        excluded iniconfig@2.1.0:
        optional colorama@0.4.6:
        optional toolz@1.2.0:
        required certifi@2026.10.19.post1:
        required h11@0.16.0:
        required httpcore@1.0.9: certifi@2026.10.19.post1 h11@0.16.0 socksio@1.0.0
        required socksio@1.0.0:
        root meter@0.2.0?download_url=file://.: colorama@0.4.6 httpcore@1.0.9 iniconfig@2.1.0 toolz@1.2.0",
    );
}

#[test]
fn pipfile_categories() {
    check(
        "pipfile-categories",
        "
        excluded iniconfig@2.3.1: ?
        excluded packaging@26.3: ?
        required certifi@2026.10.19.post1: ?
        required h11@0.16.0: ?
        required httpcore@1.0.9: ?
        required socksio@1.0.0: ?
        root generic/Pipfile.lock: certifi@2026.10.19.post1 h11@0.16.0 httpcore@1.0.9 iniconfig@2.3.1 packaging@26.3 socksio@1.0.0",
    );
}

#[test]
fn pylock_groups() {
    check(
        "pylock-groups",
        "
        excluded iniconfig@2.3.1: ?
        optional colorama@0.4.6: ?
        optional socksio@1.0.0: ?
        required certifi@2026.10.19.post1: ?
        required h11@0.16.0: ?
        required httpcore@1.0.9: ?
        root portable@1.0?download_url=file://.: certifi@2026.10.19.post1 colorama@0.4.6 h11@0.16.0 httpcore@1.0.9 iniconfig@2.3.1 socksio@1.0.0",
    );
}

#[test]
fn requirements_compiled() {
    check(
        "requirements-compiled",
        "
        excluded iniconfig@2.3.1:
        optional colorama@0.4.6:
        required certifi@2026.10.19.post1:
        required h11@0.16.0:
        required httpcore@1.0.9: certifi@2026.10.19.post1 h11@0.16.0 socksio@1.0.0
        required socksio@1.0.0:
        root generic/requirements.txt: colorama@0.4.6 h11@0.16.0 httpcore@1.0.9 iniconfig@2.3.1",
    );
}

#[test]
fn requirements_includes() {
    check(
        "requirements-includes",
        "
        optional colorama@0.4.6: ?
        optional six@1.16.0: ?
        required archive?download_url=https://files.example.org/archive-2.0.tar.gz: ?
        required h11@0.14.0?download_url=file://vendored/h11-0.14.0-py3-none-any.whl: ?
        required idna@3.7: ?
        required plain@3.1?download_url=https://files.example.org/wheels/plain-3.1-py3-none-any.whl: ?
        required requests@0.0.1?download_url=file://local: ?
        required tool?vcs_url=git+https://git.example.org/tool.git@0123456789abcdef0123456789abcdef01234567: ?
        required typing-extensions@4.12.2: ?
        required unpinned: ?
        root generic/requirements.txt: archive?download_url=https://files.example.org/archive-2.0.tar.gz colorama@0.4.6 h11@0.14.0?download_url=file://vendored/h11-0.14.0-py3-none-any.whl idna@3.7 plain@3.1?download_url=https://files.example.org/wheels/plain-3.1-py3-none-any.whl requests@0.0.1?download_url=file://local six@1.16.0 tool?vcs_url=git+https://git.example.org/tool.git@0123456789abcdef0123456789abcdef01234567 typing-extensions@4.12.2 unpinned",
    );
}

#[test]
fn requirements_loop() {
    check(
        "requirements-loop",
        "
        required idna@3.7: ?
        required six@1.16.0: ?
        root generic/requirements.txt: idna@3.7 six@1.16.0",
    );
}

#[test]
fn pyproject_only() {
    check(
        "pyproject-only",
        "
        excluded iniconfig: ?
        excluded packaging: ?
        optional toolz: ?
        required idna: ?
        required near?download_url=file://near: ?
        required six@1.16.0: ?
        root only-manifest@1.0?download_url=file://.: idna iniconfig near?download_url=file://near packaging six@1.16.0 toolz",
    );
}

#[test]
fn tools_only() {
    check(
        "tools-only",
        "
        required idna: ?
        root app@1.0?download_url=file://app: idna",
    );
}

#[test]
fn the_lock_file_tells_the_truth() {
    for fixture in ["uv-workspace", "uv-sources"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = path
            .join("testdata/sbom/python")
            .join(fixture)
            .join("uv.lock");
        let lock: toml::Table = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let packages = lock["package"].as_array().unwrap();
        let text = |table: &toml::Value, key: &str| table[key].as_str().unwrap().to_owned();
        let (mut names, mut edges) = (BTreeSet::new(), BTreeSet::new());
        for package in packages {
            names.insert((text(package, "name"), text(package, "version")));
            let lists = |key: &str| package.get(key).and_then(|lists| lists.as_table()).cloned();
            let lists = [lists("optional-dependencies"), lists("dev-dependencies")];
            let lists = lists.into_iter().flatten().flatten().map(|(_, list)| list);
            for list in lists.chain(package.get("dependencies").cloned()) {
                for needed in list.as_array().unwrap() {
                    edges.insert((text(package, "name"), text(needed, "name")));
                }
            }
        }
        let sbom = document_of(&format!("python/{fixture}"));
        let all = sbom
            .bom
            .metadata
            .component
            .iter()
            .chain(&sbom.bom.components);
        let all = all.filter(|component| component.purl.as_ref().unwrap().kind() == "pypi");
        let by_ref: std::collections::BTreeMap<&Ref, &str> = all
            .clone()
            .map(|component| (component.bom_ref.as_ref().unwrap(), component.name.as_str()))
            .collect();
        let seen = all.map(|each| (each.name.clone(), each.version.clone().unwrap_or_default()));
        assert_eq!(seen.collect::<BTreeSet<_>>(), names);
        let mut drawn = BTreeSet::new();
        for each in &sbom.bom.dependencies {
            if let Some(from) = by_ref.get(&each.reference) {
                let to = each.depends_on.iter().map(|to| by_ref[to].to_owned());
                drawn.extend(to.map(|to| ((*from).to_owned(), to)));
            }
        }
        assert_eq!(drawn, edges);
    }
}

#[test]
fn what_the_manifest_says_is_kept() {
    let sbom = document_of("python/uv-workspace");
    let studio = component(&sbom, "studio");
    assert_eq!(
        studio.description.as_deref(),
        Some("A workspace root that needs one member")
    );
    assert_eq!(studio.licenses.len(), 1);
    assert_eq!(studio.authors[0].name.as_deref(), Some("Ada"));
    let h11 = component(&sbom, "h11");
    assert_eq!(h11.external_references.len(), 2);
    assert!(
        h11.external_references
            .iter()
            .all(|each| each.hashes.len() == 1)
    );
    // The one wheel is what is deployed.
    assert_eq!(h11.hashes, h11.external_references[0].hashes);
    let only = document_of("python/pyproject-only");
    let root = component(&only, "Only.Manifest");
    assert_eq!(root.kind, Kind::Application);
    assert_eq!(root.external_references.len(), 1);
    assert!(only.notes.iter().any(|note| note.reason == Reason::NoLock));
}

#[test]
fn an_export_beside_the_lock_file_is_not_read_twice() {
    let sbom = document_of("python/uv-workspace");
    let product = "uv.lock".to_owned();
    let skipped: Vec<&str> = sbom
        .notes
        .iter()
        .filter(|note| {
            note.reason
                == Reason::BelowProduct {
                    product: product.clone(),
                }
        })
        .map(|note| note.about.as_str())
        .collect();
    assert_eq!(skipped, ["requirements.txt"]);
}

#[test]
fn secrets_of_urls_stay_out() {
    let sbom = document_of("python/requirements-includes");
    let json = String::from_utf8(sbom.bom.to_json().unwrap()).unwrap();
    assert!(!json.contains("secret") && !json.contains("token"));
    let told: Vec<&str> = sbom
        .notes
        .iter()
        .filter(|note| matches!(note.reason, Reason::NotUnderstood { .. }))
        .map(|note| note.about.as_str())
        .collect();
    assert_eq!(told.len(), 2);
    let six = component(&sbom, "six");
    assert_eq!(six.external_references[0].hashes.len(), 2);
    let seen = &six.evidence.as_ref().unwrap().occurrences[0];
    assert_eq!(
        (seen.location.as_str(), seen.line),
        ("requirements.txt", Some(5))
    );
}

#[test]
fn environment() {
    check(
        "environment",
        "
        required certifi@2026.10.19.post1:
        required h11@0.16.0:
        required httpcore@1.0.9: certifi@2026.10.19.post1 h11@0.16.0
        required rpds-py@2026.9.1: cargo/archery@1.2.3 cargo/heck@0.5.0 cargo/libc@0.2.177 cargo/once_cell@1.21.3 cargo/proc-macro2@1.0.103 cargo/pyo3-build-config@0.29.3 cargo/pyo3-ffi@0.29.3 cargo/pyo3-macros-backend@0.29.3 cargo/pyo3-macros@0.29.3 cargo/pyo3@0.29.3 cargo/quote@1.0.42 cargo/rpds-py@2026.9.1?download_url=file://.#src/lib.rs cargo/rpds@1.2.1 cargo/smallvec@1.15.1 cargo/syn@2.0.111 cargo/target-lexicon@0.13.3 cargo/triomphe@0.1.16 cargo/unicode-ident@1.0.22
        required setuptools@84.2.1: packaging@26.3 wheel@0.46.3
        required shadow@1.0?vcs_url=git+https://git.example.org/shadow@0123456789abcdef0123456789abcdef01234567: ?
        required socksio@1.0.0:
        root generic/fixture: httpcore@1.0.9 rpds-py@2026.9.1 setuptools@84.2.1 shadow@1.0?vcs_url=git+https://git.example.org/shadow@0123456789abcdef0123456789abcdef01234567 socksio@1.0.0",
    );
}

#[test]
fn wheel() {
    check(
        "wheel",
        "
        optional socksio: ?
        required idna: ?
        root tiny-thing@1.0?file_name=tiny_thing-1.0-py3-none-any.whl: idna socksio",
    );
}

#[test]
fn sdist() {
    check(
        "sdist",
        "
        optional socksio: ?
        required idna: ?
        root tiny-thing@1.0?file_name=tiny_thing-1.0.tar.gz: idna socksio",
    );
}

#[test]
fn an_artifact_has_both_digests_of_its_file() {
    let sbom = document_of("python/wheel");
    let wheel = component(&sbom, "Tiny.Thing");
    let algorithms: Vec<&str> = wheel.hashes.iter().map(|hash| hash.alg.as_str()).collect();
    assert_eq!(algorithms, ["SHA-256", "SHA-512"]);
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = "testdata/sbom/python/wheel/tiny_thing-1.0-py3-none-any.whl";
    let bytes = std::fs::read(folder.join(path)).unwrap();
    assert_eq!(
        wheel.hashes[0].content,
        crate::artifact::Digest::sha256(&bytes).hex()
    );
}

#[test]
fn an_archive_alone_is_a_source_too() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = folder.join("testdata/sbom/python/sdist/tiny_thing-1.0.tar.gz");
    let mut inventory = Inventory::default();
    collect(&Tree::file(&path).unwrap(), &mut inventory).unwrap();
    assert_eq!(inventory.products().count(), 1);
}

#[test]
fn an_environment_among_fixtures_is_no_product() {
    let folder = tempfile::tempdir().unwrap();
    let package = folder
        .path()
        .join("tests/venv/lib/site-packages/a-1.dist-info");
    std::fs::create_dir_all(&package).unwrap();
    let metadata = "Metadata-Version: 2.1\nName: a\nVersion: 1\n\n";
    std::fs::write(package.join("METADATA"), metadata).unwrap();
    for (include, found) in [(vec![], 0), (vec!["venv".to_owned()], 1)] {
        let selection = Selection {
            include,
            ..Selection::default()
        };
        let mut inventory = Inventory::default();
        let tree = Tree::walk_selected(folder.path(), &selection).unwrap();
        collect(&tree, &mut inventory).unwrap();
        assert_eq!(inventory.components().count(), found);
    }
}

#[test]
fn what_lies_inside_of_a_package_is_its_part() {
    let sbom = document_of("python/environment");
    let rpds = component(&sbom, "rpds-py");
    let crates = rpds
        .components
        .iter()
        .filter(|part| part.purl.as_ref().unwrap().kind() == "cargo");
    assert!(crates.count() > 5);
    let setuptools = component(&sbom, "setuptools");
    let parts: Vec<&str> = setuptools
        .components
        .iter()
        .map(|part| part.name.as_str())
        .collect();
    assert_eq!(parts, ["packaging", "wheel"]);
    let shadow = component(&sbom, "shadow");
    assert!(!shadow.purl.as_ref().unwrap().to_string().contains("secret"));
    assert_eq!(shadow.licenses.len(), 1);
    for component in &sbom.bom.components {
        assert!(
            !component.licenses.is_empty(),
            "{} has no licence",
            component.name
        );
    }
}

#[test]
fn poetry_1_1_lists_digests_apart_and_has_categories() {
    let folder = tempfile::tempdir().unwrap();
    let digest = "0".repeat(64);
    let lock = format!(
        "[[package]]\nname = \"Main_Thing\"\nversion = \"1.0\"\ncategory = \"main\"\noptional = false\n\
         [package.dependencies]\nsub = [{{version = \"^1\", python = \"<3.8\"}}, \">=2\"]\n\
         [[package]]\nname = \"sub\"\nversion = \"2.1\"\ncategory = \"main\"\noptional = false\n\
         [[package]]\nname = \"tool\"\nversion = \"3\"\ncategory = \"dev\"\noptional = false\n\
         [metadata]\nlock-version = \"1.1\"\npython-versions = \"^3.8\"\n\
         [metadata.files]\nmain-thing = [{{file = \"main.whl\", hash = \"sha256:{digest}\"}}]\n"
    );
    std::fs::write(folder.path().join("poetry.lock"), lock).unwrap();
    let mut inventory = Inventory::default();
    collect(&Tree::walk(folder.path()).unwrap(), &mut inventory).unwrap();
    let sbom = super::super::document(inventory, &Default::default()).unwrap();
    let main = component(&sbom, "Main_Thing");
    assert_eq!(main.external_references[0].hashes[0].content, digest);
    let seen = graph(&sbom);
    let wanted = [
        "excluded tool@3:",
        "optional sub@2.1:",
        "required main-thing@1.0: sub@2.1",
        "root generic/poetry.lock: main-thing@1.0 tool@3",
    ];
    assert_eq!(seen.lines().collect::<Vec<_>>(), wanted);
}
