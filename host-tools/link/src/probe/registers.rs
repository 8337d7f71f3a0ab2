//! Registers of a hart: reading, saving and restoring.
//!
//! Debug spec 0.13, §3.6. Registers that a read has to change are saved in full width, and restored by
//! `Module::put_back`.

use std::time::Instant;

use pagetable::Xlen;

use super::ProbeError;
use super::debug_module::{CMDERR, DebugModule, PATIENCE, TRIES, at};
use super::dtm::Op;

/// cmderr "not supported"; Debug spec 0.13, §3.12.6.
const UNKNOWN: u32 = 2;
const EXCEPTION: u32 = 3;

/// A 32-bit access to a register.
const NARROW: u32 = 2 << 20 | 1 << 17;
const MISA: u32 = 0x301;

/// Numbers of `x8` and `x9` in abstract commands.
pub(super) const S0: u32 = 0x1008;
pub(super) const S1: u32 = 0x1009;

impl DebugModule {
    /// Runs an abstract command with these arguments; returns that many words of its result.
    pub(super) fn command(
        &mut self,
        arguments: &[u32],
        command: u32,
        results: usize,
    ) -> Result<u64, ProbeError> {
        let words = (at::DATA..).zip(arguments);
        let mut ops: Vec<Op> = words.map(|(to, word)| Op::Write(to, *word)).collect();
        ops.push(Op::Write(at::COMMAND, command));
        for _ in 0..TRIES {
            self.dtm.run(&ops)?;
            let cmderr = self.wait_for_command()?;
            if cmderr == 0 {
                let reads: Vec<Op> = (at::DATA..).take(results).map(Op::Read).collect();
                let said = self.dtm.run(&reads)?;
                let number = |number: u64, word: &u32| number << 32 | u64::from(*word);
                return Ok(said.iter().rev().fold(0, number));
            }
            // A command issued while another one runs is ignored, and so is its program.
            if cmderr != 1 {
                return Err(ProbeError::Command(cmderr));
            }
            self.dtm.slow_down();
        }
        Err(ProbeError::Command(1))
    }

    /// Waits until the command has ended; returns cmderr and clears it.
    pub(super) fn wait_for_command(&mut self) -> Result<u32, ProbeError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.dtm.run(&[Op::Read(at::ABSTRACTCS)])?[0];
            if status & 0xf != self.offers.data_words as u32 {
                return Err(ProbeError::Noise);
            }
            if status >> 12 & 1 == 0 {
                let cmderr = status >> 8 & 7;
                if cmderr != 0 {
                    self.dtm.run(&[Op::Write(at::ABSTRACTCS, CMDERR)])?;
                }
                return Ok(cmderr);
            }
            if Instant::now() > deadline {
                return Err(ProbeError::Busy);
            }
        }
    }

    /// Number of 32-bit words in a register.
    pub(super) fn words(&self) -> usize {
        match self.xlen {
            Some(Xlen::Rv32) => 1,
            _ => 2,
        }
    }

    /// The command that accesses a register in full width.
    pub(super) fn access(&self, register: u32, writes: bool, runs: bool) -> u32 {
        let size = if self.words() == 1 { 2 } else { 3 };
        size << 20 | u32::from(runs) << 18 | 1 << 17 | u32::from(writes) << 16 | register
    }

    /// Register width of the hart. Halts it.
    pub fn xlen(&mut self) -> Result<Xlen, ProbeError> {
        if let Some(xlen) = self.xlen {
            return Ok(xlen);
        }
        self.halt()?;
        // Only a 64-bit hart has 64-bit registers. A single failure may be accidental, and half a register
        // would be a wrong result. A module that checks the size reports "not supported"; one whose ROM
        // executes a 64-bit store takes an exception on a 32-bit hart.
        let wide = self.access(S0, false, false);
        let is_too_wide = |asked: &Result<u64, ProbeError>| {
            matches!(asked, Err(ProbeError::Command(UNKNOWN | EXCEPTION)))
        };
        let mut asked = self.command(&[], wide, 2);
        if is_too_wide(&asked) {
            asked = self.command(&[], wide, 2);
        }
        let xlen = match asked {
            Ok(_) => Xlen::Rv64,
            Err(ProbeError::Command(UNKNOWN | EXCEPTION)) => self.narrow()?,
            Err(error) => return Err(error),
        };
        self.xlen = Some(xlen);
        Ok(xlen)
    }

    /// The module does not transfer 64 bits: either the hart has 32-bit registers, or the module only
    /// transfers 32 at a time.
    fn narrow(&mut self) -> Result<Xlen, ProbeError> {
        self.command(&[], NARROW | S0, 1)?;
        // `misa` has the width in its two highest bits: 1 on RV32. On RV64 bits 30 and 31 are zero, as no
        // extension uses them.
        match self.command(&[], NARROW | MISA, 1) {
            Ok(misa) if misa != 0 && misa >> 30 != 1 => Err(ProbeError::HalfRegisters),
            // misa is optional, and may require a program.
            Ok(_) | Err(ProbeError::Command(UNKNOWN | EXCEPTION)) => Ok(Xlen::Rv32),
            Err(error) => Err(error),
        }
    }

    pub(super) fn read_register(&mut self, register: u32) -> Result<u64, ProbeError> {
        self.xlen()?;
        self.halt()?;
        self.command(&[], self.access(register, false, false), self.words())
    }

    pub(super) fn write_register(&mut self, register: u32, value: u64) -> Result<(), ProbeError> {
        self.xlen()?;
        self.halt()?;
        // Always full width: some harts reject a narrower write, others sign-extend it.
        let words = [value as u32, (value >> 32) as u32];
        let command = self.access(register, true, false);
        self.command(&words[..self.words()], command, 0)?;
        Ok(())
    }

    /// Saves the value of a register before a change.
    pub(super) fn borrow(&mut self, register: u32) -> Result<(), ProbeError> {
        if self.changed.iter().all(|(number, _)| *number != register) {
            let value = match register {
                0x1000.. => self.read_register(register)?,
                _ => self.csr(register as u16)?,
            };
            self.changed.push((register, value));
        }
        Ok(())
    }

    /// Writes a program into the buffer.
    pub(super) fn load(&mut self, program: &[u32]) -> Result<(), ProbeError> {
        const EBREAK: u32 = 0x0010_0073;
        let mut words = program.to_vec();
        if !self.offers.has_implicit_ebreak || words.len() < self.offers.program_words {
            words.push(EBREAK);
        }
        if words.len() > self.offers.program_words {
            return Err(ProbeError::Command(2));
        }
        if self.program != words {
            let places = (at::PROGRAM..).zip(&words);
            let ops: Vec<Op> = places.map(|(to, word)| Op::Write(to, *word)).collect();
            self.program.clear();
            self.dtm.run(&ops)?;
            self.program = words;
        }
        Ok(())
    }

    /// Reads a CSR. Halts the hart.
    pub fn csr(&mut self, number: u16) -> Result<u64, ProbeError> {
        if !self.needs_program {
            match self.read_register(u32::from(number)) {
                // This CSR or all CSRs: a program shows which, if the buffer has room.
                Err(ProbeError::Command(UNKNOWN)) => {}
                Err(ProbeError::Command(EXCEPTION)) => {
                    return Err(ProbeError::NoRegister("CSR", number));
                }
                read => return read,
            }
        }
        let read = self.csr_by_program(number);
        self.needs_program |= read.is_ok();
        read
    }

    fn csr_by_program(&mut self, number: u16) -> Result<u64, ProbeError> {
        if !self.has_room_for(1) {
            return Err(ProbeError::NoRegister("CSR", number));
        }
        self.borrow(S0)?;
        // csrrs s0, CSR, zero
        let read = self.run_for_csr(u32::from(number) << 20 | 2 << 12 | 8 << 7 | 0x73);
        read.map_err(|error| match error {
            ProbeError::Command(2 | 3) => ProbeError::NoRegister("CSR", number),
            error => error,
        })?;
        self.read_register(S0)
    }

    /// Writes a CSR. Halts the hart.
    pub(super) fn write_csr(&mut self, number: u16, value: u64) -> Result<(), ProbeError> {
        if !self.needs_program {
            match self.write_register(u32::from(number), value) {
                Err(ProbeError::Command(UNKNOWN)) if self.has_room_for(1) => {}
                written => return written,
            }
        }
        self.borrow(S0)?;
        self.write_register(S0, value)?;
        // csrrw zero, CSR, s0
        let written = self.run_for_csr(u32::from(number) << 20 | 8 << 15 | 1 << 12 | 0x73);
        self.needs_program |= written.is_ok();
        written
    }

    /// Whether the buffer has room for so many instructions and their end.
    pub(super) fn has_room_for(&self, instructions: usize) -> bool {
        let behind = usize::from(!self.offers.has_implicit_ebreak);
        self.offers.program_words >= instructions + behind
    }

    fn run_for_csr(&mut self, instruction: u32) -> Result<(), ProbeError> {
        self.load(&[instruction])?;
        // A valid size and register: some modules check them even without a transfer.
        let command = self.access(0x1000, false, true) & !(1 << 17);
        self.command(&[], command, 0)?;
        Ok(())
    }

    /// Reads a general-purpose register. Halts the hart.
    pub fn register(&mut self, number: u8) -> Result<u64, ProbeError> {
        self.put_back()?;
        self.read_register(0x1000 + u32::from(number & 0x1f))
    }

    /// Restores every changed register.
    pub(super) fn put_back(&mut self) -> Result<(), ProbeError> {
        self.is_physical = false;
        // In reverse order: restoring a CSR may need s0.
        while let Some((register, value)) = self.changed.last().copied() {
            let write = |module: &mut DebugModule| match register {
                0x1000.. => module.write_register(register, value),
                _ => module.write_csr(register as u16, value),
            };
            let mut written = write(self);
            for _ in 1..TRIES {
                if written.is_ok() {
                    break;
                }
                self.program.clear();
                written = write(self);
            }
            written.map_err(|error| ProbeError::NotPutBack(Box::new(error)))?;
            self.changed.retain(|(number, _)| *number != register);
        }
        Ok(())
    }
}
