//! Bouffalo's UART as the BL808 and BL602 have it. Offsets are in bytes.
//!
//! Sources: the U-Boot, OpenSBI and Linux drivers of the openbouffalo project; a register
//! dump of a running Ox64. Baud rate and frame format stay as the firmware left them.

use super::Registers;

const TX_CONFIG: usize = 0x00;
const RX_CONFIG: usize = 0x04;
const INT_MASK: usize = 0x24;
const INT_CLEAR: usize = 0x28;
const FIFO_CONFIG_1: usize = 0x84;
const WRITE_DATA: usize = 0x88;
/// Reading it takes a byte out of the FIFO.
const READ_DATA: usize = 0x8c;

/// `utx_config`: enabled, and free-running, without which the FIFO does not send.
const TX_ENABLE: u32 = 1 << 0 | 1 << 2;
/// Bit 0 of `urx_config`: the receiver is enabled.
const RX_ENABLE: u32 = 1 << 0;
/// Interrupt bits, the same in mask, clear and status; in the mask 1 means quiet.
const TX_FIFO_READY: u32 = 1 << 2;
const RX_FIFO_READY: u32 = 1 << 3;
const RX_TIMEOUT: u32 = 1 << 4;
const ALL: u32 = 0xfff;
/// The bits that stay until they are cleared; FIFO bits follow the FIFO.
const STICKY: u32 = 1 << 0 | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 8;

/// Driver of Bouffalo Lab's UART (BL808 reference manual, UART chapter).
pub struct Bl808<R> {
    registers: R,
    mask: u32,
}

impl<R: Registers> Bl808<R> {
    /// An interrupt when bytes came in, also when fewer came than fill the threshold.
    pub fn new(registers: R) -> Bl808<R> {
        let mask = ALL & !(RX_FIFO_READY | RX_TIMEOUT);
        registers.write(TX_CONFIG, registers.read(TX_CONFIG) | TX_ENABLE);
        registers.write(RX_CONFIG, registers.read(RX_CONFIG) | RX_ENABLE);
        registers.write(INT_CLEAR, STICKY);
        registers.write(INT_MASK, mask);
        Bl808 { registers, mask }
    }

    pub fn send(&mut self, bytes: impl Iterator<Item = u8>) -> usize {
        let room = self.registers.read(FIFO_CONFIG_1) & 0x3f;
        let mut sent = 0;
        for byte in bytes.take(room as usize) {
            self.registers.write(WRITE_DATA, byte.into());
            sent += 1;
        }
        sent
    }

    pub fn receive(&mut self) -> Option<u8> {
        let waiting = self.registers.read(FIFO_CONFIG_1) >> 8 & 0x3f;
        (waiting != 0).then(|| self.registers.read(READ_DATA) as u8)
    }

    pub fn want_room(&mut self, wanted: bool) {
        let mask = if wanted {
            self.mask & !TX_FIFO_READY
        } else {
            self.mask | TX_FIFO_READY
        };
        if mask != self.mask {
            self.mask = mask;
            self.registers.write(INT_MASK, mask);
        }
    }

    pub fn acknowledge(&mut self) {
        self.registers.write(INT_CLEAR, STICKY);
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::{Bl808Model, DeviceModel};
    use super::*;

    #[test]
    fn no_more_is_sent_than_the_fifo_has_room_for() {
        let model = Bl808Model::new();
        let mut uart = Bl808::new(model);
        assert_eq!(uart.send((0..100).map(|n| n as u8)), 32);
        assert_eq!(uart.send(0..1), 0);
        assert_eq!(model.shift_out(5), [0, 1, 2, 3, 4]);
        assert_eq!(uart.send(0..100), 5);
    }

    #[test]
    fn reading_the_counts_leaves_input_alone_and_reading_data_takes_it() {
        let model = Bl808Model::new();
        let mut uart = Bl808::new(model);
        model.shift_in(b'o');
        model.shift_in(b'x');
        assert_eq!(uart.send([].into_iter()), 0);
        assert_eq!(model.waiting(), 2, "looking for room must not pop");
        assert_eq!(
            [uart.receive(), uart.receive(), uart.receive()],
            [Some(b'o'), Some(b'x'), None]
        );
    }

    #[test]
    fn it_interrupts_for_input_and_for_room_only_while_wanted() {
        let model = Bl808Model::new();
        let mut uart = Bl808::new(model);
        assert_eq!(model.mask(), 0xfff & !0x18);
        uart.want_room(true);
        assert_eq!(model.mask(), 0xfff & !0x1c);
        assert!(model.interrupts());
        uart.want_room(false);
        assert_eq!(model.mask(), 0xfff & !0x18);
        assert!(!model.interrupts());
    }

    #[test]
    fn one_byte_that_fills_no_threshold_interrupts_once() {
        let model = Bl808Model::new();
        let mut uart = Bl808::new(model);
        model.shift_in(b'p');
        assert!(!model.interrupts());
        model.rest();
        assert!(model.interrupts());
        uart.acknowledge();
        assert_eq!(uart.receive(), Some(b'p'));
        model.rest();
        assert!(!model.interrupts());
    }
}
