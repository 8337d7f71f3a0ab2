//! NuttX's log of faults.
//!
//! ```text
//! [    0.010000] riscv_fillpage: EXCEPTION: Store/AMO page fault. MCAUSE: 0000000f, EPC: 8000eb08, MTVAL: c0001000
//! ```
//!
//! `riscv_fillpage` prints one for every page it is about to fill; other
//! functions (`riscv_exception`) print the same for what they cannot resolve.
//! The task, the access and the end of it are not told; the access follows from
//! the cause.

use abi::{Access, Cause, Fault, Sighting};

use super::{LineUse, LogFinding, LogParser, around, registers, time_us};

const MARK: &str = ": EXCEPTION: ";

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
    for (before, fields) in around(line, MARK) {
        let Some((cause, epc, va)) = registers(fields, ["MCAUSE", "EPC", "MTVAL"]) else {
            continue;
        };
        // The time stands before the name of the function that prints.
        let is_of_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        let name = before.iter().rev().take_while(is_of_name).count();
        let time_us = time_us(&before[..before.len() - name]);
        let access = Access::of(Cause::decode(cause)).map_or(0, Access::number);
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
    fn a_line_that_was_cut_is_not_believed() {
        for end in 0..FAULT.len() {
            assert_eq!(all(&FAULT[..end]), [], "{}", &FAULT[..end]);
        }
    }
}
