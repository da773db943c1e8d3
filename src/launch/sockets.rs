//! The guest's sockets: a table beside wasmtime-wasi's own descriptors.
//!
//! Towards the host every socket is non-blocking. What a guest writes is
//! gathered for a moment and sent when the guest polls, reads or shuts down:
//! a server that writes many small replies makes one system call of them.
//! What was taken is owed: it is sent even when the guest closes the socket
//! at once, for as long as [`LINGER`], and a failure is told at the next call.

use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno as HostErrno, ioctl_fionread};

use super::clock;
use super::errno::Errno;
use super::memory::Buffers;
use super::socket::{End, Socket};

/// The lowest descriptor of a socket: far above any that wasmtime-wasi gives
/// to files, so that the two never meet.
pub(super) const FIRST: u32 = 1 << 20;

/// More sockets than this are refused as if the process could have no more.
const MOST: usize = 1 << 16;

/// How long a closed socket may take to send what it owes, in nanoseconds.
const LINGER: u64 = 5_000_000_000;

/// How long listeners rest when there are no descriptors left; without it
/// the waiting connection would wake the guest again at once, for ever.
const REST: u64 = 100_000_000;

/// Buffers kept for the next writer; the memory of a burst is not kept.
const SPARE: usize = 16;

/// The table.
#[derive(Default)]
pub(super) struct Sockets {
    table: Vec<Option<Socket>>,
    free: Vec<usize>,
    /// Those with bytes to send.
    owing: Vec<usize>,
    /// Closed by the guest while they still owed, and until when they may try.
    lingering: Vec<(Socket, u64)>,
    spare: Vec<Vec<u8>>,
    /// No accepting before this time.
    rests_until: u64,
}

/// What a poll should do about a socket.
pub(super) enum Watch<'a> {
    /// Ask the host.
    Now(BorrowedFd<'a>),
    /// Not before this time.
    Later(u64),
    /// Nothing to wait for: the next call tells the guest what went wrong.
    Failed(Errno),
}

/// What a poll event says about what is ready.
#[derive(Default)]
pub(super) struct Readiness {
    /// Bytes that can be read or written.
    pub(super) bytes: u64,
    /// The other side is gone.
    pub(super) hangup: bool,
}

impl Sockets {
    /// True for descriptors that this table answers for.
    pub(super) fn owns(descriptor: u32) -> bool {
        descriptor >= FIRST
    }

    /// Adds one and returns its descriptor.
    pub(super) fn add(&mut self, end: End, blocking: bool) -> Result<u32, Errno> {
        if self.is_full() {
            return Err(Errno::MFile);
        }
        end.set_nonblocking()?;
        let socket = Some(Socket::new(end, blocking));
        let slot = match self.free.pop() {
            Some(slot) => {
                self.table[slot] = socket;
                slot
            }
            None => {
                self.table.push(socket);
                self.table.len() - 1
            }
        };
        Ok(FIRST + slot as u32)
    }

    /// `fd_close`: never waits; what is still owed lingers.
    pub(super) fn close(&mut self, descriptor: u32) -> Result<(), Errno> {
        let slot = slot(descriptor)?;
        let mut socket = self
            .table
            .get_mut(slot)
            .and_then(Option::take)
            .ok_or(Errno::BadF)?;
        self.free.push(slot);
        if socket.listed {
            self.owing.retain(|&other| other != slot);
            if !socket.send() {
                let until = clock::monotonic().saturating_add(LINGER);
                self.lingering.push((socket, until));
                return Ok(());
            }
        }
        // There is a descriptor to be had again.
        self.rests_until = 0;
        Ok(())
    }

    /// `fd_renumber` between two sockets.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(from)?;
        self.get(to)?;
        if from == to {
            return Ok(());
        }
        self.close(to)?;
        let (from, to) = (slot(from)?, slot(to)?);
        self.table.swap(from, to);
        self.free.retain(|&slot| slot != to);
        self.free.push(from);
        for slot in &mut self.owing {
            if *slot == from {
                *slot = to;
            }
        }
        Ok(())
    }

    /// `sock_accept`.
    pub(super) fn accept(&mut self, descriptor: u32, blocking: bool) -> Result<u32, Errno> {
        let stream = self.patiently(descriptor, PollFlags::IN, |sockets| {
            let End::Listener(listener) = &sockets.get(descriptor)?.end else {
                return Err(Errno::Inval);
            };
            let now = clock::monotonic();
            if now < sockets.rests_until {
                return Err(Errno::Again);
            }
            let result = match sockets.is_full() {
                true => Err(Errno::MFile),
                false => listener.accept().map_err(Errno::from),
            };
            if let Err(Errno::MFile | Errno::NFile | Errno::NoBufs | Errno::NoMem) = result {
                sockets.rests_until = now.saturating_add(REST);
            }
            Ok(result?.0)
        })?;
        // Gathering replaces Nagle's algorithm. This can fail when the peer
        // has reset the connection, which the guest learns by reading.
        let _ = stream.set_nodelay(true);
        self.add(End::Stream(stream), blocking)
    }

    /// `fd_read` and `sock_recv`.
    pub(super) fn read(
        &mut self,
        memory: &mut [u8],
        descriptor: u32,
        buffers: &Buffers,
        peek: bool,
    ) -> Result<u32, Errno> {
        self.send_owed();
        self.patiently(descriptor, PollFlags::IN, |sockets| {
            sockets.get(descriptor)?.read(memory, buffers, peek)
        })
    }

    /// `fd_write` and `sock_send`.
    pub(super) fn write(
        &mut self,
        memory: &[u8],
        descriptor: u32,
        buffers: &Buffers,
    ) -> Result<u32, Errno> {
        self.patiently(descriptor, PollFlags::OUT, |sockets| {
            let slot = slot(descriptor)?;
            let Self { table, spare, .. } = sockets;
            let socket = table
                .get_mut(slot)
                .and_then(Option::as_mut)
                .ok_or(Errno::BadF)?;
            let taken = socket.take(memory, buffers, || spare.pop())?;
            if !socket.listed && socket.owes() > 0 {
                socket.listed = true;
                sockets.owing.push(slot);
            }
            Ok(taken)
        })
    }

    /// `sock_shutdown`: what is owed is sent first.
    pub(super) fn shutdown(&mut self, descriptor: u32, how: Shutdown) -> Result<(), Errno> {
        self.send_owed();
        self.get_mut(descriptor)?.shutdown(how)
    }

    /// `fd_fdstat_set_flags`.
    pub(super) fn set_blocking(&mut self, descriptor: u32, blocking: bool) -> Result<(), Errno> {
        self.get_mut(descriptor)?.blocking = blocking;
        Ok(())
    }

    /// Whether calls wait (for `fd_fdstat_get`).
    pub(super) fn is_blocking(&self, descriptor: u32) -> Result<bool, Errno> {
        Ok(self.get(descriptor)?.blocking)
    }

    /// The end's own or its peer's address.
    pub(super) fn address(&self, descriptor: u32, peer: bool) -> Result<SocketAddr, Errno> {
        match (&self.get(descriptor)?.end, peer) {
            (End::Stream(stream), false) => Ok(stream.local_addr()?),
            (End::Stream(stream), true) => Ok(stream.peer_addr()?),
            (End::Listener(listener), false) => Ok(listener.local_addr()?),
            (End::Listener(_), true) => Err(Errno::NotConn),
            (End::Control(_), _) => Err(Errno::AfNoSupport),
        }
    }

    /// What went wrong with the connection, if anything.
    pub(super) fn error(&self, descriptor: u32) -> Result<(), Errno> {
        self.get(descriptor)?.error()
    }

    /// Sends what can be sent without waiting.
    pub(super) fn send_owed(&mut self) {
        let Self {
            table,
            owing,
            lingering,
            spare,
            ..
        } = self;
        owing.retain(|&slot| {
            let Some(socket) = &mut table[slot] else {
                return false;
            };
            socket.listed = !socket.send();
            if !socket.listed {
                let buffer = socket.give_buffer();
                if spare.len() < SPARE {
                    spare.push(buffer);
                }
            }
            socket.listed
        });
        if !lingering.is_empty() {
            let now = clock::monotonic();
            lingering.retain_mut(|(socket, until)| !socket.send() && now < *until);
        }
    }

    /// Those that could not send all they owe, to be watched for room.
    pub(super) fn owing(&self) -> impl Iterator<Item = PollFd<'_>> {
        let held = self
            .owing
            .iter()
            .filter_map(|&slot| self.table.get(slot)?.as_ref());
        let lingering = self.lingering.iter().map(|(socket, _)| socket);
        held.chain(lingering)
            .map(|socket| PollFd::from_borrowed_fd(socket.end.as_fd(), PollFlags::OUT))
    }

    /// When the first lingering socket has to give up.
    pub(super) fn gives_up_at(&self) -> Option<u64> {
        self.lingering.iter().map(|(_, until)| *until).min()
    }

    /// What poll should watch.
    pub(super) fn watch(&self, descriptor: u32) -> Result<Watch<'_>, Errno> {
        let socket = self.get(descriptor)?;
        Ok(match (&socket.end, socket.failed) {
            (_, Some(errno)) => Watch::Failed(errno),
            (End::Listener(_), None) if clock::monotonic() < self.rests_until => {
                Watch::Later(self.rests_until)
            }
            (end, None) => Watch::Now(end.as_fd()),
        })
    }

    /// What to tell about a socket that the host found ready.
    pub(super) fn readiness(
        &self,
        descriptor: u32,
        reading: bool,
        found: PollFlags,
    ) -> Result<Readiness, Errno> {
        let socket = self.get(descriptor)?;
        let gone = found.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
        let bytes = match (&socket.end, reading) {
            (End::Listener(_), _) => 1,
            (end, true) => ioctl_fionread(end).unwrap_or(0),
            (_, false) => socket.room() as u64,
        };
        Ok(Readiness {
            bytes,
            // Readable and yet nothing to read: the peer has closed.
            hangup: gone || (bytes == 0 && found.contains(PollFlags::IN)),
        })
    }

    /// After the guest's end: sends what is still owed, but waits no longer
    /// than [`LINGER`].
    pub(super) fn finish(mut self) {
        let until = clock::monotonic().saturating_add(LINGER);
        loop {
            self.send_owed();
            let mut watched: Vec<_> = self.owing().collect();
            if watched.is_empty()
                || clock::monotonic() >= until
                || wait(&mut watched, Some(until)).is_err()
            {
                return;
            }
        }
    }

    fn is_full(&self) -> bool {
        self.table.len() - self.free.len() + self.lingering.len() >= MOST
    }

    fn get(&self, descriptor: u32) -> Result<&Socket, Errno> {
        self.table
            .get(slot(descriptor)?)
            .and_then(Option::as_ref)
            .ok_or(Errno::BadF)
    }

    fn get_mut(&mut self, descriptor: u32) -> Result<&mut Socket, Errno> {
        self.table
            .get_mut(slot(descriptor)?)
            .and_then(Option::as_mut)
            .ok_or(Errno::BadF)
    }

    /// Makes a call, again and again while it would block and the guest
    /// wants to wait.
    fn patiently<T>(
        &mut self,
        descriptor: u32,
        interest: PollFlags,
        mut call: impl FnMut(&mut Self) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        loop {
            match call(self) {
                Err(Errno::Again) if self.get(descriptor)?.blocking => {
                    self.wait(descriptor, interest)?;
                }
                other => return other,
            }
        }
    }

    /// Waits until the socket may be ready, and sends what is owed meanwhile.
    fn wait(&mut self, descriptor: u32, interest: PollFlags) -> Result<(), Errno> {
        let mut watched: Vec<_> = self.owing().collect();
        let mut until = self.gives_up_at();
        match self.watch(descriptor)? {
            Watch::Now(end) => watched.push(PollFd::from_borrowed_fd(end, interest)),
            Watch::Later(time) => until = Some(until.map_or(time, |other| other.min(time))),
            Watch::Failed(errno) => return Err(errno),
        }
        wait(&mut watched, until)?;
        self.send_owed();
        Ok(())
    }
}

fn slot(descriptor: u32) -> Result<usize, Errno> {
    descriptor
        .checked_sub(FIRST)
        .map(|slot| slot as usize)
        .ok_or(Errno::BadF)
}

/// poll(2) until a point of time. A signal ends the wait early, so callers
/// look at the clock.
pub(super) fn wait(watched: &mut [PollFd<'_>], until: Option<u64>) -> Result<usize, Errno> {
    let timeout: Option<Timespec> = until.map(clock::until);
    match poll(watched, timeout.as_ref()) {
        Err(HostErrno::INTR) => Ok(0),
        other => Ok(other?),
    }
}
