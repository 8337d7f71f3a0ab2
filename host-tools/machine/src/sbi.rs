//! The firmware, played: OpenSBI 1.2 as it runs on an Ox64.
//!
//! Base, TIME, IPI, RFENCE and the legacy calls; no console extension, no reset, no hart states. Source:
//! the boot log of an Ox64, RISC-V SBI specification 1.0.

use crate::machine::StrictMachine;
use crate::trace::TraceKind;

const SUCCESS: i64 = 0;
const NOT_SUPPORTED: i64 = -2;

const BASE: u64 = 0x10;
const TIME: u64 = 0x5449_4d45;
const IPI: u64 = 0x0073_5049;
const RFENCE: u64 = 0x5246_4e43;

const VENDOR: u64 = 0x5b7;

impl StrictMachine {
    /// The call that the hart's registers hold; its answer goes there too.
    pub(crate) fn sbi_call(&mut self) {
        let x = &self.hart.x;
        let (a0, a1, a2, a3, a4) = (x[10], x[11], x[12], x[13], x[14]);
        let (function, extension) = (x[16], x[17]);
        self.note(TraceKind::Firmware, extension, function);
        let (error, value) = match (extension, function) {
            (0..=8, _) => {
                self.hart.x[10] = self.legacy(extension, a0) as u64;
                return;
            }
            (BASE, _) => (SUCCESS, base(function, a0)),
            (TIME, 0) => {
                self.set_timer(a0);
                (SUCCESS, 0)
            }
            (IPI, 0) => {
                self.hart.soft |= names_us(a0, a1);
                (SUCCESS, 0)
            }
            (RFENCE, 0) => {
                if names_us(a0, a1) {
                    self.code.fence();
                }
                (SUCCESS, 0)
            }
            (RFENCE, 1 | 2) => {
                if names_us(a0, a1) {
                    self.remote_fence(a2, a3, (function == 2).then_some(a4 as u16));
                }
                (SUCCESS, 0)
            }
            _ => (NOT_SUPPORTED, 0),
        };
        self.hart.x[10] = error as u64;
        self.hart.x[11] = value;
    }

    fn set_timer(&mut self, at: u64) {
        self.timer_at = at;
        self.look_at = 0;
    }

    fn remote_fence(&mut self, start: u64, bytes: u64, asid: Option<u16>) {
        let is_all = start == 0 && bytes == 0 || bytes == u64::MAX;
        let pages = bytes.div_ceil(4096);
        if is_all || pages > 64 {
            self.mmu.tlb.fence(None, asid);
        } else {
            for page in 0..pages {
                self.mmu.tlb.fence(Some((start >> 12) + page), asid);
            }
        }
        self.mmu.forget_fast();
    }

    /// RISC-V SBI specification, "Legacy Extensions".
    fn legacy(&mut self, extension: u64, a0: u64) -> i64 {
        match extension {
            0 => self.set_timer(a0),
            1 => self.bus.uart.send_now(a0 as u8, self.clock),
            2 => return self.bus.uart.receive_now(self.clock).map_or(-1, i64::from),
            3 => self.hart.soft = false,
            4 => self.hart.soft = true,
            5 => self.code.fence(),
            6 | 7 => {
                self.mmu.tlb.fence(None, None);
                self.mmu.forget_fast();
            }
            // There is no reset device: the firmware stops the hart.
            _ => {
                self.halted = true;
                self.look_at = 0;
            }
        }
        SUCCESS
    }
}

fn base(function: u64, a0: u64) -> u64 {
    match function {
        // SBI 1.0, by OpenSBI (1), version 1.2.
        0 => 1 << 24,
        1 => 1,
        2 => 1 << 16 | 2,
        3 => matches!(a0, 0..=8 | BASE | TIME | IPI | RFENCE).into(),
        4 => VENDOR,
        _ => 0,
    }
}

/// Does a hart mask name hart 0?
fn names_us(mask: u64, base: u64) -> bool {
    base == u64::MAX || base == 0 && mask & 1 == 1
}
