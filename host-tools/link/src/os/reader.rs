//! Virtual memory of a kernel, through its own page tables.

use pagetable::{Dialect, Mode, PhysAddr, Root, VirtAddr, WalkOutcome, translate};

use super::OsError;
use crate::memory::{Cached, MemorySource, ReadError};

/// Memory in which a system is looked for.
pub trait KernelReader {
    /// Fills `into` from physical address `at`, without caching it.
    fn read_physical(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError>;

    /// Reads several physical ranges; `None` where there is no memory.
    fn read_each(
        &mut self,
        wanted: &[(PhysAddr, usize)],
    ) -> Result<Vec<Option<Vec<u8>>>, ReadError>;

    /// The physical address of a virtual one, and how many bytes from there are contiguous.
    fn translate(&mut self, root: Root, va: u64) -> Option<(PhysAddr, u64)>;
}

impl<S: MemorySource> KernelReader for Cached<S> {
    fn read_physical(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        self.read_uncached(at, into)
    }

    fn read_each(
        &mut self,
        wanted: &[(PhysAddr, usize)],
    ) -> Result<Vec<Option<Vec<u8>>>, ReadError> {
        Cached::read_each(self, wanted)
    }

    fn translate(&mut self, root: Root, va: u64) -> Option<(PhysAddr, u64)> {
        match translate(self, root, VirtAddr::new(va)).outcome {
            WalkOutcome::Mapped { at, leaf } => {
                let bytes = leaf.page_bytes;
                Some((at, bytes - va % bytes))
            }
            WalkOutcome::Bare(at) => Some((at, u64::MAX)),
            WalkOutcome::Refused(_) => None,
        }
    }
}

/// Virtual memory below one root.
pub struct Virtual<'a> {
    memory: &'a mut dyn KernelReader,
    root: Root,
}

/// Most bytes of one read: a source may hold all of it in memory twice.
const PIECE: u64 = 1 << 20;

impl<'a> Virtual<'a> {
    /// The memory that a root maps.
    pub fn new(memory: &'a mut dyn KernelReader, satp: pagetable::Satp) -> Self {
        // Memory types do not matter for an address, and T-Head's dialect refuses none of them.
        let dialect = match satp.mode {
            Mode::Sv32 => Dialect::None,
            _ => Dialect::THead,
        };
        let root = satp.tree(dialect);
        Virtual { memory, root }
    }

    /// Memory by its physical addresses, as a kernel sees it that maps itself where it lies.
    pub fn bare(memory: &'a mut dyn KernelReader) -> Self {
        let satp = pagetable::Satp {
            mode: Mode::Bare,
            asid: 0,
            root: PhysAddr::new(0),
        };
        Virtual::new(memory, satp)
    }

    /// The physical address of a virtual one.
    pub fn physical(&mut self, what: &'static str, va: u64) -> Result<PhysAddr, OsError> {
        let found = self.memory.translate(self.root, va);
        let unmapped = OsError::Unmapped { what, at: va };
        found.map(|(at, _)| at).ok_or(unmapped)
    }

    /// Fills `into` from `va`; `what` names it in the error.
    pub fn read(&mut self, what: &'static str, va: u64, into: &mut [u8]) -> Result<(), OsError> {
        let mut done = 0;
        while done < into.len() {
            let at = va.wrapping_add(done as u64);
            let unmapped = || OsError::Unmapped { what, at };
            let (pa, contiguous) = self.memory.translate(self.root, at).ok_or_else(unmapped)?;
            let left = (into.len() - done) as u64;
            let count = contiguous.min(left).min(PIECE) as usize;
            match self.memory.read_physical(pa, &mut into[done..done + count]) {
                Ok(()) => {}
                Err(ReadError::Outside(_)) => return Err(unmapped()),
                Err(error) => return Err(error.into()),
            }
            done += count;
        }
        Ok(())
    }

    /// Reads `bytes` bytes.
    pub fn bytes(&mut self, what: &'static str, va: u64, bytes: usize) -> Result<Vec<u8>, OsError> {
        let mut all = vec![0; bytes];
        self.read(what, va, &mut all)?;
        Ok(all)
    }

    /// Reads a word of 8 bytes.
    pub fn word(&mut self, what: &'static str, va: u64) -> Result<u64, OsError> {
        let mut word = [0; 8];
        self.read(what, va, &mut word)?;
        Ok(u64::from_le_bytes(word))
    }

    /// Reads a word of 4 bytes.
    pub fn word32(&mut self, what: &'static str, va: u64) -> Result<u32, OsError> {
        let mut word = [0; 4];
        self.read(what, va, &mut word)?;
        Ok(u32::from_le_bytes(word))
    }

    /// Reads a pointer of 4 or 8 bytes.
    pub fn pointer(&mut self, what: &'static str, va: u64, bytes: u64) -> Result<u64, OsError> {
        match bytes {
            4 => self.word32(what, va).map(u64::from),
            _ => self.word(what, va),
        }
    }
}
