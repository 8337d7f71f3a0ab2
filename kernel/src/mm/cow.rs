//! Copy on write: a page of the space's own in place of a frame that others use too.

use abi::Outcome;
use pagetable::{PhysAddr, Pte, VirtAddr};

use super::region::{Object, Region};
use super::{Frames, Machine, Owner, PAGE_BYTES, Space, table};

/// May a store go to `frame` itself? It may when the frame is this space's alone, and where all
/// who have it are meant to see the store.
pub(super) fn is_own(frames: &Frames, id: u16, region: &Region, frame: PhysAddr) -> bool {
    let shared = matches!(region.object, Object::Shared { .. } | Object::Phys { .. });
    shared || matches!(frames.owner(frame), Owner::Page { space, .. } if space == id)
}

/// A page of the space's own in the place of `frame`: that frame itself if no other space has it any more, else a
/// copy; and how the fault log names it. `None` without memory: then nothing has changed. The leaf is the caller's to write.
pub(super) fn own<M: Machine>(
    frames: &mut Frames,
    machine: &mut M,
    id: u16,
    va: VirtAddr,
    frame: PhysAddr,
) -> Option<(Outcome, PhysAddr)> {
    let (outcome, own) = match frames.common_row(frame) {
        Some((row, 1)) => {
            frames.adopt(row, id);
            (Outcome::LastOwner, frame)
        }
        Some((row, _)) => {
            let copy = copy_common(frames, machine, (id, va), frame, row)?;
            (Outcome::CopiedOnWrite, copy)
        }
        None => (Outcome::ImageCopied, copy(frames, machine, id, va, frame)?),
    };
    Some((outcome, own))
}

/// A copy of a common page, whose row is known and which others have too; the space leaves that one to them.
#[inline(always)]
pub(super) fn copy_common<M: Machine>(
    frames: &mut Frames,
    machine: &mut M,
    (id, va): (u16, VirtAddr),
    frame: PhysAddr,
    row: usize,
) -> Option<PhysAddr> {
    let copy = copy(frames, machine, id, va, frame)?;
    frames.leave_row(row);
    Some(copy)
}

#[inline(always)]
fn copy<M: Machine>(
    frames: &mut Frames,
    machine: &mut M,
    id: u16,
    va: VirtAddr,
    frame: PhysAddr,
) -> Option<PhysAddr> {
    let vpn = (va.raw() / PAGE_BYTES) as u32;
    let copy = frames.alloc(Owner::Page { space: id, vpn })?;
    machine.copy_frame(frame, copy);
    Some(copy)
}

/// The same leaf with another frame.
#[inline(always)]
pub(super) fn with_frame<M: Machine>(entry: u64, old: PhysAddr, new: PhysAddr) -> u64 {
    // Of two leaves that differ in the frame alone, that is the difference.
    let [old, new] = [old, new].map(|frame| Pte::leaf(M::MODE, frame, 0).raw());
    entry ^ old ^ new
}

/// Makes a page that is there, and that others have too, the space's own, whatever its region permits now: its leaf
/// keeps the rights that it has. `None` without memory.
pub(super) fn make_own<M: Machine>(
    space: &Space,
    frames: &mut Frames,
    machine: &mut M,
    va: VirtAddr,
) -> Option<()> {
    let stop = table::walk(machine, space.root(), va);
    let frame = table::page_of::<M>(stop.entry, stop.level);
    let Some(frame) = frame.filter(|&frame| frames.is_common(frame)) else {
        return Some(());
    };
    let (_, own) = own(frames, machine, space.id(), va, frame)?;
    if own != frame {
        machine.write_entry(stop.at, with_frame::<M>(stop.entry, frame, own));
        machine.fence_page(va);
    }
    Some(())
}
