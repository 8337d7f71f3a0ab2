//! Random tables: no input panics or loops, and visit and walk always agree.

mod ram;

use pagetable::{
    Dialect, Entry, Mode, PhysAddr, Pte, Root, Satp, ScanBudget, Seen, Trouble, VirtAddr,
    WalkOutcome, Xlen, translate, visit_within,
};
use proptest::prelude::*;
use ram::{BASE, PAGE, Ram};

const PAGES: u64 = 6;

/// Entries that point to mapped memory often enough to produce deep walks.
fn entry(mode: Mode) -> impl Strategy<Value = u64> {
    let target = prop_oneof![
        8 => (0..PAGES).prop_map(|page| BASE + page * 4096),
        1 => any::<u64>(),
        1 => Just(0x1000_0000),
    ];
    prop_oneof![
        2 => any::<u64>(),
        4 => target.clone().prop_map(move |at| Pte::pointer(mode, PhysAddr::new(at)).raw()),
        3 => (target, any::<u8>(), prop_oneof![4 => Just(0u64), 1 => (0..32u64).prop_map(|b| b << 59)])
            .prop_map(move |(at, flags, high)| {
                let leaf = Pte::leaf(mode, PhysAddr::new(at), flags as u64).raw();
                if mode == Mode::Sv32 { leaf } else { leaf | high }
            }),
    ]
}

fn scene() -> impl Strategy<Value = (Ram, Root)> {
    (
        prop::sample::select(Mode::ALL.to_vec()),
        prop::sample::select(Dialect::ALL.to_vec()),
    )
        .prop_flat_map(|(mode, dialect)| {
            let slot = (0..PAGES, 0..mode.entries(), entry(mode));
            (prop::collection::vec(slot, 0..60), any::<bool>()).prop_map(move |(slots, is_lent)| {
                let mut ram = Ram::new(PAGES as usize);
                ram.is_lent = is_lent;
                for (page, index, raw) in slots {
                    ram.put(mode, BASE + page * 4096, index, Pte::new(raw));
                }
                let table = PhysAddr::new(BASE);
                (
                    ram,
                    Root {
                        mode,
                        table,
                        dialect,
                    },
                )
            })
        })
}

proptest! {
    #[test]
    fn visit_and_walk_agree((mut ram, root) in scene(), probe in any::<u64>()) {
        let mut seen = Vec::new();
        visit_within(&mut ram, root, ScanBudget { tables: 300 }, |it| seen.push(it));
        let mut last = None;
        for it in seen.iter().take(3000) {
            let Seen::Mapping(mapping) = it else { continue };
            prop_assert!(last < Some(mapping.va), "in order, none twice");
            last = Some(mapping.va);
            let deep = mapping.va.wrapping_add(probe % mapping.bytes);
            let walk = translate(&mut ram, root, deep);
            prop_assert_eq!(walk.address(), Some(mapping.at.wrapping_add(probe % mapping.bytes)));
        }
        // The reverse: the visit reports every page that a walk finds.
        let va = root.mode.sign_extend(probe);
        let walk = translate(&mut ram, root, va);
        let is_cut = seen.iter().any(|it| matches!(it,
            Seen::Problem(p) if p.trouble == Trouble::OutOfBudget));
        if let (WalkOutcome::Mapped { at, .. }, false) = (walk.outcome, is_cut) {
            let is_seen = seen.iter().any(|it| matches!(it, Seen::Mapping(m)
                if va.raw().wrapping_sub(m.va.raw()) < m.bytes
                    && m.at.raw() + (va.raw() - m.va.raw()) == at.raw()));
            prop_assert!(is_seen, "{:?}", walk);
        }
    }

    #[test]
    fn lent_pages_change_nothing((mut ram, root) in scene()) {
        let mut read = |is_lent| {
            ram.is_lent = is_lent;
            let mut seen = Vec::new();
            // Memory that lends its tables reports runs of pages at once.
            visit_within(&mut ram, root, ScanBudget { tables: 100 }, |it| match it {
                Seen::Mapping(run) => {
                    let bytes = run.bytes / u64::from(run.entries);
                    seen.extend((0..u64::from(run.entries)).map(|entry| {
                        let raw = run.leaf.pte.raw() + (entry << 10);
                        (run.va.wrapping_add(entry * bytes), run.at.wrapping_add(entry * bytes), raw, bytes, None)
                    }));
                }
                other => seen.push((Default::default(), Default::default(), 0, 0, Some(other))),
            });
            seen
        };
        prop_assert_eq!(read(true), read(false));
    }

    #[test]
    fn any_bits_decode(raw: u64, level in 0u8..5) {
        for mode in Mode::ALL {
            for dialect in Dialect::ALL {
                let pte = Pte::new(raw);
                if let Entry::Leaf(leaf) = pte.decode(mode, level % mode.levels(), dialect) {
                    prop_assert!(leaf.base.is_aligned(leaf.page_bytes));
                    prop_assert!(leaf.base.raw() >> mode.pa_bits() == 0);
                }
            }
        }
    }

    #[test]
    fn every_address_has_its_own_path(raw: u64) {
        for mode in Mode::ALL {
            let va = mode.sign_extend(raw);
            let (mut ram, root) = Ram::with_path(mode, va, |page| Pte::leaf(mode, page, Pte::READ));
            let walk = translate(&mut ram, root, va);
            prop_assert_eq!(walk.address(), Some(PhysAddr::new(PAGE + va.offset(4096))));
        }
    }

    #[test]
    fn satp_round_trips(raw: u64) {
        if let Ok(satp) = Satp::decode(raw, Xlen::Rv64) {
            prop_assert_eq!(satp.encode(Xlen::Rv64), raw);
        }
        let satp = Satp::decode(raw, Xlen::Rv32).unwrap();
        prop_assert_eq!(satp.encode(Xlen::Rv32), raw & 0xffff_ffff);
    }

    #[test]
    fn any_address_from_any_root(table: u64, va: u64, page in prop::collection::vec(any::<u8>(), 4096)) {
        for mode in Mode::ALL {
            let mut ram = Ram::new(0);
            ram.bytes.clone_from(&page);
            let table = PhysAddr::new(table & !4095);
            let dialect = Dialect::Svpbmt;
            let far = translate(&mut ram, Root { mode, table, dialect }, VirtAddr::new(va));
            prop_assert!(far.steps().len() <= mode.levels() as usize);
            let near = Root { mode, table: PhysAddr::new(BASE), dialect };
            translate(&mut ram, near, mode.sign_extend(va));
        }
    }
}
