//! Single entries of a dump of tables, sorted by table and level.

use std::collections::{BTreeMap, BTreeSet};

use pagetable::{Dialect, Mode, PAGE_BYTES, PhysAddr, Pte};

/// One table of a dump; entries that are zero are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LooseTable {
    /// Entries by index.
    pub entries: BTreeMap<u16, Pte>,
    /// Levels at which a root reaches the table; empty if no root does.
    pub levels: BTreeSet<u8>,
}

/// The tables of a dump.
pub struct LooseEntries {
    /// Paging mode in which the entries are read.
    pub mode: Mode,
    /// Encoding of bits 59–63.
    pub dialect: Dialect,
    /// Tables by physical address.
    pub tables: BTreeMap<PhysAddr, LooseTable>,
}

impl LooseEntries {
    /// Groups words by table. Levels start from `root`. Without a root, a table counts as one if no other
    /// table points to it and a chain of tables of the mode's full depth starts there.
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

    /// Every table reachable from `roots`, with its level; bounded by tables times levels, so loops end.
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
