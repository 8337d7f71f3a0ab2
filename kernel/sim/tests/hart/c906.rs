//! The C906 as its users report it: behaviours that emulators do not have.

use crate::bench::{Bench, CODE, DATA, PHYSMAP, RAM, USED};
use pagetable::{AccessType, MemoryType, Mode, PAGE_BYTES, PhysAddr, Pte, VirtAddr};
use sim::{HartView, Quirks, SimCause, SimFault};

const VA: u64 = 0x40_0000;

fn outcome(bench: &mut Bench, flags: u64, access: AccessType) -> Result<(), SimCause> {
    let (root, frame) = bench.space(VA, flags);
    bench.machine.fence_all();
    bench.machine.fence_code();
    let found = bench.machine.access(root, VirtAddr::new(VA), access);
    found
        .map(|at| assert_eq!(at, frame))
        .map_err(|SimFault { cause, .. }| cause)
}

#[test]
fn a_leaf_without_a_faults_on_any_access_and_without_d_on_a_store() {
    for maee in [false, true] {
        let mut bench = Bench::new(Mode::Sv39, Quirks::c906(maee));
        let ram = bench.bits(MemoryType::Ram);
        let bare = (DATA | CODE | ram) & !USED;
        for access in [AccessType::Read, AccessType::Write, AccessType::Execute] {
            assert_eq!(outcome(&mut bench, bare, access), Err(SimCause::Page));
            assert_eq!(
                outcome(&mut bench, bare | Pte::DIRTY, access),
                Err(SimCause::Page)
            );
            assert_eq!(outcome(&mut bench, bare | USED, access), Ok(()));
            let stores = access == AccessType::Write;
            let wanted = if stores { Err(SimCause::Page) } else { Ok(()) };
            assert_eq!(outcome(&mut bench, bare | Pte::ACCESSED, access), wanted);
        }
        // The same leaves succeed on a hart that sets both bits.
        let mut plain = Bench::new(Mode::Sv39, Quirks::default());
        assert_eq!(
            outcome(&mut plain, (DATA | CODE) & !USED, AccessType::Write),
            Ok(())
        );
    }
}

#[test]
fn a_fetch_from_strong_order_memory_is_an_access_fault_and_loads_are_not() {
    let mut bench = Bench::new(Mode::Sv39, Quirks::c906(true));
    let device = bench.bits(MemoryType::Device);
    let fetch = |bench: &mut Bench, flags| outcome(bench, flags, AccessType::Execute);
    assert_eq!(fetch(&mut bench, CODE | device), Err(SimCause::Access));
    assert_eq!(outcome(&mut bench, CODE | device, AccessType::Read), Ok(()));
    assert_eq!(
        outcome(&mut bench, DATA | device, AccessType::Write),
        Ok(())
    );
    // The permission check comes first; executable memory may be non-cacheable.
    assert_eq!(fetch(&mut bench, DATA | device), Err(SimCause::Page));
    for memory in [MemoryType::Ram, MemoryType::NonCacheable] {
        let bits = bench.bits(memory);
        assert_eq!(fetch(&mut bench, CODE | bits), Ok(()));
    }
    // A held translation does not bypass the check.
    let (root, _) = bench.space(VA, CODE | device);
    bench.machine.fence_all();
    let mut access = |access| bench.machine.access(root, VirtAddr::new(VA), access);
    assert!(access(AccessType::Read).is_ok());
    assert_eq!(
        access(AccessType::Execute).unwrap_err().cause,
        SimCause::Access
    );
}

#[test]
fn with_maee_clear_a_leaf_with_a_memory_type_faults() {
    for quirks in [Quirks::c906(false), Quirks::default()] {
        let mut bench = Bench::new(Mode::Sv39, quirks);
        for bit in 54..64 {
            let found = outcome(&mut bench, DATA | 1 << bit, AccessType::Read);
            assert_eq!(found, Err(SimCause::Page), "bit {bit}");
        }
        assert_eq!(outcome(&mut bench, DATA, AccessType::Read), Ok(()));
    }
    // With MAEE these five bits are defined and the five below are reserved.
    let mut bench = Bench::new(Mode::Sv39, Quirks::c906(true));
    for bit in 54..64 {
        let found = outcome(&mut bench, DATA | 1 << bit, AccessType::Read);
        assert_eq!(found.is_ok(), bit >= 59, "bit {bit}");
    }
}

/// Maps RAM at [`PHYSMAP`] with these bits and switches the kernel to it.
fn run_the_kernel(bench: &mut Bench, bits: u64) -> PhysAddr {
    let root = bench.table();
    let at = bench.slot(root, PHYSMAP + RAM, 1);
    let flags = Pte::READ | Pte::WRITE | Pte::GLOBAL | USED | bits;
    let leaf = Pte::leaf(Mode::Sv39, PhysAddr::new(RAM), flags);
    bench.machine.write_entry(at, leaf.raw());
    bench.machine.fence_all();
    bench.machine.map_kernel(root, PHYSMAP);
    root
}

#[test]
fn tables_that_are_written_past_the_cache_read_stale_to_the_walker_alone() {
    for (memory, is_seen) in [
        (Some(MemoryType::Ram), true),
        (Some(MemoryType::NonCacheable), false),
        (Some(MemoryType::Device), false),
        // Without attributes the memory is non-cacheable.
        (None, false),
    ] {
        let mut bench = Bench::new(Mode::Sv39, Quirks::c906(true));
        let (root, frame) = bench.space(VA, DATA | bench.bits(MemoryType::Ram));
        let bits = memory.map_or(0, |memory| bench.bits(memory));
        run_the_kernel(&mut bench, bits);
        let other = bench.frame();
        let ram = bench.bits(MemoryType::Ram);
        bench.map(root, VA, other, DATA | ram);
        bench.machine.fence_all();
        // The kernel reads its own write; the walker reads the old table.
        let at = bench.slot(root, VA, 0);
        let written = Pte::leaf(Mode::Sv39, other, DATA | ram).raw();
        assert_eq!(bench.machine.read_entry(at), written);
        let wanted = if is_seen { other } else { frame };
        assert_eq!(bench.read(root, 0, VA), Ok(wanted), "{memory:?}");
    }
}

#[test]
fn a_table_that_was_cleared_past_the_cache_is_noise_to_the_walker() {
    let mut bench = Bench::new(Mode::Sv39, Quirks::c906(true));
    run_the_kernel(&mut bench, 0);
    let root = bench.table();
    bench.map(root, VA, PhysAddr::new(RAM), DATA);
    bench.machine.fence_all();
    let found = bench.read(root, 0, VA).map_err(|fault| fault.cause);
    assert_eq!(found, Err(SimCause::Page), "the noise has reserved bits");
}

#[test]
fn with_maee_clear_memory_is_cached_whatever_was_meant() {
    let mut bench = Bench::new(Mode::Sv39, Quirks::c906(false));
    run_the_kernel(&mut bench, 0);
    let (root, frame) = bench.space(VA, DATA);
    assert_eq!(bench.read(root, 0, VA), Ok(frame));
}

#[test]
fn what_was_written_past_the_cache_is_written_for_good_through_it() {
    let mut bench = Bench::new(Mode::Sv39, Quirks::c906(true));
    let ram = bench.bits(MemoryType::Ram);
    let cached = run_the_kernel(&mut bench, ram);
    let past = run_the_kernel(&mut bench, 0);
    assert_ne!(cached, past);
    let (root, frame) = bench.space(VA, DATA | ram);
    assert!(bench.read(root, 0, VA).is_err());
    // Nor does the kernel see it through the other mapping.
    bench.machine.map_kernel(cached, PHYSMAP);
    assert_eq!(bench.machine.read_entry(root), 0xa5a5_a5a5_a5a5_a5a5);
    bench.machine.fence_all();
    bench.machine.zero_frame(root);
    bench.map(root, VA, frame, DATA | ram);
    bench.machine.fence_all();
    assert_eq!(bench.read(root, 0, VA), Ok(frame));
}

#[test]
#[should_panic(expected = "the kernel faults: Write")]
fn the_kernel_faults_where_its_map_does_not_let_it_write() {
    let mut bench = Bench::new(Mode::Sv39, Quirks::c906(true));
    let root = bench.table();
    let at = bench.slot(root, PHYSMAP + RAM, 1);
    let flags = Pte::READ | Pte::GLOBAL | USED | bench.bits(MemoryType::Ram);
    let leaf = Pte::leaf(Mode::Sv39, PhysAddr::new(RAM), flags);
    bench.machine.write_entry(at, leaf.raw());
    bench.machine.map_kernel(root, PHYSMAP);
    bench
        .machine
        .write_bytes(PhysAddr::new(RAM + PAGE_BYTES), &[1]);
}

#[test]
#[should_panic(expected = "the kernel faults: Write")]
fn the_kernel_faults_where_its_own_d_is_missing() {
    let mut bench = Bench::new(Mode::Sv39, Quirks::c906(false));
    let root = run_the_kernel(&mut bench, 0);
    let at = bench.slot(root, PHYSMAP + RAM, 1);
    let entry = bench.machine.read_entry(at);
    bench.machine.write_entry(at, entry & !Pte::DIRTY);
    bench.machine.zero_frame(PhysAddr::new(RAM));
}

#[test]
fn programs_and_the_kernel_have_pages_of_their_own() {
    let mut bench = Bench::new(Mode::Sv39, Quirks::default());
    let (root, frame) = bench.space(VA, DATA);
    let kernel = bench.frame();
    bench.map(root, VA + PAGE_BYTES, kernel, DATA & !Pte::USER);
    bench.machine.fence_all();
    let mut read = |view, va| {
        let found = bench
            .machine
            .access_as(view, VirtAddr::new(va), AccessType::Read);
        found.map_err(|fault| fault.cause)
    };
    let (user, own) = (HartView::user(root), HartView::kernel(root));
    assert_eq!(read(user, VA), Ok(frame));
    assert_eq!(read(own, VA), Err(SimCause::Page));
    assert_eq!(read(user, VA + PAGE_BYTES), Err(SimCause::Page));
    assert_eq!(read(own, VA + PAGE_BYTES), Ok(kernel));
}
