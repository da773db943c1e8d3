//! WASI preview 1 as a guest sees it: sockets, polling and clocks are prov's
//! own, every other call goes straight to wasmtime-wasi.
//!
//! wasmtime-wasi's functions are async, but never wait on the guest's own
//! thread, where blocking is allowed. So they are polled once, and no async
//! runtime is needed.

use std::fs::File;
use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;

use wasmtime::{Caller, Extern, Linker, Memory, Result, StoreLimits, format_err};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p1::{WasiP1Ctx, wasi_snapshot_preview1 as wasi};
use wasmtime_wasi::runtime::poll_noop;
use wiggle::GuestMemory;

use super::clock;
use super::errno::{Errno, answer};
use super::memory::{Buffers, write, write_u32};
use super::net::{sock_addr, sock_connect, sock_error, sock_resolve};
use super::poll::{Other, Poller};
use super::sockets::Sockets;

const P1: &str = "wasi_snapshot_preview1";
/// What preview 1 has no calls for: addresses and outgoing connections.
const NET: &str = "prov_net";

/// How many bytes one call may make the host copy.
const FUEL: usize = 128 << 20;

/// witx: `$filetype`, `$fdflags`, `$riflags`, `$sdflags`.
const FILETYPE_DIRECTORY: u8 = 3;
const FILETYPE_REGULAR_FILE: u8 = 4;
const FILETYPE_SOCKET_STREAM: u8 = 6;
const FDFLAGS_NONBLOCK: u32 = 4;
const RIFLAGS_PEEK: u32 = 1;

/// What the store of a guest holds.
pub(super) struct Host {
    /// Files, arguments, environment, random numbers.
    pub(super) wasi: WasiP1Ctx,
    /// Sockets.
    pub(super) sockets: Sockets,
    /// The host's standard input, where the guest has it.
    pub(super) input: Option<OwnedFd>,
    /// The directories that the guest may write to.
    pub(super) directories: Vec<File>,
    /// Whether the guest may open connections.
    pub(super) connects: bool,
    /// How much memory it may have.
    pub(super) limits: StoreLimits,
    poller: Poller,
    memory: Option<Memory>,
}

impl Host {
    /// A host without sockets.
    pub(super) fn new(wasi: WasiP1Ctx, limits: StoreLimits) -> Self {
        Self {
            wasi,
            sockets: Sockets::default(),
            input: None,
            directories: Vec::new(),
            connects: false,
            limits,
            poller: Poller::default(),
            memory: None,
        }
    }

    /// wasmtime-wasi's part, ready for one call.
    fn files(&mut self) -> &mut WasiP1Ctx {
        wasi::WasiSnapshotPreview1::set_hostcall_fuel(&mut self.wasi, FUEL);
        &mut self.wasi
    }
}

type Guest<'a> = Caller<'a, Host>;

/// The guest's memory and the host, both to be written.
fn parts<'a>(guest: &'a mut Guest<'_>) -> Result<(&'a mut [u8], &'a mut Host)> {
    let memory = match guest.data().memory {
        Some(memory) => memory,
        None => {
            let memory = guest
                .get_export("memory")
                .and_then(Extern::into_memory)
                .ok_or_else(|| format_err!("the module exports no memory"))?;
            guest.data_mut().memory = Some(memory);
            memory
        }
    };
    Ok(memory.data_and_store_mut(guest))
}

/// The result of a call that is done at once; one that is not would need a
/// runtime, and fails instead.
fn at_once(call: impl Future<Output = Result<i32>>) -> Result<i32> {
    poll_noop(pin!(call)).unwrap_or(Ok(Errno::Io as i32))
}

/// Adds the calls of wasmtime-wasi that need no change.
macro_rules! delegate {
    ($linker:ident: $($finish:ident { $($name:ident($($arg:ident: $type:ty),*);)* })*) => { $($(
        $linker.func_wrap(P1, stringify!($name), |mut guest: Guest<'_>, $($arg: $type),*| {
            let (memory, host) = parts(&mut guest)?;
            let mut memory = GuestMemory::Unshared(memory);
            $finish(wasi::$name(host.files(), &mut memory, $($arg),*))
        })?;
    )*)* };
}

/// Adds calls that sockets answer differently than files do: the first
/// argument decides.
macro_rules! shadow {
    ($linker:ident: $($finish:ident { $($name:ident($($arg:ident: $type:ty),*);)* })*) => { $($(
        $linker.func_wrap(P1, stringify!($name), |mut guest: Guest<'_>, fd: i32, $($arg: $type),*| {
            let (memory, host) = parts(&mut guest)?;
            if Sockets::owns(fd.cast_unsigned()) {
                return Ok(answer($name(memory, host, fd.cast_unsigned(), $($arg.cast_unsigned()),*)));
            }
            let mut memory = GuestMemory::Unshared(memory);
            $finish(wasi::$name(host.files(), &mut memory, fd, $($arg),*))
        })?;
    )*)* };
}

/// Adds calls that are prov's alone.
macro_rules! own {
    ($linker:ident: $($module:ident { $($name:ident($($arg:ident: $type:ty),*);)* })*) => { $($(
        $linker.func_wrap($module, stringify!($name), |mut guest: Guest<'_>, $($arg: $type),*| -> Result<i32> {
            let (memory, host) = parts(&mut guest)?;
            Ok(answer($name(memory, host, $($arg),*)))
        })?;
    )*)* };
}

fn done(result: Result<i32>) -> Result<i32> {
    result
}

/// Offers the calls to guests.
pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    delegate!(linker:
        done {
            args_get(a: i32, b: i32);
            args_sizes_get(a: i32, b: i32);
            environ_get(a: i32, b: i32);
            environ_sizes_get(a: i32, b: i32);
            clock_res_get(a: i32, b: i32);
            fd_allocate(a: i32, b: i64, c: i64);
            fd_fdstat_set_rights(a: i32, b: i64, c: i64);
            fd_prestat_get(a: i32, b: i32);
            fd_prestat_dir_name(a: i32, b: i32, c: i32);
            fd_tell(a: i32, b: i32);
            proc_raise(a: i32);
            sched_yield();
            random_get(a: i32, b: i32);
        }
        at_once {
            fd_advise(a: i32, b: i64, c: i64, d: i32);
            fd_filestat_set_size(a: i32, b: i64);
            fd_filestat_set_times(a: i32, b: i64, c: i64, d: i32);
            fd_pread(a: i32, b: i32, c: i32, d: i64, e: i32);
            fd_pwrite(a: i32, b: i32, c: i32, d: i64, e: i32);
            fd_readdir(a: i32, b: i32, c: i32, d: i64, e: i32);
            fd_seek(a: i32, b: i64, c: i32, d: i32);
            path_create_directory(a: i32, b: i32, c: i32);
            path_filestat_get(a: i32, b: i32, c: i32, d: i32, e: i32);
            path_filestat_set_times(a: i32, b: i32, c: i32, d: i32, e: i64, f: i64, g: i32);
            path_link(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32, g: i32);
            path_open(a: i32, b: i32, c: i32, d: i32, e: i32, f: i64, g: i64, h: i32, i: i32);
            path_readlink(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32);
            path_remove_directory(a: i32, b: i32, c: i32);
            path_rename(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32);
            path_symlink(a: i32, b: i32, c: i32, d: i32, e: i32);
            path_unlink_file(a: i32, b: i32, c: i32);
        }
    );
    shadow!(linker:
        done {
            fd_fdstat_set_flags(flags: i32);
        }
        at_once {
            fd_read(buffers: i32, count: i32, out: i32);
            fd_write(buffers: i32, count: i32, out: i32);
            fd_close();
            fd_fdstat_get(out: i32);
            fd_filestat_get(out: i32);
        }
    );
    own!(linker:
        P1 {
            clock_time_get(id: u32, precision: u64, out: u32);
            fd_renumber(from: u32, to: u32);
            poll_oneoff(from: u32, to: u32, count: u32, out: u32);
            sock_accept(fd: u32, flags: u32, out: u32);
            sock_recv(fd: u32, buffers: u32, count: u32, flags: u32, out: u32, out_flags: u32);
            sock_send(fd: u32, buffers: u32, count: u32, flags: u32, out: u32);
            sock_shutdown(fd: u32, how: u32);
        }
        NET {
            sock_addr(fd: u32, peer: u32, out: u32);
            sock_connect(address: u32, out: u32);
            sock_error(fd: u32);
            sock_resolve(name: u32, length: u32, out: u32);
        }
    );
    for name in ["fd_sync", "fd_datasync"] {
        linker.func_wrap(P1, name, |mut guest: Guest<'_>, fd: i32| {
            let (memory, host) = parts(&mut guest)?;
            sync(memory, host, fd)
        })?;
    }
    linker.func_wrap(P1, "proc_exit", |code: i32| -> Result<()> {
        Err(I32Exit(code).into())
    })?;
    Ok(())
}

fn fd_read(
    memory: &mut [u8],
    host: &mut Host,
    fd: u32,
    buffers: u32,
    count: u32,
    out: u32,
) -> Result<(), Errno> {
    let buffers = Buffers::read(memory, buffers, count)?;
    // Before reading: what was read must not be lost to a bad pointer.
    write_u32(memory, out, 0)?;
    let read = host.sockets.read(memory, fd, &buffers, false)?;
    write_u32(memory, out, read)
}

fn fd_write(
    memory: &mut [u8],
    host: &mut Host,
    fd: u32,
    buffers: u32,
    count: u32,
    out: u32,
) -> Result<(), Errno> {
    let buffers = Buffers::read(memory, buffers, count)?;
    write_u32(memory, out, 0)?;
    let written = host.sockets.write(memory, fd, &buffers)?;
    write_u32(memory, out, written)
}

fn fd_close(_: &mut [u8], host: &mut Host, fd: u32) -> Result<(), Errno> {
    host.sockets.close(fd)
}

fn fd_fdstat_get(memory: &mut [u8], host: &mut Host, fd: u32, out: u32) -> Result<(), Errno> {
    let mut stat = [0; 24];
    stat[0] = FILETYPE_SOCKET_STREAM;
    if !host.sockets.is_blocking(fd)? {
        stat[2] = FDFLAGS_NONBLOCK as u8;
    }
    // All rights: sockets know no others.
    stat[8..24].fill(0xff);
    write(memory, out, &stat)
}

fn fd_fdstat_set_flags(_: &mut [u8], host: &mut Host, fd: u32, flags: u32) -> Result<(), Errno> {
    host.sockets.set_blocking(fd, flags & FDFLAGS_NONBLOCK == 0)
}

fn fd_filestat_get(memory: &mut [u8], host: &mut Host, fd: u32, out: u32) -> Result<(), Errno> {
    host.sockets.is_blocking(fd)?;
    let mut stat = [0; 64];
    stat[16] = FILETYPE_SOCKET_STREAM;
    write(memory, out, &stat)
}

fn fd_renumber(memory: &mut [u8], host: &mut Host, from: u32, to: u32) -> Result<(), Errno> {
    match (Sockets::owns(from), Sockets::owns(to)) {
        (true, true) => host.sockets.renumber(from, to),
        (false, false) => {
            let (from, to) = (from.cast_signed(), to.cast_signed());
            let mut memory = GuestMemory::Unshared(memory);
            match at_once(wasi::fd_renumber(host.files(), &mut memory, from, to)) {
                Ok(0) => Ok(()),
                _ => Err(Errno::BadF),
            }
        }
        // The two tables can't hold each other's.
        _ => Err(Errno::NotSup),
    }
}

/// wasmtime-wasi syncs files but no directories, which databases do after a
/// rename. Which directory it is it keeps to itself, so their whole file
/// systems are synced: that is rare, and a promise of safety that is not kept
/// would be worse than a slow one.
fn sync(memory: &mut [u8], host: &mut Host, fd: i32) -> Result<i32> {
    let mut memory = GuestMemory::Unshared(memory);
    let result = at_once(wasi::fd_sync(host.files(), &mut memory, fd))?;
    if result != Errno::BadF as i32 || filetype(&mut host.wasi, fd) != Ok(FILETYPE_DIRECTORY) {
        return Ok(result);
    }
    let synced = host.directories.iter().try_for_each(sync_file_system);
    Ok(answer(synced.map_err(Errno::from)))
}

#[cfg(target_os = "linux")]
fn sync_file_system(directory: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(directory)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(directory: &File) -> io::Result<()> {
    directory.sync_all()
}

fn clock_time_get(memory: &mut [u8], _: &mut Host, id: u32, _: u64, out: u32) -> Result<(), Errno> {
    let now = match id {
        0 => clock::realtime(),
        1 => clock::monotonic(),
        _ => return Err(Errno::BadF),
    };
    write(memory, out, &now.to_le_bytes())
}

fn poll_oneoff(
    memory: &mut [u8],
    host: &mut Host,
    from: u32,
    to: u32,
    count: u32,
    out: u32,
) -> Result<(), Errno> {
    write_u32(memory, out, 0)?;
    let Host {
        wasi,
        sockets,
        input,
        poller,
        ..
    } = host;
    let input = input.as_ref().map(AsFd::as_fd);
    let events = poller.poll_oneoff(memory, (from, to, count), sockets, input, |fd| {
        other(wasi, fd)
    })?;
    write_u32(memory, out, events)
}

/// What a descriptor of wasmtime-wasi is to a poll.
fn other(files: &mut WasiP1Ctx, fd: u32) -> Result<Other, Errno> {
    match filetype(files, fd.cast_signed())? {
        FILETYPE_DIRECTORY | FILETYPE_REGULAR_FILE => Ok(Other::File),
        _ if fd == 0 => Ok(Other::Input),
        _ => Ok(Other::File),
    }
}

/// Asks wasmtime-wasi for the type of a descriptor.
fn filetype(files: &mut WasiP1Ctx, fd: i32) -> Result<u8, Errno> {
    // The answer goes to a piece of memory that plays the guest's: room for
    // one `$fdstat`, and for aligning it.
    let mut scratch = [0u8; 24 + 8];
    let at = scratch.as_ptr().align_offset(8);
    let mut memory = GuestMemory::Unshared(&mut scratch);
    match at_once(wasi::fd_fdstat_get(files, &mut memory, fd, at as i32)) {
        Ok(0) => scratch.get(at).copied().ok_or(Errno::Io),
        _ => Err(Errno::BadF),
    }
}

fn sock_accept(
    memory: &mut [u8],
    host: &mut Host,
    fd: u32,
    flags: u32,
    out: u32,
) -> Result<(), Errno> {
    write_u32(memory, out, 0)?;
    let accepted = host.sockets.accept(fd, flags & FDFLAGS_NONBLOCK == 0)?;
    write_u32(memory, out, accepted)
}

#[expect(clippy::too_many_arguments, reason = "preview 1 has as many")]
fn sock_recv(
    memory: &mut [u8],
    host: &mut Host,
    fd: u32,
    buffers: u32,
    count: u32,
    flags: u32,
    out: u32,
    out_flags: u32,
) -> Result<(), Errno> {
    if flags & !RIFLAGS_PEEK != 0 {
        return Err(Errno::NotSup);
    }
    let buffers = Buffers::read(memory, buffers, count)?;
    write_u32(memory, out, 0)?;
    write(memory, out_flags, &[0, 0])?;
    let peek = flags & RIFLAGS_PEEK != 0;
    let read = host.sockets.read(memory, fd, &buffers, peek)?;
    write_u32(memory, out, read)
}

fn sock_send(
    memory: &mut [u8],
    host: &mut Host,
    fd: u32,
    buffers: u32,
    count: u32,
    flags: u32,
    out: u32,
) -> Result<(), Errno> {
    // witx: `$siflags` has none yet.
    if flags != 0 {
        return Err(Errno::Inval);
    }
    fd_write(memory, host, fd, buffers, count, out)
}

fn sock_shutdown(_: &mut [u8], host: &mut Host, fd: u32, how: u32) -> Result<(), Errno> {
    let how = match how {
        1 => Shutdown::Read,
        2 => Shutdown::Write,
        3 => Shutdown::Both,
        _ => return Err(Errno::Inval),
    };
    host.sockets.shutdown(fd, how)
}
