//! How a hart may behave, and some do.

use pagetable::{Attributes, Dialect, Mode, Pte};

/// What a kernel must not rely on. The default is a hart that sets A and D, has no memory types
/// and no ASIDs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quirks {
    /// A and D are the kernel's to set: a leaf without them faults (Svade, the C906).
    pub svade: bool,
    /// The first use of a leaf that just became valid faults once more.
    pub spurious: bool,
    /// The hart keeps what it found to be invalid, above the leaves too: such a hole is only sure to be
    /// forgotten after a fence without an address (Privileged Architecture, 12.2.1: after a change of
    /// a non-leaf entry rs1 is x0).
    pub keeps_holes: bool,
    /// A walk reads a line of 64 bytes of the leaf table, and keeps which of its entries are invalid.
    pub reads_lines: bool,
    /// What the upper bits of an Sv39 entry are: memory types, or reserved, and then a leaf that
    /// sets one faults. Sv32 has none of them.
    pub dialect: Dialect,
    /// How many bits of an ASID the hart looks at, 0 to 16, on RV32 to 9: the rest is dropped
    /// without a word.
    pub asid_bits: u8,
}

impl Quirks {
    /// T-Head's C906, by its manual and RTL. With `maee` its leaves have memory types, and one
    /// that says nothing is of memory that is not cached.
    pub const fn c906(maee: bool) -> Quirks {
        Quirks {
            svade: true,
            spurious: false,
            keeps_holes: false,
            reads_lines: false,
            dialect: if maee { Dialect::THead } else { Dialect::None },
            asid_bits: 16,
        }
    }

    /// The same, less what a hart of that mode can not have.
    pub(crate) fn in_mode(self, mode: Mode) -> Quirks {
        if mode == Mode::Sv32 {
            return Quirks {
                dialect: Dialect::None,
                asid_bits: self.asid_bits.min(9),
                ..self
            };
        }
        Quirks {
            asid_bits: self.asid_bits.min(16),
            ..self
        }
    }

    /// The ASID as the hart keeps it.
    pub(crate) fn asid(self, asid: u16) -> u16 {
        (u32::from(asid) & ((1 << self.asid_bits) - 1)) as u16
    }

    /// Do accesses by that leaf go through the cache? RTL of the C906: `C && !SO`.
    pub(crate) fn is_cached(self, leaf: Pte) -> bool {
        match self.dialect.attributes(leaf.raw()) {
            Attributes::THead(bits) => bits.cacheable && !bits.strong_order,
            Attributes::Pbmt(kind) => kind == pagetable::Pbmt::Pma,
        }
    }

    /// Is that leaf of T-Head's strong-order memory, which cannot be fetched from?
    pub(crate) fn is_strong_order(self, leaf: Pte) -> bool {
        match self.dialect.attributes(leaf.raw()) {
            Attributes::THead(bits) => bits.strong_order,
            Attributes::Pbmt(_) => false,
        }
    }
}
