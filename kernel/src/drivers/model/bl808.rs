//! Bouffalo's UART as the drivers of the openbouffalo project use it.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::super::{Registers, Uart};
use super::DeviceModel;

const FIFO: usize = 32;
/// `urx_rto`: something came, then nothing for a while.
const TIMEOUT: u32 = 1 << 4;
/// Interrupts that wait in the device until they are cleared.
const STICKY: u32 = 1 << 0 | 1 << 1 | TIMEOUT | 1 << 5 | 1 << 8;
/// Both thresholds as U-Boot leaves them.
const THRESHOLD: usize = 7;

/// Two FIFOs of 32 whose counts stand at 0x84, and a pop on each read of 0x8c.
pub struct Bl808Model(RefCell<Bl808State>);

struct Bl808State {
    tx_config: u32,
    rx_config: u32,
    mask: u32,
    sticky: u32,
    tx: VecDeque<u8>,
    rx: VecDeque<u8>,
}

impl Bl808State {
    fn status(&self) -> u32 {
        let room = FIFO - self.tx.len() > THRESHOLD;
        let input = self.rx.len() > THRESHOLD;
        self.sticky | u32::from(room) << 2 | u32::from(input) << 3
    }
}

impl Bl808Model {
    /// `int_mask` as the driver wants it now: 1 is quiet.
    pub fn mask(&self) -> u32 {
        self.0.borrow().mask
    }

    /// Bytes that wait to be read.
    pub fn waiting(&self) -> usize {
        self.0.borrow().rx.len()
    }
}

impl Registers for &'static Bl808Model {
    fn read(&self, offset: usize) -> u32 {
        let mut state = self.0.borrow_mut();
        match offset {
            0x00 => state.tx_config,
            0x04 => state.rx_config,
            0x20 => state.status(),
            0x84 => 0x0707_0000 | (state.rx.len() as u32) << 8 | (FIFO - state.tx.len()) as u32,
            0x8c => state.rx.pop_front().unwrap_or(0).into(),
            _ => panic!("the driver has no business reading {offset:#x}"),
        }
    }

    fn write(&self, offset: usize, value: u32) {
        let mut state = self.0.borrow_mut();
        match offset {
            0x00 => state.tx_config = value,
            0x04 => state.rx_config = value,
            0x24 => state.mask = value,
            0x28 => state.sticky &= !(value & STICKY),
            0x88 => {
                assert!(
                    state.tx.len() < FIFO,
                    "a byte written to a full FIFO is lost"
                );
                state.tx.push_back(value as u8);
            }
            _ => panic!("the driver has no business writing {offset:#x}"),
        }
    }
}

impl DeviceModel for Bl808Model {
    /// As OpenSBI and U-Boot leave it, but neither sending freely nor receiving.
    fn new() -> &'static Bl808Model {
        Box::leak(Box::new(Bl808Model(RefCell::new(Bl808State {
            tx_config: 0x1700,
            rx_config: 0x0700,
            mask: 0xfff,
            sticky: 0,
            tx: [].into(),
            rx: [].into(),
        }))))
    }

    fn driver<R: Registers>(registers: R) -> Uart<R> {
        Uart::bl808(registers)
    }

    fn interrupts(&self) -> bool {
        let state = self.0.borrow();
        state.status() & !state.mask != 0
    }

    /// The FIFO sends only while the sender is enabled and free-running.
    fn shift_out(&self, bytes: usize) -> Vec<u8> {
        let mut state = self.0.borrow_mut();
        let runs = state.tx_config & 5 == 5;
        let count = if runs { bytes.min(state.tx.len()) } else { 0 };
        state.tx.drain(..count).collect()
    }

    fn shift_in(&self, byte: u8) {
        let mut state = self.0.borrow_mut();
        if state.rx_config & 1 != 0 && state.rx.len() < FIFO {
            state.rx.push_back(byte);
        }
    }

    fn rest(&self) {
        let mut state = self.0.borrow_mut();
        if !state.rx.is_empty() {
            state.sticky |= TIMEOUT;
        }
    }
}
