//! `pagewalk replay`: replays a recording, one line per fault, at its own or another speed.

use std::path::PathBuf;

use link::transport::{Spec, Speed};

use crate::dash;

/// Replay a recording: its text, and one line per fault, at the recorded times or faster.
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
    /// Speed: 1x is as recorded, max does not wait
    #[arg(long, value_name = "TIMES|max", default_value = "1x")]
    speed: Speed,
}

/// Prints the replay.
pub fn run(args: ReplayArgs) -> anyhow::Result<()> {
    dash::replay(&Spec::Recording(args.file, args.speed))
}
