//! Fork: a second space with the regions of the first, and its pages in common until one of both writes.
//!
//! ```text
//!   parent   [text][data ██ ][heap ████      ][device][stack ██]
//!                     │           │                      │          entries lose W, frames are counted
//!   child    [text][data ██ ][heap ████      ]        [stack ██]
//! ```
//! Only pages of the space's own are entered in the child: what lies in place in the initrd, and pages of shared objects,
//! it brings in itself when it touches them. A device has one owner, and frames in a row that stay are for one: the child
//! has no region there.

use core::ops::Range;

use pagetable::{PhysAddr, Pte, VirtAddr};

use super::frame::Sharing;
use super::region::{Object, Prot, Region};
use super::table::{self, NoTable};
use super::{Budget, Frames, Machine, PAGE_BYTES, Space};

impl Space {
    /// Gives the space, which has no region yet, those of `parent`, but for devices and frames in a row.
    pub fn take_regions_of(&mut self, parent: &Space) {
        self.layout = parent.layout;
        self.heap = parent.heap;
        let inherited = |object| !matches!(object, Object::Phys { .. } | Object::Wired);
        for region in parent.regions() {
            if inherited(region.object) {
                // Who pinned them did so for itself.
                self.append(Region {
                    usage: region.usage.with_pinned(false),
                    ..*region
                });
            }
        }
    }

    /// Makes pages common with `child`, which has this space's regions, from `from` on as far as the budget reaches;
    /// where to go on, `None` at the end. The space is active here, or nowhere.
    ///
    /// Without a frame for a table of the child: `NoTable`. What was made common stays so until one of both writes, or
    /// the child is destroyed.
    pub fn share_some<M: Machine>(
        &self,
        child: &mut Space,
        from: VirtAddr,
        budget: &mut Budget,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<Option<VirtAddr>, NoTable> {
        frames.fast.close();
        // What an audit has counted as one space's is counted elsewhere from now on.
        frames.begin_release();
        let mut pass = Pass {
            root: self.root(),
            id: self.id(),
            frames,
            machine,
            has_changed: false,
        };
        let done = pass.go_on(child, from, budget);
        if pass.has_changed {
            // The hart may hold that it can write to them.
            machine.fence_all();
        }
        done
    }
}

struct Pass<'a, M> {
    root: PhysAddr,
    id: u16,
    frames: &'a mut Frames,
    machine: &'a mut M,
    has_changed: bool,
}

impl<M: Machine> Pass<'_, M> {
    fn go_on(
        &mut self,
        child: &mut Space,
        from: VirtAddr,
        budget: &mut Budget,
    ) -> Result<Option<VirtAddr>, NoTable> {
        let mut va = from.raw();
        loop {
            let next = child
                .regions()
                .partition_point(|region| region.end().raw() <= va);
            let Some(region) = child.regions().get(next) else {
                return Ok(None);
            };
            let (end, prot) = (region.end().raw(), region.prot);
            va = va.max(region.base.raw());
            while va < end {
                if budget.is_spent() {
                    return Ok(Some(VirtAddr::new(va)));
                }
                budget.look();
                va = self.table(child, va..end, prot, budget)?;
            }
        }
    }

    /// The part of a range that one leaf table translates, or that none does; where the rest begins.
    fn table(
        &mut self,
        child: &mut Space,
        range: Range<u64>,
        prot: Prot,
        budget: &mut Budget,
    ) -> Result<u64, NoTable> {
        let first = VirtAddr::new(range.start);
        let stop = table::walk(self.machine, self.root, first);
        let reach = M::MODE.leaf_bytes(stop.level.max(1));
        let end = range.end.min((range.start / reach + 1) * reach);
        if stop.level > 0 {
            return Ok(end);
        }
        let bytes = M::MODE.entry_bytes() as u64;
        let (from, pages) = (stop.at, (end - range.start) / PAGE_BYTES);
        let behind = from.wrapping_add(pages * bytes);
        let Some(mut at) = self.machine.next_entry(from, behind) else {
            return Ok(end);
        };
        let to = self.make_table(child, first)?;
        let mut run = LeafRun {
            behind,
            ahead: to.raw().wrapping_sub(from.raw()),
            // By the region: another thread's change of rights may not have come to a leaf yet.
            rights: prot.bits() & !Pte::WRITE,
            shared: 0,
            has_changed: false,
        };
        while at < behind {
            let entry = self.machine.read_entry(at);
            let frame = table::page_of::<M>(entry, 0);
            if let Some(mut sharing) = frame.and_then(|at| self.frames.sharing(at, self.id)) {
                let reached = run.share(self.machine, &mut sharing, at);
                let made = sharing.made();
                self.frames.count_common(made);
                if reached != at {
                    at = reached;
                    continue;
                }
            }
            // Nothing to share here: the next entry that is not zero.
            let next = at.wrapping_add(bytes);
            if next >= behind {
                break;
            }
            at = self.machine.next_entry(next, behind).unwrap_or(behind);
        }
        self.has_changed |= run.has_changed;
        child.resident += run.shared;
        budget.looks(run.shared);
        Ok(end)
    }

    #[inline(never)]
    fn make_table(&mut self, child: &Space, va: VirtAddr) -> Result<PhysAddr, NoTable> {
        let mut tables = child.tables(self.frames);
        table::make_slot(self.machine, &mut tables, child.root(), va, 0)
    }
}

/// Entries of two leaf tables, of the parent and of the child.
struct LeafRun {
    /// One past the parent's last one.
    behind: PhysAddr,
    /// How far the child's lie from the parent's, modulo 2^64.
    ahead: u64,
    /// R and X of a leaf of the child.
    rights: u64,
    shared: u32,
    has_changed: bool,
}

impl LeafRun {
    /// Makes pages common from the entry at `at` on; the first entry that is no page of the space's own, or whose place
    /// in the child is taken, or that belongs to another arena. Its own function: this is all of a fork that is felt.
    #[inline(never)]
    fn share<M: Machine>(
        &mut self,
        machine: &mut M,
        sharing: &mut Sharing<'_>,
        from: PhysAddr,
    ) -> PhysAddr {
        let LeafRun {
            behind,
            ahead,
            rights,
            ..
        } = *self;
        let (mut at, mut changed) = (from, 0);
        while at < behind {
            let entry = machine.read_entry(at);
            let Some(frame) = table::page_of::<M>(entry, 0) else {
                break;
            };
            let place = at.wrapping_add(ahead);
            // A debugger may have written there before it was this page's turn.
            if machine.read_entry(place) != 0 || !sharing.share(frame) {
                break;
            }
            let common = entry & !Pte::WRITE;
            machine.write_entry(at, common);
            machine.write_entry(place, table::with_rights(common, rights));
            changed |= entry ^ common;
            at = at.wrapping_add(M::MODE.entry_bytes() as u64);
        }
        let bytes = M::MODE.entry_bytes() as u64;
        self.shared += ((at.raw() - from.raw()) / bytes) as u32;
        self.has_changed |= changed != 0;
        at
    }
}
