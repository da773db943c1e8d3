//! Where a named section of a native program lies: ELF, Mach-O (universal
//! too) and PE. Only headers and tables are read, never symbols or code, and of
//! those no more than [`MAX_TABLES`].

use std::cell::Cell;
use std::io::{Read, Seek};
use std::ops::Range;

use object::Endianness;
use object::elf::{FileHeader32, FileHeader64};
use object::macho::{MachHeader32, MachHeader64};
use object::pe::{ImageDosHeader, ImageNtHeaders32, ImageNtHeaders64};
use object::read::elf::{FileHeader, SectionHeader as _};
use object::read::macho::{
    FatArch, MachHeader, MachOFatFile32, MachOFatFile64, Section as _, Segment,
};
use object::read::pe::ImageNtHeaders;
use object::read::{FileKind, ReadCache, ReadRef};

/// How much of headers and tables is read, in bytes.
pub const MAX_TABLES: u64 = 16 << 20;
/// The most architectures of one universal program.
const MAX_ARCHITECTURES: usize = 64;

/// Where the first section of this name lies. What is no native program, or a
/// broken one, has none.
pub fn find(file: impl Read + Seek, name: &str) -> Option<Range<u64>> {
    let cache = ReadCache::new(file);
    let left = Cell::new(MAX_TABLES);
    let size = ReadRef::len(&cache).ok()?;
    let whole = Part {
        cache: &cache,
        left: &left,
        start: 0,
        size,
    };
    let name = name.as_bytes();
    let (start, length) = match FileKind::parse(whole).ok()? {
        FileKind::MachOFat32 => in_fat(whole, MachOFatFile32::parse(whole).ok()?.arches(), name),
        FileKind::MachOFat64 => in_fat(whole, MachOFatFile64::parse(whole).ok()?.arches(), name),
        kind => in_one(whole, kind, name),
    }?;
    let end = start.checked_add(length).filter(|end| *end <= size)?;
    Some(start..end)
}

fn in_one<'a>(data: impl ReadRef<'a>, kind: FileKind, name: &[u8]) -> Option<(u64, u64)> {
    match kind {
        FileKind::Elf32 => elf::<FileHeader32<Endianness>>(data, name),
        FileKind::Elf64 => elf::<FileHeader64<Endianness>>(data, name),
        FileKind::MachO32 => macho::<MachHeader32<Endianness>>(data, name),
        FileKind::MachO64 => macho::<MachHeader64<Endianness>>(data, name),
        FileKind::Pe32 => pe::<ImageNtHeaders32>(data, name),
        FileKind::Pe64 => pe::<ImageNtHeaders64>(data, name),
        _ => None,
    }
}

/// All architectures are built of one source: the first section stands for all.
fn in_fat<R: Read + Seek>(
    whole: Part<'_, R>,
    arches: &[impl FatArch],
    name: &[u8],
) -> Option<(u64, u64)> {
    arches.iter().take(MAX_ARCHITECTURES).find_map(|arch| {
        let (start, size) = arch.file_range();
        let part = Part {
            start,
            size,
            ..whole
        };
        let (offset, size) = in_one(part, FileKind::parse(part).ok()?, name)?;
        Some((start.checked_add(offset)?, size))
    })
}

fn elf<'a, E: FileHeader<Endian = Endianness>>(
    data: impl ReadRef<'a>,
    name: &[u8],
) -> Option<(u64, u64)> {
    let header = E::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, data).ok()?;
    sections.section_by_name(endian, name)?.1.file_range(endian)
}

fn macho<'a, M: MachHeader<Endian = Endianness>>(
    data: impl ReadRef<'a>,
    name: &[u8],
) -> Option<(u64, u64)> {
    let header = M::parse(data, 0).ok()?;
    let endian = header.endian().ok()?;
    let mut commands = header.load_commands(endian, data, 0).ok()?;
    while let Some(command) = commands.next().ok()? {
        let Some((segment, rest)) = M::Segment::from_command(command).ok()? else {
            continue;
        };
        let mut sections = segment.sections(endian, rest).ok()?.iter();
        if let Some(section) = sections.find(|section| section.name() == name) {
            return Some((section.offset(endian).into(), section.size(endian).into()));
        }
    }
    None
}

fn pe<'a, N: ImageNtHeaders>(data: impl ReadRef<'a>, name: &[u8]) -> Option<(u64, u64)> {
    let dos = ImageDosHeader::parse(data).ok()?;
    let mut offset = dos.nt_headers_offset().into();
    let (headers, _) = N::parse(data, &mut offset).ok()?;
    let sections = headers.sections(data, offset).ok()?;
    let section = sections.iter().find(|section| section.raw_name() == name)?;
    let (start, size) = section.pe_file_range();
    Some((start.into(), size.into()))
}

/// A part of a file, of which only so much may be read.
struct Part<'a, R: Read + Seek> {
    cache: &'a ReadCache<R>,
    left: &'a Cell<u64>,
    start: u64,
    size: u64,
}

impl<R: Read + Seek> Clone for Part<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: Read + Seek> Copy for Part<'_, R> {}

impl<R: Read + Seek> Part<'_, R> {
    /// Where a range of the part lies in the file, if it may still be read.
    fn take(&self, range: &Range<u64>, size: u64) -> Result<u64, ()> {
        if range.end > self.size || range.start > range.end {
            return Err(());
        }
        self.left.set(self.left.get().checked_sub(size).ok_or(())?);
        self.start.checked_add(range.start).ok_or(())
    }
}

impl<'a, R: Read + Seek> ReadRef<'a> for Part<'a, R> {
    fn len(self) -> Result<u64, ()> {
        Ok(self.size)
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        let end = offset.checked_add(size).ok_or(())?;
        let offset = self.take(&(offset..end), size)?;
        self.cache.read_bytes_at(offset, size)
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        // The cache reads names, which are short.
        let start = self.take(&range, 64)?;
        let end = start.checked_add(range.end - range.start).ok_or(())?;
        self.cache.read_bytes_at_until(start..end, delimiter)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use object::write::Object;
    use object::{Architecture, BinaryFormat, SectionKind};

    use super::*;

    #[test]
    fn a_section_is_found_by_its_name_and_nothing_else() {
        for format in [BinaryFormat::Elf, BinaryFormat::MachO] {
            let mut object = Object::new(format, Architecture::X86_64, object::Endianness::Little);
            let id = object.add_section(b"__X".to_vec(), b".x".to_vec(), SectionKind::Data);
            object.append_section_data(id, b"content", 1);
            let bytes = object.write().unwrap();
            let range = find(Cursor::new(&bytes), ".x").unwrap();
            let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            assert_eq!(&bytes[range], b"content");
            assert_eq!(find(Cursor::new(&bytes), ".y"), None);
            for size in 0..bytes.len() {
                let _ = find(Cursor::new(&bytes[..size]), ".x");
            }
        }
        assert_eq!(find(Cursor::new(b"MZ and nothing"), ".x"), None);
    }

    /// A header that claims four thousand million sections in a file that has
    /// room for them is not believed.
    #[test]
    fn tables_have_a_limit() {
        let mut header = b"\x7fELF\x02\x01\x01".to_vec();
        header.resize(64, 0);
        header[16..24].copy_from_slice(&[2, 0, 62, 0, 1, 0, 0, 0]);
        header[40] = 64; // the section headers follow the file header
        header[58] = 64; // each of 64 bytes
        let mut first = [0; 64];
        first[32..40].copy_from_slice(&(u64::from(u32::MAX) / 64).to_le_bytes());
        header.extend(first);
        let file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut &file, &header).unwrap();
        file.set_len(8 << 30).unwrap();
        assert_eq!(find(&file, ".x"), None);
    }
}
