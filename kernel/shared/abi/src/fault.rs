//! The record of one fault: 64 bytes, written by the trap path, read by all.

use crate::{Access, Cause, Class, Outcome, Source};

/// One fault. All fields are integers, so every bit pattern is a valid record;
/// the getters say what the small ones mean. A record does not hold its own
/// sequence number: the ring's index is that, from 0 at boot.
///
/// ```text
///  0        8        16       24       32   36   40  42 43 44 45 46 47 48       56  58    64
///  | time   | epc    | va     | entry  |frame|cost|task| c| a| l| s| k| o| satp   |hart|zero|
/// ```
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// When, in ticks of the `time` CSR.
    pub time: u64,
    /// `sepc`: the instruction that faulted.
    pub epc: u64,
    /// `stval`: the address it wanted (or, for an illegal instruction, its bits).
    pub va: u64,
    /// The raw page-table entry at which translation stopped, before anything
    /// was changed.
    pub entry: u64,
    /// The frame that resolved it: low 32 bits of its physical page number, 0
    /// for none.
    pub frame: u32,
    /// Instructions from the first one at `stvec` to `sret`, as counted by
    /// `instret`; [`Fault::NO_COST`] where that was not measured.
    pub cost: u32,
    /// The task that faulted; [`Fault::NO_TASK`] where none is known.
    pub task: u16,
    /// The exception code of `scause`.
    pub cause: u8,
    /// The number of an [`Access`], 0 where the cause tells none.
    pub access: u8,
    /// The level of [`entry`](Self::entry), 0 for a 4 KiB leaf's;
    /// [`Fault::NO_LEVEL`] where nothing was walked.
    pub level: u8,
    /// The number of a [`Source`].
    pub source: u8,
    /// The number of a [`Class`].
    pub class: u8,
    /// The number of an [`Outcome`].
    pub outcome: u8,
    /// The `satp` that translated.
    pub satp: u64,
    /// The hart that trapped.
    pub hart: u16,
    /// Zero; room for what comes.
    pub reserved: [u16; 3],
}

const _: () = assert!(size_of::<Fault>() == 64 && align_of::<Fault>() == 8);

impl Fault {
    /// [`level`](Self::level) of a record for which no table was walked.
    pub const NO_LEVEL: u8 = 0xff;
    /// [`task`](Self::task) of a record that belongs to no known task.
    pub const NO_TASK: u16 = 0xffff;

    /// [`cost`](Self::cost) of a record for which it was not counted: the kernel's own copies, and every
    /// fault on a hart where `instret` cannot be read.
    pub const NO_COST: u32 = 0;

    /// All zero, but no level and no task.
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

    /// Why the hart trapped.
    #[inline]
    pub const fn cause(&self) -> Cause {
        Cause::decode(self.cause)
    }

    /// What was wanted of the address.
    #[inline]
    pub const fn access(&self) -> Access {
        Access::decode(self.access)
    }

    /// On whose behalf.
    #[inline]
    pub const fn source(&self) -> Source {
        Source::decode(self.source)
    }

    /// What kind of region the address lies in.
    #[inline]
    pub const fn class(&self) -> Class {
        Class::decode(self.class)
    }

    /// How it ended.
    #[inline]
    pub const fn outcome(&self) -> Outcome {
        Outcome::decode(self.outcome)
    }

    /// The task, `None` where none is known.
    #[inline]
    pub const fn task(&self) -> Option<u16> {
        if self.task == Self::NO_TASK {
            None
        } else {
            Some(self.task)
        }
    }

    /// Instructions it took, `None` where they were not counted.
    #[inline]
    pub const fn cost(&self) -> Option<u32> {
        if self.cost == Self::NO_COST {
            None
        } else {
            Some(self.cost)
        }
    }

    /// The level where the walk stopped, `None` where nothing was walked.
    #[inline]
    pub const fn level(&self) -> Option<u8> {
        if self.level == Self::NO_LEVEL {
            None
        } else {
            Some(self.level)
        }
    }

    /// Physical address of the frame that resolved it, `None` for none. Bits
    /// beyond 44 are not kept in the record.
    #[inline]
    pub const fn frame(&self) -> Option<u64> {
        if self.frame == 0 {
            None
        } else {
            Some((self.frame as u64) << 12)
        }
    }

    /// First address of the 4 KiB page that was touched.
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
