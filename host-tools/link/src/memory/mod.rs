//! Memory of a target: dumps and cores, read as page tables are read.
//!
//! Each kind of input is a [`MemorySource`] of bytes by physical address; [`Cached`] makes it a
//! [`pagetable::Memory`] that reads each page once.

mod cached;
mod core;
mod error;
mod fault_log;
mod files;
mod flattened;
mod ihex;
mod kdump;
mod lime;
pub mod listing;
mod magic;
mod overlay;
mod physical;
mod physical_dump;
mod pipe;
mod prefetch;
mod ram_only;
mod raw;
pub mod snapshot;
mod sparse;
mod spec;
mod srec;
pub mod text;
pub mod vmcore;
mod vmcoreinfo;

pub use self::core::{Core, open as open_core};
pub use cached::Cached;
pub use error::{OpenError, ReadError};
pub use fault_log::{FoundLog, find_logs};
pub use files::Files;
pub use overlay::Overlay;
pub use physical::open as open_physical;
pub use physical_dump::PhysicalDump;
pub use pipe::Pipe;
pub use prefetch::{BatchRead, Prefetch};
pub use ram_only::{PhysRange, PhysRangeError, RamOnly, memory_map, memory_regions, memory_tree};
pub use raw::{RawSpec, RawSpecError, open as open_raw};
pub use snapshot::{Recorder, Snapshot};
pub use sparse::Sparse;
pub use spec::{MemorySpec, MemorySpecError};
pub use vmcoreinfo::{NotedRoot, VmcoreInfo};

use pagetable::PhysAddr;

/// A source of bytes by physical address.
pub trait MemorySource {
    /// Fills `into` from address `at`, completely, or fails.
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError>;

    /// Reads several (address, length) ranges, several of them in flight where the source permits it; `None`
    /// where there is no memory.
    fn read_each(
        &mut self,
        wanted: &[(PhysAddr, usize)],
    ) -> Result<Vec<Option<Vec<u8>>>, ReadError> {
        let mut read = Vec::with_capacity(wanted.len());
        for (at, bytes) in wanted {
            let mut into = vec![0; *bytes];
            read.push(match self.read(*at, &mut into) {
                Ok(()) => Some(into),
                Err(ReadError::Outside(_)) => None,
                Err(error) => return Err(error),
            });
        }
        Ok(read)
    }

    /// Whether some data may be older than the target's current memory.
    fn is_possibly_stale(&self) -> bool {
        false
    }
}

impl<S: MemorySource + ?Sized> MemorySource for &mut S {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        (**self).read(at, into)
    }

    fn read_each(
        &mut self,
        wanted: &[(PhysAddr, usize)],
    ) -> Result<Vec<Option<Vec<u8>>>, ReadError> {
        (**self).read_each(wanted)
    }

    fn is_possibly_stale(&self) -> bool {
        (**self).is_possibly_stale()
    }
}

impl<S: MemorySource + ?Sized> MemorySource for Box<S> {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        (**self).read(at, into)
    }

    fn read_each(
        &mut self,
        wanted: &[(PhysAddr, usize)],
    ) -> Result<Vec<Option<Vec<u8>>>, ReadError> {
        (**self).read_each(wanted)
    }

    fn is_possibly_stale(&self) -> bool {
        (**self).is_possibly_stale()
    }
}
