//! Prefetch of page tables: where each request has latency, the tables that a table points to are requested
//! together.

use std::collections::{HashMap, HashSet, VecDeque};

use pagetable::{Dialect, Entry, Mode, Outside, PhysAddr, Pte, Satp};

use super::{MemorySource, ReadError};

const PAGE: usize = pagetable::PAGE_BYTES as usize;
/// Pages in one batch.
const BATCH: usize = 64;
/// Limit of prefetched pages that were not used yet: 16 MiB.
const MOST_HELD: usize = 1 << 12;

/// Memory that can be read in batches.
pub trait BatchRead {
    /// Reads several (address, length) ranges; `None` where there is no memory.
    fn read_all(&mut self, wanted: &[(PhysAddr, usize)])
    -> Result<Vec<Option<Vec<u8>>>, ReadError>;
}

/// A [`BatchRead`] as a [`MemorySource`] for one set of page tables.
pub struct Prefetch<B> {
    batch: B,
    mode: Mode,
    /// Prefetched pages.
    held: HashMap<u64, Option<Vec<u8>>>,
    /// The level of every known table.
    levels: HashMap<u64, u8>,
    /// Tables that were pointed to and not requested yet.
    next: VecDeque<u64>,
    asked: HashSet<u64>,
}

impl<B: BatchRead> Prefetch<B> {
    /// Prefetch for the tables below these roots, which have one mode; with [`Mode::Bare`], each read is a
    /// request of its own.
    pub fn new(batch: B, roots: &[Satp]) -> Self {
        let mode = roots.first().map_or(Mode::Bare, |satp| satp.mode);
        let roots: Vec<u64> = roots.iter().map(|satp| satp.root.frame()).collect();
        let levels = roots.iter().map(|root| (*root, mode.root_level()));
        Prefetch {
            batch,
            mode,
            held: HashMap::new(),
            levels: levels.collect(),
            next: roots.into(),
            asked: HashSet::new(),
        }
    }

    /// Notes the children of a table. A table is always seen before its children.
    fn expect(&mut self, table: u64, bytes: &[u8]) {
        let Some(level) = self.levels.get(&table).copied().filter(|level| *level > 0) else {
            return;
        };
        for entry in bytes.chunks_exact(self.mode.entry_bytes()) {
            let mut raw = [0; 8];
            raw[..entry.len()].copy_from_slice(entry);
            // Pointers look the same in every dialect.
            let pte = Pte::new(u64::from_le_bytes(raw));
            if let Entry::Pointer(to) = pte.decode(self.mode, level, Dialect::None)
                && !self.levels.contains_key(&to.frame())
            {
                self.levels.insert(to.frame(), level - 1);
                self.next.push_back(to.frame());
            }
        }
    }

    /// Requests a page together with the expected ones.
    fn fetch(&mut self, frame: u64) -> Result<(), ReadError> {
        let mut frames = vec![frame];
        while frames.len() < BATCH
            && self.held.len() < MOST_HELD
            && let Some(next) = self.next.pop_front()
        {
            if !self.asked.contains(&next) && next != frame {
                frames.push(next);
            }
        }
        let wanted: Vec<_> = frames
            .iter()
            .map(|frame| (PhysAddr::from_frame(*frame), PAGE))
            .collect();
        let pages = self.batch.read_all(&wanted)?;
        self.asked.extend(&frames);
        self.held.extend(frames.into_iter().zip(pages));
        Ok(())
    }
}

impl<B: BatchRead> MemorySource for Prefetch<B> {
    fn read_each(
        &mut self,
        wanted: &[(PhysAddr, usize)],
    ) -> Result<Vec<Option<Vec<u8>>>, ReadError> {
        self.batch.read_all(wanted)
    }

    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        let bytes = into.len();
        let outside = ReadError::Outside(Outside { at, bytes });
        let read = if bytes == PAGE && at.is_aligned(PAGE as u64) && self.mode != Mode::Bare {
            if !self.held.contains_key(&at.frame()) {
                self.fetch(at.frame())?;
            }
            self.held.remove(&at.frame()).flatten()
        } else {
            self.batch.read_all(&[(at, bytes)])?.pop().flatten()
        };
        let read = read.filter(|read| read.len() == bytes).ok_or(outside)?;
        into.copy_from_slice(&read);
        if bytes == PAGE {
            self.expect(at.frame(), &read);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables at 0x1000 to 0x5000: the root points to 2 and 3, which point to 4 and 5; 5 contains what would
    /// be a pointer at another level.
    struct RecordedQuestions {
        questions: Vec<Vec<u64>>,
    }

    impl BatchRead for RecordedQuestions {
        fn read_all(
            &mut self,
            wanted: &[(PhysAddr, usize)],
        ) -> Result<Vec<Option<Vec<u8>>>, ReadError> {
            self.questions
                .push(wanted.iter().map(|(at, _)| at.frame()).collect());
            let page = |&(at, bytes): &(PhysAddr, usize)| {
                let mut page = vec![0; bytes];
                let targets: &[u64] = match at.frame() {
                    1 => &[2, 3],
                    2 => &[4],
                    3 => &[5, 9],
                    5 => &[6],
                    4 => &[],
                    _ => return None,
                };
                for (place, target) in page.chunks_exact_mut(8).zip(targets) {
                    place.copy_from_slice(&(target << 10 | 1).to_le_bytes());
                }
                Some(page)
            };
            Ok(wanted.iter().map(page).collect())
        }
    }

    #[test]
    fn a_level_is_one_question_and_no_page_is_read_that_no_table_names() {
        let satp = Satp {
            mode: Mode::Sv39,
            asid: 0,
            root: PhysAddr::new(0x1000),
        };
        let tables = RecordedQuestions {
            questions: Vec::new(),
        };
        let mut ahead = Prefetch::new(tables, &[satp]);
        let mut page = [0; PAGE];
        let mut read = |frame| ahead.read(PhysAddr::from_frame(frame), &mut page);
        for frame in [1, 2, 4, 3, 5] {
            read(frame).unwrap();
        }
        assert!(matches!(read(9), Err(ReadError::Outside(_))));
        // Page 5 is a level-0 table: its entries are not tables.
        assert_eq!(
            ahead.batch.questions,
            [vec![1], vec![2, 3], vec![4], vec![5, 9]]
        );
    }
}
