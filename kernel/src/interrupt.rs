//! What an interrupt does: the timer wakes tasks, the console's device moves bytes.

use core::fmt::Write;

use crate::debug::agent;
use crate::drivers::{Completed, Service};
use crate::platform::{Pending, Platform};
use crate::system::System;
use crate::task::SchedState;

/// Interrupts that are served before programs get their turn again.
const CLAIMS_AT_ONCE: usize = 64;

impl<P: Platform> System<P> {
    /// Deals with the interrupts that wait.
    pub fn interrupt(&mut self, pending: Pending) {
        self.local.schedule.look_at_all();
        if pending.timer {
            self.local.platform.set_timer(u64::MAX);
            let now = self.local.platform.ticks();
            if self.local.schedule.timer_fired(now) {
                self.drain_console();
            }
            if self.console.deadline() <= now {
                self.tick_console(now);
                self.wake_console_waiters();
            }
            if self.local.schedule.is_time_to_poll(now) {
                self.console_interrupt();
            }
            self.wake_due(now);
        }
        if pending.external {
            self.external_interrupts();
        }
    }

    /// Serves what the interrupt controller has, within bounds: a line that is always full must not
    /// keep programs from running, nor a source that never goes away the whole kernel.
    fn external_interrupts(&mut self) {
        for _ in 0..CLAIMS_AT_ONCE {
            let Some(plic) = &mut self.plic else { return };
            let Some(irq) = plic.claim() else {
                if plic.is_silent() {
                    self.mask_external();
                }
                return;
            };
            let is_console = plic.is_console(irq);
            let before = self.console.bytes_moved();
            if is_console {
                self.console_interrupt();
            }
            let after = self.console.bytes_moved();
            let Some(plic) = &mut self.plic else { return };
            let service = match is_console {
                true => plic.console_service(before, after),
                false => Service::Nothing,
            };
            if plic.complete(irq, service) == Completed::Masked {
                self.say_masked(irq, is_console);
            }
        }
        self.local.schedule.request_resched();
    }

    /// The hart is interrupted without end and no source says why: programs would never get their turn. In Spike,
    /// firmware that changes another bit of `mip` leaves `SEIP` set for good.
    #[cold]
    fn mask_external(&mut self) {
        self.local.platform.mask_external();
        self.plic = None;
        self.local
            .schedule
            .begin_polling(self.local.platform.ticks());
        let _ = writeln!(
            self.console,
            "pagewalk: external interrupts come without a source: masked; the console is polled"
        );
    }

    #[cold]
    fn say_masked(&mut self, irq: u32, is_console: bool) {
        let then = if is_console {
            let now = self.local.platform.ticks();
            self.local.schedule.begin_polling(now);
            "; the console is polled"
        } else {
            ""
        };
        let _ = writeln!(
            self.console,
            "pagewalk: interrupt {irq} does not go away when it is served: masked{then}"
        );
    }

    fn tick_console(&mut self, now: u64) {
        self.console.tick(&self.local.log, now);
        let pressed = self.console.take_pressed();
        if let Some(shell) = self.foreground().filter(|_| pressed) {
            self.interrupt_foreground(shell);
        }
    }

    fn console_interrupt(&mut self) {
        let foreground = self.foreground();
        let now = self.local.platform.ticks();
        let pressed = self
            .console
            .interrupt(&self.local.log, now, foreground.is_some());
        if let Some(shell) = foreground.filter(|_| pressed) {
            self.interrupt_foreground(shell);
        }
        if self.console.deadline() <= now {
            self.tick_console(now);
        }
        agent::serve(self);
        self.wake_console_waiters();
    }

    /// Wakes tasks waiting for console input or output space.
    pub fn wake_console_waiters(&mut self) {
        let (input, room) = (self.console.has_input(), self.console.room() > 0);
        let mut woken = false;
        self.tasks.wake(|state| {
            let ready =
                input && state == SchedState::Reading || room && state == SchedState::Writing;
            woken |= ready;
            if ready { SchedState::Ready } else { state }
        });
        if woken {
            self.local.schedule.request_resched();
        }
    }
}
