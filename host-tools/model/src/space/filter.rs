//! Filters for the ranges of a space.

use pagetable::{Attributes, MemoryType, Pbmt, Pte};

use super::MappedRange;

/// A range of addresses, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// First address.
    pub first: u64,
    /// Last address, included.
    pub last: u64,
}

impl Bounds {
    /// One address.
    pub fn one(at: u64) -> Bounds {
        Bounds {
            first: at,
            last: at,
        }
    }

    /// The intersection with `first..=last`; `None` if it is empty.
    fn meet(self, first: u64, last: u64) -> Option<(u64, u64)> {
        let (first, last) = (first.max(self.first), last.min(self.last));
        (first <= last).then_some((first, last))
    }
}

/// A property of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// A flag: R, W, X, U, G, A or D.
    Flag(u64),
    /// One of the two RSW bits.
    Software,
    /// Svnapot's N bit.
    Napot,
    /// Svpbmt's PBMT field is not zero.
    Pbmt(Pbmt),
    /// A memory type of either dialect: RAM, non-cacheable, device.
    Memory(MemoryType),
}

impl Attribute {
    /// Every attribute, with its word on the command line.
    pub const ALL: [(&'static str, Attribute); 15] = [
        ("r", Attribute::Flag(Pte::READ)),
        ("w", Attribute::Flag(Pte::WRITE)),
        ("x", Attribute::Flag(Pte::EXEC)),
        ("u", Attribute::Flag(Pte::USER)),
        ("g", Attribute::Flag(Pte::GLOBAL)),
        ("a", Attribute::Flag(Pte::ACCESSED)),
        ("d", Attribute::Flag(Pte::DIRTY)),
        ("rsw", Attribute::Software),
        ("napot", Attribute::Napot),
        ("pma", Attribute::Pbmt(Pbmt::Pma)),
        ("nc", Attribute::Pbmt(Pbmt::NonCacheable)),
        ("io", Attribute::Pbmt(Pbmt::Io)),
        ("ram", Attribute::Memory(MemoryType::Ram)),
        ("noncacheable", Attribute::Memory(MemoryType::NonCacheable)),
        ("device", Attribute::Memory(MemoryType::Device)),
    ];

    fn is_of(self, range: &MappedRange) -> bool {
        match self {
            Attribute::Flag(flag) => range.flags().has(flag),
            Attribute::Software => range.flags().rsw() != 0,
            Attribute::Napot => range.leaf.is_napot,
            Attribute::Pbmt(pbmt) => range.attributes() == Attributes::Pbmt(pbmt),
            Attribute::Memory(memory) => range.attributes().memory_type() == Some(memory),
        }
    }
}

/// Conditions on a range; all must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// User or supervisor pages only; `None` for both.
    pub is_user: Option<bool>,
    /// Virtual address ranges; parts outside of them are cut off. Empty for all.
    pub va: Vec<Bounds>,
    /// Physical address ranges. Empty for all.
    pub pa: Vec<Bounds>,
    /// Levels of the mapping entry. Empty for all.
    pub levels: Vec<u8>,
    /// Attributes, and whether each must be present or absent.
    pub attributes: Vec<(Attribute, bool)>,
}

impl Filter {
    /// Whether it passes everything.
    pub fn is_empty(&self) -> bool {
        *self == Filter::default()
    }

    fn takes(&self, range: &MappedRange) -> bool {
        let is_user = range.flags().has(Pte::USER);
        self.is_user.is_none_or(|wanted| wanted == is_user)
            && (self.levels.is_empty() || self.levels.contains(&range.leaf.level))
            && self
                .attributes
                .iter()
                .all(|(it, has)| it.is_of(range) == *has)
    }

    /// The parts of a range that pass.
    pub(super) fn taken(&self, range: &MappedRange) -> Vec<MappedRange> {
        match self.takes(range) {
            true => self.parts(range),
            false => Vec::new(),
        }
    }

    /// The parts of a range within the address bounds.
    fn parts(&self, range: &MappedRange) -> Vec<MappedRange> {
        let by_va = within(&self.va, vec![*range], |it| it.va.raw());
        within(&self.pa, by_va, |it| it.pa.raw())
    }
}

fn within(
    bounds: &[Bounds],
    ranges: Vec<MappedRange>,
    begin: fn(&MappedRange) -> u64,
) -> Vec<MappedRange> {
    if bounds.is_empty() {
        return ranges;
    }
    let cut = |range: &MappedRange| {
        let (range, first) = (*range, begin(range));
        bounds.iter().filter_map(move |bounds| {
            let (from, last) = bounds.meet(first, first.wrapping_add(range.bytes - 1))?;
            Some(MappedRange {
                va: range.va.wrapping_add(from - first),
                pa: range.pa.wrapping_add(from - first),
                bytes: last - from + 1,
                ..range
            })
        })
    };
    ranges.iter().flat_map(cut).collect()
}
