//! `prov_net`: what preview 1 has no calls for. Addresses of sockets, and
//! outgoing connections for guests that may open them.
//!
//! An address is 16 bytes of IPv6, or IPv4 mapped into it, and the port in
//! network order.

use std::net::{Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;

use rustix::io::Errno as HostErrno;
use rustix::net::{AddressFamily, SocketType, connect};

use super::errno::Errno;
use super::memory::{array, bytes, write, write_u32};
use super::socket::End;
use super::wasi::Host;

/// The address of a socket's own end, or of its peer's (`peer` 1).
pub(super) fn sock_addr(
    memory: &mut [u8],
    host: &mut Host,
    fd: u32,
    peer: u32,
    out: u32,
) -> Result<(), Errno> {
    let address = host.sockets.address(fd, peer == 1)?;
    let mut raw = [0; 18];
    raw[..16].copy_from_slice(&octets(address));
    raw[16..].copy_from_slice(&address.port().to_be_bytes());
    write(memory, out, &raw)
}

/// Starts a connection; `sock_error` tells how it went once it is writable.
pub(super) fn sock_connect(
    memory: &mut [u8],
    host: &mut Host,
    address: u32,
    out: u32,
) -> Result<(), Errno> {
    if !host.connects {
        return Err(Errno::Acces);
    }
    write_u32(memory, out, 0)?;
    let raw: [u8; 18] = array(memory, address)?;
    let [ip @ .., high, low] = raw;
    let ip = Ipv6Addr::from(ip).to_canonical();
    let end = start(SocketAddr::new(ip, u16::from_be_bytes([high, low])))?;
    let fd = host.sockets.add(end, false)?;
    write_u32(memory, out, fd)
}

/// What went wrong with a connection, if anything.
pub(super) fn sock_error(_: &mut [u8], host: &mut Host, fd: u32) -> Result<(), Errno> {
    host.sockets.error(fd)
}

/// Resolves a name to one address. The guest waits for the host's resolver,
/// as it would for its own.
pub(super) fn sock_resolve(
    memory: &mut [u8],
    host: &mut Host,
    name: u32,
    length: u32,
    out: u32,
) -> Result<(), Errno> {
    if !host.connects {
        return Err(Errno::Acces);
    }
    let name = std::str::from_utf8(bytes(memory, name, length)?).map_err(|_| Errno::Inval)?;
    let address = (name, 0)
        .to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .ok_or(Errno::NoEnt)?;
    write(memory, out, &octets(address))
}

fn octets(address: SocketAddr) -> [u8; 16] {
    match address {
        SocketAddr::V4(v4) => v4.ip().to_ipv6_mapped().octets(),
        SocketAddr::V6(v6) => v6.ip().octets(),
    }
}

/// Starts to connect and does not wait: the socket can be written once it is
/// connected, and then tells whether that went well.
fn start(address: SocketAddr) -> Result<End, Errno> {
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
