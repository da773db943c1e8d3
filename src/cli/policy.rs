//! `prov policy`: look at policy files.

use std::path::PathBuf;

use super::error::Exit;
use super::{CommandResult, policy_file, ui};

/// Look at policy files
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Check(Check),
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
    let Command::Check(check) = args.command;
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
