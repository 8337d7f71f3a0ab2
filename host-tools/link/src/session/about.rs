//! A target's RAM and tasks, as its agent reports them.

use pagetable::Dialect;

/// A piece of RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ram {
    /// Its first byte.
    pub base: u64,
    /// How many.
    pub bytes: u64,
}

/// A task, as the target reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskInfo {
    /// Its number.
    pub pid: u64,
    /// `satp` while it runs.
    pub satp: u64,
    /// What it does: the number in `docs/wire.md`.
    pub state: u64,
    /// Pages that are there.
    pub resident: u64,
    /// Page tables.
    pub tables: u64,
    /// Faults since it began.
    pub faults: u64,
    /// Its command line.
    pub line: String,
}

impl TaskInfo {
    /// One word for what it does.
    pub fn state_word(&self) -> &'static str {
        let state = u8::try_from(self.state).unwrap_or(u8::MAX);
        abi::TaskState::decode(state).text()
    }
}

impl From<wire::Task<'_>> for TaskInfo {
    fn from(task: wire::Task<'_>) -> TaskInfo {
        TaskInfo {
            pid: task.pid,
            satp: task.satp,
            state: task.state,
            resident: task.resident,
            tables: task.tables,
            faults: task.faults,
            line: task.line.to_owned(),
        }
    }
}

/// How a board says that it writes memory types.
pub fn dialect(about: &wire::About) -> Dialect {
    abi::numbered_dialect(about.dialect)
}
