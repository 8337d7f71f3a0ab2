//! What `mm` asks of a machine: table entries, frames, fences.

use pagetable::{Dialect, Mode, PhysAddr, VirtAddr};

/// A hart's MMU and the memory behind it.
///
/// Every physical address that `mm` passes is a frame of [`Frames`](super::Frames), a table
/// made of one, or the initrd.
pub trait Machine {
    /// The paging mode, known when the kernel is compiled.
    const MODE: Mode;

    /// How leaves say their memory type.
    fn dialect(&self) -> Dialect;
    /// Reads one entry of [`Self::MODE`]'s width.
    fn read_entry(&self, at: PhysAddr) -> u64;
    /// Writes one entry with a single store.
    fn write_entry(&mut self, at: PhysAddr, value: u64);
    /// Fills a frame with zeros.
    fn zero_frame(&mut self, frame: PhysAddr);
    /// Copies a frame.
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
    fn seen(&self, at: PhysAddr) -> usize;
    /// Reads bytes that lie within one frame, or within the initrd.
    fn read_bytes(&self, at: PhysAddr, into: &mut [u8]);
    /// Writes bytes that lie within one frame.
    fn write_bytes(&mut self, at: PhysAddr, from: &[u8]);
    /// Forgets what this hart knows of one page, in every space.
    fn fence_page(&mut self, va: VirtAddr);
    /// Forgets every translation of this hart.
    fn fence_all(&mut self);
    /// Instructions written to memory are seen by later fetches.
    fn fence_code(&mut self);
}
