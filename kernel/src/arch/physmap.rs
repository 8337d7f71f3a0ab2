//! Physical memory as the kernel sees it: the physmap, and slices taken from it at boot.

use core::mem::MaybeUninit;
use core::slice;

use abi::Fault;
use pagetable::PhysAddr;

use super::paging;
use crate::debug::stub::Buffers;
use crate::mm::{BootRam, FrameDescriptor};

/// The virtual address at which the kernel sees physical address `at`.
#[inline]
pub(super) fn phys_to_ptr(at: PhysAddr) -> *mut u8 {
    paging::phys_to_virt(at) as *mut u8
}

/// Any bit pattern is a value of these: memory that was never written can hold them.
///
/// # Safety
/// Only for types made of integers, without padding, or of bytes that are never read as a value.
pub unsafe trait Plain {}
// SAFETY: `FrameDescriptor` is `repr(C)`, integers only, no padding (16 bytes).
unsafe impl Plain for FrameDescriptor {}
// SAFETY: whatever it holds, it holds no value before one is written.
unsafe impl<T> Plain for MaybeUninit<T> {}
// SAFETY: `Fault` is `repr(C)`, integers only, no padding (64 bytes).
unsafe impl Plain for Fault {}
// SAFETY: an integer.
unsafe impl Plain for u32 {}
// SAFETY: an integer.
unsafe impl Plain for u64 {}
// SAFETY: `Buffers` is bytes only.
unsafe impl Plain for Buffers {}

/// The right to turn boot memory into slices; exists once, after the final map stands.
pub struct Slices(pub(super) ());

impl Slices {
    /// Takes `count` values' worth of whole frames out of the boot allocator, for good.
    /// What they hold is arbitrary. `None` when no run that long is left.
    pub fn claim<T: Plain>(&mut self, ram: &mut BootRam, count: usize) -> Option<&'static mut [T]> {
        let bytes = count.checked_mul(size_of::<T>())?;
        let at = ram.take(bytes as u64, 4096)?;
        // SAFETY: the boot allocator gives a byte out once, from RAM that the final map
        // holds; `Plain` makes whatever stands there a value; frames are aligned enough.
        Some(unsafe { slice::from_raw_parts_mut(phys_to_ptr(at).cast(), count) })
    }

    /// The bytes at `at`, which the boot allocator has reserved: the initrd.
    /// `None` if any of them is not.
    pub fn reserved(&self, ram: &BootRam, at: PhysAddr, bytes: u64) -> Option<&'static [u8]> {
        if !ram.is_reserved(at, bytes) {
            return None;
        }
        // SAFETY: reserved memory is never given out, so nothing writes it; it is RAM that
        // the final map holds.
        Some(unsafe { slice::from_raw_parts(phys_to_ptr(at), bytes as usize) })
    }
}

/// The device tree at `at`, while the provisional map stands. `None` when the address is
/// null or unaligned, the magic is wrong, or it claims more than `limit` bytes.
///
/// # Safety
/// The provisional map holds `limit` bytes from `at` on, or as many as the tree claims.
pub(super) unsafe fn tree_at<'a>(at: PhysAddr, limit: usize) -> Option<&'a [u8]> {
    const MAGIC: u32 = 0xd00d_feed;
    if at.raw() == 0 || !at.raw().is_multiple_of(8) {
        return None;
    }
    let header = phys_to_ptr(at).cast::<[u8; 8]>();
    // SAFETY: the caller mapped it; eight bytes are less than any tree.
    let [m0, m1, m2, m3, s0, s1, s2, s3] = unsafe { header.read() };
    let bytes = u32::from_be_bytes([s0, s1, s2, s3]) as usize;
    if u32::from_be_bytes([m0, m1, m2, m3]) != MAGIC || bytes > limit {
        return None;
    }
    // SAFETY: the caller mapped that many bytes, and nothing writes them until they are read.
    Some(unsafe { slice::from_raw_parts(phys_to_ptr(at), bytes) })
}
