//! Physical memory: a run of bytes at an address.

use pagetable::{PAGE_BYTES, PhysAddr};

/// RAM that holds noise until it is written: nobody may rely on zeros.
#[derive(Debug)]
pub struct SimRam {
    base: u64,
    bytes: Vec<u8>,
}

impl SimRam {
    /// So many frames of noise at `base`.
    pub fn new(base: u64, frames: usize) -> SimRam {
        SimRam {
            base,
            bytes: vec![0xa5; frames * PAGE_BYTES as usize],
        }
    }

    /// Its first address.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// Its length.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The bytes at `at`. Panics outside of RAM: whoever asks made the address up.
    pub fn get(&self, at: PhysAddr, bytes: usize) -> &[u8] {
        let from = self.index(at);
        &self.bytes[from..from + bytes]
    }

    /// The same to write.
    pub fn get_mut(&mut self, at: PhysAddr, bytes: usize) -> &mut [u8] {
        let from = self.index(at);
        &mut self.bytes[from..from + bytes]
    }

    fn index(&self, at: PhysAddr) -> usize {
        let outside = || panic!("{:#x} is outside of RAM", at.raw());
        at.raw()
            .checked_sub(self.base)
            .filter(|&from| from < self.size())
            .unwrap_or_else(outside) as usize
    }
}
