//! What runs on this hart, for how long, and when it looks for another: the highest priority, round robin within it.
//!
//! A thread that becomes ready goes behind the others of its priority. One that runs makes room at once for a higher
//! one, and then goes on before the others of its own with the rest of its slice; it makes room for its equals when an
//! interrupt wakes one of them, when it yields or spawns, and at the latest when its slice of ten milliseconds is over. A thread that is
//! ready therefore runs before any other of its priority runs twice, unless a higher one wants all of the time: there
//! is no aging, and a thread that must never wait long gets a higher priority.

use super::slot::Slot;
use super::state::SchedState;

/// How long a thread may run while others of its priority are ready, in milliseconds.
pub(super) const SLICE_MS: u64 = 10;

/// How often a console is looked at that does not interrupt. A 16550's 16 bytes fill in 1.4 ms at
/// 115,200 baud.
const POLL_MS: u64 = 1;

/// What one hart runs.
pub struct Schedule {
    pub(super) current: Slot,
    /// The hart holds the registers of the thread at `current`.
    pub(super) occupied: bool,
    /// The thread whose floats the hart holds and whose space is active; 0 for none.
    pub(super) loaded: u16,
    /// The process whose space is active; 0 for none.
    pub(super) active: u16,
    /// The hart's float registers are zeros: those of any thread that has none.
    pub(super) floats_clear: bool,
    pub(super) need_resched: bool,
    /// The thread that runs next at once, of the same process, and what the running one does from then on.
    pub(super) goes_over: Option<(SchedState, Slot)>,
    pub(super) since: u64,
    pub(super) armed: u64,
    /// What the timer is needed for at the latest, the end of a slice apart; as of the last time that it was looked at.
    pub(super) alarm: u64,
    /// The next switch is one among threads and no more: one hart, no gdb, no memory to give back, and `alarm` is as it
    /// was. Whatever may change one of these takes this back.
    pub(super) is_plain: bool,
    /// Ticks that a thread may run while others of its priority are ready.
    pub(super) slice: u64,
    /// When records that wait are sent to the host, at the latest; `u64::MAX` when none do.
    pub(super) report_at: u64,
    /// When the console is looked at, where it does not interrupt; `u64::MAX` where it does.
    pub(super) poll_at: u64,
    pub(super) timebase_hz: u64,
}

impl Schedule {
    /// Nothing runs yet; `timebase_hz` is ticks in a second.
    pub fn new(timebase_hz: u64) -> Schedule {
        Schedule {
            current: Slot::FIRST,
            occupied: false,
            loaded: 0,
            active: 0,
            floats_clear: false,
            need_resched: true,
            goes_over: None,
            since: 0,
            armed: u64::MAX,
            alarm: u64::MAX,
            is_plain: false,
            slice: SLICE_MS.saturating_mul(timebase_hz).div_ceil(1000),
            report_at: u64::MAX,
            poll_at: u64::MAX,
            timebase_hz,
        }
    }

    /// The thread on the hart.
    #[inline]
    pub fn current(&self) -> Slot {
        self.current
    }

    /// Does the hart hold the registers of [`current`](Self::current)?
    #[inline]
    pub fn is_occupied(&self) -> bool {
        self.occupied
    }

    /// The number of the process whose space is active; 0 for none.
    #[inline]
    pub fn active_process(&self) -> u16 {
        self.active
    }

    /// Another thread may have to run before the trap returns.
    #[inline]
    pub fn need_resched(&self) -> bool {
        self.need_resched
    }

    /// The thread on the hart has ended: its registers are not saved.
    pub fn vacate(&mut self) {
        self.occupied = false;
        self.loaded = 0;
        self.active = 0;
        self.need_resched = true;
    }

    /// The thread on the hart has ended, and its process has not: its registers are not saved.
    pub fn leave_thread(&mut self) {
        self.occupied = false;
        self.loaded = 0;
        self.need_resched = true;
    }

    /// More may have changed than who runs: the next switch looks at everything.
    #[inline]
    pub fn look_at_all(&mut self) {
        self.is_plain = false;
    }

    /// Something changed who may run.
    pub fn request_resched(&mut self) {
        self.need_resched = true;
    }

    /// Float registers in the table were changed: the hart's are not the thread's any more.
    pub fn forget_loaded(&mut self) {
        self.loaded = 0;
        self.floats_clear = false;
    }

    /// Ticks for a time span, never fewer than it says.
    pub fn ticks(&self, ms: u64) -> u64 {
        ms.saturating_mul(self.timebase_hz).div_ceil(1000)
    }

    /// From now on the console is looked at every millisecond.
    pub fn begin_polling(&mut self, now: u64) {
        self.poll_at = now + self.ticks(POLL_MS);
        // The task that runs gets the timer armed for it.
        self.need_resched = true;
    }

    /// The console does not interrupt: is it time to look at it?
    pub fn is_time_to_poll(&mut self, now: u64) -> bool {
        let due = self.poll_at <= now;
        if due {
            self.poll_at = now + self.ticks(POLL_MS);
        }
        due
    }

    /// The timer has fired: nothing is armed any more. True if it is time to send records to the host.
    pub fn timer_fired(&mut self, now: u64) -> bool {
        self.armed = u64::MAX;
        self.look_at_all();
        self.need_resched = true;
        let tell = self.report_at <= now;
        if tell {
            self.report_at = u64::MAX;
        }
        tell
    }
}
