//! What a debugger sees and writes: looking changes nothing, writing is seen by the next fetch.

use pagetable::{AccessType, PAGE_BYTES, PhysAddr, VirtAddr};
use sim::Quirks;

use super::both;
use super::machine::{Bench, RAM_BASE, TestMachine, image_byte};
use crate::mm::{MapRequest, Object, Placement, Prot, Region, RegionKind, Space, peek, poke};

const TEXT_AT: u64 = 0x1_0000;

both! {
    looking_at_what_is_not_there_brings_nothing_in
    a_byte_written_into_text_is_fetched_and_is_nobody_elses
    memory_that_was_used_before_is_written_in_its_place
}

/// A space with two pages of text, which are mapped in place.
fn with_text<M: TestMachine>(bench: &mut Bench<M>, id: u16) -> Space {
    let mut space = bench.space(id);
    let prot = Prot::new(true, false, true);
    let object = Object::Image {
        at: PhysAddr::new(RAM_BASE),
        bytes: 2 * PAGE_BYTES as u32,
    };
    let region = Region::new(VirtAddr::new(TEXT_AT), 2, prot, RegionKind::Text, object).unwrap();
    space.add::<M>(region).unwrap();
    space
}

/// The byte that a fetch at `va` finds.
fn fetch<M: TestMachine>(bench: &mut Bench<M>, space: &mut Space, va: u64) -> u8 {
    let (at, _) = bench.touch(space, va, AccessType::Execute).unwrap();
    bench.machine.hart().ram.get(at, 1)[0]
}

fn write<M: TestMachine>(bench: &mut Bench<M>, space: &mut Space, va: u64, bytes: &[u8]) {
    let Bench {
        frames, machine, ..
    } = bench;
    poke(space, frames, machine, VirtAddr::new(va), bytes).unwrap();
}

fn looking_at_what_is_not_there_brings_nothing_in<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let space = with_text(&mut bench, 1);
    let used = bench.used();
    let mut bytes = [0; 3 * PAGE_BYTES as usize];
    let seen = peek(
        &space,
        &bench.frames.backing,
        &bench.machine,
        VirtAddr::new(TEXT_AT + 1),
        &mut bytes,
    );
    assert_eq!(seen as u64, 2 * PAGE_BYTES - 1);
    assert_eq!(bytes[..2], [image_byte(1), image_byte(2)]);
    assert_eq!((bench.used(), space.resident()), (used, 0));
}

fn a_byte_written_into_text_is_fetched_and_is_nobody_elses<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut mine = with_text(&mut bench, 1);
    // Before and after the hart has seen the page, and across a page's end.
    assert_eq!(fetch(&mut bench, &mut mine, TEXT_AT), image_byte(0));
    write(&mut bench, &mut mine, TEXT_AT, &[0xee]);
    assert_eq!(fetch(&mut bench, &mut mine, TEXT_AT), 0xee);
    write(
        &mut bench,
        &mut mine,
        TEXT_AT + PAGE_BYTES - 1,
        &[0xaa, 0xbb],
    );
    assert_eq!(fetch(&mut bench, &mut mine, TEXT_AT + PAGE_BYTES - 1), 0xaa);
    assert_eq!(fetch(&mut bench, &mut mine, TEXT_AT + PAGE_BYTES), 0xbb);
    assert_eq!(fetch(&mut bench, &mut mine, TEXT_AT), 0xee);
    // Written again, in the copy.
    write(&mut bench, &mut mine, TEXT_AT, &[image_byte(0)]);
    assert_eq!(fetch(&mut bench, &mut mine, TEXT_AT), image_byte(0));
    write(&mut bench, &mut mine, TEXT_AT, &[0xdd]);

    bench.machine.fence_all();
    let mut other = with_text(&mut bench, 2);
    assert_eq!(fetch(&mut bench, &mut other, TEXT_AT), image_byte(0));
    bench.destroy(other);
    bench.destroy(mine);
    assert_eq!(bench.used(), 0);
}

fn memory_that_was_used_before_is_written_in_its_place<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::new(quirks, 64);
    let mut space = bench.space(1);
    let base = space
        .map::<M>(Placement::ANYWHERE, &MapRequest::zeros(2))
        .unwrap()
        .raw();
    bench.store(&mut space, base, 7).unwrap();
    let pages = bench.frames.counts().pages;
    write(&mut bench, &mut space, base, &[9]);
    assert_eq!(bench.load(&mut space, base), Ok(9));
    assert_eq!(bench.frames.counts().pages, pages);
}
