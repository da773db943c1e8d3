//! The sections of WebAssembly modules and components, as far as an inventory
//! needs them (WebAssembly Core Specification §5.5.2; Component Model, Binary
//! format). Nothing is validated: what does not parse ends the walk.

use std::io::{self, Read, Seek};
use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::window::Window;
use crate::artifact::Digest;

/// What every module and component starts with.
pub const MAGIC: &[u8] = b"\0asm";

/// The most sections of one module that are looked at.
const MAX_SECTIONS: usize = 10_000;
/// The most places where a module may seem to start.
pub const MAX_STARTS: usize = 10_000;
/// How deep components may lie in each other.
const MAX_DEPTH: usize = 16;
/// The longest name of a custom section that is looked for, in bytes.
const MAX_NAME: u64 = 64;
/// The largest `producers` section, in bytes.
const MAX_PRODUCERS: u64 = 1 << 20;

/// One section.
#[derive(Clone, Debug)]
struct Section {
    /// Its kind; 0 is custom.
    id: u8,
    /// Where its content lies; it ends where the next section starts.
    content: Range<u64>,
}

/// The section that starts at `at`, when it ends before `end`.
fn section<R: Read + Seek>(file: &mut Window<R>, at: u64, end: u64) -> io::Result<Option<Section>> {
    let head = file.read(at..at.saturating_add(6).min(end))?;
    let Some((id, rest)) = head.split_first() else {
        return Ok(None);
    };
    let mut reader = Reader(rest);
    let Some(size) = reader.number() else {
        return Ok(None);
    };
    let start = at + 1 + (rest.len() - reader.0.len()) as u64;
    let content = start..start + u64::from(size);
    let whole = content.end <= end.min(file.size());
    Ok(whole.then_some(Section { id: *id, content }))
}

/// Where the content of the first custom section of a name lies, in the module
/// or component that `range` holds or in what lies inside of it.
pub fn custom<R: Read + Seek>(
    file: &mut Window<R>,
    range: Range<u64>,
    name: &str,
) -> io::Result<Option<Range<u64>>> {
    let mut left = MAX_SECTIONS;
    find(file, range, name, MAX_DEPTH, &mut left)
}

fn find<R: Read + Seek>(
    file: &mut Window<R>,
    range: Range<u64>,
    name: &str,
    depth: usize,
    left: &mut usize,
) -> io::Result<Option<Range<u64>>> {
    let head = file.read(range.start..range.end.min(range.start.saturating_add(8)))?;
    if !head.starts_with(MAGIC) {
        return Ok(None);
    }
    let component = head.get(6..) == Some(&[1, 0]);
    let mut at = range.start + 8;
    while let Some(Section { id, content }) = section(file, at, range.end)? {
        let Some(fewer) = left.checked_sub(1) else {
            return Ok(None);
        };
        *left = fewer;
        at = content.end;
        match id {
            0 => {
                let head = file.read(content.start..content.end.min(content.start + MAX_NAME))?;
                let mut reader = Reader(&head);
                if reader.text() == Some(name) {
                    let used = (head.len() - reader.0.len()) as u64;
                    return Ok(Some(content.start + used..content.end));
                }
            }
            // A core module or a component inside of a component.
            1 | 4 if component && depth > 0 => {
                let found = find(file, content, name, depth - 1, left)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
            _ => {}
        }
    }
    Ok(None)
}

/// The version of a language by the `producers` section (WebAssembly tool
/// conventions, ProducersSection).
pub fn language<R: Read + Seek>(
    file: &mut Window<R>,
    range: Range<u64>,
    language: &str,
) -> io::Result<Option<String>> {
    Ok(match custom(file, range, "producers")? {
        Some(content) if content.end - content.start <= MAX_PRODUCERS => {
            version_of(&file.read(content)?, language)
        }
        _ => None,
    })
}

fn version_of(producers: &[u8], language: &str) -> Option<String> {
    let mut reader = Reader(producers);
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

/// Finds modules and components by their digests where one of them seems to
/// start. A module ends at the end of one of its sections; where, its digest
/// tells, so that nothing that follows it is taken for a part of it.
pub fn carve<R: Read + Seek>(
    file: &mut Window<R>,
    starts: &[u64],
    wanted: &[Digest],
) -> io::Result<Vec<(Range<u64>, Digest)>> {
    let mut found = Vec::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    // Many false starts must not make it slow: neither long ones nor many.
    let mut budget = file.size().saturating_mul(4);
    let mut left = starts.len().saturating_mul(4) + MAX_SECTIONS;
    for start in starts {
        let mut hash = Sha256::new();
        let mut hashed = *start;
        let mut at = start.saturating_add(8);
        while let Some(section) = section(file, at, u64::MAX)? {
            let end = section.content.end;
            match (budget.checked_sub(end - hashed), left.checked_sub(1)) {
                (Some(bytes), Some(sections)) => (budget, left) = (bytes, sections),
                _ => return Ok(found),
            }
            file.stream(hashed..end, |part| {
                hash.update(part);
                true
            })?;
            (hashed, at) = (end, end);
            let digest = hash.clone().finalize();
            if let Some(digest) = wanted.iter().find(|each| each.as_bytes() == &digest[..]) {
                found.push((*start..end, digest.clone()));
                break;
            }
        }
    }
    Ok(found)
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
    use std::io::Cursor;

    use super::*;

    fn module(name: &str, content: &[u8]) -> Vec<u8> {
        let size = u8::try_from(1 + name.len() + content.len()).unwrap();
        let mut bytes = b"\0asm\x01\0\0\0\0".to_vec();
        bytes.extend([size, u8::try_from(name.len()).unwrap()]);
        bytes.extend(name.as_bytes());
        bytes.extend(content);
        bytes
    }

    fn window(bytes: &[u8]) -> Window<Cursor<&[u8]>> {
        Window::new(Cursor::new(bytes)).unwrap()
    }

    fn custom_of(bytes: &[u8], name: &str) -> Option<Vec<u8>> {
        let mut file = window(bytes);
        let range = custom(&mut file, 0..bytes.len() as u64, name).unwrap()?;
        Some(file.read(range).unwrap())
    }

    fn go_of(bytes: &[u8]) -> Option<String> {
        language(&mut window(bytes), 0..bytes.len() as u64, "Go").unwrap()
    }

    fn carved(bytes: &[u8], wanted: &[Digest]) -> Vec<(Range<u64>, Digest)> {
        let starts: Vec<u64> = memchr::memmem::find_iter(bytes, MAGIC)
            .map(|at| at as u64)
            .collect();
        carve(&mut window(bytes), &starts, wanted).unwrap()
    }

    #[test]
    fn custom_sections_are_found_in_nested_modules() {
        let inner = module("x", b"content");
        let mut outer = b"\0asm\x0d\0\x01\0\x01".to_vec();
        outer.push(u8::try_from(inner.len()).unwrap());
        outer.extend(&inner);
        assert_eq!(custom_of(&outer, "x"), Some(b"content".to_vec()));
        assert_eq!(custom_of(&outer, "y"), None);
        let producers = module("producers", b"\x01\x08language\x01\x02Go\x021x");
        assert_eq!(go_of(&producers), Some("1x".to_owned()));
    }

    #[test]
    fn a_module_is_carved_by_its_digest_and_no_byte_more() {
        let inner = module("x", b"content");
        let digest = Digest::sha256(&inner);
        let mut bytes = b"\0asm noise ".to_vec();
        let start = bytes.len() as u64;
        bytes.extend(&inner);
        let end = bytes.len() as u64;
        // Padding parses as empty custom sections.
        bytes.extend([0; 64]);
        let found = carved(&bytes, std::slice::from_ref(&digest));
        assert_eq!(found, [(start..end, digest)]);
        assert_eq!(carved(&bytes, &[Digest::sha256(b"other")]), []);
    }

    #[test]
    fn a_module_longer_than_the_window_is_carved() {
        let mut long = b"\0asm\x01\0\0\0\0\x80\x80\x80\x01\x01x".to_vec();
        long.resize(13 + (2 << 20), 7);
        let digest = Digest::sha256(&long);
        let mut bytes = vec![1; (1 << 20) - 2];
        bytes.extend(&long);
        bytes.extend([0; 64]);
        let found = carved(&bytes, std::slice::from_ref(&digest));
        let start = (1 << 20) - 2;
        assert_eq!(found, [(start..start + long.len() as u64, digest)]);
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
            assert_eq!(custom_of(bytes, "x"), None);
            assert_eq!(go_of(bytes), None);
        }
        // Each start reads on over all that follow: the budget ends it.
        let many = b"\0asm\x01\0\0\0".repeat(100_000);
        assert_eq!(carved(&many, &[Digest::sha256(b"x")]), []);
    }
}
