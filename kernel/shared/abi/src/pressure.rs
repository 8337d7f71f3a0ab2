//! Kinds of stalls for want of memory: [`Call::AwaitPressure`](crate::Call::AwaitPressure).

use crate::numbered::closed;

closed! {
    /// Which stalls count, with the meaning that they have in Linux's `/proc/pressure/memory`.
    pub enum PressureKind {
        /// At least one thread was stalled.
        Some = 0,
        /// At least one was, and no thread ran meanwhile.
        Full = 1,
    }
}

impl PressureKind {
    /// Its name at the prompt.
    pub const fn text(self) -> &'static str {
        match self {
            PressureKind::Some => "some",
            PressureKind::Full => "full",
        }
    }
}

/// Windows that [`Call::AwaitPressure`](crate::Call::AwaitPressure) takes, in milliseconds.
pub const PRESSURE_WINDOW_MS: core::ops::RangeInclusive<usize> = 10..=10_000;
