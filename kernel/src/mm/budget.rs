//! How much one entry into the kernel does: a program that names many pages waits, no other does.
//!
//! The kernel runs with interrupts off. What a program can make it do for one `ecall` is therefore
//! bounded: a call that is not done when the budget is spent is left at its `ecall`, interrupts get
//! through, and it goes on where it was. Destroying a space goes on from the scheduler's loop.

/// Pages that one entry brings in, changes or takes away, about. The dearest page is one that is
/// copied from a file, 2,500 instructions on RV32; the whole then takes less than a time slice.
pub const BUDGET_PAGES: u32 = 256;

/// Looks at an entry that has nothing, in place of one page: a walk takes 40 instructions.
const LOOKS: u32 = 16;

/// What is left of it.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    looks: u32,
}

impl Budget {
    /// The budget of one entry into the kernel: `BUDGET_PAGES` pages, counted in looks at entries.
    pub const fn of_an_entry() -> Budget {
        Budget {
            looks: BUDGET_PAGES * LOOKS,
        }
    }

    /// That of an entry that may do less.
    #[cfg(test)]
    pub const fn of_pages(pages: u32) -> Budget {
        Budget {
            looks: pages * LOOKS,
        }
    }

    /// Has all of it been spent?
    pub fn is_spent(&self) -> bool {
        self.looks == 0
    }

    /// Is there enough for so many pages?
    pub fn covers(&self, pages: u64) -> bool {
        pages <= u64::from(self.looks / LOOKS)
    }

    /// Spends so many pages; one that is larger than what is left spends all of it.
    pub fn pages(&mut self, pages: u32) {
        self.looks = self.looks.saturating_sub(pages.saturating_mul(LOOKS));
    }

    /// So many entries were looked at that took little more than the look.
    pub fn looks(&mut self, entries: u32) {
        self.looks = self.looks.saturating_sub(entries);
    }

    /// An entry was looked at and had nothing.
    pub fn look(&mut self) {
        self.looks = self.looks.saturating_sub(1);
    }
}
