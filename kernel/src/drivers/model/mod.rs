//! The devices on the host: registers that behave as the manuals say, and an interrupt line.

mod bl808;
mod ns16550;

pub use bl808::Bl808Model;
pub use ns16550::Ns16550Model;

use super::{Registers, Uart};

/// A serial device, seen from both its ends.
pub trait DeviceModel: Sized + 'static {
    /// As the firmware leaves it.
    fn new() -> &'static Self;
    /// The kernel's driver for such a device.
    fn driver<R: Registers>(registers: R) -> Uart<R>;
    /// True if the device asserts its interrupt line.
    fn interrupts(&self) -> bool;
    /// Sends at most that many of the bytes it holds down the line.
    fn shift_out(&self, bytes: usize) -> Vec<u8>;
    /// A byte comes up the line; one that finds no room is lost.
    fn shift_in(&self, byte: u8);
    /// Nothing has come for a while.
    fn rest(&self);
}
