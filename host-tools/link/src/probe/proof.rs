//! Every module and hart profile: the result is correct and the hart unchanged.

use pagetable::{Outside, PhysAddr, Satp, Xlen};

use super::sim::{
    Driver, InjectedFault, Neighbour, Profile, SharedTap, SimulatedHart, csr, lock, machine,
};
use super::{AccessMethod, KnownChain, Options, ProbeError, Target};
use crate::memory::{Cached, MemorySource, ReadError, open_core};

const BASE: u64 = 0x8000_0000;
const BYTES: u64 = 0x3000;
const SATP: u64 = 0x8000_0000_0008_0001;

/// Memory in which every word is different.
struct MemoryPattern;

pub(super) fn byte(at: u64) -> u8 {
    ((at / 4).wrapping_mul(0x9e37_79b1) >> (8 * (at % 4))) as u8
}

impl MemorySource for MemoryPattern {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        let bytes = into.len();
        let end = at.raw().checked_add(bytes as u64);
        if at.raw() < BASE || end.is_none_or(|end| end > BASE + BYTES) {
            return Err(ReadError::Outside(Outside { at, bytes }));
        }
        for (to, at) in into.iter_mut().zip(at.raw()..) {
            *to = byte(at);
        }
        Ok(())
    }
}

/// Every module, with harts of either width.
pub(super) fn profiles() -> impl Iterator<Item = Profile> {
    let widths = [Xlen::Rv64, Xlen::Rv32];
    let all = Profile::ALL.into_iter();
    all.flat_map(move |profile| widths.map(|xlen| profile.with_xlen(xlen)))
}

pub(super) fn pattern(profile: Profile) -> SharedTap {
    let satp = match profile.xlen {
        Xlen::Rv64 => SATP,
        Xlen::Rv32 => 0x8008_0001,
    };
    machine(profile, satp, MemoryPattern)
}

fn open(tap: &SharedTap, by: Option<AccessMethod>) -> Result<Target, ProbeError> {
    let options = Options {
        by,
        ..Options::default()
    };
    Target::on(Driver::probe(tap), options)
}

fn hart(tap: &SharedTap) -> SimulatedHart {
    lock(tap).module.harts[0].clone()
}

/// A hart without dcsr.cause and the module's own state, which halting and resuming change.
fn lasting(mut hart: SimulatedHart, was_halted: bool) -> SimulatedHart {
    if !was_halted {
        *hart.csr.get_mut(&csr::DCSR).unwrap() &= !(7 << 6);
    }
    hart.has_resumed = false;
    hart
}

#[test]
fn every_way_reads_what_is_there_and_leaves_the_hart_as_it_was() {
    // Including a module without automatic repetition.
    let slow = Profile {
        repeats: false,
        ..Profile::PROGRAM
    };
    let single = Profile::SINGLE;
    for profile in profiles().chain([slow, single, single.with_xlen(Xlen::Rv32)]) {
        for (mode, is_halted) in [(1, false), (0, true), (1, true), (3, true)] {
            let what = format!(
                "{} {:?} mode {mode} {is_halted}",
                profile.name, profile.xlen
            );
            let tap = pattern(profile);
            {
                let hart = &mut lock(&tap).module.harts[0];
                hart.set_privilege(mode);
                hart.is_halted = is_halted;
            }
            let before = hart(&tap);
            let mut ways = 0;
            for method in AccessMethod::ALL {
                let mut target = open(&tap, Some(method)).expect(&what);
                assert_eq!(target.xlen().unwrap(), profile.xlen, "{what}");
                assert_eq!(target.satp().unwrap(), before.csr[&csr::SATP], "{what}");
                for number in 0..32 {
                    let value = target.register(number).unwrap();
                    assert_eq!(value, before.gpr[usize::from(number)], "{what}");
                }
                let has_way = match method {
                    AccessMethod::Bus => profile.bus_widths != 0,
                    AccessMethod::Program => profile.program_words != 0,
                    AccessMethod::Abstract => profile.has_abstract_memory,
                };
                if !has_way {
                    let refused = target.read_physical(BASE, &mut [0; 8]).unwrap_err();
                    assert!(refused.to_string().ends_with(": not there"), "{refused}");
                    continue;
                }
                ways += 1;
                for (from, bytes) in [(0, 0x1000), (0x2000, 0x1000), (5, 3), (0x2fff, 1), (12, 37)]
                {
                    let mut read = vec![0; bytes];
                    target.read_physical(BASE + from, &mut read).expect(&what);
                    let there: Vec<u8> = (BASE + from..).map(byte).take(bytes).collect();
                    assert_eq!(read, there, "{what}");
                }
                // Beyond the end there is no memory, and later reads still work.
                let mut page = [0; 0x1000];
                let at = PhysAddr::new(BASE + BYTES);
                let outside = target.read(at, &mut page);
                assert!(
                    matches!(outside, Err(ReadError::Outside(_))),
                    "{what}: {outside:?}"
                );
                target.read_physical(BASE, &mut page).expect(&what);
                assert_eq!(target.used(), [method]);
                target.close().expect(&what);
            }
            assert!(ways > 0, "{what}");
            let (before, after) = (lasting(before, is_halted), lasting(hart(&tap), is_halted));
            assert_eq!(before, after, "{what}");
            assert!(lock(&tap).module.ram.is_untouched(), "{what}");
        }
    }
}

#[test]
fn the_ways_are_those_that_the_module_has() {
    let ways = |profile: Profile| {
        let tap = pattern(profile);
        open(&tap, None).unwrap().info().unwrap().methods
    };
    use AccessMethod::{Abstract, Bus, Program};
    assert_eq!(ways(Profile::FULL), [Bus, Program, Abstract]);
    assert_eq!(ways(Profile::PROGRAM), [Program]);
    assert_eq!(ways(Profile::C906), [Program, Bus]);
    assert_eq!(ways(Profile::ABSTRACT), [Abstract]);
    assert_eq!(ways(Profile::ROM), [Program]);
    assert_eq!(ways(Profile::SINGLE), [Program]);
    assert_eq!(ways(Profile::REGISTERS), []);
}

#[test]
fn a_bus_that_does_not_see_the_cache_is_doubted() {
    let tap = pattern(Profile::C906);
    lock(&tap).module.ram.hold_back(BASE + 8, &[0xaa; 8]);
    let mut word = [0; 8];
    let mut target = open(&tap, None).unwrap();
    target.read(PhysAddr::new(BASE + 8), &mut word).unwrap();
    assert_eq!((word, target.is_possibly_stale()), ([0xaa; 8], false));
    drop(target);
    let mut target = open(&tap, Some(AccessMethod::Bus)).unwrap();
    target.read(PhysAddr::new(BASE + 8), &mut word).unwrap();
    assert_eq!(word, std::array::from_fn(|n| byte(BASE + 8 + n as u64)));
    assert!(target.is_possibly_stale());
    // The same core with another IDCODE: mvendorid identifies it.
    let profile = Profile {
        idcode: 0x5555_0b6f,
        ..Profile::C906
    };
    let mut target = open(&pattern(profile), Some(AccessMethod::Bus)).unwrap();
    target.read(PhysAddr::new(BASE + 8), &mut word).unwrap();
    assert!(target.is_possibly_stale());
    // A hart that does not halt leaves only the system bus.
    lock(&tap).module.harts[0].heeds = false;
    let mut target = open(&tap, None).unwrap();
    target.read(PhysAddr::new(BASE + 8), &mut word).unwrap();
    assert!(target.is_possibly_stale());
    assert!(matches!(target.satp(), Err(ProbeError::NotHalted)));
}

#[test]
fn loads_are_physical_unless_virtual_ones_are_asked_for() {
    let core = "../cli/tests/captures/linux-sv39/pagetables.core";
    let satp = 0x8003_3000_0008_30ca;
    for profile in [Profile::FULL, Profile::PROGRAM, Profile::C906] {
        let tap = machine(profile, satp, open_core(core.as_ref()).unwrap().memory);
        {
            let hart = &mut lock(&tap).module.harts[0];
            // As if the kernel had stopped while it copied from a user's memory.
            *hart.csr.get_mut(&csr::MSTATUS).unwrap() |= 1 << 17 | 1 << 11;
            *hart.csr.get_mut(&csr::DCSR).unwrap() |= 1 << 4;
            hart.is_halted = true;
        }
        let before = hart(&tap);
        let root = Satp::decode(satp, Xlen::Rv64).unwrap().root;
        let mut target = open(&tap, Some(AccessMethod::Program)).unwrap();
        let mut physical = [0; 0x1000];
        target.read_physical(root.raw(), &mut physical).unwrap();
        // The kernel's linear map covers all memory, including its own root.
        let mut memory = Cached::new(open_core(core.as_ref()).unwrap().memory);
        let tree = Satp::decode(satp, Xlen::Rv64)
            .unwrap()
            .tree(pagetable::Dialect::None);
        let mut mapped = None;
        pagetable::visit(&mut memory, tree, |seen| {
            if let pagetable::Seen::Mapping(map) = seen
                && (map.at.raw()..map.at.raw() + map.bytes).contains(&root.raw())
            {
                mapped = Some(map.va.raw() + (root.raw() - map.at.raw()));
            }
        });
        let mut by_hart = [0; 0x1000];
        let at = mapped.expect("the root is mapped");
        target.read_virtual(at, &mut by_hart).unwrap();
        assert_eq!(physical, by_hart, "{}", profile.name);
        let nowhere = target.read_virtual(0x10, &mut by_hart).unwrap_err();
        assert!(
            nowhere.to_string().contains("nothing at this address"),
            "{nowhere}"
        );
        target.close().unwrap();
        assert_eq!(
            lasting(before, true),
            lasting(hart(&tap), true),
            "{}",
            profile.name
        );
    }
}

#[test]
fn a_hart_halts_where_it_is_told_in_any_mode() {
    for xlen in [Xlen::Rv64, Xlen::Rv32] {
        for mode in [0, 1, 3] {
            let tap = pattern(Profile::C906.with_xlen(xlen));
            {
                let hart = &mut lock(&tap).module.harts[0];
                hart.wanders = true;
                hart.set_privilege(mode);
                // One trigger is in use, and another one selected.
                hart.triggers[0][0] |= 1 << 6 | 1 << 2;
                hart.csr.insert(csr::TSELECT, 1);
            }
            let before = hart(&tap);
            let mut target = open(&tap, None).unwrap();
            let patience = std::time::Duration::from_secs(120);
            assert!(
                target.halt_at(0x8020_0050, patience).unwrap(),
                "mode {mode}"
            );
            target.close().unwrap();
            let after = hart(&tap);
            assert!(after.is_halted && after.csr[&csr::DPC] == 0x8020_0050);
            assert_eq!((after.gpr, after.triggers), (before.gpr, before.triggers));
            assert_eq!(after.csr[&csr::TSELECT], before.csr[&csr::TSELECT]);
            let mut target = open(&tap, None).unwrap();
            let soon = std::time::Duration::from_millis(20);
            assert!(!target.halt_at(0x4000, soon).unwrap());
            assert!(!hart(&tap).is_halted);
        }
    }
}

#[test]
fn a_hart_is_found_among_other_ports_and_other_harts() {
    let neighbour = |bits, idcode| Neighbour::new(bits, idcode);
    for profile in [Profile::FULL, Profile::C906] {
        let tap = pattern(profile);
        let other = SimulatedHart::new(&profile, 1, 0x9000_0000_0008_1234);
        {
            let mut tap = lock(&tap);
            tap.module.harts.push(other);
            let before = vec![neighbour(4, Some(0x4ba0_0477)), neighbour(6, None)];
            tap.surround(before, vec![neighbour(9, Some(0x0643_3041))]);
        }
        let known = KnownChain {
            idcode: None,
            ir_bits: vec![4, 6, 5, 9],
        };
        let options = Options {
            known,
            hart: 1,
            ..Options::default()
        };
        let mut target = Target::on(Driver::probe(&tap), options.clone()).unwrap();
        let info = target.info().unwrap();
        let idcodes = [
            Some(0x4ba0_0477),
            None,
            Some(profile.idcode),
            Some(0x0643_3041),
        ];
        assert_eq!((info.chain.idcodes, info.chain.port), (idcodes.to_vec(), 2));
        assert_eq!(info.offers.harts, 2);
        assert_eq!(target.satp().unwrap(), 0x9000_0000_0008_1234);
        assert!(!hart(&tap).is_halted, "the other one runs on");
        let mut page = [0; 0x1000];
        target.read_physical(BASE, &mut page).unwrap();
        assert!((BASE..).zip(page).all(|(at, read)| read == byte(at)));
        target.close().unwrap();
        // Without stated lengths, the scan separates TAPs that mark their start.
        let options = Options {
            known: KnownChain::default(),
            ..options
        };
        let found = Target::on(Driver::probe(&tap), options);
        assert_eq!(found.unwrap().satp().unwrap(), 0x9000_0000_0008_1234);
    }
}

#[test]
fn halt_resume_and_reset_do_what_they_say() {
    let tap = pattern(Profile::FULL);
    let mut target = open(&tap, None).unwrap();
    target.halt().unwrap();
    target.close().unwrap();
    assert!(hart(&tap).is_halted);
    let mut target = open(&tap, None).unwrap();
    target.reset(true).unwrap();
    target.close().unwrap();
    assert!(hart(&tap).is_halted && hart(&tap).csr[&csr::SATP] == 0);
    let mut target = open(&tap, None).unwrap();
    target.resume().unwrap();
    target.close().unwrap();
    assert!(!hart(&tap).is_halted);
    let mut target = open(&tap, None).unwrap();
    target.reset(false).unwrap();
    target.close().unwrap();
    assert!(!hart(&tap).is_halted && !hart(&tap).was_reset);
}

#[test]
fn what_is_not_there_is_said_in_a_sentence() {
    let refused = |known: KnownChain, hart: u32| {
        let options = Options {
            known,
            hart,
            ..Options::default()
        };
        let target = Target::on(Driver::probe(&pattern(Profile::C906)), options);
        target.err().expect("it is refused").to_string()
    };
    let chain = |ir_bits: &[u8]| KnownChain {
        ir_bits: ir_bits.to_vec(),
        ..KnownChain::default()
    };
    assert_eq!(
        refused(chain(&[4, 5]), 0),
        "wrong chain: 1 port with 5 bits of instruction together, and not 2 ports with 9"
    );
    assert_eq!(
        refused(KnownChain::default(), 3),
        "no hart 3; there is 1 hart, counted from 0"
    );
    for (level, text) in [(true, "TDO is always 1"), (false, "TDO is always 0")] {
        let tap = pattern(Profile::C906);
        lock(&tap)
            .module
            .faults
            .plan(1, InjectedFault::Stuck(level));
        let _ = open(&tap, None);
        let silent = open(&tap, None).err().expect("nothing answers").to_string();
        assert!(silent.contains(text), "{silent}");
    }
    let tap = pattern(Profile::FULL);
    let mut target = open(&tap, None).unwrap();
    let nowhere = target.read_physical(0x10, &mut [0; 8]).unwrap_err();
    assert_eq!(
        nowhere.to_string(),
        "memory at 0x0000000000000010 cannot be reached: system bus: nothing at this address; \
         program buffer: nothing at this address; abstract memory: nothing at this address"
    );
    assert!(matches!(
        target.csr(0x7ff),
        Err(ProbeError::NoRegister("CSR", 0x7ff))
    ));
}
