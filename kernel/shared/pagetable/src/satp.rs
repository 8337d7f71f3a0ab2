//! The register that points to the root table.
//!
//! ```text
//! RV32   31 MODE   30 ASID 22   21 PPN 0
//! RV64   63 MODE 60   59 ASID 44   43 PPN 0      Privileged spec, §satp
//! ```

use crate::{Mode, PhysAddr, Xlen};

/// A decoded `satp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Satp {
    /// Translation mode of the hart.
    pub mode: Mode,
    /// Address space identifier: 9 bits on RV32, 16 on RV64.
    pub asid: u16,
    /// Physical address of the root table.
    pub root: PhysAddr,
}

/// A reserved value of `satp.MODE`: a hart ignores the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReservedMode(
    /// Value of the MODE field.
    pub u8,
);

impl core::fmt::Display for ReservedMode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "satp mode {} is reserved; there are 0 (bare), 8 (sv39), 9 (sv48), 10 (sv57)",
            self.0
        )
    }
}

impl core::error::Error for ReservedMode {}

const RV32_PPN: u64 = (1 << 22) - 1;
const RV64_PPN: u64 = (1 << 44) - 1;

impl Satp {
    /// Decodes a raw value as a hart of `xlen` bits does; on RV32 the upper half is ignored.
    #[inline]
    pub const fn decode(raw: u64, xlen: Xlen) -> Result<Satp, ReservedMode> {
        match xlen {
            Xlen::Rv32 => Ok(Satp {
                mode: if raw >> 31 & 1 == 1 {
                    Mode::Sv32
                } else {
                    Mode::Bare
                },
                asid: (raw >> 22 & 0x1ff) as u16,
                root: PhysAddr::from_frame(raw & RV32_PPN),
            }),
            Xlen::Rv64 => Ok(Satp {
                mode: match raw >> 60 {
                    0 => Mode::Bare,
                    8 => Mode::Sv39,
                    9 => Mode::Sv48,
                    10 => Mode::Sv57,
                    other => return Err(ReservedMode(other as u8)),
                },
                asid: (raw >> 44) as u16,
                root: PhysAddr::from_frame(raw & RV64_PPN),
            }),
        }
    }

    /// Encodes for a hart of `xlen` bits. On RV32, ASID bits above 9 and PPN bits above 22 are lost. A mode
    /// that the hart lacks becomes Bare.
    #[inline]
    pub const fn encode(self, xlen: Xlen) -> u64 {
        match xlen {
            Xlen::Rv32 => {
                let mode = matches!(self.mode, Mode::Sv32) as u64;
                mode << 31 | (self.asid as u64 & 0x1ff) << 22 | self.root.frame() & RV32_PPN
            }
            Xlen::Rv64 => {
                let mode = match self.mode {
                    Mode::Bare | Mode::Sv32 => 0,
                    Mode::Sv39 => 8,
                    Mode::Sv48 => 9,
                    Mode::Sv57 => 10,
                };
                mode << 60 | (self.asid as u64) << 44 | self.root.frame() & RV64_PPN
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_articles_value_decodes() {
        let satp = Satp::decode(0x8000_0000_0005_0407, Xlen::Rv64).unwrap();
        assert_eq!(satp.mode, Mode::Sv39);
        assert_eq!(satp.root, PhysAddr::new(0x5040_7000));
        assert_eq!(satp.encode(Xlen::Rv64), 0x8000_0000_0005_0407);
    }

    #[test]
    fn rv32_reaches_34_bits() {
        let satp = Satp::decode(0xffff_ffff, Xlen::Rv32).unwrap();
        assert_eq!(satp.mode, Mode::Sv32);
        assert_eq!(satp.asid, 0x1ff);
        assert_eq!(satp.root, PhysAddr::new(0x3_ffff_f000));
        assert_eq!(satp.encode(Xlen::Rv32), 0xffff_ffff);
    }

    #[test]
    fn reserved_modes_are_named() {
        for mode in [1, 7, 11, 15] {
            assert_eq!(
                Satp::decode((mode as u64) << 60, Xlen::Rv64),
                Err(ReservedMode(mode))
            );
        }
    }
}
