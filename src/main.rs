//! The door: parse, run, show an error, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    prov::cli::main(std::env::args_os())
}
