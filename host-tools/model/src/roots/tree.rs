//! Trees of tables below a root, each table judged once for each level.

use std::collections::{HashMap, HashSet};

use pagetable::{Memory, Mode, PhysAddr};

use super::form::{self, Word};

/// Most tables that are kept: a machine has a few hundred to a root.
const MOST_TABLES: usize = 1 << 20;

/// What is below an entry, or a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Below {
    /// Tables, this one included.
    pub tables: u64,
    /// Entries that map pages.
    pub leaves: u64,
    /// Bytes that they map.
    pub bytes: u128,
    /// Pointers to what is no table.
    pub broken: u64,
}

impl Below {
    pub fn add(&mut self, other: Below) {
        self.tables += other.tables;
        self.leaves += other.leaves;
        self.bytes += other.bytes;
        self.broken += other.broken;
    }
}

/// Tables of one mode that were judged.
pub(super) struct Trees<'a, M: ?Sized> {
    memory: &'a mut M,
    mode: Mode,
    known: HashMap<(u64, u8), Option<Below>>,
}

impl<'a, M: Memory + ?Sized> Trees<'a, M> {
    pub fn new(memory: &'a mut M, mode: Mode) -> Self {
        Trees {
            memory,
            mode,
            known: HashMap::new(),
        }
    }

    /// The words of a table; `None` if it is not in memory as a whole.
    pub fn words(&mut self, at: PhysAddr) -> Option<Vec<u64>> {
        let page = self.memory.page(at)?;
        Some(form::words(page, self.mode.xlen()).collect())
    }

    /// What is below the table at `at`, read at `level`; `None` if it is no table of that level.
    pub fn table(&mut self, at: PhysAddr, level: u8) -> Option<Below> {
        let place = (at.frame(), level);
        if let Some(known) = self.known.get(&place) {
            return *known;
        }
        if self.known.len() >= MOST_TABLES {
            return None;
        }
        let below = self.judge(at, level);
        self.known.insert(place, below);
        below
    }

    fn judge(&mut self, at: PhysAddr, level: u8) -> Option<Below> {
        let words = self.words(at)?;
        let mut below = Below {
            tables: 1,
            ..Below::default()
        };
        for raw in words {
            below.add(self.entry(raw, level)?);
        }
        Some(below)
    }

    /// What is below an entry of a table of `level`; `None` if no kernel writes it there.
    pub fn entry(&mut self, raw: u64, level: u8) -> Option<Below> {
        let mode = self.mode;
        let target = form::target(raw, mode.xlen());
        match form::word(raw, mode.xlen()) {
            Word::Zero => Some(Below::default()),
            // A page in swap is in a last table; above, an entry that is not valid is empty.
            Word::Invalid => (level == 0).then(Below::default),
            Word::Nonsense => None,
            Word::Leaf => {
                let bytes = mode.leaf_bytes(level);
                // N (bit 63) keeps a size in the number of a small page alone.
                target.is_aligned(bytes).then_some(Below {
                    leaves: 1,
                    bytes: u128::from(bytes),
                    ..Below::default()
                })
            }
            Word::Pointer if level == 0 => None,
            Word::Pointer => Some(self.table(target, level - 1).unwrap_or(Below {
                broken: 1,
                ..Below::default()
            })),
        }
    }

    /// The frames of all tables below one that was judged, itself not included.
    pub fn frames(&mut self, at: PhysAddr, level: u8, into: &mut HashSet<u64>) {
        if level == 0 {
            return;
        }
        for raw in self.words(at).unwrap_or_default() {
            if form::word(raw, self.mode.xlen()) != Word::Pointer {
                continue;
            }
            let target = form::target(raw, self.mode.xlen());
            let is_table = self.table(target, level - 1).is_some();
            // What was entered before has all below it entered too.
            if is_table && into.insert(target.frame()) {
                self.frames(target, level - 1, into);
            }
        }
    }
}
