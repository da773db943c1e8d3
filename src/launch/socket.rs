//! One socket, and what it owes its peer.

use std::io::{self, Read, Write};
use std::mem;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::io::Errno as HostErrno;
use rustix::net::RecvFlags;

use super::errno::Errno;
use super::memory::{Buffers, bytes, bytes_mut};

/// What a socket gathers at most before it sends.
pub(super) const GATHER: usize = 64 << 10;

/// A write of this size gains nothing from being gathered.
const LARGE: usize = GATHER / 2;

/// The host's object behind a socket.
pub(super) enum End {
    /// A connection.
    Stream(TcpStream),
    /// Waits for connections.
    Listener(TcpListener),
    /// How the host talks to the guest.
    Control(UnixStream),
}

impl End {
    pub(super) fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            End::Stream(stream) => stream.set_nonblocking(true),
            End::Listener(listener) => listener.set_nonblocking(true),
            End::Control(stream) => stream.set_nonblocking(true),
        }
    }

    /// The error that the host keeps for this end; asking clears it.
    pub(super) fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            End::Stream(stream) => stream.take_error(),
            End::Listener(listener) => listener.take_error(),
            End::Control(stream) => stream.take_error(),
        }
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            End::Stream(stream) => (&mut &*stream).read(buffer),
            End::Control(stream) => (&mut &*stream).read(buffer),
            End::Listener(_) => Err(HostErrno::NOTCONN.into()),
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            End::Stream(stream) => (&mut &*stream).write(bytes),
            End::Control(stream) => (&mut &*stream).write(bytes),
            End::Listener(_) => Err(HostErrno::NOTCONN.into()),
        }
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            End::Stream(stream) => stream.shutdown(how),
            End::Control(stream) => stream.shutdown(how),
            End::Listener(_) => Err(HostErrno::NOTCONN.into()),
        }
    }
}

impl AsFd for End {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            End::Stream(stream) => stream.as_fd(),
            End::Listener(listener) => listener.as_fd(),
            End::Control(stream) => stream.as_fd(),
        }
    }
}

/// An end with the bytes that were taken from the guest for it.
pub(super) struct Socket {
    pub(super) end: End,
    /// The guest wants its calls to wait.
    pub(super) blocking: bool,
    /// Listed among those that owe something.
    pub(super) listed: bool,
    /// Why sending failed; kept, as nothing can be sent any more.
    pub(super) failed: Option<Errno>,
    /// Taken and not yet sent: the bytes from `sent` on.
    owed: Vec<u8>,
    sent: usize,
    writing: Writing,
}

/// Whether the guest may still write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Open,
    /// Not any more; the host is told once nothing is owed.
    Closing,
    /// Nor may the host.
    Closed,
}

impl Socket {
    /// A socket that owes nothing.
    pub(super) fn new(end: End, blocking: bool) -> Self {
        Self {
            end,
            blocking,
            listed: false,
            failed: None,
            owed: Vec::new(),
            sent: 0,
            writing: Writing::Open,
        }
    }

    /// How many bytes it still has to send.
    pub(super) fn owes(&self) -> usize {
        self.owed.len() - self.sent
    }

    /// How many more it would take.
    pub(super) fn room(&self) -> usize {
        GATHER - self.owes().min(GATHER)
    }

    /// Sends what is owed, as far as that goes without waiting. True when
    /// nothing is left to do.
    pub(super) fn send(&mut self) -> bool {
        while self.failed.is_none() && self.sent < self.owed.len() {
            match self.end.write(&self.owed[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) => match Errno::from(error) {
                    Errno::Again => return false,
                    errno => {
                        self.failed = Some(errno);
                        // Bytes are lost, so the connection is worth nothing
                        // to either side; and a read must not wait any more.
                        let _ = self.end.shutdown(Shutdown::Both);
                    }
                },
            }
        }
        self.owed.clear();
        self.sent = 0;
        if self.writing == Writing::Closing {
            self.writing = Writing::Closed;
            // Fails when the peer is gone, who then needs it no more.
            let _ = self.end.shutdown(Shutdown::Write);
        }
        true
    }

    /// The memory that is not needed while nothing is owed.
    pub(super) fn give_buffer(&mut self) -> Vec<u8> {
        mem::take(&mut self.owed)
    }

    /// Reads into the guest's memory, or only looks (`peek`).
    pub(super) fn read(
        &self,
        memory: &mut [u8],
        buffers: &Buffers,
        peek: bool,
    ) -> Result<u32, Errno> {
        let mut total = 0;
        for (at, length) in buffers.iter() {
            let buffer = bytes_mut(memory, at, length)?;
            let result = match peek {
                false => self.end.read(buffer),
                true => rustix::net::recv(&self.end, buffer, RecvFlags::PEEK)
                    .map(|(_, count)| count)
                    .map_err(io::Error::from),
            };
            match result {
                Ok(count) => {
                    total += count as u32;
                    // A second look would only show the same bytes again.
                    if peek || count < length as usize {
                        break;
                    }
                }
                Err(_) if total > 0 => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(total)
    }

    /// Takes the guest's bytes to send them soon; many at once go directly.
    /// An empty `spare` buffer is used where none is at hand.
    pub(super) fn take(
        &mut self,
        memory: &[u8],
        buffers: &Buffers,
        spare: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Result<u32, Errno> {
        if let End::Listener(_) = self.end {
            return Err(Errno::NotConn);
        }
        if self.writing != Writing::Open {
            return Err(Errno::Pipe);
        }
        if self.failed.is_none() && buffers.total() > self.room() {
            self.send();
        }
        if let Some(errno) = self.failed {
            return Err(errno);
        }
        if self.owes() == 0 && buffers.total() >= LARGE {
            return self.write(memory, buffers);
        }
        if self.owed.capacity() == 0 {
            self.owed = spare().unwrap_or_default();
        }
        if self.sent > 0 {
            self.owed.drain(..self.sent);
            self.sent = 0;
        }
        let mut taken = 0;
        for (at, length) in buffers.iter() {
            let part = self.room().min(length as usize) as u32;
            self.owed.extend_from_slice(bytes(memory, at, part)?);
            taken += part;
        }
        match taken {
            0 if buffers.total() > 0 => Err(Errno::Again),
            _ => Ok(taken),
        }
    }

    fn write(&self, memory: &[u8], buffers: &Buffers) -> Result<u32, Errno> {
        let mut total = 0;
        for (at, length) in buffers.iter() {
            match self.end.write(bytes(memory, at, length)?) {
                Ok(count) => {
                    total += count as u32;
                    if count < length as usize {
                        break;
                    }
                }
                Err(_) if total > 0 => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(total)
    }

    /// Shuts down, for writing only after what is owed was sent.
    pub(super) fn shutdown(&mut self, how: Shutdown) -> Result<(), Errno> {
        if how != Shutdown::Write {
            self.end.shutdown(Shutdown::Read)?;
        }
        if how != Shutdown::Read && self.writing == Writing::Open {
            if self.owes() > 0 {
                self.writing = Writing::Closing;
            } else {
                self.end.shutdown(Shutdown::Write)?;
                self.writing = Writing::Closed;
            }
        }
        Ok(())
    }

    /// What went wrong with the connection, if anything.
    pub(super) fn error(&self) -> Result<(), Errno> {
        match (self.end.take_error()?, self.failed) {
            (Some(error), _) => Err(error.into()),
            (None, Some(errno)) => Err(errno),
            (None, None) => Ok(()),
        }
    }
}
