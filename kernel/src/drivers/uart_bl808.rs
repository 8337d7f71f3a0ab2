//! Bouffalo's UART as the BL808 and BL602 have it. Offsets are in bytes.
//!
//! Sources: the U-Boot, OpenSBI and Linux drivers of the openbouffalo project; a register
//! dump of a running Ox64. Baud rate and frame format stay as the firmware left them.

use super::Registers;

const TX_CONFIG: usize = 0x00;
const INT_MASK: usize = 0x24;
const INT_CLEAR: usize = 0x28;
const FIFO_CONFIG_1: usize = 0x84;
const WRITE_DATA: usize = 0x88;
/// Reading it takes a byte out of the FIFO.
const READ_DATA: usize = 0x8c;

/// `utx_config`: enabled, and free-running, without which the FIFO does not send.
const TX_ENABLE: u32 = 1 << 0 | 1 << 2;
/// Interrupt bits, the same in mask, clear and status; in the mask 1 means quiet.
const TX_FIFO_READY: u32 = 1 << 2;
const RX_FIFO_READY: u32 = 1 << 3;
const RX_TIMEOUT: u32 = 1 << 4;
const ALL: u32 = 0xfff;
/// The bits that stay until they are cleared; FIFO bits follow the FIFO.
const STICKY: u32 = 1 << 0 | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 8;

/// A Bouffalo UART.
pub struct Bl808<R> {
    registers: R,
    mask: u32,
}

impl<R: Registers> Bl808<R> {
    /// An interrupt when bytes came in, also when fewer came than fill the threshold.
    pub fn new(registers: R) -> Bl808<R> {
        let mask = ALL & !(RX_FIFO_READY | RX_TIMEOUT);
        registers.write(TX_CONFIG, registers.read(TX_CONFIG) | TX_ENABLE);
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
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use super::*;

    /// The block as the register table describes it: two FIFOs of 32, counts at 0x84, a pop
    /// on each read of 0x8c.
    struct Model(RefCell<State>);

    struct State {
        tx_config: u32,
        mask: u32,
        cleared: u32,
        tx: VecDeque<u8>,
        rx: VecDeque<u8>,
    }

    impl Model {
        /// As U-Boot leaves it.
        fn new() -> Model {
            Model(RefCell::new(State {
                tx_config: 0x1705,
                mask: 0xfff,
                cleared: 0,
                tx: [].into(),
                rx: [].into(),
            }))
        }
    }

    impl Registers for &Model {
        fn read(&self, offset: usize) -> u32 {
            let mut state = self.0.borrow_mut();
            match offset {
                TX_CONFIG => state.tx_config,
                FIFO_CONFIG_1 => {
                    0x0707_0000 | (state.rx.len() as u32) << 8 | (32 - state.tx.len() as u32)
                }
                READ_DATA => state.rx.pop_front().unwrap_or(0).into(),
                _ => panic!("the driver has no business reading {offset:#x}"),
            }
        }

        fn write(&self, offset: usize, value: u32) {
            let mut state = self.0.borrow_mut();
            match offset {
                TX_CONFIG => state.tx_config = value,
                INT_MASK => state.mask = value,
                INT_CLEAR => state.cleared |= value,
                WRITE_DATA => {
                    assert!(state.tx.len() < 32, "a byte written to a full FIFO is lost");
                    state.tx.push_back(value as u8);
                }
                _ => panic!("the driver has no business writing {offset:#x}"),
            }
        }
    }

    #[test]
    fn no_more_is_sent_than_the_fifo_has_room_for() {
        let model = Model::new();
        let mut uart = Bl808::new(&model);
        assert_eq!(uart.send((0..100).map(|n| n as u8)), 32);
        assert_eq!(uart.send(0..1), 0);
        model.0.borrow_mut().tx.drain(..5);
        assert_eq!(uart.send(0..100), 5);
    }

    #[test]
    fn reading_the_counts_leaves_input_alone_and_reading_data_takes_it() {
        let model = Model::new();
        let mut uart = Bl808::new(&model);
        model.0.borrow_mut().rx.extend(b"ox");
        assert_eq!(uart.send([].into_iter()), 0);
        assert_eq!(
            model.0.borrow().rx.len(),
            2,
            "looking for room must not pop"
        );
        assert_eq!(
            [uart.receive(), uart.receive(), uart.receive()],
            [Some(b'o'), Some(b'x'), None]
        );
    }

    #[test]
    fn it_interrupts_for_input_and_for_room_only_while_wanted() {
        let model = Model::new();
        let mut uart = Bl808::new(&model);
        assert_eq!(model.0.borrow().mask, 0xfff & !0x18);
        uart.want_room(true);
        assert_eq!(model.0.borrow().mask, 0xfff & !0x1c);
        uart.want_room(false);
        uart.acknowledge();
        assert_eq!(
            (model.0.borrow().mask, model.0.borrow().cleared),
            (0xfff & !0x18, STICKY)
        );
        assert_eq!(model.0.borrow().tx_config & TX_ENABLE, TX_ENABLE);
    }
}
