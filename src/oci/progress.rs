//! How far transfers have come: counted here, shown by whoever wants to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that transfers move on while another thread reads them. All that share
/// them are counted together.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    moved: AtomicU64,
    expected: AtomicU64,
}

impl Progress {
    /// Bytes of content that passed so far.
    pub fn moved(&self) -> u64 {
        self.0.moved.load(Ordering::Relaxed)
    }

    /// Bytes of all content whose transfer has begun.
    pub fn expected(&self) -> u64 {
        self.0.expected.load(Ordering::Relaxed)
    }

    /// The share of content of `size` bytes.
    pub(super) fn begin(&self, size: u64) -> Share {
        self.0.expected.fetch_add(size, Ordering::Relaxed);
        Share {
            counters: self.clone(),
            size,
            moved: 0,
        }
    }
}

/// What one transfer has in the counters. One that breaks off takes its part out
/// again, for it is begun anew or was in vain.
pub(super) struct Share {
    counters: Progress,
    size: u64,
    moved: u64,
}

impl Share {
    /// Counts `bytes` more, never more than were expected.
    pub(super) fn pass(&mut self, bytes: usize) {
        let bytes = (bytes as u64).min(self.size - self.moved);
        self.moved += bytes;
        let Counters { moved, .. } = &*self.counters.0;
        moved.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.moved < self.size {
            let Counters { moved, expected } = &*self.counters.0;
            moved.fetch_sub(self.moved, Ordering::Relaxed);
            expected.fetch_sub(self.size, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_off_does_not_count() {
        let progress = Progress::default();
        let (mut whole, mut broken) = (progress.begin(10), progress.begin(5));
        whole.pass(4);
        broken.pass(2);
        assert_eq!((progress.moved(), progress.expected()), (6, 15));
        drop(broken);
        whole.pass(100);
        drop(whole);
        assert_eq!((progress.moved(), progress.expected()), (10, 10));
    }
}
