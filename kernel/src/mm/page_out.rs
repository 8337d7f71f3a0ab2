//! Pages of a range go out of memory because a program says so.
//!
//! ```text
//!   own, or of a shared object    to the store, or dropped: from all spaces that have it
//!   mapped in place, not there    stays so: no frame would be free
//! ```

use abi::Error;
use pagetable::VirtAddr;

use super::reclaim::{NotEvicted, ReclaimSpaces, evict_frame};
use super::region::{Object, Region};
use super::{Budget, Frames, Machine, Objects, Owner, Space, table};

/// How far a range has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageOut {
    at: VirtAddr,
    end: VirtAddr,
}

impl Space {
    /// Checks the range. Errors as for [`Self::begin_unmap`], and `AccessDenied` for pages that can never go: wired,
    /// pinned, borrowed, of a device.
    pub fn begin_page_out(&self, va: VirtAddr, bytes: u64) -> Result<PageOut, Error> {
        let covered = self.covered(va, bytes)?;
        let may = |region: &Region| {
            let stays = matches!(region.object, Object::Wired | Object::Phys { .. });
            !stays && !region.is_pinned()
        };
        if !self.within(&covered).iter().all(may) {
            return Err(Error::AccessDenied);
        }
        let (at, end) = (va, covered.end);
        Ok(PageOut { at, end })
    }
}

/// The next piece of a range of the space numbered `id`; true if that was the last one. `StoreFull`, or `Busy` where
/// another hart has a page: those before it have gone.
pub fn page_out<M: Machine>(
    frames: &mut Frames,
    machine: &mut M,
    spaces: &mut impl ReclaimSpaces,
    objects: &Objects,
    (id, range, budget): (u16, &mut PageOut, &mut Budget),
) -> Result<bool, Error> {
    while range.at < range.end && !budget.is_spent() {
        let space = spaces.get(id).ok_or(Error::Busy)?;
        let stop = table::walk(machine, space.root(), range.at);
        let reach = M::MODE.leaf_bytes(stop.level);
        budget.look();
        if let Some(frame) = table::page_of::<M>(stop.entry, stop.level)
            && let Owner::Page { .. } | Owner::Object { .. } = frames.owner(frame)
        {
            match evict_frame(frames, machine, spaces, objects, frame) {
                // Another thread may have pinned it meanwhile.
                Ok(()) | Err(NotEvicted::Fixed) => budget.pages(frames.backing.pages_of_work()),
                Err(NotEvicted::Busy) => return Err(Error::Busy),
                Err(NotEvicted::Full) => return Err(Error::StoreFull),
            }
        }
        range.at = range.at.align_down(reach).wrapping_add(reach);
    }
    Ok(range.at >= range.end)
}
