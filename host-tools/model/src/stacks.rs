//! Stacks of tasks: the calls that each is in.

/// A call on a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackCall {
    /// Address at which it goes on.
    pub at: u64,
    /// Name of the function and the offset in it, if known.
    pub function: Option<(String, u64)>,
    /// File and line, from 1, if the program states them.
    pub line: Option<(String, u32)>,
}

/// The stack of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskStack {
    /// Its number.
    pub pid: u64,
    /// Its state as a word.
    pub state: &'static str,
    /// Its name.
    pub name: String,
    /// Calls, the innermost first; empty for a task that runs or has ended.
    pub calls: Vec<StackCall>,
}

/// Stacks of tasks, in the order of the target's task table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackList(pub Vec<TaskStack>);
