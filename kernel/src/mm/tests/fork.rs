//! Pages that a fork makes common, and who copies them.

use abi::Outcome;
use pagetable::{AccessType, PAGE_BYTES, PhysAddr, VirtAddr};
use sim::Quirks;

use super::both;
use super::machine::{Bench, RAM_BASE, TestMachine, image_byte};
use crate::mm::{
    MapRequest, Object, Objects, Owner, Placement, Prot, Region, RegionKind, Space, audit, peek,
    poke, table,
};

both! {
    a_fork_costs_tables_alone_and_a_write_one_page
    the_last_owner_writes_in_place
    a_child_of_a_child_has_its_own_view
    every_kind_of_memory_keeps_its_meaning
    rights_that_come_back_let_no_store_through_to_a_common_page
    a_heap_that_shrinks_clears_no_bytes_of_others
    what_a_debugger_writes_is_private_to_one_of_the_family
    a_copy_without_memory_leaves_the_page_common
    every_allocation_of_a_fork_fails_once_and_leaves_no_frame_behind
}

/// Where the pages of a test are, but for those of a file.
const AT: u64 = 0x200_0000;
/// Text that lies in place in the initrd.
const TEXT: u64 = 0x2_0000;
const PAGES: u64 = 5;

/// A space with a page of text and pages that hold their number.
fn with_pages<M: TestMachine>(bench: &mut Bench<M>) -> Space {
    let mut space = bench.space(1);
    let object = Object::Image {
        at: PhysAddr::new(RAM_BASE),
        bytes: PAGE_BYTES as u32,
    };
    let text = Region::new(VirtAddr::new(TEXT), 1, Prot::TEXT, RegionKind::Text, object);
    space.add::<M>(text.unwrap()).unwrap();
    let at = Placement::At(VirtAddr::new(AT));
    space.map::<M>(at, &MapRequest::zeros(PAGES + 1)).unwrap();
    for page in 0..PAGES {
        bench
            .store(&mut space, AT + page * PAGE_BYTES, page as u8 + 1)
            .unwrap();
    }
    space
}

/// Another space has a turn: all spaces of the machine share one ASID.
fn turn<M: TestMachine>(bench: &mut Bench<M>) {
    bench.machine.fence_all();
}

#[track_caller]
fn sound<M: TestMachine>(bench: &mut Bench<M>, spaces: &[&Space], objects: &Objects) {
    let spaces = spaces.iter().copied();
    let found = audit(&mut bench.frames, &bench.machine, spaces, objects);
    assert_eq!(found.first, None, "{found:?}");
}

fn a_fork_costs_tables_alone_and_a_write_one_page<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut parent = with_pages(&mut bench);
    let before = bench.frames.counts();
    let mut child = bench.fork(&parent, 2).unwrap();
    let after = bench.frames.counts();
    assert_eq!(after.pages, before.pages);
    assert_eq!(after.tables - before.tables, u32::from(M::MODE.levels()));
    assert_eq!(child.resident(), PAGES as u32);
    sound(&mut bench, &[&parent, &child], &Objects::EMPTY);
    // A store of the parent's, right away: the hart must not let it through by what it still holds.
    let (_, outcomes) = bench.touch(&mut parent, AT, AccessType::Write).unwrap();
    assert!(outcomes.contains(&Outcome::CopiedOnWrite), "{outcomes:?}");
    bench.store(&mut parent, AT, 77).unwrap();
    assert_eq!(bench.frames.counts().pages, before.pages + 1);
    turn(&mut bench);
    assert_eq!(bench.load(&mut child, AT), Ok(1));
    bench.store(&mut child, AT + PAGE_BYTES, 88).unwrap();
    assert_eq!(bench.load(&mut child, AT + PAGE_BYTES), Ok(88));
    turn(&mut bench);
    assert_eq!(bench.load(&mut parent, AT + PAGE_BYTES), Ok(2));
    assert_eq!(bench.load(&mut parent, AT), Ok(77));
    sound(&mut bench, &[&parent, &child], &Objects::EMPTY);
    bench.destroy(child);
    bench.destroy(parent);
    assert_eq!(bench.used(), 0);
}

fn the_last_owner_writes_in_place<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut parent = with_pages(&mut bench);
    let (frame, _) = bench.touch(&mut parent, AT, AccessType::Read).unwrap();
    let child = bench.fork(&parent, 2).unwrap();
    bench.destroy(child);
    turn(&mut bench);
    let used = bench.used();
    let (after, outcomes) = bench.touch(&mut parent, AT, AccessType::Write).unwrap();
    assert!(outcomes.contains(&Outcome::LastOwner), "{outcomes:?}");
    assert_eq!((after, bench.used()), (frame, used));
    let vpn = (AT / PAGE_BYTES) as u32;
    let owner = bench.frames.owner(frame.align_down(PAGE_BYTES));
    assert_eq!(owner, Owner::Page { space: 1, vpn });
    // And once more: now it is as it was before.
    let (_, outcomes) = bench.touch(&mut parent, AT, AccessType::Write).unwrap();
    assert!(!outcomes.contains(&Outcome::LastOwner), "{outcomes:?}");
    sound(&mut bench, &[&parent], &Objects::EMPTY);
    bench.destroy(parent);
    assert_eq!(bench.used(), 0);
}

fn a_child_of_a_child_has_its_own_view<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 96);
    let mut family = vec![with_pages(&mut bench)];
    for id in 2..6 {
        let child = bench.fork(&family[usize::from(id) - 2], id).unwrap();
        family.push(child);
        turn(&mut bench);
        let youngest = family.last_mut().unwrap();
        bench.store(youngest, AT, id as u8).unwrap();
        sound(
            &mut bench,
            &family.iter().collect::<Vec<_>>(),
            &Objects::EMPTY,
        );
    }
    for (n, space) in family.iter_mut().enumerate() {
        turn(&mut bench);
        assert_eq!(bench.load(space, AT), Ok(n as u8 + 1));
        assert_eq!(bench.load(space, AT + PAGE_BYTES), Ok(2));
    }
    // In an order in which neither the oldest nor the youngest is the last.
    for place in [1, 3, 0, 1, 0] {
        let ended = family.remove(place);
        bench.destroy(ended);
        sound(
            &mut bench,
            &family.iter().collect::<Vec<_>>(),
            &Objects::EMPTY,
        );
    }
    assert_eq!(bench.used(), 0);
}

fn every_kind_of_memory_keeps_its_meaning<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 96);
    let mut parent = with_pages(&mut bench);
    bench.load(&mut parent, TEXT).unwrap();
    let mut objects = Objects::EMPTY;
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    let id = objects.create(1, 1, frames, machine).unwrap();
    let (object, pages) = objects.attach(id).unwrap();
    let wanted = MapRequest {
        kind: RegionKind::Shared,
        object,
        ..MapRequest::zeros(pages.into())
    };
    let shared = parent.map::<M>(Placement::ANYWHERE, &wanted).unwrap();
    let wanted = MapRequest::zeros(3);
    let wired = parent.map_wired(Placement::ANYWHERE, &wanted, frames, machine);
    let wired = wired.unwrap().raw();
    let device = MapRequest {
        kind: RegionKind::Device,
        object: Object::Phys {
            at: PhysAddr::new(0x1000_0000),
            memory: pagetable::MemoryType::Device,
        },
        ..MapRequest::zeros(1)
    };
    let device = parent.map::<M>(Placement::ANYWHERE, &device).unwrap().raw();
    bench.store(&mut parent, shared.raw(), 5).unwrap();
    bench.store(&mut parent, wired, 6).unwrap();
    let mut child = bench.fork(&parent, 2).unwrap();
    sound(&mut bench, &[&parent, &child], &objects);
    // Shared memory stays shared.
    turn(&mut bench);
    assert_eq!(bench.load(&mut child, shared.raw()), Ok(5));
    bench.store(&mut child, shared.raw(), 50).unwrap();
    // Text lies where it lies, zeros are zeros.
    assert_eq!(bench.load(&mut child, TEXT), Ok(image_byte(0)));
    assert_eq!(bench.load(&mut child, AT + PAGES * PAGE_BYTES), Ok(0));
    // What stays where it is, and a device, are the parent's alone.
    for at in [wired, device] {
        let refused = bench.load(&mut child, at).unwrap_err();
        assert!(
            matches!(refused.outcome, Outcome::NoRegion | Outcome::GuardPage),
            "{refused:?}"
        );
    }
    turn(&mut bench);
    assert_eq!(bench.load(&mut parent, shared.raw()), Ok(50));
    assert_eq!(bench.load(&mut parent, wired), Ok(6));
    sound(&mut bench, &[&parent, &child], &objects);
}

fn rights_that_come_back_let_no_store_through_to_a_common_page<M: TestMachine>(quirks: Quirks) {
    for prot in [Prot::NONE, Prot::READ] {
        let mut bench = Bench::<M>::new(quirks, 64);
        let mut parent = with_pages(&mut bench);
        let (va, bytes) = (VirtAddr::new(AT), PAGES * PAGE_BYTES);
        let protect = |space: &mut Space, bench: &mut Bench<M>, prot| {
            let (frames, machine) = (&mut bench.frames, &mut bench.machine);
            space.protect(va, bytes, prot, frames, machine).unwrap();
        };
        protect(&mut parent, &mut bench, prot);
        let mut child = bench.fork(&parent, 2).unwrap();
        sound(&mut bench, &[&parent, &child], &Objects::EMPTY);
        turn(&mut bench);
        protect(&mut child, &mut bench, Prot::DATA);
        bench.store(&mut child, AT, 99).unwrap();
        turn(&mut bench);
        protect(&mut parent, &mut bench, Prot::DATA);
        assert_eq!(bench.load(&mut parent, AT), Ok(1));
        bench.store(&mut parent, AT + PAGE_BYTES, 98).unwrap();
        turn(&mut bench);
        assert_eq!(bench.load(&mut child, AT + PAGE_BYTES), Ok(2));
        sound(&mut bench, &[&parent, &child], &Objects::EMPTY);
    }
}

fn a_heap_that_shrinks_clears_no_bytes_of_others<M: TestMachine>(quirks: Quirks) {
    // Within a page, and by pages: the second is a job.
    for shrunk in [-2000, -7000] {
        let mut bench = Bench::<M>::new(quirks, 64);
        let mut parent = bench.space(1);
        parent.set_heap::<M>(VirtAddr::new(AT));
        let grow = |space: &mut Space, bench: &mut Bench<M>, delta| {
            let (frames, machine) = (&mut bench.frames, &mut bench.machine);
            space.sbrk(delta, frames, machine)
        };
        let heap = grow(&mut parent, &mut bench, 12_000).unwrap().raw();
        for at in [0, 5_000, 6_000, 10_500] {
            bench.store(&mut parent, heap + at, 7).unwrap();
        }
        let mut child = bench.fork(&parent, 2).unwrap();
        turn(&mut bench);
        bench.frames.fail_after = Some(0);
        let refused = grow(&mut child, &mut bench, shrunk);
        assert_eq!(refused, Err(abi::Error::OutOfMemory));
        bench.frames.fail_after = None;
        grow(&mut child, &mut bench, shrunk).unwrap();
        grow(&mut child, &mut bench, -shrunk).unwrap();
        let end = 12_000 + shrunk;
        for at in [0, 5_000, 6_000, 10_500] {
            let due = if i64::try_from(at).unwrap() < end {
                7
            } else {
                0
            };
            assert_eq!(bench.load(&mut child, heap + at), Ok(due), "at {at}");
        }
        turn(&mut bench);
        for at in [0, 5_000, 6_000, 10_500] {
            assert_eq!(bench.load(&mut parent, heap + at), Ok(7), "at {at}");
        }
        sound(&mut bench, &[&parent, &child], &Objects::EMPTY);
    }
}

fn what_a_debugger_writes_is_private_to_one_of_the_family<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut parent = with_pages(&mut bench);
    // A breakpoint of before: a copy of the text, which the child has in common.
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    poke(&mut parent, frames, machine, VirtAddr::new(TEXT), &[200]).unwrap();
    let mut child = bench.fork(&parent, 2).unwrap();
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    for at in [AT, TEXT + 1] {
        poke(&mut child, frames, machine, VirtAddr::new(at), &[201]).unwrap();
    }
    let seen = |space: &Space, at: u64| {
        let mut byte = [0];
        let (backing, machine) = (&bench.frames.backing, &bench.machine);
        assert_eq!(
            peek(space, backing, machine, VirtAddr::new(at), &mut byte),
            1
        );
        byte[0]
    };
    assert_eq!(
        [AT, TEXT, TEXT + 1].map(|at| seen(&child, at)),
        [201, 200, 201]
    );
    let own = [AT, TEXT, TEXT + 1].map(|at| seen(&parent, at));
    assert_eq!(own, [1, 200, image_byte(1)]);
    sound(&mut bench, &[&parent, &child], &Objects::EMPTY);
    bench.destroy(child);
    bench.destroy(parent);
    assert_eq!(bench.used(), 0);
}

fn a_copy_without_memory_leaves_the_page_common<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut parent = with_pages(&mut bench);
    let child = bench.fork(&parent, 2).unwrap();
    let entry = |bench: &Bench<M>, space: &Space| {
        table::walk(&bench.machine, space.root(), VirtAddr::new(AT)).entry
    };
    let before = entry(&bench, &parent);
    bench.frames.fail_after = Some(0);
    let refused = bench.store(&mut parent, AT, 9).unwrap_err();
    assert_eq!(refused.outcome, Outcome::OutOfMemory);
    assert_eq!(entry(&bench, &parent), before);
    bench.frames.fail_after = None;
    sound(&mut bench, &[&parent, &child], &Objects::EMPTY);
    bench.store(&mut parent, AT, 9).unwrap();
}

fn every_allocation_of_a_fork_fails_once_and_leaves_no_frame_behind<M: TestMachine>(
    quirks: Quirks,
) {
    let mut bench = Bench::<M>::new(quirks, 128);
    let mut parent = with_pages(&mut bench);
    // In three tables, so that the last one fails with pages in common.
    let far = [AT + (64 << 20), AT + (128 << 20)];
    for at in far {
        let place = Placement::At(VirtAddr::new(at));
        parent.map::<M>(place, &MapRequest::zeros(1)).unwrap();
        bench.store(&mut parent, at, 9).unwrap();
    }
    let used = bench.used();
    for fails in 0.. {
        bench.frames.fail_after = Some(fails);
        let child = bench.fork(&parent, 2);
        bench.frames.fail_after = None;
        if let Some(child) = child {
            assert!(fails >= 4, "a root and three tables");
            bench.destroy(child);
            break;
        }
        assert_eq!(bench.used(), used, "allocation {fails}");
        sound(&mut bench, &[&parent], &Objects::EMPTY);
        for page in 0..PAGES {
            let at = AT + page * PAGE_BYTES;
            assert_eq!(bench.load(&mut parent, at), Ok(page as u8 + 1));
            bench.store(&mut parent, at, page as u8 + 1).unwrap();
        }
        assert_eq!(bench.used(), used, "its last owner needs no copy");
    }
    bench.destroy(parent);
    assert_eq!(bench.used(), 0);
}
