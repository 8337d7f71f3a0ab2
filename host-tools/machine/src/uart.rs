//! UART3 of a BL808: registers, FIFOs of 32, and the time that a byte takes on the line.
//!
//! Sources: the U-Boot, OpenSBI and Linux drivers of the openbouffalo project, and a register dump of a
//! running Ox64. Time is counted in [`CYCLES`] a second.

use std::collections::VecDeque;

use crate::carrier::{Carrier, LATEST, SnapshotError};

/// Instruction times in a second: the machine's clock, 100 to a tick of the board's 1 MHz timebase.
pub const CYCLES: u64 = 100_000_000;

const TX_CONFIG: u64 = 0x00;
const RX_CONFIG: u64 = 0x04;
const BIT_PERIOD: u64 = 0x08;
const INT_STATUS: u64 = 0x20;
const INT_MASK: u64 = 0x24;
const INT_CLEAR: u64 = 0x28;
const INT_ENABLE: u64 = 0x2c;
const STATUS: u64 = 0x30;
const FIFO_CONFIG_0: u64 = 0x80;
const FIFO_CONFIG_1: u64 = 0x84;
const WRITE_DATA: u64 = 0x88;
const READ_DATA: u64 = 0x8c;

const DEPTH: usize = 32;

const TX_END: u32 = 1 << 0;
const RX_END: u32 = 1 << 1;
const TX_READY: u32 = 1 << 2;
const RX_READY: u32 = 1 << 3;
const RX_TIMEOUT: u32 = 1 << 4;
const TX_ERROR: u32 = 1 << 6;
const RX_ERROR: u32 = 1 << 7;
/// What a write to `int_clear` clears.
const STICKY: u32 = 1 << 0 | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 8;

/// The device, with the line at its end.
#[derive(Clone, Debug)]
pub struct UartModel {
    clock_hz: u64,
    line_baud: u64,
    tx_config: u32,
    rx_config: u32,
    bit_period: u32,
    words: [u32; 64],
    mask: u32,
    enable: u32,
    sticky: u32,
    errors: u32,
    thresholds: u32,
    tx: VecDeque<u8>,
    rx: VecDeque<u8>,
    /// When the byte at the front of `tx` has left.
    tx_until: u64,
    /// Typed, and not on the line yet.
    incoming: VecDeque<u8>,
    /// When the byte at the front of `incoming` is there.
    rx_until: u64,
    /// When the receiver gives up waiting for more.
    timeout_at: Option<u64>,
    /// What the terminal has received.
    sent: Vec<u8>,
    /// Bytes that came and found the FIFO full.
    pub lost: u64,
    /// Bytes that the terminal received wrong.
    pub garbled: u64,
}

impl UartModel {
    /// As U-Boot leaves it: 8N1 at the terminal's rate, no interrupts.
    #[must_use]
    pub fn new(clock_hz: u32, line_baud: u32) -> UartModel {
        let divisor = (clock_hz / line_baud.max(1)).saturating_sub(1);
        UartModel {
            clock_hz: clock_hz.into(),
            line_baud: u64::from(line_baud.max(1)),
            tx_config: 0x1705,
            rx_config: 0x0701,
            bit_period: divisor << 16 | divisor & 0xffff,
            words: [0; 64],
            mask: 0xfff,
            enable: 0xfff,
            sticky: 0,
            errors: 0,
            thresholds: 0x0707_0000,
            tx: VecDeque::new(),
            rx: VecDeque::new(),
            tx_until: 0,
            incoming: VecDeque::new(),
            rx_until: 0,
            timeout_at: None,
            sent: Vec::new(),
            lost: 0,
            garbled: 0,
        }
    }

    /// See `snapshot`.
    pub(crate) fn carry(&mut self, carrier: &mut Carrier) -> Result<(), SnapshotError> {
        let UartModel {
            clock_hz: _,
            line_baud: _,
            tx_config,
            rx_config,
            bit_period,
            words,
            mask,
            enable,
            sticky,
            errors,
            thresholds,
            tx,
            rx,
            tx_until,
            incoming,
            rx_until,
            timeout_at,
            sent,
            lost,
            garbled,
        } = self;
        for word in [
            tx_config, rx_config, bit_period, mask, enable, sticky, errors, thresholds,
        ] {
            carrier.number(word)?;
        }
        carrier.numbers(words)?;
        for queue in [&mut *tx, &mut *rx, incoming] {
            carrier.queue(queue)?;
        }
        if tx.len() > DEPTH || rx.len() > DEPTH {
            return Err(SnapshotError::Value("FIFO of this length"));
        }
        for word in [&mut *tx_until, &mut *rx_until, &mut *lost, &mut *garbled] {
            carrier.word(word)?;
        }
        carrier.option(timeout_at)?;
        let times = [*tx_until, *rx_until, timeout_at.unwrap_or_default()];
        if times.iter().any(|time| *time > LATEST) || (*lost).max(*garbled) > 1 << 20 {
            return Err(SnapshotError::Value("such time of the UART"));
        }
        carrier.text(sent)
    }

    /// What is typed: it arrives at the line's rate from `now` on.
    pub fn type_bytes(&mut self, bytes: &[u8], now: u64) {
        if self.incoming.is_empty() {
            self.rx_until = now + self.line_byte();
        }
        self.incoming.extend(bytes);
    }

    /// What the terminal has received since the last call.
    pub fn take_sent(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.sent)
    }

    /// Is everything sent that was given to it?
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.tx.is_empty() && self.incoming.is_empty()
    }

    fn tx_byte(&self) -> u64 {
        10 * u64::from((self.bit_period & 0xffff) + 1) * CYCLES / self.clock_hz
    }

    fn line_byte(&self) -> u64 {
        10 * CYCLES / self.line_baud
    }

    fn sends(&self) -> bool {
        self.tx_config & 5 == 5
    }

    /// Brings it to the time `now`.
    pub fn advance(&mut self, now: u64) {
        while self.sends() && self.tx_until <= now {
            let Some(byte) = self.tx.pop_front() else {
                break;
            };
            let received = self.on_the_line(byte);
            self.garbled += u64::from(received != byte);
            self.sent.push(received);
            self.sticky |= TX_END;
            self.tx_until += self.tx_byte();
        }
        while !self.incoming.is_empty() && self.rx_until <= now {
            let byte = self.incoming.pop_front().unwrap_or_default();
            if self.rx_config & 1 == 0 {
                // The receiver is off: the byte is dropped.
            } else if self.rx.len() == DEPTH {
                self.lost += 1;
                self.errors |= RX_ERROR;
            } else {
                self.rx.push_back(byte);
                self.sticky |= RX_END;
            }
            self.timeout_at = Some(self.rx_until + self.line_byte() * 2);
            self.rx_until += self.line_byte();
        }
        if self.timeout_at.is_some_and(|at| at <= now) {
            self.timeout_at = None;
            if !self.rx.is_empty() {
                self.sticky |= RX_TIMEOUT;
            }
        }
    }

    /// When something will happen by itself.
    #[must_use]
    pub fn next_event(&self) -> Option<u64> {
        let tx = (self.sends() && !self.tx.is_empty()).then_some(self.tx_until);
        let rx = (!self.incoming.is_empty()).then_some(self.rx_until);
        [tx, rx, self.timeout_at].into_iter().flatten().min()
    }

    /// The byte as a terminal samples it: in the middle of each of its own bits.
    fn on_the_line(&self, byte: u8) -> u8 {
        let ours = u64::from((self.bit_period & 0xffff) + 1) * self.line_baud;
        // Start bit, eight data bits, then the line rests at 1.
        let frame = u64::from(byte) << 1 | !0 << 9;
        let sampled = |bit: u64| {
            let middle = (2 * bit + 1) * self.clock_hz;
            frame >> (middle / (2 * ours)).min(63) & 1
        };
        (1..=8).fold(0, |byte, bit| byte | (sampled(bit) << (bit - 1)) as u8)
    }

    fn pending(&self) -> u32 {
        let free = DEPTH - self.tx.len();
        let above = |count: usize, shift: u32| count as u32 > self.thresholds >> shift & 0x1f;
        let tx = if above(free, 16) { TX_READY } else { 0 };
        let rx = if above(self.rx.len(), 24) {
            RX_READY
        } else {
            0
        };
        self.sticky | self.errors | tx | rx
    }

    /// Does it hold its interrupt line?
    #[must_use]
    pub fn interrupts(&self) -> bool {
        self.pending() & self.enable & !self.mask != 0
    }

    /// Reads a register. Of [`READ_DATA`] it takes a byte out of the FIFO.
    pub fn read(&mut self, offset: u64, now: u64) -> u32 {
        self.advance(now);
        match offset {
            TX_CONFIG => self.tx_config,
            RX_CONFIG => self.rx_config,
            BIT_PERIOD => self.bit_period,
            INT_STATUS => self.pending(),
            INT_MASK => self.mask,
            INT_ENABLE => self.enable,
            STATUS => u32::from(!self.tx.is_empty()),
            FIFO_CONFIG_0 => self.errors >> 2 & 0x30,
            FIFO_CONFIG_1 => {
                self.thresholds | (self.rx.len() as u32) << 8 | (DEPTH - self.tx.len()) as u32
            }
            READ_DATA => match self.rx.pop_front() {
                Some(byte) => byte.into(),
                None => {
                    self.errors |= RX_ERROR;
                    0
                }
            },
            INT_CLEAR | WRITE_DATA => 0,
            _ => self.word(offset).map_or(0, |word| *word),
        }
    }

    fn word(&mut self, offset: u64) -> Option<&mut u32> {
        self.words.get_mut(offset as usize / 4)
    }

    pub fn write(&mut self, offset: u64, value: u32, now: u64) {
        self.advance(now);
        match offset {
            TX_CONFIG => self.tx_config = value,
            RX_CONFIG => self.rx_config = value,
            BIT_PERIOD => self.bit_period = value,
            INT_MASK => self.mask = value,
            INT_CLEAR => self.sticky &= !(value & STICKY),
            INT_ENABLE => self.enable = value,
            FIFO_CONFIG_0 => self.clear_fifos(value),
            FIFO_CONFIG_1 => self.thresholds = value & 0x1f1f_0000,
            WRITE_DATA if self.tx.len() == DEPTH => self.errors |= TX_ERROR,
            WRITE_DATA => {
                if self.tx.is_empty() {
                    self.tx_until = now + self.tx_byte();
                }
                self.tx.push_back(value as u8);
            }
            INT_STATUS | STATUS | READ_DATA => {}
            _ => {
                if let Some(word) = self.word(offset) {
                    *word = value;
                }
            }
        }
    }

    fn clear_fifos(&mut self, value: u32) {
        if value & 1 << 2 != 0 {
            self.tx.clear();
            self.errors &= !TX_ERROR;
        }
        if value & 1 << 3 != 0 {
            self.rx.clear();
            self.errors &= !RX_ERROR;
        }
    }

    /// A byte that the firmware's console sends: it waits until the FIFO has room.
    pub fn send_now(&mut self, byte: u8, now: u64) {
        self.advance(now);
        if self.tx.len() == DEPTH {
            // The firmware polls; its time is not the kernel's.
            self.advance(self.tx_until);
        }
        self.write(WRITE_DATA, byte.into(), now);
    }

    /// A byte for the firmware's console.
    pub fn receive_now(&mut self, now: u64) -> Option<u8> {
        self.advance(now);
        self.rx.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uart() -> UartModel {
        UartModel::new(40_000_000, 2_000_000)
    }

    #[test]
    fn a_byte_takes_five_microseconds_and_the_counts_follow() {
        let mut uart = uart();
        assert_eq!(uart.read(BIT_PERIOD, 0), 0x0013_0013);
        for byte in b"ox" {
            uart.write(WRITE_DATA, u32::from(*byte), 0);
        }
        assert_eq!(uart.read(FIFO_CONFIG_1, 0) & 0x3f, 30);
        assert_eq!(uart.next_event(), Some(500));
        uart.advance(500);
        assert_eq!(uart.take_sent(), b"o");
        uart.advance(1000);
        assert_eq!((uart.take_sent(), uart.garbled), (b"x".to_vec(), 0));
    }

    #[test]
    fn what_is_typed_arrives_byte_by_byte_and_reading_pops_it() {
        let mut uart = uart();
        uart.type_bytes(b"pw", 0);
        uart.advance(500);
        assert_eq!(uart.read(FIFO_CONFIG_1, 500) >> 8 & 0x3f, 1);
        assert_eq!(uart.read(READ_DATA, 1000), u32::from(b'p'));
        assert_eq!(uart.read(READ_DATA, 1000), u32::from(b'w'));
        assert_eq!(uart.read(FIFO_CONFIG_1, 1000) >> 8 & 0x3f, 0);
    }

    #[test]
    fn few_bytes_interrupt_by_the_timeout_and_many_by_the_threshold() {
        let mut uart = uart();
        uart.write(INT_MASK, 0xfff & !(RX_READY | RX_TIMEOUT), 0);
        uart.type_bytes(b"p", 0);
        uart.advance(500);
        assert!(!uart.interrupts());
        uart.advance(1500);
        assert!(uart.interrupts());
        uart.write(INT_CLEAR, STICKY, 1500);
        assert!(!uart.interrupts());
        uart.type_bytes(b"1234567", 2000);
        uart.advance(2000 + 7 * 500);
        assert!(uart.interrupts());
    }

    #[test]
    fn the_thirty_third_byte_is_lost() {
        let mut uart = uart();
        uart.type_bytes(&[b'x'; 33], 0);
        uart.advance(100_000);
        assert_eq!(uart.lost, 1);
        assert_eq!(uart.read(INT_STATUS, 100_000) & RX_ERROR, RX_ERROR);
    }

    #[test]
    fn a_wrong_divisor_garbles_and_a_slightly_wrong_one_does_not() {
        let text = |divisor: u32| {
            let mut uart = uart();
            uart.write(BIT_PERIOD, divisor << 16 | divisor, 0);
            for byte in b"Pagewalk" {
                uart.write(WRITE_DATA, u32::from(*byte), 0);
            }
            uart.advance(1_000_000);
            uart.take_sent()
        };
        assert_eq!(text(19), b"Pagewalk");
        assert_eq!(
            text(20),
            b"Pagewalk",
            "5 % is still within half a bit of the eighth"
        );
        assert_ne!(text(24), b"Pagewalk");
        assert_ne!(text(346), b"Pagewalk");
    }
}
