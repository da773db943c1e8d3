//! `prov dev` beside a native nats-server, in one run, as ratios.
//!
//! ```console
//! cargo bench --bench nats
//! ```
//!
//! Needs Linux (it reads /proc) and Go, which installs the peers by name. Both
//! servers get the same work in turn, from the `nats` command. What is compared
//! is the CPU time of the server process per message, since the clients share
//! the machine's cores and a rate would measure them too. The subscriber rates that
//! `nats bench` prints are not used: their clock starts at the first delivery.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Each pair of measurements is made this often; medians are shown.
const ROUNDS: usize = 5;
/// Starts that are timed.
const STARTS: usize = 15;
const PEERS: [(&str, &str); 2] = [
    ("nats", "github.com/nats-io/natscli/nats@v0.5.1"),
    ("nats-server", "github.com/nats-io/nats-server/v2@v2.15.2"),
];

fn main() {
    let peers = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
    install(&peers);
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench {
        peers,
        home: folder.path().to_owned(),
    };
    println!("compiling the module once");
    drop(bench.prov());

    println!("\n{ROUNDS} rounds, median; both servers with JetStream on disk\n");
    println!("| server CPU per message | prov dev | native, GOMAXPROCS=1 | ratio |");
    println!("|---|---|---|---|");
    for load in LOADS {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(bench.cost(bench.prov(), load));
            theirs.push(bench.cost(bench.native(), load));
        }
        let ratios = ours.iter().zip(&theirs).map(|(a, b)| a / b).collect();
        let (ours, theirs) = (median(ours), median(theirs));
        println!(
            "| {} | {ours:.2} µs | {theirs:.2} µs | {:.2} |",
            load.name,
            median(ratios)
        );
    }

    println!("\n| | prov dev | native |");
    println!("|---|---|---|");
    let rates = |server: Server| bench.publish_rate(&server) / 1e6;
    println!(
        "| publish 16 B, one client | {:.2} M msg/s | {:.2} M msg/s |",
        median((0..ROUNDS).map(|_| rates(bench.prov())).collect()),
        median((0..ROUNDS).map(|_| rates(bench.native())).collect()),
    );
    let start = |server: &dyn Fn() -> Server| {
        let times = (0..STARTS).map(|_| server().started.as_secs_f64() * 1e3);
        median(times.collect())
    };
    println!(
        "| warm start to first PONG, whole process | {:.0} ms | {:.0} ms |",
        start(&|| bench.prov()),
        start(&|| bench.native())
    );
    let (ours, theirs) = (bench.prov(), bench.native());
    sleep(Duration::from_secs(1));
    let before = (ours.cpu(), theirs.cpu());
    sleep(Duration::from_secs(10));
    println!(
        "| CPU in 10 idle seconds | {} ms | {} ms |",
        (ours.cpu() - before.0).as_millis(),
        (theirs.cpu() - before.1).as_millis()
    );
    println!(
        "| memory, idle (RSS) | {} MB | {} MB |",
        ours.rss(),
        theirs.rss()
    );
}

/// Work for a server: a command of `nats bench`, and how many messages it is.
struct Load {
    name: &'static str,
    /// Runs beside it, and is ended after it.
    beside: &'static [&'static str],
    command: &'static [&'static str],
    messages: u64,
}

const LOADS: &[Load] = &[
    Load {
        name: "publish, 128 B",
        beside: &[],
        command: &["pub", "a", "--size=128", "--msgs=2000000"],
        messages: 2_000_000,
    },
    Load {
        name: "publish and subscribe, 128 B",
        beside: &["sub", "a", "--size=128", "--msgs=1000000"],
        command: &["pub", "a", "--size=128", "--msgs=1000000"],
        messages: 1_000_000,
    },
    Load {
        name: "request and reply, 50 clients, 128 B",
        beside: &["service", "serve", "a", "--size=128"],
        command: &[
            "service",
            "request",
            "a",
            "--size=128",
            "--clients=50",
            "--msgs=100000",
        ],
        messages: 100_000,
    },
    Load {
        name: "JetStream publish, acknowledged in batches, 128 B",
        beside: &[],
        command: &[
            "js",
            "pub",
            "async",
            "s",
            "--create",
            "--purge",
            "--size=128",
            "--msgs=200000",
        ],
        messages: 200_000,
    },
];

struct Bench {
    peers: PathBuf,
    home: PathBuf,
}

impl Bench {
    fn prov(&self) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_prov"));
        command
            .env("XDG_CACHE_HOME", self.home.join("cache"))
            .env("XDG_DATA_HOME", self.home.join("data"))
            // It is killed at the end and can't remove its data itself.
            .env("TMPDIR", &self.home)
            .args(["dev", "--ephemeral", "--listen"]);
        Server::start(|address| command.arg(address.to_string()))
    }

    fn native(&self) -> Server {
        let data = self.home.join("native");
        let _ = fs::remove_dir_all(&data);
        let mut command = Command::new(self.peers.join("nats-server"));
        command
            .env("GOMAXPROCS", "1")
            .args(["-js", "-a", "127.0.0.1", "-sd"])
            .arg(data);
        Server::start(|address| command.args(["-p", &address.port().to_string()]))
    }

    fn nats(&self, server: &Server, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.peers.join("nats"));
        command
            .env("HOME", &self.home)
            .env("XDG_CONFIG_HOME", self.home.join("config"))
            .args(["bench", "-s", &server.url()])
            .args(arguments)
            .arg("--no-progress")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// CPU microseconds of the server for each message of `load`.
    fn cost(&self, server: Server, load: &Load) -> f64 {
        let before = server.cpu();
        let beside = (!load.beside.is_empty()).then(|| {
            let child = self.nats(&server, load.beside).spawn().unwrap();
            sleep(Duration::from_millis(500));
            child
        });
        run(&mut self.nats(&server, load.command));
        if let Some(mut beside) = beside {
            // A subscriber ends by itself when all has come; a service never does.
            let start = Instant::now();
            while load.beside[0] == "sub" && beside.try_wait().unwrap().is_none() {
                assert!(
                    start.elapsed() < Duration::from_secs(60),
                    "messages are missing"
                );
                sleep(Duration::from_millis(10));
            }
            let _ = beside.kill();
            beside.wait().unwrap();
        }
        (server.cpu() - before).as_secs_f64() * 1e6 / load.messages as f64
    }

    /// Messages per second of one publisher, by the clock, until the server
    /// has answered a ping behind them.
    fn publish_rate(&self, server: &Server) -> f64 {
        let messages = 2_000_000u32;
        let one = b"PUB a 16\r\n0123456789abcdef\r\n";
        let chunk = one.repeat(2000);
        let mut stream = TcpStream::connect(server.address).unwrap();
        ping(&mut stream).unwrap();
        let start = Instant::now();
        for _ in 0..messages / 2000 {
            stream.write_all(&chunk).unwrap();
        }
        ping(&mut stream).unwrap();
        f64::from(messages) / start.elapsed().as_secs_f64()
    }
}

struct Server {
    child: Child,
    address: SocketAddr,
    /// From its start to its first PONG.
    started: Duration,
}

impl Server {
    fn start<'a>(command: impl FnOnce(SocketAddr) -> &'a mut Command) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let start = Instant::now();
        let child = command(address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // A connection that is made while prov compiles is reset when it starts anew.
        while TcpStream::connect(address)
            .and_then(|mut stream| ping(&mut stream))
            .is_err()
        {
            assert!(
                start.elapsed() < Duration::from_secs(120),
                "it does not start"
            );
            sleep(Duration::from_micros(200));
        }
        Self {
            child,
            address,
            started: start.elapsed(),
        }
    }

    fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// User and system time so far: proc(5), stat, fields 14 and 15, in ticks of 10 ms.
    fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<_> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    /// Resident memory in MB.
    fn rss(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
            * 1024
            / 1_000_000
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first lines of the NATS protocol, up to the answer.
fn ping(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n")?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    while line.trim_end() != "PONG" {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

fn run(command: &mut Command) {
    let mut child = command.spawn().unwrap();
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(child.wait().unwrap().success(), "{command:?}: {said}");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn install(peers: &Path) {
    for (name, module) in PEERS {
        if !peers.join(name).exists() {
            println!("installing {module}");
            let status = Command::new("go")
                .args(["install", module])
                .env("GOBIN", peers)
                .env("GOFLAGS", "")
                .status()
                .expect("Go is needed");
            assert!(status.success());
        }
    }
}
