//! The union of several roots, each table once.
//!
//! A table that several roots reach at one address belongs to the first of them: a problem in it is reported
//! once, with the number of roots that share it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use pagetable::VirtAddr;

use crate::AddressSpace;
use crate::space::MappedRange;
use crate::space::forest::{Forest, NodeId};
use crate::space::ways::{Enter, Guide, Joined, Whole};

/// Position of a table: forest, node, and first virtual address.
type Place = (usize, NodeId, u64);

/// The first owner of each table.
#[derive(Default)]
pub(super) struct Union {
    forests: Vec<Arc<Forest>>,
    /// The first space with the table.
    owners: HashMap<Place, usize>,
    /// Tables that later spaces share, by owner, level and address, with the number of spaces.
    again: HashMap<(usize, u8, u64), u64>,
    /// Shared tables that `Union::shared_ranges` has returned already.
    told: HashSet<Place>,
}

impl Union {
    /// Index of the forest of a space: only tables of one forest are compared.
    fn forest(&mut self, space: &AddressSpace) -> usize {
        let is_same = |known: &Arc<Forest>| Arc::ptr_eq(known, space.forest());
        self.forests.iter().position(is_same).unwrap_or_else(|| {
            self.forests.push(Arc::clone(space.forest()));
            self.forests.len() - 1
        })
    }

    /// Ranges of a space in tables that no earlier space has.
    pub fn new_ranges(
        &mut self,
        place: usize,
        space: &AddressSpace,
        take: &mut dyn FnMut(MappedRange),
    ) {
        let guide = New {
            of: self.forest(space),
            union: self,
            place,
            whole: Whole::new(space.forest()),
        };
        Joined::new(space.ways_by(guide)).for_each(take);
    }

    /// Ranges of a space in tables of an earlier space, returned once.
    pub fn shared_ranges(
        &mut self,
        place: usize,
        space: &AddressSpace,
        take: &mut dyn FnMut(MappedRange),
    ) {
        let guide = SharedTables {
            of: self.forest(space),
            union: self,
            place,
            whole: Whole::new(space.forest()),
        };
        Joined::new(space.ways_by(guide)).for_each(take);
    }

    /// Number of roots that share the table of this space at this address.
    pub fn roots(&self, place: usize, space: &AddressSpace, va: VirtAddr) -> u64 {
        let mode = space.mode();
        let bits = mode.va_bits();
        let va = va.raw() & (u64::MAX >> (64 - bits.clamp(1, 64)));
        let at = |level: u8| {
            let shift = mode.leaf_shift(level) + mode.index_bits();
            let first = if shift >= 64 { 0 } else { va >> shift << shift };
            self.again.get(&(place, level, first)).copied().unwrap_or(0)
        };
        1 + (0..mode.levels()).map(at).sum::<u64>()
    }
}

struct New<'a> {
    of: usize,
    union: &'a mut Union,
    place: usize,
    whole: Whole,
}

impl Guide for New<'_> {
    fn enter(&mut self, forest: &Forest, id: NodeId, va: u64) -> Enter {
        let owner = *self
            .union
            .owners
            .entry((self.of, id, va))
            .or_insert(self.place);
        if owner == self.place {
            return self.whole.enter(forest, id, va);
        }
        let level = forest.node(id).map_or(0, |node| node.level);
        *self.union.again.entry((owner, level, va)).or_default() += 1;
        Enter::Skip
    }
}

struct SharedTables<'a> {
    of: usize,
    union: &'a mut Union,
    place: usize,
    whole: Whole,
}

impl Guide for SharedTables<'_> {
    fn enter(&mut self, forest: &Forest, id: NodeId, va: u64) -> Enter {
        let is_before = |owner: &usize| *owner < self.place;
        if !self
            .union
            .owners
            .get(&(self.of, id, va))
            .is_some_and(is_before)
        {
            // A table below it may be shared.
            return match self.whole.enter(forest, id, va) {
                Enter::Skip => Enter::Skip,
                _ => Enter::Below,
            };
        }
        match self.union.told.insert((self.of, id, va)) {
            true => self.whole.enter(forest, id, va),
            false => Enter::Skip,
        }
    }
}
