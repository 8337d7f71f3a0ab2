//! Memory through a stub, with several requests in flight where the stub permits it.

use std::io::Write;
use std::sync::atomic::Ordering;

use pagetable::{Outside, PhysAddr};

use super::{Stub, StubError, packet};
use crate::memory::{BatchRead, MemorySource, ReadError};

/// Limit of requests for the rest of a part: a stub that returns less than a word each time is treated as
/// having no memory there.
const MOST_PIECES: usize = 512;

/// A part of a read, at most as large as one answer.
#[derive(Clone, Copy)]
struct BatchPart {
    /// Index of the read.
    wish: usize,
    at: u64,
    bytes: usize,
}

/// Attempts for a part whose answer is malformed.
const TRIES: usize = 4;

/// Decodes an answer: the bytes, or `None` if the stub reports that there is no memory (an error or an empty
/// answer). Anything else was damaged despite a correct checksum; treating it as "no memory" would give a
/// wrong result.
fn answer(part: &BatchPart, said: &[u8]) -> Result<Option<Vec<u8>>, StubError> {
    match packet::bytes(said) {
        // `E01` has an odd number of digits, `E0` is a byte.
        Some(told) if !told.is_empty() && told.len() <= part.bytes => Ok(Some(told)),
        _ if said.is_empty() || said.starts_with(b"E") => Ok(None),
        _ => Err(StubError::Damaged),
    }
}

impl Stub {
    /// Reads `parts`, in order; `None` where there is no memory.
    fn read_parts(&mut self, parts: &[BatchPart]) -> Result<Vec<Option<Vec<u8>>>, StubError> {
        let shift = self.shift;
        let question =
            |part: &BatchPart| format!("m{:x},{:x}", part.at.wrapping_add(shift), part.bytes);
        let mut read = Vec::with_capacity(parts.len());
        for some in parts.chunks(self.window) {
            if let [only] = some {
                let question = question(only);
                let mut said = answer(only, &self.ask(&question)?);
                for _ in 1..TRIES {
                    if said.is_ok() {
                        break;
                    }
                    self.habits.is_disturbed = true;
                    said = answer(only, &self.ask(&question)?);
                }
                read.push(self.ended(said)?);
                continue;
            }
            if self.stop.load(Ordering::Relaxed) {
                return Err(StubError::Stopped);
            }
            let all: Vec<u8> = some
                .iter()
                .flat_map(|part| packet::framed(question(part).as_bytes()))
                .collect();
            self.packets += some.len() as u64;
            self.reader.get_mut().begin();
            self.settle().map_err(|error| self.lost(error))?;
            self.writer
                .write_all(&all)
                .map_err(|error| self.lost(StubError::Line(error)))?;
            for part in some {
                // The time of each request starts when it is the oldest in flight.
                self.reader.get_mut().begin();
                let said = packet::receive(&mut self.reader);
                let said = said.and_then(|said| answer(part, &said));
                read.push(self.ended(said)?);
            }
            if self.acknowledges {
                self.writer
                    .write_all(b"+")
                    .map_err(|error| self.lost(StubError::Line(error)))?;
            }
        }
        Ok(read)
    }

    fn lost(&mut self, error: StubError) -> StubError {
        self.broken = true;
        error
    }
}

impl BatchRead for Stub {
    fn read_all(
        &mut self,
        wanted: &[(PhysAddr, usize)],
    ) -> Result<Vec<Option<Vec<u8>>>, ReadError> {
        // QEMU does not count the framing of an answer: it accepts half a page per packet, not slightly less.
        let around = if self.is_physical() { 0 } else { 8 };
        let most = (self.packet_bytes - around) / 2;
        let most = (most - most % 8).min(pagetable::PAGE_BYTES as usize);
        let parts: Vec<BatchPart> = (0..)
            .zip(wanted)
            .flat_map(|(wish, &(at, bytes))| {
                (0..bytes).step_by(most).map(move |from| BatchPart {
                    wish,
                    at: at.wrapping_add(from as u64).raw(),
                    bytes: most.min(bytes - from),
                })
            })
            .collect();
        let read = self.read_parts(&parts).map_err(ReadError::Stub)?;
        let mut answers: Vec<Option<Vec<u8>>> = vec![Some(Vec::new()); wanted.len()];
        for (part, mut bytes) in parts.iter().zip(read) {
            // A stub may return less than requested, and the rest on another request.
            let mut pieces = 0;
            while let Some(some) = &mut bytes
                && some.len() < part.bytes
                && !some.is_empty()
                && pieces < MOST_PIECES
            {
                pieces += 1;
                let rest = BatchPart {
                    at: part.at.wrapping_add(some.len() as u64),
                    bytes: part.bytes - some.len(),
                    ..*part
                };
                let more = self.read_parts(&[rest]).map_err(ReadError::Stub)?;
                match more.into_iter().flatten().next() {
                    Some(more) if !more.is_empty() => some.extend(more),
                    _ => bytes = None,
                }
            }
            let is_whole = |read: &Vec<u8>| read.len() == part.bytes;
            match (bytes.filter(is_whole), &mut answers[part.wish]) {
                (Some(bytes), Some(answer)) => answer.extend(bytes),
                (_, answer) => *answer = None,
            }
        }
        Ok(answers)
    }
}

impl MemorySource for Stub {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        let bytes = into.len();
        let read = self.read_all(&[(at, bytes)])?.pop().flatten();
        let read = read.ok_or(ReadError::Outside(Outside { at, bytes }))?;
        into.copy_from_slice(&read);
        Ok(())
    }
}
