//! Translations that the hart keeps: all of them, until a fence ends them.
//!
//! As `sim`'s, it forgets nothing of its own accord: Privileged ISA, "Supervisor Memory-Management
//! Fence Instruction", lets a hart keep a translation, and that there was none, until a fence for its
//! address and its ASID.

use std::collections::{HashMap, HashSet};

use pagetable::{Dialect, Entry, Leaf, Mode, PhysAddr, Pte};

use crate::carrier::{Carrier, SnapshotError};

/// Whose translation: one ASID's, or with `None` everyone's.
type Tag = Option<u16>;

#[derive(Default)]
pub struct StickyTlb {
    leaves: HashMap<(u64, Tag), Leaf>,
    misses: HashSet<(u64, u16)>,
    /// Tables that pointers led to: by level, which part of the addresses, and whose.
    pointers: HashMap<(u8, u64, Tag), PhysAddr>,
}

/// What is held for a page.
#[derive(Clone, Copy)]
pub enum Held {
    Leaf(Leaf),
    Miss,
    /// Nothing: a walk is needed.
    Nothing,
}

impl StickyTlb {
    /// What is held for a page of an ASID.
    #[must_use]
    pub fn get(&self, page: u64, asid: u16) -> Held {
        let leaf = self.leaves.get(&(page, None));
        match leaf.or_else(|| self.leaves.get(&(page, Some(asid)))) {
            Some(leaf) => Held::Leaf(*leaf),
            None if self.misses.contains(&(page, asid)) => Held::Miss,
            None => Held::Nothing,
        }
    }

    pub fn put(&mut self, page: u64, asid: u16, leaf: Leaf) {
        let tag = (!leaf.pte.has(pagetable::Pte::GLOBAL)).then_some(asid);
        self.leaves.insert((page, tag), leaf);
    }

    /// The table of a level that is held for an address.
    #[must_use]
    pub fn pointer(&self, level: u8, va: u64, asid: u16) -> Option<PhysAddr> {
        let of = |tag| self.pointers.get(&(level, part(level, va), tag)).copied();
        of(None).or_else(|| of(Some(asid)))
    }

    /// Keeps where a pointer led; on the way to a global leaf, for every ASID too.
    pub fn put_pointer(&mut self, level: u8, va: u64, asid: u16, is_global: bool, table: PhysAddr) {
        let mut keep = |tag| {
            let key = (level, part(level, va), tag);
            self.pointers.entry(key).or_insert(table);
        };
        keep(Some(asid));
        if is_global {
            keep(None);
        }
    }

    /// See `snapshot`; the dialect is that of the hart.
    pub(crate) fn carry(
        &mut self,
        dialect: Dialect,
        carrier: &mut Carrier,
    ) -> Result<(), SnapshotError> {
        let whose = |tag: &Tag| tag.map_or(0, |asid| u64::from(asid) + 1);
        let leaves = self.leaves.iter();
        let mut leaves: Vec<[u64; 4]> = leaves
            .map(|((page, tag), leaf)| [*page, whose(tag), leaf.pte.raw(), leaf.level.into()])
            .collect();
        let misses = self.misses.iter();
        let mut misses: Vec<[u64; 2]> =
            misses.map(|(page, asid)| [*page, (*asid).into()]).collect();
        let pointers = self.pointers.iter();
        let mut pointers: Vec<[u64; 4]> = pointers
            .map(|((level, part, tag), table)| [(*level).into(), *part, whose(tag), table.raw()])
            .collect();
        leaves.sort_unstable();
        misses.sort_unstable();
        pointers.sort_unstable();
        carrier.list(&mut leaves)?;
        carrier.list(&mut misses)?;
        carrier.list(&mut pointers)?;
        let tag = |whose: u64| whose.checked_sub(1).map(|asid| asid as u16);
        let pointer = |[level, part, whose, table]: [u64; 4]| {
            ((level as u8, part, tag(whose)), PhysAddr::new(table))
        };
        self.pointers = pointers.into_iter().map(pointer).collect();
        let leaf = |[page, whose, pte, level]: [u64; 4]| {
            let level = u8::try_from(level)
                .ok()
                .filter(|&it| it < Mode::Sv39.levels());
            let level = level.ok_or(SnapshotError::Value("such level"))?;
            match Pte::new(pte).decode(Mode::Sv39, level, dialect) {
                Entry::Leaf(leaf) => Ok(((page, tag(whose)), leaf)),
                _ => Err(SnapshotError::Value("such leaf")),
            }
        };
        self.leaves = leaves.into_iter().map(leaf).collect::<Result<_, _>>()?;
        self.misses = misses
            .into_iter()
            .map(|[page, asid]| (page, asid as u16))
            .collect();
        Ok(())
    }

    /// Keeps that there is none.
    pub fn put_miss(&mut self, page: u64, asid: u16) {
        self.misses.insert((page, asid));
    }

    /// `sfence.vma`, with what its registers name; what is global ends only with a fence for all ASIDs, and
    /// pointers only with a fence for all addresses.
    pub fn fence(&mut self, page: Option<u64>, asid: Option<u16>) {
        match (page, asid) {
            (None, None) => {
                self.leaves.clear();
                self.misses.clear();
                self.pointers.clear();
            }
            (None, Some(asid)) => {
                self.leaves.retain(|&(_, tag), _| tag != Some(asid));
                self.misses.retain(|&(_, whose)| whose != asid);
                self.pointers.retain(|&(.., tag), _| tag != Some(asid));
            }
            (Some(page), None) => {
                // A superpage may be held under any page of it, under many keys.
                self.leaves
                    .retain(|&(held, _), leaf| !covers(held, leaf, page));
                self.misses.retain(|&(held, _)| held != page);
            }
            (Some(page), Some(asid)) => {
                self.leaves
                    .retain(|&(held, tag), leaf| tag != Some(asid) || !covers(held, leaf, page));
                self.misses.remove(&(page, asid));
            }
        }
    }
}

/// Which of the parts of the address space that a table of that level serves.
fn part(level: u8, va: u64) -> u64 {
    va >> (12 + 9 * (u32::from(level) + 1)).min(63)
}

fn covers(held: u64, leaf: &Leaf, page: u64) -> bool {
    let pages = leaf.page_bytes >> 12;
    held / pages == page / pages
}
