//! `prov run`: verify a WASI module, then run it in this process.

use std::path::PathBuf;

use crate::artifact::Artifact;
use crate::launch::{Access, Connect, Guest, Input};

use super::error::{Exit, Failure, reasons};
use super::gate::{Fallback, GateArgs};
use super::store::{self, Stored};
use super::{CommandResult, files, launcher};

/// The largest module that is read, in bytes.
pub(super) const MAX_MODULE: u64 = 512 << 20;

/// Verify a WASI module, then run it
///
/// The module sees its arguments, standard input and output, and what --dir and
/// --env give it: no other file, no network.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov run ghcr.io/me/app:v1 --policy release.toml
  prov run app.wasm --key prov.pub --insecure-ignore-tlog -- --port 8080
  prov run app.wasm --policy release.toml --dir ./data::/data --env LOG=debug

Exit codes: the module's own once it runs; before that 1 refused, 2 can't say")]
pub(super) struct Args {
    /// The module: a file, HOST/REPOSITORY[:TAG][@DIGEST] or oci:DIR[:TAG]
    #[arg(value_name = "MODULE|REF")]
    module: PathBuf,

    #[command(flatten)]
    gate: GateArgs,

    /// A folder that the module may use, HOST or HOST::GUEST; may be repeated
    #[arg(long = "dir", value_name = "HOST[::GUEST]")]
    dirs: Vec<String>,

    /// A folder that the module may read, HOST or HOST::GUEST; may be repeated
    #[arg(long = "read-only-dir", value_name = "HOST[::GUEST]")]
    read_only_dirs: Vec<String>,

    /// A variable of the module's environment; may be repeated
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,

    /// Let the module open connections and resolve names
    #[arg(long)]
    allow_connect: bool,

    /// The most memory that the module may have, in MiB
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=4096))]
    max_memory: Option<u64>,

    /// Arguments of the module
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("wanted NAME=VALUE".to_owned()),
    }
}

pub(super) fn run(args: Args) -> CommandResult {
    let (name, artifact, evidence) = match store::reference_or_file(args.module.as_os_str())? {
        Some(reference) => {
            let stored = Stored::find(&reference)?;
            let evidence = stored.evidence(&args.gate)?;
            let module = stored.module(MAX_MODULE, &evidence)?;
            (reference.to_string(), module, evidence)
        }
        None => {
            let name = files::name(&args.module);
            let file = files::open(&args.module, "module")?;
            let evidence = args.gate.evidence(&args.module)?;
            let artifact = Artifact::read(&name, file, MAX_MODULE)
                .map_err(|error| Failure::cant_say(reasons(&error)))?;
            (name, artifact, evidence)
        }
    };
    let judgement = args
        .gate
        .trust
        .judge(&artifact, &evidence, Fallback::None)?;
    let attested = judgement.admit(artifact)?;

    let mut guest = Guest::new();
    guest.args([name]).args(args.args).input(Input::Inherit);
    for (dirs, access) in [
        (&args.dirs, Access::ReadWrite),
        (&args.read_only_dirs, Access::ReadOnly),
    ] {
        for dir in dirs {
            let (host, seen_as) = dir.split_once("::").unwrap_or((dir, dir));
            guest.directory(host, seen_as, access);
        }
    }
    for (name, value) in args.env {
        guest.env(name, value);
    }
    if args.allow_connect {
        guest.connect(Connect::Allowed);
    }
    if let Some(mib) = args.max_memory {
        guest.memory_limit(mib << 20);
    }
    let prepared = launcher::ready(attested)?;
    let exit = prepared
        .run(guest)
        .map_err(|error| launcher::failure(&error))?;
    Ok(Exit::Guest(exit.code))
}
