//! Faults by page, and by time or task.
//!
//! A million faults are mostly on few pages: the pages are found by one pass that sorts only what it has not just
//! seen.

use super::HistoryRow;
use super::binned::BinnedRow;

/// Places that remember the page seen last.
const SEEN: usize = 1 << 12;

/// What the columns of a heat map are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeatAcross {
    /// Equal parts of the span.
    #[default]
    Time,
    /// Tasks, in order of their ids.
    Task,
}

/// Faults by page and by time or task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeatMap {
    /// Bytes of a row: a page, or a power of two of them where there are too many.
    pub row_bytes: u64,
    /// First address of each row that has a fault, ascending.
    pub rows: Vec<u64>,
    /// For each row the kinds of region that its faults were in: bit n stands for class n of the record.
    pub regions: Vec<u32>,
    /// Tasks of the columns; empty where columns are the parts of the span.
    pub tasks: Vec<Option<u16>>,
    /// Number of columns.
    pub columns: usize,
    /// Counts, row by row.
    pub cells: Vec<u64>,
}

/// A page of a task, with the class of its region.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct TouchedPage {
    page: u64,
    task: Option<u16>,
    class: u8,
}

impl TouchedPage {
    fn of(row: &HistoryRow) -> Option<TouchedPage> {
        Some(TouchedPage {
            page: row.page()?,
            task: row.fault().task(),
            class: row.class,
        })
    }

    fn place(&self) -> usize {
        let key = self.page >> 12 ^ u64::from(self.task.unwrap_or(0)) << 40;
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52) as usize % SEEN
    }
}

/// Each page that was touched, once, ascending.
fn touched(rows: &[BinnedRow<'_>]) -> Vec<TouchedPage> {
    let mut seen = vec![None; SEEN];
    let mut pages = Vec::new();
    for page in rows.iter().filter_map(|it| TouchedPage::of(it.row)) {
        let before = seen[page.place()].replace(page);
        if before != Some(page) {
            pages.push(page);
        }
    }
    pages.sort_unstable();
    pages.dedup();
    pages
}

/// The heat map of at most `most_rows` rows over `bins` parts of the span, and the number of different pages of different tasks.
pub(super) fn heat(
    rows: &[BinnedRow<'_>],
    bins: usize,
    (most_rows, across): (usize, HeatAcross),
) -> (HeatMap, usize) {
    let pages = touched(rows);
    let count = pages
        .chunk_by(|one, next| (one.page, one.task) == (next.page, next.task))
        .count();
    let mut starts: Vec<u64> = pages.iter().map(|it| it.page).collect();
    starts.dedup();
    let mut shift = 12;
    while starts.len() > most_rows.max(1) && shift < 63 {
        shift += 1;
        for start in &mut starts {
            *start = *start >> shift << shift;
        }
        starts.dedup();
    }
    let mut tasks: Vec<Option<u16>> = Vec::new();
    if across == HeatAcross::Task {
        tasks.extend(pages.iter().map(|it| it.task));
        tasks.sort_unstable();
        tasks.dedup();
    }
    let columns = match across {
        HeatAcross::Time => bins,
        HeatAcross::Task => tasks.len(),
    };
    let row_of = |page: u64| starts.binary_search(&(page >> shift << shift)).ok();
    let mut regions = vec![0; starts.len()];
    for it in &pages {
        if let Some(at) = row_of(it.page) {
            regions[at] |= 1u32.checked_shl(it.class.into()).unwrap_or(0);
        }
    }
    let mut cells = vec![0; starts.len() * columns];
    for BinnedRow { row, bin } in rows {
        let Some(page) = row.page() else { continue };
        let column = match across {
            HeatAcross::Time => Some(*bin as usize),
            HeatAcross::Task => tasks.binary_search(&row.fault().task()).ok(),
        };
        if let Some((at, column)) = row_of(page).zip(column) {
            cells[at * columns + column] += 1;
        }
    }
    let heat = HeatMap {
        row_bytes: 1 << shift,
        rows: starts,
        regions,
        tasks,
        columns,
        cells,
    };
    (heat, count)
}
