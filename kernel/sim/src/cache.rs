//! What the walker reads: memory through the cache, whatever a mapping says.
//!
//! The C906's walker always asks the cache (its RTL fixes the attribute). A frame that is written
//! through a mapping that is not cached changes in memory alone, and the walker goes on reading
//! what it was: lines are kept here for ever, as a hart may keep them.

use std::collections::BTreeMap;

use pagetable::{PAGE_BYTES, PhysAddr};

use crate::ram::SimRam;

/// Frames that differ from memory, as the cache has them.
#[derive(Debug, Default)]
pub struct Cache {
    frames: BTreeMap<PhysAddr, Vec<u8>>,
}

impl Cache {
    /// The bytes at `at` as the cache has them; they lie within one frame.
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
