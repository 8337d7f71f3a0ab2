//! Optional behaviours of harts.

use pagetable::{Attributes, Dialect, Mode, Pte};

/// Behaviours that a kernel must tolerate. The default is a hart that sets A and D and has neither memory
/// types nor ASIDs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quirks {
    /// A and D are set by software: a leaf without them faults (Svade, the C906).
    pub svade: bool,
    /// The first access through a new leaf faults once more.
    pub spurious: bool,
    /// Invalid entries are kept, above the leaves too; only a fence without an address is sure to drop them
    /// (Privileged Architecture, 12.2.1: after a change of a non-leaf entry rs1 is x0).
    pub keeps_holes: bool,
    /// A walk reads 64 bytes of the leaf table and keeps which of the entries are invalid.
    pub reads_lines: bool,
    /// Meaning of the upper bits of an Sv39 entry: memory types, or reserved, which fault. Sv32 has no such
    /// bits.
    pub dialect: Dialect,
    /// Number of ASID bits, 0 to 16, at most 9 on RV32; higher bits are ignored.
    pub asid_bits: u8,
}

impl Quirks {
    /// T-Head's C906, by its manual and RTL. With `maee` its leaves have memory types, and a leaf without
    /// attributes is non-cacheable.
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

    /// The same without behaviours that a hart of that mode cannot have.
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

    /// The ASID reduced to the implemented bits.
    pub(crate) fn asid(self, asid: u16) -> u16 {
        (u32::from(asid) & ((1 << self.asid_bits) - 1)) as u16
    }

    /// Whether accesses through the leaf are cached; RTL of the C906: `C && !SO`.
    pub(crate) fn is_cached(self, leaf: Pte) -> bool {
        match self.dialect.attributes(leaf.raw()) {
            Attributes::THead(bits) => bits.cacheable && !bits.strong_order,
            Attributes::Pbmt(kind) => kind == pagetable::Pbmt::Pma,
        }
    }

    /// Whether the leaf is T-Head strong-order memory, which cannot be executed.
    pub(crate) fn is_strong_order(self, leaf: Pte) -> bool {
        match self.dialect.attributes(leaf.raw()) {
            Attributes::THead(bits) => bits.strong_order,
            Attributes::Pbmt(_) => false,
        }
    }
}
