//! Sources of page tables: RAM, a dump, a debugger, a pipe.

use crate::PhysAddr;

/// A source of page tables. It must only return addresses that are known to be memory: a table that points
/// into a device must not cause a read of it.
pub trait Memory {
    /// Why a word cannot be read. The walk treats any error as "no memory here"; a caller that must
    /// distinguish a broken line from a hole keeps the last error itself.
    type Error;

    /// Reads the little-endian word of `bytes` bytes, 4 or 8, at `at`, which is a multiple of it.
    fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, Self::Error>;

    /// The 4 KiB page at `at`, if it can be borrowed without a copy; otherwise `None`. Must agree with
    /// [`Memory::read_word`].
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

/// A read outside of known memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outside {
    /// Address of the first byte.
    pub at: PhysAddr,
    /// Number of bytes.
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
