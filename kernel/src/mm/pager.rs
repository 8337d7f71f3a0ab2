//! The page fault: from an address and an access to a page that is there, or to a reason.
//!
//! One resolver serves the program's own faults and the kernel's copies on its behalf.

use abi::{Access, Class, Fault, Outcome};
use pagetable::{MemoryType, PhysAddr, Pte, VirtAddr};

use super::layout::is_user;
use super::object;
use super::region::{Advice, Kind, Object, Prot, Region};
use super::table::{self, Stop};
use super::window::open_window;
use super::{Frames, Machine, Owner, PAGE_BYTES, Space};

/// Pages of a file that come together, if they lie in one leaf table and need no frame.
const AROUND: u64 = 8;

/// How a fault was resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// What was done.
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
    /// The reason.
    pub outcome: Outcome,
    /// What kind of region it was in.
    pub class: Class,
    /// The level at which translation had stopped.
    pub level: u8,
    /// The entry there.
    pub entry: u64,
}

/// Makes `access` to `va` possible, or says why it is not.
#[inline]
pub fn resolve<M: Machine>(
    space: &mut Space,
    frames: &mut Frames,
    machine: &mut M,
    va: VirtAddr,
    access: Access,
) -> Result<Resolution, Refused> {
    if !is_user(M::MODE, va) {
        return Err(Refused {
            outcome: Outcome::NotUser,
            class: Class::Kernel,
            level: Fault::NO_LEVEL,
            entry: 0,
        });
    }
    let region = space.region_at(va);
    let stop = table::walk(machine, space.root(), va);
    let class = region.map_or(Class::None, |region| region.kind.class());
    let refuse = |outcome| Refused {
        outcome,
        class,
        level: stop.level,
        entry: stop.entry,
    };
    let region = region.ok_or(refuse(Outcome::NoRegion))?;
    if region.kind == Kind::Guard {
        return Err(refuse(Outcome::GuardPage));
    }
    if !region.prot.permits(access) {
        return Err(refuse(Outcome::Permission));
    }
    let (outcome, frame) = if Pte::new(stop.entry).is_valid() {
        present(machine, va, access, stop)
    } else {
        absent(space, frames, machine, &region, va, access, stop)
            .ok_or(refuse(Outcome::OutOfMemory))?
    };
    Ok(Resolution {
        outcome,
        class,
        level: stop.level,
        entry: stop.entry,
        frame,
    })
}

/// The leaf is there and permits: A or D is missing where the hart does not set them
/// (Svade, the C906), or the hart had not seen the leaf yet.
fn present<M: Machine>(
    machine: &mut M,
    va: VirtAddr,
    access: Access,
    stop: Stop,
) -> (Outcome, PhysAddr) {
    let wanted = stop.entry | accessed(access);
    let outcome = if wanted == stop.entry {
        Outcome::Spurious
    } else {
        machine.write_entry(stop.at, wanted);
        Outcome::AccessBits
    };
    let page = va.align_down(PAGE_BYTES);
    machine.fence_page(page);
    let within = page.offset(M::MODE.leaf_bytes(stop.level));
    (
        outcome,
        Pte::new(wanted).target(M::MODE).wrapping_add(within),
    )
}

/// Nothing is there: fill the page from its object and enter the leaf. `None` without memory.
#[inline]
fn absent<M: Machine>(
    space: &mut Space,
    frames: &mut Frames,
    machine: &mut M,
    region: &Region,
    va: VirtAddr,
    access: Access,
    stop: Stop,
) -> Option<(Outcome, PhysAddr)> {
    let page = va.align_down(PAGE_BYTES);
    if let Object::Phys { at, memory } = region.object {
        return device(space, frames, machine, region, page, at, memory, stop);
    }
    let at = if stop.level == 0 {
        stop.at
    } else {
        table::make_below(machine, &mut space.tables(frames), stop, page, 0).ok()?
    };
    let Some((outcome, frame)) = fill(space, frames, machine, region, page) else {
        if stop.level > 0 {
            table::undo(machine, &mut space.tables(frames), stop.at);
        }
        return None;
    };
    let flags = leaf_flags(machine, region.prot, MemoryType::Ram) | accessed(access);
    machine.write_entry(at, Pte::leaf(M::MODE, frame, flags).raw());
    machine.fence_page(page);
    space.resident += 1;
    match outcome {
        Outcome::Zeroed | Outcome::StackGrown => {
            open_window(space, frames, machine, region, page, at);
        }
        Outcome::ImageInPlace if region.advice == Advice::Normal => {
            around(space, machine, region, page, at, flags);
        }
        _ => {}
    }
    if region.prot.execute {
        // Whoever touched it first: a page filled by a load may be fetched from next.
        machine.fence_code();
    }
    Some((outcome, frame))
}

/// The bits of a leaf besides its frame, A and D.
#[inline]
pub(super) fn leaf_flags<M: Machine>(machine: &M, prot: Prot, memory: MemoryType) -> u64 {
    Pte::VALID | Pte::USER | prot.bits() | machine.dialect().bits(memory)
}

/// Memory outside of the pool: the largest leaf around the page that fits the region, with A
/// and D, since nobody asks later what became of it.
#[expect(clippy::too_many_arguments, reason = "all that a fault knows")]
fn device<M: Machine>(
    space: &mut Space,
    frames: &mut Frames,
    machine: &mut M,
    region: &Region,
    page: VirtAddr,
    at: PhysAddr,
    memory: MemoryType,
    stop: Stop,
) -> Option<(Outcome, PhysAddr)> {
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
        table::make_below(machine, &mut space.tables(frames), stop, page, level).ok()?
    };
    let bytes = M::MODE.leaf_bytes(level);
    let start = page.align_down(bytes).raw();
    let target = at.wrapping_add(start - base);
    let kept = Pte::ACCESSED | Pte::DIRTY;
    let flags = leaf_flags(machine, region.prot, memory) | kept;
    machine.write_entry(slot, Pte::leaf(M::MODE, target, flags).raw());
    machine.fence_page(page);
    space.resident += (bytes / PAGE_BYTES) as u32;
    Some((Outcome::Device, target.wrapping_add(page.raw() - start)))
}

/// A frame with what `page` holds at first.
#[inline]
fn fill<M: Machine>(
    space: &Space,
    frames: &mut Frames,
    machine: &mut M,
    region: &Region,
    page: VirtAddr,
) -> Option<(Outcome, PhysAddr)> {
    let offset = page.raw() - region.base.raw();
    let (from, left) = match region.object {
        Object::Image { at, bytes } if offset < bytes => (at.wrapping_add(offset), bytes - offset),
        Object::Shared { .. } => {
            let frame = object::bring_in(frames, machine, region, page)?;
            return Some((Outcome::Shared, frame));
        }
        _ => (PhysAddr::new(0), 0),
    };
    let whole = left >= PAGE_BYTES && from.raw() % PAGE_BYTES == 0;
    // What may be written one day must be the space's own from the start.
    if whole && !region.max.write {
        return Some((Outcome::ImageInPlace, from));
    }
    let owner = Owner::Page {
        space: space.id(),
        vpn: (page.raw() / PAGE_BYTES) as u32,
    };
    if left == 0 {
        let frame = frames.alloc_zeroed(machine, owner)?;
        let outcome = if region.kind == Kind::Stack {
            Outcome::StackGrown
        } else {
            Outcome::Zeroed
        };
        return Some((outcome, frame));
    }
    let frame = frames.alloc(owner)?;
    if whole {
        machine.copy_frame(from, frame);
    } else {
        machine.copy_part(from, frame, left.min(PAGE_BYTES));
    }
    Some((Outcome::ImageCopied, frame))
}

/// Enters the pages around one of a file that is mapped in place, as far as they are whole too.
fn around<M: Machine>(
    space: &mut Space,
    machine: &mut M,
    region: &Region,
    page: VirtAddr,
    at: PhysAddr,
    flags: u64,
) {
    let Object::Image { at: first, bytes } = region.object else {
        return;
    };
    let (base, here) = (region.base.raw(), page.raw());
    let start = (here & !(AROUND * PAGE_BYTES - 1)).max(base);
    let whole = (bytes & !(PAGE_BYTES - 1)).min(u64::from(region.pages) * PAGE_BYTES);
    let end = (start & !(AROUND * PAGE_BYTES - 1)) + AROUND * PAGE_BYTES;
    let end = end.min(base + whole);
    let entry_bytes = M::MODE.entry_bytes() as u64;
    let mut slot = at.raw() - (here - start) / PAGE_BYTES * entry_bytes;
    let mut leaf = Pte::leaf(M::MODE, first.wrapping_add(start - base), flags).raw();
    let mut va = start;
    while va < end {
        let place = PhysAddr::new(slot);
        if va != here && machine.read_entry(place) == 0 {
            machine.write_entry(place, leaf);
            machine.fence_page(VirtAddr::new(va));
            space.resident += 1;
        }
        va += PAGE_BYTES;
        slot += entry_bytes;
        // The page number begins at bit 10.
        leaf += 1 << 10;
    }
}

/// A, and D for a store: set when a leaf is entered, so that the access does not fault again
/// where the hart leaves them to us.
#[inline]
fn accessed(access: Access) -> u64 {
    match access {
        Access::Write => Pte::ACCESSED | Pte::DIRTY,
        _ => Pte::ACCESSED,
    }
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
