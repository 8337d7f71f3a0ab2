//! What a span of faults amounts to: counts, rates, costs, and which pages.

use std::collections::BTreeMap;

use super::costs::{BinCosts, CostCounts, CostFigures, costs};
use super::heat::{HeatAcross, HeatMap, heat};
use super::kinds::RowKinds;
use super::pages::{TouchedPage, TouchedPages};
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

    /// The first microsecond of a part: of those with `within * count / length == part`, rounded down.
    fn begin_us(&self, part: usize) -> u64 {
        let product = part as u128 * u128::from(self.span.length_us());
        let within = product.div_ceil(self.count as u128);
        let within = u64::try_from(within).unwrap_or(u64::MAX);
        self.span.from_us.saturating_add(within)
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
        let rows = self.rows_of(span);
        let all = rows.len() as u64;
        let mut fold = SpanFold::new(Bins::new(span, options.bins), options.by);
        rows.filter(|row| filter.passes(row, names))
            .for_each(|row| fold.add(row));
        fold.end(all, options)
    }
}

/// What rows in order of time amount to so far: one pass, however many there are.
struct SpanFold {
    bins: Bins,
    by: GroupBy,
    /// The part of the span that rows are in, and the first microsecond behind it.
    bin: usize,
    bin_end_us: u64,
    kinds: RowKinds,
    /// For each kind its place in `groups`, and in `costs`.
    places: Vec<(usize, usize)>,
    groups: Vec<GroupCount>,
    group_places: BTreeMap<FaultGroup, usize>,
    /// By outcome.
    costs: Vec<(u8, CostCounts)>,
    bin_costs: BinCosts,
    cost_bins: Vec<Option<(u32, u32)>>,
    touched: TouchedPages,
    /// Where each part of the span ends in `touched.touches`.
    touch_ends: Vec<usize>,
}

impl SpanFold {
    fn new(bins: Bins, by: GroupBy) -> SpanFold {
        SpanFold {
            bins,
            by,
            bin: 0,
            bin_end_us: bins.begin_us(1),
            kinds: RowKinds::new(),
            places: Vec::new(),
            groups: Vec::new(),
            group_places: BTreeMap::new(),
            costs: Vec::new(),
            bin_costs: BinCosts::new(),
            cost_bins: Vec::new(),
            touched: TouchedPages::new(),
            touch_ends: Vec::new(),
        }
    }

    fn add(&mut self, row: &HistoryRow) {
        while row.at_us >= self.bin_end_us && self.bin + 1 < self.bins.count {
            self.end_bin();
        }
        let place = self.kinds.add(row);
        if place == self.places.len() {
            self.add_kind(row);
        }
        let (group, costs) = self.places[place];
        self.groups[group].bins[self.bin] += 1;
        if let Some(cost) = row.cost() {
            self.costs[costs].1.add(cost);
            self.bin_costs.add(cost);
        }
        let kind = &self.kinds.kinds[place];
        if kind.has_page {
            self.touched.add(TouchedPage {
                page: row.va & !0xfff,
                task: kind.task,
                class: kind.class,
            });
        }
    }

    /// The first row of a kind.
    fn add_kind(&mut self, row: &HistoryRow) {
        let group = self.by.group(row);
        let groups = &mut self.groups;
        let of_group = *self.group_places.entry(group).or_insert_with(|| {
            groups.push(GroupCount {
                group,
                count: 0,
                bins: vec![0; self.bins.count],
            });
            groups.len() - 1
        });
        let known = self.costs.iter().position(|it| it.0 == row.outcome);
        let of_costs = known.unwrap_or_else(|| {
            self.costs.push((row.outcome, CostCounts::default()));
            self.costs.len() - 1
        });
        self.places.push((of_group, of_costs));
    }

    fn end_bin(&mut self) {
        self.cost_bins.push(self.bin_costs.take());
        self.touch_ends.push(self.touched.touches.len());
        self.bin += 1;
        self.bin_end_us = self.bins.begin_us(self.bin + 1);
    }

    fn end(mut self, all: u64, options: &SummaryOptions) -> SpanSummary {
        while self.bin < self.bins.count {
            self.end_bin();
        }
        let mut tasks: BTreeMap<Option<u16>, u64> = BTreeMap::new();
        let (mut passing, mut refused) = (0, 0);
        for (kind, (group, _)) in self.kinds.kinds.iter().zip(&self.places) {
            *tasks.entry(kind.task).or_default() += kind.count;
            self.groups[*group].count += kind.count;
            passing += kind.count;
            refused += if kind.is_refusal { kind.count } else { 0 };
        }
        let mut groups = self.groups;
        groups.sort_by_key(|it| (std::cmp::Reverse(it.count), it.group));
        let shape = (options.heat_rows, options.across);
        let (heat, pages) = heat(&self.touched, &self.touch_ends, shape);
        SpanSummary {
            bins: self.bins,
            all,
            passing,
            refused,
            groups,
            costs: costs(self.costs.into_iter().collect()),
            cost_bins: self.cost_bins,
            heat,
            pages,
            tasks,
        }
    }
}

#[cfg(test)]
mod tests {
    use abi::{Fault, Outcome, Sighting};

    use super::super::tests::history_of;
    use super::*;
    use crate::ledger::LedgerRow;

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

    /// Faults of a few tasks and outcomes on a few thousand pages; some come late, and some share their place in the
    /// table of pages.
    fn any_history(seed: u64) -> FaultHistory {
        let mut state = seed;
        let mut draw = |most: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % most
        };
        let mut history = FaultHistory::default();
        for id in 1..=3_000 {
            let fault = Fault {
                cause: [2, 12, 13, 15][draw(4) as usize],
                va: draw(40) << 28 | draw(50) << 12 | draw(4096),
                task: [2, 3, 900, Fault::NO_TASK][draw(4) as usize],
                class: draw(4) as u8,
                outcome: draw(20) as u8,
                cost: [80 + draw(40), draw(200_000), u64::from(Fault::NO_COST)][draw(3) as usize]
                    as u32,
                ..Fault::EMPTY
            };
            let sighting = Sighting {
                seq: Some(id),
                time_us: Some(id * 1_000 + draw(seed % 2 * 9_000 + 900)),
                fault,
            };
            let row = LedgerRow {
                id,
                boot: 0,
                sighting,
            };
            history.push(&row, 0);
        }
        history
    }

    #[test]
    fn a_summary_is_that_of_every_fault_for_itself() {
        for (seed, bins) in [(1, 7), (2, 240), (3, 1), (4, 64)] {
            let history = any_history(seed);
            let whole = history.whole();
            let span = TimeSpan {
                from_us: whole.from_us + seed * 100_000,
                end_us: whole.end_us - 77_777,
            };
            let options = SummaryOptions { bins, ..OPTIONS };
            let summary =
                history.summarize(span, &FaultFilter::default(), &TaskNames::new(), &options);
            let rows: Vec<&HistoryRow> = history
                .rows()
                .map(|(_, row)| row)
                .filter(|row| span.contains(row.at_us))
                .collect();
            let bin_of = |row: &HistoryRow| {
                let within = u128::from(row.at_us - span.from_us);
                (within * bins as u128 / u128::from(span.length_us())) as usize
            };
            assert_eq!(summary.passing, rows.len() as u64);
            let mut groups: BTreeMap<FaultGroup, Vec<u64>> = BTreeMap::new();
            let mut costs = vec![Vec::new(); bins];
            let mut cells = vec![0; summary.heat.cells.len()];
            let mut pages = std::collections::BTreeSet::new();
            for row in &rows {
                let bin = bin_of(row);
                let counts = groups.entry(FaultGroup::Outcome(row.outcome));
                counts.or_insert_with(|| vec![0; bins])[bin] += 1;
                costs[bin].extend(row.cost());
                if let Some(page) = row.page() {
                    let start = page / summary.heat.row_bytes * summary.heat.row_bytes;
                    let at = summary.heat.rows.binary_search(&start).expect("its row");
                    cells[at * bins + bin] += 1;
                    pages.insert((page, row.fault().task()));
                }
            }
            let found = summary.groups.into_iter().map(|it| (it.group, it.bins));
            assert_eq!(found.collect::<BTreeMap<_, _>>(), groups);
            assert_eq!(summary.heat.cells, cells);
            assert_eq!(summary.pages, pages.len());
            let ranked = costs.into_iter().map(|mut costs| {
                costs.sort_unstable();
                let rank = |percent: usize| (costs.len() * percent).div_ceil(100) - 1;
                (!costs.is_empty()).then(|| (costs[rank(50)], costs[rank(99)]))
            });
            assert_eq!(summary.cost_bins, ranked.collect::<Vec<_>>());
            let mut tasks: BTreeMap<Option<u16>, u64> = BTreeMap::new();
            for row in &rows {
                *tasks.entry(row.fault().task()).or_default() += 1;
            }
            assert_eq!(summary.tasks, tasks);
            let refused = rows.iter().filter(|row| row.is_refusal()).count() as u64;
            assert_eq!(summary.refused, refused);
        }
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
