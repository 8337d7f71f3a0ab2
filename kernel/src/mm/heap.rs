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
    /// A space without a heap: `sbrk` fails.
    pub const NONE: Heap = Heap {
        base: 0,
        end: 0,
        limit: 0,
    };

    /// Sets the end of the heap, one past its last byte.
    pub(super) fn set_end(&mut self, end: VirtAddr) {
        self.end = end.raw();
    }
}
