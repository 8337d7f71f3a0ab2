//! The numbers of the rows that a ledger keeps, of its last boot.
//!
//! Nearly every number is the highest so far, and the one to be forgotten the lowest: those are a queue.
//! The few that arrive late are a tree beside it, so that no order of arrival makes it slow.
//!
//! ```text
//! run    10 11 14 15 16 ...    in order of arrival and of number
//! late   12 13                 arrived behind 14
//! ```

use std::collections::{BTreeMap, VecDeque};

/// Row ids by number.
#[derive(Default)]
pub(super) struct Numbers {
    /// Number and row id, both ascending.
    run: VecDeque<(u64, u64)>,
    late: BTreeMap<u64, u64>,
}

impl Numbers {
    /// The row of a number.
    pub fn get(&self, seq: u64) -> Option<u64> {
        let is_highest = self.run.back().is_some_and(|(last, _)| *last < seq);
        if is_highest && self.late.is_empty() {
            return None;
        }
        let place = self.run.binary_search_by_key(&seq, |(known, _)| *known);
        let in_run = place.ok().and_then(|place| self.run.get(place));
        in_run
            .map(|(_, id)| *id)
            .or_else(|| self.late.get(&seq).copied())
    }

    /// The rows of the nearest numbers below and above one that is not kept.
    pub fn around(&self, seq: u64) -> (Option<u64>, Option<u64>) {
        let place = match self.run.back() {
            Some((last, _)) if *last < seq => self.run.len(),
            _ => self.run.partition_point(|(known, _)| *known < seq),
        };
        let run_below = place.checked_sub(1).and_then(|place| self.run.get(place));
        let run_above = self.run.get(place);
        if self.late.is_empty() {
            return (run_below.map(|it| it.1), run_above.map(|it| it.1));
        }
        let owned = |(seq, id): (&u64, &u64)| (*seq, *id);
        let late_below = self.late.range(..seq).next_back().map(owned);
        let late_above = self.late.range(seq..).next().map(owned);
        let below = run_below.copied().into_iter().chain(late_below).max();
        let above = run_above.copied().into_iter().chain(late_above).min();
        (below.map(|it| it.1), above.map(|it| it.1))
    }

    /// Adds a number that is not kept. Row ids ascend.
    pub fn insert(&mut self, seq: u64, id: u64) {
        match self.run.back() {
            Some((last, _)) if *last >= seq => drop(self.late.insert(seq, id)),
            _ => self.run.push_back((seq, id)),
        }
    }

    /// Forgets a number: of the oldest row, which is the first of its kind.
    pub fn remove(&mut self, seq: u64) {
        match self.run.front() {
            Some((first, _)) if *first == seq => drop(self.run.pop_front()),
            _ => drop(self.late.remove(&seq)),
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.run.clear();
        self.late.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_queue_and_a_tree_are_one_map(arrivals in prop::collection::vec(0..60_u64, 0..80)) {
            let (mut numbers, mut map) = (Numbers::default(), BTreeMap::new());
            let mut kept = VecDeque::new();
            for (id, seq) in (1..).zip(arrivals) {
                prop_assert_eq!(numbers.get(seq), map.get(&seq).copied());
                if map.contains_key(&seq) {
                    continue;
                }
                let below = map.range(..seq).next_back().map(|(_, id)| *id);
                let above = map.range(seq..).next().map(|(_, id)| *id);
                prop_assert_eq!(numbers.around(seq), (below, above));
                numbers.insert(seq, id);
                map.insert(seq, id);
                kept.push_back(seq);
                if kept.len() > 16 && let Some(oldest) = kept.pop_front() {
                    numbers.remove(oldest);
                    map.remove(&oldest);
                }
            }
            numbers.clear();
            prop_assert_eq!(numbers.get(0).or(numbers.around(30).0), None);
        }
    }
}
