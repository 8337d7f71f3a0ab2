//! What `mm` asks of a machine: table entries, frames, fences.

use pagetable::{Dialect, Mode, PAGE_BYTES, PhysAddr, VirtAddr};

/// Leaves behind each other in one table, of pages behind each other, around one that is there.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Where the leaf is that is there.
    pub at: PhysAddr,
    /// The leaf entry's bits.
    pub leaf: u64,
    /// The virtual page that it maps.
    pub va: VirtAddr,
    /// How many come before it.
    pub back: usize,
    /// How many there are, with it.
    pub count: usize,
}

impl Run {
    /// Place, bits and page of the n-th, for entries of so many bytes.
    fn nth(&self, n: u64, entry_bytes: u64) -> (PhysAddr, u64, VirtAddr) {
        let ahead = n.wrapping_sub(self.back as u64);
        (
            self.at.wrapping_add(ahead.wrapping_mul(entry_bytes)),
            // The page number begins at bit 10.
            self.leaf.wrapping_add(ahead << 10),
            self.va.wrapping_add(ahead.wrapping_mul(PAGE_BYTES)),
        )
    }
}

/// A hart's MMU and the memory behind it.
///
/// Every physical address that `mm` passes is a frame of [`Frames`](super::Frames), a table
/// made of one, in the backing store's part of RAM, or in the initrd.
pub trait Machine {
    /// The paging mode, known when the kernel is compiled.
    const MODE: Mode;

    /// How leaves say their memory type.
    fn dialect(&self) -> Dialect;
    /// Reads one entry of [`Self::MODE`]'s width.
    fn read_entry(&self, at: PhysAddr) -> u64;
    /// Writes one entry with a single store.
    fn write_entry(&mut self, at: PhysAddr, value: u64);
    /// The first entry that is not zero, from `at` on and before `end`, in one table.
    fn next_entry(&self, at: PhysAddr, end: PhysAddr) -> Option<PhysAddr> {
        let mut at = at;
        while at < end {
            if self.read_entry(at) != 0 {
                return Some(at);
            }
            at = at.wrapping_add(Self::MODE.entry_bytes() as u64);
        }
        None
    }
    /// Enters the leaves of a run that are not there; how many. Whether they are fenced is the
    /// machine's affair: a hart that holds that nothing was there faults once more, and finds it.
    fn enter_missing(&mut self, run: &Run) -> u32 {
        let mut entered = 0;
        for index in 0..run.count as u64 {
            let (at, leaf, va) = run.nth(index, Self::MODE.entry_bytes() as u64);
            if self.read_entry(at) == 0 {
                self.write_entry(at, leaf);
                self.fence_page(va);
                entered += 1;
            }
        }
        entered
    }
    /// Fills a frame with zeros.
    fn zero_frame(&mut self, frame: PhysAddr);
    /// Copies the 4096 bytes of a frame; the two frames differ.
    fn copy_frame(&mut self, from: PhysAddr, to: PhysAddr);
    /// Copies `bytes` bytes, less than a frame or from an address that is no frame's, to the
    /// beginning of one, and zeros behind them.
    fn copy_part(&mut self, from: PhysAddr, to: PhysAddr, bytes: u64) {
        let mut piece = [0; 256];
        self.zero_frame(to);
        let mut done = 0;
        while done < bytes {
            let piece = &mut piece[..(bytes - done).min(256) as usize];
            self.read_bytes(from.wrapping_add(done), piece);
            self.write_bytes(to.wrapping_add(done), piece);
            done += piece.len() as u64;
        }
    }
    /// Where the kernel itself sees a physical address, for the fast path's assembly.
    fn phys_to_virt(&self, at: PhysAddr) -> usize;
    /// Reads bytes that lie within one frame, or within the initrd.
    fn read_bytes(&self, at: PhysAddr, into: &mut [u8]);
    /// Writes bytes that lie within one frame.
    fn write_bytes(&mut self, at: PhysAddr, from: &[u8]);
    /// Forgets what this hart knows of one page, in every space.
    fn fence_page(&mut self, va: VirtAddr);
    /// Forgets every translation of this hart, and what it knows of tables.
    fn fence_all(&mut self);
    /// After a leaf of that level was entered or changed. Above level 0 its place may have been held
    /// to be an invalid entry for tables, which a fence for one address need not end.
    fn fence_leaf(&mut self, va: VirtAddr, level: u8) {
        if level == 0 {
            self.fence_page(va);
        } else {
            self.fence_all();
        }
    }
    /// Instructions written to memory are seen by later fetches.
    fn fence_code(&mut self);
    /// Instructions that this hart has retired, modulo the width of its registers. Only where they can be counted.
    fn instructions(&self) -> usize {
        0
    }
}
