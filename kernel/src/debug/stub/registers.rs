//! Single registers: floats, and the CSRs as the task has them.

use gdbstub::common::Tid;
use gdbstub::target::ext::base::single_register_access::SingleRegisterAccess;
use gdbstub::target::{TargetError, TargetResult};

use super::debugger::KERNEL;
use super::riscv::{Register, WORD};
use super::target::EFAULT;
use super::threads::{context_of, slot_of};
use crate::platform::Platform;
use crate::system::System;

const FFLAGS: u16 = 1;
const FRM: u16 = 2;
const FCSR: u16 = 3;
const SSTATUS: u16 = 0x100;
const SEPC: u16 = 0x141;
const SCAUSE: u16 = 0x142;
const STVAL: u16 = 0x143;
const SATP: u16 = 0x180;
const TIME: u16 = 0xc01;
/// Where `fcsr` stands behind the 32 float registers.
const FCSR_PLACE: usize = 32;

impl<P: Platform> SingleRegisterAccess<Tid> for System<P> {
    /// A CSR that holds no value of the task while it does not run is unavailable: 0 bytes.
    fn read_register(
        &mut self,
        tid: Tid,
        register: Register,
        into: &mut [u8],
    ) -> TargetResult<usize, Self> {
        let slot = slot_of(self, tid);
        let satp = slot.map_or(0, |slot| self.tasks.space(slot).satp());
        let context = context_of(self, tid).ok_or(TargetError::Errno(EFAULT))?;
        let crash = self.debugger.crash.as_ref().filter(|_| tid == KERNEL);
        let trapped = self.debugger.trapped.as_ref();
        let trapped = trapped.filter(|it| tid != KERNEL && Some(it.slot) == slot);
        // The kernel uses no floats: there it has none.
        let floats = slot.filter(|_| crash.is_none());
        let floats = floats.map(|slot| &self.tasks.at(slot).floats.0);
        let (value, bytes) = match (register, floats) {
            (Register::Integer(0), _) => (0, WORD),
            (Register::Integer(n), _) => (context.x[usize::from(n)] as u64, WORD),
            (Register::Csr(SEPC), _) => (trapped.map_or(context.pc, |it| it.pc) as u64, WORD),
            (Register::Pc, _) => (context.pc as u64, WORD),
            (Register::Float(n), Some(floats)) => (floats[usize::from(n)], 8),
            (Register::Csr(FFLAGS), Some(floats)) => (floats[FCSR_PLACE] & 0x1f, 4),
            (Register::Csr(FRM), Some(floats)) => (floats[FCSR_PLACE] >> 5 & 7, 4),
            (Register::Csr(FCSR), Some(floats)) => (floats[FCSR_PLACE] & 0xff, 4),
            (Register::Csr(SSTATUS), _) => (context.status as u64, WORD),
            (Register::Csr(SATP), _) if satp != 0 => (satp, WORD),
            (Register::Csr(TIME), _) => (self.local.platform.ticks(), WORD),
            (Register::Privilege, _) => (u64::from(crash.is_some()), WORD),
            (Register::Csr(number), _) => {
                let crash = crash.map(|it| (it.cause, it.value));
                match (crash.or(trapped.map(|it| (it.cause, it.value))), number) {
                    (Some((cause, _)), SCAUSE) => (cause as u64, WORD),
                    (Some((_, value)), STVAL) => (value as u64, WORD),
                    _ => return Ok(0),
                }
            }
            (Register::Float(_), None) => return Ok(0),
        };
        into[..bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
        Ok(bytes)
    }

    /// What the kernel decides, as `satp`, is not written.
    fn write_register(
        &mut self,
        tid: Tid,
        register: Register,
        from: &[u8],
    ) -> TargetResult<(), Self> {
        let slot = slot_of(self, tid).filter(|_| tid != KERNEL);
        let slot = slot.ok_or(TargetError::Errno(EFAULT))?;
        self.debugger.catches.moved(slot);
        let task = self.tasks.at_mut(slot);
        let mut bytes = [0; 8];
        let length = from.len().min(8);
        bytes[..length].copy_from_slice(&from[..length]);
        let value = u64::from_le_bytes(bytes);
        match register {
            Register::Integer(0) => {}
            Register::Integer(n) => task.context.x[usize::from(n)] = value as usize,
            Register::Pc => task.context.pc = value as usize,
            Register::Float(n) => task.floats.0[usize::from(n)] = value,
            Register::Csr(FCSR) => task.floats.0[FCSR_PLACE] = value & 0xff,
            _ => return Err(TargetError::NonFatal),
        }
        if matches!(register, Register::Float(_) | Register::Csr(_)) {
            self.tasks.at_mut(slot).has_floats = true;
            self.local.schedule.forget_loaded();
        }
        Ok(())
    }
}
