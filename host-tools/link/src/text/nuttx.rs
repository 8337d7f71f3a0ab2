//! NuttX's log of faults.
//!
//! ```text
//! [    0.010000] riscv_fillpage: EXCEPTION: Store/AMO page fault. MCAUSE: 0000000f, EPC: 8000eb08, MTVAL: c0001000
//! ```
//!
//! `riscv_fillpage` prints one for every page it is about to fill; other
//! functions (`riscv_exception`) print the same for what they cannot resolve.
//! The task, the access and the end of it are not printed; the access follows from
//! the cause.

use std::sync::LazyLock;

use abi::{Cause, Fault, Sighting};
use memchr::memmem::Finder;

use super::draft::{Draft, PLAIN, Registers, TrapDialect};
use super::report::access_of;
use super::{LineUse, LogFinding, LogParser, around, hex_after, registers, time_us};

static MARK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(": EXCEPTION: "));

/// The row of its traps: what it cannot resolve, and the registers that follow.
pub(super) const TRAP: TrapDialect = TrapDialect {
    name: "NuttX",
    begins: &[": EXCEPTION: "],
    marks: &[
        "riscv_fillpage",
        "riscv_exception",
        "up_dump_register",
        "PANIC!!! Exception = ",
    ],
    says: true,
    more,
    ..PLAIN
};

/// A panic names the cause once more; a log that begins there has it from nowhere else.
fn more(line: &[u8], draft: &mut Draft) -> Registers {
    if let Some(cause) = hex_after(line, "PANIC!!! Exception = ")
        && draft.report.register("mcause").is_none()
    {
        draft.put("mcause", cause);
    }
    Registers::Count
}

/// NuttX's lines: each stands alone.
pub(super) struct NuttxLog;

impl LogParser for NuttxLog {
    fn line(&mut self, line: &[u8], emit: &mut dyn FnMut(LogFinding)) -> LineUse {
        let mut line_use = LineUse::Text;
        faults(line, &mut |sighting| {
            line_use = LineUse::Consumed;
            emit(LogFinding::Fault(sighting));
        });
        line_use
    }
}

/// Emits every fault that stands in the line.
fn faults(line: &[u8], emit: &mut dyn FnMut(Sighting)) {
    for (before, fields) in around(line, &MARK) {
        let Some((cause, epc, va)) = registers(fields, ["MCAUSE", "EPC", "MTVAL"]) else {
            continue;
        };
        // The time stands before the name of the function that prints.
        let is_of_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        let name = before.iter().rev().take_while(is_of_name).count();
        let time_us = time_us(&before[..before.len() - name]);
        let access = access_of(Cause::decode(cause));
        let time = time_us.unwrap_or(0);
        let fault = Fault {
            time,
            epc,
            va,
            cause,
            access,
            ..Fault::EMPTY
        };
        emit(Sighting {
            seq: None,
            time_us,
            fault,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(line: &str) -> Vec<Sighting> {
        let mut found = Vec::new();
        faults(line.as_bytes(), &mut |sighting| found.push(sighting));
        found
    }

    const FAULT: &str = "riscv_fillpage: EXCEPTION: Store/AMO page fault. \
                         MCAUSE: 0000000f, EPC: 8000eb08, MTVAL: c0001000";

    #[test]
    fn a_fault_behind_boot_messages() {
        let found = all(&format!("ABC[    0.010000] {FAULT}\r"));
        let fault = Fault {
            time: 10_000,
            epc: 0x8000_eb08,
            va: 0xc000_1000,
            cause: 15,
            access: 2,
            ..Fault::EMPTY
        };
        assert_eq!(
            found,
            [Sighting {
                seq: None,
                time_us: Some(10_000),
                fault
            }]
        );
    }

    #[test]
    fn two_faults_on_one_line_and_a_prompt() {
        let found = all(&format!("nsh> [ 1.5] {FAULT}[ 1.6] {FAULT}nsh> "));
        let times: Vec<_> = found.iter().map(|sighting| sighting.time_us).collect();
        assert_eq!(times, [Some(1_500_000), Some(1_600_000)]);
    }

    #[test]
    fn sixty_four_bits_and_no_time() {
        let found = all(
            "riscv_exception: EXCEPTION: Load access fault. MCAUSE: 0000000000000005, \
                         EPC: 0000000050208fcc, MTVAL: ffffffffe0000000",
        );
        assert_eq!(found[0].time_us, None);
        assert_eq!(found[0].fault.va, 0xffff_ffff_e000_0000);
        assert_eq!(found[0].fault.cause(), Cause::LoadAccessFault);
    }

    #[test]
    fn a_cause_without_an_address_has_no_access() {
        let line = "riscv_exception: EXCEPTION: Illegal instruction. MCAUSE: 00000002, \
                    EPC: 80001000, MTVAL: 00000000";
        assert_eq!(all(line)[0].fault.access, 0);
    }

    #[test]
    fn a_panic_is_one_report_with_its_dump() {
        let text = format!(
            "[ 1.1] {}\r\n[ 1.2] riscv_exception: PANIC!!! Exception = 0000000f\r\n\
             [ 1.3] dump_assert_info: Current Version: NuttX 12.0\r\n\
             [ 1.4] up_dump_register: EPC: 8000eb08\r\n\
             [ 1.5] up_dump_register: A0: 00000001 A1: 00000000\r\n\
             [ 1.6] up_dump_register: SP: 8001e880 FP: 00000000 RA: 8000a000\r\n",
            FAULT.replace("fillpage", "exception")
        );
        let found = super::super::crashes(text.as_bytes());
        assert_eq!(found.len(), 1, "{found:?}");
        let trap = &found[0];
        assert_eq!(
            (trap.cause(), trap.pc(), trap.value()),
            (Some(15), Some(0x8000_eb08), Some(0xc000_1000))
        );
        assert_eq!((trap.register("sp"), trap.digits), (Some(0x8001_e880), 8));
        assert!(
            trap.message
                .as_ref()
                .is_some_and(|it| it.starts_with("EXCEPTION: Store/AMO"))
        );
    }

    #[test]
    fn a_fault_and_the_panic_after_it_are_one_fault() {
        let text = format!(
            "{}\n[ 1.2] riscv_exception: PANIC!!! Exception = 0000000f\nup_dump_register: EPC: 8000eb08\n",
            FAULT.replace("fillpage", "exception")
        );
        let mut faults = 0;
        let mut count = |it| faults += usize::from(matches!(it, LogFinding::Fault(_)));
        let mut reader = super::super::LogReader::default();
        for line in text.lines() {
            reader.line(line.as_bytes(), &mut count);
        }
        reader.finish(&mut count);
        assert_eq!(faults, 1);
    }

    #[test]
    fn the_form_without_a_pc_says_that_there_is_none() {
        let text =
            "riscv_exception: EXCEPTION: Load access fault. MCAUSE: 00000005, MTVAL: 00000010\n";
        let found = super::super::crashes(text.as_bytes());
        assert_eq!(
            (found[0].cause(), found[0].value(), found[0].missing()),
            (Some(5), Some(0x10), vec!["mepc"])
        );
    }

    #[test]
    fn a_line_that_was_cut_is_not_believed() {
        for end in 0..FAULT.len() {
            assert_eq!(all(&FAULT[..end]), [], "{}", &FAULT[..end]);
        }
    }
}
