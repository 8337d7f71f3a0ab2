//! A visit to the whole tree: every mapping, and every entry that the MMU rejects.

use core::ops::ControlFlow;

use crate::{
    Entry, Leaf, Mapping, Memory, Mode, PAGE_BYTES, PhysAddr, Problem, Pte, Refusal, Root,
    ScanBudget, Seen, Trouble, Visited,
};

/// Reports every mapping and every problem of the tree at `root`, within the default budget. Bare has no
/// tables and no events.
pub fn visit<M: Memory + ?Sized>(memory: &mut M, root: Root, see: impl FnMut(Seen)) {
    visit_within(memory, root, ScanBudget::default(), see)
}

/// [`visit`] with a budget.
pub fn visit_within<M: Memory + ?Sized>(
    memory: &mut M,
    root: Root,
    budget: ScanBudget,
    see: impl FnMut(Seen),
) {
    if root.mode == Mode::Bare {
        return;
    }
    let top = Table {
        at: root.table.align_down(PAGE_BYTES),
        level: root.mode.root_level(),
        va: 0,
    };
    let mut visitor = Visitor {
        memory,
        root,
        path: [None; Mode::MOST_LEVELS],
        tables_left: budget.tables,
        see,
    };
    // An exhausted budget is not an error: `see` has received its place.
    let _ = visitor.enter(top, None);
}

/// A table on the current path.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    pub(crate) at: PhysAddr,
    pub(crate) level: u8,
    /// First virtual address that it translates, not sign-extended.
    pub(crate) va: u64,
}

impl Table {
    /// First virtual address of entry `index`, not sign-extended.
    #[inline]
    fn va(&self, mode: Mode, index: usize) -> u64 {
        self.va | (index as u64) << mode.leaf_shift(self.level)
    }

    fn problem(&self, mode: Mode, index: usize, entry: Option<Pte>, trouble: Trouble) -> Problem {
        Problem {
            va: mode.sign_extend(self.va(mode, index)),
            table: self.at,
            index: index as u16,
            count: 1,
            level: self.level,
            entry,
            trouble,
        }
    }

    /// The mapping of `entries` entries from `index`.
    #[inline]
    pub(crate) fn mapping(&self, mode: Mode, index: usize, leaf: Leaf, entries: u16) -> Mapping {
        let va = mode.sign_extend(self.va(mode, index));
        Mapping {
            va,
            at: leaf.at(va),
            bytes: u64::from(entries) * mode.leaf_bytes(self.level),
            entries,
            leaf,
        }
    }

    /// Decodes entry `index`; returns the next table if it is a pointer.
    #[inline]
    fn judge(
        &self,
        root: Root,
        index: usize,
        pte: Pte,
        see: &mut impl FnMut(Seen),
    ) -> Option<PhysAddr> {
        if !pte.is_valid() {
            return None;
        }
        match pte.decode(root.mode, self.level, root.dialect) {
            Entry::Pointer(next) => return Some(next),
            Entry::Leaf(leaf) => see(Seen::Mapping(self.mapping(root.mode, index, leaf, 1))),
            Entry::Refused(reason) => {
                let trouble = Trouble::Refused(reason);
                see(Seen::Problem(self.problem(
                    root.mode,
                    index,
                    Some(pte),
                    trouble,
                )));
            }
        }
        None
    }
}

struct Visitor<'a, M: ?Sized, F> {
    memory: &'a mut M,
    root: Root,
    /// The ancestors of the current table, by level.
    path: [Option<PhysAddr>; Mode::MOST_LEVELS],
    tables_left: u32,
    see: F,
}

impl<M: Memory + ?Sized, F: FnMut(Seen)> Visitor<'_, M, F> {
    /// Reads the table that `from` points to; `None` for the root. Recursion depth is the number of levels.
    fn enter(&mut self, table: Table, from: Option<Problem>) -> ControlFlow<()> {
        let mode = self.root.mode;
        let here = from.unwrap_or(table.problem(mode, 0, None, Trouble::OutOfBudget));
        if self.tables_left == 0 {
            (self.see)(Seen::Problem(here));
            return ControlFlow::Break(());
        }
        self.tables_left -= 1;
        match self.memory.page(table.at) {
            None => self.read_words(table, from),
            // Most tables of a running system take this path.
            Some(page) if *page == EMPTY => {
                self.leave(table, from, 0);
                ControlFlow::Continue(())
            }
            Some(page) if mode.entry_bytes() == 4 => {
                let words = words::<4, 1024>(page);
                self.read_lent(table, from, &words)
            }
            Some(page) => {
                let words = words::<8, 512>(page);
                self.read_lent(table, from, &words)
            }
        }
    }

    /// Reads a table that memory lends.
    fn read_lent(&mut self, table: Table, from: Option<Problem>, words: &[u64]) -> ControlFlow<()> {
        let mut valid = 0;
        if table.level == 0 {
            valid = leaves(self.root, table, words, &mut self.see);
        } else {
            for (index, raw) in words
                .iter()
                .enumerate()
                .filter(|(_, raw)| **raw & Pte::VALID != 0)
            {
                valid += 1;
                self.entry(table, index, Pte::new(*raw))?;
            }
        }
        self.leave(table, from, valid);
        ControlFlow::Continue(())
    }

    /// Reads a table word by word.
    fn read_words(&mut self, table: Table, from: Option<Problem>) -> ControlFlow<()> {
        let mode = self.root.mode;
        let bytes = mode.entry_bytes();
        let mut missing = None;
        let mut known = 0;
        let mut valid = 0;
        for index in 0..mode.entries() {
            let at = table.at.wrapping_add((index * bytes) as u64);
            match self.memory.read_word(at, bytes) {
                Err(_) => missing = missing.or(Some(index)),
                Ok(raw) => {
                    self.close_gap(table, missing.take(), index, from);
                    known += 1;
                    valid += u16::from(Pte::new(raw).is_valid());
                    self.entry(table, index, Pte::new(raw))?;
                }
            }
        }
        let is_there = known > 0 || missing.is_none();
        self.close_gap(table, missing, mode.entries(), from);
        if is_there {
            self.leave(table, from, valid);
        }
        ControlFlow::Continue(())
    }

    fn leave(&mut self, table: Table, from: Option<Problem>, valid: u16) {
        let mode = self.root.mode;
        let pointer = from.and_then(|from| {
            let into = usize::from(from.index) * mode.entry_bytes();
            Some((from.table.wrapping_add(into as u64), from.entry?))
        });
        (self.see)(Seen::Table(Visited {
            at: table.at,
            level: table.level,
            va: mode.sign_extend(table.va),
            pointer,
            valid,
        }));
    }

    fn entry(&mut self, table: Table, index: usize, pte: Pte) -> ControlFlow<()> {
        let root = self.root;
        let Some(next) = table.judge(root, index, pte, &mut self.see) else {
            return ControlFlow::Continue(());
        };
        self.path[table.level as usize] = Some(table.at);
        let above = &self.path[table.level as usize..];
        if above.contains(&Some(next)) {
            let problem = table.problem(root.mode, index, Some(pte), Trouble::SelfReference);
            (self.see)(Seen::Problem(problem));
        }
        let below = Table {
            at: next,
            level: table.level - 1,
            va: table.va(root.mode, index),
        };
        self.enter(
            below,
            Some(table.problem(root.mode, index, Some(pte), Trouble::OutOfBudget)),
        )
    }

    /// Reports the entries `from_index..to` as missing memory: at the pointer to this table if they are all
    /// of it.
    fn close_gap(
        &mut self,
        table: Table,
        from_index: Option<usize>,
        to: usize,
        from: Option<Problem>,
    ) {
        let Some(first) = from_index else { return };
        let trouble = Trouble::Refused(Refusal::NoMemory);
        let is_whole = first == 0 && to == self.root.mode.entries();
        let problem = match from {
            Some(pointer) if is_whole => Problem { trouble, ..pointer },
            _ => Problem {
                count: (to - first) as u16,
                ..table.problem(self.root.mode, first, None, trouble)
            },
        };
        (self.see)(Seen::Problem(problem));
    }
}

pub(crate) static EMPTY: [u8; 4096] = [0; 4096];

/// The entries of a page, from little-endian bytes.
#[inline]
pub(crate) fn words<const BYTES: usize, const COUNT: usize>(page: &[u8; 4096]) -> [u64; COUNT] {
    let mut all = [0; COUNT];
    for (word, entry) in all.iter_mut().zip(page.chunks_exact(BYTES)) {
        let mut raw = [0; 8];
        raw[..BYTES].copy_from_slice(entry);
        *word = u64::from_le_bytes(raw);
    }
    all
}

/// Reports the entries of a table at level 0; returns the number of valid ones. Adjacent entries that differ
/// only by the next page are decoded together: most tables are long runs of them.
#[inline]
pub(crate) fn leaves(root: Root, table: Table, words: &[u64], see: &mut impl FnMut(Seen)) -> u16 {
    /// Difference of two entries that map adjacent pages.
    const NEXT: u64 = 1 << 10;
    let above_page = NEXT.trailing_zeros() + root.mode.ppn_bits();
    let mut valid = 0;
    let mut index = 0;
    while let Some(&raw) = words.get(index) {
        let first = index;
        index += 1;
        let pte = Pte::new(raw);
        if !pte.is_valid() {
            continue;
        }
        match pte.decode(root.mode, table.level, root.dialect) {
            Entry::Leaf(leaf) if !leaf.is_napot => {
                let follows = |count: usize, next: u64| {
                    next == raw.wrapping_add(count as u64 * NEXT) && (next ^ raw) >> above_page == 0
                };
                while words
                    .get(index)
                    .is_some_and(|next| follows(index - first, *next))
                {
                    index += 1;
                }
                let entries = (index - first) as u16;
                see(Seen::Mapping(
                    table.mapping(root.mode, first, leaf, entries),
                ));
            }
            // A pointer at level 0 is rejected, so there is no next table.
            _ => drop(table.judge(root, first, pte, see)),
        }
        valid += (index - first) as u16;
    }
    valid
}
