//! Every allocation fails once: the state afterwards is the state before.

use abi::Error;
use pagetable::{PAGE_BYTES, PhysAddr, VirtAddr};
use sim::Quirks;

use super::machine::{Bench, RAM_BASE, Sv32, Sv39, TestMachine};
use crate::mm::{
    Budget, MapRequest, Object, Objects, Placement, Prot, Region, RegionKind, Space, audit, poke,
};

/// What is refused for want of memory is as if it had not been asked for.
#[test]
fn every_allocation_fails_once_and_leaves_nothing_behind() {
    each_fails::<Sv39>();
    each_fails::<Sv32>();
}

type Deed<M> = fn(&mut Space, &mut Bench<M>) -> Result<(), Error>;

fn each_fails<M: TestMachine>() {
    let deeds: [(&str, Deed<M>); 8] = [
        ("copy", |space, bench| {
            let load = bench.load(space, FILE);
            load.map(drop).map_err(|_| Error::OutOfMemory)
        }),
        ("poke", |space, bench| {
            let (frames, machine) = (&mut bench.frames, &mut bench.machine);
            poke(
                space,
                frames,
                machine,
                VirtAddr::new(FILE + PAGE_BYTES),
                &[1],
            )
        }),
        ("share", |space, bench| {
            let mut objects = Objects::EMPTY;
            let (frames, machine) = (&mut bench.frames, &mut bench.machine);
            let id = objects.create(1, 1, frames, machine)?;
            let (object, pages) = objects.attach(id)?;
            let wanted = MapRequest {
                kind: RegionKind::Shared,
                object,
                ..MapRequest::zeros(pages.into())
            };
            let at = space.map::<M>(Placement::ANYWHERE, &wanted)?;
            let stored = bench.store(space, at.raw(), 1);
            // As a task ends that gets no further.
            let (frames, machine) = (&mut bench.frames, &mut bench.machine);
            space.unmap(at, PAGE_BYTES, frames, machine)?;
            objects.creator_ended(1);
            objects.reap(
                [&*space].into_iter(),
                &mut Budget::of_an_entry(),
                frames,
                machine,
            );
            stored.map_err(|_| Error::OutOfMemory)
        }),
        ("touch", |space, bench| {
            let store = bench.store(space, 0x200_0000, 1);
            store.map_err(|_| Error::OutOfMemory)
        }),
        ("wired", |space, bench| {
            let wanted = MapRequest::zeros(9);
            let (frames, machine) = (&mut bench.frames, &mut bench.machine);
            space
                .map_wired(Placement::ANYWHERE, &wanted, frames, machine)
                .map(drop)
        }),
        ("protect", |space, bench| {
            let (frames, machine) = (&mut bench.frames, &mut bench.machine);
            let va = VirtAddr::new(LARGE + 5 * PAGE_BYTES);
            space.protect(va, PAGE_BYTES, Prot::READ, frames, machine)
        }),
        ("unmap", |space, bench| {
            let (frames, machine) = (&mut bench.frames, &mut bench.machine);
            let va = VirtAddr::new(LARGE + PAGE_BYTES);
            space.unmap(
                va,
                2 * M::MODE.leaf_bytes(1) - 2 * PAGE_BYTES,
                frames,
                machine,
            )
        }),
        ("create", |_, bench| {
            let mut space =
                Space::create(9, &mut bench.frames, &mut bench.machine, bench.kernel_root)?;
            space.destroy(&mut bench.frames, &mut bench.machine);
            Ok(())
        }),
    ];
    for (name, deed) in deeds {
        let mut succeeded = false;
        for fails in 0..16 {
            let mut bench = Bench::<M>::new(Quirks::default(), 4096);
            let mut space = bench.space(1);
            let at = Placement::At(VirtAddr::new(0x200_0000));
            space.map::<M>(at, &MapRequest::zeros(4)).unwrap();
            // A page that has to be copied, and one that is mapped where it lies.
            let image = |from, base, prot| {
                let object = Object::Image {
                    at: PhysAddr::new(RAM_BASE + from),
                    bytes: PAGE_BYTES as u32,
                };
                Region::new(VirtAddr::new(base), 1, prot, RegionKind::Data, object).unwrap()
            };
            space.add::<M>(image(0, FILE, Prot::DATA)).unwrap();
            space
                .add::<M>(image(0x1000, FILE + PAGE_BYTES, Prot::TEXT))
                .unwrap();
            let large = MapRequest::zeros(2 * M::MODE.leaf_bytes(1) / PAGE_BYTES);
            let at = Placement::At(VirtAddr::new(LARGE));
            let (frames, machine) = (&mut bench.frames, &mut bench.machine);
            space.map_wired(at, &large, frames, machine).unwrap();
            // What a debugger writes to is there.
            bench.load(&mut space, FILE + PAGE_BYTES).unwrap();
            let state = |space: &Space, bench: &Bench<M>| {
                let counts = bench.frames.counts();
                let table = super::entries::all(space, &bench.machine);
                (
                    space.regions().to_vec(),
                    counts.used(),
                    space.resident(),
                    table,
                )
            };
            let before = state(&space, &bench);
            bench.frames.fail_after = Some(fails);
            let answer = deed(&mut space, &mut bench);
            bench.frames.fail_after = None;
            if answer.is_ok() {
                succeeded = true;
                break;
            }
            assert_eq!(answer, Err(Error::OutOfMemory), "{name}");
            assert_eq!(state(&space, &bench), before, "{name}, allocation {fails}");
            let found = audit(
                &mut bench.frames,
                &bench.machine,
                [&space].into_iter(),
                &Objects::EMPTY,
            );
            assert_eq!(found.first, None, "{name}, allocation {fails}");
        }
        assert!(succeeded, "{name}: with memory it works");
    }
}

/// Where the large leaves of `each_fails` are.
const LARGE: u64 = 0x1000_0000;
/// Where the pages of a file are.
const FILE: u64 = 0x300_0000;
