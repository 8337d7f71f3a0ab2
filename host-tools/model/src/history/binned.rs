//! A row of a span, with the part of the span that it lies in.

use super::HistoryRow;

/// A fault that is summarized, and the part of the span that it lies in.
pub(super) struct BinnedRow<'a> {
    pub(super) row: &'a HistoryRow,
    pub(super) bin: u32,
}
