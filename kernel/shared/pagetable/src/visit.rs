//! Walking the whole tree: every mapping the MMU takes, and all it refuses.

use core::ops::ControlFlow;

use crate::{Entry, Leaf, Memory, Mode, PAGE_BYTES, PhysAddr, Pte, Refusal, Root, VirtAddr};

/// Entries that map something: one, or some that follow each other in a table and differ in
/// nothing but their pages, which follow each other too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mapping {
    /// The first address it translates.
    pub va: VirtAddr,
    /// Where that is in memory. Under Svnapot each of the 16 entries is seen by
    /// itself and maps its own 4 KiB.
    pub at: PhysAddr,
    /// Bytes that are translated, all entries together.
    pub bytes: u64,
    /// How many entries; each translates an equal part. More than one only where memory lends
    /// the table.
    pub entries: u16,
    /// The first entry's leaf.
    pub leaf: Leaf,
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// The MMU refuses it.
    Refused(Refusal),
    /// It points to a table that the walk came through. The MMU takes it, and so
    /// does the visit: a walk is never longer than the mode's levels.
    SelfReference,
    /// The budget was used up here: from this address on nothing was looked at.
    OutOfBudget,
}

impl Trouble {
    /// The trouble in words.
    pub const fn text(self) -> &'static str {
        match self {
            Trouble::Refused(reason) => reason.text(),
            Trouble::SelfReference => "points to a table it is reached through",
            Trouble::OutOfBudget => "too many tables: not looked at from here on",
        }
    }
}

/// Where something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// The first address that it concerns.
    pub va: VirtAddr,
    /// The table that holds the entry.
    pub table: PhysAddr,
    /// Which entry of the table.
    pub index: u16,
    /// How many entries from there: more than one only where memory is missing.
    pub count: u16,
    /// The level at which the table was read.
    pub level: u8,
    /// The entry; nothing where there is no memory.
    pub entry: Option<Pte>,
    /// What is wrong.
    pub trouble: Trouble,
}

impl Problem {
    /// What is wrong, in words.
    pub const fn text(&self) -> &'static str {
        match (self.trouble, self.entry) {
            (Trouble::Refused(Refusal::NoMemory), None) => "is not in memory",
            (Trouble::Refused(Refusal::NoMemory), Some(_)) => "points outside memory",
            (trouble, _) => trouble.text(),
        }
    }
}

/// A table that was looked at, on one way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Visited {
    /// Where it lies.
    pub at: PhysAddr,
    /// The level at which it was read.
    pub level: u8,
    /// The first address that it translates.
    pub va: VirtAddr,
    /// The entry that points to it, and where that entry lies; the root has none.
    pub pointer: Option<(PhysAddr, Pte)>,
    /// How many of its entries have V set.
    pub valid: u16,
}

/// What a visit reports: mappings and problems in order of virtual address, each
/// table behind all that is below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    /// The MMU takes it.
    Mapping(Mapping),
    /// Something is wrong.
    Problem(Problem),
    /// All of a table has been looked at.
    Table(Visited),
}

/// How much a visit may look at. Tables that share tables are read once for each
/// way to them, as the MMU would: 512 pointers to one table, on every level, are
/// millions of ways in three pages of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Tables read, each way to a table counted.
    pub tables: u32,
}

impl Default for Budget {
    /// 131,072 tables: 256 GiB mapped by 4 KiB pages.
    fn default() -> Self {
        Budget { tables: 1 << 17 }
    }
}

/// Reports every mapping and every problem of the tree at `root`, within the
/// default budget. Bare has no tables and nothing to report.
pub fn visit<M: Memory + ?Sized>(memory: &mut M, root: Root, see: impl FnMut(Seen)) {
    visit_within(memory, root, Budget::default(), see)
}

/// As [`visit`], with this budget.
pub fn visit_within<M: Memory + ?Sized>(
    memory: &mut M,
    root: Root,
    budget: Budget,
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
    // Out of budget is not an error: `see` was told where.
    let _ = visitor.enter(top, None);
}

/// A table on the way.
#[derive(Clone, Copy)]
struct Table {
    at: PhysAddr,
    level: u8,
    /// The first address that it translates, not yet sign-extended.
    va: u64,
}

impl Table {
    /// The address that entry `index` translates first, not yet sign-extended.
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

    /// What `entries` of them map, from `index` on.
    #[inline]
    fn mapping(&self, mode: Mode, index: usize, leaf: Leaf, entries: u16) -> Mapping {
        let va = mode.sign_extend(self.va(mode, index));
        Mapping {
            va,
            at: leaf.at(va),
            bytes: u64::from(entries) * mode.leaf_bytes(self.level),
            entries,
            leaf,
        }
    }

    /// What the MMU makes of entry `index`; the next table, if it is a pointer.
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
    /// The tables above the current one, by level.
    path: [Option<PhysAddr>; Mode::MOST_LEVELS],
    tables_left: u32,
    see: F,
}

impl<M: Memory + ?Sized, F: FnMut(Seen)> Visitor<'_, M, F> {
    /// Looks at a table that `from` points to; the root has none. At most as deep
    /// as the mode has levels.
    fn enter(&mut self, table: Table, from: Option<Problem>) -> ControlFlow<()> {
        let mode = self.root.mode;
        let here = from.unwrap_or(table.problem(mode, 0, None, Trouble::OutOfBudget));
        if self.tables_left == 0 {
            (self.see)(Seen::Problem(here));
            return ControlFlow::Break(());
        }
        self.tables_left -= 1;
        if table.level == 0
            && let Some(valid) = self.read_lent(table)
        {
            self.leave(table, from, valid);
            return ControlFlow::Continue(());
        }
        let bytes = mode.entry_bytes();
        let mut missing = None;
        let mut known = 0;
        let mut valid = 0;
        let mut index = 0;
        while index < mode.entries() {
            index = self.skip_empty(table, index);
            if index == mode.entries() {
                break;
            }
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
            index += 1;
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

    /// Reads a whole table of leaves in place, if memory lends it; tells how many
    /// entries are valid.
    fn read_lent(&mut self, table: Table) -> Option<u16> {
        let root = self.root;
        let page = self.memory.page(table.at)?;
        Some(match root.mode.entry_bytes() {
            4 => leaves(root, table, &words::<4, 1024>(page), &mut self.see),
            _ => leaves(root, table, &words::<8, 512>(page), &mut self.see),
        })
    }

    /// The next entry from `index` that is not zero, as far as memory lends the
    /// table: most tables are nearly empty.
    #[inline]
    fn skip_empty(&mut self, table: Table, index: usize) -> usize {
        let bytes = self.root.mode.entry_bytes();
        match self.memory.page(table.at) {
            None => index,
            Some(page) => page[index * bytes..]
                .chunks_exact(bytes)
                .position(|entry| entry.iter().any(|byte| *byte != 0))
                .map_or(self.root.mode.entries(), |empty| index + empty),
        }
    }

    /// Reports the entries `from_index..to` as lying outside memory: at the entry
    /// that points here if that is the whole table.
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

/// The entries of a page.
#[inline]
fn words<const BYTES: usize, const COUNT: usize>(page: &[u8; 4096]) -> [u64; COUNT] {
    let mut all = [0; COUNT];
    for (word, entry) in all.iter_mut().zip(page.chunks_exact(BYTES)) {
        let mut raw = [0; 8];
        raw[..BYTES].copy_from_slice(entry);
        *word = u64::from_le_bytes(raw);
    }
    all
}

/// Reports the entries of a table at level 0; tells how many are valid. Where an entry's page is
/// the next one and all else is equal, it is judged with the one before: most tables are long
/// runs of such.
#[inline]
fn leaves(root: Root, table: Table, words: &[u64], see: &mut impl FnMut(Seen)) -> u16 {
    /// What the next page adds to an entry.
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
            // A pointer is refused here: there is no next table.
            _ => drop(table.judge(root, first, pte, see)),
        }
        valid += (index - first) as u16;
    }
    valid
}
