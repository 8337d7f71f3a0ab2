//! What [`Call::PagingStatistics`](crate::Call::PagingStatistics) writes.

/// What paging did since boot for all, or for a thread since it started. In memory: eight bytes a value, in this order, the
/// lowest byte first; later versions add values at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PagingStatistics {
    /// Of a thread its page faults, those of the kernel in calls of programs among them; of all the records of the fault log.
    pub faults: u64,
    /// Of these, what the kernel raised with interrupts off, as it reached for memory of a program in a call. All others came
    /// with interrupts on; handlers of interrupts raise none.
    pub in_calls: u64,
    /// Of these, what a store was read for.
    pub major: u64,
    /// Pages that were taken without being written: as at first, or as the store had them.
    pub evicted_clean: u64,
    /// Pages that were written to the store and taken.
    pub evicted_dirty: u64,
    /// Pages that were written to the backing store.
    pub pages_out: u64,
    /// Pages that were read from the backing store.
    pub pages_in: u64,
}

impl PagingStatistics {
    /// Bytes of all values.
    pub const BYTES: usize = 56;

    /// As it lies in memory.
    pub fn encode(&self) -> [u8; PagingStatistics::BYTES] {
        let values = [
            self.faults,
            self.in_calls,
            self.major,
            self.evicted_clean,
            self.evicted_dirty,
            self.pages_out,
            self.pages_in,
        ];
        let mut bytes = [0; PagingStatistics::BYTES];
        for (place, value) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(values) {
            *place = value.to_le_bytes();
        }
        bytes
    }

    /// From memory; values that a kernel did not write are 0.
    pub fn decode(bytes: &[u8]) -> PagingStatistics {
        let mut values = bytes.as_chunks::<8>().0.iter();
        let mut next = || values.next().map_or(0, |value| u64::from_le_bytes(*value));
        PagingStatistics {
            faults: next(),
            in_calls: next(),
            major: next(),
            evicted_clean: next(),
            evicted_dirty: next(),
            pages_out: next(),
            pages_in: next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_in_their_order_and_missing_ones_are_zero() {
        let bytes: [u8; 56] =
            core::array::from_fn(|at| if at % 8 == 1 { at as u8 / 8 + 1 } else { 0 });
        let all = PagingStatistics::decode(&bytes);
        assert_eq!(
            (all.faults, all.major, all.pages_in),
            (1 << 8, 3 << 8, 7 << 8)
        );
        assert_eq!(all.encode(), bytes);
        let some = PagingStatistics::decode(&bytes[..17]);
        assert_eq!((some.in_calls, some.major), (2 << 8, 0));
    }
}
