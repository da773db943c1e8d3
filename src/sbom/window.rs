//! A file read piece by piece, so that little memory is enough for any size.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

/// How much of a file is in memory at once, in bytes.
pub const WINDOW: usize = 1 << 20;

/// A file, and how long it is.
#[derive(Debug)]
pub struct Window<R> {
    reader: R,
    size: u64,
}

impl<R: Read + Seek> Window<R> {
    /// Looks at a file from its start to its end.
    pub fn new(mut reader: R) -> io::Result<Self> {
        let size = reader.seek(SeekFrom::End(0))?;
        Ok(Self { reader, size })
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The file itself, at any place of it.
    pub fn reader(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The bytes of a range, as far as the file has them; the caller limits it.
    pub fn read(&mut self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let end = range.end.min(self.size);
        let mut bytes = Vec::new();
        if range.start < end {
            self.reader.seek(SeekFrom::Start(range.start))?;
            let mut part = self.reader.by_ref().take(end - range.start);
            part.read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    }

    /// Hands over every byte of a range once, in order, as long as `each` wants more.
    pub fn stream(
        &mut self,
        range: Range<u64>,
        mut each: impl FnMut(&[u8]) -> bool,
    ) -> io::Result<()> {
        self.walk(range, 0, |_, bytes, _| each(bytes))
    }

    /// The same in windows that overlap: `each` is given where the window
    /// starts, its bytes, and how many of them it saw in the one before.
    pub fn walk(
        &mut self,
        range: Range<u64>,
        overlap: usize,
        mut each: impl FnMut(u64, &[u8], usize) -> bool,
    ) -> io::Result<()> {
        let end = range.end.min(self.size);
        let mut at = range.start;
        if at >= end {
            return Ok(());
        }
        self.reader.seek(SeekFrom::Start(at))?;
        let whole = usize::try_from(end - at).unwrap_or(WINDOW);
        let mut window = Vec::with_capacity(overlap + whole.min(WINDOW));
        loop {
            let seen = window.len().min(overlap);
            window.drain(..window.len() - seen);
            let count = self
                .reader
                .by_ref()
                .take((end - at).min(WINDOW as u64))
                .read_to_end(&mut window)?;
            if count == 0 || !each(at - seen as u64, &window, seen) {
                return Ok(());
            }
            at += count as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn windows_overlap_and_miss_nothing() {
        let bytes: Vec<u8> = (0..WINDOW * 2 + 100).map(|at| (at % 251) as u8).collect();
        let mut window = Window::new(Cursor::new(&bytes)).unwrap();
        assert_eq!(window.size(), bytes.len() as u64);
        let (mut all, mut starts) = (Vec::new(), Vec::new());
        let each = |at: u64, part: &[u8], seen: usize| {
            let start = usize::try_from(at).unwrap();
            assert_eq!(part, &bytes[start..start + part.len()]);
            all.extend_from_slice(&part[seen..]);
            starts.push(at);
            true
        };
        window.walk(0..u64::MAX, 15, each).unwrap();
        assert_eq!(all, bytes);
        let step = WINDOW as u64;
        assert_eq!(starts, [0, step - 15, 2 * step - 15]);
        assert_eq!(window.read(3..7).unwrap(), &bytes[3..7]);
        let beyond = window.read(u64::MAX - 1..u64::MAX).unwrap();
        assert!(beyond.is_empty());
        let mut count = 0;
        let stop = |part: &[u8]| {
            count += part.len();
            false
        };
        window.stream(10..u64::MAX, stop).unwrap();
        assert_eq!(count, WINDOW);
    }
}
