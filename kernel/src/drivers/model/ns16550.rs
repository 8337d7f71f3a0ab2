//! A 16550 as its data sheet has it. National Semiconductor PC16550D, §8.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::super::{Registers, Uart};
use super::DeviceModel;

const FIFO: usize = 16;

/// Two FIFOs of 16, and a "sender empty" interrupt that is raised once.
#[derive(Default)]
pub struct Ns16550Model(RefCell<Ns16550State>);

#[derive(Default)]
struct Ns16550State {
    interrupt_enable: u32,
    modem_control: u32,
    sender_empty_untold: bool,
    tx: VecDeque<u8>,
    rx: VecDeque<u8>,
}

impl Ns16550State {
    fn has_input(&self) -> bool {
        self.interrupt_enable & 1 != 0 && !self.rx.is_empty()
    }

    fn has_room(&self) -> bool {
        self.interrupt_enable & 2 != 0 && self.sender_empty_untold
    }
}

impl Ns16550Model {
    /// `IER` as the driver wants it now.
    pub fn interrupt_enable(&self) -> u32 {
        self.0.borrow().interrupt_enable
    }
}

impl Registers for &'static Ns16550Model {
    fn read(&self, offset: usize) -> u32 {
        let mut state = self.0.borrow_mut();
        match offset {
            0 => state.rx.pop_front().unwrap_or(0).into(),
            2 if state.has_input() => 0xc4,
            2 if state.has_room() => {
                state.sender_empty_untold = false;
                0xc2
            }
            2 => 0xc1,
            4 => state.modem_control,
            5 => u32::from(!state.rx.is_empty()) | if state.tx.is_empty() { 0x60 } else { 0 },
            _ => panic!("the driver has no business reading register {offset}"),
        }
    }

    fn write(&self, offset: usize, value: u32) {
        let mut state = self.0.borrow_mut();
        match offset {
            0 => {
                assert!(
                    state.tx.len() < FIFO,
                    "a byte written to a full FIFO is lost"
                );
                state.tx.push_back(value as u8);
                state.sender_empty_untold = false;
            }
            1 => {
                let newly = value & !state.interrupt_enable;
                state.interrupt_enable = value;
                // Asked for while it is empty, it says so at once.
                state.sender_empty_untold |= newly & 2 != 0 && state.tx.is_empty();
            }
            2 => assert_eq!(value & 1, 1, "without FIFOs there is room for one byte"),
            4 => state.modem_control = value,
            _ => panic!("the driver has no business writing register {offset}"),
        }
    }
}

impl DeviceModel for Ns16550Model {
    fn new() -> &'static Ns16550Model {
        Box::leak(Box::default())
    }

    fn driver<R: Registers>(registers: R) -> Uart<R> {
        Uart::ns16550(registers)
    }

    /// On some boards OUT2 is a gate between the device and the interrupt controller.
    fn interrupts(&self) -> bool {
        let state = self.0.borrow();
        state.modem_control & 8 != 0 && (state.has_input() || state.has_room())
    }

    fn shift_out(&self, bytes: usize) -> Vec<u8> {
        let mut state = self.0.borrow_mut();
        let count = bytes.min(state.tx.len());
        let sent = state.tx.drain(..count).collect();
        state.sender_empty_untold |= count > 0 && state.tx.is_empty();
        sent
    }

    fn shift_in(&self, byte: u8) {
        let mut state = self.0.borrow_mut();
        if state.rx.len() < FIFO {
            state.rx.push_back(byte);
        }
    }

    fn rest(&self) {}
}
