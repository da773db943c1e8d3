//! The NATS server as a guest: the host's side of the contract that
//! `guest/main.go` states.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::{Access, Connect, Guest};

#[cfg(feature = "embedded-nats")]
mod embedded;

#[cfg(feature = "embedded-nats")]
pub use embedded::{build_key, embedded};

/// Where the guest sees the data directory.
const DATA: &str = "/data";
/// Where the guest sees the folder of its configuration file.
const CONFIG: &str = "/config";
/// Locked while a server uses a data directory.
const LOCK: &str = "prov.lock";

/// What a server listens on, keeps its data in and is told.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where clients connect. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The monitoring endpoint (HTTP).
    pub monitor: Option<SocketAddr>,
    /// NATS over websockets.
    pub websocket: Option<SocketAddr>,
    /// Leaf nodes of other servers.
    pub leafnode: Option<SocketAddr>,
    /// The folder for JetStream's files; made if need be.
    pub data: PathBuf,
    /// A configuration file of nats-server. The guest can read its folder.
    pub config: Option<PathBuf>,
    /// Arguments of nats-server.
    pub arguments: Vec<String>,
    /// Whether it may connect to others, as leaf node remotes do.
    pub connect: Connect,
}

/// A server that has its sockets and its data, and does not run yet.
pub struct Bound {
    /// What to launch.
    pub guest: Guest,
    /// The line to the running guest.
    pub control: Control,
    /// The addresses in use.
    pub addresses: Addresses,
    /// Keeps other servers from the same data; released when dropped.
    pub lock: File,
}

/// The addresses that a server really has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Clients.
    pub client: SocketAddr,
    /// Monitoring.
    pub monitor: Option<SocketAddr>,
    /// Websockets.
    pub websocket: Option<SocketAddr>,
    /// Leaf nodes.
    pub leafnode: Option<SocketAddr>,
}

impl Server {
    /// Opens the sockets and the data directory, so that what is in the way is
    /// known before anything is compiled or run.
    pub fn bind(&self) -> Result<Bound, NatsError> {
        let lock = lock(&self.data)?;
        let mut guest = Guest::new();
        guest.args(["nats-server"]).connect(self.connect);
        guest.directory(&self.data, DATA, Access::ReadWrite);
        guest.env("PROV_STORE_DIR", DATA);
        if let Some(config) = &self.config {
            let (folder, name) = split(config)?;
            guest.directory(folder, CONFIG, Access::ReadOnly);
            guest.args(["-c".to_owned(), format!("{CONFIG}/{name}")]);
        }
        guest.args(self.arguments.iter().cloned());

        let mut sockets = Vec::new();
        let mut listen = |name: &str, address: SocketAddr| {
            let taken = |source| NatsError::Listen { address, source };
            let listener = TcpListener::bind(address).map_err(taken)?;
            let address = listener.local_addr().map_err(taken)?;
            let descriptor = guest.listener(listener);
            sockets.push(format!("{name}={descriptor}@{address}"));
            Ok::<_, NatsError>(address)
        };
        let addresses = Addresses {
            client: listen("client", self.listen)?,
            monitor: self.monitor.map(|at| listen("http", at)).transpose()?,
            websocket: self
                .websocket
                .map(|at| listen("websocket", at))
                .transpose()?,
            leafnode: self.leafnode.map(|at| listen("leafnode", at)).transpose()?,
        };
        guest.env("PROV_LISTEN", sockets.join(","));
        let (ours, theirs) = UnixStream::pair().map_err(NatsError::Control)?;
        let descriptor = guest.control(theirs);
        guest.env("PROV_CONTROL_FD", descriptor.to_string());
        Ok(Bound {
            guest,
            control: Control { stream: ours },
            addresses,
            lock,
        })
    }
}

fn lock(data: &Path) -> Result<File, NatsError> {
    let unusable = |source| NatsError::Data {
        path: data.to_owned(),
        source,
    };
    fs::create_dir_all(data).map_err(unusable)?;
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(data.join(LOCK))
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(NatsError::DataInUse(data.to_owned())),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// The folder of a configuration file, and its name there.
fn split(config: &Path) -> Result<(PathBuf, String), NatsError> {
    let unusable = |source| NatsError::Config {
        path: config.to_owned(),
        source,
    };
    let config = fs::canonicalize(config).map_err(unusable)?;
    // Reading it now tells what is wrong with it in the user's own words.
    File::open(&config)
        .and_then(|mut file| file.read(&mut [0]))
        .map_err(unusable)?;
    match (
        config.parent(),
        config.file_name().and_then(|name| name.to_str()),
    ) {
        (Some(folder), Some(name)) => Ok((folder.to_owned(), name.to_owned())),
        _ => Err(unusable(io::ErrorKind::InvalidFilename.into())),
    }
}

/// The line to a running server. When it is dropped, the server shuts down.
#[derive(Debug)]
pub struct Control {
    stream: UnixStream,
}

impl Control {
    /// Another handle of the same line.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            stream: self.stream.try_clone()?,
        })
    }

    /// Waits until clients can connect; false when the guest ended before.
    pub fn wait_until_ready(&mut self) -> bool {
        let mut byte = [0];
        matches!(self.stream.read(&mut byte), Ok(1)) && byte == *b"r"
    }

    /// Waits until the server closed its end.
    pub fn wait_until_closed(&mut self) {
        let mut byte = [0];
        while matches!(self.stream.read(&mut byte), Ok(1)) {}
    }

    /// Asks for a clean shutdown.
    pub fn stop(&mut self) -> io::Result<()> {
        self.stream.write_all(b"q")
    }
}

/// Why a server can't be started.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// The address can't be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The data directory can't be used.
    #[error("cannot use the data directory `{}`", path.display())]
    Data {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another server uses the data directory.
    #[error("another server uses the data directory `{}`", .0.display())]
    DataInUse(PathBuf),
    /// The configuration file can't be read.
    #[error("cannot read the configuration file `{}`", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No line to the guest.
    #[error("cannot make a line to the server")]
    Control(#[source] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(data: &Path) -> Server {
        Server {
            listen: "127.0.0.1:0".parse().unwrap(),
            monitor: None,
            websocket: None,
            leafnode: None,
            data: data.to_owned(),
            config: None,
            arguments: Vec::new(),
            connect: Connect::Denied,
        }
    }

    #[test]
    fn a_taken_port_is_told_before_anything_runs() {
        let dir = tempfile::tempdir().unwrap();
        let bound = server(dir.path()).bind().unwrap();
        let mut second = server(&dir.path().join("other"));
        second.listen = bound.addresses.client;
        assert!(
            matches!(second.bind(), Err(NatsError::Listen { address, .. })
            if address == bound.addresses.client)
        );
    }

    #[test]
    fn two_servers_never_share_their_data() {
        let dir = tempfile::tempdir().unwrap();
        let first = server(dir.path()).bind().unwrap();
        assert!(matches!(
            server(dir.path()).bind(),
            Err(NatsError::DataInUse(_))
        ));
        drop(first);
        assert!(server(dir.path()).bind().is_ok());
    }

    #[test]
    fn an_unusable_folder_and_a_missing_configuration_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(server(&file).bind(), Err(NatsError::Data { .. })));
        let mut lost = server(dir.path());
        lost.config = Some(dir.path().join("missing.conf"));
        assert!(matches!(lost.bind(), Err(NatsError::Config { .. })));
    }
}
