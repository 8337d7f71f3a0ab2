//! A board that runs, asked through its agent.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};
use link::desk::{Agent, AgentError};
use link::gdb::{Stub, StubError};
use link::memory::{Cached, ReadError};
use link::transport::{Line, Spec};
use model::{Space, Task, Tasks};
use pagetable::{Dialect, Satp, Xlen};

/// Opens the line and waits for the board's answer.
pub fn open(spec: &Spec) -> anyhow::Result<Agent> {
    match spec {
        Spec::Gdb(_) => {
            bail!("{spec}: a gdb stub knows no tasks and no faults; a board of ours does")
        }
        Spec::Recording(..) => bail!(
            "{spec}: a recording holds what a board said, not its memory; \
             `pagewalk faults`, `dash` and `replay` read it"
        ),
        _ => {}
    }
    let line = Line::open(spec).with_context(|| spec.to_string())?;
    Agent::open(line).with_context(|| spec.to_string())
}

/// The user wants no answer any more.
static STOP: AtomicBool = AtomicBool::new(false);

/// Opens a gdb stub.
pub fn stub(address: &str) -> anyhow::Result<Stub> {
    let name = || format!("gdb://{address}");
    // Ctrl-C must not leave the target as it is now.
    let _ = ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed));
    let stub = Stub::connect(address, &STOP).with_context(name)?;
    if !stub.is_physical() {
        eprintln!(
            "remark: {}: this stub cannot read physical memory; reads go the way the hart's own \
             would",
            name()
        );
    }
    Ok(stub)
}

/// The width of a stub's registers.
pub fn stub_xlen(stub: &mut Stub) -> Result<Xlen, StubError> {
    Ok(match stub.xlen()? {
        32 => Xlen::Rv32,
        _ => Xlen::Rv64,
    })
}

/// A task's address space, through the board's agent.
pub fn space(board: &mut Agent, satp: u64, dialect: Dialect) -> Result<Space, ReadError> {
    let satp = match Satp::decode(satp, xlen(board)) {
        Ok(satp) => satp,
        Err(_) => return Err(ReadError::Agent(AgentError::Malformed)),
    };
    let mut memory = Cached::new(board);
    let space = Space::read(&mut memory, satp, dialect);
    match memory.take_failure() {
        Some(failure) => Err(failure),
        None => Ok(space),
    }
}

/// The board's tasks.
pub fn tasks(board: &mut Agent) -> Result<Tasks, AgentError> {
    let tasks = board.tasks()?;
    let told = tasks
        .into_iter()
        .map(|task| Task {
            pid: task.pid,
            state: task.state_word(),
            satp: task.satp,
            resident_bytes: task.resident * pagetable::PAGE_BYTES,
            table_bytes: task.tables * pagetable::PAGE_BYTES,
            faults: task.faults,
            line: task.line,
        })
        .collect();
    Ok(Tasks(told))
}

/// The width of the board's registers.
pub fn xlen(board: &Agent) -> Xlen {
    match board.peer().xlen {
        32 => Xlen::Rv32,
        _ => Xlen::Rv64,
    }
}

/// `satp` while a task runs.
pub fn satp_of(board: &mut Agent, pid: u64) -> anyhow::Result<u64> {
    let tasks = board.tasks()?;
    match tasks.iter().find(|task| task.pid == pid) {
        Some(task) if task.satp == 0 => bail!("task {pid} has ended: it has no tables any more"),
        Some(task) => Ok(task.satp),
        None => {
            let known: Vec<String> = tasks.iter().map(|task| task.pid.to_string()).collect();
            bail!("the board has no task {pid}; it has {}", known.join(", "))
        }
    }
}
