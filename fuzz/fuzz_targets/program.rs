//! Any bytes are a program that tells something, or one that does not.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use prov::artifact::Digest;
use prov::sbom::window::Window;
use prov::sbom::{claim, gobinary, rustbinary, wasm};

fuzz_target!(|bytes: &[u8]| {
    let mut file = Window::new(Cursor::new(bytes)).expect("memory can be read");
    let marks: Vec<u64> = (0..bytes.len() as u64).take(64).collect();
    let _ = rustbinary::audit(&mut file, "fuzz");
    let texts = gobinary::texts(&mut file, &marks).expect("memory can be read");
    for (offset, text) in &texts {
        let _ = gobinary::parse(text, *offset);
    }
    let _ = gobinary::go_version(&mut file, 0..u64::MAX, &marks);
    let _ = wasm::carve(&mut file, &marks, &[Digest::sha256(b"x")]);
    let _ = claim::claims(&mut file, &marks);
});
