//! A program's integer registers, as the trap path saves and restores them.

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

    /// The first context of a thread: its function and that one's argument, its stack, and where it returns to.
    pub fn start_thread(entry: usize, argument: usize, stack: usize) -> Context {
        let mut context = Context::start(entry, stack, (argument, 0), 0);
        context.x[RA] = abi::thread::EXIT_THREAD;
        context
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
