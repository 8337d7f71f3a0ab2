//! A program's integer registers, as the trap path saves and restores them.

use core::mem;
use core::ops::{Deref, DerefMut};

use abi::message::WORDS;

/// `x[0]` is not a register; it keeps the offsets simple: register `n` lies at word `n`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Context {
    /// `x0` (unused) to `x31`.
    pub x: [usize; 32],
    /// Where the program goes on (`sepc`).
    pub pc: usize,
    /// `sstatus` as the program runs with it.
    pub status: usize,
}

/// Where `trap.S` keeps the registers of a thread, and what it needs beside them of the hart that runs it.
///
/// Hart and thread have a frame each. A thread that is put on the hart changes frames with it, so that no register is
/// copied: what the thread has meanwhile is of no meaning.
#[repr(C, align(64))]
pub struct TrapFrame {
    pub(crate) registers: Context,
    /// `instret` at the first instruction after the last trap; 0 where it cannot be read.
    pub(crate) started: usize,
    /// Where the block of the hart is that has this frame.
    pub(crate) hart: usize,
    /// Where `mm::Fast` of that hart is: what the fast path of a page fault needs.
    pub(crate) fast: usize,
}

impl TrapFrame {
    /// No registers, and of no hart.
    pub const EMPTY: TrapFrame = TrapFrame {
        registers: Context::EMPTY,
        started: 0,
        hart: 0,
        fast: 0,
    };

    /// Hart and thread change frames: the thread is taken off the hart, or put on it.
    #[inline]
    pub fn exchange(on_hart: &mut &'static mut TrapFrame, of_thread: &mut &'static mut TrapFrame) {
        (of_thread.hart, of_thread.fast) = (on_hart.hart, on_hart.fast);
        mem::swap(on_hart, of_thread);
    }
}

impl TrapFrame {
    /// One thread is taken off the hart and another is put on it: [`exchange`](Self::exchange) of both at once.
    #[inline]
    pub fn pass_on(
        on_hart: &mut &'static mut TrapFrame,
        from: &mut &'static mut TrapFrame,
        to: &mut &'static mut TrapFrame,
    ) {
        (to.hart, to.fast) = (on_hart.hart, on_hart.fast);
        mem::swap(on_hart, from);
        mem::swap(on_hart, to);
    }
}

impl Deref for TrapFrame {
    type Target = Context;

    #[inline]
    fn deref(&self) -> &Context {
        &self.registers
    }
}

impl DerefMut for TrapFrame {
    #[inline]
    fn deref_mut(&mut self) -> &mut Context {
        &mut self.registers
    }
}

/// `f0` to `f31` and `fcsr`: moved only for programs that use them.
#[derive(Clone, Copy)]
pub struct Floats(pub [u64; 33]);

/// Register numbers of the calling convention.
const RA: usize = 1;
const SP: usize = 2;
const A0: usize = 10;
const A1: usize = 11;
const A2: usize = 12;
const A6: usize = 16;
const A7: usize = 17;

/// `sstatus.SPIE`: interrupts on once in the program. Privileged spec, §sstatus.
const STATUS_SPIE: usize = 1 << 5;
/// `sstatus.FS` = initial: float registers usable and clean.
const STATUS_FS_INITIAL: usize = 1 << 13;
/// `sstatus.FS` = dirty.
const STATUS_FS_DIRTY: usize = 3 << 13;

impl Context {
    /// All registers zero, not runnable.
    pub const EMPTY: Context = Context {
        x: [0; 32],
        pc: 0,
        status: 0,
    };

    /// The first context of a program: entry point, stack, its argument line, and what the hart offers
    /// ([`abi::start`]).
    pub fn start(
        entry: usize,
        stack: usize,
        (line, line_bytes): (usize, usize),
        offers: usize,
    ) -> Context {
        let mut context = Context {
            pc: entry,
            status: STATUS_SPIE | STATUS_FS_INITIAL,
            ..Context::EMPTY
        };
        context.x[SP] = stack;
        context.x[A0] = line;
        context.x[A1] = line_bytes;
        context.x[A2] = offers;
        context
    }

    /// The system call number the program asks for.
    pub fn call(&self) -> usize {
        self.x[A7]
    }

    /// Argument `n` of a system call, 0 to 6.
    pub fn argument(&self, n: usize) -> usize {
        self.x[A0 + n]
    }

    /// Gives a system call its answer and moves past the `ecall`.
    pub fn set_return(&mut self, a0: isize) {
        self.x[A0] = a0 as usize;
        self.pc = self.pc.wrapping_add(4);
    }

    /// The same with a second result.
    pub fn set_return_pair(&mut self, a0: isize, a1: usize) {
        self.set_return(a0);
        self.x[A1] = a1;
    }

    /// Changes the answer of a call that is past.
    pub fn answer(&mut self, a0: usize, a1: Option<usize>) {
        self.x[A0] = a0;
        if let Some(a1) = a1 {
            self.x[A1] = a1;
        }
    }

    /// The words of a message, which follow the first argument.
    #[inline]
    pub fn words(&self) -> [usize; WORDS] {
        core::array::from_fn(|n| self.x[A1 + n])
    }

    /// Puts the words of a message behind the answer of a call that is past.
    #[inline]
    pub fn set_words(&mut self, words: [usize; WORDS]) {
        self.x[A1..A1 + WORDS].copy_from_slice(&words);
    }

    /// Puts a message into the registers of who receives it: its number, its words, and where it comes from.
    #[inline]
    pub fn set_message(&mut self, number: usize, words: [usize; WORDS], from: usize) {
        self.x[A0] = number;
        self.set_words(words);
        self.x[A6] = from;
    }

    /// Makes it the first context of a thread: its function and that one's argument, its stack, and where it returns
    /// to. In its place: a context that is returned would be copied.
    pub fn start_thread(&mut self, entry: usize, argument: usize, stack: usize) {
        for register in &mut self.x {
            *register = 0;
        }
        self.x[RA] = abi::thread::EXIT_THREAD;
        self.x[SP] = stack;
        self.x[A0] = argument;
        self.pc = entry;
        self.status = STATUS_SPIE | STATUS_FS_INITIAL;
    }

    /// Makes it the context of an exception handler that is called: where it begins, its stack, and what it gets. What
    /// stands in the other registers is of the same process.
    #[inline]
    pub fn call_handler(&mut self, entry: usize, stack: usize, arguments: [usize; 4]) {
        self.x[RA] = abi::thread::RETURN_FROM_EXCEPTION_HANDLER;
        self.x[SP] = stack;
        self.x[A0..A0 + 4].copy_from_slice(&arguments);
        self.pc = entry;
        self.status = STATUS_SPIE | STATUS_FS_INITIAL;
    }

    /// Has the program written a float register since it was last put on the hart?
    pub fn floats_dirty(&self) -> bool {
        self.status & STATUS_FS_DIRTY == STATUS_FS_DIRTY
    }

    /// After its float registers are saved they count as clean.
    pub fn floats_saved(&mut self) {
        self.status = self.status & !STATUS_FS_DIRTY | 2 << 13;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_moves_past_the_ecall() {
        let mut context = Context::start(0x1_0000, 0x8000, (0x7000, 5), 0);
        context.set_return_pair(-2, 9);
        assert_eq!(
            (context.pc, context.argument(0), context.argument(1)),
            (0x1_0004, usize::MAX - 1, 9)
        );
    }

    #[test]
    fn float_state_goes_from_dirty_to_clean() {
        let mut context = Context::start(0, 0, (0, 0), 0);
        assert!(!context.floats_dirty());
        context.status |= STATUS_FS_DIRTY;
        assert!(context.floats_dirty());
        context.floats_saved();
        assert!(!context.floats_dirty());
        assert_ne!(context.status & STATUS_FS_DIRTY, 0);
    }
}
