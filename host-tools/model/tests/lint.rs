//! Each rule is met by tables that break it, and by no others.

use std::collections::{BTreeSet, HashMap};

use model::AddressSpace;
use model::lint::{LintMachine, Mmu, RULES, lint};
use model::space::Bounds;
use pagetable::{
    Dialect, Memory, MemoryType, Mode, PhysAddr, Pmp, PmpEntry, Pte, Satp, ScanBudget,
};

const RAM: u64 = 0x8000_0000;
const ROOT: u64 = RAM;
const MID: u64 = RAM + 0x1000;
const LAST: u64 = RAM + 0x2000;
/// A page that is no table.
const PAGE: u64 = RAM + 0x10_0000;
const USED: u64 = Pte::ACCESSED | Pte::DIRTY;
const KERNEL: u64 = Pte::READ | Pte::WRITE | Pte::GLOBAL | USED;
const USER: u64 = Pte::READ | Pte::WRITE | Pte::USER | USED;

/// Words of memory; the 16 pages from [`RAM`] on are known, all else is not.
#[derive(Clone, Default)]
struct Tables(HashMap<u64, u64>);

impl Memory for Tables {
    type Error = ();

    fn read_word(&mut self, at: PhysAddr, _bytes: usize) -> Result<u64, ()> {
        let is_known = (RAM..RAM + 0x1_0000).contains(&at.raw());
        is_known
            .then(|| self.0.get(&at.raw()).copied().unwrap_or(0))
            .ok_or(())
    }
}

fn leaf(at: u64, flags: u64) -> Pte {
    Pte::leaf(Mode::Sv39, PhysAddr::new(at), flags)
}

fn pointer(at: u64) -> Pte {
    Pte::pointer(Mode::Sv39, PhysAddr::new(at))
}

fn typed(at: u64, flags: u64, dialect: Dialect, memory: MemoryType) -> Pte {
    Pte::leaf_of(Mode::Sv39, PhysAddr::new(at), flags, dialect, memory)
}

impl Tables {
    /// Three tables, and one page of the kernel's at 0x0.
    fn healthy() -> Tables {
        Tables::default()
            .with(ROOT, 0, pointer(MID))
            .with(MID, 0, pointer(LAST))
            .with(LAST, 0, leaf(PAGE, KERNEL))
    }

    fn with(mut self, table: u64, index: u64, pte: Pte) -> Tables {
        self.0.insert(table + index * 8, pte.raw());
        self
    }

    fn space(mut self, root: u64, dialect: Dialect) -> AddressSpace {
        let satp = Satp {
            mode: Mode::Sv39,
            asid: 0,
            root: PhysAddr::new(root),
        };
        AddressSpace::read(&mut self, satp, dialect)
    }
}

fn machine() -> LintMachine {
    LintMachine {
        ram: vec![Bounds {
            first: RAM,
            last: RAM + 0x7ff_ffff,
        }],
        devices: Vec::new(),
        svade: Some(false),
        pmp: None,
    }
}

/// The rules that some spaces break.
fn broken(spaces: &[AddressSpace], machine: &LintMachine) -> Vec<&'static str> {
    let rules: BTreeSet<&str> = lint(spaces, machine)
        .iter()
        .map(|it| it.rule.name)
        .collect();
    rules.into_iter().collect()
}

/// One case: the rule, the tables, the dialect, the machine, further roots.
fn one(tables: Tables) -> (Vec<AddressSpace>, LintMachine) {
    (vec![tables.space(ROOT, Dialect::None)], machine())
}

fn in_dialect(tables: Tables, dialect: Dialect) -> (Vec<AddressSpace>, LintMachine) {
    (vec![tables.space(ROOT, dialect)], machine())
}

fn cases() -> Vec<(&'static str, (Vec<AddressSpace>, LintMachine))> {
    use Dialect::{Svpbmt, THead};
    let tables = Tables::healthy;
    let svade = |tables: Tables| {
        let machine = LintMachine {
            svade: Some(true),
            ..machine()
        };
        (vec![tables.space(ROOT, Dialect::None)], machine)
    };
    let closed = |first: u64, bytes: u64| {
        let mut pmp = Pmp::new();
        let entry = |number, first, last, is_open| PmpEntry {
            number,
            first,
            last,
            read: is_open,
            write: is_open,
            execute: is_open,
            is_locked: false,
        };
        assert!(pmp.push(entry(2, first, first + bytes - 1, false)));
        assert!(pmp.push(entry(3, 0, u64::MAX, true)));
        let machine = LintMachine {
            pmp: Some(pmp),
            ..machine()
        };
        (vec![Tables::healthy().space(ROOT, Dialect::None)], machine)
    };
    // A second root, at 0x80003000.
    let second = RAM + 0x3000;
    let both = |tables: Tables| {
        let roots = [ROOT, second];
        let spaces = roots.map(|root| tables.clone().space(root, Dialect::None));
        (spaces.into(), machine())
    };
    let napot = Pte::new(1 << 63).raw();
    let whole_napot = |tables: Tables, count: u64| {
        (16..16 + count).fold(tables, |tables, index| {
            tables.with(LAST, index, leaf(PAGE + 0x8000, KERNEL | napot))
        })
    };
    vec![
        (
            "write-without-read",
            one(tables().with(LAST, 1, leaf(PAGE, Pte::WRITE | USED))),
        ),
        ("table-refused-by-pmp", closed(ROOT, 4096)),
        ("page-refused-by-pmp", closed(PAGE, 8)),
        (
            "reserved-bits",
            one(tables().with(LAST, 1, leaf(PAGE, KERNEL | 1 << 54))),
        ),
        (
            "pbmt-reserved",
            in_dialect(tables().with(LAST, 1, leaf(PAGE, KERNEL | 3 << 61)), Svpbmt),
        ),
        (
            "pointer-bits",
            one(tables().with(MID, 1, pointer(LAST).with(Pte::ACCESSED))),
        ),
        (
            "pointer-at-level-0",
            one(tables().with(LAST, 1, pointer(PAGE))),
        ),
        (
            "misaligned-superpage",
            one(tables().with(MID, 1, leaf(PAGE, KERNEL))),
        ),
        (
            "napot-encoding",
            in_dialect(
                tables().with(LAST, 1, leaf(PAGE + 0x4000, KERNEL | napot)),
                Svpbmt,
            ),
        ),
        (
            "table-outside-ram",
            one(tables().with(ROOT, 1, pointer(0x1000_0000))),
        ),
        (
            "not-seen",
            one(tables().with(ROOT, 1, pointer(RAM + 0x2_0000))),
        ),
        (
            "table-writable-by-user",
            one(tables().with(LAST, 1, leaf(MID, USER))),
        ),
        (
            "table-readable-by-user",
            one(tables().with(LAST, 1, leaf(MID, Pte::READ | Pte::USER | USED))),
        ),
        (
            "write-and-execute",
            one(tables().with(LAST, 1, leaf(PAGE, KERNEL | Pte::EXEC))),
        ),
        (
            "user-write-and-execute",
            one(tables().with(LAST, 1, leaf(PAGE, USER | Pte::EXEC))),
        ),
        (
            "page-outside-ram",
            one(tables().with(LAST, 1, leaf(0x1_0000_0000, KERNEL))),
        ),
        (
            "table-beyond-memory",
            (
                vec![
                    tables()
                        .with(ROOT, 1, pointer(0x1_0000_0000))
                        .space(ROOT, Dialect::None),
                ],
                LintMachine::default(),
            ),
        ),
        (
            "aliased-table",
            one((2..10)
                .fold(tables(), |tables, index| {
                    tables.with(MID, index, pointer(LAST))
                })
                .with(LAST, 1, leaf(PAGE + 0x2000, KERNEL))),
        ),
        (
            "user-amid-kernel",
            one(tables()
                .with(LAST, 1, leaf(PAGE + 0x1000, USER | Pte::GLOBAL))
                .with(LAST, 2, leaf(PAGE + 0x2000, KERNEL))),
        ),
        (
            "dirty-without-accessed",
            one(tables().with(LAST, 1, leaf(PAGE, KERNEL).without(Pte::ACCESSED))),
        ),
        (
            "user-in-kernel-half",
            one(deep(tables(), 511, leaf(PAGE, USER))),
        ),
        (
            "self-reference",
            one(tables()
                .with(MID, 1, leaf(0x8020_0000, KERNEL))
                .with(ROOT, 511, pointer(ROOT))),
        ),
        (
            "alias-memory-type",
            in_dialect(
                tables().with(
                    LAST,
                    1,
                    typed(PAGE, KERNEL, Svpbmt, MemoryType::NonCacheable),
                ),
                Svpbmt,
            ),
        ),
        (
            "device-cacheable",
            in_dialect(
                tables()
                    .with(LAST, 0, typed(PAGE, KERNEL, THead, MemoryType::Ram))
                    .with(LAST, 1, typed(0x1000_0000, KERNEL, THead, MemoryType::Ram)),
                THead,
            ),
        ),
        (
            "ram-as-device",
            in_dialect(
                tables().with(LAST, 0, typed(PAGE, KERNEL, THead, MemoryType::Device)),
                THead,
            ),
        ),
        (
            "accessed-clear",
            svade(tables().with(LAST, 1, leaf(PAGE, Pte::READ | Pte::GLOBAL))),
        ),
        (
            "dirty-clear",
            svade(tables().with(LAST, 1, leaf(PAGE, KERNEL).without(Pte::DIRTY))),
        ),
        ("napot-mixed", in_dialect(whole_napot(tables(), 15), Svpbmt)),
        (
            "pointer-global",
            one(tables().with(MID, 0, pointer(LAST).with(Pte::GLOBAL))),
        ),
        (
            "empty-tables",
            one(tables().with(MID, 1, pointer(RAM + 0x4000))),
        ),
        (
            "shared-without-global",
            both(
                tables()
                    .with(LAST, 1, leaf(PAGE, KERNEL).without(Pte::GLOBAL))
                    .with(second, 0, pointer(MID)),
            ),
        ),
        (
            "global-differs",
            both(
                tables()
                    .with(second, 0, pointer(RAM + 0x4000))
                    .with(RAM + 0x4000, 0, pointer(RAM + 0x5000))
                    .with(RAM + 0x5000, 0, leaf(PAGE + 0x1000, KERNEL)),
            ),
        ),
        ("cut-short", cut()),
    ]
}

/// Two more tables, at 0x80004000, and a page at the end of them.
fn deep(tables: Tables, index: u64, leaf: Pte) -> Tables {
    tables
        .with(ROOT, index, pointer(RAM + 0x4000))
        .with(RAM + 0x4000, 0, pointer(RAM + 0x5000))
        .with(RAM + 0x5000, 0, leaf)
}

/// More tables than a visit may look at.
fn cut() -> (Vec<AddressSpace>, LintMachine) {
    let mut tables = Tables::healthy().with(MID, 1, pointer(RAM + 0x4000));
    let satp = Satp {
        mode: Mode::Sv39,
        asid: 0,
        root: PhysAddr::new(ROOT),
    };
    let budget = ScanBudget { tables: 3 };
    let space = AddressSpace::read_within(&mut tables, satp, Dialect::None, budget);
    (vec![space], machine())
}

#[test]
fn every_rule_is_broken_by_its_own_tables_and_by_no_others() {
    let cases = cases();
    for (rule, (spaces, machine)) in &cases {
        assert_eq!(broken(spaces, machine), [*rule]);
    }
    let mut tested: Vec<&str> = cases.iter().map(|(rule, _)| *rule).collect();
    tested.sort_unstable();
    let mut rules: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    rules.sort_unstable();
    assert_eq!(tested, rules);
}

#[test]
fn healthy_tables_break_none() {
    for machine in [
        machine(),
        LintMachine {
            svade: Some(true),
            ..machine()
        },
        LintMachine::default(),
    ] {
        let spaces = [Tables::healthy().space(ROOT, Dialect::None)];
        assert_eq!(broken(&spaces, &machine), [""; 0]);
    }
    // All 16 entries of a Svnapot page, and a device as one.
    let napot = (16..32).fold(Tables::healthy(), |tables, index| {
        tables.with(LAST, index, leaf(PAGE + 0x8000, KERNEL | 1 << 63))
    });
    let device = typed(0x1000_0000, KERNEL, Dialect::Svpbmt, MemoryType::Device);
    let spaces = [napot.with(LAST, 1, device).space(ROOT, Dialect::Svpbmt)];
    assert_eq!(broken(&spaces, &machine()), [""; 0]);
}

#[test]
fn what_nobody_knows_is_not_judged() {
    // Neither where memory is, nor who sets A; a table may lie wherever programs run.
    let tables = Tables::healthy()
        .with(LAST, 2, leaf(RAM + 0x40_0000, USER))
        .with(ROOT, 1, pointer(RAM + 0x2_0000));
    let tables = tables.with(LAST, 1, leaf(PAGE, Pte::READ));
    let spaces = [tables.space(ROOT, Dialect::None)];
    assert_eq!(broken(&spaces, &LintMachine::default()), ["not-seen"]);
}

/// What healthy kernels do and what looks a little like a broken entry.
#[test]
fn what_healthy_kernels_do_is_no_finding() {
    let read_only = Pte::READ | Pte::USER | USED;
    let machines = [machine(), LintMachine::default()];
    let quiet = |tables: Tables| {
        for machine in &machines {
            let spaces = [tables.clone().space(ROOT, Dialect::None)];
            assert_eq!(broken(&spaces, machine), [""; 0]);
        }
    };
    // A kernel that ages pages: D stays where A was cleared, beside pages that lost both.
    let aged = |index, flags| (index, leaf(PAGE + index * 0x1000, flags));
    let ages = [
        aged(1, KERNEL & !Pte::ACCESSED),
        aged(2, KERNEL & !USED),
        aged(3, KERNEL & !USED),
    ];
    let ages = ages.into_iter();
    quiet(ages.fold(Tables::healthy(), |tables, (index, pte)| {
        tables.with(LAST, index, pte)
    }));
    // xv6: below a program's stack lies a page without U; at the top of all a page of the kernel.
    let program = [
        (8, leaf(PAGE + 0x8000, read_only)),
        (9, leaf(PAGE + 0x9000, KERNEL)),
        (10, leaf(PAGE + 0xa000, USER)),
    ];
    quiet(
        program
            .into_iter()
            .fold(Tables::healthy(), |tables, (index, pte)| {
                tables.with(LAST, index, pte)
            }),
    );
    // Shadow memory that was never written: one page, 512 times, and the table of it again.
    let shadow = |tables: Tables, table: u64, pte: Pte| {
        (0..512).fold(tables, |tables, index| tables.with(table, index, pte))
    };
    let page = leaf(PAGE + 0x5000, Pte::READ | Pte::GLOBAL | USED);
    let below = shadow(Tables::healthy(), RAM + 0x5000, page);
    let above = shadow(below, RAM + 0x4000, pointer(RAM + 0x5000));
    quiet(above.with(ROOT, 300, pointer(RAM + 0x4000)));
}

/// What was found in corrupted dumps, and nothing said before.
#[test]
fn a_user_page_outside_memory_is_found_wherever_it_stands() {
    let alone = Tables::healthy().with(LAST, 100, leaf(0xdead_0000, USER));
    let spaces = [alone.space(ROOT, Dialect::None)];
    assert_eq!(broken(&spaces, &machine()), ["page-outside-ram"]);
    // A device that is known is none of it.
    let devices = vec![Bounds {
        first: 0xdead_0000,
        last: 0xdead_0fff,
    }];
    let machine = LintMachine {
        devices,
        ..machine()
    };
    assert_eq!(broken(&spaces, &machine), [""; 0]);
    // Devices that the kernel maps by themselves need no board's file.
    let device = Tables::healthy().with(LAST, 100, leaf(0x1000_0000, KERNEL));
    let spaces = [device.space(ROOT, Dialect::None)];
    assert_eq!(broken(&spaces, &machine), [""; 0]);
}

#[test]
fn a_table_that_leads_to_itself_is_not_said_to_map_what_the_mmu_refuses() {
    // Pointers only: at level 0 each of them faults.
    let pointers = Tables::default().with(ROOT, 511, pointer(ROOT));
    let found = lint(&[pointers.space(ROOT, Dialect::None)], &machine());
    let own: Vec<_> = found
        .iter()
        .filter(|it| it.rule.name == "self-reference")
        .map(|it| (it.mmu, it.detail.as_str()))
        .collect();
    assert_eq!(own[0], (Mmu::Refuses, "nothing is mapped through it"));
    // A page of 1 GiB is one of 2 MiB, and then one of 4 KiB, where its table is read lower.
    let page = Tables::default()
        .with(ROOT, 2, leaf(0x8000_0000, KERNEL))
        .with(ROOT, 511, pointer(ROOT));
    let found = lint(&[page.space(ROOT, Dialect::None)], &machine());
    let first = found.iter().find(|it| it.rule.name == "self-reference");
    let first = first.expect("it is reached through itself");
    assert_eq!(first.mmu, Mmu::Accepts);
    assert!(
        first.detail.starts_with("2 entries that stand higher"),
        "{}",
        first.detail
    );
}

/// 512 pointers to the root in the root itself are 2^27 ways, and one page of memory.
#[test]
fn a_root_full_of_pointers_to_itself_is_read_once_for_each_level() {
    struct Counted(Tables, u32);
    impl Memory for Counted {
        type Error = ();
        fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, ()> {
            self.1 += 1;
            self.0.read_word(at, bytes)
        }
    }
    let tables = (0..511).fold(Tables::default(), |it, index| {
        it.with(ROOT, index, pointer(ROOT))
    });
    let tables = tables.with(ROOT, 511, leaf(0x8000_0000, KERNEL));
    let mut memory = Counted(tables, 0);
    let satp = Satp {
        mode: Mode::Sv39,
        asid: 0,
        root: PhysAddr::new(ROOT),
    };
    let space = AddressSpace::read(&mut memory, satp, Dialect::None);
    assert_eq!(memory.1, 3 * 512, "a word of the table for each level");
    // 1 GiB, 511 × 2 MiB and 511² × 4 KiB, though 2^18 of the last are more than any list takes.
    assert_eq!(space.leaves, 1 + 511 + 511 * 511);
    let problems = space.problems.len();
    assert!(problems <= 3 * 512, "{problems} problems");
    let stats = model::stats::Stats::of(&space);
    assert_eq!(stats.tables(), 3);
    assert_eq!(
        stats.sizes.values().map(|it| it.0).sum::<u128>(),
        space.mapped_bytes
    );
    let listed = space.count();
    assert_eq!(listed.leaves + space.left_out, space.leaves);
    let found = lint(&[space], &machine());
    assert!(found.iter().any(|it| it.rule.name == "self-reference"));
    assert!(found.len() < 2000, "{} findings", found.len());
}

/// As memory that was overwritten looks: the table has one page, and not in each of its entries.
#[test]
fn a_table_of_one_page_that_many_pointers_lead_to_is_found_unless_it_is_full_of_that_page() {
    let aliased = (0..512).fold(Tables::healthy(), |tables, index| {
        tables.with(MID, index, pointer(LAST))
    });
    let (spaces, machine) = one(aliased.clone());
    assert_eq!(broken(&spaces, &machine), ["aliased-table"]);
    let shadow = (0..512).fold(aliased, |tables, index| {
        tables.with(LAST, index, leaf(PAGE, KERNEL))
    });
    let (spaces, machine) = one(shadow);
    assert_eq!(broken(&spaces, &machine), [""; 0]);
}
