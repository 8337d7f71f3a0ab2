//! What a task does, as the wire numbers it and as `ps` names it.

use crate::numbered::numbered;

numbered! {
    /// A task's state. The words are those of `docs/wire.md`.
    pub enum TaskState, otherwise "?" {
        /// It has no first context yet.
        Starting = 0 => "starting",
        /// It runs, or may run.
        Ready = 1 => "ready",
        /// It waits for input of the console.
        Reading = 2 => "reading",
        /// It waits for room for the console's output.
        Writing = 3 => "writing",
        /// It waits for a point in time.
        Sleeping = 4 => "sleeping",
        /// It waits for a child to end.
        Waiting = 5 => "waiting",
        /// It has ended, or is ending.
        Exited = 6 => "exited",
    }
}
