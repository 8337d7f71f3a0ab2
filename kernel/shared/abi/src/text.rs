//! A fault as one line of text, for people and for `pagewalk faults`.
//!
//! It starts like the messages of other kernels (cause text, cause, EPC, address); Pagewalk's own fields
//! follow. `docs/wire.md` defines it; the host parses it.
//!
//! ```text
//! [    1.204331] pagewalk: EXCEPTION: Store/AMO page fault. SCAUSE: 0000000f, EPC: 00000000000104c2, STVAL:
//! 0000000000201000, task: 3, seq: 17, user write, heap, zeroed, level: 0, entry: 0000000000000000, frame:
//! 0000000080431000, cost: 812
//! ```

use core::fmt::{Display, Formatter, Result};

use crate::{Access, Fault};

/// Text after the time in every such line.
pub const MARK: &str = "pagewalk: EXCEPTION: ";

/// Formats one fault, without a newline.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The record to format.
    pub fault: &'a Fault,
    /// Sequence number, from 0 at boot.
    pub seq: u64,
    /// Frequency of [`Fault::time`] in hertz; 0 omits the time.
    pub ticks_per_second: u64,
}

impl Display for Line<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let fault = self.fault;
        if let Some(seconds) = fault.time.checked_div(self.ticks_per_second) {
            // The remainder is below 2^64 / 10^6 for any clock under 18 THz.
            let rest = fault.time % self.ticks_per_second;
            let micros = rest.saturating_mul(1_000_000) / self.ticks_per_second;
            write!(f, "[{seconds:>5}.{micros:06}] ")?;
        }
        write!(
            f,
            "{MARK}{}. SCAUSE: {:08x}, EPC: {:016x}, STVAL: {:016x}, task: ",
            fault.cause(),
            fault.cause,
            fault.epc,
            fault.va
        )?;
        match fault.task() {
            Some(task) => write!(f, "{task}")?,
            None => f.write_str("-")?,
        }
        write!(f, ", seq: {}, {}", self.seq, fault.source())?;
        if fault.access != 0 {
            let access: Access = fault.access();
            write!(f, " {access}")?;
        }
        write!(f, ", {}, {}", fault.class(), fault.outcome())?;
        if let Some(level) = fault.level() {
            write!(f, ", level: {level}, entry: {:016x}", fault.entry)?;
        }
        if let Some(frame) = fault.frame() {
            write!(f, ", frame: {frame:016x}")?;
        }
        if fault.cost != 0 {
            write!(f, ", cost: {}", fault.cost)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    const GROWN: Fault = Fault {
        time: 12_043_310,
        epc: 0x104c2,
        va: 0x20_1ffc,
        frame: 0x80431,
        cost: 812,
        task: 3,
        cause: 15,
        access: 2,
        level: 0,
        source: 1,
        class: 3,
        outcome: 1,
        ..Fault::EMPTY
    };

    #[test]
    fn a_fault_is_one_line() {
        let line = Line {
            fault: &GROWN,
            seq: 17,
            ticks_per_second: 10_000_000,
        };
        assert_eq!(
            line.to_string(),
            "[    1.204331] pagewalk: EXCEPTION: Store/AMO page fault. SCAUSE: 0000000f, \
             EPC: 00000000000104c2, STVAL: 0000000000201ffc, task: 3, seq: 17, user write, \
             heap, zeroed, level: 0, entry: 0000000000000000, frame: 0000000080431000, cost: 812"
        );
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let fault = Fault {
            cause: 2,
            va: 0xffff_ffff,
            source: 1,
            outcome: 0x84,
            ..Fault::EMPTY
        };
        let line = Line {
            fault: &fault,
            seq: 0,
            ticks_per_second: 0,
        };
        assert_eq!(
            line.to_string(),
            "pagewalk: EXCEPTION: Illegal instruction. SCAUSE: 00000002, \
             EPC: 0000000000000000, STVAL: 00000000ffffffff, task: -, seq: 0, user, \
             none, not a memory fault"
        );
    }
}
