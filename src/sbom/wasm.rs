//! The sections of WebAssembly modules and components, as far as an inventory
//! needs them (WebAssembly Core Specification §5.5.2; Component Model, Binary
//! format). Nothing is validated: what does not parse ends the walk.

use std::ops::Range;

use memchr::memmem;
use sha2::{Digest as _, Sha256};

use crate::artifact::Digest;

/// What every module and component starts with.
pub const MAGIC: &[u8] = b"\0asm";

/// The most sections of one module that are looked at.
const MAX_SECTIONS: usize = 10_000;
/// How deep components may lie in each other.
const MAX_DEPTH: usize = 16;
/// The most places where a module may seem to start.
const MAX_STARTS: usize = 10_000;

/// One section.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    /// Its kind; 0 is custom.
    pub id: u8,
    /// What it holds.
    pub bytes: &'a [u8],
    /// Where it ends in the module.
    pub end: usize,
}

/// The sections of the module or component that `bytes` start with.
pub fn sections(bytes: &[u8]) -> impl Iterator<Item = Section<'_>> {
    let mut at = match bytes.starts_with(MAGIC) {
        true => 8,
        false => bytes.len(),
    };
    std::iter::from_fn(move || {
        let id = *bytes.get(at)?;
        let mut reader = Reader(bytes.get(at + 1..)?);
        let size = reader.number()? as usize;
        let start = bytes.len() - reader.0.len();
        let end = start.checked_add(size)?;
        let content = bytes.get(start..end)?;
        at = end;
        Some(Section {
            id,
            bytes: content,
            end,
        })
    })
    .take(MAX_SECTIONS)
}

/// The first custom section of a name, in the module or in what it holds.
pub fn custom<'a>(bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
    find(bytes, name, MAX_DEPTH)
}

fn find<'a>(bytes: &'a [u8], name: &str, depth: usize) -> Option<&'a [u8]> {
    let component = bytes.get(6..8) == Some(&[1, 0]);
    sections(bytes).find_map(|section| match section.id {
        0 => {
            let mut reader = Reader(section.bytes);
            (reader.text()? == name).then_some(reader.0)
        }
        // A core module or a component inside of a component.
        1 | 4 if component && depth > 0 => find(section.bytes, name, depth - 1),
        _ => None,
    })
}

/// The version of a language by the `producers` section (WebAssembly tool
/// conventions, ProducersSection).
pub fn language(bytes: &[u8], language: &str) -> Option<String> {
    let mut reader = Reader(custom(bytes, "producers")?);
    for _ in 0..reader.number()? {
        let field = reader.text()?;
        for _ in 0..reader.number()? {
            let (name, version) = (reader.text()?, reader.text()?);
            if field == "language" && name == language {
                return Some(version.to_owned());
            }
        }
    }
    None
}

/// Finds modules and components by their digests inside of any bytes. A module
/// ends at the end of one of its sections; where, its digest tells, so that
/// nothing that follows it is taken for a part of it.
pub fn carve(bytes: &[u8], wanted: &[Digest]) -> Vec<(Range<usize>, Digest)> {
    let mut found = Vec::new();
    if wanted.is_empty() {
        return found;
    }
    // Many false starts must not make it slow.
    let mut budget = bytes.len().saturating_mul(4);
    for start in memmem::find_iter(bytes, MAGIC).take(MAX_STARTS) {
        let module = bytes.get(start..).unwrap_or_default();
        let mut hash = Sha256::new();
        let mut hashed = 0;
        for section in sections(module) {
            let part = module.get(hashed..section.end).unwrap_or_default();
            let Some(left) = budget.checked_sub(part.len()) else {
                return found;
            };
            budget = left;
            hash.update(part);
            hashed = section.end;
            let digest = hash.clone().finalize();
            if let Some(digest) = wanted.iter().find(|each| each.as_bytes() == &digest[..]) {
                found.push((start..start + hashed, digest.clone()));
                break;
            }
        }
    }
    found
}

/// Reads WebAssembly's numbers and names.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// An unsigned LEB128 of at most 32 bits.
    fn number(&mut self) -> Option<u32> {
        let mut number = 0u64;
        for shift in (0..35).step_by(7) {
            let (first, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                return u32::try_from(number).ok();
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'a str> {
        let size = self.number()? as usize;
        let (text, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(name: &str, content: &[u8]) -> Vec<u8> {
        let size = u8::try_from(1 + name.len() + content.len()).unwrap();
        let mut bytes = b"\0asm\x01\0\0\0\0".to_vec();
        bytes.extend([size, u8::try_from(name.len()).unwrap()]);
        bytes.extend(name.as_bytes());
        bytes.extend(content);
        bytes
    }

    #[test]
    fn custom_sections_are_found_in_nested_modules() {
        let inner = module("x", b"content");
        let mut outer = b"\0asm\x0d\0\x01\0\x01".to_vec();
        outer.push(u8::try_from(inner.len()).unwrap());
        outer.extend(&inner);
        assert_eq!(custom(&outer, "x"), Some(&b"content"[..]));
        assert_eq!(custom(&outer, "y"), None);
        assert_eq!(
            language(
                &module("producers", b"\x01\x08language\x01\x02Go\x021x"),
                "Go"
            ),
            Some("1x".to_owned())
        );
    }

    #[test]
    fn a_module_is_carved_by_its_digest_and_no_byte_more() {
        let inner = module("x", b"content");
        let digest = Digest::sha256(&inner);
        let mut bytes = b"\0asm noise ".to_vec();
        let start = bytes.len();
        bytes.extend(&inner);
        // Padding parses as empty custom sections.
        bytes.extend([0; 64]);
        let found = carve(&bytes, std::slice::from_ref(&digest));
        assert_eq!(found, [(start..start + inner.len(), digest)]);
        assert_eq!(carve(&bytes, &[Digest::sha256(b"other")]), []);
    }

    #[test]
    fn hostile_modules_end_the_walk() {
        for bytes in [
            &b"\0asm"[..],
            b"\0asm\x01\0\0\0\0",
            b"\0asm\x01\0\0\0\0\xff\xff\xff\xff\x0f",
            b"\0asm\x01\0\0\0\0\xff\xff\xff\xff\xff\xff",
            b"\0asm\x01\0\0\0\0\x01\xff",
        ] {
            assert_eq!(custom(bytes, "x"), None);
            assert_eq!(language(bytes, "Go"), None);
        }
        // Each start reads on over all that follow: the budget ends it.
        let many = b"\0asm\x01\0\0\0".repeat(100_000);
        assert_eq!(carve(&many, &[Digest::sha256(b"x")]), []);
    }
}
