//! Copy on write: a page of the space's own in place of a frame that others use too.

use pagetable::{PhysAddr, VirtAddr};

use super::region::{Object, Region};
use super::{Frames, Machine, Owner, PAGE_BYTES};

/// May a store go to `frame` itself? It may when the frame is this space's alone, and where all
/// who have it are meant to see the store.
pub(super) fn is_own(frames: &Frames, id: u16, region: &Region, frame: PhysAddr) -> bool {
    let shared = matches!(region.object, Object::Shared { .. } | Object::Phys { .. });
    shared || matches!(frames.owner(frame), Owner::Page { space, .. } if space == id)
}

/// A copy of `frame` as the page of `va`, this space's own; `None` without memory. Its leaf is the
/// caller's to write.
pub(super) fn copy<M: Machine>(
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
