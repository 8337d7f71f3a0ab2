//! ASIDs: what each fence covers; code that relies on more fails.

use crate::bench::{Bench, DATA};
use pagetable::{Mode, PhysAddr, Pte, VirtAddr};
use sim::Quirks;

const VA: u64 = 0x40_0000;

fn with_asids(asid_bits: u8) -> Bench {
    let quirks = Quirks {
        asid_bits,
        ..Quirks::default()
    };
    Bench::new(Mode::Sv39, quirks)
}

/// Two spaces, each with a page at [`VA`]: roots and pages.
fn two(bench: &mut Bench, flags: u64) -> [(PhysAddr, PhysAddr); 2] {
    [bench.space(VA, flags), bench.space(VA, flags)]
}

#[test]
fn spaces_of_two_asids_need_no_fence_between_them() {
    let mut bench = with_asids(16);
    let [a, b] = two(&mut bench, DATA);
    for _ in 0..2 {
        assert_eq!(bench.read(a.0, 1, VA), Ok(a.1));
        assert_eq!(bench.read(b.0, 2, VA), Ok(b.1));
    }
}

#[test]
fn an_asid_that_is_used_again_without_a_fence_finds_the_old_spaces_pages() {
    let mut bench = with_asids(16);
    let [a, b] = two(&mut bench, DATA);
    assert_eq!(bench.read(a.0, 1, VA), Ok(a.1));
    assert_eq!(bench.read(b.0, 1, VA), Ok(a.1), "the page of the dead");
    // A fence for another ASID has no effect.
    bench.machine.fence_space(2);
    assert_eq!(bench.read(b.0, 1, VA), Ok(a.1));
    bench.machine.fence_space(1);
    assert_eq!(bench.read(b.0, 1, VA), Ok(b.1));
}

#[test]
fn bits_beyond_the_width_are_dropped_without_a_word() {
    for bits in [0, 1, 4, 9, 15] {
        let mut bench = with_asids(bits);
        let [a, b] = two(&mut bench, DATA);
        let (one, other) = (1, 1 + (1 << bits));
        assert_eq!(bench.read(a.0, one, VA), Ok(a.1));
        assert_eq!(bench.read(b.0, other, VA), Ok(a.1), "{bits} bits");
        // The fence ignores the upper bits too.
        bench.machine.fence_space(other);
        assert_eq!(bench.read(b.0, one, VA), Ok(b.1));
    }
}

#[test]
fn rv32_has_nine_bits_at_most() {
    let mut bench = Bench::new(Mode::Sv32, Quirks::c906(true));
    let [a, b] = two(&mut bench, DATA);
    assert_eq!(bench.read(a.0, 3, VA), Ok(a.1));
    assert_eq!(bench.read(b.0, 3 + 256, VA), Ok(b.1));
    bench.machine.fence_all();
    assert_eq!(bench.read(a.0, 3, VA), Ok(a.1));
    assert_eq!(bench.read(b.0, 3 + 512, VA), Ok(a.1));
}

#[test]
fn a_global_leaf_is_every_asids_and_no_fence_for_one_ends_it() {
    let mut bench = with_asids(16);
    let [a, b] = two(&mut bench, DATA | Pte::GLOBAL);
    assert_eq!(bench.read(a.0, 1, VA), Ok(a.1));
    assert_eq!(bench.read(b.0, 2, VA), Ok(a.1));
    for asid in [1, 2] {
        bench.machine.fence_space(asid);
        bench.machine.fence_page_of(VirtAddr::new(VA), asid);
        assert_eq!(bench.read(b.0, asid, VA), Ok(a.1));
    }
    // For all ASIDs: the leaf is dropped, the table above it is not.
    bench.machine.fence_page(VirtAddr::new(VA));
    assert_eq!(bench.read(b.0, 2, VA), Ok(a.1));
    bench.machine.fence_all();
    assert_eq!(bench.read(b.0, 2, VA), Ok(b.1));
}

#[test]
fn a_global_leaf_that_was_changed_is_stale_to_every_asid() {
    let mut bench = with_asids(16);
    let (root, old) = bench.space(VA, DATA | Pte::GLOBAL);
    assert_eq!(bench.read(root, 1, VA), Ok(old));
    let new = bench.frame();
    bench.map(root, VA, new, DATA | Pte::GLOBAL);
    assert_eq!(bench.read(root, 2, VA), Ok(old));
    bench.machine.fence_page_of(VirtAddr::new(VA), 1);
    assert_eq!(bench.read(root, 1, VA), Ok(old));
    bench.machine.fence_page(VirtAddr::new(VA));
    assert_eq!(bench.read(root, 2, VA), Ok(new));
}

#[test]
fn a_fence_for_a_page_and_an_asid_ends_that_leaf_of_that_space_only() {
    let mut bench = with_asids(16);
    let [a, b] = two(&mut bench, DATA);
    let spaces = [(1, a), (2, b)];
    for (asid, (root, page)) in spaces {
        assert_eq!(bench.read(root, asid, VA), Ok(page));
        let next = bench.frame();
        bench.map(root, VA, next, DATA);
    }
    bench.machine.fence_page_of(VirtAddr::new(VA), 1);
    assert_ne!(bench.read(a.0, 1, VA), Ok(a.1));
    assert_eq!(bench.read(b.0, 2, VA), Ok(b.1), "not fenced");
    // A fence for all ASIDs covers this one.
    bench.machine.fence_page(VirtAddr::new(VA));
    assert_ne!(bench.read(b.0, 2, VA), Ok(b.1));
}

#[test]
fn that_nothing_is_there_is_held_for_each_asid() {
    let mut bench = with_asids(16);
    let [a, b] = two(&mut bench, DATA);
    let va = VA + 0x1000;
    assert!(bench.read(a.0, 1, va).is_err() && bench.read(b.0, 2, va).is_err());
    for root in [a.0, b.0] {
        bench.map(root, va, a.1, DATA);
    }
    assert!(bench.read(a.0, 1, va).is_err());
    bench.machine.fence_page_of(VirtAddr::new(va), 1);
    assert_eq!(bench.read(a.0, 1, va), Ok(a.1));
    assert!(bench.read(b.0, 2, va).is_err());
    bench.machine.fence_space(2);
    assert_eq!(bench.read(b.0, 2, va), Ok(a.1));
}

/// Ends a space with `fence` and reuses its page and tables.
fn end(fence: impl Fn(&mut Bench)) {
    let mut bench = with_asids(16);
    let (root, page) = bench.space(VA, DATA);
    assert_eq!(bench.read(root, 1, VA), Ok(page));
    let [table, leaf] = [1, 0].map(|level| bench.slot(root, VA, level));
    bench.machine.write_entry(leaf, 0);
    fence(&mut bench);
    for frame in [page, table.align_down(4096), leaf.align_down(4096)] {
        bench.machine.zero_frame(frame);
    }
}

#[test]
fn a_fence_for_its_asid_lets_a_spaces_frames_be_used_again() {
    end(|bench| bench.machine.fence_space(1));
    end(|bench| bench.machine.fence_all());
}

#[test]
#[should_panic(expected = "a fence is missing")]
fn frames_that_are_used_again_after_a_fence_for_another_asid_are_caught() {
    end(|bench| bench.machine.fence_space(2));
}

#[test]
#[should_panic(expected = "a fence is missing")]
fn tables_that_are_used_again_after_a_fence_for_the_page_alone_are_caught() {
    end(|bench| {
        let va = VirtAddr::new(VA);
        bench.machine.fence_page_of(va, 1);
        assert!(!bench.machine.holds(va), "the page itself is free");
    });
}

#[test]
#[should_panic(expected = "a fence is missing")]
fn tables_that_were_never_used_are_held_until_a_fence_for_their_own_space() {
    let mut bench = with_asids(16);
    let [a, b] = two(&mut bench, DATA);
    assert_eq!(bench.read(a.0, 1, VA), Ok(a.1));
    assert_eq!(bench.read(b.0, 2, VA), Ok(b.1));
    // A speculative walk may have reached this table.
    let leaf = bench.slot(a.0, 0x10_4000_0000, 0);
    bench.machine.fence_space(2);
    bench.machine.zero_frame(leaf.align_down(4096));
}
