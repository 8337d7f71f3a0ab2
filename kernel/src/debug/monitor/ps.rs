//! The threads, one a line below a heading; of a process the first one has its number.

use core::fmt::{self, Write};

use pagetable::VirtAddr;

use crate::mm::{Machine, PAGE_BYTES, Space, table};
use crate::platform::Platform;
use crate::system::System;
use crate::task::thread::StackRange;
use crate::task::{SchedState, Slot};

/// Index n is the n-th thread that exists.
pub fn line<P: Platform>(
    system: &System<P>,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    if index == 0 {
        writeln!(
            out,
            "  PID  PPID STATE     RESIDENT   FAULTS   TIME/ms GROUP PRI POLICY TYPE   HART EVENT            STACK     USED COMMAND"
        )?;
        return Ok(1);
    }
    let Some((slot, thread)) = system.tasks.iter().nth(index - 1) else {
        return Ok(0);
    };
    let process = system.tasks.process(slot);
    let ms = thread
        .ticks
        .saturating_mul(1000)
        .checked_div(system.boot.timebase_hz)
        .unwrap_or(0);
    let resident = u64::from(process.space.resident()) * PAGE_BYTES / 1024;
    let stack = thread.stack;
    writeln!(
        out,
        "{:>5} {:>5} {:<9} {resident:>5}KiB {:>8} {ms:>9} {:>5} {:>3} RR     {:<6} {:>4} {:<12} {:>6}KiB {:>5}KiB {}",
        thread.tid,
        process.parent,
        thread.state().word(),
        thread.faults,
        process.pid,
        thread.priority(),
        kind(system, slot),
        Hart(hart_of(system, thread.state())),
        Event(thread.state()),
        (stack.end - stack.base) / 1024,
        stack_used(&system.local.platform, &process.space, stack) / 1024,
        process.line()
    )?;
    Ok(if system.tasks.iter().nth(index).is_some() {
        index + 1
    } else {
        0
    })
}

/// `Task` is the first thread of a process, `Thread` another one.
pub(super) fn kind<P: Platform>(system: &System<P>, slot: Slot) -> &'static str {
    if system.tasks.process(slot).first == slot {
        "Task"
    } else {
        "Thread"
    }
}

/// The number of the hart that runs a thread in this state, as in records of faults; `None` while none does.
pub(super) fn hart_of<P: Platform>(system: &System<P>, state: SchedState) -> Option<u16> {
    match state {
        SchedState::Running { hart } => Some(system.harts.number_of(hart.into())),
        _ => None,
    }
}

/// A hart, or `-` for none.
struct Hart(Option<u16>);

impl fmt::Display for Hart {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.0 {
            Some(hart) => hart.fmt(f),
            None => f.pad("-"),
        }
    }
}

/// What a thread waits for: a word, and a number where there are several; `-` for nothing.
pub(super) struct Event(pub SchedState);

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (word, number) = match self.0 {
            SchedState::Reading => ("input", 0),
            SchedState::Writing => ("output", 0),
            SchedState::Sleeping { .. } => ("time", 0),
            SchedState::Paging { .. } => ("page", 0),
            SchedState::OnAddress { .. } => ("address", 0),
            SchedState::Receiving { .. } => ("message", 0),
            SchedState::AwaitingRoom { .. } | SchedState::Sending { .. } => ("receiver", 0),
            SchedState::AwaitingReturn { .. }
            | SchedState::AwaitingPages
            | SchedState::AwaitingEnd => ("return", 0),
            SchedState::Connecting { .. } => ("server", 0),
            SchedState::Waiting { child } => ("child", child),
            SchedState::Killing { process } => ("end", process),
            SchedState::Joining { thread } => ("thread", thread),
            SchedState::AwaitingHandler => ("handler", 0),
            SchedState::HandlerIdle => ("fault", 0),
            SchedState::AwaitingPressure { .. } => ("pressure", 0),
            _ => ("-", 0),
        };
        let width = f.width().unwrap_or(0);
        match number {
            0 => write!(f, "{word:<width$}"),
            number => {
                let left = width.saturating_sub(word.len() + 1);
                write!(f, "{word}:{number:<left$}")
            }
        }
    }
}

/// Bytes from the lowest page of a stack that was ever touched to its end.
pub(super) fn stack_used<M: Machine>(machine: &M, space: &Space, stack: StackRange) -> u64 {
    // Of a process that has ended nothing is left.
    if space.root().raw() == 0 {
        return 0;
    }
    let mut va = stack.base;
    while va < stack.end {
        let stop = table::walk(machine, space.root(), VirtAddr::new(va));
        if table::page_of::<M>(stop.entry, stop.level).is_some() {
            return stack.end - va;
        }
        let reach = M::MODE.leaf_bytes(stop.level);
        va = (va / reach + 1) * reach;
    }
    0
}
