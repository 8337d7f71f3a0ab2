//! The kernel's fault log in somebody's memory: found by its header, no agent and no symbol needed.
//!
//! A header stands at the beginning of a page, and the log of the boot before or after on the page
//! behind its ring: `abi::log` has the layout. Whatever else memory holds has another sum.

use abi::Fault;
use abi::log::{LogHeader, RECORD_BYTES};
use pagetable::{PAGE_BYTES, PhysAddr};

use super::{ReadError, Source, Span};

/// A ring that large would be half of any board's memory: a header that says so is none.
const MOST_RECORDS: u32 = 1 << 20;

/// A log that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLog {
    /// Where its header lies.
    pub at: PhysAddr,
    /// What the header says.
    pub header: LogHeader,
    /// The records that are kept, by number.
    pub records: Vec<(u64, Fault)>,
}

/// The logs in these spans, that of the last boot first. Memory that is not there is passed over.
pub fn find_logs(memory: &mut dyn Source, spans: &[Span]) -> Result<Vec<FoundLog>, ReadError> {
    let mut found = Vec::new();
    for span in spans {
        let mut at = span.first.next_multiple_of(PAGE_BYTES);
        while at.saturating_add(PAGE_BYTES - 1) <= span.last {
            let place = PhysAddr::new(at);
            at += PAGE_BYTES;
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

/// Whole pages of a header and its ring.
fn bytes_of(header: &LogHeader) -> u64 {
    let records = u64::from(header.capacity) + 1;
    (records * RECORD_BYTES as u64).next_multiple_of(PAGE_BYTES)
}

fn header_at(memory: &mut dyn Source, at: PhysAddr) -> Result<Option<LogHeader>, ReadError> {
    let mut bytes = [0; RECORD_BYTES];
    match memory.read(at, &mut bytes) {
        Ok(()) => {}
        Err(ReadError::Outside(_)) => return Ok(None),
        Err(error) => return Err(error),
    }
    let header = LogHeader::of_record(&Fault::of_bytes(&bytes));
    Ok(header.filter(|header| header.capacity <= MOST_RECORDS))
}

fn read(memory: &mut dyn Source, at: PhysAddr, header: LogHeader) -> Result<FoundLog, ReadError> {
    let ring = at.wrapping_add(RECORD_BYTES as u64);
    let mut records = Vec::new();
    for number in header.oldest()..header.next {
        let place = number % u64::from(header.capacity.max(1));
        let mut bytes = [0; RECORD_BYTES];
        memory.read(ring.wrapping_add(place * RECORD_BYTES as u64), &mut bytes)?;
        records.push((number, Fault::of_bytes(&bytes)));
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

    const RAM: Span = Span {
        first: 0x8000_0000,
        last: 0x8001_ffff,
    };

    fn bytes(fault: &Fault) -> Vec<u8> {
        let words = [
            fault.time,
            fault.epc,
            fault.va,
            fault.entry,
            u64::from(fault.frame) | u64::from(fault.cost) << 32,
            u64::from(fault.task)
                | u64::from(fault.cause) << 16
                | u64::from(fault.access) << 24
                | u64::from(fault.level) << 32
                | u64::from(fault.source) << 40
                | u64::from(fault.class) << 48
                | u64::from(fault.outcome) << 56,
            fault.satp,
            u64::from(fault.hart),
        ];
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// A log of that boot with `next` faults, whose addresses are their numbers.
    fn put(memory: &mut Sparse, at: u64, boot: u32, next: u64) {
        let header = LogHeader {
            capacity: 100,
            boot,
            ticks_per_second: 1000,
            next,
        };
        memory.put(at, &bytes(&header.to_record()));
        for va in header.oldest()..next {
            let place = at + 64 * (1 + va % 100);
            memory.put(place, &bytes(&Fault { va, ..Fault::EMPTY }));
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
