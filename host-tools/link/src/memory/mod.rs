//! Memory that is not ours: dumps and cores, read as page tables are read.
//!
//! Each kind of input is a [`Source`] of bytes by physical address; [`Cached`]
//! makes it a [`pagetable::Memory`] that reads each page once.

mod ahead;
mod cached;
mod core;
mod error;
mod files;
mod origin;
mod pipe;
mod raw;
mod several;
pub mod snapshot;
mod sparse;
pub mod text;
mod within;

pub use self::core::{Core, open as open_core};
pub use ahead::{Ahead, Batch};
pub use cached::Cached;
pub use error::{OpenError, ReadError};
pub use files::Files;
pub use origin::Origin;
pub use pipe::Pipe;
pub use raw::{Place, PlaceError, open as open_raw};
pub use several::Several;
pub use snapshot::{Recorder, Snapshot};
pub use sparse::Sparse;
pub use within::{Span, SpanError, Within, memory_map, memory_regions, memory_tree};

use pagetable::PhysAddr;

/// Bytes by physical address.
pub trait Source {
    /// Fills `into` with what lies at `at`: all of it, or an error.
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError>;

    /// Whether some of what was read may be older than what the machine itself would see.
    fn is_possibly_stale(&self) -> bool {
        false
    }
}

impl<S: Source + ?Sized> Source for &mut S {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        (**self).read(at, into)
    }

    fn is_possibly_stale(&self) -> bool {
        (**self).is_possibly_stale()
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        (**self).read(at, into)
    }

    fn is_possibly_stale(&self) -> bool {
        (**self).is_possibly_stale()
    }
}
