//! Debug modules that execute commands on the hart, and minimal ones.

use std::time::Duration;

use pagetable::Xlen;

use super::proof::{byte, pattern};
use super::sim::{Driver, Profile, SharedTap, SimulatedHart, csr, lock};
use super::{AccessMethod, Options, ProbeError, Target};

const BASE: u64 = 0x8000_0000;
const WIDTHS: [Xlen; 2] = [Xlen::Rv64, Xlen::Rv32];
const PATIENCE: Duration = Duration::from_secs(5);

fn open(tap: &SharedTap) -> Target {
    Target::on(Driver::probe(tap), Options::default()).expect("a hart")
}

fn hart(tap: &SharedTap) -> SimulatedHart {
    lock(tap).module.harts[0].clone()
}

#[test]
fn a_hart_of_32_bits_that_meets_a_store_of_64_is_one_of_32_bits() {
    for profile in [Profile::ROM, Profile::SINGLE, Profile::REGISTERS] {
        for xlen in WIDTHS {
            let tap = pattern(profile.with_xlen(xlen));
            let mut target = open(&tap);
            assert_eq!(target.xlen().unwrap(), xlen, "{}", profile.name);
            assert_eq!(target.satp().unwrap(), hart(&tap).csr[&csr::SATP]);
        }
    }
}

#[test]
fn room_for_one_instruction_is_a_way_to_memory() {
    for xlen in WIDTHS {
        let tap = pattern(Profile::SINGLE.with_xlen(xlen));
        lock(&tap).module.harts[0].is_halted = true;
        let before = hart(&tap);
        let mut target = open(&tap);
        let mut page = [0; 0x1000];
        target.read_physical(BASE + 3, &mut page).unwrap();
        assert!((BASE + 3..).zip(page).all(|(at, read)| read == byte(at)));
        assert_eq!(target.used(), [AccessMethod::Program]);
        target.close().unwrap();
        let after = hart(&tap);
        assert_eq!((after.gpr, after.csr), (before.gpr, before.csr), "{xlen:?}");
        assert!(lock(&tap).module.ram.is_untouched());
    }
}

#[test]
fn registers_are_read_where_no_way_leads_to_memory() {
    for xlen in WIDTHS {
        let tap = pattern(Profile::REGISTERS.with_xlen(xlen));
        let before = hart(&tap);
        let mut target = open(&tap);
        assert_eq!(target.info().unwrap().methods, []);
        for number in 0..32 {
            let value = target.register(number).unwrap();
            assert_eq!(value, before.gpr[usize::from(number)]);
        }
        assert_eq!(target.satp().unwrap(), before.csr[&csr::SATP]);
        // A missing CSR does not block access to the others.
        let none = target.csr(0x7ff);
        assert!(matches!(none, Err(ProbeError::NoRegister("CSR", 0x7ff))));
        assert_eq!(target.csr(csr::MISA).unwrap(), before.csr[&csr::MISA]);
        let refused = target.read_physical(BASE, &mut [0; 8]).unwrap_err();
        assert!(
            refused.to_string().ends_with("registers can be read"),
            "{refused}"
        );
        target.close().unwrap();
        assert!(!hart(&tap).is_halted);
    }
}

#[test]
fn half_a_register_is_no_answer() {
    let profile = Profile {
        moves_half: true,
        ..Profile::ROM
    };
    let tap = pattern(profile);
    let mut target = open(&tap);
    assert!(matches!(target.satp(), Err(ProbeError::HalfRegisters)));
    // A 32-bit hart has no upper half.
    let tap = pattern(profile.with_xlen(Xlen::Rv32));
    assert_eq!(open(&tap).satp().unwrap(), hart(&tap).csr[&csr::SATP]);
}

#[test]
fn a_trigger_of_no_type_is_free_and_one_in_use_is_not() {
    // As in 1.0; with `mcontrol6` alone; with `mcontrol` alone.
    for triggers in [
        1 << 2 | 1 << 6 | 1 << 15,
        1 << 6 | 1 << 15,
        1 << 2 | 1 << 15,
    ] {
        for xlen in WIDTHS {
            let profile = Profile {
                triggers,
                ..Profile::ROM.with_xlen(xlen)
            };
            let tap = pattern(profile);
            {
                let hart = &mut lock(&tap).module.harts[0];
                hart.wanders = true;
                let kind = if triggers >> 6 & 1 == 1 { 6 } else { 2 };
                // A trigger in use, on loads.
                hart.triggers[0] = [kind << (xlen.bits() - 4) | 1 << 4 | 1, 0x1234];
            }
            let before = hart(&tap);
            let mut target = open(&tap);
            assert!(
                target.halt_at(0x8020_0050, PATIENCE).unwrap(),
                "{triggers:#x}"
            );
            target.close().unwrap();
            let after = hart(&tap);
            assert!(after.is_halted && after.csr[&csr::DPC] == 0x8020_0050);
            assert_eq!(after.triggers, before.triggers, "{triggers:#x} {xlen:?}");
        }
    }
}

#[test]
fn where_no_trigger_can_do_it_that_is_said_and_the_hart_runs_on() {
    let profile = Profile {
        triggers: 1 << 3 | 1 << 15,
        ..Profile::ROM
    };
    let tap = pattern(profile);
    let before = hart(&tap);
    let mut target = open(&tap);
    let refused = target.halt_at(0x8020_0050, PATIENCE).unwrap_err();
    assert!(matches!(refused, ProbeError::NoRegister(..)), "{refused}");
    target.close().unwrap();
    let after = hart(&tap);
    assert_eq!((after.is_halted, after.triggers), (false, before.triggers));
    assert_eq!(after.gpr, before.gpr);
}
