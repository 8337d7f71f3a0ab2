//! Leaves larger than a page: made, split, merged; and physical memory outside of the pool.

use abi::{Error, Outcome};
use pagetable::{AccessType, MemoryType, PAGE_BYTES, PhysAddr, VirtAddr};
use sim::Quirks;

use super::both;
use super::machine::{Bench, RAM_BASE, TestMachine};
use crate::mm::{MapRequest, Object, Objects, Placement, Prot, RegionKind, Space, audit, table};

both! {
    large_leaves_split_and_merge_and_keep_what_they_hold
    a_merged_table_can_be_a_page_at_once
    part_of_a_large_leaf_can_be_unmapped
    physical_memory_is_mapped_with_the_largest_leaf_that_fits
    a_gib_is_mapped_and_unmapped_without_touching_a_table
    empty_tables_are_given_back_in_a_sweep
    frames_in_a_row_stay_until_their_mapping_goes
}

fn bench<M: TestMachine>(quirks: Quirks) -> (Bench<M>, Space) {
    let mut bench = Bench::<M>::new(quirks, 4096);
    let space = bench.space(1);
    (bench, space)
}

/// The level of the leaf at `va`.
fn level<M: TestMachine>(bench: &Bench<M>, space: &Space, va: u64) -> u8 {
    let stop = table::walk(&bench.machine, space.root(), VirtAddr::new(va));
    assert!(
        table::page_of::<M>(stop.entry, stop.level).is_some(),
        "{va:#x}"
    );
    stop.level
}

/// Frames in a row, as long as two large leaves.
fn two_large<M: TestMachine>(bench: &mut Bench<M>, space: &mut Space) -> u64 {
    let wanted = MapRequest::zeros(2 * M::MODE.leaf_bytes(1) / PAGE_BYTES);
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    let base = space.map_wired(Placement::ANYWHERE, &wanted, frames, machine);
    base.unwrap().raw()
}

fn protect<M: TestMachine>(
    bench: &mut Bench<M>,
    space: &mut Space,
    at: u64,
    pages: u64,
    prot: Prot,
) {
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    space
        .protect(VirtAddr::new(at), pages * PAGE_BYTES, prot, frames, machine)
        .unwrap();
}

fn sound<M: TestMachine>(bench: &mut Bench<M>, space: &Space) {
    let (frames, machine) = (&mut bench.frames, &bench.machine);
    let found = audit(frames, machine, [space].into_iter(), &Objects::EMPTY);
    assert_eq!(found.first, None, "{found:?}");
}

fn large_leaves_split_and_merge_and_keep_what_they_hold<M: TestMachine>(quirks: Quirks) {
    let (mut bench, mut space) = bench::<M>(quirks);
    let base = two_large(&mut bench, &mut space);
    let pages = [0, 5, 6, M::MODE.leaf_bytes(1) / PAGE_BYTES + 3];
    for page in pages {
        let va = base + page * PAGE_BYTES;
        bench.store(&mut space, va, page as u8 + 1).unwrap();
        assert_eq!(level(&bench, &space, va), 1);
    }
    let tables = bench.frames.counts().tables;
    protect(&mut bench, &mut space, base + 5 * PAGE_BYTES, 1, Prot::READ);
    assert_eq!(bench.frames.counts().tables, tables + 1);
    assert_eq!(level(&bench, &space, base + 6 * PAGE_BYTES), 0);
    assert_eq!(
        level(&bench, &space, base + M::MODE.leaf_bytes(1)),
        1,
        "the other is whole"
    );
    let refused = bench
        .store(&mut space, base + 5 * PAGE_BYTES, 9)
        .unwrap_err();
    assert_eq!(refused.outcome, Outcome::Permission);
    for page in pages {
        let found = bench.load(&mut space, base + page * PAGE_BYTES);
        assert_eq!(found, Ok(page as u8 + 1), "split");
    }
    sound(&mut bench, &space);
    protect(&mut bench, &mut space, base + 5 * PAGE_BYTES, 1, Prot::DATA);
    assert_eq!(level(&bench, &space, base + 5 * PAGE_BYTES), 1, "merged");
    assert_eq!(bench.frames.counts().tables, tables);
    assert_eq!(space.regions().len(), 1, "and one region again");
    for page in pages {
        let va = base + page * PAGE_BYTES;
        assert_eq!(bench.load(&mut space, va), Ok(page as u8 + 1), "merged");
        bench.store(&mut space, va, 7).unwrap();
    }
    sound(&mut bench, &space);
    bench.destroy(space);
    assert_eq!(bench.used(), 0);
}

fn a_merged_table_can_be_a_page_at_once<M: TestMachine>(quirks: Quirks) {
    let (mut bench, mut space) = bench::<M>(quirks);
    let base = two_large(&mut bench, &mut space);
    let zeros = space
        .map::<M>(Placement::ANYWHERE, &MapRequest::zeros(8))
        .unwrap()
        .raw();
    bench.load(&mut space, zeros).unwrap();
    protect(&mut bench, &mut space, base + PAGE_BYTES, 1, Prot::READ);
    bench.load(&mut space, base + PAGE_BYTES).unwrap();
    protect(&mut bench, &mut space, base + PAGE_BYTES, 1, Prot::DATA);
    // The table that is not needed any more is the next frame that is given out.
    bench.store(&mut space, zeros + PAGE_BYTES, 1).unwrap();
}

fn part_of_a_large_leaf_can_be_unmapped<M: TestMachine>(quirks: Quirks) {
    let (mut bench, mut space) = bench::<M>(quirks);
    let base = two_large(&mut bench, &mut space);
    let large = M::MODE.leaf_bytes(1);
    bench.store(&mut space, base, 1).unwrap();
    bench.store(&mut space, base + 2 * large - 1, 2).unwrap();
    let pages = bench.frames.counts().pages;
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    let middle = VirtAddr::new(base + PAGE_BYTES);
    let bytes = 2 * large - 2 * PAGE_BYTES;
    space.unmap(middle, bytes, frames, machine).unwrap();
    assert_eq!(
        u64::from(pages - bench.frames.counts().pages) * PAGE_BYTES,
        bytes
    );
    assert_eq!(bench.load(&mut space, base), Ok(1));
    assert_eq!(bench.load(&mut space, base + 2 * large - 1), Ok(2));
    let gone = bench.load(&mut space, base + large).unwrap_err();
    assert_eq!(gone.outcome, Outcome::NoRegion);
    sound(&mut bench, &space);
}

/// A device whose registers are as long as two large leaves and a page, and begin at one.
fn physical_memory_is_mapped_with_the_largest_leaf_that_fits<M: TestMachine>(quirks: Quirks) {
    let (mut bench, mut space) = bench::<M>(quirks);
    let large = M::MODE.leaf_bytes(1);
    let device = PhysAddr::new((RAM_BASE / large + 1) * large);
    let wanted = |at, pages| MapRequest {
        kind: RegionKind::Device,
        object: Object::Phys {
            at,
            memory: MemoryType::Device,
        },
        ..MapRequest::zeros(pages)
    };
    let pages = 2 * large / PAGE_BYTES + 1;
    let whole = wanted(device, pages);
    let base = space
        .map::<M>(Placement::Anywhere { align: large }, &whole)
        .unwrap()
        .raw();
    let before = bench.frames.counts().pages;
    for (offset, due) in [(large + 0x1008, 1), (0, 1), (2 * large + 4, 0)] {
        let (at, outcomes) = bench
            .touch(&mut space, base + offset, AccessType::Write)
            .unwrap();
        assert_eq!(at.raw(), device.raw() + offset);
        assert_eq!(outcomes[0], Outcome::Device);
        assert_eq!(level(&bench, &space, base + offset), due, "{offset:#x}");
    }
    // Not at a border of large leaves: pages.
    let odd = wanted(device.wrapping_add(PAGE_BYTES), pages - 1);
    let odd = space
        .map::<M>(Placement::Anywhere { align: large }, &odd)
        .unwrap()
        .raw();
    let (at, _) = bench
        .touch(&mut space, odd + large, AccessType::Read)
        .unwrap();
    assert_eq!(at.raw(), device.raw() + PAGE_BYTES + large);
    assert_eq!(level(&bench, &space, odd + large), 0);
    assert_eq!(bench.frames.counts().pages, before, "no frame of the pool");
    bench.destroy(space);
    assert_eq!(bench.used(), 0, "no frame stays in use");
}

fn a_gib_is_mapped_and_unmapped_without_touching_a_table<M: TestMachine>(quirks: Quirks) {
    let (mut bench, mut space) = bench::<M>(quirks);
    let before = super::entries::all(&space, &bench.machine);
    let tables = bench.frames.counts();
    let at = space.map::<M>(
        Placement::ANYWHERE,
        &MapRequest::zeros((512 << 20) / PAGE_BYTES),
    );
    assert_eq!(super::entries::all(&space, &bench.machine), before);
    assert_eq!(bench.frames.counts(), tables);
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    space
        .unmap(at.unwrap(), 512 << 20, frames, machine)
        .unwrap();
    assert_eq!(bench.frames.counts(), tables);
}

/// A GiB, a page at a time, far apart: as many tables as at first.
fn empty_tables_are_given_back_in_a_sweep<M: TestMachine>(quirks: Quirks) {
    let (mut bench, mut space) = bench::<M>(quirks);
    let tables = bench.frames.counts().tables;
    for step in 0..64 {
        let at = 0x1000_0000 + step * (16 << 20);
        let place = Placement::At(VirtAddr::new(at));
        space.map::<M>(place, &MapRequest::zeros(1)).unwrap();
        bench.store(&mut space, at, 1).unwrap();
        let (frames, machine) = (&mut bench.frames, &mut bench.machine);
        space
            .unmap(VirtAddr::new(at), PAGE_BYTES, frames, machine)
            .unwrap();
        assert_eq!(bench.frames.counts().tables, tables, "{at:#x}");
    }
}

fn frames_in_a_row_stay_until_their_mapping_goes<M: TestMachine>(quirks: Quirks) {
    let (mut bench, mut space) = bench::<M>(quirks);
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    let base = space.map_wired(Placement::ANYWHERE, &MapRequest::zeros(6), frames, machine);
    let base = base.unwrap();
    let advice = space.advise(base, 6 * PAGE_BYTES, abi::Advice::DontNeed, frames, machine);
    assert_eq!(advice, Err(Error::AccessDenied), "they are wired");
    let first = bench
        .touch(&mut space, base.raw(), AccessType::Read)
        .unwrap()
        .0;
    for page in 0..6 {
        let at = base.raw() + page * PAGE_BYTES;
        let (found, outcomes) = bench.touch(&mut space, at, AccessType::Write).unwrap();
        assert_eq!(found.raw(), first.raw() + page * PAGE_BYTES, "in a row");
        assert!(outcomes.iter().all(|&outcome| outcome == Outcome::Spurious));
    }
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    space.unmap(base, 6 * PAGE_BYTES, frames, machine).unwrap();
    bench.destroy(space);
    assert_eq!(bench.used(), 0);
}
