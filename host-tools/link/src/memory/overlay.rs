//! Several sources as one: the first that contains an address is used.

use pagetable::{Outside, PhysAddr};

use super::{MemorySource, ReadError};

/// Sources in order of precedence.
pub struct Overlay(Vec<Box<dyn MemorySource>>);

impl Overlay {
    /// Combines sources; a single one is returned unchanged.
    pub fn of(mut sources: Vec<Box<dyn MemorySource>>) -> Box<dyn MemorySource> {
        match sources.pop() {
            Some(only) if sources.is_empty() => only,
            last => {
                sources.extend(last);
                Box::new(Overlay(sources))
            }
        }
    }
}

impl MemorySource for Overlay {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        let bytes = into.len();
        for source in &mut self.0 {
            match source.read(at, into) {
                Err(ReadError::Outside(_)) => {}
                other => return other,
            }
        }
        Err(ReadError::Outside(Outside { at, bytes }))
    }

    fn is_possibly_stale(&self) -> bool {
        self.0.iter().any(|source| source.is_possibly_stale())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Cached, Sparse};
    use super::*;
    use pagetable::Memory;

    #[test]
    fn halves_of_a_page_may_come_from_two_memories() {
        let (mut low, mut high) = (Sparse::default(), Sparse::default());
        low.put(0x1000, &[1; 0x800]);
        high.put(0x17f8, &[2; 0x808]);
        let mut memory = Cached::new(Overlay::of(vec![Box::new(low), Box::new(high)]));
        let mut word = |at| memory.read_word(PhysAddr::new(at), 4).ok();
        assert_eq!(word(0x1000), Some(0x0101_0101));
        assert_eq!(word(0x17f8), Some(0x0101_0101), "the first one counts");
        assert_eq!(word(0x1ffc), Some(0x0202_0202));
        assert_eq!(word(0x2000), None);
    }
}
