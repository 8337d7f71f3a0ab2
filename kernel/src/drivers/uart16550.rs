//! The 16550 and its copies. Offsets are register numbers: boards space them differently.
//!
//! Source: National Semiconductor PC16550D data sheet. Baud rate and frame format stay as
//! the firmware left them, which is how its own output was readable.

use super::Registers;

const DATA: usize = 0;
const INTERRUPT_ENABLE: usize = 1;
const FIFO_CONTROL: usize = 2;
const INTERRUPT_IDENT: usize = 2;
const MODEM_CONTROL: usize = 4;
const LINE_STATUS: usize = 5;

const RECEIVED: u32 = 1 << 0;
const SENDER_EMPTY: u32 = 1 << 1;
const DATA_READY: u32 = 1 << 0;
const HOLDING_EMPTY: u32 = 1 << 5;
const FIFO_ENABLE: u32 = 1 << 0;
/// OUT2: on PC-like boards it gates the interrupt line.
const OUT2: u32 = 1 << 3;
/// What the transmit FIFO takes once it has run empty.
const FIFO_BYTES: usize = 16;

/// Driver of an NS16550A with its FIFOs on (16 bytes each way).
pub struct Ns16550<R> {
    registers: R,
    enabled: u32,
}

impl<R: Registers> Ns16550<R> {
    /// FIFOs on, an interrupt for each byte that comes in.
    pub fn new(registers: R) -> Ns16550<R> {
        registers.write(FIFO_CONTROL, FIFO_ENABLE);
        registers.write(MODEM_CONTROL, registers.read(MODEM_CONTROL) | OUT2);
        registers.write(INTERRUPT_ENABLE, RECEIVED);
        Ns16550 {
            registers,
            enabled: RECEIVED,
        }
    }

    /// The status is read once for a whole FIFO: "holding register empty" means all 16.
    pub fn send(&mut self, bytes: impl Iterator<Item = u8>) -> usize {
        if self.registers.read(LINE_STATUS) & HOLDING_EMPTY == 0 {
            return 0;
        }
        let mut sent = 0;
        for byte in bytes.take(FIFO_BYTES) {
            self.registers.write(DATA, byte.into());
            sent += 1;
        }
        sent
    }

    pub fn receive(&mut self) -> Option<u8> {
        let ready = self.registers.read(LINE_STATUS) & DATA_READY != 0;
        ready.then(|| self.registers.read(DATA) as u8)
    }

    pub fn want_room(&mut self, wanted: bool) {
        let enabled = if wanted {
            RECEIVED | SENDER_EMPTY
        } else {
            RECEIVED
        };
        if enabled != self.enabled {
            self.enabled = enabled;
            self.registers.write(INTERRUPT_ENABLE, enabled);
        }
    }

    /// Reading the identification clears "sender empty".
    pub fn acknowledge(&mut self) {
        self.registers.read(INTERRUPT_IDENT);
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::{DeviceModel, Ns16550Model};
    use super::*;

    #[test]
    fn sixteen_bytes_go_at_once_and_none_while_it_is_busy() {
        let model = Ns16550Model::new();
        let mut uart = Ns16550::new(model);
        assert_eq!(uart.send(0..40), 16);
        assert_eq!(model.shift_out(15), (0..15).collect::<Vec<u8>>());
        assert_eq!(uart.send(16..40), 0);
        assert_eq!(model.shift_out(1), [15]);
        assert_eq!(uart.send(16..40), 16);
    }

    #[test]
    fn what_came_in_is_read_once() {
        let model = Ns16550Model::new();
        let mut uart = Ns16550::new(model);
        model.shift_in(b'p');
        model.shift_in(b's');
        assert_eq!(
            [uart.receive(), uart.receive(), uart.receive()],
            [Some(b'p'), Some(b's'), None]
        );
    }

    #[test]
    fn room_is_only_announced_while_it_is_wanted() {
        let model = Ns16550Model::new();
        let mut uart = Ns16550::new(model);
        assert_eq!(model.interrupt_enable(), RECEIVED);
        uart.want_room(true);
        assert_eq!(model.interrupt_enable(), RECEIVED | SENDER_EMPTY);
        assert!(model.interrupts());
        uart.want_room(false);
        assert_eq!(model.interrupt_enable(), RECEIVED);
        assert!(!model.interrupts());
    }
}
