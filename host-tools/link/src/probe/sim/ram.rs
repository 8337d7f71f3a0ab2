//! Memory of the machine: a source of bytes, what was written over it, and a cache before it.

use std::collections::BTreeMap;

use pagetable::{Outside, PhysAddr};

use crate::memory::MemorySource;

/// Memory. What the hart wrote and nobody flushed the system bus does not see.
pub struct SimulatedRam {
    source: Box<dyn MemorySource + Send>,
    written: BTreeMap<u64, u8>,
    /// Only the hart sees these.
    cached: BTreeMap<u64, u8>,
    /// Reads of memory, by whomever.
    reads: u64,
}

impl SimulatedRam {
    /// Memory that begins as `source` is.
    pub fn new(source: impl MemorySource + Send + 'static) -> SimulatedRam {
        SimulatedRam {
            source: Box::new(source),
            written: BTreeMap::new(),
            cached: BTreeMap::new(),
            reads: 0,
        }
    }

    /// Bytes in the hart's cache that memory does not have.
    pub fn hold_back(&mut self, at: u64, bytes: &[u8]) {
        let places = (at..).zip(bytes.iter().copied());
        self.cached.extend(places);
    }

    /// Whether nobody has written anything.
    pub fn is_untouched(&self) -> bool {
        self.written.is_empty()
    }

    /// How often it was read.
    pub fn reads(&self) -> u64 {
        self.reads
    }

    /// A word as the system bus sees it, or as the hart does; nothing where there is no memory.
    pub(super) fn read(&mut self, at: u64, bytes: usize, as_hart: bool) -> Option<u128> {
        let mut word = [0; 16];
        let into = &mut word[..bytes];
        self.reads += 1;
        self.source.read(PhysAddr::new(at), into).ok()?;
        let mut lay = |over: &BTreeMap<u64, u8>| {
            for (place, byte) in over.range(at..at.saturating_add(bytes as u64)) {
                into[(place - at) as usize] = *byte;
            }
        };
        lay(&self.written);
        if as_hart {
            lay(&self.cached);
        }
        Some(u128::from_le_bytes(word))
    }

    /// Writes a word; nothing where there is no memory.
    pub(super) fn write(&mut self, at: u64, bytes: usize, word: u128) -> Option<()> {
        self.read(at, bytes, false)?;
        let places = (at..).zip(word.to_le_bytes()).take(bytes);
        self.written.extend(places);
        Some(())
    }
}

/// What the hart's own translation reads.
impl pagetable::Memory for SimulatedRam {
    type Error = Outside;

    fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, Outside> {
        let word = self.read(at.raw(), bytes, true);
        word.map(|word| word as u64).ok_or(Outside { at, bytes })
    }
}
