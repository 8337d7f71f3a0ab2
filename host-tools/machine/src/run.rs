//! The loop: interrupts and time between bursts, instructions within.

use crate::hart::{PrivilegeLevel, interrupt, status};
use crate::insn::Operation;
use crate::machine::{Stop, StrictMachine};
use crate::trace::TraceKind;
use crate::trap::{INTERRUPT, SyncException, cause};

impl StrictMachine {
    /// Begins at most that many instructions.
    pub fn run(&mut self, instructions: u64) -> Stop {
        let end = self.attempts().saturating_add(instructions);
        let mut is_first = true;
        loop {
            if self.halted {
                return Stop::Halted;
            }
            self.external = self.bus.update(self.clock);
            if self.bus.uart.lost > 0 || self.bus.uart.garbled > 0 {
                self.name_uart();
            }
            if self.sleeping {
                if self.pending() & self.hart.sie == 0 {
                    return Stop::Sleeping(self.next_event());
                }
                self.sleeping = false;
            }
            self.take_interrupt();
            if self.attempts() >= end {
                return Stop::Limit;
            }
            if !is_first && self.breakpoints.contains(&self.hart.pc) {
                return Stop::Breakpoint;
            }
            is_first = false;
            let event = self.next_event().unwrap_or(u64::MAX);
            let mut until = event.min(end.saturating_add(self.slept));
            if !self.breakpoints.is_empty() {
                until = until.min(self.clock + 1);
            }
            self.look_at = until.max(self.clock + 1);
            self.burst();
        }
    }

    /// Stops at these addresses, before their instruction is executed.
    pub fn set_breakpoints(&mut self, at: Vec<u64>) {
        self.breakpoints = at;
    }

    fn name_uart(&mut self) {
        use crate::rule::SiliconRule;
        let uart = &mut self.bus.uart;
        for (rule, count) in [
            (SiliconRule::ByteLost, std::mem::take(&mut uart.lost)),
            (SiliconRule::WrongBaud, std::mem::take(&mut uart.garbled)),
        ] {
            for _ in 0..count {
                self.find(rule, 0);
            }
        }
    }

    /// Until `look_at`; an instruction that needs another look sets that to 0.
    fn burst(&mut self) {
        let mut pc = self.hart.pc;
        'page: while self.clock < self.look_at {
            let page = match self.code_page(pc) {
                Ok(page) => page,
                Err(trap) => {
                    pc = self.raise_at(pc, trap);
                    continue;
                }
            };
            let page_va = pc & !0xfff;
            while self.clock < self.look_at {
                if pc & !0xfff != page_va {
                    continue 'page;
                }
                self.hart.pc = pc;
                self.clock += 1;
                let mut insn = self.code.get(page, pc);
                if insn.op as u8 <= Operation::Crossing as u8 {
                    match self.fetch(page, pc, insn) {
                        Ok(found) => insn = found,
                        Err(trap) => {
                            self.clock -= 1;
                            pc = self.raise_at(pc, trap);
                            continue 'page;
                        }
                    }
                }
                match self.execute(insn, pc) {
                    Ok(next) => pc = next,
                    Err(trap) => {
                        self.clock -= 1;
                        pc = self.raise_at(pc, trap);
                        continue 'page;
                    }
                }
            }
        }
        self.hart.pc = pc;
    }

    /// An instruction that traps takes time and does not retire. Answers where the hart goes on.
    #[cold]
    fn raise_at(&mut self, pc: u64, trap: SyncException) -> u64 {
        self.clock += 1;
        self.trapped += 1;
        self.hart.pc = pc;
        if trap.cause == cause::ECALL_SUPERVISOR {
            // M-mode's part: an instruction that was executed, as far as S-mode sees.
            self.trapped -= 1;
            self.sbi_call();
            self.hart.pc = pc.wrapping_add(4);
        } else {
            // What MEDELEG (0xb109) does not hand down, OpenSBI redirects: S-mode sees the same.
            self.enter_supervisor(trap.cause, trap.value);
        }
        self.look_at = 0;
        self.hart.pc
    }

    fn take_interrupt(&mut self) {
        let pending = self.pending() & self.hart.sie;
        let enabled = match self.hart.level {
            PrivilegeLevel::User => true,
            PrivilegeLevel::Supervisor => self.hart.sstatus & status::SIE != 0,
        };
        if pending == 0 || !enabled {
            return;
        }
        // Privileged ISA, "sip": SEI, SSI, STI.
        let order = [
            (interrupt::EXTERNAL, 9),
            (interrupt::SOFT, 1),
            (interrupt::TIMER, 5),
        ];
        let found = order.into_iter().find(|(bit, _)| pending & bit != 0);
        if let Some((_, code)) = found {
            self.enter_supervisor(INTERRUPT | code, 0);
        }
    }

    fn enter_supervisor(&mut self, cause: u64, value: u64) {
        self.note(TraceKind::Trap, value, cause);
        let hart = &mut self.hart;
        (hart.sepc, hart.scause, hart.stval) = (hart.pc, cause, value);
        let previous = match hart.level {
            PrivilegeLevel::User => 0,
            PrivilegeLevel::Supervisor => status::SPP,
        };
        let interrupts = match hart.sstatus & status::SIE {
            0 => 0,
            _ => status::SPIE,
        };
        let cleared = status::SIE | status::SPIE | status::SPP;
        hart.sstatus = hart.sstatus & !cleared | previous | interrupts;
        hart.level = PrivilegeLevel::Supervisor;
        let vectored = hart.stvec & 1 == 1 && cause & INTERRUPT != 0;
        let offset = if vectored { (cause & 0xff) * 4 } else { 0 };
        hart.pc = (hart.stvec & !3).wrapping_add(offset);
        if let Some(reserved) = hart.reservation.take() {
            hart.lost_reservation = Some(reserved);
        }
    }

    pub(crate) fn leave_supervisor(&mut self) -> u64 {
        let hart = &mut self.hart;
        let interrupts = match hart.sstatus & status::SPIE {
            0 => 0,
            _ => status::SIE,
        };
        hart.level = match hart.sstatus & status::SPP {
            0 => PrivilegeLevel::User,
            _ => PrivilegeLevel::Supervisor,
        };
        let cleared = status::SIE | status::SPP;
        hart.sstatus = hart.sstatus & !cleared | interrupts | status::SPIE;
        self.look_at = 0;
        hart.sepc
    }
}
