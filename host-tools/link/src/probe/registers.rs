//! Registers of a hart, read, borrowed and put back.
//!
//! Debug spec 0.13, §3.6. What a reader must change in the hart for a while is noted with its
//! whole width, and goes back with `Module::put_back`.

use std::time::Instant;

use pagetable::Xlen;

use super::ProbeError;
use super::debug_module::{CMDERR, DebugModule, PATIENCE, TRIES, at};
use super::dtm::Op;

/// cmderr; Debug spec 0.13, §3.12.6.
const UNKNOWN: u32 = 2;
const EXCEPTION: u32 = 3;

/// A read of 32 bits of a register.
const NARROW: u32 = 2 << 20 | 1 << 17;
const MISA: u32 = 0x301;

/// `x8` and `x9`, as abstract commands number them.
pub(super) const S0: u32 = 0x1008;
pub(super) const S1: u32 = 0x1009;

impl DebugModule {
    /// Runs an abstract command with these arguments, and gives so many words of its result.
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
            // One that met another was not run; a program behind it neither.
            if cmderr != 1 {
                return Err(ProbeError::Command(cmderr));
            }
            self.dtm.slow_down();
        }
        Err(ProbeError::Command(1))
    }

    /// Waits until the command has ended; how, is cleared.
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

    /// Words of a register.
    pub(super) fn words(&self) -> usize {
        match self.xlen {
            Some(Xlen::Rv32) => 1,
            _ => 2,
        }
    }

    /// What an access to a register of the hart's own width is.
    pub(super) fn access(&self, register: u32, writes: bool, runs: bool) -> u32 {
        let size = if self.words() == 1 { 2 } else { 3 };
        size << 20 | u32::from(runs) << 18 | 1 << 17 | u32::from(writes) << 16 | register
    }

    /// Width of the hart's registers. Halts it.
    pub fn xlen(&mut self) -> Result<Xlen, ProbeError> {
        if let Some(xlen) = self.xlen {
            return Ok(xlen);
        }
        self.halt()?;
        // Only a hart of 64 bits has registers of so many. What is not answered once may be an
        // accident, and half a register would be a wrong answer. A module that checks the size
        // says that it knows no such command; one whose ROM runs a store of 64 bits for it meets
        // an instruction that the hart does not have.
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

    /// The module gives no 64 bits of a register: because the hart has no more than 32, or because
    /// it moves no more at a time.
    fn narrow(&mut self) -> Result<Xlen, ProbeError> {
        self.command(&[], NARROW | S0, 1)?;
        // The width stands in the highest two bits of `misa`: of 32 on RV32, where it is 1. Of 64
        // bits these are two of the lower half, which no extension has.
        match self.command(&[], NARROW | MISA, 1) {
            Ok(misa) if misa != 0 && misa >> 30 != 1 => Err(ProbeError::HalfRegisters),
            // It need not tell, and need not be reached without a program.
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
        // Always the whole of it: a narrower write is refused by some harts, and by others fills
        // the upper half with the sign.
        let words = [value as u32, (value >> 32) as u32];
        let command = self.access(register, true, false);
        self.command(&words[..self.words()], command, 0)?;
        Ok(())
    }

    /// Notes what a register holds before it is changed.
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

    /// Puts a program into the buffer.
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
                // Of this one, or of any: a program shows it, where there is room for one.
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

    /// Whether the buffer holds so many instructions and what ends them.
    pub(super) fn has_room_for(&self, instructions: usize) -> bool {
        let behind = usize::from(!self.offers.has_implicit_ebreak);
        self.offers.program_words >= instructions + behind
    }

    fn run_for_csr(&mut self, instruction: u32) -> Result<(), ProbeError> {
        self.load(&[instruction])?;
        // A size and a register that exist: some modules look at them though nothing is moved.
        let command = self.access(0x1000, false, true) & !(1 << 17);
        self.command(&[], command, 0)?;
        Ok(())
    }

    /// A general register. Halts the hart.
    pub fn register(&mut self, number: u8) -> Result<u64, ProbeError> {
        self.put_back()?;
        self.read_register(0x1000 + u32::from(number & 0x1f))
    }

    /// Gives every register its own value again.
    pub(super) fn put_back(&mut self) -> Result<(), ProbeError> {
        self.is_physical = false;
        // The last first: a CSR may need s0 on its way back.
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
