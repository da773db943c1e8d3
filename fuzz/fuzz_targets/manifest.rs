//! Any bytes are a manifest or an error, whatever media type is stated for them, and
//! never an image to one and an index to another.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use prov::oci::{IMAGE_INDEX, IMAGE_MANIFEST, Manifest};

fuzz_target!(|bytes: &[u8]| {
    let read = |stated| Manifest::parse(Bytes::copy_from_slice(bytes), stated);
    assert!(read(Some(IMAGE_MANIFEST)).is_err() || read(Some(IMAGE_INDEX)).is_err());
    if let Ok(manifest) = read(None) {
        assert_eq!(manifest.bytes(), bytes);
        assert!(manifest.layers().is_empty() || manifest.manifests().is_empty());
    }
});
