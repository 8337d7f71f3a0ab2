//! The task table of a target, and the tasks that were in it before.

use std::collections::BTreeMap;

use crate::history::TaskNames;

/// One task, with units for people; `wire::TaskRecord` is the same row as it crosses the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRow {
    /// Process id.
    pub pid: u64,
    /// State as a word.
    pub state: &'static str,
    /// `satp` while it runs; 0 once it has exited, or where it has no tables of its own.
    pub satp: u64,
    /// Size of its resident pages in bytes, if the system counts them.
    pub resident_bytes: Option<u64>,
    /// Size of its page tables in bytes, if the system counts them.
    pub table_bytes: Option<u64>,
    /// Number of page faults since its start, if the system counts them.
    pub faults: Option<u64>,
    /// Number of the process that it is a thread of, if the system says it.
    pub process: Option<u64>,
    /// Number of the hart that ran it when the table was read; `None` while none did, or where that is not said.
    pub hart: Option<u64>,
    /// The command line it was started with, or its name.
    pub line: String,
}

/// All tasks, in the order of the target's task table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskList(pub Vec<TaskRow>);

/// A task that is or was in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTask {
    /// The command line it was started with.
    pub command: String,
    /// It is not in the table any more.
    pub has_ended: bool,
    /// Size of its resident pages when it was last seen, in bytes.
    pub resident_bytes: u64,
}

/// Tasks by id, those that have ended too: their faults stay, and so must their names.
#[derive(Clone, Debug, Default)]
pub struct KnownTasks {
    tasks: BTreeMap<u16, KnownTask>,
    names: TaskNames,
}

impl KnownTasks {
    /// Takes a new table in. An id that is used again has the name of its last user.
    pub fn update(&mut self, list: &TaskList) {
        for task in self.tasks.values_mut() {
            task.has_ended = true;
        }
        for row in &list.0 {
            let Ok(pid) = u16::try_from(row.pid) else {
                continue;
            };
            self.names.insert(pid, row.line.to_lowercase());
            self.tasks.insert(
                pid,
                KnownTask {
                    command: row.line.clone(),
                    has_ended: row.satp == 0,
                    resident_bytes: row.resident_bytes.unwrap_or(0),
                },
            );
        }
    }

    /// A task by its id.
    pub fn get(&self, task: u16) -> Option<&KnownTask> {
        self.tasks.get(&task)
    }

    /// Commands in lower case, by task id.
    pub fn names(&self) -> &TaskNames {
        &self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(tasks: &[(u64, &str)]) -> TaskList {
        let row = |(pid, line): &(u64, &str)| TaskRow {
            pid: *pid,
            state: "ready",
            satp: 1,
            resident_bytes: Some(4096),
            table_bytes: Some(0),
            faults: Some(0),
            process: None,
            hart: None,
            line: (*line).to_owned(),
        };
        TaskList(tasks.iter().map(row).collect())
    }

    #[test]
    fn an_ended_task_keeps_its_name() {
        let mut known = KnownTasks::default();
        known.update(&list(&[(1, "shell"), (2, "Faulter 3")]));
        known.update(&list(&[(1, "shell")]));
        assert_eq!(
            known.get(2).map(|task| (&task.command[..], task.has_ended)),
            Some(("Faulter 3", true))
        );
        assert_eq!(known.names()[&2], "faulter 3");
        assert!(!known.get(1).is_some_and(|task| task.has_ended));
    }
}
