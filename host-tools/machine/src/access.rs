//! Loads, stores and fetches: the fast way for cached RAM, the long way for all else.

use pagetable::AccessType;

use crate::code::decoded;
use crate::decode::decode;
use crate::insn::{Insn, Operation};
use crate::machine::StrictMachine;
use crate::mmu::bank;
use crate::ram::{CODE, LINE, WALKED};
use crate::rule::SiliconRule;
use crate::trace::TraceKind;
use crate::translate::{Place, Type};
use crate::trap::{SyncException, cause};

impl StrictMachine {
    #[inline(always)]
    pub(crate) fn load<const N: usize>(&mut self, va: u64) -> Result<[u8; N], SyncException> {
        let fast = self.mmu.loads[bank(self.hart.level)].get(va, self.mmu.generation);
        if let Some(at) = fast
            && (va & 0xfff) as usize + N <= 4096
            && let Some(bytes) = self.ram.get(at)
        {
            return Ok(bytes);
        }
        self.load_slowly(va)
    }

    #[cold]
    #[inline(never)]
    fn load_slowly<const N: usize>(&mut self, va: u64) -> Result<[u8; N], SyncException> {
        if (va & 0xfff) as usize + N > 4096 {
            return self.load_across(va);
        }
        let place = self.translate(va, AccessType::Read)?;
        let Some(at) = self.ram.offset(place.pa, N) else {
            let value = self.load_device(place, va, N as u64)?;
            let mut bytes = [0; N];
            bytes.copy_from_slice(&value.to_le_bytes()[..N]);
            return Ok(bytes);
        };
        if place.kind == Type::Cacheable {
            return self
                .ram
                .get(at)
                .ok_or(SyncException::access_fault(AccessType::Read, va));
        }
        let mut bytes = [0; N];
        for (byte, at) in bytes.iter_mut().zip(at..) {
            *byte = self.ram.get_behind(at, 1).map_or(0, |found| found[0]);
        }
        Ok(bytes)
    }

    /// Two pages, byte by byte; `mxstatus.MM` lets scalar accesses be misaligned.
    fn load_across<const N: usize>(&mut self, va: u64) -> Result<[u8; N], SyncException> {
        let mut bytes = [0; N];
        for (byte, offset) in bytes.iter_mut().zip(0..) {
            *byte = self.load::<1>(va.wrapping_add(offset))?[0];
        }
        Ok(bytes)
    }

    fn load_device(&mut self, place: Place, va: u64, bytes: u64) -> Result<u64, SyncException> {
        let fault = SyncException::access_fault(AccessType::Read, va);
        self.device_is_there(place.pa, bytes, fault)?;
        if place.kind != Type::Strong {
            // The bus reads 16 bytes at once: whatever is read out of a FIFO beside is lost.
            let block = place.pa & !15;
            for beside in (0..16).step_by(4).map(|at| block + at) {
                if beside != place.pa & !3 {
                    // What is not there is no loss.
                    let _ = self.bus.read(beside, self.clock);
                }
            }
        }
        let read = self.bus.read(place.pa, self.clock);
        self.look_at = 0;
        let word = read.map_err(|_| self.refused_by_bus(place.pa, fault))?;
        self.note(TraceKind::DeviceRead, place.pa, word.into());
        Ok(word.into())
    }

    fn device_is_there(
        &mut self,
        pa: u64,
        bytes: u64,
        fault: SyncException,
    ) -> Result<(), SyncException> {
        if !self.bus.has(pa) {
            return Err(self.refused_by_bus(pa, fault));
        }
        if bytes != 4 || pa & 3 != 0 {
            self.find(SiliconRule::DeviceWidth, pa);
            return Err(fault);
        }
        if !self.bus.plic_has(pa) {
            self.find(SiliconRule::PlicOffset, pa);
        }
        Ok(())
    }

    fn refused_by_bus(&mut self, pa: u64, fault: SyncException) -> SyncException {
        self.find(SiliconRule::OutsidePmp, pa);
        fault
    }

    #[inline(always)]
    pub(crate) fn store<const N: usize>(
        &mut self,
        va: u64,
        bytes: [u8; N],
    ) -> Result<(), SyncException> {
        let fast = self.mmu.stores[bank(self.hart.level)].get(va, self.mmu.generation);
        if let Some(at) = fast
            && va as usize % LINE + N <= LINE
            && self.ram.put_dirty(at, bytes)
        {
            return Ok(());
        }
        self.store_slowly(va, &bytes)
    }

    #[cold]
    #[inline(never)]
    fn store_slowly(&mut self, va: u64, bytes: &[u8]) -> Result<(), SyncException> {
        let beyond = (va & 0xfff) as usize + bytes.len();
        if beyond > 4096 {
            // Both pages must grant it before a byte is stored.
            self.translate(va, AccessType::Write)?;
            self.translate((va | 0xfff).wrapping_add(1), AccessType::Write)?;
        }
        if va as usize % LINE + bytes.len() > LINE {
            for (byte, offset) in bytes.iter().zip(0..) {
                self.store_slowly(va.wrapping_add(offset), &[*byte])?;
            }
            return Ok(());
        }
        let place = self.translate(va, AccessType::Write)?;
        let Some(at) = self.ram.offset(place.pa, bytes.len()) else {
            return self.store_device(place, va, bytes);
        };
        if place.kind == Type::Cacheable {
            let flags = self.ram.put(at, bytes);
            self.line_written(at, flags);
        } else {
            let flags = self.ram.flags(at);
            self.ram.put_behind(at, bytes);
            // The walker goes on with what the cache holds: the line stays marked.
            self.line_written(at, flags & !WALKED);
            self.mmu.forget_fast();
        }
        Ok(())
    }

    pub(crate) fn line_written(&mut self, at: usize, flags: u8) {
        if flags & CODE != 0 {
            self.code.line_written(at);
            self.ram.unmark(at, CODE);
        }
        if flags & WALKED != 0 {
            self.table_written(at);
        }
    }

    fn store_device(&mut self, place: Place, va: u64, bytes: &[u8]) -> Result<(), SyncException> {
        let fault = SyncException::access_fault(AccessType::Write, va);
        self.device_is_there(place.pa, bytes.len() as u64, fault)?;
        let word = bytes
            .first_chunk()
            .map_or(0, |word| u32::from_le_bytes(*word));
        if place.kind != Type::Strong {
            // The bus writes 8 bytes at once: the register beside gets the same.
            let _ = self.bus.write(place.pa ^ 4, word, self.clock);
        }
        let written = self.bus.write(place.pa, word, self.clock);
        self.note(TraceKind::DeviceWrite, place.pa, word.into());
        self.look_at = 0;
        written.map_err(|_| self.refused_by_bus(place.pa, fault))
    }

    /// Where an atomic operation takes place: aligned, in RAM.
    pub(crate) fn atomic_place(
        &mut self,
        va: u64,
        bytes: u64,
        access: AccessType,
    ) -> Result<usize, SyncException> {
        if !va.is_multiple_of(bytes) {
            let code = match access {
                AccessType::Write => cause::STORE_MISALIGNED,
                _ => cause::LOAD_MISALIGNED,
            };
            return Err(SyncException::new(code, va));
        }
        let place = self.translate(va, access)?;
        match self.ram.offset(place.pa, bytes as usize) {
            Some(at) => Ok(at),
            None => Err(self.refused_by_bus(place.pa, SyncException::access_fault(access, va))),
        }
    }

    /// Where the page of the program counter lies in the cache of decoded instructions.
    pub(crate) fn code_page(&mut self, pc: u64) -> Result<usize, SyncException> {
        let fast = self.mmu.fetches[bank(self.hart.level)].get(pc, self.mmu.generation);
        let at = match fast {
            Some(at) => at,
            None => {
                let place = self.translate(pc, AccessType::Execute)?;
                match self.ram.offset(place.pa, 2) {
                    Some(at) => at,
                    None => {
                        let fault = SyncException::access_fault(AccessType::Execute, pc);
                        return Err(self.refused_by_bus(place.pa, fault));
                    }
                }
            }
        };
        Ok(self.code.page(at))
    }

    /// An instruction that the cache cannot answer for at once.
    #[cold]
    #[inline(never)]
    pub(crate) fn fetch(
        &mut self,
        page: usize,
        pc: u64,
        found: Insn,
    ) -> Result<Insn, SyncException> {
        match found.op {
            Operation::Undecoded => self.decode_at(page, pc),
            Operation::Suspect => self.fetch_suspect(page, pc),
            // In the next page something else may stand each time.
            _ => self.fetch_across(pc),
        }
    }

    fn halves(&mut self, pc: u64) -> Result<(usize, u32), SyncException> {
        let fault = SyncException::access_fault(AccessType::Execute, pc);
        let fast = self.mmu.fetches[bank(self.hart.level)].get(pc, self.mmu.generation);
        let at = match fast {
            Some(at) => at,
            None => {
                let place = self.translate(pc, AccessType::Execute)?;
                self.ram.offset(place.pa, 2).ok_or(fault)?
            }
        };
        let low = self.ram.get::<2>(at).ok_or(fault)?;
        let high = if pc & 0xfff == 0xffe {
            [0; 2]
        } else {
            self.ram.get::<2>(at + 2).unwrap_or([0; 2])
        };
        Ok((at, u32::from_le_bytes([low[0], low[1], high[0], high[1]])))
    }

    fn decode_at(&mut self, page: usize, pc: u64) -> Result<Insn, SyncException> {
        let (at, word) = self.halves(pc)?;
        let is_wide = word & 3 == 3;
        let raw = if is_wide { word } else { word & 0xffff };
        let insn = decoded(pc as usize >> 1 & 0x7ff, word);
        self.code.put(page, pc, insn, raw);
        // A later store must come by here: the line is not only dirty any more.
        self.ram.mark(at, CODE);
        if is_wide && pc & 0xfff != 0xffe {
            self.ram.mark(at + 2, CODE);
        }
        match insn.op {
            Operation::Crossing => self.fetch_across(pc),
            _ => Ok(insn),
        }
    }

    fn fetch_across(&mut self, pc: u64) -> Result<Insn, SyncException> {
        let (_, low) = self.halves(pc)?;
        let (_, high) = self.halves(pc.wrapping_add(2))?;
        Ok(decode(low & 0xffff | high << 16))
    }

    /// The bits of the instruction at an address, as memory has them.
    pub(crate) fn bits_at(&mut self, pc: u64) -> Option<u32> {
        let (_, low) = self.halves(pc).ok()?;
        if low & 3 == 3 && pc & 0xfff == 0xffe {
            let (_, high) = self.halves(pc.wrapping_add(2)).ok()?;
            return Some(low & 0xffff | high << 16);
        }
        Some(low)
    }

    /// The line was written since: the hart may execute what it fetched before.
    fn fetch_suspect(&mut self, page: usize, pc: u64) -> Result<Insn, SyncException> {
        let Some((old, raw)) = self.code.suspect(page, pc) else {
            return self.decode_at(page, pc);
        };
        let (_, word) = self.halves(pc)?;
        let now = if word & 3 == 3 { word } else { word & 0xffff };
        if now == raw || old.op == Operation::Crossing {
            return self.decode_at(page, pc);
        }
        if self.find(SiliconRule::CodeWithoutFence, pc) {
            return Ok(old);
        }
        self.decode_at(page, pc)
    }
}
