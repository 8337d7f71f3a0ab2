//! Leaves that permit less than their region.

use abi::Outcome;
use pagetable::{AccessType, PAGE_BYTES, PhysAddr, Pte, VirtAddr};
use sim::Quirks;

use super::both;
use super::machine::{Bench, RAM_BASE, TestMachine, image_byte};
use crate::mm::{MapRequest, Object, Owner, Placement, Prot, Region, RegionKind, Space, table};

both! {
    a_store_to_a_read_only_leaf_of_a_writable_region_does_not_fault_for_ever
    a_store_to_a_frame_of_others_gets_a_copy
    a_copy_without_memory_changes_nothing
}

/// Takes rights from the leaf of `va`, and lets it point to `frame` if one is named.
fn weaken<M: TestMachine>(
    bench: &mut Bench<M>,
    space: &Space,
    va: u64,
    frame: Option<PhysAddr>,
) -> u64 {
    let va = VirtAddr::new(va);
    let stop = table::walk(&bench.machine, space.root(), va);
    let rights = Pte::READ | Pte::WRITE | Pte::EXEC;
    let memory = stop.entry & !(rights | Pte::VALID);
    let target = frame.unwrap_or(Pte::new(stop.entry).target(M::MODE));
    let kept = Pte::leaf(M::MODE, target, 0).raw();
    let bits = memory
        & 0xffc0_0000_0000_03ff
        & if M::MODE.entry_bytes() == 4 {
            0x3ff
        } else {
            u64::MAX
        };
    let entry = kept | bits | Pte::READ | Pte::VALID;
    bench.machine.write_entry(stop.at, entry);
    bench.machine.fence_page(va);
    entry
}

fn a_store_to_a_read_only_leaf_of_a_writable_region_does_not_fault_for_ever<M: TestMachine>(
    quirks: Quirks,
) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut space = bench.space(1);
    let at = space
        .map::<M>(Placement::ANYWHERE, &MapRequest::zeros(1))
        .unwrap()
        .raw();
    bench.store(&mut space, at, 7).unwrap();
    let (before, used) = (
        bench.touch(&mut space, at, AccessType::Read).unwrap().0,
        bench.used(),
    );
    weaken(&mut bench, &space, at, None);
    let (after, outcomes) = bench.touch(&mut space, at, AccessType::Write).unwrap();
    assert_eq!(
        (after, outcomes[0]),
        (before, Outcome::AccessBits),
        "the same frame"
    );
    assert_eq!((bench.load(&mut space, at), bench.used()), (Ok(7), used));
    bench.destroy(space);
}

fn with_shared_frame<M: TestMachine>(bench: &mut Bench<M>) -> (Space, u64, u64) {
    let mut space = bench.space(1);
    let object = Object::Image {
        at: PhysAddr::new(RAM_BASE),
        bytes: 2 * PAGE_BYTES as u32,
    };
    let at = 0x2_0000;
    let region = Region::new(VirtAddr::new(at), 2, Prot::DATA, RegionKind::Data, object).unwrap();
    space.add::<M>(region).unwrap();
    bench.load(&mut space, at).unwrap();
    // The copy that the page has today gives way to the file itself, as a fork would share it.
    let stop = table::walk(&bench.machine, space.root(), VirtAddr::new(at));
    let own = Pte::new(stop.entry).target(M::MODE);
    let entry = weaken(bench, &space, at, Some(PhysAddr::new(RAM_BASE)));
    bench.frames.free(own);
    (space, at, entry)
}

fn a_store_to_a_frame_of_others_gets_a_copy<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let (mut space, at, _) = with_shared_frame(&mut bench);
    assert_eq!(bench.load(&mut space, at), Ok(image_byte(0)));
    let (frame, outcomes) = bench.touch(&mut space, at, AccessType::Write).unwrap();
    assert!(outcomes.contains(&Outcome::ImageCopied), "{outcomes:?}");
    let vpn = (at / PAGE_BYTES) as u32;
    assert_eq!(
        bench.frames.owner(frame.align_down(PAGE_BYTES)),
        Owner::Page { space: 1, vpn }
    );
    bench.store(&mut space, at, 99).unwrap();
    assert_eq!(bench.load(&mut space, at), Ok(99));
    assert_eq!(bench.load(&mut space, at + 1), Ok(image_byte(1)));
    let file = bench.machine.hart().ram.get(PhysAddr::new(RAM_BASE), 1)[0];
    assert_eq!(file, image_byte(0), "the others' frame");
}

fn a_copy_without_memory_changes_nothing<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let (mut space, at, entry) = with_shared_frame(&mut bench);
    bench.load(&mut space, at).unwrap();
    bench.frames.fail_after = Some(0);
    let refused = bench.store(&mut space, at, 1).unwrap_err();
    assert_eq!(refused.outcome, Outcome::OutOfMemory);
    let left = table::walk(&bench.machine, space.root(), VirtAddr::new(at)).entry;
    assert_eq!(left | Pte::ACCESSED, entry | Pte::ACCESSED);
    bench.frames.fail_after = None;
    bench.store(&mut space, at, 1).unwrap();
}
