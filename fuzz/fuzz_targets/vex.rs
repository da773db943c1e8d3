//! Any bytes are a VEX document or an error, and nothing speaks of a product that has
//! no name in a package that has none of the document's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prov::vex::{Product, Vex};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(vex) = Vex::parse(bytes) {
        let package = "pkg:cargo/inside@1.2.3".parse().expect("a package URL");
        let ids = ["CVE-1".to_owned()];
        let found = vex.statement(&ids, &package, &Product::default());
        assert!(found.is_none() || !vex.is_empty());
        if !bytes.windows(6).any(|window| window == b"inside") && !bytes.contains(&b'\\') {
            assert!(found.is_none() || bytes.contains(&b'%'));
        }
    }
});
