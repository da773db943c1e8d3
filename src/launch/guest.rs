//! What a guest is given. Nothing that is not named here.

use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use super::socket::End;
use super::sockets::FIRST;

/// What a guest may see and use. A new one sees nothing: no arguments, no
/// environment, no files, no network; its output is the process's own.
///
/// ```
/// use prov::launch::{Access, Guest};
/// let mut guest = Guest::new();
/// guest
///     .args(["server", "--verbose"])
///     .env("LANG", "C")
///     .directory("/srv/data", "/data", Access::ReadWrite);
/// ```
#[derive(Default)]
pub struct Guest {
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) directories: Vec<Directory>,
    pub(super) sockets: Vec<End>,
    pub(super) input: Input,
    pub(super) output: Output,
    pub(super) connect: Connect,
    pub(super) memory_limit: Option<u64>,
}

/// A directory of the host under a name of the guest's.
pub(super) struct Directory {
    pub(super) host: PathBuf,
    pub(super) guest: String,
    pub(super) access: Access,
}

/// What a guest may do in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read, and change nothing.
    ReadOnly,
    /// Read and write.
    ReadWrite,
}

/// Where a guest reads its standard input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Input {
    /// Nowhere: it ends at once.
    #[default]
    Empty,
    /// From the process's own.
    Inherit,
}

/// Where a guest's standard output and error go.
#[derive(Default)]
pub enum Output {
    /// To the process's own.
    #[default]
    Inherit,
    /// Line by line to a function, both in the order they were written. What
    /// a guest writes is whatever it likes, control characters included.
    Lines(Sink),
}

/// Takes a line of output, without its end, on a thread of its own.
pub type Sink = Box<dyn FnMut(&str) + Send>;

/// Whether a guest may open connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connect {
    /// It may only answer those that come in.
    #[default]
    Denied,
    /// It may connect to anything and resolve names.
    Allowed,
}

impl Guest {
    /// A guest that is given nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds arguments; the first is the program's name by custom.
    pub fn args(&mut self, args: impl IntoIterator<Item = impl Into<String>>) -> &mut Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable in its environment.
    pub fn env(&mut self, name: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Lets it use the directory `host` by the name `guest`.
    pub fn directory(
        &mut self,
        host: impl Into<PathBuf>,
        guest: impl Into<String>,
        access: Access,
    ) -> &mut Self {
        self.directories.push(Directory {
            host: host.into(),
            guest: guest.into(),
            access,
        });
        self
    }

    /// Hands it a listener, and returns the descriptor that it finds it at.
    pub fn listener(&mut self, listener: TcpListener) -> u32 {
        self.socket(End::Listener(listener))
    }

    /// Hands it one end of a pair to be controlled by, and returns the
    /// descriptor that it finds it at.
    pub fn control(&mut self, stream: UnixStream) -> u32 {
        self.socket(End::Control(stream))
    }

    fn socket(&mut self, end: End) -> u32 {
        self.sockets.push(end);
        FIRST + self.sockets.len() as u32 - 1
    }

    /// Sets where its standard input comes from.
    pub fn input(&mut self, input: Input) -> &mut Self {
        self.input = input;
        self
    }

    /// Sets where its standard output and error go.
    pub fn output(&mut self, output: Output) -> &mut Self {
        self.output = output;
        self
    }

    /// Sets whether it may open connections.
    pub fn connect(&mut self, connect: Connect) -> &mut Self {
        self.connect = connect;
        self
    }

    /// Limits its memory, in bytes. The default is all that a module can
    /// address: 4 GiB.
    pub fn memory_limit(&mut self, bytes: u64) -> &mut Self {
        self.memory_limit = Some(bytes);
        self
    }
}
