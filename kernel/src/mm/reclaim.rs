//! Frames are short: pages of programs go to the backing store, or are dropped, until some are free.
//!
//! One hand goes round the rows of all frames. Only pages of programs and of shared objects are candidates: a frame that is
//! the kernel's, or wired for a device, is never one, whatever a policy says.
//!
//! ```text
//!   written, or no slot has it     put into a slot        entry: the slot        the store has to have room
//!   as its slot has it             nothing is copied      entry: the slot
//!   as it was at first             nothing is copied      entry: empty           zeros, or the file, come again
//!   of a shared object             put into a slot        entries of all: empty  the object's list has the slot
//! ```

use core::ops::Range;

use pagetable::{PhysAddr, Pte, VirtAddr};

use super::evict::{Judgement, PageUse};
use super::object::Objects;
use super::region::{Object, Region};
use super::store::StoreFull;
use super::table::{self, WalkEnd};
use super::{Frames, Machine, Owner, PAGE_BYTES, Space};

/// Looks at pages before the best of them goes: what one choice costs at most.
const LOOKS: u32 = 40;
/// What a look counts for whose entry has to be walked to, and one at a page that several spaces may have.
const WALKED: u32 = 4;
const SHARED: u32 = 8;
/// Rows that are passed in one piece without a candidate among them.
const ROWS: u64 = 512;

/// The spaces whose pages may be taken.
pub trait ReclaimSpaces {
    /// The space numbered `id`; `None` while its pages are busy: it is active on another hart, which may hold their
    /// translations, or it is no more.
    fn get(&mut self, id: u16) -> Option<&mut Space>;
    /// Every space that is there; the second argument says that its pages are busy.
    fn each(&mut self, see: impl FnMut(&mut Space, bool));
}

/// What one call of [`reclaim`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reclaimed {
    /// Frames that are free now.
    pub frames: u32,
}

/// Frees as many frames as that, or fewer where no more can be. `for_page_in` lets the last slot be used: the page that comes
/// leaves one.
pub fn reclaim<M: Machine>(
    frames: &mut Frames,
    machine: &mut M,
    spaces: &mut impl ReclaimSpaces,
    objects: &Objects,
    (wanted, for_page_in): (u32, bool),
) -> Reclaimed {
    let mut reclaimed = Reclaimed::default();
    if !frames.backing.is_there() {
        return reclaimed;
    }
    // For each page every row is passed twice at most: the first time its A bit may be set.
    let rows = frames.rows();
    let round = 2 * rows + 1;
    let mut left = round;
    let mut search = Search {
        frames,
        machine,
        spaces,
        objects,
        for_page_in,
        near: Near::NOWHERE,
        rows,
    };
    while reclaimed.frames < wanted && left > 0 {
        let victim = search.select_counted(&mut left);
        if let Some(victim) = victim
            && search.evict(&victim).is_ok()
        {
            reclaimed.frames += 1;
            left = round;
        }
    }
    reclaimed
}

/// Why a frame was not emptied. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotEvicted {
    /// It is no page that may be taken: the kernel's, wired, pinned, lent, or common to processes that have forked.
    Fixed,
    /// Its space is active on another hart.
    Busy,
    /// The store has no room for it.
    Full,
}

/// Empties a frame, of any space or shared object.
pub fn evict_frame<M: Machine>(
    frames: &mut Frames,
    machine: &mut M,
    spaces: &mut impl ReclaimSpaces,
    objects: &Objects,
    frame: PhysAddr,
) -> Result<(), NotEvicted> {
    let owner = frames.owner(frame);
    let mut search = Search {
        frames,
        machine,
        spaces,
        objects,
        for_page_in: false,
        near: Near::NOWHERE,
        rows: 0,
    };
    search.may_go(frame, owner)?;
    let seen = search.look(frame, owner, false, &mut 0);
    seen.ok_or(NotEvicted::Full)?;
    let evicted = search.evict(&Victim { frame, owner });
    evicted.map_err(|StoreFull| NotEvicted::Full)
}

/// A page that can go.
#[derive(Clone, Copy, Debug)]
struct Victim {
    frame: PhysAddr,
    owner: Owner,
}

struct Search<'a, M, S> {
    frames: &'a mut Frames,
    machine: &'a mut M,
    spaces: &'a mut S,
    objects: &'a Objects,
    for_page_in: bool,
    near: Near,
    /// Rows of a round, for a choice.
    rows: u64,
}

/// Entries beside one that was walked to: of the same table and the same region, whose pages may be taken too.
///
/// Frames that follow each other mostly hold pages that do. Nothing changes regions or tables while frames are reclaimed.
struct Near {
    space: u16,
    /// Numbers of the pages that they are for.
    pages: Range<u32>,
    /// The first of them.
    at: PhysAddr,
}

impl Near {
    const NOWHERE: Near = Near {
        space: 0,
        pages: 0..0,
        at: PhysAddr::new(0),
    };

    /// Around the entry of a page in that region.
    fn around<M: Machine>(space: u16, vpn: u32, stop: WalkEnd, region: &Region) -> Near {
        let entries = M::MODE.entries() as u32;
        let (table, base) = (
            vpn & !(entries - 1),
            (region.base.raw() / PAGE_BYTES) as u32,
        );
        let pages = table.max(base)..(table + entries).min(base + region.pages);
        let back = u64::from(vpn - pages.start) * M::MODE.entry_bytes() as u64;
        let at = PhysAddr::new(stop.at.raw() - back);
        Near { space, pages, at }
    }

    /// The end of the walk to that page, if it is one of these and `frame` is there.
    #[inline]
    fn find<M: Machine>(
        &self,
        machine: &M,
        (space, vpn): (u16, u32),
        frame: PhysAddr,
    ) -> Option<WalkEnd> {
        if self.space != space || !self.pages.contains(&vpn) {
            return None;
        }
        let ahead = u64::from(vpn - self.pages.start) * M::MODE.entry_bytes() as u64;
        let at = self.at.wrapping_add(ahead);
        let entry = machine.read_entry(at);
        let is_there = table::page_of::<M>(entry, 0) == Some(frame);
        is_there.then_some(WalkEnd {
            level: 0,
            at,
            entry,
        })
    }
}

impl<M: Machine, S: ReclaimSpaces> Search<'_, M, S> {
    /// [`Self::select`], and what it takes.
    fn select_counted(&mut self, left: &mut u64) -> Option<Victim> {
        if !self.frames.evictor.counting {
            return self.select(left);
        }
        let before = self.machine.instructions();
        let victim = self.select(left);
        let cost = self.machine.instructions().wrapping_sub(before);
        self.frames.evictor.costs.add(cost as u32);
        victim
    }

    /// The page that goes next. `left` are the rows that may still be passed.
    fn select(&mut self, left: &mut u64) -> Option<Victim> {
        let policy = self.frames.evictor.policy;
        let (begin, round) = (self.frames.evictor.hand, self.rows);
        let (mut looks, mut passed, mut cleared) = (0, 0, false);
        let mut best: Option<(u8, Victim, bool)> = None;
        let victim = loop {
            // No page twice: the second time it would seem unused.
            let is_enough = looks >= LOOKS || passed >= ROWS.min(round) || *left == 0;
            if is_enough && (best.is_some() || *left == 0) {
                if let Some((_, _, true)) = best
                    && !policy.clears()
                {
                    self.begin_epoch(begin, passed);
                    cleared = true;
                }
                break best.map(|(_, victim, _)| victim);
            }
            let limit = match ROWS.min(round).saturating_sub(passed) {
                0 => *left,
                rows => rows.min(*left),
            };
            let (found, next, rows) = self.frames.next_page(self.frames.evictor.hand, limit);
            self.frames.evictor.hand = next;
            (passed, *left) = (passed + rows, left.saturating_sub(rows));
            let Some((frame, owner)) = found else {
                continue;
            };
            let seen = self.look(frame, owner, policy.clears(), &mut looks);
            let Some(seen) = seen else {
                continue;
            };
            cleared |= seen.accessed && policy.clears();
            let victim = Victim { frame, owner };
            match policy.judge(seen) {
                Judgement::Take => break Some(victim),
                Judgement::Keep(rank) if best.is_none_or(|(most, ..)| rank > most) => {
                    best = Some((rank, victim, seen.accessed));
                }
                Judgement::Keep(_) => {}
            }
        };
        if cleared {
            // A hart that holds a leaf with A does not set it again. One fence for all of them.
            self.machine.fence_all();
        }
        victim
    }

    /// Every page that was passed since the hand was at `begin` was used: from now on it shows again which ones are.
    fn begin_epoch(&mut self, begin: (usize, u64), passed: u64) {
        let (mut hand, mut left) = (begin, passed);
        while left > 0 {
            let (found, next, rows) = self.frames.next_page(hand, left);
            if let Some((frame, owner)) = found {
                self.look(frame, owner, true, &mut 0);
            }
            (hand, left) = (next, left.saturating_sub(rows));
        }
    }

    /// What the policy is shown of a frame; `None` if it cannot be taken now. With `clears` its A bits are clear
    /// afterwards. What the look took is added to `looks`.
    fn look(
        &mut self,
        frame: PhysAddr,
        owner: Owner,
        clears: bool,
        looks: &mut u32,
    ) -> Option<PageUse> {
        let (accessed, dirty) = match owner {
            Owner::Page { space, vpn } => {
                *looks += 1;
                let near = self.near.find(self.machine, (space, vpn), frame);
                let stop = match near {
                    Some(stop) => stop,
                    None => {
                        *looks += WALKED - 1;
                        self.walk_to(frame, (space, vpn))?
                    }
                };
                let is_dirty = stop.entry & Pte::DIRTY != 0;
                if is_dirty && !self.has_room(frame) {
                    return None;
                }
                (take_accessed(self.machine, stop, clears), is_dirty)
            }
            Owner::Object { object, page } if page != Owner::LIST => {
                *looks += SHARED;
                if !self.frames.backing.has_room(false, self.for_page_in) {
                    return None;
                }
                let machine = &mut *self.machine;
                let (mut accessed, mut busy) = (false, false);
                self.spaces.each(|space, is_busy| {
                    each_attachment(space, (object, page), |space, va, region| {
                        if let Some(stop) = there(space, machine, va, frame) {
                            busy |= is_busy || region.is_pinned();
                            accessed |= take_accessed(machine, stop, clears);
                        }
                    });
                });
                if busy {
                    return None;
                }
                (accessed, true)
            }
            _ => return None,
        };
        let idle = self.frames.count_idle(frame, accessed);
        Some(PageUse {
            accessed,
            dirty,
            idle,
        })
    }

    /// Has the store room for a page that was written?
    fn has_room(&self, frame: PhysAddr) -> bool {
        let backing = &self.frames.backing;
        // Mostly it has, also for one more.
        backing.has_room(false, self.for_page_in)
            || backing.has_room(self.frames.slot_of(frame).is_some(), self.for_page_in)
    }

    /// The end of the walk to a page of a space's own, if that may be taken.
    #[inline(never)]
    fn walk_to(&mut self, frame: PhysAddr, (id, vpn): (u16, u32)) -> Option<WalkEnd> {
        let va = VirtAddr::new(u64::from(vpn) * PAGE_BYTES);
        let space = self.spaces.get(id)?;
        let stop = page_at(space, self.machine, va, frame)?;
        let region = space.region_at(va)?;
        self.near = Near::around::<M>(id, vpn, stop, &region);
        Some(stop)
    }

    /// Is it a page that can go if the store has room?
    fn may_go(&mut self, frame: PhysAddr, owner: Owner) -> Result<(), NotEvicted> {
        let (mut fixed, mut busy) = (false, false);
        match owner {
            Owner::Page { space, vpn } => {
                self.spaces.get(space).ok_or(NotEvicted::Busy)?;
                fixed = self.walk_to(frame, (space, vpn)).is_none();
            }
            Owner::Object { object, page } if page != Owner::LIST => {
                self.spaces.each(|space, is_busy| {
                    each_attachment(space, (object, page), |_, _, region| {
                        fixed |= region.is_pinned();
                        busy |= is_busy;
                    });
                });
            }
            _ => fixed = true,
        }
        match (fixed, busy) {
            (true, _) => Err(NotEvicted::Fixed),
            (false, true) => Err(NotEvicted::Busy),
            (false, false) => Ok(()),
        }
    }

    /// Takes a page that was just looked at. If the store does not take it, nothing has changed.
    fn evict(&mut self, victim: &Victim) -> Result<(), StoreFull> {
        let Victim { frame, owner } = *victim;
        match owner {
            Owner::Page { space, vpn } => {
                let va = VirtAddr::new(u64::from(vpn) * PAGE_BYTES);
                let space = self.spaces.get(space).ok_or(StoreFull)?;
                evict_page(
                    space,
                    self.frames,
                    self.machine,
                    (va, frame),
                    self.for_page_in,
                )
            }
            Owner::Object { object, page } => self.evict_shared(frame, (object, page)),
            _ => Err(StoreFull),
        }
    }

    fn evict_shared(&mut self, frame: PhysAddr, page: (u16, u32)) -> Result<(), StoreFull> {
        let machine = &mut *self.machine;
        let slot = self.frames.backing.put(machine, frame, self.for_page_in)?;
        self.spaces.each(|space, _| {
            each_attachment(space, page, |space, va, _| {
                if let Some(stop) = there(space, machine, va, frame) {
                    machine.write_entry(stop.at, 0);
                    machine.fence_page(va);
                    space.resident -= 1;
                }
            });
        });
        self.objects.set_stored(machine, page, slot);
        self.frames.evictor.counts.dirty += 1;
        self.frames.free(frame);
        Ok(())
    }
}

/// The end of the walk to a page of the space's own that may be taken: not wired, not pinned.
fn page_at<M: Machine>(
    space: &Space,
    machine: &M,
    va: VirtAddr,
    frame: PhysAddr,
) -> Option<WalkEnd> {
    let region = &space.regions()[space.place_of(va)?];
    if !region.is_private() || region.is_pinned() {
        return None;
    }
    there(space, machine, va, frame)
}

/// The end of the walk to `va`, if `frame` is what is there.
fn there<M: Machine>(space: &Space, machine: &M, va: VirtAddr, frame: PhysAddr) -> Option<WalkEnd> {
    let stop = table::walk(machine, space.root(), va);
    let is_there = stop.level == 0 && table::page_of::<M>(stop.entry, 0) == Some(frame);
    is_there.then_some(stop)
}

/// Is A set? With `clears` it is not any more; that is not fenced.
fn take_accessed<M: Machine>(machine: &mut M, stop: WalkEnd, clears: bool) -> bool {
    let accessed = stop.entry & Pte::ACCESSED != 0;
    if accessed && clears {
        machine.write_entry(stop.at, stop.entry & !Pte::ACCESSED);
    }
    accessed
}

/// Every place where a space has that page of a shared object attached.
fn each_attachment(
    space: &mut Space,
    (object, page): (u16, u32),
    mut see: impl FnMut(&mut Space, VirtAddr, &Region),
) {
    for place in 0..space.regions().len() {
        let region = space.regions()[place];
        let Object::Shared {
            object: of,
            page: first,
            ..
        } = region.object
        else {
            continue;
        };
        if of == object && (first..first + region.pages).contains(&page) {
            let within = u64::from(page - first) * PAGE_BYTES;
            see(space, region.base.wrapping_add(within), &region);
        }
    }
}

/// Takes a page of a space's own out of memory: to the store, or dropped if it is as it was at first.
pub(super) fn evict_page<M: Machine>(
    space: &mut Space,
    frames: &mut Frames,
    machine: &mut M,
    (va, frame): (VirtAddr, PhysAddr),
    for_page_in: bool,
) -> Result<(), StoreFull> {
    let stop = page_at(space, machine, va, frame).ok_or(StoreFull)?;
    let is_dirty = stop.entry & Pte::DIRTY != 0;
    let slot = match (frames.slot_of(frame), is_dirty) {
        (slot, false) => slot,
        (Some(slot), true) => {
            frames.backing.put_again(machine, slot, frame)?;
            Some(slot)
        }
        (None, true) => Some(frames.backing.put(machine, frame, for_page_in)?),
    };
    machine.write_entry(stop.at, slot.map_or(0, table::stored));
    // Before the frame is anybody else's.
    machine.fence_page(va);
    space.resident -= 1;
    space.swapped += u32::from(slot.is_some());
    // The slot is the entry's now: freeing the frame must not free it.
    frames.set_slot(frame, None);
    frames.free(frame);
    let counts = &mut frames.evictor.counts;
    *(if is_dirty {
        &mut counts.dirty
    } else {
        &mut counts.clean
    }) += 1;
    Ok(())
}
