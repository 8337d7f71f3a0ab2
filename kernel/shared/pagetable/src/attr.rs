//! Memory types of an entry, in the dialects of different harts.
//!
//! ```text
//!          63   62 61   60  59  58 … 54
//! Svpbmt   N  [ PBMT ]   reserved         ratified: Svnapot, Svpbmt
//! THead    SO   C  B    SH  SEC reserved  T-Head C9xx with th.sxstatus.MAEE set
//! None     reserved                       a hart with neither
//! ```
//!
//! T-Head: C906 User Manual, "MMU", page-table entry; Linux's erratum for these cores uses the same bits. On
//! any other hart they are reserved and fault.

use core::fmt;

/// Meaning of bits 59–63 of an RV64 entry. Sv32 entries do not have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// Neither extension: all of these bits are reserved.
    #[default]
    None,
    /// Ratified: Svnapot's N in bit 63, Svpbmt's PBMT in bits 62–61.
    Svpbmt,
    /// T-Head's attributes: strong order, cacheable, bufferable, shareable, secure.
    THead,
}

/// The kind of memory behind a mapping; each dialect encodes it differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemoryType {
    /// Main memory, cacheable.
    Ram,
    /// Main memory, not cached; accesses may be merged.
    NonCacheable,
    /// Device registers: not cached, strongly ordered.
    Device,
}

/// The PBMT field: Privileged spec, §Svpbmt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pbmt {
    /// The platform's memory attributes apply.
    Pma,
    /// Non-cacheable, idempotent, weakly ordered main memory.
    NonCacheable,
    /// Non-cacheable, strongly ordered device memory.
    Io,
    /// The value 3, which faults.
    Reserved,
}

impl Pbmt {
    /// The name in the Privileged spec.
    pub const fn name(self) -> &'static str {
        match self {
            Pbmt::Pma => "PMA",
            Pbmt::NonCacheable => "NC",
            Pbmt::Io => "IO",
            Pbmt::Reserved => "reserved",
        }
    }
}

/// T-Head's five attribute bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct THead {
    /// Bit 63: accesses are strongly ordered.
    pub strong_order: bool,
    /// Bit 62: cacheable.
    pub cacheable: bool,
    /// Bit 61: bufferable.
    pub bufferable: bool,
    /// Bit 60: shared between harts.
    pub shareable: bool,
    /// Bit 59: secure world.
    pub secure: bool,
}

impl THead {
    pub(crate) const STRONG_ORDER: u64 = 1 << 63;
    pub(crate) const CACHEABLE: u64 = 1 << 62;
    pub(crate) const BUFFERABLE: u64 = 1 << 61;
    pub(crate) const SHAREABLE: u64 = 1 << 60;
    pub(crate) const SECURE: u64 = 1 << 59;

    const fn decode(raw: u64) -> THead {
        THead {
            strong_order: raw & Self::STRONG_ORDER != 0,
            cacheable: raw & Self::CACHEABLE != 0,
            bufferable: raw & Self::BUFFERABLE != 0,
            shareable: raw & Self::SHAREABLE != 0,
            secure: raw & Self::SECURE != 0,
        }
    }
}

/// The set bits as letters: `so,c,b,sh,sec`; `none` without any.
impl fmt::Display for THead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = [
            (self.strong_order, "so"),
            (self.cacheable, "c"),
            (self.bufferable, "b"),
            (self.shareable, "sh"),
            (self.secure, "sec"),
        ];
        let mut is_first = true;
        for (_, letter) in letters.iter().filter(|(is_set, _)| *is_set) {
            if !is_first {
                f.write_str(",")?;
            }
            f.write_str(letter)?;
            is_first = false;
        }
        match is_first {
            true => f.write_str("none"),
            false => Ok(()),
        }
    }
}

/// The memory attributes of one entry, in its dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attributes {
    /// The PBMT field; without Svpbmt always [`Pbmt::Pma`].
    Pbmt(Pbmt),
    /// T-Head's attribute bits.
    THead(THead),
}

impl Attributes {
    /// The memory type, if it is one of the combinations that [`Dialect::bits`] returns.
    #[inline]
    pub const fn memory_type(self) -> Option<MemoryType> {
        match self {
            Attributes::Pbmt(Pbmt::Pma) => Some(MemoryType::Ram),
            Attributes::Pbmt(Pbmt::NonCacheable) => Some(MemoryType::NonCacheable),
            Attributes::Pbmt(Pbmt::Io) => Some(MemoryType::Device),
            Attributes::Pbmt(Pbmt::Reserved) => None,
            Attributes::THead(bits) => match (bits.strong_order, bits.cacheable, bits.bufferable) {
                (false, true, true) => Some(MemoryType::Ram),
                (false, false, true) => Some(MemoryType::NonCacheable),
                (true, false, false) => Some(MemoryType::Device),
                _ => None,
            },
        }
    }
}

const N: u64 = 1 << 63;
const PBMT_SHIFT: u32 = 61;
const PBMT: u64 = 0b11 << PBMT_SHIFT;

impl Dialect {
    /// Every dialect, in the order of its wire numbers.
    pub const ALL: [Dialect; 3] = [Dialect::None, Dialect::Svpbmt, Dialect::THead];

    /// The bits of a leaf for this memory type; 0 without a dialect, where the platform's attributes apply.
    #[inline]
    pub const fn bits(self, memory: MemoryType) -> u64 {
        match (self, memory) {
            (Dialect::None, _) | (Dialect::Svpbmt, MemoryType::Ram) => 0,
            (Dialect::Svpbmt, MemoryType::NonCacheable) => 1 << PBMT_SHIFT,
            (Dialect::Svpbmt, MemoryType::Device) => 2 << PBMT_SHIFT,
            (Dialect::THead, MemoryType::Ram) => {
                THead::SHAREABLE | THead::BUFFERABLE | THead::CACHEABLE
            }
            (Dialect::THead, MemoryType::NonCacheable) => THead::SHAREABLE | THead::BUFFERABLE,
            (Dialect::THead, MemoryType::Device) => THead::SHAREABLE | THead::STRONG_ORDER,
        }
    }

    /// Decodes the attribute bits of a raw RV64 entry.
    #[inline]
    pub const fn attributes(self, raw: u64) -> Attributes {
        match self {
            Dialect::None => Attributes::Pbmt(Pbmt::Pma),
            Dialect::Svpbmt => Attributes::Pbmt(match (raw & PBMT) >> PBMT_SHIFT {
                0 => Pbmt::Pma,
                1 => Pbmt::NonCacheable,
                2 => Pbmt::Io,
                _ => Pbmt::Reserved,
            }),
            Dialect::THead => Attributes::THead(THead::decode(raw)),
        }
    }

    /// Bits above the PPN that must be zero: those reserved by the Privileged spec, and without Svnapot and
    /// Svpbmt theirs too.
    #[inline]
    pub const fn reserved_bits(self) -> u64 {
        match self {
            Dialect::None => 0x3ff << 54,
            Dialect::Svpbmt => 0x7f << 54,
            Dialect::THead => 0x1f << 54,
        }
    }

    /// Svnapot's N bit; 0 if the dialect lacks it.
    #[inline]
    pub const fn napot_bit(self) -> u64 {
        match self {
            Dialect::Svpbmt => N,
            _ => 0,
        }
    }

    /// Svpbmt's field; 0 if the dialect lacks it.
    #[inline]
    pub const fn pbmt_bits(self) -> u64 {
        match self {
            Dialect::Svpbmt => PBMT,
            _ => 0,
        }
    }

    /// The name in board files and options.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::None => "none",
            Dialect::Svpbmt => "svpbmt",
            Dialect::THead => "thead",
        }
    }

    /// Parses the name in board files and options.
    pub fn from_name(name: &str) -> Option<Dialect> {
        Dialect::ALL.into_iter().find(|it| it.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letters_of_t_heads_bits_are_the_same_everywhere() {
        extern crate std;
        use std::string::ToString;
        let letters = |raw| THead::decode(raw).to_string();
        assert_eq!(letters(THead::STRONG_ORDER | THead::CACHEABLE), "so,c");
        assert_eq!(letters(0x1f << 59), "so,c,b,sh,sec");
        assert_eq!(letters(0), "none");
    }

    #[test]
    fn every_type_comes_back_as_it_went() {
        for dialect in [Dialect::Svpbmt, Dialect::THead] {
            for memory in [
                MemoryType::Ram,
                MemoryType::NonCacheable,
                MemoryType::Device,
            ] {
                let bits = dialect.bits(memory);
                assert_eq!(dialect.attributes(bits).memory_type(), Some(memory));
                assert_eq!(bits & dialect.reserved_bits(), 0);
            }
        }
    }

    #[test]
    fn the_bits_are_those_of_the_manuals() {
        assert_eq!(Dialect::THead.bits(MemoryType::Ram), 0x7000_0000_0000_0000);
        assert_eq!(
            Dialect::THead.bits(MemoryType::Device),
            0x9000_0000_0000_0000
        );
        assert_eq!(
            Dialect::Svpbmt.bits(MemoryType::Device),
            0x4000_0000_0000_0000
        );
        assert_eq!(Dialect::None.bits(MemoryType::Device), 0);
    }

    #[test]
    fn odd_combinations_are_no_type() {
        assert_eq!(Dialect::THead.attributes(0).memory_type(), None);
        assert_eq!(Dialect::Svpbmt.attributes(3 << 61).memory_type(), None);
    }
}
