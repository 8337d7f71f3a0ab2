//! Why the hart trapped: the exception codes of `scause`.

use crate::numbered::numbered;

numbered! {
    /// An exception code, worded as the manual words it: Privileged spec,
    /// "Supervisor Cause Register", and the hypervisor chapter for 10 and 20–23.
    pub enum Cause, otherwise "unknown cause" {
        /// A jump to an address that is not a multiple of the instruction size.
        InstructionMisaligned = 0 => "Instruction address misaligned",
        /// A fetch that memory protection or the bus refused.
        InstructionAccessFault = 1 => "Instruction access fault",
        /// An encoding this hart does not know or this mode may not use.
        IllegalInstruction = 2 => "Illegal instruction",
        /// `ebreak`, or an address a debugger watches.
        Breakpoint = 3 => "Breakpoint",
        /// A load from an address that is not a multiple of its size.
        LoadMisaligned = 4 => "Load address misaligned",
        /// A load that memory protection or the bus refused.
        LoadAccessFault = 5 => "Load access fault",
        /// A store or AMO to an address that is not a multiple of its size.
        StoreMisaligned = 6 => "Store/AMO address misaligned",
        /// A store or AMO that memory protection or the bus refused.
        StoreAccessFault = 7 => "Store/AMO access fault",
        /// `ecall` of a user program.
        CallFromUser = 8 => "Environment call from U-mode",
        /// `ecall` of the supervisor.
        CallFromSupervisor = 9 => "Environment call from S-mode",
        /// `ecall` of a guest's supervisor.
        CallFromGuest = 10 => "Environment call from VS-mode",
        /// `ecall` of the machine mode.
        CallFromMachine = 11 => "Environment call from M-mode",
        /// A fetch that the page table refused.
        InstructionPageFault = 12 => "Instruction page fault",
        /// A load that the page table refused.
        LoadPageFault = 13 => "Load page fault",
        /// A store or AMO that the page table refused.
        StorePageFault = 15 => "Store/AMO page fault",
        /// A trap while a trap was being taken.
        DoubleTrap = 16 => "Double trap",
        /// A check of software integrity failed (landing pads, shadow stacks).
        SoftwareCheck = 18 => "Software check",
        /// Data is known to be corrupt.
        HardwareError = 19 => "Hardware error",
        /// A fetch that the guest's second stage refused.
        InstructionGuestPageFault = 20 => "Instruction guest-page fault",
        /// A load that the guest's second stage refused.
        LoadGuestPageFault = 21 => "Load guest-page fault",
        /// An instruction that a guest may not execute itself.
        VirtualInstruction = 22 => "Virtual instruction",
        /// A store or AMO that the guest's second stage refused.
        StoreGuestPageFault = 23 => "Store/AMO guest-page fault",
    }
}

impl Cause {
    /// Whether the page table refused: the faults a pager can resolve.
    #[inline]
    pub const fn is_page_fault(self) -> bool {
        matches!(
            self,
            Cause::InstructionPageFault | Cause::LoadPageFault | Cause::StorePageFault
        )
    }

    /// Whether `stval` is the address that was wanted. An illegal instruction
    /// leaves its bits there, a call nothing (Privileged spec, "stval").
    pub const fn has_address(self) -> bool {
        !matches!(
            self,
            Cause::IllegalInstruction
                | Cause::VirtualInstruction
                | Cause::CallFromUser
                | Cause::CallFromSupervisor
                | Cause::CallFromGuest
                | Cause::CallFromMachine
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
