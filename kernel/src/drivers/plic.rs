//! The platform-level interrupt controller, one context of it.
//!
//! Layout: RISC-V PLIC specification, §Memory Map; the C906's is the same for what is used
//! here (C906 user manual, ch. 10). Registers are 32 bits; offsets are in bytes.

use super::Registers;

const PRIORITY: usize = 0;
const ENABLE: usize = 0x2000;
const ENABLE_STRIDE: usize = 0x80;
const THRESHOLD: usize = 0x20_0000;
const CLAIM: usize = 0x20_0004;
const CONTEXT_STRIDE: usize = 0x1000;

/// Claims in a row that may come to nothing. An interrupt may come again for what a driver has read already;
/// a source that interrupts so often without a byte is stuck.
const UNSERVED_LIMIT: u32 = 100;

/// One context (a hart in S-mode) of a PLIC.
pub struct Plic<R> {
    registers: R,
    context: usize,
    console: u32,
    /// Claims in a row that came to nothing.
    unserved: u32,
    /// Claims in a row that no source answered.
    unanswered: u32,
    /// Bytes that the console had moved at its last interrupt.
    moved: u64,
}

/// What became of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completed {
    /// The source was completed: it may interrupt again.
    Open,
    /// It did not go away, and will not interrupt any more.
    Masked,
}

/// What was done for an interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Bytes were moved.
    Done,
    /// Nothing, but bytes had been moved since the one before: while a hart waited for the kernel, a program on another one
    /// may have done what this one was for. It says nothing about the source.
    Forestalled,
    /// Nothing.
    Nothing,
}

impl<R: Registers> Plic<R> {
    /// Lets the console's source through, and no other. Firmware may have left the threshold at its
    /// maximum (U-Boot does on the Ox64).
    pub fn new(registers: R, context: u32, console: u32) -> Plic<R> {
        let plic = Plic {
            registers,
            context: context as usize,
            console,
            unserved: 0,
            unanswered: 0,
            moved: 0,
        };
        plic.registers
            .write(THRESHOLD + plic.context * CONTEXT_STRIDE, 0);
        // No other source's registers are written: beyond the last source there may be anything.
        plic.registers.write(PRIORITY + console as usize * 4, 1);
        plic.set_enabled(console, true);
        plic
    }

    /// Is that the console's source?
    pub fn is_console(&self, irq: u32) -> bool {
        irq == self.console
    }

    /// What was done for the console's interrupt, when its bytes were `before` and `after` it was served.
    pub fn console_service(&mut self, before: u64, after: u64) -> Service {
        let last = core::mem::replace(&mut self.moved, after);
        match (before != last, after != before) {
            (_, true) => Service::Done,
            (true, false) => Service::Forestalled,
            (false, false) => Service::Nothing,
        }
    }

    /// The source that interrupts now, if any. It stays quiet until it is completed.
    pub fn claim(&mut self) -> Option<u32> {
        match self.registers.read(CLAIM + self.context * CONTEXT_STRIDE) {
            0 => {
                self.unanswered = self.unanswered.saturating_add(1);
                None
            }
            irq => {
                self.unanswered = 0;
                Some(irq)
            }
        }
    }

    /// No source answers claims any more, though the hart is interrupted: one or two may come to nothing, as when
    /// another hart was faster.
    pub fn is_silent(&self) -> bool {
        self.unanswered >= UNSERVED_LIMIT
    }

    /// The source may interrupt again, unless it has done so in vain too often.
    pub fn complete(&mut self, irq: u32, service: Service) -> Completed {
        self.unserved = match service {
            Service::Done => 0,
            Service::Forestalled => self.unserved,
            Service::Nothing => self.unserved + 1,
        };
        let masked = self.unserved >= UNSERVED_LIMIT;
        if masked {
            self.unserved = 0;
            // Before it is completed: a source that is not enabled cannot be claimed again. A
            // completion without an enable is ignored (specification, §Interrupt Completion), which
            // keeps it quiet all the more.
            self.set_enabled(irq, false);
        }
        self.registers
            .write(CLAIM + self.context * CONTEXT_STRIDE, irq);
        if masked {
            Completed::Masked
        } else {
            Completed::Open
        }
    }

    fn set_enabled(&self, irq: u32, enabled: bool) {
        let word = ENABLE + self.context * ENABLE_STRIDE + irq as usize / 32 * 4;
        let others = self.registers.read(word) & !(1 << (irq % 32));
        let bit = u32::from(enabled) << (irq % 32);
        self.registers.write(word, others | bit);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// A PLIC as its specification has it: a claim takes the pending bit, and the source is
    /// masked until it is completed.
    #[derive(Default)]
    struct Model {
        words: RefCell<BTreeMap<usize, u32>>,
        pending: RefCell<BTreeSet<u32>>,
        claimed: RefCell<BTreeSet<u32>>,
    }

    const S_CONTEXT: u32 = 1;

    impl Registers for &Model {
        fn read(&self, offset: usize) -> u32 {
            if offset != 0x20_1004 {
                return self.words.borrow().get(&offset).copied().unwrap_or(0);
            }
            let words = self.words.borrow();
            let word = |at: usize| words.get(&at).copied().unwrap_or(0);
            let enabled = |irq: u32| word(0x2080 + irq as usize / 32 * 4) >> (irq % 32) & 1 == 1;
            let passes = |irq: u32| word(irq as usize * 4) > word(0x20_1000);
            let claimed = self.claimed.borrow().clone();
            let ready = |irq: &&u32| enabled(**irq) && passes(**irq) && !claimed.contains(irq);
            let Some(irq) = self.pending.borrow().iter().find(ready).copied() else {
                return 0;
            };
            self.pending.borrow_mut().remove(&irq);
            self.claimed.borrow_mut().insert(irq);
            irq
        }

        fn write(&self, offset: usize, value: u32) {
            if offset == 0x20_1004 {
                self.claimed.borrow_mut().remove(&value);
            } else {
                self.words.borrow_mut().insert(offset, value);
            }
        }
    }

    #[test]
    fn a_source_interrupts_once_until_it_is_completed() {
        let model = Model::default();
        model.words.borrow_mut().insert(0x20_1000, 7); // as U-Boot leaves the threshold
        let mut plic = Plic::new(&model, S_CONTEXT, 20);
        model.pending.borrow_mut().extend([20, 33]);
        assert_eq!(plic.claim(), Some(20));
        model.pending.borrow_mut().insert(20);
        assert_eq!(plic.claim(), None);
        assert_eq!(plic.complete(20, Service::Done), Completed::Open);
        assert_eq!(plic.claim(), Some(20));
    }

    #[test]
    fn only_the_enabled_sources_registers_are_written() {
        let model = Model::default();
        let _ = Plic::new(&model, S_CONTEXT, 20);
        let written: Vec<usize> = model.words.borrow().keys().copied().collect();
        assert_eq!(written, [20 * 4, 0x2080, 0x20_1000]);
    }

    /// A line that stays up: each completion makes it pending again.
    fn claims_until_masked(plic: &mut Plic<&Model>, model: &Model, irq: u32) -> u32 {
        let mut claims = 0;
        loop {
            model.pending.borrow_mut().insert(irq);
            assert_eq!(plic.claim(), Some(irq), "it is up and enabled");
            claims += 1;
            assert!(claims <= 1000, "it is never masked");
            if plic.complete(irq, Service::Nothing) == Completed::Masked {
                return claims;
            }
        }
    }

    #[test]
    fn a_source_that_never_goes_away_is_masked_and_others_are_not() {
        let model = Model::default();
        let mut plic = Plic::new(&model, S_CONTEXT, 20);
        // As firmware may leave one of its own.
        plic.set_enabled(33, true);
        model.words.borrow_mut().insert(33 * 4, 1);
        assert_eq!(claims_until_masked(&mut plic, &model, 33), UNSERVED_LIMIT);
        model.pending.borrow_mut().insert(33);
        assert_eq!(plic.claim(), None, "it is quiet");
        model.pending.borrow_mut().insert(20);
        assert_eq!(plic.claim(), Some(20), "the console is not");
    }

    #[test]
    fn bytes_that_a_program_moved_before_the_interrupt_was_served_excuse_it_alone() {
        let model = Model::default();
        let mut plic = Plic::new(&model, S_CONTEXT, 20);
        assert_eq!(plic.console_service(5, 5), Service::Forestalled);
        assert_eq!(plic.console_service(5, 5), Service::Nothing);
        assert_eq!(plic.console_service(6, 9), Service::Done);
        // A source that is stuck is masked, although a program writes now and then.
        let mut bytes = 9;
        for claim in 0.. {
            model.pending.borrow_mut().insert(20);
            assert_eq!(plic.claim(), Some(20));
            bytes += u64::from(claim % 10 == 0);
            let service = plic.console_service(bytes, bytes);
            if plic.complete(20, service) == Completed::Masked {
                break;
            }
            assert!(claim < 2 * UNSERVED_LIMIT, "it is never masked");
        }
    }

    #[test]
    fn a_console_that_is_served_now_and_then_is_never_masked() {
        let model = Model::default();
        let mut plic = Plic::new(&model, S_CONTEXT, 20);
        for claim in 0..10 * UNSERVED_LIMIT {
            model.pending.borrow_mut().insert(20);
            assert_eq!(plic.claim(), Some(20));
            let service = match claim % (UNSERVED_LIMIT - 1) {
                0 => Service::Done,
                _ => Service::Nothing,
            };
            assert_eq!(plic.complete(20, service), Completed::Open);
        }
        plic.complete(20, Service::Done);
        assert_eq!(claims_until_masked(&mut plic, &model, 20), UNSERVED_LIMIT);
    }
}
