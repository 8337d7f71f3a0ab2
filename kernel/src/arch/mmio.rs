//! Device registers, where the kernel's map shows them.

use crate::drivers::Registers;

/// How a device's registers are spaced and how wide an access must be.
#[derive(Clone, Copy)]
pub enum Width {
    /// One byte at each `1 << shift` bytes (most 16550s).
    Byte { shift: u8 },
    /// A 32-bit word at each `1 << shift` bytes; 0 where offsets count bytes.
    Word { shift: u8 },
}

/// One device's register block.
pub struct Mmio {
    base: usize,
    bytes: usize,
    width: Width,
}

impl Mmio {
    /// # Safety
    /// The `bytes` bytes from `base` (virtual) on are a device's where its driver names a register, mapped in
    /// the kernel's map with the device memory type where they are mapped at all, and no other `Mmio` drives it.
    pub unsafe fn new(base: usize, bytes: usize, width: Width) -> Mmio {
        Mmio { base, bytes, width }
    }

    /// Where the register is, if all of it lies in the block, at a multiple of its size.
    fn place(&self, offset: usize) -> Option<usize> {
        let (shift, size) = match self.width {
            Width::Byte { shift } => (shift, 1),
            Width::Word { shift } => (shift, 4),
        };
        let at = offset.checked_shl(shift.into())?;
        let is_inside = at <= self.bytes.saturating_sub(size) && at >> shift == offset;
        let at = self.base.wrapping_add(at);
        (is_inside && at % size == 0).then_some(at)
    }
}

/// A register outside of the block reads as 0, and is not written.
impl Registers for Mmio {
    fn read(&self, offset: usize) -> u32 {
        let Some(at) = self.place(offset) else {
            return 0;
        };
        // SAFETY: `new`'s contract, and `place` has checked the bounds; volatile because a device's answer changes.
        unsafe {
            match self.width {
                Width::Byte { .. } => (at as *const u8).read_volatile().into(),
                Width::Word { .. } => (at as *const u32).read_volatile(),
            }
        }
    }

    fn write(&self, offset: usize, value: u32) {
        let Some(at) = self.place(offset) else {
            return;
        };
        // SAFETY: as in `read`.
        unsafe {
            match self.width {
                Width::Byte { .. } => (at as *mut u8).write_volatile(value as u8),
                Width::Word { .. } => (at as *mut u32).write_volatile(value),
            }
        }
    }
}
