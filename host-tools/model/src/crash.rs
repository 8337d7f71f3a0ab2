//! Registers of a hart that trapped, and what they suggest.

use abi::Cause;
use pagetable::{AccessType, Mode, Satp, VirtAddr, Xlen};

/// CSRs and registers of a trap from a report or a debugger; `None` where they are not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrashRegisters {
    /// The message of the software that reported the trap.
    pub message: Option<String>,
    /// Trap cause (Privileged spec, `scause`).
    pub scause: Option<u64>,
    /// Address of the instruction that trapped.
    pub sepc: Option<u64>,
    /// Faulting address, or the bits of an illegal instruction.
    pub stval: Option<u64>,
    /// Stack pointer.
    pub sp: Option<u64>,
    /// Return address of the function.
    pub ra: Option<u64>,
    /// Root of the active page tables.
    pub satp: Option<u64>,
    /// Value of the `time` CSR, in ticks.
    pub time: Option<u64>,
}

/// A decoded `scause`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashReason {
    /// A synchronous exception.
    Exception(Cause),
    /// An interrupt with this number.
    Interrupt(u64),
    /// No trap since reset: `scause`, `sepc` and `stval` are 0. As an exception this would be a misaligned
    /// jump to address 0, which is aligned.
    NoTrap,
}

impl CrashRegisters {
    /// Decodes `scause`; `None` if it is not known.
    pub fn why(&self, xlen: Xlen) -> Option<CrashReason> {
        let scause = self.scause?;
        let top = 1 << (xlen.bits() - 1);
        if scause & top != 0 {
            return Some(CrashReason::Interrupt(scause & !top));
        }
        // sepc is ignored: a kernel writes it before its first `sret`, without a trap.
        if scause == 0 && self.stval == Some(0) {
            return Some(CrashReason::NoTrap);
        }
        Some(CrashReason::Exception(Cause::decode(
            u8::try_from(scause).unwrap_or(u8::MAX),
        )))
    }

    /// Whether `stval` holds a faulting address.
    pub fn is_about_an_address(&self, xlen: Xlen) -> bool {
        matches!(self.why(xlen), Some(CrashReason::Exception(cause)) if cause.has_address())
    }

    /// The access that caused the exception; `None` if its cause does not imply one.
    pub fn access(&self, xlen: Xlen) -> Option<AccessType> {
        let Some(CrashReason::Exception(cause)) =
            self.why(xlen).filter(|_| self.is_about_an_address(xlen))
        else {
            return None;
        };
        // Misaligned, access fault, page fault: Privileged spec, table of scause values.
        match cause.number() {
            0 | 1 | 12 => Some(AccessType::Execute),
            4 | 5 | 13 => Some(AccessType::Read),
            6 | 7 | 15 => Some(AccessType::Write),
            _ => None,
        }
    }

    /// Likely explanations of the register values, one sentence each.
    pub fn hints(&self, xlen: Xlen) -> Vec<String> {
        let mut hints = Vec::new();
        let cause = match self.why(xlen) {
            Some(CrashReason::Exception(cause)) => cause,
            Some(CrashReason::NoTrap) => {
                let zero = match self.sepc {
                    Some(0) => "scause, sepc and stval are",
                    _ => "scause and stval are",
                };
                hints.push(format!(
                    "{zero} zero, as after reset: this hart has taken no trap in supervisor mode"
                ));
                return hints;
            }
            Some(CrashReason::Interrupt(_)) | None => return hints,
        };
        let stval = self.stval.filter(|_| cause.has_address());
        if let Some(at) = stval {
            let satp = self.satp.and_then(|raw| Satp::decode(raw, xlen).ok());
            let mode = satp.map_or(Mode::Bare, |satp| satp.mode);
            if at < 4096 {
                hints.push(format!("a null pointer, {at} bytes on"));
            } else if !mode.canonical(VirtAddr::new(at)) {
                hints.push(format!(
                    "no address of {}: its upper bits are not all equal",
                    mode.name()
                ));
            }
            if self.sepc == Some(at) && self.access(xlen) == Some(AccessType::Execute) {
                hints.push("the instruction itself could not be fetched: a jump to nowhere".into());
            }
            if let Some(sp) = self.sp
                && at.abs_diff(sp) < 4096
                && self.sepc != Some(at)
            {
                hints.push("next to the stack pointer: the stack may be full".into());
            }
        }
        if cause == Cause::Breakpoint && self.message.is_some() {
            hints.push("the kernel stopped itself, for the reason it gives".into());
        }
        hints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crash(cause: Cause, sepc: u64, stval: u64, sp: u64) -> Vec<String> {
        let crash = CrashRegisters {
            scause: Some(cause.number().into()),
            sepc: Some(sepc),
            stval: Some(stval),
            sp: Some(sp),
            satp: Some(8 << 60 | 0x80120),
            ..CrashRegisters::default()
        };
        crash.hints(Xlen::Rv64)
    }

    #[test]
    fn hints_say_what_stands_out_and_nothing_else() {
        let load = Cause::LoadPageFault;
        assert_eq!(
            crash(load, 0x1_0000, 16, 0x8000),
            ["a null pointer, 16 bytes on"]
        );
        assert!(crash(load, 0x1_0000, 0x40_0000_0000, 0x8000)[0].contains("no address of sv39"));
        assert!(
            crash(Cause::InstructionPageFault, 0x9000, 0x9000, 0)[0].contains("jump to nowhere")
        );
        assert!(
            crash(Cause::StorePageFault, 0x1_0000, 0x7ff8, 0x8000)[0].contains("stack may be full")
        );
        assert!(crash(load, 0x1_0000, 0x5000, 0x9_0000).is_empty());
        assert!(crash(Cause::IllegalInstruction, 0x1_0000, 0, 0x8000).is_empty());
    }

    /// Regression: three zeros, or an sepc written to enter user mode, were explained as a jump to a null
    /// pointer.
    #[test]
    fn a_hart_without_a_trap_is_no_hart_that_jumped_to_nowhere() {
        let none = Cause::InstructionMisaligned;
        for (sepc, what) in [
            (0, "scause, sepc and stval"),
            (0x1_0000, "scause and stval"),
        ] {
            let hints = crash(none, sepc, 0, 0x8000);
            assert_eq!(hints.len(), 1, "{hints:?}");
            assert!(
                hints[0].starts_with(what) && hints[0].contains("no trap"),
                "{hints:?}"
            );
        }
        let registers = |scause, stval| CrashRegisters {
            scause: Some(scause),
            sepc: Some(0),
            stval,
            ..CrashRegisters::default()
        };
        for xlen in [Xlen::Rv32, Xlen::Rv64] {
            let idle = registers(0, Some(0));
            assert_eq!(idle.why(xlen), Some(CrashReason::NoTrap));
            assert_eq!(
                (idle.access(xlen), idle.is_about_an_address(xlen)),
                (None, false)
            );
            // These happened; others cannot be excluded.
            assert_eq!(
                registers(0, Some(2)).why(xlen),
                Some(CrashReason::Exception(none))
            );
            assert_eq!(
                registers(0, None).why(xlen),
                Some(CrashReason::Exception(none))
            );
            let null = Cause::InstructionPageFault;
            assert_eq!(
                registers(12, Some(0)).why(xlen),
                Some(CrashReason::Exception(null))
            );
        }
        let null = crash(Cause::InstructionPageFault, 0, 0, 0x8000);
        assert!(null[1].contains("jump to nowhere"), "{null:?}");
        // The instruction that loads was fetched from the same page.
        assert!(crash(Cause::LoadPageFault, 0x9000, 0x9000, 0).is_empty());
    }

    #[test]
    fn an_interrupt_is_told_from_an_exception_by_the_top_bit() {
        let crash = CrashRegisters {
            scause: Some(1 << 63 | 5),
            ..CrashRegisters::default()
        };
        assert_eq!(crash.why(Xlen::Rv64), Some(CrashReason::Interrupt(5)));
        let crash = CrashRegisters {
            scause: Some(1 << 31 | 9),
            ..CrashRegisters::default()
        };
        assert_eq!(crash.why(Xlen::Rv32), Some(CrashReason::Interrupt(9)));
    }
}
