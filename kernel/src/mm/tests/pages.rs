//! Pages come when they are touched, hold what they must, and go when their region goes.

use abi::Outcome;
use pagetable::{AccessType, PAGE_BYTES, PhysAddr, Pte, VirtAddr};
use sim::Quirks;

use super::both;
use super::machine::{Bench, RAM_BASE, TestMachine, image_byte};
use crate::mm::layout::kernel_start;
use crate::mm::{
    MapRequest, Object, Placement, Prot, Region, RegionKind, Space, UserMemory, table,
};

const TEXT: Prot = Prot::new(true, false, true);

fn add<M: TestMachine>(
    space: &mut Space,
    base: u64,
    pages: u32,
    prot: Prot,
    kind: RegionKind,
    object: Object,
) {
    let region = Region::new(VirtAddr::new(base), pages, prot, kind, object).unwrap();
    space.add::<M>(region).unwrap();
}

fn image(offset: u64, bytes: u64) -> Object {
    Object::Image {
        at: PhysAddr::new(RAM_BASE + offset),
        bytes: bytes as u32,
    }
}

both! {
    a_hart_that_keeps_invalid_entries_does_not_fault_for_ever
    a_page_is_zero_when_first_seen_and_costs_one_frame
    whole_read_only_pages_are_mapped_in_place_and_cost_no_frame
    partial_and_writable_pages_are_copied_with_a_zero_tail
    an_image_at_an_odd_address_is_copied
    a_page_comes_with_one_fault_and_can_be_fetched_from_whoever_touched_it
    no_page_is_ever_writable_and_executable
    a_forbidden_touch_changes_nothing
    a_store_after_a_load_is_resolved_by_the_dirty_bit
    the_kernel_copies_across_pages_that_are_not_there
    the_kernel_copies_nothing_from_beyond_the_programs_half
    destroying_a_space_gives_everything_back
}

fn a_page_is_zero_when_first_seen_and_costs_one_frame<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut space = bench.space(1);
    let base = space
        .map::<M>(Placement::ANYWHERE, &MapRequest::zeros(8))
        .unwrap()
        .raw();
    let tables_only = bench.used();
    assert_eq!(bench.load(&mut space, base + 5), Ok(0));
    let tables = bench.frames.counts().tables;
    for page in 1..8 {
        for at in [0, 1, 4095] {
            assert_eq!(bench.load(&mut space, base + page * PAGE_BYTES + at), Ok(0));
        }
    }
    assert_eq!(
        bench.frames.counts().tables,
        tables,
        "neighbours share their tables"
    );
    assert_eq!((space.resident(), bench.frames.counts().pages), (8, 8));
    assert!(bench.used() > tables_only);
}

fn whole_read_only_pages_are_mapped_in_place_and_cost_no_frame<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut space = bench.space(1);
    add::<M>(
        &mut space,
        0x1_0000,
        3,
        TEXT,
        RegionKind::Text,
        image(PAGE_BYTES, 3 * PAGE_BYTES),
    );
    for page in 0..3 {
        let (at, outcomes) = bench
            .touch(
                &mut space,
                0x1_0000 + page * PAGE_BYTES + 8,
                AccessType::Execute,
            )
            .unwrap();
        assert_eq!(at.raw(), RAM_BASE + (page + 1) * PAGE_BYTES + 8);
        // The first brings its neighbours with it.
        let first = &[Outcome::ImageInPlace][..usize::from(page == 0)];
        let again = &[Outcome::Spurious][..usize::from(quirks.spurious)];
        assert_eq!(outcomes, [first, again].concat());
    }
    assert_eq!(space.resident(), 3);
    assert_eq!(bench.frames.counts().pages, 0);
    bench.destroy(space);
    assert_eq!(bench.used(), 0);
}

fn partial_and_writable_pages_are_copied_with_a_zero_tail<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut space = bench.space(1);
    // A page and a half of file in a region of three pages.
    add::<M>(
        &mut space,
        0x1_0000,
        3,
        Prot::DATA,
        RegionKind::Data,
        image(0, 6144),
    );
    for at in [0, 4095, 4096, 6143] {
        assert_eq!(
            bench.load(&mut space, 0x1_0000 + at),
            Ok(image_byte(at)),
            "{at}"
        );
    }
    for at in [6144, 8191, 8192, 12287] {
        assert_eq!(bench.load(&mut space, 0x1_0000 + at), Ok(0), "{at}");
    }
    bench.store(&mut space, 0x1_0000, 99).unwrap();
    let file = bench.machine.hart().ram.get(PhysAddr::new(RAM_BASE), 1)[0];
    assert_eq!(file, image_byte(0), "the file itself is never written");
    assert_eq!(bench.frames.counts().pages, 3);
}

fn an_image_at_an_odd_address_is_copied<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut space = bench.space(1);
    add::<M>(
        &mut space,
        0x1_0000,
        2,
        TEXT,
        RegionKind::Text,
        image(100, 2 * PAGE_BYTES),
    );
    for at in [0, 4095, 4096, 8191] {
        assert_eq!(
            bench.load(&mut space, 0x1_0000 + at),
            Ok(image_byte(100 + at)),
            "{at}"
        );
    }
    let (_, outcomes) = bench
        .touch(&mut space, 0x1_0000, AccessType::Execute)
        .unwrap();
    assert!(
        outcomes.iter().all(|outcome| *outcome == Outcome::Spurious),
        "{outcomes:?}"
    );
}

fn no_page_is_ever_writable_and_executable<M: TestMachine>(_: Quirks) {
    for read in [false, true] {
        let both = Prot::new(read, true, true);
        assert!(
            Region::new(
                VirtAddr::new(0x1_0000),
                1,
                both,
                RegionKind::Text,
                Object::Zero
            )
            .is_err()
        );
    }
    let write_only = Prot::new(false, true, false);
    assert!(
        Region::new(
            VirtAddr::new(0x1_0000),
            1,
            write_only,
            RegionKind::Data,
            Object::Zero
        )
        .is_err()
    );
}

fn a_forbidden_touch_changes_nothing<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut space = bench.space(1);
    add::<M>(
        &mut space,
        0x1_0000,
        1,
        TEXT,
        RegionKind::Text,
        image(0, PAGE_BYTES),
    );
    add::<M>(
        &mut space,
        0x2_0000,
        1,
        Prot::NONE,
        RegionKind::Guard,
        Object::Zero,
    );
    add::<M>(
        &mut space,
        0x2_1000,
        1,
        Prot::DATA,
        RegionKind::Stack,
        Object::Zero,
    );
    let before = bench.used();
    let refused = |bench: &mut Bench<M>, space: &mut Space, va, access| {
        bench.touch(space, va, access).unwrap_err().outcome
    };
    assert_eq!(
        refused(&mut bench, &mut space, 0x1_0000, AccessType::Write),
        Outcome::Permission
    );
    assert_eq!(
        refused(&mut bench, &mut space, 0x2_1000, AccessType::Execute),
        Outcome::Permission
    );
    assert_eq!(
        refused(&mut bench, &mut space, 0x2_0ff8, AccessType::Write),
        Outcome::GuardPage
    );
    assert_eq!(
        refused(&mut bench, &mut space, 8, AccessType::Read),
        Outcome::NoRegion
    );
    // One past the end is outside: no region's end is inclusive.
    assert_eq!(
        refused(&mut bench, &mut space, 0x1_1000, AccessType::Read),
        Outcome::NoRegion
    );
    let end = kernel_start(M::MODE).raw();
    assert_eq!(
        refused(&mut bench, &mut space, end, AccessType::Read),
        Outcome::NotUser
    );
    assert_eq!((bench.used(), space.resident()), (before, 0));
    // And a valid leaf is not made writable either.
    bench.load(&mut space, 0x1_0000).unwrap();
    assert_eq!(
        refused(&mut bench, &mut space, 0x1_0000, AccessType::Write),
        Outcome::Permission
    );
    let leaf = table::walk(&bench.machine, space.root(), VirtAddr::new(0x1_0000)).entry;
    assert!(!Pte::new(leaf).has(Pte::WRITE));
}

/// The hart holds that nothing was there, and what the frame held before.
fn a_page_comes_with_one_fault_and_can_be_fetched_from_whoever_touched_it<M: TestMachine>(
    quirks: Quirks,
) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut space = bench.space(1);
    let object = image(100, 2 * PAGE_BYTES);
    add::<M>(&mut space, 0x1_0000, 2, TEXT, RegionKind::Text, object);
    for page in [0x1_0000, 0x1_1000] {
        let (_, outcomes) = bench.touch(&mut space, page, AccessType::Read).unwrap();
        let again = &[Outcome::Spurious][..usize::from(quirks.spurious)];
        assert_eq!(outcomes[1..], *again);
        bench.touch(&mut space, page, AccessType::Execute).unwrap();
    }
}

fn a_store_after_a_load_is_resolved_by_the_dirty_bit<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut space = bench.space(1);
    let base = space
        .map::<M>(Placement::ANYWHERE, &MapRequest::zeros(1))
        .unwrap()
        .raw();
    bench.load(&mut space, base).unwrap();
    let (_, outcomes) = bench.touch(&mut space, base, AccessType::Write).unwrap();
    let dirty = outcomes.contains(&Outcome::AccessBits);
    assert_eq!(
        dirty, quirks.svade,
        "only a hart that leaves D to us faults: {outcomes:?}"
    );
    assert_eq!(bench.frames.counts().pages, 1);
}

fn memory<'a, M: TestMachine>(
    bench: &'a mut Bench<M>,
    space: &'a mut Space,
) -> UserMemory<'a, M, impl FnMut(&M, VirtAddr, abi::Access, &crate::mm::Resolution)> {
    UserMemory {
        space,
        frames: &mut bench.frames,
        machine: &mut bench.machine,
        paged_in: |_: &M, _, _, _: &_| {},
    }
}

fn the_kernel_copies_across_pages_that_are_not_there<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut space = bench.space(1);
    let base = space
        .map::<M>(Placement::ANYWHERE, &MapRequest::zeros(3))
        .unwrap();
    let data: Vec<u8> = (0..6000).map(|at| at as u8).collect();
    let at = base.wrapping_add(3000);
    memory(&mut bench, &mut space).write(at, &data).unwrap();
    let mut back = vec![0; 6000];
    memory(&mut bench, &mut space).read(at, &mut back).unwrap();
    assert_eq!(back, data);
    assert_eq!(bench.load(&mut space, at.raw() + 5999), Ok(data[5999]));
    // The last byte that is there, and one more.
    let end = base.wrapping_add(3 * PAGE_BYTES - 10);
    assert!(
        memory(&mut bench, &mut space)
            .read(end, &mut [0; 10])
            .is_ok()
    );
    assert_eq!(
        memory(&mut bench, &mut space).read(end, &mut [0; 11]),
        Err(abi::Error::BadAddress.into())
    );
}

fn the_kernel_copies_nothing_from_beyond_the_programs_half<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut space = bench.space(1);
    let end = kernel_start(M::MODE).raw();
    for (va, bytes) in [
        (end, 1),
        (end - 1, 2),
        (u64::MAX, 1),
        (u64::MAX - 3, 8),
        (0, 8),
        (0xffff_ffff_8000_0000, 4),
    ] {
        let mut into = vec![0; bytes];
        let read = memory(&mut bench, &mut space).read(VirtAddr::new(va), &mut into);
        assert_eq!(read, Err(abi::Error::BadAddress.into()), "{va:#x}");
        let wrote = memory(&mut bench, &mut space).write(VirtAddr::new(va), &into);
        assert_eq!(wrote, Err(abi::Error::BadAddress.into()), "{va:#x}");
    }
}

fn destroying_a_space_gives_everything_back<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    for round in 0..200 {
        let mut space = bench.space(round);
        add::<M>(
            &mut space,
            0x1_0000,
            2,
            TEXT,
            RegionKind::Text,
            image(0, 5000),
        );
        let base = space
            .map::<M>(Placement::ANYWHERE, &MapRequest::zeros(4))
            .unwrap()
            .raw();
        space.set_heap::<M>(VirtAddr::new(0x1_2000));
        let heap = space
            .sbrk(10_000, &mut bench.frames, &mut bench.machine)
            .unwrap()
            .raw();
        bench
            .touch(&mut space, 0x1_1000, AccessType::Execute)
            .unwrap();
        for va in [base, base + 3 * PAGE_BYTES, heap, heap + 9_999] {
            // What the last space left behind is not seen.
            assert_eq!(bench.load(&mut space, va), Ok(0));
            bench.store(&mut space, va, 0x5a).unwrap();
        }
        bench.destroy(space);
        assert_eq!(bench.used(), 0, "round {round}");
    }
}

/// A hart may keep that the entry above a page is invalid; a fence for an address does not end that.
fn a_hart_that_keeps_invalid_entries_does_not_fault_for_ever<M: TestMachine>(quirks: Quirks) {
    let keeps = Quirks {
        keeps_holes: true,
        reads_lines: true,
        ..quirks
    };
    let mut bench = Bench::<M>::new(keeps, 64);
    let mut space = bench.space(1);
    // Pages that have no table at any level yet, and then neighbours in tables that are there.
    for at in [0x100_0000, 0x6000_0000, 0x100_1000, 0x6000_1000] {
        let place = Placement::At(VirtAddr::new(at));
        space.map::<M>(place, &MapRequest::zeros(1)).unwrap();
        let (_, outcomes) = bench.touch(&mut space, at, AccessType::Write).unwrap();
        assert_eq!(outcomes[0], Outcome::Zeroed, "{at:#x}: {outcomes:?}");
    }
}
