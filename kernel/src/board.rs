//! The boards this kernel knows: `boards/*.toml`, compiled into a table.

pub use plan::{CONSOLE, PLIC};

/// Which driver a board's console needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UartDriver {
    /// A 16550 or one of its many copies.
    Ns16550,
    /// Bouffalo Lab's UART, as in BL602 and BL808 (BL808 reference manual, UART).
    Bl808,
}

/// What the kernel must know of a board that its device tree does not say.
#[derive(Debug)]
pub struct BuiltinBoard {
    /// Its name, as in `boards/NAME.toml`.
    pub name: &'static str,
    /// Its name as people say it.
    pub title: &'static str,
    /// The `compatible` words of the device tree's root that mean this board.
    pub compatible: &'static [&'static str],
    /// Driver of the console's UART.
    pub uart: UartDriver,
    /// Physical address of the console's registers.
    pub uart_base: u64,
    /// Registers lie `1 << uart_shift` bytes apart.
    pub uart_shift: u8,
    /// Registers must be accessed as 32-bit words.
    pub uart_words: bool,
    /// The console's interrupt at the PLIC.
    pub uart_irq: u32,
    /// Physical address of the PLIC.
    pub plic_base: u64,
    /// The S-mode context of hart 0 at the PLIC. Every hart has an M and an S context, so
    /// hart n's is `2 * n` further.
    pub plic_context: u32,
    /// Ticks of `time` in a second, where the device tree does not say.
    pub timebase_hz: u64,
    /// The memory layout of programs that name none.
    pub layout: &'static str,
    /// Devices that programs may map with `MapDevice`; no other.
    pub devices: &'static [MappableDevice],
}

/// A device whose registers a program may have.
#[derive(Debug)]
pub struct MappableDevice {
    /// Name that a program asks for.
    pub name: &'static str,
    /// Physical address of its first page.
    pub base: u64,
    /// Length in bytes, a multiple of 4096.
    pub bytes: u64,
}

include!(concat!(env!("OUT_DIR"), "/boards.rs"));

/// The board that a `compatible` word of a device tree's root means.
pub fn by_compatible(word: &str) -> Option<&'static BuiltinBoard> {
    BOARDS.iter().find(|board| board.compatible.contains(&word))
}

impl BuiltinBoard {
    /// May a program map these pages? All of one device's, or none.
    pub fn may_map(&self, base: u64, bytes: u64) -> bool {
        let inside = |device: &MappableDevice| {
            base >= device.base
                && bytes <= device.bytes
                && base - device.base <= device.bytes - bytes
        };
        self.devices.iter().any(inside)
    }

    /// The S-mode context of `hart` at the PLIC.
    pub fn plic_context(&self, hart: usize) -> u32 {
        self.plic_context + 2 * hart as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_board_is_found_by_each_of_its_words_and_by_no_other_boards() {
        assert!(!BOARDS.is_empty());
        for board in BOARDS {
            for word in board.compatible {
                assert_eq!(
                    by_compatible(word).map(|found| found.name),
                    Some(board.name)
                );
            }
        }
        assert!(by_compatible("acme,toaster").is_none());
    }
}
