//! Devices, one file each, over a block of registers that is given.

#[cfg(test)]
pub mod model;
mod plic;
mod uart;
mod uart16550;
mod uart_bl808;

pub use plic::{Completed, Plic, Service};
pub use uart::Uart;

/// One device's registers: 32 bits wide, or the low bits of that.
pub trait Registers {
    /// Reads the register at `offset`: in bytes, or in registers where the device counts so.
    fn read(&self, offset: usize) -> u32;
    /// Writes the register at a byte offset.
    fn write(&self, offset: usize, value: u32);
}
