//! A hart: it walks tables, keeps translations, and faults.

use std::collections::BTreeSet;

use pagetable::{Mode, PAGE_BYTES, PhysAddr, Pte, VirtAddr};

use crate::ram::Ram;
use crate::tlb::{Entry, Tlb};

/// What an instruction wants of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// A fetch.
    Execute,
}

/// A page fault of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The address.
    pub va: VirtAddr,
    /// What was wanted.
    pub access: Access,
}

/// How a hart may behave, and some do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quirks {
    /// A and D are the kernel's to set: a leaf without them faults (Svade, the C906).
    pub svade: bool,
    /// The first use of a leaf that just became valid faults once more.
    pub spurious: bool,
}

/// Memory and one hart.
#[derive(Debug)]
pub struct Machine {
    /// Physical memory.
    pub ram: Ram,
    mode: Mode,
    quirks: Quirks,
    tlb: Tlb,
    /// Of the space that was in force last.
    root: PhysAddr,
    /// The page whose last use failed: with `spurious`, a fault for it was owed.
    owed: Option<u64>,
    /// Frames that were written and no `fence_code` came since.
    stale_code: BTreeSet<PhysAddr>,
}

impl Machine {
    /// A machine with RAM full of noise.
    pub fn new(mode: Mode, ram: Ram, quirks: Quirks) -> Machine {
        Machine {
            ram,
            mode,
            quirks,
            tlb: Tlb::default(),
            root: PhysAddr::new(0),
            owed: None,
            stale_code: BTreeSet::new(),
        }
    }

    /// Reads a table entry.
    pub fn read_entry(&self, at: PhysAddr) -> u64 {
        let bytes = self.ram.get(at, self.mode.entry_bytes());
        bytes
            .iter()
            .rev()
            .fold(0, |value, &byte| value << 8 | u64::from(byte))
    }

    /// Writes a table entry.
    pub fn write_entry(&mut self, at: PhysAddr, value: u64) {
        let bytes = self.mode.entry_bytes();
        self.ram
            .get_mut(at, bytes)
            .copy_from_slice(&value.to_le_bytes()[..bytes]);
        let pte = Pte::new(value);
        if pte.is_valid() && !pte.is_leaf() {
            // A walk ahead of time, for no access at all, may follow it at once.
            self.tlb.link(pte.target(self.mode));
        }
    }

    /// Writes bytes that a program may read, or fetch.
    pub fn write_bytes(&mut self, at: PhysAddr, from: &[u8]) {
        self.ram.get_mut(at, from.len()).copy_from_slice(from);
        self.stale_code.insert(at.align_down(PAGE_BYTES));
    }

    /// Fills a frame with zeros: it must not be reachable any more.
    pub fn zero_frame(&mut self, frame: PhysAddr) {
        self.must_be_free(frame);
        self.ram.get_mut(frame, PAGE_BYTES as usize).fill(0);
        self.stale_code.insert(frame);
    }

    /// Copies a frame: the target must not be reachable any more.
    pub fn copy_frame(&mut self, from: PhysAddr, to: PhysAddr) {
        self.must_be_free(to);
        let data = self.ram.get(from, PAGE_BYTES as usize).to_vec();
        self.ram
            .get_mut(to, PAGE_BYTES as usize)
            .copy_from_slice(&data);
        self.stale_code.insert(to);
    }

    fn must_be_free(&self, frame: PhysAddr) {
        if let Some(va) = self.tlb.reaches(frame) {
            panic!(
                "frame {:#x} is filled anew while the TLB still reaches it at {va:#x}: a fence is missing",
                frame.raw()
            );
        }
    }

    /// `sfence.vma va, x0`. A page that was in use is looked up again at once, ahead of time.
    pub fn fence_page(&mut self, va: VirtAddr) {
        let was_held = self.holds(va);
        self.tlb.fence_page(va);
        if was_held && let Some((leaf, frame)) = self.walk(self.root, va) {
            self.tlb.put(va, Entry { leaf, frame });
        }
    }

    /// `sfence.vma x0, x0`.
    pub fn fence_all(&mut self) {
        self.tlb.fence_all();
    }

    /// `fence.i`.
    pub fn fence_code(&mut self) {
        self.stale_code.clear();
    }

    /// Does the hart still hold a translation for that page?
    pub fn holds(&self, va: VirtAddr) -> bool {
        self.tlb.get(va).is_some()
    }

    /// Where an access of a program lands, or its fault. A held translation is used, however
    /// stale it is.
    pub fn access(
        &mut self,
        root: PhysAddr,
        va: VirtAddr,
        access: Access,
    ) -> Result<PhysAddr, Fault> {
        let fault = Err(Fault { va, access });
        self.root = root;
        if let Some(held) = self.tlb.get(va) {
            // No hart is bound to look again before it faults.
            return if self.permits(held.leaf, access) {
                Ok(held.frame.wrapping_add(va.offset(PAGE_BYTES)))
            } else {
                fault
            };
        }
        if self.tlb.misses(va) {
            return fault;
        }
        let Some((leaf, frame)) = self.walk(root, va) else {
            self.tlb.put_miss(va);
            return fault;
        };
        if !self.permits(leaf, access) {
            self.tlb.put(va, Entry { leaf, frame });
            return fault;
        }
        if self.quirks.spurious && self.owed != Some(va.page()) {
            self.owed = Some(va.page());
            return fault;
        }
        self.owed = None;
        assert!(
            access != Access::Execute || !self.stale_code.contains(&frame),
            "fetched from {:#x} without fence.i",
            va.raw()
        );
        self.tlb.put(va, Entry { leaf, frame });
        Ok(frame.wrapping_add(va.offset(PAGE_BYTES)))
    }

    fn permits(&self, leaf: Pte, access: Access) -> bool {
        let right = match access {
            Access::Read => Pte::READ,
            Access::Write => Pte::WRITE,
            Access::Execute => Pte::EXEC,
        };
        let dirty = if access == Access::Write {
            Pte::DIRTY
        } else {
            0
        };
        let kept = if self.quirks.svade {
            Pte::ACCESSED | dirty
        } else {
            0
        };
        leaf.has(Pte::VALID | Pte::USER | right | kept)
    }

    fn walk(&mut self, root: PhysAddr, va: VirtAddr) -> Option<(Pte, PhysAddr)> {
        let mut table = root;
        for level in (0..self.mode.levels()).rev() {
            let reach = self.mode.leaf_bytes(level) * self.mode.entries() as u64;
            let first = va.raw() / reach * reach;
            // The root is in `satp`, not in a table.
            if level + 1 < self.mode.levels() {
                match self.tlb.table(level, first) {
                    Some(held) => table = held,
                    None => self.tlb.put_table(level, first, table),
                }
            }
            let at =
                table.wrapping_add((self.mode.index(va, level) * self.mode.entry_bytes()) as u64);
            let pte = Pte::new(self.read_entry(at));
            if !pte.is_valid() {
                return None;
            }
            if pte.is_leaf() {
                let within = va.offset(self.mode.leaf_bytes(level));
                return Some((
                    pte,
                    pte.target(self.mode)
                        .wrapping_add(within)
                        .align_down(PAGE_BYTES),
                ));
            }
            table = pte.target(self.mode);
        }
        None
    }
}
