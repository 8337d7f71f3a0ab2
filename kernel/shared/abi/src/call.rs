//! System calls: what a user program can ask the kernel for.
//!
//! The number goes into `a7`, arguments into `a0`..`a5`, then `ecall`. The
//! answer comes back in `a0` (and `a1` where it says so); a value in
//! `-4095..=-1` is the negated number of an [`Error`](crate::Error), which
//! [`Error::result`](crate::Error::result) tells apart. All other registers
//! are kept.
//!
//! A program starts at its ELF entry with `a0` the address and `a1` the length
//! of its argument line, which lies on top of its stack.

use crate::numbered::closed;

closed! {
    /// What the number in `a7` asks for.
    pub enum Call {
        /// `Exit(status)`: ends the task; does not return.
        Exit = 0,
        /// `Write(ptr, len)`: bytes to the console; answers how many were taken.
        Write = 1,
        /// `Read(ptr, len)`: waits for at least one byte from the console;
        /// answers how many came.
        Read = 2,
        /// `Sleep(milliseconds)`: answers 0 once that time is over.
        Sleep = 3,
        /// `Spawn(line_ptr, line_len)`: starts the program named by the first
        /// word, a file in the ROMFS's `bin/`, and hands it the whole line;
        /// answers its task id.
        Spawn = 4,
        /// `Wait(task or 0 for any child, flags)`: answers the task id in `a0` and
        /// its exit status in `a1` once it has ended. With bit 0 of the flags
        /// set it does not wait: `Busy` while no such child has ended. `Busy` also
        /// ends the shell's wait for any child when the interrupt key is pressed.
        Wait = 5,
        /// `Kill(task)`: ends that task; answers 0.
        Kill = 6,
        /// `Sbrk(delta)`: moves the end of the heap by a signed number of bytes;
        /// answers the old end.
        Sbrk = 7,
        /// `Getpid()`: answers the caller's task id.
        Getpid = 8,
        /// `Yield()`: lets others run first; answers 0.
        Yield = 9,
        /// `Mmap(len, prot, flags, at, align)`: whole pages, zero; answers their address.
        /// [`prot`](crate::prot) 0 means readable and writable; [`flags`](crate::map) say
        /// what else; without `AT` the address is a multiple of `align` bytes (0: of a page),
        /// with an empty page on either side. No page is touched.
        Mmap = 10,
        /// `Munmap(addr, len)`: gives whole pages of `Mmap`, `MapDevice` and `ShareAttach`
        /// back; answers 0.
        Munmap = 11,
        /// `Inspect(topic, index, buf, len, argument)`: whole text lines about a
        /// [`Topic`](crate::Topic) into the buffer; answers in `a0` how many
        /// bytes were written, in `a1` the index to go on with, 0 at the end.
        Inspect = 12,
        /// `Set(what, value)`: turns one [`Set`](crate::Set) switch; answers the
        /// old value.
        Set = 13,
        /// `PowerOff()`: switches the machine off; `Unsupported` where the
        /// firmware cannot.
        PowerOff = 14,
        /// `Protect(addr, len, prot)`: other rights for whole pages, never more than they were
        /// mapped with; 0 takes all of them; answers 0.
        Protect = 15,
        /// `Advise(addr, len, advice)`: how pages will be used, an
        /// [`Advice`](crate::Advice); answers 0.
        Advise = 16,
        /// `MapDevice(frame, len, prot)`: registers of a device that the board lists, from
        /// physical page number `frame` on; answers their address.
        MapDevice = 17,
        /// `ShareCreate(len)`: makes memory that tasks can share; answers its id.
        ShareCreate = 18,
        /// `ShareAttach(id, prot, at)`: maps all of it, at an address or (0) anywhere;
        /// answers the address.
        ShareAttach = 19,
        /// `ShareDetach(addr)`: takes it away again; `addr` as `ShareAttach` answered it.
        ShareDetach = 20,
        /// `ShareDestroy(id)`: nobody can attach it any more, and it goes with its last
        /// attachment. Only for the task that made it; when that ends, this happens too.
        ShareDestroy = 21,
        /// `Translate(addr)`: the physical page number in `a0`, the low ten bits of the leaf
        /// in `a1`; `NotFound` for a page that has not come yet.
        Translate = 22,
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
        assert_eq!(Call::ALL.len(), 23);
    }

    #[test]
    fn a_number_beyond_the_last_asks_for_nothing() {
        assert_eq!(Call::decode(23), None);
        assert_eq!(Call::decode(usize::MAX), None);
    }
}
