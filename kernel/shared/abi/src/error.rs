//! System call errors, with the corresponding numbers of other systems.

/// Why a system call failed.
#[repr(u16)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Error {
    /// An address or size is not a multiple of what it must be.
    BadAlignment = 1,
    /// An address that is not mapped for the caller.
    BadAddress = 2,
    /// No free frame is left.
    OutOfMemory = 3,
    /// No gap of that size is left in the address space.
    NoAddressSpace = 4,
    /// The object exists already, or another owner has it.
    InUse = 5,
    /// The memory is lent, or would be lent twice.
    ShareViolation = 6,
    /// The caller lacks the right to do this.
    AccessDenied = 7,
    /// A fixed limit is reached: regions, tasks, heap size.
    LimitExceeded = 8,
    /// The backing store has no slot left.
    StoreFull = 9,
    /// Data read from the backing store differs from what was written.
    StoreCorrupt = 10,
    /// Temporarily unavailable; a retry may succeed.
    Busy = 11,
    /// No file with that name.
    NotFound = 12,
    /// This kernel has no such call, topic or switch.
    Unsupported = 13,
    /// An argument has an undefined value.
    BadArgument = 14,
    /// The file is not an executable that this kernel can run.
    BadProgram = 15,
    /// No task with that id.
    NoSuchTask = 16,
    /// The caller has no child to wait for.
    NoChild = 17,
    /// The time that the caller gave is over.
    TimedOut = 18,
    /// An error number that this version does not know.
    Unknown = 4095,
}

impl Error {
    /// Every named error, in the order of the numbers.
    pub const ALL: &'static [Error] = &[
        Error::BadAlignment,
        Error::BadAddress,
        Error::OutOfMemory,
        Error::NoAddressSpace,
        Error::InUse,
        Error::ShareViolation,
        Error::AccessDenied,
        Error::LimitExceeded,
        Error::StoreFull,
        Error::StoreCorrupt,
        Error::Busy,
        Error::NotFound,
        Error::Unsupported,
        Error::BadArgument,
        Error::BadProgram,
        Error::NoSuchTask,
        Error::NoChild,
        Error::TimedOut,
    ];

    /// Its number, which is returned negated in `a0`.
    #[inline]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The value of `a0` that encodes the error.
    #[inline]
    pub const fn to_a0(self) -> usize {
        (self.number() as usize).wrapping_neg()
    }

    /// Decodes a result: `a0` in `-4095..=-1` is an error.
    pub fn result(a0: usize) -> Result<usize, Error> {
        let negated = a0.wrapping_neg();
        if !(1..=4095).contains(&negated) {
            return Ok(a0);
        }
        let known = Error::ALL
            .iter()
            .find(|e| usize::from(e.number()) == negated);
        Err(known.copied().unwrap_or(Error::Unknown))
    }

    /// The corresponding `errno` of Linux and NuttX (asm-generic numbering).
    pub const fn errno(self) -> u16 {
        match self {
            Error::BadAlignment | Error::BadArgument => 22, // EINVAL
            Error::BadAddress => 14,                        // EFAULT
            Error::OutOfMemory | Error::NoAddressSpace => 12, // ENOMEM
            Error::InUse => 17,                             // EEXIST
            Error::ShareViolation | Error::Busy => 16,      // EBUSY
            Error::AccessDenied => 13,                      // EACCES
            Error::LimitExceeded => 11,                     // EAGAIN
            Error::StoreFull => 28,                         // ENOSPC
            Error::StoreCorrupt | Error::Unknown => 5,      // EIO
            Error::NotFound => 2,                           // ENOENT
            Error::Unsupported => 38,                       // ENOSYS
            Error::BadProgram => 8,                         // ENOEXEC
            Error::NoSuchTask => 3,                         // ESRCH
            Error::NoChild => 10,                           // ECHILD
            Error::TimedOut => 110,                         // ETIMEDOUT
        }
    }

    /// The number of the closest error of Xous (`xous-rs` definitions).
    pub const fn xous(self) -> u16 {
        match self {
            Error::BadAlignment => 1,
            Error::BadAddress => 2,
            Error::OutOfMemory
            | Error::NoAddressSpace
            | Error::LimitExceeded
            | Error::StoreFull => 3,
            Error::InUse => 4,
            Error::NoSuchTask => 10,
            Error::NoChild => 11,
            Error::TimedOut => 13,
            Error::StoreCorrupt => 14,
            Error::Busy => 15,
            Error::NotFound => 9,
            Error::Unsupported => 17,
            Error::BadArgument | Error::BadProgram => 18,
            Error::ShareViolation => 19,
            Error::Unknown => 22,
            Error::AccessDenied => 23,
        }
    }

    /// A short description, for messages.
    pub const fn text(self) -> &'static str {
        match self {
            Error::BadAlignment => "not aligned",
            Error::BadAddress => "bad address",
            Error::OutOfMemory => "out of memory",
            Error::NoAddressSpace => "out of address space",
            Error::InUse => "in use",
            Error::ShareViolation => "lent out",
            Error::AccessDenied => "access denied",
            Error::LimitExceeded => "limit reached",
            Error::StoreFull => "backing store full",
            Error::StoreCorrupt => "backing store corrupt",
            Error::Busy => "busy",
            Error::NotFound => "not found",
            Error::Unsupported => "not supported",
            Error::BadArgument => "bad argument",
            Error::BadProgram => "not a program for this kernel",
            Error::NoSuchTask => "no such task",
            Error::NoChild => "no child",
            Error::TimedOut => "timed out",
            Error::Unknown => "unknown error",
        }
    }
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_survives_a0() {
        for error in Error::ALL {
            assert_eq!(Error::result(error.to_a0()), Err(*error));
        }
    }

    #[test]
    fn only_the_last_4095_values_are_errors() {
        assert_eq!(Error::result(0), Ok(0));
        assert_eq!(Error::result(usize::MAX - 4095), Ok(usize::MAX - 4095));
        assert_eq!(Error::result(usize::MAX - 4094), Err(Error::Unknown));
        assert_eq!(Error::result(usize::MAX), Err(Error::BadAlignment));
    }

    #[test]
    fn numbers_of_the_original_systems_are_pinned() {
        let table: [_; 18] = core::array::from_fn(|i| {
            let e = Error::ALL[i];
            (e.number(), e.errno(), e.xous())
        });
        assert_eq!(
            table,
            [
                (1, 22, 1),
                (2, 14, 2),
                (3, 12, 3),
                (4, 12, 3),
                (5, 17, 4),
                (6, 16, 19),
                (7, 13, 23),
                (8, 11, 3),
                (9, 28, 3),
                (10, 5, 14),
                (11, 16, 15),
                (12, 2, 9),
                (13, 38, 17),
                (14, 22, 18),
                (15, 8, 18),
                (16, 3, 10),
                (17, 10, 11),
                (18, 110, 13),
            ]
        );
    }
}
