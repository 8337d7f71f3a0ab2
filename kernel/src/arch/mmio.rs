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
    width: Width,
}

impl Mmio {
    /// # Safety
    /// `base` (virtual) to the last register that the driver names is a device's, mapped in
    /// the kernel's map with the device memory type, and no other `Mmio` drives it.
    pub unsafe fn new(base: usize, width: Width) -> Mmio {
        Mmio { base, width }
    }
}

impl Registers for Mmio {
    fn read(&self, offset: usize) -> u32 {
        // SAFETY: `new`'s contract; volatile because a device's answer changes.
        unsafe {
            match self.width {
                Width::Byte { shift } => {
                    ((self.base + (offset << shift)) as *const u8).read_volatile() as u32
                }
                Width::Word { shift } => {
                    ((self.base + (offset << shift)) as *const u32).read_volatile()
                }
            }
        }
    }

    fn write(&self, offset: usize, value: u32) {
        // SAFETY: as in `read`.
        unsafe {
            match self.width {
                Width::Byte { shift } => {
                    ((self.base + (offset << shift)) as *mut u8).write_volatile(value as u8)
                }
                Width::Word { shift } => {
                    ((self.base + (offset << shift)) as *mut u32).write_volatile(value)
                }
            }
        }
    }
}
