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

/// One context (a hart in S-mode) of a PLIC.
pub struct Plic<R> {
    registers: R,
    context: usize,
}

impl<R: Registers> Plic<R> {
    /// Lets every priority above 0 through: firmware may have left the threshold at its
    /// maximum (U-Boot does on the Ox64).
    pub fn new(registers: R, context: u32) -> Plic<R> {
        let plic = Plic {
            registers,
            context: context as usize,
        };
        plic.registers
            .write(THRESHOLD + plic.context * CONTEXT_STRIDE, 0);
        plic
    }

    /// Lets one source interrupt. No other source's registers are written: beyond the last
    /// source there may be anything.
    pub fn enable(&mut self, irq: u32) {
        let word = ENABLE + self.context * ENABLE_STRIDE + irq as usize / 32 * 4;
        self.registers.write(PRIORITY + irq as usize * 4, 1);
        self.registers
            .write(word, self.registers.read(word) | 1 << (irq % 32));
    }

    /// The source that interrupts now, if any. It stays quiet until it is completed.
    pub fn claim(&mut self) -> Option<u32> {
        match self.registers.read(CLAIM + self.context * CONTEXT_STRIDE) {
            0 => None,
            irq => Some(irq),
        }
    }

    /// The source has been served and may interrupt again.
    pub fn complete(&mut self, irq: u32) {
        self.registers
            .write(CLAIM + self.context * CONTEXT_STRIDE, irq);
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
        let mut plic = Plic::new(&model, S_CONTEXT);
        plic.enable(20);
        model.pending.borrow_mut().extend([20, 33]);
        assert_eq!(plic.claim(), Some(20));
        model.pending.borrow_mut().insert(20);
        assert_eq!(plic.claim(), None);
        plic.complete(20);
        assert_eq!(plic.claim(), Some(20));
    }

    #[test]
    fn only_the_enabled_sources_registers_are_written() {
        let model = Model::default();
        Plic::new(&model, S_CONTEXT).enable(20);
        let written: Vec<usize> = model.words.borrow().keys().copied().collect();
        assert_eq!(written, [20 * 4, 0x2080, 0x20_1000]);
    }
}
