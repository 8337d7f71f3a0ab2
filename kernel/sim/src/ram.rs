//! Physical memory: a contiguous range of bytes.

use pagetable::{PAGE_BYTES, PhysAddr};

/// RAM filled with noise, so that relying on zeros fails.
#[derive(Debug)]
pub struct SimRam {
    base: u64,
    bytes: Vec<u8>,
}

impl SimRam {
    /// RAM of `frames` frames at `base`.
    pub fn new(base: u64, frames: usize) -> SimRam {
        SimRam {
            base,
            bytes: vec![0xa5; frames * PAGE_BYTES as usize],
        }
    }

    /// Physical address of the first byte.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// Size in bytes.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The bytes at `at`. Panics outside of RAM: the caller computed a wrong address.
    pub fn get(&self, at: PhysAddr, bytes: usize) -> &[u8] {
        let from = self.index(at);
        &self.bytes[from..from + bytes]
    }

    /// The bytes at `at`, mutable.
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
