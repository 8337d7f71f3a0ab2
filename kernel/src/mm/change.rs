//! What is done to addresses that a program has: taken away, protected, advised.
//!
//! Every call checks all before it changes anything. What can fail for want of memory, which is
//! only the splitting of large leaves, comes first and is taken back.

use abi::{Access, Error};
use pagetable::VirtAddr;

use super::region::{Advice, Kind, Object, Prot, Region};
use super::zap::{Fence, Rest, zap};
use super::{Frames, Machine, PAGE_BYTES, Space, resolve, table};

/// With more pages than this to fence, all of them are.
const FENCES: u32 = 32;

impl Space {
    /// Takes whole pages away that `map` gave, from one region or several that follow each
    /// other; what remains of them stays where it is.
    ///
    /// `BadAlignment`, `BadArgument` for no byte at all, `NotFound` where nothing is,
    /// `BadAddress` where part of the range is nothing, `AccessDenied` for what the program's
    /// file, heap and stack have, `LimitExceeded` when a region would have to be two and the
    /// table is full, `OutOfMemory` when a large leaf would have to be split.
    pub fn unmap<M: Machine>(
        &mut self,
        va: VirtAddr,
        bytes: u64,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<(), Error> {
        let end = self.covered(va, bytes)?;
        if self
            .overlap(va, end)
            .iter()
            .any(|region| !region.is_given())
        {
            return Err(Error::AccessDenied);
        }
        self.cut(va, end, frames, machine)?;
        self.carve(va, end);
        self.drop_pages(va, end, frames, machine);
        Ok(())
    }

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
        let end = self.covered(va, bytes)?;
        let may = |region: &Region| {
            let fixed = matches!(region.kind, Kind::Guard | Kind::Reserved);
            !fixed && prot.is_allowed() && region.max.covers(prot)
        };
        if !self.overlap(va, end).iter().all(may) {
            return Err(Error::AccessDenied);
        }
        self.cut(va, end, frames, machine)?;
        frames.fast.close();
        for region in self.isolate(va, end) {
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

    /// Says how a range will be used: see [`abi::Advice`].
    pub fn advise<M: Machine>(
        &mut self,
        va: VirtAddr,
        bytes: u64,
        advice: abi::Advice,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<(), Error> {
        let end = self.covered(va, bytes)?;
        match advice {
            abi::Advice::Normal => self.set_advice(va, end, Advice::Normal),
            abi::Advice::Random => self.set_advice(va, end, Advice::Random),
            abi::Advice::WillNeed => {
                self.bring_in(va, end, frames, machine);
                Ok(())
            }
            abi::Advice::DontNeed => self.forget(va, end, frames, machine),
        }
    }

    fn set_advice(&mut self, va: VirtAddr, end: VirtAddr, advice: Advice) -> Result<(), Error> {
        if !self.has_room(self.borders(va, end)) {
            return Err(Error::LimitExceeded);
        }
        for region in self.isolate(va, end) {
            region.advice = advice;
        }
        self.coalesce(va, end);
        Ok(())
    }

    /// As many pages as there are frames for; to want is no right to have.
    fn bring_in<M: Machine>(
        &mut self,
        va: VirtAddr,
        end: VirtAddr,
        frames: &mut Frames,
        machine: &mut M,
    ) {
        let mut at = va;
        while at < end {
            let prot = self.region_at(at).map_or(Prot::NONE, |region| region.prot);
            let access = match prot {
                prot if prot.write() => Access::Write,
                prot if prot.read() => Access::Read,
                _ => Access::Execute,
            };
            if resolve(self, frames, machine, at, access).is_err() {
                return;
            }
            at = at.wrapping_add(PAGE_BYTES);
        }
    }

    /// Pages go, and are as at first when they are touched again.
    fn forget<M: Machine>(
        &mut self,
        va: VirtAddr,
        end: VirtAddr,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<(), Error> {
        let own = |region: &Region| matches!(region.object, Object::Zero | Object::Image { .. });
        if !self.overlap(va, end).iter().all(own) {
            return Err(Error::AccessDenied);
        }
        self.drop_pages(va, end, frames, machine);
        Ok(())
    }

    /// Checks that a range is whole pages, all of them in regions; its end.
    fn covered(&self, va: VirtAddr, bytes: u64) -> Result<VirtAddr, Error> {
        if !va.raw().is_multiple_of(PAGE_BYTES) {
            return Err(Error::BadAlignment);
        }
        if bytes == 0 {
            return Err(Error::BadArgument);
        }
        let end = va
            .raw()
            .checked_add(bytes)
            .and_then(|end| end.checked_next_multiple_of(PAGE_BYTES));
        let end = VirtAddr::new(end.ok_or(Error::BadAddress)?);
        let place = self.place_of(va).ok_or(Error::NotFound)?;
        let mut reached = va;
        for region in &self.regions()[place..] {
            if region.base > reached || reached >= end {
                break;
            }
            reached = region.end();
        }
        if reached < end {
            return Err(Error::BadAddress);
        }
        Ok(end)
    }

    /// The regions that have a page of the range.
    fn overlap(&self, va: VirtAddr, end: VirtAddr) -> &[Region] {
        let first = self.regions().partition_point(|region| region.end() <= va);
        let after = self.regions().partition_point(|region| region.base < end);
        &self.regions()[first..after.max(first)]
    }

    /// How many regions reach over a border of the range.
    fn borders(&self, va: VirtAddr, end: VirtAddr) -> usize {
        let reaches_over = |at: VirtAddr| {
            self.place_of(at)
                .is_some_and(|place| self.regions()[place].base < at)
        };
        usize::from(reaches_over(va)) + usize::from(reaches_over(end))
    }

    /// Room in the table, and no leaf that reaches over a border of the range.
    fn cut<M: Machine>(
        &mut self,
        va: VirtAddr,
        end: VirtAddr,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<(), Error> {
        if !self.has_room(self.borders(va, end)) {
            return Err(Error::LimitExceeded);
        }
        let root = self.root();
        let mut tables = self.tables(frames);
        table::split_at(machine, &mut tables, root, va).map_err(|_| Error::OutOfMemory)?;
        if table::split_at(machine, &mut tables, root, end).is_err() {
            table::merge_around(machine, &mut tables, root, va);
            return Err(Error::OutOfMemory);
        }
        Ok(())
    }

    /// Makes the range's regions begin and end with it. There is room for that.
    fn isolate(&mut self, va: VirtAddr, end: VirtAddr) -> &mut [Region] {
        for at in [va, end] {
            let Some(place) = self.place_of(at) else {
                continue;
            };
            let region = self.regions()[place];
            if region.base == at {
                continue;
            }
            let (base, stop) = (region.base.raw(), region.end().raw());
            self.regions_mut()[place] = region.part(base, at.raw());
            // The caller has made sure of the room.
            let _ = self.insert(place + 1, region.part(at.raw(), stop));
        }
        let first = self.regions().partition_point(|region| region.base < va);
        let after = self.regions().partition_point(|region| region.base < end);
        &mut self.regions_mut()[first..after]
    }

    /// Takes a range out of its regions. There is room for that.
    pub(super) fn carve(&mut self, va: VirtAddr, end: VirtAddr) {
        let count = self.isolate(va, end).len();
        let first = self.regions().partition_point(|region| region.base < va);
        for _ in 0..count {
            self.remove(first);
        }
    }

    /// Regions that go on as the one before become one with it.
    fn coalesce(&mut self, va: VirtAddr, end: VirtAddr) {
        let first = self.regions().partition_point(|region| region.end() < va);
        let mut place = first;
        while place + 1 < self.regions().len() && self.regions()[place].base <= end {
            let [this, next] = [self.regions()[place], self.regions()[place + 1]];
            if this.goes_on_as(&next) {
                self.regions_mut()[place].pages += next.pages;
                self.remove(place + 1);
            } else {
                place += 1;
            }
        }
    }

    /// Takes the leaves of a range out, fences, and only then gives frames and tables back. No
    /// leaf reaches over a border.
    pub(super) fn drop_pages<M: Machine>(
        &mut self,
        from: VirtAddr,
        end: VirtAddr,
        frames: &mut Frames,
        machine: &mut M,
    ) {
        frames.fast.close();
        let whose = (self.whose(), self.root());
        let rest = |span: core::ops::Range<u64>| {
            let (first, end) = (VirtAddr::new(span.start), VirtAddr::new(span.end));
            match self.overlap(first, end) {
                [] => Rest::Nothing,
                _ => Rest::Unknown,
            }
        };
        let zapped = zap(machine, frames, whose, from..end, Fence::EachPage, rest);
        self.resident -= zapped.pages;
        if zapped.tables > 0 {
            // The walker may hold a pointer to a table. Nobody can have got its frame yet:
            // the allocator is borrowed here.
            machine.fence_all();
        }
    }
}
