//! Protection: the pages of a range get other rights.

use abi::Error;
use pagetable::VirtAddr;

use super::region::{Kind, Object, Prot, Region};
use super::{Frames, Machine, Space, table};

/// With more pages than this to fence, all of them are.
const FENCES: u32 = 32;

impl Space {
    /// Gives the pages of a range other rights, as far as their regions may ever have them.
    ///
    /// Errors as for `unmap`, and `AccessDenied` for more than that, or for both W and X.
    pub fn protect<M: Machine>(
        &mut self,
        va: VirtAddr,
        bytes: u64,
        prot: Prot,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<(), Error> {
        let covered = self.covered(va, bytes)?;
        let end = covered.end;
        let may = |region: &Region| {
            let fixed = matches!(region.kind, Kind::Guard | Kind::Reserved);
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
        self.rewrite(va, end, prot, machine);
        self.coalesce(va, end);
        let root = self.root();
        let large = M::MODE.leaf_bytes(1);
        let mut at = va.align_down(large);
        while at < end {
            let whole = self.place_of(at).is_some_and(|place| {
                let region = &self.regions()[place];
                let big = matches!(region.object, Object::Wired | Object::Phys { .. });
                big && at.raw() + large <= region.end().raw()
            });
            if whole {
                table::merge_around(machine, &mut self.tables(frames), root, at);
            }
            at = at.wrapping_add(large);
        }
        Ok(())
    }

    /// The leaves that are there get their rights; fenced before anybody can rely on it.
    fn rewrite<M: Machine>(&mut self, va: VirtAddr, end: VirtAddr, prot: Prot, machine: &mut M) {
        let mut changed = 0;
        table::each_page(machine, self.root(), va, end, |machine, page, stop| {
            let entry = table::with_rights(stop.entry, prot.bits());
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
