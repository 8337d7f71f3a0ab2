//! A cache of whole pages.
//!
//! A walk reads words and a visit reads the same tables many times; the line, file or debugger is asked once
//! per page.

use std::collections::HashMap;

use pagetable::{Memory, Outside, PhysAddr};

use super::{MemorySource, ReadError};

type Page = Box<[u8; 4096]>;

/// Limit of cached pages, empty ones aside: 64 MiB. Above it the cache is cleared: a machine has a few
/// hundred tables, only a hostile dump has more.
const MOST_PAGES: usize = 1 << 14;

static EMPTY: [u8; 4096] = [0; 4096];

/// State of a cached frame.
#[derive(Clone, Copy)]
enum FrameState {
    /// The source contains only a part of it.
    Ragged,
    /// All zeros, as most tables of a running system are.
    Empty,
    /// Index in `pages`.
    At(usize),
}

/// A [`MemorySource`] as page-table memory.
pub struct Cached<S> {
    source: S,
    pages: Vec<Page>,
    frames: HashMap<u64, FrameState>,
    /// The last lookup: most reads are in the page of the previous one.
    last: Option<(u64, FrameState)>,
    /// Number of pages read.
    fetched: usize,
    failure: Option<ReadError>,
}

impl<S: MemorySource> Cached<S> {
    /// A cache over `source`.
    pub fn new(source: S) -> Self {
        Cached {
            source,
            pages: Vec::new(),
            frames: HashMap::new(),
            last: None,
            fetched: 0,
            failure: None,
        }
    }

    /// The source that is cached.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// Takes the first error that was not an address outside of memory. A walk treats both as "no memory
    /// here"; the caller should report it.
    pub fn take_failure(&mut self) -> Option<ReadError> {
        self.failure.take()
    }

    /// Whether some data may be older than the target's current memory.
    pub fn is_possibly_stale(&self) -> bool {
        self.source.is_possibly_stale()
    }

    /// Number of pages read from the source.
    pub fn pages(&self) -> usize {
        self.fetched
    }

    /// Reads bytes that are not tables, without caching them.
    pub fn read_uncached(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        self.source.read(at, into)
    }

    /// Reads several ranges that are not tables, without caching them.
    pub fn read_each(
        &mut self,
        wanted: &[(PhysAddr, usize)],
    ) -> Result<Vec<Option<Vec<u8>>>, ReadError> {
        self.source.read_each(wanted)
    }

    /// Clears the cache: later reads return the then current memory.
    pub fn forget(&mut self) {
        self.pages.clear();
        self.frames.clear();
        self.last = None;
    }

    fn known(&mut self, frame: u64) -> FrameState {
        if let Some((held, known)) = self.last
            && held == frame
        {
            return known;
        }
        let known = match self.frames.get(&frame) {
            Some(known) => *known,
            None => self.fetch(frame),
        };
        self.last = Some((frame, known));
        known
    }

    fn fetch(&mut self, frame: u64) -> FrameState {
        let mut page = Box::new([0; 4096]);
        let read = self.read_source(PhysAddr::from_frame(frame), &mut page[..]);
        let known = if read.is_err() {
            FrameState::Ragged
        } else if *page == EMPTY {
            self.fetched += 1;
            FrameState::Empty
        } else {
            if self.pages.len() == MOST_PAGES {
                self.forget();
            }
            self.fetched += 1;
            self.pages.push(page);
            FrameState::At(self.pages.len() - 1)
        };
        self.frames.insert(frame, known);
        known
    }

    /// Reads from the source, unless it has failed before: otherwise each of 512 words of a table would wait
    /// for a timeout.
    fn read_source(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ()> {
        if self.failure.is_some() {
            return Err(());
        }
        match self.source.read(at, into) {
            Ok(()) => Ok(()),
            Err(ReadError::Outside(_)) => Err(()),
            Err(error) => {
                self.failure.get_or_insert(error);
                Err(())
            }
        }
    }
}

impl<S: MemorySource> Memory for Cached<S> {
    type Error = Outside;

    #[inline]
    fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, Outside> {
        let mut word = [0; 8];
        let into = &mut word[..bytes];
        match self.known(at.frame()) {
            FrameState::Empty => {}
            FrameState::At(place) => {
                let from = at.offset(4096) as usize;
                into.copy_from_slice(&self.pages[place][from..from + bytes]);
            }
            // Not a whole page: a text dump, or the partial page at the end of a segment.
            FrameState::Ragged => {
                self.read_source(at, into)
                    .map_err(|()| Outside { at, bytes })?;
            }
        }
        Ok(u64::from_le_bytes(word))
    }

    #[inline]
    fn page(&mut self, at: PhysAddr) -> Option<&[u8; 4096]> {
        match self.known(at.frame()) {
            FrameState::Ragged => None,
            FrameState::Empty => Some(&EMPTY),
            FrameState::At(place) => Some(&self.pages[place]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half a page of sevens at 0x1000, a whole one at 0x2000; counts reads.
    struct Ragged(usize);

    impl MemorySource for Ragged {
        fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
            self.0 += 1;
            let end = at.raw() + into.len() as u64;
            let is_inside = at.raw() >= 0x1800 && end <= 0x3000;
            into.fill(7);
            is_inside.then_some(()).ok_or(ReadError::Outside(Outside {
                at,
                bytes: into.len(),
            }))
        }
    }

    #[test]
    fn a_page_is_read_once() {
        let mut memory = Cached::new(Ragged(0));
        for at in (0x2000..0x3000).step_by(8) {
            let word = memory.read_word(PhysAddr::new(at), 8);
            assert_eq!(word, Ok(0x0707_0707_0707_0707));
        }
        assert_eq!(memory.source.0, 1);
    }

    #[test]
    fn what_has_failed_is_not_asked_again_for_every_word() {
        struct Silent(usize);
        impl MemorySource for Silent {
            fn read(&mut self, _: PhysAddr, _: &mut [u8]) -> Result<(), ReadError> {
                self.0 += 1;
                Err(ReadError::Agent(crate::session::AgentError::NoAnswer))
            }
        }
        let mut memory = Cached::new(Silent(0));
        for at in (0x1000..0x4000).step_by(8) {
            assert!(memory.read_word(PhysAddr::new(at), 8).is_err());
        }
        assert_eq!(memory.source.0, 1);
        assert!(memory.take_failure().is_some());
        // The next read is a request of its own.
        assert!(memory.read_word(PhysAddr::new(0x8000), 8).is_err());
        assert_eq!(memory.source.0, 2);
    }

    #[test]
    fn a_half_known_page_is_read_by_words() {
        let mut memory = Cached::new(Ragged(0));
        assert!(memory.page(PhysAddr::new(0x1000)).is_none());
        assert_eq!(memory.read_word(PhysAddr::new(0x1ffc), 4), Ok(0x0707_0707));
        let at = PhysAddr::new(0x17f8);
        assert_eq!(memory.read_word(at, 8), Err(Outside { at, bytes: 8 }));
        assert!(memory.take_failure().is_none());
    }
}
