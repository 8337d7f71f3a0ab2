//! The task table of a target.

/// One task, with units for people; `wire::TaskRecord` is the same row as it crosses the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRow {
    /// Process id.
    pub pid: u64,
    /// State as a word.
    pub state: &'static str,
    /// `satp` while it runs; 0 once it has exited.
    pub satp: u64,
    /// Size of its resident pages in bytes.
    pub resident_bytes: u64,
    /// Size of its page tables in bytes.
    pub table_bytes: u64,
    /// Number of page faults since its start.
    pub faults: u64,
    /// The command line it was started with.
    pub line: String,
}

/// All tasks, in the order of the target's task table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskList(pub Vec<TaskRow>);
