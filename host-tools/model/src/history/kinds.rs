//! Kinds of rows: what is asked once for each kind, and not for each of a million rows.

use std::collections::HashMap;

use super::HistoryRow;

/// Places that remember the kind seen last; a power of two.
const SEEN: usize = 256;

/// Rows that differ in time, address, cost and frame alone.
pub(super) struct RowKind {
    key: u64,
    pub(super) task: Option<u16>,
    pub(super) class: u8,
    pub(super) is_refusal: bool,
    /// Whether the cause has an address.
    pub(super) has_page: bool,
    /// Rows of it.
    pub(super) count: u64,
}

/// The kinds so far, in order of their first row.
pub(super) struct RowKinds {
    pub(super) kinds: Vec<RowKind>,
    places: HashMap<u64, usize>,
    seen: Box<[usize; SEEN]>,
}

impl RowKinds {
    pub(super) fn new() -> RowKinds {
        RowKinds {
            kinds: Vec::new(),
            places: HashMap::new(),
            seen: Box::new([0; SEEN]),
        }
    }

    /// Counts a row; returns the place of its kind.
    pub(super) fn add(&mut self, row: &HistoryRow) -> usize {
        let key = u64::from(row.task)
            | u64::from(row.hart) << 16
            | u64::from(row.cause) << 32
            | u64::from(row.class) << 40
            | u64::from(row.outcome) << 48;
        let seen = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize % SEEN;
        let mut place = self.seen[seen];
        if self.kinds.get(place).is_none_or(|kind| kind.key != key) {
            place = self.find(key, row);
            self.seen[seen] = place;
        }
        self.kinds[place].count += 1;
        place
    }

    fn find(&mut self, key: u64, row: &HistoryRow) -> usize {
        let next = self.kinds.len();
        let place = *self.places.entry(key).or_insert(next);
        if place == next {
            let fault = row.fault();
            self.kinds.push(RowKind {
                key,
                task: fault.task(),
                class: row.class,
                is_refusal: row.is_refusal(),
                has_page: row.page().is_some(),
                count: 0,
            });
        }
        place
    }
}
