//! System calls of user programs.
//!
//! The number goes into `a7`, arguments into `a0`..`a5`, then `ecall`. The result is returned in `a0` (and in
//! further ones where noted); a value in `-4095..=-1` is the negated number of an [`Error`](crate::Error), decoded by
//! [`Error::result`](crate::Error::result). All other registers are preserved.
//!
//! A program starts at its ELF entry with `a0` the address and `a1` the length of its argument line, which is
//! on top of its stack.

use crate::numbered::closed;

closed! {
    /// The system call number in `a7`.
    pub enum Call {
        /// `Exit(status)`: ends the process with all of its threads; does not return.
        Exit = 0,
        /// `Write(ptr, len)`: writes bytes to the console; returns how many were accepted.
        Write = 1,
        /// `Read(ptr, len)`: waits for at least one byte from the console; returns how many were read.
        Read = 2,
        /// `Sleep(milliseconds)`: returns 0 after that time.
        Sleep = 3,
        /// `Spawn(line_ptr, line_len)`: starts the program named by the first word, a file in the ROMFS's
        /// `bin/`, and passes the whole line to it; returns its task id.
        Spawn = 4,
        /// `Wait(task or 0 for any child, flags)`: returns the task id in `a0` and the exit status in `a1`
        /// once the child has exited. With bit 0 of the flags set it does not block: `Busy` while no such
        /// child has exited. `Busy` also ends the shell's wait for any child when the interrupt key is
        /// pressed.
        Wait = 5,
        /// `Kill(task)`: ends the process of that task; returns 0.
        Kill = 6,
        /// `Sbrk(delta)`: moves the end of the heap by a signed number of bytes; returns the old end.
        Sbrk = 7,
        /// `Getpid()`: returns the task id of the caller's process.
        Getpid = 8,
        /// `Yield()`: gives up the rest of the time slice; returns 0.
        Yield = 9,
        /// `Mmap(len, prot, flags, at, align)`: maps whole zero pages; returns their address.
        /// [`prot`](crate::prot) 0 means readable and writable; for [`flags`](crate::map) see there; without
        /// `AT` the address is a multiple of `align` bytes (0: of a page), with an unmapped page on either
        /// side. No page becomes resident.
        Mmap = 10,
        /// `Munmap(addr, len)`: unmaps whole pages of `Mmap`, `MapDevice` and `ShareAttach`; returns 0.
        Munmap = 11,
        /// `Inspect(topic, index, buf, len, argument)`: writes whole text lines about a
        /// [`Topic`](crate::Topic) into the buffer; returns in `a0` the number of bytes written, in `a1` the
        /// index to continue with, 0 at the end.
        Inspect = 12,
        /// `Set(what, value)`: changes one [`Set`](crate::Set) switch; returns the old value.
        Set = 13,
        /// `PowerOff()`: switches the machine off; `Unsupported` where the firmware cannot.
        PowerOff = 14,
        /// `Protect(addr, len, prot)`: changes the rights of whole pages, within those they were mapped with;
        /// 0 removes all of them; returns 0.
        Protect = 15,
        /// `Advise(addr, len, advice)`: announces how pages will be used, an [`Advice`](crate::Advice);
        /// returns 0.
        Advise = 16,
        /// `MapDevice(frame, len, prot)`: maps registers of a device in the board's list, from physical page
        /// number `frame`; returns their address.
        MapDevice = 17,
        /// `ShareCreate(len)`: creates memory that tasks can share; returns its id.
        ShareCreate = 18,
        /// `ShareAttach(id, prot, at)`: maps all of it, at address `at`, or anywhere for 0; returns the
        /// address.
        ShareAttach = 19,
        /// `ShareDetach(addr)`: unmaps it; `addr` is what `ShareAttach` returned.
        ShareDetach = 20,
        /// `ShareDestroy(id)`: prevents further attachments; the memory is freed with the last one. Only for
        /// the task that created it; the exit of that task has the same effect.
        ShareDestroy = 21,
        /// `Translate(addr)`: returns the physical page number in `a0` and the low ten bits of the leaf in
        /// `a1`; `NotFound` for a page that is not resident.
        Translate = 22,
        /// `ThreadCreate(entry, argument, stack, priority)`: starts a thread of the caller's process at address
        /// `entry` with `a0` the argument, on a new stack of that many bytes, rounded up to whole pages, with an
        /// unmapped page on either side; returns its thread number. A thread that returns from `entry` ends with
        /// what it returned.
        ThreadCreate = 23,
        /// `ThreadExit(value)`: ends the calling thread, whose stack is unmapped; does not return. The process'
        /// first thread ends the process with it, with the low 8 bits as its status.
        ThreadExit = 24,
        /// `ThreadJoin(thread)`: waits until a thread of the caller's process has ended; returns its number in
        /// `a0` and the value that it ended with in `a1`. Each is joined once.
        ThreadJoin = 25,
        /// `ThreadSelf()`: returns the caller's thread number; that of the first thread is the process'.
        ThreadSelf = 26,
        /// `Priority(thread or 0 for the caller, value)`: changes the priority of a thread of the caller's
        /// process or of a child, 0 to 255, the highest runs first; returns the old one. A value of
        /// [`PRIORITY_ONLY_ASKED`](crate::thread::PRIORITY_ONLY_ASKED) changes nothing.
        Priority = 27,
        /// `WaitOnAddress(address, expected, timeout_ms)`: waits while nothing happens to the 32-bit word at
        /// `address`, which must hold `expected`, until `WakeAddress` is called for it; returns 0. `Busy` if it
        /// holds something else; `TimedOut` after that time, without a limit for
        /// [`NO_TIMEOUT`](crate::thread::NO_TIMEOUT).
        WaitOnAddress = 28,
        /// `WakeAddress(address, count)`: wakes at most that many threads that wait on the word, those that have
        /// waited longest; returns how many. In shared memory the word is the same for all who have it.
        WakeAddress = 29,
        /// `PageOut(addr, len)`: takes whole pages out of memory: to the backing store, or dropped where they are as at
        /// first; returns 0. Those mapped in place or not there stay so. On `StoreFull` part of them has gone.
        PageOut = 30,
        /// `PageIn(addr, len)`: brings all of these pages into memory; returns 0. They can go again.
        PageIn = 31,
        /// `Pin(addr, len)`: brings all of these pages into memory, where they stay until `Unpin` or the end of their
        /// mapping; returns 0. `LimitExceeded` for more than a quarter of the page pool. On an error none of them
        /// is pinned.
        Pin = 32,
        /// `Unpin(addr, len)`: these pages may go again; returns 0, also for pages that were not pinned.
        Unpin = 33,
        /// `EvictFrame(frame)`: empties the frame with that physical page number, of any process; returns 0, also for
        /// a free one. `AccessDenied` for what can not be taken: a table, a wired or a pinned page.
        EvictFrame = 34,
        /// `FreeFrames()`: returns how many frames of the page pool are free.
        FreeFrames = 35,
        /// `PagingStatistics(thread or 0 for all, ptr, len)`: writes what paging did,
        /// [`PagingStatistics`](crate::PagingStatistics), at most that many bytes; returns how many.
        PagingStatistics = 36,
        /// `AwaitPressure(kind, stall_us, window_ms, timeout_ms)`: waits until programs were stalled for want of memory for that
        /// many microseconds within a window of 10 to 10,000 milliseconds, counted from this call on; stalls of that
        /// [`PressureKind`](crate::PressureKind). Returns 0, and in `a1` the microseconds in the window. `TimedOut` after that
        /// time, at once for 0, never for [`NO_TIMEOUT`](crate::thread::NO_TIMEOUT); `LimitExceeded` while eight wait.
        AwaitPressure = 37,
        /// `ServerCreate(name_ptr, name_len)`: makes a server that others can send messages to under that name,
        /// 1 to [`NAME_BYTES`](crate::message::NAME_BYTES) bytes; returns its number, which is good for the
        /// caller's process alone. It ends with that process.
        ServerCreate = 45,
        /// `ServerDestroy(server)`: ends a server of the caller's process; who waits for it gets `NotFound`;
        /// returns 0.
        ServerDestroy = 46,
        /// `Connect(name_ptr, name_len, timeout_ms)`: returns a connection of the caller's process to the server
        /// of that name, and waits until one is made. `NotFound` with a timeout of 0, `TimedOut` after that time,
        /// without a limit for [`NO_TIMEOUT`](crate::thread::NO_TIMEOUT).
        Connect = 47,
        /// `Disconnect(connection)`: gives up a connection; messages that were sent are received nevertheless;
        /// returns 0.
        Disconnect = 48,
        /// `SendScalar(connection | flags, word, word, word, word, word)`: sends five words and goes on; returns
        /// 0. A full queue is waited for, or with [`TRY`](crate::message::TRY) answered with `Busy`.
        SendScalar = 49,
        /// `SendBlocking(connection | flags, word, word, word, word, word)`: sends five words and waits until
        /// the server returns the message; returns 0, and in `a1` to `a5` the words that it was returned with.
        SendBlocking = 50,
        /// `SendMemory(connection | flags, kind, addr, len, word, word)`: sends whole pages and two words. As
        /// [`MessageKind`](crate::message::MessageKind) says, they become the receiver's (2), which the caller does
        /// not wait for, or are lent to be read (3) or written (4) until it returns the message: then the answer is
        /// as of `SendBlocking`. The receiver gets in `a1` and `a2` the address and the length, in `a3` and `a4` the words.
        SendMemory = 51,
        /// `Receive(server, timeout_ms)`: waits for a message to a server of the caller's process. Returns in
        /// `a0` the message's number, 0 for one that is not returned; in `a1` to `a5` its words; in `a6` the
        /// sender's process number, and from bit 16 on its [`MessageKind`](crate::message::MessageKind).
        /// `TimedOut` after that time, at once for 0, never for [`NO_TIMEOUT`](crate::thread::NO_TIMEOUT).
        Receive = 52,
        /// `Return(message, word, word, word, word, word)`: answers a message with five words, whose sender goes
        /// on; returns 0. `NotFound` when the sender has ended, or the message was returned before.
        Return = 53,
        /// `ReturnAndReceive(message, word, word, word, word, word, timeout_ms)`: `Return`, then `Receive` from
        /// the same server. When it cannot return, nothing is received.
        ReturnAndReceive = 54,
        /// `Fork()`: starts a process that is a copy of the caller's, with its memory as it is and the calling thread
        /// alone; returns its task id, and 0 in the new process. Pages are common to both until one of them writes;
        /// shared memory stays shared. Devices and memory mapped as `WIRED` are not in the new process.
        Fork = 60,
        /// `Exec(line_ptr, line_len)`: replaces the program of the process as `Spawn` would start one: its memory
        /// goes, and its other threads end. Its task id, parent, children and priority stay. Does not return unless it
        /// fails; then nothing has changed.
        Exec = 61,
        /// `SetExceptionHandler(entry, stack)`: faults of the caller's process that would end it call `entry` from now
        /// on, one at a time, in a thread of its own whose stack ends at address `stack`; entry 0: no more. Returns
        /// the old entry. The handler gets in `a0` the number of the [`Cause`](crate::Cause), in `a1` the program
        /// counter, in `a2` the address (of an illegal instruction its bits), in `a3` the thread. What it returns is added to
        /// that thread's program counter; `ThreadExit` ends that thread instead.
        SetExceptionHandler = 62,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_leads_back_to_its_call() {
        for call in Call::ALL {
            assert_eq!(Call::decode(call.number()), Some(*call));
        }
        assert!(Call::ALL.is_sorted_by_key(|call| call.number()));
    }

    #[test]
    fn a_number_beyond_the_last_asks_for_nothing() {
        let last = Call::ALL.last().expect("there are calls");
        assert_eq!(Call::decode(last.number() + 1), None);
        assert_eq!(Call::decode(usize::MAX), None);
    }
}
