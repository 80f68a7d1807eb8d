//! The `decnet` command: arguments in, exit codes out. What is done is done by the crates below.
#![forbid(unsafe_code)]

mod args;
mod exit;
mod feed;
mod output;

use clap::Parser as _;

fn main() {
    let cli = args::Cli::parse();
    let _ = (cli.command, output::Output::of(&cli.global));
    let _ = feed::line;
}
