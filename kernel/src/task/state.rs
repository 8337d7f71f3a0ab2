//! What a thread does, and what ends that.
//!
//! ```text
//!                           Running
//!                            ▲ ▼
//!   Empty ──► Starting ──► Ready ◄──► Reading, Writing   the console
//!     ▲                      │   ◄──► Sleeping, Paging   a tick of the clock
//!     │                      │   ◄──► Waiting, Joining   the end of a child, of a thread
//!     │                      │   ◄──► OnAddress          another thread, or a tick of the clock
//!     │                      │   ◄──► Receiving, Sending another thread, or a tick of the clock
//!     │                      │   ◄──► AwaitingHandler    the exception handler of its process
//!     │                      │   ◄──► HandlerIdle        a fault of another thread of its process
//!     │                      │   ◄──► Killing            the end of a process on another hart
//!     │                      │   ◄──► AwaitingPressure   stalls of other threads, or a tick of the clock
//!     └── Exited ◄── Ending ◄┘
//! ```

use abi::TaskState;
use abi::message::MessageKind;

use super::waiters::WaitList;

/// What a thread does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchedState {
    /// The slot holds no task.
    Empty,
    /// Being made: nothing of it runs yet.
    Starting,
    /// Ready to run: in the queue of its priority.
    Ready,
    /// On a hart.
    Running {
        /// The hart's place among those that the kernel runs on.
        hart: u8,
    },
    /// Wants console input; its system call is made again when there is some.
    Reading,
    /// Wants room on the console line; its system call is made again.
    Writing,
    /// Sleeps until that tick.
    Sleeping {
        /// Tick of the board's timebase.
        until: u64,
    },
    /// Wants the end of a child (0: of any); its system call is made again.
    Waiting {
        /// The child's task number.
        child: u16,
    },
    /// Wants a page that is on its way; the instruction or the system call is made again.
    Paging {
        /// Tick of the board's timebase at which it is there.
        until: u64,
    },
    /// Wants the end of another thread of its process. Its call is past: the thread that ends gives the answer.
    Joining {
        /// The other thread's number.
        thread: u16,
    },
    /// Wants to be woken by its address. Its call is past, answered with 0 unless the time is over first.
    OnAddress {
        /// Tick of the board's timebase that ends the wait; `u64::MAX` for none.
        until: u64,
    },
    /// Wants a message. Its call is past: who sends one gives the answer, or the time is over.
    Receiving {
        /// The server's place.
        server: u8,
        /// Tick of the board's timebase that ends the wait; `u64::MAX` for none.
        until: u64,
    },
    /// Wants room for its message, whose words are in its registers. Its call is past.
    AwaitingRoom {
        /// The server's place.
        server: u8,
        /// Is it answered?
        kind: MessageKind,
    },
    /// Its message waits to be received, with its words in its registers. Its call is past.
    Sending {
        /// The server's place.
        server: u8,
        /// What it sent.
        kind: MessageKind,
    },
    /// Its message was received: who returns it gives the answer. Its call is past.
    AwaitingReturn {
        /// The server's place.
        server: u8,
    },
    /// Wants pages that its process has lent; its access, or its call, is made again.
    AwaitingPages,
    /// Its fault is with the exception handler of its process, or waits until that is free: then it is made again.
    AwaitingHandler,
    /// The exception handler of its process, which waits for a fault.
    HandlerIdle,
    /// Its server has ended, and pages that it lent there are on their way back. Its call is past.
    AwaitingEnd,
    /// Wants a server that there is not yet; its system call is made again.
    Connecting {
        /// Tick of the board's timebase that ends the wait; `u64::MAX` for none.
        until: u64,
    },
    /// Wants to be woken when memory is short. Its call is past: the stall that is enough gives the answer.
    AwaitingPressure {
        /// Its row among those that wait for it.
        place: u8,
        /// Tick of the board's timebase that ends the wait; `u64::MAX` for none.
        until: u64,
    },
    /// Has ended, and its memory is being freed.
    Ending {
        /// As of `Exited`.
        status: u8,
    },
    /// Has ended; its parent may still ask how.
    Exited {
        /// 0 for success; 128 + the cause of a fault that killed it; 255 when killed by a task.
        status: u8,
    },
    /// Wants the end of a process that it has killed, and that another hart ran. Its call is past.
    Killing {
        /// The process' number.
        process: u16,
    },
}

impl SchedState {
    /// The tick of the board's timebase that ends the wait, for a state that one ends.
    #[inline]
    pub fn wakes_at(self) -> Option<u64> {
        match self {
            SchedState::Sleeping { until } | SchedState::Paging { until } => Some(until),
            SchedState::OnAddress { until }
            | SchedState::Receiving { until, .. }
            | SchedState::Connecting { until }
            | SchedState::AwaitingPressure { until, .. }
                if until != u64::MAX =>
            {
                Some(until)
            }
            _ => None,
        }
    }

    /// The list that a thread is in that waits for this.
    #[inline]
    pub(super) fn wait_list(self) -> Option<WaitList> {
        match self {
            SchedState::OnAddress { .. } => Some(WaitList::Address),
            SchedState::Receiving { server, .. } => Some(WaitList::Message(server)),
            SchedState::AwaitingRoom { server, .. } => Some(WaitList::Room(server)),
            SchedState::AwaitingPages => Some(WaitList::Pages),
            _ => None,
        }
    }

    /// One word for it, as `ps` shows it.
    pub fn word(self) -> &'static str {
        match self {
            SchedState::Empty | SchedState::Starting => "-",
            SchedState::Ending { .. } => "ending",
            other => other.on_the_wire().text(),
        }
    }

    /// As the wire reports it.
    pub fn on_the_wire(self) -> TaskState {
        match self {
            SchedState::Empty | SchedState::Starting => TaskState::Starting,
            SchedState::Ready | SchedState::Running { .. } => TaskState::Ready,
            SchedState::Reading => TaskState::Reading,
            SchedState::Writing => TaskState::Writing,
            SchedState::Sleeping { .. } => TaskState::Sleeping,
            SchedState::Waiting { .. } | SchedState::Killing { .. } => TaskState::Waiting,
            SchedState::Paging { .. } => TaskState::Paging,
            SchedState::Joining { .. } | SchedState::AwaitingHandler => TaskState::Joining,
            SchedState::AwaitingPressure { .. } => TaskState::Pressure,
            SchedState::OnAddress { .. } => TaskState::OnAddress,
            SchedState::Receiving { .. } | SchedState::HandlerIdle => TaskState::Receiving,
            SchedState::AwaitingRoom { .. }
            | SchedState::Sending { .. }
            | SchedState::AwaitingReturn { .. }
            | SchedState::AwaitingPages
            | SchedState::AwaitingEnd
            | SchedState::Connecting { .. } => TaskState::Sending,
            SchedState::Ending { .. } | SchedState::Exited { .. } => TaskState::Exited,
        }
    }
}
