//! Stalls for want of memory: what counts as one, and who waits until there are many.
//!
//! A thread is stalled while frames are reclaimed for it and while its page is read from the backing store. The hart does nothing
//! else meanwhile, so that the stall is `full` unless another hart runs a program.

use abi::{Error, PRESSURE_WINDOW_MS, PressureKind};

use super::call_result::CallResult;
use super::context::Context;
use super::message;
use super::slot::Slot;
use super::state::SchedState;
use super::watches::WATCHES;
use crate::fault::PressureTrigger;
use crate::platform::Platform;
use crate::system::System;

/// `AwaitPressure(kind, stall_us, window_ms, timeout_ms)`.
pub(super) fn await_pressure<P: Platform>(
    system: &mut System<P>,
    context: &mut Context,
    [kind, stall_us, window_ms, timeout_ms]: [usize; 4],
) -> Result<CallResult, Error> {
    let kind = PressureKind::decode(kind).ok_or(Error::BadArgument)?;
    if !PRESSURE_WINDOW_MS.contains(&window_ms) || !(1..=window_ms * 1000).contains(&stall_us) {
        return Err(Error::BadArgument);
    }
    if timeout_ms == 0 {
        return Err(Error::TimedOut);
    }
    let until = message::deadline(system, timeout_ms);
    let free = (0..WATCHES).find(|place| system.watcher(*place).is_none());
    let place = free.ok_or(Error::LimitExceeded)?;
    let window = system.local.schedule.ticks(window_ms as u64);
    let threshold = (stall_us as u64 * window).div_ceil(window_ms as u64 * 1000);
    let (now, total) = (system.local.platform.ticks(), system.pressure.total(kind));
    let trigger = PressureTrigger::new(kind, (threshold, window), now, total);
    system.watches.are_there = true;
    system.watches.rows[place] = Some((system.local.schedule.current(), trigger));
    let place = place as u8;
    context.set_return(0);
    Ok(CallResult::Wait(SchedState::AwaitingPressure {
        place,
        until,
    }))
}

impl<P: Platform> System<P> {
    /// Does what a thread cannot go on without: the time that it takes is a stall.
    pub(super) fn stalled<T>(&mut self, deed: impl FnOnce(&mut System<P>) -> T) -> T {
        let from = self.local.platform.ticks();
        let done = deed(self);
        let to = self.local.platform.ticks();
        self.pressure.stall(from, to, !self.others_run());
        if self.watches.are_there {
            self.wake_watchers(to);
        }
        done
    }

    /// The thread that waits with that row.
    fn watcher(&self, place: usize) -> Option<Slot> {
        let (slot, _) = self.watches.rows[place]?;
        match self.tasks.at(slot).state() {
            SchedState::AwaitingPressure { place: own, .. } if own as usize == place => Some(slot),
            _ => None,
        }
    }

    /// Threads whose threshold is reached go on, with the microseconds of the stalls in their window.
    #[cold]
    fn wake_watchers(&mut self, now: u64) {
        self.watches.are_there = false;
        for place in 0..WATCHES {
            let Some(slot) = self.watcher(place) else {
                self.watches.rows[place] = None;
                continue;
            };
            let Some((_, trigger)) = &mut self.watches.rows[place] else {
                continue;
            };
            let total = self.pressure.total(trigger.kind);
            self.watches.are_there = true;
            if let Some(ticks) = trigger.reached(now, total) {
                self.watches.rows[place] = None;
                let us = ticks * 1_000_000 / self.boot.timebase_hz.max(1);
                self.tasks.at_mut(slot).context.answer(0, Some(us as usize));
                self.tasks.set_state(slot, SchedState::Ready);
                self.local.schedule.request_resched();
            }
        }
    }
}
