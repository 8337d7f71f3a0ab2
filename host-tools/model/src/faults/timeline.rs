//! Faults over time for each cause, in intervals of a round length.

use abi::Cause;

use crate::ledger::LedgerRow;

/// One interval of a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Start in microseconds since boot.
    pub from_us: u64,
    /// Number of faults for each cause, in the order of [`Timeline::causes`].
    pub counts: Vec<u64>,
}

/// Faults over time, for a chart or a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// Length of an interval: 1, 2 or 5 times a power of ten microseconds.
    pub step_us: u64,
    /// The causes that occur, by number.
    pub causes: Vec<Cause>,
    /// Intervals from the first fault to the last, without gaps.
    pub buckets: Vec<Bucket>,
}

impl Timeline {
    pub(super) fn of(rows: &[LedgerRow], buckets: usize) -> Option<Timeline> {
        let timed = || {
            rows.iter()
                .filter_map(|row| Some((row.sighting.time_us?, row.sighting.fault.cause())))
        };
        let (first, _) = timed().min()?;
        let (last, _) = timed().max()?;
        let step_us = round_step(first, last, buckets.max(1) as u64);
        let mut causes: Vec<Cause> = timed().map(|(_, cause)| cause).collect();
        causes.sort_by_key(|cause| cause.number());
        causes.dedup();
        let origin = first / step_us;
        let empty = |step| Bucket {
            from_us: step * step_us,
            counts: vec![0; causes.len()],
        };
        let mut buckets: Vec<_> = (origin..=last / step_us).map(empty).collect();
        for (time_us, cause) in timed() {
            let at = (time_us / step_us - origin) as usize;
            if let Some(kind) = causes.iter().position(|known| *known == cause) {
                buckets[at].counts[kind] += 1;
            }
        }
        Some(Timeline {
            step_us,
            causes,
            buckets,
        })
    }

    /// Largest number of faults in one interval.
    pub fn highest(&self) -> u64 {
        let sums = self.buckets.iter().map(|bucket| bucket.counts.iter().sum());
        sums.max().unwrap_or(0)
    }
}

/// The shortest round length with which all times fit into `steps` intervals.
fn round_step(first: u64, last: u64, steps: u64) -> u64 {
    let rounds = (0..20).flat_map(|power| [1, 2, 5].map(|digit| (digit, power)));
    rounds
        .filter_map(|(digit, power)| 10u64.checked_pow(power)?.checked_mul(digit))
        .find(|step| last / step - first / step < steps)
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use abi::{Fault, Sighting};

    use super::*;

    fn seen(time_us: u64, cause: u8) -> LedgerRow {
        let fault = Fault {
            cause,
            ..Fault::EMPTY
        };
        LedgerRow {
            id: 1,
            boot: 0,
            sighting: Sighting {
                seq: None,
                time_us: Some(time_us),
                fault,
            },
        }
    }

    #[test]
    fn steps_are_round_and_without_gaps() {
        let all = [seen(10_000, 15), seen(11_999, 13), seen(99_000, 15)];
        let timeline = Timeline::of(&all, 10).unwrap();
        assert_eq!(timeline.step_us, 10_000);
        assert_eq!(
            timeline.causes,
            [Cause::LoadPageFault, Cause::StorePageFault]
        );
        assert_eq!(timeline.buckets.len(), 9);
        assert_eq!(
            timeline.buckets[0],
            Bucket {
                from_us: 10_000,
                counts: vec![1, 1]
            }
        );
        assert_eq!(
            timeline.buckets[8],
            Bucket {
                from_us: 90_000,
                counts: vec![0, 1]
            }
        );
        assert_eq!(timeline.highest(), 2);
    }

    #[test]
    fn the_ends_of_time_fit() {
        for all in [vec![seen(0, 13)], vec![seen(0, 13), seen(u64::MAX, 13)]] {
            let timeline = Timeline::of(&all, 80).unwrap();
            assert!(timeline.buckets.len() <= 80, "{}", timeline.buckets.len());
            let counted: u64 = timeline.buckets.iter().flat_map(|b| &b.counts).sum();
            assert_eq!(counted, all.len() as u64);
        }
    }
}
