//! `pagewalk ps`: the tasks of a running board.

use link::transport::Spec;

use crate::board;
use crate::format::Format;

/// List the tasks of a running board: state, memory, faults, root of the page tables.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk ps --from /dev/ttyUSB0@2000000
  pagewalk ps --from tcp://localhost:4444 --format json
  pagewalk ps --from run.pwlog")]
pub struct PsArgs {
    /// The board: /dev/ttyUSB0@2000000, tcp://HOST:PORT, unix:PATH, qemu
    #[arg(long, value_name = "SPEC")]
    from: Spec,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Prints the task table.
pub fn run(args: PsArgs) -> anyhow::Result<()> {
    let mut board = board::open(&args.from)?;
    let tasks = board.tasks()?;
    args.format.answer(&tasks)
}
