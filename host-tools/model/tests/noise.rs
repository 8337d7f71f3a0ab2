//! Whatever tables hold, everything that looks at them ends, and two looks agree.

use model::AddressSpace;
use model::diff::{ChangeKind, diff, pairs};
use model::find::reaching;
use model::lint::{LintMachine, lint};
use model::space::{Attribute, Bounds, Filter, Merge};
use model::stats::Stats;
use model::working::{Sample, WorkingSet};
use pagetable::{Dialect, Memory, Mode, PhysAddr, Satp, ScanBudget};
use proptest::prelude::*;

/// Pages of memory that lead to each other.
const PAGES: u64 = 6;

#[derive(Clone, Debug)]
struct Noise {
    words: Vec<(u64, u64, u64)>,
    is_lent: bool,
    page: Box<[u8; 4096]>,
    bytes: usize,
}

impl Memory for Noise {
    type Error = ();

    fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, ()> {
        if at.frame() >= PAGES {
            return Err(());
        }
        let index = at.offset(4096) / bytes as u64;
        let is_here = |it: &&(u64, u64, u64)| it.0 == at.frame() && it.1 == index;
        Ok(self.words.iter().rev().find(is_here).map_or(0, |it| it.2))
    }

    fn page(&mut self, at: PhysAddr) -> Option<&[u8; 4096]> {
        if !self.is_lent || at.frame() >= PAGES {
            return None;
        }
        self.page.fill(0);
        for (_, index, word) in self.words.iter().filter(|it| it.0 == at.frame()) {
            let from = *index as usize * self.bytes;
            self.page[from..from + self.bytes].copy_from_slice(&word.to_le_bytes()[..self.bytes]);
        }
        Some(&self.page)
    }
}

/// Mostly pointers to each other and pages anywhere, and some that are nothing at all.
fn word(mode: Mode) -> impl Strategy<Value = u64> {
    let mask = if mode == Mode::Sv32 {
        0xffff_ffff
    } else {
        u64::MAX
    };
    prop_oneof![
        4 => (0..PAGES + 1).prop_map(|page| page << 10 | 1),
        3 => (any::<u64>(), 0u64..256).prop_map(|(page, flags)| (page & 0xff_ffff) << 10 | flags | 1),
        1 => any::<u64>(),
    ]
    .prop_map(move |word| word & mask)
}

fn scene() -> impl Strategy<Value = (Noise, Satp, Dialect)> {
    let modes = prop::sample::select(Mode::ALL.to_vec());
    (
        modes,
        prop::sample::select(Dialect::ALL.to_vec()),
        any::<bool>(),
    )
        .prop_flat_map(|(mode, dialect, is_lent)| {
            // Both ends of a table are its most telling places.
            let index = prop_oneof![0..4_u64, mode.entries() as u64 - 4..mode.entries() as u64];
            prop::collection::vec((0..PAGES, index, word(mode)), 0..40).prop_map(move |words| {
                let noise = Noise {
                    words,
                    is_lent,
                    page: Box::new([0; 4096]),
                    bytes: mode.entry_bytes(),
                };
                let satp = Satp {
                    mode,
                    asid: 0,
                    root: PhysAddr::new(0),
                };
                (noise, satp, dialect)
            })
        })
}

fn read((mut noise, satp, dialect): (Noise, Satp, Dialect)) -> AddressSpace {
    AddressSpace::read_within(&mut noise, satp, dialect, ScanBudget { tables: 400 })
}

proptest! {
    #[test]
    fn every_look_ends((one, other) in (scene(), scene()), at: u64, bytes in 1_u64..1 << 40) {
        let (before, after) = (read(one), read(other));
        let machine = LintMachine {
            ram: vec![Bounds { first: 0, last: PAGES * 4096 - 1 }],
            devices: Vec::new(),
            svade: Some(true),
            pmp: None,
        };
        for machine in [machine, LintMachine::default()] {
            let _ = lint(&[before.clone(), after.clone()], &machine);
        }
        let stats = Stats::of(&before);
        prop_assert_eq!(stats.sizes.values().map(|it| it.0).sum::<u128>(), before.mapped_bytes);
        let set = WorkingSet::of(&before);
        prop_assert!(set.all.dirty <= set.all.mapped && set.all.accessed <= set.all.mapped);
        let _ = before.bands(7);
        let bounds = Bounds { first: at, last: at.saturating_add(bytes) };
        let _ = reaching(std::slice::from_ref(&before), bounds, 1000);
        let _ = Sample::of(0, Some(&before), &after);
        // Of two spaces with one set of halves each, what is added one way is removed the other.
        let there = diff(&before, &after, &[]);
        let back = diff(&after, &before, &[]);
        let total = |diff: &model::diff::Diff, kind| {
            diff.totals().find(|it| it.0 == kind).map_or(0, |it| it.1)
        };
        prop_assert_eq!(total(&there, ChangeKind::Added), total(&back, ChangeKind::Removed));
        prop_assert_eq!(there.same_bytes, back.same_bytes);
        let all: u128 = there.changes.iter().map(|it| u128::from(it.bytes)).sum::<u128>();
        let known = before.mapped_bytes + total(&there, ChangeKind::Added);
        prop_assert_eq!(all + there.same_bytes, known);
        prop_assert!(pairs(std::slice::from_ref(&before), std::slice::from_ref(&before), &[])[0].changes.is_empty());
    }

    #[test]
    fn a_part_is_no_larger_than_the_whole(one in scene(), first: u64, bytes in 1_u64..1 << 44) {
        let mut space = read(one);
        let (leaves, mapped) = (space.leaves, space.mapped_bytes);
        space.only(&Filter {
            va: vec![Bounds { first, last: first.saturating_add(bytes) }],
            attributes: vec![(Attribute::Napot, false)],
            ..Filter::default()
        });
        let part = space.count();
        prop_assert!(part.leaves <= leaves && part.bytes <= mapped);
        let ranges = space.ranges().len();
        space.merge(Merge::Va);
        prop_assert!(space.ranges().len() <= ranges);
        let pieces: u64 = space.ranges().iter().map(|it| u64::from(it.pieces)).sum();
        prop_assert_eq!(pieces, ranges as u64);
    }
}
