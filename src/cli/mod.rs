//! The command line: one command, one file.
//!
//! A file has the arguments, their help with examples, and `run`. This one only
//! picks. Exit codes: 0 yes, 1 no, 2 can't say.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

mod attach;
mod attest;
mod audit;
mod completions;
mod conformance;
mod content;
mod copy;
#[cfg(feature = "launch")]
mod dev;
mod diff;
mod diff_output;
mod diff_release;
mod discover;
mod epoch;
mod error;
mod files;
mod finding;
mod gate;
pub mod html;
mod key;
mod keyless;
#[cfg(feature = "launch")]
mod launcher;
mod markdown;
mod password;
mod policy;
mod policy_file;
mod pull;
mod push;
mod rejected;
mod report;
mod resolve;
#[cfg(feature = "launch")]
mod run;
mod sarif;
mod sbom;
mod sbom_output;
mod signer;
mod store;
mod target;
mod ui;
mod verify;
mod vsa;

use error::{Exit, Failure};

/// Collects, signs, verifies and enforces supply-chain evidence, and runs only
/// what is attested.
#[derive(Parser)]
#[command(
    name = "prov",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 yes, 1 no, 2 can't say"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Say more; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    verbose: u8,

    /// When to use colour: auto, always or never
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true,
        help_heading = "Global options"
    )]
    color: ui::Color,
}

#[derive(Subcommand)]
enum Command {
    #[cfg(feature = "launch")]
    Dev(dev::Args),
    #[cfg(feature = "launch")]
    Run(run::Args),
    Verify(verify::Args),
    Attest(attest::Args),
    Sbom(sbom::Args),
    Audit(audit::Args),
    Diff(diff::Args),
    Push(push::Args),
    Attach(attach::Args),
    Discover(discover::Args),
    Pull(pull::Args),
    Copy(copy::Args),
    Policy(policy::Args),
    Key(key::Args),
    Completions(completions::Args),
    #[command(hide = true)]
    Conformance(conformance::Args),
}

/// What a command writes to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON document whose `schema` names its version.
    Json,
}

/// Runs prov with `arguments`, the program's name first.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // clap prints help to stdout and usage errors to stderr.
            let _ = error.print();
            return match error.use_stderr() {
                true => Exit::CantSay.into(),
                false => Exit::Yes.into(),
            };
        }
    };
    ui::set_color(cli.color);
    log_to_stderr(cli.verbose);
    let result = match cli.command {
        #[cfg(feature = "launch")]
        Command::Dev(args) => dev::run(args, cli.verbose),
        #[cfg(feature = "launch")]
        Command::Run(args) => run::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Attest(args) => attest::run(args, cli.verbose > 0),
        Command::Sbom(args) => sbom::run(args, cli.verbose > 0),
        Command::Audit(args) => audit::run(args),
        Command::Diff(args) => diff::run(args, cli.verbose > 0),
        Command::Push(args) => push::run(args),
        Command::Attach(args) => attach::run(args),
        Command::Discover(args) => discover::run(args),
        Command::Pull(args) => pull::run(args),
        Command::Copy(args) => copy::run(args),
        Command::Policy(args) => policy::run(args),
        Command::Key(args) => key::run(args),
        Command::Completions(args) => completions::run(&args, Cli::command()),
        Command::Conformance(args) => conformance::run(args),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            ui::failure(&failure);
            failure.exit.into()
        }
    }
}

/// `-v` and `PROV_LOG` show what the library tells through tracing.
fn log_to_stderr(verbose: u8) {
    use tracing_subscriber::EnvFilter;
    let filter = match (std::env::var("PROV_LOG"), verbose) {
        (Ok(filter), _) => filter,
        (Err(_), 0) => return,
        (Err(_), 1) => "prov=info".to_owned(),
        (Err(_), _) => "prov=debug".to_owned(),
    };
    let _ = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(anstream::stderr)
        .without_time()
        .with_target(false)
        .try_init();
}

type CommandResult = Result<Exit, Failure>;
