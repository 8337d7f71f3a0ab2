//! Random histories against a plain map of what every page must hold.
//!
//! A history is a seed: a failure prints it, and `SEED=0x… cargo test -p kernel histories` plays
//! it again. `STEPS` makes it longer: `just soak`.

mod evict;
mod play;
mod shared;

use std::collections::BTreeMap;

use abi::Advice;
use pagetable::{Dialect, PAGE_BYTES, PhysAddr, VirtAddr};
use sim::Quirks;

use self::play::{history, number};
use super::chance::Chance;
use super::machine::{Bench, Sv32, Sv39, TestMachine};
use crate::mm::{
    Budget, MapRequest, Object, Objects, Placement, Prot, Region, RegionKind, Space, audit,
};

/// Steps of all histories of a run together, unless the environment says otherwise.
const STEPS: u64 = 1_000_000;
/// Steps of one history; the world is new for each.
const HISTORY: u64 = 5_000;
/// The audit looks at everything; once in so many steps is soon enough.
const AUDITS: u64 = 50;

/// Spaces that there are at most.
const FAMILY: usize = 5;

/// Where the program's file lies: text, constants, variables.
const TEXT: u64 = 0x1_0000;
const HEAP: u64 = 0x4_0000;

/// What the oracle knows of a space.
struct Known {
    space: Space,
    /// Bytes that were stored since their page last became what it was at first.
    bytes: BTreeMap<u64, u8>,
    /// Shared objects it has attached: base and id.
    attached: Vec<(u64, usize)>,
}

struct World<M> {
    bench: Bench<M>,
    spaces: Vec<Known>,
    objects: Objects,
    /// Live objects and what was stored in them.
    shared: BTreeMap<usize, BTreeMap<u64, u8>>,
    next: u16,
    chance: Chance,
}

impl<M: TestMachine> World<M> {
    fn new(quirks: Quirks, seed: u64) -> World<M> {
        let mut world = World {
            // Half of the histories have a backing store, which is full now and then.
            bench: match seed >> 22 & 3 {
                0 | 2 => Bench::new(quirks, 96),
                1 => Bench::with_store(quirks, 72, 24),
                _ => Bench::with_zip(quirks, 72, 24, 4),
            },
            spaces: Vec::new(),
            objects: Objects::EMPTY,
            shared: BTreeMap::new(),
            next: 1,
            chance: Chance::new(seed),
        };
        world.start();
        world.start();
        world
    }

    fn start(&mut self) {
        let mut space = self.bench.space(self.next);
        space.set_heap::<M>(VirtAddr::new(HEAP));
        let parts = [
            (TEXT, 3, Prot::TEXT, RegionKind::Text, 0, 3 * PAGE_BYTES),
            (
                TEXT + 0x1_0000,
                3,
                Prot::DATA,
                RegionKind::Data,
                0x1800,
                5000,
            ),
        ];
        for (base, pages, prot, kind, from, bytes) in parts {
            let object = Object::Image {
                at: PhysAddr::new(super::machine::RAM_BASE + (from & !0xfff)),
                bytes: bytes as u32,
            };
            let region = Region::new(VirtAddr::new(base), pages, prot, kind, object);
            space.add::<M>(region.unwrap()).unwrap();
        }
        self.next = self.next % 60_000 + 1;
        self.spaces.push(Known {
            space,
            bytes: BTreeMap::new(),
            attached: Vec::new(),
        });
    }

    /// What a page holds at first.
    fn original(space: &Space, va: u64) -> u8 {
        let place = space
            .regions()
            .iter()
            .find(|r| r.contains(VirtAddr::new(va)));
        match place.map(|region| (region, region.object)) {
            Some((region, Object::Image { at, bytes })) => {
                let offset = va - region.base.raw();
                if offset < u64::from(bytes) {
                    super::machine::image_byte(at.raw() + offset - super::machine::RAM_BASE)
                } else {
                    0
                }
            }
            _ => 0,
        }
    }

    fn step(&mut self) {
        // Now and then an allocation fails in the middle of whatever comes next.
        let fails = self.chance.one_in(12).then(|| self.chance.below(3) as u32);
        self.bench.frames.fail_after = fails;
        match self.chance.below(100) {
            0..8 => self.map(),
            8..16 => self.unmap(),
            16..24 => self.protect(),
            24..30 => self.advise(),
            30..38 => self.grow(),
            38..43 => self.share(),
            43..63 => self.store(),
            63..92 => self.load(),
            92..94 => self.evict(),
            94..96 => self.fork(),
            96..98 => {
                let other = self.chance.below(self.spaces.len() as u64) as usize;
                self.spaces.swap(0, other);
                // What `activate` does: all spaces share one ASID.
                crate::mm::Machine::fence_all(&mut self.bench.machine);
            }
            _ => self.exit(),
        }
        self.bench.frames.fail_after = None;
    }

    fn map(&mut self) {
        let align = PAGE_BYTES << self.chance.below(10);
        let place = match self.chance.below(4) {
            0 => Placement::At(VirtAddr::new(
                0x100_0000 + self.chance.below(64) * PAGE_BYTES,
            )),
            _ => Placement::Anywhere { align },
        };
        let pages = 1 + self.chance.below(6);
        let known = &mut self.spaces[0];
        let before = known.space.regions().len();
        let Bench {
            frames, machine, ..
        } = &mut self.bench;
        let answer = match self.chance.below(8) {
            0 => known
                .space
                .map_wired(place, &MapRequest::zeros(pages), frames, machine),
            1 => known.space.map::<M>(
                place,
                &MapRequest {
                    prot: Prot::NONE,
                    max: Prot::NONE,
                    kind: RegionKind::Reserved,
                    ..MapRequest::zeros(pages)
                },
            ),
            // More than there are frames for: nothing is taken before it is touched.
            2 => known.space.map::<M>(place, &MapRequest::zeros(pages << 12)),
            _ => known.space.map::<M>(place, &MapRequest::zeros(pages)),
        };
        if answer.is_err() {
            assert_eq!(known.space.regions().len(), before, "{answer:?}");
        }
    }

    /// Some range: mostly pages of a region, sometimes over its end.
    fn range(&mut self) -> Option<(u64, u64)> {
        let regions = self.spaces[0].space.regions();
        let region = regions[self.chance.below(regions.len() as u64) as usize];
        let from = self.chance.below(u64::from(region.pages).min(16));
        let pages = 1 + self.chance.below(6);
        let base = region.base.raw() + from * PAGE_BYTES;
        Some((base, base + pages * PAGE_BYTES))
    }

    fn unmap(&mut self) {
        let Some((from, end)) = self.range() else {
            return;
        };
        let known = &mut self.spaces[0];
        let Bench {
            frames, machine, ..
        } = &mut self.bench;
        let va = VirtAddr::new(from);
        let answer = known.space.unmap(va, end - from, frames, machine);
        if answer.is_ok() {
            known.bytes.retain(|&at, _| at < from || at >= end);
            let has = |&(base, _): &(u64, usize)| {
                let regions = known.space.regions();
                regions.iter().any(|r| r.contains(VirtAddr::new(base)))
            };
            known.attached.retain(has);
            self.reap();
        }
    }

    fn protect(&mut self) {
        let Some((from, end)) = self.range() else {
            return;
        };
        let prots = [Prot::NONE, Prot::READ, Prot::DATA, Prot::TEXT];
        let prot = prots[self.chance.below(4) as usize];
        let known = &mut self.spaces[0];
        let before: Vec<Region> = known.space.regions().to_vec();
        let Bench {
            frames, machine, ..
        } = &mut self.bench;
        let answer = known
            .space
            .protect(VirtAddr::new(from), end - from, prot, frames, machine);
        match answer {
            Ok(()) => {
                for region in known.space.regions() {
                    if region.base.raw() < end && region.end().raw() > from {
                        assert_eq!(region.prot, prot);
                    }
                }
            }
            Err(_) => assert_eq!(known.space.regions(), before, "refused and changed"),
        }
    }

    fn advise(&mut self) {
        let Some((from, end)) = self.range() else {
            return;
        };
        let advice = Advice::ALL[self.chance.below(4) as usize];
        let known = &mut self.spaces[0];
        let Bench {
            frames, machine, ..
        } = &mut self.bench;
        let va = VirtAddr::new(from);
        let answer = known.space.advise(va, end - from, advice, frames, machine);
        if answer.is_ok() && advice == Advice::DontNeed {
            known.bytes.retain(|&at, _| at < from || at >= end);
        }
    }

    fn grow(&mut self) {
        let bytes = self.chance.below(60_000) as i64 - 30_000;
        let known = &mut self.spaces[0];
        let Bench {
            frames, machine, ..
        } = &mut self.bench;
        if let Ok(old) = known.space.sbrk(bytes, frames, machine) {
            let end = old.raw().wrapping_add_signed(bytes);
            // Shrinking clears the page it ends in, to its end.
            let cleared = if bytes < 0 {
                end..old.raw().next_multiple_of(PAGE_BYTES)
            } else {
                end..end
            };
            known.bytes.retain(|at, _| !cleared.contains(at));
        }
    }

    /// An address of some region.
    fn address(&mut self) -> u64 {
        let regions = self.spaces[0].space.regions();
        let region = regions[self.chance.below(regions.len() as u64) as usize];
        let pages = u64::from(region.pages).min(8);
        region.base.raw() + self.chance.below(pages * PAGE_BYTES)
    }

    fn permits(&self, va: u64, access: abi::Access) -> bool {
        let mut regions = self.spaces[0].space.regions().iter();
        let region = regions.find(|region| region.contains(VirtAddr::new(va)));
        region.is_some_and(|region| region.prot.permits(access))
    }

    fn store(&mut self) {
        let (va, byte) = (self.address(), self.chance.below(256) as u8);
        let may = self.permits(va, abi::Access::Write);
        let answer = self.bench.store(&mut self.spaces[0].space, va, byte);
        match answer {
            Ok(()) => {
                assert!(may, "stored without the right, at {va:#x}");
                match self.of_shared(va) {
                    Some((id, within)) => {
                        self.shared.get_mut(&id).unwrap().insert(within, byte);
                    }
                    None => {
                        self.spaces[0].bytes.insert(va, byte);
                    }
                }
            }
            Err(refused) if may => assert_eq!(refused.outcome, abi::Outcome::OutOfMemory),
            Err(_) => {}
        }
    }

    fn load(&mut self) {
        let mut va = self.address();
        // Half of the loads go where something was stored.
        let stored = self.spaces[0].bytes.range(va..).next().map(|(&at, _)| at);
        if self.chance.one_in(2) {
            va = stored.unwrap_or(va);
        }
        let may = self.permits(va, abi::Access::Read);
        let answer = self.bench.load(&mut self.spaces[0].space, va);
        let wanted = match self.of_shared(va) {
            Some((id, within)) => self.shared[&id].get(&within).copied().unwrap_or(0),
            None => {
                let known = &self.spaces[0];
                let stored = known.bytes.get(&va).copied();
                stored.unwrap_or_else(|| Self::original(&known.space, va))
            }
        };
        match answer {
            Ok(byte) => {
                assert!(may, "read without the right, at {va:#x}");
                assert_eq!(byte, wanted, "at {va:#x}");
            }
            Err(refused) if may => assert_eq!(refused.outcome, abi::Outcome::OutOfMemory),
            Err(_) => {}
        }
    }

    fn exit(&mut self) {
        let ended = self.spaces.swap_remove(0);
        self.objects.creator_ended(ended.space.id());
        self.bench.destroy(ended.space);
        self.reap();
        if self.spaces.len() < 2 {
            self.start_or_wait();
        }
    }

    /// A child that knows what its parent knows, and then goes its own way; of five, one ends first.
    fn fork(&mut self) {
        if self.bench.frames.backing.is_there() {
            return;
        }
        if self.spaces.len() == FAMILY {
            let ended = self.spaces.remove(1);
            self.objects.creator_ended(ended.space.id());
            self.bench.destroy(ended.space);
            self.reap();
        }
        let Some(space) = self.bench.fork(&self.spaces[0].space, self.next) else {
            return;
        };
        self.next = self.next % 60_000 + 1;
        let parent = &self.spaces[0];
        let (mut bytes, attached) = (parent.bytes.clone(), parent.attached.clone());
        // Frames in a row are not inherited.
        bytes.retain(|&at, _| {
            let mut regions = space.regions().iter();
            regions.any(|region| region.contains(VirtAddr::new(at)))
        });
        self.spaces.push(Known {
            space,
            bytes,
            attached,
        });
    }

    /// A new space, as soon as there is a frame for its root.
    fn start_or_wait(&mut self) {
        self.bench.frames.fail_after = None;
        if self.bench.frames.counts().free() == 0 {
            self.exit_all();
            self.start();
        }
        self.start();
    }

    fn exit_all(&mut self) {
        for ended in self.spaces.drain(..) {
            self.objects.creator_ended(ended.space.id());
            self.bench.destroy(ended.space);
        }
        let none = core::iter::empty::<&Space>();
        self.objects.reap(
            none,
            &mut Budget::of_an_entry(),
            &mut self.bench.frames,
            &self.bench.machine,
        );
        self.shared.clear();
    }

    fn audit(&mut self) {
        let spaces = self.spaces.iter().map(|known| &known.space);
        let found = audit(
            &mut self.bench.frames,
            &self.bench.machine,
            spaces,
            &self.objects,
        );
        assert_eq!(found.first, None, "{found:?}");
        for known in &self.spaces {
            let regions = known.space.regions();
            let apart = |pair: &[Region]| pair[0].end() <= pair[1].base;
            assert!(regions.windows(2).all(apart), "sorted, apart");
        }
    }
}

#[test]
fn random_histories_agree_with_the_oracle() {
    let steps = number("STEPS").unwrap_or(STEPS);
    let given = number("SEED");
    let histories = given.map_or(steps.div_ceil(HISTORY), |_| 1);
    for round in 0..histories {
        let seed = given.unwrap_or(0x9e37_79b9 ^ round << 20);
        let quirks = Quirks {
            svade: seed >> 20 & 1 != 0,
            spurious: seed >> 20 & 6 == 6,
            keeps_holes: seed >> 20 & 3 == 1,
            reads_lines: seed >> 20 & 5 == 1,
            dialect: if seed >> 24 & 1 != 0 {
                Dialect::THead
            } else {
                Dialect::None
            },
            ..Quirks::default()
        };
        if seed >> 23 & 1 != 0 {
            history::<Sv32>("Sv32", quirks, seed, HISTORY);
        } else {
            history::<Sv39>("Sv39", quirks, seed, HISTORY);
        }
    }
}
