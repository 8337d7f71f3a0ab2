//! Invalid entries may be kept: those above the leaves until a fence without an address.

use pagetable::{AccessType, Mode, PAGE_BYTES, PhysAddr, Pte, VirtAddr};
use sim::{Quirks, SimMachine, SimRam};

const BASE: u64 = 0x8000_0000;

/// A frame of RAM, by index.
fn frame(number: u64) -> PhysAddr {
    PhysAddr::new(BASE + number * PAGE_BYTES)
}

/// A hart whose root, frame 0, is zero.
fn hart(quirks: Quirks) -> SimMachine {
    let mut hart = SimMachine::new(Mode::Sv32, SimRam::new(BASE, 8), quirks);
    for number in [0, 1] {
        hart.zero_frame(frame(number));
    }
    hart
}

fn entry(hart: &mut SimMachine, table: u64, index: u64, value: u64) {
    let at = frame(table).wrapping_add(index * Mode::Sv32.entry_bytes() as u64);
    hart.write_entry(at, value);
}

fn leaf(number: u64) -> u64 {
    Pte::leaf(
        Mode::Sv32,
        frame(number),
        Pte::VALID | Pte::READ | Pte::USER | Pte::ACCESSED,
    )
    .raw()
}

const VA: VirtAddr = VirtAddr::new(0x40_3000);

#[test]
fn a_fence_for_an_address_does_not_end_a_hole_above_the_leaves() {
    for keeps_holes in [false, true] {
        let mut hart = hart(Quirks {
            keeps_holes,
            ..Quirks::default()
        });
        let load = |hart: &mut SimMachine| hart.access(frame(0), VA, AccessType::Read).is_ok();
        assert!(!load(&mut hart));
        entry(&mut hart, 1, 3, leaf(5));
        entry(&mut hart, 0, 1, Pte::pointer(Mode::Sv32, frame(1)).raw());
        hart.fence_page(VA);
        assert_eq!(load(&mut hart), !keeps_holes);
        hart.fence_all();
        assert!(load(&mut hart));
    }
}

#[test]
fn entries_of_a_line_that_were_invalid_are_kept_until_their_own_fence() {
    for reads_lines in [false, true] {
        let mut hart = hart(Quirks {
            reads_lines,
            ..Quirks::default()
        });
        entry(&mut hart, 0, 1, Pte::pointer(Mode::Sv32, frame(1)).raw());
        entry(&mut hart, 1, 3, leaf(5));
        let at = |hart: &mut SimMachine, va: u64| {
            let va = VirtAddr::new(va);
            hart.access(frame(0), va, AccessType::Read).is_ok()
        };
        assert!(at(&mut hart, 0x40_3000));
        // A neighbour within the same 64 bytes, and the first of the next.
        entry(&mut hart, 1, 4, leaf(6));
        entry(&mut hart, 1, 16, leaf(7));
        assert_eq!(at(&mut hart, 0x40_4000), !reads_lines);
        assert!(at(&mut hart, 0x41_0000));
        hart.fence_page(VirtAddr::new(0x40_4000));
        assert!(at(&mut hart, 0x40_4000));
    }
}
