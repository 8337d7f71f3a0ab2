//! Regions: where they may be, how they grow, shrink and split.

use abi::Error;
use pagetable::{PAGE_BYTES, VirtAddr};
use sim::Quirks;

use super::both;
use super::machine::{Bench, TestMachine};
use crate::mm::layout::kernel_start;
use crate::mm::{MapRequest, Object, Placement, Prot, Region, RegionKind};

both! {
    regions_never_overlap_and_stay_in_the_programs_half
    mappings_keep_a_page_between_them_and_gaps_are_used_again
    unmapping_splits_and_frees_exactly_what_was_named
    a_hostile_unmap_is_refused
    a_heap_grows_shrinks_and_reads_zero_again
    a_heap_does_not_grow_into_its_neighbour
    a_gigabyte_costs_nothing_until_it_is_touched
}

fn region(base: u64, pages: u32) -> Region {
    Region::new(
        VirtAddr::new(base),
        pages,
        Prot::DATA,
        RegionKind::Data,
        Object::Zero,
    )
    .unwrap()
}

fn regions_never_overlap_and_stay_in_the_programs_half<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 16);
    let mut space = bench.space(1);
    let end = kernel_start(M::MODE).raw();
    space.add::<M>(region(0x2_0000, 4)).unwrap();
    for (base, pages) in [
        (0x2_0000, 4),
        (0x1_f000, 2),
        (0x2_3000, 1),
        (0x1_0000, 64),
        (0x2_1000, 1),
    ] {
        assert_eq!(
            space.add::<M>(region(base, pages)),
            Err(Error::InUse),
            "{base:#x}"
        );
    }
    for base in [0, 0xf000, end, end - PAGE_BYTES] {
        assert_eq!(
            space.add::<M>(region(base, 2)),
            Err(Error::BadAddress),
            "{base:#x}"
        );
    }
    space.add::<M>(region(0x1_f000, 1)).unwrap();
    space.add::<M>(region(0x2_4000, 1)).unwrap();
    let bases: Vec<u64> = space
        .regions()
        .iter()
        .map(|region| region.base.raw())
        .collect();
    assert_eq!(bases, [0x1_f000, 0x2_0000, 0x2_4000]);
    assert!(
        Region::new(
            VirtAddr::new(0x2_0001),
            1,
            Prot::DATA,
            RegionKind::Data,
            Object::Zero
        )
        .is_err()
    );
    assert!(
        Region::new(
            VirtAddr::new(u64::MAX - 4095),
            2,
            Prot::DATA,
            RegionKind::Data,
            Object::Zero
        )
        .is_err()
    );
}

fn mappings_keep_a_page_between_them_and_gaps_are_used_again<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut space = bench.space(1);
    let one = space
        .map::<M>(Placement::ANYWHERE, &MapRequest::zeros(2))
        .unwrap()
        .raw();
    let two = space
        .map::<M>(Placement::ANYWHERE, &MapRequest::zeros(2))
        .unwrap()
        .raw();
    let three = space
        .map::<M>(Placement::ANYWHERE, &MapRequest::zeros(2))
        .unwrap()
        .raw();
    assert_eq!((two - one, three - two), (3 * PAGE_BYTES, 3 * PAGE_BYTES));
    bench.store(&mut space, two, 1).unwrap();
    assert!(
        bench.store(&mut space, two - 1, 1).is_err()
            && bench.store(&mut space, two + 2 * PAGE_BYTES, 1).is_err()
    );
    space
        .unmap(
            VirtAddr::new(two),
            2 * PAGE_BYTES,
            &mut bench.frames,
            &mut bench.machine,
        )
        .unwrap();
    assert!(
        bench.load(&mut space, two).is_err(),
        "a stale translation would let this pass"
    );
    assert_eq!(
        space
            .map::<M>(Placement::ANYWHERE, &MapRequest::zeros(2))
            .unwrap()
            .raw(),
        two
    );
    assert_eq!(bench.load(&mut space, two), Ok(0));
    assert_ne!(
        space
            .map::<M>(Placement::ANYWHERE, &MapRequest::zeros(3))
            .unwrap()
            .raw(),
        two
    );
}

fn unmapping_splits_and_frees_exactly_what_was_named<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut space = bench.space(1);
    let base = space
        .map::<M>(Placement::ANYWHERE, &MapRequest::zeros(8))
        .unwrap()
        .raw();
    for page in 0..8 {
        bench
            .store(&mut space, base + page * PAGE_BYTES, page as u8 + 1)
            .unwrap();
    }
    let at = VirtAddr::new(base + 2 * PAGE_BYTES);
    space
        .unmap(at, 3 * PAGE_BYTES, &mut bench.frames, &mut bench.machine)
        .unwrap();
    assert_eq!(
        (
            space.resident(),
            bench.frames.counts().pages,
            space.regions().len()
        ),
        (5, 5, 2)
    );
    for page in 0..8 {
        let read = bench.load(&mut space, base + page * PAGE_BYTES).ok();
        assert_eq!(
            read,
            (!(2..5).contains(&page)).then_some(page as u8 + 1),
            "page {page}"
        );
    }
    let rest = [
        (base, 2 * PAGE_BYTES),
        (base + 5 * PAGE_BYTES, 3 * PAGE_BYTES),
    ];
    for (va, bytes) in rest {
        space
            .unmap(
                VirtAddr::new(va),
                bytes,
                &mut bench.frames,
                &mut bench.machine,
            )
            .unwrap();
    }
    // Nothing is left but the root: empty tables went too.
    assert_eq!((bench.used(), space.regions().len()), (1, 0));
}

fn a_hostile_unmap_is_refused<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut space = bench.space(1);
    space.add::<M>(region(0x2_0000, 4)).unwrap();
    let base = space
        .map::<M>(Placement::ANYWHERE, &MapRequest::zeros(2))
        .unwrap()
        .raw();
    bench.store(&mut space, base, 7).unwrap();
    let used = bench.used();
    let kernel = 0xffff_ffff_8000_0000;
    let tries = [
        (base + 1, PAGE_BYTES, Error::BadAlignment),
        (base, 0, Error::BadArgument),
        (base, 3 * PAGE_BYTES, Error::BadAddress),
        (base, u64::MAX - base, Error::BadAddress),
        (base, u64::MAX, Error::BadAddress),
        (kernel, PAGE_BYTES, Error::NotFound),
        (0, PAGE_BYTES, Error::NotFound),
        (0x2_0000, PAGE_BYTES, Error::AccessDenied),
    ];
    for (va, bytes, error) in tries {
        let result = space.unmap(
            VirtAddr::new(va),
            bytes,
            &mut bench.frames,
            &mut bench.machine,
        );
        assert_eq!(result, Err(error), "{va:#x} {bytes:#x}");
    }
    assert_eq!((bench.load(&mut space, base), bench.used()), (Ok(7), used));
}

fn a_heap_grows_shrinks_and_reads_zero_again<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut space = bench.space(1);
    space.set_heap::<M>(VirtAddr::new(0x4_0000));
    let grow = |bench: &mut Bench<M>, space: &mut crate::mm::Space, delta| {
        space
            .sbrk(delta, &mut bench.frames, &mut bench.machine)
            .map(VirtAddr::raw)
    };
    assert_eq!(grow(&mut bench, &mut space, 0), Ok(0x4_0000));
    assert_eq!(grow(&mut bench, &mut space, 5000), Ok(0x4_0000));
    assert_eq!(grow(&mut bench, &mut space, 5000), Ok(0x4_0000 + 5000));
    for at in [0, 4999, 5000, 9999] {
        bench.store(&mut space, 0x4_0000 + at, 0xee).unwrap();
    }
    assert_eq!(grow(&mut bench, &mut space, -5100), Ok(0x4_0000 + 10_000));
    assert_eq!(bench.load(&mut space, 0x4_0000 + 4899), Ok(0));
    assert!(
        bench.load(&mut space, 0x4_0000 + 9999).is_err(),
        "shrunk away"
    );
    assert_eq!(bench.frames.counts().pages, 2);
    assert_eq!(grow(&mut bench, &mut space, 5100), Ok(0x4_0000 + 4900));
    for (at, byte) in [(0, 0xee), (4899, 0), (4999, 0), (5000, 0), (9999, 0)] {
        assert_eq!(bench.load(&mut space, 0x4_0000 + at), Ok(byte), "{at}");
    }
    assert_eq!(
        grow(&mut bench, &mut space, -10_001),
        Err(Error::BadArgument)
    );
    assert_eq!(
        grow(&mut bench, &mut space, i64::MIN),
        Err(Error::BadArgument)
    );
    assert_eq!(
        grow(&mut bench, &mut space, i64::MAX),
        Err(Error::LimitExceeded)
    );
    assert_eq!(grow(&mut bench, &mut space, -10_000), Ok(0x4_0000 + 10_000));
    assert_eq!(
        (bench.used(), space.regions().len(), space.resident()),
        (1, 0, 0)
    );
}

fn a_heap_does_not_grow_into_its_neighbour<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 16);
    let mut space = bench.space(1);
    space.set_heap::<M>(VirtAddr::new(0x4_0000));
    space.add::<M>(region(0x4_4000, 1)).unwrap();
    let grow = |bench: &mut Bench<M>, space: &mut crate::mm::Space, delta| {
        space
            .sbrk(delta, &mut bench.frames, &mut bench.machine)
            .map(VirtAddr::raw)
    };
    assert_eq!(
        grow(&mut bench, &mut space, 0x4000),
        Err(Error::NoAddressSpace)
    );
    assert_eq!(grow(&mut bench, &mut space, 0x3000), Ok(0x4_0000));
    assert_eq!(grow(&mut bench, &mut space, 1), Err(Error::NoAddressSpace));
    assert_eq!(grow(&mut bench, &mut space, 0), Ok(0x4_3000));
}

fn a_gigabyte_costs_nothing_until_it_is_touched<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 16);
    let mut space = bench.space(1);
    let pages = (512 << 20) / PAGE_BYTES;
    let base = space
        .map::<M>(Placement::ANYWHERE, &MapRequest::zeros(pages))
        .unwrap();
    assert_eq!((bench.used(), space.regions().len()), (1, 1));
    space
        .unmap(
            base,
            pages * PAGE_BYTES,
            &mut bench.frames,
            &mut bench.machine,
        )
        .unwrap();
    assert_eq!(bench.used(), 1);
    assert_eq!(
        space.map::<M>(
            Placement::ANYWHERE,
            &MapRequest::zeros(u64::MAX / PAGE_BYTES)
        ),
        Err(Error::NoAddressSpace)
    );
}
