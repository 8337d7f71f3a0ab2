//! The backing store that boot was asked for: its slots, and what was moved.

use pagetable::PhysAddr;

use super::failure::{Corrupt, StoreFull};
use super::{PageStore, RamStore, Slots, ZipStore};
use crate::fault::Costs;
use crate::mm::{Machine, PAGE_BYTES};

/// Slots that only a page which has to come back may take: while it comes, another one goes in its place.
const RESERVE: u32 = 1;

/// What a store has done since boot, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreCounts {
    /// Pages that were written to it.
    pub out: u64,
    /// Pages that were read from it.
    pub back: u64,
}

/// What keeps the pages.
#[derive(Debug)]
enum Kind {
    /// No page is ever taken.
    None,
    /// Pages that are as they were at first are dropped; there is no slot for others.
    Rom,
    Ram(RamStore),
    Zip(ZipStore),
}

/// The backing store of all programs.
#[derive(Debug)]
pub struct Backing {
    kind: Kind,
    slots: Slots,
    counts: StoreCounts,
    /// Instructions can be counted.
    pub counting: bool,
    put_costs: Costs,
    get_costs: Costs,
    /// How the store fails, for tests.
    #[cfg(test)]
    pub(crate) failing: Option<Failing>,
}

/// A store that fails: each operation whose number can be divided by `every`.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failing {
    pub every: u32,
    pub operations: u32,
}

impl Backing {
    /// No store: no page is ever taken from a program.
    pub fn none() -> Backing {
        Backing::of(Kind::None, &mut [])
    }

    /// Unwritten pages are dropped, and others stay.
    pub fn rom() -> Backing {
        Backing::of(Kind::Rom, &mut [])
    }

    /// As many slots as `table` has rows, from `store` on.
    pub fn ram(store: RamStore, table: &'static mut [u32]) -> Backing {
        Backing::of(Kind::Ram(store), table)
    }

    /// As many slots as `table` has rows, compressed.
    pub fn zip(store: ZipStore, table: &'static mut [u32]) -> Backing {
        Backing::of(Kind::Zip(store), table)
    }

    fn of(kind: Kind, table: &'static mut [u32]) -> Backing {
        Backing {
            kind,
            slots: Slots::new(table),
            counts: StoreCounts::default(),
            counting: false,
            put_costs: Costs::NONE,
            get_costs: Costs::NONE,
            #[cfg(test)]
            failing: None,
        }
    }

    /// May pages be taken from programs?
    #[inline]
    pub fn is_there(&self) -> bool {
        !matches!(self.kind, Kind::None)
    }

    /// Its name, as `store=` has it.
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::None => "none",
            Kind::Rom => "rom",
            Kind::Ram(_) => "ram",
            Kind::Zip(_) => "zip",
        }
    }

    /// What it takes to put a page, as the work on so many pages that are copied.
    pub(in crate::mm) fn pages_of_work(&self) -> u32 {
        match &self.kind {
            Kind::None | Kind::Rom | Kind::Ram(_) => 1,
            // To compress one takes up to 100 times as long as to copy it, mostly a third of that.
            Kind::Zip(_) => 32,
        }
    }

    /// Its slots, in use and free.
    pub fn slots(&self) -> &Slots {
        &self.slots
    }

    /// Where a store in RAM begins.
    #[cfg(test)]
    pub fn start(&self) -> Option<PhysAddr> {
        match &self.kind {
            Kind::Ram(store) => Some(store.at),
            _ => None,
        }
    }

    /// Where the chunks of a compressed store begin.
    #[cfg(test)]
    pub fn zip_start(&self) -> Option<PhysAddr> {
        match &self.kind {
            Kind::Zip(store) => Some(store.start()),
            _ => None,
        }
    }

    /// Bytes of RAM that the pages in the store take.
    pub fn bytes_used(&self) -> u64 {
        match &self.kind {
            Kind::None | Kind::Rom => 0,
            Kind::Ram(_) => u64::from(self.slots.used()) * PAGE_BYTES,
            Kind::Zip(store) => store.bytes_used(),
        }
    }

    /// How many pages were moved since boot.
    pub fn counts(&self) -> StoreCounts {
        self.counts
    }

    /// What it took to write a page, and to read one, in instructions.
    pub fn costs(&self) -> (&Costs, &Costs) {
        (&self.put_costs, &self.get_costs)
    }

    /// Slots that only a page which has to come back may take.
    pub fn reserve(&self) -> u32 {
        RESERVE.min(self.slots.count())
    }

    fn instructions<M: Machine>(&self, machine: &M) -> usize {
        if self.counting {
            machine.instructions()
        } else {
            0
        }
    }

    #[cfg(test)]
    fn fails(&mut self) -> bool {
        let Some(failing) = &mut self.failing else {
            return false;
        };
        failing.operations += 1;
        failing.operations.is_multiple_of(failing.every)
    }

    /// Does a page that has come keep its slot? While half of them are free: then it need not be written again
    /// if it is not written to.
    pub(in crate::mm) fn keeps_slots(&self) -> bool {
        let is_roomy = match &self.kind {
            Kind::Zip(store) => store.is_roomy(),
            _ => true,
        };
        is_roomy && self.slots.used() <= self.slots.count() / 2
    }

    /// Can a written page be put; with `all`, with the reserve? One with a slot is put into that.
    pub(in crate::mm) fn has_room(&self, has_slot: bool, all: bool) -> bool {
        let reserve = if all { 0 } else { RESERVE };
        let has_bytes = match &self.kind {
            Kind::Zip(store) => store.has_room(all),
            _ => true,
        };
        has_bytes && (has_slot || self.slots.count() - self.slots.used() > reserve)
    }

    /// Puts the frame into a new slot; with `all` the reserve may be used.
    pub(in crate::mm) fn put<M: Machine>(
        &mut self,
        machine: &mut M,
        frame: PhysAddr,
        all: bool,
    ) -> Result<u32, StoreFull> {
        let reserve = if all { 0 } else { RESERVE };
        let slot = self.slots.take(reserve).ok_or(StoreFull)?;
        let put = self.put_again(machine, slot, frame);
        if put.is_err() {
            self.release(slot);
        }
        put.map(|()| slot)
    }

    /// Puts the frame into a slot in place of what that has.
    pub(in crate::mm) fn put_again<M: Machine>(
        &mut self,
        machine: &mut M,
        slot: u32,
        frame: PhysAddr,
    ) -> Result<(), StoreFull> {
        #[cfg(test)]
        if self.fails() {
            return Err(StoreFull);
        }
        let before = self.instructions(machine);
        match &mut self.kind {
            Kind::None | Kind::Rom => return Err(StoreFull),
            Kind::Ram(store) => store.put(machine, slot, frame)?,
            Kind::Zip(store) => store.put(machine, slot, frame)?,
        }
        if self.counting {
            let after = machine.instructions();
            self.put_costs.add(after.wrapping_sub(before) as u32);
        }
        self.counts.out += 1;
        Ok(())
    }

    /// Fills the frame with what the slot has.
    pub(in crate::mm) fn get<M: Machine>(
        &mut self,
        machine: &mut M,
        slot: u32,
        frame: PhysAddr,
    ) -> Result<(), Corrupt> {
        #[cfg(test)]
        if self.fails() {
            return Err(Corrupt);
        }
        let before = self.instructions(machine);
        match &mut self.kind {
            Kind::None | Kind::Rom => return Err(Corrupt),
            Kind::Ram(store) => store.get(machine, slot, frame)?,
            Kind::Zip(store) => store.get(machine, slot, frame)?,
        }
        if self.counting {
            let after = machine.instructions();
            self.get_costs.add(after.wrapping_sub(before) as u32);
        }
        self.counts.back += 1;
        Ok(())
    }

    /// Reads part of a slot's page, and changes nothing.
    pub(in crate::mm) fn peek<M: Machine>(
        &self,
        machine: &M,
        slot: u32,
        from: usize,
        into: &mut [u8],
    ) -> Result<(), Corrupt> {
        match &self.kind {
            Kind::None | Kind::Rom => Err(Corrupt),
            Kind::Ram(store) => store.peek(machine, slot, from, into),
            Kind::Zip(store) => store.peek(machine, slot, from, into),
        }
    }

    /// One user of the slot less.
    pub(in crate::mm) fn release(&mut self, slot: u32) {
        if self.slots.release(slot) {
            match &mut self.kind {
                Kind::None | Kind::Rom => {}
                Kind::Ram(store) => store.forget(slot),
                Kind::Zip(store) => store.forget(slot),
            }
        }
    }
}
