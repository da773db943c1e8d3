//! Launch: runs an attested WebAssembly module inside this process.
//!
//! [`run`] takes an [`Attested`] and nothing else; there is no other way in.
//! The guest sees what its [`Guest`] names: arguments, directories, listeners
//! that are open already. Compiled code is kept in a [`Cache`].
//!
//! Compiling a large module leaves much memory behind. A long-running program
//! can [`prepare`] first, and start itself anew when that compiled.

mod cache;
mod clock;
mod engine;
mod errno;
mod guest;
mod memory;
pub mod nats;
mod net;
mod output;
mod poll;
mod socket;
mod sockets;
mod wasi;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use wasmtime::{
    Linker, Module, Store, StoreLimits, StoreLimitsBuilder, Trap, UnknownImportError, WasmBacktrace,
};
use wasmtime_wasi::cli::{InputFile, OutputFile};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

pub use cache::{Cache, CacheError};
pub use guest::{Access, Connect, Guest, Input, Output, Sink};

use crate::artifact::ArtifactError;
use crate::policy::Attested;
use cache::Key;
use guest::Directory;
use output::Capture;
use wasi::Host;

/// All that a 32-bit module can address.
const MEMORY_LIMIT: u64 = 4 << 30;

/// Runs an attested module to its end, on a thread of its own.
pub fn run(
    attested: Attested,
    guest: Guest,
    cache: Option<&Cache>,
    progress: &mut dyn FnMut(Event),
) -> Result<Exit, LaunchError> {
    prepare(attested, cache, progress)?.run(guest)
}

/// Gets an attested module ready to run: from the cache, or by compiling it.
/// A module that is in the cache is not even unpacked.
pub fn prepare(
    attested: Attested,
    cache: Option<&Cache>,
    progress: &mut dyn FnMut(Event),
) -> Result<Prepared, LaunchError> {
    let name = attested.name().to_owned();
    let engine = engine::engine().map_err(|error| LaunchError::Engine(format!("{error:#}")))?;
    let key = Key::new(attested.digest(), &engine);
    let store = cache.and_then(|cache| match cache.open() {
        Ok(store) => Some(store),
        Err(error) => {
            progress(Event::CacheRefused(error));
            None
        }
    });
    match store.as_ref().map(|store| store.load(&engine, &key)) {
        Some(Ok(Some(module))) => {
            return Ok(Prepared {
                name,
                module,
                compiled: false,
            });
        }
        Some(Err(error)) => progress(Event::CacheRejected(error)),
        Some(Ok(None)) | None => {}
    }

    let bytes = attested.into_artifact().into_bytes()?;
    must_be_a_module(&name, &bytes)?;
    progress(Event::Compiling {
        size: bytes.len() as u64,
    });
    let start = Instant::now();
    let failed = |error: wasmtime::Error| LaunchError::Compile {
        name: name.clone(),
        reason: format!("{error:#}"),
    };
    let module = Module::new(&engine, &bytes).map_err(failed)?;
    progress(Event::Compiled {
        elapsed: start.elapsed(),
    });
    if let Some(store) = store {
        let code = module.serialize().map_err(failed)?;
        if let Err(error) = store.keep(&key, &code) {
            progress(Event::CacheUnwritable(error));
        }
    }
    Ok(Prepared {
        name,
        module,
        compiled: true,
    })
}

/// A module that is ready to run.
pub struct Prepared {
    name: String,
    module: Module,
    compiled: bool,
}

impl Prepared {
    /// True when the module was compiled just now and not found in the cache.
    /// The compiler's memory stays with the process.
    pub fn was_compiled(&self) -> bool {
        self.compiled
    }

    /// Runs the module to its end, on a thread of its own.
    pub fn run(self, guest: Guest) -> Result<Exit, LaunchError> {
        thread::Builder::new()
            .name("guest".to_owned())
            .stack_size(engine::THREAD_STACK)
            .spawn(move || self.run_here(guest))
            .map_err(LaunchError::Thread)?
            .join()
            .unwrap_or(Err(LaunchError::HostPanicked))
    }

    fn run_here(self, guest: Guest) -> Result<Exit, LaunchError> {
        let Self { name, module, .. } = self;
        let (host, capture) = host(guest)?;
        let mut store = Store::new(module.engine(), host);
        store.limiter(|host| &mut host.limits);
        let outcome = call_start(&name, &module, &mut store);
        // What the guest wrote last goes out before its end is told.
        store.into_data().sockets.finish();
        let output = capture.map(Capture::finish).unwrap_or_default();
        match outcome {
            Err(LaunchError::Trap { name, reason, .. }) => Err(LaunchError::Trap {
                name,
                reason,
                output,
            }),
            other => other,
        }
    }
}

/// How a guest ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The code that it ended with; 0 says that all went well.
    pub code: u8,
}

/// What happens on the way to a running guest.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The module is compiled, which can take a while.
    Compiling {
        /// The module's size in bytes.
        size: u64,
    },
    /// It was compiled.
    Compiled {
        /// How long that took.
        elapsed: Duration,
    },
    /// The cache is not safe to use, so it is not used.
    CacheRefused(CacheError),
    /// An entry was not what it should be, and was thrown away.
    CacheRejected(CacheError),
    /// What was compiled could not be kept.
    CacheUnwritable(CacheError),
}

/// Why a guest did not run to its own end.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The bytes could not be had.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// Not WebAssembly at all.
    #[error("{name} is not a WebAssembly module")]
    NotAModule {
        /// The artifact.
        name: String,
    },
    /// A component, which is another kind of guest.
    #[error("{name} is a WebAssembly component, not a WASI preview 1 module")]
    Component {
        /// The artifact.
        name: String,
    },
    /// No `_start`: a library, or a module for another host.
    #[error("{name} is no command: it has no function `_start`")]
    NotACommand {
        /// The artifact.
        name: String,
    },
    /// It wants something that prov does not offer.
    #[error("{name} asks for `{module}.{function}`, which prov does not offer")]
    UnknownImport {
        /// The artifact.
        name: String,
        /// The module of the import.
        module: String,
        /// The import's own name.
        function: String,
    },
    /// The compiler refused it.
    #[error("cannot compile {name}: {reason}")]
    Compile {
        /// The artifact.
        name: String,
        /// What the compiler said.
        reason: String,
    },
    /// It could not be set up.
    #[error("cannot start {name}: {reason}")]
    Instantiate {
        /// The artifact.
        name: String,
        /// What the engine said.
        reason: String,
    },
    /// A directory that the guest should have can't be opened.
    #[error("cannot open the directory {} for the guest", path.display())]
    Directory {
        /// The directory on the host.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its sockets or its input and output could not be set up.
    #[error("cannot set up the guest's input and output")]
    Io(#[source] io::Error),
    /// The guest broke off.
    #[error("{name} broke off: {reason}")]
    Trap {
        /// The artifact.
        name: String,
        /// Why, and where.
        reason: String,
        /// The last lines that it wrote, where its output was captured.
        output: Vec<String>,
    },
    /// The engine does not work on this machine.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    /// No thread to be had.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// A defect of prov.
    #[error("prov failed while the guest ran")]
    HostPanicked,
}

/// WebAssembly core specification, "Modules" in the binary format; the
/// component model uses the same magic and another version.
fn must_be_a_module(name: &str, bytes: &[u8]) -> Result<(), LaunchError> {
    let name = || name.to_owned();
    match bytes.split_first_chunk::<8>() {
        Some(([0, b'a', b's', b'm', 1, 0, 0, 0], _)) => Ok(()),
        Some(([0, b'a', b's', b'm', _, 0, 1, 0], _)) => {
            Err(LaunchError::Component { name: name() })
        }
        _ => Err(LaunchError::NotAModule { name: name() }),
    }
}

/// Sets up what the guest was given.
fn host(guest: Guest) -> Result<(Host, Option<Capture>), LaunchError> {
    let mut wasi = WasiCtxBuilder::new();
    // Directories take this setting over, so it comes first.
    wasi.allow_blocking_current_thread(true);
    wasi.args(&guest.args).envs(&guest.env);
    let mut directories = Vec::new();
    for Directory {
        host,
        guest,
        access,
    } in guest.directories
    {
        let access = match access {
            Access::ReadOnly => FsPerms::ReadOnly,
            Access::ReadWrite => FsPerms::ReadWrite,
        };
        let opened = wasi
            .preopened_dir(&host, guest, access)
            .map_err(io::Error::other)
            .and_then(|_| File::open(&host));
        match opened {
            Ok(file) if access == FsPerms::ReadWrite => directories.push(file),
            Ok(_) => {}
            Err(source) => return Err(LaunchError::Directory { path: host, source }),
        }
    }
    let mut input = None;
    if guest.input == Input::Inherit {
        let copy = || io::stdin().as_fd().try_clone_to_owned();
        wasi.stdin(InputFile::new(copy().map_err(LaunchError::Io)?.into()));
        input = Some(copy().map_err(LaunchError::Io)?);
    }
    let mut capture = None;
    match guest.output {
        Output::Inherit => {
            wasi.inherit_stdout().inherit_stderr();
        }
        Output::Lines(sink) => {
            let (started, writer) = Capture::start(sink).map_err(LaunchError::Io)?;
            capture = Some(started);
            let writer = File::from(OwnedFd::from(writer));
            let output = OutputFile::new(writer);
            wasi.stdout(output.clone()).stderr(output);
        }
    }
    let limit = guest.memory_limit.unwrap_or(MEMORY_LIMIT);
    let limits: StoreLimits = StoreLimitsBuilder::new()
        .memory_size(usize::try_from(limit).unwrap_or(usize::MAX))
        .build();
    let mut host = Host::new(wasi.build_p1(), limits);
    host.input = input;
    host.directories = directories;
    host.connects = guest.connect == Connect::Allowed;
    for end in guest.sockets {
        // As other hosts do: a pre-opened socket does not block.
        host.sockets
            .add(end, false)
            .map_err(|errno| LaunchError::Io(io::Error::other(format!("{errno:?}"))))?;
    }
    Ok((host, capture))
}

/// Instantiates the module and calls its `_start`.
fn call_start(name: &str, module: &Module, store: &mut Store<Host>) -> Result<Exit, LaunchError> {
    let cannot_start = |error: wasmtime::Error| LaunchError::Instantiate {
        name: name.to_owned(),
        reason: format!("{error:#}"),
    };
    let mut linker = Linker::new(module.engine());
    wasi::add_to_linker(&mut linker).map_err(cannot_start)?;
    let ready = linker.instantiate_pre(module).map_err(|error| {
        match error.downcast_ref::<UnknownImportError>() {
            Some(import) => LaunchError::UnknownImport {
                name: name.to_owned(),
                module: import.module().to_owned(),
                function: import.name().to_owned(),
            },
            None => cannot_start(error),
        }
    })?;
    if module.get_export("_start").is_none() {
        return Err(LaunchError::NotACommand {
            name: name.to_owned(),
        });
    }
    let outcome = ready.instantiate(&mut *store).map_err(|error| {
        match error.is::<Trap>() || error.is::<I32Exit>() {
            true => Ok(error),
            false => Err(cannot_start(error)),
        }
    });
    let outcome = match outcome {
        Ok(instance) => {
            let start = instance
                .get_typed_func::<(), ()>(&mut *store, "_start")
                .map_err(cannot_start)?;
            start.call(&mut *store, ())
        }
        // The module's own start function ended it.
        Err(Ok(error)) => Err(error),
        Err(Err(error)) => return Err(error),
    };
    match outcome {
        Ok(()) => Ok(Exit { code: 0 }),
        Err(error) => exit_or_trap(name, &error),
    }
}

fn exit_or_trap(name: &str, error: &wasmtime::Error) -> Result<Exit, LaunchError> {
    let mut reason = match error.downcast_ref::<I32Exit>() {
        Some(I32Exit(code)) => match u8::try_from(*code) {
            Ok(code) => return Ok(Exit { code }),
            Err(_) => format!("exit code {code} is not within 0 to 255"),
        },
        None => error.root_cause().to_string(),
    };
    let frames = error.downcast_ref::<WasmBacktrace>();
    let functions: Vec<_> = frames
        .into_iter()
        .flat_map(WasmBacktrace::frames)
        .filter_map(|frame| frame.func_name())
        .take(5)
        .collect();
    if !functions.is_empty() {
        reason.push_str(&format!(" in {}", functions.join(" < ")));
    }
    Err(LaunchError::Trap {
        name: name.to_owned(),
        reason,
        output: Vec::new(),
    })
}
