//! How a fault ended: resolved in some way, or refused for some reason.

use crate::numbered::numbered;

numbered! {
    /// How a fault ended. Numbers from 0x80 on are refusals: whoever caused
    /// the fault did not go on as if nothing had happened.
    pub enum Outcome, otherwise "unknown outcome" {
        /// Nothing was recorded.
        None = 0 => "none",
        /// A fresh zeroed frame was mapped.
        Zeroed = 1 => "zeroed",
        /// A page of the program's file was mapped where it lies in the image.
        ImageInPlace = 2 => "image in place",
        /// A page of the program's file was copied into a fresh frame.
        ImageCopied = 3 => "image copied",
        /// A fresh zeroed frame was mapped in a stack.
        StackGrown = 4 => "stack grown",
        /// The page was there; only its A or D bit had to be set (Svade).
        AccessBits = 5 => "A/D set",
        /// The page was there and permitted the access: a stale translation.
        Spurious = 6 => "spurious",
        /// Physical memory outside of the pool was mapped: a device.
        Device = 7 => "device",
        /// A page of a shared object was mapped.
        Shared = 8 => "shared",
        /// The address lies in no region.
        NoRegion = 0x80 => "no region",
        /// The address lies in a guard page.
        GuardPage = 0x81 => "guard page",
        /// The region does not permit that access.
        Permission = 0x82 => "permission",
        /// No frame was left.
        OutOfMemory = 0x83 => "out of memory",
        /// No memory would help: illegal instruction, misaligned, breakpoint,
        /// access fault.
        NotMemory = 0x84 => "not a memory fault",
        /// The task was killed for another reason than the ones above.
        Killed = 0x85 => "killed",
        /// The address is none that a user program can ever have.
        NotUser = 0x86 => "not a user address",
        /// The kernel itself faulted and could not go on.
        KernelFault = 0x87 => "kernel fault",
    }
}

impl Outcome {
    /// Whether the fault was not resolved; the number alone tells, so an old
    /// reader knows it of outcomes that it cannot name.
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
