//! What an interrupt does: the timer wakes tasks, the console's device moves bytes.

use crate::debug::agent;
use crate::platform::{Pending, Platform};
use crate::system::System;
use crate::task::State;

impl<P: Platform> System<P> {
    /// Deals with the interrupts that wait.
    pub fn interrupt(&mut self, pending: Pending) {
        if pending.timer {
            self.platform.set_timer(u64::MAX);
            let now = self.platform.ticks();
            if self.schedule.timer_fired(now) {
                self.drain_console();
            }
            if self.console.deadline() <= now {
                self.console.tick(&self.log, now);
                self.wake_console_waiters();
            }
            self.wake_sleepers();
        }
        if pending.external {
            while let Some(irq) = self.plic.claim() {
                if irq == self.boot.board.uart_irq {
                    self.console_interrupt();
                }
                self.plic.complete(irq);
            }
        }
    }

    fn wake_sleepers(&mut self) {
        let now = self.platform.ticks();
        self.tasks.wake(|state| match state {
            State::Sleeping { until } if until <= now => State::Ready,
            other => other,
        });
    }

    fn console_interrupt(&mut self) {
        let foreground = self.foreground();
        let now = self.platform.ticks();
        let pressed = self.console.interrupt(&self.log, now, foreground.is_some());
        if let Some(shell) = foreground.filter(|_| pressed) {
            self.interrupt_foreground(shell);
        }
        if self.console.deadline() <= now {
            self.console.tick(&self.log, now);
        }
        agent::serve(self);
        self.wake_console_waiters();
    }

    /// Lets go those who waited for input that is there now, or for room that is there now.
    pub fn wake_console_waiters(&mut self) {
        let (input, room) = (self.console.has_input(), self.console.room() > 0);
        let mut woken = false;
        self.tasks.wake(|state| {
            let ready = input && state == State::Reading || room && state == State::Writing;
            woken |= ready;
            if ready { State::Ready } else { state }
        });
        if woken {
            self.schedule.ask();
        }
    }
}
