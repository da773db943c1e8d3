//! The guest's linear memory, read and written by pointers that the guest
//! chose and that are therefore not believed: one that points outside is
//! `EFAULT`, never a panic.

use super::errno::Errno;

/// More buffers than this in one call are ignored, which the guest sees as a
/// short read or write (POSIX: `IOV_MAX` is at least 16).
const MOST_BUFFERS: usize = 16;

/// The `length` bytes at `at`.
pub(super) fn bytes(memory: &[u8], at: u32, length: u32) -> Result<&[u8], Errno> {
    memory
        .get(at as usize..)
        .and_then(|rest| rest.get(..length as usize))
        .ok_or(Errno::Fault)
}

/// The `length` bytes at `at`, to be written.
pub(super) fn bytes_mut(memory: &mut [u8], at: u32, length: u32) -> Result<&mut [u8], Errno> {
    memory
        .get_mut(at as usize..)
        .and_then(|rest| rest.get_mut(..length as usize))
        .ok_or(Errno::Fault)
}

/// The `N` bytes at `at`.
pub(super) fn array<const N: usize>(memory: &[u8], at: u32) -> Result<[u8; N], Errno> {
    memory
        .get(at as usize..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .ok_or(Errno::Fault)
}

/// Writes `value` at `at`.
pub(super) fn write(memory: &mut [u8], at: u32, value: &[u8]) -> Result<(), Errno> {
    memory
        .get_mut(at as usize..)
        .and_then(|rest| rest.get_mut(..value.len()))
        .ok_or(Errno::Fault)?
        .copy_from_slice(value);
    Ok(())
}

/// Writes a number at `at`.
pub(super) fn write_u32(memory: &mut [u8], at: u32, value: u32) -> Result<(), Errno> {
    write(memory, at, &value.to_le_bytes())
}

/// Where element `index` of an array of elements of `size` bytes lies.
pub(super) fn element(base: u32, index: u32, size: u32) -> Result<u32, Errno> {
    index
        .checked_mul(size)
        .and_then(|offset| base.checked_add(offset))
        .ok_or(Errno::Fault)
}

/// A guest's list of buffers (witx: `$iovec_array`, `$ciovec_array`), each of
/// them within the memory.
pub(super) struct Buffers {
    list: [(u32, u32); MOST_BUFFERS],
    count: usize,
    total: usize,
}

impl Buffers {
    /// Reads the list of `count` buffers at `at`.
    pub(super) fn read(memory: &[u8], at: u32, count: u32) -> Result<Self, Errno> {
        let mut buffers = Self {
            list: [(0, 0); MOST_BUFFERS],
            count: 0,
            total: 0,
        };
        for (index, slot) in (0..count).zip(&mut buffers.list) {
            let [a, b, c, d, e, f, g, h] = array(memory, element(at, index, 8)?)?;
            let start = u32::from_le_bytes([a, b, c, d]);
            let length = u32::from_le_bytes([e, f, g, h]);
            bytes(memory, start, length)?;
            *slot = (start, length);
            buffers.count += 1;
            // MOST_BUFFERS buffers of less than 4 GiB each: no overflow.
            buffers.total += length as usize;
        }
        Ok(buffers)
    }

    /// Where each buffer that is not empty lies, and its length.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        self.list[..self.count]
            .iter()
            .copied()
            .filter(|&(_, length)| length > 0)
    }

    /// The sum of the lengths.
    pub(super) fn total(&self) -> usize {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_pointer_panics(
            memory in proptest::collection::vec(any::<u8>(), 0..200),
            at: u32,
            near in 0u32..260,
            length: u32,
            short in 0u32..260,
            index: u32,
        ) {
            let mut memory = memory;
            for at in [at, near, u32::MAX - near] {
                for length in [length, short] {
                    let inside = u64::from(at) + u64::from(length) <= memory.len() as u64;
                    prop_assert_eq!(bytes(&memory, at, length).is_ok(), inside);
                    prop_assert_eq!(bytes_mut(&mut memory, at, length).is_ok(), inside);
                    if let Ok(buffers) = Buffers::read(&memory, at, length) {
                        for (at, length) in buffers.iter() {
                            prop_assert!(bytes(&memory, at, length).is_ok());
                        }
                    }
                }
                let _ = array::<8>(&memory, at);
                let _ = element(at, index, 48);
                let _ = write(&mut memory, at, &[0; 24]);
            }
        }
    }
}
