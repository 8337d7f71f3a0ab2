//! A span of the session axis.

/// From one point of the session axis up to another, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeSpan {
    /// The first microsecond of it.
    pub from_us: u64,
    /// The first one behind it.
    pub end_us: u64,
}

impl TimeSpan {
    /// Whether the point lies in it.
    pub fn contains(&self, at_us: u64) -> bool {
        self.from_us <= at_us && at_us < self.end_us
    }

    /// Microseconds of it, at least 1.
    pub fn length_us(&self) -> u64 {
        self.end_us.saturating_sub(self.from_us).max(1)
    }

    /// The part that is `length_us` long and ends where this one ends.
    pub fn last(&self, length_us: u64) -> TimeSpan {
        TimeSpan {
            from_us: self.end_us.saturating_sub(length_us).max(self.from_us),
            end_us: self.end_us,
        }
    }
}
