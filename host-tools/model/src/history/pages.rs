//! The pages that a span of faults touched, and which of them each fault touched.
//!
//! Each page has a place in a small table that remembers where it was seen last. Pages side by side have places side by
//! side, as faults mostly come. Two pages of one place take it from each other: they are then found more than once,
//! until all are sorted. So no addresses that a board sends cost more than the sorting of all.

/// Places that remember the page seen last: 256 KiB.
const SEEN: usize = 1 << 16;
/// How far apart the places of a page are in two tasks: consecutive ones are spread evenly (Knuth, "Fibonacci hashing").
const TASK_STEP: usize = 40_503;
const CLASS_STEP: usize = 10_007;

/// A page of a task, with the class of its region.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TouchedPage {
    pub(super) page: u64,
    pub(super) task: Option<u16>,
    pub(super) class: u8,
}

/// Pages in the order in which they were found.
pub(super) struct TouchedPages {
    /// Each at least once; few of them more than that.
    pub(super) pages: Vec<TouchedPage>,
    /// For each fault that has a page a place of it in `pages`, in the order of the faults.
    pub(super) touches: Vec<u32>,
    seen: Vec<u32>,
}

impl TouchedPages {
    pub(super) fn new() -> TouchedPages {
        TouchedPages {
            pages: Vec::new(),
            touches: Vec::new(),
            seen: vec![0; SEEN],
        }
    }

    /// A fault touches the page.
    pub(super) fn add(&mut self, page: TouchedPage) {
        let task = usize::from(page.task.unwrap_or(0)) * TASK_STEP;
        let class = usize::from(page.class) * CLASS_STEP;
        let at = ((page.page >> 12) as usize).wrapping_add(task + class) % SEEN;
        if self.pages.get(self.seen[at] as usize) != Some(&page) {
            self.seen[at] = self.pages.len() as u32;
            self.pages.push(page);
        }
        self.touches.push(self.seen[at]);
    }
}
