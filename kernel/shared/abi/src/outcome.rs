//! Outcomes of a fault: resolved, or refused.

use crate::numbered::numbered;

numbered! {
    /// How a fault was handled. Numbers from 0x80 are refusals: the program did not continue normally.
    pub enum Outcome, otherwise "unknown outcome" {
        /// No outcome was recorded.
        None = 0 => "none",
        /// A zeroed frame was mapped.
        Zeroed = 1 => "zeroed",
        /// A page of the program's file was mapped in place, inside the Image.
        ImageInPlace = 2 => "image in place",
        /// A page of the program's file was copied into a new frame.
        ImageCopied = 3 => "image copied",
        /// A zeroed frame was mapped in a stack.
        StackGrown = 4 => "stack grown",
        /// The page was resident; only its A or D bit had to be set (Svade).
        AccessBits = 5 => "A/D set",
        /// The page was resident and permitted the access: the hart used a stale translation.
        Spurious = 6 => "spurious",
        /// Physical memory outside of the pool was mapped: device registers.
        Device = 7 => "device",
        /// A page of a shared object was mapped.
        Shared = 8 => "shared",
        /// The page was brought back from the backing store.
        PagedIn = 9 => "paged in",
        /// A page that a fork had made common was copied for the space that wrote to it.
        CopiedOnWrite = 12 => "copied on write",
        /// A page that a fork had made common was written by the last space that had it: no copy was needed.
        LastOwner = 13 => "last owner",
        /// The program's exception handler was called.
        Handler = 14 => "handler",
        /// The address lies in no region.
        NoRegion = 0x80 => "no region",
        /// The address lies in a guard page.
        GuardPage = 0x81 => "guard page",
        /// The region does not permit that access.
        Permission = 0x82 => "permission",
        /// No free frame was left.
        OutOfMemory = 0x83 => "out of memory",
        /// A cause that no mapping resolves: illegal instruction, misaligned, breakpoint, access fault.
        NotMemory = 0x84 => "not a memory fault",
        /// The task was killed for another reason.
        Killed = 0x85 => "killed",
        /// The address is outside of the user half.
        NotUser = 0x86 => "not a user address",
        /// The kernel itself faulted and stopped.
        KernelFault = 0x87 => "kernel fault",
        /// The backing store has something else than what was written to it.
        StoreCorrupt = 0x88 => "store corrupt",
        /// The page is lent to another task.
        Lent = 0x89 => "lent",
    }
}

impl Outcome {
    /// Whether the fault was refused. It depends on the number alone, so an older reader classifies outcomes
    /// that it cannot name.
    #[inline]
    pub const fn is_refusal(self) -> bool {
        self.number() >= 0x80
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn refusals_are_told_by_their_number() {
        assert!(!Outcome::Spurious.is_refusal());
        assert!(Outcome::NoRegion.is_refusal());
        assert!(!Outcome::Unknown(0x7f).is_refusal());
        assert!(Outcome::Unknown(0xff).is_refusal());
    }

    #[test]
    fn words_lead_back_to_their_value() {
        for number in 0..=u8::MAX {
            let outcome = Outcome::decode(number);
            assert_eq!(Outcome::named(&outcome.to_string()), Some(outcome));
        }
        assert_eq!(Outcome::named("zero"), None);
        assert_eq!(Outcome::named("unknown outcome 256"), None);
    }
}
