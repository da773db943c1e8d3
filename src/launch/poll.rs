//! `poll_oneoff`: timers and sockets in one poll(2).
//!
//! Files are always ready, as POSIX says of regular files. The only other
//! thing to wait for is the standard input, which the caller passes in.

use std::mem;
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags};

use super::clock;
use super::errno::Errno;
use super::memory::{array, bytes, element, write};
use super::sockets::{Readiness, Sockets, Watch, wait};

/// witx: `$subscription` and `$event`.
const SUBSCRIPTION: u32 = 48;
const EVENT: u32 = 32;

/// More subscriptions than there can be descriptors, and timers besides.
const MOST: u32 = 1 << 18;

/// What the guest wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interest {
    /// This point of monotonic time has come.
    Time(u64),
    /// A descriptor can be read.
    Read(u32),
    /// A descriptor can be written.
    Write(u32),
}

/// A descriptor that is not a socket, as far as polling goes.
pub(super) enum Other {
    /// Ready at any time.
    File,
    /// The standard input, which has to be asked.
    Input,
}

/// What is known about a subscription.
#[derive(Clone, Copy)]
enum State {
    /// Waits, and there is nothing to ask the host for.
    Waits,
    /// Has its answer at this place among those watched.
    Watched(usize),
    /// Ready whatever the host says; true for a socket that has failed.
    Ready(bool),
    /// Can't be waited for.
    Broken(Errno),
}

struct Subscription {
    userdata: [u8; 8],
    interest: Interest,
    state: State,
}

/// The host's side of a poll; its lists are kept for their memory, so that a
/// poll allocates nothing.
#[derive(Default)]
pub(super) struct Poller {
    watched: Vec<PollFd<'static>>,
    subscriptions: Vec<Subscription>,
}

impl Poller {
    /// Waits for any of the `count` subscriptions at `from`, writes an event
    /// to `to` for each that has come true, and returns how many those are.
    /// `other` tells what a descriptor is that is not a socket.
    pub(super) fn poll_oneoff(
        &mut self,
        memory: &mut [u8],
        (from, to, count): (u32, u32, u32),
        sockets: &mut Sockets,
        input: Option<BorrowedFd<'_>>,
        mut other: impl FnMut(u32) -> Result<Other, Errno>,
    ) -> Result<u32, Errno> {
        self.read(memory, (from, to, count))?;
        let events = loop {
            sockets.send_owed();
            let mut watched: Vec<PollFd<'_>> = mem::take(&mut self.watched);
            let until = self.watch(&mut watched, sockets, input, &mut other);
            wait(&mut watched, until)?;
            let events = self.report(memory, to, &watched, sockets)?;
            self.watched = recycle(watched);
            // None: a signal, or only a socket that owed bytes got on.
            if events > 0 {
                break events;
            }
        };
        Ok(events)
    }

    /// Reads the list of subscriptions; there must be room for their events.
    fn read(&mut self, memory: &[u8], (from, to, count): (u32, u32, u32)) -> Result<(), Errno> {
        if count == 0 || count > MOST {
            return Err(Errno::Inval);
        }
        bytes(memory, to, element(0, count, EVENT)?)?;
        let start = clock::monotonic();
        self.subscriptions.clear();
        for index in 0..count {
            let raw = array(memory, element(from, index, SUBSCRIPTION)?)?;
            self.subscriptions.push(Subscription::read(&raw, start)?);
        }
        Ok(())
    }

    /// Lists what the host has to be asked; returns until when.
    fn watch<'a>(
        &mut self,
        watched: &mut Vec<PollFd<'a>>,
        sockets: &'a Sockets,
        input: Option<BorrowedFd<'a>>,
        mut other: impl FnMut(u32) -> Result<Other, Errno>,
    ) -> Option<u64> {
        let mut until = sockets.gives_up_at();
        let mut not_after = |time: u64| until = Some(until.map_or(time, |soon| soon.min(time)));
        for subscription in &mut self.subscriptions {
            let (descriptor, flags) = match subscription.interest {
                Interest::Time(due) => {
                    not_after(due);
                    subscription.state = State::Waits;
                    continue;
                }
                Interest::Read(descriptor) => (descriptor, PollFlags::IN),
                Interest::Write(descriptor) => (descriptor, PollFlags::OUT),
            };
            let mut ask = |end| {
                watched.push(PollFd::from_borrowed_fd(end, flags));
                State::Watched(watched.len() - 1)
            };
            subscription.state = if Sockets::owns(descriptor) {
                match sockets.watch(descriptor) {
                    Ok(Watch::Now(end)) => ask(end),
                    Ok(Watch::Later(time)) => {
                        not_after(time);
                        State::Waits
                    }
                    Ok(Watch::Failed(_)) => State::Ready(true),
                    Err(errno) => State::Broken(errno),
                }
            } else {
                match (other(descriptor), input) {
                    (Ok(Other::Input), Some(input)) => ask(input),
                    (Ok(_), _) => State::Ready(false),
                    (Err(errno), _) => State::Broken(errno),
                }
            };
            if let State::Ready(_) | State::Broken(_) = subscription.state {
                not_after(0);
            }
        }
        watched.extend(sockets.owing());
        until
    }

    /// Writes an event for each subscription that has come true.
    fn report(
        &self,
        memory: &mut [u8],
        to: u32,
        watched: &[PollFd<'_>],
        sockets: &Sockets,
    ) -> Result<u32, Errno> {
        let now = clock::monotonic();
        let mut events = 0;
        for subscription in &self.subscriptions {
            let found = match subscription.state {
                State::Watched(place) => watched[place].revents(),
                _ => PollFlags::empty(),
            };
            let readiness = match (subscription.interest, subscription.state) {
                (Interest::Time(due), _) if due <= now => Ok(Readiness::default()),
                (_, State::Broken(errno)) => Err(errno),
                (_, State::Ready(hangup)) => Ok(Readiness { bytes: 1, hangup }),
                _ if found.is_empty() => continue,
                (Interest::Read(socket), _) if Sockets::owns(socket) => {
                    sockets.readiness(socket, true, found)
                }
                (Interest::Write(socket), _) if Sockets::owns(socket) => {
                    sockets.readiness(socket, false, found)
                }
                _ => Ok(Readiness {
                    bytes: 1,
                    hangup: found.contains(PollFlags::HUP),
                }),
            };
            let place = element(to, events, EVENT)?;
            write(memory, place, &subscription.event(readiness))?;
            events += 1;
        }
        Ok(events)
    }
}

impl Subscription {
    /// Reads one (witx: `$subscription`); a relative time counts from `start`.
    fn read(raw: &[u8; SUBSCRIPTION as usize], start: u64) -> Result<Self, Errno> {
        let number =
            |at: usize| u32::from_le_bytes([raw[at], raw[at + 1], raw[at + 2], raw[at + 3]]);
        let interest = match raw[8] {
            0 => {
                let time = u64::from(number(24)) | u64::from(number(28)) << 32;
                let absolute = raw[40] & 1 == 1;
                Interest::Time(match (number(16), absolute) {
                    (0 | 1, false) => start.saturating_add(time),
                    (0, true) => start.saturating_add(time.saturating_sub(clock::realtime())),
                    (1, true) => time,
                    _ => return Err(Errno::Inval),
                })
            }
            1 => Interest::Read(number(16)),
            2 => Interest::Write(number(16)),
            _ => return Err(Errno::Inval),
        };
        let [a, b, c, d, e, f, g, h, ..] = *raw;
        Ok(Self {
            userdata: [a, b, c, d, e, f, g, h],
            interest,
            state: State::Waits,
        })
    }

    /// The event for it (witx: `$event`).
    fn event(&self, readiness: Result<Readiness, Errno>) -> [u8; EVENT as usize] {
        let mut event = [0; EVENT as usize];
        event[..8].copy_from_slice(&self.userdata);
        event[10] = match self.interest {
            Interest::Time(_) => 0,
            Interest::Read(_) => 1,
            Interest::Write(_) => 2,
        };
        match readiness {
            Ok(readiness) => {
                event[16..24].copy_from_slice(&readiness.bytes.to_le_bytes());
                event[24] = u8::from(readiness.hangup);
            }
            Err(errno) => event[8..10].copy_from_slice(&errno.number().to_le_bytes()),
        }
        event
    }
}

/// The memory of a list, without what it borrowed. Nothing is copied: the
/// standard library collects this in place.
fn recycle(mut watched: Vec<PollFd<'_>>) -> Vec<PollFd<'static>> {
    watched.clear();
    watched.into_iter().map_while(|_| None).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: u32 = 4;

    fn other(descriptor: u32) -> Result<Other, Errno> {
        match descriptor {
            FILE => Ok(Other::File),
            _ => Err(Errno::BadF),
        }
    }

    proptest! {
        #[test]
        fn no_list_of_subscriptions_panics(
            memory in proptest::collection::vec(any::<u8>(), 0..400),
            from in prop_oneof![0u32..400, any::<u32>()],
            to in prop_oneof![0u32..400, any::<u32>()],
            count in prop_oneof![0u32..8, any::<u32>()],
        ) {
            let mut poller = Poller::default();
            if poller.read(&memory, (from, to, count)).is_ok() {
                prop_assert!(count > 0);
                prop_assert_eq!(poller.subscriptions.len(), count as usize);
                prop_assert!(u64::from(from) + 48 * u64::from(count) <= memory.len() as u64);
                prop_assert!(u64::from(to) + 32 * u64::from(count) <= memory.len() as u64);
            }
        }

        // Whatever else is in the list, a timer that is due ends the wait.
        #[test]
        fn a_due_timer_ends_every_wait(
            seed in proptest::collection::vec(any::<u8>(), 48 * 4),
            tags in proptest::collection::vec(0u8..3, 4),
            to in 0u32..400,
        ) {
            let mut memory = seed;
            for (index, tag) in tags.iter().enumerate() {
                memory[48 * index + 8] = *tag;
                memory[48 * index + 16] %= 2;
                memory[48 * index + 17..48 * index + 20].fill(0);
            }
            memory.resize(400, 0);
            let outcome = Poller::default().poll_oneoff(
                &mut memory,
                (0, to, 5),
                &mut Sockets::default(),
                None,
                other,
            );
            match outcome {
                Ok(events) => prop_assert!((1..=5).contains(&events)),
                Err(errno) => prop_assert!(to > 400 - 5 * 32 && errno == Errno::Fault),
            }
        }
    }

    #[test]
    fn files_are_ready_and_what_is_unknown_is_an_event_with_an_error() {
        let mut memory = vec![0; 400];
        for (place, descriptor) in [(0, FILE), (48, 5)] {
            memory[place] = descriptor as u8;
            memory[place + 8] = 2;
            memory[place + 16..place + 20].copy_from_slice(&descriptor.to_le_bytes());
        }
        let events = Poller::default().poll_oneoff(
            &mut memory,
            (0, 200, 2),
            &mut Sockets::default(),
            None,
            other,
        );
        assert_eq!(events, Ok(2));
        let event = |at: usize| (memory[at], memory[at + 8], memory[at + 10]);
        assert_eq!(event(200), (4, 0, 2));
        assert_eq!(event(232), (5, Errno::BadF as u8, 2));
    }
}
