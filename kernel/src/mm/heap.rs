//! Where a space's heap begins, ends and may grow to.

use pagetable::VirtAddr;

/// How far a heap may grow unless a program sets another limit, in bytes.
pub const HEAP_LIMIT: u64 = 64 << 20;

/// Where the heap begins and how far it reaches, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Heap {
    pub(super) base: u64,
    pub(super) end: u64,
    pub(super) limit: u64,
}

impl Heap {
    /// None: it cannot grow.
    pub const NONE: Heap = Heap {
        base: 0,
        end: 0,
        limit: 0,
    };

    /// It ends there now.
    pub(super) fn set_end(&mut self, end: VirtAddr) {
        self.end = end.raw();
    }
}
