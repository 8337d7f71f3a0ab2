//! Decoded instructions, by physical page: what the instruction cache holds.
//!
//! It is not coherent with memory, as the C906's is not: an instruction that was fetched once stays until
//! `fence.i`. A slot whose bytes are written becomes [`Operation::Suspect`], so that its next execution looks at
//! what memory holds, and says so where that is something else.

use std::collections::HashMap;

use crate::carrier::{Carrier, SnapshotError};
use crate::decode::decode;
use crate::insn::{Insn, Operation};
use crate::ram::LINE;

/// Instructions can begin at every second byte.
const SLOTS: usize = 4096 / 2;
const SLOTS_OF_LINE: usize = LINE / 2;

const SUSPECT: Insn = Insn {
    op: Operation::Suspect,
    rd: 0,
    rs1: 0,
    rs2: 0,
    imm: 0,
    bytes: 0,
};

/// What the bytes at a slot of a page mean; an instruction that goes on in the next page is not kept.
#[must_use]
pub fn decoded(slot: usize, word: u32) -> Insn {
    if word & 3 == 3 && slot == SLOTS - 1 {
        return Insn {
            op: Operation::Crossing,
            ..Insn::default()
        };
    }
    decode(word)
}

#[derive(Default)]
pub struct Code {
    slots: Vec<Insn>,
    /// By page of RAM: where its slots begin, in pages of slots, and 0 for none.
    pages: Vec<u32>,
    /// What suspect slots held, and the bytes they were decoded from.
    suspects: HashMap<usize, (Insn, u32)>,
    /// Bytes of every decoded slot, for the comparison.
    raw: Vec<u32>,
}

impl Code {
    /// For RAM of that many bytes.
    #[must_use]
    pub fn new(ram_bytes: usize) -> Code {
        Code {
            pages: vec![0; ram_bytes.div_ceil(4096)],
            // Page 0 of the slots belongs to no page of RAM.
            slots: vec![Insn::default(); SLOTS],
            raw: vec![0; SLOTS],
            ..Code::default()
        }
    }

    /// Where the slots of the page at a RAM offset begin.
    pub fn page(&mut self, at: usize) -> usize {
        let page = at / 4096;
        if self.pages[page] == 0 {
            self.pages[page] = (self.slots.len() / SLOTS) as u32;
            self.slots.resize(self.slots.len() + SLOTS, Insn::default());
            self.raw.resize(self.slots.len(), 0);
        }
        self.pages[page] as usize * SLOTS
    }

    /// The instruction in a slot: that of the page which begins at `page`, for a program counter.
    #[inline(always)]
    #[must_use]
    pub fn get(&self, page: usize, pc: u64) -> Insn {
        let slot = page + (pc as usize >> 1 & (SLOTS - 1));
        self.slots.get(slot).copied().unwrap_or_default()
    }

    /// Keeps an instruction, and the bytes it was decoded from.
    pub fn put(&mut self, page: usize, pc: u64, insn: Insn, raw: u32) {
        let slot = page + (pc as usize >> 1 & (SLOTS - 1));
        self.slots[slot] = insn;
        self.raw[slot] = raw;
    }

    /// What a suspect slot held, and its bytes.
    #[must_use]
    pub fn suspect(&self, page: usize, pc: u64) -> Option<(Insn, u32)> {
        let slot = page + (pc as usize >> 1 & (SLOTS - 1));
        self.suspects.get(&slot).copied()
    }

    /// A line of RAM is written, from which instructions were fetched.
    pub fn line_written(&mut self, at: usize) {
        let page = self.pages[at / 4096] as usize;
        if page == 0 {
            return;
        }
        let line = at / LINE * LINE;
        // An instruction of four bytes may begin in the last two of the line before.
        let first = page * SLOTS + line % 4096 / 2;
        let from = if line.is_multiple_of(4096) {
            first
        } else {
            first - 1
        };
        for slot in from..first + SLOTS_OF_LINE {
            let insn = self.slots[slot];
            if !matches!(insn.op, Operation::Undecoded | Operation::Suspect) {
                self.suspects.insert(slot, (insn, self.raw[slot]));
                self.slots[slot] = SUSPECT;
            }
        }
    }

    /// See `snapshot`. A slot is its place in RAM, the bytes it was decoded from, and whether it is suspect.
    pub(crate) fn carry(&mut self, carrier: &mut Carrier) -> Result<(), SnapshotError> {
        let mut list: Vec<[u64; 2]> = Vec::new();
        for (number, &page) in self
            .pages
            .iter()
            .enumerate()
            .filter(|(_, page)| **page != 0)
        {
            for index in 0..SLOTS {
                let slot = page as usize * SLOTS + index;
                let op = self.slots[slot].op;
                if op != Operation::Undecoded {
                    let is_suspect = u64::from(op == Operation::Suspect);
                    let place = (number * SLOTS + index) as u64;
                    list.push([place, is_suspect << 32 | u64::from(self.raw[slot])]);
                }
            }
        }
        carrier.list(&mut list)?;
        if !carrier.reads() {
            return Ok(());
        }
        for [place, word] in list {
            let place = usize::try_from(place).ok();
            let place = place.filter(|place| place / SLOTS < self.pages.len());
            let place = place.ok_or(SnapshotError::Value("such place of code"))?;
            let slot = self.page(place / SLOTS * 4096) + place % SLOTS;
            let raw = word as u32;
            let insn = decoded(place % SLOTS, raw);
            self.raw[slot] = raw;
            self.slots[slot] = insn;
            if word >> 32 & 1 == 1 {
                self.suspects.insert(slot, (insn, raw));
                self.slots[slot] = SUSPECT;
            }
        }
        Ok(())
    }

    /// `fence.i`: what was written is fetched again.
    pub fn fence(&mut self) {
        for (slot, _) in self.suspects.drain() {
            self.slots[slot] = Insn::default();
        }
    }
}
