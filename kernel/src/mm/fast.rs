//! One hart's window: what the fast path of a page fault needs, in one block that assembly can read.
//!
//! After a fault in plain zero-filled memory the pager opens a window: the rest of that region
//! that the same leaf table translates. As long as nothing about it changes, the next faults
//! in it need no search: `arch/fast.S` takes a frame, enters it and records the fault. What it
//! did is made up for by [`Frames::account_fast_path`](super::Frames::account_fast_path) before Rust looks at
//! anything. A caller that changes regions or takes tables away closes the window first.

use core::mem::offset_of;

use abi::{Access, Cause, Class, Fault, Outcome, Source};

use super::magazine::{FreeLists, Magazine};

/// Shared with `arch/fast.S`, which knows the places by `offset_of!`.
#[repr(C)]
#[derive(Debug)]
pub struct Fast {
    /// First address of the window.
    pub base: usize,
    /// Its length in bytes; 0 when it is closed.
    pub bytes: usize,
    /// Where the kernel sees the leaf entry of `base`.
    pub leaf: usize,
    /// A leaf without its frame: valid, for users, rights, A, memory type.
    pub flags: usize,
    /// Where the row of frame 0 would be.
    pub rows: usize,
    /// Where the kernel would see frame 0.
    pub physmap: usize,
    /// Frames that may still be given out and recorded before the kernel has to look.
    pub room: usize,
    /// The slot of the next record.
    pub record: usize,
    /// 1 where `cbo.zero` clears 64 bytes.
    pub cboz: usize,
    /// The first eight bytes of the frame's row.
    pub row: u64,
    /// Bytes 40 to 47 of a record of a load, and of a store.
    pub words: [u64; 2],
    /// The space's `satp`.
    pub satp: u64,
    /// The hart's stock of frames full of zeros.
    pub magazine: Magazine,
    /// The free lists of all arenas: shared by all harts.
    pub free: FreeLists,
    /// Windows are to be opened.
    pub wanted: bool,
    /// `room` as it was when it was last looked at.
    allowed: usize,
    /// Every trap goes through Rust: [`watch`](Fast::watch).
    watched: bool,
    /// The number of the thread that runs.
    task: u16,
}

/// What a window is opened with.
pub struct FastWindow {
    /// First address.
    pub base: usize,
    /// Length in bytes.
    pub bytes: usize,
    /// Where the kernel sees the leaf entry of `base`.
    pub leaf: usize,
    /// A leaf without its frame.
    pub flags: u64,
    /// The first eight bytes of a page's row.
    pub row: u64,
    /// The space's `satp`.
    pub satp: u64,
    /// What kind of region it is.
    pub class: Class,
    /// How a fault in it ends.
    pub outcome: Outcome,
}

impl Fast {
    /// No frame, no window.
    pub const EMPTY: Fast = Fast {
        base: 0,
        bytes: 0,
        leaf: 0,
        flags: 0,
        rows: 0,
        physmap: 0,
        room: 0,
        record: 0,
        cboz: 0,
        row: 0,
        words: [0; 2],
        satp: 0,
        magazine: Magazine::EMPTY,
        free: FreeLists::EMPTY,
        wanted: true,
        allowed: 0,
        watched: false,
        task: 0,
    };

    /// Opens the window.
    #[inline]
    pub fn open(&mut self, window: &FastWindow) {
        self.base = window.base;
        self.bytes = window.bytes;
        self.leaf = window.leaf;
        self.flags = window.flags as usize;
        self.row = window.row;
        self.satp = window.satp;
        let word = |cause: Cause, access: Access| {
            u64::from(self.task)
                | u64::from(cause.number()) << 16
                | u64::from(access.number()) << 24
                | u64::from(Source::User.number()) << 40
                | u64::from(window.class.number()) << 48
                | u64::from(window.outcome.number()) << 56
        };
        self.words = [
            word(Cause::LoadPageFault, Access::Read),
            word(Cause::StorePageFault, Access::Write),
        ];
    }

    /// That thread runs from now on: what is served is recorded as its faults.
    #[inline]
    pub fn set_task(&mut self, task: u16) {
        self.task = task;
        for word in &mut self.words {
            *word = *word & !0xffff | u64::from(task);
        }
    }

    /// Closes it: whatever it was opened for may have changed.
    #[inline]
    pub fn close(&mut self) {
        self.bytes = 0;
    }

    /// Is a window open?
    #[inline]
    pub fn is_open(&self) -> bool {
        self.bytes != 0
    }

    /// How many frames it may give out from now on, and where their records go.
    #[inline]
    pub fn allow(&mut self, room: usize, record: usize) {
        self.room = room;
        self.allowed = room;
        self.record = record;
    }

    /// Has it given any out since?
    #[inline]
    pub fn has_served(&self) -> bool {
        self.allowed != self.room
    }

    /// How many it has given out since.
    #[inline]
    pub fn served(&mut self) -> usize {
        let served = if self.watched {
            0
        } else {
            self.allowed - self.room
        };
        self.rest();
        served
    }

    /// Has [`has_served`](Self::has_served) say yes at every trap from now on, or no more: a debugger that
    /// wants to see faults is asked in the place of the fast path, and costs nothing while there is none.
    /// What was served is accounted for before, and no window is opened meanwhile.
    pub fn watch(&mut self, on: bool) {
        self.close();
        self.watched = on;
        self.rest();
    }

    /// Is every trap looked at?
    pub fn is_watched(&self) -> bool {
        self.watched
    }

    /// Nothing has been served that is not accounted for.
    #[inline]
    fn rest(&mut self) {
        self.allowed = if self.watched { !self.room } else { self.room };
    }
}

// What the words say, the record has at these places.
const _: () = {
    assert!(offset_of!(Fault, time) == 0 && offset_of!(Fault, epc) == 8);
    assert!(offset_of!(Fault, va) == 16 && offset_of!(Fault, entry) == 24);
    assert!(offset_of!(Fault, frame) == 32 && offset_of!(Fault, cost) == 36);
    assert!(offset_of!(Fault, task) == 40 && offset_of!(Fault, cause) == 42);
    assert!(offset_of!(Fault, access) == 43 && offset_of!(Fault, level) == 44);
    assert!(offset_of!(Fault, source) == 45 && offset_of!(Fault, class) == 46);
    assert!(offset_of!(Fault, outcome) == 47 && offset_of!(Fault, satp) == 48);
    assert!(offset_of!(Fault, hart) == 56 && size_of::<Fault>() == 64);
};
