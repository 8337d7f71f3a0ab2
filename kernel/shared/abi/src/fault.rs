//! The record of one fault: 64 bytes, written by the trap path, read by all.

use crate::{Access, Cause, Class, Outcome, Source};

/// One fault. All fields are integers, so every bit pattern is a valid record; the getters decode the small
/// ones. A record does not contain its sequence number: that is the ring's index, from 0 at boot.
///
/// ```text
///  0        8        16       24       32   36   40  42 43 44 45 46 47 48       56  58    64
///  | time   | epc    | va     | entry  |frame|cost|task| c| a| l| s| k| o| satp   |hart|zero|
/// ```
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Time of the trap, in ticks of the `time` CSR.
    pub time: u64,
    /// `sepc`: address of the faulting instruction.
    pub epc: u64,
    /// `stval`: the faulting address, or the bits of an illegal instruction.
    pub va: u64,
    /// The raw page-table entry at which the walk stopped, before the fault was handled.
    pub entry: u64,
    /// The frame that resolved it: low 32 bits of its physical page number; 0 without one.
    pub frame: u32,
    /// Instructions from the first one at `stvec` to `sret`, counted by `instret`; [`Fault::NO_COST`] if not
    /// measured.
    pub cost: u32,
    /// Id of the task that faulted; [`Fault::NO_TASK`] if unknown.
    pub task: u16,
    /// The exception code of `scause`.
    pub cause: u8,
    /// Number of an [`Access`]; 0 if the cause does not imply one.
    pub access: u8,
    /// Level of [`entry`](Self::entry), 0 for a 4 KiB leaf; [`Fault::NO_LEVEL`] without a walk.
    pub level: u8,
    /// Number of a [`Source`].
    pub source: u8,
    /// Number of a [`Class`].
    pub class: u8,
    /// Number of an [`Outcome`].
    pub outcome: u8,
    /// `satp` at the time of the trap.
    pub satp: u64,
    /// Id of the hart that trapped.
    pub hart: u16,
    /// Zero; reserved for further fields.
    pub reserved: [u16; 3],
}

const _: () = assert!(size_of::<Fault>() == 64 && align_of::<Fault>() == 8);

impl Fault {
    /// [`level`](Self::level) of a record for which no table was walked.
    pub const NO_LEVEL: u8 = 0xff;
    /// [`task`](Self::task) of a record that belongs to no known task.
    pub const NO_TASK: u16 = 0xffff;

    /// [`cost`](Self::cost) of a record without a measurement: the kernel's own copies, and every fault on a
    /// hart where `instret` cannot be read.
    pub const NO_COST: u32 = 0;

    /// All fields zero, without level and task.
    pub const EMPTY: Fault = Fault {
        time: 0,
        epc: 0,
        va: 0,
        entry: 0,
        frame: 0,
        cost: Self::NO_COST,
        task: Self::NO_TASK,
        cause: 0,
        access: 0,
        level: Self::NO_LEVEL,
        source: 0,
        class: 0,
        outcome: 0,
        satp: 0,
        hart: 0,
        reserved: [0; 3],
    };

    /// The trap cause.
    #[inline]
    pub const fn cause(&self) -> Cause {
        Cause::decode(self.cause)
    }

    /// The type of access.
    #[inline]
    pub const fn access(&self) -> Access {
        Access::decode(self.access)
    }

    /// Whether a program or the kernel faulted.
    #[inline]
    pub const fn source(&self) -> Source {
        Source::decode(self.source)
    }

    /// The kind of region that contains the address.
    #[inline]
    pub const fn class(&self) -> Class {
        Class::decode(self.class)
    }

    /// How the fault was handled.
    #[inline]
    pub const fn outcome(&self) -> Outcome {
        Outcome::decode(self.outcome)
    }

    /// Task id; `None` if unknown.
    #[inline]
    pub const fn task(&self) -> Option<u16> {
        if self.task == Self::NO_TASK {
            None
        } else {
            Some(self.task)
        }
    }

    /// Cost in instructions; `None` if not measured.
    #[inline]
    pub const fn cost(&self) -> Option<u32> {
        if self.cost == Self::NO_COST {
            None
        } else {
            Some(self.cost)
        }
    }

    /// Level where the walk stopped; `None` without a walk.
    #[inline]
    pub const fn level(&self) -> Option<u8> {
        if self.level == Self::NO_LEVEL {
            None
        } else {
            Some(self.level)
        }
    }

    /// Physical address of the frame that resolved it, below 2^44; `None` without one.
    #[inline]
    pub const fn frame(&self) -> Option<u64> {
        if self.frame == 0 {
            None
        } else {
            Some((self.frame as u64) << 12)
        }
    }

    /// First address of the 4 KiB page that contains `va`.
    #[inline]
    pub const fn page(&self) -> u64 {
        self.va & !0xfff
    }
}

impl Default for Fault {
    fn default() -> Self {
        Self::EMPTY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_record_claims_nothing() {
        let empty = Fault::EMPTY;
        assert_eq!(
            (empty.task(), empty.level(), empty.frame(), empty.cost()),
            (None, None, None, None)
        );
        assert_eq!(empty.outcome(), Outcome::None);
        assert_eq!(empty.class(), Class::None);
        assert_eq!(empty.access(), Access::Unknown(0));
    }

    #[test]
    fn getters_name_what_the_numbers_mean() {
        let fault = Fault {
            cause: 15,
            access: 2,
            source: 1,
            class: 4,
            outcome: 4,
            va: 0xffff_ffff_ffff_fabc,
            frame: u32::MAX,
            ..Fault::EMPTY
        };
        assert_eq!(fault.cause(), Cause::StorePageFault);
        assert_eq!(fault.access(), Access::Write);
        assert_eq!(fault.source(), Source::User);
        assert_eq!(fault.class(), Class::Stack);
        assert_eq!(fault.outcome(), Outcome::StackGrown);
        assert_eq!(fault.page(), 0xffff_ffff_ffff_f000);
        assert_eq!(fault.frame(), Some(0xfff_ffff_f000));
    }
}
