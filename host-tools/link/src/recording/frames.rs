//! One direction of a line in a recording: frames taken apart, everything else byte for byte.
//!
//! A frame's zeros, its COBS and its checksum follow from its content, and no compressor can guess a
//! checksum. A frame is taken apart only if putting it together again gives the same bytes; a damaged or
//! truncated one is kept as it is, because a recording must show what was on the line.

use wire::{Event, Frame, Split, Splitter};

use super::fault_columns::{FaultModel, NumberedBatch, batch};
use super::number::{at_distance, distance, put, take, take_bytes, take_count};

/// Stands for a frame of fault records in columns; no frame has this kind.
const IN_COLUMNS: u8 = 0;

/// What the frames before had, from the start of a segment on.
#[derive(Default)]
pub struct DirectionModel {
    sequence: u16,
    faults: FaultModel,
}

/// What a direction had.
#[derive(Default)]
pub struct DirectionFacts {
    /// Number of fault records in frames.
    pub faults: u32,
    /// The last welcome, as a frame.
    pub welcome: Option<Vec<u8>>,
}

/// The frames of a piece, and the bytes between them.
#[derive(Default)]
struct Parts {
    kinds: Vec<u8>,
    sequences: Vec<u8>,
    gaps: Vec<u8>,
    lengths: Vec<u8>,
    payloads: Vec<u8>,
    batches: Vec<NumberedBatch>,
    between: Vec<u8>,
}

impl DirectionModel {
    /// Appends the bytes of one direction.
    pub fn put(&mut self, out: &mut Vec<u8>, bytes: &[u8]) -> DirectionFacts {
        let mut facts = DirectionFacts::default();
        let mut parts = Parts::default();
        let mut splitter = Splitter::<{ wire::LARGEST }>::new();
        // Start of the last zero, and end of the last frame.
        let (mut zero, mut done) = (0, 0);
        for (at, &byte) in bytes.iter().enumerate() {
            if let Some(Split::Frame(frame)) = splitter.feed(byte)
                && zero >= done
            {
                let whole = &bytes[zero..=at];
                let mut again = [0; wire::LARGEST];
                let used = frame.encode(&mut again).unwrap_or(0);
                if again[..used] == *whole {
                    put(&mut parts.gaps, (zero - done) as u64);
                    parts.between.extend(&bytes[done..zero]);
                    done = at + 1;
                    self.frame(&frame, whole, &mut parts, &mut facts);
                }
            }
            if byte == 0 {
                zero = at;
            }
        }
        parts.between.extend(&bytes[done..]);
        put(out, parts.kinds.len() as u64);
        for column in [&parts.kinds, &parts.sequences, &parts.gaps, &parts.lengths] {
            out.extend(column);
        }
        put(out, parts.between.len() as u64);
        out.extend(&parts.between);
        out.extend(&parts.payloads);
        self.faults.put(out, &parts.batches);
        facts
    }

    fn frame(
        &mut self,
        frame: &Frame<'_>,
        whole: &[u8],
        parts: &mut Parts,
        facts: &mut DirectionFacts,
    ) {
        let expected = self.sequence.wrapping_add(1);
        put(
            &mut parts.sequences,
            distance(expected.into(), frame.sequence.into()),
        );
        self.sequence = frame.sequence;
        match Event::decode(frame) {
            Ok(Event::Faults(faults)) => {
                let first = faults.clone().next().map_or(0, |(seq, _)| seq);
                let records: Vec<_> = faults.map(|(_, fault)| fault).collect();
                facts.faults += records.len() as u32;
                if batch(first, &records).is_some_and(|again| again.payload() == frame.payload) {
                    parts.kinds.push(IN_COLUMNS);
                    parts.batches.push((first, records));
                    return;
                }
            }
            Ok(Event::Welcome(_)) => facts.welcome = Some(whole.to_vec()),
            _ => {}
        }
        parts.kinds.push(frame.kind);
        put(&mut parts.lengths, frame.payload.len() as u64);
        parts.payloads.extend(frame.payload);
    }

    /// Takes the bytes of one [`DirectionModel::put`] off the front; `None` if they are none.
    pub fn take(&mut self, from: &mut &[u8]) -> Option<Vec<u8>> {
        let count = take_count(from)?;
        let kinds = take_bytes(from, count)?;
        let mut numbers = |count: usize| -> Option<Vec<u64>> {
            (0..count).map(|_| take(from)).collect::<Option<Vec<u64>>>()
        };
        let sequences = numbers(count)?;
        let gaps = numbers(count)?;
        let plain = kinds.iter().filter(|kind| **kind != IN_COLUMNS).count();
        let mut lengths = numbers(plain)?.into_iter();
        let count = take_count(from)?;
        let mut between = take_bytes(from, count)?;
        let mut payloads = Vec::new();
        for &kind in kinds.iter().filter(|kind| **kind != IN_COLUMNS) {
            let length = usize::try_from(lengths.next()?).ok()?;
            payloads.push((kind, take_bytes(from, length)?));
        }
        let (mut batches, mut payloads) =
            (self.faults.take(from)?.into_iter(), payloads.into_iter());
        let mut bytes = Vec::new();
        let mut room = [0; wire::LARGEST];
        for ((&kind, far), gap) in kinds.iter().zip(sequences).zip(gaps) {
            bytes.extend(take_bytes(&mut between, usize::try_from(gap).ok()?)?);
            let expected = self.sequence.wrapping_add(1);
            self.sequence = u16::try_from(at_distance(expected.into(), far)).ok()?;
            let sequence = self.sequence;
            let used = if kind == IN_COLUMNS {
                let (first, records) = batches.next()?;
                batch(first, &records)?.encode(sequence, &mut room)
            } else {
                let (kind, payload) = payloads.next()?;
                Frame {
                    kind,
                    sequence,
                    payload,
                }
                .encode(&mut room)
            };
            bytes.extend(&room[..used.ok()?]);
        }
        bytes.extend(between);
        Some(bytes)
    }
}
