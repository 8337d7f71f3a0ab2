//! The kernel's fault log in memory, found by its header without agent or symbols.
//!
//! A header is at the start of a page, and the log of another boot starts at the page after its ring:
//! `abi::log` has the layout. The checksum excludes other data.

use abi::Fault;
use abi::log::{LogHeader, RECORD_BYTES};
use pagetable::{PAGE_BYTES, PhysAddr};

use super::{MemorySource, PhysRange, ReadError};

/// Limit of the ring's size: a header that states more records than fit into half of any board's memory is
/// invalid.
const MOST_RECORDS: u32 = 1 << 20;

/// A log that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLog {
    /// Physical address of its header.
    pub at: PhysAddr,
    /// The decoded header.
    pub header: LogHeader,
    /// Records that are in the ring and in memory, with their numbers.
    pub records: Vec<(u64, Fault)>,
}

/// The logs in these ranges, that of the last boot first. Missing memory is skipped.
pub fn find_logs(
    memory: &mut dyn MemorySource,
    spans: &[PhysRange],
) -> Result<Vec<FoundLog>, ReadError> {
    let mut found = Vec::new();
    for span in spans {
        let mut next = span.first.checked_next_multiple_of(PAGE_BYTES);
        // The last page may be truncated after its header.
        while let Some(at) = next.filter(|at| has_header(span, *at)) {
            let place = PhysAddr::new(at);
            next = at.checked_add(PAGE_BYTES);
            let Some(header) = header_at(memory, place)? else {
                continue;
            };
            found.push(read(memory, place, header)?);
            let behind = place.wrapping_add(bytes_of(&header));
            if let Some(header) = header_at(memory, behind)? {
                found.push(read(memory, behind, header)?);
            }
            found.sort_by_key(|log| std::cmp::Reverse(log.header.boot));
            return Ok(found);
        }
    }
    Ok(found)
}

/// Whether a header at `at` fits into the range.
fn has_header(span: &PhysRange, at: u64) -> bool {
    at.checked_add(RECORD_BYTES as u64 - 1)
        .is_some_and(|last| last <= span.last)
}

/// Size of a header and its ring, in whole pages.
fn bytes_of(header: &LogHeader) -> u64 {
    let records = u64::from(header.capacity) + 1;
    (records * RECORD_BYTES as u64).next_multiple_of(PAGE_BYTES)
}

fn header_at(memory: &mut dyn MemorySource, at: PhysAddr) -> Result<Option<LogHeader>, ReadError> {
    let mut bytes = [0; RECORD_BYTES];
    match memory.read(at, &mut bytes) {
        Ok(()) => {}
        Err(ReadError::Outside(_)) => return Ok(None),
        Err(error) => return Err(error),
    }
    let header = LogHeader::of_record(&Fault::of_bytes(&bytes));
    Ok(header.filter(|header| header.capacity <= MOST_RECORDS))
}

fn read(
    memory: &mut dyn MemorySource,
    at: PhysAddr,
    header: LogHeader,
) -> Result<FoundLog, ReadError> {
    let ring = at.wrapping_add(RECORD_BYTES as u64);
    let mut records = Vec::new();
    for number in header.oldest()..header.next {
        let place = number % u64::from(header.capacity.max(1));
        let mut bytes = [0; RECORD_BYTES];
        match memory.read(ring.wrapping_add(place * RECORD_BYTES as u64), &mut bytes) {
            Ok(()) => records.push((number, Fault::of_bytes(&bytes))),
            // Truncated, or not in the core: this number is missing, the others are valid.
            Err(ReadError::Outside(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(FoundLog {
        at,
        header,
        records,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Sparse;

    const RAM: PhysRange = PhysRange {
        first: 0x8000_0000,
        last: 0x8001_ffff,
    };

    /// Writes a log of that boot with `next` faults, whose addresses are their numbers.
    fn put(memory: &mut Sparse, at: u64, boot: u32, next: u64) {
        let header = LogHeader {
            capacity: 100,
            boot,
            ticks_per_second: 1000,
            next,
        };
        memory.put(at, &header.to_record().to_bytes());
        for va in header.oldest()..next {
            let place = at + 64 * (1 + va % 100);
            memory.put(place, &Fault { va, ..Fault::EMPTY }.to_bytes());
        }
    }

    #[test]
    fn both_logs_are_found_and_the_last_boots_comes_first() {
        let mut memory = Sparse::default();
        put(&mut memory, 0x8000_3000, 6, 20);
        put(&mut memory, 0x8000_5000, 7, 250);
        let found = find_logs(&mut memory, &[RAM]).unwrap();
        let told: Vec<_> = found
            .iter()
            .map(|log| (log.at.raw(), log.header.boot))
            .collect();
        assert_eq!(told, [(0x8000_5000, 7), (0x8000_3000, 6)]);
        assert_eq!(found[0].records.len(), 100, "what the ring holds");
        assert!(found[0].records.iter().all(|(n, fault)| *n == fault.va));
        assert_eq!((found[0].records[0].0, found[1].records.len()), (150, 20));
    }

    #[test]
    fn the_last_page_there_is_ends_the_search() {
        let mut memory = Sparse::default();
        for first in [u64::MAX - 0xfff, u64::MAX - 0xffe, u64::MAX] {
            let last = u64::MAX;
            let found = find_logs(&mut memory, &[PhysRange { first, last }]).unwrap();
            assert_eq!(found, []);
        }
    }

    #[test]
    fn what_is_no_header_is_passed_over() {
        let mut memory = Sparse::default();
        memory.put(0x8000_1000, b"PWFAULTS\x01\0\0\0\x40\0\0\0");
        memory.put_zeros(0x8000_1010, 0x8000_2000);
        assert_eq!(find_logs(&mut memory, &[RAM]).unwrap(), []);
        put(&mut memory, 0x8001_f000, 1, 0);
        let found = find_logs(&mut memory, &[RAM]).unwrap();
        assert_eq!((found.len(), found[0].records.len()), (1, 0));
    }
}
