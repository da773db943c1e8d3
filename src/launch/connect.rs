//! Outgoing connections, for guests that may open them.

use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;

use rustix::io::Errno as HostErrno;
use rustix::net::{AddressFamily, SocketType, connect};

use super::errno::Errno;
use super::socket::End;

/// Starts to connect and does not wait: the socket can be written once it is
/// connected, and then tells whether that went well.
pub(super) fn start(address: SocketAddr) -> Result<End, Errno> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let stream = TcpStream::from(socket(family)?);
    stream.set_nonblocking(true)?;
    match connect(&stream, &address) {
        Ok(()) | Err(HostErrno::INPROGRESS) => {}
        Err(errno) => return Err(errno.into()),
    }
    stream.set_nodelay(true)?;
    Ok(End::Stream(stream))
}

/// A stream socket that programs started by this one do not inherit.
#[cfg(target_os = "linux")]
fn socket(family: AddressFamily) -> rustix::io::Result<OwnedFd> {
    use rustix::net::{SocketFlags, socket_with};
    socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)
}

/// A stream socket that programs started by this one do not inherit.
#[cfg(not(target_os = "linux"))]
fn socket(family: AddressFamily) -> rustix::io::Result<OwnedFd> {
    let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    Ok(socket)
}
