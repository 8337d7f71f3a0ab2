//! The pool in numbers.

/// The pool in numbers of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// RAM, all of it.
    pub total: u32,
    /// Taken at boot, or set aside since.
    pub boot: u32,
    /// What the pool may give out at most.
    pub pool: u32,
    /// Given out as pages.
    pub pages: u32,
    /// Given out as page tables.
    pub tables: u32,
    /// Given out to shared objects.
    pub objects: u32,
    /// The most that was ever given out at once.
    pub peak: u32,
}

impl Counts {
    /// Given out.
    #[inline]
    pub fn used(&self) -> u32 {
        self.pages + self.tables + self.objects
    }

    /// Can still be given out.
    #[inline]
    pub fn free(&self) -> u32 {
        self.pool - self.used()
    }
}
