use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;
use std::process::Command;

use object::write::Object;
use object::{Architecture, BinaryFormat, Endianness, SectionKind};
use proptest::prelude::*;

use super::super::{Bom, judge, window};
use super::*;

const MODULES: [&str; 4] = [
    "pkg:golang/example.com/new@v1.1.0",
    "pkg:golang/example.org/dep@v1.0.0",
    "pkg:golang/example.org/guest",
    "pkg:golang/std@1.26.8",
];

fn root(bom: &Bom) -> &str {
    let root = bom.metadata.component.as_ref().unwrap();
    root.bom_ref.as_ref().unwrap().as_str()
}

#[test]
fn go_modules_come_out_of_any_container() {
    for file in ["go-module.wasm", "go-component.wasm", "go-elf"] {
        let tree = Tree::file(&judge::path_of("binary").join(file)).unwrap();
        let bom = judge::document_of_trees(&[tree]).bom;
        assert_eq!(judge::depends_on(&bom, root(&bom)), MODULES, "{file}");
        let dep = judge::component(&bom, MODULES[1]);
        assert_eq!(dep.hashes, [], "an h1 sum is no SHA-256");
        assert!(dep.properties.iter().any(|each| each.name == "prov:go:h1"));
        let json = String::from_utf8(bom.to_json().unwrap()).unwrap();
        assert!(!json.contains("/home/somebody"));
        assert_eq!(bom.metadata.component.unwrap().hashes.len(), 2);
    }
}

#[test]
fn programs_of_a_folder_are_found_without_a_product() {
    let bom = judge::document_of("binary").bom;
    assert_eq!(judge::depends_on(&bom, root(&bom)).len(), 3);
}

fn packed(json: &str) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec_zlib(json.as_bytes(), 6)
}

const AUDIT: &str = r#"{"packages":[
    {"name":"app","version":"0.1.0","source":"local","dependencies":[1,2,3],"root":true},
    {"name":"a","version":"1.0.0","source":"crates.io","dependencies":[3]},
    {"name":"b","version":"1.0.0","source":"crates.io","kind":"build"},
    {"name":"g","version":"1.0.0","source":"git"}],"format":1}"#;

fn with_section(format: BinaryFormat, content: &[u8]) -> Vec<u8> {
    let mut object = Object::new(format, Architecture::X86_64, Endianness::Little);
    let id = object.add_section(b"__DATA".to_vec(), b".dep-v0".to_vec(), SectionKind::Data);
    object.append_section_data(id, content, 1);
    object.write().unwrap()
}

/// The smallest PE32+ that has one section.
fn pe(content: &[u8]) -> Vec<u8> {
    let mut file = vec![0; 0x400];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &[0x40]);
    put(0x40, b"PE\0\0\x64\x86\x01\0");
    put(0x54, &[240, 0, 0x22, 0]); // size of the optional header, characteristics
    put(0x58, &[0x0b, 0x02]); // PE32+
    put(0x58 + 32, &[0, 0x10, 0, 0, 0, 2, 0, 0]); // alignments
    put(0x58 + 108, &[16]); // directories
    put(0x148, b".dep-v0\0");
    let size = u32::try_from(content.len()).unwrap().to_le_bytes();
    put(0x150, &size);
    put(0x154, &[0, 0x10, 0, 0]);
    put(0x158, &size);
    put(0x15c, &[0, 4, 0, 0]);
    file.extend(content);
    file
}

fn wasm(content: &[u8]) -> Vec<u8> {
    let mut section = vec![7];
    section.extend(b".dep-v0");
    section.extend(content);
    let (low, high) = (section.len() & 0x7f | 0x80, section.len() >> 7);
    let mut file = b"\0asm\x01\0\0\0\0".to_vec();
    file.extend([u8::try_from(low).unwrap(), u8::try_from(high).unwrap()]);
    file.extend(section);
    file
}

fn document(name: &str, bytes: &[u8]) -> Bom {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    judge::document_of_trees(&[Tree::file(&path).unwrap()]).bom
}

#[test]
fn crates_come_out_of_every_container() {
    let content = packed(AUDIT);
    for (name, bytes) in [
        ("elf", with_section(BinaryFormat::Elf, &content)),
        ("macho", with_section(BinaryFormat::MachO, &content)),
        ("pe.exe", pe(&content)),
        ("m.wasm", wasm(&content)),
    ] {
        let bom = document(name, &bytes);
        let app = "pkg:cargo/app@0.1.0?download_url=file:%2F%2F";
        assert_eq!(judge::depends_on(&bom, root(&bom)), [app], "{name}");
        let needs = judge::depends_on(&bom, app);
        let wanted = [
            "pkg:cargo/a@1.0.0",
            "pkg:cargo/b@1.0.0",
            "pkg:cargo/g@1.0.0?vcs_url=git",
        ];
        assert_eq!(needs, wanted, "{name}");
        let scope = judge::component(&bom, wanted[1]).scope;
        assert_eq!(scope, Some(super::super::component::Scope::Excluded));
    }
}

#[test]
fn hostile_lists_of_crates_are_errors() {
    let bomb = packed(&" ".repeat(rustbinary::MAX_LIST + 1));
    for content in [
        b"no zlib".to_vec(),
        bomb,
        packed("[".repeat(100_000).as_str()),
        packed("{}"),
        packed(r#"{"packages":[{"name":"","version":"1","source":"local"}]}"#),
        packed(r#"{"packages":[{"name":"a","version":"1","source":"git","dependencies":[9]}]}"#),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, with_section(BinaryFormat::Elf, &content)).unwrap();
        let tree = Tree::file(&path).unwrap();
        assert!(collect(&tree, &mut Inventory::default()).is_err());
    }
    // Cut anywhere, a program is read or refused, never more.
    let whole = with_section(BinaryFormat::Elf, &packed(AUDIT));
    for size in 0..whole.len() {
        let cut = Cursor::new(&whole[..size]);
        let _ = rustbinary::audit(&mut Window::new(cut).unwrap(), "x");
    }
}

#[test]
fn a_declared_module_is_found_in_the_program_that_embeds_it() {
    let folder = tempfile::tempdir().unwrap();
    let module = fs::read(judge::path_of("binary").join("go-module.wasm")).unwrap();
    let manifest = format!(
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\n[package.metadata.prov]\n\
         embeds = [{{ source = \"guest\", artifact = \"guest.wasm\", digest = \"{}\" }}]\n",
        Digest::sha256(&module)
    );
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    fs::create_dir(folder.path().join("guest")).unwrap();
    write("guest/go.mod", b"module example.org/guest\n");
    write("Cargo.toml", manifest.as_bytes());
    write(
        "Cargo.lock",
        b"[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n",
    );
    let source = Tree::walk(folder.path()).unwrap();
    let mut program = with_section(BinaryFormat::Elf, &packed(AUDIT));
    program.extend(&module);
    program.extend([0; 100]);
    write("program", &program);
    let program = Tree::file(&folder.path().join("program")).unwrap();
    let bom = judge::document_of_trees(&[source, program]).bom;

    // The program is the root: it contains the crate and the very module.
    let digest = Digest::sha256(&module);
    let file = Ref::artifact(&digest);
    let app = "pkg:cargo/app@0.1.0?download_url=file:%2F%2F.";
    assert_eq!(judge::depends_on(&bom, root(&bom)), [app, file.as_str()]);
    assert_eq!(judge::component(&bom, file.as_str()).name, "guest.wasm");
    assert_eq!(judge::depends_on(&bom, file.as_str()), MODULES);
    assert!(judge::depends_on(&bom, app).contains(&file.as_str()));
}

#[test]
fn a_built_module_goes_into_the_crate_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("guest")).unwrap();
    write("guest/go.mod", "module example.org/guest\n");
    write(
        "Cargo.lock",
        "[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n",
    );
    let module = Tree::file(&judge::path_of("binary/go-module.wasm")).unwrap();
    for (artifact, is_tied) in [("go-module.wasm", true), ("other.wasm", false)] {
        let manifest = format!(
            "[package]\nname = \"app\"\nversion = \"0.1.0\"\n[package.metadata.prov]\n\
             embeds = [{{ source = \"guest\", artifact = \"{artifact}\" }}]\n"
        );
        write("Cargo.toml", &manifest);
        let source = Tree::walk(folder.path()).unwrap();
        let bom = judge::document_of_trees(&[source, module.clone()]).bom;
        let app = "pkg:cargo/app@0.1.0?download_url=file:%2F%2F.";
        assert_eq!(root(&bom) == app, is_tied, "{artifact}");
        let needs = judge::depends_on(&bom, app);
        let file = needs.iter().any(|id| id.starts_with("urn:prov:artifact"));
        assert_eq!(file, is_tied, "{artifact}");
        assert!(needs.contains(&"pkg:golang/example.org/guest"));
    }
}

/// Builds a Go program, where there is a Go; the test is skipped aloud elsewhere.
fn go_build(folder: &Path, os: &str, arch: &str) -> Option<Vec<u8>> {
    fs::write(
        folder.join("go.mod"),
        "module example.org/tiny\n\ngo 1.21\n",
    )
    .unwrap();
    fs::write(folder.join("main.go"), "package main\n\nfunc main() {}\n").unwrap();
    let out = folder.join(format!("{os}-{arch}"));
    let built = Command::new("go")
        .args(["build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"])
        .arg("-o")
        .arg(&out)
        .current_dir(folder)
        .envs([("GOOS", os), ("GOARCH", arch), ("CGO_ENABLED", "0")])
        .envs([("GOFLAGS", ""), ("GOTOOLCHAIN", "local"), ("GOWORK", "off")])
        .status();
    match built {
        Ok(status) if status.success() => Some(fs::read(out).unwrap()),
        _ => {
            let _ = writeln!(std::io::stderr(), "SKIPPED: no go for {os}/{arch}");
            None
        }
    }
}

#[test]
fn what_go_really_builds_is_read() {
    let folder = tempfile::tempdir().unwrap();
    for (os, arch) in [
        ("linux", "amd64"),
        ("windows", "amd64"),
        ("darwin", "arm64"),
        ("wasip1", "wasm"),
    ] {
        let Some(bytes) = go_build(folder.path(), os, arch) else {
            continue;
        };
        let mut window = Window::new(Cursor::new(&bytes)).unwrap();
        let marks = Marks::find(&mut window, &Progress::default()).unwrap();
        let texts = gobinary::texts(&mut window, &marks.lists).unwrap();
        assert_eq!(texts.len(), 1, "{os}");
        let list = gobinary::parse(&texts[0].1, texts[0].0).unwrap();
        assert_eq!(list.main.unwrap().path, "example.org/tiny");
        let version = gobinary::go_version(&mut window, 0..u64::MAX, &marks.builds);
        let version = version.unwrap().unwrap();
        assert!(version.starts_with("1."), "{os}: {version}");
    }
}

#[test]
fn a_broken_program_of_a_folder_is_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let broken = with_section(BinaryFormat::Elf, b"no zlib");
    fs::write(folder.path().join("broken"), broken).unwrap();
    let whole = with_section(BinaryFormat::Elf, &packed(AUDIT));
    fs::write(folder.path().join("whole"), whole).unwrap();
    let sbom = judge::document_of_trees(&[Tree::walk(folder.path()).unwrap()]);
    let note = sbom.notes.iter().find(|note| note.about == "broken");
    assert!(note.unwrap().is_gap());
    judge::component(&sbom.bom, "pkg:cargo/a@1.0.0");
    let alone = Tree::file(&folder.path().join("broken")).unwrap();
    assert!(collect(&alone, &mut Inventory::default()).is_err());
}

/// Where a mark lies across two windows it is found once, and so are the bytes.
#[test]
fn nothing_is_missed_between_windows() {
    let module = fs::read(judge::path_of("binary").join("go-elf")).unwrap();
    for before in [
        window::WINDOW - 1,
        window::WINDOW - 9,
        2 * window::WINDOW - 16,
    ] {
        let mut bytes = vec![0; before];
        bytes.extend(gobinary::START);
        bytes.extend(b"\0asm");
        bytes.extend(&module);
        let mut file = Window::new(Cursor::new(&bytes)).unwrap();
        let marks = Marks::find(&mut file, &Progress::default()).unwrap();
        let expect = |needle: &[u8]| -> Vec<u64> {
            memmem::find_iter(&bytes, needle)
                .map(|at| at as u64)
                .collect()
        };
        assert_eq!(marks.lists, expect(gobinary::START));
        assert_eq!(marks.builds, expect(gobinary::BUILD_INFO));
        assert_eq!(marks.modules, expect(wasm::MAGIC));
    }
}

/// What Wasmtime compiles of a module still has the list in its data.
#[cfg(feature = "launch")]
#[test]
fn compiled_code_tells_its_modules() {
    let module = fs::read(judge::path_of("binary").join("go-module.wasm")).unwrap();
    let compiled = wasmtime::Engine::default().precompile_module(&module);
    let bom = document("guest.cwasm", &compiled.unwrap());
    // Its Go version stands in a section that is not compiled.
    assert_eq!(judge::depends_on(&bom, root(&bom)), MODULES[..3]);
}

proptest! {
    /// Whatever happened to a program on its way, it is read or refused.
    #[test]
    fn damaged_programs_are_read_or_refused(at in 0usize..1000, bytes in any::<[u8; 8]>()) {
        for file in ["go-module.wasm", "go-component.wasm", "go-elf"] {
            let mut program = fs::read(judge::path_of("binary").join(file)).unwrap();
            let at = at % (program.len() - bytes.len());
            program[at..at + bytes.len()].copy_from_slice(&bytes);
            let mut window = Window::new(Cursor::new(&program)).unwrap();
            let marks = Marks::find(&mut window, &Progress::default()).unwrap();
            let texts = gobinary::texts(&mut window, &marks.lists).unwrap();
            for (offset, text) in &texts {
                let _ = gobinary::parse(text, *offset);
            }
            let _ = gobinary::go_version(&mut window, 0..u64::MAX, &marks.builds).unwrap();
            let _ = rustbinary::audit(&mut window, file);
        }
    }
}

/// A sparse file: as large as a program may be, and nothing in it.
#[test]
fn a_file_that_is_too_large_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app");
    fs::write(&path, b"\x7fELF").unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_len(MAX_BINARY + 1).unwrap();
    let mut inventory = Inventory::default();
    let alone = collect(&Tree::file(&path).unwrap(), &mut inventory);
    assert!(matches!(
        alone,
        Err(SbomError::TooLarge {
            limit: MAX_BINARY,
            ..
        })
    ));
    collect(&Tree::walk(folder.path()).unwrap(), &mut inventory).unwrap();
    assert_eq!(inventory.notes().count(), 1);
}
