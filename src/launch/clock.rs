//! Clocks in nanoseconds. These calls stay in user space (vDSO) and skip
//! wasmtime-wasi's own clocks, which a busy server reads several times for
//! each message.

use rustix::event::Timespec;
use rustix::time::{ClockId, clock_gettime};

/// Time that never jumps, since some point in the past.
pub(super) fn monotonic() -> u64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

/// Time since 1970.
pub(super) fn realtime() -> u64 {
    nanoseconds(clock_gettime(ClockId::Realtime))
}

/// How long it is until a point of monotonic time.
pub(super) fn until(deadline: u64) -> Timespec {
    let left = deadline.saturating_sub(monotonic());
    Timespec {
        tv_sec: i64::try_from(left / 1_000_000_000).unwrap_or(i64::MAX),
        // Less than a billion: fits whatever type the platform has.
        tv_nsec: (left % 1_000_000_000) as _,
    }
}

fn nanoseconds(time: Timespec) -> u64 {
    // A clock before 1970 reads as 1970.
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
}
