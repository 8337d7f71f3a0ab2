//! A queue of bytes of fixed size.

/// First in, first out; `N` bytes at most.
pub struct Ring<const N: usize> {
    bytes: [u8; N],
    from: usize,
    used: usize,
}

impl<const N: usize> Ring<N> {
    /// An empty queue, as statics begin.
    pub const EMPTY: Ring<N> = Ring {
        bytes: [0; N],
        from: 0,
        used: 0,
    };

    /// How many bytes still fit.
    pub fn room(&self) -> usize {
        N - self.used
    }

    /// Bytes in the queue, 0 to `N`.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Adds a byte; `false` when there is no room.
    pub fn push(&mut self, byte: u8) -> bool {
        if self.used == N {
            return false;
        }
        self.bytes[(self.from + self.used) % N] = byte;
        self.used += 1;
        true
    }

    /// The bytes that wait, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        (0..self.used).map(|at| self.bytes[(self.from + at) % N])
    }

    /// Takes the oldest `count` bytes out.
    pub fn consume(&mut self, count: usize) {
        let count = count.min(self.used);
        self.from = (self.from + count) % N;
        self.used -= count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_order_around_the_end() {
        let mut ring = Ring::<4>::EMPTY;
        for round in 0..10 {
            assert!(ring.push(round) && ring.push(round + 1) && ring.push(round + 2));
            assert_eq!((ring.used(), ring.room()), (3, 1));
            assert_eq!(
                ring.iter().collect::<Vec<_>>(),
                [round, round + 1, round + 2]
            );
            ring.consume(3);
        }
        assert!((0..4).all(|byte| ring.push(byte)) && !ring.push(4));
        ring.consume(9);
        assert_eq!(ring.used(), 0);
    }
}
