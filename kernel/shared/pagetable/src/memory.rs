//! Where page tables are read from: RAM, a dump, a debugger, a pipe.

use crate::PhysAddr;

/// Somewhere page tables can be read. Only addresses that are known to be memory
/// may be answered: a table that points into a device must not make it read.
pub trait Memory {
    /// Why a word cannot be read. The walk takes any error as "no memory here";
    /// whoever must tell a broken line from a hole keeps the last error itself.
    type Error;

    /// The little-endian word of `bytes` bytes, 4 or 8, at `at`, a multiple of it.
    fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, Self::Error>;

    /// The whole 4 KiB page at `at`, where it can be lent without copying. Must
    /// agree with [`Memory::read_word`]; a memory that cannot lend says `None`.
    #[inline]
    fn page(&mut self, _at: PhysAddr) -> Option<&[u8; 4096]> {
        None
    }
}

impl<M: Memory + ?Sized> Memory for &mut M {
    type Error = M::Error;

    #[inline]
    fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, M::Error> {
        (**self).read_word(at, bytes)
    }

    #[inline]
    fn page(&mut self, at: PhysAddr) -> Option<&[u8; 4096]> {
        (**self).page(at)
    }
}

/// A read outside of what is known to be memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outside {
    /// The first byte that was asked for.
    pub at: PhysAddr,
    /// How many bytes were asked for.
    pub bytes: usize,
}

impl core::fmt::Display for Outside {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "read of {} bytes failed: {:#018x} is outside the dump",
            self.bytes, self.at
        )
    }
}

impl core::error::Error for Outside {}
