//! An address space: its regions, sorted, and the root of the tables that cache them.
//!
//! ```text
//!   regions (the truth)    [text][data]…[heap]………………[mmap]……[guard][stack]
//!   tables (a cache)         ██    █      ██              █          ██        what was touched
//!   root                   [program's entries │ kernel's entries, the same in every space]
//! ```

use core::ops::Range;

use abi::{Class, Error};
use pagetable::{PhysAddr, Satp, VirtAddr};

use super::frame::TablesOf;
use super::heap::Heap;
use super::layout::{Layout, is_user_range, kernel_entries};
use super::region::Region;
use super::space_id::SpaceId;
use super::zap::{Fence, RestOfTable, zap};
use super::{Budget, Frames, Machine, Owner, PAGE_BYTES};

/// Regions a space can have: a fixed table, so that the fault path never allocates.
pub const MAX_REGIONS: usize = 256;
const _: () = assert!(MAX_REGIONS.is_power_of_two());

/// An address space: regions are the truth, and its page tables a cache of them.
#[derive(Debug)]
pub struct Space {
    id: u16,
    pub(super) root: PhysAddr,
    satp: u64,
    regions: [Region; MAX_REGIONS],
    used: usize,
    last: usize,
    pub(super) layout: Option<&'static Layout>,
    pub(super) heap: Heap,
    pub(super) resident: u32,
    pub(super) swapped: u32,
}

impl Space {
    /// No space: no root, no region.
    pub const EMPTY: Space = Space {
        id: 0,
        root: PhysAddr::new(0),
        satp: 0,
        regions: [Region::EMPTY; MAX_REGIONS],
        used: 0,
        last: 0,
        layout: None,
        heap: Heap::NONE,
        resident: 0,
        swapped: 0,
    };

    /// A space without regions, in which the kernel is as in every other.
    pub fn create<M: Machine>(
        id: u16,
        frames: &mut Frames,
        machine: &mut M,
        kernel_root: PhysAddr,
    ) -> Result<Space, Error> {
        let mut space = Space::EMPTY;
        space.open(id, frames, machine, kernel_root)?;
        Ok(space)
    }

    /// Makes an empty space one, where it stands: it is too big to be moved for nothing.
    pub fn open<M: Machine>(
        &mut self,
        id: u16,
        frames: &mut Frames,
        machine: &mut M,
        kernel_root: PhysAddr,
    ) -> Result<(), Error> {
        let root = frames
            .alloc_zeroed(machine, Owner::Table { space: id })
            .ok_or(Error::OutOfMemory)?;
        let kernel = kernel_entries(M::MODE);
        let bytes = M::MODE.entry_bytes();
        let end = kernel_root.wrapping_add((kernel.end * bytes) as u64);
        let mut at = kernel_root.wrapping_add((kernel.start * bytes) as u64);
        while let Some(found) = machine.next_entry(at, end) {
            let entry = machine.read_entry(found);
            machine.write_entry(root.wrapping_add(found.raw() - kernel_root.raw()), entry);
            at = found.wrapping_add(bytes as u64);
        }
        let satp = Satp {
            mode: M::MODE,
            asid: 0,
            root,
        };
        self.id = id;
        self.root = root;
        self.satp = satp.encode(M::MODE.xlen());
        Ok(())
    }

    /// Frees as many pages as the budget covers; true if that was all, and the space is empty.
    /// It must not be active. Until then its regions shrink from the last one on.
    pub fn destroy_some<M: Machine>(
        &mut self,
        budget: &mut Budget,
        frames: &mut Frames,
        machine: &mut M,
    ) -> bool {
        while !budget.covers(u64::from(self.resident) + u64::from(self.swapped)) {
            let Some(&region) = self.regions().last() else {
                break;
            };
            if budget.is_spent() {
                return false;
            }
            let (base, end) = (region.base, region.end());
            let reached = self.afford(base, end, budget, machine);
            let place = self.used - 1;
            if reached == end {
                self.remove(place);
            } else {
                self.regions[place] = region.part(reached.raw(), end.raw());
            }
            self.drop_pages(base..reached, 0..0, frames, machine);
        }
        self.destroy(frames, machine);
        true
    }

    /// Frees every page and table. The space must not be active; afterwards it is empty.
    ///
    /// Region by region, since there is nothing elsewhere: a table goes with the last region that it translates.
    pub fn destroy<M: Machine>(&mut self, frames: &mut Frames, machine: &mut M) {
        if self.root.raw() == 0 {
            return;
        }
        frames.fast.close();
        let owner = (self.space_id(), self.root);
        let mut regions = self.regions().iter().peekable();
        while let Some(region) = regions.next() {
            let next = regions.peek().map(|region| region.base.raw());
            let rest = |span: Range<u64>| match next {
                Some(base) if base < span.end => RestOfTable::Kept,
                _ => RestOfTable::Nothing,
            };
            let range = region.base..region.end();
            zap(machine, frames, owner, range, Fence::Later, rest);
        }
        frames.free_of(self.id, self.root);
        // The walker may hold parts of the tables; their frames are used for something else soon.
        machine.fence_all();
        self.clear();
    }

    /// As [`Self::EMPTY`]. Places of regions that were not in use are that already, and are a hundred times as much.
    fn clear(&mut self) {
        self.regions[..self.used].fill(Region::EMPTY);
        self.id = 0;
        self.root = PhysAddr::new(0);
        self.satp = 0;
        self.used = 0;
        self.last = 0;
        self.layout = None;
        self.heap = Heap::NONE;
        self.resident = 0;
        self.swapped = 0;
    }

    /// What its frames and leaves need of it.
    #[inline]
    pub(super) fn space_id(&self) -> SpaceId {
        SpaceId {
            id: self.id,
            satp: self.satp,
        }
    }

    /// Its number in frame owners.
    #[inline]
    pub fn id(&self) -> u16 {
        self.id
    }

    /// The root of its tables.
    #[inline]
    pub fn root(&self) -> PhysAddr {
        self.root
    }

    /// What `satp` holds while the space is active.
    #[inline]
    pub fn satp(&self) -> u64 {
        self.satp
    }

    /// Pages it holds in frames of its own, or has mapped in place.
    #[inline]
    pub fn resident(&self) -> u32 {
        self.resident
    }

    /// Pages of it that are in the backing store. Those of shared objects count nowhere: they belong to no space alone.
    pub fn swapped(&self) -> u32 {
        self.swapped
    }

    /// The fast path has entered so many pages.
    #[inline]
    pub fn add_resident(&mut self, pages: u32) {
        self.resident += pages;
    }

    /// Where the program's memory is looked for.
    pub fn layout<M: Machine>(&self) -> &'static Layout {
        self.layout.unwrap_or(Layout::default_of(M::MODE))
    }

    /// Chooses where the program's memory will be looked for.
    pub fn set_layout(&mut self, layout: &'static Layout) {
        self.layout = Some(layout);
    }

    /// Its regions, ascending by address and never overlapping.
    pub fn regions(&self) -> &[Region] {
        &self.regions[..self.used]
    }

    /// Its regions, to change what does not change their order.
    pub(super) fn regions_mut(&mut self) -> &mut [Region] {
        &mut self.regions[..self.used]
    }

    /// The region that `va` lies in.
    #[inline]
    pub fn region_at(&mut self, va: VirtAddr) -> Option<Region> {
        if self.regions[self.last].contains(va) {
            return Some(self.regions[self.last]);
        }
        self.last = self.place_of(va)?;
        Some(self.regions[self.last])
    }

    /// What kind of region `va` lies in.
    pub fn class_at(&mut self, va: VirtAddr) -> Class {
        self.region_at(va)
            .map_or(Class::None, |region| region.kind.class())
    }

    /// Makes the region of `va` the last one that was looked up.
    #[cold]
    #[inline(never)]
    fn look_up(&mut self, va: VirtAddr) -> Option<usize> {
        self.last = self.place_of(va)?;
        Some(self.last)
    }

    /// The space's id, its count of resident pages, and the region that `va` lies in.
    #[inline(always)]
    pub(super) fn parts_at(&mut self, va: VirtAddr) -> (SpaceId, &mut u32, Option<&Region>) {
        let owner = SpaceId {
            id: self.id,
            satp: self.satp,
        };
        // The mask changes nothing, and spares a comparison on the way of every fault.
        let mut place = self.last & (MAX_REGIONS - 1);
        if !self.regions[place].contains(va) {
            match self.look_up(va) {
                Some(found) => place = found & (MAX_REGIONS - 1),
                None => return (owner, &mut self.resident, None),
            }
        }
        (owner, &mut self.resident, Some(&self.regions[place]))
    }

    /// Is it an empty page beside memory that was mapped, which is kept empty so that running
    /// past an end is noticed?
    #[cold]
    pub(super) fn is_beside_mapping(&self, va: VirtAddr) -> bool {
        let page = va.align_down(PAGE_BYTES);
        let mapped = |at: VirtAddr| {
            let place = self.place_of(at);
            place.is_some_and(|place| self.regions[place].has_guards())
        };
        mapped(page.wrapping_add(PAGE_BYTES))
            || page.raw() > 0 && mapped(VirtAddr::new(page.raw() - 1))
    }

    /// The place of the region that `va` lies in.
    pub(super) fn place_of(&self, va: VirtAddr) -> Option<usize> {
        // What was touched last is mostly what is asked about next.
        if self.regions[self.last].contains(va) {
            return Some(self.last);
        }
        let after = self.regions().partition_point(|region| region.base <= va);
        let place = after.checked_sub(1)?;
        self.regions[place].contains(va).then_some(place)
    }

    /// Adds a region where none is.
    pub fn add<M: Machine>(&mut self, region: Region) -> Result<(), Error> {
        let at = self
            .regions()
            .partition_point(|known| known.base < region.base);
        self.add_at::<M>(at, region)
    }

    /// The same, before the region at place `at`.
    pub(super) fn add_at<M: Machine>(&mut self, at: usize, region: Region) -> Result<(), Error> {
        if !is_user_range(M::MODE, region.base.raw(), region.end().raw()) {
            return Err(Error::BadAddress);
        }
        let before = at
            .checked_sub(1)
            .is_some_and(|before| self.regions[before].end() > region.base);
        let after = at < self.used && self.regions[at].base < region.end();
        if before || after {
            return Err(Error::InUse);
        }
        self.insert(at, region)
    }

    /// Is there room for so many more regions?
    pub(super) fn has_room(&self, regions: usize) -> bool {
        self.used + regions <= MAX_REGIONS
    }

    pub(super) fn insert(&mut self, at: usize, region: Region) -> Result<(), Error> {
        if !self.has_room(1) {
            return Err(Error::LimitExceeded);
        }
        // From the end, as in an insertion sort. The end is found by what stands there, not by a count: of a
        // counted loop the compiler makes a call of `memmove`, which takes three times as long for the two or
        // three regions that lie behind.
        let mut place = self.used & (MAX_REGIONS - 1);
        while place > at && self.regions[place - 1].base > region.base {
            self.regions[place] = self.regions[place - 1];
            place -= 1;
        }
        self.regions[place] = region;
        self.used += 1;
        // What was just made is touched next.
        self.last = at;
        Ok(())
    }

    /// Adds a region behind all others, which no other can be in the way of.
    pub(super) fn append(&mut self, region: Region) {
        self.regions[self.used & (MAX_REGIONS - 1)] = region;
        self.used += 1;
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.remove_all(at..at + 1);
    }

    pub(super) fn remove_all(&mut self, places: Range<usize>) {
        let (mut to, mut from) = (places.start, places.end);
        // As in `insert`: behind the last region is an empty place, or the end of the table.
        while let Some(&region) = self.regions.get(from).filter(|region| region.pages > 0) {
            self.regions[to] = region;
            (to, from) = (to + 1, from + 1);
        }
        self.regions[to..self.used].fill(Region::EMPTY);
        self.used = to;
        self.last = 0;
    }

    /// The source of this space's page tables.
    #[inline]
    pub(super) fn tables<'a>(&self, frames: &'a mut Frames) -> TablesOf<'a> {
        TablesOf {
            frames,
            space: self.id,
        }
    }
}
