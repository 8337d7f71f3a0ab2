//! Many fault records in one frame: the first complete, the others as differences.

use abi::Fault;

use crate::frame::{Frame, MAX_PAYLOAD, NoRoom};
use crate::number::{Malformed, put, take};
use crate::record::{LONGEST, ZERO, put_record, take_record};

/// Kind of a frame with a batch.
pub(crate) const FAULTS: u8 = 0x81;

/// Builds a batch of consecutive records in `N` bytes of payload, at most [`MAX_PAYLOAD`]. Records refer to
/// records of the same frame only, so a lost frame does not affect others.
pub struct BatchWriter<const N: usize> {
    payload: [u8; N],
    length: usize,
    before: Fault,
    records: usize,
}

impl<const N: usize> BatchWriter<N> {
    const FITS: () = assert!(N >= 10 + LONGEST && N <= MAX_PAYLOAD, "see BatchWriter");

    /// An empty batch; its first record has number `first_seq`.
    pub fn new(first_seq: u64) -> Self {
        let () = Self::FITS;
        let mut batch = BatchWriter {
            payload: [0; N],
            length: 0,
            before: *ZERO,
            records: 0,
        };
        // At most ten bytes, and N is larger.
        let _ = put(&mut batch.payload, &mut batch.length, first_seq);
        batch
    }

    /// Appends the next record; returns `false` and changes nothing if it does not fit. The first one always
    /// fits.
    pub fn push(&mut self, fault: &Fault) -> bool {
        let fits = put_record(&mut self.payload, &mut self.length, &self.before, fault).is_some();
        if fits {
            self.before = *fault;
            self.records += 1;
        }
        fits
    }

    /// Number of records.
    pub const fn records(&self) -> usize {
        self.records
    }

    /// The encoded records, as in [`Answer::Faults`](crate::Answer::Faults).
    pub fn payload(&self) -> &[u8] {
        &self.payload[..self.length]
    }

    /// Encodes the batch as a frame; returns the length.
    pub fn encode(&self, sequence: u16, out: &mut [u8]) -> Result<usize, NoRoom> {
        Frame {
            kind: FAULTS,
            sequence,
            payload: &self.payload[..self.length],
        }
        .encode(out)
    }
}

/// The records of one frame, checked: iterating yields each with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    rest: &'a [u8],
    seq: u64,
    before: Fault,
}

impl<'a> Batch<'a> {
    /// Decodes every record once, so that iterating cannot fail.
    pub(crate) fn decode(payload: &'a [u8]) -> Result<Self, Malformed> {
        let (seq, rest) = take(payload)?;
        let batch = Batch {
            rest,
            seq,
            before: *ZERO,
        };
        let mut check = batch.clone();
        if rest.is_empty() {
            return Err(Malformed);
        }
        while !check.rest.is_empty() {
            check.step()?;
        }
        Ok(batch)
    }

    fn step(&mut self) -> Result<(u64, Fault), Malformed> {
        let (fault, rest) = take_record(self.rest, &self.before)?;
        let seq = self.seq;
        (self.rest, self.before, self.seq) = (rest, fault, seq.wrapping_add(1));
        Ok((seq, fault))
    }
}

impl Iterator for Batch<'_> {
    /// The sequence number and the record.
    type Item = (u64, Fault);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            None
        } else {
            self.step().ok()
        }
    }
}
