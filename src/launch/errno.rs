//! Error numbers of WASI preview 1 and how those of the host map to them.

use std::io;

use rustix::io::Errno as Host;

/// What a call that failed tells the guest (witx: `$errno`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errno {
    Acces = 2,
    AddrNotAvail = 4,
    AfNoSupport = 5,
    Again = 6,
    BadF = 8,
    ConnAborted = 13,
    ConnRefused = 14,
    ConnReset = 15,
    Fault = 21,
    HostUnreach = 23,
    Inval = 28,
    Io = 29,
    MFile = 33,
    NetUnreach = 40,
    NFile = 41,
    NoBufs = 42,
    NoEnt = 44,
    NoMem = 48,
    NotConn = 53,
    NotSup = 58,
    Perm = 63,
    Pipe = 64,
    TimedOut = 73,
}

impl Errno {
    /// The number that goes into an event.
    pub(super) fn number(self) -> u16 {
        self as u16
    }
}

/// The return value of a preview 1 call.
pub(super) fn answer(result: Result<(), Errno>) -> i32 {
    match result {
        Ok(()) => 0,
        Err(errno) => errno as i32,
    }
}

impl From<Host> for Errno {
    fn from(host: Host) -> Self {
        match host {
            Host::ACCESS => Errno::Acces,
            Host::ADDRNOTAVAIL => Errno::AddrNotAvail,
            Host::AFNOSUPPORT => Errno::AfNoSupport,
            // A connect in progress is one that is not ready yet; a signal is
            // the host's business, and the guest may simply try again.
            Host::AGAIN | Host::INPROGRESS | Host::INTR => Errno::Again,
            Host::BADF => Errno::BadF,
            Host::CONNABORTED => Errno::ConnAborted,
            Host::CONNREFUSED => Errno::ConnRefused,
            Host::CONNRESET => Errno::ConnReset,
            Host::HOSTUNREACH => Errno::HostUnreach,
            Host::INVAL => Errno::Inval,
            Host::MFILE => Errno::MFile,
            Host::NETUNREACH => Errno::NetUnreach,
            Host::NFILE => Errno::NFile,
            Host::NOBUFS => Errno::NoBufs,
            Host::NOMEM => Errno::NoMem,
            Host::NOTCONN => Errno::NotConn,
            Host::PERM => Errno::Perm,
            Host::PIPE => Errno::Pipe,
            Host::TIMEDOUT => Errno::TimedOut,
            _ => Errno::Io,
        }
    }
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        Host::from_io_error(&error).map_or(Errno::Io, Errno::from)
    }
}
