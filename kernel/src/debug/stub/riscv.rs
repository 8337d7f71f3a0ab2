//! RISC-V as gdb numbers it: registers 0 to 31, pc, floats, CSRs, privilege.
//!
//! The numbers are those of `rv64.xml` and `rv32.xml`, which gdb is given; CSR n is register
//! 65 + n, as in gdb's own `riscv-tdep.h`.

use core::num::NonZeroUsize;

use gdbstub::arch::{Arch, RegId, Registers};

/// Bytes of an integer register: 8 on RV64, 4 on RV32.
pub const WORD: usize = size_of::<usize>();

/// The target description of the registers, as gdb reads it.
#[cfg(not(target_pointer_width = "32"))]
pub const TARGET: &str = include_str!("rv64.xml");
/// The target description of the registers, as gdb reads it.
#[cfg(target_pointer_width = "32")]
pub const TARGET: &str = include_str!("rv32.xml");

/// A register as gdb asks for it, by kind and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// Integer register `x0` to `x31`, by its number.
    Integer(u8),
    /// Where the program goes on.
    Pc,
    /// Floating-point register `f0` to `f31`, 64 bits on both widths.
    Float(u8),
    /// A CSR, by its number.
    Csr(u16),
    /// The privilege level: gdb's own, no register of the hart.
    Privilege,
}

impl RegId for Register {
    fn from_raw_id(id: usize) -> Option<(Self, Option<NonZeroUsize>)> {
        const FFLAGS: usize = 65 + 1;
        const FCSR: usize = 65 + 3;
        let (register, bytes) = match id {
            0..=31 => (Register::Integer(id as u8), WORD),
            32 => (Register::Pc, WORD),
            33..=64 => (Register::Float((id - 33) as u8), 8),
            FFLAGS..=FCSR => (Register::Csr((id - 65) as u16), 4),
            65..=4160 => (Register::Csr((id - 65) as u16), WORD),
            4161 => (Register::Privilege, WORD),
            _ => return None,
        };
        Some((register, NonZeroUsize::new(bytes)))
    }
}

/// The integer registers and pc: what gdb asks for at every stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Integers {
    /// Integer registers `x0` to `x31`; `x[0]` is 0.
    pub x: [usize; 32],
    /// Where the program goes on.
    pub pc: usize,
}

impl Registers for Integers {
    type ProgramCounter = usize;

    fn pc(&self) -> usize {
        self.pc
    }

    fn gdb_serialize(&self, mut write_byte: impl FnMut(Option<u8>)) {
        for word in self.x.iter().chain([&self.pc]) {
            for byte in word.to_le_bytes() {
                write_byte(Some(byte));
            }
        }
    }

    fn gdb_deserialize(&mut self, bytes: &[u8]) -> Result<(), ()> {
        let (words, _) = bytes.as_chunks::<WORD>();
        if words.len() < 33 {
            return Err(());
        }
        for (to, from) in self.x.iter_mut().chain([&mut self.pc]).zip(words) {
            *to = usize::from_le_bytes(*from);
        }
        self.x[0] = 0;
        Ok(())
    }
}

/// RISC-V of the kernel's own width.
#[derive(Debug)]
pub enum RiscvGdb {}

impl Arch for RiscvGdb {
    type Usize = usize;
    type Registers = Integers;
    type BreakpointKind = usize;
    type RegId = Register;

    fn target_description_xml() -> Option<&'static str> {
        Some(TARGET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every register of the description is one that the stub knows, as wide as it is described.
    #[test]
    fn what_gdb_is_told_is_what_is_known() {
        let mut registers = 0;
        for line in TARGET.lines().filter(|line| line.contains("<reg ")) {
            let value = |key: &str| {
                let from = line.find(key).unwrap() + key.len() + 2;
                line[from..]
                    .split('"')
                    .next()
                    .unwrap()
                    .parse::<usize>()
                    .unwrap()
            };
            let (_, bytes) = Register::from_raw_id(value("regnum")).unwrap();
            assert_eq!(bytes.unwrap().get() * 8, value("bitsize"), "{line}");
            registers += 1;
        }
        assert!(registers > 40);
        assert_eq!(Register::from_raw_id(4162), None);
    }

    #[test]
    fn registers_survive_the_trip() {
        let mut before = Integers {
            x: core::array::from_fn(|n| n * 0x0101_0101),
            pc: 0x1_0460,
        };
        before.x[0] = 0;
        let mut bytes = Vec::new();
        before.gdb_serialize(|byte| bytes.extend(byte));
        let mut after = Integers::default();
        assert_eq!(after.gdb_deserialize(&bytes), Ok(()));
        assert_eq!(before, after);
        assert_eq!(after.gdb_deserialize(&bytes[1..]), Err(()));
    }
}
