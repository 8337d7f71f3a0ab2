//! The part of a space that somebody asks for.

use pagetable::{Attributes, MemoryType, Pbmt, Pte};

use super::MappedRange;

/// A run of addresses, both ends in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl Bounds {
    /// The part of `first..=last` that lies within.
    fn meet(self, first: u64, last: u64) -> Option<(u64, u64)> {
        let (first, last) = (first.max(self.first), last.min(self.last));
        (first <= last).then_some((first, last))
    }
}

/// Something that an entry has or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// A flag: R, W, X, U, G, A or D.
    Flag(u64),
    /// One of the software's two bits.
    Software,
    /// Svnapot's N.
    Napot,
    /// Svpbmt's field.
    Pbmt(Pbmt),
    /// A type that both dialects have: RAM, not cached, a device.
    Memory(MemoryType),
}

impl Attribute {
    /// Every attribute, and the word for it.
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

/// What a range must be; all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The user's, or the supervisor's.
    pub is_user: Option<bool>,
    /// Within these virtual addresses, or these: parts of ranges outside are cut off.
    pub va: Vec<Bounds>,
    /// Within these physical addresses, or these.
    pub pa: Vec<Bounds>,
    /// Mapped at one of these levels; at any, if there are none.
    pub levels: Vec<u8>,
    /// Having these attributes, or not having them.
    pub attributes: Vec<(Attribute, bool)>,
}

impl Filter {
    /// Whether it leaves everything as it is.
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

    /// What of a range it takes.
    pub(super) fn taken(&self, range: &MappedRange) -> Vec<MappedRange> {
        match self.takes(range) {
            true => self.parts(range),
            false => Vec::new(),
        }
    }

    /// The parts of a range that are within.
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
