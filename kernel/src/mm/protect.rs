//! Protection: the pages of a range get other rights.

use abi::Error;
use pagetable::{Pte, VirtAddr};

use super::region::{Prot, Region, RegionKind};
use super::{Frames, Job, Machine, Space, table};

/// With more pages than this to fence, all of them are.
const FENCES: u32 = 32;

impl Space {
    /// Gives the pages of a range other rights, as far as their regions may ever have them.
    ///
    /// Errors as for [`Self::begin_unmap`], and `AccessDenied` for more than that, or for both W
    /// and X.
    pub fn begin_protect<M: Machine>(
        &mut self,
        va: VirtAddr,
        bytes: u64,
        prot: Prot,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<Job, Error> {
        let covered = self.covered(va, bytes)?;
        let may = |region: &Region| {
            let fixed = matches!(
                region.kind,
                RegionKind::Guard | RegionKind::Reserved | RegionKind::Borrowed
            );
            !fixed && prot.is_allowed() && region.max.covers(prot)
        };
        if !self.within(&covered).iter().all(may) {
            return Err(Error::AccessDenied);
        }
        self.cut(&covered, frames, machine)?;
        frames.fast.close();
        for region in self.isolate(&covered) {
            region.prot = prot;
        }
        Ok(Job::protect(prot, va, covered.end))
    }

    /// The leaves that are there get their rights; fenced before anybody can rely on it.
    pub(super) fn rewrite<M: Machine>(
        &mut self,
        va: VirtAddr,
        end: VirtAddr,
        prot: Prot,
        frames: &Frames,
        machine: &mut M,
    ) {
        let mut changed = 0;
        table::each_page(machine, self.root(), va, end, |machine, page, stop| {
            let target = Pte::new(stop.entry).target(M::MODE);
            // A page that others have too is copied by the first store: until then no leaf may let one through.
            let hidden = match prot.write() && frames.is_common(target) {
                true => Pte::WRITE,
                false => 0,
            };
            let entry = table::with_rights(stop.entry, prot.bits() & !hidden);
            if entry == stop.entry {
                return;
            }
            machine.write_entry(stop.at, entry);
            changed += 1;
            if changed <= FENCES {
                machine.fence_leaf(page, stop.level);
            }
        });
        if changed > FENCES {
            machine.fence_all();
        }
        if prot.execute() && changed > 0 {
            machine.fence_code();
        }
    }
}
