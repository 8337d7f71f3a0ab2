//! When frames run out, at every place they can: the answer is no, and nothing is lost.

use abi::{Error, Outcome};
use pagetable::{AccessType, PAGE_BYTES, VirtAddr};
use sim::Quirks;

use super::both;
use super::machine::{Bench, TestMachine};
use crate::mm::{
    BootRam, Fast, FrameDescriptor, Frames, MapRequest, Object, Owner, Placement, Prot, Region,
    RegionKind, Space,
};

both! {
    a_fault_without_memory_leaves_no_trace
    tables_that_were_given_back_can_be_pages_at_once
    a_space_without_memory_is_not_made
    the_pool_can_be_used_up_and_got_back_to_the_last_frame
}

/// A pool of each size up to what the touch needs: each allocation on its way fails once.
fn a_fault_without_memory_leaves_no_trace<M: TestMachine>(quirks: Quirks) {
    let levels = usize::from(M::MODE.levels());
    for pool in 1..=levels + 1 {
        let mut bench = Bench::<M>::new(quirks, pool);
        let mut space = bench.space(1);
        let base = space
            .map::<M>(Placement::ANYWHERE, &MapRequest::zeros(1))
            .unwrap()
            .raw();
        let touched = bench.touch(&mut space, base, AccessType::Write);
        // The root is there; each level below it takes a table, and the page a frame.
        if pool > levels {
            assert!(touched.is_ok(), "{pool} frames are enough");
            continue;
        }
        assert_eq!(touched.unwrap_err().outcome, Outcome::OutOfMemory, "{pool}");
        assert_eq!((bench.used(), space.resident()), (1, 0), "{pool}");
        bench.destroy(space);
        assert_eq!(bench.used(), 0);
    }
}

/// Tables that were made for a page which then found no frame: a walk ahead of time may hold them.
fn tables_that_were_given_back_can_be_pages_at_once<M: TestMachine>(quirks: Quirks) {
    let levels = usize::from(M::MODE.levels());
    let mut bench = Bench::<M>::new(quirks, 2 * levels);
    let mut space = bench.space(1);
    let near = space
        .map::<M>(Placement::ANYWHERE, &MapRequest::zeros(levels as u64))
        .unwrap()
        .raw();
    bench.store(&mut space, near, 1).unwrap();
    // So far that it needs tables of its own, for which there are frames, and a page, for which
    // there is none.
    let far = 0x1000_0000;
    let region = Region::new(
        VirtAddr::new(far),
        1,
        Prot::DATA,
        RegionKind::Data,
        Object::Zero,
    );
    space.add::<M>(region.unwrap()).unwrap();
    for page in 1..levels as u64 {
        let touched = bench.touch(&mut space, far, AccessType::Write);
        assert_eq!(touched.unwrap_err().outcome, Outcome::OutOfMemory);
        assert_eq!(bench.store(&mut space, near + page * PAGE_BYTES, 1), Ok(()));
    }
}

fn a_space_without_memory_is_not_made<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 1);
    let space = bench.space(1);
    let second = Space::create(2, &mut bench.frames, &mut bench.machine, bench.kernel_root);
    assert_eq!(second.err(), Some(Error::OutOfMemory));
    bench.destroy(space);
    let space = bench.space(3);
    assert_eq!(bench.frames.owner(space.root()), Owner::Table { space: 3 });
}

fn the_pool_can_be_used_up_and_got_back_to_the_last_frame<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 40);
    for round in 0..3 {
        let mut space = bench.space(round);
        let base = space
            .map::<M>(Placement::ANYWHERE, &MapRequest::zeros(1000))
            .unwrap()
            .raw();
        let mut pages = 0;
        while bench
            .store(&mut space, base + pages * PAGE_BYTES, 1)
            .is_ok()
        {
            pages += 1;
        }
        assert_eq!(bench.frames.counts().free(), 0);
        // What is there already is still there, and what is freed can be had again.
        assert_eq!(bench.load(&mut space, base), Ok(1));
        space
            .unmap(
                VirtAddr::new(base),
                PAGE_BYTES,
                &mut bench.frames,
                &mut bench.machine,
            )
            .unwrap();
        bench
            .store(&mut space, base + pages * PAGE_BYTES, 1)
            .unwrap();
        bench.destroy(space);
        assert_eq!(bench.frames.counts().free(), 40, "round {round}");
    }
}

#[test]
fn a_limit_caps_pages_and_tables_together() {
    let mut ram = BootRam::new();
    ram.add(0x8000_0000, 64 * PAGE_BYTES).unwrap();
    let mut frames = Frames::new(
        vec![FrameDescriptor::NOISE; 64].leak(),
        Box::leak(Box::new(Fast::EMPTY)),
        ram,
        Some(3),
        None,
    );
    assert!(frames.alloc(Owner::Table { space: 1 }).is_some());
    let page = frames.alloc(Owner::Page { space: 1, vpn: 7 }).unwrap();
    assert!(frames.alloc(Owner::Page { space: 1, vpn: 8 }).is_some());
    assert!(frames.alloc(Owner::Page { space: 1, vpn: 9 }).is_none());
    assert_eq!(frames.owner(page), Owner::Page { space: 1, vpn: 7 });
    assert!(
        frames.free(page) && !frames.free(page),
        "a frame comes back once"
    );
    assert_eq!(frames.owner(page), Owner::Free);
    assert_eq!(frames.counts().peak, 3);
}
