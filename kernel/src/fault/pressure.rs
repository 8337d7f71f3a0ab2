//! Pressure: which share of the time programs could not go on for want of memory.
//!
//! Linux's pressure stall information. `some` is the time in which at least one thread was stalled, `full` that in which no other
//! ran meanwhile. A share is averaged over 10, 60 and 300 seconds: each two seconds it moves towards the share of those two
//! seconds, the slower the longer the span.
//!
//! ```text
//!   stalled   ──▆▆───▆──┊──────────┊──▆▆▆▆▆▆┊▆▆▆▆▆▆▆──   two seconds between ┊
//!   average   ▁▁▁▁▁▁▁▁▁▁┊▂▂▂▂▂▂▂▂▂▂┊▁▁▁▁▁▁▁▁┊▅▅▅▅▅▅▅▅▅
//! ```
//!
//! Nothing runs in the background: what passed since the last stall is made up for at the next one, or when someone reads.

use core::fmt;

use abi::PressureKind;

/// The spans of the averages, in seconds.
pub const PRESSURE_SPANS: [u32; 3] = [10, 60, 300];
/// Seconds after which the averages move.
const PERIOD_SECONDS: u64 = 2;
/// 1 in fixed point.
const ONE: u64 = 1 << SHIFT;
const SHIFT: u32 = 11;
/// What is left of a share after a period, for each span: e to the power of -2/10, -2/60 and -2/300, in fixed point.
const DECAY: [u64; PRESSURE_SPANS.len()] = [1677, 1981, 2034];

/// Shares of the time since boot in which threads were stalled for want of memory.
#[derive(Clone, Copy, Debug)]
pub struct Pressure {
    /// Ticks of a period.
    period: u64,
    /// Where the period begins that is not over.
    begin: u64,
    /// Up to where time is accounted for.
    at: u64,
    shares: [Share; PressureKind::ALL.len()],
}

/// One kind of stall.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    /// Ticks since boot.
    total: u64,
    /// Ticks in the period that is not over.
    current: u64,
    averages: [Percent; PRESSURE_SPANS.len()],
}

/// A share in percent, 0 to 100, in steps of 1/2048; written with two digits behind the point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u32);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let part = ((u64::from(self.0) & (ONE - 1)) * 100) >> SHIFT;
        write!(f, "{}.{part:02}", self.0 >> SHIFT)
    }
}

impl Pressure {
    /// No stall before tick `now`, of a clock with so many ticks in a second.
    pub fn new(timebase_hz: u64, now: u64) -> Pressure {
        Pressure {
            period: (PERIOD_SECONDS * timebase_hz).max(1),
            begin: now,
            at: now,
            shares: [Share::default(); PressureKind::ALL.len()],
        }
    }

    /// A thread was stalled from tick `from` to tick `to`; with `is_full` no other ran.
    #[inline]
    pub fn stall(&mut self, from: u64, to: u64, is_full: bool) {
        // Nearly always all of it lies in the period that is not over.
        if self.at <= from && from <= to && to.wrapping_sub(self.begin) < self.period {
            for (share, is_stalled) in self.shares.iter_mut().zip([true, is_full]) {
                if is_stalled {
                    share.total += to - from;
                    share.current += to - from;
                }
            }
            self.at = to;
            return;
        }
        self.stall_and_more(from, to, is_full);
    }

    #[cold]
    #[inline(never)]
    fn stall_and_more(&mut self, from: u64, to: u64, is_full: bool) {
        self.pass(from, [false, false]);
        self.pass(to, [true, is_full]);
    }

    /// As it is at tick `now`.
    pub fn at(&self, now: u64) -> Pressure {
        let mut all = *self;
        all.pass(now, [false, false]);
        all
    }

    /// Ticks of stalls since boot.
    pub fn total(&self, kind: PressureKind) -> u64 {
        self.shares[kind as usize].total
    }

    /// The averages over [`PRESSURE_SPANS`].
    pub fn averages(&self, kind: PressureKind) -> [Percent; PRESSURE_SPANS.len()] {
        self.shares[kind as usize].averages
    }

    /// Time goes on to tick `to`, with stalls of those kinds or without.
    fn pass(&mut self, to: u64, stalled: [bool; PressureKind::ALL.len()]) {
        // Clocks of two harts may differ by a little.
        let Some(ticks) = to.checked_sub(self.at) else {
            return;
        };
        let (periods, rest) = (
            (to - self.begin) / self.period,
            (to - self.begin) % self.period,
        );
        for (share, is_stalled) in self.shares.iter_mut().zip(stalled) {
            let of = |ticks: u64| if is_stalled { ticks } else { 0 };
            share.total += of(ticks);
            if periods == 0 {
                share.current += of(ticks);
                continue;
            }
            share.current += of(self.begin + self.period - self.at);
            share.close(share.current, self.period, 1);
            share.close(of(self.period), self.period, periods - 1);
            share.current = of(rest);
        }
        self.begin += periods * self.period;
        self.at = to;
    }
}

impl Share {
    /// So many periods are over, in each of which there were so many ticks of stalls.
    fn close(&mut self, stalled: u64, period: u64, periods: u64) {
        if periods == 0 {
            return;
        }
        let active = stalled * 100 * ONE / period;
        for (average, decay) in self.averages.iter_mut().zip(DECAY) {
            let (old, kept) = (u64::from(average.0), power(decay, periods));
            // Upwards it is rounded up: otherwise a share of 100 would never be shown.
            let up = if active >= old { ONE - 1 } else { 0 };
            average.0 = ((old * kept + active * (ONE - kept) + up) >> SHIFT) as u32;
        }
    }
}

/// A number in fixed point to the power of `n`, by squares.
fn power(mut base: u64, mut n: u64) -> u64 {
    let mut result = ONE;
    while n > 0 {
        if n & 1 != 0 {
            result = (result * base + ONE / 2) >> SHIFT;
        }
        base = (base * base + ONE / 2) >> SHIFT;
        n >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    const HZ: u64 = 1_000_000;
    const SECOND: u64 = HZ;

    fn shown(pressure: &Pressure, kind: PressureKind) -> [f64; 3] {
        let averages = pressure.averages(kind);
        averages.map(|share| share.to_string().parse().unwrap())
    }

    #[test]
    fn shares_follow_the_exponential_they_are_defined_by() {
        let begin = 77 * SECOND;
        let mut pressure = Pressure::new(HZ, begin);
        // Half of the time, in pieces of 10 ms, for 30 seconds.
        for piece in 0..1500 {
            let from = begin + piece * 20_000;
            pressure.stall(from, from + 10_000, piece % 2 == 0);
        }
        let pressure = pressure.at(begin + 30 * SECOND);
        for (kind, share) in [(PressureKind::Some, 50.0), (PressureKind::Full, 25.0)] {
            let found = shown(&pressure, kind);
            for (span, found) in PRESSURE_SPANS.into_iter().zip(found) {
                let due = share * (1.0 - (-30.0 / f64::from(span)).exp());
                assert!(
                    (found - due).abs() < 0.5,
                    "{kind:?} {span}: {found}, not {due}"
                );
            }
        }
        assert_eq!(pressure.total(PressureKind::Some), 15 * SECOND);
        assert_eq!(pressure.total(PressureKind::Full), 15 * SECOND / 2);
    }

    #[test]
    fn a_stall_of_minutes_and_a_pause_of_minutes_are_made_up_for_at_once() {
        let mut pressure = Pressure::new(HZ, 0);
        pressure.stall(SECOND, 601 * SECOND, true);
        let found = shown(&pressure, PressureKind::Full);
        assert_eq!(found[..2], [100.0, 100.0]);
        assert!((85.0..88.0).contains(&found[2]), "{found:?}");
        // What a reader sees in between changes nothing of what one sees later.
        let reader = pressure.at(650 * SECOND);
        let (one, two) = (reader.at(721 * SECOND), pressure.at(721 * SECOND));
        for kind in PressureKind::ALL {
            let pairs = shown(&one, *kind).into_iter().zip(shown(&two, *kind));
            assert!(pairs.into_iter().all(|(one, two)| (one - two).abs() < 0.2));
        }
        let found = shown(&two, PressureKind::Full);
        assert_eq!(found[0], 0.0);
        assert!((12.0..15.0).contains(&found[1]), "{found:?}");
        assert_eq!(
            shown(&pressure.at(10_000 * SECOND), PressureKind::Some),
            [0.0; 3]
        );
    }

    #[test]
    fn a_clock_that_goes_back_a_little_counts_nothing_twice() {
        let mut pressure = Pressure::new(HZ, 100);
        pressure.stall(200, 300, false);
        pressure.stall(250, 290, true);
        pressure.stall(280, 310, true);
        let total = |kind| pressure.total(kind);
        assert_eq!(
            (total(PressureKind::Some), total(PressureKind::Full)),
            (110, 10)
        );
        assert_eq!(pressure.at(0).total(PressureKind::Some), 110);
    }

    #[test]
    fn shares_are_written_with_two_digits() {
        for (share, text) in [
            (0, "0.00"),
            (2047, "0.99"),
            (2048 + 103, "1.05"),
            (100 << 11, "100.00"),
        ] {
            assert_eq!(Percent(share).to_string(), text);
        }
    }
}
