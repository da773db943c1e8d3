//! `prov dev`: the attested NATS server, inside this process.

use std::collections::VecDeque;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use etcetera::app_strategy::AppStrategy as _;
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tempfile::TempDir;

use crate::artifact::Artifact;
use crate::bundle::Evidence;
use crate::launch::nats::{Addresses, Bound, Control, NatsError, Server};
use crate::launch::{Connect, Output};

use super::error::{Exit, Failure, reasons};
use super::gate::{Fallback, GateArgs, Judgement};
use super::{CommandResult, Format, files, launcher, run::MAX_MODULE, ui};

/// How many lines of a server that fails are shown.
const LAST_LINES: usize = 20;

/// Run the attested NATS server inside this process
///
/// The server is upstream nats-server, compiled to WebAssembly and embedded in
/// prov. Its attestation is verified before it runs; there is no way around
/// that. JetStream is on, and its data is there again after a restart.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov dev
  prov dev --listen 127.0.0.1:0 --ephemeral --format json
  prov dev --monitor 8222 --websocket 8080 --nats-config nats.conf

Ctrl-C shuts the server down cleanly; a second one stops it at once.

Exit codes: 0 shut down as asked, 1 refused, 2 can't say")]
pub(super) struct Args {
    /// Where clients connect: ADDRESS:PORT, or a port on 127.0.0.1; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4222", value_parser = address)]
    listen: SocketAddr,

    /// Also serve the monitoring endpoint (HTTP)
    #[arg(long, value_name = "ADDR", value_parser = address)]
    monitor: Option<SocketAddr>,

    /// Also serve NATS over websockets
    #[arg(long, value_name = "ADDR", value_parser = address)]
    websocket: Option<SocketAddr>,

    /// Also let leaf nodes connect
    #[arg(long, value_name = "ADDR", value_parser = address)]
    leafnode: Option<SocketAddr>,

    /// Where to keep the data [default: this user's data folder]
    #[arg(long, value_name = "DIR", conflicts_with = "ephemeral")]
    data: Option<PathBuf>,

    /// Keep the data in a folder that is removed at the end
    #[arg(long)]
    ephemeral: bool,

    /// A configuration file of nats-server; the server can read its folder
    #[arg(long, value_name = "FILE")]
    nats_config: Option<PathBuf>,

    /// An argument of nats-server, such as --nats-arg=--debug; may be repeated
    #[arg(long = "nats-arg", value_name = "ARG", allow_hyphen_values = true)]
    nats_args: Vec<String>,

    /// Let the server open connections, as the leaf node remotes of a
    /// configuration file do
    #[arg(long)]
    allow_connect: bool,

    /// Run this module instead of the embedded one; its evidence is --bundle
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,

    #[command(flatten)]
    gate: GateArgs,

    /// How to tell on stdout that the server is ready
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
}

/// `127.0.0.1:4222`, `[::1]:4222`, `localhost:4222` or `4222`.
fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok(([127, 0, 0, 1], port).into());
    }
    let wanted = || "wanted ADDRESS:PORT or a port".to_owned();
    text.to_socket_addrs()
        .map_err(|error| format!("{}: {error}", wanted()))?
        .next()
        .ok_or_else(wanted)
}

pub(super) fn run(args: Args, verbose: u8) -> CommandResult {
    let started = Instant::now();
    let (artifact, evidence) = args.artifact()?;
    let judgement = args.gate.trust.judge(&artifact, &evidence, Fallback::Dev)?;
    let attested = judgement.admit(artifact)?;

    // What is in the way is told before the module is compiled.
    let mut site = Site::open(&args)?;
    let prepared = launcher::ready(attested)?;
    if prepared.was_compiled() && launcher::may_start_anew() {
        drop(site);
        launcher::start_anew();
        site = Site::open(&args)?;
    }
    ui::say(&verified_line(&judgement));

    let Site {
        bound,
        data,
        ephemeral,
    } = site;
    let Bound {
        mut guest,
        control,
        addresses,
        lock: _lock,
    } = bound;
    let log = Log::new(verbose > 0, args.allow_connect);
    let sink = log.clone();
    guest.output(Output::Lines(Box::new(move |line| sink.line(line))));
    let no_line = |error| Failure::cant_say("cannot control the server").with("reason", error);
    stop_on_signals(
        control.try_clone().map_err(no_line)?,
        ephemeral.as_ref().map(|dir| dir.path().to_owned()),
    )?;
    tell_when_ready(control, addresses, data, args.format, started);

    let exit = prepared
        .run(guest)
        .map_err(|error| launcher::failure(&error))?;
    match exit.code {
        0 => Ok(Exit::Yes),
        code => Err(log.failure(code)),
    }
}

impl Args {
    /// The embedded module, or the one that was named.
    fn artifact(&self) -> Result<(Artifact, Vec<Evidence>), Failure> {
        let Some(path) = &self.module else {
            return embedded(&self.gate);
        };
        let file = files::open(path, "module")?;
        let evidence = self.gate.evidence(path)?;
        let artifact = Artifact::read(files::name(path), file, MAX_MODULE)
            .map_err(|error| Failure::cant_say(reasons(&error)))?;
        Ok((artifact, evidence))
    }
}

#[cfg(feature = "embedded-nats")]
fn embedded(gate: &GateArgs) -> Result<(Artifact, Vec<Evidence>), Failure> {
    let (artifact, evidence) = crate::launch::nats::embedded().map_err(|error| {
        Failure::cant_say("the server in this binary is damaged")
            .with("reason", reasons(&error))
            .hint("`cargo install prov --force` builds it anew")
    })?;
    // Evidence that was named is judged in place of the embedded one.
    match gate.bundles.is_empty() {
        true => Ok((artifact, vec![evidence])),
        false => Ok((artifact, gate.evidence(Path::new("nats.wasm"))?)),
    }
}

#[cfg(not(feature = "embedded-nats"))]
fn embedded(_: &GateArgs) -> Result<(Artifact, Vec<Evidence>), Failure> {
    Err(Failure::cant_say("no server is embedded in this binary").hint("`--module FILE` names one"))
}

/// What was verified, in one line: who made it and how much that proves.
fn verified_line(judgement: &Judgement) -> String {
    let (style, dim) = (ui::GOOD, ui::DIM);
    let what = judgement
        .dependency("pkg:golang/github.com/nats-io/nats-server/v2@")
        .map_or_else(
            || "module".to_owned(),
            |version| format!("nats-server {version}"),
        );
    let level = judgement.verdict.level();
    let why = match level {
        1 => " (a local build: only whoever built it vouches for it)",
        _ => "",
    };
    format!(
        "{style}verified{style:#} {}, SLSA Build L{level}{dim}{why}{dim:#}",
        ui::clean(&what)
    )
}

/// Where a server keeps its data and listens.
struct Site {
    bound: Bound,
    data: PathBuf,
    ephemeral: Option<TempDir>,
}

impl Site {
    fn open(args: &Args) -> Result<Self, Failure> {
        let ephemeral = match args.ephemeral {
            true => Some(TempDir::with_prefix("prov-nats-").map_err(|error| {
                Failure::cant_say("cannot make a temporary folder").with("reason", error)
            })?),
            false => None,
        };
        let data = match (&args.data, &ephemeral) {
            (Some(data), _) => data.clone(),
            (None, Some(dir)) => dir.path().to_owned(),
            (None, None) => launcher::folders()?.in_data_dir("nats"),
        };
        let server = Server {
            listen: args.listen,
            monitor: args.monitor,
            websocket: args.websocket,
            leafnode: args.leafnode,
            data: data.clone(),
            config: args.nats_config.clone(),
            arguments: args.nats_args.clone(),
            connect: match args.allow_connect {
                true => Connect::Allowed,
                false => Connect::Denied,
            },
        };
        let bound = server.bind().map_err(|error| in_the_way(&error))?;
        Ok(Self {
            bound,
            data,
            ephemeral,
        })
    }
}

fn in_the_way(error: &NatsError) -> Failure {
    let failure = Failure::cant_say(error.to_string());
    let failure = match std::error::Error::source(error) {
        Some(cause) => failure.with("reason", cause),
        None => failure,
    };
    match error {
        NatsError::Listen { address, .. } => failure.hint(format!(
            "`prov dev --listen {}:0` takes a free port",
            address.ip()
        )),
        NatsError::Data { .. } => failure.hint(
            "`prov dev --data DIR` keeps the data elsewhere, `prov dev --ephemeral` keeps none",
        ),
        NatsError::DataInUse(_) => failure.hint("`prov dev --data DIR` gives this server its own"),
        _ => failure,
    }
}

/// First signal: shut down cleanly. Second: stop now.
fn stop_on_signals(mut control: Control, ephemeral: Option<PathBuf>) -> Result<(), Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM])
        .map_err(|error| Failure::cant_say("cannot wait for signals").with("reason", error))?;
    thread::spawn(move || {
        let mut pending = signals.forever();
        if pending.next().is_some() {
            ui::say("shutting down; once more stops at once");
            let _ = control.stop();
        }
        if let Some(signal) = pending.next() {
            if let Some(folder) = ephemeral {
                let _ = std::fs::remove_dir_all(folder);
            }
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}

fn tell_when_ready(
    mut control: Control,
    addresses: Addresses,
    data: PathBuf,
    format: Format,
    started: Instant,
) {
    thread::spawn(move || {
        if !control.wait_until_ready() {
            return;
        }
        if format == Format::Json {
            let report = json!({
                "schema": "prov.dev/v1",
                "event": "ready",
                "url": format!("nats://{}", addresses.client),
                "monitor": addresses.monitor.map(|at| format!("http://{at}")),
                "websocket": addresses.websocket.map(|at| format!("ws://{at}")),
                "leafnode": addresses.leafnode.map(|at| format!("nats-leaf://{at}")),
                "data": data,
            });
            ui::data(&format!("{report}\n"));
        }
        let (style, dim) = (ui::GOOD, ui::DIM);
        let others = [
            ("monitoring at http", addresses.monitor),
            ("websockets at ws", addresses.websocket),
            ("leaf nodes at nats-leaf", addresses.leafnode),
        ];
        let mut lines = vec![format!(
            "{style}ready{style:#} nats://{} {dim}in {}{dim:#}",
            addresses.client,
            ui::duration(started.elapsed())
        )];
        for (what, address) in others {
            lines.extend(address.map(|address| format!("  {what}://{address}")));
        }
        lines.push(format!("  JetStream keeps its data in {}", data.display()));
        ui::say(&lines.join("\n"));
        // Held until the end: the server shuts down when its line is dropped.
        control.wait_until_closed();
    });
}

/// What the server says. Its own log is talk: all of it with -v, what is wrong
/// always, and the last of it when the server fails.
#[derive(Clone)]
struct Log {
    all: bool,
    may_connect: bool,
    last: Arc<Mutex<VecDeque<String>>>,
}

impl Log {
    fn new(all: bool, may_connect: bool) -> Self {
        Self {
            all,
            may_connect,
            last: Arc::default(),
        }
    }

    fn line(&self, line: &str) {
        let wrong = ["[WRN]", "[ERR]", "[FTL]"]
            .iter()
            .any(|mark| line.contains(mark));
        if self.all || wrong {
            ui::say(&ui::clean(line));
        }
        if !self.may_connect && line.contains("connect: Permission denied") {
            ui::hint("`prov dev --allow-connect …` lets the server connect to others");
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(line.to_owned());
    }

    /// The server ended by itself. Its last line says why, and may have a hint.
    fn failure(&self, code: u8) -> Failure {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut reason, mut hint) = (None, None);
        for line in last.iter() {
            if let Some(text) = line.strip_prefix("nats: ") {
                reason = Some(text.to_owned());
            } else if let Some(text) = line.strip_prefix("hint: ") {
                hint = Some(text.to_owned());
            }
        }
        let failure = Failure::cant_say(format!("the NATS server ended with exit code {code}"));
        let mut failure = match reason {
            Some(reason) => failure.with("reason", reason),
            None => failure.with(
                "output",
                last.iter().cloned().collect::<Vec<_>>().join("\n"),
            ),
        };
        failure.hint = hint;
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_be_short() {
        assert_eq!(address("4222"), Ok("127.0.0.1:4222".parse().unwrap()));
        assert_eq!(address("[::1]:1"), Ok("[::1]:1".parse().unwrap()));
        for bad in ["", "4222x", "127.0.0.1", "70000", ":"] {
            assert!(address(bad).is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn a_failed_server_tells_its_reason_and_hint() {
        let log = Log::new(false, false);
        for line in [
            "[1] [INF] Starting",
            "nats: port asked for",
            "hint: prov dev --listen 1",
        ] {
            log.line(line);
        }
        let failure = log.failure(2);
        assert_eq!(failure.details, [("reason", "port asked for".to_owned())]);
        assert_eq!(failure.hint.as_deref(), Some("prov dev --listen 1"));
    }
}
