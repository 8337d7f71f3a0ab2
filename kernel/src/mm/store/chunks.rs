//! Bytes of any length in chunks of 128 bytes, which need not follow each other.
//!
//! No space is lost between pieces of odd sizes, only the rest of each one's last chunk; and any free chunk will do.

use pagetable::PhysAddr;

use super::{Corrupt, StoreFull};
use crate::mm::Machine;

/// Bytes of a chunk: its row in the table is a thirtieth of it.
pub(super) const CHUNK: usize = 128;
/// No chunk follows.
const END: u32 = u32::MAX;

/// Chunks in a part of RAM. For each there is a row: the chunk behind it, of what is stored or of the free ones.
#[derive(Debug)]
pub(super) struct Chunks {
    at: PhysAddr,
    rows: &'static mut [u32],
    /// The first free chunk of those that were used before.
    free: u32,
    /// Chunks that were ever used: behind them nothing was written at boot.
    fresh: u32,
    used: u32,
}

impl Chunks {
    /// As many as `rows`, from `at` on; what the rows hold does not matter.
    pub fn new(at: PhysAddr, rows: &'static mut [u32]) -> Chunks {
        Chunks {
            at,
            rows,
            free: END,
            fresh: 0,
            used: 0,
        }
    }

    /// Where the first chunk lies.
    #[cfg(test)]
    pub fn start(&self) -> PhysAddr {
        self.at
    }

    /// How many chunks there are.
    pub fn count(&self) -> u32 {
        self.rows.len() as u32
    }

    /// How many chunks are in use.
    pub fn used(&self) -> u32 {
        self.used
    }

    fn place(&self, chunk: u32) -> PhysAddr {
        self.at.wrapping_add(u64::from(chunk) * CHUNK as u64)
    }

    fn take(&mut self) -> Option<u32> {
        let chunk = if self.free == END {
            if self.fresh == self.count() {
                return None;
            }
            self.fresh += 1;
            self.fresh - 1
        } else {
            let chunk = self.free;
            self.free = *self.rows.get(chunk as usize)?;
            chunk
        };
        self.rows[chunk as usize] = END;
        self.used += 1;
        Some(chunk)
    }

    /// Writes the bytes; their first chunk. When there are too few, nothing has changed.
    pub fn write<M: Machine>(&mut self, machine: &mut M, bytes: &[u8]) -> Result<u32, StoreFull> {
        let needed = bytes.len().div_ceil(CHUNK);
        if needed as u32 > self.count() - self.used {
            return Err(StoreFull);
        }
        let (mut first, mut last) = (END, END);
        for piece in bytes.chunks(CHUNK) {
            let chunk = self.take().ok_or(StoreFull)?;
            machine.write_bytes(self.place(chunk), piece);
            if last == END {
                first = chunk;
            } else {
                self.rows[last as usize] = chunk;
            }
            last = chunk;
        }
        Ok(first)
    }

    /// Reads what begins in that chunk.
    pub fn read<M: Machine>(
        &self,
        machine: &M,
        first: u32,
        into: &mut [u8],
    ) -> Result<(), Corrupt> {
        let mut chunk = first;
        for piece in into.chunks_mut(CHUNK) {
            let next = *self.rows.get(chunk as usize).ok_or(Corrupt)?;
            machine.read_bytes(self.place(chunk), piece);
            chunk = next;
        }
        Ok(())
    }

    /// What begins in that chunk goes.
    pub fn give(&mut self, first: u32) {
        let mut chunk = first;
        while let Some(next) = self.rows.get(chunk as usize).copied() {
            self.rows[chunk as usize] = self.free;
            self.free = chunk;
            self.used -= 1;
            chunk = next;
        }
    }
}
