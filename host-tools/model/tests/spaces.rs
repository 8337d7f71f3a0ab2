//! Spaces filtered, joined, compared and counted, against answers worked out by hand.

use std::collections::HashMap;

use model::AddressSpace;
use model::diff::{ChangeKind, alone, diff, pairs};
use model::space::{Attribute, Bounds, Filter, Merge};
use model::stats::Stats;
use model::working::{Sample, WorkingSet};
use pagetable::{Dialect, Memory, Mode, PhysAddr, Pte, Satp};

const RW: u64 = Pte::READ | Pte::WRITE;
const USED: u64 = Pte::ACCESSED | Pte::DIRTY;

/// A root at 0x1000, its first table at 0x2000, and below that one at 0x3000.
#[derive(Default)]
struct Tables(HashMap<u64, u64>);

impl Memory for Tables {
    type Error = ();

    fn read_word(&mut self, at: PhysAddr, _bytes: usize) -> Result<u64, ()> {
        Ok(self.0.get(&at.raw()).copied().unwrap_or(0))
    }
}

/// Pages of the last table, and pages of 2 MiB of the one above it: index, frame, flags.
fn space(pages: &[(u64, u64, u64)], large: &[(u64, u64, u64)]) -> AddressSpace {
    let mut tables = Tables::default();
    let pointer = |to: u64| Pte::pointer(Mode::Sv39, PhysAddr::new(to)).raw();
    tables.0.insert(0x1000, pointer(0x2000));
    tables.0.insert(0x2000, pointer(0x3000));
    for (table, list) in [(0x3000, pages), (0x2000, large)] {
        for (index, frame, flags) in list {
            let leaf = Pte::leaf(Mode::Sv39, PhysAddr::from_frame(*frame), *flags);
            tables.0.insert(table + index * 8, leaf.raw());
        }
    }
    let satp = Satp {
        mode: Mode::Sv39,
        asid: 0,
        root: PhysAddr::new(0x1000),
    };
    AddressSpace::read(&mut tables, satp, Dialect::None)
}

fn ranges(space: &AddressSpace) -> Vec<(u64, u64, u64)> {
    let row = |it: &model::space::MappedRange| (it.va.raw(), it.pa.raw(), it.bytes);
    space.ranges().iter().map(row).collect()
}

#[test]
fn a_filter_cuts_what_lies_across_its_border() {
    let all = || {
        space(
            &[(0, 0x100, RW), (1, 0x101, RW), (2, 0x102, RW | Pte::USER)],
            &[(1, 0x400, RW)],
        )
    };
    let only = |filter: Filter| {
        let mut space = all();
        space.only(&filter);
        (ranges(&space), space.count().leaves)
    };
    let bounds = |first, last| vec![Bounds { first, last }];
    assert_eq!(
        ranges(&all()),
        [
            (0, 0x10_0000, 0x2000),
            (0x2000, 0x10_2000, 0x1000),
            (0x20_0000, 0x40_0000, 0x20_0000)
        ]
    );
    let va = Filter {
        va: bounds(0x1000, 0x2fff),
        ..Filter::default()
    };
    assert_eq!(
        only(va),
        (
            vec![(0x1000, 0x10_1000, 0x1000), (0x2000, 0x10_2000, 0x1000)],
            2
        )
    );
    let pa = Filter {
        pa: bounds(0x50_0000, 0x50_0fff),
        ..Filter::default()
    };
    assert_eq!(only(pa), (vec![(0x30_0000, 0x50_0000, 0x1000)], 1));
    let user = Filter {
        is_user: Some(true),
        ..Filter::default()
    };
    assert_eq!(only(user), (vec![(0x2000, 0x10_2000, 0x1000)], 1));
    let level = Filter {
        levels: vec![1],
        ..Filter::default()
    };
    assert_eq!(only(level), (vec![(0x20_0000, 0x40_0000, 0x20_0000)], 1));
    let not_user = Filter {
        attributes: vec![(Attribute::Flag(Pte::USER), false)],
        va: bounds(0, 0xffff),
        ..Filter::default()
    };
    assert_eq!(only(not_user), (vec![(0, 0x10_0000, 0x2000)], 2));
}

#[test]
fn pages_that_lie_apart_join_by_address_and_say_so() {
    let mut space = space(
        &[
            (0, 0x100, RW),
            (1, 0x105, RW),
            (2, 0x106, RW),
            (4, 0x107, RW),
        ],
        &[],
    );
    space.merge(Merge::Va);
    assert_eq!(
        ranges(&space),
        [(0, 0x10_0000, 0x3000), (0x4000, 0x10_7000, 0x1000)]
    );
    assert_eq!(space.ranges()[0].pieces, 2);
    assert_eq!(
        space.ranges()[0].at(space.ranges()[0].va),
        None,
        "two places have no one address"
    );
}

#[test]
fn each_kind_of_change_is_told_at_its_addresses() {
    let before = space(
        &[
            (0, 0x100, RW),
            (1, 0x101, RW),
            (2, 0x102, RW),
            (3, 0x103, RW),
            (4, 0x104, RW),
        ],
        &[(1, 0x400, RW)],
    );
    let after = space(
        &[
            (0, 0x100, RW),
            (1, 0x201, RW),
            (2, 0x102, Pte::READ),
            (3, 0x103, RW | USED),
            (5, 0x105, RW),
        ],
        &[(1, 0x400, RW)],
    );
    let told = |ignored: &[ChangeKind]| {
        let diff = diff(&before, &after, ignored);
        let row = |it: &model::diff::Change| (it.kinds.clone(), it.va.raw(), it.bytes);
        (
            diff.changes.iter().map(row).collect::<Vec<_>>(),
            diff.same_bytes,
        )
    };
    let all = vec![
        (vec![ChangeKind::Moved], 0x1000, 0x1000),
        (vec![ChangeKind::Permission], 0x2000, 0x1000),
        (vec![ChangeKind::Used], 0x3000, 0x1000),
        (vec![ChangeKind::Removed], 0x4000, 0x1000),
        (vec![ChangeKind::Added], 0x5000, 0x1000),
    ];
    assert_eq!(told(&[]), (all.clone(), 0x20_1000));
    assert_eq!(
        told(&[ChangeKind::Used]),
        ([&all[..2], &all[3..]].concat(), 0x20_2000)
    );
    assert!(diff(&before, &before, &[]).changes.is_empty());
}

#[test]
fn a_large_page_split_into_small_ones_changes_their_size_only() {
    let pages: Vec<(u64, u64, u64)> = (0..512).map(|it| (it, 0x400 + it, RW)).collect();
    // The same addresses: the table of pages stands where the large page stood.
    let small = space(&pages, &[]);
    let large = space(&[], &[(0, 0x400, RW)]);
    let diff = diff(&large, &small, &[]);
    let kinds: Vec<_> = diff
        .changes
        .iter()
        .map(|it| (it.kinds.clone(), it.bytes))
        .collect();
    assert_eq!(kinds, [(vec![ChangeKind::PageSize], 0x20_0000)]);
}

#[test]
fn roots_that_come_and_go_are_whole_changes() {
    let named = |name: &str, pages: &[(u64, u64, u64)]| {
        let mut space = space(pages, &[]);
        space.name = name.to_owned();
        space
    };
    let page = [(0, 0x100, RW)];
    let before = [named("1 sh", &page), named("2 spin", &page)];
    let after = [named("1 sh", &page), named("3 hello", &page)];
    let told = pairs(&before, &after, &[]);
    let kinds: Vec<_> = told
        .iter()
        .map(|it| {
            (
                it.name.as_str(),
                it.changes
                    .iter()
                    .flat_map(|it| it.kinds.clone())
                    .collect::<Vec<_>>(),
            )
        })
        .collect();
    assert_eq!(
        kinds,
        [
            ("2 spin", vec![ChangeKind::Removed]),
            ("1 sh", vec![]),
            ("3 hello", vec![ChangeKind::Added])
        ]
    );
    assert_eq!(alone(&before[0], ChangeKind::Added).before, None);
}

#[test]
fn figures_count_tables_pages_and_reach() {
    // 512 pages that could be one of 2 MiB, and one that stands elsewhere.
    let mut pages: Vec<(u64, u64, u64)> = (0..512).map(|it| (it, 0x400 + it, RW)).collect();
    let stats = Stats::of(&space(&pages, &[(1, 0x800, RW), (2, 0x1000, RW)]));
    let levels: Vec<_> = stats
        .levels
        .iter()
        .map(|(level, it)| (*level, it.tables, it.empty, it.valid))
        .collect();
    assert_eq!(levels, [(0, 1, 0, 512), (1, 1, 0, 3), (2, 1, 0, 1)]);
    assert_eq!(stats.sizes[&4096], (2 << 20, 512));
    assert_eq!(stats.sizes[&(2 << 20)], (4 << 20, 2));
    assert_eq!(stats.translations(), 514);
    assert_eq!(stats.joinable_bytes, 2 << 20);
    assert_eq!(stats.reach[0], (16, (4 << 20) + 14 * 4096));
    pages[7].1 = 0x300;
    assert_eq!(Stats::of(&space(&pages, &[])).joinable_bytes, 0);
}

#[test]
fn the_working_set_grows_and_is_cleared() {
    let first = space(
        &[
            (0, 0x100, RW | USED),
            (1, 0x101, RW | Pte::ACCESSED),
            (2, 0x102, RW),
        ],
        &[],
    );
    let set = WorkingSet::of(&first);
    assert_eq!(
        (set.all.mapped, set.all.accessed, set.all.dirty),
        (0x3000, 0x2000, 0x1000)
    );
    let second = space(
        &[
            (0, 0x100, RW),
            (1, 0x101, RW | USED),
            (2, 0x102, RW | USED),
            (9, 0x109, RW | USED),
        ],
        &[],
    );
    let sample = Sample::of(5, Some(&first), &second);
    assert_eq!(
        (sample.newly_accessed, sample.newly_dirty, sample.cleared),
        (0x2000, 0x3000, 0x1000)
    );
    assert_eq!(
        (sample.added, sample.removed, sample.time_us),
        (0x1000, 0, 5)
    );
}
