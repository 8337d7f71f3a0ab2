//! Whether a page has the form of a page table, from its words alone.
//!
//! A root has entries and zeros, and nothing else: no kernel keeps anything in an invalid entry of its root.
//! Entries are judged without a dialect: bits 59 to 63 of a leaf may be those of any.

use pagetable::{PhysAddr, Pte, Xlen};

/// Bits of which a pointer has V alone (Privileged spec, §Virtual Address Translation Process: D, A and U are
/// reserved in it).
const POINTER: u64 =
    Pte::VALID | Pte::READ | Pte::WRITE | Pte::EXEC | Pte::USER | Pte::ACCESSED | Pte::DIRTY;
/// Bits 54 to 63 of an entry, which a pointer has clear.
const HIGH: u64 = 0x3ff << 54;
/// Bits 54 to 58, which no dialect uses in a leaf.
const UNUSED: u64 = 0x1f << 54;

/// What a word is as an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Of all zeros.
    Zero,
    /// Not valid, but something else is kept in it: a page in swap.
    Invalid,
    /// Points to a table.
    Pointer,
    /// Maps a page.
    Leaf,
    /// What no kernel writes.
    Nonsense,
}

/// What `raw` is as an entry of that width.
#[inline]
pub(super) fn word(raw: u64, xlen: Xlen) -> Word {
    if raw & Pte::VALID == 0 {
        return match raw {
            0 => Word::Zero,
            _ => Word::Invalid,
        };
    }
    let (high, unused) = match xlen {
        Xlen::Rv32 => (0, 0),
        Xlen::Rv64 => (HIGH, UNUSED),
    };
    if raw & (POINTER | high) == Pte::VALID {
        return Word::Pointer;
    }
    let is_write_only = raw & (Pte::READ | Pte::WRITE) == Pte::WRITE;
    let is_leaf = raw & (Pte::READ | Pte::EXEC) != 0 && !is_write_only && raw & unused == 0;
    match is_leaf {
        true => Word::Leaf,
        false => Word::Nonsense,
    }
}

/// Words of a page, in the width of an entry.
pub(super) fn words(page: &[u8; 4096], xlen: Xlen) -> impl Iterator<Item = u64> + '_ {
    let bytes = match xlen {
        Xlen::Rv32 => 4,
        Xlen::Rv64 => 8,
    };
    page.chunks_exact(bytes).map(|chunk| {
        let mut raw = [0; 8];
        raw[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(raw)
    })
}

/// Whether a page may be a root: entries and zeros alone, with a pointer among them, and none that points out
/// of `first` to `last`.
///
/// Most pages of a machine are refused by their first words, or are zero: this is what a scan of all of memory
/// costs.
pub(super) fn is_root(page: &[u8; 4096], xlen: Xlen, first: PhysAddr, last: PhysAddr) -> bool {
    let mut has_pointer = false;
    for block in page.chunks_exact(128) {
        if is_zero(block) {
            continue;
        }
        let bytes = match xlen {
            Xlen::Rv32 => 4,
            Xlen::Rv64 => 8,
        };
        for chunk in block.chunks_exact(bytes) {
            let mut raw = [0; 8];
            raw[..bytes].copy_from_slice(chunk);
            let raw = u64::from_le_bytes(raw);
            match word(raw, xlen) {
                Word::Zero | Word::Leaf => {}
                Word::Pointer => {
                    let at = target(raw, xlen);
                    if at < first || at > last {
                        return false;
                    }
                    has_pointer = true;
                }
                Word::Invalid | Word::Nonsense => return false,
            }
        }
    }
    has_pointer
}

/// Where an entry points.
pub(super) fn target(raw: u64, xlen: Xlen) -> PhysAddr {
    match xlen {
        Xlen::Rv32 => PhysAddr::from_frame(raw >> 10 & 0x3f_ffff),
        Xlen::Rv64 => PhysAddr::from_frame(raw >> 10 & ((1 << 44) - 1)),
    }
}

#[inline]
fn is_zero(block: &[u8]) -> bool {
    let mut sum = 0;
    for chunk in block.as_chunks::<8>().0 {
        sum |= u64::from_ne_bytes(*chunk);
    }
    sum == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_an_entry_or_is_none() {
        let of = |raw| word(raw, Xlen::Rv64);
        assert_eq!(of(0), Word::Zero);
        assert_eq!(of(0x2000_0001), Word::Pointer);
        assert_eq!(of(0x2000_00cf), Word::Leaf);
        assert_eq!(of(1 << 63 | 0x2000_00cf), Word::Leaf);
        assert_eq!(of(0x2000_0000), Word::Invalid);
        // Write without read; accessed in a pointer; a bit that nothing uses.
        for nonsense in [0x2000_0005, 0x2000_0041, 1 << 54 | 0x2000_00cf] {
            assert_eq!(of(nonsense), Word::Nonsense, "{nonsense:#x}");
        }
        assert_eq!(word(0xffff_fc01, Xlen::Rv32), Word::Pointer);
    }
}
