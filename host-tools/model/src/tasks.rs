//! The tasks of a target, as it reports them.

/// One task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRow {
    /// Its number.
    pub pid: u64,
    /// One word for what it does.
    pub state: &'static str,
    /// `satp` while it runs; 0 once it has ended.
    pub satp: u64,
    /// Bytes of the pages that are there.
    pub resident_bytes: u64,
    /// Bytes of its page tables.
    pub table_bytes: u64,
    /// Faults since it began.
    pub faults: u64,
    /// The command line it was started with.
    pub line: String,
}

/// All tasks, in the order in which the target reports them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskList(pub Vec<TaskRow>);
