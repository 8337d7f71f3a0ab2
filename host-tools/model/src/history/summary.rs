//! What a span of faults amounts to: counts, rates, costs, and which pages.

use std::collections::BTreeMap;

use super::binned::BinnedRow;
use super::costs::{CostFigures, cost_bins, costs};
use super::heat::{HeatAcross, HeatMap, heat};
use super::{FaultFilter, FaultHistory, HistoryRow, TaskNames, TimeSpan};

/// What faults are grouped by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupBy {
    /// How they ended.
    #[default]
    Outcome,
    /// The exception code.
    Cause,
    /// The task that faulted.
    Task,
    /// The hart that trapped.
    Hart,
}

impl GroupBy {
    /// The group of a fault.
    pub fn group(self, row: &HistoryRow) -> FaultGroup {
        match self {
            GroupBy::Outcome => FaultGroup::Outcome(row.outcome),
            GroupBy::Cause => FaultGroup::Cause(row.cause),
            GroupBy::Task => FaultGroup::Task(row.fault().task()),
            GroupBy::Hart => FaultGroup::Hart(row.hart),
        }
    }
}

/// One group of faults; numbers as the record has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultGroup {
    /// Number of an outcome.
    Outcome(u8),
    /// Exception code.
    Cause(u8),
    /// Id of a task; `None` where it is not known.
    Task(Option<u16>),
    /// Id of a hart.
    Hart(u16),
}

/// How a summary is cut.
#[derive(Clone, Copy, Debug)]
pub struct SummaryOptions {
    /// What rates are counted by.
    pub by: GroupBy,
    /// Parts of the span, at least 1.
    pub bins: usize,
    /// Rows of the heat map at most, at least 1.
    pub heat_rows: usize,
    /// Columns of the heat map.
    pub across: HeatAcross,
}

/// Equal parts of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bins {
    /// What is divided.
    pub span: TimeSpan,
    /// How many parts there are.
    pub count: usize,
}

impl Bins {
    fn new(span: TimeSpan, count: usize) -> Bins {
        // A part is at least a microsecond.
        let most = usize::try_from(span.length_us()).unwrap_or(usize::MAX);
        Bins {
            span,
            count: count.clamp(1, most),
        }
    }

    /// The part that a point of the span lies in.
    fn of(&self, at_us: u64) -> usize {
        let (within, length) = (at_us - self.span.from_us, self.span.length_us());
        match within.checked_mul(self.count as u64) {
            Some(product) => (product / length) as usize,
            None => (u128::from(within) * self.count as u128 / u128::from(length)) as usize,
        }
    }
}

/// A group's faults: in all, and in each part of the span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupCount {
    /// Which group.
    pub group: FaultGroup,
    /// Faults of it in the span.
    pub count: u64,
    /// Faults of it in each part.
    pub bins: Vec<u64>,
}

/// A span in numbers.
#[derive(Clone, Debug)]
pub struct SpanSummary {
    /// The parts that `groups` and a heat map over time count.
    pub bins: Bins,
    /// Faults in the span.
    pub all: u64,
    /// Those of them that pass the filter. Everything below counts these.
    pub passing: u64,
    /// Those of them that ended a task.
    pub refused: u64,
    /// By group, the largest first.
    pub groups: Vec<GroupCount>,
    /// All together first, then by outcome, the most frequent first. Empty where no cost is known.
    pub costs: Vec<CostFigures>,
    /// The median and the 99th percentile of each part; `None` where no cost is known.
    pub cost_bins: Vec<Option<(u32, u32)>>,
    /// Which pages.
    pub heat: HeatMap,
    /// Different pages of different tasks.
    pub pages: usize,
    /// Faults of each task, by id.
    pub tasks: BTreeMap<Option<u16>, u64>,
}

impl FaultHistory {
    /// Summarizes the faults of a span that pass a filter.
    pub fn summarize(
        &self,
        span: TimeSpan,
        filter: &FaultFilter,
        names: &TaskNames,
        options: &SummaryOptions,
    ) -> SpanSummary {
        let bins = Bins::new(span, options.bins);
        let rows = self.rows_of(span);
        let all = rows.len() as u64;
        let passing: Vec<BinnedRow<'_>> = rows
            .filter(|row| filter.passes(row, names))
            .map(|row| BinnedRow {
                row,
                bin: bins.of(row.at_us) as u32,
            })
            .collect();
        let mut groups: Vec<GroupCount> = Vec::new();
        let mut tasks: BTreeMap<Option<u16>, u64> = BTreeMap::new();
        let mut refused = 0;
        let mut place = 0;
        for run in passing.chunk_by(|one, next| one.row.task == next.row.task) {
            let task = run.first().and_then(|it| it.row.fault().task());
            *tasks.entry(task).or_default() += run.len() as u64;
            for BinnedRow { row, bin } in run {
                let group = options.by.group(row);
                // Neighbours are mostly of one group.
                if groups.get(place).is_none_or(|it| it.group != group) {
                    let known = groups.iter().position(|it| it.group == group);
                    place = known.unwrap_or_else(|| {
                        groups.push(GroupCount {
                            group,
                            count: 0,
                            bins: vec![0; bins.count],
                        });
                        groups.len() - 1
                    });
                }
                groups[place].count += 1;
                groups[place].bins[*bin as usize] += 1;
                refused += u64::from(row.is_refusal());
            }
        }
        groups.sort_by_key(|it| (std::cmp::Reverse(it.count), it.group));
        let (heat, pages) = heat(&passing, bins.count, (options.heat_rows, options.across));
        SpanSummary {
            bins,
            all,
            passing: passing.len() as u64,
            refused,
            groups,
            costs: costs(&passing),
            cost_bins: cost_bins(&passing, bins.count),
            heat,
            pages,
            tasks,
        }
    }
}

#[cfg(test)]
mod tests {
    use abi::{Fault, Outcome};

    use super::super::tests::history_of;
    use super::*;

    const OPTIONS: SummaryOptions = SummaryOptions {
        by: GroupBy::Outcome,
        bins: 4,
        heat_rows: 8,
        across: HeatAcross::Time,
    };

    fn history() -> FaultHistory {
        history_of(&[
            (0, 1_000, 0x1000, 2, Outcome::Zeroed, 80),
            (1, 1_100, 0x2000, 2, Outcome::Zeroed, 82),
            (2, 1_200, 0x1008, 2, Outcome::AccessBits, 300),
            (3, 1_300, 0x9000, 3, Outcome::Zeroed, 90),
            (4, 1_399, 0x8, 3, Outcome::NoRegion, 1_000),
        ])
    }

    fn summary(filter: &str, options: &SummaryOptions) -> SpanSummary {
        let history = history();
        let filter = FaultFilter::parse(filter).unwrap();
        history.summarize(history.whole(), &filter, &TaskNames::new(), options)
    }

    #[test]
    fn counts_are_those_of_the_faults() {
        let summary = summary("", &OPTIONS);
        assert_eq!((summary.all, summary.passing, summary.refused), (5, 5, 1));
        let first = &summary.groups[0];
        assert_eq!(first.group, FaultGroup::Outcome(Outcome::Zeroed.number()));
        assert_eq!((first.count, &first.bins[..]), (3, &[1, 1, 0, 1][..]));
        let sum: u64 = summary
            .groups
            .iter()
            .map(|it| it.bins.iter().sum::<u64>())
            .sum();
        assert_eq!(sum, 5);
        assert_eq!(summary.pages, 4, "0x1000, 0x2000, 0x9000 and 0");
        assert_eq!(summary.tasks, BTreeMap::from([(Some(2), 3), (Some(3), 2)]));
    }

    #[test]
    fn percentiles_are_exact_and_by_outcome() {
        let costs = summary("", &OPTIONS).costs;
        let all = &costs[0];
        assert_eq!(
            (all.count, all.least, all.p50, all.p90, all.most),
            (5, 80, 90, 1_000, 1_000)
        );
        assert_eq!(all.octaves.iter().sum::<u64>(), 5);
        assert_eq!(all.octaves[6], 3, "80, 82 and 90 are of 64 to 127");
        let zeroed = &costs[1];
        assert_eq!((zeroed.outcome, zeroed.p50, zeroed.p99), (Some(1), 82, 90));
        assert!(costs.iter().any(|it| it.is_refusal() && it.p50 == 1_000));
    }

    #[test]
    fn a_span_and_a_filter_leave_the_others_out() {
        let history = history();
        let span = TimeSpan {
            from_us: 1_100,
            end_us: 1_300,
        };
        let filter = FaultFilter::parse("outcome:zeroed").unwrap();
        let summary = history.summarize(span, &filter, &TaskNames::new(), &OPTIONS);
        assert_eq!((summary.all, summary.passing), (2, 1));
        assert_eq!(summary.cost_bins[0], Some((82, 82)));
        assert_eq!(summary.cost_bins[3], None);
    }

    #[test]
    fn pages_are_joined_until_they_fit() {
        let few = SummaryOptions {
            heat_rows: 2,
            ..OPTIONS
        };
        let heat = summary("", &few).heat;
        assert_eq!((heat.row_bytes, &heat.rows[..]), (0x4000, &[0, 0x8000][..]));
        assert_eq!(heat.regions, [1 << Fault::EMPTY.class; 2]);
        assert_eq!(heat.cells, [1, 1, 1, 1, 0, 0, 0, 1]);
        let heat = summary(
            "",
            &SummaryOptions {
                across: HeatAcross::Task,
                ..OPTIONS
            },
        )
        .heat;
        assert_eq!(heat.rows, [0, 0x1000, 0x2000, 0x9000]);
        assert_eq!(heat.tasks, [Some(2), Some(3)]);
        assert_eq!(heat.cells, [0, 1, 2, 0, 1, 0, 0, 1]);
    }

    #[test]
    fn a_fault_that_came_late_is_counted_in_its_span() {
        let late = [
            (0, 1_000, 0x1000, 2, Outcome::Zeroed, 80),
            (2, 3_000, 0x2000, 2, Outcome::Zeroed, 82),
            (1, 2_000, 0x3000, 2, Outcome::Zeroed, 84),
        ];
        let history = history_of(&late);
        let span = TimeSpan {
            from_us: 1_500,
            end_us: 2_500,
        };
        let nothing = FaultFilter::default();
        let summary = history.summarize(span, &nothing, &TaskNames::new(), &OPTIONS);
        assert_eq!((summary.all, summary.heat.rows), (1, vec![0x3000]));
    }

    #[test]
    fn nothing_is_a_summary_too() {
        let history = FaultHistory::default();
        let nothing = FaultFilter::default();
        let summary = history.summarize(history.whole(), &nothing, &TaskNames::new(), &OPTIONS);
        assert_eq!(
            (summary.all, summary.costs.len(), summary.heat.rows.len()),
            (0, 0, 0)
        );
    }
}
