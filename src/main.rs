//! The door: parse, run, show an error, exit.

fn main() {}
