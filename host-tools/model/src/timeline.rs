//! Events over time for each kind, in intervals of a round length.

/// One interval of a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Start in microseconds since boot.
    pub from_us: u64,
    /// Number of events of each kind, in the order of [`Timeline::kinds`].
    pub counts: Vec<u64>,
}

/// Events over time, such as faults by their cause, for a chart or a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline<K> {
    /// Length of an interval: 1, 2 or 5 times a power of ten microseconds.
    pub step_us: u64,
    /// The kinds that occur, in their order.
    pub kinds: Vec<K>,
    /// Intervals from the first event to the last, without gaps.
    pub buckets: Vec<Bucket>,
}

impl<K: Copy + Ord> Timeline<K> {
    /// Counts events, each with its time in microseconds, in at most `buckets` intervals; `None` if there are none.
    pub fn of(
        events: impl Iterator<Item = (u64, K)> + Clone,
        buckets: usize,
    ) -> Option<Timeline<K>> {
        let times = || events.clone().map(|(time_us, _)| time_us);
        let (first, last) = (times().min()?, times().max()?);
        let step_us = round_step(first, last, buckets.max(1) as u64);
        let mut kinds: Vec<K> = events.clone().map(|(_, kind)| kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let origin = first / step_us;
        let empty = |step| Bucket {
            from_us: step * step_us,
            counts: vec![0; kinds.len()],
        };
        let mut buckets: Vec<_> = (origin..=last / step_us).map(empty).collect();
        for (time_us, kind) in events {
            let at = (time_us / step_us - origin) as usize;
            if let Ok(kind) = kinds.binary_search(&kind) {
                buckets[at].counts[kind] += 1;
            }
        }
        Some(Timeline {
            step_us,
            kinds,
            buckets,
        })
    }
}

impl<K> Timeline<K> {
    /// Largest number of events in one interval.
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
    use super::*;

    #[test]
    fn steps_are_round_and_without_gaps() {
        let all = [(10_000, 'w'), (11_999, 'r'), (99_000, 'w')];
        let timeline = Timeline::of(all.into_iter(), 10).unwrap();
        assert_eq!((timeline.step_us, timeline.buckets.len()), (10_000, 9));
        assert_eq!(timeline.kinds, ['r', 'w']);
        let bucket = |from_us, counts: [u64; 2]| Bucket {
            from_us,
            counts: counts.to_vec(),
        };
        assert_eq!(timeline.buckets[0], bucket(10_000, [1, 1]));
        assert_eq!(timeline.buckets[8], bucket(90_000, [0, 1]));
        assert_eq!(timeline.highest(), 2);
    }

    #[test]
    fn the_ends_of_time_fit() {
        for all in [vec![(0, 13)], vec![(0, 13), (u64::MAX, 13)]] {
            let timeline = Timeline::of(all.iter().copied(), 80).unwrap();
            assert!(timeline.buckets.len() <= 80, "{}", timeline.buckets.len());
            let counted: u64 = timeline.buckets.iter().flat_map(|b| &b.counts).sum();
            assert_eq!(counted, all.len() as u64);
        }
    }
}
