//! Translations that the hart keeps: all of them, until a fence ends them.
//!
//! As `sim`'s, it forgets nothing of its own accord: Privileged ISA, "Supervisor Memory-Management
//! Fence Instruction", lets a hart keep a translation, and that there was none, until a fence for its
//! address and its ASID.

use std::collections::{HashMap, HashSet};

use pagetable::Leaf;

/// Whose translation: one ASID's, or with `None` everyone's.
type Tag = Option<u16>;

#[derive(Default)]
pub struct StickyTlb {
    leaves: HashMap<(u64, Tag), Leaf>,
    misses: HashSet<(u64, u16)>,
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

    /// Keeps that there is none.
    pub fn put_miss(&mut self, page: u64, asid: u16) {
        self.misses.insert((page, asid));
    }

    /// `sfence.vma`, with what its registers name; a global leaf ends only with a fence for all ASIDs.
    pub fn fence(&mut self, page: Option<u64>, asid: Option<u16>) {
        match (page, asid) {
            (None, None) => {
                self.leaves.clear();
                self.misses.clear();
            }
            (None, Some(asid)) => {
                self.leaves.retain(|&(_, tag), _| tag != Some(asid));
                self.misses.retain(|&(_, whose)| whose != asid);
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

fn covers(held: u64, leaf: &Leaf, page: u64) -> bool {
    let pages = leaf.page_bytes >> 12;
    held / pages == page / pages
}
