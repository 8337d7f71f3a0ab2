//! When the fast path may serve what comes next: the window around a fault that was resolved.

use abi::Outcome;
use pagetable::{MemoryType, PhysAddr, Pte, VirtAddr};

use super::fast::FastWindow;
use super::frame::FrameDescriptor;
use super::leaf::leaf_flags;
use super::region::{Prot, Region, RegionKind};
use super::space_id::SpaceId;
use super::{Frames, Machine, PAGE_BYTES};

/// Opens the window: as much of the region as the leaf table of `page` translates, whose leaf
/// entry lies at `at`. Only for zeros that may be read and written, so that the fast path has
/// no rights to look at.
#[inline(never)]
pub fn open_window<M: Machine>(
    owner: SpaceId,
    frames: &mut Frames,
    machine: &M,
    region: &Region,
    page: VirtAddr,
    at: PhysAddr,
) {
    if region.prot != Prot::DATA {
        return;
    }
    let table = M::MODE.leaf_bytes(1);
    let start = page.align_down(table).raw().max(region.base.raw());
    // What the file has of this region is not zeros.
    let start = start.max(region.base.raw() + region.file_bytes().next_multiple_of(PAGE_BYTES));
    let end = (page.align_down(table).raw() + table).min(region.end().raw());
    let back = (page.raw() - start) / PAGE_BYTES * M::MODE.entry_bytes() as u64;
    let first = PhysAddr::new(at.raw() - back);
    frames.fast.open(&FastWindow {
        base: start as usize,
        bytes: (end - start) as usize,
        leaf: machine.phys_to_virt(first),
        flags: leaf_flags(machine, region.prot, MemoryType::Ram) | Pte::ACCESSED,
        row: FrameDescriptor::head(owner.id),
        satp: owner.satp,
        class: region.kind.class(),
        outcome: if region.kind == RegionKind::Stack {
            Outcome::StackGrown
        } else {
            Outcome::Zeroed
        },
    });
}
