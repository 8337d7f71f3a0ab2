//! What lies beside RAM: the devices of a board file, each at its address.

use std::collections::BTreeMap;

use boards::Board;

use crate::carrier::{Carrier, SnapshotError};
use crate::plic::PlicModel;
use crate::uart::UartModel;

/// Bytes of a UART's registers.
const UART_BYTES: u64 = 0x1000;
/// Privileged PLIC specification, "Memory Map".
const PLIC_BYTES: u64 = 64 << 20;

/// Registers that only remember what was written: pins and clocks.
#[derive(Clone, Debug)]
struct Plain {
    base: u64,
    bytes: u64,
    words: BTreeMap<u64, u32>,
}

/// Devices, and the interrupt lines between them.
#[derive(Clone, Debug)]
pub struct Bus {
    pub uart: UartModel,
    pub plic: PlicModel,
    uart_base: u64,
    uart_irq: u32,
    plic_base: u64,
    plain: Vec<Plain>,
}

/// Nothing is there, or S-mode may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusRefused;

impl Bus {
    /// The devices of a board.
    #[must_use]
    pub fn new(board: &Board) -> Bus {
        let plain = |device: &boards::BoardDevice| Plain {
            base: device.base,
            bytes: device.size,
            words: BTreeMap::new(),
        };
        Bus {
            uart: UartModel::new(board.uart.clock_hz, board.uart.baud),
            plic: PlicModel::new(board.plic.sources, board.plic.s_context),
            uart_base: board.uart.base,
            uart_irq: board.uart.irq,
            plic_base: board.plic.base,
            plain: board.device.iter().map(plain).collect(),
        }
    }

    /// Is there a device at that address?
    #[must_use]
    pub fn has(&self, pa: u64) -> bool {
        self.within(pa, self.uart_base, UART_BYTES)
            || self.within(pa, self.plic_base, PLIC_BYTES)
            || self
                .plain
                .iter()
                .any(|it| self.within(pa, it.base, it.bytes))
    }

    /// Is there a register of a PLIC at that address, or no PLIC?
    #[must_use]
    pub fn plic_has(&self, pa: u64) -> bool {
        !self.within(pa, self.plic_base, PLIC_BYTES) || self.plic.has(pa - self.plic_base)
    }

    fn within(&self, pa: u64, base: u64, bytes: u64) -> bool {
        pa.checked_sub(base).is_some_and(|at| at < bytes)
    }

    /// Reads the 32-bit register at an address that is a multiple of 4.
    pub fn read(&mut self, pa: u64, now: u64) -> Result<u32, BusRefused> {
        if self.within(pa, self.uart_base, UART_BYTES) {
            return Ok(self.uart.read(pa - self.uart_base, now));
        }
        if self.within(pa, self.plic_base, PLIC_BYTES) {
            self.update(now);
            return self.plic.read(pa - self.plic_base).ok_or(BusRefused);
        }
        let plain = self
            .plain
            .iter()
            .find(|it| self.within(pa, it.base, it.bytes));
        let plain = plain.ok_or(BusRefused)?;
        Ok(plain.words.get(&pa).copied().unwrap_or(0))
    }

    pub fn write(&mut self, pa: u64, value: u32, now: u64) -> Result<(), BusRefused> {
        if self.within(pa, self.uart_base, UART_BYTES) {
            self.uart.write(pa - self.uart_base, value, now);
            return Ok(());
        }
        if self.within(pa, self.plic_base, PLIC_BYTES) {
            let offset = pa - self.plic_base;
            let result = self.plic.write(offset, value).ok_or(BusRefused);
            self.update(now);
            return result;
        }
        let place = self
            .plain
            .iter_mut()
            .find(|it| pa.checked_sub(it.base).is_some_and(|at| at < it.bytes));
        place.ok_or(BusRefused)?.words.insert(pa, value);
        Ok(())
    }

    /// See `snapshot`.
    pub(crate) fn carry(&mut self, carrier: &mut Carrier) -> Result<(), SnapshotError> {
        self.uart.carry(carrier)?;
        self.plic.carry(carrier)?;
        for plain in &mut self.plain {
            let words = plain.words.iter();
            let mut words = words.map(|(at, word)| [*at, u64::from(*word)]).collect();
            carrier.list(&mut words)?;
            plain.words = words
                .into_iter()
                .map(|[at, word]| (at, word as u32))
                .collect();
        }
        Ok(())
    }

    /// Brings devices to the time `now`, and their interrupt lines to the PLIC. Answers whether S-mode's
    /// external interrupt pends.
    pub fn update(&mut self, now: u64) -> bool {
        self.uart.advance(now);
        self.plic.set_line(self.uart_irq, self.uart.interrupts());
        self.plic.interrupts()
    }
}
