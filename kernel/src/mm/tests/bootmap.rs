//! The kernel's own map, built as boot builds it and judged page by page: on each board's memory,
//! and on a C906 with memory types and without.

use std::collections::{BTreeMap, BTreeSet};

use pagetable::{
    AccessType, Attributes, Dialect, Mapping, Mode, PAGE_BYTES, PhysAddr, Pte, VirtAddr,
};
use sim::{HartView, Quirks, SimCause};

use super::both;
use super::machine::{Bench, TestMachine};
use super::world::{BACKED, GUARD, IMAGE_BYTES, TEXT_END, World, range};
use crate::mm::bootmap::{BootMapError, BootMapPlan, TABLES, build};
use crate::mm::{BootRam, Fast, FrameDescriptor, Frames, MapRequest, Placement};
use crate::tree::Range;

both! {
    every_page_is_mapped_once_as_planned_and_no_other
    what_runs_is_never_written_at_any_address
    every_leaf_is_global_the_kernels_and_used
    firmwares_memory_is_not_mapped
    the_page_below_the_stack_is_absent
    devices_are_typed_as_devices_and_ram_as_ram
    the_text_can_be_fetched_and_nothing_else
    tables_written_through_the_map_are_never_stale
    tables_written_past_the_cache_leave_no_kernel
    all_tables_are_the_first_of_the_pool_and_none_is_given_away
    too_few_tables_are_an_error
}

fn meet(mapping: &Mapping, range: Range) -> bool {
    let at = mapping.at.raw();
    at < range.end() && range.base < at + mapping.bytes
}

fn every_page_is_mapped_once_as_planned_and_no_other<M: TestMachine>(quirks: Quirks) {
    World::<M>::each(quirks, |mut world| {
        let mut mapped = BTreeMap::new();
        for mapping in world.mappings() {
            let rights = mapping.leaf.pte.raw() & (Pte::READ | Pte::WRITE | Pte::EXEC);
            for page in (0..mapping.bytes).step_by(PAGE_BYTES as usize) {
                let at = (mapping.at.raw() + page, rights);
                assert_eq!(mapped.insert(mapping.va.raw() + page, at), None);
            }
        }
        let planned = world.planned();
        for (va, wanted) in &planned {
            assert_eq!(mapped.get(va), Some(wanted), "{va:#x}");
        }
        assert_eq!(mapped.len(), planned.len(), "and no other");
    });
}

fn what_runs_is_never_written_at_any_address<M: TestMachine>(quirks: Quirks) {
    World::<M>::each(quirks, |mut world| {
        let mappings = world.mappings();
        let may = |right| {
            mappings
                .iter()
                .filter(move |mapping| mapping.leaf.pte.has(right))
        };
        let text: u64 = may(Pte::EXEC).map(|mapping| mapping.bytes).sum();
        assert_eq!(text, TEXT_END);
        for run in may(Pte::EXEC) {
            let frames = range(run.at.raw(), run.bytes);
            assert!(!may(Pte::WRITE).any(|written| meet(written, frames)));
        }
    });
}

fn every_leaf_is_global_the_kernels_and_used<M: TestMachine>(quirks: Quirks) {
    World::<M>::each(quirks, |mut world| {
        for mapping in world.mappings() {
            let pte = mapping.leaf.pte;
            assert!(pte.has(Pte::GLOBAL | Pte::ACCESSED | Pte::DIRTY), "{pte:x}");
            assert!(!pte.has(Pte::USER), "{pte:x}");
        }
    });
}

fn firmwares_memory_is_not_mapped<M: TestMachine>(quirks: Quirks) {
    World::<M>::each(quirks, |mut world| {
        let mappings = world.mappings();
        for held in world.held {
            assert!(!mappings.iter().any(|mapping| meet(mapping, held)));
            let seen = World::<M>::VIRTUAL.phys_to_virt(PhysAddr::new(held.base));
            for access in [AccessType::Read, AccessType::Write, AccessType::Execute] {
                assert_eq!(world.access(seen, access), Err(SimCause::Page));
            }
        }
    });
}

fn the_page_below_the_stack_is_absent<M: TestMachine>(quirks: Quirks) {
    World::<M>::each(quirks, |mut world| {
        let guard = World::<M>::VIRTUAL.link + GUARD;
        let frame = world.layout.base.wrapping_add(GUARD);
        assert_eq!(world.access(guard, AccessType::Write), Err(SimCause::Page));
        let last = guard + PAGE_BYTES - 8;
        assert_eq!(world.access(last, AccessType::Read), Err(SimCause::Page));
        for (va, at) in [
            (guard - 8, frame.raw() - 8),
            (guard + PAGE_BYTES, frame.raw() + PAGE_BYTES),
        ] {
            assert_eq!(world.access(va, AccessType::Write), Ok(PhysAddr::new(at)));
        }
    });
}

fn devices_are_typed_as_devices_and_ram_as_ram<M: TestMachine>(quirks: Quirks) {
    World::<M>::each(quirks, |mut world| {
        let pages = world.wiring.device_pages().map(|it| it.page);
        let pages: BTreeSet<u64> = pages.collect();
        let mut seen = 0;
        for mapping in world.mappings() {
            let is_device = !world.ram.iter().any(|&ram| meet(&mapping, ram));
            seen += usize::from(is_device);
            assert_eq!(is_device, pages.contains(&mapping.at.raw()));
            // By the manual's bits: SO and SH, or C, B and SH. Without them nothing is set.
            let upper = mapping.leaf.pte.raw() >> 59;
            let wanted = match (mapping.leaf.attributes, is_device) {
                (Attributes::Pbmt(_), _) => 0,
                (Attributes::THead(_), true) => 0b1_0010,
                (Attributes::THead(_), false) => 0b0_1110,
            };
            assert_eq!(upper, wanted, "{:x}", mapping.leaf.pte);
        }
        assert_eq!(seen, pages.len());
        let is_thead = |mapping: &Mapping| matches!(mapping.leaf.attributes, Attributes::THead(_));
        assert_eq!(
            world.mappings().iter().all(is_thead),
            has_memory_types::<M>(quirks)
        );
    });
}

fn the_text_can_be_fetched_and_nothing_else<M: TestMachine>(quirks: Quirks) {
    World::<M>::each(quirks, |mut world| {
        let link = World::<M>::VIRTUAL.link;
        for (va, (at, rights)) in world.planned() {
            let is_text = (link..link + TEXT_END).contains(&va);
            assert_eq!(rights & Pte::EXEC != 0, is_text);
            // All of the Image; of what is large a page here and there.
            if at % 0x1_d000 == 0 || va >= link {
                let wanted = is_text.then_some(PhysAddr::new(at)).ok_or(SimCause::Page);
                assert_eq!(world.access(va, AccessType::Execute), wanted, "{va:#x}");
                assert_eq!(world.access(va, AccessType::Read), Ok(PhysAddr::new(at)));
                let hart = world.machine.hart();
                let user = HartView::user(world.root);
                assert!(
                    hart.access_as(user, VirtAddr::new(va), AccessType::Read)
                        .is_err()
                );
            }
        }
    });
}

fn tables_written_through_the_map_are_never_stale<M: TestMachine>(quirks: Quirks) {
    World::<M>::each(quirks, |world| {
        let mut ram = BootRam::new();
        ram.add(world.ram[0].base, BACKED).unwrap();
        for held in world.held {
            ram.reserve(held.base, held.bytes).unwrap();
        }
        ram.reserve(world.layout.base.raw(), IMAGE_BYTES).unwrap();
        let noise =
            vec![FrameDescriptor::NOISE; Frames::table_bytes(&ram) / size_of::<FrameDescriptor>()];
        let fast = Box::leak(Box::new(Fast::EMPTY));
        let mut bench = Bench {
            machine: world.machine,
            frames: Frames::new(noise.leak(), fast, ram, None, None),
            kernel_root: world.root,
        };
        let used = bench.used();
        // Frames go through many hands: a page of one space is a table of the next.
        for round in 0..4u8 {
            let mut space = bench.space(round.into());
            let wanted = MapRequest::zeros(40);
            let base = space.map::<M>(Placement::ANYWHERE, &wanted).unwrap().raw();
            for page in 0..40 {
                let va = base + page * PAGE_BYTES;
                bench.store(&mut space, va, round + 1).unwrap();
                assert_eq!(bench.load(&mut space, va), Ok(round + 1));
            }
            // Changed, not only entered.
            let half = 20 * PAGE_BYTES;
            let Bench {
                frames, machine, ..
            } = &mut bench;
            let from = VirtAddr::new(base);
            space.unmap(from, half, frames, machine).unwrap();
            assert!(bench.load(&mut space, base).is_err());
            assert_eq!(bench.load(&mut space, base + half), Ok(round + 1));
            bench.destroy(space);
            assert_eq!(bench.used(), used);
            bench.machine.fence_all();
        }
    });
}

/// RAM of QEMU's `virt`.
const VIRT: Range = Range {
    base: 0x8000_0000,
    bytes: 128 << 20,
};

fn has_memory_types<M: TestMachine>(quirks: Quirks) -> bool {
    quirks.dialect == Dialect::THead && M::MODE == Mode::Sv39
}

/// What came of it if `entry.S` did not ask for MAEE: the machine does not forgive it.
fn tables_written_past_the_cache_leave_no_kernel<M: TestMachine>(quirks: Quirks) {
    let mut world = World::<M>::before(quirks, "qemu-virt", VIRT);
    world.enter(0);
    world.build().unwrap();
    let wanted = if has_memory_types::<M>(quirks) {
        Err(SimCause::Page)
    } else {
        Ok(world.layout.base)
    };
    let found = world.access(World::<M>::VIRTUAL.link, AccessType::Execute);
    assert_eq!(found, wanted);
}

/// The rest of the pool goes to the frame allocator.
fn all_tables_are_the_first_of_the_pool_and_none_is_given_away<M: TestMachine>(quirks: Quirks) {
    World::<M>::each(quirks, |mut world| {
        let pool = world.layout.base.wrapping_add(world.layout.tables);
        let first = (0..world.tables as u64).map(|n| pool.wrapping_add(n * PAGE_BYTES));
        let first: BTreeSet<PhysAddr> = first.collect();
        assert_eq!(world.seen_tables(), first);
        assert!(world.tables <= TABLES);
    });
}

fn too_few_tables_are_an_error<M: TestMachine>(quirks: Quirks) {
    // Every piece of RAM lies in leaf tables of its own.
    let step = M::MODE.leaf_bytes(1);
    let pieces = (1..=TABLES as u64).map(|n| range(VIRT.base + n * step, 0x5000));
    let pieces: Vec<Range> = pieces.collect();
    for (count, fits) in [(TABLES, false), (TABLES / 2, true)] {
        let mut world = World::<M>::before(quirks, "qemu-virt", VIRT);
        let plan = BootMapPlan {
            layout: world.layout,
            image_bytes: IMAGE_BYTES,
            ram: &pieces[..count],
            held: &[],
            wiring: &world.wiring,
        };
        let built = build(&mut world.machine, &plan).map(|_| ());
        let wanted = if fits {
            Ok(())
        } else {
            Err(BootMapError::TablesExhausted)
        };
        assert_eq!(built, wanted);
    }
}
