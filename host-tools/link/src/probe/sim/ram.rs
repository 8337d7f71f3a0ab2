//! Simulated memory: a source of bytes, overlaid with writes and a cache.

use std::collections::BTreeMap;

use pagetable::{Outside, PhysAddr};

use crate::memory::MemorySource;

/// Memory of a machine that executes beside the module, with a cache of its own.
pub trait LiveMemory: Send {
    /// Fills `into` with what the hart's loads find, or else with what the system bus does; `None` if it is
    /// not all memory.
    fn read(&mut self, at: PhysAddr, into: &mut [u8], as_hart: bool) -> Option<()>;

    /// Stores `bytes` as the hart would; `None` if it is not all memory.
    fn write(&mut self, at: PhysAddr, bytes: &[u8]) -> Option<()>;
}

enum Backing {
    /// It does not change: writes lie over it.
    Still(Box<dyn MemorySource + Send>),
    Live(Box<dyn LiveMemory>),
}

/// Memory. Bytes that the hart has cached are not visible to the system bus.
pub struct SimulatedRam {
    backing: Backing,
    written: BTreeMap<u64, u8>,
    /// Bytes visible to the hart only.
    cached: BTreeMap<u64, u8>,
    /// Number of reads by any reader.
    reads: u64,
}

impl SimulatedRam {
    /// Memory with the initial content of `source`.
    pub fn new(source: impl MemorySource + Send + 'static) -> SimulatedRam {
        SimulatedRam::over(Backing::Still(Box::new(source)))
    }

    /// The memory of a machine that executes.
    pub fn live(memory: impl LiveMemory + 'static) -> SimulatedRam {
        SimulatedRam::over(Backing::Live(Box::new(memory)))
    }

    fn over(backing: Backing) -> SimulatedRam {
        SimulatedRam {
            backing,
            written: BTreeMap::new(),
            cached: BTreeMap::new(),
            reads: 0,
        }
    }

    /// Puts bytes into the hart's cache only.
    pub fn hold_back(&mut self, at: u64, bytes: &[u8]) {
        let places = (at..).zip(bytes.iter().copied());
        self.cached.extend(places);
    }

    /// Whether nothing was written.
    pub fn is_untouched(&self) -> bool {
        self.written.is_empty()
    }

    /// Number of reads so far.
    pub fn reads(&self) -> u64 {
        self.reads
    }

    /// Reads a word as the system bus or as the hart; `None` outside of memory.
    pub(super) fn read(&mut self, at: u64, bytes: usize, as_hart: bool) -> Option<u128> {
        let mut word = [0; 16];
        let into = &mut word[..bytes];
        self.reads += 1;
        match &mut self.backing {
            Backing::Still(source) => source.read(PhysAddr::new(at), into).ok()?,
            Backing::Live(memory) => memory.read(PhysAddr::new(at), into, as_hart)?,
        }
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

    /// Writes a word; `None` outside of memory.
    pub(super) fn write(&mut self, at: u64, bytes: usize, word: u128) -> Option<()> {
        if let Backing::Live(memory) = &mut self.backing {
            return memory.write(PhysAddr::new(at), word.to_le_bytes().get(..bytes)?);
        }
        self.read(at, bytes, false)?;
        let places = (at..).zip(word.to_le_bytes()).take(bytes);
        self.written.extend(places);
        Some(())
    }
}

/// Used by the hart's own translation.
impl pagetable::Memory for SimulatedRam {
    type Error = Outside;

    fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, Outside> {
        let word = self.read(at.raw(), bytes, true);
        word.map(|word| word as u64).ok_or(Outside { at, bytes })
    }
}
