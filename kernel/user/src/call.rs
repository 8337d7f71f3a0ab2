//! System calls as safe functions; `abi::Call` has the contract of each.

use abi::{Advice, Call, Error, PagingStatistics, PressureKind, Set, Topic};

use crate::sys::{call, pages_at};

pub(crate) fn ask(which: Call, arguments: [usize; 5]) -> Result<usize, Error> {
    Error::result(call(which, arguments).0)
}

/// Ends this task with a status; does not return.
pub fn exit(status: u8) -> ! {
    loop {
        let _ = ask(Call::Exit, [status.into(), 0, 0, 0, 0]);
    }
}

/// Writes all of `bytes` to the console.
pub fn write(mut bytes: &[u8]) -> Result<(), Error> {
    while !bytes.is_empty() {
        let taken = ask(Call::Write, [bytes.as_ptr() as usize, bytes.len(), 0, 0, 0])?;
        bytes = &bytes[taken..];
    }
    Ok(())
}

/// Waits for console input; how many bytes came.
pub fn read(into: &mut [u8]) -> Result<usize, Error> {
    ask(
        Call::Read,
        [into.as_mut_ptr() as usize, into.len(), 0, 0, 0],
    )
}

/// Sleeps at least that long.
pub fn sleep(milliseconds: usize) {
    let _ = ask(Call::Sleep, [milliseconds, 0, 0, 0, 0]);
}

/// Starts the program that the line's first word names; its task number.
pub fn spawn(line: &str) -> Result<usize, Error> {
    ask(Call::Spawn, [line.as_ptr() as usize, line.len(), 0, 0, 0])
}

/// Starts a copy of this process; its task number, and 0 in the copy.
pub fn fork() -> Result<usize, Error> {
    ask(Call::Fork, [0; 5])
}

/// Runs the program that the line's first word names in the place of this one; returns on an error alone.
pub fn exec(line: &str) -> Error {
    let refused = ask(Call::Exec, [line.as_ptr() as usize, line.len(), 0, 0, 0]);
    refused.err().unwrap_or(Error::Unknown)
}

/// Waits until a child has ended; its exit status.
pub fn wait(child: usize) -> Result<usize, Error> {
    let (a0, status) = call(Call::Wait, [child, 0, 0, 0, 0]);
    Error::result(a0).map(|_| status)
}

/// Waits until any child has ended: which, and its exit status.
pub fn wait_any() -> Result<(usize, usize), Error> {
    let (a0, status) = call(Call::Wait, [0; 5]);
    Error::result(a0).map(|child| (child, status))
}

/// A child that has ended and its status, without waiting; `Busy` while all run.
pub fn reap() -> Result<(usize, usize), Error> {
    let (a0, status) = call(Call::Wait, [0, 1, 0, 0, 0]);
    Error::result(a0).map(|child| (child, status))
}

/// Ends another task, by its id.
pub fn kill(task: usize) -> Result<(), Error> {
    ask(Call::Kill, [task, 0, 0, 0, 0]).map(|_| ())
}

/// The task id of this task.
pub fn pid() -> Result<usize, Error> {
    ask(Call::Getpid, [0; 5])
}

/// Gives up the rest of the time slice.
pub fn yield_now() {
    let _ = ask(Call::Yield, [0; 5]);
}

/// Grows the heap by `bytes`: the new memory, zero.
pub fn grow(bytes: usize) -> Result<&'static mut [u8], Error> {
    ask(Call::Sbrk, [bytes, 0, 0, 0, 0]).map(|at| pages_at(at, bytes))
}

/// Anonymous memory, zero; whole pages.
pub fn map(bytes: usize) -> Result<&'static mut [u8], Error> {
    ask(Call::Mmap, [bytes, 0, 0, 0, 0]).map(|at| pages_at(at, bytes))
}

/// Unmaps memory from [`map`].
pub fn unmap(memory: &'static mut [u8]) -> Result<(), Error> {
    ask(
        Call::Munmap,
        [memory.as_ptr() as usize, memory.len(), 0, 0, 0],
    )
    .map(|_| ())
}

/// Maps memory with rights, flags and an address or alignment, see [`Call::Mmap`]; returns its address.
pub fn map_as(
    bytes: usize,
    prot: usize,
    flags: usize,
    at: usize,
    align: usize,
) -> Result<usize, Error> {
    ask(Call::Mmap, [bytes, prot, flags, at, align])
}

/// Unmaps whole pages of any mapping.
pub fn unmap_at(at: usize, bytes: usize) -> Result<(), Error> {
    ask(Call::Munmap, [at, bytes, 0, 0, 0]).map(|_| ())
}

/// Changes the rights of whole pages.
pub fn protect(at: usize, bytes: usize, prot: usize) -> Result<(), Error> {
    ask(Call::Protect, [at, bytes, prot, 0, 0]).map(|_| ())
}

/// How whole pages will be used.
pub fn advise(at: usize, bytes: usize, advice: Advice) -> Result<(), Error> {
    ask(Call::Advise, [at, bytes, advice.number(), 0, 0]).map(|_| ())
}

/// Takes whole pages out of memory.
pub fn page_out(at: usize, bytes: usize) -> Result<(), Error> {
    ask(Call::PageOut, [at, bytes, 0, 0, 0]).map(|_| ())
}

/// Brings whole pages into memory.
pub fn page_in(at: usize, bytes: usize) -> Result<(), Error> {
    ask(Call::PageIn, [at, bytes, 0, 0, 0]).map(|_| ())
}

/// Brings whole pages into memory, where they stay.
pub fn pin(at: usize, bytes: usize) -> Result<(), Error> {
    ask(Call::Pin, [at, bytes, 0, 0, 0]).map(|_| ())
}

/// Pages that were pinned may go again.
pub fn unpin(at: usize, bytes: usize) -> Result<(), Error> {
    ask(Call::Unpin, [at, bytes, 0, 0, 0]).map(|_| ())
}

/// Empties the frame with that physical page number, of any process.
pub fn evict_frame(frame: usize) -> Result<(), Error> {
    ask(Call::EvictFrame, [frame, 0, 0, 0, 0]).map(|_| ())
}

/// Frames of the page pool that are free.
pub fn free_frames() -> Result<usize, Error> {
    ask(Call::FreeFrames, [0; 5])
}

/// What paging did for a thread, or for all with 0.
pub fn paging_statistics(thread: usize) -> Result<PagingStatistics, Error> {
    let mut bytes = [0; PagingStatistics::BYTES];
    let into = bytes.as_mut_ptr() as usize;
    let written = ask(Call::PagingStatistics, [thread, into, bytes.len(), 0, 0])?;
    let written = bytes.get(..written).unwrap_or(&bytes);
    Ok(PagingStatistics::decode(written))
}

/// Waits until programs were stalled for want of memory for so many microseconds within a window of so many milliseconds; the
/// microseconds in that window.
pub fn await_pressure(
    kind: PressureKind,
    stall_us: usize,
    window_ms: usize,
    timeout_ms: usize,
) -> Result<usize, Error> {
    let arguments = [kind.number(), stall_us, window_ms, timeout_ms, 0];
    let (a0, us) = call(Call::AwaitPressure, arguments);
    Error::result(a0).map(|_| us)
}

/// A device's registers, from physical page number `frame` on; their address.
pub fn map_device(frame: usize, bytes: usize, prot: usize) -> Result<usize, Error> {
    ask(Call::MapDevice, [frame, bytes, prot, 0, 0])
}

/// Makes memory that tasks can share; its id.
pub fn share_create(bytes: usize) -> Result<usize, Error> {
    ask(Call::ShareCreate, [bytes, 0, 0, 0, 0])
}

/// Maps shared memory, at an address or (0) anywhere; the address.
pub fn share_attach(id: usize, prot: usize, at: usize) -> Result<usize, Error> {
    ask(Call::ShareAttach, [id, prot, at, 0, 0])
}

/// Unmaps an attachment, by its address.
pub fn share_detach(at: usize) -> Result<(), Error> {
    ask(Call::ShareDetach, [at, 0, 0, 0, 0]).map(|_| ())
}

/// Ends shared memory: it goes with its last attachment.
pub fn share_destroy(id: usize) -> Result<(), Error> {
    ask(Call::ShareDestroy, [id, 0, 0, 0, 0]).map(|_| ())
}

/// The physical page number behind an address, and the low bits of its leaf.
pub fn translate(at: usize) -> Result<(usize, usize), Error> {
    let (a0, bits) = call(Call::Translate, [at, 0, 0, 0, 0]);
    Error::result(a0).map(|frame| (frame, bits))
}

/// Moves the end of the heap; the old end.
pub fn move_heap(delta: isize) -> Result<usize, Error> {
    ask(Call::Sbrk, [delta as usize, 0, 0, 0, 0])
}

/// Lines about a topic from `index` on: bytes written, and the index to go on with (0: none).
pub fn inspect(
    (topic, json): (Topic, bool),
    index: usize,
    argument: usize,
    into: &mut [u8],
) -> Result<(usize, usize), Error> {
    let arguments = [
        topic.number() | if json { Topic::JSON } else { 0 },
        index,
        into.as_mut_ptr() as usize,
        into.len(),
        argument,
    ];
    let (a0, next) = call(Call::Inspect, arguments);
    Error::result(a0).map(|bytes| (bytes, next))
}

/// Turns a switch; its old value.
pub fn set(what: Set, value: usize) -> Result<usize, Error> {
    ask(Call::Set, [what.number(), value, 0, 0, 0])
}

/// Switches the machine off, where the firmware can.
pub fn power_off() -> Result<(), Error> {
    ask(Call::PowerOff, [0; 5]).map(|_| ())
}

/// Starts a thread at a function's address, with an argument, bytes of stack and a priority; its number.
pub fn thread_create(
    entry: usize,
    argument: usize,
    stack: usize,
    priority: usize,
) -> Result<usize, Error> {
    ask(Call::ThreadCreate, [entry, argument, stack, priority, 0])
}

/// Ends this thread with a value; the first one ends the program.
pub fn thread_exit(value: usize) -> ! {
    loop {
        let _ = ask(Call::ThreadExit, [value, 0, 0, 0, 0]);
    }
}

/// Waits until a thread of this program has ended; the value that it ended with.
pub fn thread_join(thread: usize) -> Result<usize, Error> {
    let (a0, value) = call(Call::ThreadJoin, [thread, 0, 0, 0, 0]);
    Error::result(a0).map(|_| value)
}

/// The number of this thread.
pub fn thread_self() -> Result<usize, Error> {
    ask(Call::ThreadSelf, [0; 5])
}

/// Changes a thread's priority, of 0 that of this one; the old one.
pub fn set_priority(thread: usize, value: usize) -> Result<usize, Error> {
    ask(Call::Priority, [thread, value, 0, 0, 0])
}

/// The priority of a thread, of 0 that of this one.
pub fn priority(thread: usize) -> Result<usize, Error> {
    set_priority(thread, abi::thread::PRIORITY_ONLY_ASKED)
}

/// Calls `entry` on faults, with a stack that ends at that address; 0: no more. The old entry.
pub fn set_exception_handler(entry: usize, stack: usize) -> Result<usize, Error> {
    ask(Call::SetExceptionHandler, [entry, stack, 0, 0, 0])
}

/// Waits while the word at an address holds `expected`, until it is woken, or that time is over.
pub fn wait_on_address(at: usize, expected: u32, timeout_ms: usize) -> Result<(), Error> {
    let arguments = [at, expected as usize, timeout_ms, 0, 0];
    ask(Call::WaitOnAddress, arguments).map(|_| ())
}

/// Wakes at most `count` threads that wait on the word at an address; how many.
pub fn wake_address(at: usize, count: usize) -> Result<usize, Error> {
    ask(Call::WakeAddress, [at, count, 0, 0, 0])
}
