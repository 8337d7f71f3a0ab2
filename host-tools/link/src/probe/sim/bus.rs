//! Abstract commands and the system bus of the simulated module.

use pagetable::Xlen;

use super::debug_module::SimulatedModule;
use super::hart::{Exception, SimulatedHart, csr};

/// cmderr "not supported"; Debug spec 0.13, §3.12.6.
const NOT_SUPPORTED: u32 = 2;
const EXCEPTION: u32 = 3;
const WRONG_STATE: u32 = 4;
const BUS: u32 = 5;

impl SimulatedHart {
    /// Resets the module's state, as after power-on.
    pub(super) fn reset(&mut self) {
        self.is_halted = false;
        self.was_reset = true;
        self.csr.insert(csr::SATP, 0);
        self.csr.insert(csr::DPC, 0x1000);
        self.set_privilege(3);
    }
}

impl From<Exception> for u32 {
    fn from(_: Exception) -> u32 {
        EXCEPTION
    }
}

impl SimulatedModule {
    /// Executes the command register, or returns its cmderr.
    pub(super) fn obey(&mut self) -> Result<(), u32> {
        match self.command >> 24 {
            0 => self.register(),
            2 if self.profile.has_abstract_memory => self.memory(),
            _ => Err(NOT_SUPPORTED),
        }
    }

    fn register(&mut self) -> Result<(), u32> {
        let command = self.command;
        let (size, number) = (command >> 20 & 7, command as u16);
        let (transfers, writes) = (command >> 17 & 1 == 1, command >> 16 & 1 == 1);
        let profile = self.profile;
        let program = self.program();
        let argument = u64::from(self.data[1]) << 32 | u64::from(self.data[0]);
        let hart = match self.hart() {
            Some(hart) if hart.is_halted => hart,
            _ => return Err(WRONG_STATE),
        };
        if transfers {
            let is_wide = match (size, hart.xlen) {
                (2, _) => false,
                (3, Xlen::Rv64) if !profile.moves_half => true,
                (3, Xlen::Rv32) => return Err(profile.too_wide),
                _ => return Err(NOT_SUPPORTED),
            };
            if !is_wide && writes && profile.refuses_narrow_writes {
                return Err(NOT_SUPPORTED);
            }
            let given = match is_wide {
                true => argument,
                // As on harts that accept it: sign extension.
                false => argument as i32 as i64 as u64 & u64::MAX >> (64 - hart.xlen.bits()),
            };
            let value = match (number, writes) {
                (..0x1000, _) if !profile.reaches_csrs => return Err(NOT_SUPPORTED),
                (..0x1000, true) => return self.after(number, given, &program),
                (..0x1000, false) => hart.read_csr(number)?,
                (0x1000, true) => 0,
                (0x1001..0x1020, true) => {
                    hart.gpr[usize::from(number - 0x1000)] = given;
                    0
                }
                (0x1000..0x1020, false) => hart.gpr[usize::from(number - 0x1000)],
                _ => return Err(NOT_SUPPORTED),
            };
            if !writes {
                self.data[0] = value as u32;
                if is_wide {
                    self.data[1] = (value >> 32) as u32;
                }
            }
        }
        self.post(&program)
    }

    fn after(&mut self, number: u16, given: u64, program: &[u32]) -> Result<(), u32> {
        if let Some(hart) = self.hart() {
            hart.write_csr(number, given)?;
        }
        self.post(program)
    }

    fn post(&mut self, program: &[u32]) -> Result<(), u32> {
        if self.command >> 18 & 1 == 0 {
            return Ok(());
        }
        if program.is_empty() {
            return Err(NOT_SUPPORTED);
        }
        let place = self.place();
        let ran = self.harts[place].run(program, &mut self.ram);
        Ok(ran?)
    }

    /// Index of the selected hart; the first if it does not exist.
    fn place(&mut self) -> usize {
        let selected = self.hart().map(|hart| hart.csr[&csr::MHARTID] as usize);
        selected.unwrap_or_default()
    }

    fn memory(&mut self) -> Result<(), u32> {
        let command = self.command;
        let (size, is_virtual) = (command >> 20 & 7, command >> 23 & 1 == 1);
        let (increments, writes) = (command >> 19 & 1 == 1, command >> 16 & 1 == 1);
        let wide = self.profile.xlen == Xlen::Rv64;
        if size > 3 || size == 3 && !wide || is_virtual {
            return Err(NOT_SUPPORTED);
        }
        let place = self.place();
        if !self.harts[place].is_halted {
            return Err(WRONG_STATE);
        }
        let bytes = 1 << size;
        // Arguments have two words on RV64 and one on RV32.
        let words = if wide { 2 } else { 1 };
        let number = |at: usize, data: &[u32]| {
            let high = if wide { u64::from(data[at + 1]) } else { 0 };
            high << 32 | u64::from(data[at])
        };
        let at = number(words, &self.data);
        if at % bytes as u64 != 0 {
            return Err(BUS);
        }
        let physical = self.harts[place].physical(&mut self.ram, at)?;
        if writes {
            let value = u128::from(number(0, &self.data));
            self.ram.write(physical, bytes, value).ok_or(BUS)?;
        } else {
            let value = self.ram.read(physical, bytes, true).ok_or(BUS)?;
            self.data[0] = value as u32;
            if wide {
                self.data[1] = (value >> 32) as u32;
            }
        }
        if increments {
            let next = at + bytes as u64;
            self.data[words] = next as u32;
            if wide {
                self.data[words + 1] = (next >> 32) as u32;
            }
        }
        Ok(())
    }

    pub(super) fn read_sbdata(&mut self, word: u32) -> u32 {
        let value = (self.sbdata >> (32 * word)) as u32;
        // sbreadondata: reading the lowest word starts the next access.
        if word == 0 && self.sbcs >> 15 & 1 == 1 && self.sberror() == 0 {
            self.fetch();
        }
        value
    }

    fn sberror(&self) -> u32 {
        self.sbcs >> 12 & 7
    }

    pub(super) fn write_bus(&mut self, address: u64, value: u32) {
        const SETTINGS: u32 = 0x3f << 15;
        match address {
            0x38 => {
                // Writing ones clears sbbusyerror and sberror.
                let cleared = value & (1 << 22 | 7 << 12);
                self.sbcs = self.sbcs & !SETTINGS & !cleared | value & SETTINGS;
            }
            0x39 => {
                self.sbaddress = self.sbaddress & !0xffff_ffff | u64::from(value);
                if self.sbcs >> 20 & 1 == 1 && self.sberror() == 0 {
                    self.fetch();
                }
            }
            0x3a => self.sbaddress = self.sbaddress & 0xffff_ffff | u64::from(value) << 32,
            0x3c..=0x3f => {
                let place = 32 * (address - 0x3c) as u32;
                self.sbdata = self.sbdata & !(0xffff_ffff << place) | u128::from(value) << place;
                if address == 0x3c && self.sberror() == 0 {
                    self.store();
                }
            }
            _ => {}
        }
    }

    /// Starts an access; returns its size in bytes.
    fn access(&mut self) -> Option<usize> {
        let size = self.sbcs >> 17 & 7;
        let bytes = 1 << size;
        let error = match self.faults.take_bus() {
            Some(error) => u32::from(error),
            None if self.profile.bus_widths >> size & 1 == 0 => 4,
            None if !self.sbaddress.is_multiple_of(bytes) => 3,
            None => return Some(bytes as usize),
        };
        self.sbcs |= error << 12;
        None
    }

    fn fetch(&mut self) {
        let Some(bytes) = self.access() else { return };
        match self.ram.read(self.sbaddress, bytes, false) {
            Some(value) => {
                self.sbdata = value;
                self.go_on(bytes);
            }
            None => self.sbcs |= 2 << 12,
        }
    }

    fn store(&mut self) {
        let Some(bytes) = self.access() else { return };
        match self.ram.write(self.sbaddress, bytes, self.sbdata) {
            Some(()) => self.go_on(bytes),
            None => self.sbcs |= 2 << 12,
        }
    }

    fn go_on(&mut self, bytes: usize) {
        if self.sbcs >> 16 & 1 == 1 {
            self.sbaddress = self.sbaddress.wrapping_add(bytes as u64);
        }
    }
}
