//! The console and the interrupt controller that the kernel drives.
//!
//! The device tree has the word, where it has one; the board file is the fallback. Neither is believed
//! blindly: what cannot be mapped is not taken, and a console without an interrupt is polled.

use core::fmt;

use pagetable::PAGE_BYTES;
use plan::DevicePage;

use super::name::Name;
use crate::board::{BuiltinBoard, UartDriver};

/// One past the last physical address at which the kernel's map can show a device: 34 bits on Sv32, the
/// physmap's 254 GiB on Sv39 (`mm/bootmap.rs`).
pub(super) const REACH: u64 = if usize::BITS == 32 {
    1 << 34
} else {
    254 << 30
};
/// What Sv32's kernel maps of a PLIC at most: that many bytes are set aside for it.
const PLIC_BYTES: u64 = 4 << 20;

/// Registers of a console's UART, as its node describes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UartNode {
    /// The driver, by the node's `compatible`.
    pub kind: UartDriver,
    /// Physical address of its registers, all on one page.
    pub base: u64,
    /// They lie `1 << shift` bytes apart.
    pub shift: u8,
    /// They must be accessed as 32-bit words.
    pub words: bool,
}

impl UartNode {
    /// Can all registers that the driver touches be mapped, with one page?
    pub(super) fn can_be_mapped(&self) -> bool {
        let last = match self.kind {
            UartDriver::Ns16550 => 7 << self.shift.min(16),
            UartDriver::Bl808 => 0x8c,
        };
        self.base < REACH && self.base % PAGE_BYTES + last + 4 <= PAGE_BYTES
    }
}

/// Where a hart gets the console's interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlicNode {
    /// Physical address of source 0's priority.
    pub base: u64,
    /// PLIC context of the boot hart in S-mode (`interrupts-extended`, external interrupt 9).
    pub context: u32,
    /// PLIC source of the console; 0 is none.
    pub irq: u32,
}

impl PlicNode {
    /// How far its registers reach, as far as this hart's context: to the end of the page with its claims.
    pub fn bytes(&self) -> u64 {
        0x20_0000 + 0x1000 * (u64::from(self.context) + 1)
    }

    /// The specification's bounds, and what can be mapped.
    pub(super) fn can_be_used(&self) -> bool {
        let last = 0x20_0000 + 0x1000 * u64::from(self.context) + 8;
        (1..1024).contains(&self.irq)
            && self.base.is_multiple_of(PAGE_BYTES)
            && self.base < REACH
            && last <= PLIC_BYTES
    }
}

/// Why the console is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// Its interrupts go to a controller that this kernel has no driver for.
    UnknownController(Name),
    /// The tree gives it no interrupt.
    NoInterrupt,
    /// The controller has no S-mode context for this hart, or none that can be mapped.
    NoContext(usize),
}

impl fmt::Display for Polled {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Polled::UnknownController(name) => {
                write!(f, "no driver for the interrupt controller `{name}`")
            }
            Polled::NoInterrupt => f.write_str("the device tree gives the console no interrupt"),
            Polled::NoContext(hart) => {
                write!(
                    f,
                    "the interrupt controller has no S-mode context for hart {hart}"
                )
            }
        }
    }
}

/// Devices that the kernel drives: a console and an interrupt controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wiring {
    /// The console's UART: that of `stdout-path` where the kernel can drive it.
    pub uart: UartNode,
    /// How it interrupts, or why it is polled.
    pub interrupt: Result<PlicNode, Polled>,
    /// The console that the tree asks for, where that is none that the kernel can drive.
    pub unknown_console: Option<Name>,
}

impl Wiring {
    /// As the board file has it.
    pub fn of_board(board: &BuiltinBoard, hart: usize) -> Wiring {
        Wiring {
            uart: UartNode {
                kind: board.uart,
                base: board.uart_base,
                shift: board.uart_shift,
                words: board.uart_words,
            },
            interrupt: Ok(PlicNode {
                base: board.plic_base,
                context: board.plic_context(hart),
                irq: board.uart_irq,
            }),
            unknown_console: None,
        }
    }

    /// The pages of device registers that the kernel touches.
    pub fn device_pages(&self) -> impl Iterator<Item = DevicePage> + use<> {
        let plic = self.interrupt.ok().map(|it| plan::PlicPages {
            base: it.base,
            context: it.context,
        });
        plan::device_pages(self.uart.base, plic)
    }
}
