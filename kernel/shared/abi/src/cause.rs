//! Trap causes: the exception codes of `scause`.

use crate::numbered::numbered;

numbered! {
    /// An exception code, worded as the manual words it: Privileged spec,
    /// "Supervisor Cause Register", and the hypervisor chapter for 10 and 20–23.
    pub enum Cause, otherwise "unknown cause" {
        /// A jump to an address that is not a multiple of the instruction size.
        InstructionMisaligned = 0 => "Instruction address misaligned",
        /// A fetch that physical memory protection or the bus rejected.
        InstructionAccessFault = 1 => "Instruction access fault",
        /// An encoding that this hart does not implement or this mode may not use.
        IllegalInstruction = 2 => "Illegal instruction",
        /// `ebreak`, or a hardware breakpoint.
        Breakpoint = 3 => "Breakpoint",
        /// A load from an address that is not a multiple of its size.
        LoadMisaligned = 4 => "Load address misaligned",
        /// A load that physical memory protection or the bus rejected.
        LoadAccessFault = 5 => "Load access fault",
        /// A store or AMO to an address that is not a multiple of its size.
        StoreMisaligned = 6 => "Store/AMO address misaligned",
        /// A store or AMO that physical memory protection or the bus rejected.
        StoreAccessFault = 7 => "Store/AMO access fault",
        /// `ecall` from U-mode.
        CallFromUser = 8 => "Environment call from U-mode",
        /// `ecall` from S-mode.
        CallFromSupervisor = 9 => "Environment call from S-mode",
        /// `ecall` from VS-mode.
        CallFromGuest = 10 => "Environment call from VS-mode",
        /// `ecall` from M-mode.
        CallFromMachine = 11 => "Environment call from M-mode",
        /// A fetch that the page table does not permit.
        InstructionPageFault = 12 => "Instruction page fault",
        /// A load that the page table does not permit.
        LoadPageFault = 13 => "Load page fault",
        /// A store or AMO that the page table does not permit.
        StorePageFault = 15 => "Store/AMO page fault",
        /// A trap during the entry into a trap handler (Smdbltrp, Ssdbltrp).
        DoubleTrap = 16 => "Double trap",
        /// A failed software integrity check: landing pads, shadow stacks.
        SoftwareCheck = 18 => "Software check",
        /// The data of the access is known to be corrupt.
        HardwareError = 19 => "Hardware error",
        /// A fetch that the guest's second-stage tables do not permit.
        InstructionGuestPageFault = 20 => "Instruction guest-page fault",
        /// A load that the guest's second-stage tables do not permit.
        LoadGuestPageFault = 21 => "Load guest-page fault",
        /// An instruction that a guest must not execute directly.
        VirtualInstruction = 22 => "Virtual instruction",
        /// A store or AMO that the guest's second-stage tables do not permit.
        StoreGuestPageFault = 23 => "Store/AMO guest-page fault",
    }
}

impl Cause {
    /// Whether it is one of the three page faults, which a pager can resolve.
    #[inline]
    pub const fn is_page_fault(self) -> bool {
        matches!(
            self,
            Cause::InstructionPageFault | Cause::LoadPageFault | Cause::StorePageFault
        )
    }

    /// Whether `stval` is the faulting address. For an illegal instruction it holds the instruction's bits,
    /// for a call nothing (Privileged spec, "stval"); an unknown cause has none.
    pub const fn has_address(self) -> bool {
        !matches!(
            self,
            Cause::IllegalInstruction
                | Cause::VirtualInstruction
                | Cause::CallFromUser
                | Cause::CallFromSupervisor
                | Cause::CallFromGuest
                | Cause::CallFromMachine
                | Cause::DoubleTrap
                | Cause::SoftwareCheck
                | Cause::Unknown(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_back_as_it_went() {
        for number in 0..=u8::MAX {
            assert_eq!(Cause::decode(number).number(), number);
        }
    }

    #[test]
    fn only_12_13_and_15_are_page_faults() {
        let mut pages = (0..=u8::MAX).filter(|n| Cause::decode(*n).is_page_fault());
        assert_eq!(
            [pages.next(), pages.next(), pages.next()],
            [Some(12), Some(13), Some(15)]
        );
        assert_eq!(pages.next(), None);
    }
}
