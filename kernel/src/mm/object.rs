//! Shared objects: memory that any task can attach, and that lives as long as one has it, or
//! the task that made it lives.
//!
//! An object's pages stand in a list, a frame of its own; a page comes when it is first touched.
//! Nothing counts attachments: the regions are the truth, and are looked at when one goes.

use abi::Error;
use pagetable::{PhysAddr, VirtAddr};

use super::region::{Object, Region};
use super::store::Corrupt;
use super::table;
use super::{Budget, Frames, Machine, Owner, PAGE_BYTES, PageInFailed, Space};

/// Objects that there can be.
pub const MAX_OBJECTS: usize = 16;
/// Pages an object can have: as many as one frame lists.
pub const MAX_PAGES: u32 = (PAGE_BYTES / 4) as u32;

/// In the list: the page is in the backing store, and the other bits are its slot. No frame has so high a number: it would
/// lie behind 8 TiB.
const IN_STORE: u32 = 1 << 31;

/// A shared object: a run of frames, and who may attach it.
#[derive(Clone, Copy, Debug)]
struct ObjectSlot {
    /// Length in pages; 0 marks a free slot.
    pages: u32,
    list: PhysAddr,
    creator: u16,
    generation: u16,
    /// It cannot be attached any more, and is freed with its last attachment.
    ending: bool,
}

/// The table of shared objects; an id is slot and generation.
#[derive(Debug)]
pub struct Objects {
    slots: [ObjectSlot; MAX_OBJECTS],
    /// How many there are.
    used: usize,
    owes: bool,
}

impl Objects {
    /// A table without objects.
    pub const EMPTY: Objects = Objects {
        slots: [ObjectSlot {
            pages: 0,
            list: PhysAddr::new(0),
            creator: 0,
            generation: 0,
            ending: false,
        }; MAX_OBJECTS],
        used: 0,
        owes: false,
    };

    /// Makes an object of so many pages, zeros all; its id. `BadArgument` for none,
    /// `LimitExceeded` for more than 1,024 pages or when all slots are taken.
    pub fn create<M: Machine>(
        &mut self,
        pages: u64,
        creator: u16,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<usize, Error> {
        if pages == 0 {
            return Err(Error::BadArgument);
        }
        let free = self.slots.iter().position(|slot| slot.pages == 0);
        let at = free
            .filter(|_| pages <= u64::from(MAX_PAGES))
            .ok_or(Error::LimitExceeded)?;
        let owner = Owner::Object {
            object: at as u16,
            page: Owner::LIST,
        };
        let list = frames
            .alloc_zeroed(machine, owner)
            .ok_or(Error::OutOfMemory)?;
        let slot = &mut self.slots[at];
        self.used += 1;
        *slot = ObjectSlot {
            pages: pages as u32,
            list,
            creator,
            generation: slot.generation.wrapping_add(1) & 0x7fff,
            ending: false,
        };
        Ok(at + usize::from(slot.generation) * MAX_OBJECTS)
    }

    /// What a region of the whole object is made of, and its pages. `NotFound` for an id that
    /// no object has, or has any more.
    pub fn attach(&self, id: usize) -> Result<(Object, u32), Error> {
        let at = self.find(id)?;
        let slot = &self.slots[at];
        if slot.ending {
            return Err(Error::NotFound);
        }
        let object = Object::Shared {
            object: at as u16,
            page: 0,
            list: slot.list,
        };
        Ok((object, slot.pages))
    }

    /// It cannot be attached any more, and is freed with its last attachment. `AccessDenied` for
    /// all but the task that made it.
    pub fn end(&mut self, id: usize, task: u16) -> Result<(), Error> {
        let at = self.find(id)?;
        let slot = &mut self.slots[at];
        if slot.ending {
            return Err(Error::NotFound);
        }
        if slot.creator != task {
            return Err(Error::AccessDenied);
        }
        slot.ending = true;
        Ok(())
    }

    /// The task has ended: so do the objects that it made.
    pub fn creator_ended(&mut self, task: u16) {
        for slot in self.slots.iter_mut().filter(|slot| slot.creator == task) {
            slot.ending = true;
        }
    }

    /// Gives the memory of those back that have ended and that none of `spaces` has attached, as
    /// much as the budget covers. What is left waits for the next time: [`Self::owes_frames`].
    pub fn reap<'a, M: Machine>(
        &mut self,
        spaces: impl Iterator<Item = &'a Space> + Clone,
        budget: &mut Budget,
        frames: &mut Frames,
        machine: &M,
    ) {
        // Every task that ends, and every page that goes, comes by here.
        if self.used == 0 {
            return;
        }
        self.owes = false;
        for at in 0..MAX_OBJECTS {
            let slot = self.slots[at];
            if slot.pages == 0 || !slot.ending {
                continue;
            }
            let attached = spaces
                .clone()
                .flat_map(|space| space.regions())
                .any(|region| is_of(region, at as u16));
            if attached {
                continue;
            }
            while self.slots[at].pages > 0 {
                if budget.is_spent() {
                    self.owes = true;
                    return;
                }
                self.reap_page(at, budget, frames, machine);
            }
            self.used -= 1;
        }
    }

    /// The last page that an object still has goes; with the first one its list.
    fn reap_page<M: Machine>(
        &mut self,
        at: usize,
        budget: &mut Budget,
        frames: &mut Frames,
        machine: &M,
    ) {
        let ObjectSlot { pages, list, .. } = self.slots[at];
        match entry(machine, list, pages - 1) {
            Listed::Frame(frame) => {
                frames.free(frame);
                budget.pages(1);
            }
            Listed::Slot(slot) => {
                frames.backing.release(slot);
                budget.look();
            }
            Listed::Nothing => budget.look(),
        }
        self.slots[at].pages = pages - 1;
        if pages == 1 {
            frames.free(list);
        }
    }

    /// True if the budget ended before all that can be freed was freed.
    pub fn owes_frames(&self) -> bool {
        self.owes
    }

    /// The frames that objects have: the object, the page ([`Owner::LIST`]) and the frame.
    pub fn frames<'a, M: Machine>(
        &'a self,
        machine: &'a M,
    ) -> impl Iterator<Item = (u16, u32, PhysAddr)> + 'a {
        let live = self.slots.iter().enumerate();
        live.filter(|(_, slot)| slot.pages > 0)
            .flat_map(move |(at, slot)| {
                let pages = (0..slot.pages)
                    .filter_map(move |page| Some((page, listed(machine, slot.list, page)?)));
                let all = core::iter::once((Owner::LIST, slot.list)).chain(pages);
                all.map(move |(page, frame)| (at as u16, page, frame))
            })
    }

    /// The frame of an object's page, or of its list ([`Owner::LIST`]), if it has come.
    pub fn frame<M: Machine>(&self, machine: &M, object: u16, page: u32) -> Option<PhysAddr> {
        let slot = self.slots.get(usize::from(object))?;
        match page {
            _ if slot.pages == 0 => None,
            Owner::LIST => Some(slot.list),
            page if page < slot.pages => listed(machine, slot.list, page),
            _ => None,
        }
    }

    /// The pages of an object that are in the backing store.
    pub fn slots<'a, M: Machine>(&'a self, machine: &'a M) -> impl Iterator<Item = u32> + 'a {
        self.slots.iter().flat_map(move |slot| {
            let pages = 0..slot.pages;
            pages.filter_map(move |page| match entry(machine, slot.list, page) {
                Listed::Slot(slot) => Some(slot),
                _ => None,
            })
        })
    }

    /// The page has gone to that slot of the backing store; no space has it mapped any more.
    pub(super) fn set_stored<M: Machine>(
        &self,
        machine: &mut M,
        (object, page): (u16, u32),
        slot: u32,
    ) {
        let list = self.slots[usize::from(object) % MAX_OBJECTS].list;
        write_entry(machine, list, page, slot | IN_STORE);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.used
    }

    fn find(&self, id: usize) -> Result<usize, Error> {
        let at = id % MAX_OBJECTS;
        let slot = &self.slots[at];
        let known = slot.pages > 0 && usize::from(slot.generation) == id / MAX_OBJECTS;
        known.then_some(at).ok_or(Error::NotFound)
    }
}

fn is_of(region: &Region, at: u16) -> bool {
    matches!(region.object, Object::Shared { object, .. } if object == at)
}

/// The frame of a shared region's page, if it has come.
pub(super) fn frame_at<M: Machine>(machine: &M, region: &Region, va: VirtAddr) -> Option<PhysAddr> {
    let Object::Shared { page, list, .. } = region.object else {
        return None;
    };
    let within = ((va.raw() - region.base.raw()) / PAGE_BYTES) as u32;
    listed(machine, list, page + within)
}

/// The same; the page comes now if it has not. Without memory: `None`.
pub(super) fn bring_in<M: Machine>(
    frames: &mut Frames,
    machine: &mut M,
    region: &Region,
    va: VirtAddr,
) -> Option<PhysAddr> {
    let Object::Shared { object, page, list } = region.object else {
        return None;
    };
    if let Some(frame) = frame_at(machine, region, va) {
        return Some(frame);
    }
    let page = page + ((va.raw() - region.base.raw()) / PAGE_BYTES) as u32;
    let frame = frames.alloc_zeroed(machine, Owner::Object { object, page })?;
    write_entry(machine, list, page, (frame.raw() / PAGE_BYTES) as u32);
    Some(frame)
}

/// The slot of the backing store that has a shared region's page.
pub(super) fn slot_at<M: Machine>(machine: &M, region: &Region, va: VirtAddr) -> Option<u32> {
    let Object::Shared { page, list, .. } = region.object else {
        return None;
    };
    let within = ((va.raw() - region.base.raw()) / PAGE_BYTES) as u32;
    match entry(machine, list, page + within) {
        Listed::Slot(slot) => Some(slot),
        _ => None,
    }
}

impl Space {
    /// Is the page of `va` in the backing store?
    pub fn is_stored<M: Machine>(&self, machine: &M, va: VirtAddr) -> bool {
        self.slot_at(machine, va).is_some()
    }

    /// The slot of the backing store that the page of `va` is in.
    pub fn slot_at<M: Machine>(&self, machine: &M, va: VirtAddr) -> Option<u32> {
        let stop = table::walk(machine, self.root(), va);
        let shared = || {
            let region = &self.regions()[self.place_of(va)?];
            slot_at(machine, region, va)
        };
        table::slot_of(stop.entry).or_else(shared)
    }
}

/// Brings a shared region's page back from that slot, which is free then: who writes to it through which space cannot be
/// followed, so it is always written again.
pub(super) fn page_in<M: Machine>(
    frames: &mut Frames,
    machine: &mut M,
    (region, va): (&Region, VirtAddr),
    slot: u32,
) -> Result<(), PageInFailed> {
    let Object::Shared { object, page, list } = region.object else {
        return Ok(());
    };
    let page = page + ((va.raw() - region.base.raw()) / PAGE_BYTES) as u32;
    let owner = Owner::Object { object, page };
    let frame = frames.alloc(owner).ok_or(PageInFailed::NoFrame)?;
    if let Err(Corrupt) = frames.backing.get(machine, slot, frame) {
        frames.free(frame);
        return Err(PageInFailed::Corrupt);
    }
    frames.backing.release(slot);
    write_entry(machine, list, page, (frame.raw() / PAGE_BYTES) as u32);
    Ok(())
}

/// What a list says of a page.
enum Listed {
    /// It was never touched.
    Nothing,
    Frame(PhysAddr),
    Slot(u32),
}

fn entry<M: Machine>(machine: &M, list: PhysAddr, page: u32) -> Listed {
    let mut number = [0; 4];
    machine.read_bytes(list.wrapping_add(u64::from(page) * 4), &mut number);
    match u32::from_le_bytes(number) {
        0 => Listed::Nothing,
        number if number & IN_STORE != 0 => Listed::Slot(number & !IN_STORE),
        number => Listed::Frame(PhysAddr::new(u64::from(number) * PAGE_BYTES)),
    }
}

fn write_entry<M: Machine>(machine: &mut M, list: PhysAddr, page: u32, entry: u32) {
    let at = list.wrapping_add(u64::from(page) * 4);
    machine.write_bytes(at, &entry.to_le_bytes());
}

fn listed<M: Machine>(machine: &M, list: PhysAddr, page: u32) -> Option<PhysAddr> {
    match entry(machine, list, page) {
        Listed::Frame(frame) => Some(frame),
        _ => None,
    }
}
