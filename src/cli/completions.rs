//! `prov completions`: what a shell needs to complete prov's arguments.

use clap_complete::Shell;

use super::error::Exit;
use super::{CommandResult, ui};

/// Print the script by which a shell completes prov's arguments
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov completions bash > prov.bash
  prov completions zsh > _prov

Exit codes: 0 printed, 2 can't say")]
pub(super) struct Args {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(args: &Args, mut prov: clap::Command) -> CommandResult {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut prov, "prov", &mut script);
    ui::data(&String::from_utf8_lossy(&script));
    Ok(Exit::Yes)
}
