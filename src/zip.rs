//! The few things about a ZIP file that wheels and dumps of advisories need
//! (PKWARE APPNOTE 6.3.10).
//!
//! Strict where readers are known to differ, since a wheel that shows one face
//! to an installer and another to an SBOM would be worse than none: the
//! directory lies directly before its end record, nothing follows that, and
//! both headers of a file agree. Of ZIP64 only the longer end record is known, which
//! more than 65,534 entries need; files of 4 GiB are not.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::read::DeflateDecoder;

/// The largest directory, in bytes.
pub const MAX_DIRECTORY: u64 = 64 << 20;

/// A ZIP file and its directory.
pub struct Zip<R> {
    reader: R,
    /// Every entry, in the directory's order.
    pub entries: Vec<Entry>,
}

/// One entry of the directory (§4.3.12).
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name, as it is written.
    pub name: String,
    /// A symbolic link, by its Unix mode.
    pub is_link: bool,
    method: u16,
    encrypted: bool,
    compressed: u64,
    offset: u64,
}

/// Why a file is no ZIP file that prov reads.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    /// The system refused, or the file ends too early.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// No end record where it should be.
    #[error("no ZIP file, or one with something after its end")]
    NoEnd,
    /// The directory does not lie where the end record says.
    #[error("the directory of the ZIP file is not where its end says")]
    Directory,
    /// Larger than [`MAX_DIRECTORY`].
    #[error("a ZIP directory of {size} bytes, more than {MAX_DIRECTORY}")]
    LargeDirectory {
        /// Its size in bytes.
        size: u64,
    },
    /// An entry's name is not UTF-8.
    #[error("a ZIP entry whose name is not UTF-8")]
    Name,
    /// The two headers of an entry differ.
    #[error("`{0}` has two headers that differ")]
    Headers(String),
    /// Encrypted, or compressed by a method other than deflate.
    #[error("`{0}` is encrypted or compressed in a way that is not known")]
    Method(String),
    /// Unpacks to more than was allowed.
    #[error("`{name}` unpacks to more than {limit} bytes")]
    TooLarge {
        /// The entry.
        name: String,
        /// The limit in bytes.
        limit: u64,
    },
}

impl<R: Read + Seek> Zip<R> {
    /// Reads the directory.
    pub fn open(mut reader: R) -> Result<Self, ZipError> {
        const END: usize = 22;
        let size = reader.seek(SeekFrom::End(0))?;
        let tail = size.min(END as u64 + u64::from(u16::MAX));
        reader.seek(SeekFrom::Start(size - tail))?;
        let mut bytes = Vec::new();
        reader.by_ref().take(tail).read_to_end(&mut bytes)?;
        // The end record (§4.3.16): its comment ends where the file ends.
        let found = bytes.windows(END).rposition(|window| {
            window.starts_with(b"PK\x05\x06") && number(window, 20, 2).is_some()
        });
        let at = found.ok_or(ZipError::NoEnd)?;
        let end = bytes.get(at..).unwrap_or_default();
        let field = |at, length| number(end, at, length).ok_or(ZipError::NoEnd);
        if END as u64 + field(20, 2)? != end.len() as u64 {
            return Err(ZipError::NoEnd);
        }
        let end_at = size - tail + at as u64;
        let short = (field(10, 2)?, field(12, 4)?, field(16, 4)?);
        let (count, length, start, end_at) = match short {
            (count, length, start)
                if count == u64::from(u16::MAX)
                    || length == u64::from(u32::MAX)
                    || start == u64::from(u32::MAX) =>
            {
                long_end(&mut reader, end_at)?
            }
            (count, length, start) => (count, length, start, end_at),
        };
        if start.checked_add(length) != Some(end_at) {
            return Err(ZipError::Directory);
        }
        if length > MAX_DIRECTORY {
            return Err(ZipError::LargeDirectory { size: length });
        }
        reader.seek(SeekFrom::Start(start))?;
        let mut directory = Vec::new();
        reader.by_ref().take(length).read_to_end(&mut directory)?;
        let mut rest = directory.as_slice();
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let (entry, after) = entry(rest)?;
            entries.push(entry);
            rest = after;
        }
        match entries.len() as u64 == count {
            true => Ok(Self { reader, entries }),
            false => Err(ZipError::Directory),
        }
    }

    /// For entries that another reader of the same file has listed.
    pub fn unlisted(reader: R) -> Self {
        Self {
            reader,
            entries: Vec::new(),
        }
    }

    /// Unpacks an entry to at most `limit` bytes.
    pub fn read(&mut self, entry: &Entry, limit: u64) -> Result<Vec<u8>, ZipError> {
        // The local header (§4.3.7).
        let mut header = [0; 30];
        self.reader.seek(SeekFrom::Start(entry.offset))?;
        self.reader.read_exact(&mut header)?;
        let headers = || ZipError::Headers(entry.name.clone());
        let field = |at, length| number(&header, at, length).ok_or_else(headers);
        let mut name = vec![0; usize::try_from(field(26, 2)?).unwrap_or(0)];
        self.reader.read_exact(&mut name)?;
        let same = header.starts_with(b"PK\x03\x04")
            && name == entry.name.as_bytes()
            && field(8, 2)? == u64::from(entry.method);
        if !same {
            return Err(headers());
        }
        let extra = i64::try_from(field(28, 2)?).unwrap_or(0);
        self.reader.seek(SeekFrom::Current(extra))?;
        let data = self.reader.by_ref().take(entry.compressed);
        let mut bytes = Vec::new();
        let most = limit.saturating_add(1);
        match (entry.encrypted, entry.method) {
            (false, 0) => data.take(most).read_to_end(&mut bytes)?,
            (false, 8) => DeflateDecoder::new(data)
                .take(most)
                .read_to_end(&mut bytes)?,
            _ => return Err(ZipError::Method(entry.name.clone())),
        };
        match bytes.len() as u64 > limit {
            false => Ok(bytes),
            true => Err(ZipError::TooLarge {
                name: entry.name.clone(),
                limit,
            }),
        }
    }
}

/// The entries, size and place of the directory as the ZIP64 end record says
/// (§4.3.14), and where that record starts. It lies directly before its locator
/// (§4.3.15), and that one directly before the end at `end`.
fn long_end<R: Read + Seek>(reader: &mut R, end: u64) -> Result<(u64, u64, u64, u64), ZipError> {
    const RECORD: usize = 56;
    const LOCATOR: usize = 20;
    let start = end
        .checked_sub((RECORD + LOCATOR) as u64)
        .ok_or(ZipError::Directory)?;
    let mut bytes = [0; RECORD + LOCATOR];
    reader.seek(SeekFrom::Start(start))?;
    reader.read_exact(&mut bytes)?;
    let field = |at, length| number(&bytes, at, length).ok_or(ZipError::Directory);
    let (record, locator) = bytes.split_at(RECORD);
    let here = record.starts_with(b"PK\x06\x06")
        && locator.starts_with(b"PK\x06\x07")
        && field(RECORD + 8, 8)? == start;
    match here {
        true => Ok((field(32, 8)?, field(40, 8)?, field(48, 8)?, start)),
        false => Err(ZipError::Directory),
    }
}

fn entry(bytes: &[u8]) -> Result<(Entry, &[u8]), ZipError> {
    const HEADER: usize = 46;
    let field = |at, length| number(bytes, at, length).ok_or(ZipError::Directory);
    if !bytes.starts_with(b"PK\x01\x02") {
        return Err(ZipError::Directory);
    }
    let length = |at| field(at, 2).map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
    let text = bytes
        .get(HEADER..HEADER + name)
        .ok_or(ZipError::Directory)?;
    let after = bytes.get(HEADER + name + extra + comment..);
    let (mode, made_on) = (field(38, 4)? >> 16, field(5, 1)?);
    let entry = Entry {
        name: String::from_utf8(text.to_vec()).map_err(|_| ZipError::Name)?,
        // §4.4.2.2: made on Unix, so the mode of the file is there.
        is_link: made_on == 3 && mode & 0o170_000 == 0o120_000,
        method: u16::try_from(field(10, 2)?).unwrap_or(u16::MAX),
        encrypted: field(8, 2)? & 1 == 1,
        compressed: field(20, 4)?,
        offset: field(42, 4)?,
    };
    Ok((entry, after.ok_or(ZipError::Directory)?))
}

/// A little-endian number (§4.4.1.1).
fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    const WHEEL: &[u8] =
        include_bytes!("../testdata/sbom/python/wheel/tiny_thing-1.0-py3-none-any.whl");

    fn read_all(bytes: &[u8]) -> Result<usize, ZipError> {
        let mut zip = Zip::open(Cursor::new(bytes))?;
        let entries = std::mem::take(&mut zip.entries);
        for entry in &entries {
            zip.read(entry, 1 << 16)?;
        }
        Ok(entries.len())
    }

    #[test]
    fn a_wheel_of_flit_is_read() {
        assert_eq!(read_all(WHEEL).unwrap(), 4);
        let mut zip = Zip::open(Cursor::new(WHEEL)).unwrap();
        let entry = zip.entries[0].clone();
        assert!(matches!(
            zip.read(&entry, 3),
            Err(ZipError::TooLarge { limit: 3, .. })
        ));
    }

    /// `count` empty files, with the end record that so many need.
    fn many(count: u32) -> Vec<u8> {
        let (mut files, mut directory) = (Vec::new(), Vec::new());
        for index in 0..count {
            let name = format!("{index:06}");
            let offset = files.len() as u32;
            files.extend(*b"PK\x03\x04");
            files.extend([0; 22]);
            files.extend([6, 0, 0, 0]);
            files.extend(name.as_bytes());
            directory.extend(*b"PK\x01\x02");
            directory.extend([0; 24]);
            directory.extend([6, 0]);
            directory.extend([0; 12]);
            directory.extend(offset.to_le_bytes());
            directory.extend(name.as_bytes());
        }
        let (start, length) = (files.len() as u64, directory.len() as u64);
        files.extend(directory);
        let record = files.len() as u64;
        files.extend(*b"PK\x06\x06");
        files.extend([0; 28]);
        for number in [u64::from(count), length, start] {
            files.extend(number.to_le_bytes());
        }
        files.extend(*b"PK\x06\x07");
        files.extend([0; 4]);
        files.extend(record.to_le_bytes());
        files.extend([0; 4]);
        files.extend(*b"PK\x05\x06");
        files.extend([0; 4]);
        files.extend([0xff; 12]);
        files.extend([0; 2]);
        files
    }

    #[test]
    fn more_entries_than_two_bytes_can_count() {
        let bytes = many(70_000);
        assert_eq!(read_all(&bytes).unwrap(), 70_000);
        // The locator and the record must be where they should.
        let locator = bytes.len() - 22 - 20;
        for at in [locator, locator + 8, locator - 56, locator - 56 + 32] {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            assert!(read_all(&bytes).is_err(), "byte {at} was not looked at");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(at in 0..WHEEL.len(), byte: u8, cut in 0..WHEEL.len()) {
            let mut bytes = WHEEL.to_vec();
            bytes[at] = byte;
            let _ = read_all(&bytes);
            prop_assert!(read_all(&bytes[..cut]).is_err());
        }
    }
}
