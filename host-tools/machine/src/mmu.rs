//! The fast way from a virtual page to RAM, beside the translations that the hart keeps.
//!
//! Only pages of cacheable RAM that an access was granted for are here; everything else takes the long
//! way, `translate`, which knows all rules. One table for each kind of access and level.

use crate::hart::PrivilegeLevel;
use crate::tlb::StickyTlb;

const ENTRIES: usize = 256;

/// A page that may be accessed without another look.
#[derive(Clone, Copy)]
struct Fast {
    /// Virtual page, with the generation in its upper bits.
    key: u64,
    /// Where the page begins in RAM.
    at: usize,
}

const NONE: Fast = Fast {
    key: u64::MAX,
    at: 0,
};

/// Pages by the lower bits of their number.
#[derive(Clone)]
pub struct FastTable {
    entries: Box<[Fast; ENTRIES]>,
}

impl Default for FastTable {
    fn default() -> FastTable {
        FastTable {
            entries: Box::new([NONE; ENTRIES]),
        }
    }
}

impl FastTable {
    /// Where `va` lies in RAM, if its page is known.
    #[inline(always)]
    #[must_use]
    pub fn get(&self, va: u64, generation: u64) -> Option<usize> {
        let entry = &self.entries[(va >> 12) as usize & (ENTRIES - 1)];
        (entry.key == (va >> 12 | generation)).then_some(entry.at + (va & 0xfff) as usize)
    }

    /// Keeps that the page of `va` begins at `at`.
    pub fn put(&mut self, va: u64, generation: u64, at: usize) {
        self.entries[(va >> 12) as usize & (ENTRIES - 1)] = Fast {
            key: va >> 12 | generation,
            at,
        };
    }

    fn clear(&mut self) {
        self.entries.fill(NONE);
    }
}

#[derive(Default)]
pub struct Translations {
    /// Translations that a fence must end.
    pub tlb: StickyTlb,
    pub fetches: [FastTable; 2],
    pub loads: [FastTable; 2],
    pub stores: [FastTable; 2],
    /// In bits 52 and up.
    pub generation: u64,
}

/// The index of a level's tables.
#[inline(always)]
#[must_use]
pub fn bank(level: PrivilegeLevel) -> usize {
    level as usize
}

impl Translations {
    /// The next access of every page takes the long way.
    pub fn forget_fast(&mut self) {
        self.generation = self.generation.wrapping_add(1 << 52);
        if self.generation == 0 {
            let tables = [&mut self.fetches, &mut self.loads, &mut self.stores];
            for table in tables.into_iter().flatten() {
                table.clear();
            }
        }
    }
}
