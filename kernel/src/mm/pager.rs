//! The page fault: from an address and an access to a page that is there, or to a reason.
//!
//! One resolver serves the program's own faults and the kernel's copies on its behalf. Regions are the truth: the
//! entry is looked at only where the region permits the access.
//!
//! ```text
//!   address ─► no region, or no right ──────────────► Refused (guard, no region, permission)
//!      └► entry valid ─► A or D missing ────────────► set it, fence the leaf
//!      │            └─► fewer rights than the region ► a private copy, or the region's rights
//!      └► entry invalid ─► a store has the page ────► Wait, then `page_in`
//!                     └─► a frame is free ──────────► fill it, enter the leaf, fence the page
//!                     └─► none is free ─────────────► Refused (out of memory), and nothing has changed
//! ```

use abi::{Access, Class, Fault, Outcome};
use pagetable::{MemoryType, PhysAddr, Pte, VirtAddr};

use super::cow;
use super::fast_window::open_window;
use super::layout::is_user;
use super::leaf::{accessed, leaf_flags, right};
use super::object;
use super::region::{Object, Prot, Region, RegionKind, Usage};
use super::space_id::SpaceId;
use super::table::{self, WalkEnd};
use super::{Frames, Machine, Owner, PAGE_BYTES, PageInFailed, Run, Space};

/// Pages of a file that come together, if they lie in one leaf table and need no frame.
const FAULT_AROUND_PAGES: usize = 8;

/// How a fault was resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// What was done about the fault, as the log records it.
    pub outcome: Outcome,
    /// What kind of region it was in.
    pub class: Class,
    /// The level at which translation had stopped.
    pub level: u8,
    /// The entry there, as it was.
    pub entry: u64,
    /// The frame that is mapped now.
    pub frame: PhysAddr,
}

/// Why a fault was not resolved. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The reason, as the log records it.
    pub outcome: Outcome,
    /// What kind of region it was in.
    pub class: Class,
    /// The level at which translation had stopped.
    pub level: u8,
    /// The page-table entry there, which may be 0.
    pub entry: u64,
}

/// A page that has to be fetched before an access to it can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The faulting address (`stval`), not aligned.
    pub va: VirtAddr,
    /// Read, write or execute.
    pub access: Access,
}

impl PageRequest {
    /// First address of the page.
    pub fn page(&self) -> VirtAddr {
        self.va.align_down(PAGE_BYTES)
    }
}

/// Why an access cannot be made now. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// No change of memory can allow it: the task dies, or the call fails.
    Refused(Refused),
    /// It can when the page has come: [`page_in`] enters it.
    Wait(PageRequest),
}

/// What [`first_look`] leaves to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstLook {
    /// Not resolved; final, as from [`resolve`].
    Unresolved(Unresolved),
    /// The walk ends at a leaf in a region that permits the access: for [`resolve_present`].
    LeafIsThere(WalkEnd),
}

/// Makes `access` to `va` possible, or says why it is not.
pub fn resolve<M: Machine>(
    space: &mut Space,
    frames: &mut Frames,
    machine: &mut M,
    va: VirtAddr,
    access: Access,
) -> Result<Resolution, Unresolved> {
    match look::<M, false>(space, frames, machine, va, access) {
        Ok(resolution) => Ok(resolution),
        Err(FirstLook::Unresolved(why)) => Err(why),
        Err(FirstLook::LeafIsThere(stop)) => {
            resolve_present(space, frames, machine, (va, access), stop).map_err(Unresolved::Refused)
        }
    }
}

/// Where a leaf is there and the region permits the access, at the end `stop` of the walk to `va`: A or D is missing where the
/// hart does not set them (Svade, the C906), or the hart had not seen the leaf yet, or the leaf permits
/// less than its region.
#[cold]
#[inline(never)]
pub fn resolve_present<M: Machine>(
    space: &mut Space,
    frames: &mut Frames,
    machine: &mut M,
    (va, access): (VirtAddr, Access),
    stop: WalkEnd,
) -> Result<Resolution, Refused> {
    let (owner, _, region) = space.parts_at(va);
    let class = region.map_or(Class::None, |region| region.kind.class());
    let out_of_memory = Refused {
        outcome: Outcome::OutOfMemory,
        class,
        level: stop.level,
        entry: stop.entry,
    };
    let made =
        region.and_then(|region| present(owner, region, frames, machine, (va, access), stop));
    let (outcome, frame) = made.ok_or(out_of_memory)?;
    Ok(Resolution {
        outcome,
        class,
        level: stop.level,
        entry: stop.entry,
        frame,
    })
}

/// A store to a page that a fork has made common, which the region permits: how it came to be the space's own, and its
/// frame. `None` where it is no such page, and where there is no frame: [`resolve_present`] finds out which.
///
/// Apart from what else may be wrong with a leaf that is there: these faults come by the hundred.
#[inline(never)]
fn store_to_common<M: Machine>(
    owner: SpaceId,
    frames: &mut Frames,
    machine: &mut M,
    page: VirtAddr,
    stop: WalkEnd,
) -> Option<(Outcome, PhysAddr)> {
    let frame = Pte::new(stop.entry).target(M::MODE);
    let (row, shares) = frames.common_row(frame)?;
    if shares > 1 {
        return copy_common(owner, frames, machine, page, stop, row);
    }
    frames.adopt(row, owner.id);
    machine.write_entry(stop.at, stop.entry | STORED);
    machine.fence_page(page);
    Some((Outcome::LastOwner, frame))
}

/// What a leaf gets with the store that made its page the space's own.
const STORED: u64 = Pte::WRITE | Pte::ACCESSED | Pte::DIRTY;

/// The same where others have the page: apart, so that the last owner pays for no register of it.
#[inline(never)]
fn copy_common<M: Machine>(
    owner: SpaceId,
    frames: &mut Frames,
    machine: &mut M,
    page: VirtAddr,
    stop: WalkEnd,
    row: usize,
) -> Option<(Outcome, PhysAddr)> {
    let frame = Pte::new(stop.entry).target(M::MODE);
    let copy = cow::copy_common(frames, machine, (owner.id, page), frame, row)?;
    let entry = cow::with_frame::<M>(stop.entry, frame, copy) | STORED;
    machine.write_entry(stop.at, entry);
    machine.fence_page(page);
    Some((Outcome::CopiedOnWrite, copy))
}

/// [`resolve`] as part of its caller, for the trap, where every call is felt: it leaves what is rare to
/// others.
#[inline(always)]
pub fn first_look<M: Machine>(
    space: &mut Space,
    frames: &mut Frames,
    machine: &mut M,
    va: VirtAddr,
    access: Access,
) -> Result<Resolution, FirstLook> {
    look::<M, true>(space, frames, machine, va, access)
}

/// `IN_TRAP` has all that fills a page as part of it; else it is called, as it is long.
#[inline(always)]
fn look<M: Machine, const IN_TRAP: bool>(
    space: &mut Space,
    frames: &mut Frames,
    machine: &mut M,
    va: VirtAddr,
    access: Access,
) -> Result<Resolution, FirstLook> {
    if !is_user(M::MODE, va) {
        return Err(refused(Class::Kernel, Outcome::NotUser, Fault::NO_LEVEL, 0));
    }
    let root = space.root();
    let stop = table::walk(machine, root, va);
    let refuse = |class, outcome| refused(class, outcome, stop.level, stop.entry);
    // Borrowed, not copied: a region is seven words.
    let (owner, resident, region) = space.parts_at(va);
    let Some(region) = region else {
        let (class, outcome) = if space.is_beside_mapping(va) {
            (Class::Guard, Outcome::GuardPage)
        } else {
            (Class::None, Outcome::NoRegion)
        };
        return Err(refuse(class, outcome));
    };
    let class = region.kind.class();
    if !region.prot.permits(access) {
        let guard = region.kind == RegionKind::Guard;
        let outcome = if guard {
            Outcome::GuardPage
        } else {
            Outcome::Permission
        };
        return Err(refuse(class, outcome));
    }
    // As a word: an entry is no wider than the hart's registers.
    if stop.entry as usize != 0 {
        if !Pte::new(stop.entry).is_valid() {
            if table::lent_page::<M>(stop.entry).is_some() {
                return Err(refuse(class, Outcome::Lent));
            }
            // In the backing store: nothing else that is not valid and not lent has a region which permits something.
            let request = PageRequest { va, access };
            return Err(FirstLook::Unresolved(Unresolved::Wait(request)));
        }
        let lacks_write = stop.entry & Pte::WRITE == 0 && stop.level == 0;
        if IN_TRAP && access == Access::Write && lacks_write {
            let page = va.align_down(PAGE_BYTES);
            let own = store_to_common(owner, frames, machine, page, stop);
            if let Some((outcome, frame)) = own {
                return Ok(Resolution {
                    outcome,
                    class,
                    level: stop.level,
                    entry: stop.entry,
                    frame,
                });
            }
        }
        return Err(FirstLook::LeafIsThere(stop));
    }
    let wanted = (va.align_down(PAGE_BYTES), access);
    let brought = if let Object::Shared { .. } | Object::Phys { .. } | Object::Stored { .. } =
        region.object
    {
        if is_in_store(machine, region, va) {
            let request = PageRequest { va, access };
            return Err(FirstLook::Unresolved(Unresolved::Wait(request)));
        }
        elsewhere(owner, region, frames, machine, wanted, stop)
    } else if IN_TRAP {
        absent(owner, region, frames, machine, wanted, stop)
    } else {
        absent_apart(owner, region, frames, machine, wanted, stop)
    };
    let Some((outcome, frame, pages)) = brought else {
        return Err(refuse(class, Outcome::OutOfMemory));
    };
    *resident += pages;
    Ok(Resolution {
        outcome,
        class,
        level: stop.level,
        entry: stop.entry,
        frame,
    })
}

#[inline(always)]
fn refused(class: Class, outcome: Outcome, level: u8, entry: u64) -> FirstLook {
    FirstLook::Unresolved(Unresolved::Refused(Refused {
        outcome,
        class,
        level,
        entry,
    }))
}

/// Does a store have a part of the page that `va` lies in? What lies behind the file's bytes is zeros.
#[cold]
#[inline(never)]
fn is_in_store<M: Machine>(machine: &M, region: &Region, va: VirtAddr) -> bool {
    match region.object {
        Object::Shared { .. } => object::slot_at(machine, region, va).is_some(),
        Object::Stored { bytes, .. } => {
            va.align_down(PAGE_BYTES).raw() - region.base.raw() < u64::from(bytes)
        }
        _ => false,
    }
}

/// As [`absent`], of a device, of a shared object, or behind what a store has.
#[cold]
#[inline(never)]
fn elsewhere<M: Machine>(
    owner: SpaceId,
    region: &Region,
    frames: &mut Frames,
    machine: &mut M,
    wanted: (VirtAddr, Access),
    stop: WalkEnd,
) -> Option<(Outcome, PhysAddr, u32)> {
    let Object::Stored { at, bytes } = region.object else {
        return match region.object {
            Object::Phys { .. } => device(owner, region, frames, machine, wanted.0, stop),
            _ => absent_apart(owner, region, frames, machine, wanted, stop),
        };
    };
    // As a file of the initrd whose every page is the space's own: then `populate`, which is part of the trap, need
    // not know of stores.
    let copied = Region {
        object: Object::Image { at, bytes },
        max: Prot::new(true, true, true),
        ..*region
    };
    absent_apart(owner, &copied, frames, machine, wanted, stop)
}

/// [`absent`] as a function: one for all but the trap.
#[inline(never)]
fn absent_apart<M: Machine>(
    owner: SpaceId,
    region: &Region,
    frames: &mut Frames,
    machine: &mut M,
    wanted: (VirtAddr, Access),
    stop: WalkEnd,
) -> Option<(Outcome, PhysAddr, u32)> {
    absent(owner, region, frames, machine, wanted, stop)
}

/// Enters a page that was waited for, with what the store holds of it. `Ok(None)` where it is not wanted any
/// more: a debugger brought it in, or took its region away; then the repeated access finds out.
pub fn page_in<M: Machine>(
    space: &mut Space,
    frames: &mut Frames,
    machine: &mut M,
    request: PageRequest,
) -> Result<Option<Resolution>, PageInFailed> {
    let (page, stop) = (
        request.page(),
        table::walk(machine, space.root(), request.va),
    );
    let (owner, resident, region) = space.parts_at(request.va);
    let there = table::page_of::<M>(stop.entry, stop.level).is_some()
        || table::lent_page::<M>(stop.entry).is_some();
    let slot = table::slot_of(stop.entry);
    // The kernel may want a page that the program may not touch at present.
    let may = |region: &&Region| slot.is_some() || region.prot.permits(request.access);
    let Some(region) = region.filter(|_| !there).filter(may) else {
        return Ok(None);
    };
    let (class, wanted) = (region.kind.class(), (page, request.access));
    let resolution = |outcome, frame| Resolution {
        outcome,
        class,
        level: stop.level,
        entry: stop.entry,
        frame,
    };
    if let Some(slot) = slot {
        let frame = bring_back(owner, region, frames, machine, (wanted, stop), slot)?;
        *resident += 1;
        space.swapped -= 1;
        return Ok(Some(resolution(Outcome::PagedIn, frame)));
    }
    let slot = object::slot_at(machine, region, page);
    match (slot, region.object) {
        (Some(slot), _) => object::page_in(frames, machine, (region, page), slot)?,
        (None, Object::Stored { .. }) => {}
        (None, _) => return Ok(None),
    }
    let brought = elsewhere(owner, region, frames, machine, wanted, stop);
    let (outcome, frame, pages) = brought.ok_or(PageInFailed::NoFrame)?;
    *resident += pages;
    let outcome = slot.map_or(outcome, |_| Outcome::PagedIn);
    Ok(Some(resolution(outcome, frame)))
}

/// Fills a frame from a slot of the backing store, and enters it at the end of a walk.
fn bring_back<M: Machine>(
    owner: SpaceId,
    region: &Region,
    frames: &mut Frames,
    machine: &mut M,
    ((page, access), stop): ((VirtAddr, Access), WalkEnd),
    slot: u32,
) -> Result<PhysAddr, PageInFailed> {
    let own = Owner::Page {
        space: owner.id,
        vpn: (page.raw() / PAGE_BYTES) as u32,
    };
    let frame = frames.alloc(own).ok_or(PageInFailed::NoFrame)?;
    if frames.backing.get(machine, slot, frame).is_err() {
        frames.free(frame);
        return Err(PageInFailed::Corrupt);
    }
    let mut flags = leaf_flags(machine, region.prot, MemoryType::Ram) | accessed(access);
    if frames.backing.keeps_slots() {
        frames.set_slot(frame, Some(slot));
    } else {
        frames.backing.release(slot);
        // Without D it would count as never written since it was at first.
        flags |= Pte::DIRTY;
    }
    let leaf = Pte::leaf(M::MODE, frame, flags).raw();
    machine.write_entry(stop.at, table::with_rights(leaf, region.prot.bits()));
    machine.fence_page(page);
    if region.prot.execute() {
        machine.fence_code();
    }
    Ok(frame)
}

/// Serves a fault at a leaf that is there: sets A or D, or grants rights that the leaf lacks. The outcome and the
/// page's frame; `None` where a private copy is needed and no frame is free.
fn present<M: Machine>(
    owner: SpaceId,
    region: &Region,
    frames: &mut Frames,
    machine: &mut M,
    (va, access): (VirtAddr, Access),
    stop: WalkEnd,
) -> Option<(Outcome, PhysAddr)> {
    let page = va.align_down(PAGE_BYTES);
    let frame = {
        let within = page.offset(M::MODE.leaf_bytes(stop.level));
        Pte::new(stop.entry).target(M::MODE).wrapping_add(within)
    };
    if Pte::new(stop.entry).has(right(access)) {
        Some((use_leaf(machine, page, access, stop), frame))
    } else {
        grant(owner, region, frames, machine, (page, access, frame), stop)
    }
}

/// Sets what the access needs of A and D. Fenced in any case: the hart may hold the leaf as it was.
fn use_leaf<M: Machine>(machine: &mut M, page: VirtAddr, access: Access, stop: WalkEnd) -> Outcome {
    let wanted = stop.entry | accessed(access);
    let outcome = if wanted == stop.entry {
        Outcome::Spurious
    } else {
        machine.write_entry(stop.at, wanted);
        Outcome::AccessBits
    };
    machine.fence_leaf(page, stop.level);
    outcome
}

/// The region permits what its leaf does not: the region is the truth. A store gets a page of the space's
/// own where others use the frame too; else the leaf gets the region's rights. Without this the same
/// access would fault without end.
fn grant<M: Machine>(
    owner: SpaceId,
    region: &Region,
    frames: &mut Frames,
    machine: &mut M,
    (page, access, frame): (VirtAddr, Access, PhysAddr),
    stop: WalkEnd,
) -> Option<(Outcome, PhysAddr)> {
    let copies = region.prot.write() && stop.level == 0;
    let (outcome, frame, entry) = if copies && !cow::is_own(frames, owner.id, region, frame) {
        let (outcome, own) = cow::own(frames, machine, owner.id, page, frame)?;
        let flags = leaf_flags(machine, region.prot, MemoryType::Ram);
        (outcome, own, Pte::leaf(M::MODE, own, flags).raw())
    } else {
        let entry = table::with_rights(stop.entry, region.prot.bits());
        (Outcome::AccessBits, frame, entry)
    };
    // One write: between two, another walker could see the new frame with the old rights.
    machine.write_entry(stop.at, entry | accessed(access));
    // The hart holds the leaf that refused the access; until the fence it would refuse it again.
    machine.fence_leaf(page, stop.level);
    if region.prot.execute() {
        // The copy was made by stores, and fetches are ordered behind them by fence.i alone.
        machine.fence_code();
    }
    Some((outcome, frame))
}

/// Nothing is there, and the region permits the access: fills the page from its object and
/// enters the leaf; how, which frame, and how many pages more there are now. `None` without
/// memory.
///
/// What is rare is called, with no more than it needs; the rest is part of the trap.
#[inline(always)]
fn absent<M: Machine>(
    owner: SpaceId,
    region: &Region,
    frames: &mut Frames,
    machine: &mut M,
    (page, access): (VirtAddr, Access),
    stop: WalkEnd,
) -> Option<(Outcome, PhysAddr, u32)> {
    let at = if stop.level == 0 {
        stop.at
    } else {
        make_below(owner, frames, machine, stop, page, 0)?
    };
    let Some((outcome, frame)) = populate(owner, region, frames, machine, page) else {
        if stop.level > 0 {
            // A refusal changes nothing: tables without a leaf would stay until the space ends.
            unmake(owner, frames, machine, stop);
        }
        return None;
    };
    let flags = leaf_flags(machine, region.prot, MemoryType::Ram) | accessed(access);
    let leaf = Pte::leaf(M::MODE, frame, flags).raw();
    machine.write_entry(at, leaf);
    // A hart without Svvptc may hold that the entry was invalid (Privileged Architecture, SFENCE.VMA). Without
    // the fence it could fault here again, and again.
    machine.fence_page(page);
    let mut pages = 1;
    match outcome {
        Outcome::Zeroed | Outcome::StackGrown if frames.fast.wanted => {
            open_window(owner, frames, machine, region, page, at);
        }
        // Of a pinned region all have come already: as a comparison with zero.
        Outcome::ImageInPlace if region.usage == Usage::NORMAL => {
            pages += fault_around(machine, region, page, at, leaf);
        }
        _ => {}
    }
    if region.prot.execute() {
        // Whichever access came first: a page filled by a load may be fetched from next.
        machine.fence_code();
    }
    Some((outcome, frame, pages))
}

#[cold]
#[inline(never)]
fn make_below<M: Machine>(
    owner: SpaceId,
    frames: &mut Frames,
    machine: &mut M,
    stop: WalkEnd,
    page: VirtAddr,
    level: u8,
) -> Option<PhysAddr> {
    table::make_below(machine, &mut owner.tables(frames), stop, page, level).ok()
}

/// Takes the tables back that were made for nothing.
#[cold]
#[inline(never)]
fn unmake<M: Machine>(owner: SpaceId, frames: &mut Frames, machine: &mut M, stop: WalkEnd) {
    table::undo(machine, &mut owner.tables(frames), stop.at);
}

/// Memory outside of the pool: the largest leaf around the page that fits the region, with
/// A and D set, since such memory is never reclaimed.
#[cold]
#[inline(never)]
fn device<M: Machine>(
    owner: SpaceId,
    region: &Region,
    frames: &mut Frames,
    machine: &mut M,
    page: VirtAddr,
    stop: WalkEnd,
) -> Option<(Outcome, PhysAddr, u32)> {
    let Object::Phys { at, memory } = region.object else {
        return None;
    };
    let (base, end) = (region.base.raw(), region.end().raw());
    let fits = |&level: &u8| {
        let bytes = M::MODE.leaf_bytes(level);
        let start = page.align_down(bytes).raw();
        start >= base && start + bytes <= end && (at.raw() + (start - base)).is_multiple_of(bytes)
    };
    let level = (0..=stop.level).rev().find(fits)?;
    let slot = if level == stop.level {
        stop.at
    } else {
        make_below(owner, frames, machine, stop, page, level)?
    };
    let bytes = M::MODE.leaf_bytes(level);
    let start = page.align_down(bytes).raw();
    let target = at.wrapping_add(start - base);
    let kept = Pte::ACCESSED | Pte::DIRTY;
    let flags = leaf_flags(machine, region.prot, memory) | kept;
    machine.write_entry(slot, Pte::leaf(M::MODE, target, flags).raw());
    machine.fence_leaf(page, level);
    let frame = target.wrapping_add(page.raw() - start);
    Some((Outcome::Device, frame, (bytes / PAGE_BYTES) as u32))
}

/// A frame with what the page holds at first.
#[inline(always)]
fn populate<M: Machine>(
    owner: SpaceId,
    region: &Region,
    frames: &mut Frames,
    machine: &mut M,
    page: VirtAddr,
) -> Option<(Outcome, PhysAddr)> {
    let own = Owner::Page {
        space: owner.id,
        vpn: (page.raw() / PAGE_BYTES) as u32,
    };
    let offset = page.raw() - region.base.raw();
    let (from, left) = match region.object {
        Object::Image { at, bytes } if offset < u64::from(bytes) => {
            (at.wrapping_add(offset), u64::from(bytes) - offset)
        }
        Object::Shared { .. } => return shared(region, frames, machine, page),
        _ => {
            let frame = frames.alloc_zeroed(machine, own)?;
            let outcome = if region.kind == RegionKind::Stack {
                Outcome::StackGrown
            } else {
                Outcome::Zeroed
            };
            return Some((outcome, frame));
        }
    };
    let whole = left >= PAGE_BYTES && from.raw() % PAGE_BYTES == 0;
    // What may be written one day must be the space's own from the start.
    if whole && !region.max.write() {
        return Some((Outcome::ImageInPlace, from));
    }
    let frame = frames.alloc(own)?;
    if whole {
        machine.copy_frame(from, frame);
    } else {
        machine.copy_part(from, frame, left.min(PAGE_BYTES));
    }
    Some((Outcome::ImageCopied, frame))
}

#[cold]
#[inline(never)]
fn shared<M: Machine>(
    region: &Region,
    frames: &mut Frames,
    machine: &mut M,
    page: VirtAddr,
) -> Option<(Outcome, PhysAddr)> {
    let frame = object::bring_in(frames, machine, region, page)?;
    Some((Outcome::Shared, frame))
}

/// Enters the pages around one of a file that is mapped in place, as far as they are whole
/// too; how many. `leaf` is the page's own, at `at`.
#[inline(always)]
fn fault_around<M: Machine>(
    machine: &mut M,
    region: &Region,
    page: VirtAddr,
    at: PhysAddr,
    leaf: u64,
) -> u32 {
    // In words of the hart, which addresses of programs fit.
    let number = |bytes: u64| bytes as usize / PAGE_BYTES as usize;
    let (here, base) = (number(page.raw()), number(region.base.raw()));
    let whole = number(region.file_bytes()).min(region.pages as usize);
    let block = here & !(FAULT_AROUND_PAGES - 1);
    let mut run = Run {
        at,
        leaf,
        va: page,
        back: here - block,
        count: FAULT_AROUND_PAGES,
    };
    if block < base || block + FAULT_AROUND_PAGES > base + whole {
        run.back = here - block.max(base);
        run.count = run.back + (block + FAULT_AROUND_PAGES).min(base + whole) - here;
    }
    machine.enter_missing(&run)
}

impl Resolution {
    /// A fault record with what is known here; the rest is empty.
    #[inline]
    pub fn record(&self) -> Fault {
        Fault {
            entry: self.entry,
            frame: self.frame.frame() as u32,
            level: self.level,
            class: self.class.number(),
            outcome: self.outcome.number(),
            ..Fault::EMPTY
        }
    }
}
