//! Memory as the walker reads it: always through the cache.
//!
//! The C906's walker always reads through the cache (its RTL fixes the attribute). A frame that is written
//! through a non-cacheable mapping changes in memory alone, and the walker reads the old content: cache lines
//! are kept here without limit, as a hart may keep them.

use std::collections::BTreeMap;

use pagetable::{PAGE_BYTES, PhysAddr};

use crate::ram::SimRam;

/// Frames whose cached content differs from memory.
#[derive(Debug, Default)]
pub struct Cache {
    frames: BTreeMap<PhysAddr, Vec<u8>>,
}

impl Cache {
    /// The cached bytes at `at`, within one frame.
    pub fn get<'a>(&'a self, ram: &'a SimRam, at: PhysAddr, bytes: usize) -> &'a [u8] {
        match self.frames.get(&at.align_down(PAGE_BYTES)) {
            Some(frame) => {
                let from = at.offset(PAGE_BYTES) as usize;
                &frame[from..from + bytes]
            }
            None => ram.get(at, bytes),
        }
    }

    /// Writes within one frame, through the cache or past it.
    pub fn write(&mut self, ram: &mut SimRam, at: PhysAddr, from: &[u8], is_cached: bool) {
        let frame = at.align_down(PAGE_BYTES);
        if is_cached {
            if let Some(held) = self.frames.get_mut(&frame) {
                let start = at.offset(PAGE_BYTES) as usize;
                held[start..start + from.len()].copy_from_slice(from);
            }
        } else {
            let old = || ram.get(frame, PAGE_BYTES as usize).to_vec();
            self.frames.entry(frame).or_insert_with(old);
        }
        ram.get_mut(at, from.len()).copy_from_slice(from);
    }
}
