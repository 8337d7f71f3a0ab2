//! Threads of this program: started with a function, an argument, a stack and a priority.

use abi::Error;
use abi::thread::DEFAULT_PRIORITY;

use crate::call;

/// Bytes of a thread's stack unless the caller says otherwise.
pub const STACK_BYTES: usize = 16 << 10;

/// What a thread begins with: it gets the argument, and ends with what it returns.
pub type ThreadEntry = extern "C" fn(usize) -> usize;

/// How a thread is started.
#[derive(Clone, Copy, Debug)]
pub struct Builder {
    /// Bytes of its stack, rounded up to whole pages.
    pub stack: usize,
    /// 0 to 255; the highest runs first.
    pub priority: u8,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder {
            stack: STACK_BYTES,
            priority: DEFAULT_PRIORITY,
        }
    }
}

/// A thread that was started. One that is not joined keeps its number until the program ends.
#[derive(Debug)]
pub struct JoinHandle(usize);

impl Builder {
    /// Starts a thread that runs `entry` with `argument`.
    pub fn spawn(self, entry: ThreadEntry, argument: usize) -> Result<JoinHandle, Error> {
        let entry = entry as usize;
        let priority = self.priority.into();
        call::thread_create(entry, argument, self.stack, priority).map(JoinHandle)
    }
}

/// Starts a thread with a stack of [`STACK_BYTES`] at the usual priority.
pub fn spawn(entry: ThreadEntry, argument: usize) -> Result<JoinHandle, Error> {
    Builder::default().spawn(entry, argument)
}

impl JoinHandle {
    /// Its number.
    pub fn id(&self) -> usize {
        self.0
    }

    /// Waits until it has ended; what it returned.
    pub fn join(self) -> Result<usize, Error> {
        call::thread_join(self.0)
    }
}
