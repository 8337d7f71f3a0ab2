//! Unmapping: regions and pages of a range are taken away.

use abi::Error;
use pagetable::VirtAddr;

use super::zap::{Fence, Rest, zap};
use super::{Frames, Machine, Space};

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
