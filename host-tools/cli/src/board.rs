//! A running board, through its agent.

use std::io::BufReader;

use anyhow::{Context, bail};
use link::gdb::{Stub, StubError};
use link::memory::{Cached, MemorySource, ReadError};
use link::recording::RecordedAnswers;
use link::session::{Agent, AgentError, TaskInfo};
use link::transport::{Spec, TargetLine};
use model::{AddressSpace, TaskList, TaskRow};
use pagetable::{Dialect, PhysAddr, Satp, Xlen};

use crate::ending;

/// A board that answers questions: a running one, or the answers in a recording.
pub enum RespondingBoard {
    /// A session with a running board.
    Running(Box<Agent>),
    /// The answers in a recording.
    Recorded(RecordedAnswers),
}

/// Opens the line and waits for the board's answer, or reads a recording.
pub fn open(spec: &Spec) -> anyhow::Result<RespondingBoard> {
    let Spec::Recording(path, _) = spec else {
        return Ok(RespondingBoard::Running(Box::new(agent(spec)?)));
    };
    let name = || path.display().to_string();
    let file = container::open(path)?.file;
    let kept = RecordedAnswers::read(BufReader::new(file)).with_context(name)?;
    if kept.about.is_none() {
        bail!(
            "{}: the board was not asked for its tasks and tables while this was recorded; \
             `pagewalk record` does",
            name()
        );
    }
    Ok(RespondingBoard::Recorded(kept))
}

/// Opens a session with a running board.
pub fn agent(spec: &Spec) -> anyhow::Result<Agent> {
    if let Spec::Gdb(_) = spec {
        bail!("{spec}: a gdb stub has no tasks and no faults; a board that runs Pagewalk has");
    }
    if let Spec::Probe(_) = spec {
        bail!("{spec}: a probe has no tasks and no faults; a board that runs Pagewalk has");
    }
    detail!("{spec}: asking the board");
    let line = TargetLine::open(spec).with_context(|| spec.to_string())?;
    Agent::open(line).with_context(|| spec.to_string())
}

impl RespondingBoard {
    /// The kernel's own `satp`, and the encoding of memory types.
    pub fn about(&mut self) -> Result<(u64, Dialect), AgentError> {
        match self {
            RespondingBoard::Running(agent) => {
                agent.about().map(|(about, it)| (about.kernel_satp, it))
            }
            RespondingBoard::Recorded(kept) => {
                let about = kept.about.as_ref().ok_or(AgentError::NoAnswer)?;
                Ok((about.kernel_satp, kept.dialect()))
            }
        }
    }

    fn infos(&mut self) -> Result<Vec<TaskInfo>, AgentError> {
        match self {
            RespondingBoard::Running(agent) => agent.tasks(),
            RespondingBoard::Recorded(kept) => Ok(kept.tasks.clone()),
        }
    }

    /// The task table, with units for people.
    pub fn tasks(&mut self) -> Result<TaskList, AgentError> {
        self.infos().map(task_list)
    }

    /// Register width of the board.
    pub fn xlen(&self) -> Xlen {
        match self {
            RespondingBoard::Running(agent) => xlen(agent),
            RespondingBoard::Recorded(kept) => recorded_xlen(kept),
        }
    }

    /// `satp` of a task; an error if the task does not exist.
    pub fn satp_of(&mut self, pid: u64) -> anyhow::Result<u64> {
        let tasks = self.infos()?;
        match tasks.iter().find(|task| task.pid == pid) {
            Some(task) if task.satp == 0 => {
                bail!("task {pid} has ended: it has no tables any more")
            }
            Some(task) => Ok(task.satp),
            None => {
                let known: Vec<String> = tasks.iter().map(|task| task.pid.to_string()).collect();
                bail!("the board has no task {pid}; it has {}", known.join(", "))
            }
        }
    }
}

impl MemorySource for RespondingBoard {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        match self {
            RespondingBoard::Running(agent) => agent.read(at, into),
            RespondingBoard::Recorded(kept) => kept.read(at, into),
        }
    }
}

/// Opens a gdb stub; Ctrl-C then restores the target.
pub fn stub(address: &str) -> anyhow::Result<Stub> {
    let name = || format!("gdb://{address}");
    // Ctrl-C must restore the target before the program ends.
    let stub = Stub::connect(address, ending::watch()).with_context(name)?;
    if !stub.is_physical() {
        eprintln!(
            "warning: {}: this stub cannot read physical memory; reads go the way the hart's own \
             would",
            name()
        );
    }
    Ok(stub)
}

/// Register width of the stub's hart.
pub fn stub_xlen(stub: &mut Stub) -> Result<Xlen, StubError> {
    Ok(match stub.xlen()? {
        32 => Xlen::Rv32,
        _ => Xlen::Rv64,
    })
}

/// Reads a task's address space through the board's agent.
pub fn space(board: &mut Agent, satp: u64, dialect: Dialect) -> Result<AddressSpace, ReadError> {
    let satp = match Satp::decode(satp, xlen(board)) {
        Ok(satp) => satp,
        Err(_) => return Err(ReadError::Agent(AgentError::Malformed)),
    };
    let mut memory = Cached::new(board);
    let space = AddressSpace::read(&mut memory, satp, dialect);
    match memory.take_failure() {
        Some(failure) => Err(failure),
        None => Ok(space),
    }
}

/// The page tables of a task in a recording; `None` if the recorder has not read all of them.
pub fn recorded_space(kept: &mut RecordedAnswers, satp: u64) -> Option<AddressSpace> {
    let (xlen, dialect) = (recorded_xlen(kept), kept.dialect());
    let satp = Satp::decode(satp, xlen).ok()?;
    let mut memory = Cached::new(kept);
    let space = AddressSpace::read(&mut memory, satp, dialect);
    memory.take_failure().is_none().then_some(space)
}

/// The task table as a recording has it.
pub fn recorded_tasks(kept: &RecordedAnswers) -> TaskList {
    task_list(kept.tasks.clone())
}

fn recorded_xlen(kept: &RecordedAnswers) -> Xlen {
    match kept.xlen {
        32 => Xlen::Rv32,
        _ => Xlen::Rv64,
    }
}

/// The task table of a board.
pub fn tasks(board: &mut Agent) -> Result<TaskList, AgentError> {
    board.tasks().map(task_list)
}

fn task_list(tasks: Vec<TaskInfo>) -> TaskList {
    let task = |task: TaskInfo| TaskRow {
        pid: task.pid,
        state: task.state_word(),
        satp: task.satp,
        resident_bytes: Some(task.resident * pagetable::PAGE_BYTES),
        table_bytes: Some(task.tables * pagetable::PAGE_BYTES),
        faults: Some(task.faults),
        process: task.process,
        hart: task.hart,
        line: task.line,
    };
    TaskList(tasks.into_iter().map(task).collect())
}

/// Register width of a board.
pub fn xlen(board: &Agent) -> Xlen {
    match board.peer().xlen {
        32 => Xlen::Rv32,
        _ => Xlen::Rv64,
    }
}
