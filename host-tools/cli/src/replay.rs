//! `pagewalk replay`: a recording told again, a line for each fault, at its pace or another.

use std::path::PathBuf;

use link::transport::{Spec, Speed};

use crate::dash;

/// Tell a recording again: its text, and a line for each fault, when they came or faster.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk replay run.pwlog
  pagewalk replay run.pwlog --speed 10x
  pagewalk replay run.pwlog --speed max | grep 'task 3'
In the dashboard: pagewalk dash run.pwlog@10x")]
pub struct ReplayArgs {
    /// The recording, as `pagewalk record` or `connect --record` wrote it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How fast: 1x is as it was, max does not wait
    #[arg(long, value_name = "TIMES|max", default_value = "1x")]
    speed: Speed,
}

/// Prints it.
pub fn run(args: ReplayArgs) -> anyhow::Result<()> {
    dash::replay(&Spec::Recording(args.file, args.speed))
}
