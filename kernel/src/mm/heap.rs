//! The heap of a space: one region that grows and shrinks at its end.

use abi::Error;
use pagetable::{Pte, VirtAddr};

use super::region::{Kind, Object, Prot, Region};
use super::{Frames, Machine, PAGE_BYTES, Space, table};

/// How far a heap may grow.
const HEAP_LIMIT: u64 = 64 << 20;

/// Where the heap begins and how far it reaches, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Heap {
    base: u64,
    end: u64,
}

impl Heap {
    /// None: it cannot grow.
    pub const NONE: Heap = Heap { base: 0, end: 0 };
}

impl Space {
    /// Says where the heap will begin once it grows: at a page.
    pub fn set_heap(&mut self, base: VirtAddr) {
        self.heap = Heap {
            base: base.raw(),
            end: base.raw(),
        };
    }

    /// Moves the end of the heap by `delta` bytes; the old end. What it shrinks by is given
    /// back, and reads as zero if it grows again.
    pub fn sbrk<M: Machine>(
        &mut self,
        delta: i64,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<VirtAddr, Error> {
        let Heap { base, end } = self.heap;
        let new = end
            .checked_add_signed(delta)
            .filter(|&new| new >= base)
            .ok_or(Error::BadArgument)?;
        if new - base > HEAP_LIMIT {
            return Err(Error::LimitExceeded);
        }
        let pages = |end: u64| ((end - base).div_ceil(PAGE_BYTES)) as u32;
        self.set_heap_pages::<M>(pages(end), pages(new))?;
        let (kept, held) = (
            base + u64::from(pages(new)) * PAGE_BYTES,
            base + u64::from(pages(end)) * PAGE_BYTES,
        );
        if kept < held {
            self.drop_pages(VirtAddr::new(kept), VirtAddr::new(held), frames, machine);
        }
        if new < end && !new.is_multiple_of(PAGE_BYTES) {
            self.clear_tail(VirtAddr::new(new), machine);
        }
        self.heap.end = new;
        Ok(VirtAddr::new(end))
    }

    /// Zeros the rest of the page that `va` lies in, if it is there.
    fn clear_tail<M: Machine>(&self, va: VirtAddr, machine: &mut M) {
        const ZEROS: [u8; PAGE_BYTES as usize] = [0; PAGE_BYTES as usize];
        let pte = Pte::new(table::walk(machine, self.root, va).entry);
        if pte.is_valid() {
            let offset = va.raw() % PAGE_BYTES;
            machine.write_bytes(
                pte.target(M::MODE).wrapping_add(offset),
                &ZEROS[offset as usize..],
            );
        }
    }

    fn set_heap_pages<M: Machine>(&mut self, old: u32, new: u32) -> Result<(), Error> {
        let base = VirtAddr::new(self.heap.base);
        match (old, new) {
            (old, new) if old == new => Ok(()),
            (0, new) => {
                let region = Region::new(base, new, Prot::DATA, Kind::Heap, Object::Zero)?;
                self.check_gap(base, region.end())?;
                self.add::<M>(region)
            }
            (_, 0) => {
                let at = self.regions().partition_point(|region| region.base < base);
                self.remove(at);
                Ok(())
            }
            (old, new) => {
                let at = self.regions().partition_point(|region| region.base < base);
                let end = base.raw() + u64::from(new) * PAGE_BYTES;
                if new > old {
                    self.check_gap(self.regions[at].end(), VirtAddr::new(end))?;
                }
                self.regions[at].pages = new;
                Ok(())
            }
        }
    }

    /// Is there nothing from `from` to `end` and one page beyond?
    fn check_gap(&self, from: VirtAddr, end: VirtAddr) -> Result<(), Error> {
        let guarded = end.raw() + PAGE_BYTES;
        let taken = self
            .regions()
            .iter()
            .any(|region| region.base.raw() < guarded && from < region.end());
        if taken {
            Err(Error::NoAddressSpace)
        } else {
            Ok(())
        }
    }
}
