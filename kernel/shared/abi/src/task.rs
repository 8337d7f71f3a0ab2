//! Task states: their numbers on the wire, and their names in `ps`.

use crate::numbered::numbered;

numbered! {
    /// State of a task, named as in `docs/wire.md`.
    pub enum TaskState, otherwise "?" {
        /// Created, without a context.
        Starting = 0 => "starting",
        /// Running or runnable.
        Ready = 1 => "ready",
        /// Blocked until the console has input.
        Reading = 2 => "reading",
        /// Blocked until the console's output has room.
        Writing = 3 => "writing",
        /// Blocked until a point in time.
        Sleeping = 4 => "sleeping",
        /// Blocked until a child exits.
        Waiting = 5 => "waiting",
        /// Exited, or exiting.
        Exited = 6 => "exited",
        /// It waits for a page of a file that is on its way.
        Paging = 7 => "paging",
        /// Blocked until another thread of its process ends.
        Joining = 8 => "joining",
        /// Blocked until the word at an address is announced to have changed.
        OnAddress = 9 => "on address",
        /// Blocked until a message comes.
        Receiving = 10 => "receiving",
        /// Blocked until a message that it sent is taken or returned, or a server is made.
        Sending = 11 => "sending",
        /// Blocked until memory is short.
        Pressure = 12 => "pressure",
    }
}
