//! The registers of physical memory protection, and the entries they make.
//!
//! ```text
//! pmpcfgN   a byte an entry:  7 L   4-3 A   2 X   1 W   0 R      RV32: 4 entries a register, 0 to 15
//! pmpaddrN  address >> 2                                         RV64: 8 a register, even numbers only
//! A = 0 off   1 TOR: from pmpaddr(N-1) to below pmpaddrN   2 NA4: 4 bytes
//! A = 3 NAPOT: the ones at the end say the size: …0 is 8 bytes, …01 is 16, …011 is 32
//! ```
//!
//! Privileged spec, §"PMP CSRs". On RV64 an address has 54 bits here, on RV32 all 32: 34 of memory.

use core::fmt;

use crate::{PMP_ENTRIES, Pmp, PmpEntry, Xlen};

/// How an entry matches addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PmpMatching {
    /// Never.
    Off,
    /// From the address register before to below its own.
    TopOfRange,
    /// Four bytes.
    Na4,
    /// A power of two of at least 8 bytes, aligned to it.
    Napot,
}

/// Why registers make no entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PmpRegistersError {
    /// There is no `pmpcfg` with this number on a hart of this width.
    NoSuchConfig(u8, Xlen),
    /// There is no `pmpaddr` with this number.
    NoSuchAddress(u8),
    /// An entry is on, and the address register that it needs is not known.
    AddressMissing {
        /// Number of the entry.
        entry: u8,
        /// Number of the address register.
        register: u8,
    },
    /// An address register is known, and the configuration of its entry is not.
    ConfigMissing {
        /// Number of the entry.
        entry: u8,
        /// Number of the configuration register.
        register: u8,
    },
}

impl fmt::Display for PmpRegistersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PmpRegistersError::NoSuchConfig(number, Xlen::Rv32) => {
                write!(f, "there is no pmpcfg{number}: a hart has 0 to 15")
            }
            PmpRegistersError::NoSuchConfig(number, Xlen::Rv64) => write!(
                f,
                "there is no pmpcfg{number} on a hart of 64 bits: it has the even ones from 0 to 14"
            ),
            PmpRegistersError::NoSuchAddress(number) => {
                write!(f, "there is no pmpaddr{number}: a hart has 0 to 63")
            }
            PmpRegistersError::AddressMissing { entry, register } => write!(
                f,
                "PMP entry {entry} is on, and pmpaddr{register}, which it needs, is not given"
            ),
            PmpRegistersError::ConfigMissing { entry, register } => write!(
                f,
                "pmpaddr{entry} is given, and pmpcfg{register}, which says what it means, is not"
            ),
        }
    }
}

impl core::error::Error for PmpRegistersError {}

/// R of a configuration byte.
const READ: u8 = 1 << 0;
/// W of a configuration byte.
const WRITE: u8 = 1 << 1;
/// X of a configuration byte.
const EXECUTE: u8 = 1 << 2;
/// L of a configuration byte.
const LOCKED: u8 = 1 << 7;

/// Values of the registers, as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PmpRegisters {
    xlen: Xlen,
    config: [Option<u8>; PMP_ENTRIES],
    address: [Option<u64>; PMP_ENTRIES],
}

impl PmpRegisters {
    /// None is known yet.
    pub const fn new(xlen: Xlen) -> PmpRegisters {
        PmpRegisters {
            xlen,
            config: [None; PMP_ENTRIES],
            address: [None; PMP_ENTRIES],
        }
    }

    /// Number of the configuration register that holds an entry.
    pub const fn config_of(xlen: Xlen, entry: u8) -> u8 {
        match xlen {
            Xlen::Rv32 => entry / 4,
            Xlen::Rv64 => entry / 8 * 2,
        }
    }

    /// Takes the value of `pmpcfg` with this number.
    pub fn set_config(&mut self, register: u8, value: u64) -> Result<(), PmpRegistersError> {
        let is_known = register < 16 && (self.xlen == Xlen::Rv32 || register.is_multiple_of(2));
        if !is_known {
            return Err(PmpRegistersError::NoSuchConfig(register, self.xlen));
        }
        let first = usize::from(register) * 4;
        let bytes = self.xlen.bits() as usize / 8;
        let values = value.to_le_bytes();
        for (entry, value) in self.config[first..].iter_mut().zip(&values[..bytes]) {
            *entry = Some(*value);
        }
        Ok(())
    }

    /// Takes the value of `pmpaddr` with this number; bits that a hart of this width lacks are ignored.
    pub fn set_address(&mut self, register: u8, value: u64) -> Result<(), PmpRegistersError> {
        let slot = self.address.get_mut(usize::from(register));
        let slot = slot.ok_or(PmpRegistersError::NoSuchAddress(register))?;
        let bits = match self.xlen {
            Xlen::Rv32 => 32,
            Xlen::Rv64 => 54,
        };
        *slot = Some(value & ((1 << bits) - 1));
        Ok(())
    }

    /// Whether any register is known.
    pub fn is_any_known(&self) -> bool {
        self.config.iter().any(Option::is_some) || self.address.iter().any(Option::is_some)
    }

    /// Number of entries whose configuration is known.
    pub fn known(&self) -> usize {
        self.config.iter().flatten().count()
    }

    /// How the entry matches; off where it is not known.
    pub fn matching(&self, entry: u8) -> PmpMatching {
        let config = self.config.get(usize::from(entry)).copied().flatten();
        match config.unwrap_or_default() >> 3 & 3 {
            0 => PmpMatching::Off,
            1 => PmpMatching::TopOfRange,
            2 => PmpMatching::Na4,
            _ => PmpMatching::Napot,
        }
    }

    /// Entries that are on with W and without R, which only Smepmp gives a meaning.
    pub fn reserved(&self) -> impl Iterator<Item = u8> + '_ {
        let numbered = (0..).zip(self.config.iter().flatten());
        numbered
            .filter(|(_, config)| *config & (READ | WRITE) == WRITE)
            .map(|(entry, _)| entry)
            .filter(|entry| self.matching(*entry) != PmpMatching::Off)
    }

    /// The entries. What is not known is taken as off, unless a register that is known cannot be read
    /// without it.
    pub fn entries(&self) -> Result<Pmp, PmpRegistersError> {
        let mut pmp = Pmp::new();
        for entry in 0..PMP_ENTRIES as u8 {
            let Some(config) = self.config[usize::from(entry)] else {
                // A pasted list may hold an address of no use; one that is not 0 was meant.
                if self.address[usize::from(entry)].is_some_and(|address| address != 0) {
                    let register = PmpRegisters::config_of(self.xlen, entry);
                    return Err(PmpRegistersError::ConfigMissing { entry, register });
                }
                continue;
            };
            let Some((first, last)) = self.range(entry)? else {
                continue;
            };
            pmp.push(PmpEntry {
                number: entry,
                first,
                last,
                read: config & READ != 0,
                write: config & WRITE != 0,
                execute: config & EXECUTE != 0,
                is_locked: config & LOCKED != 0,
            });
        }
        Ok(pmp)
    }

    fn address_for(&self, entry: u8, register: u8) -> Result<u64, PmpRegistersError> {
        let missing = PmpRegistersError::AddressMissing { entry, register };
        self.address[usize::from(register)].ok_or(missing)
    }

    /// First and last address; `None` where the entry matches nothing.
    fn range(&self, entry: u8) -> Result<Option<(u64, u64)>, PmpRegistersError> {
        let own = || self.address_for(entry, entry);
        Ok(match self.matching(entry) {
            PmpMatching::Off => None,
            PmpMatching::Na4 => own().map(|it| Some((it << 2, it << 2 | 3)))?,
            PmpMatching::Napot => {
                // Ones up to and with the lowest zero.
                let size = own()? ^ (own()? + 1);
                Some(((own()? & !size) << 2, (own()? | size) << 2 | 3))
            }
            PmpMatching::TopOfRange => {
                let bottom = match entry {
                    0 => 0,
                    _ => self.address_for(entry, entry - 1)?,
                };
                let top = own()?;
                (bottom < top).then(|| (bottom << 2, (top << 2) - 1))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(xlen: Xlen, config: u64, addresses: &[u64]) -> Result<Pmp, PmpRegistersError> {
        let mut registers = PmpRegisters::new(xlen);
        registers.set_config(0, config).unwrap();
        for (number, value) in addresses.iter().enumerate() {
            registers.set_address(number as u8, *value).unwrap();
        }
        registers.entries()
    }

    fn range(pmp: &Pmp, number: u8) -> Option<(u64, u64)> {
        pmp.entry(number).map(|it| (it.first, it.last))
    }

    /// Privileged spec, table "NAPOT range encoding in PMP address and configuration registers".
    #[test]
    fn the_manuals_table_of_sizes() {
        for (address, config, bytes) in [
            (0b1010_1010, 0x10, 4),
            (0b1010_1010, 0x18, 8),
            (0b1010_1001, 0x18, 16),
            (0b1010_1011, 0x18, 32),
            (0b1011_0111, 0x18, 64),
            ((1 << 31) - 1, 0x18, 1 << 34),
        ] {
            let pmp = only(Xlen::Rv32, config, &[address]).unwrap();
            let (first, last) = range(&pmp, 0).unwrap();
            assert_eq!(last - first + 1, bytes, "{address:#b}");
            assert_eq!(first % bytes, 0);
        }
        let all = only(Xlen::Rv32, 0x18, &[u64::MAX]).unwrap();
        assert_eq!(range(&all, 0), Some((0, (1 << 35) - 1)));
        let all = only(Xlen::Rv64, 0x18, &[u64::MAX]).unwrap();
        assert_eq!(range(&all, 0), Some((0, (1 << 57) - 1)));
    }

    #[test]
    fn a_range_ends_below_its_own_address() {
        // Entry 0 from 0, entry 1 from there, entry 2 upside down, entry 3 empty.
        let tops = [0x2000_0000, 0x2001_0000, 0x1000, 0x1000];
        let pmp = only(Xlen::Rv64, 0x0f0f_0f0f, &tops).unwrap();
        assert_eq!(range(&pmp, 0), Some((0, 0x7fff_ffff)));
        assert_eq!(range(&pmp, 1), Some((0x8000_0000, 0x8003_ffff)));
        assert_eq!(pmp.entries().len(), 2);
    }

    #[test]
    fn each_width_packs_its_own_number_of_entries() {
        let mut narrow = PmpRegisters::new(Xlen::Rv32);
        narrow.set_config(3, 0x1f00_0000).unwrap();
        narrow.set_address(15, 0xffff_ffff).unwrap();
        assert_eq!(narrow.entries().unwrap().entries()[0].number, 15);
        let mut wide = PmpRegisters::new(Xlen::Rv64);
        wide.set_config(2, 0x9f << 56).unwrap();
        wide.set_address(15, u64::MAX).unwrap();
        let entry = *wide.entries().unwrap().entry(15).unwrap();
        assert!(entry.is_locked && entry.read && entry.write && entry.execute);
        assert_eq!(
            wide.set_config(3, 0),
            Err(PmpRegistersError::NoSuchConfig(3, Xlen::Rv64))
        );
        assert!(narrow.set_config(16, 0).is_err());
        assert!(narrow.set_address(64, 0).is_err());
    }

    #[test]
    fn what_is_needed_and_not_known_is_named() {
        let missing = only(Xlen::Rv64, 0x1f, &[]);
        let (entry, register) = (0, 0);
        assert_eq!(
            missing,
            Err(PmpRegistersError::AddressMissing { entry, register })
        );
        let mut registers = PmpRegisters::new(Xlen::Rv64);
        registers.set_address(9, 1).unwrap();
        let (entry, register) = (9, 2);
        assert_eq!(
            registers.entries(),
            Err(PmpRegistersError::ConfigMissing { entry, register })
        );
    }

    #[test]
    fn write_without_read_is_reserved() {
        let mut registers = PmpRegisters::new(Xlen::Rv64);
        registers.set_config(0, 0x0200_1a00).unwrap();
        let reserved: [Option<u8>; 2] = {
            let mut found = registers.reserved();
            [found.next(), found.next()]
        };
        assert_eq!(reserved, [Some(1), None]);
    }
}
