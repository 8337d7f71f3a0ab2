//! Loose entries: a dump of tables, told apart and given their levels.

use std::collections::{BTreeMap, BTreeSet};

use pagetable::{Dialect, Mode, PAGE_BYTES, PhysAddr, Pte};

/// One table of a dump: the entries that are not zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LooseTable {
    /// Entries by index.
    pub entries: BTreeMap<u16, Pte>,
    /// The levels at which it is reached from a root; none if it is not.
    pub levels: BTreeSet<u8>,
}

/// The tables of a dump.
pub struct LooseEntries {
    /// How the entries are read.
    pub mode: Mode,
    /// How bits 59–63 are read.
    pub dialect: Dialect,
    /// By address.
    pub tables: BTreeMap<PhysAddr, LooseTable>,
}

impl LooseEntries {
    /// Sorts words by table. Levels come from `root`; without one, from every
    /// table that no other points to, if a chain of tables as long as the mode is
    /// deep begins there: then it can only be a root.
    pub fn new(
        words: impl IntoIterator<Item = (PhysAddr, u64)>,
        mode: Mode,
        dialect: Dialect,
        root: Option<PhysAddr>,
    ) -> LooseEntries {
        let mut entries = LooseEntries {
            mode,
            dialect,
            tables: BTreeMap::new(),
        };
        for (at, word) in words {
            let index = at.offset(PAGE_BYTES) / mode.entry_bytes() as u64;
            let table = entries.tables.entry(at.align_down(PAGE_BYTES));
            let table = table.or_default();
            table.entries.insert(index as u16, Pte::new(word));
        }
        let roots = match root {
            Some(root) => vec![root],
            None => entries.likely_roots(),
        };
        for (table, level) in entries.reach(&roots) {
            if let Some(table) = entries.tables.get_mut(&table) {
                table.levels.insert(level);
            }
        }
        entries
    }

    /// Every table that `roots` lead to, with its level: at most as many steps as
    /// there are tables times levels.
    fn reach(&self, roots: &[PhysAddr]) -> BTreeSet<(PhysAddr, u8)> {
        let top = self.mode.root_level();
        let mut open: Vec<_> = roots.iter().map(|root| (*root, top)).collect();
        let mut seen = BTreeSet::new();
        while let Some((at, level)) = open.pop() {
            if !self.tables.contains_key(&at) || !seen.insert((at, level)) || level == 0 {
                continue;
            }
            open.extend(self.pointers(at).map(|next| (next, level - 1)));
        }
        seen
    }

    fn likely_roots(&self) -> Vec<PhysAddr> {
        let all = || self.tables.keys().copied();
        let children: BTreeSet<_> = all().flat_map(|at| self.pointers(at)).collect();
        let is_deep = |at: &PhysAddr| self.reach(&[*at]).iter().any(|(_, level)| *level == 0);
        all()
            .filter(|at| !children.contains(at))
            .filter(is_deep)
            .collect()
    }

    fn pointers(&self, table: PhysAddr) -> impl Iterator<Item = PhysAddr> {
        let entries = self.tables.get(&table).into_iter();
        let entries = entries.flat_map(|table| table.entries.values());
        let pointers = entries.filter(|pte| pte.is_pointer());
        pointers.map(|pte| pte.target(self.mode))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(raw: u64) -> PhysAddr {
        PhysAddr::new(raw)
    }

    fn entries(pointers: &[(u64, u64)]) -> LooseEntries {
        let words = pointers
            .iter()
            .map(|(from, to)| (at(*from), Pte::pointer(Mode::Sv39, at(*to)).raw()));
        LooseEntries::new(words, Mode::Sv39, Dialect::None, None)
    }

    fn levels(entries: &LooseEntries, table: u64) -> Vec<u8> {
        entries.tables[&at(table)].levels.iter().copied().collect()
    }

    #[test]
    fn a_full_chain_tells_the_levels() {
        let entries = entries(&[(0x1000, 0x2000), (0x2008, 0x3000), (0x3010, 0x9000)]);
        assert_eq!(levels(&entries, 0x1000), [2]);
        assert_eq!(levels(&entries, 0x2000), [1]);
        assert_eq!(levels(&entries, 0x3000), [0]);
    }

    #[test]
    fn a_short_chain_tells_nothing() {
        let entries = entries(&[(0x1000, 0x2000), (0x2008, 0x9000)]);
        assert!(levels(&entries, 0x1000).is_empty());
    }

    #[test]
    fn circles_end() {
        let entries = entries(&[(0x1000, 0x2000), (0x2000, 0x1000), (0x3000, 0x3000)]);
        assert!(levels(&entries, 0x1000).is_empty());
        assert!(levels(&entries, 0x3000).is_empty());
    }
}
