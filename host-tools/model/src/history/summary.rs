//! What a span of faults amounts to: counts, rates, costs, and which pages.

use std::collections::BTreeMap;

use abi::Outcome;

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

/// What the columns of a heat map are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeatAcross {
    /// Equal parts of the span.
    #[default]
    Time,
    /// Tasks, in order of their ids.
    Task,
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
        let within = u128::from(at_us - self.span.from_us) * self.count as u128;
        (within / u128::from(self.span.length_us())) as usize
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

/// Faults by page and by time or task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeatMap {
    /// Bytes of a row: a page, or a power of two of them where there are too many.
    pub row_bytes: u64,
    /// First address of each row that has a fault, ascending.
    pub rows: Vec<u64>,
    /// Tasks of the columns; empty where columns are the parts of the span.
    pub tasks: Vec<Option<u16>>,
    /// Number of columns.
    pub columns: usize,
    /// Counts, row by row.
    pub cells: Vec<u64>,
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
        let mut all = 0;
        let mut passing: Vec<&HistoryRow> = Vec::new();
        for (_, row) in self.rows().filter(|(_, row)| span.contains(row.at_us)) {
            all += 1;
            if filter.passes(row, names) {
                passing.push(row);
            }
        }
        let mut groups: BTreeMap<FaultGroup, GroupCount> = BTreeMap::new();
        let mut tasks: BTreeMap<Option<u16>, u64> = BTreeMap::new();
        let mut refused = 0;
        for row in &passing {
            let group = options.by.group(row);
            let counted = groups.entry(group).or_insert_with(|| GroupCount {
                group,
                count: 0,
                bins: vec![0; bins.count],
            });
            counted.count += 1;
            counted.bins[bins.of(row.at_us)] += 1;
            *tasks.entry(row.fault().task()).or_default() += 1;
            refused += u64::from(row.is_refusal());
        }
        let mut groups: Vec<GroupCount> = groups.into_values().collect();
        groups.sort_by_key(|it| (std::cmp::Reverse(it.count), it.group));
        let (heat, pages) = heat(&passing, bins, options);
        SpanSummary {
            bins,
            all,
            passing: passing.len() as u64,
            refused,
            groups,
            costs: costs(&passing),
            cost_bins: cost_bins(&passing, bins),
            heat,
            pages,
            tasks,
        }
    }
}

fn costs(rows: &[&HistoryRow]) -> Vec<CostFigures> {
    let mut by_outcome: BTreeMap<u8, Vec<u32>> = BTreeMap::new();
    for row in rows {
        if let Some(cost) = row.cost() {
            by_outcome.entry(row.outcome).or_default().push(cost);
        }
    }
    let mut all: Vec<u32> = by_outcome.values().flatten().copied().collect();
    let Some(whole) = figures(None, &mut all) else {
        return Vec::new();
    };
    let each = by_outcome.iter_mut();
    let mut each: Vec<CostFigures> = each
        .filter_map(|(outcome, costs)| figures(Some(*outcome), costs))
        .collect();
    each.sort_by_key(|it| (std::cmp::Reverse(it.count), it.outcome));
    each.insert(0, whole);
    each
}

fn figures(outcome: Option<u8>, costs: &mut [u32]) -> Option<CostFigures> {
    let mut octaves = Vec::new();
    for octave in costs.iter().map(|cost| cost.max(&1).ilog2() as usize) {
        if octaves.len() <= octave {
            octaves.resize(octave + 1, 0);
        }
        octaves[octave] += 1;
    }
    Some(CostFigures {
        outcome,
        count: costs.len() as u64,
        least: *costs.iter().min()?,
        p50: percentile(costs, 50)?,
        p90: percentile(costs, 90)?,
        p99: percentile(costs, 99)?,
        most: *costs.iter().max()?,
        octaves,
    })
}

/// The least value that `percent` of 100 do not exceed (nearest rank).
fn percentile(costs: &mut [u32], percent: usize) -> Option<u32> {
    let rank = (costs.len() * percent).div_ceil(100).checked_sub(1)?;
    Some(*costs.select_nth_unstable(rank).1)
}

fn cost_bins(rows: &[&HistoryRow], bins: Bins) -> Vec<Option<(u32, u32)>> {
    let mut costs = vec![Vec::new(); bins.count];
    for row in rows {
        if let Some(cost) = row.cost() {
            costs[bins.of(row.at_us)].push(cost);
        }
    }
    costs
        .iter_mut()
        .map(|costs| Some((percentile(costs, 50)?, percentile(costs, 99)?)))
        .collect()
}

/// The heat map, and the number of different pages of different tasks.
fn heat(rows: &[&HistoryRow], bins: Bins, options: &SummaryOptions) -> (HeatMap, usize) {
    let mut pages: Vec<(u64, Option<u16>)> = rows
        .iter()
        .filter_map(|row| Some((row.page()?, row.fault().task())))
        .collect();
    pages.sort_unstable();
    pages.dedup();
    let count = pages.len();
    let mut starts: Vec<u64> = pages.iter().map(|(page, _)| *page).collect();
    starts.dedup();
    let mut shift = 12;
    while starts.len() > options.heat_rows.max(1) && shift < 63 {
        shift += 1;
        for start in &mut starts {
            *start = *start >> shift << shift;
        }
        starts.dedup();
    }
    let mut tasks: Vec<Option<u16>> = Vec::new();
    if options.across == HeatAcross::Task {
        tasks.extend(pages.iter().map(|(_, task)| *task));
        tasks.sort_unstable();
        tasks.dedup();
    }
    let columns = match options.across {
        HeatAcross::Time => bins.count,
        HeatAcross::Task => tasks.len(),
    };
    let mut cells = vec![0; starts.len() * columns];
    for row in rows {
        let Some(page) = row.page() else { continue };
        let column = match options.across {
            HeatAcross::Time => Some(bins.of(row.at_us)),
            HeatAcross::Task => tasks.binary_search(&row.fault().task()).ok(),
        };
        let at = starts.binary_search(&(page >> shift << shift)).ok();
        if let Some((at, column)) = at.zip(column) {
            cells[at * columns + column] += 1;
        }
    }
    let heat = HeatMap {
        row_bytes: 1 << shift,
        rows: starts,
        tasks,
        columns,
        cells,
    };
    (heat, count)
}

impl CostFigures {
    /// Whether the faults of this outcome ended their tasks.
    pub fn is_refusal(&self) -> bool {
        self.outcome
            .is_some_and(|outcome| Outcome::decode(outcome).is_refusal())
    }
}

#[cfg(test)]
mod tests {
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
