//! `prov policy`: look at policy files.

use std::path::PathBuf;

use super::error::Exit;
use super::{CommandResult, policy_file, ui};

mod explain;
mod init;

/// Make policy files, look at them, explain what they say
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Check(Check),
    Explain(explain::Explain),
    Init(init::Init),
}

/// Read policy files and point at what is wrong with them
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov policy check policies/release.toml

Exit codes: 0 usable, 2 not usable")]
struct Check {
    /// The policies
    #[arg(value_name = "FILE", required = true)]
    policies: Vec<PathBuf>,
}

pub(super) fn run(args: Args) -> CommandResult {
    match args.command {
        Command::Check(check) => run_check(&check),
        Command::Explain(args) => explain::run(&args),
        Command::Init(args) => init::run(&args),
    }
}

fn run_check(check: &Check) -> CommandResult {
    let mut exit = Exit::Yes;
    for path in &check.policies {
        match policy_file::read(path) {
            Ok(found) => ui::say(&format!("usable {}", ui::clean(&found.described))),
            Err(failure) => {
                ui::failure(&failure);
                exit = failure.exit;
            }
        }
    }
    Ok(exit)
}
