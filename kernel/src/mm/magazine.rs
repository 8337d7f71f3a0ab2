//! Frames that can be had at once: a hart's own stock of zeroed ones, and the free lists.
//!
//! `arch/fast.S` takes from both without a lock, the magazine first. That is right as long as one
//! hart runs: another hart must have a magazine of its own, and come to the lists with the lock.

use super::frame::descriptor::NONE;

/// Frames that a magazine holds at most.
pub const MAGAZINE: usize = 64;
/// Arenas that there can be.
pub const MAX_ARENAS: usize = 8;

/// A stack of frames full of zeros, which belong to one hart.
#[repr(C)]
#[derive(Debug)]
pub struct Magazine {
    /// How many of `zeroed` are in it.
    pub count: usize,
    /// Numbers of frames; the last of `count` is taken first.
    pub zeroed: [u32; MAGAZINE],
}

impl Magazine {
    /// No frame.
    pub const EMPTY: Magazine = Magazine {
        count: 0,
        zeroed: [NONE; MAGAZINE],
    };
}

/// Where the lists of free frames begin, which go on through the frame table.
#[repr(C)]
#[derive(Debug)]
pub struct FreeLists {
    /// The arena that frames are taken from: its entry of `heads`, as bytes from the first.
    pub active: usize,
    /// The first free frame of each arena, or [`NONE`].
    pub heads: [u32; MAX_ARENAS],
}

impl FreeLists {
    /// No frame.
    pub const EMPTY: FreeLists = FreeLists {
        active: 0,
        heads: [NONE; MAX_ARENAS],
    };
}
