//! `store=zip:8M`: pages compressed by LZ4, in a part of RAM.
//!
//! A page of one repeated word is that word, and takes no room. Others are compressed, or kept as they are where that does not
//! make them smaller.
//!
//! ```text
//!   slot:   word, REPEATED     the page is that word, 512 times
//!           chunk, bytes       compressed; 4096 bytes are not
//! ```
//!
//! Of what is kept in chunks there is a checksum. A bit that flips there ends who needs the page, and no one else.

use core::cell::RefCell;

use lz4rip_encode::{CompressorRefN, get_maximum_output_size};
use pagetable::PhysAddr;

use super::chunks::{CHUNK, Chunks};
use super::{Corrupt, PageStore, StoreFull};
use crate::mm::{Machine, PAGE_BYTES};

/// Bytes of a page, as an index.
const PAGE: usize = PAGE_BYTES as usize;
/// Chunks that the largest page needs.
const MOST_CHUNKS: u32 = (PAGE / CHUNK) as u32;
/// In the place of a length: a repeated word.
const REPEATED: u32 = 0;
/// Entries of the compressor's table, four bytes each: with fewer it finds less in a page, with more it clears longer.
const TABLE: usize = 1024;
/// What the compressor may need for a page that it makes larger.
const OUTPUT: usize = get_maximum_output_size(PAGE);

/// What the compressor works with: 13 KiB, once in the kernel.
pub struct ZipScratch {
    page: [u8; PAGE],
    packed: [u8; OUTPUT],
    compressor: CompressorRefN<TABLE>,
}

impl ZipScratch {
    /// The compressor before its first page.
    pub fn empty() -> ZipScratch {
        ZipScratch {
            page: [0; PAGE],
            packed: [0; OUTPUT],
            compressor: CompressorRefN::new(),
        }
    }
}

/// The memory that a store of compressed pages is made of; what it holds does not matter.
pub struct ZipRoom {
    /// Where chunk 0 lies.
    pub at: PhysAddr,
    /// [`Self::chunks_in`] of them.
    pub chunks: &'static mut [u32],
    /// A row for each slot: its word, or its first chunk.
    pub values: &'static mut [u64],
    /// A row for each slot: how long its page is when compressed.
    pub lengths: &'static mut [u32],
    /// A row for each slot: the checksum of what its chunks hold.
    pub sums: &'static mut [u32],
    /// What the compressor works with; one store has it at a time.
    pub scratch: &'static mut ZipScratch,
}

impl ZipRoom {
    /// Chunks in so many bytes.
    pub const fn chunks_in(bytes: u64) -> usize {
        (bytes / CHUNK as u64) as usize
    }
}

/// A store that keeps pages compressed.
pub struct ZipStore {
    chunks: Chunks,
    /// Of each slot the first chunk, or the word.
    values: &'static mut [u64],
    lengths: &'static mut [u32],
    sums: &'static mut [u32],
    scratch: RefCell<&'static mut ZipScratch>,
}

impl core::fmt::Debug for ZipStore {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("ZipStore").field(&self.chunks).finish()
    }
}

impl ZipStore {
    /// A store that has no page yet.
    pub fn new(room: ZipRoom) -> ZipStore {
        room.lengths.fill(REPEATED);
        ZipStore {
            chunks: Chunks::new(room.at, room.chunks),
            values: room.values,
            lengths: room.lengths,
            sums: room.sums,
            scratch: RefCell::new(room.scratch),
        }
    }

    /// Bytes of RAM that pages take now.
    pub fn bytes_used(&self) -> u64 {
        u64::from(self.chunks.used()) * CHUNK as u64
    }

    /// Where the first chunk lies.
    #[cfg(test)]
    pub fn start(&self) -> PhysAddr {
        self.chunks.start()
    }

    /// Is there room for a page that cannot be compressed; with `all`, in what is kept back for pages that must come?
    pub fn has_room(&self, all: bool) -> bool {
        let kept = if all { 0 } else { MOST_CHUNKS };
        self.chunks.count() - self.chunks.used() >= MOST_CHUNKS + kept
    }

    /// Is at least half of it free?
    pub fn is_roomy(&self) -> bool {
        self.chunks.used() <= self.chunks.count() / 2
    }

    /// Are those the bytes that were put into the slot?
    fn check(&self, slot: u32, bytes: &[u8]) -> Result<(), Corrupt> {
        let is_same = self.sums[slot as usize] == checksum(bytes);
        is_same.then_some(()).ok_or(Corrupt)
    }

    /// Fills the page from a slot.
    fn unpack<M: Machine>(
        &self,
        machine: &M,
        slot: u32,
        ZipScratch { page, packed, .. }: &mut ZipScratch,
    ) -> Result<(), Corrupt> {
        let (value, length) = (self.values[slot as usize], self.lengths[slot as usize]);
        let bytes = length as usize;
        match bytes {
            0 => {
                let words = page.as_chunks_mut::<8>().0;
                words.fill(value.to_le_bytes());
                Ok(())
            }
            PAGE => {
                self.chunks.read(machine, value as u32, page)?;
                self.check(slot, page)
            }
            _ => {
                let packed = packed.get_mut(..bytes).ok_or(Corrupt)?;
                self.chunks.read(machine, value as u32, packed)?;
                self.check(slot, packed)?;
                match lz4rip_decode::decompress_into(packed, page) {
                    Ok(PAGE) => Ok(()),
                    _ => Err(Corrupt),
                }
            }
        }
    }
}

/// A change within one word of four bytes always changes it, any other with all but one in 2^32: each step is a
/// bijection of the sum so far, and of the word.
fn checksum(bytes: &[u8]) -> u32 {
    const ODD: u32 = 0x9e37_79b1;
    let step = |sum: u32, word: u32| (sum ^ word).wrapping_mul(ODD).rotate_left(13);
    let (words, rest) = bytes.as_chunks::<4>();
    let sum = words.iter().fold(bytes.len() as u32, |sum, word| {
        step(sum, u32::from_le_bytes(*word))
    });
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    step(sum, u32::from_le_bytes(last))
}

/// The word that all of the page consists of.
fn repeated(page: &[u8; PAGE]) -> Option<u64> {
    let words = page.as_chunks::<8>().0;
    let first = words[0];
    let is_same = words.iter().all(|word| *word == first);
    is_same.then_some(u64::from_le_bytes(first))
}

impl PageStore for ZipStore {
    fn put<M: Machine>(
        &mut self,
        machine: &mut M,
        slot: u32,
        frame: PhysAddr,
    ) -> Result<(), StoreFull> {
        let ZipScratch {
            page,
            packed,
            compressor,
        } = &mut **self.scratch.get_mut();
        machine.read_bytes(frame, page);
        let (value, length, sum) = match repeated(page) {
            Some(word) => (word, REPEATED, 0),
            None => {
                let length = compressor.compress_into(page, packed).unwrap_or(PAGE);
                // A chunk less, or it is not worth it.
                let is_smaller = length <= PAGE - CHUNK;
                let bytes = if is_smaller {
                    &packed[..length]
                } else {
                    &page[..]
                };
                let first = self.chunks.write(machine, bytes)?;
                (first.into(), bytes.len() as u32, checksum(bytes))
            }
        };
        // Only now: had there been no room, the slot would be as it was.
        self.forget(slot);
        self.values[slot as usize] = value;
        self.lengths[slot as usize] = length;
        self.sums[slot as usize] = sum;
        Ok(())
    }

    fn get<M: Machine>(
        &mut self,
        machine: &mut M,
        slot: u32,
        frame: PhysAddr,
    ) -> Result<(), Corrupt> {
        if (self.lengths[slot as usize], self.values[slot as usize]) == (REPEATED, 0) {
            machine.zero_frame(frame);
            return Ok(());
        }
        let scratch = &mut **self.scratch.borrow_mut();
        self.unpack(machine, slot, scratch)?;
        machine.write_bytes(frame, &scratch.page);
        Ok(())
    }

    fn peek<M: Machine>(
        &self,
        machine: &M,
        slot: u32,
        from: usize,
        into: &mut [u8],
    ) -> Result<(), Corrupt> {
        let scratch = &mut **self.scratch.borrow_mut();
        self.unpack(machine, slot, scratch)?;
        into.copy_from_slice(&scratch.page[from..from + into.len()]);
        Ok(())
    }

    fn forget(&mut self, slot: u32) {
        if self.lengths[slot as usize] != REPEATED {
            self.chunks.give(self.values[slot as usize] as u32);
            self.lengths[slot as usize] = REPEATED;
        }
    }
}
