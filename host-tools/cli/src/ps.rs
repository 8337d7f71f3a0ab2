//! `pagewalk ps`: the tasks of a board, or of the system that is found in any memory.
//!
//! ```text
//! $ pagewalk ps --from gdb://localhost:1234
//! pid  state     resident  tables  faults  satp                command
//!   1  sleeping    268KiB   32KiB     123  0x8000100000083057  init
//!   2  sleeping                         0  -                   [kthreadd]
//! ```

use std::io::Write;

use crate::board;
use crate::format::Format;
use crate::tables::{TablesArgs, task_list};

/// List tasks: state, memory, faults, root of the page tables; of a running board, or of a Linux in any memory.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk ps --from /dev/ttyUSB0@2000000
  pagewalk ps --from tcp://localhost:4444 --format json
  pagewalk ps --from run.pwlog
  pagewalk ps --from gdb://localhost:1234
  pagewalk ps --from vmcore --os linux")]
pub struct PsArgs {
    #[command(flatten)]
    pub tables: TablesArgs,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Writes the task table.
pub fn write(args: &PsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let tasks = match args.tables.board()? {
        Some(spec) => board::open(&spec)?.tasks()?,
        None => {
            let mut open = args.tables.open_rootless()?;
            let system = open.system(args.tables.os())?;
            let tasks = open.tasks(system.as_ref())?;
            task_list(tasks, open.xlen)
        }
    };
    args.format.write(out, &tasks)
}
