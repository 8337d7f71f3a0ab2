//! A board's console UART, whichever it has.

use super::Registers;
use super::uart_bl808::Bl808;
use super::uart16550::Ns16550;

/// The console's device. No variant is 0, so that `None` is all zeros: a console without a device
/// then lies in BSS.
#[repr(u8)]
pub enum Uart<R> {
    /// An NS16550A or compatible, as in QEMU's `virt`.
    Ns16550(Ns16550<R>) = 1,
    /// Bouffalo Lab's UART, as in the BL808.
    Bl808(Bl808<R>) = 2,
}

impl<R: Registers> Uart<R> {
    /// Takes a 16550 over as the firmware left it.
    pub fn ns16550(registers: R) -> Uart<R> {
        Uart::Ns16550(Ns16550::new(registers))
    }

    /// Takes a Bouffalo UART over as the firmware left it.
    pub fn bl808(registers: R) -> Uart<R> {
        Uart::Bl808(Bl808::new(registers))
    }

    /// Sends as much of `bytes` as the device has room for now; how many that were.
    pub fn send(&mut self, bytes: impl Iterator<Item = u8>) -> usize {
        match self {
            Uart::Ns16550(uart) => uart.send(bytes),
            Uart::Bl808(uart) => uart.send(bytes),
        }
    }

    /// The next byte that has come in.
    pub fn receive(&mut self) -> Option<u8> {
        match self {
            Uart::Ns16550(uart) => uart.receive(),
            Uart::Bl808(uart) => uart.receive(),
        }
    }

    /// Asks for an interrupt when there is room to send.
    pub fn want_room(&mut self, wanted: bool) {
        match self {
            Uart::Ns16550(uart) => uart.want_room(wanted),
            Uart::Bl808(uart) => uart.want_room(wanted),
        }
    }

    /// Clears an interrupt that the device raises until it is acknowledged.
    pub fn acknowledge(&mut self) {
        match self {
            Uart::Ns16550(uart) => uart.acknowledge(),
            Uart::Bl808(uart) => uart.acknowledge(),
        }
    }
}
