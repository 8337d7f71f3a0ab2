//! Faults by page, and by time or task.
//!
//! A million faults are mostly on few pages: rows and columns are found for each page, and not for each fault.

use super::pages::TouchedPages;

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

/// The heat map of at most `most_rows` rows, and the number of different pages of different tasks. The parts of the
/// span end at `ends`, which are places in `touched.touches`.
pub(super) fn heat(
    touched: &TouchedPages,
    ends: &[usize],
    (most_rows, across): (usize, HeatAcross),
) -> (HeatMap, usize) {
    let mut pages = touched.pages.clone();
    pages.sort_unstable();
    pages.dedup();
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
    let row_of = |page: u64| starts.partition_point(|start| *start < page >> shift << shift);
    let mut regions = vec![0; starts.len()];
    for it in &pages {
        regions[row_of(it.page)] |= 1u32.checked_shl(it.class.into()).unwrap_or(0);
    }
    let rows: Vec<usize> = touched.pages.iter().map(|it| row_of(it.page)).collect();
    let mut tasks: Vec<Option<u16>> = Vec::new();
    let (columns, cells) = match across {
        HeatAcross::Time => (
            ends.len(),
            cells_by_time(touched, ends, &rows, starts.len()),
        ),
        HeatAcross::Task => {
            tasks.extend(pages.iter().map(|it| it.task));
            tasks.sort_unstable();
            tasks.dedup();
            (
                tasks.len(),
                cells_by_task(touched, &tasks, &rows, starts.len()),
            )
        }
    };
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

fn cells_by_time(
    touched: &TouchedPages,
    ends: &[usize],
    rows: &[usize],
    row_count: usize,
) -> Vec<u64> {
    let mut cells = vec![0; row_count * ends.len()];
    let mut from = 0;
    for (column, end) in ends.iter().enumerate() {
        for place in &touched.touches[from..*end] {
            cells[rows[*place as usize] * ends.len() + column] += 1;
        }
        from = *end;
    }
    cells
}

fn cells_by_task(
    touched: &TouchedPages,
    tasks: &[Option<u16>],
    rows: &[usize],
    row_count: usize,
) -> Vec<u64> {
    let mut counts = vec![0_u64; touched.pages.len()];
    for place in &touched.touches {
        counts[*place as usize] += 1;
    }
    let mut cells = vec![0; row_count * tasks.len()];
    for ((page, row), count) in touched.pages.iter().zip(rows).zip(counts) {
        let column = tasks.partition_point(|task| *task < page.task);
        cells[row * tasks.len() + column] += count;
    }
    cells
}
