//! Guesses the dialect of entries from their bits.

use pagetable::{Dialect, Pte};

/// Counts over bits 59–63 of many entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllBits {
    /// Valid entries with any of these bits set.
    pub entries: u64,
    /// Of these, entries with bit 59 or 60 set, which the Privileged spec reserves.
    pub reserved: u64,
}

impl AllBits {
    /// Adds an entry.
    pub fn note(&mut self, pte: Pte) {
        self.entries += u64::from(pte.is_valid() && pte.raw() >> 59 != 0);
        self.reserved += u64::from(pte.is_valid() && pte.raw() >> 59 & 0b11 != 0);
    }
}

/// The dialect that fits the bits. T-Head sets bit 60, shareable, on nearly every page, where the Privileged
/// spec has a reserved bit. The majority of entries decides, so that one broken entry does not count.
pub fn guess(bits: AllBits) -> Dialect {
    match bits {
        AllBits { entries: 0, .. } => Dialect::None,
        AllBits { entries, reserved } if reserved * 2 >= entries => Dialect::THead,
        _ => Dialect::Svpbmt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagetable::{MemoryType, Mode, PhysAddr};

    fn guessed(high_bits: &[u64]) -> Dialect {
        let mut bits = AllBits::default();
        for high in high_bits {
            let page = PhysAddr::new(0x8000_0000);
            bits.note(Pte::leaf(Mode::Sv39, page, Pte::READ | high));
        }
        guess(bits)
    }

    #[test]
    fn what_a_dialect_writes_is_read_in_it() {
        for dialect in [Dialect::Svpbmt, Dialect::THead] {
            let written = [
                MemoryType::Ram,
                MemoryType::NonCacheable,
                MemoryType::Device,
            ];
            assert_eq!(guessed(&written.map(|it| dialect.bits(it))), dialect);
        }
        assert_eq!(guessed(&[0, 0]), Dialect::None);
    }

    #[test]
    fn one_broken_entry_does_not_decide() {
        assert_eq!(
            guessed(&[1 << 61, 2 << 61, 1 << 60, 1 << 63]),
            Dialect::Svpbmt
        );
    }
}
