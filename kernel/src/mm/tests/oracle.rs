//! Random histories against a plain map of what every page must hold.

use std::collections::BTreeMap;

use pagetable::{PAGE_BYTES, VirtAddr};
use proptest::prelude::*;
use sim::Quirks;

use super::machine::{Bench, Desk, Sv32, Sv39};
use crate::mm::{Place, Space, Wanted};

/// One step of a history; numbers are taken modulo what there is.
#[derive(Clone, Copy, Debug)]
enum Step {
    Map { pages: u64 },
    Unmap { which: usize, from: u64, pages: u64 },
    Grow { bytes: i64 },
    Store { which: usize, at: u64, byte: u8 },
    Load { which: usize, at: u64 },
    Switch,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1u64..6).prop_map(|pages| Step::Map { pages }),
        2 => (any::<usize>(), 0u64..6, 1u64..4).prop_map(|(which, from, pages)| Step::Unmap { which, from, pages }),
        2 => (-30_000i64..30_000).prop_map(|bytes| Step::Grow { bytes }),
        8 => (any::<usize>(), any::<u64>(), any::<u8>()).prop_map(|(which, at, byte)| Step::Store { which, at, byte }),
        8 => (any::<usize>(), any::<u64>()).prop_map(|(which, at)| Step::Load { which, at }),
        1 => Just(Step::Switch),
        1 => Just(Step::Restart),
    ]
}

/// A space, and what the oracle knows of it.
struct Known {
    space: Space,
    bytes: BTreeMap<u64, u8>,
}

struct World<M> {
    bench: Bench<M>,
    spaces: Vec<Known>,
    next: u16,
}

const HEAP: u64 = 0x4_0000;
/// Beyond any heap's reach, below any mapping.
const HEAP_END: u64 = HEAP + (128 << 20);

impl<M: Desk> World<M> {
    fn new(quirks: Quirks) -> World<M> {
        let mut world = World {
            bench: Bench::new(quirks, 48),
            spaces: Vec::new(),
            next: 0,
        };
        world.start();
        world.start();
        world
    }

    fn start(&mut self) {
        let mut space = self.bench.space(self.next);
        space.set_heap::<M>(VirtAddr::new(HEAP));
        self.next += 1;
        self.spaces.push(Known {
            space,
            bytes: BTreeMap::new(),
        });
    }

    fn carry_out(&mut self, step: Step) {
        let bench = &mut self.bench;
        let known = &mut self.spaces[0];
        match step {
            Step::Map { pages } => {
                let _ = known.space.map::<M>(Place::ANYWHERE, &Wanted::zeros(pages));
            }
            Step::Unmap { which, from, pages } => {
                let Some(region) = pick(&known.space, which) else {
                    return;
                };
                let va = region.0 + from * PAGE_BYTES;
                let bytes = pages * PAGE_BYTES;
                let result = known.space.unmap(
                    VirtAddr::new(va),
                    bytes,
                    &mut bench.frames,
                    &mut bench.machine,
                );
                if result.is_ok() {
                    known.bytes.retain(|&at, _| at < va || at >= va + bytes);
                }
            }
            Step::Grow { bytes } => {
                let result = known
                    .space
                    .sbrk(bytes, &mut bench.frames, &mut bench.machine);
                if let Ok(old) = result {
                    let end = old.raw().wrapping_add_signed(bytes);
                    known.bytes.retain(|&at, _| at < end || at >= HEAP_END);
                }
            }
            Step::Store { which, at, byte } => {
                let Some((base, end)) = pick(&known.space, which) else {
                    return;
                };
                let va = base + at % (end - base);
                if bench.store(&mut known.space, va, byte).is_ok() {
                    known.bytes.insert(va, byte);
                }
            }
            Step::Load { which, at } => {
                let Some((base, end)) = pick(&known.space, which) else {
                    return;
                };
                // Half of the loads go where something was stored.
                let stored = known
                    .bytes
                    .range(base + at % (end - base)..end)
                    .next()
                    .map(|(&va, _)| va);
                let va = stored
                    .filter(|_| at % 2 == 0)
                    .unwrap_or(base + at % (end - base));
                if let Ok(byte) = bench.load(&mut known.space, va) {
                    let wanted = known.bytes.get(&va).copied().unwrap_or(0);
                    assert_eq!(byte, wanted, "at {va:#x}");
                }
            }
            Step::Switch => {
                self.spaces.swap(0, 1);
                // What `activate` does: all spaces share one ASID.
                crate::mm::Machine::fence_all(&mut bench.machine);
            }
            Step::Restart => {
                let ended = self.spaces.swap_remove(0);
                bench.destroy(ended.space);
                self.start();
            }
        }
    }

    /// What must hold after every step.
    fn audit(&self) {
        let counts = self.bench.frames.counts();
        let resident: u32 = self.spaces.iter().map(|known| known.space.resident()).sum();
        assert_eq!(counts.pages, resident, "every page is some space's");
        for known in &self.spaces {
            let regions = known.space.regions();
            assert!(
                regions.windows(2).all(|pair| pair[0].end() <= pair[1].base),
                "sorted, apart"
            );
        }
    }
}

/// Base and end of some region.
fn pick(space: &Space, which: usize) -> Option<(u64, u64)> {
    let regions = space.regions();
    let region = regions.get(which % regions.len().max(1))?;
    Some((region.base.raw(), region.end().raw()))
}

fn history<M: Desk>(quirks: Quirks, steps: &[Step]) {
    let mut world = World::<M>::new(quirks);
    for &step in steps {
        world.carry_out(step);
        world.audit();
    }
    for known in world.spaces {
        world.bench.destroy(known.space);
    }
    assert_eq!(world.bench.used(), 0, "every frame came back");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_agree_with_the_oracle(
        steps in proptest::collection::vec(step(), 1..250),
        svade: bool,
        spurious: bool,
    ) {
        let quirks = Quirks { svade, spurious };
        history::<Sv39>(quirks, &steps);
        history::<Sv32>(quirks, &steps);
    }
}
