//! Fault records of a recording, field by field: what repeats stands together.
//!
//! Each field is the difference to the task's record before. The epc, the cause and the class of a task
//! hardly change, so their columns are zeros, of which the compressor makes almost nothing.

use std::collections::HashMap;

use abi::Fault;
use wire::BatchWriter;
use wire::frame::MAX_PAYLOAD;

use super::number::{at_distance, distance, put, take, take_bytes, take_count};

/// A field as a number.
type Get = fn(&Fault) -> u64;
/// Sets a field, if the number fits.
type Set = fn(&mut Fault, u64) -> Option<()>;

/// A row for each field, in the order of the columns. The task is first: it selects the record before.
const COLUMNS: [(Get, Set); 18] = [
    (|it| it.task.into(), |it, n| set(&mut it.task, n)),
    (|it| it.time, |it, n| set(&mut it.time, n)),
    (|it| it.epc, |it, n| set(&mut it.epc, n)),
    (|it| it.va, |it, n| set(&mut it.va, n)),
    (|it| it.entry, |it, n| set(&mut it.entry, n)),
    (|it| it.frame.into(), |it, n| set(&mut it.frame, n)),
    (|it| it.cost.into(), |it, n| set(&mut it.cost, n)),
    (|it| it.cause.into(), |it, n| set(&mut it.cause, n)),
    (|it| it.access.into(), |it, n| set(&mut it.access, n)),
    (|it| it.level.into(), |it, n| set(&mut it.level, n)),
    (|it| it.source.into(), |it, n| set(&mut it.source, n)),
    (|it| it.class.into(), |it, n| set(&mut it.class, n)),
    (|it| it.outcome.into(), |it, n| set(&mut it.outcome, n)),
    (|it| it.satp, |it, n| set(&mut it.satp, n)),
    (|it| it.hart.into(), |it, n| set(&mut it.hart, n)),
    (
        |it| it.reserved[0].into(),
        |it, n| set(&mut it.reserved[0], n),
    ),
    (
        |it| it.reserved[1].into(),
        |it, n| set(&mut it.reserved[1], n),
    ),
    (
        |it| it.reserved[2].into(),
        |it, n| set(&mut it.reserved[2], n),
    ),
];
const TASK: usize = 0;
const TIME: usize = 1;

fn set<T: TryFrom<u64>>(field: &mut T, number: u64) -> Option<()> {
    *field = number.try_into().ok()?;
    Some(())
}

/// The records of one frame, with the number of the first.
pub type NumberedBatch = (u64, Vec<Fault>);

/// The records as a frame has them; `None` if they do not fit into one.
pub fn batch(first: u64, records: &[Fault]) -> Option<BatchWriter<MAX_PAYLOAD>> {
    let mut batch = BatchWriter::new(first);
    let fits = records.iter().all(|fault| batch.push(fault));
    fits.then_some(batch)
}

/// What was last said: writer and reader keep the same, from the start of a segment on.
#[derive(Default)]
pub struct FaultModel {
    next: u64,
    time: u64,
    by_task: HashMap<u64, Fault>,
}

impl FaultModel {
    /// Appends the batches.
    pub fn put(&mut self, out: &mut Vec<u8>, batches: &[NumberedBatch]) {
        put(out, batches.len() as u64);
        let mut columns: [Vec<u8>; COLUMNS.len()] = Default::default();
        for (first, records) in batches {
            put(out, distance(self.next, *first));
            put(out, records.len() as u64);
            self.next = first.wrapping_add(records.len() as u64);
            for fault in records {
                let before = self.by_task.insert(fault.task.into(), *fault);
                let before = before.unwrap_or(Fault::EMPTY);
                for (place, ((get, _), column)) in COLUMNS.iter().zip(&mut columns).enumerate() {
                    let from = match place {
                        TASK => 0,
                        TIME => self.time,
                        _ => get(&before),
                    };
                    put(column, distance(from, get(fault)));
                }
                self.time = fault.time;
            }
        }
        for column in columns {
            put(out, column.len() as u64);
            out.extend(column);
        }
    }

    /// Takes the batches of one [`FaultModel::put`] off the front; `None` if they are none.
    pub fn take(&mut self, from: &mut &[u8]) -> Option<Vec<NumberedBatch>> {
        let mut heads = Vec::new();
        for _ in 0..take_count(from)? {
            heads.push((take(from)?, take_count(from)?));
        }
        let mut columns = [&[][..]; COLUMNS.len()];
        for column in &mut columns {
            let length = usize::try_from(take(from)?).ok()?;
            *column = take_bytes(from, length)?;
        }
        let mut batches = Vec::new();
        for (far, count) in heads {
            let first = at_distance(self.next, far);
            self.next = first.wrapping_add(count as u64);
            let mut records = Vec::new();
            for _ in 0..count {
                records.push(self.record(&mut columns)?);
            }
            batches.push((first, records));
        }
        Some(batches)
    }

    fn record(&mut self, columns: &mut [&[u8]; COLUMNS.len()]) -> Option<Fault> {
        let task = at_distance(0, take(&mut columns[TASK])?);
        let before = self.by_task.get(&task).copied().unwrap_or(Fault::EMPTY);
        let mut fault = before;
        set(&mut fault.task, task)?;
        for (place, ((get, set), column)) in COLUMNS.iter().zip(columns).enumerate().skip(TIME) {
            let from = if place == TIME {
                self.time
            } else {
                get(&before)
            };
            set(&mut fault, at_distance(from, take(column)?))?;
        }
        self.time = fault.time;
        self.by_task.insert(task, fault);
        Some(fault)
    }
}
