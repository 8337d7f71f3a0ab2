//! Every encoding that the MMU rejects, by name, in every mode that has it.

mod ram;

use pagetable::{
    AccessOutcome, AccessType, Attributes, Dialect, Entry, MemoryType, Mode, Pbmt, PhysAddr,
    Privilege, Pte, Refusal, Root, Seen, Trouble, VirtAddr, WalkOutcome, translate, visit,
};
use ram::Ram;

const RW: u64 = Pte::READ | Pte::WRITE | Pte::ACCESSED | Pte::DIRTY;

fn refusal(pte: Pte, mode: Mode, level: u8, dialect: Dialect) -> Refusal {
    match pte.decode(mode, level, dialect) {
        Entry::Refused(reason) => reason,
        other => panic!("{mode:?} level {level} took {pte:x?} as {other:?}"),
    }
}

#[test]
fn what_every_mode_refuses() {
    let page = PhysAddr::new(0x8000_1000);
    for mode in Mode::ALL {
        let cases = [
            (Pte::EMPTY, 0, Refusal::NotValid),
            (
                Pte::leaf(mode, page, Pte::WRITE),
                0,
                Refusal::WriteWithoutRead,
            ),
            (
                Pte::leaf(mode, page, Pte::WRITE | Pte::EXEC),
                0,
                Refusal::WriteWithoutRead,
            ),
            (Pte::pointer(mode, page), 0, Refusal::PointerAtLevelZero),
            (
                Pte::pointer(mode, page).with(Pte::USER),
                1,
                Refusal::PointerWithUad,
            ),
            (
                Pte::pointer(mode, page).with(Pte::ACCESSED),
                1,
                Refusal::PointerWithUad,
            ),
            (
                Pte::pointer(mode, page).with(Pte::DIRTY),
                1,
                Refusal::PointerWithUad,
            ),
            (Pte::leaf(mode, page, RW), 1, Refusal::MisalignedSuperpage),
        ];
        for (pte, level, reason) in cases {
            for dialect in Dialect::ALL {
                assert_eq!(refusal(pte, mode, level, dialect), reason, "{mode:?}");
            }
        }
        let global = Pte::pointer(mode, page).with(Pte::GLOBAL | Pte::RSW);
        assert_eq!(global.decode(mode, 1, Dialect::None), Entry::Pointer(page));
    }
}

#[test]
fn each_reserved_bit_is_refused_in_its_dialect() {
    let leaf = Pte::leaf(Mode::Sv39, PhysAddr::new(0x8000_8000), RW);
    for bit in 54..64 {
        let pte = leaf.with(1 << bit);
        let is_reserved = |dialect| {
            matches!(
                pte.decode(Mode::Sv39, 0, dialect),
                Entry::Refused(Refusal::ReservedBits)
            )
        };
        assert!(is_reserved(Dialect::None), "bit {bit}");
        assert_eq!(is_reserved(Dialect::Svpbmt), bit < 61, "bit {bit}");
        assert_eq!(is_reserved(Dialect::THead), bit < 59, "bit {bit}");
    }
}

#[test]
fn svpbmt_and_svnapot_have_their_own_refusals() {
    const N: u64 = 1 << 63;
    let at = |pa| PhysAddr::new(pa);
    let refused = |pte, level| refusal(pte, Mode::Sv48, level, Dialect::Svpbmt);
    let leaf = |pa, bits| Pte::leaf(Mode::Sv48, at(pa), RW | bits);
    let pointer = Pte::pointer(Mode::Sv48, at(0x8000_0000));
    assert_eq!(
        refused(leaf(0x8000_0000, 3 << 61), 0),
        Refusal::PbmtReserved
    );
    assert_eq!(refused(pointer.with(1 << 61), 1), Refusal::PbmtOnPointer);
    assert_eq!(refused(pointer.with(N), 1), Refusal::NapotOnPointer);
    assert_eq!(refused(leaf(0x8000_0000, N), 0), Refusal::NapotEncoding);
    assert_eq!(refused(leaf(0x8000_c000, N), 0), Refusal::NapotEncoding);
    assert_eq!(refused(leaf(0x8000_0000, N), 1), Refusal::NapotSuperpage);
    let Entry::Leaf(joined) = leaf(0x8000_8000, N).decode(Mode::Sv48, 0, Dialect::Svpbmt) else {
        panic!("64 KiB is the size that exists");
    };
    assert!(joined.is_napot);
    assert_eq!((joined.base, joined.page_bytes), (at(0x8000_0000), 0x10000));
    assert_eq!(joined.at(VirtAddr::new(0x1234_5678)), at(0x8000_5678));
}

#[test]
fn t_heads_bits_are_read_as_t_head_means_them() {
    let device = PhysAddr::new(0xe000_0000);
    let memory = MemoryType::Device;
    let pte = Pte::leaf_of(Mode::Sv39, device, RW, Dialect::THead, memory);
    let Entry::Leaf(leaf) = pte.decode(Mode::Sv39, 1, Dialect::THead) else {
        panic!("T-Head takes its own bits");
    };
    assert_eq!(leaf.base, device);
    assert_eq!(leaf.attributes.memory_type(), Some(memory));
    assert_eq!(
        refusal(pte, Mode::Sv39, 1, Dialect::None),
        Refusal::ReservedBits
    );
}

#[test]
fn a_walk_shows_each_level_and_the_address() {
    for mode in Mode::ALL {
        let va = mode.sign_extend(0xffff_ffff_ffc0_1234);
        let (mut ram, root) = Ram::with_path(mode, va, |page| Pte::leaf(mode, page, RW));
        let walk = translate(&mut ram, root, va);
        let levels: Vec<u8> = walk.steps().iter().map(|step| step.level).collect();
        assert_eq!(levels, (0..mode.levels()).rev().collect::<Vec<u8>>());
        for step in walk.steps() {
            assert_eq!(step.index as usize, mode.index(va, step.level));
        }
        assert_eq!(walk.address(), Some(PhysAddr::new(ram::PAGE + 0x234)));
        let mut seen = Vec::new();
        let mut tables = Vec::new();
        visit(&mut ram, root, |it| match it {
            Seen::Table(table) => tables.push(table),
            other => seen.push(other),
        });
        // From the leaf's table to the root, each with its pointer.
        let levels: Vec<u8> = tables.iter().map(|table| table.level).collect();
        assert_eq!(levels, (0..mode.levels()).collect::<Vec<u8>>());
        for (table, step) in tables.iter().zip(walk.steps().iter().rev()) {
            assert_eq!(table.at, step.at.align_down(4096));
            assert_eq!((table.valid, mode.index(table.va, 0)), (1, 0));
        }
        for (table, above) in tables.iter().zip(walk.steps().iter().rev().skip(1)) {
            assert_eq!(table.pointer, above.entry.map(|entry| (above.at, entry)));
        }
        let [Seen::Mapping(only)] = seen[..] else {
            panic!("{mode:?}: {seen:x?}");
        };
        assert_eq!((only.va, only.at.raw()), (va.align_down(4096), ram::PAGE));
    }
}

#[test]
fn the_walk_names_the_fault_of_each_access() {
    let mode = Mode::Sv39;
    let va = VirtAddr::new(0x8000_0000);
    let user = |page| Pte::leaf(mode, page, Pte::READ | Pte::USER);
    let (mut ram, root) = Ram::with_path(mode, va, user);
    let walk = translate(&mut ram, root, va);
    let sum = Privilege {
        sum: true,
        ..Privilege::SUPERVISOR
    };
    assert_eq!(walk.fault(AccessType::Read, Privilege::USER, false), None);
    assert_eq!(
        walk.fault(AccessType::Read, Privilege::USER, true),
        Some(13)
    );
    assert_eq!(
        walk.fault(AccessType::Write, Privilege::USER, false),
        Some(15)
    );
    assert_eq!(walk.fault(AccessType::Execute, sum, false), Some(12));
    assert_eq!(
        walk.fault(AccessType::Read, Privilege::SUPERVISOR, false),
        Some(13)
    );
    assert_eq!(walk.fault(AccessType::Read, sum, false), None);
    let WalkOutcome::Mapped { leaf, .. } = walk.outcome else {
        panic!("{walk:?}")
    };
    assert_eq!(
        leaf.pte.answer(AccessType::Read, sum),
        AccessOutcome::Updates(Pte::ACCESSED)
    );
    assert_eq!(leaf.attributes, Attributes::Pbmt(Pbmt::Pma));
    let hole = translate(&mut ram, root, VirtAddr::new(0x40_0000_0000));
    assert_eq!(hole.outcome, WalkOutcome::Refused(Refusal::NonCanonical));
    assert_eq!(hole.fault(AccessType::Write, sum, false), Some(15));
}

#[test]
fn a_table_outside_memory_is_not_read_and_is_named_once() {
    for mode in Mode::ALL {
        let mut ram = Ram::new(1);
        let pointer = Pte::pointer(mode, PhysAddr::new(0x1000_0000));
        ram.put(mode, ram::BASE, 7, pointer);
        let root = Root {
            mode,
            table: PhysAddr::new(ram::BASE),
            dialect: Dialect::None,
        };
        let mut seen = Vec::new();
        visit(&mut ram, root, |it| match it {
            Seen::Table(table) => assert_eq!(table.at.raw(), ram::BASE),
            other => seen.push(other),
        });
        let [Seen::Problem(problem)] = seen[..] else {
            panic!("{mode:?}: {seen:x?}");
        };
        assert_eq!(problem.trouble, Trouble::Refused(Refusal::NoMemory));
        assert_eq!((problem.table.raw(), problem.index), (ram::BASE, 7));
        assert_eq!(problem.entry, Some(pointer));
        let va = mode.sign_extend(7 << mode.leaf_shift(mode.root_level()));
        assert_eq!(problem.va, va);
        let walk = translate(&mut ram, root, va);
        assert_eq!(walk.outcome, WalkOutcome::Refused(Refusal::NoMemory));
        assert_eq!(
            walk.fault(AccessType::Read, Privilege::USER, false),
            Some(5)
        );
        assert_eq!(walk.steps().len(), 2);
    }
}

#[test]
fn a_root_outside_memory_is_a_problem() {
    for mode in Mode::ALL {
        let root = Root {
            mode,
            table: PhysAddr::new(0),
            dialect: Dialect::None,
        };
        let mut seen = Vec::new();
        visit(&mut Ram::new(1), root, |it| seen.push(it));
        assert!(
            matches!(seen[..], [Seen::Problem(p)] if p.count as usize == mode.entries()
                && p.trouble == Trouble::Refused(Refusal::NoMemory)),
            "{seen:x?}"
        );
    }
}

#[test]
fn a_root_that_points_to_itself_ends_and_is_named() {
    for mode in Mode::ALL {
        let mut ram = Ram::new(1);
        let table = PhysAddr::new(ram::BASE);
        ram.put(mode, ram::BASE, 1, Pte::pointer(mode, table));
        let root = Root {
            mode,
            table,
            dialect: Dialect::None,
        };
        let mut troubles = Vec::new();
        visit(&mut ram, root, |it| match it {
            Seen::Problem(problem) => troubles.push(problem.trouble),
            Seen::Mapping(mapping) => panic!("{mapping:?}"),
            Seen::Table(seen) => assert_eq!(seen.at, table),
        });
        let mut expected = vec![Trouble::SelfReference; mode.levels() as usize - 1];
        expected.push(Trouble::Refused(Refusal::PointerAtLevelZero));
        assert_eq!(troubles, expected, "{mode:?}");
    }
}

#[test]
fn heavily_shared_tables_end_with_the_budget() {
    let mode = Mode::Sv57;
    let mut ram = Ram::new(1);
    let table = PhysAddr::new(ram::BASE);
    for index in 0..mode.entries() {
        ram.put(mode, ram::BASE, index, Pte::pointer(mode, table));
    }
    let root = Root {
        mode,
        table,
        dialect: Dialect::None,
    };
    let budget = pagetable::ScanBudget { tables: 1000 };
    let mut last = None;
    pagetable::visit_within(&mut ram, root, budget, |it| last = Some(it));
    let Some(Seen::Problem(problem)) = last else {
        panic!("{last:?}")
    };
    assert_eq!(problem.trouble, Trouble::OutOfBudget);
}

#[test]
fn bare_translates_to_itself() {
    let root = Root {
        mode: Mode::Bare,
        table: PhysAddr::new(0),
        dialect: Dialect::None,
    };
    let walk = translate(&mut Ram::new(1), root, VirtAddr::new(u64::MAX));
    assert_eq!(walk.address(), Some(PhysAddr::new(u64::MAX)));
    assert!(walk.steps().is_empty());
    visit(&mut Ram::new(1), root, |it| panic!("{it:?}"));
}
