//! What went wrong in other kernels, each with a test of its name: `docs/kernel.md` has the list.

use abi::{Error, Outcome};
use pagetable::{AccessType, PAGE_BYTES, PhysAddr, Pte, VirtAddr};
use sim::Quirks;

use super::both;
use super::machine::{Bench, RAM_BASE, TestMachine};
use crate::mm::layout::kernel_start;
use crate::mm::{
    MapRequest, Object, Placement, Prot, Region, RegionKind, Space, peek, resolve, table,
};

both! {
    no_frame_in_the_fault_handler_is_an_answer_and_not_an_endless_fault
    rights_that_are_dropped_are_fenced
    text_is_not_writable_while_it_is_filled
    the_end_of_a_region_is_not_in_it
    unmapping_outside_of_the_programs_part_is_refused
    a_partial_map_leaks_neither_frames_nor_addresses
    a_page_is_never_given_with_anothers_data
    rights_change_on_pages_that_are_not_there
    a_debugger_reads_pages_that_are_not_there
    a_process_has_more_than_one_window_of_a_gib
    empty_leaf_tables_are_freed
}

fn bench<M: TestMachine>(quirks: Quirks, pool: usize) -> (Bench<M>, Space) {
    let mut bench = Bench::<M>::new(quirks, pool);
    let space = bench.space(1);
    (bench, space)
}

fn zeros<M: TestMachine>(space: &mut Space, pages: u64) -> u64 {
    let at = space.map::<M>(Placement::ANYWHERE, &MapRequest::zeros(pages));
    at.unwrap().raw()
}

/// NuttX faults again without end; Xous and Zephyr panic.
fn no_frame_in_the_fault_handler_is_an_answer_and_not_an_endless_fault<M: TestMachine>(
    quirks: Quirks,
) {
    let (mut bench, mut space) = bench::<M>(quirks, 6);
    let at = zeros::<M>(&mut space, 32);
    let refused = (0..32).find_map(|page| bench.store(&mut space, at + page * PAGE_BYTES, 1).err());
    assert_eq!(
        refused.map(|refused| refused.outcome),
        Some(Outcome::OutOfMemory)
    );
    bench.destroy(space);
    assert_eq!(bench.used(), 0);
}

/// Xous' `update_page_flags` does not fence.
fn rights_that_are_dropped_are_fenced<M: TestMachine>(quirks: Quirks) {
    let (mut bench, mut space) = bench::<M>(quirks, 32);
    let at = zeros::<M>(&mut space, 1);
    bench.store(&mut space, at, 1).unwrap();
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    space
        .protect(VirtAddr::new(at), PAGE_BYTES, Prot::READ, frames, machine)
        .unwrap();
    let refused = bench.store(&mut space, at, 2).unwrap_err();
    assert_eq!(refused.outcome, Outcome::Permission);
    assert_eq!(bench.load(&mut space, at), Ok(1));
}

/// NuttX fills text through pages that are writable and executable; Xous' loader leaves them so.
fn text_is_not_writable_while_it_is_filled<M: TestMachine>(quirks: Quirks) {
    let (mut bench, mut space) = bench::<M>(quirks, 32);
    // Not at a page's border in the file: it has to be copied.
    let object = Object::Image {
        at: PhysAddr::new(RAM_BASE + 0x100),
        bytes: PAGE_BYTES as u32,
    };
    let region = Region::new(
        VirtAddr::new(0x1_0000),
        1,
        Prot::TEXT,
        RegionKind::Text,
        object,
    );
    space.add::<M>(region.unwrap()).unwrap();
    bench
        .touch(&mut space, 0x1_0000, AccessType::Execute)
        .unwrap();
    let leaf = table::walk(&bench.machine, space.root(), VirtAddr::new(0x1_0000));
    assert!(!Pte::new(leaf.entry).has(Pte::WRITE));
}

/// NuttX compares with `<=`.
fn the_end_of_a_region_is_not_in_it<M: TestMachine>(quirks: Quirks) {
    let (mut bench, mut space) = bench::<M>(quirks, 32);
    let at = zeros::<M>(&mut space, 2);
    bench.store(&mut space, at + 2 * PAGE_BYTES - 1, 1).unwrap();
    let refused = bench.store(&mut space, at + 2 * PAGE_BYTES, 1).unwrap_err();
    assert_eq!(refused.outcome, Outcome::GuardPage);
}

/// Xous let a program unmap its own page tables.
fn unmapping_outside_of_the_programs_part_is_refused<M: TestMachine>(quirks: Quirks) {
    let (mut bench, mut space) = bench::<M>(quirks, 32);
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    let kernel = kernel_start(M::MODE).raw();
    for (va, bytes) in [
        (kernel, PAGE_BYTES),
        (kernel - PAGE_BYTES, 2 * PAGE_BYTES),
        (0, u64::MAX - PAGE_BYTES),
        (u64::MAX - PAGE_BYTES + 1, PAGE_BYTES),
    ] {
        let answer = space.unmap(VirtAddr::new(va), bytes, frames, machine);
        assert!(
            matches!(answer, Err(Error::NotFound | Error::BadAddress)),
            "{va:#x}"
        );
    }
}

/// NuttX' `pgalloc` and Zephyr's older `k_mem_map` keep what they took.
fn a_partial_map_leaks_neither_frames_nor_addresses<M: TestMachine>(quirks: Quirks) {
    let (mut bench, mut space) = bench::<M>(quirks, 12);
    let used = bench.used();
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    let answer = space.map_wired(Placement::ANYWHERE, &MapRequest::zeros(20), frames, machine);
    assert_eq!(answer, Err(Error::OutOfMemory));
    assert_eq!((bench.used(), space.regions().len()), (used, 0));
}

/// LK's pages are not zeroed.
fn a_page_is_never_given_with_anothers_data<M: TestMachine>(quirks: Quirks) {
    let (mut bench, mut first) = bench::<M>(quirks, 12);
    let at = zeros::<M>(&mut first, 4);
    for page in 0..4 {
        bench
            .store(&mut first, at + page * PAGE_BYTES, 0x5a)
            .unwrap();
    }
    bench.destroy(first);
    let mut second = bench.space(2);
    let at = zeros::<M>(&mut second, 4);
    for page in 0..4 {
        assert_eq!(bench.load(&mut second, at + page * PAGE_BYTES), Ok(0));
    }
}

/// NuttX' `mprotect` fails where a leaf table is missing.
fn rights_change_on_pages_that_are_not_there<M: TestMachine>(quirks: Quirks) {
    let (mut bench, mut space) = bench::<M>(quirks, 32);
    let at = zeros::<M>(&mut space, 4);
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    space
        .protect(
            VirtAddr::new(at),
            4 * PAGE_BYTES,
            Prot::READ,
            frames,
            machine,
        )
        .unwrap();
    assert_eq!(space.resident(), 0, "and none comes by it");
    assert_eq!(bench.load(&mut space, at), Ok(0));
    assert!(bench.store(&mut space, at, 1).is_err());
}

/// Xous' stub answers with an error.
fn a_debugger_reads_pages_that_are_not_there<M: TestMachine>(quirks: Quirks) {
    let (bench, mut space) = bench::<M>(quirks, 32);
    let at = zeros::<M>(&mut space, 4);
    let mut bytes = [0xff; 64];
    let read = peek(
        &space,
        &bench.frames.backing,
        &bench.machine,
        VirtAddr::new(at + PAGE_BYTES - 32),
        &mut bytes,
    );
    assert_eq!((read, bytes), (64, [0; 64]));
    assert_eq!(space.resident(), 0);
}

/// NuttX has one second-level table for a process.
fn a_process_has_more_than_one_window_of_a_gib<M: TestMachine>(quirks: Quirks) {
    let (mut bench, mut space) = bench::<M>(quirks, 32);
    for at in [0x1000_0000, 0x5000_0000, 0xd000_0000_u64] {
        let place = Placement::At(VirtAddr::new(at));
        // On Sv39 the third GiB is the programs' too; on Sv32 the kernel is there, and then they.
        space.map::<M>(place, &MapRequest::zeros(1)).unwrap();
        let (frames, machine) = (&mut bench.frames, &mut bench.machine);
        resolve(
            &mut space,
            frames,
            machine,
            VirtAddr::new(at),
            abi::Access::Write,
        )
        .unwrap();
    }
    assert_eq!(space.resident(), 3);
}

/// LK, Xous and Zephyr keep them.
fn empty_leaf_tables_are_freed<M: TestMachine>(quirks: Quirks) {
    let (mut bench, mut space) = bench::<M>(quirks, 32);
    let tables = bench.frames.counts().tables;
    let at = zeros::<M>(&mut space, 1);
    bench.store(&mut space, at, 1).unwrap();
    assert!(bench.frames.counts().tables > tables);
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    space
        .unmap(VirtAddr::new(at), PAGE_BYTES, frames, machine)
        .unwrap();
    assert_eq!(bench.frames.counts().tables, tables);
}
