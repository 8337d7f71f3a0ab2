//! `pagewalk ps`: the tasks of a board, or of the system that is found in any memory.
//!
//! ```text
//! $ pagewalk ps --from gdb://localhost:1234
//! pid  state     resident  tables  faults  satp                command
//!   1  sleeping    268KiB   32KiB     123  0x8000100000083057  init
//!   2  sleeping                         0  -                   [kthreadd]
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;

use link::os::{OsError, OsSystem, OsTask, stack};
use model::{StackCall, StackList, TaskStack};
use view::words::counted;

use crate::board;
use crate::exit::UsageError;
use crate::format::Format;
use crate::symbols::Programs;
use crate::tables::{OpenTables, TablesArgs, task_list};

/// List tasks: state, memory, faults, root of the page tables; of a running board, or of the system in any memory.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk ps --from /dev/ttyUSB0@2000000
  pagewalk ps --from tcp://localhost:4444 --format json
  pagewalk ps --from run.pwlog
  pagewalk ps --from gdb://localhost:1234
  pagewalk ps --from vmcore --os linux
  pagewalk ps --from ram.core --elf kernel/kernel
  pagewalk ps --from ram.core --elf kernel/kernel --stacks")]
pub struct PsArgs {
    #[command(flatten)]
    pub tables: TablesArgs,
    /// The calls that each task is in, instead of its memory: by the frame pointers on its stack, with file and line where --elf has them
    #[arg(short, long)]
    stacks: bool,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Writes the task table, or the stacks.
pub fn write(args: &PsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let tasks = match args.tables.board()? {
        Some(_) if args.stacks => {
            let misuse = "a board that runs Pagewalk answers no question about stacks; a gdb stub, a probe or a dump of its memory does";
            return Err(UsageError(misuse.to_owned()).into());
        }
        Some(spec) => board::open(&spec)?.tasks()?,
        None => {
            let mut open = args.tables.open_rootless()?;
            let system = open.system(args.tables.os())?;
            let tasks = open.tasks(system.as_ref())?;
            if args.stacks {
                let stacks = read_stacks(&mut open, system.as_ref(), tasks)?;
                return args.format.write(out, &stacks);
            }
            task_list(tasks, open.xlen)
        }
    };
    args.format.write(out, &tasks)
}

/// The calls of each task, with the names that the kernel's file or the kernel itself has.
fn read_stacks(
    open: &mut OpenTables,
    system: &dyn OsSystem,
    tasks: Vec<OsTask>,
) -> anyhow::Result<StackList> {
    let word_bytes = u64::from(open.xlen.bits()) / 8;
    let programs: Vec<PathBuf> = open.kernel_file.iter().cloned().collect();
    let programs = Programs::with_lines(&programs)?;
    let (mut stacks, mut missing) = (Vec::new(), 0);
    for task in tasks {
        let calls = match stack::calls(system, &mut open.memory, &task, word_bytes) {
            // A dump may have the tables of a task without what was on its stack.
            Err(OsError::Unmapped { .. }) => {
                missing += 1;
                Vec::new()
            }
            calls => calls?,
        };
        let (pid, state, name) = (task.pid, task.state, task.name);
        let calls = calls.into_iter().map(|at| call(&programs, at)).collect();
        stacks.push(TaskStack {
            pid,
            state,
            name,
            calls,
        });
    }
    if missing > 0 {
        let stacks = counted(missing, "stack", "stacks");
        eprintln!("note: {stacks} not shown: not in the memory given");
    }
    let calls = || stacks.iter().flat_map(|stack| &stack.calls);
    let unnamed: BTreeSet<u64> = calls()
        .filter(|call| call.function.is_none())
        .map(|call| call.at.wrapping_sub(1))
        .collect();
    let unnamed: Vec<u64> = unnamed.into_iter().collect();
    let names = system.functions(&mut open.memory, &unnamed)?;
    let names: BTreeMap<u64, (String, u64)> = unnamed
        .into_iter()
        .zip(names)
        .filter_map(|(at, name)| Some((at, name?)))
        .collect();
    for call in stacks.iter_mut().flat_map(|stack| &mut stack.calls) {
        let known = names.get(&call.at.wrapping_sub(1));
        let known = known.map(|(name, offset)| (name.clone(), offset + 1));
        call.function = call.function.take().or(known);
    }
    Ok(StackList(stacks))
}

/// A call by its return address: the call itself is before it, in a function that may end with it.
fn call(programs: &Programs, at: u64) -> StackCall {
    let before = at.wrapping_sub(1);
    let line = programs.line(before);
    StackCall {
        at,
        function: programs
            .function(before)
            .map(|(name, offset)| (name, offset + 1)),
        line: line.map(|line| (line.file, line.number)),
    }
}
