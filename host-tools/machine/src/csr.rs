//! The control and status registers that S-mode and U-mode reach on a C906.
//!
//! Sources: Privileged ISA, "Supervisor-Level CSRs"; XTheadSxstatus. No Sstc: 0x14d is no register here.

use pagetable::Dialect;

use crate::hart::{PrivilegeLevel, interrupt, status};
use crate::machine::StrictMachine;
use crate::translate::SV39;

mod number {
    pub const FFLAGS: u32 = 0x001;
    pub const FRM: u32 = 0x002;
    pub const FCSR: u32 = 0x003;
    pub const SSTATUS: u32 = 0x100;
    pub const SIE: u32 = 0x104;
    pub const STVEC: u32 = 0x105;
    pub const SCOUNTEREN: u32 = 0x106;
    pub const SSCRATCH: u32 = 0x140;
    pub const SEPC: u32 = 0x141;
    pub const SCAUSE: u32 = 0x142;
    pub const STVAL: u32 = 0x143;
    pub const SIP: u32 = 0x144;
    pub const SATP: u32 = 0x180;
    pub const SXSTATUS: u32 = 0x5c0;
    pub const CYCLE: u32 = 0xc00;
    pub const TIME: u32 = 0xc01;
    pub const INSTRET: u32 = 0xc02;
}

/// `sxstatus`: misaligned access, T-Head's instructions, memory types in entries.
const MM: u64 = 1 << 15;
const MAEE: u64 = 1 << 21;
const THEADISAEE: u64 = 1 << 22;

/// There is no such register, or not for this level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoCsr;

impl StrictMachine {
    pub(crate) fn csr_read(&mut self, csr: u32) -> Result<u64, NoCsr> {
        self.may(csr)?;
        let hart = &self.hart;
        Ok(match csr {
            number::FFLAGS => u64::from(hart.fcsr & 0x1f),
            number::FRM => u64::from(hart.fcsr >> 5 & 7),
            number::FCSR => u64::from(hart.fcsr & 0xff),
            number::SSTATUS => {
                let dirty = hart.sstatus & status::FS == status::FS;
                hart.sstatus | if dirty { status::SD } else { 0 }
            }
            number::SIE => hart.sie,
            number::STVEC => hart.stvec,
            number::SCOUNTEREN => hart.scounteren,
            number::SSCRATCH => hart.sscratch,
            number::SEPC => hart.sepc,
            number::SCAUSE => hart.scause,
            number::STVAL => hart.stval,
            number::SIP => {
                self.external = self.bus.update(self.clock);
                self.pending()
            }
            number::SATP => hart.satp,
            number::SXSTATUS => {
                let maee = self.dialect == Dialect::THead;
                MM | THEADISAEE | if maee { MAEE } else { 0 }
            }
            number::CYCLE => self.clock,
            number::TIME => self.ticks(),
            // The one that reads it has not retired yet.
            number::INSTRET => self.instructions() - 1,
            0xc03..=0xc1f => 0,
            _ => return Err(NoCsr),
        })
    }

    pub(crate) fn csr_write(&mut self, csr: u32, value: u64) -> Result<(), NoCsr> {
        self.may(csr)?;
        if csr >> 10 == 3 {
            return Err(NoCsr);
        }
        let hart = &mut self.hart;
        match csr {
            number::FFLAGS => hart.fcsr = hart.fcsr & !0x1f | value as u32 & 0x1f,
            number::FRM => hart.fcsr = hart.fcsr & 0x1f | (value as u32 & 7) << 5,
            number::FCSR => hart.fcsr = value as u32 & 0xff,
            number::SSTATUS => {
                let changed = hart.sstatus ^ value;
                hart.sstatus = value & status::WRITABLE | status::UXL;
                if changed & (status::SUM | status::MXR) != 0 {
                    self.mmu.forget_fast();
                }
            }
            number::SIE => hart.sie = value & interrupt::ALL,
            // Vectored or direct: modes above are reserved.
            number::STVEC => hart.stvec = value & !2,
            number::SCOUNTEREN => hart.scounteren = value & 0xffff_ffff,
            number::SSCRATCH => hart.sscratch = value,
            number::SEPC => hart.sepc = value & !1,
            number::SCAUSE => hart.scause = value,
            number::STVAL => hart.stval = value,
            number::SIP => hart.soft = value & interrupt::SOFT != 0,
            number::SATP => self.write_satp(value),
            number::SXSTATUS => {}
            _ => return Err(NoCsr),
        }
        if csr <= number::FCSR {
            self.hart.sstatus |= status::FS;
        }
        self.look_at = 0;
        Ok(())
    }

    /// A mode that the hart has not got changes nothing (Privileged ISA, "satp").
    fn write_satp(&mut self, value: u64) {
        if matches!(value >> 60, 0 | SV39) {
            self.hart.satp = value;
            self.mmu.forget_fast();
        }
    }

    fn may(&self, csr: u32) -> Result<(), NoCsr> {
        let hart = &self.hart;
        let allowed = match csr {
            0x001..=0x003 => hart.sstatus & status::FS != 0,
            // OpenSBI opens every counter to S-mode (mcounteren).
            0xc00..=0xc1f => {
                hart.level == PrivilegeLevel::Supervisor
                    || hart.scounteren >> (csr - 0xc00) & 1 == 1
            }
            _ => match csr >> 8 & 3 {
                0 => true,
                1 => hart.level == PrivilegeLevel::Supervisor,
                _ => false,
            },
        };
        if allowed { Ok(()) } else { Err(NoCsr) }
    }
}
