//! A store of pages that takes time, and serves one request after the other.
//!
//! A card on a slow bus is one: programs run while it works. The kernel's own store is the initrd, whose bytes are in memory all the
//! time; `image.delay=MS` makes it as slow as that. What a task waits for stands in the task, so that nothing is to be
//! taken back when it ends.

/// How long a page takes, and until when the store is busy. In ticks of the board's timebase.
#[derive(Clone, Copy, Debug)]
pub struct SlowStore {
    delay: Option<u64>,
    busy_until: u64,
}

impl SlowStore {
    /// A page takes `delay` ticks; with `None` the pages of files are in memory, and no task ever waits.
    pub const fn new(delay: Option<u64>) -> SlowStore {
        SlowStore {
            delay,
            busy_until: 0,
        }
    }

    /// True where pages of files have to be waited for: their regions are of [`Object::Stored`](crate::mm::Object::Stored).
    pub fn is_slow(&self) -> bool {
        self.delay.is_some()
    }

    /// Asks for one more page at tick `now`; the tick at which it is there.
    pub fn submit(&mut self, now: u64) -> u64 {
        let start = self.busy_until.max(now);
        self.busy_until = start.saturating_add(self.delay.unwrap_or(0));
        self.busy_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_served_one_after_the_other() {
        let mut store = SlowStore::new(Some(100));
        assert_eq!(store.submit(50), 150);
        assert_eq!(store.submit(60), 250);
        // It was idle meanwhile.
        assert_eq!(store.submit(1000), 1100);
    }
}
