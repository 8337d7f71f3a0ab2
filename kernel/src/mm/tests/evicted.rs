//! Pages that go and come back: what goes, what it costs the store, and what is found afterwards.

use abi::{Access, Outcome};
use pagetable::{AccessType, PAGE_BYTES, PhysAddr, Pte, VirtAddr};
use sim::Quirks;

use super::both;
use super::machine::{Bench, IMAGE_FRAMES, RAM_BASE, TestMachine, image_byte};
use crate::mm::store::Failing;
use crate::mm::{
    Budget, MapRequest, Object, Objects, PageInFailed, PageRequest, Placement, Policy, Prot,
    ReclaimSpaces, Region, RegionKind, Space, audit, page_in, peek, poke, reclaim, table,
};

both! {
    a_written_page_comes_back_as_it_was
    a_clean_page_that_the_store_has_is_not_written_again
    pages_that_are_as_at_first_are_dropped_and_need_no_slot
    wired_pages_and_devices_never_go
    a_shared_page_goes_from_all_who_have_it
    a_page_that_must_come_back_can_when_the_store_is_full
    a_debugger_reads_a_page_in_the_store_and_leaves_it_there
    what_a_debugger_wrote_into_text_is_not_dropped
    a_page_without_rights_goes_and_keeps_what_it_holds
    used_pages_outlive_unused_ones
    pages_of_every_kind_come_back_from_where_they_are_compressed
    a_flipped_bit_in_a_compressed_page_is_found_and_no_other_page_suffers
    a_store_that_fails_loses_nothing_that_it_has_taken
    a_choice_clears_few_entries_whether_all_half_or_no_pages_are_used
}

struct All<'a>(&'a mut [Space]);

impl ReclaimSpaces for All<'_> {
    fn get(&mut self, id: u16) -> Option<&mut Space> {
        self.0.iter_mut().find(|space| space.id() == id)
    }

    fn each(&mut self, mut see: impl FnMut(&mut Space, bool)) {
        self.0.iter_mut().for_each(|space| see(space, false));
    }
}

fn zeros<M: TestMachine>(space: &mut Space, pages: u64) -> u64 {
    let base = space.map::<M>(Placement::ANYWHERE, &MapRequest::zeros(pages));
    base.unwrap().raw()
}

/// So many frames are to be free; how many are.
fn evict<M: TestMachine>(bench: &mut Bench<M>, spaces: &mut [Space], wanted: u32) -> u32 {
    evict_with(bench, spaces, &Objects::EMPTY, (wanted, false))
}

fn evict_with<M: TestMachine>(
    bench: &mut Bench<M>,
    spaces: &mut [Space],
    objects: &Objects,
    how: (u32, bool),
) -> u32 {
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    reclaim(frames, machine, &mut All(spaces), objects, how).frames
}

fn must_be_sound<M: TestMachine>(bench: &mut Bench<M>, spaces: &[Space], objects: &Objects) {
    let found = audit(&mut bench.frames, &bench.machine, spaces.iter(), objects);
    assert_eq!(found.first, None, "{found:?}");
}

fn a_choice_clears_few_entries_whether_all_half_or_no_pages_are_used<M: TestMachine>(
    quirks: Quirks,
) {
    const PAGES: u64 = 400;
    for used_of in [1, 2, PAGES + 1] {
        let mut bench = Bench::<M>::with_store(quirks, PAGES as usize + 64, 64);
        let mut spaces = [bench.space(1)];
        let at = zeros::<M>(&mut spaces[0], PAGES);
        let entry = |bench: &Bench<M>, space: &Space, page: u64| {
            let va = VirtAddr::new(at + page * PAGE_BYTES);
            table::walk(&bench.machine, space.root(), va)
        };
        for page in 0..PAGES {
            bench
                .store(&mut spaces[0], at + page * PAGE_BYTES, 1)
                .unwrap();
            if !(page + 1).is_multiple_of(used_of) {
                let stop = entry(&bench, &spaces[0], page);
                let value = stop.entry & !Pte::ACCESSED;
                bench.machine.write_entry(stop.at, value);
            }
        }
        bench.machine.fence_all();
        let used = |bench: &Bench<M>, spaces: &[Space]| {
            let is_used = |page: &u64| entry(bench, &spaces[0], *page).entry & Pte::ACCESSED != 0;
            (0..PAGES).filter(is_used).count()
        };
        let before = used(&bench, &spaces);
        assert_eq!(before as u64, PAGES / used_of);
        assert_eq!(evict(&mut bench, &mut spaces, 1), 1);
        let cleared = before - used(&bench, &spaces);
        assert!(cleared <= 40, "{cleared} of {before}");
        must_be_sound(&mut bench, &spaces, &Objects::EMPTY);
    }
}

fn a_written_page_comes_back_as_it_was<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::with_store(quirks, 32, 16);
    let mut spaces = [bench.space(1)];
    let at = zeros::<M>(&mut spaces[0], 4);
    for page in 0..4 {
        let va = at + page * PAGE_BYTES + page;
        bench.store(&mut spaces[0], va, 7 + page as u8).unwrap();
    }
    let used = bench.used();
    assert_eq!(evict(&mut bench, &mut spaces, 4), 4);
    assert_eq!(bench.used(), used - 4);
    assert_eq!((spaces[0].resident(), spaces[0].swapped()), (0, 4));
    must_be_sound(&mut bench, &spaces, &Objects::EMPTY);
    for page in 0..4 {
        let va = at + page * PAGE_BYTES + page;
        let (_, how) = bench.touch(&mut spaces[0], va, AccessType::Read).unwrap();
        assert_eq!(how[0], Outcome::PagedIn);
        assert_eq!(bench.load(&mut spaces[0], va), Ok(7 + page as u8));
        assert_eq!(bench.load(&mut spaces[0], va + 100), Ok(0));
    }
    let counts = bench.frames.backing.counts();
    assert_eq!((counts.out, counts.back), (4, 4));
    must_be_sound(&mut bench, &spaces, &Objects::EMPTY);
    let [space] = spaces;
    bench.destroy(space);
    assert_eq!((bench.used(), bench.frames.backing.slots().used()), (0, 0));
}

fn a_clean_page_that_the_store_has_is_not_written_again<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::with_store(quirks, 32, 16);
    let mut spaces = [bench.space(1)];
    let at = zeros::<M>(&mut spaces[0], 2);
    for page in 0..2 {
        bench
            .store(&mut spaces[0], at + page * PAGE_BYTES, 5)
            .unwrap();
    }
    assert_eq!(evict(&mut bench, &mut spaces, 2), 2);
    // One is only read, the other is written.
    assert_eq!(bench.load(&mut spaces[0], at), Ok(5));
    bench.store(&mut spaces[0], at + PAGE_BYTES, 6).unwrap();
    must_be_sound(&mut bench, &spaces, &Objects::EMPTY);
    assert_eq!(bench.frames.backing.counts().out, 2);
    assert_eq!(evict(&mut bench, &mut spaces, 2), 2);
    assert_eq!(
        bench.frames.backing.counts().out,
        3,
        "the written one alone"
    );
    let evicted = bench.frames.evictor.counts();
    assert_eq!((evicted.clean, evicted.dirty), (1, 3));
    assert_eq!(bench.load(&mut spaces[0], at), Ok(5));
    assert_eq!(bench.load(&mut spaces[0], at + PAGE_BYTES), Ok(6));
    must_be_sound(&mut bench, &spaces, &Objects::EMPTY);
}

/// A file's copied pages and untouched zeros.
fn pages_that_are_as_at_first_are_dropped_and_need_no_slot<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::with_store(quirks, 32, 16);
    let mut spaces = [bench.space(1)];
    let object = Object::Image {
        at: PhysAddr::new(RAM_BASE),
        bytes: 5000,
    };
    let base = 0x10_0000;
    let data = Region::new(VirtAddr::new(base), 2, Prot::DATA, RegionKind::Data, object);
    spaces[0].add::<M>(data.unwrap()).unwrap();
    let zeros = zeros::<M>(&mut spaces[0], 1);
    for va in [base, base + PAGE_BYTES, zeros] {
        bench.load(&mut spaces[0], va).unwrap();
    }
    assert_eq!(evict(&mut bench, &mut spaces, 8), 3);
    assert_eq!((spaces[0].resident(), spaces[0].swapped()), (0, 0));
    assert_eq!(bench.frames.backing.slots().used(), 0);
    assert_eq!(bench.load(&mut spaces[0], base + 9), Ok(image_byte(9)));
    assert_eq!(bench.load(&mut spaces[0], base + 5000), Ok(0));
    // Written, it is dropped no more.
    bench.store(&mut spaces[0], base + 9, 99).unwrap();
    assert!(evict(&mut bench, &mut spaces, 8) > 0);
    assert_eq!(spaces[0].swapped(), 1);
    assert_eq!(bench.load(&mut spaces[0], base + 9), Ok(99));
    assert_eq!(bench.load(&mut spaces[0], base + 10), Ok(image_byte(10)));
    must_be_sound(&mut bench, &spaces, &Objects::EMPTY);
}

fn wired_pages_and_devices_never_go<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::with_store(quirks, 32, 16);
    let mut spaces = [bench.space(1)];
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    let wired = spaces[0]
        .map_wired(Placement::ANYWHERE, &MapRequest::zeros(3), frames, machine)
        .unwrap();
    let device = Region::new(
        VirtAddr::new(0x20_0000),
        1,
        Prot::DATA,
        RegionKind::Device,
        Object::Phys {
            at: PhysAddr::new(RAM_BASE + (IMAGE_FRAMES as u64 - 1) * PAGE_BYTES),
            memory: pagetable::MemoryType::Ram,
        },
    );
    spaces[0].add::<M>(device.unwrap()).unwrap();
    bench.load(&mut spaces[0], 0x20_0000).unwrap();
    bench.store(&mut spaces[0], wired.raw(), 1).unwrap();
    let before = bench.used();
    for policy in ["clock", "nru", "lru"] {
        bench.frames.evictor.policy = Policy::named(policy).unwrap();
        assert_eq!(evict(&mut bench, &mut spaces, 8), 0, "{policy}");
    }
    assert_eq!((bench.used(), spaces[0].resident()), (before, 4));
}

fn a_shared_page_goes_from_all_who_have_it<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::with_store(quirks, 40, 8);
    let mut spaces = [bench.space(1), bench.space(2)];
    let mut objects = Objects::EMPTY;
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    let id = objects.create(2, 1, frames, machine).unwrap();
    let (object, pages) = objects.attach(id).unwrap();
    let wanted = MapRequest {
        kind: RegionKind::Shared,
        object,
        ..MapRequest::zeros(pages.into())
    };
    let at: Vec<u64> = spaces
        .iter_mut()
        .map(|space| space.map::<M>(Placement::ANYWHERE, &wanted).unwrap().raw())
        .collect();
    bench.store(&mut spaces[0], at[0] + PAGE_BYTES, 3).unwrap();
    assert_eq!(bench.load(&mut spaces[1], at[1] + PAGE_BYTES), Ok(3));
    assert_eq!(evict_with(&mut bench, &mut spaces, &objects, (8, false)), 1);
    assert_eq!((spaces[0].resident(), spaces[1].resident()), (0, 0));
    assert_eq!(bench.frames.backing.slots().used(), 1);
    must_be_sound(&mut bench, &spaces, &objects);
    let (_, how) = bench
        .touch(&mut spaces[1], at[1] + PAGE_BYTES, AccessType::Read)
        .unwrap();
    assert_eq!(how[0], Outcome::PagedIn);
    assert_eq!(bench.load(&mut spaces[1], at[1] + PAGE_BYTES), Ok(3));
    bench.store(&mut spaces[1], at[1] + PAGE_BYTES, 4).unwrap();
    assert_eq!(bench.load(&mut spaces[0], at[0] + PAGE_BYTES), Ok(4));
    // One that is in the store when its object ends frees its slot.
    assert_eq!(evict_with(&mut bench, &mut spaces, &objects, (1, false)), 1);
    must_be_sound(&mut bench, &spaces, &objects);
    for space in spaces {
        bench.destroy(space);
    }
    objects.creator_ended(1);
    let none = core::iter::empty::<&Space>();
    let budget = &mut Budget::of_an_entry();
    objects.reap(none, budget, &mut bench.frames, &bench.machine);
    assert_eq!((bench.used(), bench.frames.backing.slots().used()), (0, 0));
}

fn a_page_that_must_come_back_can_when_the_store_is_full<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::with_store(quirks, 24, 4);
    let mut spaces = [bench.space(1)];
    let at = zeros::<M>(&mut spaces[0], 100);
    let mut pages = 0;
    // As many as there are frames and slots for.
    loop {
        let va = at + pages * PAGE_BYTES;
        if bench.store(&mut spaces[0], va, pages as u8).is_ok() {
            pages += 1;
        } else if evict(&mut bench, &mut spaces, 1) == 0 {
            break;
        }
    }
    assert_eq!(spaces[0].swapped(), 3, "one slot is kept back");
    for page in (0..pages).rev() {
        let va = at + page * PAGE_BYTES;
        let request = PageRequest {
            va: VirtAddr::new(va),
            access: Access::Read,
        };
        if bench.load(&mut spaces[0], va).is_err() {
            assert_eq!(evict(&mut bench, &mut spaces, 1), 0, "not for others");
            let (frames, machine) = (&mut bench.frames, &mut bench.machine);
            let failed = page_in(&mut spaces[0], frames, machine, request);
            assert_eq!(failed, Err(PageInFailed::NoFrame));
            let objects = Objects::EMPTY;
            assert_eq!(evict_with(&mut bench, &mut spaces, &objects, (1, true)), 1);
        }
        assert_eq!(bench.load(&mut spaces[0], va), Ok(page as u8));
        must_be_sound(&mut bench, &spaces, &Objects::EMPTY);
    }
}

fn a_debugger_reads_a_page_in_the_store_and_leaves_it_there<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::with_store(quirks, 24, 4);
    let mut spaces = [bench.space(1)];
    let at = zeros::<M>(&mut spaces[0], 2);
    bench.store(&mut spaces[0], at + 4095, 1).unwrap();
    bench.store(&mut spaces[0], at + 4096, 2).unwrap();
    assert_eq!(evict(&mut bench, &mut spaces, 2), 2);
    let used = bench.used();
    let mut bytes = [0xff; 4];
    let from = VirtAddr::new(at + 4094);
    let backing = &bench.frames.backing;
    assert_eq!(
        peek(&spaces[0], backing, &bench.machine, from, &mut bytes),
        4
    );
    assert_eq!(bytes, [0, 1, 2, 0]);
    assert_eq!((bench.used(), spaces[0].swapped()), (used, 2));
    // Writing brings it in, and its neighbour not.
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    poke(&mut spaces[0], frames, machine, VirtAddr::new(at + 5), &[9]).unwrap();
    assert_eq!((spaces[0].resident(), spaces[0].swapped()), (1, 1));
    assert_eq!(evict(&mut bench, &mut spaces, 1), 1);
    assert_eq!(bench.load(&mut spaces[0], at + 5), Ok(9));
    assert_eq!(bench.load(&mut spaces[0], at + 4095), Ok(1));
}

fn what_a_debugger_wrote_into_text_is_not_dropped<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::with_store(quirks, 24, 4);
    let mut spaces = [bench.space(1)];
    let object = Object::Image {
        at: PhysAddr::new(RAM_BASE),
        bytes: PAGE_BYTES as u32,
    };
    let base = 0x10_0000;
    let text = Region::new(VirtAddr::new(base), 1, Prot::TEXT, RegionKind::Text, object);
    spaces[0].add::<M>(text.unwrap()).unwrap();
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    poke(
        &mut spaces[0],
        frames,
        machine,
        VirtAddr::new(base + 8),
        &[0x73],
    )
    .unwrap();
    assert_eq!(evict(&mut bench, &mut spaces, 4), 1);
    let (at, _) = bench
        .touch(&mut spaces[0], base + 8, AccessType::Execute)
        .unwrap();
    assert_eq!(bench.machine.hart().ram.get(at, 1), [0x73]);
    assert_eq!(bench.load(&mut spaces[0], base + 9), Ok(image_byte(9)));
}

fn a_page_without_rights_goes_and_keeps_what_it_holds<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::with_store(quirks, 24, 4);
    let mut spaces = [bench.space(1)];
    let at = zeros::<M>(&mut spaces[0], 1);
    bench.store(&mut spaces[0], at, 8).unwrap();
    let protect = |bench: &mut Bench<M>, space: &mut Space, prot| {
        let (frames, machine) = (&mut bench.frames, &mut bench.machine);
        space
            .protect(VirtAddr::new(at), PAGE_BYTES, prot, frames, machine)
            .unwrap();
    };
    protect(&mut bench, &mut spaces[0], Prot::NONE);
    assert_eq!(evict(&mut bench, &mut spaces, 1), 1);
    let refused = bench.load(&mut spaces[0], at).unwrap_err();
    assert_eq!(refused.outcome, Outcome::Permission);
    assert_eq!(spaces[0].swapped(), 1);
    // The kernel may want it all the same; it stays hidden.
    let request = PageRequest {
        va: VirtAddr::new(at),
        access: Access::Read,
    };
    let (frames, machine) = (&mut bench.frames, &mut bench.machine);
    page_in(&mut spaces[0], frames, machine, request).unwrap();
    let stop = table::walk(&bench.machine, spaces[0].root(), VirtAddr::new(at));
    assert_eq!(stop.entry & Pte::VALID, 0);
    assert!(bench.load(&mut spaces[0], at).is_err());
    assert_eq!(evict(&mut bench, &mut spaces, 1), 1);
    protect(&mut bench, &mut spaces[0], Prot::READ);
    assert_eq!(bench.load(&mut spaces[0], at), Ok(8));
    let refused = bench.store(&mut spaces[0], at, 1).unwrap_err();
    assert_eq!(refused.outcome, Outcome::Permission);
    must_be_sound(&mut bench, &spaces, &Objects::EMPTY);
}

/// Each policy takes the pages that were not used since the last round.
fn used_pages_outlive_unused_ones<M: TestMachine>(quirks: Quirks) {
    for policy in ["clock", "nru", "lru"] {
        let mut bench = Bench::<M>::with_store(quirks, 40, 32);
        bench.frames.evictor.policy = Policy::named(policy).unwrap();
        let mut spaces = [bench.space(1)];
        let at = zeros::<M>(&mut spaces[0], 20);
        for page in 0..20 {
            bench
                .store(&mut spaces[0], at + page * PAGE_BYTES, 1)
                .unwrap();
        }
        // The first round finds all of them used. Four go.
        assert_eq!(evict(&mut bench, &mut spaces, 4), 4);
        let is_there = |bench: &Bench<M>, space: &Space, page: u64| {
            let va = VirtAddr::new(at + page * PAGE_BYTES);
            let stop = table::walk(&bench.machine, space.root(), va);
            stop.entry & Pte::VALID != 0
        };
        let left: Vec<u64> = (0..20)
            .filter(|&page| is_there(&bench, &spaces[0], page))
            .collect();
        let (used, unused) = left.split_at(8);
        for &page in used {
            bench.load(&mut spaces[0], at + page * PAGE_BYTES).unwrap();
        }
        assert_eq!(evict(&mut bench, &mut spaces, 8), 8, "{policy}");
        for &page in used {
            assert!(is_there(&bench, &spaces[0], page), "{policy}: {page}");
        }
        for &page in unused {
            assert!(!is_there(&bench, &spaces[0], page), "{policy}: {page}");
        }
    }
}

/// Zeros, a repeated word, text, noise: what each takes, and that it comes back.
fn pages_of_every_kind_come_back_from_where_they_are_compressed<M: TestMachine>(quirks: Quirks) {
    let mut bench = Bench::<M>::with_zip(quirks, 40, 16, 8);
    let mut spaces = [bench.space(1)];
    let at = zeros::<M>(&mut spaces[0], 4);
    let mut noise = 0x9e37_79b9_u32;
    let mut byte = |page: u64, offset: u64| -> u8 {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        match page {
            0 => 0,
            1 => [0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4][offset as usize % 8],
            2 => b"a page of text that says the same again and again. "[offset as usize % 51],
            _ => noise as u8,
        }
    };
    let pages: Vec<Vec<u8>> = (0..4)
        .map(|page| (0..PAGE_BYTES).map(|offset| byte(page, offset)).collect())
        .collect();
    let mut taken = Vec::new();
    for (page, bytes) in (0..).zip(&pages) {
        let va = at + page * PAGE_BYTES;
        bench.store(&mut spaces[0], va, bytes[0]).unwrap();
        let (frames, machine) = (&mut bench.frames, &mut bench.machine);
        poke(&mut spaces[0], frames, machine, VirtAddr::new(va), bytes).unwrap();
        let before = bench.frames.backing.bytes_used();
        assert_eq!(evict(&mut bench, &mut spaces, 1), 1);
        taken.push(bench.frames.backing.bytes_used() - before);
    }
    assert_eq!(taken[..2], [0, 0]);
    assert!(taken[2] <= 256, "{taken:?}");
    assert_eq!(taken[3], PAGE_BYTES, "what cannot be smaller is not larger");
    for (page, bytes) in (0..).zip(&pages) {
        let va = VirtAddr::new(at + page * PAGE_BYTES);
        let mut seen = vec![0xff; 100];
        let backing = &bench.frames.backing;
        peek(
            &spaces[0],
            backing,
            &bench.machine,
            va.wrapping_add(1000),
            &mut seen,
        );
        assert_eq!(seen, bytes[1000..1100]);
        let (frame, _) = bench
            .touch(&mut spaces[0], va.raw(), AccessType::Read)
            .unwrap();
        assert_eq!(bench.machine.hart().ram.get(frame, 4096), bytes);
    }
    must_be_sound(&mut bench, &spaces, &Objects::EMPTY);
    let [space] = spaces;
    bench.destroy(space);
    let backing = &bench.frames.backing;
    assert_eq!((backing.slots().used(), backing.bytes_used()), (0, 0));
}

/// Whether the page was compressed or could not be: who needs it gets an error, and all others what they had.
fn a_flipped_bit_in_a_compressed_page_is_found_and_no_other_page_suffers<M: TestMachine>(
    quirks: Quirks,
) {
    for (flip, repeats) in (0..40).flat_map(|flip| [(flip, true), (flip, false)]) {
        let mut bench = Bench::<M>::with_zip(quirks, 40, 16, 8);
        let mut spaces = [bench.space(1)];
        let at = zeros::<M>(&mut spaces[0], 2);
        let byte = |page: u64, offset: u64| match repeats {
            true => (offset % 61 / 3 + page) as u8 | 1,
            false => ((offset + page * 7).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 51) as u8,
        };
        for page in 0..2 {
            let va = at + page * PAGE_BYTES;
            bench.store(&mut spaces[0], va, 1).unwrap();
            let bytes: Vec<u8> = (0..PAGE_BYTES).map(|offset| byte(page, offset)).collect();
            let (frames, machine) = (&mut bench.frames, &mut bench.machine);
            poke(&mut spaces[0], frames, machine, VirtAddr::new(va), &bytes).unwrap();
        }
        assert_eq!(evict(&mut bench, &mut spaces, 2), 2);
        // In the first page's first chunk.
        let start = bench.frames.backing.zip_start().unwrap();
        let bit = flip * 13;
        let at_bit = start.wrapping_add(bit / 8);
        bench.machine.hart().ram.get_mut(at_bit, 1)[0] ^= 1 << (bit % 8);
        let used = bench.used();
        for _ in 0..2 {
            let refused = bench.load(&mut spaces[0], at).unwrap_err();
            assert_eq!(refused.outcome, Outcome::StoreCorrupt, "bit {bit}");
            assert_eq!(bench.used(), used, "nothing has changed");
        }
        for offset in 0..PAGE_BYTES {
            let loaded = bench.load(&mut spaces[0], at + PAGE_BYTES + offset);
            assert_eq!(loaded, Ok(byte(1, offset)));
        }
        must_be_sound(&mut bench, &spaces, &Objects::EMPTY);
        let [space] = spaces;
        bench.destroy(space);
        assert_eq!((bench.used(), bench.frames.backing.slots().used()), (0, 0));
    }
}

/// Each operation once, every second one, every third, and all: pages stay where they are, and nothing is lost when the store works
/// again.
fn a_store_that_fails_loses_nothing_that_it_has_taken<M: TestMachine>(quirks: Quirks) {
    const PAGES: u64 = 12;
    for (every, is_compressed) in (1..=9).flat_map(|every| [(every, false), (every, true)]) {
        let mut bench = match is_compressed {
            true => Bench::<M>::with_zip(quirks, 40, 32, 32),
            false => Bench::<M>::with_store(quirks, 40, 32),
        };
        let mut spaces = [bench.space(1)];
        let at = zeros::<M>(&mut spaces[0], PAGES);
        let byte = |page: u64, round: u64| (page * 16 + round + 1) as u8;
        for page in 0..PAGES {
            let va = at + page * PAGE_BYTES + page;
            bench.store(&mut spaces[0], va, byte(page, 0)).unwrap();
        }
        bench.frames.backing.failing = Some(Failing {
            every,
            operations: 0,
        });
        let mut refusals = 0;
        for round in 1..6 {
            evict(&mut bench, &mut spaces, 8);
            must_be_sound(&mut bench, &spaces, &Objects::EMPTY);
            for page in 0..PAGES {
                let va = at + page * PAGE_BYTES + page;
                match bench.load(&mut spaces[0], va) {
                    Ok(found) => {
                        assert_eq!(found, byte(page, round - 1));
                    }
                    Err(refused) => {
                        assert_eq!(refused.outcome, Outcome::StoreCorrupt);
                        refusals += 1;
                        // As the store works again, it has the page as it was.
                        let failing = bench.frames.backing.failing.take();
                        assert_eq!(bench.load(&mut spaces[0], va), Ok(byte(page, round - 1)));
                        bench.frames.backing.failing = failing;
                    }
                }
                bench.store(&mut spaces[0], va, byte(page, round)).unwrap();
            }
            must_be_sound(&mut bench, &spaces, &Objects::EMPTY);
        }
        // One that always fails takes no page, so that none has to come back.
        assert_eq!(refusals == 0, every == 1, "{every} {is_compressed}");
        let [space] = spaces;
        bench.destroy(space);
        assert_eq!((bench.used(), bench.frames.backing.slots().used()), (0, 0));
    }
}
