//! What faults cost: exact percentiles, by outcome and by part of a span.
//!
//! Most costs are below 65,536 instructions. Those are counted by value, so that a million of them are one pass and
//! never sorted; the few above are kept as they are.

use std::collections::BTreeMap;

use abi::Outcome;

/// Costs below it are counted by value.
const COUNTED: usize = 1 << 16;

/// The costs of the faults with one outcome, in instructions. Exact, not estimated from a histogram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostFigures {
    /// Number of the outcome; `None` for all together.
    pub outcome: Option<u8>,
    /// Faults whose cost is known.
    pub count: u64,
    /// The least.
    pub least: u32,
    /// Half of them cost no more.
    pub p50: u32,
    /// 90 of 100 cost no more.
    pub p90: u32,
    /// 99 of 100 cost no more.
    pub p99: u32,
    /// The most.
    pub most: u32,
    /// Faults by the octave of their cost: element n counts those of 2^n to 2^(n+1) - 1 instructions.
    pub octaves: Vec<u64>,
}

impl CostFigures {
    /// Whether the faults of this outcome ended their tasks.
    pub fn is_refusal(&self) -> bool {
        self.outcome
            .is_some_and(|outcome| Outcome::decode(outcome).is_refusal())
    }
}

/// All together first, then by outcome, the most frequent first; empty where no cost is known.
pub(super) fn costs(mut by_outcome: BTreeMap<u8, CostCounts>) -> Vec<CostFigures> {
    let mut all = CostCounts::default();
    for counts in by_outcome.values_mut() {
        counts.above.sort_unstable();
        all.add_all(counts);
    }
    all.above.sort_unstable();
    let Some(whole) = all.figures(None) else {
        return Vec::new();
    };
    let each = by_outcome.iter();
    let mut each: Vec<CostFigures> = each
        .filter_map(|(outcome, counts)| counts.figures(Some(*outcome)))
        .collect();
    each.sort_by_key(|it| (std::cmp::Reverse(it.count), it.outcome));
    each.insert(0, whole);
    each
}

/// How often each cost was seen.
#[derive(Default)]
pub(super) struct CostCounts {
    /// By cost; empty until there is one.
    below: Vec<u32>,
    /// Costs of [`COUNTED`] and more, sorted before they are asked.
    above: Vec<u32>,
}

impl CostCounts {
    pub(super) fn add(&mut self, cost: u32) {
        let place = cost as usize;
        if place >= COUNTED {
            return self.above.push(cost);
        }
        if self.below.is_empty() {
            self.below = vec![0; COUNTED];
        }
        self.below[place] += 1;
    }

    fn add_all(&mut self, other: &CostCounts) {
        if self.below.is_empty() {
            self.below.clone_from(&other.below);
        } else {
            let sums = self.below.iter_mut().zip(&other.below);
            sums.for_each(|(sum, count)| *sum += count);
        }
        self.above.extend(&other.above);
    }

    /// Each cost with its count, ascending.
    fn steps(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        let below = (0..).zip(&self.below).filter(|(_, count)| **count > 0);
        let below = below.map(|(cost, count)| (cost, u64::from(*count)));
        below.chain(self.above.iter().map(|cost| (*cost, 1)))
    }

    fn figures(&self, outcome: Option<u8>) -> Option<CostFigures> {
        let count: u64 = self.steps().map(|(_, count)| count).sum();
        let mut octaves = Vec::new();
        for (cost, count) in self.steps() {
            let octave = cost.max(1).ilog2() as usize;
            if octaves.len() <= octave {
                octaves.resize(octave + 1, 0);
            }
            octaves[octave] += count;
        }
        // The least value that `percent` of 100 do not exceed (nearest rank).
        let percentile = |percent: u64| {
            let rank = (count * percent).div_ceil(100);
            let mut passed = 0;
            let mut steps = self.steps();
            let found = steps.find(|(_, count)| {
                passed += count;
                passed >= rank
            });
            found.map(|(cost, _)| cost)
        };
        Some(CostFigures {
            outcome,
            count,
            least: self.steps().next()?.0,
            p50: percentile(50)?,
            p90: percentile(90)?,
            p99: percentile(99)?,
            most: percentile(100)?,
            octaves,
        })
    }
}

/// Costs of one block of [`BinCosts`].
const BLOCK: usize = 1 << 8;

/// The costs of one part of a span, of one part after the other.
pub(super) struct BinCosts {
    /// By cost.
    below: Vec<u32>,
    /// The sums of each block of `below`: most of it is passed over.
    blocks: [u32; COUNTED / BLOCK],
    above: Vec<u32>,
    count: usize,
}

impl BinCosts {
    pub(super) fn new() -> BinCosts {
        BinCosts {
            below: vec![0; COUNTED],
            blocks: [0; COUNTED / BLOCK],
            above: Vec::new(),
            count: 0,
        }
    }

    pub(super) fn add(&mut self, cost: u32) {
        self.count += 1;
        match self.below.get_mut(cost as usize) {
            Some(count) => {
                *count += 1;
                self.blocks[cost as usize / BLOCK] += 1;
            }
            None => self.above.push(cost),
        }
    }

    /// The median and the 99th percentile; the next part begins without costs.
    pub(super) fn take(&mut self) -> Option<(u32, u32)> {
        let figures = self.percentile(50).zip(self.percentile(99));
        let blocks = self.below.chunks_exact_mut(BLOCK).zip(&mut self.blocks);
        for (block, sum) in blocks.filter(|(_, sum)| **sum > 0) {
            block.fill(0);
            *sum = 0;
        }
        self.above.clear();
        self.count = 0;
        figures
    }

    /// The least value that `percent` of 100 do not exceed (nearest rank).
    fn percentile(&mut self, percent: usize) -> Option<u32> {
        let mut left = (self.count * percent).div_ceil(100).checked_sub(1)?;
        for (number, sum) in self.blocks.iter().enumerate() {
            if left >= *sum as usize {
                left -= *sum as usize;
                continue;
            }
            let first = number * BLOCK;
            for (cost, count) in (first as u32..).zip(&self.below[first..first + BLOCK]) {
                match left.checked_sub(*count as usize) {
                    Some(rest) => left = rest,
                    None => return Some(cost),
                }
            }
        }
        Some(*self.above.select_nth_unstable(left).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_costs_on_both_sides_of_the_border() {
        let costs: Vec<u32> = (0..1000u32).map(|it| it * it * 97 % 131_072).collect();
        let mut counts = CostCounts::default();
        costs.iter().for_each(|cost| counts.add(*cost));
        counts.above.sort_unstable();
        let figures = counts.figures(None).expect("a thousand costs");
        let mut sorted = costs;
        sorted.sort_unstable();
        let by_rank = [50, 90, 99, 100].map(|percent| sorted[percent * 10 - 1]);
        assert_eq!(
            [figures.p50, figures.p90, figures.p99, figures.most],
            by_rank
        );
        assert!(figures.p50 < 1 << 16 && figures.p90 > 1 << 16);
        assert_eq!((figures.count, figures.least), (1000, 0));
    }
}
