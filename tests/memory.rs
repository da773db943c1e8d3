//! A program is listed in little memory, however large it is.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;

mod support;

/// The program is larger than the address space that it is read in.
#[test]
fn a_program_of_any_size_is_listed_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let small = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/sbom/binary/go-elf");
    let mut program = File::create(folder.path().join("app")).unwrap();
    program.write_all(&fs::read(&small).unwrap()).unwrap();
    // A hole, and at its end the same once more.
    program.seek(SeekFrom::Start(600 << 20)).unwrap();
    program.write_all(&fs::read(&small).unwrap()).unwrap();
    let prov = support::prov();
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 400000; exec \"$0\" sbom app --format tree"])
        .arg(prov.get_program())
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("example.org/Dep v1.0.0"), "{output:?}");
}
