//! What a debugger reads and writes while the hart is stopped; no rule is checked.
//!
//! A debugger sees memory in two ways, as a probe does: with the hart's loads, which the data cache answers,
//! or over the system bus, which does not look into the cache.

use crate::hart::PrivilegeLevel;
use crate::machine::StrictMachine;
use crate::ram::LINE;

impl StrictMachine {
    /// The physical address of a virtual one for a debugger: no rule is looked at.
    pub fn debug_translate(&mut self, va: u64) -> Option<u64> {
        if self.hart.satp >> 60 != crate::translate::SV39 {
            return Some(va);
        }
        let leaf = self.walk(va).ok()?;
        Some(leaf.at(pagetable::VirtAddr::new(va)).raw())
    }

    /// A CSR as S-mode reads it, whatever level runs: for a debugger.
    pub fn debug_csr(&mut self, csr: u32) -> Option<u64> {
        let level = std::mem::replace(&mut self.hart.level, PrivilegeLevel::Supervisor);
        let value = self.csr_read(csr).ok();
        self.hart.level = level;
        value
    }

    /// Writes a CSR as S-mode does, whatever level runs; `None` if there is none, or it is read-only.
    pub fn debug_set_csr(&mut self, csr: u32, value: u64) -> Option<()> {
        let level = std::mem::replace(&mut self.hart.level, PrivilegeLevel::Supervisor);
        let status = self.hart.sstatus;
        let written = self.csr_write(csr, value).ok();
        if csr <= 3 {
            // A debugger's write is no use of floats by the program.
            self.hart.sstatus = status;
        }
        self.hart.level = level;
        written
    }

    /// Fills `into` from physical address `pa`; `None` if not all of it is RAM.
    pub fn debug_load(&self, pa: u64, into: &mut [u8], through_cache: bool) -> Option<()> {
        let at = self.ram.offset(pa, into.len())?;
        if through_cache {
            into.copy_from_slice(self.ram.bytes(at, into.len())?);
            return Some(());
        }
        for (byte, at) in into.iter_mut().zip(at..) {
            *byte = *self.ram.get_behind(at, 1)?.first()?;
        }
        Some(())
    }

    /// Stores bytes as the hart's own stores do; `None` if not all of it is RAM.
    pub fn debug_store(&mut self, pa: u64, bytes: &[u8]) -> Option<()> {
        let mut at = self.ram.offset(pa, bytes.len())?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (line, behind) = rest.split_at(rest.len().min(LINE - at % LINE));
            let flags = self.ram.put(at, line);
            self.line_written(at, flags);
            (at, rest) = (at + line.len(), behind);
        }
        Some(())
    }

    /// What was decoded from memory is decoded again, as after `fence.i`: a debugger writes breakpoints.
    pub fn debug_fence(&mut self) {
        self.code.fence();
    }
}

#[cfg(test)]
mod tests {
    use crate::machine::{MachineOptions, StrictMachine};

    #[test]
    fn a_store_is_seen_by_loads_and_by_the_bus_once_it_is_written_back() {
        let board = boards::by_name("ox64").expect("the board");
        let mut machine = StrictMachine::new(&board, MachineOptions::default());
        let pa = board.ram.base + 60;
        machine.ram.load(0, &[0; 128]).expect("it fits");
        machine.debug_store(pa, &[1; 8]).expect("it is RAM");
        let mut found = [9; 8];
        machine.debug_load(pa, &mut found, true).expect("it is RAM");
        assert_eq!(found, [1; 8]);
        machine
            .debug_load(pa, &mut found, false)
            .expect("it is RAM");
        assert_eq!(found, [0; 8]);
        machine.ram.clean_all(false);
        machine
            .debug_load(pa, &mut found, false)
            .expect("it is RAM");
        assert_eq!(found, [1; 8]);
        let end = board.ram.base + board.ram.size - 4;
        assert_eq!(machine.debug_store(end, &[1; 8]), None);
        assert_eq!(machine.debug_load(end, &mut found, false), None);
    }
}
