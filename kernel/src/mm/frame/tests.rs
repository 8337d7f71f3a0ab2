//! The allocator against a plain model, and what each call promises.

use std::collections::BTreeMap;

use abi::Error;
use pagetable::{PAGE_BYTES, PhysAddr};

use super::{FrameDescriptor, Frames, Owner, RunSearch};
use crate::mm::tests::chance::Chance;
use crate::mm::{BootRam, Budget, Fast};

const LOW: u64 = 0x8000_0000;
const HIGH: u64 = 0x9000_0000;

/// Two pieces of RAM of 300 and 200 frames; ten frames of the first are the Image's.
fn two_arenas(preferred: Option<u64>) -> Frames {
    let mut ram = BootRam::new();
    ram.add(HIGH, 200 * PAGE_BYTES).unwrap();
    ram.add(LOW, 300 * PAGE_BYTES).unwrap();
    ram.reserve(LOW + 5 * PAGE_BYTES, 10 * PAGE_BYTES).unwrap();
    let rows = Frames::table_bytes(&ram) / size_of::<FrameDescriptor>();
    Frames::new(
        vec![FrameDescriptor::NOISE; rows].leak(),
        Box::leak(Box::new(Fast::EMPTY)),
        ram,
        None,
        preferred.map(PhysAddr::new),
    )
}

impl Frames {
    /// Looks for a run to the end, in pieces as small as there can be, and takes it.
    fn alloc_run(&mut self, count: u32, align: u32) -> Result<PhysAddr, Error> {
        let mut search = RunSearch::new(count, align)?;
        while !self.search_run(&mut search, &mut Budget::of_pages(1))? {}
        let taken = self.take_found(&search, &mut Budget::of_pages(1), page);
        Ok(taken.expect("no entry had a turn"))
    }
}

fn page(vpn: u32) -> Owner {
    Owner::Page { space: 1, vpn }
}

fn at(base: u64, frame: u64) -> PhysAddr {
    PhysAddr::new(base + frame * PAGE_BYTES)
}

#[test]
fn the_arena_of_the_highest_priority_is_used_first_and_again_when_it_has_frames() {
    let mut frames = two_arenas(Some(HIGH));
    let first = frames.alloc(page(0)).unwrap();
    assert!(first.raw() >= HIGH);
    let mut last = first;
    for vpn in 1..200 {
        last = frames.alloc(page(vpn)).unwrap();
        assert!(last.raw() >= HIGH, "{vpn}");
    }
    assert!(
        frames.alloc(page(200)).unwrap().raw() < HIGH,
        "then the next"
    );
    assert!(frames.free(last));
    assert_eq!(frames.alloc(page(201)), Some(last), "and then it again");
    // Without a preference the lowest goes first.
    assert!(two_arenas(None).alloc(page(0)).unwrap().raw() < HIGH);
}

#[test]
fn every_frame_can_be_had_and_no_held_one() {
    let mut frames = two_arenas(None);
    let held = at(LOW, 5).raw()..at(LOW, 15).raw();
    let mut seen = std::collections::BTreeSet::new();
    while let Some(frame) = frames.alloc(page(seen.len() as u32)) {
        assert!(!held.contains(&frame.raw()), "{frame:?}");
        assert!(seen.insert(frame), "{frame:?} twice");
    }
    assert_eq!(seen.len(), 490);
    assert_eq!(frames.counts().free(), 0);
    assert_eq!(frames.owner(at(LOW, 5)), Owner::Boot);
    for frame in seen {
        assert!(frames.free(frame));
    }
    assert_eq!((frames.counts().free(), frames.count_free()), (490, 490));
    assert_eq!(frames.counts().peak, 490);
}

#[test]
fn runs_are_aligned_and_go_round_what_is_taken() {
    let mut frames = two_arenas(None);
    let run = frames.alloc_run(16, 16).unwrap();
    assert_eq!(run, at(LOW, 16), "frames 5 to 14 are held");
    for n in 0..16 {
        let frame = run.wrapping_add(u64::from(n) * PAGE_BYTES);
        assert_eq!(frames.owner(frame), page(n));
    }
    // Longer than what is left of the first arena in one piece.
    let long = frames.alloc_run(190, 1);
    assert_eq!(long, Ok(at(LOW, 32)));
    assert_eq!(frames.alloc_run(150, 1), Ok(at(HIGH, 0)), "the next arena");
    assert_eq!(frames.alloc_run(150, 1), Err(Error::OutOfMemory));
    assert_eq!(frames.alloc_run(4, 3), Err(Error::BadArgument));
    assert_eq!(frames.alloc_run(0, 1), Err(Error::BadArgument));
}

/// As many rows as eight GiB have. One frame is freed behind the search and another ahead of it, and taken in time.
#[test]
fn a_run_is_looked_for_in_pieces_while_others_take_and_give_back() {
    let mut ram = BootRam::new();
    ram.add(LOW, 8 << 30).unwrap();
    let rows = Frames::table_bytes(&ram) / size_of::<FrameDescriptor>();
    let table = vec![FrameDescriptor::NOISE; rows].leak();
    let fast = Box::leak(Box::new(Fast::EMPTY));
    let mut frames = Frames::new(table, fast, ram, None, None);
    let pieces = rows as u64 / 512;
    for piece in 0..pieces {
        frames
            .alloc_at(at(LOW, piece * 512 + 511), 1, page)
            .unwrap();
    }
    let mut search = RunSearch::new(600, 1).unwrap();
    let go_on = |frames: &mut Frames, search: &mut RunSearch| {
        frames.search_run(search, &mut Budget::of_an_entry())
    };
    assert_eq!(go_on(&mut frames, &mut search), Ok(false));
    let (ahead, later) = (at(LOW, 900 * 512 + 511), at(LOW, 3000 * 512 + 511));
    assert!(frames.free(at(LOW, 511)), "behind it: not found again");
    assert!(frames.free(ahead));
    assert!(frames.free(later));
    let mut entries = 1;
    while !go_on(&mut frames, &mut search).unwrap() {
        entries += 1;
    }
    assert!(entries > 10, "{entries}");
    // One of it is taken before the run is: it is not given out twice, and the search goes on behind it.
    frames.alloc_at(at(LOW, 900 * 512 + 500), 1, page).unwrap();
    let budget = &mut Budget::of_an_entry();
    assert_eq!(frames.take_found(&search, budget, page), None);
    while !go_on(&mut frames, &mut search).unwrap() {}
    let found = frames.take_found(&search, budget, page).unwrap();
    assert_eq!(found, at(LOW, 3000 * 512));
    assert_eq!(frames.owner(later), page(511));
    assert_eq!(frames.counts().free(), frames.count_free());
}

#[test]
fn frames_at_an_address_are_given_once() {
    let mut frames = two_arenas(None);
    assert_eq!(frames.alloc_at(at(HIGH, 100), 3, page), Ok(()));
    assert_eq!(frames.owner(at(HIGH, 102)), page(2));
    assert_eq!(frames.alloc_at(at(HIGH, 102), 3, page), Err(Error::InUse));
    assert_eq!(
        frames.alloc_at(at(LOW, 14), 3, page),
        Err(Error::InUse),
        "held"
    );
    assert_eq!(
        frames.alloc_at(at(HIGH, 198), 3, page),
        Err(Error::BadAddress)
    );
    assert_eq!(
        frames.alloc_at(PhysAddr::new(0x1000), 1, page),
        Err(Error::BadAddress)
    );
    let odd = PhysAddr::new(HIGH + 8);
    assert_eq!(frames.alloc_at(odd, 1, page), Err(Error::BadAlignment));
    assert_eq!(frames.counts().used(), 3, "what is refused takes nothing");
}

#[test]
fn what_is_set_aside_is_never_given_out_and_what_boot_held_can_be() {
    let mut frames = two_arenas(None);
    let before = frames.counts();
    frames.reserve(at(LOW, 0), 4).unwrap();
    assert_eq!(frames.reserve(at(LOW, 3), 2), Err(Error::InUse));
    assert_eq!(frames.counts().pool, before.pool - 4);
    assert_eq!(frames.owner(at(LOW, 3)), Owner::Boot);
    assert_eq!(frames.alloc(page(0)), Some(at(LOW, 4)));
    // Behind the watermark, and before it.
    assert_eq!(frames.release(at(LOW, 5), 2 * PAGE_BYTES), 2);
    assert_eq!(frames.release(at(HIGH, 5), PAGE_BYTES), 0, "it was free");
    assert_eq!(frames.counts().pool, before.pool - 2);
    assert_eq!(frames.counts().free(), frames.count_free());
    assert_eq!(
        frames.release(PhysAddr::new(0x1000), PAGE_BYTES),
        0,
        "no RAM"
    );
}

/// What every frame must be, and what is free, step by step.
#[test]
fn random_requests_agree_with_a_plain_model() {
    for seed in 0..40 {
        let mut chance = Chance::new(seed);
        let mut frames = two_arenas((seed % 3 == 0).then_some(HIGH));
        let mut held: BTreeMap<u64, Owner> = BTreeMap::new();
        for step in 0..2_000u32 {
            match chance.below(10) {
                0..5 => {
                    let owner = match chance.below(3) {
                        0 => Owner::Table { space: 2 },
                        _ => page(step),
                    };
                    let frame = frames.alloc(owner);
                    assert_eq!(frame.is_none(), held.len() == 490, "seed {seed}");
                    if let Some(frame) = frame {
                        assert!(held.insert(frame.raw(), owner).is_none(), "given twice");
                    }
                }
                5 => {
                    let (count, align) = (1 + chance.below(20) as u32, 1 << chance.below(5));
                    if let Ok(first) = frames.alloc_run(count, align) {
                        assert!(first.raw().is_multiple_of(u64::from(align) * PAGE_BYTES));
                        for n in 0..count {
                            let frame = first.raw() + u64::from(n) * PAGE_BYTES;
                            assert!(held.insert(frame, page(n)).is_none(), "given twice");
                        }
                    }
                }
                _ => {
                    let some = chance.below(held.len().max(1) as u64) as usize;
                    if let Some(&frame) = held.keys().nth(some) {
                        assert_eq!(frames.owner(PhysAddr::new(frame)), held[&frame]);
                        assert!(frames.free(PhysAddr::new(frame)));
                        assert!(!frames.free(PhysAddr::new(frame)), "back twice");
                        held.remove(&frame);
                    }
                }
            }
            assert_eq!(frames.counts().used() as usize, held.len());
        }
        assert_eq!(
            frames.count_free() as usize,
            490 - held.len(),
            "seed {seed}"
        );
    }
}
