//! A threshold of pressure: so long a stall within so long a window.
//!
//! The window slides as Linux's does: of the one before, what still lies in it is estimated by its share.

use abi::PressureKind;

/// What a program waits for.
#[derive(Clone, Copy, Debug)]
pub struct PressureTrigger {
    /// Of which stalls.
    pub kind: PressureKind,
    /// Ticks of stalls that are enough.
    threshold: u64,
    /// Ticks of the window.
    window: u64,
    /// When this window began, the ticks of stalls since boot then, and those in the window before.
    begin: u64,
    total: u64,
    before: u64,
}

impl PressureTrigger {
    /// From tick `now` on, when `total` ticks were stalls since boot; `threshold` and `window` in ticks.
    pub fn new(
        kind: PressureKind,
        (threshold, window): (u64, u64),
        now: u64,
        total: u64,
    ) -> PressureTrigger {
        PressureTrigger {
            kind,
            threshold: threshold.max(1),
            window: window.max(1),
            begin: now,
            total,
            before: 0,
        }
    }

    /// Are the stalls of the window enough? If so, how many ticks they are.
    pub fn reached(&mut self, now: u64, total: u64) -> Option<u64> {
        let elapsed = now.saturating_sub(self.begin);
        let grown = total.saturating_sub(self.total);
        let stalled = if elapsed > self.window {
            // Of a longer time than the window there is no more in it than that.
            let stalled = grown.min(self.window);
            (self.begin, self.total, self.before) = (now, total, stalled);
            stalled
        } else {
            grown + self.before * (self.window - elapsed) / self.window
        };
        (stalled >= self.threshold).then_some(stalled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trigger() -> PressureTrigger {
        PressureTrigger::new(PressureKind::Some, (100, 1000), 5000, 70)
    }

    #[test]
    fn stalls_within_the_window_reach_the_threshold() {
        let mut trigger = trigger();
        assert_eq!(trigger.reached(5200, 130), None);
        assert_eq!(trigger.reached(5900, 169), None);
        assert_eq!(trigger.reached(5950, 171), Some(101));
    }

    #[test]
    fn stalls_that_are_long_past_do_not() {
        let mut trigger = trigger();
        assert_eq!(trigger.reached(5900, 160), None);
        // 90 of the window before: half of it has gone.
        assert_eq!(trigger.reached(6001, 160), None);
        assert_eq!(trigger.reached(6501, 200), None, "45 and 40");
        assert_eq!(trigger.reached(6501, 216), Some(101));
        // A pause longer than the window, and nothing in it.
        assert_eq!(trigger.reached(90_000, 216), None);
    }
}
