//! Registers of a hart that trapped, and what they suggest.

use abi::Cause;
use pagetable::{AccessType, Mode, Privilege, Satp, VirtAddr, Xlen};

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
    /// `sstatus`, or `mstatus` where machine mode took the trap: whom it took it from, SUM, MXR,
    /// MPRV.
    pub status: Option<u64>,
    /// The mode the hart is in now, as a debugger reports it: 0 user, 1 supervisor, 3 machine.
    pub privilege: Option<u64>,
    /// Machine mode took the trap: cause, pc and value are `mcause`, `mepc`, `mtval`.
    pub is_machine: bool,
}

/// The mode a hart was in when it trapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrappedMode {
    /// User or supervisor mode: addresses are translated, and judged by SUM and MXR.
    Translated(Privilege),
    /// Machine mode: addresses are physical.
    Machine,
    /// Machine mode with MPRV: loads and stores are translated as for the mode that it worked for.
    MachineForOther,
}

/// Bits of `mstatus` and `sstatus` (Privileged spec, "Machine Status Registers").
const SPP: u64 = 1 << 8;
const MPP: u32 = 11;
const MPRV: u64 = 1 << 17;
const SUM: u64 = 1 << 18;
const MXR: u64 = 1 << 19;

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
    /// What the registers of the trap are called: cause, pc, value, status.
    pub fn names(&self) -> [&'static str; 4] {
        match self.is_machine {
            true => ["mcause", "mepc", "mtval", "mstatus"],
            false => ["scause", "sepc", "stval", "sstatus"],
        }
    }

    /// Which of cause, pc and value are not known.
    pub fn missing(&self) -> Vec<&'static str> {
        let told = [self.scause, self.sepc, self.stval];
        let names = self.names().into_iter().zip(told);
        names
            .filter(|(_, told)| told.is_none())
            .map(|(name, _)| name)
            .collect()
    }

    /// The mode the hart was in, where a status register has it.
    pub fn trapped_mode(&self) -> Option<TrappedMode> {
        let status = self.status?;
        let (sum, mxr) = (status & SUM != 0, status & MXR != 0);
        let translated = |is_user| TrappedMode::Translated(Privilege { is_user, sum, mxr });
        Some(match (self.is_machine, status >> MPP & 3) {
            (false, _) => translated(status & SPP == 0),
            (true, 3) if status & MPRV != 0 => TrappedMode::MachineForOther,
            (true, 3) => TrappedMode::Machine,
            (true, mode) => translated(mode == 0),
        })
    }

    /// Whose access it was, with the bits that judge it, where a status register has it.
    pub fn asker(&self) -> Option<Privilege> {
        match self.trapped_mode() {
            Some(TrappedMode::Translated(who)) => Some(who),
            _ => None,
        }
    }

    /// Whether tables have a say in what became of the address.
    pub fn is_translated(&self, xlen: Xlen) -> bool {
        let is_fetch = self.access(xlen) == Some(AccessType::Execute);
        match self.trapped_mode() {
            Some(TrappedMode::Machine) => false,
            Some(TrappedMode::MachineForOther) => !is_fetch,
            Some(TrappedMode::Translated(_)) | None => true,
        }
    }

    /// What stopped the access, as far as registers show it: a sentence.
    pub fn stopped(&self, xlen: Xlen) -> Option<String> {
        let Some(CrashReason::Exception(cause)) = self.why(xlen) else {
            return None;
        };
        let access = match self.access(xlen) {
            Some(AccessType::Read) => "a load",
            Some(AccessType::Write) => "a store",
            Some(AccessType::Execute) => "a fetch",
            None => "an access",
        };
        let at = self
            .stval
            .map(|at| format!(" of {at:#x}"))
            .unwrap_or_default();
        let by = match self.trapped_mode() {
            Some(TrappedMode::Translated(who)) if who.is_user => " from user mode".to_owned(),
            Some(TrappedMode::Translated(who)) => {
                let sum = if who.sum { "set" } else { "clear" };
                format!(" from supervisor mode (SUM {sum})")
            }
            Some(TrappedMode::Machine) => " from machine mode".to_owned(),
            Some(TrappedMode::MachineForOther) => " from machine mode with MPRV".to_owned(),
            None => String::new(),
        };
        let what = |by_whom: &str| Some(format!("{access}{at}{by} {by_whom}"));
        match cause.number() {
            12 | 13 | 15 if !self.is_translated(xlen) => what(
                "is not translated, so no page table refused it: cause and status contradict each other",
            ),
            12 | 13 | 15 => what(
                "was refused by the page tables: with them, --from and --satp, the walk shows the level",
            ),
            1 | 5 | 7 if !self.is_translated(xlen) => what(
                "was refused by a locked PMP entry or by the bus: it is not translated, the address is physical",
            ),
            1 | 5 | 7 => what(
                "was refused by PMP or by the bus (is memory there?), for the page itself or for a table on the way: not by a bit of an entry",
            ),
            0 | 4 | 6 => what("is not aligned: no table has a say in that"),
            20 | 21 | 23 => what(
                "was refused by the guest's second stage (hgatp), not by its own tables: with --hgatp, --vsatp and --from, the walk shows the level",
            ),
            2 | 22 => {
                let bits = self.stval.filter(|bits| *bits != 0);
                let bits = bits.map(|bits| format!(" {bits:#x}")).unwrap_or_default();
                Some(format!(
                    "the instruction{bits}{by} is unknown to the hart, or not allowed in this mode: no address was refused"
                ))
            }
            8..=11 => Some("a call, not a fault: no address was refused".to_owned()),
            _ => None,
        }
    }

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

    /// Whether the page tables refused it: else PMP or the bus did, or nothing.
    pub fn is_table_fault(&self, xlen: Xlen) -> bool {
        matches!(self.why(xlen), Some(CrashReason::Exception(cause)) if cause.is_page_fault())
    }

    /// Whether the second stage of a hypervisor refused it.
    pub fn is_guest_fault(&self, xlen: Xlen) -> bool {
        matches!(self.why(xlen), Some(CrashReason::Exception(cause)) if matches!(cause.number(), 20 | 21 | 23))
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
            // Guest page faults of the second stage.
            20 => Some(AccessType::Execute),
            21 => Some(AccessType::Read),
            23 => Some(AccessType::Write),
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

    #[test]
    fn a_status_says_from_which_mode_and_with_which_bits() {
        let with = |status, is_machine| CrashRegisters {
            status: Some(status),
            is_machine,
            ..CrashRegisters::default()
        };
        let mode = |status, is_machine| with(status, is_machine).trapped_mode();
        let who = |is_user, sum| {
            Some(TrappedMode::Translated(Privilege {
                is_user,
                sum,
                mxr: false,
            }))
        };
        assert_eq!(mode(0x20, false), who(true, false));
        assert_eq!(mode(0x120, false), who(false, false));
        assert_eq!(mode(0x4_0120, false), who(false, true));
        assert_eq!(mode(0x800, true), who(false, false));
        assert_eq!(mode(0x1880, true), Some(TrappedMode::Machine));
        assert_eq!(mode(0x2_1880, true), Some(TrappedMode::MachineForOther));
        assert_eq!(CrashRegisters::default().trapped_mode(), None);
    }

    #[test]
    fn what_stopped_an_access_is_a_sentence_for_each_cause_of_an_address() {
        for cause in Cause::ALL
            .iter()
            .filter(|cause| cause.has_address() && cause.number() != 3)
        {
            let crash = CrashRegisters {
                scause: Some(cause.number().into()),
                stval: Some(0x1234),
                status: Some(0x120),
                ..CrashRegisters::default()
            };
            let Some(said) = crash.stopped(Xlen::Rv64) else {
                assert_eq!(*cause, Cause::HardwareError);
                continue;
            };
            assert!(
                said.contains("0x1234 from supervisor mode (SUM clear)"),
                "{said}"
            );
        }
    }

    #[test]
    fn a_hart_in_machine_mode_is_said_to_be_untranslated() {
        let crash = |cause, status| CrashRegisters {
            scause: Some(cause),
            stval: Some(0x1000_0000),
            status: Some(status),
            is_machine: true,
            ..CrashRegisters::default()
        };
        let said = |cause, status| crash(cause, status).stopped(Xlen::Rv64).unwrap();
        assert!(said(5, 0x1880).contains("the address is physical"));
        assert!(said(13, 0x2_1880).contains("with MPRV was refused by the page tables"));
        assert!(said(12, 0x2_1880).contains("contradict"));
        assert!(crash(13, 0x2_1880).is_translated(Xlen::Rv64));
        assert_eq!(crash(13, 0).missing(), ["mepc"]);
    }
}
